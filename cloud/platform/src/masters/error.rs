//! Why a command on a master failed.

use axum::http::StatusCode;

use super::Mistake;
use super::list::Unfit;
use super::use_store::COUNTED;
use crate::db::DbError;
use crate::i18n::Texts;
use crate::web::{FieldError, Problem, no_place};

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum MastersError {
    /// There is no such master or row.
    #[error("not found")]
    NotFound,
    /// Somebody else changed the row meanwhile.
    #[error("changed meanwhile")]
    Stale,
    /// The row is of another plant too, or of all, where the caller may not change.
    #[error("of other plants")]
    OtherPlant,
    /// Every mistake in what was sent.
    #[error("{} mistakes", .0.len())]
    Mistakes(Vec<Mistake>),
    /// Other rows use the row; they are named.
    #[error("in use")]
    InUse(Vec<Used>),
    /// A list was asked for in a way that there is not; says which parameter.
    #[error("parameter {0}")]
    Parameter(&'static str),
    /// A list was asked for by a parameter that it has not; says which there are.
    #[error("no parameter {name}")]
    Unknown {
        /// As it was written.
        name: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// An own field was asked for by a range, and has none.
    #[error("no range of {0}")]
    NoRange(String),
    /// A page of a list was to have fewer rows than one, or more than this.
    #[error("1 to {0} rows")]
    Limit(usize),
    /// A list was to be narrowed by a value that is none of its field.
    #[error("filter {0:?}")]
    Filter(Box<Unfit>),
    /// A file holds more than is taken at once.
    #[error("more than {0} rows")]
    TooMany(usize),
    /// A declaration does not fit its table: a mistake in the program.
    #[error("declaration: {0}")]
    Declaration(String),
    /// Something failed that has nothing to do with what was sent.
    #[error("{0}")]
    Fault(String),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// What uses a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Used {
    /// One that is named.
    Named {
        /// The key of a text that says what it is, with `$name`.
        text: String,
        /// Its name.
        name: String,
    },
    /// So many more; one more than are counted where there may be any number.
    More(usize),
}

impl Used {
    pub(super) fn named(text: impl Into<String>, name: String) -> Self {
        Self::Named { text: text.into(), name }
    }

    /// In the reader's language.
    #[must_use]
    pub fn say(&self, texts: &Texts) -> String {
        match self {
            Self::Named { text, name } => texts.t1(text, "name", name),
            Self::More(more) if *more > COUNTED => texts.count("masters-used-over", COUNTED),
            Self::More(more) => texts.count("masters-used-more", *more),
        }
    }
}

/// What uses a row, as a sentence says it.
fn said(used: &[Used], texts: &Texts) -> String {
    let (more, named): (Vec<&Used>, Vec<&Used>) = used.iter().partition(|one| matches!(one, Used::More(_)));
    let names: Vec<String> = named.iter().map(|one| one.say(texts)).collect();
    let names = names.join(", ");
    match more.first() {
        Some(more) => {
            texts.with("masters-used-and", &[("names", names.into()), ("more", more.say(texts).into())])
        }
        None => names,
    }
}

impl From<sqlx::Error> for MastersError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl MastersError {
    /// As it is answered, in the caller's language.
    #[must_use]
    pub fn problem(self, texts: &Texts) -> Problem {
        match self {
            Self::NotFound => Problem::not_found(),
            Self::OtherPlant => Problem::new(StatusCode::FORBIDDEN, "masters.other_plant", ""),
            Self::Stale => Problem::conflict("conflict.stale", ""),
            Self::Mistakes(mistakes) => mistaken(&mistakes, texts),
            Self::InUse(used) => {
                Problem::conflict("masters.in_use", texts.t1("masters-in-use", "names", said(&used, texts)))
            }
            Self::Parameter("after") => no_place(),
            Self::Parameter(name) => {
                let told = texts.t1("masters-no-parameter", "name", name);
                Problem::bad_request("query.parameter", told.clone()).field(name, told)
            }
            Self::Unknown { name, known } => {
                let told = texts.with(
                    "masters-unknown-parameter",
                    &[("name", name.as_str().into()), ("known", known.join(", ").into())],
                );
                Problem::bad_request("query.parameter", told.clone()).field(name, told)
            }
            Self::NoRange(name) => {
                let told = texts.t1("masters-no-range", "name", &name);
                Problem::bad_request("query.parameter", told.clone()).field(name, told)
            }
            Self::Limit(most) => {
                let told = texts.t1("error-query-limit", "most", most);
                Problem::bad_request("query.parameter", told.clone()).field("limit", told)
            }
            Self::Filter(unfit) => unfit.problem(texts),
            Self::TooMany(most) => Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "masters.too_many",
                texts.t1("masters-too-many", "most", most),
            ),
            Self::Declaration(detail) | Self::Fault(detail) => Problem::internal(detail),
            Self::Db(error) => error.into(),
        }
    }
}

fn mistaken(mistakes: &[Mistake], texts: &Texts) -> Problem {
    let errors: Vec<FieldError> = mistakes
        .iter()
        .map(|mistake| FieldError {
            field: mistake.field.clone(),
            row: mistake.row,
            detail: format!("{} {}", mistake.wrong.what(texts), mistake.wrong.fix(texts)),
        })
        .collect();
    let detail = texts.count("masters-mistakes", errors.len());
    Problem { detail, ..Problem::invalid("masters.invalid", errors) }
}
