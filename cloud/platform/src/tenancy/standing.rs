//! Whether a tenant's people, programs and plants are let in, and how that is changed.
//!
//! This is the one place that judges a tenant's status: whoever lets somebody in asks
//! [`Standing`], and whoever lists tenants to work for asks [`super::active_ids`].

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{erase, store};
use crate::audit::{self, Entry};
use crate::authority::REVOKED_CHANNEL;
use crate::ctx::Cx;
use crate::db::{Db, DbError};
use crate::web::Problem;

/// How a tenant stands with the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Everybody of it is let in.
    Active,
    /// Nobody is; its data stays, and its plants keep what they record.
    Suspended,
}

impl Standing {
    /// What `control.tenants.status` says.
    #[must_use]
    pub fn of(status: &str) -> Self {
        match status {
            "active" => Self::Active,
            _ => Self::Suspended,
        }
    }

    /// Whether its people, programs and plants are let in.
    #[must_use]
    pub fn admits(self) -> bool {
        self == Self::Active
    }

    /// As `control.tenants.status` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    /// Refuses a caller of a tenant that is not let in.
    ///
    /// # Errors
    /// 403 `tenant.suspended`.
    pub fn require(self) -> Result<(), Problem> {
        if self.admits() {
            return Ok(());
        }
        Err(Problem::new(StatusCode::FORBIDDEN, "tenant.suspended", ""))
    }
}

/// Shuts a tenant out, or lets it in again, and says why for people. Its sessions and
/// keys stay and are refused meanwhile; streams of its plants are closed, and the
/// plants keep and send later what they record. Answers whether that changed anything;
/// `None` of one that cannot be let in, because its erasure was begun.
/// It is a part of `plans::service::suspend`, which knows of trials.
///
/// # Errors
/// [`DbError`]; what was done by then can be done again.
pub(crate) async fn set_standing(
    db: &Db,
    tenant: Uuid,
    standing: Standing,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Option<bool>, DbError> {
    db.system_tx(async |system| {
        if standing.admits() && erase::is_begun(system, tenant).await? {
            return Ok(None);
        }
        let Some(before) = store::status_set(system, tenant, standing.name(), reason, now).await? else {
            return Ok(Some(false));
        };
        let entry = Entry {
            action: if standing.admits() { "tenant.resume" } else { "tenant.suspend" },
            subject: &format!("tenant:{tenant}"),
            before: Some(json!({ "status": before })),
            after: Some(json!({ "status": standing.name(), "reason": reason })),
        };
        // The tenant's commits first: its audit may tell once too often, never too little.
        system.enter(&Cx::system(tenant), async |tx| audit::record(tx, entry.clone()).await).await?;
        system.tell(REVOKED_CHANNEL, &format!("{tenant}:")).await?;
        Ok(Some(true))
    })
    .await
}
