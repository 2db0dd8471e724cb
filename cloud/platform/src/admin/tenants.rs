//! Tenants as super-administrators see and make them: state, plan, usage, streams;
//! nothing of what a tenant's rows say.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::json;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::log::{self, Who};
use super::store::{self, AgentRow, Asked, TenantFacts, TenantRow};
use crate::audit::Entry;
use crate::ctx::{Cx, Plants};
use crate::db::{Db, DbError};
use crate::i18n::Lang;
use crate::people::{self, ADMIN, By, Invitation, PeopleError, clean_email, clean_name};
use crate::plans::service::{self, Aimed, PlanError};
use crate::plans::store::{Subscription, Usage, usage};
use crate::secrets::Secrets;
use crate::tenancy::{self, NewTenant, Placement};
use crate::web::keys::Secret;

/// Tenants of one page.
pub(super) const PAGE: usize = 50;

/// A page of tenants, and the code after which the next one begins.
pub(super) async fn list(
    db: &Db,
    asked: &Asked,
    now: DateTime<Utc>,
) -> Result<(Vec<TenantRow>, Option<String>), DbError> {
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
            Ok::<_, DbError>(Some((facts, subscription, months)))
        })
        .await?;
    let Some((facts, subscription, months)) = found else {
        return Ok(None);
    };
    let agents = db.tx(&Cx::system(tenant), async |tx| Ok::<_, DbError>(store::agents(tx).await?)).await?;
    Ok(Some(One { facts, subscription, months, agents }))
}

/// A tenant to be made, as typed.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Typed {
    pub code: String,
    pub name: String,
    pub time_zone: String,
    pub language: String,
    pub plan: String,
    /// The first administrator.
    pub email: String,
    pub person: String,
}

/// Why no tenant was made.
#[derive(Debug, thiserror::Error)]
pub(super) enum MakeError {
    /// Fields that are not right, all of them, each with the key of what is wrong.
    #[error("the tenant is not right")]
    Invalid(Vec<(&'static str, &'static str)>),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    People(#[from] PeopleError),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// What was made.
#[derive(Debug)]
pub(super) struct Made {
    pub tenant: Uuid,
    /// For the first administrator; told this once, or mailed.
    pub link: Secret,
}

fn judge(typed: &Typed) -> Vec<(&'static str, &'static str)> {
    let mut wrong = Vec::new();
    let mut note = |field, ok: bool, key| {
        if !ok {
            wrong.push((field, key));
        }
    };
    note("code", typed.code.parse::<uid::TenantCode>().is_ok(), "admin-wrong-code");
    note("name", clean_name(&typed.name).is_some(), "people-error-name");
    note("time_zone", typed.time_zone.parse::<Tz>().is_ok(), "admin-wrong-zone");
    note("language", Lang::parse(&typed.language).is_some(), "admin-wrong-language");
    note("email", clean_email(&typed.email).is_some(), "people-error-email");
    note("person", clean_name(&typed.person).is_some(), "people-error-name");
    wrong
}

/// Makes a tenant with its plan and its first administrator. Each step can be done
/// again: if one in between fails, the tenant is there, and what is missing is given
/// on its page.
///
/// # Errors
/// [`MakeError`], with every field that is not right.
pub(super) async fn make(
    db: &Db,
    who: &Who,
    typed: &Typed,
    by_mail: Option<&Secrets>,
    now: DateTime<Utc>,
) -> Result<Made, MakeError> {
    let typed = Typed { code: typed.code.trim().to_uppercase(), ..typed.clone() };
    let mut wrong = judge(&typed);
    if wrong.iter().all(|(field, _)| *field != "code")
        && tenancy::find_tenant(db, &typed.code).await?.is_some()
    {
        wrong.push(("code", "admin-wrong-taken"));
    }
    let plans = service::plans(db).await?;
    if !plans.iter().any(|plan| plan.plan == typed.plan && plan.retired_at.is_none()) {
        wrong.push(("plan", "plan-error-none"));
    }
    if !wrong.is_empty() {
        return Err(MakeError::Invalid(wrong));
    }
    let own = plans.iter().any(|plan| plan.plan == typed.plan && plan.placement == "own");
    let placement = if own { Placement::Own { server: String::new() } } else { Placement::Shared };
    let new = NewTenant {
        code: typed.code.clone(),
        slug: None,
        name: typed.name.trim().to_owned(),
        time_zone: typed.time_zone.clone(),
        language: typed.language.clone(),
        currency: "INR".to_owned(),
        features: Vec::new(),
    };
    let tenant = create(db, &new, placement).await?;
    db.system_tx(async |system| {
        let entry = Entry {
            action: "tenant.create",
            subject: &format!("tenant:{tenant}"),
            after: Some(json!({ "code": new.code, "name": new.name, "own_database": own })),
            ..Entry::default()
        };
        log::record(system, who, entry, now).await
    })
    .await?;
    service::plan_give(db, who, Aimed { tenant, version: 0 }, &typed.plan, now).await?;
    let invitation = Invitation {
        email: typed.email.clone(),
        name: typed.person.clone(),
        roles: vec![ADMIN.to_owned()],
        plants: Plants::All,
    };
    let cx = Cx { origin: who.origin.clone(), ..Cx::new(tenant, who.actor.as_str()) };
    let (_, link) = people::invite(db, &By::operator(&cx), &invitation, by_mail, now).await?;
    Ok(Made { tenant, link })
}

/// Makes the tenant, on a thread of its own: to bring a new database up to date is no
/// work that may move between threads, as that of a handler must.
async fn create(db: &Db, new: &NewTenant, placement: Placement) -> Result<Uuid, MakeError> {
    let (db, new, here) = (db.clone(), new.clone(), Handle::current());
    let made = tokio::task::spawn_blocking(move || here.block_on(tenancy::create(&db, &new, &placement)));
    let made = made.await.map_err(|error| DbError::from(sqlx::Error::Protocol(error.to_string())))?;
    Ok(made?.id)
}
