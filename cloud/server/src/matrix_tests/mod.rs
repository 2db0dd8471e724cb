//! Every endpoint, called as nobody, by each scope, and by another tenant. A
//! route that is missing in [`routes`] fails the tests: add it with who may call it.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use platform::ctx::Cx;
use platform::db::DbError;
use platform::testing::TestDb;
use platform::web::{Scope, keys};
use tower::ServiceExt;
use uuid::Uuid;

use super::*;

mod attached;
mod callers;
mod features;
mod finding;
mod languages;
mod managing;
mod marks;
mod nonsense;
mod numbers;
mod read;
mod rights;
mod routes;
mod rows;
mod sample;
mod site;
mod strangers;
mod supers;
mod traces;
mod values;
mod work;

use finding::Finding;
pub(super) use routes::ROUTES;
use rows::plant_marks;
use sample::sample;
use site::{By, Site};

/// Who may call a route, at the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    Anyone,
    /// Somebody signed in, who finds what they may see.
    Signed,
    Reader,
    Writer,
    Admin,
    /// Somebody signed in, not a key.
    Person,
    /// A super-administrator: nobody of a tenant, whatever the rights.
    Super,
}

use Who::{Admin, Anyone, Person, Reader, Signed, Super, Writer};

/// What a sample request carries.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sends {
    Nothing,
    Form(&'static str),
    Json(&'static str),
    Csv(&'static str),
}

use Sends::{Csv, Form, Json, Nothing};

impl Sends {
    /// The media type, empty where there is none, and the body.
    pub(super) fn parts(self) -> (&'static str, &'static str) {
        match self {
            Nothing => ("", ""),
            Form(body) => ("application/x-www-form-urlencoded", body),
            Json(body) => ("application/json", body),
            Csv(body) => ("text/csv", body),
        }
    }
}

/// A row of the victim tenant that a stranger must not see.
const MARK: &str = "MARK-OF-SAIF";
/// A UID of the victim tenant.
const UID: &str = "UID-SAIF-KOL-RM-000001-A7";
/// A hold of the victim tenant.
const HOLD: &str = "01900000-0000-7000-8000-000000000001";

/// The end of what the victim wants to be packed in a day: so it stands in a page, where
/// digits are grouped, and in JSON.
const TARGET: &str = "737.373737";

/// Where the frame of a page leads: what stands before its content. Of a part of a page,
/// all of it. Not its mark, which leads to the first page whoever reads it.
fn links_of_frame(page: &str) -> BTreeSet<String> {
    let frame = page.split("<main").next().unwrap_or_default();
    let leads = |part: &str| part.split('"').next().filter(|to| to.starts_with('/')).map(str::to_owned);
    let files = |to: &String| to == "/" || to.starts_with("/assets/") || to.starts_with("/brand/");
    frame.split("href=\"").skip(1).filter_map(leads).filter(|to| !files(to)).collect()
}

/// Whether programs call it.
fn is_api(pattern: &str) -> bool {
    pattern.starts_with("/api/") || pattern.starts_with("/admin/api/")
}
