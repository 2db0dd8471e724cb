//! A customer complains of one unit, and people of quality follow it by the pages: to the
//! oven, to the suspects, to a hold that turns the scanners of two plants red, and through
//! a recall to its report.

mod goods;

use chrono::{Days, Utc};
use edge_agent::station::control::Verb;
use platform::testing::MailServer;
use serde_json::json;
use simulators::demo::plant::Site;
use simulators::demo::world::World;

use self::goods::{Goods, KOLKATA, VISAKHAPATNAM};
use crate::support::browser::Browser;
use crate::support::office::{accept, fill, invite};
use crate::support::{Folder, Person, card, until};

/// Why the units are held, as somebody types it.
const REASON: &str = "Oven above 190 °C";
const INSTRUCTIONS: &str = "Set the units apart and send them back to Kolkata.";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_complaint_leads_to_a_recall_that_is_accounted_for() {
    let Some(browser) = Browser::start().await else { return };
    let folder = Folder::new();
    let mail = MailServer::start().await;
    let settings = [
        ("TRACEWRIGHT_SMTP_URL", mail.url()),
        ("TRACEWRIGHT_MAIL_FROM", "Saif Quality <quality@saif.example>".to_owned()),
        ("TRACEWRIGHT_PUBLIC_URL", "http://trace.saif.example".to_owned()),
    ];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let mut world = World::with(&folder.state(), true, 5, &settings).await.unwrap();
    let goods = goods::make(&mut world).await;
    let url = world.cloud.url();

    let link = invite(&world.cloud, "priya@saif.example", "Priya Rao", None).await;
    accept(&browser, &link).await;
    contacts(&browser, &url).await;
    complaint(&browser, &goods).await;
    let scope = suspects(&browser, &goods).await;
    hold(&browser).await;
    for (site, badge, uid, letters) in [
        (&world.plants[0].site, KOLKATA, &goods.in_kolkata, '\u{0980}'..='\u{09ff}'),
        (&world.plants[1].site, VISAKHAPATNAM, &goods.in_visakhapatnam, '\u{0c00}'..='\u{0c7f}'),
    ] {
        let what = red(site, badge, uid).await;
        assert!(what.contains(REASON), "{what}");
        assert!(what.chars().any(|c| letters.contains(&c)), "in the language of who works there: {what}");
    }
    plants_have_it(&browser).await;
    held_units_say_why(&browser, &url, &goods).await;

    let number = begin(&browser, &scope, &goods).await;
    told(&browser, &mail, &number).await;
    answers(&browser, &mut world, &goods, &number).await;
    report(&browser, &number).await;
    close(&browser, &number).await;

    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    world.stop().await.unwrap();
}

/// Whom to write to at the customers, and in which language.
async fn contacts(browser: &Browser, url: &str) {
    for (partner, name, email, language) in [
        ("HINDVALVE", "Kavitha Iyer", "kavitha@hindvalve.example", "en"),
        ("EASTRAIL", "Bijoy Sahu", "bijoy@eastrail.example", "bn"),
    ] {
        browser.open(&format!("{url}/masters/contacts/new")).await;
        let said = [("name", name), ("partner", partner), ("email", email), ("language", language)];
        fill(browser, &said).await;
        browser.click("#main form button.btn-primary").await;
        browser.says("h1", name).await;
    }
}

/// The unit from the complaint is looked up; what it was made of leads to a gearbox whose
/// oven was too hot.
async fn complaint(browser: &Browser, goods: &Goods) {
    browser.click("#search").await;
    browser.press(&format!("{}\u{e007}", goods.actuator)).await;
    browser.says("h1", &goods.actuator).await;
    browser.says("#history ~ ol", "Dispatched").await;
    let backward = "section[aria-labelledby=backward]";
    browser.says(&format!("{backward} .tr-tree"), "SF-GEARBOX").await;
    let ends = format!("{backward} details[hx-get*='/ends/']");
    browser.click(&format!("{ends} summary")).await;
    browser.says(&ends, "oven_temperature").await;
    browser.picture("story-1-complaint").await;
    browser.click(&format!("{backward} .tr-tree a[href='/trace/{}']", goods.inside)).await;
    browser.says("h1", &goods.inside).await;
    browser.says("#history ~ ol .tr-out", "199.5").await;
    browser.says("#history ~ ol .tr-out", "175 … 190").await;
    browser.picture("story-2-oven").await;
}

/// Whatever was in the same oven around that time, narrowed down to what was too hot;
/// kept as a scope. Answers its address.
async fn suspects(browser: &Browser, goods: &Goods) -> String {
    browser.click(".tr-out a[href^='/suspects?machine=PLC2']").await;
    browser.says("#fitting h2", "5 units").await;
    browser.says("#fitting", &goods.sound).await;
    browser.picture("story-3-same-oven").await;
    browser.click("button[name=add][value=reading]").await;
    browser.find("#f1-name").await;
    fill(browser, &[("1.name", "oven_temperature")]).await;
    browser.click("form[action='/suspects'] button.btn-primary[name=ask]").await;
    browser.says("#fitting h2", "4 units").await;
    let found = browser.text("#fitting").await;
    for uid in [&goods.in_kolkata, &goods.in_visakhapatnam, &goods.sold, &goods.inside] {
        assert!(found.contains(uid.as_str()), "{uid} in {found}");
    }
    assert!(!found.contains(&goods.sound), "{found}");
    browser.picture("story-4-suspects").await;
    browser.phone("story-4-suspects").await;
    fill_in(browser, "#name", "Oven load above 190 °C").await;
    browser.click("#fitting button[name=then][value=hold]").await;
    browser.says("#main section.card", "Oven load above 190 °C").await;
    let link = "return document.querySelector(\"a[href^='/suspects/scopes/']\").href";
    browser.run(link, json!([])).await.as_str().unwrap().to_owned()
}

/// The hold is looked at, and placed.
async fn hold(browser: &Browser) {
    browser.click("form[action='/holds/look'] input[name=reason]").await;
    browser.press(REASON).await;
    browser.click("form[action='/holds/look'] input[name=descendants]").await;
    browser.picture("story-5-hold-form").await;
    browser.click("form[action='/holds/look'] button[type=submit]").await;
    // The gearboxes, and the actuator that one of them went into.
    browser.says("#main .h2", "5 units").await;
    browser.picture("story-6-hold-look").await;
    browser.click("form[action='/holds'] button[type=submit]").await;
    browser.says("h1", REASON).await;
}

/// Scans until the plant has the hold; answers what its scanner says then.
async fn red(site: &Site, badge: &str, uid: &str) -> String {
    let mut shipper = Person::at(site, "SHIP1", badge).await;
    let mut last = None;
    until("the scanner is red", async || {
        let answer = shipper.scan(uid).await;
        if answer.taken() {
            shipper.take(&card(Verb::Cancel, None)).await;
        }
        let held = (answer.colour.as_str(), answer.code.as_str()) == ("red", "label.held");
        last = Some(answer);
        held
    })
    .await;
    last.expect("it was scanned").what
}

/// The page of the hold says that both plants have it.
async fn plants_have_it(browser: &Browser) {
    let both = "return [...document.querySelectorAll('#main dd .bg-green-lt')].length";
    until("both plants have the hold", async || {
        browser.page.refresh().await.unwrap();
        browser.find("#acts").await;
        browser.run(both, json!([])).await == 2
    })
    .await;
    browser.says("#main", "Priya Rao").await;
    no_ids(browser).await;
    browser.picture("story-7-hold").await;
}

/// The history of a held unit tells why, and leads to the hold.
async fn held_units_say_why(browser: &Browser, url: &str, goods: &Goods) {
    browser.open(&format!("{url}/trace/{}", goods.in_kolkata)).await;
    browser.says("#history ~ ol", REASON).await;
    let said = browser.text("#history ~ ol").await;
    assert!(!said.contains("office"), "{said}");
    no_ids(browser).await;
    browser.picture("story-8-held").await;
    browser.click("#history ~ ol a[href^='/holds/']").await;
    browser.says("h1", REASON).await;
}

/// A recall of the scope is begun and put into force; answers its number.
async fn begin(browser: &Browser, scope: &str, goods: &Goods) -> String {
    browser.open(scope).await;
    browser.says("h1", "Oven load above 190 °C").await;
    no_ids(browser).await;
    browser.picture("story-9-scope").await;
    browser.click("a[href^='/recalls/new?scope=']").await;
    browser.says("#main section.card", "Oven load above 190 °C").await;
    let target = (Utc::now() + Days::new(14)).date_naive().to_string();
    let said = [
        ("reason", "Sealant cured too hot: it may leak"),
        ("target_on", &target),
        ("instructions", INSTRUCTIONS),
    ];
    fill(browser, &said).await;
    browser.picture("story-10-recall-form").await;
    browser.click("form[action='/recalls'] button[type=submit]").await;
    browser.says("h1", "Draft").await;
    browser.says("#main", "Priya Rao").await;
    browser.picture("story-11-draft").await;
    let number = browser.text("h1 .tw-mono").await;
    tab(browser, "units").await;
    browser.says("table", &goods.actuator).await;
    browser.picture("story-12-units").await;
    tab(browser, "overview").await;
    browser.click("form[action$='/act'] button[value=activate]").await;
    browser.says("h1", "In force").await;
    // What is with the customer too: it may come back.
    until("all of it is on hold", async || {
        browser.page.refresh().await.unwrap();
        let told = browser.text("#main .tw-bar").await;
        let held = told.split_once(" / ").and_then(|(held, of)| {
            let held = held.rsplit(|c: char| !c.is_ascii_digit()).next()?;
            let of = of.split(|c: char| !c.is_ascii_digit()).next()?;
            (held == of).then(|| held.parse::<u32>().ok())?
        });
        held.is_some_and(|held| held > 2)
    })
    .await;
    browser.picture("story-13-in-force").await;
    browser.phone("story-13-in-force").await;
    number
}

/// Letters went to the customers, each in its language; the page says so.
async fn told(browser: &Browser, mail: &MailServer, number: &str) {
    until("both customers have a letter", async || {
        let got = mail.got();
        ["kavitha@hindvalve.example", "bijoy@eastrail.example"]
            .iter()
            .all(|to| got.iter().any(|letter| letter.to.iter().any(|address| address == to)))
    })
    .await;
    let letters = mail.got();
    let of = |to: &str| {
        let found = letters.iter().find(|letter| letter.to.iter().any(|address| address == to));
        found.expect("a letter").part("text/plain")
    };
    let letter = of("kavitha@hindvalve.example");
    for part in [number, "FG-ACTUATOR Linear actuator 1 pcs", INSTRUCTIONS] {
        assert!(letter.contains(part), "{part} in {letter}");
    }
    let letter = of("bijoy@eastrail.example");
    let bengali = letter.chars().any(|c| ('\u{0980}'..='\u{09ff}').contains(&c));
    assert!(letter.contains("SF-GEARBOX ") && letter.contains(" 1 pcs") && bengali, "{letter}");

    tab(browser, "consignees").await;
    until("both letters are told as sent", async || {
        browser.page.refresh().await.unwrap();
        let told = browser.text("#main").await;
        told.matches("Sent").count() == 2 && told.contains("4 of 4 are told")
    })
    .await;
    browser.picture("story-14-told").await;
}

/// A customer answers, plants set theirs apart, and what the other customer sends back is
/// scanned: step by step more is accounted for.
async fn answers(browser: &Browser, world: &mut World, goods: &Goods, number: &str) {
    // Hind Valve Works have the actuator: the gearbox inside comes back with it.
    let said = [("HINDVALVE", "quarantined", "1"), ("KOL", "quarantined", "1"), ("VSK", "destroyed", "1")];
    for (nth, (who, outcome, count)) in said.into_iter().enumerate() {
        tab(browser, "responses").await;
        let choose = "const select = document.querySelector('#in-consignee'); \
             select.value = [...select.options].find((one) => one.text.includes(arguments[0])).value;";
        browser.find("#in-consignee").await;
        browser.run(choose, json!([who])).await;
        fill(browser, &[("found", count), (outcome, count), ("reference", &format!("ANS-{nth}"))]).await;
        if nth == 0 {
            browser.picture("story-15-answer").await;
        }
        browser.click("form[action$='/responses'] button[type=submit]").await;
        browser.says("#main table", &format!("ANS-{nth}")).await;
        browser.says("#main table", &format!("Found {count} pcs")).await;
        tab(browser, "effectiveness").await;
        browser.says("#main h2", &format!("{} / 4 pcs", nth + 1)).await;
    }
    let site = world.plants[0].site.clone();
    let mut returns = Person::at(&site, "RET1", KOLKATA).await;
    returns.take(&goods.sold).await;
    returns.take(&card(Verb::Reason, Some("DEFECTIVE"))).await;
    returns.take(&card(Verb::Done, None)).await;
    world.plants[0].wait_drained().await.unwrap();
    until("the return is counted", async || {
        browser.page.refresh().await.unwrap();
        browser.text("#main h2").await.contains("4 / 4 pcs")
    })
    .await;
    browser.says("#main h2", "100").await;
    browser.click("#main details summary").await;
    browser.says("#main details table", "4").await;
    browser.picture("story-16-effectiveness").await;
    browser.phone("story-16-effectiveness").await;
    tab(browser, "responses").await;
    browser.says("#main table", "scanned at a plant").await;
    browser.says("#main table", &goods.sold).await;
    browser.says("h1", number).await;
    browser.picture("story-17-answers").await;
}

/// The report comes as a file of the recall's number that names it.
async fn report(browser: &Browser, number: &str) {
    let fetched = "const done = arguments[0]; (async () => { \
         const answer = await fetch(document.querySelector(\"a[href$='/report']\").href); \
         const bytes = new Uint8Array(await answer.arrayBuffer()); \
         return [answer.headers.get('content-disposition'), [...bytes]]; \
         })().then(done, (failed) => done([String(failed), []]))";
    let got = browser.page.execute_async(fetched, vec![]).await.unwrap();
    let (name, bytes): (String, Vec<u8>) = serde_json::from_value(got).unwrap();
    assert!(name.contains(&format!("{number}.pdf")), "{name}");
    assert!(bytes.starts_with(b"%PDF-"), "{} bytes", bytes.len());
    // Its title, as a reader shows it: plain, or in UTF-16.
    let wide: Vec<u8> = number.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let hex: String = wide.iter().map(|byte| format!("{byte:02X}")).collect();
    let names = [number.as_bytes(), &wide, hex.as_bytes(), hex.to_lowercase().as_bytes()]
        .iter()
        .any(|part| bytes.windows(part.len()).any(|window| window == *part));
    std::fs::write(crate::support::pictures().join("story-report.pdf"), &bytes).unwrap();
    assert!(names, "the report names the recall");
}

/// The recall is closed, and its history tells who did what.
async fn close(browser: &Browser, number: &str) {
    tab(browser, "overview").await;
    browser.click("#note-close").await;
    browser.press("All units are back or set apart.").await;
    browser.click("form[action$='/act'] button[value=close]").await;
    browser.says("h1", "Closed").await;
    browser.says("#main", "All units are back or set apart.").await;
    browser.picture("story-18-closed").await;
    tab(browser, "history").await;
    browser.says("#main", "Priya Rao").await;
    no_ids(browser).await;
    browser.picture("story-19-history").await;
    browser.click("nav.tw-crumbs a").await;
    browser.says("#main table", number).await;
    browser.picture("story-20-recalls").await;
}

async fn tab(browser: &Browser, name: &str) {
    browser.click(&format!("#main nav a[href$='?tab={name}']")).await;
    browser.find(&format!("#main nav a[href$='?tab={name}'][aria-current=page]")).await;
}

/// Puts a text in the place of what a box has.
async fn fill_in(browser: &Browser, css: &str, text: &str) {
    browser.find(css).await;
    browser.run("document.querySelector(arguments[0]).value = arguments[1]", json!([css, text])).await;
}

/// Nothing on the page is told to people by an id that programs know it by.
async fn no_ids(browser: &Browser) {
    let said = browser.text("#main").await;
    let id =
        |word: &str| word.contains("user:") || word.contains("key:") || word.parse::<uuid::Uuid>().is_ok();
    let ids: Vec<&str> = said.split_whitespace().filter(|word| id(word)).collect();
    assert_eq!(ids, Vec::<&str>::new(), "{said}");
}
