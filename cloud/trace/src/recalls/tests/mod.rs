//! Recalls on a real database, with plants that say things.

mod approval;
mod contacts;
mod delivered;
mod held;
mod http;
mod life;
mod packed;
mod report;
mod returned;
mod sheet;
mod since;
mod supplier;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::{DateTime, Duration, Utc};
use platform::ctx::Cx;
use platform::db::{DbError, Tx};
use platform::workflow::{Subject, Subjects};
use proto::v1::{Action as Which, Role, Stage};
use uuid::Uuid;

use super::error::RecallError;
use super::model::{Action, Status, Wish};
use super::{act, begin, read, worker};
use crate::genealogy::Genealogy;
use crate::ingest::Committed;
use crate::testing::{Say, Site, event, uid};

/// Bolts 1 to 6 of one lot: 1 is in a motor that is packed and sent to ACME; 2 is in
/// stock; 3 is issued to an order; 4 is on its way to VSK; 5 is scrapped; 6 is in stock
/// at VSK. And the motor and its package.
pub(super) async fn site() -> Site {
    let mut site = Site::new().await;
    site.sql(
        "insert into partners (tenant_id, partner, name, roles) values (app.tenant(), 'ACME', 'Acme Ltd', '{customer}'); \
         insert into contacts (tenant_id, contact, partner, name, email, language) values \
             (app.tenant(), 'K1', 'ACME', 'Lakshmi', 'lakshmi@acme.example', 'te'), \
             (app.tenant(), 'K2', 'ACME', 'John', 'john@acme.example', 'en'), \
             (app.tenant(), 'K3', 'ACME', 'No mail', '', 'en')",
    )
    .await;
    let lot = lot();
    for n in 1..=6 {
        let plant = if n == 6 { "VSK" } else { "KOL" };
        let mut made = event(Stage::Commission, "2026-01-10T08:00:00Z")
            .mint(&bolt(n), Role::Subject, "BOLT")
            .quantity("1", "pcs")
            .at("RACK-1");
        made.lots.push(proto::v1::Lot {
            lot_id: lot.as_bytes().to_vec(),
            item: "BOLT".into(),
            supplier: "XYZ".into(),
            supplier_lot: "HEAT-9".into(),
            ..Default::default()
        });
        made.subjects[0].lot_id = lot.as_bytes().to_vec();
        site.say(plant, made);
    }
    let (motor, package) = (uid("KOL", "FG", 1), uid("KOL", "PK", 1));
    site.say(
        "KOL",
        event(Stage::Assembly, "2026-01-11T09:00:00Z")
            .action(Which::Add)
            .mint(&motor, Role::Parent, "MOTOR")
            .quantity("1", "pcs")
            .part(&bolt(1), Role::Child),
    );
    site.say(
        "KOL",
        event(Stage::Packing, "2026-01-12T09:00:00Z")
            .action(Which::Add)
            .mint(&package, Role::Parent, "BOX")
            .part(&motor, Role::Child),
    );
    site.say(
        "KOL",
        event(Stage::Dispatch, "2026-01-13T09:00:00Z")
            .part(&package, Role::Subject)
            .document("desadv", "DC-7")
            .document("customer", "ACME"),
    );
    site.say(
        "KOL",
        event(Stage::IssueToProduction, "2026-01-13T10:00:00Z")
            .part(&bolt(3), Role::Subject)
            .document("prodorder", "WO-1"),
    );
    site.say(
        "KOL",
        event(Stage::Transfer, "2026-01-13T11:00:00Z")
            .action(Which::Add)
            .part(&bolt(4), Role::Subject)
            .document("transfer", "TR-1")
            .document("to_plant", "VSK"),
    );
    site.say("KOL", event(Stage::Scrap, "2026-01-13T12:00:00Z").part(&bolt(5), Role::Subject));
    site.settle().await;
    site
}

pub(super) fn bolt(n: u64) -> String {
    uid(if n == 6 { "VSK" } else { "KOL" }, "RM", n)
}

pub(super) fn lot() -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0077)
}

pub(super) fn now() -> DateTime<Utc> {
    "2026-02-01T10:00:00Z".parse().unwrap()
}

/// A recall of the lot and everything that it went into.
pub(super) fn wish() -> Wish {
    Wish {
        lot: "HEAT-9".into(),
        descendants: true,
        severity: "class_1".into(),
        reason: "Cracked bolts".into(),
        instructions: "Do not use. Send back.".into(),
        ..Wish::default()
    }
}

/// The kinds of documents that workflows know.
pub(super) fn subjects() -> Subjects {
    Subjects::of([&crate::recalls::approval::Recalls as &'static dyn Subject])
}

/// Nobody, by the SQL, in a tenant without workflows.
pub(super) fn by() -> act::By<'static> {
    static BY: LazyLock<(Genealogy, Subjects)> = LazyLock::new(|| (sql(), subjects()));
    act::By { genealogy: &BY.0, subjects: &BY.1, person: None }
}

/// A genealogy without memory.
pub(super) fn sql() -> Genealogy {
    Genealogy::default()
}

pub(super) async fn run<T>(
    site: &Site,
    work: impl AsyncFnOnce(&mut Tx) -> Result<T, RecallError>,
) -> Result<T, RecallError> {
    site.db.db.tx(&site.cx(), work).await
}

pub(super) async fn begun(site: &Site, wish: &Wish) -> Uuid {
    run(site, async |tx| begin::begin(tx, &sql(), wish, None, now()).await).await.unwrap()
}

pub(super) async fn acted(site: &Site, id: Uuid, action: Action) -> Result<act::Done, RecallError> {
    run(site, async |tx| act::act(tx, &by(), id, action, "", now()).await).await
}

pub(super) async fn turn(site: &Site) {
    let committed = Committed::default();
    let knows = (&committed, &sql(), &subjects());
    worker::turn(&site.db.db, site.tenant, knows, now() + Duration::minutes(1)).await.unwrap();
}

/// Labels by place.
pub(super) async fn places(site: &Site, id: Uuid) -> BTreeMap<String, i64> {
    let view = run(site, async |tx| read::view(tx, id).await).await.unwrap();
    let mut places = BTreeMap::new();
    for pile in view.piles {
        *places.entry(pile.place).or_default() += pile.labels;
    }
    places
}

/// What a drill must not touch.
pub(super) async fn untouched(site: &Site) -> String {
    site.ask(
        "select concat_ws(' ', (select count(*) from holds), (select count(*) from hold_members), \
             (select count(*) from outbox), (select count(*) from lifecycle_events), \
             (select count(*) from reference_rows), (select count(*) from stock_ledger), \
             (select count(*) from recall_letters))",
    )
    .await
}

#[test]
fn texts_are_complete_in_every_language() {
    platform::i18n::assert_complete(super::TEXTS);
}

#[test]
fn how_many_are_held_and_written_to_is_said_of_one_and_of_many() {
    use platform::i18n::{I18n, Lang, Texts};

    let all = std::sync::Arc::new(I18n::new().with_all(super::TEXTS));
    let said = |lang: Lang, labels: i64, consignees: i64| {
        let values =
            [("labels", labels.into()), ("in_hand", 0_i64.into()), ("consignees", consignees.into())];
        Texts::new(all.clone(), lang).with("recalls-activate-lead", &values)
    };
    let one = said(Lang::En, 1, 1);
    assert!(one.contains("label is held at once (") && one.contains("supplier is written to"));
    let many = said(Lang::En, 2, 0);
    assert!(many.contains("labels are held at once (") && many.contains("are written to"));
    for lang in [Lang::Hi, Lang::Bn, Lang::Te] {
        assert_ne!(said(lang, 1, 1).replace('1', "2"), said(lang, 2, 2));
    }
    assert!(said(Lang::Hi, 0, 0).contains("ग्राहकों"), "none is many");
}

#[test]
fn every_text_that_is_used_exists() {
    let all = platform::i18n::I18n::new().with_all(super::TEXTS);
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for folder in ["templates/recalls", "src/recalls", "src/recalls/pages", "src/recalls/model"] {
        for file in std::fs::read_dir(here.join(folder)).unwrap().map(|file| file.unwrap().path()) {
            if !file.is_file() {
                continue;
            }
            for piece in std::fs::read_to_string(&file).unwrap().split("\"recalls-").skip(1) {
                let key = format!("recalls-{}", piece.split('"').next().unwrap());
                if key.contains('{') {
                    continue;
                }
                assert!(all.has(&key), "{key} in {}", file.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "{seen}");
    let named = [
        ("status", super::Status::ALL.iter().map(|one| one.name()).collect::<Vec<_>>()),
        ("action", super::Action::ALL.iter().map(|one| one.name()).collect()),
        ("place", super::model::Place::ALL.iter().map(|one| one.name()).collect()),
        ("holder", super::model::Holder::ALL.iter().map(|one| one.name()).collect()),
        ("told", super::model::Told::ALL.iter().map(|one| one.name()).collect()),
        ("outcome", super::model::Outcome::ALL.iter().map(|one| one.name()).collect()),
        ("kinds", super::KindOf::ALL.iter().map(|one| one.name()).collect()),
        ("severity", super::SEVERITIES.to_vec()),
    ];
    for (what, names) in named {
        for name in names {
            assert!(all.has(&format!("recalls-{what}-{name}")), "{what} {name}");
        }
    }
    for right in super::rights::PERMISSIONS {
        assert!(all.has(&right.text_key()), "{}", right.code);
    }
    for kind in super::KINDS {
        for key in [kind.text_key(), kind.name_key(), kind.group_key()] {
            assert!(all.has(&key), "{key}");
        }
    }
}

/// Runs statements of the database's own as the tenant.
pub(super) async fn count(site: &Site, sql: &'static str) -> i64 {
    let cx = Cx::system(site.tenant);
    let found: Result<i64, DbError> =
        site.db.db.tx(&cx, async |tx| Ok(sqlx::query_scalar(sql).fetch_one(tx.conn()).await?)).await;
    found.unwrap()
}
