//! Every page of the office, and of super-administrators, for everybody: judged by
//! axe-core in light and dark, at desk and phone width, and none is wider than a phone,
//! in any language.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::office_workflow;
use crate::support::browser::Browser;
use crate::support::installed;
use crate::support::office::{Office, PASSWORD, accept, fill, set_password};

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
    "/masters/items/grid",
    "/masters/reasons/grid",
    "/masters/warehouses",
    "/masters/operators",
    "/masters/suppliers/new",
    "/requests/new",
    "/recalls/new",
    "/organisation/new",
    "/approvals/all",
    "/workflows/new",
    "/numbering/series/INV",
    "/roles/matrix",
    "/roles/matrix?q=hold&role=BUYER&role=SALES",
    "/account",
    "/account/totp",
    "/settings/brand",
    "/settings/addresses",
    "/settings/mail",
    "/settings/signin",
    "/settings/keys",
    "/notices",
    "/notices/settings",
    "/nonsense",
];
/// Pages for whoever is not signed in.
const OUTSIDE: &[&str] = &[
    "/signin",
    "/signin/at/NONE",
    "/forgot",
    "/invitation/nonsense",
    "/signin/once/nonsense",
    "/admin/signin",
    "/admin/invitation/nonsense",
];
/// Pages of super-administrators.
const ADMIN: &[&str] =
    &["/admin", "/admin/tenants/new", "/admin/plans", "/admin/admins", "/admin/audit", "/admin/databases"];
/// One page of each kind, which is judged in each of the other languages too: what
/// axe-core looks at is the same in all of them, and their widths are measured on every
/// page. One that ends with a slash is any page below it.
const KINDS: &[&str] = &[
    "/signin",
    // A list, a form, a grid of lines, a row with its history, a file that is tried first.
    "/masters/items",
    "/masters/items/new",
    "/masters/items/grid",
    "/masters/items/row/",
    "/masters/items/import",
    "/dashboards",
    "/approvals",
    // Boxes of a role, and a matrix of all of them.
    "/roles",
    "/roles/matrix",
    "/admin",
];
/// Languages besides English.
const OTHERS: [&str; 3] = ["hi", "bn", "te"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_can_be_used_by_everybody() {
    let axe = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/axe/node_modules/axe-core/axe.min.js");
    let Some(axe) = installed("axe-core (deploy/setup.sh --tests)", &[axe]) else { return };
    let axe = std::fs::read_to_string(axe).unwrap();
    let Some(office) = Office::of_the_demo().await else { return };
    let (browser, url) = (&office.browser, office.url.clone());
    let mut judge = Judge {
        browser,
        axe: &axe,
        url: &url,
        wrong: Vec::new(),
        mild: BTreeSet::new(),
        kinds: BTreeSet::new(),
    };
    judge.look(owned(OUTSIDE)).await;

    // Whoever decides, and whoever administers.
    let lata = office.invite("lata@saif.example", "Lata Devi", Some("DEPT_HEAD")).await;
    accept(browser, &lata).await;
    browser.page.delete_all_cookies().await.unwrap();
    let link = office.invite("priya@saif.example", "Priya Rao", None).await;
    accept(browser, &link).await;
    let asked = things(browser, &url).await;
    browser.open(&format!("{url}/")).await;
    let mut pages = hrefs(browser, "#sidebar a[href]").await;
    assert!(pages.len() > 8, "{pages:?}");
    pages.extend(owned(MORE));
    pages.extend(asked.clone());
    for list in ["/masters/items", "/users", "/personal?q=priya"] {
        browser.open(&format!("{url}{list}")).await;
        let first = hrefs(browser, "#main tbody a").await.into_iter().next();
        pages.push(first.unwrap_or_else(|| panic!("{list} leads nowhere")));
    }
    judge.look(pages).await;

    // What waits for a decision, for whoever decides.
    browser.page.delete_all_cookies().await.unwrap();
    browser.open(&format!("{url}/signin")).await;
    browser.click("#email").await;
    browser.press("lata@saif.example").await;
    set_password(browser).await;
    let mut waits = vec!["/approvals".to_owned()];
    waits.extend(asked);
    judge.look(waits).await;

    browser.page.delete_all_cookies().await.unwrap();
    let mut pages = owned(ADMIN);
    sign_in_to_admin(&office, &mut judge).await;
    for list in ["/admin", "/admin/plans"] {
        browser.open(&format!("{url}{list}")).await;
        let first = hrefs(browser, "#main tbody a").await.into_iter().next();
        pages.push(first.unwrap_or_else(|| panic!("{list} leads nowhere")));
    }
    judge.look(pages).await;

    let Judge { wrong, mild, kinds, .. } = judge;
    let missed: Vec<_> = KINDS.iter().flat_map(|kind| OTHERS.map(|lang| (*kind, lang))).collect();
    let missed: Vec<_> = missed.into_iter().filter(|one| !kinds.contains(one)).collect();
    assert!(missed.is_empty(), "nobody looked at {missed:?}");
    // Good practice, and no part of WCAG A or AA: told, and not failed on.
    for told in &mild {
        println!("mild: {told}");
    }
    assert!(wrong.is_empty(), "{} things are wrong:\n{}", wrong.len(), wrong.join("\n"));
    office.stop().await;
}

fn owned(paths: &[&str]) -> Vec<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

/// A workflow, a request that waits, and a series of numbers; answers the pages of the
/// request and of its approval.
async fn things(browser: &Browser, url: &str) -> Vec<String> {
    office_workflow::publish(browser, None).await;
    browser.open(&format!("{url}/requests/new")).await;
    let request =
        [("subject", "Bearings for line 2"), ("amount", "48000"), ("plant", "KOL"), ("text", "Worn.")];
    fill(browser, &request).await;
    browser.click("form[action='/requests'] button[type=submit]").await;
    browser.says("h1", "RQ-000001").await;
    let path = browser.page.current_url().await.unwrap().path().to_owned();
    let mut asked = vec![path];
    asked.extend(hrefs(browser, "#main a[href^='/approvals/']").await.into_iter().take(1));
    assert_eq!(asked.len(), 2, "{asked:?}");

    browser.open(&format!("{url}/masters/document_series/new")).await;
    browser.find("#opt-company option").await;
    let company = browser.run("return document.querySelector('#opt-company option').value", json!([])).await;
    let series = [
        ("series", "INV"),
        ("name", "Tax invoices"),
        ("kind", "sales_invoice"),
        ("company", company.as_str().unwrap()),
        ("pattern", "INV/{FY}/{SEQ}"),
    ];
    fill(browser, &series).await;
    browser.click("#main form button.btn-primary").await;
    browser.says("h1", "Tax invoices").await;
    asked
}

/// Makes a super-administrator and signs in as one: by a link, a password, and the code
/// that an authenticator shows. What is seen on the way is judged too.
async fn sign_in_to_admin(office: &Office, judge: &mut Judge<'_>) {
    let (browser, url) = (&office.browser, &office.url);
    let invite = ["admin", "invite", "root@saif.example", "--name", "Rama Iyer", "--url", url];
    let link = office.cloud.run(&invite.map(str::to_owned)).await.unwrap();
    let link = link.trim();
    judge.look(vec![link.strip_prefix(url.as_str()).unwrap().to_owned()]).await;
    browser.open(link).await;
    browser.click("#password").await;
    browser.press(&format!("{PASSWORD}\u{e007}")).await;
    browser.find("form[action='/admin/signin']").await;
    browser.click("#email").await;
    browser.press("root@saif.example").await;
    browser.click("#password").await;
    browser.press(&format!("{PASSWORD}\u{e007}")).await;
    browser.find(".tw-enrol").await;
    judge.look(vec!["/admin/signin/code".to_owned()]).await;
    browser.open(&format!("{url}/admin/signin/code")).await;
    let code = code_now(browser).await;
    browser.click("#code").await;
    browser.press(&format!("{code}\u{e007}")).await;
    browser.find("#sidebar").await;
}

/// The code that an authenticator shows now, of the key on the page (RFC 6238).
async fn code_now(browser: &Browser) -> String {
    let script = "const done = arguments[arguments.length - 1];
        const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
        const typed = document.querySelector('.tw-enrol code').textContent.replace(/[^A-Z2-7]/g, '');
        const bits = [...typed].map((c) => letters.indexOf(c).toString(2).padStart(5, '0')).join('');
        const secret = Uint8Array.from(bits.match(/.{8}/g), (byte) => parseInt(byte, 2));
        const step = new DataView(new ArrayBuffer(8));
        step.setBigUint64(0, BigInt(Math.floor(Date.now() / 30000)));
        crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-1' }, false, ['sign'])
            .then((key) => crypto.subtle.sign('HMAC', key, step.buffer))
            .then((mac) => {
                const bytes = new DataView(mac);
                const number = bytes.getUint32(bytes.getUint8(19) & 15) & 0x7fffffff;
                done(String(number % 1000000).padStart(6, '0'));
            })
            .catch((failed) => done(`${failed}`));";
    let code = browser.page.execute_async(script, vec![]).await.unwrap();
    code.as_str().unwrap().to_owned()
}

async fn hrefs(browser: &Browser, css: &str) -> Vec<String> {
    let script = "return [...document.querySelectorAll(arguments[0])].map((a) => a.getAttribute('href'))";
    let found = browser.run(script, json!([css])).await;
    found.as_array().unwrap().iter().map(|href| href.as_str().unwrap().to_owned()).collect()
}

/// What axe-core is asked for.
#[derive(Clone, Copy)]
enum Rules {
    All,
    /// What another light may change.
    Colours,
}

/// The kind of a page, where it is one that is judged in every language.
fn kind_of(page: &str) -> Option<&'static str> {
    let is = |kind: &&&str| page == **kind || (kind.ends_with('/') && page.starts_with(**kind));
    KINDS.iter().find(is).copied()
}

/// Looks at pages as everybody may, and keeps what is wrong.
struct Judge<'a> {
    browser: &'a Browser,
    axe: &'a str,
    url: &'a str,
    wrong: Vec<String>,
    /// What is less than good, and breaks no rule of WCAG A or AA.
    mild: BTreeSet<String>,
    /// Of which kinds a page was judged, in which of the other languages.
    kinds: BTreeSet<(&'static str, &'static str)>,
}

impl Judge<'_> {
    /// In English in both lights and at both widths; in the other languages on a phone.
    /// Each page is opened once in each language: light and width change under it.
    async fn look(&mut self, pages: Vec<String>) {
        for page in &pages {
            self.browser.size(DESK).await;
            self.browser.dark(false).await;
            self.open(page, "en").await;
            let at = |size: (u32, u32), light: &str| format!("{page} (en, {} wide, {light})", size.0);
            self.judge(&at(DESK, "light"), Rules::All).await;
            self.browser.dark(true).await;
            self.judge(&at(DESK, "dark"), Rules::Colours).await;
            self.browser.size(PHONE).await;
            self.fits(&at(PHONE, "dark"), PHONE).await;
            self.judge(&at(PHONE, "dark"), Rules::Colours).await;
            self.browser.dark(false).await;
            self.judge(&at(PHONE, "light"), Rules::All).await;
        }
        self.browser.size(PHONE).await;
        for lang in OTHERS {
            for page in &pages {
                self.open(page, lang).await;
                let at = format!("{page} ({lang}, {} wide, light)", PHONE.0);
                self.fits(&at, PHONE).await;
                if let Some(kind) = kind_of(page)
                    && self.kinds.insert((kind, lang))
                {
                    self.judge(&at, Rules::All).await;
                }
            }
        }
        self.browser.size(DESK).await;
        if let Some(page) = pages.first() {
            self.open(page, "en").await;
        }
    }

    /// Opens a page in a language, with everything that is folded away in it.
    async fn open(&self, page: &str, lang: &str) {
        let address = format!("{}{page}", self.url);
        self.browser.open(&address).await;
        let shown = "return document.documentElement.lang";
        if self.browser.run(shown, json!([])).await != lang {
            let script = "const form = document.querySelector(\"form[action='/language']\"); \
                          form.requestSubmit(form.querySelector(`button[value=${arguments[0]}]`))";
            self.browser.run(script, json!([lang])).await;
            self.browser.find(&format!("html[lang={lang}]")).await;
            self.browser.open(&address).await;
        }
        // Menus lie over others.
        let unfold = "for (const d of document.querySelectorAll('main details:not(.tw-menu)')) d.open = true";
        self.browser.run(unfold, json!([])).await;
    }

    /// Nothing has to be moved sideways to be read.
    async fn fits(&mut self, at: &str, size: (u32, u32)) {
        let width = self.browser.run("return document.documentElement.scrollWidth", json!([])).await;
        if width.as_u64().is_none_or(|width| width > u64::from(size.0)) {
            self.wrong.push(format!("{at}: is {width} wide"));
        }
    }

    /// What axe-core finds. Whatever breaks a rule of WCAG A or AA is wrong however
    /// mild it is, as is everything that is serious; the rest is told.
    async fn judge(&mut self, at: &str, rules: Rules) {
        let there = self.browser.run("return typeof axe", json!([])).await;
        if there == "undefined" {
            self.browser.run(self.axe, json!([])).await;
        }
        let only = match rules {
            Rules::All => json!({ "type": "tag", "values":
                ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
            Rules::Colours => json!({ "type": "rule", "values": ["color-contrast", "link-in-text-block"] }),
        };
        // Once nothing moves: a colour on its way is none that anybody reads.
        let script = "const [only, done] = arguments; (async () => { \
             const frame = () => new Promise(requestAnimationFrame); \
             for (let calm = 0; calm < 2; calm++) { await frame(); \
                 if (document.getAnimations().some((a) => a.playState === 'running')) calm = 0; } \
             const found = await axe.run(document, { runOnly: only, resultTypes: ['violations'] }); \
             return found.violations.flatMap((v) => v.nodes.map((n) => ({ \
                 must: v.tags.some((tag) => /^wcag2\\d?a{1,2}$/.test(tag)) || ['serious', 'critical'].includes(v.impact), \
                 told: `${v.id} (${v.impact}) at ${n.target.join(' ')}: ${n.html.slice(0, 120)}` }))); \
             })().then(done, (failed) => done([{ must: true, told: `axe: ${failed}` }]))";
        let found: Value = self.browser.page.execute_async(script, vec![only]).await.unwrap();
        for one in found.as_array().unwrap() {
            let told = format!("{at}: {}", one["told"].as_str().unwrap_or_default());
            if one["must"] == true {
                self.wrong.push(told);
            } else {
                self.mild.insert(told);
            }
        }
    }
}
