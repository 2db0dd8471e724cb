//! Commands on plans and on what tenants have of them. Super-administrators give
//! them; each stands in the control audit.

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::model::{Feature, Held, Plan};
use super::store::{self, Subscription};
use super::trials::GRACE;
use crate::admin::log::{self, Who};
use crate::audit::Entry;
use crate::ctx::Cx;
use crate::db::{Db, DbError, SystemTx, Tx};
use crate::tenancy::{self, Standing};
use crate::web::{FieldError, Problem};

/// Most people or plants that a limit may say.
const MOST: i32 = 1_000_000;
/// Longest that a trial may still last.
const LONGEST_TRIAL: TimeDelta = TimeDelta::days(366);

/// Why something about plans was not done.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Fields that are not right, all of them.
    #[error("the plan is not right")]
    Invalid(Vec<(&'static str, &'static str)>),
    /// There is one of this code.
    #[error("there is a plan of this code already")]
    Exists,
    /// No such plan, or one that is retired.
    #[error("there is no such plan")]
    NoPlan,
    /// No such tenant.
    #[error("there is no such tenant")]
    NoTenant,
    /// It is on no trial.
    #[error("this tenant is on no trial")]
    NoTrial,
    /// Its trial is over, so that it would be suspended again at once.
    #[error("the trial is over: extend the trial or give a plan first")]
    TrialOver,
    /// Its erasure was begun, so that a part of it may be gone.
    #[error("its erasure was begun, so that a part of it may be gone: erase it again, or restore a backup")]
    Erasing,
    /// The default plan must stay, and must be no trial.
    #[error("the default plan must stay, and must be no trial")]
    Default,
    /// Somebody else changed it meanwhile.
    #[error("somebody else changed this meanwhile")]
    Stale,
    /// The database failed; nothing changed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl PlanError {
    /// The key of its text.
    #[must_use]
    pub fn text_key(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "plan-error-invalid",
            Self::Exists => "plan-error-exists",
            Self::NoPlan => "plan-error-none",
            Self::NoTenant => "error-not_found",
            Self::NoTrial => "plan-error-no-trial",
            Self::TrialOver => "plan-error-trial-over",
            Self::Erasing => "plan-error-erasing",
            Self::Default => "plan-error-default",
            Self::Stale => "error-conflict-stale",
            Self::Db(_) => "error-internal",
        }
    }
}

impl From<sqlx::Error> for PlanError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<PlanError> for Problem {
    fn from(error: PlanError) -> Self {
        let detail = error.to_string();
        match error {
            PlanError::Invalid(wrong) => {
                let told =
                    |(field, key): (&'static str, &'static str)| FieldError::from((field, key.to_owned()));
                Self { detail, ..Self::invalid("plan.invalid", wrong.into_iter().map(told).collect()) }
            }
            PlanError::Exists => Self::conflict("plan.exists", detail),
            PlanError::NoPlan => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "plan.none", detail),
            PlanError::NoTenant => Self::not_found(),
            PlanError::NoTrial => Self::conflict("plan.no_trial", detail),
            PlanError::TrialOver => Self::conflict("plan.trial_over", detail),
            PlanError::Erasing => Self::conflict("plan.erasing", detail),
            PlanError::Default => Self::conflict("plan.default", detail),
            PlanError::Stale => Self::conflict("conflict.stale", ""),
            PlanError::Db(error) => error.into(),
        }
    }
}

/// Every plan, retired ones last.
///
/// # Errors
/// The database.
pub(crate) async fn plans(db: &Db) -> Result<Vec<Plan>, DbError> {
    db.system_tx(async |system| Ok(store::plans(system).await?)).await
}

/// What is wrong with a plan by itself: fields, each with the key of why.
#[must_use]
pub(crate) fn mistakes(plan: &Plan) -> Vec<(&'static str, &'static str)> {
    let mut wrong = Vec::new();
    let code = plan.plan.as_bytes();
    let formed = (2..=20).contains(&code.len())
        && code[0].is_ascii_uppercase()
        && code.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_');
    let mut note = |field, ok: bool, key| {
        if !ok {
            wrong.push((field, key));
        }
    };
    note("plan", formed, "plan-wrong-code");
    let length = plan.name.chars().count();
    note("name", (1..=80).contains(&length) && !plan.name.chars().any(char::is_control), "people-error-name");
    let people = |count: Option<i32>| count.is_none_or(|count| (1..=MOST).contains(&count));
    note("users", people(plan.limits.users), "plan-wrong-number");
    note("plants", people(plan.limits.plants), "plan-wrong-number");
    note("events_month", plan.limits.events_month.is_none_or(|count| count > 0), "plan-wrong-number");
    note("storage_bytes", plan.limits.storage_bytes.is_none_or(|count| count > 0), "plan-wrong-number");
    note("trial_days", plan.trial_days.is_none_or(|days| (1..=365).contains(&days)), "plan-wrong-days");
    let known = |name: &String| Feature::ALL.iter().any(|feature| feature.name() == name);
    note("features", plan.features.iter().all(known), "plan-wrong-feature");
    note("placement", matches!(plan.placement.as_str(), "shared" | "own"), "plan-wrong-placement");
    let contact = plan.contact.chars().count() <= 200 && !plan.contact.chars().any(char::is_control);
    note("contact", contact, "plan-wrong-contact");
    wrong
}

/// Makes a plan, or changes the one of its code that is at `plan.version`; 0 makes. What
/// it allows holds at once for every tenant that has it, wherever that lives.
///
/// The plan commits first, then each tenant by itself: a tenant alone would otherwise be
/// held to a plan that there is not. One that cannot be written now (it is being moved,
/// or its database is away) keeps what it had until the worker's next round.
///
/// # Errors
/// [`PlanError`]; nothing changed then.
pub(crate) async fn plan_save(db: &Db, who: &Who, plan: &Plan, now: DateTime<Utc>) -> Result<(), PlanError> {
    let wrong = mistakes(plan);
    if !wrong.is_empty() {
        return Err(PlanError::Invalid(wrong));
    }
    plan_keep(db, who, plan, now).await?;
    let having = async |system: &mut SystemTx| Ok::<_, DbError>(store::having(system, &plan.plan).await?);
    for tenant in db.system_tx(having).await? {
        sync_or_later(db, tenant).await;
    }
    Ok(())
}

async fn plan_keep(db: &Db, who: &Who, plan: &Plan, now: DateTime<Utc>) -> Result<(), PlanError> {
    db.system_tx(async |system| {
        let before = store::plans(system).await?.into_iter().find(|known| known.plan == plan.plan);
        let keeps_default = plan.is_default || before.as_ref().is_some_and(|before| before.is_default);
        if keeps_default && (plan.retired_at.is_some() || plan.trial_days.is_some()) {
            return Err(PlanError::Default);
        }
        let action = if plan.version == 0 {
            if !store::plan_insert(system, plan).await? {
                return Err(PlanError::Exists);
            }
            "plan.create"
        } else {
            before.as_ref().ok_or(PlanError::NoPlan)?;
            if !store::plan_update(system, plan).await? {
                return Err(PlanError::Stale);
            }
            "plan.change"
        };
        if plan.is_default {
            store::plan_default(system, &plan.plan).await?;
        }
        let entry = Entry {
            action,
            subject: &format!("plan:{}", plan.plan),
            before: before.map(|before| json!(before)),
            after: Some(json!(plan)),
        };
        Ok(log::record(system, who, entry, now).await?)
    })
    .await
}

/// What the tenant's plan allows, as the control schema has it.
///
/// # Errors
/// The database.
pub(crate) async fn held(system: &mut SystemTx, tenant: Uuid) -> Result<Held, DbError> {
    let subscription = store::subscription(system, tenant).await?;
    let plan = store::plans(system).await?.into_iter().find(|plan| plan.plan == subscription.plan);
    let plan = plan.ok_or(sqlx::Error::RowNotFound)?;
    Ok(Held {
        plan: plan.plan,
        name: plan.name,
        limits: plan.limits,
        features: plan.features,
        admins_second_step: plan.admins_second_step,
        contact: plan.contact,
        trial_ends_at: subscription.trial_ends_at,
    })
}

/// Has the tenant's own transactions see what its plan allows.
///
/// # Errors
/// The database.
pub(crate) async fn hold(tx: &mut Tx, held: &Held) -> Result<(), DbError> {
    if store::limits(tx, false).await?.as_ref() != Some(held) {
        store::limits_set(tx, held).await?;
    }
    Ok(())
}

/// Copies what the plan allows to where the tenant's own transactions see it;
/// answers it.
///
/// # Errors
/// The database.
pub(crate) async fn sync(db: &Db, tenant: Uuid) -> Result<Held, DbError> {
    let known = db.system_tx(async |system| held(system, tenant).await).await?;
    db.tx(&Cx::system(tenant), async |tx| hold(tx, &known).await).await?;
    Ok(known)
}

/// As [`sync`], after what it copies has been committed: where it fails, the worker's
/// next round does it.
async fn sync_or_later(db: &Db, tenant: Uuid) {
    if let Err(error) = sync(db, tenant).await {
        tracing::warn!(%tenant, %error, "what its plan allows holds from the worker's next round on");
    }
}

/// A tenant that a command is about, with the state that was seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aimed {
    /// Which.
    pub tenant: Uuid,
    /// Of its subscription; a stale command is refused.
    pub version: i32,
}

/// What becomes of a subscription.
#[derive(Debug, Clone, Copy)]
enum Change<'a> {
    Plan(&'a str),
    /// The plan with which the tenant is made: before it, it lived on none.
    First(&'a str),
    Extend(i64),
    /// Suspended, and why; or let in again.
    Status(Option<Why<'a>>),
}

impl Change<'_> {
    fn action(&self) -> &'static str {
        match self {
            Self::Plan(_) | Self::First(_) => "tenant.plan",
            Self::Extend(_) => "tenant.trial",
            Self::Status(Some(_)) => "tenant.suspend",
            Self::Status(None) => "tenant.resume",
        }
    }
}

/// The subscription after a change. A tenant that ever lived outside a trial, if only on
/// the default plan, is never listed for erasure: what becomes of its data, a person says.
fn changed(
    change: &Change<'_>,
    before: &Subscription,
    plans: Vec<Plan>,
    now: DateTime<Utc>,
) -> Result<Subscription, PlanError> {
    let before = before.clone();
    Ok(match change {
        Change::Plan(plan) | Change::First(plan) => {
            let found = plans.into_iter().find(|known| known.plan == *plan);
            let found = found.filter(|plan| plan.retired_at.is_none()).ok_or(PlanError::NoPlan)?;
            let trial_ends_at = found.trial_days.map(|days| now + TimeDelta::days(i64::from(days)));
            let in_trials = before.only_trials || matches!(change, Change::First(_));
            Subscription {
                plan: found.plan,
                since: Some(now),
                trial_ends_at,
                erase_after: None,
                only_trials: in_trials && trial_ends_at.is_some(),
                ..before
            }
        }
        Change::Extend(days) => {
            let ends = before.trial_ends_at.ok_or(PlanError::NoTrial)?;
            let longer = (1..=365).contains(days).then(|| ends.max(now) + TimeDelta::days(*days));
            let longer = longer.filter(|ends| *ends - now <= LONGEST_TRIAL);
            let longer = longer.ok_or_else(|| PlanError::Invalid(vec![("days", "plan-wrong-days")]))?;
            // Whoever is given time is not to be erased, even before it is let in again.
            Subscription { trial_ends_at: Some(longer), erase_after: None, ..before }
        }
        Change::Status(None) if before.trial_ends_at.is_some_and(|ends| ends <= now) => {
            return Err(PlanError::TrialOver);
        }
        Change::Status(why) => Subscription {
            suspended_at: why.map(|_| now),
            suspended_why: why.map(|why| why.name().to_owned()),
            erase_after: why
                .filter(|why| matches!(why, Why::Trial) && before.only_trials)
                .map(|_| now + GRACE),
            ..before
        },
    })
}

/// Changes a subscription that is at the version that was seen, and notes it.
async fn change(
    db: &Db,
    who: &Who,
    aimed: Aimed,
    change: Change<'_>,
    now: DateTime<Utc>,
) -> Result<(), PlanError> {
    db.system_tx(async |system| {
        let erasing = tenancy::erase::is_begun(system, aimed.tenant).await?;
        if store::metered(system, aimed.tenant).await?.is_none() {
            return Err(PlanError::NoTenant);
        }
        let before = store::subscription(system, aimed.tenant).await?;
        if before.version != aimed.version {
            return Err(PlanError::Stale);
        }
        // Whatever would have it stay would be said of what goes on disappearing.
        if erasing && !matches!(change, Change::Status(Some(_))) {
            return Err(PlanError::Erasing);
        }
        let after = changed(&change, &before, store::plans(system).await?, now)?;
        if !store::subscription_set(system, aimed.tenant, &after, now).await? {
            return Err(PlanError::Stale);
        }
        let shown = |it: &Subscription| {
            json!({ "plan": it.plan, "trial_ends_at": it.trial_ends_at, "suspended_at": it.suspended_at,
                    "suspended_why": it.suspended_why, "erase_after": it.erase_after,
                    "only_trials": it.only_trials })
        };
        let mut told = shown(&after);
        if let Change::Status(Some(Why::Admin(reason))) = change
            && !reason.is_empty()
        {
            told["reason"] = json!(reason);
        }
        let entry = Entry {
            action: change.action(),
            subject: &format!("tenant:{}", aimed.tenant),
            before: Some(shown(&before)),
            after: Some(told),
        };
        Ok(log::record(system, who, entry, now).await?)
    })
    .await
}

/// Gives a tenant a plan; a trial begins anew with it, and ends with another. A tenant
/// that was to be erased is not any more.
///
/// # Errors
/// [`PlanError::NoPlan`], [`PlanError::Stale`]; [`PlanError::Erasing`] when a part of it may
/// be gone.
pub(crate) async fn plan_give(
    db: &Db,
    who: &Who,
    aimed: Aimed,
    plan: &str,
    now: DateTime<Utc>,
) -> Result<(), PlanError> {
    change(db, who, aimed, Change::Plan(plan), now).await?;
    sync_or_later(db, aimed.tenant).await;
    Ok(())
}

/// Gives a tenant that was made just now its first plan. On a trial it is then a tenant of
/// trials alone, and may be erased when that is over; one that lived on the default plan
/// before it may not.
///
/// # Errors
/// [`PlanError::NoPlan`]; [`PlanError::Stale`] when it was given one already.
pub async fn plan_first(
    db: &Db,
    who: &Who,
    tenant: Uuid,
    plan: &str,
    now: DateTime<Utc>,
) -> Result<(), PlanError> {
    change(db, who, Aimed { tenant, version: 0 }, Change::First(plan), now).await?;
    sync_or_later(db, tenant).await;
    Ok(())
}

/// Whether tenants are given this plan: there is one, and it is not retired.
///
/// # Errors
/// The database.
pub async fn is_given(db: &Db, plan: &str) -> Result<bool, DbError> {
    Ok(plans(db).await?.iter().any(|known| known.plan == plan && known.retired_at.is_none()))
}

/// The plan of a tenant that is made with `plan`, or brought up to date with it: its own
/// where somebody gave it one, else that, else the default one. `None` when tenants are
/// given no such plan.
///
/// # Errors
/// The database.
pub async fn plan_to_be(db: &Db, tenant: Option<Uuid>, plan: Option<&str>) -> Result<Option<Plan>, DbError> {
    let own = match tenant {
        Some(tenant) => Some(stands(db, tenant).await?).filter(|stands| stands.given),
        None => None,
    };
    Ok(plans(db).await?.into_iter().find(|known| match (&own, plan) {
        (Some(own), _) => known.plan == own.plan,
        (None, Some(plan)) => known.plan == plan && known.retired_at.is_none(),
        (None, None) => known.is_default,
    }))
}

/// The most plants that a plan allows, where these would be more beside those that are
/// there. To bring up to date what is there is never too much.
#[must_use]
pub fn plants_beyond(plan: &Plan, there: &[String], planned: &[&str]) -> Option<i32> {
    let new = planned.iter().filter(|code| !there.iter().any(|known| known.as_str() == **code)).count();
    let most = plan.limits.plants.filter(|_| new > 0)?;
    usize::try_from(most).is_ok_and(|most| there.len() + new > most).then_some(most)
}

/// Gives a plan to a tenant to whom nobody has given one; of any other it changes nothing.
///
/// # Errors
/// [`PlanError::NoPlan`]; [`PlanError::Stale`] when somebody gives it one meanwhile.
pub async fn plan_where_none(
    db: &Db,
    who: &Who,
    tenant: Uuid,
    plan: &str,
    now: DateTime<Utc>,
) -> Result<(), PlanError> {
    let look = async |system: &mut SystemTx| Ok::<_, DbError>(store::subscription(system, tenant).await?);
    match db.system_tx(look).await?.version {
        0 => plan_give(db, who, Aimed { tenant, version: 0 }, plan, now).await,
        _ => Ok(()),
    }
}

/// Has a trial last so many days more, from its end or, when that is past, from now. A
/// tenant that was to be erased is not any more.
///
/// # Errors
/// [`PlanError::NoTrial`], [`PlanError::Stale`]; [`PlanError::Erasing`] when a part of it may
/// be gone.
pub(crate) async fn trial_extend(
    db: &Db,
    who: &Who,
    aimed: Aimed,
    days: i64,
    now: DateTime<Utc>,
) -> Result<(), PlanError> {
    change(db, who, aimed, Change::Extend(days), now).await?;
    sync_or_later(db, aimed.tenant).await;
    Ok(())
}

/// Why a tenant is shut out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why<'a> {
    /// Its trial has ended; one that was on trials alone is listed for erasure after a while.
    Trial,
    /// Somebody who runs the cloud wants it so; the reason is for people, and may be empty.
    Admin(&'a str),
}

impl Why<'_> {
    /// As `control.subscriptions` has it.
    fn name(self) -> &'static str {
        match self {
            Self::Trial => "trial",
            Self::Admin(_) => "admin",
        }
    }
}

/// Shuts a tenant out, or lets it in again. Its plants go on and keep their facts
/// until it is let in. Answers whether its people notice.
///
/// # Errors
/// [`PlanError::Stale`]; [`PlanError::TrialOver`] when it would be suspended again by the
/// next look at trials; [`PlanError::Erasing`] when a part of it may be gone.
pub(crate) async fn suspend(
    db: &Db,
    who: &Who,
    aimed: Aimed,
    why: Option<Why<'_>>,
    now: DateTime<Utc>,
) -> Result<bool, PlanError> {
    change(db, who, aimed, Change::Status(why), now).await?;
    // After what is noted, and as often as one likes: a crash in between is mended by
    // doing it again.
    let (standing, reason) = match why {
        Some(Why::Trial) => (Standing::Suspended, "The trial has ended."),
        Some(Why::Admin(reason)) => (Standing::Suspended, reason),
        None => (Standing::Active, ""),
    };
    tenancy::set_standing(db, aimed.tenant, standing, reason, now).await?.ok_or(PlanError::Erasing)
}

/// As super-administrators do on the tenant's page: shuts a tenant out for `reason`, or
/// lets it in again when there is none; for commands, which have seen no version. Answers
/// whether its people notice.
///
/// # Errors
/// [`PlanError::TrialOver`] and [`PlanError::Erasing`] as there; [`PlanError::NoTenant`].
pub async fn set_status(
    db: &Db,
    who: &Who,
    tenant: Uuid,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<bool, PlanError> {
    let look = async |system: &mut SystemTx| Ok::<_, DbError>(store::subscription(system, tenant).await?);
    let version = db.system_tx(look).await?.version;
    suspend(db, who, Aimed { tenant, version }, reason.map(Why::Admin), now).await
}

/// How a tenant stands with its plan, for whoever runs the cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stands {
    /// The code of its plan.
    pub plan: String,
    /// Somebody gave it that; else it is the default one.
    pub given: bool,
    /// When its trial ends, or ended.
    pub trial_ends_at: Option<DateTime<Utc>>,
    /// From when it is listed for erasure.
    pub erase_after: Option<DateTime<Utc>>,
}

/// How a tenant stands with its plan.
///
/// # Errors
/// Those of the database.
pub async fn stands(db: &Db, tenant: Uuid) -> Result<Stands, DbError> {
    let look = async |system: &mut SystemTx| Ok::<_, DbError>(store::subscription(system, tenant).await?);
    let Subscription { plan, trial_ends_at, erase_after, version, .. } = db.system_tx(look).await?;
    Ok(Stands { plan, given: version > 0, trial_ends_at, erase_after })
}
