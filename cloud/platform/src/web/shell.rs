//! The frame around every page of a signed-in person.

use askama::Template;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

use super::keys::Bearer;
use super::{AppState, Caller, NavGroup, NavItem, Problem};
use crate::i18n::Texts;
use crate::settings::Brand;

/// The frame of one page: side navigation, search, language, account.
///
/// ```ignore
/// let shell = Shell::new(&state, &caller, caller.t("holds-title"), "/holds");
/// shell.page(&headers, &HoldsPage { texts: &caller.texts, holds })
/// ```
///
/// A page below another says so: `.under("/holds", caller.t("holds-title"))`.
#[derive(Debug, Clone)]
pub struct Shell<'a> {
    title: String,
    active: &'a str,
    query: &'a str,
    caller: &'a Caller,
    nav: Vec<Heading>,
    /// Entries of the navigation that the caller may not open.
    closed: Vec<&'static str>,
    /// Pages that this one is below, each with its title.
    above: Vec<(String, String)>,
}

/// A heading of the side navigation, and what stands under it.
type Heading = (NavGroup, Vec<NavItem>);

/// What somebody sees of the navigation, by headings.
fn headings(items: impl Iterator<Item = NavItem>) -> Vec<Heading> {
    let mut all: Vec<Heading> = Vec::new();
    for item in items {
        match all.iter_mut().find(|(group, _)| *group == item.group) {
            Some((_, under)) => under.push(item),
            None => all.push((item.group, vec![item])),
        }
    }
    all
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    title: &'a str,
    active: &'a str,
    query: &'a str,
    tenant_code: &'a str,
    tenant_name: &'a str,
    name: &'a str,
    texts: &'a Texts,
    nav: &'a [Heading],
    content: &'a str,
    has_account: bool,
    theme: &'a str,
    keys_off: bool,
    /// Codes and names of plants that can be in focus.
    plants: &'a [(String, String)],
    focus: &'a str,
    brand: Option<Brand>,
}

impl Page<'_> {
    /// The version of the tenant's colours, if it has some.
    fn colours(&self) -> Option<i32> {
        self.brand.filter(|brand| brand.colours).map(|brand| brand.version)
    }

    /// The version of the tenant's logo, if it has one.
    fn logo(&self) -> Option<i32> {
        self.brand.filter(|brand| brand.logo).map(|brand| brand.version)
    }
}

/// Where a page is: the pages above it.
#[derive(Template)]
#[template(path = "web/crumbs.html")]
struct Crumbs<'a> {
    texts: &'a Texts,
    above: &'a [(String, String)],
}

#[derive(Template)]
#[template(
    source = "<title>{{ title }} · {{ texts.t(\"app-name\") }}</title>\n{{ content|safe }}",
    ext = "html"
)]
struct Fragment<'a> {
    title: &'a str,
    texts: &'a Texts,
    content: &'a str,
}

impl<'a> Shell<'a> {
    /// A frame with this title. `active` is the `href` of the entry of the side
    /// navigation that the page is under; empty for none.
    #[must_use]
    pub fn new(state: &AppState, caller: &'a Caller, title: impl Into<String>, active: &'a str) -> Self {
        let nav = headings(state.nav.iter().filter(|item| item.is_for(caller)).copied());
        let closed = state.nav.iter().filter(|item| !item.is_for(caller)).map(|item| item.href).collect();
        Self { title: title.into(), active, query: "", caller, nav, closed, above: Vec::new() }
    }

    /// The page is below the one at `href`, which is called `text`. Said once for each
    /// page above it, the uppermost first; the page begins with where it is. One that the
    /// caller sees no entry of in the navigation, though there is one, is left out.
    #[must_use]
    pub fn under(mut self, href: impl Into<String>, text: impl Into<String>) -> Self {
        let href = href.into();
        let path = href.split('?').next().unwrap_or_default();
        if !self.closed.contains(&path) {
            self.above.push((href, text.into()));
        }
        self
    }

    /// Shows `query` in the search box.
    #[must_use]
    pub fn searched(mut self, query: &'a str) -> Self {
        self.query = query;
        self
    }

    /// The answer: the content in its frame, or alone when htmx asks for it to
    /// put it into a page that has the frame already.
    ///
    /// # Errors
    /// When a template fails.
    pub fn page(&self, headers: &HeaderMap, content: &impl Template) -> Result<Response, Problem> {
        self.page_html(headers, &content.render()?)
    }

    /// [`Shell::page`] for content that is markup already.
    ///
    /// # Errors
    /// When a template fails.
    pub fn page_html(&self, headers: &HeaderMap, content: &str) -> Result<Response, Problem> {
        let mut response = if wants_fragment(headers) {
            let content = &self.placed(content)?;
            let fragment = Fragment { title: &self.title, texts: &self.caller.texts, content };
            let mut response = Html(fragment.render()?).into_response();
            let event = serde_json::json!({ "tw-nav": { "href": self.active } }).to_string();
            if let Ok(event) = HeaderValue::from_str(&event) {
                response.headers_mut().insert("hx-trigger", event);
            }
            response
        } else {
            self.render(content)?.into_response()
        };
        let vary = HeaderValue::from_static("cookie, hx-request, hx-target");
        response.headers_mut().insert(header::VARY, vary);
        Ok(response)
    }

    /// The content in its frame.
    ///
    /// # Errors
    /// When a template fails.
    pub fn render(&self, content: &str) -> Result<Html<String>, Problem> {
        let content = &self.placed(content)?;
        let page = Page {
            title: &self.title,
            active: self.active,
            query: self.query,
            tenant_code: &self.caller.tenant_code,
            tenant_name: &self.caller.tenant_name,
            name: &self.caller.name,
            texts: &self.caller.texts,
            nav: &self.nav,
            content,
            brand: self.caller.brand,
            has_account: matches!(self.caller.bearer, Bearer::Person(_)),
            theme: &self.caller.settings.theme,
            keys_off: self.caller.settings.keys_off,
            plants: &self.caller.settings.plants,
            focus: self.caller.settings.focus.as_deref().unwrap_or_default(),
        };
        Ok(Html(page.render()?))
    }

    /// The content, after where it is.
    fn placed(&self, content: &str) -> Result<String, Problem> {
        if self.above.is_empty() {
            return Ok(content.to_owned());
        }
        let crumbs = Crumbs { texts: &self.caller.texts, above: &self.above };
        Ok(crumbs.render()? + content)
    }
}

/// Whether htmx asks for what stands inside `<main id="main">`.
fn wants_fragment(headers: &HeaderMap) -> bool {
    let is = |name, value: &str| headers.get(name).is_some_and(|given| given == value);
    is("hx-request", "true") && is("hx-target", "main") && !is("hx-history-restore-request", "true")
}
