//! Super-administrators and tenants.

use super::*;

#[tokio::test]
async fn super_administrators_and_tenants_are_nothing_to_each_other() {
    let site = Site::new().await;
    let (session, key) = super_administrator(&site).await;
    let theirs = format!("twa={session}");
    // Neither their session nor their key opens anything of a tenant.
    for &(method, pattern, least, sends) in ROUTES.iter() {
        if matches!(least, Anyone | Super) {
            continue;
        }
        let (status, body) = site.as_browser(method, pattern, sends, &theirs).await;
        let out = matches!(status, StatusCode::SEE_OTHER | StatusCode::UNAUTHORIZED);
        assert!(
            out && !body.contains(MARK),
            "{method} {pattern} with a super-administrator's cookie: {status}"
        );
        // A session is of one kind: under the tenants' name it is nothing either.
        let (status, _) = site.as_browser(method, pattern, sends, &format!("tws={session}")).await;
        let out = matches!(status, StatusCode::SEE_OTHER | StatusCode::UNAUTHORIZED);
        assert!(out, "{method} {pattern} with a super-administrator's token as a tenant's: {status}");
        let (status, _) = site.call(method, pattern, sends, Some(&key)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {pattern} with a super-administrator's key");
    }
    // Theirs open what is theirs, and show nothing of a tenant's.
    for &(method, pattern, least, sends) in ROUTES.iter() {
        if least != Super {
            continue;
        }
        let (status, body) = match is_api(pattern) {
            true => site.call(method, pattern, sends, Some(&key)).await,
            false => site.as_browser(method, pattern, sends, &theirs).await,
        };
        let in_ = !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        assert!(in_ && !status.is_server_error(), "{method} {pattern}: {status} {body}");
        assert!(!body.contains(MARK), "{method} {pattern} shows a tenant's row");
    }
}

/// A session and a key of a super-administrator. The session is a key that was made
/// one behind the pages' back: how one signs in is tested where it is written.
pub(super) async fn super_administrator(site: &Site) -> (String, String) {
    let who = platform::admin::log::Who::system();
    let now = Utc::now();
    platform::admin::invite(&site.test.db, &who, "root@cloud.example", "Root", now).await.unwrap();
    let done: Result<(), DbError> = site
        .test
        .db
        .system_tx(async |system| {
            sqlx::query("update control.admins set status = 'active'").execute(system.conn()).await?;
            Ok(())
        })
        .await;
    done.unwrap();
    let key = platform::admin::key(&site.test.db, "root@cloud.example", "matrix", 1, now).await.unwrap();
    let session = key.strip_prefix(platform::admin::KEY_PREFIX).unwrap().to_owned();
    let other = platform::admin::key(&site.test.db, "root@cloud.example", "other", 1, now).await.unwrap();
    let done: Result<(), DbError> = site
        .test
        .db
        .system_tx(async |system| {
            sqlx::query("update control.admin_sessions set kind = 'session' where name = 'matrix'")
                .execute(system.conn())
                .await?;
            Ok(())
        })
        .await;
    done.unwrap();
    (session, other)
}
