//! The life of one row.

use std::time::Duration;

use serde_json::json;
use sqlx::ConnectOptions;
use tokio::sync::Notify;

use super::super::{delete, history, restore, store, update};
use super::*;

#[tokio::test]
async fn every_mistake_of_a_form_is_told_at_once() {
    let office = Office::new().await;
    let wrong = office
        .create(
            "items",
            &[
                ("item", "BOLT M6"),
                ("names.hi", " "),
                ("type_code", "rm"),
                ("category", "NUTS"),
                ("base_unit", "pc"),
                ("tracking", "batch"),
                ("shelf_life_days", "0"),
                ("inspect", "perhaps"),
                ("gtin", "08901234567891"),
                ("hsn", "73181"),
                ("colour", "red"),
            ],
        )
        .await;
    let told = fields(wrong);
    let expected = [
        ("colour", "column"),
        ("item", "code"),
        ("names", "language"),
        ("type_code", "type_code"),
        ("category", "missing"),
        ("base_unit", "missing-near"),
        ("tracking", "choice"),
        ("shelf_life_days", "range"),
        ("inspect", "flag"),
        ("gtin", "gtin-check"),
        ("hsn", "check-items_hsn"),
    ];
    assert_eq!(told, expected.map(|(field, key)| pair(field, key)));
    assert_eq!(fields(office.create("items", &[]).await).len(), 5, "what is required");
}

#[tokio::test]
async fn a_printed_number_of_goods_is_kept_in_its_full_length() {
    let office = Office::new().await;
    let given = [ITEM, &[("gtin", "8901234567890")]].concat();
    assert_eq!(office.create("items", &given).await.unwrap().stored.row["gtin"], "08901234567890");
    let other: Vec<(&str, &str)> =
        given.iter().map(|(n, v)| (*n, if *n == "item" { "NUT" } else { *v })).collect();
    assert_eq!(
        fields(office.create("items", &other).await),
        [pair("gtin", "taken")],
        "the same, however written"
    );
    let wrong = [ITEM, &[("gtin", "8901234567899")]].concat();
    assert_eq!(
        fields(office.create("items", &wrong).await),
        [pair("item", "exists"), pair("gtin", "gtin-check")]
    );
}

crate::in_every_placement! {
async fn a_row_is_created_changed_deleted_and_restored_and_history_tells() {
    let office = Office::new().await;
    let (db, cx, items) = (&office.test.db, &office.cx, office.shape("items"));
    let saved = office.create("items", ITEM).await.unwrap();
    assert_eq!((saved.key.as_str(), saved.stored.version), ("BOLT-M6", 1));
    assert_eq!(saved.stored.row["name"], "Bolt M6");
    assert_eq!(fields(office.create("items", ITEM).await), [pair("item", "exists")]);

    let given = cells(&[("names.te", "బోల్ట్"), ("shelf_life_days", "90")]);
    let saved = update(db, cx, items, "BOLT-M6", 1, given.clone()).await.unwrap();
    assert_eq!(saved.stored.version, 2);
    assert_eq!(saved.stored.row["names"], json!({ "en": "Bolt M6", "te": "బోల్ట్" }));
    assert_eq!(saved.stored.row["shelf_life_days"], 90);
    let stale = update(db, cx, items, "BOLT-M6", 1, given.clone()).await;
    assert!(matches!(stale, Err(MastersError::Stale)), "{stale:?}");
    let same = update(db, cx, items, "BOLT-M6", 2, given).await.unwrap();
    assert_eq!(same.stored.version, 2, "the same again changes nothing");
    let renamed = update(db, cx, items, "BOLT-M6", 2, cells(&[("item", "BOLT-M8")])).await;
    assert_eq!(fields(renamed), [pair("item", "key")]);

    delete(db, cx, &office.shapes, items, "BOLT-M6", Some(2)).await.unwrap();
    assert_eq!(office.keys("items", &ListQuery::default()).await, Vec::<String>::new());
    let deleted = ListQuery { deleted: true, ..ListQuery::default() };
    assert_eq!(office.keys("items", &deleted).await, ["BOLT-M6"]);
    assert_eq!(fields(office.create("items", ITEM).await), [pair("item", "deleted")]);
    restore(db, cx, items, "BOLT-M6").await.unwrap();
    assert_eq!(office.keys("items", &ListQuery::default()).await, ["BOLT-M6"]);

    let row = office.find("items", "BOLT-M6").await.row;
    let told = office
        .test
        .db
        .tx(cx, async |tx| history::history(tx, items, "BOLT-M6", &row, &english()).await)
        .await
        .unwrap();
    let actions: Vec<&str> = told.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["master.restore", "master.delete", "master.update", "master.create"]);
    let changed: Vec<(&str, &str, &str)> =
        told[2].changes.iter().map(|c| (c.label.as_str(), c.before.as_str(), c.after.as_str())).collect();
    assert_eq!(changed, [("Name", "Bolt M6", "Bolt M6 · బోల్ట్"), ("Shelf life, days", "", "90")]);
}
}

#[tokio::test]
async fn what_is_used_stays() {
    let office = Office::new().await;
    let (db, cx) = (&office.test.db, &office.cx);
    office.create("items", ITEM).await.unwrap();
    let used = delete(db, cx, &office.shapes, office.shape("units"), "pcs", None).await;
    let Err(MastersError::InUse(used)) = used else { panic!("{used:?}") };
    assert_eq!(used.iter().map(|used| used.say(&english())).collect::<Vec<_>>(), ["item BOLT-M6"]);

    // Of many a few are named, and the others counted as far as that helps.
    office.many_items("X", 15).await;
    let in_use = async || {
        let used = delete(db, cx, &office.shapes, office.shape("units"), "pcs", None).await.unwrap_err();
        used.problem(&english()).detail
    };
    let told = in_use().await;
    assert_eq!(told.matches("item ").count(), 12, "{told}");
    assert!(told.ends_with(" and 4 more. Change those first."), "{told}");
    office.many_items("Y", 1500).await;
    let told = in_use().await;
    assert!(told.ends_with(" and more than 1,000 more. Change those first."), "{told}");

    office
        .value(
            "insert into bom_lines (tenant_id, parent, line, child, quantity, unit)
                  select app.tenant(), 'GEARBOX', 10, 'BOLT-M6', 4, 'pcs' returning to_jsonb(line)",
        )
        .await;
    let used = delete(db, cx, &office.shapes, office.shape("items"), "BOLT-M6", None).await;
    let Err(MastersError::InUse(used)) = used else { panic!("{used:?}") };
    assert_eq!(used[0].say(&english()), "the bill of materials of GEARBOX");

    // A place within a warehouse of another plant is no such place.
    office.create("warehouses", &[("warehouse", "WH-1"), ("name", "Main"), ("plant", "KOL")]).await.unwrap();
    let elsewhere = office.create("bins", &[("plant", "VSK"), ("bin", "A-01"), ("warehouse", "WH-1")]).await;
    assert_eq!(fields(elsewhere), [pair("warehouse", "missing")]);
    let bin =
        office.create("bins", &[("plant", "KOL"), ("bin", "A-01"), ("warehouse", "WH-1")]).await.unwrap();
    assert_eq!(bin.key, "KOL:A-01");
    let used = delete(db, cx, &office.shapes, office.shape("warehouses"), "WH-1", None).await;
    let Err(MastersError::InUse(used)) = used else { panic!("{used:?}") };
    assert_eq!(used[0].say(&english()), "bin KOL:A-01");
    delete(db, cx, &office.shapes, office.shape("bins"), "KOL:A-01", None).await.unwrap();
    delete(db, cx, &office.shapes, office.shape("warehouses"), "WH-1", None).await.unwrap();
    // What it stood in is gone: it cannot simply come back.
    let back = restore(db, cx, office.shape("bins"), "KOL:A-01").await;
    assert_eq!(fields(back), [pair("warehouse", "missing")]);
}

#[tokio::test]
async fn supplier_and_customer_are_roles_of_one_partner() {
    let office = Office::new().await;
    let (db, cx) = (&office.test.db, &office.cx);
    let acme = [("partner", "ACME"), ("name", "Acme"), ("gstin", "27AAPFU0939F1ZV")];
    let saved = office.create("suppliers", &acme).await.unwrap();
    assert_eq!(saved.stored.row["roles"], json!(["supplier"]));
    let as_customer = office.create("customers", &acme).await;
    assert_eq!(fields(as_customer), [pair("partner", "other")]);
    assert!(office.keys("customers", &ListQuery::default()).await.is_empty());

    let suppliers = office.shape("suppliers");
    let both = cells(&[("roles", "supplier;customer")]);
    update(db, cx, suppliers, "ACME", 1, both).await.unwrap();
    assert_eq!(office.keys("customers", &ListQuery::default()).await, ["ACME"]);
    delete(db, cx, &office.shapes, suppliers, "ACME", Some(2)).await.unwrap();
    assert!(office.keys("suppliers", &ListQuery::default()).await.is_empty());
    assert_eq!(office.keys("customers", &ListQuery::default()).await, ["ACME"], "the other role stays");

    // People are named by what says nothing, and the audit has no name of theirs.
    let person = [("name", "Ananya Sen"), ("partner", "ACME"), ("email", "ananya@acme.example")];
    let contact = office.create("contacts", &person).await.unwrap();
    assert!(contact.key.starts_with("C-") && contact.key.len() == 14, "{}", contact.key);
    let audited =
        office.value("select jsonb_agg(to_jsonb(a)) from audit_log a where action = 'master.create'").await;
    let audited = audited.to_string();
    assert!(audited.contains("\"name\":\"changed\""), "{audited}");
    assert!(
        !audited.contains("Ananya") && !audited.contains("acme.example") && !audited.contains("Acme"),
        "{audited}"
    );
}

#[tokio::test]
async fn money_and_days_keep_every_digit() {
    let office = Office::new().await;
    let rate = [("currency", "USD"), ("valid_on", "2026-04-01"), ("rate", "83.123456")];
    let saved = office.create("currency_rates", &rate).await.unwrap();
    assert_eq!((saved.key.as_str(), &saved.stored.row["rate"]), ("USD:2026-04-01", &json!("83.123456")));
    assert_eq!(office.find("currency_rates", "USD:2026-04-01").await.row["valid_on"], "2026-04-01");
    let shift = [("plant", "KOL"), ("shift", "N"), ("name", "Night"), ("starts", "22:00"), ("ends", "06:00")];
    let saved = office.create("shifts", &shift).await.unwrap();
    assert_eq!(saved.stored.row["starts"], "22:00");
    let dates = [
        ("tax_rate", "X"),
        ("name", "X"),
        ("rate", "101"),
        ("valid_from", "2026-04-01"),
        ("valid_until", "2026-03-01"),
    ];
    let told = fields(office.create("tax_rates", &dates).await);
    assert_eq!(told, [pair("rate", "range"), pair("valid_until", "check-tax_rates_days")]);
}

#[tokio::test]
async fn what_is_deleted_meanwhile_is_not_referred_to() {
    let office = Office::new().await;
    office.create("item_categories", &[("category", "FAST"), ("name", "Fasteners")]).await.unwrap();
    let owner = office.test.owner_of(office.tenant).await;
    let mut looks = owner.connect().await.unwrap();
    let (shape, locked) = (office.shape("item_categories"), Notify::new());
    // As a delete does: it locks the row, looks for what uses it, and marks it.
    let deleting = office.test.db.tx(&office.cx, async |tx| {
        service::find(tx, shape, "FAST", true).await?;
        locked.notify_one();
        let waits = "select count(*) from pg_locks where not granted
                       and pid in (select pid from pg_stat_activity where datname = current_database())";
        while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut looks).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
        store::row_mark(tx, shape, &["FAST".to_owned()], true).await?;
        Ok::<_, MastersError>(())
    });
    let making = async {
        locked.notified().await;
        let item: Vec<(&str, &str)> = ITEM.iter().copied().chain([("category", "FAST")]).collect();
        office.create("items", &item).await
    };
    let both = async { tokio::join!(deleting, making) };
    let (deleted, made) =
        tokio::time::timeout(Duration::from_secs(60), both).await.expect("nobody waits for ever");
    deleted.unwrap();
    assert_eq!(fields(made), [pair("category", "missing")]);
}
