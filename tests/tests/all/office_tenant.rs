//! A new tenant, from nothing: made of its configuration, its first person, people,
//! rights, masters from a spreadsheet, an approval, what was changed, and all of it in
//! Telugu.

use std::collections::BTreeSet;
use std::time::Duration;

use rust_xlsxwriter::Workbook;
use serde_json::json;
use simulators::demo::world::TENANT;

use crate::office_workflow;
use crate::support::browser::Browser;
use crate::support::office::{Office, fill, set_password};
use crate::support::{Folder, until, until_within};

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
    let Some(office) = Office::start().await else { return };
    story(office, "shared", None).await;
}

/// The same people, who notice nothing of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_office_with_its_own_database_is_set_up_and_moves_into_the_shared_one() {
    let Some(mut office) = Office::start().await else { return };
    office.browser.prefix = "own-";
    story(office, "own", Some("shared")).await;
}

/// From nothing to work in Telugu, by a tenant that is placed so, and moves there in the
/// middle.
async fn story(office: Office, placement: &str, moves_to: Option<&str>) {
    let (browser, folder, url) = (&office.browser, &office.folder, office.url.clone());
    let config = folder.state().join("tenant.json");
    std::fs::write(&config, CONFIGURATION).unwrap();
    let create = ["tenant", "create", "--from", config.to_str().unwrap(), "--placement", placement];
    let made = office.cloud.run(&create.map(str::to_owned)).await.unwrap();
    assert!(made.contains(TENANT) && made.contains("KOL"), "{made}");

    // The first person comes by an administrator's link, with a password of her own.
    let link = office.invite("priya@saif.example", "Priya Rao", None).await;
    accept(browser, &link, "tenant-invitation").await;
    browser.says("#sidebar", "People").await;

    // She makes a role of the line's own, and invites somebody into it.
    browser.click("#sidebar a[href='/roles']").await;
    browser.click("#in-code").await;
    browser.press("LINE_LEAD").await;
    browser.click("#in-name").await;
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
    browser.click("#in-email").await;
    browser.press("ravi@saif.example").await;
    browser.click("#in-name").await;
    browser.press("Ravi Teja").await;
    browser.run("document.querySelector('#in-role').value = 'LINE_LEAD'", json!([])).await;
    browser.click("form[action='/users'] button[type=submit]").await;
    browser.says(".tw-alert.is-good", "ravi@saif.example").await;
    browser.pictures("tenant-people").await;
    let ravi = browser.run("return document.querySelector('[data-select]').value", json!([])).await;
    let ravi =
        format!("{url}{}", &ravi.as_str().unwrap()[ravi.as_str().unwrap().find("/invitation/").unwrap()..]);

    masters(browser, folder, &url).await;
    own_things(browser, &url).await;
    office_workflow::publish(browser, None).await;
    if let Some(to) = moves_to {
        let moved = ["tenant", "move", TENANT, "--to", to].map(str::to_owned);
        let moved = office.cloud.run(&moved).await.unwrap();
        assert!(moved.contains(to), "{moved}");
        browser.open(&format!("{url}/masters/items?q=IT-04")).await;
        browser.says("#main", "IT-04000").await;
    }

    // What she did stands in the audit, under her name.
    browser.click("#sidebar a[href='/audit']").await;
    browser.says("#main", "Priya Rao").await;
    browser.open(&format!("{url}/audit?action=user.invite")).await;
    browser.says("#main", "user.invite").await;
    browser.click("#main tbody details summary").await;
    browser.pictures("tenant-audit").await;
    browser.open(&format!("{url}/account")).await;
    browser.pictures("tenant-account").await;

    // In Telugu, on the page where she is.
    browser.open(&format!("{url}/masters/items")).await;
    let menu = "document.querySelector(\"form[action='/language']\").closest('details').open = true";
    browser.run(menu, json!([])).await;
    browser.click("form[action='/language'] button[value=te]").await;
    browser.find("html[lang=te]").await;
    browser.pictures("tenant-telugu").await;
    in_telugu(browser, &url).await;

    // He sees what his role lets him, and no more.
    browser.page.delete_all_cookies().await.unwrap();
    accept(browser, &ravi, "tenant-second").await;
    browser.says("#sidebar", "Trace").await;
    let seen = browser.text("#sidebar").await;
    for hidden in ["People", "Roles", "Audit", "Holds"] {
        assert!(!seen.contains(hidden), "{seen}");
    }
    browser.open(&format!("{url}/audit")).await;
    let refused = browser.text("body").await;
    assert!(!refused.contains("user.invite"), "{refused}");
    browser.pictures("tenant-refused").await;
    office.stop().await;
}

/// Sets a password on the page behind a link, which signs in.
async fn accept(browser: &Browser, link: &str, name: &str) {
    browser.open(link).await;
    browser.find("#password").await;
    browser.pictures(name).await;
    set_password(browser).await;
}

/// Work in Telugu: a unit is made and changed, and what the page says of it is Telugu.
async fn in_telugu(browser: &Browser, url: &str) {
    browser.open(&format!("{url}/masters/units/new")).await;
    fill(browser, &[("unit", "crate"), ("name", "పెట్టె"), ("dimension", "volume"), ("decimals", "0")]).await;
    browser.click("#main form button.btn-primary").await;
    browser.says("h1", "పెట్టె").await;
    // "Created", with her name.
    browser.says(".tw-history", "సృష్టించారు").await;
    browser.says(".tw-history", "Priya Rao").await;
    fill(browser, &[("name", "పెద్ద పెట్టె")]).await;
    browser.click("#main form button.btn-primary").await;
    // "Changed", from this to that.
    browser.says(".tw-history", "మార్చారు").await;
    browser.says(".tw-history", "పెద్ద పెట్టె").await;
    browser.pictures("tenant-telugu-unit").await;
    // And what is wrong is told in Telugu too: the code is taken.
    browser.open(&format!("{url}/masters/units/new")).await;
    fill(browser, &[("unit", "crate"), ("name", "పెట్టె"), ("dimension", "volume"), ("decimals", "0")]).await;
    browser.click("#main form button.btn-primary").await;
    let letters = "return (document.querySelector('#main .tw-wrong, #main [role=alert]')?.innerText ?? '') \
                   .match(/[\\u0c00-\\u0c7f]/g)?.length ?? 0";
    until("the refusal is in Telugu", async || {
        browser.run(letters, json!([])).await.as_u64().is_some_and(|found| found > 10)
    })
    .await;
}

/// A spreadsheet with forty mistakes is told all of them, and the mended one is
/// taken whole.
async fn masters(browser: &Browser, folder: &Folder, url: &str) {
    let upload = async |book: Vec<u8>, write: &str| {
        let path = folder.state().join("items.xlsx");
        std::fs::write(&path, book).unwrap();
        browser.open(&format!("{url}/masters/items/import")).await;
        browser.find("#file").await.send_keys(&path.display().to_string()).await.unwrap();
        browser.click(&format!("form button[name=write][value='{write}']")).await;
    };
    browser.click("#sidebar a[href='/masters']").await;
    browser.says("h1", "Masters").await;
    browser.pictures("tenant-masters").await;
    upload(items(true), "false").await;
    // The same mistake of several rows is told once, with all of them.
    let told = "return [...document.querySelectorAll('#outcome tbody tr')].flatMap((row) => \
                row.cells[0].innerText.split(',').map((at) => [at.trim(), row.cells[1].innerText.trim()]))";
    let mut named = Vec::new();
    until("all forty are named", async || {
        let rows = browser.run(told, json!([])).await;
        named = serde_json::from_value::<Vec<(String, String)>>(rows).unwrap();
        named.len() == 40
    })
    .await;
    // Each with its row in the workbook, whose first is the head, and its field.
    let expected = (1..=40_u32).map(|nth| {
        let field = match nth % 5 {
            0 => "item",
            1 => "names",
            2 => "type_code",
            3 => "base_unit",
            _ => "tracking",
        };
        ((nth * WRONG + 1).to_string(), field.to_owned())
    });
    assert_eq!(named.into_iter().collect::<BTreeSet<_>>(), expected.collect::<BTreeSet<_>>());
    browser.says("#outcome", "pzs").await;
    browser.says("#outcome", "sometimes").await;
    browser.pictures("tenant-import-mistakes").await;
    upload(items(false), "true").await;
    // As long as the server takes for one request; the page waits as long.
    let written = async || browser.text("#outcome").await.contains("5,000");
    until_within(Duration::from_secs(120), "all rows are written", written).await;
    browser.picture("tenant-import-done").await;
    browser.open(&format!("{url}/masters/items?q=IT-04")).await;
    browser.says("#main", "IT-04000").await;
    browser.pictures("tenant-items").await;
    browser.click("#main tbody a").await;
    browser.says("h1", "Item 4000").await;
    browser.pictures("tenant-item").await;
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

/// Every how many rows one is wrong: forty of 5,000.
const WRONG: u32 = 125;

/// A workbook of 5,000 items; every 125th row has a mistake, of five kinds in turn.
fn items(bad: bool) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (column, head) in (0_u16..).zip(["item", "Name (en)", "type_code", "base_unit", "tracking"]) {
        sheet.write_string(0, column, head).unwrap();
    }
    for n in 1..=5000_u32 {
        let kind = if bad && n % WRONG == 0 { n / WRONG % 5 } else { 5 };
        let item = if kind == 0 { n - 1 } else { n };
        let name = if kind == 1 { String::new() } else { format!("Item {n}") };
        let type_code = if kind == 2 { "R-M!" } else { "RM" };
        let unit = if kind == 3 { "pzs" } else { "pcs" };
        let tracking = if kind == 4 { "sometimes" } else { "unit" };
        let cells = [format!("IT-{item:05}"), name, type_code.into(), unit.into(), tracking.into()];
        for (column, cell) in (0_u16..).zip(cells) {
            sheet.write_string(n, column, cell).unwrap();
        }
    }
    book.save_to_buffer().unwrap()
}
