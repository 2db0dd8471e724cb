//! Nobody gives, takes or changes more than they hold: by page and by API.

use serde_json::{Value, json};

use super::*;
use crate::secrets::Secrets;
use crate::web::{Grant, Rights};

/// An office with somebody for each right that could be made into all of them.
struct Site {
    office: Office,
    router: Router,
    boss: Uuid,
}

/// Roles of one right each, and what it is.
const ROLES: &[(&str, &str)] = &[
    ("HELPER", "user.read,user.manage"),
    ("SHAPER", "role.manage"),
    ("SETTER", "tenant.manage"),
    ("KEEPER", "key.manage"),
];

impl Site {
    async fn new() -> Self {
        let office = Office::new().await;
        let state = AppState::builder(office.test.db.clone())
            .modules(&[
                crate::people::module(),
                crate::notify::module(),
                crate::settings::module(),
                crate::web::module(),
            ])
            .secrets(Secrets::passing().unwrap())
            .private_webhooks(true)
            .build();
        let router = crate::web::app(state, crate::people::router().merge(crate::settings::router()));
        let boss = office.active("boss@saif.example", &[ADMIN]).await;
        for (role, permissions) in ROLES {
            office
                .run(&format!(
                    "insert into roles (tenant_id, role, name, permissions)
                 values ('{}', '{role}', '{role} of ours', '{{{permissions}}}')",
                    office.tenant
                ))
                .await;
        }
        Self { office, router, boss }
    }

    /// Somebody with this role, signed in.
    async fn with(&self, role: &str) -> (Uuid, Browser) {
        let email = format!("{}@saif.example", role.to_lowercase());
        let user = self.office.active(&email, &[role]).await;
        (user, self.signed_in(&email).await)
    }

    async fn signed_in(&self, email: &str) -> Browser {
        let mut browser = Browser { router: self.router.clone(), cookie: String::new() };
        let body = format!("email={}&password={}", email.replace('@', "%40"), PASSWORD.replace(' ', "+"));
        assert_eq!(browser.send("POST", "/signin", &body).await.0, StatusCode::SEE_OTHER);
        browser
    }

    async fn roles_of(&self, user: Uuid) -> Vec<String> {
        service::find(&self.office.test.db, &self.office.cx, user).await.unwrap().roles
    }

    async fn role(&self, code: &str) -> crate::people::Role {
        let all = service::roles(&self.office.test.db, &self.office.cx).await.unwrap();
        all.into_iter().find(|role| role.code == code).unwrap()
    }
}

impl Office {
    /// A statement within the tenant.
    async fn run(&self, sql: &str) {
        let done: Result<(), DbError> = self
            .test
            .db
            .tx(&self.cx, async |tx| {
                sqlx::query(sqlx::AssertSqlSafe(sql.to_owned())).execute(tx.conn()).await?;
                Ok(())
            })
            .await;
        done.unwrap();
    }
}

/// As a program of the browser's session asks.
async fn api(browser: &Browser, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "tw.test")
        .header(header::COOKIE, &browser.cookie)
        .header("sec-fetch-site", "same-origin")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let response = browser.router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

#[tokio::test]
async fn who_manages_people_makes_no_administrator_and_becomes_none() {
    let site = Site::new().await;
    let (helper, mut browser) = site.with("HELPER").await;
    let clerk = site.office.active("clerk@saif.example", &["VIEWER"]).await;
    let boss = site.boss;
    let every = "This takes every right there is";
    for (path, body) in [
        (format!("/users/{helper}/roles"), "role=HELPER&role=ADMIN"),
        (format!("/users/{boss}/roles"), "role=VIEWER"),
        (format!("/users/{boss}/link"), ""),
        (format!("/users/{boss}/totp"), ""),
        (format!("/users/{boss}/unlink"), ""),
        (format!("/users/{boss}/status"), "version=2&active=false"),
        (format!("/users/{boss}/name"), "version=2&name=Other"),
        ("/users".to_owned(), "email=new%40saif.example&name=New&role=ADMIN"),
    ] {
        let (status, _, page) = browser.send("POST", &path, body).await;
        assert!(status == StatusCode::FORBIDDEN && page.contains(every), "{path} {body}: {status} {page}");
        assert!(!page.contains("/invitation/"), "{path}: {page}");
    }
    for (method, path, body) in [
        (
            "PUT",
            format!("/api/v1/users/{helper}/roles"),
            json!({ "roles": [{ "role": "ADMIN" }], "version": 1 }),
        ),
        ("PUT", format!("/api/v1/users/{boss}/roles"), json!({ "roles": [], "version": 1 })),
        ("PUT", format!("/api/v1/users/{boss}/status"), json!({ "active": false, "version": 2 })),
        ("PUT", format!("/api/v1/users/{boss}/name"), json!({ "name": "Other", "version": 2 })),
        ("POST", format!("/api/v1/users/{boss}/link"), json!({})),
        (
            "POST",
            "/api/v1/users".to_owned(),
            json!({ "email": "new@saif.example", "name": "New", "roles": ["ADMIN"] }),
        ),
    ] {
        let (status, told) = api(&browser, method, &path, body).await;
        assert_eq!(
            (status, &told["code"]),
            (StatusCode::FORBIDDEN, &json!("rights.beyond")),
            "{path}: {told}"
        );
        assert_eq!(told["permission"], "*", "{path}: {told}");
    }
    assert_eq!(site.roles_of(helper).await, ["HELPER"]);
    assert_eq!(site.roles_of(boss).await, [ADMIN]);
    // Nobody is invited who could do nothing.
    let nobody = json!({ "email": "new@saif.example", "name": "New", "roles": [] });
    let (status, told) = api(&browser, "POST", "/api/v1/users", nobody).await;
    assert_eq!((status, &told["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("roles")));
    let (status, _, page) = browser.send("POST", "/users", "email=new%40saif.example&name=New&role=").await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("at least one role"), "{page}");
    // What is wrong is told in the field that was sent, and at its place where it has one.
    let new = |roles: Value, plants: Value| json!({ "email": "new@saif.example", "name": "New", "roles": roles, "plants": plants });
    let given = |roles: Value| json!({ "roles": roles, "version": 1 });
    let (users, of_clerk) = ("/api/v1/users".to_owned(), format!("/api/v1/users/{clerk}/roles"));
    for (method, path, body, field, place) in [
        ("POST", &users, new(json!(["VIEWER", "NOBODY"]), Value::Null), "roles", json!(2)),
        ("POST", &users, new(json!(["VIEWER", "ADMIN"]), json!(["KOL"])), "roles", json!(2)),
        ("POST", &users, new(json!(["VIEWER"]), json!(["ZZZ"])), "plants", Value::Null),
        ("PUT", &of_clerk, given(json!([{ "role": "VIEWER" }, { "role": "NOBODY" }])), "role", json!(2)),
        ("PUT", &of_clerk, given(json!([{ "role": "VIEWER", "plants": ["ZZZ"] }])), "plants", json!(1)),
    ] {
        let (status, told) = api(&browser, method, path, body).await;
        let mistake = &told["errors"][0];
        assert_eq!(
            (status, &mistake["field"], &mistake["row"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!(field), &place),
            "{path}: {told}"
        );
    }
    // What would be refused is not offered.
    let (_, _, page) = browser.send("GET", &format!("/users/{boss}"), "").await;
    assert!(page.contains(every) && !page.contains(&format!("action=\"/users/{boss}/")), "{page}");
    let (_, _, page) = browser.send("GET", "/users", "").await;
    let offered = page.split("id=\"in-role\"").nth(1).unwrap().split("</select>").next().unwrap();
    assert!(offered.contains("value=\"VIEWER\"") && !offered.contains("value=\"ADMIN\""), "{offered}");
    assert!(
        offered.contains("<option value=\"\">") && !offered.contains(" selected"),
        "none is chosen: {offered}"
    );
    // Of a role of other rights it is the same: it is said which.
    let (status, _, page) =
        browser.send("POST", &format!("/users/{clerk}/roles"), "version=1&role=SHAPER").await;
    assert!(status == StatusCode::FORBIDDEN && page.contains("Say what roles may do"), "{page}");
    // And whoever has no more is theirs to look after.
    let (status, ..) = browser.send("POST", &format!("/users/{clerk}/roles"), "version=2&role=HELPER").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (status, _, page) = browser.send("POST", &format!("/users/{clerk}/link"), "").await;
    assert!(status == StatusCode::OK && page.contains("/invitation/"), "{page}");
    // An administrator may all of it.
    let mut admin = site.signed_in("boss@saif.example").await;
    let (status, ..) = admin.send("POST", &format!("/users/{clerk}/roles"), "version=3&role=ADMIN").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(site.roles_of(clerk).await, [ADMIN]);
    let (status, told) = api(&admin, "POST", "/api/v1/roles", json!({ "code": "9A", "name": "Nine" })).await;
    assert_eq!((status, &told["errors"][0]["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("code")));
}

#[tokio::test]
async fn who_shapes_roles_puts_nothing_into_them_that_they_lack() {
    let site = Site::new().await;
    let (shaper, mut browser) = site.with("SHAPER").await;
    let body = "version=1&permission=role.manage&permission=user.manage";
    let (status, _, page) = browser.send("POST", "/roles/SHAPER", body).await;
    assert!(
        status == StatusCode::FORBIDDEN && page.contains("Invite people, give roles, shut out"),
        "{page}"
    );
    let sent = json!({ "permissions": ["role.manage", "user.manage"], "version": 1 });
    let (status, told) = api(&browser, "PUT", "/api/v1/roles/SHAPER/permissions", sent).await;
    assert_eq!((status, &told["code"]), (StatusCode::FORBIDDEN, &json!("rights.beyond")), "{told}");
    assert_eq!(told["permission"], "user.manage");
    // Nor taken out of others', nor these weakened, renamed or deleted.
    for (path, body) in [
        ("/roles/HELPER", "version=1"),
        ("/roles/HELPER/totp", "version=1&on=true"),
        ("/roles/HELPER/name", "version=1&name=Other"),
        ("/roles/HELPER/delete", "version=1"),
        ("/roles/ADMIN/totp", "version=1&on=false"),
    ] {
        let (status, ..) = browser.send("POST", path, body).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
    let (status, told) = api(&browser, "DELETE", "/api/v1/roles/HELPER?version=1", json!({})).await;
    assert_eq!((status, &told["code"]), (StatusCode::FORBIDDEN, &json!("rights.beyond")), "{told}");
    assert_eq!(site.role("SHAPER").await.permissions, ["role.manage"]);
    assert_eq!(site.role("HELPER").await.permissions, ["user.read", "user.manage"]);
    // A box that cannot be changed is shown, and what it says is sent all the same.
    let (_, _, page) = browser.send("GET", "/roles", "").await;
    assert!(page.contains("value=\"user.manage\" checked disabled"), "{page}");
    assert!(page.contains("<input type=\"hidden\" name=\"permission\" value=\"user.manage\">"), "{page}");
    assert!(!page.contains("action=\"/roles/HELPER/delete\""), "{page}");
    // What they hold is theirs to give.
    assert_eq!(browser.send("POST", "/roles", "code=NEW&name=New").await.0, StatusCode::SEE_OTHER);
    let (status, ..) = browser.send("POST", "/roles/NEW", "version=1&permission=role.manage").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let kept = "version=1&permission=user.read&permission=user.manage&permission=role.manage";
    let (status, ..) = browser.send("POST", "/roles/HELPER", kept).await;
    assert_eq!(status, StatusCode::SEE_OTHER, "what stays is not given");
    assert_eq!(site.roles_of(shaper).await, ["SHAPER"]);
}

#[tokio::test]
async fn who_keeps_settings_decides_not_who_comes_in_as_whom() {
    let site = Site::new().await;
    let (_, mut browser) = site.with("SETTER").await;
    let every = "This takes every right there is";
    for (path, body) in [
        ("/settings/signin", "active=true&name=Mine&issuer=http%3A%2F%2F127.0.0.1%3A9&client_id=x&version=0"),
        // Links to new passwords would go by it.
        (
            "/settings/mail",
            "smtp_host=127.0.0.1&smtp_port=25&smtp_security=tls&from_address=a%40b.example&version=0",
        ),
    ] {
        let (status, _, page) = browser.send("POST", path, body).await;
        assert!(status == StatusCode::FORBIDDEN && page.contains(every), "{path}: {status} {page}");
        let (status, _, page) = browser.send("GET", path, "").await;
        assert!(
            status == StatusCode::OK && page.contains(every) && page.contains("<fieldset disabled>"),
            "{page}"
        );
    }
    let sent = json!({ "active": false, "name": "", "issuer": "", "client_id": "", "version": 0 });
    let (status, told) = api(&browser, "PUT", "/api/v1/settings/signin", sent).await;
    assert_eq!((status, &told["code"]), (StatusCode::FORBIDDEN, &json!("rights.beyond")), "{told}");
    let mut admin = site.signed_in("boss@saif.example").await;
    let (_, _, page) = admin.send("GET", "/settings/signin", "").await;
    assert!(!page.contains(every) && !page.contains("<fieldset disabled>"), "{page}");
    // What cannot be kept is told beside its field, with what was typed.
    let body = "smtp_host=mail.example.com&smtp_port=many&smtp_security=tls&from_address=nobody&version=0";
    let (status, _, page) = admin.send("POST", "/settings/mail", body).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{page}");
    for part in
        ["id=\"err-smtp_port\"", "value=\"many\"", "id=\"err-from_address\"", "value=\"mail.example.com\""]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[tokio::test]
async fn a_key_has_no_more_than_whoever_makes_it() {
    let site = Site::new().await;
    let (_, mut keeper) = site.with("KEEPER").await;
    let (status, told) =
        api(&keeper, "POST", "/api/v1/access-keys", json!({ "name": "Mine", "scope": "admin" })).await;
    assert_eq!((status, &told["code"]), (StatusCode::FORBIDDEN, &json!("key.beyond")), "{told}");
    let (status, _, page) = keeper.send("POST", "/settings/keys", "name=Mine&scope=admin").await;
    assert!(status == StatusCode::FORBIDDEN && !page.contains("twk_"), "{page}");
    assert!(page.contains("This takes every right there is"), "{page}");
    let (_, _, page) = keeper.send("GET", "/settings/keys", "").await;
    assert!(page.contains("No access keys yet") && !page.contains("<option value=\"admin\""), "{page}");

    let mut admin = site.signed_in("boss@saif.example").await;
    for (body, told) in [
        ("name=&scope=read", "A name has 1 to 80 characters"),
        ("name=ERP&scope=none", "Choose what the key may do"),
        ("name=ERP&scope=read&expires=2020-01-01", "Choose a day to come"),
        ("name=ERP&scope=read&expires=soon", "Choose a day to come"),
        ("name=ERP&scope=read&expires=2999-12-31", "A key works for 365 days at most"),
        ("name=ERP&scope=read&plant=ZZZ", "There is no plant ZZZ"),
    ] {
        let (status, _, page) = admin.send("POST", "/settings/keys", body).await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains(told), "{body}: {page}");
    }
    let (_, _, page) = admin.send("POST", "/settings/keys", "name=&scope=none&expires=soon&plant=KOL").await;
    for part in ["id=\"err-name\"", "id=\"err-scope\"", "id=\"err-expires\"", "value=\"soon\""] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let day = (site.office.now + TimeDelta::days(100)).date_naive();
    let body = format!("name=ERP&scope=write&plant=KOL&expires={day}");
    let (status, headers, page) = admin.send("POST", "/settings/keys", &body).await;
    assert_eq!((status, headers["cache-control"].to_str().unwrap()), (StatusCode::OK, "no-store"), "{page}");
    let key = page.split("value=\"twk_").nth(1).unwrap().split('"').next().unwrap();
    let key = format!("twk_{key}");
    assert!(page.contains(&format!("data-text=\"{key}\"")), "it can be copied: {page}");
    let db = &site.office.test.db;
    let listed = keys::list(db, site.office.tenant).await.unwrap().pop().unwrap();
    assert_eq!(
        (listed.name.as_str(), &listed.plants, listed.last_used_at),
        ("ERP", &Plants::some(["KOL"]), None)
    );
    assert_eq!(listed.created_by, format!("user:{}", site.boss));
    let used = keys::verify(db, &key, site.office.now).await.unwrap().unwrap();
    assert!(used.rights.has_at(&Permission::write("hold.place"), "KOL"));
    let listed = keys::list(db, site.office.tenant).await.unwrap().pop().unwrap();
    assert_eq!(listed.last_used_at, Some(site.office.now));
    let (_, _, page) = admin.send("GET", "/settings/keys", "").await;
    assert!(page.contains("ERP") && page.contains("Ananya Sen") && !page.contains(&key), "{page}");
    let path = format!("/settings/keys/{}/delete", listed.id);
    assert_eq!(admin.send("POST", &path, "").await.0, StatusCode::SEE_OTHER);
    assert!(keys::verify(db, &key, site.office.now).await.unwrap().is_none());

    // One without a last day ends all the same, and a program hears it as a person does.
    assert_eq!(admin.send("POST", "/settings/keys", "name=Long&scope=read").await.0, StatusCode::OK);
    let listed = keys::list(db, site.office.tenant).await.unwrap();
    let ends = listed.iter().find(|key| key.name == "Long").unwrap().expires_at.unwrap();
    assert_eq!((ends - site.office.now).num_days(), 365);
    let asked = json!({ "name": "Longer", "scope": "read", "expires_at": "2999-12-31T00:00:00Z" });
    let (status, told) = api(&admin, "POST", "/api/v1/access-keys", asked).await;
    assert_eq!((status, &told["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("key.invalid")), "{told}");
    let many: Vec<String> = (0..201).map(|n| format!("P{n}")).collect();
    let asked = json!({ "name": "Wide", "scope": "read", "plants": many });
    let (status, told) = api(&admin, "POST", "/api/v1/access-keys", asked).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{told}");
    assert!(told.to_string().contains("200 plants at most"), "{told}");
    assert_eq!(admin.send("POST", &path, "").await.0, StatusCode::NOT_FOUND);
    let log = site.office.audit().await.join("\n");
    assert!(log.contains("key.create") && log.contains("key.revoke") && !log.contains(&key), "{log}");
}

#[tokio::test]
async fn one_sets_limits_up_to_the_own_one() {
    let site = Site::new().await;
    let (db, cx) = (&site.office.test.db, &site.office.cx);
    let inr = |amount: i64| Amount { amount: amount.into(), currency: "INR".into() };
    let all = [APPROVE];
    let rights = Rights::of_grants([Grant {
        permissions: vec![APPROVE.code.to_owned()],
        limits: [(APPROVE.code.to_owned(), inr(50_000))].into(),
        ..Grant::default()
    }]);
    let by = By::holding(cx, &rights, &all);
    let set = async |by: &By<'_>, limit: Option<Amount>| {
        roles::limit_set(db, by, &all, ("BUYER", APPROVE.code), limit.as_ref(), None).await
    };
    // From no limit to one: who has none takes it away.
    assert!(matches!(set(&by, Some(inr(40_000))).await, Err(PeopleError::Beyond(_))));
    set(&By::operator(cx), Some(inr(50_000))).await.unwrap();
    set(&by, Some(inr(40_000))).await.unwrap();
    set(&by, Some(inr(50_000))).await.unwrap();
    assert!(matches!(set(&by, Some(inr(50_001))).await, Err(PeopleError::Beyond(_))));
    assert!(matches!(set(&by, None).await, Err(PeopleError::Beyond(_))));
    // A role up to that limit is theirs to give, one beyond is not.
    let clerk = site.office.active("clerk@saif.example", &["VIEWER"]).await;
    let version = site.role("BUYER").await.version;
    let held = [APPROVE.code.to_owned()];
    roles::permissions_set(db, &By::operator(cx), &all, "BUYER", version, &held).await.unwrap();
    let at = |plants| [Given { role: "BUYER".into(), plants }];
    service::give(db, &by, clerk, &at(Plants::some(["KOL"]))).await.unwrap();
    set(&By::operator(cx), None).await.unwrap();
    assert!(matches!(service::give(db, &by, clerk, &[]).await, Err(PeopleError::Beyond(_))), "nor to take");
    let nobody = Rights::of_grants([]);
    let nobody = By::holding(cx, &nobody, &all);
    assert!(matches!(service::give(db, &nobody, clerk, &[]).await, Err(PeopleError::Beyond(_))));
}

#[tokio::test]
async fn a_role_of_ones_own_is_renamed_and_deleted_when_nothing_names_it() {
    let site = Site::new().await;
    let mut admin = site.signed_in("boss@saif.example").await;
    assert_eq!(admin.send("POST", "/roles", "code=LINE_LEAD&name=Line+lead").await.0, StatusCode::SEE_OTHER);
    let rename = "version=1&name=Leads+of+lines";
    assert_eq!(admin.send("POST", "/roles/LINE_LEAD/name", rename).await.0, StatusCode::SEE_OTHER);
    let (status, _, page) = admin.send("POST", "/roles/LINE_LEAD/name", rename).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("Leads of lines"), "stale: {page}");
    // What was typed stays, beside what the role is called by now, and can be sent over that.
    let (status, _, page) = admin.send("POST", "/roles/LINE_LEAD/name", "version=1&name=Mine").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let form =
        page.split("action=\"/roles/LINE_LEAD/name\"").nth(1).unwrap().split("</form>").next().unwrap();
    for part in
        ["value=\"Mine\"", "Now it says: Leads of lines", "name=\"version\" value=\"2\"", "role=\"alert\""]
    {
        assert!(form.contains(part), "{part}: {form}");
    }
    let (status, told) =
        api(&admin, "PUT", "/api/v1/roles/LINE_LEAD/name", json!({ "name": "Leads", "version": 2 })).await;
    assert_eq!((status, &told["name"]), (StatusCode::OK, &json!("Leads")), "{told}");
    for path in ["/roles/VIEWER/name", "/roles/VIEWER/delete"] {
        let (status, _, page) = admin.send("POST", path, "version=1&name=Other").await;
        assert!(
            status == StatusCode::UNPROCESSABLE_ENTITY && page.contains("Every tenant has this role"),
            "{page}"
        );
    }

    let tenant = site.office.tenant;
    let clerk = site.office.active("clerk@saif.example", &["LINE_LEAD"]).await;
    site.office
        .run(&format!(
            "insert into workflow_definitions (tenant_id, definition_id, workflow, revision, name, source)
             values ('{tenant}', gen_random_uuid(), 'holidays', 1, 'Holidays',
                     '{{\"stages\": [{{\"name\": \"One\", \"approver_role\": \"LINE_LEAD\"}}]}}')"
        ))
        .await;
    site.office
        .run(&format!(
            "insert into sign_in_providers (tenant_id, email_domains, create_role)
             values ('{tenant}', '{{saif.example}}', 'LINE_LEAD')"
        ))
        .await;
    let (status, _, page) = admin.send("POST", "/roles/LINE_LEAD/delete", "version=3").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    for held in ["held by Ananya Sen", "Holidays", "by the sign-in provider"] {
        assert!(page.contains(held), "{held}: {page}");
    }
    let (status, told) = api(&admin, "DELETE", "/api/v1/roles/LINE_LEAD?version=3", json!({})).await;
    assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &json!("people.role_in_use")), "{told}");
    assert!(told["detail"].as_str().unwrap().contains("the workflow “Holidays”"), "{told}");

    let (db, cx) = (&site.office.test.db, &site.office.cx);
    service::give(db, &By::operator(cx), clerk, &[]).await.unwrap();
    site.office.run("update workflow_definitions set state = 'retired'").await;
    site.office.run("delete from sign_in_providers").await;
    let (status, _, page) = admin.send("POST", "/roles/LINE_LEAD/delete", "version=1").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "stale: {page}");
    let (status, _) = api(&admin, "DELETE", "/api/v1/roles/LINE_LEAD?version=3", json!({})).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = api(&admin, "DELETE", "/api/v1/roles/LINE_LEAD?version=3", json!({})).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    // The code is free again, and what it may do begins anew.
    assert_eq!(admin.send("POST", "/roles", "code=LINE_LEAD&name=Again").await.0, StatusCode::SEE_OTHER);
    let again = site.role("LINE_LEAD").await;
    assert_eq!((again.name.as_str(), again.permissions.len()), ("Again", 0));
    let log = site.office.audit().await.join("\n");
    assert!(log.contains("role.rename") && log.contains("role.delete"), "{log}");
}

#[tokio::test]
async fn a_persons_name_is_corrected() {
    let site = Site::new().await;
    let mut admin = site.signed_in("boss@saif.example").await;
    let clerk = site.office.active("clerk@saif.example", &["VIEWER"]).await;
    let find = async || service::find(&site.office.test.db, &site.office.cx, clerk).await.unwrap();
    let version = find().await.version;
    let path = format!("/users/{clerk}/name");
    let (status, ..) = admin.send("POST", &path, &format!("version={version}&name=+Lakshmi+R+")).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(find().await.name, "Lakshmi R");
    for body in [format!("version={version}&name=Stale"), format!("version={}&name=", version + 1)] {
        assert_eq!(admin.send("POST", &path, &body).await.0, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
    let sent = json!({ "name": "Lakshmi Rao", "version": version + 1 });
    let (status, told) = api(&admin, "PUT", &format!("/api/v1/users/{clerk}/name"), sent).await;
    assert_eq!((status, &told["name"]), (StatusCode::OK, &json!("Lakshmi Rao")), "{told}");
    let log = site.office.audit().await.join("\n");
    assert!(log.contains("user.rename") && !log.contains("Lakshmi"), "{log}");
}

#[tokio::test]
async fn rights_are_compared_role_by_role() {
    let site = Site::new().await;
    let mut admin = site.signed_in("boss@saif.example").await;
    let (status, _, page) = admin.send("GET", "/roles/matrix", "").await;
    assert_eq!(status, StatusCode::OK, "{page}");
    for part in ["user.manage", "Say what roles may do", "HELPER of ours", "/roles?role=SHAPER#role-SHAPER"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // Narrowed to a right and two roles: one of them has it, which is said in words too.
    let (_, _, page) = admin.send("GET", "/roles/matrix?q=role.manage&role=HELPER&role=SHAPER", "").await;
    let table = page.split("<table").nth(1).unwrap().split("</table>").next().unwrap();
    assert_eq!(table.matches("scope=\"row\"").count(), 1, "{table}");
    assert_eq!(table.matches("scope=\"col\"").count(), 3, "{table}");
    let (no, yes) = (table.find(">No<").unwrap(), table.find(">Yes<").unwrap());
    assert!(no < yes && !table.contains("SETTER"), "{table}");
    let (_, _, page) = admin.send("GET", "/roles/matrix?q=%3Cb%3Enothing", "").await;
    assert!(page.contains("Nothing matches") && !page.contains("<b>nothing"), "{page}");
    // From there to its editor, which is open.
    let (_, _, page) = admin.send("GET", "/roles?role=VIEWER", "").await;
    let viewer = page.split("id=\"role-VIEWER\"").nth(1).unwrap();
    assert!(viewer.split("<summary>").next().unwrap().contains("<details open>"), "{viewer}");
    let (_, mut helper) = site.with("HELPER").await;
    assert_eq!(helper.send("GET", "/roles/matrix", "").await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_language_that_somebody_switches_to_is_that_of_their_mails() {
    let site = Site::new().await;
    let (db, cx) = (&site.office.test.db, &site.office.cx);
    let kept = async || crate::people::settings::profile(db, cx, site.boss).await.unwrap();
    let mut boss = site.signed_in("boss@saif.example").await;
    let body = "name=Boss&theme=dark&date_form=iso";
    assert_eq!(boss.send("POST", "/account", body).await.0, StatusCode::SEE_OTHER);
    assert_eq!(boss.send("POST", "/language", "lang=te").await.0, StatusCode::SEE_OTHER);
    let profile = kept().await;
    assert_eq!((profile.language.as_str(), profile.theme.as_str()), ("te", "dark"));
    assert_eq!((profile.name.as_str(), profile.date_form.as_str()), ("Boss", "iso"));
    // What is no language of ours changes nothing; nor does who is not signed in.
    assert_eq!(boss.send("POST", "/language", "lang=xx").await.0, StatusCode::SEE_OTHER);
    let mut nobody = Browser { router: site.router.clone(), cookie: String::new() };
    assert_eq!(nobody.send("POST", "/language", "lang=bn").await.0, StatusCode::SEE_OTHER);
    assert_eq!(kept().await.language, "te");
    let log = site.office.audit().await.join("\n");
    assert!(log.contains("user.profile"), "{log}");
}
