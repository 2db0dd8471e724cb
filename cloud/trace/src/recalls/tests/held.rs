//! What a recall says of its holds once they are released, and what releasing one takes.

use std::sync::Arc;

use axum::http::StatusCode;
use platform::i18n::{I18n, Lang, Texts};
use platform::web::Scope;
use serde_json::{Value, json};

use super::http::{Web, key};
use super::*;
use crate::recalls::report as paper;

/// The only hold of a recall in force.
async fn hold(site: &Site, id: Uuid) -> Uuid {
    let view = run(site, async |tx| read::view(tx, id).await).await.unwrap();
    let [hold] = view.holds.as_slice() else { panic!("{:?}", view.holds) };
    *hold
}

#[tokio::test]
async fn the_hold_of_a_recall_in_force_is_released_for_who_names_it() {
    let site = site().await;
    let web = Web::new(&site);
    let writer = key(&site, site.tenant, Scope::Write).await;
    let id = begun(&site, &wish()).await;
    acted(&site, id, Action::Activate).await.unwrap();
    let hold = hold(&site, id).await;
    let (api, page) = (format!("/api/v1/holds/{hold}/release"), format!("/holds/{hold}/release"));
    for sure in [json!({ "reason": "looked at" }), json!({ "reason": "looked at", "recall": "RCL-1" })] {
        let (status, told) = web.json(&writer, "POST", &api, sure).await;
        assert_eq!((status, told["code"].as_str()), (StatusCode::CONFLICT, Some("hold.of_recall")), "{told}");
        assert!(told.to_string().contains("RCL-2025-0001"), "it says which: {told}");
    }
    let (status, asked) = web.form(&writer, &page, "reason=looked+at").await;
    assert_eq!(status, StatusCode::CONFLICT);
    for part in ["RCL-2025-0001", "which is in force", "7 units", "name=\"recall\" value=\"RCL-2025-0001\""] {
        assert!(asked.contains(part), "{part}: {asked}");
    }
    assert_eq!(site.ask("select status from holds").await, "placed");
    let (_, view) = web.json(&writer, "GET", &format!("/api/v1/recalls/{id}"), Value::Null).await;
    assert_eq!((&view["held"], &view["released"]), (&json!(7), &json!([])), "{view}");
    let (status, _) = web.form(&writer, &page, "reason=looked+at&recall=RCL-2025-0001").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(site.ask("select status from holds").await, "released");
    let (_, page) = web.get(&writer, &format!("/recalls/{id}?tab=history")).await;
    assert!(page.contains("Hold released"), "{page}");
    // Of what is over nobody is asked.
    let (status, told) = web.json(&writer, "POST", &api, json!({ "reason": "again" })).await;
    assert_eq!((status, told["code"].as_str()), (StatusCode::CONFLICT, Some("hold.released")), "{told}");
}

#[tokio::test]
async fn a_recall_says_what_is_held_now_and_who_released_the_rest() {
    let site = site().await;
    let web = Web::new(&site);
    let writer = key(&site, site.tenant, Scope::Write).await;
    let id = begun(&site, &wish()).await;
    acted(&site, id, Action::Activate).await.unwrap();
    let hold = hold(&site, id).await;
    run(&site, async |tx| Ok(crate::holds::release(tx, hold, "looked at", now()).await?)).await.unwrap();
    let root = format!("/api/v1/recalls/{id}");
    let (_, view) = web.json(&writer, "GET", &root, Value::Null).await;
    assert_eq!((&view["held"], &view["recall"]["to_hold"]), (&json!(0), &json!(7)), "{view}");
    assert!(view["recall"]["held"].is_null(), "what was once held is told nowhere as held");
    let released = &view["released"][0];
    assert_eq!((&released["hold_id"], &released["labels"]), (&json!(hold), &json!(7)), "{view}");
    let (_, units) = web.json(&writer, "GET", &format!("{root}/units"), Value::Null).await;
    let units = units["units"].as_array().unwrap();
    assert!(units.iter().all(|unit| unit["hold"].is_null()), "{units:?}");
    assert_eq!(units.iter().filter(|unit| unit["was_held"] == json!(hold)).count(), 7);
    let (_, page) = web.get(&writer, &format!("/recalls/{id}")).await;
    assert!(page.contains("0 / 7") && page.contains("Hold released on"), "{page}");
    let (_, page) = web.get(&writer, &format!("/recalls/{id}?tab=units")).await;
    assert!(page.contains("Hold released on") && !page.contains(">on hold<"), "{page}");
    let told = super::report::told(&site, id).await;
    let texts = Texts::new(Arc::new(I18n::new().with_all(crate::recalls::TEXTS)), Lang::En);
    let said = report_data(&told, &texts);
    assert!(said.contains("On hold: 0 / 7") && said.contains("Hold released on"), "{said}");
    // What another hold is on is held all the same.
    let scope = crate::holds::Scope::Label {
        key: bolt(2).parse::<uid::Uid>().unwrap().key().get(),
        descendants: false,
    };
    run(&site, async |tx| Ok(crate::holds::place(tx, &sql(), &scope, "another", now()).await?))
        .await
        .unwrap();
    let view = run(&site, async |tx| read::view(tx, id).await).await.unwrap();
    assert_eq!(view.held, 1);
    let units = run(&site, async |tx| read::units(tx, id, "stock", None, None, 10).await).await.unwrap();
    let unit = units.units.iter().find(|unit| unit.uid == bolt(2)).unwrap();
    assert!(unit.hold.is_some_and(|other| other != hold) && unit.was_held.is_none(), "{unit:?}");
}

fn report_data(told: &paper::Told, texts: &Texts) -> String {
    paper::data(told, texts, chrono_tz::Asia::Kolkata, "SAIF", now()).to_string()
}
