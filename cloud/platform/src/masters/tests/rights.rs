//! Who may do what, and the API and pages as a program and a browser meet them.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use serde_json::json;
use tower::ServiceExt;

use super::*;
use crate::testing::{person, session};
use crate::web::{AppState, Scope, keys};

struct Site {
    office: Office,
    router: Router,
    secrets: Secrets,
}

/// Who asks: an access key, or the session of a person.
enum As<'a> {
    Key(&'a str),
    Session(&'a str),
}

/// A process of the cloud.
fn process(office: &Office, secrets: &Secrets) -> Router {
    let state = AppState::builder(office.test.db.clone())
        .modules(&[super::super::module()])
        .secrets(secrets.clone())
        .build();
    crate::web::app(state, super::super::router())
}

impl Site {
    async fn new() -> Self {
        let (office, secrets) = (Office::new().await, Secrets::passing().unwrap());
        Self { router: process(&office, &secrets), office, secrets }
    }

    /// The same with another process of the cloud, which has nothing of the first one's memory.
    fn elsewhere(self) -> Self {
        Self { router: process(&self.office, &self.secrets), ..self }
    }

    async fn key(&self, scope: Scope) -> String {
        let made = keys::create(&self.office.test.db, self.office.tenant, "tests", &[scope], None).await;
        made.unwrap().reveal().to_owned()
    }

    /// A session of somebody whose one role has these permissions.
    async fn person(&self, email: &str, permissions: &[&str]) -> String {
        let (db, cx) = (&self.office.test.db, &self.office.cx);
        person(db, cx.tenant, email, "Ananya", &["VIEWER"]).await;
        let held: Vec<String> = permissions.iter().map(|code| (*code).to_owned()).collect();
        let set: Result<(), DbError> = db
            .tx(cx, async |tx| {
                let sql = "update roles set permissions = $2 where tenant_id = $1 and role = 'VIEWER'";
                sqlx::query(sql).bind(cx.tenant).bind(held).execute(tx.conn()).await?;
                Ok(())
            })
            .await;
        set.unwrap();
        session(db, email, None).await
    }

    async fn call(
        &self,
        who: &As<'_>,
        method: &str,
        path: &str,
        kind: &str,
        body: impl Into<Body>,
    ) -> (StatusCode, HeaderMap, String) {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "tw.test");
        request = match who {
            As::Key(key) => request.header(header::AUTHORIZATION, format!("Bearer {key}")),
            As::Session(token) => request
                .header(header::COOKIE, format!("tws={token}"))
                .header(header::ACCEPT, "text/html")
                .header("sec-fetch-site", "same-origin"),
        };
        if !kind.is_empty() {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, headers, String::from_utf8_lossy(&bytes).into_owned())
    }

    async fn status(&self, who: &As<'_>, method: &str, path: &str, body: &str) -> StatusCode {
        let kind = if method == "POST" && !path.starts_with("/api/") {
            "application/x-www-form-urlencoded"
        } else {
            "application/json"
        };
        self.call(who, method, path, kind, body.to_owned()).await.0
    }
}

#[tokio::test]
async fn each_right_opens_one_master_and_one_kind_of_act() {
    let site = Site::new().await;
    let unit = r#"{"unit":"keg","name":"Keg"}"#;
    let form = "unit=vat&name=Vat&dimension=volume&decimals=0";
    let viewer = site.person("a@saif.example", &["masters.units.view"]).await;
    let viewer = As::Session(&viewer);
    for (method, path, body, expected) in [
        ("GET", "/masters", "", StatusCode::OK),
        ("GET", "/masters/units", "", StatusCode::OK),
        ("GET", "/masters/units/row/kg", "", StatusCode::OK),
        ("GET", "/masters/units/export", "", StatusCode::OK),
        ("GET", "/masters/units/new", "", StatusCode::FORBIDDEN),
        ("GET", "/masters/units/import", "", StatusCode::FORBIDDEN),
        ("POST", "/masters/units", form, StatusCode::FORBIDDEN),
        ("POST", "/masters/units/delete/kg", "version=1", StatusCode::FORBIDDEN),
        ("GET", "/masters/items", "", StatusCode::FORBIDDEN),
        ("GET", "/api/v1/masters/items", "", StatusCode::FORBIDDEN),
        ("GET", "/api/v1/masters/units", "", StatusCode::OK),
        ("POST", "/api/v1/masters/units", unit, StatusCode::FORBIDDEN),
        ("PATCH", "/api/v1/masters/units/rows/kg", r#"{"version":1,"name":"K"}"#, StatusCode::FORBIDDEN),
        ("DELETE", "/api/v1/masters/units/rows/kg", "", StatusCode::FORBIDDEN),
        ("POST", "/api/v1/masters/units/import", "unit,name\nx,X\n", StatusCode::FORBIDDEN),
        ("GET", "/masters/nonsense", "", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(site.status(&viewer, method, path, body).await, expected, "{method} {path}");
    }
    let (_, _, page) = site.call(&viewer, "GET", "/masters", "", "").await;
    assert!(page.contains("/masters/units") && !page.contains("/masters/items\""), "only what may be seen");
    let (_, _, page) = site.call(&viewer, "GET", "/masters/units", "", "").await;
    assert!(!page.contains("/masters/units/new"), "no button for what may not be done");

    let editor = site.person("b@saif.example", &["masters.*.view", "masters.units.edit"]).await;
    let editor = As::Session(&editor);
    assert_eq!(site.status(&editor, "POST", "/masters/units", form).await, StatusCode::SEE_OTHER);
    assert_eq!(site.status(&editor, "GET", "/masters/items", "").await, StatusCode::OK);
    assert_eq!(site.status(&editor, "POST", "/masters/items", "item=X").await, StatusCode::FORBIDDEN);
    assert_eq!(
        site.status(&editor, "POST", "/masters/units/delete/vat", "version=1").await,
        StatusCode::FORBIDDEN
    );

    let nobody = site.person("c@saif.example", &["trace.read"]).await;
    for path in ["/masters", "/masters/units", "/masters/nonsense", "/api/v1/masters"] {
        assert_eq!(
            site.status(&As::Session(&nobody), "GET", path, "").await,
            StatusCode::FORBIDDEN,
            "{path}"
        );
    }
    // What stands in operators' rows opens stations.
    let (write, admin) = (site.key(Scope::Write).await, site.key(Scope::Admin).await);
    let person = r#"{"operator_id":"P-9","name":"Ravi","badge":"BADGE-9"}"#;
    assert_eq!(
        site.status(&As::Key(&write), "POST", "/api/v1/masters/operators", person).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        site.status(&As::Key(&admin), "POST", "/api/v1/masters/operators", person).await,
        StatusCode::CREATED
    );
    let (_, _, told) = site.call(&As::Key(&admin), "GET", "/api/v1/masters/operators/rows/P-9", "", "").await;
    assert!(told.contains("Ravi") && !told.contains("badge") && !told.contains("pin_hash"), "{told}");
    let (_, _, page) = site.call(&As::Key(&admin), "GET", "/masters/operators/row/P-9", "", "").await;
    assert!(!page.contains("BADGE-9"), "a badge is never shown");
}

#[tokio::test]
async fn the_api_keeps_versions_and_tells_every_error() {
    let site = Site::new().await;
    let key = site.key(Scope::Write).await;
    let who = As::Key(&key);
    let json = "application/json";
    let item = r#"{"item":"A/B","names":{"en":"Bolt"},"type_code":"RM","base_unit":"pcs","tracking":"lot"}"#;
    let (status, headers, body) = site.call(&who, "POST", "/api/v1/masters/items", json, item).await;
    assert_eq!((status, headers[header::ETAG].to_str().unwrap()), (StatusCode::CREATED, "\"1\""), "{body}");
    let path = "/api/v1/masters/items/rows/A/B";
    let (status, _, body) = site.call(&who, "PATCH", path, json, r#"{"hsn":"7318"}"#).await;
    assert_eq!(status, StatusCode::PRECONDITION_REQUIRED, "{body}");
    let (status, headers, body) = site.call(&who, "PATCH", path, json, r#"{"hsn":"7318","version":1}"#).await;
    assert_eq!((status, headers[header::ETAG].to_str().unwrap()), (StatusCode::OK, "\"2\""), "{body}");
    let (status, _, body) = site.call(&who, "PATCH", path, json, r#"{"hsn":"7319","version":1}"#).await;
    assert!(status == StatusCode::CONFLICT && body.contains("conflict.stale"), "{body}");
    let (status, _, body) =
        site.call(&who, "PATCH", path, json, r#"{"hsn":"1","tracking":"x","version":2}"#).await;
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, told["code"].as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, Some("masters.invalid")),
        "{body}"
    );
    let fields: Vec<&str> =
        told["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["tracking", "hsn"]);

    let mistaken = async |body: &str| {
        let (status, _, told) = site.call(&who, "POST", "/api/v1/masters/items", json, body.to_owned()).await;
        let told: Value = serde_json::from_str(&told).unwrap();
        (status.as_u16(), told["code"].clone(), told["errors"][0]["field"].clone())
    };
    assert_eq!(mistaken("{\"item\"").await, (400, json!("request.malformed"), Value::Null));
    assert_eq!(mistaken("[]").await, (422, json!("request.invalid"), Value::Null));
    let at = r#"{"item":"C","at":{"KOL":7}}"#;
    assert_eq!(mistaken(at).await, (422, json!("request.invalid"), json!("at.KOL")));
    let list = r#"{"item":"C","hsn":["7318"]}"#;
    assert_eq!(mistaken(list).await, (422, json!("request.invalid"), json!("hsn")));

    let (_, _, body) = site.call(&who, "GET", "/api/v1/masters/items?q=a&limit=1", "", "").await;
    let list: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&list["rows"][0]["key"], &list["next"]), (&json!("A/B"), &Value::Null), "{body}");
    let (_, _, body) = site.call(&who, "GET", "/api/v1/masters/items/history/A/B", "", "").await;
    assert!(body.contains("master.update") && body.contains("7318"), "{body}");
    let (status, _, body) = site.call(&who, "GET", "/api/v1/masters/items?sort=description", "", "").await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    let (_, _, body) = site.call(&who, "GET", "/api/v1/masters", "", "").await;
    let all: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(all["masters"].as_array().unwrap().len(), super::super::declared::ALL.len());

    let csv = "item,names.en,type_code,base_unit,tracking\nC,Cog,RM,pcs,unit\nD,,RM,pcs,unit\n";
    let path = "/api/v1/masters/items/import?dry_run=true";
    let (status, _, body) = site.call(&who, "POST", path, "text/csv", csv).await;
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &told["errors"][0]["row"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(3)), "{body}");
    let good = csv.replace("D,,", "D,Dog,");
    let (_, _, body) = site.call(&who, "POST", path, "text/csv", good).await;
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["created"], 2, "{body}");

    let (status, ..) = site.call(&who, "DELETE", "/api/v1/masters/items/rows/A/B", "", "").await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, ..) = site.call(&who, "POST", "/api/v1/masters/items/restore/A/B", "", "").await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn the_pages_keep_what_was_typed_beside_what_is_wrong() {
    let site = Site::new().await;
    let session =
        site.person("a@saif.example", &["masters.*.view", "masters.*.edit", "masters.*.delete"]).await;
    let who = As::Session(&session);
    let form = "application/x-www-form-urlencoded";
    let sent =
        "item=X+1&names.en=Bolt&names.hi=&type_code=RM&base_unit=kgs&tracking=lot&inspect=false&inspect=true";
    let (status, _, page) = site.call(&who, "POST", "/masters/items", form, sent).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("value=\"X 1\"") && page.contains("Did you mean kg?"), "{page}");
    assert!(
        page.contains("aria-describedby=\"err-item\"") && page.contains("id=\"err-base_unit\""),
        "{page}"
    );
    let good = sent.replace("X+1", "X-1").replace("kgs", "kg");
    let (status, headers, _) = site.call(&who, "POST", "/masters/items", form, good).await;
    assert_eq!(
        (status, headers[header::LOCATION].to_str().unwrap()),
        (StatusCode::SEE_OTHER, "/masters/items/row/X-1?saved")
    );
    let (_, _, page) = site.call(&who, "GET", "/masters/items/row/X-1?saved", "", "").await;
    assert!(page.contains("Saved."), "{page}");
    let (_, _, page) = site.call(&who, "GET", "/masters/items/row/X-1", "", "").await;
    assert!(!page.contains("Saved."), "{page}");
    assert!(page.contains("name=\"version\" value=\"1\"") && page.contains("Created"), "{page}");
    let change = "version=1&names.en=Bolt+M6";
    let (status, ..) = site.call(&who, "POST", "/masters/items/row/X-1", form, change).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (status, _, page) =
        site.call(&who, "POST", "/masters/items/row/X-1", form, "version=1&names.en=Mine").await;
    assert!(status == StatusCode::CONFLICT && page.contains("value=\"Mine\""), "{status}");
    let (status, _, page) = site.call(&who, "POST", "/masters/units/delete/kg", form, "version=1").await;
    assert!(status == StatusCode::CONFLICT && page.contains("item X-1"), "{status} {page}");
    let (_, _, options) =
        site.call(&who, "GET", "/masters/items/options/base_unit?base_unit=k", "", "").await;
    assert!(options.contains("value=\"kg\"") && !options.contains("value=\"pcs\""), "{options}");

    let part = |write: &str| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"u.csv\"\r\nContent-Type: text/csv\r\n\r\n\
             unit,name\nkeg,Keg\n\r\n--b\r\nContent-Disposition: form-data; name=\"write\"\r\n\r\n{write}\r\n--b--\r\n"
        )
    };
    let kind = "multipart/form-data; boundary=b";
    let (status, _, page) = site.call(&who, "POST", "/masters/units/import", kind, part("false")).await;
    assert!(status == StatusCode::OK && page.contains("Nothing was written yet"), "{page}");
    // What was tried is imported without being chosen again: once, and by whoever tried it.
    let kept = page.split("name=\"kept\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let now = format!(
        "--b\r\nContent-Disposition: form-data; name=\"kept\"\r\n\r\n{kept}\r\n--b\r\n\
         Content-Disposition: form-data; name=\"write\"\r\n\r\ntrue\r\n--b--\r\n"
    );
    // Whichever process is asked, also one that was started since.
    let site = site.elsewhere();
    let (_, _, page) = site.call(&who, "POST", "/masters/units/import", kind, now.clone()).await;
    assert!(page.contains("1 new"), "{page}");
    let (status, _, page) = site.call(&who, "POST", "/masters/units/import", kind, now).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("not kept any more"), "{page}");
    let (_, _, page) = site.call(&who, "POST", "/masters/units/import", kind, part("true")).await;
    assert!(page.contains("1 as they were"), "{page}");
    assert_eq!(site.office.find("units", "keg").await.row["name"], "Keg");
}

#[tokio::test]
async fn lists_and_forms_begin_with_the_plant_in_focus_and_numbers_are_as_one_likes() {
    let site = Site::new().await;
    for plant in ["KOL", "VSK"] {
        let code = format!("M-{plant}");
        let given =
            [("machine", &*code), ("name", "Oven"), ("plant", plant), ("units_per_hour", "1234567.5")];
        site.office.create("machines", &given).await.unwrap();
    }
    let session = site.person("a@saif.example", &["masters.*.view", "masters.*.edit"]).await;
    let who = As::Session(&session);
    let (_, _, page) = site.call(&who, "GET", "/masters/machines", "", "").await;
    assert!(page.contains("M-KOL") && page.contains("M-VSK"), "{page}");
    let set = "update users set plant = 'KOL', number_form = 'western', theme = 'dark'";
    let done: Result<(), DbError> = site
        .office
        .test
        .db
        .tx(&site.office.cx, async |tx| {
            sqlx::query(set).execute(tx.conn()).await?;
            Ok(())
        })
        .await;
    done.unwrap();
    let (_, _, page) = site.call(&who, "GET", "/masters/machines", "", "").await;
    assert!(page.contains("M-KOL") && !page.contains("M-VSK"), "{page}");
    assert!(page.contains("data-theme=\"dark\"") && page.contains("action=\"/account/plant\""), "{page}");
    let (_, _, page) = site.call(&who, "GET", "/masters/machines/new", "", "").await;
    assert!(page.contains("value=\"KOL\""), "{page}");
    let (status, _, page) = site.call(&who, "GET", "/masters/machines/row/M-VSK", "", "").await;
    assert_eq!(status, StatusCode::OK, "a row of another of one's plants is one click away: {page}");
}

#[tokio::test]
async fn a_grid_takes_as_many_rows_as_it_says() {
    let site = Site::new().await;
    let session = site.person("a@saif.example", &["masters.*.view", "masters.*.edit"]).await;
    let who = As::Session(&session);
    let form = "application/x-www-form-urlencoded";
    // Of each row as much as a spreadsheet may hold, and one mistake in the last.
    let body = |rows: usize| {
        let rows = (0..rows).map(|n| {
            let purpose = if n + 1 == rows { "nonsense" } else { "scrap" };
            format!("r.{n}.reason=R-{n}&r.{n}.texts.en={}&r.{n}.purpose={purpose}", "x".repeat(600))
        });
        rows.collect::<Vec<_>>().join("&")
    };
    let sent = body(2000);
    assert!(sent.len() > 1024 * 1024, "more than other forms may send");
    let (status, _, page) = site.call(&who, "POST", "/masters/reasons/grid", form, sent).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("value=\"R-1999\"") && page.contains("value=\"nonsense\""), "what was typed stays");
    let (status, ..) = site.call(&who, "POST", "/masters/reasons/grid", form, body(2001)).await;
    assert!(status.is_client_error(), "{status}");
}

#[tokio::test]
async fn who_takes_personal_data_out_is_in_the_audit() {
    let site = Site::new().await;
    let supplier = [("partner", "ACME"), ("name", "Ravi Kumar"), ("phone", "+919812345678")];
    site.office.create("suppliers", &supplier).await.unwrap();
    site.office.create("suppliers", &[("partner", "BHARAT"), ("name", "Bharat Gears")]).await.unwrap();
    let session = site.person("a@saif.example", &["masters.*.view"]).await;
    let who = As::Session(&session);
    for path in [
        "/api/v1/masters/suppliers/export?q=ravi",
        "/masters/suppliers/export?format=xlsx",
        // Of these there is nothing personal to take.
        "/masters/suppliers/export?format=template",
        "/api/v1/masters/units/export",
        "/masters/suppliers",
    ] {
        assert_eq!(site.status(&who, "GET", path, "").await, StatusCode::OK, "{path}");
    }
    assert_eq!(
        site.status(&who, "GET", "/api/v1/masters/suppliers/export?format=pdf", "").await,
        StatusCode::BAD_REQUEST
    );
    let written = "select jsonb_agg(jsonb_build_array(subject, actor like 'user:%', after->'format',
                       after->'narrowed_by', after->'fields' ? 'phone', after->'fields' ? 'pan', after->'rows')
                       order by audit_id)
                   from audit_log where action = 'master.export'";
    let expected = json!([
        ["master:suppliers", true, "csv", ["q"], true, false, 1],
        ["master:suppliers", true, "xlsx", [], true, false, 2],
    ]);
    assert_eq!(site.office.value(written).await, expected);
    let told =
        site.office.value("select jsonb_agg(after) from audit_log where action = 'master.export'").await;
    assert!(!told.to_string().to_lowercase().contains("ravi"), "{told}");
}

#[tokio::test]
async fn who_reads_what_is_watched_of_a_row_is_in_the_audit_once_an_hour() {
    let site = Site::new().await;
    let own = [("master", "suppliers"), ("field", "keeper"), ("labels.en", "Keeper"), ("kind", "text")];
    site.office.create("custom_fields", &[&own[..], &[("watched", "true")]].concat()).await.unwrap();
    let writer = site.key(Scope::Write).await;
    let (writer, json_kind) = (As::Key(&writer), "application/json");
    for (path, body) in [
        ("/api/v1/masters/suppliers", r#"{"partner":"ACME","name":"Acme","custom":{"keeper":"Meera"}}"#),
        ("/api/v1/masters/suppliers", r#"{"partner":"BARE","name":"Bare"}"#),
        (
            "/api/v1/masters/contacts",
            r#"{"contact":"RAVI","name":"Ravi Kumar","partner":"ACME","phone":"+919812345678"}"#,
        ),
    ] {
        let (status, _, told) = site.call(&writer, "POST", path, json_kind, body).await;
        assert_eq!(status, StatusCode::CREATED, "{path}: {told}");
    }
    let session = site.person("a@saif.example", &["masters.*.view"]).await;
    let who = As::Session(&session);
    for path in [
        "/masters/contacts/row/RAVI",
        "/api/v1/masters/contacts/rows/RAVI",
        "/api/v1/masters/contacts/history/RAVI",
        "/api/v1/masters/suppliers/rows/ACME",
        "/masters/suppliers/row/ACME",
        // There is nothing watched here, and lists are no look at a row.
        "/masters/suppliers/row/BARE",
        "/masters/units/row/kg",
        "/masters/contacts",
        "/api/v1/masters/contacts",
    ] {
        assert_eq!(site.status(&who, "GET", path, "").await, StatusCode::OK, "{path}");
    }
    let written = "select jsonb_agg(jsonb_build_array(subject, actor like 'user:%', after) order by audit_id)
                   from audit_log where action = 'master.look'";
    let expected = json!([
        ["contacts:RAVI", true, { "fields": ["phone"] }],
        ["suppliers:ACME", true, { "fields": ["custom.keeper"] }],
    ]);
    assert_eq!(site.office.value(written).await, expected);
    // Somebody else is told apart, and a row's history is of its changes.
    let (_, _, history) =
        site.call(&writer, "GET", "/api/v1/masters/contacts/history/RAVI", json_kind, "").await;
    assert!(history.contains("master.create") && !history.contains("master.look"), "{history}");
    let by_keys =
        "select to_jsonb(count(*)) from audit_log where action = 'master.look' and actor like 'key:%'";
    assert_eq!(site.office.value(by_keys).await, json!(1));

    // Later it is another look.
    let office = &site.office;
    let (row, now) = (office.find("contacts", "RAVI").await.row, chrono::Utc::now());
    for (minutes, looks) in [(0, 1), (59, 1), (61, 2)] {
        let at = now + chrono::TimeDelta::minutes(minutes);
        let shape = office.shape("contacts");
        let looked = async |tx: &mut Tx| super::super::watched::note(tx, shape, "RAVI", &row, at).await;
        office.test.db.tx(&office.cx, looked).await.unwrap();
        let own =
            "select to_jsonb(count(*)) from audit_log where action = 'master.look' and actor = 'user:tests'";
        assert_eq!(office.value(own).await, json!(looks), "after {minutes} minutes");
    }
}

#[tokio::test]
async fn what_was_deleted_is_told_with_the_way_back() {
    let site = Site::new().await;
    let session =
        site.person("a@saif.example", &["masters.*.view", "masters.*.edit", "masters.*.delete"]).await;
    let (who, form) = (As::Session(&session), "application/x-www-form-urlencoded");
    let sent = "item=BOLT&names.en=Bolt&type_code=RM&base_unit=kg&tracking=lot&inspect=true";
    let (status, _, page) = site.call(&who, "POST", "/masters/items", form, sent).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "{page}");
    // Of a row that is there the list says nothing, nor of one that never was.
    for key in ["BOLT", "NONE", "%00", "%3Cscript%3E"] {
        let (status, _, page) = site.call(&who, "GET", &format!("/masters/items?gone={key}"), "", "").await;
        assert!(
            status == StatusCode::OK && !page.contains("/restore/") && !page.contains("<script>"),
            "{page}"
        );
    }
    let (status, headers, _) = site.call(&who, "POST", "/masters/items/delete/BOLT", form, "version=1").await;
    let to = headers[header::LOCATION].to_str().unwrap();
    assert_eq!((status, to), (StatusCode::SEE_OTHER, "/masters/items?gone=BOLT"));
    let (_, _, page) = site.call(&who, "GET", to, "", "").await;
    assert!(page.contains("Deleted: BOLT Bolt"), "{page}");
    assert!(page.contains("action=\"/masters/items/restore/BOLT\""), "{page}");
    // Who may not restore it is told, and offered nothing.
    let looks = site.person("b@saif.example", &["masters.*.view"]).await;
    let (_, _, page) = site.call(&As::Session(&looks), "GET", to, "", "").await;
    assert!(page.contains("Deleted: BOLT Bolt") && !page.contains("/restore/"), "{page}");
    let restores = site.person("c@saif.example", &["masters.*.view", "masters.*.delete"]).await;
    let who = As::Session(&restores);
    let (status, headers, _) = site.call(&who, "POST", "/masters/items/restore/BOLT", form, "").await;
    let to = headers[header::LOCATION].to_str().unwrap();
    assert_eq!((status, to), (StatusCode::SEE_OTHER, "/masters/items/row/BOLT?saved"));
}

#[tokio::test]
async fn a_filter_by_many_rows_is_sought_by_typing() {
    let site = Site::new().await;
    let session = site.person("a@saif.example", &["masters.items.view"]).await;
    let who = As::Session(&session);
    let (_, _, page) = site.call(&who, "GET", "/masters/items", "", "").await;
    assert!(!page.contains("/masters/items/options/variant_of"), "{page}");
    let rows = "insert into items (tenant_id, item, name, names, type_code, base_unit, tracking)
                select app.tenant(), 'IT-' || lpad(n::text, 6, '0'), 'Part', '{\"en\": \"Part\"}', 'RM', 'pcs', 'none'
                from generate_series(1, 130) n";
    let made: Result<(), DbError> = site
        .office
        .test
        .db
        .tx(&site.office.cx, async |tx| {
            sqlx::query(rows).execute(tx.conn()).await?;
            Ok(())
        })
        .await;
    made.unwrap();
    let (_, _, page) = site.call(&who, "GET", "/masters/items?variant_of=IT-000125", "", "").await;
    assert!(page.contains("hx-get=\"/masters/items/options/variant_of\""), "{page}");
    assert!(page.contains("name=\"variant_of\" value=\"IT-000125\""), "{page}");
    // Who only sees the list may seek; what is no filter of it stays with who writes.
    let path = "/masters/items/options/variant_of?variant_of=IT-00012";
    let (status, _, found) = site.call(&who, "GET", path, "", "").await;
    assert!(
        status == StatusCode::OK && found.contains("IT-000125") && !found.contains("IT-000001"),
        "{found}"
    );
    let (status, ..) = site.call(&who, "GET", "/masters/items/options/base_unit", "", "").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}
