//! What the API of super-administrators answers.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::erasure_pages::Row;
use super::store::Logged;
use super::tenant_store::{AgentRow, TenantFacts, TenantRow};
use super::tenants::One;
use crate::plans::Plan;
use crate::plans::store::Usage;
use crate::tenancy::Database;
use crate::tenancy::erase::{Certificate, Erased};

/// A page of tenants.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminTenants)]
pub(super) struct Tenants {
    pub tenants: Vec<TenantRow>,
    /// The code after which the next page begins.
    pub next: Option<String>,
}

/// One tenant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminOneTenant)]
pub(super) struct OneTenant {
    tenant: TenantFacts,
    /// Code of its plan.
    plan: String,
    /// Its plan wants a database of its own, and it lives in the shared one.
    wants_own_database: bool,
    trial_ends_at: Option<DateTime<Utc>>,
    suspended_at: Option<DateTime<Utc>>,
    /// `trial` or `admin`.
    suspended_why: Option<String>,
    /// From when it is listed for erasure.
    erase_after: Option<DateTime<Utc>>,
    /// It was on trials from its first moment on, and is erased a while after the last one
    /// has ended; any other tenant is only suspended then.
    only_trials: bool,
    /// Of plan, trial and state together, for a change.
    version: i32,
    /// The latest months, newest first.
    usage: Vec<Usage>,
    agents: Vec<AgentRow>,
}

impl From<One> for OneTenant {
    fn from(one: One) -> Self {
        let it = one.subscription;
        Self {
            tenant: one.facts,
            plan: it.plan,
            wants_own_database: one.wants_own_database,
            trial_ends_at: it.trial_ends_at,
            suspended_at: it.suspended_at,
            suspended_why: it.suspended_why,
            erase_after: it.erase_after,
            only_trials: it.only_trials,
            version: it.version,
            usage: one.months,
            agents: one.agents,
        }
    }
}

/// A tenant that was made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminMadeTenant)]
pub(super) struct MadeTenant {
    pub tenant_id: Uuid,
    /// Where the first administrator sets a password; null where it went by mail.
    pub invitation: Option<String>,
}

/// Every plan.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminPlans)]
pub(super) struct Plans {
    pub plans: Vec<Plan>,
}

/// The databases that tenants live in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminDatabases)]
pub(super) struct Databases {
    /// The version of the schema that this cloud has.
    pub schema_version: i64,
    pub databases: Vec<Database>,
}

/// What every tenant used in a month.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminUsage)]
pub(super) struct Month {
    pub month: String,
    pub tenants: Vec<Billed>,
}

/// What one tenant used.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminBilled)]
pub(super) struct Billed {
    /// Its code.
    pub tenant: String,
    pub name: String,
    pub plan: String,
    pub usage: Usage,
}

/// A page of the log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminLog)]
pub(super) struct Log {
    pub entries: Vec<Logged>,
    /// The number before which the next page begins.
    pub next: Option<i64>,
}

/// A page of erasures.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminErasures)]
pub(super) struct Erasures {
    pub erasures: Vec<Row>,
    /// The one before which the next page begins.
    pub next: Option<Uuid>,
}

/// One erasure.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminOneErasure)]
pub(super) struct OneErasure {
    pub erasure: Row,
    /// Rows of each table.
    pub tables: Vec<Erased>,
    /// As it is handed out; null when the erasure was cut short, or what is kept is not what
    /// was signed.
    pub certificate: Option<Certificate>,
}
