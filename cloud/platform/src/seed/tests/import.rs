//! Masters and orders from other systems.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::super::import::{self, Form, ImportReport, List, Upload, import, withdraw};
use super::*;
use crate::web::{AppState, Scope, keys};

struct Office {
    test: TestDb,
    cx: Cx,
}

impl Office {
    /// The tenant of the demo, seeded.
    async fn new() -> Self {
        let test = TestDb::new().await;
        run(&test, None).await;
        let cx = saif(&test).await;
        Self { test, cx }
    }

    async fn import(&self, form: Form, text: &str) -> Result<ImportReport, SeedErrors> {
        let upload = Upload { name: "sheet".into(), form, bytes: text.into() };
        import(&self.test.db, &self.cx, "SAIF", &upload, false).await
    }

    async fn csv(&self, list: &str, text: &str) -> Result<ImportReport, SeedErrors> {
        self.import(Form::Csv(List::parse(list).unwrap()), text).await
    }

    async fn withdraw(&self, list: &str, code: &str) -> Result<(), String> {
        let list = List::parse(list).unwrap();
        withdraw(&self.test.db, &self.cx, list, code).await.map_err(|error| error.to_string())
    }

    /// Rows of a query of one text column, under the tenant.
    async fn texts(&self, sql: &str) -> Vec<String> {
        let done: Result<Vec<String>, DbError> = self
            .test
            .db
            .tx(&self.cx, async |tx| {
                Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(sql.to_owned())).fetch_all(tx.conn()).await?)
            })
            .await;
        done.unwrap()
    }

    /// What plants have of a row, by plant.
    async fn told(&self, kind: &str, base: &str) -> Vec<String> {
        self.texts(&format!(
            "select id || ' ' || case when deleted then 'gone' else body::text end from reference_rows
             where kind = '{kind}' and (id = '{base}' or id like '{base}@%') order by id"
        ))
        .await
    }
}

fn mistakes(done: Result<ImportReport, SeedErrors>) -> Vec<String> {
    match done {
        Err(SeedErrors::Mistakes(mistakes)) => mistakes.iter().map(ToString::to_string).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_sheet_of_orders_has_a_row_for_each_line() {
    let office = Office::new().await;
    let sheet = "number,plant,supplier,ordered_at,due_on,line,item,quantity,unit\n\
                 PO-7,KOL,TISCO,2025-01-16T06:00:00Z,2025-01-24,1,RM-STEEL-COIL,\"5000.5\",kg\n\
                 PO-7,,,,,2,RM-GEAR,10,pcs\n\
                 \n\
                 PO-8,VSK,MOTORIX,2025-01-16T06:00:00Z,,1,RM-MOTOR,3,\n";
    let report = office.csv("purchase_orders", sheet).await.unwrap();
    assert_eq!(report.published.rows, 2, "{report}");
    let lines = "select number || ' ' || line || ' ' || item || ' ' || quantity || unit from order_lines
                 where number in ('PO-7', 'PO-8') order by 1";
    let expected =
        ["PO-7 1 RM-STEEL-COIL 5000.500000kg", "PO-7 2 RM-GEAR 10.000000pcs", "PO-8 1 RM-MOTOR 3.000000pcs"];
    assert_eq!(office.texts(lines).await, expected);
    let told = office.told("order", "po/PO-7").await;
    assert!(told.len() == 1 && told[0].contains("\"quantity\": \"5000.5\""), "{told:?}");

    let again = office.csv("purchase_orders", sheet).await.unwrap();
    assert!(again.counts.iter().all(|count| count.changed == 0) && again.published.rows == 0, "{again}");
}

#[tokio::test]
async fn every_mistake_of_a_sheet_is_told_by_line_and_column() {
    let office = Office::new().await;
    let before = everything(&office.test, &office.cx).await;
    // As spreadsheets write it: a mark before the text, semicolons, CR LF.
    let sheet = "\u{feff}item;names.en;type;base_unit;tracking;gtin;shelf_life_days\r\n\
                 RM-A;Part A;RM;pcs;unit;08901234567891;\r\n\
                 RM-B;\"Part\r\nB\";rm;pcs;lots;;ten\r\n\
                 ;Part C;RM;pcs;unit;;30\r\n\
                 RM-A;Part A;RM;pcs;unit;;\r\n";
    let expected = [
        "sheet:2: gtin: found \"08901234567891\", expected a GTIN of 14 digits; its check digit would be 0",
        "sheet:3: type: found \"rm\", expected 2 characters of 0-9 and A-Z, such as \"RM\"; write \"RM\"",
        "sheet:3: tracking: found \"lots\", expected one of unit, lot, none; did you mean \"lot\"?",
        "sheet:3: shelf_life_days: found \"ten\", expected days from 1 to 36500",
        "sheet:3: names.en: found \"Part\\u000D\\u000AB\", expected a text of 1 to 120 characters; \
         it has a control character",
        "sheet:5: item: found nothing, expected a code of 1 to 40 of A-Z, a-z, 0-9, -, _, . and /",
        "sheet:6: item: found \"RM-A\", expected each item once; the first is on line 2",
    ];
    assert_eq!(mistakes(office.csv("items", sheet).await), expected);

    let head = mistakes(office.csv("items", "item,nmaes.en,item\nA,B,C,D\n").await);
    assert_eq!(head.len(), 3, "{head:?}");
    assert!(
        head[0].contains("the unknown column `nmaes.en`") && head[0].contains("did you mean"),
        "{head:?}"
    );
    assert!(head[2].starts_with("sheet:2: found 4 cells, expected at most 3"), "{head:?}");
    let other = "number,plant,supplier,ordered_at,line,item,quantity\n\
                 PO-7,KOL,TISCO,2025-01-16T06:00:00Z,1,RM-GEAR,1\n\
                 PO-7,VSK,,,2,RM-GEAR,1\n";
    let other = mistakes(office.csv("purchase_orders", other).await);
    assert_eq!(other, ["sheet:3: plant: found \"VSK\", expected \"KOL\" as on line 2, or nothing"]);
    assert_eq!(everything(&office.test, &office.cx).await, before);
}

#[tokio::test]
async fn json_is_told_by_its_path_and_tried_without_keeping() {
    let office = Office::new().await;
    let before = everything(&office.test, &office.cx).await;
    let wrong = json!({
        "tenant": "OTHR",
        "items": [
            { "item": "RM-A", "names": { "en": "A", "fr": "A" }, "type": "RM", "base_unit": "pcs", "tracking": "unit" },
            { "item": "RM-B", "names": "B", "type": "RM", "base_unit": "pcs", "tracking": "unit", "gtin": null },
        ],
        "bom_lines": [{ "parent": "RM-A", "line": 1, "child": "RM-Z", "quantity": "1", "unit": "pcs" }],
    });
    let told = mistakes(office.import(Form::Json, &wrong.to_string()).await);
    assert_eq!(told.len(), 4, "{told:#?}");
    assert!(told[0].starts_with("sheet: bom_lines[0].child: found \"RM-Z\""), "{told:#?}");
    assert!(told[1].starts_with("sheet: items[0].names.fr: found the unknown key `fr`"), "{told:#?}");
    assert!(told[2].starts_with("sheet: items[1].names: found \"B\""), "{told:#?}");
    assert!(told[3].starts_with("sheet: tenant: found \"OTHR\", expected \"SAIF\""), "{told:#?}");
    for (text, expected) in
        [("{", "sheet:1: found"), ("[]", "expected an object of lists"), ("{\"a\":1}", "unknown key")]
    {
        let told = mistakes(office.import(Form::Json, text).await);
        assert!(told[0].contains(expected), "{told:?}");
    }
    assert_eq!(everything(&office.test, &office.cx).await, before);

    let right = json!([{ "item": "RM-A", "names": { "en": "A \"quoted\"\tpart" }, "type": "RM", "base_unit": "pcs",
                         "tracking": "unit", "shelf_life_days": 30, "inspect": true }]);
    // A tab is no text for a label.
    let form = Form::JsonRows(List::parse("items").unwrap());
    assert_eq!(mistakes(office.import(form, &right.to_string()).await).len(), 1);
    let right = right.to_string().replace("\\t", " ");
    let upload = Upload { name: "sheet".into(), form, bytes: right.clone().into_bytes() };
    let tried = import(&office.test.db, &office.cx, "SAIF", &upload, true).await.unwrap();
    assert_eq!((tried.dry_run, tried.published.rows), (true, 1));
    assert_eq!(everything(&office.test, &office.cx).await, before);
    office.import(form, &right).await.unwrap();
    assert!(office.told("item", "RM-A").await[0].contains("A \\\"quoted\\\" part"));
}

crate::in_every_placement! {
async fn what_is_withdrawn_is_forgotten_by_the_plants_and_kept_in_the_office() {
    let office = Office::new().await;
    office.withdraw("operators", "P-1001").await.unwrap();
    let told = office.told("operator", "P-1001").await;
    assert!(!told.is_empty() && told.iter().all(|row| row.ends_with(" gone")), "{told:?}");
    let kept = "select operator_id || (deleted_at is not null) from operators where operator_id = 'P-1001'";
    assert_eq!(office.texts(kept).await, ["P-1001true"]);
    let missing = "there is no P-1001 among the operators, or it was withdrawn already";
    assert_eq!(office.withdraw("operators", "P-1001").await.unwrap_err(), missing);

    // Seeding names the person again: back at work, where that may be written over.
    let (files, named) = (plant_files(), reference());
    let again = async |replace| {
        seed(&office.test.db, CA, &files, Some(&named), None, today(), replace).await.map(|_| ())
    };
    assert!(matches!(again(false).await, Err(SeedErrors::Differing(_))));
    again(true).await.unwrap();
    assert!(office.told("operator", "P-1001").await.iter().any(|row| !row.ends_with(" gone")));

    let used = office.withdraw("items", "RM-GEAR").await.unwrap_err();
    assert!(used.contains("order PO-2025-001") && used.contains("bill of materials of SF-GEARBOX"), "{used}");
    let used = office.withdraw("suppliers", "MOTORIX").await.unwrap_err();
    assert!(used.contains("order PO-2025-003"), "{used}");
    office.withdraw("purchase_orders", "PO-2025-001").await.unwrap();
    assert_eq!(office.told("order", "po/PO-2025-001@KOL").await, ["po/PO-2025-001@KOL gone"]);
    // A closed order stays closed, though a file still names it.
    again(true).await.unwrap();
    assert_eq!(office.told("order", "po/PO-2025-001@KOL").await, ["po/PO-2025-001@KOL gone"]);
    office.withdraw("bom_lines", "SF-GEARBOX/10").await.unwrap();
    assert_eq!(office.told("bom_line", "SF-GEARBOX/10").await, ["SF-GEARBOX/10 gone"]);
    office.withdraw("items", "RM-GEAR").await.unwrap();
    assert_eq!(office.told("item", "RM-GEAR").await, ["RM-GEAR gone"]);
    let form = office.withdraw("bom_lines", "SF-GEARBOX").await.unwrap_err();
    assert!(form.contains("expected PARENT/LINE"), "{form}");
    let place =
        office.texts("select id from reference_rows where kind = 'location' order by id limit 1").await;
    let (location, plant) = place[0].split_once('@').unwrap();
    office.withdraw("locations", &format!("{plant}/{location}")).await.unwrap();
    office.withdraw("reasons", "ORDER_LATE").await.unwrap();
}
}

#[tokio::test]
async fn the_audit_keeps_before_and_after_and_nobodys_name() {
    let office = Office::new().await;
    let sheet = "operator,name,badge,pin,language,supervisor,plants\n\
                 P-1001,Ananya Sen,BADGE-1001,9999,bn,true,KOL;VSK\n";
    office.csv("operators", sheet).await.unwrap();
    let kept = office
        .texts(
            "select action || ' ' || subject || ' ' || coalesce(before::text, '-') || ' ' || coalesce(after::text, '-')
             from audit_log where subject like 'operator:P-1001@%' order by audit_id desc limit 2",
        )
        .await;
    let kol = kept.iter().find(|row| row.contains("P-1001@KOL")).unwrap();
    assert!(kol.contains("\"supervisor\": false") && kol.contains("\"supervisor\": true"), "{kol}");
    assert!(kol.contains("\"pin\": \"changed\"") && !kol.contains("badge"), "{kol}");
    let all =
        office.texts("select coalesce(before::text, '') || coalesce(after::text, '') from audit_log").await;
    assert!(
        all.iter().all(|row| !row.contains("Ananya") && !row.contains("argon2")),
        "a secret in the audit"
    );
}

#[tokio::test]
async fn the_api_takes_lists_and_tells_mistakes_as_problems() {
    let office = Office::new().await;
    let state = AppState::builder(office.test.db.clone()).build();
    let router = crate::web::app(state, crate::seed::router());
    let key = async |scope| {
        keys::create(&office.test.db, office.cx.tenant, "orders", &[scope], None)
            .await
            .unwrap()
            .reveal()
            .to_owned()
    };
    let (writer, admin, reader) = (key(Scope::Write).await, key(Scope::Admin).await, key(Scope::Read).await);
    let send = async |method: &str, path: &str, key: &str, kind: &str, body: String| {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1/reference{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(body))
            .unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice::<Value>(&bytes).unwrap_or_default())
    };
    let sheet = "code,name,place\nACME,Acme Castings,Howrah\n";
    let (status, told) = send("POST", "/suppliers", &writer, "text/csv; charset=utf-8", sheet.into()).await;
    assert_eq!((status, &told["lists"][0]["changed"]), (StatusCode::OK, &json!(1)), "{told}");
    let (status, _) = send("POST", "/suppliers", &reader, "text/csv", sheet.into()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, told) =
        send("POST", "/suppliers", &writer, "text/csv", "code,name\n,X\nA B,Y\n".into()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(told["errors"].as_array().unwrap().len(), 2, "{told}");
    assert_eq!((&told["errors"][1]["row"], &told["errors"][1]["field"]), (&json!(3), &json!("code")));
    let rows = json!([{ "code": "A1", "name": "A" }, { "code": "A2" }]).to_string();
    let (_, told) = send("POST", "/customers", &writer, "application/json", rows).await;
    assert_eq!(
        (&told["errors"][0]["row"], &told["errors"][0]["field"]),
        (&json!(2), &json!("customers[1].name"))
    );

    let person =
        json!([{ "operator": "P-9", "name": "Asha", "badge": "BADGE-9", "language": "te" }]).to_string();
    let (status, _) = send("POST", "/operators", &writer, "application/json", person.clone()).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "who writes orders does not make people");
    let (status, _) = send("POST", "/operators", &admin, "application/json", person).await;
    assert_eq!(status, StatusCode::OK);
    let (status, told) = send("GET", "?kind=operator&limit=500", &reader, "", String::new()).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        told.to_string().contains("\"operator\":\"P-9\"") && !told.to_string().contains("badge_sha256"),
        "{told}"
    );
    let (_, page) = send("GET", "?kind=item&limit=2", &reader, "", String::new()).await;
    let next = page["next"].as_str().unwrap().to_owned();
    let (_, page) =
        send("GET", &format!("?kind=item&limit=2&after={next}"), &reader, "", String::new()).await;
    assert!(page["rows"][0]["id"].as_str().unwrap() > next.as_str());

    let (status, _) = send("DELETE", "/operators/P-9", &writer, "", String::new()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, _) = send("DELETE", "/operators/P-9", &admin, "", String::new()).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, told) = send("DELETE", "/items/RM-GEAR", &writer, "", String::new()).await;
    assert_eq!((status, told["code"].as_str()), (StatusCode::CONFLICT, Some("reference.in_use")));
    let (status, _) = send("DELETE", "/bom_lines/SF-GEARBOX/10", &writer, "", String::new()).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    for (path, kind, expected) in [
        ("/nothing", "text/csv", StatusCode::NOT_FOUND),
        ("/items", "text/plain", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("", "text/csv", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        assert_eq!(send("POST", path, &admin, kind, "x".into()).await.0, expected, "{path}");
    }
    let large = "x".repeat(import::MAX_BYTES + 1);
    assert_eq!(send("POST", "/items", &admin, "text/csv", large).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}
