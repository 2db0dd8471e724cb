//! Files and lines in a real browser: dropped and chosen files, a grid with a paste
//! of fifty rows and a scanner, sealed fields shown to who may see them.

use serde_json::json;
use simulators::demo::cloud::Cloud;
use simulators::demo::layout::Layout;
use simulators::demo::world::TENANT;

use crate::support::browser::Browser;
use crate::support::{Folder, free_ports, until};

const PASSWORD: &str = "monsoon kettle ninety brass";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_and_lines_as_people_use_them() {
    let Some(browser) = Browser::start().await else { return };
    let folder = Folder::new();
    let layout = Layout::new(&folder.state()).unwrap();
    let [http, grpc] = free_ports();
    let mut cloud = Cloud::start(&layout, http, grpc).await.unwrap();
    let plants =
        ["kolkata.toml", "visakhapatnam.toml"].map(|name| layout.root.join("plant-configs").join(name));
    cloud.seed(&plants, &layout.root.join("plant-configs/reference/saif.toml")).await.unwrap();
    let url = cloud.url();
    let invite =
        ["user", "invite", "priya@saif.example", "--name", "Priya Rao", "--tenant", TENANT, "--url", &url];
    let link = cloud.run(&invite.map(str::to_owned)).await.unwrap();
    browser.open(link.trim()).await;
    browser.click("#password").await;
    browser.press(&format!("{PASSWORD}\u{e007}")).await;
    browser.find("#sidebar").await;

    files(&browser, &folder, &url).await;
    grid(&browser, &url).await;
    sealed(&browser, &url).await;
    browser.close().await;
    cloud.stop().await.unwrap();
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
    browser.click("form[action$='/grid'] button[type=submit]").await;
    browser.says("#main [role=alert]", "3 mistakes").await;
    let wrong = "return [...document.querySelectorAll('td.is-wrong')].map((cell) => cell.parentElement.querySelector('input:not([type=hidden])').value).join()";
    assert_eq!(browser.run(wrong, json!([])).await, "GRID-07,GRID-21,GRID-50");
    browser.pictures("lines-grid-mistakes").await;
    let mend =
        "for (const select of document.querySelectorAll('td.is-wrong select')) select.value = 'scrap';";
    browser.run(mend, json!([])).await;
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
