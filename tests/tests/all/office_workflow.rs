//! An approval from its definition to its end, in a browser: an administrator
//! publishes it, one person raises a request, another approves it in Telugu.

use serde_json::json;

use crate::support::browser::Browser;
use crate::support::office::{self, Office, set_password};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_approved_in_telugu() {
    let Some(office) = Office::of_the_demo().await else { return };
    let (browser, url) = (&office.browser, office.url.clone());
    let priya = office.invite("priya@saif.example", "Priya Rao", Some("ADMIN")).await;
    let ravi = office.invite("ravi@saif.example", "Ravi Teja", Some("BUYER")).await;
    let lata = office.invite("lata@saif.example", "Lata Devi", Some("DEPT_HEAD")).await;

    // Whoever has not come yet is not asked.
    accept(browser, &lata).await;
    accept(browser, &priya).await;
    publish(browser, Some("Lata Devi")).await;
    let request = raise(browser, &url, &ravi).await;
    approve(browser, &url).await;

    // Whoever raised it is told, and says that it is done.
    leave(browser, &url).await;
    sign_in(browser, &url, "ravi@saif.example").await;
    browser.open(&format!("{url}/notices")).await;
    browser.says("#main", "Approved: RQ-000001").await;
    browser.pictures("workflow-notice").await;
    browser.open(&request).await;
    browser.says(".tw-state", "Approved").await;
    browser.click("form[action$='/done'] button").await;
    browser.says(".tw-state", "Done").await;
    browser.click("a[href^='/approvals/']").await;
    browser.says(".tw-state", "Completed").await;
    browser.says("#main", "Lata Devi approved: Department Head Approval").await;
    browser.pictures("workflow-history").await;
    // The mistakes of a definition come as 422, of which the browser makes a note; so does that
    // publishing is asked once more.
    let mut complaints = browser.complaints().await;
    let wanted = ["/workflows - Failed to load resource", "/publish - Failed to load resource"];
    complaints.retain(|told| !told.contains("422") || !wanted.iter().any(|part| told.contains(part)));
    assert_eq!(complaints, Vec::<String>::new());
    office.stop().await;
}

/// Somebody else follows an invitation in the same browser.
async fn accept(browser: &Browser, link: &str) {
    browser.page.delete_all_cookies().await.unwrap();
    office::accept(browser, link).await;
}

async fn leave(browser: &Browser, url: &str) {
    browser.open(&format!("{url}/signin")).await;
    browser.page.delete_all_cookies().await.unwrap();
}

async fn sign_in(browser: &Browser, url: &str, email: &str) {
    browser.open(&format!("{url}/signin")).await;
    browser.click("#email").await;
    browser.press(email).await;
    set_password(browser).await;
}

async fn type_source(browser: &Browser, source: &str) {
    let set = "document.querySelector('#source').value = arguments[0]";
    browser.run(set, json!([source])).await;
}

/// Publishes the example of a definition: wrong first, then tried where there is a
/// `head` whom its first stage asks, then right.
pub async fn publish(browser: &Browser, head: Option<&str>) {
    browser.click("#sidebar a[href='/workflows']").await;
    browser.says("h1", "Workflows").await;
    browser.pictures("workflow-none").await;
    browser.click("a[href='/workflows/new']").await;
    browser.says(".tw-stages", "Accounts Review").await;
    let source = browser.run("return document.querySelector('#source').value", json!([])).await;
    let source = source.as_str().unwrap().to_owned();

    // All mistakes are named at once, with their lines, and the text stays.
    type_source(browser, &source.replace("DEPT_HEAD", "DEPT_HED").replace("amount >", "amout >")).await;
    browser.click("form[action='/workflows'] .btn-primary").await;
    browser.says("#mistakes", "DEPT_HED").await;
    browser.says("#mistakes", "amout").await;
    browser.pictures("workflow-mistakes").await;

    type_source(browser, &source).await;
    if let Some(head) = head {
        // Tried on an example before it is kept.
        browser.click("#try_amount").await;
        browser.press("60000").await;
        browser.click("button[formaction='/workflows/try']").await;
        browser.says("#main", head).await;
        browser.pictures("workflow-tried").await;
    }
    browser.click("form[action='/workflows'] .btn-primary").await;
    browser.find("#publish").await;
    browser.click("#publish").await;
    // Where a stage has nobody, that is said first, and asked once more.
    browser.find("#short, header .tw-state.is-good").await;
    let asked = browser.run("return document.querySelector('#short') !== null", json!([])).await;
    if asked == json!(true) {
        browser.says("#publish", "Publish all the same").await;
        browser.click("#publish").await;
    }
    browser.says("header .tw-state", "In force").await;
    browser.pictures("workflow-published").await;
}

/// Raises a request for less than the accountant is asked about; answers its address.
async fn raise(browser: &Browser, url: &str, link: &str) -> String {
    accept(browser, link).await;
    browser.click("#sidebar a[href='/requests']").await;
    browser.says("h1", "Requests").await;
    browser.pictures("request-none").await;
    browser.click("a[href='/requests/new']").await;
    browser.click("#in-subject").await;
    browser.press("Bearings for line 2").await;
    browser.click("#in-amount").await;
    browser.press("48,000.50").await;
    browser.run("document.querySelector('#in-plant').value = 'KOL'", json!([])).await;
    browser.click("#in-text").await;
    browser.press("The ones in line 2 are worn.").await;
    // What is asked for, scanned: a code that is scanned again counts up its line.
    browser.run("document.querySelector('[data-grid]').closest('details').open = true", json!([])).await;
    browser.click("#grid-scan").await;
    browser.press("RM-GEAR\u{e007}RM-HOUSING\u{e007}RM-GEAR\u{e007}RM-GEAR\u{e007}").await;
    browser.says("[data-said]", "RM-GEAR × 3").await;
    browser.pictures("request-new").await;
    browser.click("form[action='/requests'] button[type=submit]").await;
    browser.says("h1", "RQ-000001").await;
    browser.says("#main table", "RM-HOUSING").await;
    browser.pictures("request-raised").await;
    let address = browser.page.current_url().await.unwrap().to_string();
    // Nobody approves what they raised themselves.
    browser.click("a[href^='/approvals/']").await;
    browser.says("#main", "Lata Devi").await;
    let offered = "return document.querySelectorAll(\"form[action$='/decide']\").length";
    assert_eq!(browser.run(offered, json!([])).await, 0, "at {url}");
    address
}

async fn approve(browser: &Browser, url: &str) {
    leave(browser, url).await;
    sign_in(browser, url, "lata@saif.example").await;
    browser.open(&format!("{url}/approvals")).await;
    browser.says("#main", "Bearings for line 2").await;
    browser.pictures("workflow-inbox").await;
    let menu = "document.querySelector(\"form[action='/language']\").closest('details').open = true";
    browser.run(menu, json!([])).await;
    browser.click("form[action='/language'] button[value=te]").await;
    browser.says("h1", "ఆమోదాలు").await;
    browser.pictures("workflow-inbox-telugu").await;
    browser.click(".tw-list a[data-key=o]").await;
    browser.says("#main", "₹48,000.50").await;
    browser.pictures("workflow-instance-telugu").await;
    // By keyboard: a letter does nothing before one has gone to the row; then `c` leads
    // to the comment, and a button's letter and Enter press it.
    browser.press("a").await;
    assert_eq!(
        browser.run("return document.activeElement.dataset.key ?? null", json!([])).await,
        json!(null)
    );
    browser.press("jc").await;
    browser.press("సరే").await;
    // Escape leaves the comment: the row has the keyboard again, and a letter acts.
    browser.press("\u{e00c}").await;
    assert_eq!(
        browser.run("return document.activeElement.matches('[data-row]')", json!([])).await,
        json!(true)
    );
    browser.press("a").await;
    browser.press("\u{e007}").await;
    browser.says(".tw-state", "ఆమోదించబడింది").await;
    browser.pictures("workflow-approved-telugu").await;
    browser.open(&format!("{url}/approvals/away")).await;
    browser.says("h1", "ఎవరు బదులు").await;
    browser.pictures("workflow-away-telugu").await;
    browser.run(menu, json!([])).await;
    browser.click("form[action='/language'] button[value=en]").await;
}
