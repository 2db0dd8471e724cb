//! A new tenant, from nothing: made of its configuration, its first person, people,
//! rights, masters from a spreadsheet, an approval, what was changed, and all of it in
//! Telugu.

use std::fmt::Write;

use serde_json::json;
use simulators::demo::cloud::Cloud;
use simulators::demo::layout::Layout;
use simulators::demo::world::TENANT;

use crate::office_workflow;
use crate::support::browser::Browser;
use crate::support::{Folder, free_ports, until};

const PASSWORD: &str = "monsoon kettle ninety brass";

/// As in the specification.
const CONFIGURATION: &str = r#"{
  "tenant_id": "saif-kolkata", "name": "Saif Automations - Kolkata", "timezone": "Asia/Kolkata",
  "currency": "INR", "language": "en", "features": ["purchase", "production", "sales", "service"],
  "plants": [
    {"plant_id": "PLANT-KOL-001", "name": "Kolkata Manufacturing"},
    {"plant_id": "PLANT-VSK-001", "name": "Visakhapatnam Facility"}
  ]
}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_office_is_set_up_by_its_own_people() {
    let Some(browser) = Browser::start().await else { return };
    let folder = Folder::new();
    let layout = Layout::new(&folder.state()).unwrap();
    let [http, grpc] = free_ports();
    let mut cloud = Cloud::start(&layout, http, grpc).await.unwrap();
    let config = folder.state().join("tenant.json");
    std::fs::write(&config, CONFIGURATION).unwrap();
    let create = ["tenant", "create", "--config", config.to_str().unwrap()];
    let made = cloud.run(&create.map(str::to_owned)).await.unwrap();
    assert!(made.contains(TENANT) && made.contains("KOL"), "{made}");
    let url = cloud.url();

    // The first person comes by an administrator's link, with a password of her own.
    let invite =
        ["user", "invite", "priya@saif.example", "--name", "Priya Rao", "--tenant", TENANT, "--url", &url];
    let link = cloud.run(&invite.map(str::to_owned)).await.unwrap();
    accept(&browser, link.trim(), "tenant-invitation").await;
    browser.says("#sidebar", "People").await;

    // She makes a role of the line's own, and invites somebody into it.
    browser.click("#sidebar a[href='/roles']").await;
    browser.click("#code").await;
    browser.press("LINE_LEAD").await;
    browser.click("#role-name").await;
    browser.press("Line lead\u{e007}").await;
    browser.says("#main", "LINE_LEAD").await;
    for permission in ["trace.read", "exception.read"] {
        browser.click(&format!("form[action='/roles/LINE_LEAD'] input[value='{permission}']")).await;
    }
    browser.click("form[action='/roles/LINE_LEAD'] button").await;
    let kept = "return document.querySelectorAll(\"form[action='/roles/LINE_LEAD'] input:checked\").length";
    until("the rights are kept", async || browser.run(kept, json!([])).await == 2).await;
    browser.pictures("tenant-roles").await;
    browser.click("#sidebar a[href='/users']").await;
    browser.click("#email").await;
    browser.press("ravi@saif.example").await;
    browser.click("#name").await;
    browser.press("Ravi Teja").await;
    browser.run("document.querySelector('#role').value = 'LINE_LEAD'", json!([])).await;
    browser.click("form[action='/users'] button[type=submit]").await;
    browser.says(".tw-alert.is-good", "ravi@saif.example").await;
    browser.pictures("tenant-people").await;
    let ravi = browser.run("return document.querySelector('[data-select]').value", json!([])).await;
    let ravi =
        format!("{url}{}", &ravi.as_str().unwrap()[ravi.as_str().unwrap().find("/invitation/").unwrap()..]);

    masters(&browser, &folder, &url).await;
    own_things(&browser, &url).await;
    // She is who an approval asks, and publishes it.
    browser.click("#sidebar a[href='/users']").await;
    browser.says("#main tbody", "Priya Rao").await;
    let own =
        "[...document.querySelectorAll('#main tbody a')].find(a => a.textContent == 'Priya Rao').click()";
    browser.run(own, json!([])).await;
    browser.click("#main input[value='DEPT_HEAD']").await;
    browser.click("#main form[action$='/roles'] button[type=submit]").await;
    let kept = "return document.querySelector(\"#main input[value='DEPT_HEAD']\")?.defaultChecked ?? false";
    until("the role is kept", async || browser.run(kept, json!([])).await == true).await;
    office_workflow::publish(&browser, "Priya Rao").await;

    // What she did stands in the audit, under her name.
    browser.click("#sidebar a[href='/audit']").await;
    browser.says("#main", "Priya Rao").await;
    browser.open(&format!("{url}/audit?action=user.invite")).await;
    browser.says("#main", "user.invite").await;
    browser.click("#main details summary").await;
    browser.pictures("tenant-audit").await;
    browser.open(&format!("{url}/account")).await;
    browser.pictures("tenant-account").await;

    // In Telugu, on the page where she is.
    browser.open(&format!("{url}/masters/items")).await;
    let menu = "document.querySelector(\"form[action='/language']\").closest('details').open = true";
    browser.run(menu, json!([])).await;
    browser.click("form[action='/language'] button[value=te]").await;
    browser.says("html", "వ").await;
    browser.pictures("tenant-telugu").await;

    // He sees what his role lets him, and no more.
    browser.page.delete_all_cookies().await.unwrap();
    accept(&browser, &ravi, "tenant-second").await;
    browser.says("#sidebar", "Trace").await;
    let seen = browser.text("#sidebar").await;
    for hidden in ["People", "Roles", "Audit", "Holds"] {
        assert!(!seen.contains(hidden), "{seen}");
    }
    browser.open(&format!("{url}/audit")).await;
    let refused = browser.text("body").await;
    assert!(!refused.contains("user.invite"), "{refused}");
    browser.pictures("tenant-refused").await;
    browser.close().await;
    cloud.stop().await.unwrap();
}

/// Sets a password on the page behind a link, which signs in.
async fn accept(browser: &Browser, link: &str, name: &str) {
    browser.open(link).await;
    browser.find("#password").await;
    browser.pictures(name).await;
    browser.click("#password").await;
    browser.press(&format!("{PASSWORD}\u{e007}")).await;
    browser.find("#sidebar").await;
}

/// A spreadsheet with forty mistakes is told all of them, and the mended one is
/// taken whole.
async fn masters(browser: &Browser, folder: &Folder, url: &str) {
    let upload = async |text: String, write: &str| {
        let path = folder.state().join("items.csv");
        std::fs::write(&path, text).unwrap();
        browser.open(&format!("{url}/masters/items/import")).await;
        browser.find("#file").await.send_keys(&path.display().to_string()).await.unwrap();
        browser.click(&format!("form button[name=write][value='{write}']")).await;
    };
    browser.click("#sidebar a[href='/masters']").await;
    browser.says("h1", "Masters").await;
    browser.pictures("tenant-masters").await;
    upload(items(true), "false").await;
    let told = "return document.querySelectorAll('#outcome tbody tr').length";
    until("all forty are named", async || browser.run(told, json!([])).await == 40).await;
    browser.pictures("tenant-import-mistakes").await;
    upload(items(false), "true").await;
    browser.says("#outcome", "5,000").await;
    browser.picture("tenant-import-done").await;
    browser.open(&format!("{url}/masters/items?q=IT-04")).await;
    browser.says("#main", "IT-04000").await;
    browser.pictures("tenant-items").await;
    browser.click("#main tbody a").await;
    browser.says("h1", "Item 4000").await;
    browser.pictures("tenant-item").await;
}

/// Fills inputs of the page's form by their names, and sends it.
async fn fill(browser: &Browser, values: &[(&str, &str)]) {
    browser.find("#main form [name]").await;
    let script = "for (const [name, value] of arguments[0]) { \
                  const input = document.querySelector(`#main form [name='${name}']:not([type=hidden])`); \
                  if (input.type === 'checkbox') input.checked = value === 'true'; else input.value = value; \
                  input.dispatchEvent(new Event('input', { bubbles: true })); }";
    browser.run(script, json!([values])).await;
}

/// What an organisation sets up itself: a field of its own, a view, a series of
/// numbers; and all of it is found from one box, by keys.
async fn own_things(browser: &Browser, url: &str) {
    browser.open(&format!("{url}/masters/custom_fields/new")).await;
    let colour = [
        ("master", "items"),
        ("field", "colour"),
        ("labels.en", "Colour"),
        ("kind", "choice"),
        ("choices", "red;blue"),
        ("listed", "true"),
    ];
    fill(browser, &colour).await;
    browser.pictures("tenant-own-field").await;
    browser.click("#main form button.btn-primary").await;
    browser.says("h1", "Colour").await;

    browser.open(&format!("{url}/masters/items/row/IT-04000")).await;
    fill(browser, &[("custom.colour", "red"), ("lead_time_days", "14")]).await;
    let open = "document.querySelector('.tw-at-plants').open = true";
    browser.run(open, json!([])).await;
    browser.pictures("tenant-item-own").await;
    browser.click("#main form button.btn-primary").await;
    browser.says(".tw-history", "Colour").await;

    browser.open(&format!("{url}/masters/items?custom.colour=red")).await;
    browser.says("#main tbody", "IT-04000").await;
    browser.click(".tw-views summary").await;
    browser.pictures("tenant-views").await;
    browser.click("#view-name").await;
    browser.press("Red ones\u{e007}").await;
    browser.says(".tw-views summary", "Red ones").await;
    browser.says("#main tbody", "red").await;

    browser.open(&format!("{url}/masters/document_series/new")).await;
    browser.find("#opt-company option").await;
    let company = browser.run("return document.querySelector('#opt-company option').value", json!([])).await;
    let series = [
        ("series", "INV"),
        ("name", "Tax invoices"),
        ("kind", "sales_invoice"),
        ("company", company.as_str().unwrap()),
        ("pattern", "INVOICE/{FY}/{SEQ}"),
    ];
    fill(browser, &series).await;
    browser.says(".tw-aside", "19 characters").await;
    fill(browser, &[("pattern", "INV/{FY}/{SEQ}")]).await;
    browser.says(".tw-aside", "15 / 16").await;
    browser.pictures("tenant-series").await;
    browser.click("#main form button.btn-primary").await;
    browser.says("h1", "Tax invoices").await;
    browser.open(&format!("{url}/numbering/series/INV")).await;
    browser.click("#skip-reason").await;
    browser.press("Spoilt form\u{e007}").await;
    browser.says("table", "00001").await;
    browser.pictures("tenant-series-numbers").await;
    browser.open(&format!("{url}/numbering")).await;
    browser.says("#main", "Spoilt form").await;
    browser.pictures("tenant-numbering").await;

    // By keys alone: into the box, to the second result and back, and there.
    browser.find("main").await;
    browser.press("/").await;
    browser.says("#found", "Masters").await;
    browser.press("it-04000").await;
    browser.says("#found", "Item 4000").await;
    browser.pictures("tenant-search-box").await;
    browser.press("\u{e015}\u{e007}").await;
    browser.says("h1", "Item 4000").await;
    browser.press("\u{e009}k").await;
    browser.press("\u{e000}new: tax").await;
    browser.says("#found", "New: Tax rates").await;
    browser.press("\u{e015}\u{e007}").await;
    browser.says(".tw-crumbs", "Tax rates").await;
}

/// 5,000 items; every 125th names a unit that there is not.
fn items(bad: bool) -> String {
    let mut text = String::from("item,Name (en),type_code,base_unit,tracking\n");
    for n in 1..=5000 {
        let unit = if bad && n % 125 == 0 { "pzs" } else { "pcs" };
        writeln!(text, "IT-{n:05},Item {n},RM,{unit},unit").unwrap();
    }
    text
}
