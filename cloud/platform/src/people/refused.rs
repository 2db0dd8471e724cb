//! Sign-ins that failed, in the audit of whoever was meant: each wrong password and code,
//! and each time that nothing more is tried for a while. There are no more rows than tries
//! that are judged ([`super::throttle`]): five, then one after a minute, two, four, up to an
//! hour. While an account is locked nothing is judged, and nothing is written.
//!
//! An e-mail that nobody has belongs to no tenant and is written nowhere: it may be a
//! person's, or a password in the wrong field. That a sign-in failed is in the log of the
//! process, with where it came from.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::settings::known_device;
use crate::audit::{self, Kept};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};

/// Who tried, as long as nobody is proved to be anybody.
const VISITOR: &str = "visitor";

/// A try that was in vain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused<'a> {
    /// What was wrong: `password`, `code`.
    pub by: &'static str,
    /// What the browser says it is; empty where nothing is known.
    pub browser: &'a str,
    /// Until when nothing more is tried, if that begins with this one.
    pub locked: Option<DateTime<Utc>>,
}

/// Writes it down for a person of the transaction's tenant.
pub(super) async fn note(tx: &mut Tx, user: Uuid, refused: &Refused<'_>) -> Result<(), DbError> {
    let subject = format!("user:{user}");
    let mut after = json!({ "by": refused.by });
    if let Some(browser) = known_device(refused.browser) {
        after["browser"] = browser.into();
    }
    let mut rows =
        vec![Kept { action: "signin.failed", subject: subject.clone(), before: None, after: Some(after) }];
    rows.extend(refused.locked.map(|until| Kept {
        action: "signin.locked",
        subject,
        before: None,
        after: Some(json!({ "by": refused.by, "until": until })),
    }));
    audit::record_all(tx, &rows).await
}

/// Writes it down for each of these, tenant and person, whom somebody said to be. A tenant
/// that cannot be written to now keeps nobody waiting: the log has it.
pub(super) async fn note_each(db: &Db, whose: &[(Uuid, Uuid)], refused: &Refused<'_>) {
    for (tenant, user) in whose {
        let cx = Cx::new(*tenant, VISITOR);
        if let Err(error) = db.tx(&cx, async |tx| note(tx, *user, refused).await).await {
            tracing::error!(%tenant, %error, "a sign-in that failed is not in the audit");
        }
    }
}
