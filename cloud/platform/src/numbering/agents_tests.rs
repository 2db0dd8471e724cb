//! Numbers that plants' agents give, over a real Postgres.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::agents::{self, Agent, Lent, Use};
use super::tests::{Given, Office, day, keys};
use super::*;
use crate::db::DbError;

const RECEIPTS: Given<'_> = &[
    ("series", "GRN-KOL"),
    ("name", "Receipts of Kolkata"),
    ("kind", "goods_receipt"),
    ("company", "C1"),
    ("plant", "KOL"),
    ("pattern", "GRN/{FY}/{SEQ}"),
    ("width", "3"),
    ("gap_free", "false"),
    ("gst_rule", "false"),
    ("station_series", "GRN"),
    ("station_block", "10"),
];

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The agent of the plant, in its first epoch.
async fn agent(office: &Office) -> Uuid {
    let found: Result<Uuid, DbError> = office
        .test
        .db
        .tx(&office.cx, async |tx| {
            let sql = "select agent_id from agents where plant_code = 'KOL'";
            Ok(sqlx::query_scalar(sql).fetch_one(tx.conn()).await?)
        })
        .await;
    found.unwrap()
}

async fn lend(office: &Office, id: Uuid, epoch: i32, moment: &str) -> Option<Lent> {
    let agent = Agent { id, plant: "KOL", epoch };
    let lent = office
        .test
        .db
        .tx(&office.cx, async |tx| agents::lend(tx, agent, "GRN", 500, at(moment), at(moment)).await);
    lent.await.unwrap()
}

async fn tell(office: &Office, id: Uuid, numbers: &[&str]) {
    let uses: Vec<Use<'_>> =
        numbers.iter().map(|number| Use { number, day: day("2026-05-01"), event: Uuid::now_v7() }).collect();
    office.test.db.tx(&office.cx, async |tx| agents::used(tx, id, &uses).await).await.unwrap();
}

/// What is kept of the series: number and status, in order.
async fn kept(office: &Office) -> Vec<(String, String)> {
    let rows: Result<Vec<(String, String)>, DbError> = office
        .test
        .db
        .tx(&office.cx, async |tx| {
            let sql = "select number, status from document_numbers where series = 'GRN-KOL' order by number";
            Ok(sqlx::query_as(sql).fetch_all(tx.conn()).await?)
        })
        .await;
    rows.unwrap()
}

async fn leases(office: &Office) -> Vec<Lease> {
    let found: Result<_, NumberingError> =
        office.test.db.tx(&office.cx, async |tx| Ok(store::leases(tx, "GRN-KOL", None, 100).await?)).await;
    found.unwrap()
}

#[tokio::test]
async fn what_stations_cannot_give_is_refused_where_it_is_defined() {
    let office = Office::new().await;
    let one = |field: &str, key: &str| vec![(field.to_owned(), key.to_owned())];
    for (more, field, key) in [
        (("gap_free", "true"), "station_series", "check-document_series_lent_gaps"),
        (("plant", ""), "station_series", "check-document_series_lent_plant"),
        (("station_series", "grn"), "station_series", "check-document_series_station_series_check"),
        (("pattern", "GRN/{SEQ}/{FY}"), "pattern", "series-lent-pattern"),
    ] {
        assert_eq!(keys(office.define(RECEIPTS, &[more]).await), one(field, key), "{more:?}");
    }
    let many = office.define(RECEIPTS, &[("station_block", "1001")]).await;
    assert_eq!(keys(many)[0].0, "station_block");
    office.define(RECEIPTS, &[]).await.unwrap();
    let other = [("series", "GRN-2"), ("pattern", "REC/{FY}/{SEQ}"), ("automatic", "false")];
    assert_eq!(keys(office.define(RECEIPTS, &other).await), one("station_series", "series-lent-two"));
    // Another plant's stations have their own.
    let of_vsk = [other[0], other[1], ("plant", "VSK")];
    office.define(RECEIPTS, &of_vsk).await.unwrap();
}

#[tokio::test]
async fn agents_at_once_and_an_office_beside_them_get_no_number_twice() {
    let office = Arc::new(Office::new().await);
    office.define(RECEIPTS, &[]).await.unwrap();
    let first = agent(&office).await;
    let second = Uuid::now_v7();
    let more: Result<(), DbError> = office
        .test
        .db
        .tx(&office.cx, async |tx| {
            let sql = format!(
                "insert into agents (tenant_id, agent_id, name, kind, plant_code, status)
                 values ('{}', '{second}', 'KOL-2', 'plant', 'KOL', 'enrolled')",
                office.cx.tenant
            );
            sqlx::query(AssertSqlSafe(sql)).execute(tx.conn()).await?;
            Ok(())
        })
        .await;
    more.unwrap();
    let mut asked = JoinSet::new();
    for turn in 0..24 {
        let office = office.clone();
        asked.spawn(async move {
            if turn % 3 == 2 {
                let need = Need::new("goods_receipt", "C1", day("2026-05-01")).plant("KOL");
                return vec![office.take(&need).await.unwrap()];
            }
            let id = if turn % 3 == 0 { first } else { second };
            let lent = lend(&office, id, 1, "2026-05-01T06:00:00Z").await.unwrap();
            let width = usize::try_from(lent.width).unwrap();
            (lent.first..=lent.last).map(|seq| format!("{}{seq:0width$}", lent.prefix)).collect()
        });
    }
    let all: Vec<String> = asked.join_all().await.into_iter().flatten().collect();
    let once: BTreeSet<&String> = all.iter().collect();
    assert_eq!((once.len(), all.len()), (16 * 10 + 8, 16 * 10 + 8), "{all:?}");
    assert!(once.contains(&"GRN/26-27/001".to_owned()));
    let period = office.periods("GRN-KOL").await.remove(0);
    assert_eq!((period.total, period.lent, period.missing), (8, 160, 0));
}

#[tokio::test]
async fn a_range_is_for_documents_of_its_year_and_the_next_year_s_can_be_had_ahead() {
    let office = Office::new().await;
    office.define(RECEIPTS, &[]).await.unwrap();
    let id = agent(&office).await;
    let old = lend(&office, id, 1, "2026-03-20T06:00:00Z").await.unwrap();
    // The plant's midnight, not that of Greenwich.
    let turn = at("2026-03-31T18:30:00Z");
    assert_eq!((old.prefix.as_str(), old.first, old.last, old.until), ("GRN/25-26/", 1, 10, Some(turn)));
    let new = lend(&office, id, 1, "2026-03-31T18:30:00Z").await.unwrap();
    assert_eq!((new.prefix.as_str(), new.first, new.last, new.from), ("GRN/26-27/", 1, 10, Some(turn)));
    let last = lend(&office, id, 1, "2026-03-31T18:29:59Z").await.unwrap();
    assert_eq!((last.prefix.as_str(), last.first), ("GRN/25-26/", 11));
    // One that never begins again has no time.
    office
        .define(
            RECEIPTS,
            &[
                ("series", "STN"),
                ("pattern", "STN-{SEQ}"),
                ("reset", "never"),
                ("kind", "stock_transfer"),
                ("station_series", "STN"),
            ],
        )
        .await
        .unwrap();
    let agent = Agent { id, plant: "KOL", epoch: 1 };
    let now = at("2026-05-01T06:00:00Z");
    let always = office.test.db.tx(&office.cx, async |tx| agents::lend(tx, agent, "STN", 5, now, now).await);
    let always = always.await.unwrap().unwrap();
    assert_eq!((always.prefix.as_str(), always.last, always.from, always.until), ("STN-", 5, None, None));
    let none = office.test.db.tx(&office.cx, async |tx| agents::lend(tx, agent, "DC", 5, now, now).await);
    assert_eq!(none.await.unwrap(), None, "no series of that name");
}

#[tokio::test]
async fn what_was_given_out_is_kept_and_the_rest_is_void_when_the_epoch_ends() {
    let office = Office::new().await;
    office.define(RECEIPTS, &[]).await.unwrap();
    let id = agent(&office).await;
    lend(&office, id, 1, "2026-05-01T06:00:00Z").await.unwrap();
    // Every event of a receipt has its number; others have numbers of others.
    tell(&office, id, &["GRN/26-27/002", "GRN/26-27/002", "GRN/26-27/001", "PO-7", "GRN/26-27/011"]).await;
    tell(&office, id, &["GRN/26-27/002"]).await;
    let issued = |number: &str| (number.to_owned(), "issued".to_owned());
    assert_eq!(kept(&office).await, [issued("GRN/26-27/001"), issued("GRN/26-27/002")]);
    // Nobody else takes them back: the agent may be giving one out just now.
    let lease = leases(&office).await.remove(0);
    assert_eq!((lease.holder.as_str(), lease.agent_id, lease.epoch), ("agent:KOL", Some(id), Some(1)));
    for how in [Closing::Return, Closing::Burn] {
        let end =
            office.test.db.tx(&office.cx, async |tx| close(tx, lease.lease_id, how, "tidied").await).await;
        assert!(matches!(end, Err(NumberingError::State("numbering.lease_agent"))), "{end:?}");
    }
    let burn =
        async |epoch| office.test.db.tx(&office.cx, async |tx| agents::burn(tx, id, epoch).await).await;
    assert_eq!(burn(1).await.unwrap(), 0, "it is of this epoch");
    assert_eq!(burn(2).await.unwrap(), 8);
    let void = kept(&office).await;
    assert_eq!(void.iter().filter(|(_, status)| status == "void").count(), 8);
    assert_eq!(leases(&office).await[0].status, "burnt");
    // It was given out before, and told only now.
    tell(&office, id, &["GRN/26-27/003"]).await;
    assert_eq!(kept(&office).await[2], issued("GRN/26-27/003"));
    let period = office.periods("GRN-KOL").await.remove(0);
    assert_eq!((period.total, period.void, period.lent, period.missing), (10, 7, 0, 0));
    // One of which each was given out is used up.
    let next = lend(&office, id, 2, "2026-05-01T06:00:00Z").await.unwrap();
    assert_eq!((next.first, next.last), (11, 20));
    let all: Vec<String> = (11..=20).map(|seq| format!("GRN/26-27/{seq:03}")).collect();
    tell(&office, id, &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(leases(&office).await[0].status, "used");
}

#[tokio::test]
async fn a_revoked_agent_s_range_can_be_made_void_and_not_given_back() {
    let office = Office::new().await;
    office.define(RECEIPTS, &[]).await.unwrap();
    let id = agent(&office).await;
    lend(&office, id, 1, "2026-05-01T06:00:00Z").await.unwrap();
    let revoked: Result<(), DbError> = office
        .test
        .db
        .tx(&office.cx, async |tx| {
            sqlx::query("update agents set status = 'revoked' where plant_code = 'KOL'")
                .execute(tx.conn())
                .await?;
            Ok(())
        })
        .await;
    revoked.unwrap();
    let lease = leases(&office).await.remove(0).lease_id;
    let end =
        async |how| office.test.db.tx(&office.cx, async |tx| close(tx, lease, how, "scrapped").await).await;
    assert!(matches!(end(Closing::Return).await, Err(NumberingError::State("numbering.lease_agent"))));
    assert_eq!(end(Closing::Burn).await.unwrap(), 10);
}

#[tokio::test]
async fn a_cloud_from_a_backup_goes_on_after_what_agents_say_that_they_have() {
    let office = Office::new().await;
    office.define(RECEIPTS, &[]).await.unwrap();
    let id = agent(&office).await;
    let now = at("2026-05-01T06:00:00Z");
    let agent = Agent { id, plant: "KOL", epoch: 1 };
    let lift = async |prefix: &str, highest| {
        let done = office
            .test
            .db
            .tx(&office.cx, async |tx| agents::lift(tx, agent, "GRN", (prefix, highest), now).await);
        done.await.unwrap()
    };
    assert_eq!(lift("GRN/26-27/", 40).await, Some((1, 41)));
    assert_eq!(lift("GRN/26-27/", 40).await, None, "it knows by now");
    assert_eq!(lift("GRN/25-26/", 7).await, Some((1, 8)), "of the year before");
    assert_eq!(lift("OTHER-", 7).await, None);
    assert_eq!(lend(&office, id, 1, "2026-05-01T06:00:00Z").await.unwrap().first, 41);
    // What it gives out of them is kept as of any range.
    tell(&office, id, &["GRN/26-27/017"]).await;
    assert_eq!(kept(&office).await, [("GRN/26-27/017".to_owned(), "issued".to_owned())]);
}
