//! Who may do what, at one look: every permission there is against every role, to compare
//! roles and to find which of them may do something.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::pages::role_name;
use super::within::Known;
use super::{ROLE_MANAGE, Role, service};
use crate::i18n::Texts;
use crate::web::routing::get;
use crate::web::{Amount, AppState, Caller, NavItem, Permission, Problem, Seen, Shell, query};

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/roles/matrix", get(page))
}

/// What the page is narrowed to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    /// A part of a permission's name or code.
    q: String,
    /// Codes of the roles that are compared; none for all of them.
    roles: Vec<String>,
}

impl Asked {
    fn of(pairs: Vec<(String, String)>) -> Self {
        let mut asked = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "q" => value.trim().clone_into(&mut asked.q),
                "role" if !value.is_empty() => asked.roles.push(value),
                _ => {}
            }
        }
        asked
    }

    /// Whether a permission is one of those that are looked for.
    fn wants(&self, said: [&str; 3]) -> bool {
        let wanted = self.q.to_lowercase();
        said.iter().any(|said| said.to_lowercase().contains(&wanted))
    }
}

/// A role that is shown, or can be.
#[derive(Debug)]
struct Column {
    code: String,
    name: String,
    chosen: bool,
}

/// A part of the product, with its permissions.
#[derive(Debug)]
struct Part {
    title: String,
    rows: Vec<Row>,
}

/// A permission, and who has it.
#[derive(Debug)]
struct Row {
    code: &'static str,
    name: String,
    cells: Vec<Held>,
}

/// Whether a role has a permission, and up to which amount.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    yes: bool,
    limit: String,
}

#[derive(Template)]
#[template(path = "people/matrix.html")]
struct Matrix<'a> {
    texts: &'a Texts,
    asked: Asked,
    /// Those that can be chosen.
    all: Vec<Column>,
    /// Those that are shown.
    columns: Vec<Column>,
    parts: Vec<Part>,
}

/// The part of the product that a permission is of: how its code begins.
fn part_of(permission: &Permission) -> &'static str {
    permission.code.split('.').next().unwrap_or(permission.code)
}

/// What a part is called: by a text of its own, else as the first entry of the navigation
/// that opens with a permission of it, else by its code.
fn title(texts: &Texts, nav: &[NavItem], part: &str) -> String {
    let opens = |item: &&NavItem| match &item.seen {
        Seen::With(permission) | Seen::ByPeople(permission) => part_of(permission) == part,
    };
    let otherwise = nav.iter().find(opens).map(|item| texts.t(item.label_key));
    texts.or(&format!("people-matrix-part-{part}"), otherwise.as_deref().unwrap_or(part))
}

/// Permissions by parts, in the order in which modules give them; those that are wanted.
fn parts(
    texts: &Texts,
    (nav, permissions): (&[NavItem], &[Permission]),
    (known, shown): (&Known, &[&Role]),
    asked: &Asked,
) -> Vec<Part> {
    let mut codes: Vec<&'static str> = Vec::new();
    for permission in permissions {
        if !codes.contains(&part_of(permission)) {
            codes.push(part_of(permission));
        }
    }
    let held = |role: &Role, permission: &Permission| {
        let yes = role.has(permission.code);
        let limit = known.limit(&role.code, permission.code).filter(|_| yes);
        let said = |limit: &Amount| texts.money_in(&limit.amount, &limit.currency);
        Held { yes, limit: limit.map(said).unwrap_or_default() }
    };
    let part = |code: &'static str| {
        let title = title(texts, nav, code);
        let row = |permission: &Permission| {
            let name = texts.t(&permission.text_key());
            asked.wants([&name, permission.code, &title]).then(|| Row {
                code: permission.code,
                cells: shown.iter().map(|role| held(role, permission)).collect(),
                name,
            })
        };
        let rows = permissions.iter().filter(|one| part_of(one) == code).filter_map(row).collect();
        Part { rows, title }
    };
    codes.into_iter().map(part).filter(|part| !part.rows.is_empty()).collect()
}

/// `GET /roles/matrix?q=&role=&role=`
async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&ROLE_MANAGE)?;
    let asked = Asked::of(query(&uri)?);
    let known = service::known(&state.db, &caller.cx).await?;
    let texts = &caller.texts;
    let is_chosen = |role: &&Role| asked.roles.contains(&role.code);
    let mut shown: Vec<&Role> = known.roles.iter().filter(is_chosen).collect();
    if shown.is_empty() {
        shown = known.roles.iter().collect();
    }
    let column = |role: &Role| Column {
        code: role.code.clone(),
        name: role_name(texts, role),
        chosen: asked.roles.contains(&role.code),
    };
    let view = Matrix {
        texts,
        all: known.roles.iter().map(column).collect(),
        columns: shown.iter().map(|role| column(role)).collect(),
        parts: parts(texts, (&state.nav, &state.permissions), (&known, &shown), &asked),
        asked,
    };
    Shell::new(&state, &caller, caller.t("people-matrix-title"), "/roles")
        .under("/roles", caller.t("people-roles-title"))
        .page(&headers, &view)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_told_several_times_and_a_text_once() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let sent = vec![
            pair("q", " Post "),
            pair("role", "BUYER"),
            pair("role", ""),
            pair("role", "SALES"),
            pair("x", "1"),
        ];
        let asked = Asked::of(sent);
        assert_eq!((asked.q.as_str(), asked.roles.len()), ("Post", 2));
        assert!(asked.wants(["Place", "stores.receipt.post", "Stores"]));
        assert!(!asked.wants(["Place", "hold.place", "Holds"]) && Asked::default().wants(["", "", ""]));
        assert_eq!(part_of(&Permission::write("stores.receipt.post")), "stores");
    }
}
