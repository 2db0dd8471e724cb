//! The office's pages in a browser, over goods that a plant really made.

use std::time::Duration;

use serde_json::json;
use simulators::demo::world::TENANT;
use simulators::plant::people::{Crew, kolkata};
use simulators::plant::truth::Truth;

use crate::support::browser::{Browser, DESK};
use crate::support::{Small, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_office_finds_traces_and_holds() {
    let Some(browser) = Browser::start().await else { return };
    let mut world = Small::start().await;
    let site = world.plant.site.clone();
    let mut crew = Crew::new(&site, Truth::default(), world.office.clone(), 3, Duration::ZERO).unwrap();
    let (sent, mut coming) = tokio::sync::mpsc::unbounded_channel();
    kolkata(&mut crew, &site, 1, &sent).await.unwrap();
    let gearbox = coming.recv().await.unwrap().remove(0);
    let gear = crew.receive(&site, "PO-2025-001", "RM-GEAR", 1).await.unwrap().remove(0);
    world.plant.wait_drained().await.unwrap();

    sign_in(&browser, &world).await;
    browser.says("#latest", "").await;
    browser.pictures("office-home").await;
    browser.walls("office-home").await;

    // Find a UID, read its history, walk its genealogy both ways.
    browser.click("#ask").await;
    browser.press(&format!("{gearbox}\u{e007}")).await;
    browser.says("h1", &gearbox).await;
    browser.says("#history ~ ol", "PO-2025-010").await;
    let part = "section[aria-labelledby=backward] .tr-tree";
    browser.says(part, "RM-GEAR").await;
    browser.says(part, "RM-HOUSING").await;
    browser.click("section[aria-labelledby=backward] details summary").await;
    browser.says("section[aria-labelledby=backward] details", "HEAT-").await;
    browser.pictures("office-trace").await;
    browser.walls("office-trace").await;
    the_frame_stays(&browser).await;
    browser.click(&format!("{part} a.tr-uid")).await;
    browser.says("section[aria-labelledby=forward] .tr-tree", &gearbox).await;
    browser.pictures("office-trace-part").await;

    browser.click("#search").await;
    browser.press("PO-2025-001\u{e007}").await;
    browser.says("#main", &gear).await;
    browser.pictures("office-search").await;

    browser.click("#sidebar a[href='/exceptions']").await;
    browser.says("h1", "xceptions").await;
    browser.pictures("office-exceptions").await;
    browser.click("#sidebar a[href='/plants']").await;
    browser.says("#main", "KOL").await;
    browser.pictures("office-plants").await;
    browser.open(&format!("{}/masters/items", world.cloud.url())).await;
    browser.says("#main table", "RM-GEAR").await;
    browser.walls("office-items").await;

    a_wall_shows_figures_and_nobodys_notices(&browser, &world).await;
    a_hold_reaches_the_plant(&browser, &world, &gear).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.close().await;
    world.stop().await;
}

/// At the end of a long page the bar and the navigation are where they were.
async fn the_frame_stays(browser: &Browser) {
    let script = "const top = css => Math.round(document.querySelector(css).getBoundingClientRect().top); \
                  const go = top => scrollTo({ top, behavior: 'instant' }); \
                  go(document.documentElement.scrollHeight); \
                  const now = [scrollY > innerHeight, top('.tw-top'), top('#sidebar')]; \
                  go(0); \
                  return [now, [true, top('.tw-top'), top('#sidebar')]];";
    browser.size((1280, 480)).await;
    let places = browser.run(script, serde_json::json!([])).await;
    browser.size(DESK).await;
    assert_eq!(places[0], places[1], "scrolled to the end, and at the beginning");
}

async fn sign_in(browser: &Browser, world: &Small) {
    let url = world.cloud.url();
    let open = ["open", "--tenant", TENANT, "--url", &url].map(str::to_owned);
    let link = world.cloud.run(&open).await.unwrap();
    browser.open(link.trim()).await;
    browser.pictures("office-sign-in").await;
    browser.click("form[action^='/signin/once/'] button").await;
    browser.says("#main", "KOL").await;
    // The link works once.
    let current = browser.page.current_url().await.unwrap();
    assert!(!current.path().starts_with("/signin"), "{current}");
}

async fn a_wall_shows_figures_and_nobodys_notices(browser: &Browser, world: &Small) {
    let told = "document.dispatchEvent(new CustomEvent('tw-notice', { detail: \
                { id: arguments[0], text: 'A hold was placed', href: '/holds' } })); \
                return [document.querySelector('#toast').hidden, localStorage.getItem('tw-notice') === arguments[0]]";
    browser.open(&format!("{}/dashboards/plant?plant=KOL&wall=1", world.cloud.url())).await;
    browser.says(".db-tiles", "Units packed").await;
    browser.picture("office-wall").await;
    assert_eq!(browser.run(told, json!(["9-wall"])).await, json!([true, false]), "it waits for another page");
    // What has not come yet comes and goes, and no tile moves.
    let moved = "const place = document.querySelector('.db-behind'); \
                 const top = () => document.querySelector('.db-tiles').getBoundingClientRect().top; \
                 place.replaceChildren(); const before = top(); \
                 const line = document.createElement('p'); line.className = 'tw-alert is-warn'; \
                 line.textContent = 'Not everything has come yet from: KOL (just now). '.repeat(20); \
                 place.append(line); return top() - before";
    assert_eq!(browser.run(moved, json!([])).await.as_f64(), Some(0.0));
    // Names at the axes are whole or end in an ellipsis, however long they are.
    let drawn = "const card = document.createElement('div'); card.className = 'db-chart'; \
                 card.dataset.chart = JSON.stringify(arguments[0]); \
                 document.querySelector('.db-charts').append(card); window.twDashboards(); \
                 const all = echarts.getInstanceByDom(card).getZr().storage.getDisplayList(true); \
                 const texts = all.filter(one => one.type === 'tspan' && one.style.text); \
                 const cut = texts.filter(one => one.getPaintRect().x < 0).map(one => one.style.text); \
                 card.remove(); return [texts.length > 5, cut]";
    let names = json!([
        "KOL CNC-01 Machining centre of the first hall",
        "KOL RETURN_FROM_PRODUCTION_OF_WHAT_WAS_LEFT_OVER_AND_COUNTED_AGAIN",
        "KOL CNC-03 Machining centre of the third hall",
        "KOL CNC-04 Lathe",
    ]);
    let some = json!([4, 3, 2, 1]);
    let stages = json!({ "kind": "stack", "labels": names, "series": [{ "name": "Age", "values": some }] });
    let machines = json!({
        "kind": "pareto", "labels": names, "count": "Count", "share": "Share", "counts": some,
        "shares": some, "links": [],
    });
    for chart in [stages, machines] {
        assert_eq!(browser.run(drawn, json!([chart])).await, json!([true, []]), "{}", chart["kind"]);
    }
    browser.open(&format!("{}/dashboards/plant?plant=KOL", world.cloud.url())).await;
    browser.says(".db-tiles", "Units packed").await;
    browser.picture("office-dashboard").await;
    assert_eq!(browser.run(told, json!(["9-wall"])).await, json!([false, true]), "there it is told");
}

async fn a_hold_reaches_the_plant(browser: &Browser, world: &Small, uid: &str) {
    let mut person = world.person("ISSUE1").await;
    person.take("PO-2025-010").await;
    let version = async || world.plant.health().await.unwrap()["reference"]["version"].as_u64().unwrap();
    let before = version().await;

    browser.open(&format!("{}/trace/{uid}", world.cloud.url())).await;
    browser.click("a[href^='/holds?uid=']").await;
    browser.click("input[name=reason]").await;
    browser.press("Crack suspected").await;
    browser.picture("office-hold-form").await;
    browser.click("form[action='/holds/look'] button[type=submit]").await;
    browser.picture("office-hold-look").await;
    browser.click("form[action='/holds'] button[type=submit]").await;
    until("the plant knows of the hold", async || version().await > before).await;
    let answer = person.scan(uid).await;
    assert_eq!((answer.colour.as_str(), answer.code.as_str()), ("red", "label.held"), "{answer:?}");
    browser.says("#main", "Crack suspected").await;
    browser.pictures("office-holds").await;
    browser.open(&format!("{}/trace/{uid}", world.cloud.url())).await;
    browser.says("#main", "Crack suspected").await;
    browser.pictures("office-trace-held").await;

    browser.open(&format!("{}/holds", world.cloud.url())).await;
    let before = version().await;
    browser.click("form[action$='/release'] input[name=reason]").await;
    browser.press("Looked at").await;
    browser.click("form[action$='/release'] button").await;
    until("the plant knows of the release", async || version().await > before).await;
    let answer = person.scan(uid).await;
    assert_eq!((answer.colour.as_str(), answer.code.as_str()), ("green", "issued"), "{answer:?}");
    browser.says("#main", "Looked at").await;
    browser.open(&format!("{}/holds", world.cloud.url())).await;
    until("no hold is left", async || !browser.text("#main").await.contains("Crack suspected")).await;
}
