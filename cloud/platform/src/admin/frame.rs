//! The frame around the pages of super-administrators.

use askama::Template;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

use super::AdminCaller;
use crate::i18n::Texts;
use crate::web::Problem;

/// Entries of the navigation: address, key of the text, icon.
const NAV: [(&str, &str, &str); 6] = [
    ("/admin", "admin-nav-tenants", "plant"),
    ("/admin/plans", "admin-nav-plans", "order"),
    ("/admin/databases", "admin-nav-databases", "masters"),
    ("/admin/erasures", "admin-nav-erasures", "download"),
    ("/admin/admins", "admin-nav-admins", "people"),
    ("/admin/audit", "admin-nav-audit", "proof"),
];

#[derive(Template)]
#[template(path = "admin/page.html")]
struct Page<'a> {
    title: &'a str,
    active: &'a str,
    name: &'a str,
    texts: &'a Texts,
    nav: &'a [(&'static str, &'static str, &'static str)],
    content: &'a str,
}

impl Page<'_> {
    fn current(&self, href: &str) -> bool {
        href == self.active
    }
}

/// The content in its frame. `active` is the address of its entry.
pub(super) fn page(
    caller: &AdminCaller,
    title: &str,
    active: &str,
    content: &impl Template,
) -> Result<Response, Problem> {
    let content = content.render()?;
    let page = Page { title, active, name: &caller.name, texts: &caller.texts, nav: &NAV, content: &content };
    let mut response = Html(page.render()?).into_response();
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("cookie"));
    Ok(response)
}
