//! A new tenant, in the shared database or in one of its own.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::clash::{self, CreateError};
use super::config::Planned;
use super::{Change, NewAgent, NewCompany, NewPlant, NewTenant, Upserted, databases, furnish, store};
use crate::admin::log::{self, Who};
use crate::audit::{self, Entry};
use crate::db::{Db, SHARED, end};
use crate::organisation;

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
/// was made or changed stands in the log of super-administrators from the moment on that it
/// is.
///
/// # Errors
/// [`CreateError::Taken`] when the code is that of a tenant of another slug;
/// [`Problem::Exists`](crate::db::Problem::Exists) when another tenant has the slug.
pub async fn create(
    db: &Db,
    who: &Who,
    new: &NewTenant,
    placement: &Placement,
    now: DateTime<Utc>,
) -> Result<Upserted, CreateError> {
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
            let made = store::tenant_insert(system, id, &place, new).await?;
            // Looked at after the insert, which waits for another one of this code.
            let before = match made {
                true => None,
                false => store::tenant_by_code(system, &new.code).await?,
            };
            if let Some(why) = before.as_ref().and_then(|before| clash::of_another(before, new)) {
                return Err(CreateError::Taken(vec![why]));
            }
            let done = store::tenant_update(system, new, made).await?;
            let subject = format!("tenant:{}", done.id);
            let entry = match done.change {
                Change::Made => Some(Entry {
                    action: "tenant.create",
                    after: Some(json!({ "code": new.code, "name": new.name, "placement": place })),
                    ..Entry::default()
                }),
                Change::Updated => Some(Entry {
                    action: "tenant.update",
                    before: before.as_ref().map(|before| json!({ "name": before.name, "slug": before.slug })),
                    after: Some(json!({ "name": new.name, "slug": new.slug })),
                    ..Entry::default()
                }),
                Change::Same => None,
            };
            if let Some(entry) = entry {
                log::record(system, who, Entry { subject: &subject, ..entry }, now).await?;
            }
            Ok::<_, CreateError>((done, store::tenant_row(system, done.id).await?))
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
/// [`CreateError::Taken`] with every code that is another plant's; nothing was made then.
pub async fn create_plants(db: &Db, who: &Who, tenant: Uuid, planned: &Planned) -> Result<(), CreateError> {
    if planned.plants.is_empty() {
        return Ok(());
    }
    let company = NewCompany { code: planned.tenant.code.clone(), name: planned.tenant.name.clone() };
    db.tx(&who.cx(tenant), async |tx| {
        let taken = clash::of_plants(tx, planned).await?;
        if !taken.is_empty() {
            return Err(CreateError::Taken(taken));
        }
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
            let change = super::plant_upsert(tx, &new).await?.change;
            if let Some(address) = &plant.address {
                organisation::address_set(tx, &plant.code, address).await?;
            }
            let action = match change {
                Change::Made => Some("plant.create"),
                Change::Updated => Some("plant.change"),
                Change::Same => None,
            };
            if let Some(action) = action {
                let entry = Entry {
                    action,
                    subject: &format!("plant:{}", plant.code),
                    before: None,
                    after: Some(
                        json!({ "name": plant.name, "slug": plant.slug, "company": planned.tenant.code,
                                        "address": plant.address }),
                    ),
                };
                audit::record(tx, entry).await?;
            }
            super::agent_upsert(tx, &NewAgent::Plant(plant.code.clone())).await?;
        }
        Ok(())
    })
    .await
}
