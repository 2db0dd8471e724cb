//! A new tenant, in the shared database or in one of its own.

use uuid::Uuid;

use super::{NewTenant, Upserted, databases, furnish, store};
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
/// the way leaves a tenant that this completes when it is called again, or none.
///
/// # Errors
/// [`DbError`]; [`Problem::Exists`](crate::db::Problem::Exists) when another tenant has
/// the slug.
pub async fn create(db: &Db, new: &NewTenant, placement: &Placement) -> Result<Upserted, DbError> {
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
