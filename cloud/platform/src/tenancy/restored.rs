//! After a backup was put back: what has to be said to the database, and what an
//! operator has to look at.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::{Agent, store};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, DbError};

/// For how many days a certificate that the backup lacks is let in: longer than
/// a plant is out of touch.
pub const ADOPT_DAYS: i32 = 30;

/// A tenant whose data was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredTenant {
    /// Its id.
    pub id: Uuid,
    /// Its code.
    pub code: String,
    /// Its generation from now on.
    pub generation: i64,
    /// Agents that hold something by which they are let in.
    pub agents: Vec<RestoredAgent>,
    /// What this command did of it.
    pub how: How,
}

/// What a command did of putting a tenant back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum How {
    /// All of it.
    #[default]
    Whole,
    /// What was left of one that began then and was cut short after the tenant was there.
    Rest(DateTime<Utc>),
    /// Nothing: it was put back from the same backup then.
    Nothing(DateTime<Utc>),
}

/// An agent that is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredAgent {
    /// The agent.
    pub agent: Agent,
    /// What it holds.
    pub holds: LetIn,
}

/// By what an agent is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LetIn {
    /// The agent.
    pub agent: Uuid,
    /// Certificates that are neither revoked nor expired.
    pub certificates: i64,
    /// Enrolment tokens that are neither used nor expired.
    pub tokens: i64,
}

/// Says that a backup was put back: raises every tenant's generation, so that
/// plants are sent their reference data whole and mirrors are built anew, and
/// lets in, for [`ADOPT_DAYS`], agents whose certificate is newer than the
/// backup. Answers who is let in: what was revoked or used after the backup is
/// good again, and only a person knows what that was.
///
/// # Errors
/// [`DbError`].
pub async fn restored(db: &Db) -> Result<Vec<RestoredTenant>, DbError> {
    db.system_tx(async |system| {
        store::restore_insert(system, ADOPT_DAYS).await?;
        let mut tenants = Vec::new();
        for known in store::tenants(system).await? {
            let mut tenant = RestoredTenant {
                id: known.id,
                code: known.code,
                generation: 0,
                agents: Vec::new(),
                how: How::Whole,
            };
            let holds = store::agents_let_in(system, tenant.id).await?;
            // Whichever commits first: a generation that is raised twice is harmless.
            let cx = Cx::system(tenant.id);
            let raise = system.enter(&cx, async |tx| {
                let generation = store::generation_raise(tx).await?;
                let entry = Entry {
                    action: "tenant.restored",
                    subject: &format!("tenant:{}", tx.tenant()),
                    after: Some(json!({ "generation": generation })),
                    ..Entry::default()
                };
                audit::record(tx, entry).await?;
                Ok::<_, DbError>((generation, store::agents(tx).await?))
            });
            let agents: Vec<Agent>;
            (tenant.generation, agents) = raise.await?;
            tenant.agents = let_in(agents, &holds);
            tenants.push(tenant);
        }
        Ok(tenants)
    })
    .await
}

/// Of these agents those that are let in, and by what.
pub(super) fn let_in(agents: Vec<Agent>, holds: &[LetIn]) -> Vec<RestoredAgent> {
    agents
        .into_iter()
        .filter(|agent| agent.status != "revoked")
        .filter_map(|agent| {
            let holds = *holds.iter().find(|h| h.agent == agent.id)?;
            (holds.certificates + holds.tokens > 0).then_some(RestoredAgent { agent, holds })
        })
        .collect()
}
