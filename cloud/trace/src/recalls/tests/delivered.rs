//! A supplier's lot that came in several deliveries.

use super::*;

/// A bolt of another delivery of the heat.
fn delivered(n: u64, delivery: u128, supplier: &str) -> proto::v1::Event {
    let mut made = event(Stage::Commission, "2026-01-20T08:00:00Z")
        .mint(&uid("VSK", "RM", n), Role::Subject, "BOLT")
        .quantity("1", "pcs");
    let lot = Uuid::from_u128(lot().as_u128() + delivery);
    made.lots.push(proto::v1::Lot {
        lot_id: lot.as_bytes().to_vec(),
        item: "BOLT".into(),
        supplier: supplier.into(),
        supplier_lot: "HEAT-9".into(),
        ..Default::default()
    });
    made.subjects[0].lot_id = lot.as_bytes().to_vec();
    made
}

#[tokio::test]
async fn a_recall_of_a_supplier_s_lot_is_of_all_its_deliveries_and_of_later_ones() {
    let mut site = site().await;
    site.say("VSK", delivered(21, 1, "XYZ"));
    site.settle().await;
    let id = begun(&site, &wish()).await;
    assert_eq!(site.ask("select members || ' ' || cardinality(lots) from recalls").await, "9 2");
    acted(&site, id, Action::Activate).await.unwrap();
    assert_eq!(site.ask("select cardinality(more_lots) || ' ' || deliveries from holds").await, "1 true");
    site.say("VSK", delivered(22, 2, "XYZ"));
    site.say("VSK", delivered(23, 3, "ABC"));
    site.settle().await;
    turn(&site).await;
    let since =
        "select string_agg((key % 1000)::text, ' ' order by key) from recall_members where since is not null";
    assert_eq!(site.ask(since).await, "22", "a third delivery is listed as late, another supplier's is not");
    assert_eq!(site.ask("select cardinality(lots)::text from recalls").await, "3");
    let effect = run(&site, async |tx| read::effectiveness(tx, id).await).await.unwrap();
    assert!(effect.totals.iter().any(|one| one.to_account > rust_decimal::Decimal::ZERO));
    turn(&site).await;
    assert_eq!(site.ask(since).await, "22");
}

#[tokio::test]
async fn a_recall_of_one_delivery_is_of_that_one_alone() {
    let mut site = site().await;
    site.say("VSK", delivered(21, 1, "XYZ"));
    site.settle().await;
    let one = Wish { lot: lot().to_string(), delivery_only: true, ..wish() };
    let id = begun(&site, &one).await;
    acted(&site, id, Action::Activate).await.unwrap();
    site.say("VSK", delivered(22, 2, "XYZ"));
    site.settle().await;
    turn(&site).await;
    assert_eq!(site.ask("select members || ' ' || cardinality(lots) from recalls").await, "8 1");
    // By the number alone it is not said which.
    let which = Wish { delivery_only: true, ..wish() };
    let refused = run(&site, async |tx| begin::begin(tx, &sql(), &which, None, now()).await).await;
    assert!(matches!(refused, Err(RecallError::Fields(_))), "{refused:?}");
}

#[tokio::test]
async fn a_number_of_two_suppliers_is_no_one_s_lot() {
    let mut site = site().await;
    site.say("VSK", delivered(21, 1, "ABC"));
    site.settle().await;
    let refused = run(&site, async |tx| begin::begin(tx, &sql(), &wish(), None, now()).await).await;
    assert!(matches!(refused, Err(RecallError::Fields(_))), "{refused:?}");
}
