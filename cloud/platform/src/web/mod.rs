//! The web shell: what every page and every API call has in common.
//!
//! A part offers a `Router<AppState>` whose handlers take a [`Caller`] and
//! return `Result<_, Problem>`; the server merges the parts and hands them to
//! [`app`].

mod assets;
mod bodies;
mod caller;
mod client;
mod compress;
mod cookies;
mod escape;
mod faces;
mod feature;
pub mod fields;
mod icon;
pub mod keys;
mod layers;
pub mod limits;
pub mod lines;
pub mod list;
mod module;
mod multipart;
mod nav;
mod origin;
mod path;
mod place;
mod problem;
mod query;
mod rates;
mod request_id;
mod rights;
pub mod routing;
mod scope;
mod sheet;
mod shell;
mod signin;
mod slow;
mod state;
mod told;
mod unread;
mod version;
mod within;
mod workbook;

pub use assets::asset;
pub use bodies::Bodies;
pub(crate) use bodies::USUAL;
pub use caller::{Caller, Denied, Visitor};
pub(crate) use caller::{here, language_of, site};
pub use client::{Client, Network, client_of, network};
pub(crate) use cookies::get as cookie_of;
pub use escape::escaped;
pub use feature::{Belongs, Feature, Features, Without, always, can_be_kept};
pub use icon::icon;
pub use layers::wrap;
pub use module::{Job, Module};
pub(crate) use multipart::multipart;
pub use nav::{NavGroup, NavItem, Seen};
pub(crate) use origin::{is_ours, is_safe, local_path, require_same};
pub use path::Path;
pub use place::{NOT_A_PLACE, moment, no_place, parse_place, place};
pub use problem::{FieldError, Problem};
pub use query::{bytes, form, json, json_of, json_or_default, media_type, query, query_of, rows, sent_as};
pub use rates::{Rate, RateLimits, Rates};
pub use request_id::RequestId;
pub use rights::{Amount, EVERY, Grant, Permission, Rights, grants};
pub use scope::{Scope, Scopes};
pub(crate) use sheet::FORMULA;
pub use sheet::{csv_line, harmless};
pub use shell::Shell;
pub(crate) use signin::{
    after_sign_in, end_current, end_provider, end_step, minutes_to, present, provider_of, set_language,
    set_provider, set_session, set_step, step_of, step_path,
};
pub use state::{AppState, Builder};
pub use told::kept;
pub(crate) use told::{Done, status_of};
pub(crate) use unread::{no_object, no_text, no_value};
pub use version::{IfMatch, etag, not_modified};
pub use within::beyond;
pub use workbook::{TIME, WorkSheet, workbook};

/// The whole site: `pages` of all parts beside sign-in and assets, with what
/// every request needs around them.
pub fn app(state: AppState, pages: axum::Router<AppState>) -> axum::Router {
    wrap(signin::routes().merge(pages), state)
}

/// What the server has to know of the shell itself: assets, signing in, access keys.
#[must_use]
pub fn module() -> Module {
    Module::new("web")
        .routes(signin::routes())
        .operations(keys::operations())
        .permissions(&[keys::KEY_MANAGE])
        .kinds(&[keys::KEY_ENDING])
        .job(
            "ends of access keys",
            |state, stop| async move { keys::tell_ends(state.db.clone(), stop).await },
        )
}

#[cfg(test)]
mod tests;
