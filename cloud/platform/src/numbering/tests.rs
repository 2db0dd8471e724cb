//! Numbers over a real Postgres: each once, without gaps, by many at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{NaiveDate, Utc};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::*;
use crate::ctx::Cx;
use crate::i18n::assert_complete;
use crate::masters::{Engine, MastersError, create, delete, update};
use crate::testing::TestDb;

pub(super) struct Office {
    pub(super) test: TestDb,
    pub(super) cx: Cx,
    engine: Engine,
}

pub(super) type Given<'a> = &'a [(&'a str, &'a str)];

const INVOICES: Given<'_> = &[
    ("series", "INV"),
    ("name", "Invoices"),
    ("kind", "sales_invoice"),
    ("company", "C1"),
    ("pattern", "INV/{FY}/{SEQ}"),
];

impl Office {
    pub(super) async fn new() -> Self {
        let test = TestDb::new().await;
        let tenant = test.tenant("SAIF", &["KOL", "VSK"]).await;
        Self { test, cx: Cx::new(tenant, "user:tests"), engine: Engine::default() }
    }

    pub(super) async fn define(&self, given: Given<'_>, more: Given<'_>) -> Result<(), MastersError> {
        let shapes = self.engine.shapes(&self.test.db).await?;
        let cells = given.iter().chain(more).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        create(&self.test.db, &self.cx, shapes.find("document_series")?, cells).await.map(drop)
    }

    pub(super) async fn take(&self, need: &Need<'_>) -> Result<String, NumberingError> {
        self.test.db.tx(&self.cx, async |tx| Ok(take(tx, need).await?.number)).await
    }

    pub(super) async fn periods(&self, series: &str) -> Vec<Period> {
        let found: Result<_, NumberingError> =
            self.test.db.tx(&self.cx, async |tx| Ok(store::periods(tx, series, 12).await?)).await;
        found.unwrap()
    }
}

pub(super) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn invoice(date: &str) -> Need<'static> {
    Need::new("sales_invoice", "C1", day(date))
}

#[track_caller]
pub(super) fn keys(result: Result<(), MastersError>) -> Vec<(String, String)> {
    match result {
        Err(MastersError::Mistakes(found)) => found.into_iter().map(|m| (m.field, m.wrong.key)).collect(),
        other => panic!("no mistakes: {other:?}"),
    }
}

#[test]
fn the_texts_are_complete() {
    assert_complete(TEXTS);
    for kind in KINDS {
        let texts = crate::masters::texts();
        assert!(texts[0].1.contains(&format!("\nchoice-{} = ", kind.code)), "{}", kind.code);
    }
}

crate::in_every_placement! {
async fn a_new_year_opens_by_itself_and_each_number_comes_once() {
    let office = Office::new().await;
    assert!(matches!(office.take(&invoice("2026-03-31")).await, Err(NumberingError::NoSeries { .. })));
    office.define(INVOICES, &[]).await.unwrap();
    let mut made = Vec::new();
    for date in ["2026-03-30", "2026-03-31", "2026-04-01", "2026-03-31", "2026-04-02"] {
        made.push(office.take(&invoice(date)).await.unwrap());
    }
    let expected =
        ["INV/25-26/00001", "INV/25-26/00002", "INV/26-27/00001", "INV/25-26/00003", "INV/26-27/00002"];
    assert_eq!(made, expected);
    // A rollback gives the number back.
    let undone: Result<(), NumberingError> = office
        .test
        .db
        .tx(&office.cx, async |tx| {
            take(tx, &invoice("2026-04-03")).await?;
            Err(NumberingError::NotFound)
        })
        .await;
    assert!(undone.is_err());
    assert_eq!(office.take(&invoice("2026-04-03")).await.unwrap(), "INV/26-27/00003");
    let periods = office.periods("INV").await;
    assert_eq!(periods.iter().map(|p| (p.total, p.missing)).collect::<Vec<_>>(), [(3, 0), (3, 0)]);
    assert_eq!(
        (periods[0].from_number.as_str(), periods[0].to_number.as_str()),
        (expected[2], "INV/26-27/00003")
    );
}
}

#[tokio::test]
async fn a_definition_is_judged_beside_the_others() {
    let office = Office::new().await;
    let pair = |field: &str, key: &str| vec![(field.to_owned(), key.to_owned())];
    let long = office.define(INVOICES, &[("pattern", "INVOICE/{FY}/{SEQ}")]).await;
    assert_eq!(keys(long), pair("pattern", "pattern-long"));
    let loose = [("gstin", "27AAPFU0939F1ZV"), ("gst_rule", "false"), ("pattern", "INVOICE/{FY}/{SEQ}")];
    assert_eq!(keys(office.define(INVOICES, &loose).await), pair("gst_rule", "series-gst"));
    let nowhere = office.define(INVOICES, &[("company", "C9"), ("gstin", "27AAPFU0939F1ZW")]).await;
    assert_eq!(
        keys(nowhere),
        [("company".into(), "missing-near".into()), ("gstin".into(), "gstin-check".into())]
    );
    office.define(INVOICES, &[]).await.unwrap();
    let same = office.define(INVOICES, &[("series", "INV-2"), ("automatic", "false")]).await;
    assert_eq!(keys(same), pair("pattern", "pattern-meets"));
    let two = office.define(INVOICES, &[("series", "INV-2"), ("pattern", "EXP/{FY}/{SEQ}")]).await;
    assert_eq!(keys(two), pair("automatic", "series-two"));
    let of_plant = [("series", "KOL"), ("pattern", "KOL/{FY}/{SEQ}"), ("plant", "KOL")];
    office.define(INVOICES, &of_plant).await.unwrap();
    let of_gstin = [("series", "MH"), ("pattern", "MH/{FY}/{SEQ}"), ("gstin", "27AAPFU0939F1ZV")];
    office.define(INVOICES, &of_gstin).await.unwrap();
    let export = [("series", "EXP"), ("pattern", "EXP/{FY}/{SEQ}"), ("automatic", "false")];
    office.define(INVOICES, &export).await.unwrap();
    // The one that fits best is taken; one that is named is taken as named.
    let at = invoice("2026-05-01");
    assert_eq!(office.take(&at.plant("KOL")).await.unwrap(), "KOL/26-27/00001");
    assert_eq!(office.take(&at.plant("VSK")).await.unwrap(), "INV/26-27/00001");
    assert_eq!(office.take(&at.plant("KOL").gstin("27AAPFU0939F1ZV")).await.unwrap(), "MH/26-27/00001");
    assert_eq!(office.take(&at.series("EXP")).await.unwrap(), "EXP/26-27/00001");
    let other = Need::new("credit_note", "C1", at.date).series("EXP");
    assert!(matches!(office.take(&other).await, Err(NumberingError::NoSeries { .. })));
    // What was given out holds the pattern; a closed series gives out nothing.
    let shapes = office.engine.shapes(&office.test.db).await.unwrap();
    let shape = shapes.find("document_series").unwrap();
    let changed = [("pattern".to_owned(), "ZZZ/{FY}/{SEQ}".to_owned())].into();
    let changed = update(&office.test.db, &office.cx, shape, "EXP", 1, changed).await.map(drop);
    assert_eq!(keys(changed), pair("pattern", "series-frozen"));
    delete(&office.test.db, &office.cx, &shapes, shape, "EXP", None).await.unwrap();
    assert!(office.take(&at.series("EXP")).await.is_err());
    let again = office.define(INVOICES, &[("series", "E2"), export[1], export[2]]).await;
    assert_eq!(keys(again), pair("pattern", "pattern-meets"), "also beside one that is closed");
}

#[tokio::test]
async fn a_document_of_a_gstin_takes_no_number_that_the_law_does_not_allow() {
    let office = Office::new().await;
    let (one, other) = ("27AAPFU0939F1ZV", "19AAPFU0939F1ZS");
    let loose =
        [("series", "KOL"), ("plant", "KOL"), ("gst_rule", "false"), ("pattern", "INVOICE-KOL/{FY}/{SEQ}")];
    office.define(INVOICES, &loose).await.unwrap();
    let none = |taken: Result<String, NumberingError>| {
        assert!(matches!(taken, Err(NumberingError::NoSeries { .. })), "{taken:?}");
    };
    let at = invoice("2026-05-01");
    assert_eq!(office.take(&at.plant("KOL")).await.unwrap(), "INVOICE-KOL/26-27/00001");
    none(office.take(&at.plant("KOL").gstin(one)).await);
    none(office.take(&at.gstin(one).series("KOL")).await);
    none(office.take(&at.plant("VSK").series("KOL")).await);
    // Another one that keeps to the rule comes in its place.
    office.define(INVOICES, &[]).await.unwrap();
    assert_eq!(office.take(&at.plant("KOL").gstin(one)).await.unwrap(), "INV/26-27/00001");
    assert_eq!(office.take(&at.plant("KOL")).await.unwrap(), "INVOICE-KOL/26-27/00002");
    // One that is named is of the document's own registration.
    let of_gstin = [("series", "MH"), ("pattern", "MH/{FY}/{SEQ}"), ("gstin", one)];
    office.define(INVOICES, &of_gstin).await.unwrap();
    none(office.take(&at.gstin(other).series("MH")).await);
    assert_eq!(office.take(&at.gstin(one).series("MH")).await.unwrap(), "MH/26-27/00001");
    assert_eq!(office.take(&at.series("MH")).await.unwrap(), "MH/26-27/00002");
}

/// Many takers at once, some of which roll back or are cut off in the middle.
async fn crowd(office: &Arc<Office>, takers: u32) -> BTreeSet<String> {
    let mut all = JoinSet::new();
    for n in 0..takers {
        let office = Arc::clone(office);
        all.spawn(async move {
            let need = invoice("2026-05-01");
            let made: Result<String, NumberingError> = office
                .test
                .db
                .tx(&office.cx, async |tx| {
                    let taken = take(tx, &need).await?;
                    if n % 10 == 3 { Err(NumberingError::NotFound) } else { Ok(taken.number) }
                })
                .await;
            made.ok()
        });
    }
    let mut made = BTreeSet::new();
    while let Some(one) = all.join_next().await {
        if let Some(number) = one.unwrap() {
            assert!(made.insert(number.clone()), "{number} came twice");
        }
    }
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_at_once_leave_no_gap() {
    let office = Arc::new(Office::new().await);
    office.define(INVOICES, &[]).await.unwrap();
    // One is cut off while it holds the counter.
    let (held, began) = (Arc::clone(&office), Arc::new(Notify::new()));
    let started = Arc::clone(&began);
    let cut = tokio::spawn(async move {
        let _: Result<(), NumberingError> = held
            .test
            .db
            .tx(&held.cx, async |tx| {
                take(tx, &invoice("2026-05-01")).await?;
                started.notify_one();
                std::future::pending().await
            })
            .await;
    });
    began.notified().await;
    let crowd_office = Arc::clone(&office);
    let waiting = tokio::spawn(async move { crowd(&crowd_office, 100).await });
    cut.abort();
    let begun = std::time::Instant::now();
    let made = waiting.await.unwrap();
    println!("100 takers of a series without gaps: {:?}", begun.elapsed());
    let expected: BTreeSet<String> = (1..=90).map(|n| format!("INV/26-27/{n:05}")).collect();
    assert_eq!(made, expected, "dense, though eleven gave theirs back");
    assert_eq!(office.periods("INV").await[0].missing, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_series_that_may_leave_gaps_lets_nobody_wait() {
    let office = Arc::new(Office::new().await);
    office.define(INVOICES, &[("gap_free", "false")]).await.unwrap();
    office.take(&invoice("2026-05-01")).await.unwrap();
    // One holds its number; others go on meanwhile.
    let (held, began, go) = (Arc::clone(&office), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (started, end) = (Arc::clone(&began), Arc::clone(&go));
    let holding = tokio::spawn(async move {
        let made: Result<String, NumberingError> = held
            .test
            .db
            .tx(&held.cx, async |tx| {
                let taken = take(tx, &invoice("2026-05-01")).await?;
                started.notify_one();
                end.notified().await;
                Ok(taken.number)
            })
            .await;
        made.unwrap()
    });
    began.notified().await;
    let begun = std::time::Instant::now();
    let made = crowd(&office, 100).await;
    println!("100 takers of a series that may leave gaps: {:?}", begun.elapsed());
    assert_eq!(made.len(), 90);
    go.notify_one();
    let late = holding.await.unwrap();
    assert!(!made.contains(&late), "{late}");
    let period = &office.periods("INV").await[0];
    assert_eq!((period.total, period.missing), (92, 0), "what is left over lies in blocks: {period:?}");
}

#[tokio::test]
async fn the_next_number_is_the_one_that_is_taken_next() {
    let office = Office::new().await;
    office.define(INVOICES, &[("gap_free", "false")]).await.unwrap();
    let at = invoice("2026-05-01");
    let told = async || -> String {
        let told: Result<Taken, NumberingError> =
            office.test.db.tx(&office.cx, async |tx| preview(tx, &at).await).await;
        told.unwrap().number
    };
    // Also past the end of a block, which the twentieth number is.
    for n in 1..=u32::try_from(BLOCK).unwrap() + 2 {
        let expected = format!("INV/26-27/{n:05}");
        assert_eq!(told().await, expected);
        assert_eq!(office.take(&at).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn void_numbers_are_kept_with_the_reason() {
    let office = Office::new().await;
    office.define(INVOICES, &[]).await.unwrap();
    let at = invoice("2026-05-01");
    let number = office.take(&at.document("sales_invoice:1")).await.unwrap();
    let make_void = async |number: &str, document: &str, reason: &str| {
        office
            .test
            .db
            .tx(&office.cx, async |tx| void(tx, "C1", "sales_invoice", number, document, reason).await)
            .await
    };
    assert!(matches!(
        make_void(&number, "", "wrong").await,
        Err(NumberingError::State("numbering.has_document"))
    ));
    assert!(matches!(
        make_void(&number, "sales_invoice:1", " ").await,
        Err(NumberingError::Parameter("reason"))
    ));
    // The number that is only the next one was not given out: that is said.
    assert!(matches!(make_void("INV/26-27/00002", "", "wrong").await, Err(NumberingError::NotGiven)));
    make_void(&number, "sales_invoice:1", "wrong customer").await.unwrap();
    assert!(matches!(
        make_void(&number, "sales_invoice:1", "again").await,
        Err(NumberingError::State("numbering.void_already"))
    ));
    let skipped: Result<Taken, NumberingError> =
        office.test.db.tx(&office.cx, async |tx| skip(tx, &at, "spoilt form").await).await;
    assert_eq!(skipped.unwrap().number, "INV/26-27/00002");
    assert_eq!(office.take(&at).await.unwrap(), "INV/26-27/00003");
    let asked = |status: &str, q: &str, after: &str| list::Asked {
        status: status.into(),
        q: q.into(),
        after: after.into(),
        limit: Some(1),
        ..list::Asked::default()
    };
    let page = async |asked: list::Asked| -> list::Page {
        let found: Result<_, NumberingError> =
            office.test.db.tx(&office.cx, async |tx| list::page(tx, &asked).await).await;
        found.unwrap()
    };
    let first = page(asked("void", "", "")).await;
    assert_eq!((first.numbers[0].reason.as_str(), first.numbers.len()), ("spoilt form", 1));
    let second = page(asked("void", "", &first.next.unwrap())).await;
    assert_eq!((second.numbers[0].reason.as_str(), second.next), ("wrong customer", None));
    let by_number = page(asked("", "inv/26-27/", "")).await;
    let then = page(asked("", "inv/26-27/", &by_number.next.unwrap())).await;
    assert_eq!(then.numbers[0].number, "INV/26-27/00002");
}

crate::in_every_placement! {
async fn a_range_is_lent_used_given_back_and_burnt() {
    let office = Office::new().await;
    office.define(INVOICES, &[]).await.unwrap();
    let (date, now) = (day("2026-05-01"), Utc::now());
    let lend = async |count| -> Lease {
        let lent: Result<_, NumberingError> = office
            .test
            .db
            .tx(&office.cx, async |tx| lease(tx, "INV", date, count, "agent:KOL", now).await)
            .await;
        lent.unwrap()
    };
    let use_one = async |id: Uuid, seq, date| {
        office.test.db.tx(&office.cx, async |tx| use_leased(tx, id, seq, date, "sales_invoice:1").await).await
    };
    let end = async |id: Uuid, how| {
        office.test.db.tx(&office.cx, async |tx| close(tx, id, how, "shift over").await).await
    };
    let one = lend(10).await;
    assert_eq!(office.take(&invoice("2026-05-01")).await.unwrap(), "INV/26-27/00011");
    assert_eq!(use_one(one.lease_id, 4, date).await.unwrap().number, "INV/26-27/00004");
    assert!(matches!(use_one(one.lease_id, 4, date).await, Err(NumberingError::Twice(_))));
    assert!(matches!(use_one(one.lease_id, 11, date).await, Err(NumberingError::Parameter("seq"))));
    let next_year = use_one(one.lease_id, 5, day("2027-04-01")).await;
    assert!(matches!(next_year, Err(NumberingError::Parameter("date"))));
    let period = office.periods("INV").await.remove(0);
    assert_eq!((period.total, period.lent, period.missing), (2, 9, 0));
    // Others went on since: what was not used is void.
    assert_eq!(end(one.lease_id, Closing::Return).await.unwrap(), 9);
    assert!(matches!(
        end(one.lease_id, Closing::Burn).await,
        Err(NumberingError::State("numbering.lease_closed"))
    ));
    assert!(matches!(
        use_one(one.lease_id, 5, date).await,
        Err(NumberingError::State("numbering.lease_closed"))
    ));
    // Nobody did: the end goes back to the counter.
    let two = lend(10).await;
    use_one(two.lease_id, 13, date).await.unwrap();
    assert_eq!(end(two.lease_id, Closing::Return).await.unwrap(), 1, "the one before it");
    assert_eq!(office.take(&invoice("2026-05-01")).await.unwrap(), "INV/26-27/00014");
    let three = lend(5).await;
    assert_eq!(end(three.lease_id, Closing::Return).await.unwrap(), 0, "all of it went back");
    let four = lend(5).await;
    assert_eq!(four.first, 15);
    assert_eq!(end(four.lease_id, Closing::Burn).await.unwrap(), 5);
    let period = office.periods("INV").await.remove(0);
    assert_eq!((period.total, period.void, period.lent, period.missing), (19, 15, 0, 0));
    let many: Result<Lease, NumberingError> =
        office.test.db.tx(&office.cx, async |tx| lease(tx, "INV", date, 5001, "agent:KOL", now).await).await;
    assert!(matches!(many, Err(NumberingError::Parameter("count"))));

    // The newest first, page by page; one that was given back whole begins where the next does.
    let page = async |after, most| {
        let read = async |tx: &mut Tx| Ok::<_, NumberingError>(store::leases(tx, "INV", after, most).await?);
        let found = office.test.db.tx(&office.cx, read).await.unwrap();
        found.into_iter().map(|lease| (lease.period_from, lease.first, lease.lease_id)).collect::<Vec<_>>()
    };
    let all = page(None, 100).await;
    let first = page(None, 1).await;
    let rest = page(first.last().copied(), 100).await;
    assert!(all.len() == 4 && all[0].1 == all[1].1, "{all:?}");
    assert_eq!([first, rest].concat(), all);
}
}

#[test]
fn a_parameter_that_is_not_right_is_told_at_its_field() {
    for field in ["after", "status"] {
        let told = Problem::from(NumberingError::Parameter(field));
        assert_eq!((told.status.as_u16(), told.code.as_ref()), (400, "query.parameter"), "{field}");
        assert_eq!(told.errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), [field]);
    }
}

#[tokio::test]
async fn what_is_issued_is_neither_changed_nor_given_out_twice_by_the_role() {
    let office = Office::new().await;
    office.define(INVOICES, &[]).await.unwrap();
    office.take(&invoice("2026-05-01")).await.unwrap();
    let gone: Result<(), crate::db::DbError> = office
        .test
        .db
        .tx(&office.cx, async |tx| {
            sqlx::query("delete from document_numbers").execute(tx.conn()).await?;
            Ok(())
        })
        .await;
    assert!(gone.unwrap_err().to_string().contains("permission denied"));
    // A counter that was set back by hand gives out nothing twice.
    let back: Result<(), crate::db::DbError> = office
        .test
        .db
        .tx(&office.cx, async |tx| {
            sqlx::query("update document_periods set next = 1").execute(tx.conn()).await?;
            Ok(())
        })
        .await;
    back.unwrap();
    assert!(matches!(office.take(&invoice("2026-05-01")).await, Err(NumberingError::Twice(_))));
}
