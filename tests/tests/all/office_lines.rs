//! Files and lines in a real browser: dropped and chosen files, a grid with a paste
//! of fifty rows and a scanner, sealed fields shown to who may see them.

use serde_json::json;

use crate::support::browser::Browser;
use crate::support::office::{Office, accept};
use crate::support::{Folder, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_and_lines_as_people_use_them() {
    let Some(office) = Office::of_the_demo().await else { return };
    let (browser, url) = (&office.browser, office.url.clone());
    let link = office.invite("priya@saif.example", "Priya Rao", None).await;
    accept(browser, &link).await;

    files(browser, &office.folder, &url).await;
    grid(browser, &url).await;
    sealed(browser, &url).await;
    rows(browser, &url).await;
    letters(browser, &url).await;
    languages(browser, &url).await;
    office.stop().await;
}

async fn files(browser: &Browser, folder: &Folder, url: &str) {
    browser.open(&format!("{url}/masters/units/row/kg")).await;
    browser.says(".tw-files", "No files yet").await;
    let path = folder.state().join("weights.csv");
    std::fs::write(&path, "code,mass\nA,1\n").unwrap();
    browser.find(".tw-file-add input[type=file]").await.send_keys(&path.display().to_string()).await.unwrap();
    browser.says(".tw-file-list", "weights.csv").await;
    let program = folder.state().join("weights.exe");
    std::fs::write(&program, b"MZ\x90\0").unwrap();
    browser
        .find(".tw-file-add input[type=file]")
        .await
        .send_keys(&program.display().to_string())
        .await
        .unwrap();
    browser.says(".tw-files [role=alert]", "Windows program").await;
    // Dropped from outside, as a browser makes of it.
    let drop =
        "const data = new DataTransfer(); data.items.add(new File(['%PDF-1.7 drawing'], 'drawing.pdf'));
        const box = document.querySelector('.tw-files');
        for (const kind of ['dragover', 'drop'])
            box.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: data }));";
    browser.run(drop, json!([])).await;
    browser.says(".tw-file-list", "drawing.pdf").await;
    std::fs::write(&path, "code,mass\nA,2\n").unwrap();
    let version = ".tw-file-list li form[action$='/version'] input[type=file]";
    browser.find(version).await.send_keys(&path.display().to_string()).await.unwrap();
    browser.says(".tw-file-list", "version 2").await;
    browser.pictures("lines-files").await;
    browser.click(".tw-file-list li form[action$='/delete'] button").await;
    browser.says(".tw-files", "1 deleted file").await;
    let read = "return fetch(document.querySelector('.tw-file-what a').href).then((answer) => answer.text())";
    assert_eq!(browser.run(read, json!([])).await, "%PDF-1.7 drawing");
}

async fn grid(browser: &Browser, url: &str) {
    browser.open(&format!("{url}/masters/reasons/grid")).await;
    browser.find("[data-grid]").await;
    // Fifty rows from a spreadsheet, three of them wrong, into the first empty row.
    let mut rows = String::new();
    for n in 1..=50 {
        let purpose = if [7, 21, 50].contains(&n) { "nonsense" } else { "scrap" };
        rows.push_str(&format!("GRID-{n:02}\t\"Reason, {n}\"\t{purpose}\n"));
    }
    let paste = "const rows = [...document.querySelectorAll('tbody tr')];
        const row = rows.find((row) => !('kept' in row.dataset));
        const input = row.querySelector('input');
        const data = new DataTransfer(); data.setData('text/plain', arguments[0]);
        input.focus();
        input.dispatchEvent(new ClipboardEvent('paste', { bubbles: true, cancelable: true, clipboardData: data }));";
    browser.run(paste, json!([rows])).await;
    let filled = "return [...document.querySelectorAll('tbody input')].filter((input) => input.value.startsWith('GRID-')).length";
    assert_eq!(browser.run(filled, json!([])).await, 50);
    // A column is as wide as the code in it.
    let clipped = "const input = document.querySelector('tbody td input.form-control:not([readonly])'); \
                   const before = input.value; input.value = 'A-LONG-CODE-OF-A-MATERIAL'; \
                   const clipped = input.scrollWidth > input.clientWidth; \
                   input.value = before; return clipped";
    assert_eq!(browser.run(clipped, json!([])).await, false);
    browser.click("form[action$='/grid'] button[type=submit]").await;
    browser.says("#main [role=alert]", "3 mistakes").await;
    let wrong = "return [...document.querySelectorAll('td.is-wrong')].map((cell) => cell.parentElement.querySelector('input:not([type=hidden])').value).join()";
    assert_eq!(browser.run(wrong, json!([])).await, "GRID-07,GRID-21,GRID-50");
    browser.pictures("lines-grid-mistakes").await;
    // The first mistake has the keyboard, once: who types elsewhere stays there, though
    // a part of the page comes anew.
    let at = "return document.activeElement.id || document.activeElement.closest('tr')?.querySelector('input:not([type=hidden])').value";
    assert_eq!(browser.run(at, json!([])).await, "GRID-07");
    browser
        .run("document.addEventListener('htmx:afterSettle', () => { window.settled = true; })", json!([]))
        .await;
    browser.click("#search").await;
    browser.press("grid").await;
    let settled = "return window.settled === true && document.querySelector('#found').childElementCount > 0";
    until("the search answered", async || browser.run(settled, json!([])).await == true).await;
    assert_eq!(browser.run(at, json!([])).await, "search");
    browser.press("-07").await;
    let typed = "return document.querySelector('#search').value";
    assert_eq!(browser.run(typed, json!([])).await, "grid-07");
    // A cell that is changed is not wrong any more.
    let mend = "for (const select of document.querySelectorAll('td.is-wrong select')) { \
                select.value = 'scrap'; select.dispatchEvent(new Event('input', { bubbles: true })); } \
                return document.querySelectorAll('[data-grid] .is-wrong, [data-grid] [aria-invalid]').length";
    assert_eq!(browser.run(mend, json!([])).await, 0);
    // More than it takes is not sent, and stays.
    let most = "document.querySelector('[data-grid]').dataset.most = arguments[0]";
    browser.run(most, json!(["40"])).await;
    browser.click("form[action$='/grid'] button[type=submit]").await;
    let told = "return !document.querySelector('[data-too-much]').hidden";
    until("it is told that it is too much", async || browser.run(told, json!([])).await == true).await;
    assert_eq!(browser.run(filled, json!([])).await, 50);
    browser.run(most, json!(["2000"])).await;
    browser.click("form[action$='/grid'] button[type=submit]").await;
    browser.open(&format!("{url}/masters/reasons?q=grid-5")).await;
    browser.says("#main table", "GRID-50").await;

    // The keyboard: Enter leads to the next row, and past the last one to a new one.
    browser.open(&format!("{url}/masters/reasons/grid?purpose=return")).await;
    browser.find("[data-grid]").await;
    let count = "return document.querySelectorAll('tbody tr').length";
    let before = browser.run(count, json!([])).await.as_u64().unwrap();
    browser
        .run("[...document.querySelectorAll('tbody tr')].at(-1).querySelector('input').focus()", json!([]))
        .await;
    browser.press("KEY-1\u{e007}KEY-2").await;
    assert_eq!(browser.run(count, json!([])).await, before + 1);
    let last = "return [...document.querySelectorAll('tbody tr')].slice(-2).map((row) => row.querySelector('input').value).join()";
    assert_eq!(browser.run(last, json!([])).await, "KEY-1,KEY-2");

    // A scanner: a new code is a line, the same one again counts.
    browser.open(&format!("{url}/masters/items/grid?type_code=ZZ")).await;
    browser.find("[data-grid]").await;
    browser.run("document.querySelector('[data-grid]').dataset.count = 'shelf_life_days'", json!([])).await;
    browser.click("#grid-scan").await;
    browser.press("SCAN-A\u{e007}SCAN-B\u{e007}SCAN-A\u{e007}SCAN-A\u{e007}").await;
    let lines = "return [...document.querySelectorAll('tbody tr')].map((row) => [row.querySelector(\"[name$='.item']\").value, row.querySelector(\"[name$='.shelf_life_days']\").value]).filter((line) => line[0]).join(';')";
    until("both lines are there", async || browser.run(lines, json!([])).await == "SCAN-A,3;SCAN-B,1").await;
    browser.pictures("lines-grid-scanned").await;
}

/// Switching the language keeps what one typed; and leaving it by a link asks.
async fn languages(browser: &Browser, url: &str) {
    let switch = async |code: &str, says: &str| {
        let open = "document.querySelector(\"form[action='/language']\").closest('details').open = true";
        browser.run(open, json!([])).await;
        browser.click(&format!("form[action='/language'] button[value={code}]")).await;
        let is = "return document.documentElement.lang";
        until("the language is switched", async || browser.run(is, json!([])).await == code).await;
        browser.says("h1", says).await;
    };
    let value = async |css: &str| {
        let value = "return document.querySelector(arguments[0])?.value ?? null";
        browser.run(value, json!([css])).await
    };
    browser.open(&format!("{url}/masters/suppliers/new")).await;
    for (field, typed) in [("partner", "KEEP"), ("name", "Kept Castings"), ("pan", "AAPFU0939F")] {
        browser.click(&format!("#in-{field}")).await;
        browser.press(typed).await;
    }
    switch("te", "").await;
    let restored = async || value("#in-name").await == "Kept Castings";
    until("what was typed is there again", restored).await;
    assert_eq!(value("#in-partner").await, "KEEP");
    assert_eq!(value("#in-pan").await, "", "a sealed field is not kept");
    let left = "return sessionStorage.getItem('tw-typed')";
    assert!(browser.run(left, json!([])).await.is_null(), "nothing of it stays behind");
    // Whether leaving asks, as the browser hears it.
    let asks = "return !window.dispatchEvent(new Event('beforeunload', { cancelable: true }))";
    assert_eq!(browser.run(asks, json!([])).await, true);
    browser.open(&format!("{url}/masters/suppliers/new")).await;
    assert_eq!(browser.run(asks, json!([])).await, false);

    // A page that is the answer to a form has another address: what was typed comes back
    // on the page from which it was sent.
    browser.click("#in-name").await;
    browser.press("No code").await;
    browser
        .run(
            "document.querySelectorAll('#main form [required]').forEach((input) => input.required = false)",
            json!([]),
        )
        .await;
    browser.click("#main form .btn-primary").await;
    browser.find("#main [data-wrong]").await;
    switch("en", "").await;
    until("it is there on the page of the form", async || value("#in-name").await == "No code").await;
    browser.open(&format!("{url}/masters/suppliers")).await;
}

async fn sealed(browser: &Browser, url: &str) {
    browser.open(&format!("{url}/masters/suppliers/new")).await;
    for (field, value) in [("partner", "SEALED"), ("name", "Sealed Castings"), ("pan", "AAPFU0939F")] {
        browser.click(&format!("#in-{field}")).await;
        browser.press(value).await;
    }
    browser.press("\u{e007}").await;
    browser.says("h1", "Sealed Castings").await;
    let value = "return document.querySelector('#in-pan').value";
    assert_eq!(browser.run(value, json!([])).await, "");
    browser.click("#main a[href$='show=sensitive']").await;
    until("it is shown", async || browser.run(value, json!([])).await == "AAPFU0939F").await;
    browser.open(&format!("{url}/masters/suppliers?q=AAPFU0939F")).await;
    browser.says("#main table", "SEALED").await;
    browser.open(&format!("{url}/personal?q=priya")).await;
    browser.click("#main tbody a").await;
    browser.says("#main", "Consents").await;
    browser.pictures("lines-personal").await;
    browser.open(&format!("{url}/audit?action=master.read")).await;
    browser.says("#main", "suppliers:SEALED").await;
}

/// A list by keyboard: `j` goes into it, the arrows on and back, and Enter or `o` opens the
/// row; on a phone its rows are cards.
async fn rows(browser: &Browser, url: &str) {
    browser.open(&format!("{url}/masters/units")).await;
    browser.find("[data-row]").await;
    // j, down, down, up.
    browser.press("j\u{e015}\u{e015}\u{e013}").await;
    let at = "return [...document.querySelectorAll('[data-row]')].indexOf(document.activeElement)";
    assert_eq!(browser.run(at, json!([])).await, 1);
    let card = "return getComputedStyle(document.querySelector('.tw-list tbody tr')).display";
    assert_eq!(browser.run(card, json!([])).await, "table-row");
    browser.size((360, 740)).await;
    assert_eq!(browser.run(card, json!([])).await, "grid");
    browser.picture("lines-list-phone").await;
    browser.size((1280, 800)).await;
    browser.press("\u{e007}").await;
    browser.says(".tw-crumbs", "Units").await;
    browser.find("form input[name=version]").await;
    browser.open(&format!("{url}/masters/units")).await;
    browser.find("[data-row]").await;
    browser.press("jo").await;
    browser.says(".tw-crumbs", "Units").await;
    browser.find("form input[name=version]").await;
}

/// Keys of one letter, which a person can turn off; the ones with Ctrl remain.
async fn letters(browser: &Browser, url: &str) {
    let at = "return document.activeElement.id || document.activeElement.tagName";
    for (shortcuts, reached) in [("off", "BODY"), ("", "search")] {
        browser.open(&format!("{url}/account")).await;
        let set = "document.querySelector('#in-shortcuts').value = arguments[0]";
        browser.run(set, json!([shortcuts])).await;
        browser.click("form[action='/account'] button[type=submit]").await;
        browser.says("#main [role=status]", "Saved").await;
        browser.open(&format!("{url}/masters")).await;
        browser.find("#search").await;
        browser.press("/").await;
        assert_eq!(browser.run(at, json!([])).await, reached, "shortcuts {shortcuts:?}");
        browser.run("document.activeElement.blur()", json!([])).await;
        // Ctrl+K.
        browser.press("\u{e009}k\u{e000}").await;
        assert_eq!(browser.run(at, json!([])).await, "search");
    }
}
