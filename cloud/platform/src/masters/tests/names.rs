//! Names in each language: given in any one of them, shown and sorted in the reader's,
//! found in all.

use chrono::Utc;
use serde_json::json;

use super::super::{Row, begin, update};
use super::*;
use crate::admin::log::Who;
use crate::tenancy::{self, NewTenant, Placement};

/// A tenant whose language is Telugu, and its masters.
async fn telugu() -> Office {
    let test = TestDb::new().await;
    let new = NewTenant {
        code: "TELU".to_owned(),
        name: "Telugu".to_owned(),
        language: "te".to_owned(),
        ..NewTenant::default()
    };
    let made = tenancy::create(&test.db, &Who::system(), &new, &Placement::Shared, Utc::now()).await;
    let tenant = made.unwrap().id;
    let cx = Cx::new(tenant, "user:tests");
    let engine = Engine::new(Secrets::passing().unwrap());
    let mut shapes = engine.shapes(&test.db).await.unwrap();
    for master in ["units", "items", "bins", "reasons"] {
        let wide = engine.widened(&test.db, &cx, master).await.unwrap();
        shapes = Arc::new(shapes.with(wide.find(master).unwrap().clone()));
    }
    Office { cx, test, tenant, shapes }
}

fn named(row: &Row) -> (&str, &Value) {
    (row["name"].as_str().unwrap(), &row["names"])
}

#[tokio::test]
async fn what_a_tenant_begins_with_is_said_in_every_language() {
    let office = telugu().await;
    let kg = office.find("units", "kg").await.row;
    let all = json!({ "en": "Kilograms", "hi": "किलोग्राम", "bn": "কিলোগ্রাম", "te": "కిలోగ్రాములు" });
    assert_eq!(named(&kg), ("కిలోగ్రాములు", &all));
    for (master, key, said) in [
        ("currencies", "INR", "భారత రూపాయి"),
        ("tax_rates", "EXEMPT", "పన్ను మినహాయింపు"),
        ("retention_rules", "operator", "ఉద్యోగ, ఉత్పత్తి రికార్డులు"),
    ] {
        assert_eq!(office.find(master, key).await.row["name"], said);
    }
    for master in ["units", "currencies", "tax_rates", "retention_rules"] {
        let shape = office.shape(master);
        for key in office.keys(master, &ListQuery::default()).await {
            let row = office.find(master, &key).await.row;
            let names = Lang::ALL.map(|lang| shape.name_of(&row, lang));
            assert!(names.iter().all(|name| !name.is_empty()), "{master} {key}: {names:?}");
            assert_ne!(names[0], names[3], "{master} {key}");
        }
    }
    // Who has said it otherwise keeps that.
    let units = office.shape("units");
    update(&office.test.db, &office.cx, units, "g", 1, cells(&[("name", "గ్రా")])).await.unwrap();
    let again: Result<(), DbError> = office.test.db.tx(&office.cx, async |tx| begin(tx, "INR").await).await;
    again.unwrap();
    let gram = office.find("units", "g").await.row;
    assert_eq!((gram["name"].as_str(), gram["names"]["te"].as_str()), (Some("గ్రా"), Some("గ్రా")));
    assert_eq!(gram["names"]["hi"], "ग्राम");
}

#[tokio::test]
async fn a_name_in_any_one_language_is_enough() {
    let office = telugu().await;
    let (db, cx) = (&office.test.db, &office.cx);
    let row = office.create("units", &[("unit", "bag"), ("names.te", "సంచి")]).await.unwrap().stored.row;
    assert_eq!(named(&row), ("సంచి", &json!({ "te": "సంచి" })));
    let row = office.create("units", &[("unit", "drum"), ("name", "డ్రమ్ము")]).await.unwrap().stored.row;
    assert_eq!(named(&row), ("డ్రమ్ము", &json!({ "te": "డ్రమ్ము" })));
    let row = office.create("units", &[("unit", "can"), ("names.hi", "डिब्बा")]).await.unwrap().stored.row;
    assert_eq!(named(&row), ("डिब्बा", &json!({ "hi": "डिब्बा" })));
    assert_eq!(fields(office.create("units", &[("unit", "none")]).await), [pair("name", "required")]);
    let long = "x".repeat(121);
    let told = fields(office.create("units", &[("unit", "long"), ("name", &long)]).await);
    assert_eq!(told, [pair("name", "long")]);

    // The name and the one in the tenant's language are the same, whichever is given.
    let units = office.shape("units");
    let row = async |version, given: &[(&str, &str)]| {
        update(db, cx, units, "bag", version, cells(given)).await.unwrap().stored.row
    };
    let now = row(1, &[("name", "గోనె"), ("names.en", "Sack")]).await;
    assert_eq!(named(&now), ("గోనె", &json!({ "te": "గోనె", "en": "Sack" })));
    let now = row(2, &[("names.te", "బస్తా")]).await;
    assert_eq!(named(&now), ("బస్తా", &json!({ "te": "బస్తా", "en": "Sack" })));
    let now = row(3, &[("names.te", ""), ("names.en", "")]).await;
    assert_eq!(named(&now), ("బస్తా", &json!({ "te": "బస్తా" })));

    // Where the name is asked for by language alone, the tenant's comes first.
    let item = |code, lang, name| {
        [("item", code), (lang, name), ("type_code", "RM"), ("base_unit", "pcs"), ("tracking", "lot")]
    };
    let saved = office.create("items", &item("NUT", "names.te", "నట్టు")).await.unwrap();
    assert_eq!(named(&saved.stored.row), ("నట్టు", &json!({ "te": "నట్టు" })));
    let items = office.shape("items");
    let two = cells(&[("names.en", "Nut")]);
    assert_eq!(update(db, cx, items, "NUT", 1, two).await.unwrap().stored.row["name"], "నట్టు");
    let saved = office.create("items", &item("PIN", "names.bn", "পিন")).await.unwrap();
    assert_eq!(saved.stored.row["name"], "পিন");
    let told = "select body -> 'names' from reference_rows where kind = 'item' and id = 'PIN'";
    assert_eq!(office.value(told).await, json!({ "bn": "পিন", "en": "পিন" }), "stations fall back to it");
    let reason = [("reason", "CRACK"), ("purpose", "scrap"), ("texts.te", "పగులు")];
    assert_eq!(office.create("reasons", &reason).await.unwrap().stored.row["name"], "పగులు");
    let without = [("item", "X"), ("type_code", "RM"), ("base_unit", "pcs"), ("tracking", "lot")];
    assert_eq!(fields(office.create("items", &without).await), [pair("names", "language")]);
}

#[tokio::test]
async fn rows_are_found_and_sorted_in_every_language() {
    let office = telugu().await;
    let all = [("A", "Zinc", "క"), ("B", "Yarn", "గ"), ("C", "Xylene", "చ")];
    for (code, english, telugu) in all {
        let given = [
            ("item", code),
            ("names.en", english),
            ("names.te", telugu),
            ("type_code", "RM"),
            ("base_unit", "pcs"),
            ("tracking", "lot"),
        ];
        office.create("items", &given).await.unwrap();
    }
    let by_name = |lang| ListQuery { sort: "name".to_owned(), lang, ..ListQuery::default() };
    assert_eq!(office.keys("items", &by_name(Lang::En)).await, ["C", "B", "A"]);
    assert_eq!(office.keys("items", &by_name(Lang::Te)).await, ["A", "B", "C"]);
    assert_eq!(office.keys("items", &by_name(Lang::Hi)).await, ["A", "B", "C"], "as the tenant says it");
    let found = |q: &str, lang| ListQuery { q: q.to_owned(), lang, ..ListQuery::default() };
    for lang in Lang::ALL {
        assert_eq!(office.keys("items", &found("గ", lang)).await, ["B"]);
        assert_eq!(office.keys("items", &found("yar", lang)).await, ["B"]);
        assert_eq!(office.keys("units", &found("किलो", lang)).await, ["kg"]);
    }
    let few = ListQuery { limit: 1, ..found("గ", Lang::Bn) };
    assert_eq!(office.keys("items", &few).await, ["B"]);

    // Pickers and lists say names as the reader knows them.
    let items = office.shape("items");
    let reference = items.reference_of("base_unit").unwrap();
    let offered = async |lang| {
        let options: Result<_, MastersError> = office
            .test
            .db
            .tx(&office.cx, async |tx| service::options(tx, &office.shapes, reference, "kil", lang).await)
            .await;
        options.unwrap()
    };
    assert_eq!(offered(Lang::Bn).await, [("kg".to_owned(), "কিলোগ্রাম".to_owned())]);
    assert_eq!(offered(Lang::En).await, [("kg".to_owned(), "Kilograms".to_owned())]);
    let units = office.shape("units");
    let mut texts = english();
    texts.lang = Lang::Hi;
    let row = office.find("units", "kg").await.row;
    assert_eq!(units.said(units.column("name").unwrap(), &row, &texts), "किलोग्राम");
    let row = office.create("units", &[("unit", "bag"), ("name", "సంచి")]).await.unwrap().stored.row;
    assert_eq!(units.said(units.column("name").unwrap(), &row, &texts), "సంచి", "else as the tenant says it");
}

/// Whoever writes a row past the engine need not know of languages.
#[tokio::test]
async fn a_name_that_others_write_is_in_the_tenants_language() {
    let office = telugu().await;
    let row = office
        .value(
            "insert into units (tenant_id, unit, name) values (app.tenant(), 'keg', 'కెగ్')
             returning jsonb_build_array(name, names, name_hi_search)",
        )
        .await;
    assert_eq!(row, json!(["కెగ్", { "te": "కెగ్" }, "కెగ్"]));
    let row = office
        .value("update units set name = 'పీపా' where unit = 'keg' returning jsonb_build_array(name, names)")
        .await;
    assert_eq!(row, json!(["పీపా", { "te": "పీపా" }]));
    let row = office
        .value(
            "update units set names = '{\"en\": \"Keg\"}' where unit = 'keg'
             returning jsonb_build_array(name, name_en_search, name_te_search)",
        )
        .await;
    assert_eq!(row, json!(["Keg", "keg", "keg"]));
}
