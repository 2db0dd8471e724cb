//! SQL of tenants as super-administrators see them.

use chrono::{DateTime, Utc};
use sqlx::Error;
use uuid::Uuid;

use super::features::Has;
use crate::db::{SystemTx, Tx};

/// Which tenants are asked for; empty texts mean all.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(default)]
#[schema(as = AdminTenantsAsked)]
pub(super) struct Asked {
    /// Part of the name, or the beginning of the code.
    pub q: String,
    pub status: String,
    pub plan: String,
    /// Only those that are listed for erasure.
    pub erase: bool,
    /// Only those whose plan wants a database of their own, and that live in the shared one.
    #[serde(rename = "move")]
    pub to_move: bool,
    /// The code after which the page begins.
    pub after: String,
}

/// A tenant as super-administrators see it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = AdminTenant)]
pub(super) struct TenantRow {
    pub tenant_id: Uuid,
    pub code: String,
    pub name: String,
    pub status: String,
    pub placement: String,
    /// Where the database stands.
    pub region: String,
    pub created_at: DateTime<Utc>,
    pub plan: String,
    /// The plan wants a database of its own, and it lives in the shared one.
    pub wants_own_database: bool,
    pub trial_ends_at: Option<DateTime<Utc>>,
    pub erase_after: Option<DateTime<Utc>>,
    pub events: i64,
    pub people: i32,
    pub plants: i32,
    pub stored_bytes: i64,
    pub agents: i32,
    pub last_event_at: Option<DateTime<Utc>>,
}

pub(super) async fn tenants(
    tx: &mut SystemTx,
    asked: &Asked,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<TenantRow>, Error> {
    let escaped = asked.q.trim().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    sqlx::query_as!(
        TenantRow,
        r#"select t.tenant_id, t.code, t.name, t.status, t.placement, d.region as "region!", t.created_at,
                  p.plan as "plan!",
                  coalesce(p.placement = 'own' and t.placement = 'shared', false) as "wants_own_database!",
                  s.trial_ends_at as "trial_ends_at?",
                  case when s.only_trials then s.erase_after end as "erase_after?",
                  coalesce(u.events, 0) as "events!", coalesce(u.people, 0) as "people!",
                  coalesce(u.plants, 0) as "plants!", coalesce(u.stored_bytes, 0) as "stored_bytes!",
                  coalesce(u.agents, 0) as "agents!", u.last_event_at as "last_event_at?"
           from control.tenants t
           join control.databases d on d.name = t.placement
           left join control.subscriptions s on s.tenant_id = t.tenant_id
           left join control.plans p on p.plan = s.plan or (s.plan is null and p.is_default)
           left join lateral (select * from control.usage u where u.tenant_id = t.tenant_id
                              order by u.month desc limit 1) u on true
           where t.code > $1
             and ($2 = '' or t.code like upper($2) || '%' or t.name ilike '%' || $2 || '%')
             and ($3 = '' or t.status = $3) and ($4 = '' or p.plan = $4)
             and (not $5 or (s.erase_after <= $6 and s.only_trials))
             and (not $8 or (p.placement = 'own' and t.placement = 'shared'))
           order by t.code limit $7"#,
        asked.after,
        escaped,
        asked.status,
        asked.plan,
        asked.erase,
        now,
        limit,
        asked.to_move,
    )
    .fetch_all(tx.conn())
    .await
}

/// One tenant's settings, as super-administrators see them.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = AdminTenantFacts)]
pub(super) struct TenantFacts {
    pub tenant_id: Uuid,
    pub code: String,
    pub name: String,
    pub status: String,
    /// Why it is suspended, in the words of whoever did it; empty where it is not.
    pub status_reason: String,
    pub placement: String,
    /// The server of the database, as the configuration names it; empty: the home one.
    pub server: String,
    /// Where it stands.
    pub region: String,
    pub time_zone: String,
    pub language: String,
    pub currency: String,
    /// What it has of the product, as its configuration names it; none is everything.
    pub features: Vec<String>,
    /// For a change of that.
    pub features_version: i32,
    pub created_at: DateTime<Utc>,
}

pub(super) async fn tenant(tx: &mut SystemTx, id: Uuid) -> Result<Option<TenantFacts>, Error> {
    sqlx::query_as!(
        TenantFacts,
        "select t.tenant_id, t.code, t.name, t.status, t.status_reason, t.placement, d.server, d.region,
                t.time_zone, t.language, t.currency, t.features, t.features_version, t.created_at
         from control.tenants t join control.databases d on d.name = t.placement
         where t.tenant_id = $1",
        id,
    )
    .fetch_optional(tx.conn())
    .await
}

pub(super) async fn features(tx: &mut SystemTx, tenant: Uuid) -> Result<Option<Has>, Error> {
    sqlx::query_as!(
        Has,
        "select features, features_version from control.tenants where tenant_id = $1",
        tenant
    )
    .fetch_optional(tx.conn())
    .await
}

/// `false` when somebody else changed them since `version`.
pub(super) async fn features_set(
    tx: &mut SystemTx,
    tenant: Uuid,
    features: &[String],
    version: i32,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update control.tenants set features = $2, features_version = features_version + 1
         where tenant_id = $1 and features_version = $3",
        tenant,
        features,
        version,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// A stream of the tenant: state, and nothing of what it says.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = AdminAgent)]
pub(super) struct AgentRow {
    pub name: String,
    pub kind: String,
    pub status: String,
    pub software: Option<String>,
    pub last_seen_at: Option<DateTime<Utc>>,
    pub queued_events: Option<i64>,
}

pub(super) async fn agents(tx: &mut Tx) -> Result<Vec<AgentRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        AgentRow,
        "select name, kind, status, software, last_seen_at, queued_events from agents
         where tenant_id = $1 order by name",
        tenant,
    )
    .fetch_all(tx.conn())
    .await
}
