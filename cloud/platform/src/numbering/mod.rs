//! Numbers of documents: series of a company, each number given out once, without
//! gaps where that is asked, and kept for ever.
//!
//! Tables: `document_series` (a master), `document_periods`, `document_blocks`,
//! `document_leases`, `document_numbers`. `docs/numbering.md` says how it is used.

pub mod agents;
#[cfg(test)]
mod agents_tests;
mod api;
mod judge;
mod kinds;
mod lease;
mod list;
mod lists;
mod pages;
mod pattern;
mod period;
mod search;
mod store;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::http::StatusCode;
use chrono::NaiveDate;
use serde_json::json;

pub use api::operations;
pub(crate) use judge::judge;
pub use kinds::{DocumentKind, KINDS, codes, kind};
pub use lease::{Closing, MOST_LENT, close, lease, use_leased};
pub use search::{SEARCHERS, commands};
pub use store::{Issued, Lease, Period};

use pattern::{Pattern, Rules};
use period::Reset;
use store::Series;

use crate::audit::{self, Entry};
use crate::db::{DbError, Tx};
use crate::i18n::{Lang, Sources};
use crate::web::{AppState, Module, Permission, Problem, no_place};

/// See which numbers were given out.
pub const NUMBERING_READ: Permission = Permission::read("numbering.read");
/// Make a number void that no document has.
pub const NUMBERING_VOID: Permission = Permission::write("numbering.void");
/// Lend ranges, and take them back.
pub const NUMBERING_LEASE: Permission = Permission::write("numbering.lease");

/// What the endpoints here ask for.
pub const PERMISSIONS: &[Permission] = &[NUMBERING_READ, NUMBERING_VOID, NUMBERING_LEASE];

/// The texts of numbering.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("texts/en.ftl")),
    (Lang::Hi, include_str!("texts/hi.ftl")),
    (Lang::Bn, include_str!("texts/bn.ftl")),
    (Lang::Te, include_str!("texts/te.ftl")),
];

/// Pages and API.
pub fn router() -> Router<AppState> {
    pages::router().merge(api::router())
}

/// Numbers that a series which may leave gaps cuts off its counter at once.
const BLOCK: i64 = 20;

/// What a number is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need<'a> {
    /// The kind of document, of [`KINDS`].
    pub kind: &'a str,
    /// The company's code.
    pub company: &'a str,
    /// The document's own day; it decides the financial year.
    pub date: NaiveDate,
    /// The registration under which it is issued.
    pub gstin: Option<&'a str>,
    /// The plant that issues it.
    pub plant: Option<&'a str>,
    /// A series by its code, instead of the one that fits.
    pub series: Option<&'a str>,
    /// The document, as `noun:id`, at most 200 characters.
    pub document: &'a str,
}

impl<'a> Need<'a> {
    /// For a document of the whole company, from the series that fits.
    #[must_use]
    pub fn new(kind: &'a str, company: &'a str, date: NaiveDate) -> Self {
        Self { kind, company, date, gstin: None, plant: None, series: None, document: "" }
    }

    /// For this document.
    #[must_use]
    pub fn document(self, document: &'a str) -> Self {
        Self { document, ..self }
    }

    /// Under this registration.
    #[must_use]
    pub fn gstin(self, gstin: &'a str) -> Self {
        Self { gstin: Some(gstin), ..self }
    }

    /// Of this plant.
    #[must_use]
    pub fn plant(self, plant: &'a str) -> Self {
        Self { plant: Some(plant), ..self }
    }

    /// From this series.
    #[must_use]
    pub fn series(self, series: &'a str) -> Self {
        Self { series: Some(series), ..self }
    }

    /// Whether the law says how its number looks.
    fn by_law(&self) -> bool {
        self.gstin.is_some_and(|gstin| !gstin.is_empty()) && kind(self.kind).is_some_and(|kind| kind.gst)
    }
}

/// A number that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// As documents show it.
    pub number: String,
    /// Its series.
    pub series: String,
    /// Its count within the period.
    pub seq: i64,
}

/// Why there is no number.
#[derive(Debug, thiserror::Error)]
pub enum NumberingError {
    /// No series fits the document.
    #[error("no series numbers {kind} of {company}")]
    NoSeries {
        /// The kind of document.
        kind: String,
        /// The company.
        company: String,
    },
    /// The next number would be longer than a number may be.
    #[error("the series {0} is used up")]
    Exhausted(String),
    /// The number was given out before, by another series.
    #[error("{0} was given out before")]
    Twice(String),
    /// There is no such number or lease.
    #[error("not found")]
    NotFound,
    /// The number was not given out, so that there is nothing to make void.
    #[error("not given out")]
    NotGiven,
    /// It is void already, belongs to a document, or the lease is closed.
    #[error("{0}")]
    State(&'static str),
    /// Something that was given is not right; which field.
    #[error("{0}")]
    Parameter(&'static str),
    /// A series that does not fit its own rules any more: a fault.
    #[error("{0}")]
    Fault(String),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for NumberingError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<NumberingError> for Problem {
    fn from(error: NumberingError) -> Self {
        match error {
            NumberingError::NoSeries { .. } => Self::new(StatusCode::CONFLICT, "numbering.no_series", ""),
            NumberingError::Exhausted(_) => Self::new(StatusCode::CONFLICT, "numbering.exhausted", ""),
            NumberingError::Twice(_) => Self::new(StatusCode::CONFLICT, "numbering.twice", ""),
            NumberingError::NotFound => Self::not_found(),
            NumberingError::NotGiven => Self::new(StatusCode::NOT_FOUND, "numbering.not_given", ""),
            NumberingError::State(code) => Self::new(StatusCode::CONFLICT, code, ""),
            NumberingError::Parameter("after") => no_place(),
            NumberingError::Parameter(field) => {
                let detail = format!("The parameter {field} is missing or not right.");
                Self::bad_request("query.parameter", detail.clone()).field(field, detail)
            }
            NumberingError::Fault(cause) => Self::internal(cause),
            NumberingError::Db(error) => error.into(),
        }
    }
}

impl Series {
    /// Whether such a document may have a number of it.
    fn fits(&self, need: &Need<'_>) -> bool {
        // What is not said fits each.
        let same = |own: &Option<String>, said: Option<&str>| match (own.as_deref(), said) {
            (Some(own), Some(said)) => said.is_empty() || own == said,
            _ => true,
        };
        self.kind == need.kind
            && self.company == need.company
            && same(&self.gstin, need.gstin)
            && same(&self.plant, need.plant)
            && (self.gst_rule || !need.by_law())
    }

    fn pattern(&self) -> Result<Pattern, NumberingError> {
        let rules = Rules {
            width: usize::try_from(self.width).unwrap_or(1),
            reset: Reset::parse(&self.reset),
            gst: self.gst_rule,
        };
        Pattern::read(&self.pattern, rules)
            .map_err(|wrong| NumberingError::Fault(format!("series {}: {}", self.series, wrong.key)))
    }

    fn year_starts(&self) -> u32 {
        u32::try_from(self.year_starts).unwrap_or(4)
    }

    fn period(&self, day: NaiveDate) -> NaiveDate {
        period::period_from(day, Reset::parse(&self.reset), self.year_starts())
    }

    fn number(&self, seq: i64, day: NaiveDate) -> Result<String, NumberingError> {
        let made = self.pattern()?.number(seq, day, self.year_starts());
        made.ok_or_else(|| NumberingError::Exhausted(self.series.clone()))
    }
}

async fn series_of(tx: &mut Tx, need: &Need<'_>) -> Result<Series, NumberingError> {
    let none = || NumberingError::NoSeries { kind: need.kind.to_owned(), company: need.company.to_owned() };
    let found = match need.series {
        Some(code) => store::series_named(tx, code, false).await?,
        None => store::series_for(tx, need).await?,
    };
    found.filter(|series| series.fits(need)).ok_or_else(none)
}

/// Takes the next number for a document, in the document's own transaction. Of a
/// series without gaps the counter stays locked until the commit, so take it late;
/// a rollback gives the number back. The first number of a new financial year
/// opens the year.
///
/// # Errors
/// [`NumberingError`]: no series fits, or it is used up.
pub async fn take(tx: &mut Tx, need: &Need<'_>) -> Result<Taken, NumberingError> {
    let series = series_of(tx, need).await?;
    let period = series.period(need.date);
    let seq = if series.gap_free {
        store::counter_take(tx, &series, period, 1).await?
    } else {
        match store::block_take(tx, &series.series, period).await? {
            Some(seq) => seq,
            None => {
                let first = store::counter_take(tx, &series, period, BLOCK).await?;
                store::block_keep(tx, &series.series, period, first, first + BLOCK - 1).await?;
                first
            }
        }
    };
    let number = series.number(seq, need.date)?;
    let (dated, document) = (need.date, need.document);
    let new =
        store::NewNumber { series: &series, period, seq, number: &number, dated, document, lease: None };
    if !store::number_insert(tx, &new).await? {
        return Err(NumberingError::Twice(number));
    }
    Ok(Taken { number, series: series.series, seq })
}

/// Makes the series that documents of a kind of a company begin with, where none fits
/// them yet: `<prefix>-<year>-0001` under the code `<prefix>-<company>`, without gaps,
/// to be changed like any other under *Masters, Number series*. What must not wait for
/// somebody to think of its numbers, such as a recall, calls it before [`take`].
/// `automatic`: it is taken where nobody names a series.
///
/// # Errors
/// Those of the database.
pub async fn begin(
    tx: &mut Tx,
    kind: &str,
    company: &str,
    prefix: &str,
    automatic: bool,
) -> Result<String, DbError> {
    let series = format!("{prefix}-{company}");
    let pattern = format!("{prefix}-{{YYYY}}-{{SEQ}}");
    store::series_begin(tx, &series, kind, company, &pattern, automatic).await?;
    Ok(series)
}

/// The number that the next document of this kind would get, if nobody else takes
/// it before; nothing is taken.
///
/// # Errors
/// As [`take`].
pub async fn preview(tx: &mut Tx, need: &Need<'_>) -> Result<Taken, NumberingError> {
    let series = series_of(tx, need).await?;
    upcoming(tx, series, need.date).await
}

/// [`preview`] of a series that is read already.
async fn upcoming(tx: &mut Tx, series: Series, date: NaiveDate) -> Result<Taken, NumberingError> {
    let seq = store::upcoming(tx, &series, series.period(date)).await?;
    Ok(Taken { number: series.number(seq, date)?, series: series.series, seq })
}

/// Makes a number void; it is kept with the reason, and never given out again. A
/// module calls it when it cancels its document, naming it.
///
/// # Errors
/// [`NumberingError::NotGiven`]; [`NumberingError::State`] when it is void already
/// or another document's; [`NumberingError::Parameter`] without a reason.
pub async fn void(
    tx: &mut Tx,
    company: &str,
    kind: &str,
    number: &str,
    document: &str,
    reason: &str,
) -> Result<(), NumberingError> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > 500 || reason.contains('\0') {
        return Err(NumberingError::Parameter("reason"));
    }
    let found = store::number_find(tx, company, kind, number).await?.ok_or(NumberingError::NotGiven)?;
    if found.status == "void" {
        return Err(NumberingError::State("numbering.void_already"));
    }
    if found.document != document {
        return Err(NumberingError::State("numbering.has_document"));
    }
    store::number_void(tx, company, kind, number, reason).await?;
    let subject = format!("number:{company}:{kind}:{number}");
    // The reason stays with the number: it is free text, and may name somebody.
    let after = Some(json!({ "status": "void" }));
    let before = Some(json!({ "status": "issued" }));
    audit::record(tx, Entry { action: "number.void", subject: &subject, before, after }).await?;
    Ok(())
}

/// Takes the next number of a series and makes it void at once: a form that was
/// spoilt, a number that went out on paper.
///
/// # Errors
/// As [`take`] and [`void`].
pub async fn skip(tx: &mut Tx, need: &Need<'_>, reason: &str) -> Result<Taken, NumberingError> {
    let taken = take(tx, &Need { document: "", ..*need }).await?;
    void(tx, need.company, need.kind, &taken.number, "", reason).await?;
    Ok(taken)
}

/// What the server has to know of document numbers.
#[must_use]
pub fn module() -> Module {
    Module::new("numbering")
        .routes(router())
        .operations(operations())
        .permissions(PERMISSIONS)
        .texts(TEXTS)
        .searchers(&SEARCHERS)
        .commands(commands())
}
