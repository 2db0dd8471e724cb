//! Lists of a master: narrowed, sorted, searched, page by page after a key, so
//! that a page of a million rows costs what a page of a hundred does.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::extra::{self, Bounds};
use super::kind::Kind;
use super::shape::{Column, Shape, Sort};
use super::store::{self, Stored};
use super::{MastersError, Row, Wrong, sensitive};
use crate::db::Tx;
use crate::i18n::{Lang, Texts, plain_number};
use crate::web::Problem;

/// Rows of a page, unless the caller wants fewer.
pub(super) const PAGE: usize = 50;
/// Most rows of a page.
pub(super) const MOST: usize = 500;

/// What a list is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// The beginning of a code or name, in any case and any language.
    pub q: String,
    /// A field; with `-` before it, the other way round. Empty: by key.
    pub sort: String,
    /// Values by field; of the tenant's own fields (`custom.colour`) also `….from`
    /// and `….to`.
    pub filters: BTreeMap<String, String>,
    /// Where the values of own fields lie, for those among the filters.
    pub(super) own: Vec<Bounds>,
    /// Deleted rows instead of those that stand.
    pub deleted: bool,
    /// As the page before said.
    pub after: String,
    /// Rows at most; 0 for as many as is usual.
    pub limit: usize,
    /// Sensitive fields are searched too, by their exact value.
    pub sensitive: bool,
    /// An export holds sensitive fields, opened.
    pub open: bool,
    /// The reader's language: names are sorted in it, and found in it first.
    pub lang: Lang,
}

impl ListQuery {
    /// From a query string's pairs; filters of `shape` by their name.
    ///
    /// # Errors
    /// [`MastersError::Parameter`]; [`MastersError::Filter`] for a value that is none of its
    /// field.
    pub fn read(shape: &Shape, pairs: Vec<(String, String)>) -> Result<Self, MastersError> {
        let mut query = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "q" => query.q = value.trim().to_owned(),
                "sort" => query.sort = value,
                "after" => query.after = value,
                "deleted" => {
                    query.deleted = match value.as_str() {
                        "true" => true,
                        "" | "false" => false,
                        _ => return Err(MastersError::Parameter("deleted")),
                    }
                }
                "limit" => {
                    let limit: usize = value.parse().map_err(|_| MastersError::Parameter("limit"))?;
                    if !(1..=MOST).contains(&limit) {
                        return Err(MastersError::Limit(MOST));
                    }
                    query.limit = limit;
                }
                own if own.starts_with(extra::OWN) => query.narrow(shape, own, value)?,
                _ => {
                    let filter = shape.master.filters.iter().find(|filter| **filter == name);
                    let filter = filter.ok_or_else(|| unknown(shape, &name))?;
                    let column = shape.column(filter).ok_or(MastersError::Parameter(filter))?;
                    let value = plain(&column.kind, &value);
                    let unfit = |wrong| Unfit::of(column, &name, wrong);
                    match column.kind.read(&value).map_err(unfit)? {
                        serde_json::Value::Null => {}
                        value => drop(query.filters.insert(name, Kind::plain(&value))),
                    }
                }
            }
        }
        if query.q.chars().any(|c| c == '\0') || query.q.chars().count() > 100 {
            return Err(MastersError::Parameter("q"));
        }
        order(shape, &query)?;
        // Now, and not in the middle of a file that is sent already.
        if !query.after.is_empty() && Place::read(shape, &query.after).is_none() {
            return Err(MastersError::Parameter("after"));
        }
        Ok(query)
    }

    /// Narrows the list by an own field: `custom.colour`, `custom.weight.from`.
    fn narrow(&mut self, shape: &Shape, name: &str, value: String) -> Result<(), MastersError> {
        if value.trim().is_empty() {
            return Ok(());
        }
        let (whole, part) = match name.rsplit_once('.') {
            Some((whole, part @ ("from" | "to"))) => (whole, part),
            _ => (name, ""),
        };
        let column = shape.column(whole).ok_or_else(|| unknown(shape, name))?;
        if !part.is_empty() && !extra::by_range(&column.kind) {
            return Err(MastersError::NoRange(whole.to_owned()));
        }
        let field = whole.trim_start_matches(extra::OWN);
        // A code that it refers to is meant whole.
        let part = if part.is_empty() && shape.reference_of(whole).is_some() { "is" } else { part };
        let value = plain(&column.kind, &value);
        let bounds = extra::narrow(&column.kind, field, part, &value)
            .map_err(|wrong| Unfit::of(column, name, wrong))?;
        match self.own.iter_mut().find(|known| known.field == field && !known.exact && !bounds.exact) {
            Some(known) if part == "from" => known.from = bounds.from,
            Some(known) => known.to = bounds.to,
            None => self.own.push(bounds),
        }
        self.filters.insert(name.to_owned(), value.trim().to_owned());
        Ok(())
    }

    /// The query string that leads to the same list, without its place in it.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&str, &str)> {
        let mut pairs = Vec::new();
        if !self.q.is_empty() {
            pairs.push(("q", self.q.as_str()));
        }
        if !self.sort.is_empty() {
            pairs.push(("sort", self.sort.as_str()));
        }
        pairs.extend(self.filters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        if self.deleted {
            pairs.push(("deleted", "true"));
        }
        pairs
    }
}

/// A parameter that a master's list has not, with those that it has.
fn unknown(shape: &Shape, name: &str) -> MastersError {
    let own =
        shape.columns.iter().map(|column| column.name.as_str()).filter(|name| name.starts_with(extra::OWN));
    let known = ["q", "sort", "after", "limit", "deleted"].into_iter();
    let known = known.chain(shape.master.filters.iter().copied()).chain(own).map(str::to_owned).collect();
    // What was sent is said back, and not a megabyte of it.
    MastersError::Unknown { name: name.chars().take(60).collect(), known }
}

/// A value as somebody typed it, as programs write it: a number of a list is read as that
/// of a form.
fn plain(kind: &Kind, typed: &str) -> String {
    if kind.is_number() { plain_number(typed) } else { typed.to_owned() }
}

/// A value that a list cannot be narrowed by.
#[derive(Debug)]
pub struct Unfit {
    /// As the query string names it.
    name: String,
    column: Column,
    wrong: Wrong,
}

impl Unfit {
    fn of(column: &Column, name: &str, wrong: Wrong) -> MastersError {
        MastersError::Filter(Box::new(Self { name: name.to_owned(), column: column.clone(), wrong }))
    }

    /// As it is answered: by the name of the field, what is wrong, and what to write.
    pub(super) fn problem(&self, texts: &Texts) -> Problem {
        let Self { name, column, wrong } = self;
        let told = format!("{}: {} {}", column.said(texts), wrong.what(texts), wrong.fix(texts));
        Problem::bad_request("query.parameter", told.clone()).field(name, told)
    }
}

/// One page of a list.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The rows, in order.
    pub rows: Vec<Stored>,
    /// Pass it as `after` for the next page; `None` at the end.
    pub next: Option<String>,
}

/// One way through a table, along an index.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    /// The column before the key's.
    pub column: Option<String>,
    pub descending: bool,
    /// A column and how it must begin, in lower case.
    pub begins: Option<(String, String)>,
    /// A column, and values one of which must stand there.
    pub equals: Option<(String, Vec<String>)>,
    /// What was told by an earlier way.
    pub not: Vec<(String, String)>,
    /// The values of an own field that lead to the rows, in their order.
    pub lead: Option<Bounds>,
}

/// Where a page ended: the way, the column's value, the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    lane: usize,
    pub value: Option<String>,
    pub key: Vec<String>,
}

impl Place {
    fn write(&self) -> String {
        let json = serde_json::json!([self.lane, self.value, self.key]);
        URL_SAFE_NO_PAD.encode(json.to_string())
    }

    pub(super) fn read(shape: &Shape, text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (lane, value, key): (usize, Option<String>, Vec<String>) = serde_json::from_slice(&bytes).ok()?;
        let clean = |text: &String| !text.contains('\0');
        // It came back from the caller, who may have changed it.
        let known = shape.key_parts(&key.join(":"))?;
        (known == key && value.iter().all(clean)).then_some(Self { lane, value, key })
    }
}

fn order<'s>(shape: &'s Shape, query: &ListQuery) -> Result<(&'s Sort, bool), MastersError> {
    let (field, descending) =
        query.sort.strip_prefix('-').map_or((query.sort.as_str(), false), |f| (f, true));
    let field = if shape.master.key.first() == Some(&field) { "" } else { field };
    let sort = shape.sorts.iter().find(|sort| sort.field == field);
    sort.map(|sort| (sort, descending)).ok_or(MastersError::Parameter("sort"))
}

/// The ways that make up the list: one, or of a search one for each column.
pub(super) fn lanes(tenant: Uuid, shape: &Shape, query: &ListQuery) -> Result<Vec<Lane>, MastersError> {
    let (sort, descending) = order(shape, query)?;
    if query.q.is_empty() {
        // Values that narrow also order: few rows of many are found at once.
        let lead = query.own.first().cloned();
        let column = sort.column_in(query.lang).filter(|_| lead.is_none());
        return Ok(vec![Lane { column, descending, begins: None, equals: None, not: Vec::new(), lead }]);
    }
    let wanted = query.q.to_lowercase();
    let columns: Vec<String> =
        shape.master.search.iter().flat_map(|name| shape.searched(name, query.lang)).collect();
    let pair = |column: &String| (column.clone(), wanted.clone());
    let lane = |(at, column): (usize, &String)| Lane {
        column: Some(column.clone()),
        descending: false,
        begins: Some(pair(column)),
        equals: None,
        not: columns.iter().take(at).map(pair).collect(),
        lead: None,
    };
    let mut lanes: Vec<Lane> = columns.iter().enumerate().map(lane).collect();
    if query.sensitive {
        for (column, values) in sensitive::lookups(tenant, shape, &query.q)? {
            let equals = Some((column.to_owned(), values));
            let not = columns.iter().map(pair).collect();
            lanes.push(Lane { column: None, descending: false, begins: None, equals, not, lead: None });
        }
    }
    Ok(lanes)
}

/// A page of the list.
///
/// # Errors
/// [`MastersError::Parameter`]; else those of the database.
pub async fn list(tx: &mut Tx, shape: &Shape, query: &ListQuery) -> Result<Page, MastersError> {
    let limit = if query.limit == 0 { PAGE } else { query.limit };
    let lanes = lanes(tx.tenant(), shape, query)?;
    let mut place = match query.after.as_str() {
        "" => None,
        text => Some(Place::read(shape, text).ok_or(MastersError::Parameter("after"))?),
    };
    let first = place.as_ref().map_or(0, |place| place.lane);
    let mut found: Vec<(usize, Stored)> = Vec::new();
    for (at, lane) in lanes.iter().enumerate().skip(first) {
        let want = limit + 1 - found.len();
        let rows = store::rows(tx, shape, query, lane, place.as_ref(), want).await?;
        found.extend(rows.into_iter().map(|row| (at, row)));
        place = None;
        if found.len() > limit {
            break;
        }
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(at, last)| end(shape, *at, last).write());
    Ok(Page { rows: found.into_iter().map(|(_, row)| row).collect(), next })
}

/// How many rows the list has, from its beginning to its end.
pub(super) async fn count(tx: &mut Tx, shape: &Shape, query: &ListQuery) -> Result<i64, MastersError> {
    let mut rows = 0;
    // No row is on two ways.
    for lane in lanes(tx.tenant(), shape, query)? {
        rows += store::rows_count(tx, shape, query, &lane).await?;
    }
    Ok(rows)
}

fn end(shape: &Shape, lane: usize, last: &Stored) -> Place {
    let text = |row: &Row, name: &str| row.get(name).map(Kind::plain).unwrap_or_default();
    Place {
        lane,
        value: last.sort_value.clone(),
        key: shape.master.key.iter().map(|name| text(&last.row, name)).collect(),
    }
}
