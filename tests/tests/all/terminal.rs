//! The page of a station in a browser: a keyboard wedge, buttons, languages,
//! and what happens elsewhere shown without a reload.

use edge_agent::station::control::Verb;
use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::{Small, card, until};

const ENTER: char = '\u{e007}';

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_receives_goods_at_the_terminal_page() {
    let Some(browser) = Browser::start().await else { return };
    let world = Small::start().await;
    let listen = world.plant.site.setup.plant.terminal.listen;
    browser.open(&format!("https://{listen}/s/DOCK1")).await;
    browser.says("#what", "Ready.").await;
    browser.says("#lamp-uplink", "Office connected").await;
    browser.says("#operator", "Nobody signed in").await;
    // A warning that does not apply is not there, not even as a lamp without words.
    for lamp in ["#lamp-numbers", "#lamp-disk", "#lamp-unsent", "#question", "#label"] {
        let element = browser.find(lamp).await;
        until(&format!("{lamp} is out"), async || !element.is_displayed().await.unwrap()).await;
    }
    browser.says("#next", "Scan your badge.").await;
    browser.find("[data-verb=LOGIN]").await;
    browser.pictures("terminal-ready").await;
    buttons_are_for_gloves(&browser).await;

    // The language follows the badge.
    type_in(&browser, "BADGE-1001").await;
    browser.says("#operator", "Ananya Sen").await;
    is(&browser, "green", "login.done").await;
    for css in ["#what", "#next", "#last-title", "[data-verb=DONE]", "#station-name"] {
        let text = browser.text(css).await;
        assert!(text.chars().any(|c| ('\u{980}'..='\u{9ff}').contains(&c)), "{css} is not Bengali: {text:?}");
    }
    assert_eq!(browser.run("return document.documentElement.lang", json!([])).await, "bn");
    browser.pictures("terminal-bengali").await;
    type_in(&browser, "BADGE-1002").await;
    browser.says("#operator", "Ravi Kumar").await;
    let text = browser.text("#what").await;
    assert!(text.chars().any(|c| ('\u{900}'..='\u{97f}').contains(&c)), "not Hindi: {text:?}");
    type_in(&browser, "BADGE-1003").await;
    browser.says("#what", "Hello Meera Das").await;

    // Goods, by keyboard and buttons.
    type_in(&browser, "PO-2025-001").await;
    browser.says("#what", "Order PO-2025-001").await;
    type_in(&browser, "RM-GEAR").await;
    browser.says("#what", "Gear 24 teeth").await;
    type_in(&browser, "HEAT-4711").await;
    browser.says("#what", "Lot HEAT-4711").await;
    fill_in(&browser, "challan", &format!("CH-77{ENTER}")).await;
    browser.says("#what", "Noted: CH-77").await;
    browser.says("#draft", "Delivery note: CH-77").await;
    fill_in(&browser, "expires_on", "01312041").await;
    browser.says("#what", "Noted: 2041-01-31").await;
    browser.says("#draft", "Expires on: 2041-01-31").await;
    // A scan while a field has the focus is a scan all the same.
    fill_in(&browser, "note", &format!("{}{ENTER}", card(Verb::Help, None))).await;
    is(&browser, "green", "help").await;
    browser.click("[data-verb=QTY]").await;
    is(&browser, "green", "quantity.type").await;
    browser.click("[data-verb='2']").await;
    browser.says("#what", "2").await;
    browser.click("[data-verb=ENTER]").await;
    is(&browser, "green", "goods.quantity").await;
    browser.picture("terminal-draft").await;
    browser.click("[data-verb=DONE]").await;
    browser.says("#what", "Received: Gear 24 teeth").await;
    is(&browser, "green", "receipt.recorded").await;
    browser.says("#what", "GRN-").await;
    browser.says("#last li:first-child", "DONE — Received").await;
    browser.pictures("terminal-green").await;
    let uids = world.labels(2).await;
    label_is_shown(&browser, &uids).await;

    // A label that was misread.
    let wrong = uids[0].replace("-000001-", "-000002-");
    type_in(&browser, &wrong).await;
    browser.says("#what", "The label was misread, or it is not genuine.").await;
    is(&browser, "red", "uid.checksum").await;
    browser.pictures("terminal-red").await;

    // Neither a Hindi layout nor Caps Lock changes what was scanned.
    for (layout, caps) in [("hindi", false), ("latin", true), ("hindi", true)] {
        wedge(&browser, "PO-2025-002", layout, caps).await;
        assert_eq!(browser.text("#typed").await, "PO-2025-002", "{layout}, Caps Lock {caps}");
        key(&browser, "Enter", "Enter", false).await;
        browser.says("#what", "Order PO-2025-002").await;
        type_in(&browser, "PO-2025-001").await;
        browser.says("#what", "Order PO-2025-001").await;
    }

    // What a scanner at the same station reads shows here by itself.
    browser.run("window.notReloaded = true", json!([])).await;
    let mut scanner = world.person("DOCK1").await;
    browser.says("#operator", "Ananya Sen").await;
    is(&browser, "green", "login.handover").await;
    assert_eq!(browser.run("return document.documentElement.lang", json!([])).await, "bn");
    let next = browser.text("#next").await;
    scanner.take("PO-2025-002").await;
    browser.says("#what", "PO-2025-002").await;
    is(&browser, "green", "order.chosen").await;
    assert_ne!(browser.text("#next").await, next, "the next step is that of the scanner's answer");
    browser.says("#last li:first-child", "PO-2025-002").await;
    browser.says("#draft", "PO-2025-002").await;
    let refused = scanner.scan(&wrong).await;
    assert!(!refused.taken());
    is(&browser, "red", "uid.checksum").await;
    browser.picture("terminal-other-scanner").await;
    scanner.take(&card(Verb::Cancel, None)).await;
    is(&browser, "green", "cancelled").await;
    // What was answered before the page was opened is no news.
    browser.open(&format!("https://{listen}/s/DOCK1")).await;
    browser.find("#answer.idle").await;
    browser.says("#last", "PO-2025-002").await;
    browser.run("window.notReloaded = true", json!([])).await;
    browser.find("#answer.idle").await;

    answers_that_do_not_come(&browser).await;

    // The office is out of reach: told, and work goes on.
    world.line.cut();
    browser.find("#lamp-uplink.warn").await;
    type_in(&browser, "BADGE-1003").await;
    browser.says("#lamp-uplink", "Office not reached").await;
    type_in(&browser, "PO-2025-001").await;
    browser.says("#what", "Order PO-2025-001").await;
    browser.picture("terminal-offline").await;
    world.line.mend();
    browser.says("#lamp-uplink", "Office connected").await;
    assert_eq!(browser.run("return window.notReloaded", json!([])).await, Value::Bool(true));

    pin_is_nobodys_business(&browser, &format!("https://{listen}/s/OPEN1")).await;

    browser.open(&format!("https://{listen}/")).await;
    browser.says("main", "Receiving dock 1").await;
    browser.pictures("terminal-stations").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    world.stop().await;
}

/// Fills in a field of the draft.
async fn fill_in(browser: &Browser, field: &str, keys: &str) {
    // A click may land on a day's year; the focus begins at its first part.
    let focus = "document.querySelector(`[data-field=${arguments[0]}] input`).focus()";
    browser.run(focus, json!([field])).await;
    browser.press(keys).await;
}

/// The last label as it came out, on the page.
async fn label_is_shown(browser: &Browser, uids: &[String]) {
    browser.says("#label", "Printed").await;
    let drawn = "const p = document.getElementById('label-picture'); return p.complete && p.naturalWidth > 0";
    until("the label is drawn", async || browser.run(drawn, json!([])).await == Value::Bool(true)).await;
    let alt = browser.run("return document.getElementById('label-picture').alt", json!([])).await;
    assert!(uids.iter().any(|uid| alt == uid.as_str()), "{alt} is none of {uids:?}");
}

/// The agent hangs, an answer is lost, and at last nobody answers at all.
async fn answers_that_do_not_come(browser: &Browser) {
    let stub = "window.real ??= window.fetch; window.ids = []; window.mode = arguments[0]; \
                window.fetch = async (url, options) => { \
                if (!url.endsWith('/scan') || mode === 'well') return real(url, options); \
                ids.push(JSON.parse(options.body).id); \
                if (mode === 'hang') return new Promise((_, no) => \
                options.signal.addEventListener('abort', () => { window.mode = 'well'; no(new Error('late')); })); \
                if (mode === 'lose') { window.mode = 'note'; await real(url, options); throw new Error('lost'); } \
                if (mode === 'note') return real(url, options); \
                throw new Error('away'); }";
    // The page says so at once, and the scan is sent when the agent is back.
    browser.run(stub, json!(["hang"])).await;
    type_in(browser, "PO-2025-001").await;
    browser.find("#answer.sending").await;
    browser.says("#what", "PO-2025-001").await;
    assert_eq!(browser.text("#code").await, "");
    browser.picture("terminal-sending").await;
    type_in(browser, &card(Verb::Cancel, None)).await;
    browser.find("#lamp-unsent:not([hidden])").await;
    is(browser, "green", "cancelled").await;

    // An answer that was lost is asked for again under the same id.
    browser.run(stub, json!(["lose"])).await;
    type_in(browser, "PO-2025-002").await;
    is(browser, "green", "order.chosen").await;
    until("it is sent again", async || browser.run("return ids.length", json!([])).await == json!(2)).await;
    let ids = browser.run("return ids", json!([])).await;
    assert_eq!(ids[0], ids[1]);

    // Nobody answers: the page does not claim to know, and the same code scanned
    // again is the same scan.
    browser.run(stub, json!(["away"])).await;
    type_in(browser, "PO-2025-001").await;
    is(browser, "red", "ui.unknown").await;
    browser.says("#what", "PO-2025-001").await;
    browser.picture("terminal-unknown").await;
    browser.run("window.mode = 'note'", json!([])).await;
    type_in(browser, "PO-2025-001").await;
    is(browser, "green", "order.chosen").await;
    let ids = browser.run("return [...new Set(ids)].length", json!([])).await;
    assert_eq!(ids, json!(1), "the rescan has the id of the scan");
    browser.run("window.mode = 'well'", json!([])).await;
    type_in(browser, &card(Verb::Cancel, None)).await;
    is(browser, "green", "cancelled").await;
}

/// Neither digits typed nor digits pressed are shown while a PIN is asked for.
async fn pin_is_nobodys_business(browser: &Browser, page: &str) {
    browser.open(page).await;
    browser.find("#answer.idle").await;
    type_in(browser, "BADGE-1002").await;
    is(browser, "green", "login.pin").await;
    browser.press("25").await;
    browser.says("#typed", "••").await;
    browser.press("\u{e00c}").await;
    browser.click("[data-verb='2']").await;
    browser.says("#draft", "•").await;
    browser.says("#what", "•").await;
    assert!(!browser.text("body > main > section").await.contains('2'));
    browser.picture("terminal-pin").await;
    for digit in ["5", "8", "0"] {
        browser.click(&format!("[data-verb='{digit}']")).await;
    }
    browser.says("#draft", "••••").await;
    browser.click("[data-verb=ENTER]").await;
    is(browser, "green", "login.done").await;
    browser.says("#operator", "Ravi Kumar").await;
}

/// Types a code as a scanner with a keyboard's plug does.
async fn type_in(browser: &Browser, code: &str) {
    browser.press(&format!("{code}{ENTER}")).await;
}

/// The last answer has this colour and code.
async fn is(browser: &Browser, colour: &str, code: &str) {
    browser.says("#code", code).await;
    let class = browser.find("#answer").await.attr("class").await.unwrap().unwrap();
    assert!(class.split(' ').any(|name| name == colour), "{class}, not {colour}, for {code}");
}

/// A finger in a glove needs 20 mm: 75.6 CSS pixels.
async fn buttons_are_for_gloves(browser: &Browser) {
    let script = "return [...document.querySelectorAll('nav button, .fields input')].map((b) => \
                  [b.dataset.verb ?? b.parentNode.dataset.field, b.getBoundingClientRect().width, b.getBoundingClientRect().height])";
    let buttons = browser.run(script, json!([])).await;
    let buttons = buttons.as_array().unwrap();
    assert!(buttons.len() >= 15, "{buttons:?}");
    for button in buttons {
        let size = |nth: usize| button[nth].as_f64().unwrap();
        assert!(size(1) > 75.0 && size(2) > 75.0, "too small: {button}");
    }
}

/// Keys as a scanner presses them on a machine whose layout or Caps Lock turns
/// them into other characters.
async fn wedge(browser: &Browser, code: &str, layout: &str, caps: bool) {
    for c in code.chars() {
        let physical = match c {
            '-' => "Minus".to_owned(),
            '0'..='9' => format!("Digit{c}"),
            _ => format!("Key{}", c.to_ascii_uppercase()),
        };
        let shift = c.is_ascii_uppercase();
        let seen = match (layout, c) {
            ("hindi", 'A'..='Z') => "फ".to_owned(),
            ("hindi", '0'..='9') => char::from_u32(u32::from(c) - 0x30 + 0x966).unwrap().to_string(),
            (_, c) if caps && shift => c.to_ascii_lowercase().to_string(),
            (_, c) => c.to_string(),
        };
        key(browser, &physical, &seen, shift).await;
    }
}

async fn key(browser: &Browser, physical: &str, seen: &str, shift: bool) {
    let script = "document.dispatchEvent(new KeyboardEvent('keydown', \
                  { code: arguments[0], key: arguments[1], shiftKey: arguments[2], bubbles: true, cancelable: true }))";
    browser.run(script, json!([physical, seen, shift])).await;
}
