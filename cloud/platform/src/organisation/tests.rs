//! Plants against a database.

use chrono::Utc;

use super::service::{PlantError, save};
use super::store::{self, Plant};
use crate::ctx::Cx;
use crate::db::DbError;
use crate::tenancy;
use crate::testing::TestDb;

fn plant(code: &str) -> Plant {
    Plant {
        code: code.into(),
        name: "Vizag works".into(),
        company: "C1".into(),
        time_zone: "Asia/Kolkata".into(),
        languages: vec!["te".into(), "en".into()],
        address: "1 Port Road\r\nVisakhapatnam".into(),
        version: 0,
    }
}

crate::in_every_placement! {
async fn a_plant_comes_with_its_agent_and_keeps_its_code() {
    let test = TestDb::new().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let (db, cx) = (&test.db, Cx::new(tenant, "user:1"));
    save(db, &cx, &plant("VIZ"), None).await.unwrap();
    let found = async |code: &str| {
        let done: Result<_, DbError> = db.tx(&cx, async |tx| Ok(store::plant(tx, code).await?)).await;
        done.unwrap().unwrap()
    };
    let known = found("VIZ").await;
    assert_eq!((known.company.as_str(), known.address.as_str()), ("C1", "1 Port Road\nVisakhapatnam"));
    let agents: Result<Vec<_>, DbError> = db.tx(&cx, async |tx| tenancy::agents(tx).await).await;
    assert!(agents.unwrap().iter().any(|agent| agent.name == "VIZ" && agent.status == "expected"));
    // Changed by its own code alone, and by who saw it as it is.
    let stale = save(db, &cx, &plant("VIZ"), Some("VIZ")).await;
    assert!(matches!(stale, Err(PlantError::Stale)), "{stale:?}");
    let moved = Plant { code: "NEW".into(), version: known.version, ..plant("VIZ") };
    let Err(PlantError::Invalid(wrong)) = save(db, &cx, &moved, Some("VIZ")).await else { panic!("moved") };
    assert_eq!(wrong, [("code", "organisation-code-fixed")]);
    let renamed = Plant { name: "Port works".into(), version: known.version, ..plant("VIZ") };
    save(db, &cx, &renamed, Some("VIZ")).await.unwrap();
    assert_eq!(found("VIZ").await.name, "Port works");
}
}

#[tokio::test]
async fn every_mistake_is_told_and_a_plan_is_kept_to() {
    let test = TestDb::new().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let (db, cx) = (&test.db, Cx::new(tenant, "user:1"));
    let wrong = Plant {
        code: "KOL".into(),
        name: " ".into(),
        company: "NONE".into(),
        time_zone: "Mars".into(),
        languages: vec!["xx".into()],
        address: "x".repeat(501),
        version: 0,
    };
    let Err(PlantError::Invalid(told)) = save(db, &cx, &wrong, None).await else { panic!("it was taken") };
    let fields: Vec<&str> = told.iter().map(|(field, _)| *field).collect();
    assert_eq!(fields, ["name", "company", "time_zone", "languages", "address", "code"]);
    crate::plans::give_for_test(db, tenant, "TRIAL", Utc::now()).await;
    save(db, &cx, &plant("VIZ"), None).await.unwrap();
    let full = save(db, &cx, &plant("PUN"), None).await;
    let Err(PlantError::Limit(reached)) = full else { panic!("{full:?}") };
    assert_eq!((reached.allowed, reached.used), (2, 2));
}

#[test]
fn texts_are_complete() {
    crate::i18n::assert_complete(super::TEXTS);
}
