//! One search over everything that a caller may see, and the commands and pages
//! that one goes to by typing. Parts add what they have: see [`Searcher`].
//!
//! `docs/searching.md` says what is found, and how a part adds to it.

mod commands;
mod pages;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;

use axum::Router;
use serde::Serialize;
use utoipa::ToSchema;

pub use commands::Command;
pub use pages::operations;

use crate::db::Tx;
use crate::i18n::{Lang, Sources};
use crate::web::{AppState, Caller, Module, Problem};

/// Longest text that is searched for, in characters.
const LONGEST: usize = 100;
/// Results of one searcher beside the box, and on the page.
const FEW: usize = 4;
const MANY: usize = 25;

/// The texts of the search.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("texts/en.ftl")),
    (Lang::Hi, include_str!("texts/hi.ftl")),
    (Lang::Bn, include_str!("texts/bn.ftl")),
    (Lang::Te, include_str!("texts/te.ftl")),
];

/// The box, the page and the API of the search.
pub fn router() -> Router<AppState> {
    pages::router()
}

/// What is searched for.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// The state.
    pub state: &'a AppState,
    /// Who asks. A searcher looks only where the caller may.
    pub caller: &'a Caller,
    /// What was typed, without spaces around it; not empty, at most 100 characters,
    /// none of them NUL.
    pub text: &'a str,
    /// Results at most.
    pub limit: usize,
}

impl Ask<'_> {
    /// The [`range`] of what was typed.
    #[must_use]
    pub fn range(&self) -> (String, String) {
        range(self.text)
    }

    /// [`Ask::limit`] as SQL wants it.
    #[must_use]
    pub fn rows(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(i64::MAX)
    }
}

/// The range of lower-case texts that begin with a text, in any case: from the first, to
/// before the second. A search is such a range over an indexed column.
#[must_use]
pub fn range(text: &str) -> (String, String) {
    let from = text.to_lowercase();
    let to = format!("{from}{}", char::MAX);
    (from, to)
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = FoundThing)]
pub struct Hit {
    /// What kind of thing it is, in the caller's language. Hits of one group stand
    /// together.
    pub group: String,
    /// What people know it by.
    pub title: String,
    /// What tells it from others; may be empty.
    pub detail: String,
    /// The page about it.
    pub href: String,
    /// It is what was typed, not only begins so: one such hit is gone to at once.
    #[serde(skip)]
    pub exact: bool,
}

/// What a searcher answers, in time.
pub type Finding<'a> = Pin<Box<dyn Future<Output = Result<Vec<Hit>, Problem>> + Send + 'a>>;

/// A part's search. It answers nothing where the caller lacks the right, goes along
/// indexes only (a search has 50 ms for all parts together), and answers at most
/// [`Ask::limit`] hits of a group.
///
/// ```ignore
/// pub const SEARCHERS: [Searcher; 1] = [|tx, ask| Box::pin(async move { orders(tx, ask).await })];
/// ```
pub type Searcher = for<'a> fn(&'a mut Tx, &'a Ask<'a>) -> Finding<'a>;

/// Hits of one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = FoundGroup)]
pub struct Group {
    /// What they are.
    pub name: String,
    /// The hits.
    pub hits: Vec<Hit>,
}

/// What is found for a text: pages and commands first, then what each part has.
///
/// # Errors
/// Those of the searchers.
async fn find(state: &AppState, caller: &Caller, text: &str, limit: usize) -> Result<Vec<Group>, Problem> {
    let mut hits = commands::find(state, caller, text, limit);
    hits.extend(hits_of(state, caller, text, limit).await?);
    Ok(grouped(hits))
}

/// What the parts have for a text, each where the caller may look, without pages and commands:
/// for a page that did not find it where it looked itself.
///
/// # Errors
/// Those of the searchers.
pub async fn things(
    state: &AppState,
    caller: &Caller,
    text: &str,
    limit: usize,
) -> Result<Vec<Group>, Problem> {
    Ok(grouped(hits_of(state, caller, text.trim(), limit).await?))
}

async fn hits_of(state: &AppState, caller: &Caller, text: &str, limit: usize) -> Result<Vec<Hit>, Problem> {
    let clean = !text.contains('\0') && text.chars().count() <= LONGEST;
    if text.is_empty() || !clean {
        return Ok(Vec::new());
    }
    let ask = Ask { state, caller, text, limit };
    state
        .db
        .tx(&caller.cx, async |tx| {
            let mut found = Vec::new();
            for searcher in &state.searchers {
                found.extend(searcher(tx, &ask).await?);
            }
            Ok::<_, Problem>(found)
        })
        .await
}

fn grouped(hits: Vec<Hit>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for hit in hits {
        match groups.iter_mut().find(|group| group.name == hit.group) {
            Some(group) => group.hits.push(hit),
            None => groups.push(Group { name: hit.group.clone(), hits: vec![hit] }),
        }
    }
    groups
}

/// The one thing that was meant, if there is one.
fn meant(groups: &[Group]) -> Option<&Hit> {
    let mut exact = groups.iter().flat_map(|group| &group.hits).filter(|hit| hit.exact);
    let first = exact.next()?;
    exact.all(|other| other.href == first.href).then_some(first)
}

/// What the server has to know of the search.
#[must_use]
pub fn module() -> Module {
    Module::new("search").routes(router()).operations(operations()).texts(TEXTS)
}
