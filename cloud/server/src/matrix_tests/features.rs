//! Features: what a tenant is without is not there, by any route, and nothing else is missing.

use platform::web::Feature;
use serde_json::{Value, json};

use super::*;

const SET: &str = "/admin/api/tenants/{tenant}/features";
/// Pages of production that no entry of the navigation leads to.
const LIVE: [&str; 2] = ["/live", "/live/counts"];

/// What is of a feature.
struct Part {
    feature: Feature,
    /// Methods and patterns of its API.
    api: BTreeSet<(String, String)>,
    /// Pages that the navigation leads to.
    pages: BTreeSet<&'static str>,
}

impl Part {
    /// Whether a page is of it: one that the navigation leads to, or under such a one. The
    /// first page of all leads elsewhere then.
    fn has_page(&self, pattern: &str) -> bool {
        let under = |href: &str| pattern == href || pattern.starts_with(&format!("{href}/"));
        let live = self.feature.name == "production" && LIVE.contains(&pattern);
        live || self.pages.iter().any(|href| *href != "/" && under(href))
    }
}

fn parts() -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for module in modules::all(&Shared::default()) {
        let Some(feature) = module.of_feature() else { continue };
        let operations = Module::all_operations(std::slice::from_ref(&module));
        let api = operations.iter().map(|operation| (operation.method(), operation.route().to_owned()));
        let (api, pages): (Vec<_>, Vec<_>) = (api.collect(), module.leads_to().collect());
        match parts.iter_mut().find(|part| part.feature == feature) {
            Some(part) => {
                part.api.extend(api);
                part.pages.extend(pages);
            }
            None => parts.push(Part {
                feature,
                api: api.into_iter().collect(),
                pages: pages.into_iter().collect(),
            }),
        }
    }
    parts
}

/// Says what the victim has of the product; answers what it comes to.
async fn set(site: &Site, root: &str, features: &[&str], version: i64) -> Value {
    let path = format!("/admin/api/tenants/{}/features", site.victim);
    let body = json!({ "features": features, "version": version }).to_string();
    // What is sent lives as long as the tables of routes.
    let sends = Json(Box::leak(body.into_boxed_str()));
    let (status, told) = site.send("PUT", SET, &path, sends, Some(By::Key(root))).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    serde_json::from_str(&told).unwrap()
}

/// Where the frame of a page of the victim's administrator leads.
async fn frame(site: &Site) -> BTreeSet<String> {
    let asha = By::Session(&site.theirs.token);
    let (status, page) = site.send("GET", "/search", "/search?q=zzz", Nothing, Some(asha)).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    links_of_frame(&page)
}

#[tokio::test]
async fn what_a_tenant_is_without_is_not_there_and_nothing_else_is_missing() {
    let site = Site::new().await;
    let (_, root) = supers::super_administrator(&site).await;
    let parts = parts();
    let names: Vec<&str> = parts.iter().map(|part| part.feature.name).collect();
    assert_eq!(names, ["production", "recalls", "passports", "dashboards"]);
    let whole = frame(&site).await;
    let (admin, asha) = (By::Key(&site.keys[2].1), By::Session(&site.theirs.token));
    let mut version = 1;
    for part in &parts {
        let told = set(&site, &root, &[&format!("-{}", part.feature.name)], version).await;
        version += 1;
        assert_eq!(told["version"], version);
        for switch in told["switches"].as_array().unwrap() {
            let name = switch["name"].as_str().unwrap();
            assert_eq!(switch["on"], name != part.feature.name, "{told}");
            assert_ne!(switch["label"], format!("feature-{name}"), "it has no text");
        }
        let (mut without, mut with) = (0, 0);
        for &(method, pattern, least, sends) in ROUTES.iter() {
            if matches!(least, Anyone | Super) || pattern == "/signout" {
                continue;
            }
            let api = is_api(pattern);
            let of_it = match api {
                true => part.api.contains(&(method.to_owned(), pattern.to_owned())),
                false => part.has_page(pattern),
            };
            if !of_it && method != "GET" {
                continue;
            }
            let by = if api { admin } else { asha };
            let (status, told) = site.at_theirs(method, pattern, sends, by).await;
            let off = status == StatusCode::NOT_FOUND && told.contains("feature.off");
            assert_eq!(off, of_it, "{method} {pattern} without {}: {status} {told}", part.feature.name);
            if off {
                without += 1;
            } else {
                with += 1;
            }
        }
        assert!(without > 5 && with > 100, "{}: {without} without, {with} with", part.feature.name);
        let left = frame(&site).await;
        let gone: BTreeSet<&str> = whole.difference(&left).map(String::as_str).collect();
        let pages: BTreeSet<&str> = part.pages.iter().copied().filter(|href| *href != "/").collect();
        assert_eq!(gone, pages, "of the navigation without {}", part.feature.name);
    }
    // The first page leads to what there is, and the specification's names stand for parts.
    let told = set(&site, &root, &["purchase", "service"], version).await;
    assert_eq!(told["unused"], json!(["purchase"]));
    let on: Vec<&str> = told["switches"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|switch| switch["on"] == true)
        .map(|switch| switch["name"].as_str().unwrap())
        .collect();
    assert_eq!(on, ["recalls", "passports"]);
    let (status, _) = site.at_theirs("GET", "/", Nothing, asha).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    // And all of it is there again.
    set(&site, &root, &[], version + 1).await;
    assert_eq!(frame(&site).await, whole);
    let (status, _) = site.at_theirs("GET", "/", Nothing, asha).await;
    assert_eq!(status, StatusCode::OK);
}
