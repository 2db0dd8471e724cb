//! Currencies: chosen from ISO 4217, or marked as one's own.

use super::super::{Sheet, import};
use super::*;
use crate::tenancy::{self, NewTenant};

#[tokio::test]
async fn a_currency_needs_no_more_than_its_code() {
    let office = Office::new().await;
    let yen = office.create("currencies", &[("currency", "JPY")]).await.unwrap().stored.row;
    assert_eq!((&yen["name"], &yen["symbol"]), (&"Japanese Yen".into(), &"¥".into()));
    assert_eq!((&yen["decimals"], &yen["own"]), (&0.into(), &false.into()));
    assert_eq!(
        (&yen["names"]["en"], yen["names"].as_object().map(serde_json::Map::len)),
        (&"Japanese Yen".into(), Some(4))
    );
    // As a form sends it.
    let form =
        cells(&[("currency", "KWD"), ("name", ""), ("symbol", "KD"), ("decimals", ""), ("own", "false")]);
    let dinar = create(&office.test.db, &office.cx, office.shape("currencies"), form).await.unwrap();
    assert_eq!(dinar.stored.row["names"]["te"], "కువైట్ దీనార్");
    assert_eq!(dinar.stored.row["name"], dinar.stored.row["names"]["en"]);
    assert_eq!((&dinar.stored.row["symbol"], &dinar.stored.row["decimals"]), (&"KD".into(), &3.into()));
    // What is there already is changed as it is given, and no more.
    let shape = office.shape("currencies");
    let changed =
        super::super::update(&office.test.db, &office.cx, shape, "KWD", 1, cells(&[("symbol", "")]));
    assert_eq!(changed.await.unwrap().stored.row["symbol"], "");
}

#[tokio::test]
async fn a_code_of_no_list_is_refused_unless_it_is_ones_own() {
    let office = Office::new().await;
    let named = |code, own| [("currency", code), ("name", "Points"), ("own", own)];
    assert_eq!(
        fields(office.create("currencies", &named("QQQ", "false")).await),
        [pair("currency", "iso4217")]
    );
    let own = office.create("currencies", &named("QQQ", "true")).await.unwrap().stored.row;
    assert_eq!((&own["own"], &own["decimals"]), (&true.into(), &2.into()));
    // Nothing is known of it, so that its name has to be said.
    let bare = office.create("currencies", &[("currency", "QQX"), ("own", "true")]).await;
    assert_eq!(fields(bare), [pair("name", "required")]);
    // No longer one's own, it is refused as a new one is.
    let shape = office.shape("currencies");
    let given = cells(&[("own", "false")]);
    let changed = super::super::update(&office.test.db, &office.cx, shape, "QQQ", 1, given).await;
    assert_eq!(fields(changed), [pair("currency", "iso4217")]);
}

#[tokio::test]
async fn a_file_of_codes_alone_is_imported() {
    let office = Office::new().await;
    let shape = office.shape("currencies");
    let heads = super::super::import::heads(shape, &[english()]);
    let sheet = Sheet::read(b"currency\nAED\nBHD\nCLF\n").unwrap();
    let report = import(&office.test.db, &office.cx, shape, &sheet, &heads, false).await.unwrap();
    assert_eq!(report.created, 3);
    let decimals = "select jsonb_agg(decimals order by currency) from currencies where currency in ('AED', 'BHD', 'CLF')";
    assert_eq!(office.value(decimals).await, serde_json::json!([2, 3, 4]));
    let wrong = Sheet::read(b"currency\nCHF\nDEM\nZZZ\n").unwrap();
    let refused = mistakes(import(&office.test.db, &office.cx, shape, &wrong, &heads, false).await);
    assert_eq!(
        refused.iter().map(|(row, field, _)| (*row, field.as_str())).collect::<Vec<_>>(),
        [(Some(1), "name"), (Some(3), "currency"), (Some(4), "currency")]
    );
}

#[tokio::test]
async fn a_tenant_begins_with_its_own_currency() {
    let test = TestDb::new().await;
    let new = NewTenant {
        code: "GULF".into(),
        name: "Gulf".into(),
        currency: "AED".into(),
        ..NewTenant::default()
    };
    let made = test.db.system_tx(async |system| tenancy::tenant_upsert(system, &new).await).await.unwrap();
    let codes: Result<Vec<String>, DbError> = test
        .db
        .tx(&Cx::system(made.id), async |tx| {
            let sql = "select currency from currencies order by currency";
            Ok(sqlx::query_scalar(sql).fetch_all(tx.conn()).await?)
        })
        .await;
    assert_eq!(codes.unwrap(), ["AED", "EUR", "INR", "USD"]);
    let named: Result<(String, i64), DbError> = test
        .db
        .tx(&Cx::system(made.id), async |tx| {
            let sql = "select name, (select count(*) from jsonb_object_keys(names)) from currencies where currency = 'AED'";
            Ok(sqlx::query_as(sql).fetch_one(tx.conn()).await?)
        })
        .await;
    let (name, languages) = named.unwrap();
    assert_eq!(languages, 4, "in every language, of which one is the name");
    assert_eq!(name, "United Arab Emirates Dirham");
}
