//! Keys, sessions, codes, and who is refused.

use chrono::{TimeDelta, Utc};

use super::client::Site;
use crate::web::{Scope, keys};

#[tokio::test]
async fn who_is_not_signed_in_is_told_or_sent() {
    let site = Site::new().await;
    let told = site.send("POST", "/api/change", &[("accept", "text/html")], "").await;
    assert_eq!(told.status, 401);
    assert_eq!(told.header("content-type"), "application/problem+json");
    assert_eq!(told.header("www-authenticate"), "Bearer");
    assert_eq!(told.json()["code"], "auth.required");
    assert_eq!(told.json()["detail"], "Please sign in.");
    assert!(told.json()["instance"].as_str().unwrap().ends_with(told.header("x-request-id")));

    let sent = site.look("/units?q=a%20b&x=1", "").await;
    assert_eq!(sent.status, 303);
    assert_eq!(sent.header("location"), "/signin?next=/units%3Fq%3Da%2520b%26x%3D1");

    let htmx = [
        ("hx-request", "true"),
        ("hx-target", "main"),
        ("hx-current-url", "http://tw.test/units?q=1"),
        ("cookie", "tws=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ("sec-fetch-site", "same-origin"),
    ];
    let sent = site.send("POST", "/change", &htmx, "").await;
    assert_eq!(sent.status, 401);
    assert_eq!(sent.header("hx-redirect"), "/signin?next=/units%3Fq%3D1");
}

crate::in_every_placement! {
async fn a_key_speaks_for_its_tenant_until_it_ends() {
    let site = Site::new().await;
    let (db, now) = (&site.db.db, Utc::now());
    assert_eq!(site.call("/api/change", &site.key).await.status, 200);
    let access = keys::verify(db, &site.key, now).await.unwrap().unwrap();
    assert_eq!(
        (access.tenant, access.tenant_code.as_str(), access.name.as_str()),
        (site.tenant, "AAAA", "tests")
    );
    assert!(site.key.starts_with("twk_") && site.key.len() == 47);

    let until = Some(now + TimeDelta::hours(1));
    let short = keys::create(db, site.tenant, "short", &[Scope::Read], until).await.unwrap();
    let verify = async |after| keys::verify(db, short.reveal(), now + after).await.unwrap().is_some();
    assert!(verify(TimeDelta::minutes(59)).await);
    assert!(!verify(TimeDelta::minutes(61)).await);
    let refused = site.call("/api/change", short.reveal()).await;
    assert_eq!((refused.status.as_u16(), refused.json()["code"].as_str()), (403, Some("auth.forbidden")));

    let session = site.signed_in().await;
    assert_eq!(site.look("/units", &session).await.status, 200);
    let keys::Bearer::Key(key) = access.bearer else { panic!("{access:?}") };
    let id = key.short();
    let other = site.db.tenant("BBBB", &[]).await;
    assert_eq!(keys::revoke(db, other, &id, now).await.unwrap(), None, "another tenant's key stays");
    let listed =
        async || keys::list(db, site.tenant).await.unwrap().into_iter().find(|key| key.id == id).unwrap();
    assert_eq!(listed().await.revoked_at, None);
    assert_eq!(keys::revoke(db, site.tenant, &id, now).await.unwrap().as_deref(), Some("tests"));
    assert_eq!(keys::revoke(db, site.tenant, &id, now).await.unwrap(), None);
    assert!(listed().await.revoked_at.is_some());
    // The key is over, and so are the sessions that stood on it.
    assert_eq!(site.look("/units", &session).await.status, 303);
    let mut wrong = vec![site.call("/api/change", &site.key).await];
    for key in ["", "twk_", "nonsense", &format!("twk_{}", "A".repeat(43))] {
        wrong.push(site.call("/api/change", key).await);
    }
    for answer in wrong {
        assert_eq!((answer.status.as_u16(), answer.json()["code"].as_str()), (401, Some("auth.invalid")));
    }
}
}

#[tokio::test]
async fn a_suspended_tenant_is_refused() {
    let site = Site::new().await;
    let session = site.signed_in().await;
    let done: Result<(), crate::db::DbError> = site
        .db
        .db
        .system_tx(async |tx| {
            sqlx::query("update control.tenants set status = 'suspended'").execute(tx.conn()).await?;
            Ok(())
        })
        .await;
    done.unwrap();
    let told = site.call("/api/change", &site.key).await;
    assert_eq!((told.status.as_u16(), told.json()["code"].as_str()), (403, Some("tenant.suspended")));
    let told = site.look("/units", &session).await;
    assert_eq!(told.status, 403);
    assert!(told.text().contains("suspended"), "{}", told.text());
    let told = site.post("/signin", "", &format!("key={}", site.key)).await;
    assert_eq!((told.status.as_u16(), told.header("set-cookie")), (422, ""));
    assert!(told.text().contains("suspended"));
}

crate::in_every_placement! {
async fn a_typed_key_signs_a_browser_in_and_out() {
    let site = Site::new().await;
    let page = site.look("/signin?next=//evil.example", "").await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains(r#"name="next" value="/""#));
    let wrong = site.post("/signin", "", "key=twk_wrong&next=/units").await;
    assert_eq!((wrong.status.as_u16(), wrong.header("set-cookie")), (422, ""));
    assert!(wrong.text().contains("This key is not valid."));

    let form = format!("key=+{}%0D%0A&next=%2F%2Fevil.example", site.key);
    let there = site.post("/signin", "", &form).await;
    assert_eq!((there.status.as_u16(), there.header("location")), (303, "/"));
    let set = there.header("set-cookie");
    assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=43200"), "{set}");
    let session = there.cookie();
    assert!(!session.contains(&site.key));
    assert_eq!(site.look("/units", &session).await.status, 200);

    let token = session.strip_prefix("tws=").unwrap();
    let later = Utc::now() + TimeDelta::hours(12) + TimeDelta::minutes(1);
    assert!(keys::verify_session(&site.db.db, token, later).await.unwrap().is_none());

    let out = site.post("/signout", &session, "").await;
    assert_eq!((out.status.as_u16(), out.header("location")), (303, "/signin"));
    assert!(out.header("set-cookie").starts_with("tws=; ") && out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(site.look("/units", &session).await.status, 303);
}
}

#[tokio::test]
async fn a_code_works_once_and_a_look_leaves_it() {
    let site = Site::new().await;
    let path = format!("/signin/once/{}", site.code(Utc::now()).await);
    for _ in 0..2 {
        let page = site.look(&path, "").await;
        assert!(page.text().contains(&format!(r#"action="{path}""#)));
    }
    let cross = [("accept", "text/html"), ("sec-fetch-site", "cross-site")];
    assert_eq!(site.send("POST", &path, &cross, "").await.status, 403);

    let (one, two) = tokio::join!(site.post(&path, "", ""), site.post(&path, "", ""));
    let mut got = [one.status.as_u16(), two.status.as_u16()];
    got.sort_unstable();
    assert_eq!(got, [303, 422]);
    let session = if one.status == 303 { one.cookie() } else { two.cookie() };
    let page = site.look("/units", &session).await;
    assert!(page.text().contains("Signed in as Asha"));
    // Its scopes are those of the code: it may not write.
    assert_eq!(site.post("/change", &session, "").await.status, 403);

    let old = site.code(Utc::now() - TimeDelta::minutes(11)).await;
    let late = site.post(&format!("/signin/once/{old}"), "", "").await;
    assert_eq!((late.status.as_u16(), late.header("set-cookie")), (422, ""));
}

crate::in_every_placement! {
async fn keys_codes_and_sign_ins_are_in_the_audit() {
    let site = Site::new().await;
    site.signed_in().await;
    let code = site.code(Utc::now()).await;
    let redeemed = site.post(&format!("/signin/once/{code}"), "", "").await;
    assert_eq!(redeemed.status, 303);
    let cx = crate::ctx::Cx::system(site.tenant);
    let rows: Result<Vec<(String, String, String, serde_json::Value)>, crate::db::DbError> = site
        .db
        .db
        .tx(&cx, async |tx| {
            let sql = "select action, actor, subject, after from audit_log where tenant_id = $1 \
                       and action <> 'tenant.move' order by audit_id";
            Ok(sqlx::query_as(sql).bind(site.tenant).fetch_all(tx.conn()).await?)
        })
        .await;
    let rows = rows.unwrap();
    let told: Vec<String> = rows
        .iter()
        .map(|(action, _, _, after)| format!("{action} {} {}", after["name"], after["scopes"]))
        .collect();
    assert_eq!(
        told,
        [
            r#"key.create "tests" ["read","write"]"#,
            r#"session.start "tests" ["read","write"]"#,
            r#"code.create "Asha" ["read"]"#,
            r#"code.redeem "Asha" ["read"]"#,
            r#"session.start "Asha" ["read"]"#,
        ]
    );
    // Who signed in is the key that its session acts by.
    assert_eq!((rows[0].1.as_str(), &rows[1].1), ("system", &rows[0].2));
    assert_eq!(rows[4].1, rows[4].2);
    let all = format!("{rows:?}");
    assert!(!all.contains(&code) && !all.contains(&site.key), "{all}");
}
}

crate::in_every_placement! {
async fn the_end_of_a_session_and_a_key_that_is_over_leave_a_trace() {
    let site = Site::new().await;
    let form = format!("key={}", site.key);
    let first = site.signed_in().await;
    for _ in 0..2 {
        assert_eq!(site.post("/signout", &first, "").await.status, 303);
    }
    let second = site.signed_in().await;
    assert_eq!(site.post("/signin", &second, &form).await.status, 303);
    let id = keys::list(&site.db.db, site.tenant).await.unwrap()[0].id.clone();
    keys::revoke(&site.db.db, site.tenant, &id, Utc::now()).await.unwrap().unwrap();
    assert_eq!(site.post("/signin", "", &form).await.status, 422);
    // What never was a key is nobody's.
    let other = form.replace(&site.key[4..12], "AAAAAAAA");
    assert_eq!(site.post("/signin", "", &other).await.status, 422);
    let rows: Result<Vec<(String, String, String, serde_json::Value)>, crate::db::DbError> = site
        .db
        .db
        .tx(&crate::ctx::Cx::system(site.tenant), async |tx| {
            let sql = "select action, actor, subject, after from audit_log
                       where action in ('session.end', 'signin.failed') order by audit_id";
            Ok(sqlx::query_as(sql).fetch_all(tx.conn()).await?)
        })
        .await;
    let key = format!("key:{id}");
    let row = |action: &str, actor: &str, by: &str| {
        (action.to_owned(), actor.to_owned(), key.clone(), serde_json::json!({ "by": by }))
    };
    assert_eq!(
        rows.unwrap(),
        [
            row("session.end", &key, "sign_out"),
            row("session.end", &key, "replaced"),
            row("signin.failed", "visitor", "key"),
        ]
    );
}
}

#[tokio::test]
async fn another_site_cannot_use_the_cookie() {
    let site = Site::new().await;
    let session = site.signed_in().await;
    let send = async |headers: &[(&str, &str)]| {
        let mut all = vec![("cookie", session.as_str())];
        all.extend_from_slice(headers);
        let answer = site.send("POST", "/api/change", &all, "").await;
        (answer.status.as_u16(), answer.json_code())
    };
    let refused = (403, Some("auth.cross_site".to_owned()));
    assert_eq!(send(&[("sec-fetch-site", "cross-site")]).await, refused);
    assert_eq!(send(&[("sec-fetch-site", "same-site")]).await, refused);
    assert_eq!(send(&[("origin", "https://evil.example")]).await, refused);
    assert_eq!(send(&[]).await, refused);
    assert_eq!(send(&[("sec-fetch-site", "same-origin")]).await.0, 200);
    assert_eq!(send(&[("origin", "http://tw.test")]).await.0, 200);
    // A key is not sent by a browser on its own, so it needs no such proof.
    assert_eq!(site.call("/api/change", &site.key).await.status, 200);
}

impl super::client::Answer {
    fn json_code(&self) -> Option<String> {
        let json: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        json["code"].as_str().map(str::to_owned)
    }
}
