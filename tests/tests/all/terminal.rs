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
    for lamp in ["#lamp-numbers", "#lamp-disk"] {
        let element = browser.find(lamp).await;
        until(&format!("{lamp} is out"), async || !element.is_displayed().await.unwrap()).await;
    }
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
    scanner.take("PO-2025-002").await;
    browser.says("#last li:first-child", "PO-2025-002").await;
    browser.says("#draft", "PO-2025-002").await;
    scanner.take(&card(Verb::Cancel, None)).await;

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

    browser.open(&format!("https://{listen}/")).await;
    browser.says("main", "Receiving dock 1").await;
    browser.pictures("terminal-stations").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    world.stop().await;
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
    let script = "return [...document.querySelectorAll('nav button')].map((b) => \
                  [b.dataset.verb, b.getBoundingClientRect().width, b.getBoundingClientRect().height])";
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
