//! The organisation: tenants, their companies and plants, and the agents that
//! tell what happens there; and the one-time tokens by which an agent enrols.
//!
//! Every upsert is safe to call again: a row that is as asked stays untouched,
//! version and all.

pub mod backup;
mod clash;
pub mod config;
mod create;
mod data;
mod databases;
mod due;
pub mod erase;
pub mod erasures;
mod location;
mod moves;
pub mod restore;
mod restored;
mod rounds;
mod standing;
mod store;
#[cfg(test)]
mod tests;
mod token;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::ctx::Cx;
use crate::db::{Db, DbError, SHARED, SystemTx, Tx};

pub use clash::{CreateError, clashes};
pub use create::{Placement, create, create_plants};
pub use data::{At, DataError, Watch};
pub use databases::{Database, databases, migrate_all};
pub use due::{Beside, Due, Order, due, erase_due};
pub use moves::{Moved, move_to, take_back};
pub use restored::{ADOPT_DAYS, How, LetIn, RestoredAgent, RestoredTenant, restored};
pub use rounds::rounds;
pub use standing::Standing;
pub(crate) use standing::set_standing;
pub use token::{
    NewToken, Redeemed, TOKEN_PREFIX, TOKEN_VALID_FOR, TokenError, TokenText, issue_token, issue_token_for,
    redeem_token, redeem_token_in, token_is_open,
};

/// Name of the agent for facts that begin in the office.
pub const OFFICE: &str = "office";

/// Whether an upsert changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// There was no such row.
    Made,
    /// The row differed.
    Updated,
    /// The row was as asked already.
    Same,
}

/// A row by its id, and what the upsert did to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upserted {
    /// The row's id, old or new.
    pub id: Uuid,
    /// What happened.
    pub change: Change,
}

/// A tenant as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTenant {
    /// Four characters, in every UID (`SAIF`).
    pub code: String,
    /// What other systems call it (`saif-kolkata`); kept when `None`.
    pub slug: Option<String>,
    /// For people.
    pub name: String,
    /// IANA name; only when the tenant is made.
    pub time_zone: String,
    /// Language code; only when the tenant is made.
    pub language: String,
    /// ISO 4217 code; only when the tenant is made.
    pub currency: String,
    /// What of the product it uses, by name; only when the tenant is made.
    pub features: Vec<String>,
}

impl Default for NewTenant {
    fn default() -> Self {
        Self {
            code: String::new(),
            slug: None,
            name: String::new(),
            time_zone: "UTC".into(),
            language: "en".into(),
            currency: "INR".into(),
            features: Vec::new(),
        }
    }
}

/// A company (legal entity) as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCompany {
    /// Code within the tenant.
    pub code: String,
    /// For people.
    pub name: String,
}

/// A plant as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPlant {
    /// The company that it belongs to.
    pub company: Uuid,
    /// Three characters, in every UID minted there (`KOL`).
    pub code: String,
    /// What other systems call it (`PLANT-KOL-001`); kept when `None`.
    pub slug: Option<String>,
    /// For people.
    pub name: String,
    /// IANA name of its wall clock.
    pub time_zone: String,
    /// Languages of its stations, the default one first.
    pub languages: Vec<String>,
}

/// An agent that there should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewAgent {
    /// A plant's agent, named by the plant's code; has to enrol.
    Plant(String),
    /// The tenant's office; part of the cloud, so it needs no enrolment.
    Office,
}

/// A tenant as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: Uuid,
    /// Four characters, in every UID.
    pub code: String,
    /// What other systems call it.
    pub slug: Option<String>,
    /// For people.
    pub name: String,
    /// `active` or `suspended`; [`Standing`] judges it.
    pub status: String,
    /// Why it is suspended, for people.
    pub status_reason: String,
    /// IANA name.
    pub time_zone: String,
    /// Language code.
    pub language: String,
    /// ISO 4217 code.
    pub currency: String,
    /// `shared`, or the name of its own database.
    pub placement: String,
    /// Since when it may only be read, because it is being moved.
    pub paused_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// An agent as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its id.
    pub id: Uuid,
    /// The plant's code for a plant's agent, else `office` or the import's name.
    pub name: String,
    /// The plant; `None` for the office and imports.
    pub plant: Option<String>,
    /// `expected`, `enrolled` or `revoked`.
    pub status: String,
}

/// Makes the tenant in the shared database, with its partitions, its counters and its
/// office agent, or brings it up to date wherever it lives. [`create()`] makes one
/// elsewhere.
///
/// # Errors
/// [`DbError`]; [`Problem::Exists`](crate::db::Problem::Exists) when another
/// tenant has the slug.
pub async fn tenant_upsert(system: &mut SystemTx, new: &NewTenant) -> Result<Upserted, DbError> {
    let made = store::tenant_insert(system, Uuid::now_v7(), SHARED, new).await?;
    let done = store::tenant_update(system, new, made).await?;
    furnish(system, done.id).await?;
    Ok(done)
}

/// What every tenant has; what is there already stays as it is.
async fn furnish(system: &mut SystemTx, tenant: Uuid) -> Result<(), DbError> {
    let row = store::tenant_row(system, tenant).await?;
    let held = crate::plans::service::held(system, tenant).await?;
    // A tenant that lacks some of this is furnished when it is made again.
    system.home_first();
    system
        .enter(&Cx::system(tenant), async |tx| {
            if row.placement != SHARED {
                databases::tenant_row_put(tx.conn(), &row).await?;
            }
            store::partitions_add(tx).await?;
            store::counters_insert(tx).await?;
            crate::people::roles_ensure(tx).await?;
            crate::masters::begin(tx, &row.currency).await?;
            // Its limits hold from the first moment on.
            crate::plans::service::hold(tx, &held).await?;
            agent_upsert(tx, &NewAgent::Office).await
        })
        .await?;
    Ok(())
}

/// Makes the company of the transaction's tenant, or brings it up to date.
///
/// # Errors
/// [`DbError`].
pub async fn company_upsert(tx: &mut Tx, new: &NewCompany) -> Result<Upserted, DbError> {
    Ok(store::company_upsert(tx, new).await?)
}

/// Makes the plant, or brings it up to date. Its agent is apart, see
/// [`agent_upsert`].
///
/// # Errors
/// [`DbError`].
pub async fn plant_upsert(tx: &mut Tx, new: &NewPlant) -> Result<Upserted, DbError> {
    Ok(store::plant_upsert(tx, new).await?)
}

/// Makes the agent unless there is one; what it has become since stays.
///
/// # Errors
/// [`DbError`].
pub async fn agent_upsert(tx: &mut Tx, new: &NewAgent) -> Result<Upserted, DbError> {
    let (name, kind, plant, status) = match new {
        NewAgent::Plant(code) => (code.as_str(), "plant", Some(code.as_str()), "expected"),
        NewAgent::Office => (OFFICE, "office", None, "enrolled"),
    };
    Ok(store::agent_upsert(tx, name, kind, plant, status).await?)
}

/// The tenant with this code.
///
/// # Errors
/// [`DbError`].
pub async fn find_tenant(db: &Db, code: &str) -> Result<Option<Tenant>, DbError> {
    db.system_tx(async |system| find_tenant_in(system, code).await).await
}

/// Every tenant, by code.
///
/// # Errors
/// [`DbError`].
pub async fn tenants(db: &Db) -> Result<Vec<Tenant>, DbError> {
    db.system_tx(async |system| Ok(store::tenants(system).await?)).await
}

/// Every tenant, suspended ones too, in the order of their ids.
///
/// # Errors
/// The database.
pub async fn ids(db: &Db) -> Result<Vec<Uuid>, DbError> {
    db.system_tx(async |system| Ok(store::tenant_ids(system).await?)).await
}

/// Tenants that are neither suspended nor being moved, in the order of their ids.
///
/// # Errors
/// The database.
pub async fn active_ids(db: &Db) -> Result<Vec<Uuid>, DbError> {
    db.system_tx(async |system| Ok(store::active_ids(system).await?)).await
}

/// As [`find_tenant`], within a transaction.
///
/// # Errors
/// [`DbError`].
pub async fn find_tenant_in(system: &mut SystemTx, code: &str) -> Result<Option<Tenant>, DbError> {
    Ok(store::tenant_by_code(system, code).await?)
}

/// Code of the tenant that other systems know by this slug.
///
/// # Errors
/// [`DbError`].
pub async fn tenant_code_by_slug(system: &mut SystemTx, slug: &str) -> Result<Option<String>, DbError> {
    Ok(store::tenant_code_by_slug(system, slug).await?)
}

/// Codes of the tenant's plants.
///
/// # Errors
/// [`DbError`].
pub async fn plant_codes(tx: &mut Tx) -> Result<Vec<String>, DbError> {
    Ok(store::plant_codes(tx).await?)
}

/// The tenant's agents, by name.
///
/// # Errors
/// [`DbError`].
pub async fn agents(tx: &mut Tx) -> Result<Vec<Agent>, DbError> {
    Ok(store::agents(tx).await?)
}
