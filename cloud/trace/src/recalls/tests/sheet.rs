//! The units of a recall as a workbook.

use std::sync::Arc;

use axum::http::StatusCode;
use platform::i18n::{I18n, Lang, Texts};
use platform::web::{Scope, WorkSheet};
use serde_json::Value;

use super::http::{Web, key};
use super::*;
use crate::recalls::model::Answer;
use crate::recalls::{respond, sheet};

pub(super) async fn told(site: &Site, id: Uuid) -> WorkSheet {
    let texts = Texts::new(Arc::new(I18n::new().with_all(crate::recalls::TEXTS)), Lang::En);
    run(site, async |tx| sheet::sheet(tx, id, &texts, chrono_tz::Asia::Kolkata, super::contacts::ALL).await)
        .await
        .unwrap()
        .1
}

/// The cells under these heads in the row of a unit.
pub(super) fn cells<'a>(sheet: &'a WorkSheet, uid: &str, heads: &[&str]) -> Vec<&'a Value> {
    let row =
        sheet.rows.iter().find(|row| row[0] == uid).unwrap_or_else(|| panic!("{uid}: {:?}", sheet.rows));
    let at = |head: &&str| sheet.heads.iter().position(|one| one.starts_with(head)).expect("a head");
    heads.iter().map(|head| &row[at(head)]).collect()
}

#[tokio::test]
async fn the_workbook_of_a_recall_has_every_unit_and_what_became_of_it() {
    let site = site().await;
    site.sql(
        "insert into uid_aliases (tenant_id, alias, key, agent_id, epoch, seq) \
         select app.tenant(), a, key, born_agent, born_epoch, born_seq \
         from uid_registry, unnest(array['SN-2', '=SN-1']) as a where item = 'MOTOR'; \
         insert into items (tenant_id, item, name, type_code, base_unit, tracking) \
             values (app.tenant(), 'MOTOR', 'Motor of 5 kW', 'FG', 'pcs', 'unit')",
    )
    .await;
    let id = begun(&site, &wish()).await;
    acted(&site, id, Action::Activate).await.unwrap();
    let (motor, package) = (uid("KOL", "FG", 1), uid("KOL", "PK", 1));
    let gone = Answer {
        uid: motor.clone(),
        outcome: "destroyed".into(),
        reference: "SO-9".into(),
        ..Answer::default()
    };
    run(&site, async |tx| respond::respond(tx, id, &gone, |_| Ok(()), now()).await).await.unwrap();
    let found = told(&site, id).await;
    assert_eq!(found.rows.len(), 8, "all of them");
    let heads =
        ["Serial numbers", "Quantity", "Code", "Who has it", "On hold", "What became of it", "Reference"];
    let said: Vec<String> = cells(&found, &motor, &heads).iter().map(|cell| cell.to_string()).collect();
    assert_eq!(
        said,
        [
            "\"'=SN-1, SN-2\"",
            "1.0",
            "\"ACME\"",
            "\"Acme Ltd\"",
            "\"RCL-2025-0001\"",
            "\"Destroyed\"",
            "\"SO-9\""
        ]
    );
    assert_eq!(
        cells(&found, &bolt(1), &["inside of", "What became"]),
        [&Value::from(motor.clone()), &Value::Null]
    );
    assert_eq!(cells(&found, &package, &["inside of"]), [&Value::from("Counted by what is in it")]);
    assert_eq!(cells(&found, &bolt(5), &["Where", "On hold"]), [&Value::from("Scrapped"), &Value::Null]);
    // An item by its code and by its name; a reason of the tenant's list in words, and its code.
    assert_eq!(cells(&found, &motor, &["Item", "Item name"]), ["MOTOR", "Motor of 5 kW"]);
    site.sql(
        "insert into reasons (tenant_id, reason, purpose, texts) \
             values (app.tenant(), 'CRACK', 'hold', '{\"en\": \"Hairline crack\"}'); \
         update holds set reason = 'CRACK'",
    )
    .await;
    let listed = told(&site, id).await;
    assert_eq!(cells(&listed, &motor, &["On hold", "Reason code"]), ["Hairline crack", "CRACK"]);
    // What is released is told as free.
    let hold = run(&site, async |tx| read::view(tx, id).await).await.unwrap().holds[0];
    run(&site, async |tx| Ok(crate::holds::release(tx, hold, "looked at", now()).await?)).await.unwrap();
    let found = told(&site, id).await;
    assert_eq!(cells(&found, &bolt(2), &["On hold"]), [&Value::from("free again")]);
    // As a file, on the page and by API, for who sees the recall.
    let web = Web::new(&site);
    let reader = key(&site, site.tenant, Scope::Read).await;
    let (status, page) = web.get(&reader, &format!("/recalls/{id}")).await;
    assert!(status == StatusCode::OK && page.contains(&format!("/recalls/{id}/units.xlsx")), "{page}");
    let other = site.again().tenant("OTHR", &["KOL"]).await;
    let stranger = key(&site, other, Scope::Read).await;
    for path in [format!("/recalls/{id}/units.xlsx"), format!("/api/v1/recalls/{id}/units.xlsx")] {
        assert_eq!(web.bytes(&reader, &path).await.0, StatusCode::OK, "{path}");
        assert!(web.bytes(&reader, &path).await.1.starts_with(b"PK"), "{path}");
        assert_eq!(web.bytes(&stranger, &path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
}
