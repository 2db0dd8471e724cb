//! A new tenant, as super-administrators type it or send its configuration: judged whole,
//! then made with its plan, its plants and its first administrator.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::log::Who;
use crate::ctx::Plants;
use crate::db::{Db, DbError, SystemTx};
use crate::i18n::Lang;
use crate::people::{self, ADMIN, By, Invitation, PeopleError, clean_email, clean_name};
use crate::plans::Plan;
use crate::plans::service::{self, PlanError};
use crate::secrets::Secrets;
use crate::tenancy::config::Planned;
use crate::tenancy::{self, CreateError, NewTenant, Placement};
use crate::web::keys::Secret;

/// A tenant to be made, as typed.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = AdminNewTenant)]
pub(super) struct Typed {
    pub code: String,
    pub name: String,
    pub time_zone: String,
    pub language: String,
    /// Three letters of ISO 4217.
    pub currency: String,
    pub plan: String,
    /// `shared` or `own`; empty: as the plan says.
    pub placement: String,
    /// The server of its own database, as the configuration names it; empty: that of the
    /// home database.
    pub server: String,
    /// The first administrator.
    pub email: String,
    pub person: String,
}

impl Typed {
    /// As the configuration of a tenant has it.
    pub(super) fn of(planned: &Planned) -> Self {
        let it = &planned.tenant;
        Self {
            code: it.code.clone(),
            name: it.name.clone(),
            time_zone: it.time_zone.clone(),
            language: it.language.clone(),
            currency: it.currency.clone(),
            ..Self::default()
        }
    }

    /// Where it is to live.
    fn place(&self, plan: Option<&Plan>) -> Placement {
        let own = match self.placement.as_str() {
            "" => plan.is_some_and(|plan| plan.placement == "own"),
            placement => placement == "own",
        };
        if own { Placement::Own { server: self.server.clone() } } else { Placement::Shared }
    }
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

impl From<CreateError> for MakeError {
    fn from(error: CreateError) -> Self {
        match error {
            // Somebody was quicker: it was free a moment ago.
            CreateError::Taken(_) => Self::Invalid(vec![("code", "admin-wrong-taken")]),
            CreateError::Db(error) => Self::Db(error),
        }
    }
}

/// What was made.
#[derive(Debug)]
pub(super) struct Made {
    pub tenant: Uuid,
    /// For the first administrator; told this once, or mailed.
    pub link: Secret,
}

/// What is wrong with the tenant, by itself and with its plan and the servers there are.
async fn judge(
    db: &Db,
    typed: &Typed,
    from: Option<&Planned>,
    plan: Option<&Plan>,
) -> Result<Vec<(&'static str, &'static str)>, DbError> {
    let mut wrong = Vec::new();
    let mut note = |field, ok: bool, key| {
        if !ok {
            wrong.push((field, key));
        }
    };
    let formed = typed.code.parse::<uid::TenantCode>().is_ok();
    note("code", formed, "admin-wrong-code");
    note("name", tenancy::config::tenant_name(&typed.name).is_some(), "tenant-error-name");
    note("time_zone", typed.time_zone.parse::<Tz>().is_ok(), "admin-wrong-zone");
    note("language", Lang::parse(&typed.language).is_some(), "admin-wrong-language");
    note("currency", crate::masters::is_currency(&typed.currency), "admin-wrong-currency");
    note("placement", matches!(typed.placement.as_str(), "" | "shared" | "own"), "plan-wrong-placement");
    let server = typed.server.is_empty() || db.owns().servers.contains_key(&typed.server);
    note("server", server, "admin-wrong-server");
    let used = typed.server.is_empty() || matches!(typed.place(plan), Placement::Own { .. });
    note("server", !server || used, "admin-wrong-server-unused");
    note("email", clean_email(&typed.email).is_some(), "people-error-email");
    note("person", clean_name(&typed.person).is_some(), "people-error-name");
    note("code", !formed || tenancy::find_tenant(db, &typed.code).await?.is_none(), "admin-wrong-taken");
    note("plan", plan.is_some(), "plan-error-none");
    if let Some(from) = from {
        let most = plan.and_then(|plan| plan.limits.plants).and_then(|most| usize::try_from(most).ok());
        note("plan", most.is_none_or(|most| from.plants.len() <= most), "admin-wrong-plants");
        let slug = from.tenant.slug.as_deref().unwrap_or_default();
        let look = async |system: &mut SystemTx| tenancy::tenant_code_by_slug(system, slug).await;
        note("code", db.system_tx(look).await?.is_none(), "admin-wrong-slug");
    }
    Ok(wrong)
}

/// Makes a tenant with its plan, the plants of its configuration, and its first
/// administrator. Each step can be done again: if one in between fails, the tenant is there
/// and stands in the log, and what is missing is given on its page (or, of plants, by
/// `cloud tenant create --from`).
///
/// # Errors
/// [`MakeError`], with every field that is not right; nothing was made then.
pub(super) async fn make(
    db: &Db,
    who: &Who,
    typed: &Typed,
    from: Option<&Planned>,
    by_mail: Option<&Secrets>,
    now: DateTime<Utc>,
) -> Result<Made, MakeError> {
    let upper = |text: &str| text.trim().to_uppercase();
    let typed = Typed { code: upper(&typed.code), currency: upper(&typed.currency), ..typed.clone() };
    let plans = service::plans(db).await?;
    let plan = plans.iter().find(|plan| plan.plan == typed.plan && plan.retired_at.is_none());
    let wrong = judge(db, &typed, from, plan).await?;
    if !wrong.is_empty() {
        return Err(MakeError::Invalid(wrong));
    }
    let new = NewTenant {
        code: typed.code.clone(),
        slug: from.and_then(|from| from.tenant.slug.clone()),
        name: typed.name.trim().to_owned(),
        time_zone: typed.time_zone.clone(),
        language: typed.language.clone(),
        currency: typed.currency.clone(),
        features: from.map(|from| from.tenant.features.clone()).unwrap_or_default(),
    };
    let tenant = create(db, who, &new, typed.place(plan), now).await?;
    service::plan_first(db, who, tenant, &typed.plan, now).await?;
    if let Some(from) = from {
        tenancy::create_plants(db, who, tenant, from).await?;
    }
    let invitation = Invitation {
        email: typed.email.clone(),
        name: typed.person.clone(),
        roles: vec![ADMIN.to_owned()],
        plants: Plants::All,
    };
    let cx = who.cx(tenant);
    let (_, link) = people::invite(db, &By::operator(&cx), &invitation, by_mail, now).await?;
    Ok(Made { tenant, link })
}

/// Makes the tenant, on a thread of its own: to bring a new database up to date is no
/// work that may move between threads, as that of a handler must.
async fn create(
    db: &Db,
    who: &Who,
    new: &NewTenant,
    placement: Placement,
    now: DateTime<Utc>,
) -> Result<Uuid, MakeError> {
    let (db, who, new, here) = (db.clone(), who.clone(), new.clone(), Handle::current());
    let made =
        tokio::task::spawn_blocking(move || here.block_on(tenancy::create(&db, &who, &new, &placement, now)));
    let made = made.await.map_err(|error| DbError::from(sqlx::Error::Protocol(error.to_string())))?;
    Ok(made?.id)
}
