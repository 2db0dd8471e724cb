//! Views of lists that people keep: filters, search, order and columns under a name,
//! of their own or for all; one of them is what its owner sees first.
//!
//! A list takes [`asked`] for its query string and shows [`Menu::of`]; see
//! `audit/pages.rs`. One whose columns people choose takes [`resolve`]; see
//! `masters/pages/rows.rs`. Table: `list_views`.

mod api;
#[cfg(test)]
mod api_tests;
mod pages;
mod service;
mod store;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::http::Uri;
use serde::de::DeserializeOwned;
use uuid::Uuid;

pub use store::View;

use crate::ctx::Cx;
use crate::db::{DbError, Tx};
use crate::i18n::{Lang, Sources};
use crate::web::list::address;
use crate::web::{AppState, Caller, Module, Permission, Problem, query, query_of};

/// Keep views for all, and take such away.
pub const VIEWS_SHARE: Permission = Permission::write("views.share");

/// What the endpoints here ask for.
pub const PERMISSIONS: &[Permission] = &[VIEWS_SHARE];

/// The texts of views.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("texts/en.ftl")),
    (Lang::Hi, include_str!("texts/hi.ftl")),
    (Lang::Bn, include_str!("texts/bn.ftl")),
    (Lang::Te, include_str!("texts/te.ftl")),
];

/// Most views of a list that are shown.
const MOST: i64 = 100;

/// What keeps views, and their API.
pub fn router() -> Router<AppState> {
    pages::router().merge(api::router())
}

/// A query string's names and values.
pub type Pairs = Vec<(String, String)>;

/// A list's query string, with the view that it names taken into account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    /// What the list is asked for, without what is about views and columns.
    pub pairs: Pairs,
    /// The columns to show, in order; empty for the usual ones.
    pub columns: Vec<String>,
    /// The views of the list that the caller has.
    pub views: Vec<View>,
    /// The one that is shown.
    pub current: Option<Uuid>,
}

impl Resolved {
    /// What links within the list carry besides the list's own query: the view and
    /// the columns.
    #[must_use]
    pub fn kept(&self) -> Vec<(&str, String)> {
        let mut kept: Vec<(&str, String)> =
            self.columns.iter().map(|column| ("col", column.clone())).collect();
        // Empty: none, also where there is one that would be shown first.
        kept.push(("view", self.current()));
        kept
    }

    fn current(&self) -> String {
        self.current.map(|id| id.to_string()).unwrap_or_default()
    }

    /// The address of the list with what it is asked for, under the view that is shown.
    #[must_use]
    pub fn address(&self, path: &str, asked: &[(&str, &str)]) -> String {
        let view = self.current();
        let mut all = asked.to_vec();
        all.push(("view", view.as_str()));
        let to = address(path, &all);
        // Where nothing is asked for, that is meant, and not the view that would be shown first.
        if to == path { format!("{path}?view=") } else { to }
    }
}

/// Reads a list's query string: `view` names a view, `col` columns. What is asked for
/// beside a view counts instead of what the view asks for; without anything the
/// caller's first view is shown.
///
/// # Errors
/// [`DbError`].
pub async fn resolve(tx: &mut Tx, cx: &Cx, list: &str, given: Pairs) -> Result<Resolved, DbError> {
    let views = store::views(tx, list, &cx.actor, MOST).await?;
    let mut resolved = Resolved { views, ..Resolved::default() };
    let mut named: Option<String> = None;
    let nothing = given.is_empty();
    for (name, value) in given {
        match name.as_str() {
            "view" => named = Some(value),
            "col" if resolved.columns.len() < 60 && value.len() <= 60 => resolved.columns.push(value),
            "col" => {}
            _ => resolved.pairs.push((name, value)),
        }
    }
    let wanted = match named.as_deref() {
        Some(id) => id.parse().ok(),
        None if nothing => {
            let first = resolved.views.iter().find(|view| view.is_default && view.owner == cx.actor);
            first.map(|view| view.view_id)
        }
        None => None,
    };
    let found = resolved.views.iter().find(|view| Some(view.view_id) == wanted).cloned();
    if let Some(view) = found {
        resolved.current = Some(view.view_id);
        if resolved.pairs.is_empty() {
            resolved.pairs = serde_urlencoded::from_str(&view.query).unwrap_or_default();
        }
        if resolved.columns.is_empty() {
            resolved.columns = view.columns;
        }
    }
    Ok(resolved)
}

/// What a list is asked for, as [`resolve`] has it: for a list whose columns are always
/// the same.
///
/// # Errors
/// 400 `query.parameter`, and those of the database.
pub async fn asked<T: DeserializeOwned>(
    state: &AppState,
    caller: &Caller,
    list: &str,
    uri: &Uri,
) -> Result<(T, Resolved), Problem> {
    let given = query::<Pairs>(uri)?;
    let cx = &caller.cx;
    let resolved = state.db.tx(cx, async |tx| resolve(tx, cx, list, given.clone()).await).await?;
    Ok((query_of(&resolved.pairs)?, resolved))
}

/// What the menu of views shows beside a list; the template includes
/// `views/menu.html` with it as `menu`.
#[derive(Debug, Clone)]
pub struct Menu {
    /// The list, as [`resolve`] was asked.
    pub list: String,
    /// Its address.
    pub address: String,
    /// The views.
    pub views: Vec<View>,
    /// The one that is shown.
    pub current: Option<Uuid>,
    /// What would be kept: the query, and the columns that are shown.
    pub query: String,
    /// Every column of the list: its name, what it is called, whether it is shown. None
    /// where they are always the same.
    pub columns: Vec<(String, String, bool)>,
    /// The caller may keep views for all.
    pub may_share: bool,
    /// The caller, as views name their owner.
    pub actor: String,
}

impl Menu {
    /// The menu of a list whose columns are always the same; `path` and `asked` as for
    /// [`Resolved::address`].
    #[must_use]
    pub fn of(list: &str, path: &str, asked: &[(&str, &str)], resolved: &Resolved, caller: &Caller) -> Self {
        let query = address("", asked);
        Self {
            list: list.to_owned(),
            address: path.to_owned(),
            views: resolved.views.clone(),
            current: resolved.current,
            query: query.trim_start_matches('?').to_owned(),
            columns: Vec::new(),
            may_share: caller.may(&VIEWS_SHARE),
            actor: caller.cx.actor.clone(),
        }
    }

    /// The name of the view that is shown.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.views.iter().find(|view| Some(view.view_id) == self.current).map(|view| view.name.as_str())
    }

    /// Whether this view is the one that is shown.
    #[must_use]
    pub fn is_shown(&self, view: &View) -> bool {
        self.current == Some(view.view_id)
    }

    /// The query that would be kept, as pairs, for a form to carry.
    #[must_use]
    pub fn pairs(&self) -> Pairs {
        serde_urlencoded::from_str(&self.query).unwrap_or_default()
    }

    /// Whether the caller may take the view away.
    #[must_use]
    pub fn may_delete(&self, view: &View) -> bool {
        view.owner == self.actor || (view.shared && self.may_share)
    }
}

/// A view that somebody keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Keep {
    pub list: String,
    pub name: String,
    pub query: String,
    pub columns: Vec<String>,
    pub shared: bool,
    pub first: bool,
}

impl Keep {
    /// The view that it makes.
    fn view(&self, id: Uuid, owner: &str) -> View {
        let Self { list, name, query, columns, shared, first } = self.clone();
        let owner = owner.to_owned();
        View { view_id: id, list, owner, shared, name, query, columns, is_default: first, version: 1 }
    }
}

/// What the server has to know of saved views.
#[must_use]
pub fn module() -> Module {
    Module::new("views").routes(router()).operations(api::operations()).permissions(PERMISSIONS).texts(TEXTS)
}
