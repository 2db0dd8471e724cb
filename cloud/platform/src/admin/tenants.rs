//! Tenants as super-administrators see them: state, plan, usage, streams; nothing of what
//! a tenant's rows say. And what is done to one, as pages and API send it.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::log::Who;
use super::tenant_store::{self as store, AgentRow, Asked, TenantFacts, TenantRow};
use crate::ctx::Cx;
use crate::db::{Db, DbError, SHARED};
use crate::plans::service::{self, Aimed, PlanError, Why};
use crate::plans::store::{Subscription, Usage, usage};

/// Tenants of one page.
pub(super) const PAGE: usize = 50;

/// Most letters of why a tenant is shut out.
const LONGEST_REASON: usize = 300;

/// A page of tenants, and the code after which the next one begins.
pub(super) async fn list(
    db: &Db,
    asked: &Asked,
    now: DateTime<Utc>,
) -> Result<(Vec<TenantRow>, Option<String>), DbError> {
    // No tenant has a NUL in anything that is asked for, and the database takes none.
    if [&asked.q, &asked.status, &asked.plan, &asked.after].iter().any(|text| text.contains('\0')) {
        return Ok((Vec::new(), None));
    }
    let want = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let mut rows = db
        .system_tx(async |system| Ok::<_, DbError>(store::tenants(system, asked, now, want).await?))
        .await?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let next = rows.last().filter(|_| more).map(|last| last.code.clone());
    Ok((rows, next))
}

/// One tenant.
#[derive(Debug)]
pub(super) struct One {
    pub facts: TenantFacts,
    pub subscription: Subscription,
    pub months: Vec<Usage>,
    pub agents: Vec<AgentRow>,
    /// Its plan wants a database of its own, and it lives in the shared one.
    pub wants_own_database: bool,
}

/// One tenant; `None` when there is none.
pub(super) async fn one(db: &Db, tenant: Uuid) -> Result<Option<One>, DbError> {
    let found = db
        .system_tx(async |system| {
            let Some(facts) = store::tenant(system, tenant).await? else {
                return Ok(None);
            };
            let subscription = crate::plans::store::subscription(system, tenant).await?;
            let months = usage(system, tenant, 13).await?;
            let plans = crate::plans::store::plans(system).await?;
            let own = plans.iter().any(|plan| plan.plan == subscription.plan && plan.placement == "own");
            let wants_own_database = own && facts.placement == SHARED;
            Ok::<_, DbError>(Some((facts, subscription, months, wants_own_database)))
        })
        .await?;
    let Some((facts, subscription, months, wants_own_database)) = found else {
        return Ok(None);
    };
    let agents = db.tx(&Cx::system(tenant), async |tx| Ok::<_, DbError>(store::agents(tx).await?)).await?;
    Ok(Some(One { facts, subscription, months, agents, wants_own_database }))
}

/// A tenant gets this plan; `version` is that of the tenant as it was seen.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AdminGivenPlan)]
pub(super) struct Give {
    plan: String,
    version: i32,
}

impl Give {
    pub(super) async fn act(self, db: &Db, who: &Who, tenant: Uuid) -> Result<(), PlanError> {
        let aimed = Aimed { tenant, version: self.version };
        service::plan_give(db, who, aimed, &self.plan, Utc::now()).await
    }
}

/// Its trial lasts so many days more.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AdminLongerTrial)]
pub(super) struct Extend {
    #[schema(minimum = 1, maximum = 365)]
    days: i64,
    version: i32,
}

impl Extend {
    pub(super) async fn act(self, db: &Db, who: &Who, tenant: Uuid) -> Result<(), PlanError> {
        let aimed = Aimed { tenant, version: self.version };
        service::trial_extend(db, who, aimed, self.days, Utc::now()).await
    }
}

/// It is let in, or shut out.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AdminNewStatus)]
pub(super) struct NewStatus {
    pub active: bool,
    pub version: i32,
    /// Why it is shut out, for people and for the log; it has to be said then.
    #[serde(default)]
    #[schema(max_length = 300, example = "unpaid since May")]
    pub reason: String,
}

impl NewStatus {
    pub(super) async fn act(self, db: &Db, who: &Who, tenant: Uuid) -> Result<(), PlanError> {
        let aimed = Aimed { tenant, version: self.version };
        let reason = self.reason.trim();
        let fits =
            (1..=LONGEST_REASON).contains(&reason.chars().count()) && !reason.chars().any(char::is_control);
        if !self.active && !fits {
            return Err(PlanError::Invalid(vec![("reason", "admin-wrong-reason")]));
        }
        let why = (!self.active).then_some(Why::Admin(reason));
        service::suspend(db, who, aimed, why, Utc::now()).await.map(drop)
    }
}
