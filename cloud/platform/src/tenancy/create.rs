//! A new tenant, in the shared database or in one of its own.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::config::Planned;
use super::{Change, NewAgent, NewCompany, NewPlant, NewTenant, Upserted, databases, furnish, store};
use crate::admin::log::{self, Who};
use crate::audit::Entry;
use crate::ctx::Cx;
use crate::db::{Db, DbError, SHARED, end};

/// Where a tenant lives, or is to live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// In the home database, beside others.
    Shared,
    /// In a database of its own.
    Own {
        /// The server as the configuration names it; empty: that of the home database.
        server: String,
    },
}

/// Makes a tenant, or brings the one of that code up to date where it lives. A crash on
/// the way leaves a tenant that this completes when it is called again, or none. That it
/// was made stands in the log of super-administrators from the moment on that it is there.
///
/// # Errors
/// [`DbError`]; [`Problem::Exists`](crate::db::Problem::Exists) when another tenant has
/// the slug.
pub async fn create(
    db: &Db,
    who: &Who,
    new: &NewTenant,
    placement: &Placement,
    now: DateTime<Utc>,
) -> Result<Upserted, DbError> {
    let known = super::find_tenant(db, &new.code).await?;
    let (id, place) = match (known, placement) {
        (Some(known), _) => (known.id, known.placement),
        (None, Placement::Shared) => (Uuid::now_v7(), SHARED.to_owned()),
        (None, Placement::Own { server }) => {
            let name = databases::create(db, &new.code, server).await?;
            (Uuid::now_v7(), name)
        }
    };
    let row = db
        .system_tx(async |system| {
            let done = store::tenant_upsert(system, id, &place, new).await?;
            if done.change == Change::Made {
                let entry = Entry {
                    action: "tenant.create",
                    subject: &format!("tenant:{}", done.id),
                    after: Some(json!({ "code": new.code, "name": new.name, "placement": place })),
                    ..Entry::default()
                };
                log::record(system, who, entry, now).await?;
            }
            Ok::<_, DbError>((done, store::tenant_row(system, done.id).await?))
        })
        .await?;
    let (done, row) = row;
    if row.placement != SHARED {
        // It is entered by its row there.
        let server = databases::server_of(db, &row.placement).await?;
        let mut connection = db.connect_owner(&row.placement, &server).await?;
        databases::tenant_row_put(&mut connection, &row).await?;
        end(connection).await;
    }
    db.system_tx(async |system| furnish(system, done.id).await).await?;
    Ok(done)
}

/// Makes the plants of a configuration, or brings them up to date. They are of one company
/// that is named as the tenant is; a company of its code that is there already is theirs.
///
/// # Errors
/// [`DbError`].
pub async fn create_plants(db: &Db, tenant: Uuid, planned: &Planned) -> Result<(), DbError> {
    if planned.plants.is_empty() {
        return Ok(());
    }
    let company = NewCompany { code: planned.tenant.code.clone(), name: planned.tenant.name.clone() };
    db.tx(&Cx::system(tenant), async |tx| {
        let company = super::company_upsert(tx, &company).await?.id;
        for plant in &planned.plants {
            let new = NewPlant {
                company,
                code: plant.code.clone(),
                slug: Some(plant.slug.clone()),
                name: plant.name.clone(),
                time_zone: planned.tenant.time_zone.clone(),
                languages: vec![planned.tenant.language.clone()],
            };
            super::plant_upsert(tx, &new).await?;
            super::agent_upsert(tx, &NewAgent::Plant(plant.code.clone())).await?;
        }
        Ok(())
    })
    .await
}
