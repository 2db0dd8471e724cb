//! Every page of the office for everybody: judged by axe-core in light and dark, at
//! desk and phone width, and none is wider than a phone, in any language.

use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::installed;
use crate::support::office::{Office, accept};

const DESK: (u32, u32) = (1280, 800);
/// The narrowest phone that is in use.
const PHONE: (u32, u32) = (360, 740);

/// Pages that no entry of the navigation leads to.
const MORE: &[&str] = &[
    "/trace?q=nothing",
    "/masters/items",
    "/masters/items?q=zzz",
    "/masters/items/new",
    "/masters/items/import",
    "/masters/warehouses",
    "/masters/operators",
    "/masters/suppliers/new",
    "/account",
    "/account/totp",
    "/settings/signin",
    "/settings/keys",
    "/notices",
    "/notices/settings",
    "/nonsense",
];
/// Pages for whoever is not signed in.
const OUTSIDE: &[&str] =
    &["/signin", "/signin/at/NONE", "/forgot", "/invitation/nonsense", "/signin/once/nonsense"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_can_be_used_by_everybody() {
    let axe = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/axe/node_modules/axe-core/axe.min.js");
    let Some(axe) = installed("axe-core (deploy/setup.sh --tests)", &[axe]) else { return };
    let axe = std::fs::read_to_string(axe).unwrap();
    let Some(office) = Office::of_the_demo().await else { return };
    let (browser, url) = (&office.browser, office.url.clone());
    let mut wrong: Vec<String> = Vec::new();
    look(browser, &axe, &url, OUTSIDE.iter().map(|path| (*path).to_owned()).collect(), &mut wrong).await;

    let link = office.invite("priya@saif.example", "Priya Rao", None).await;
    accept(browser, &link).await;
    let mut pages = hrefs(browser, "#sidebar a[href]").await;
    assert!(pages.len() > 8, "{pages:?}");
    pages.extend(MORE.iter().map(|path| (*path).to_owned()));
    for list in ["/masters/items", "/users"] {
        browser.open(&format!("{url}{list}")).await;
        pages.extend(hrefs(browser, "#main tbody a").await.into_iter().take(1));
    }
    look(browser, &axe, &url, pages, &mut wrong).await;
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
    office.stop().await;
}

async fn hrefs(browser: &Browser, css: &str) -> Vec<String> {
    let script = "return [...document.querySelectorAll(arguments[0])].map((a) => a.getAttribute('href'))";
    let found = browser.run(script, json!([css])).await;
    found.as_array().unwrap().iter().map(|href| href.as_str().unwrap().to_owned()).collect()
}

/// Looks at pages as everybody may: in English in both lights and at both widths, in the
/// other languages on a phone.
async fn look(browser: &Browser, axe: &str, url: &str, pages: Vec<String>, wrong: &mut Vec<String>) {
    for (lang, dark, size) in [
        ("en", false, DESK),
        ("en", true, DESK),
        ("en", false, PHONE),
        ("en", true, PHONE),
        ("hi", false, PHONE),
        ("bn", false, PHONE),
        ("te", false, PHONE),
    ] {
        browser.size(size).await;
        browser.dark(dark).await;
        for page in &pages {
            browser.open(&format!("{url}{page}")).await;
            let shown = "return document.documentElement.lang";
            if browser.run(shown, json!([])).await != lang {
                let script = "const form = document.querySelector(\"form[action='/language']\"); \
                              form.requestSubmit(form.querySelector(`button[value=${arguments[0]}]`))";
                browser.run(script, json!([lang])).await;
                browser.find(&format!("html[lang={lang}]")).await;
                browser.open(&format!("{url}{page}")).await;
            }
            let at = format!("{page} ({lang}, {} wide, {})", size.0, if dark { "dark" } else { "light" });
            // What is folded away is a part of the page too; menus lie over others.
            let unfold = "for (const d of document.querySelectorAll('main details:not(.tw-menu)')) d.open = true; \
                          return document.documentElement.scrollWidth";
            let width = browser.run(unfold, json!([])).await;
            if width.as_u64().is_none_or(|width| width > u64::from(size.0)) {
                wrong.push(format!("{at}: is {width} wide"));
            }
            wrong.extend(judge(browser, axe).await.into_iter().map(|told| format!("{at}: {told}")));
        }
    }
    browser.size(DESK).await;
    browser.dark(false).await;
}

/// What axe-core finds serious or critical on the page.
async fn judge(browser: &Browser, axe: &str) -> Vec<String> {
    let script = format!(
        "{axe}; const done = arguments[arguments.length - 1]; \
         const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']; \
         axe.run(document, {{ runOnly: rules, resultTypes: ['violations'] }}).then( \
             (found) => done(found.violations.filter((v) => ['serious', 'critical'].includes(v.impact)) \
                 .flatMap((v) => v.nodes.map((n) => `${{v.id}} at ${{n.target.join(' ')}}: ${{n.html.slice(0, 120)}}`))), \
             (failed) => done([`axe: ${{failed}}`]));"
    );
    let found: Value = browser.page.execute_async(&script, vec![]).await.unwrap();
    found.as_array().unwrap().iter().map(|told| told.as_str().unwrap_or_default().to_owned()).collect()
}
