//! All SQL of views.

use sqlx::Error;
use uuid::Uuid;

use super::Keep;
use crate::db::Tx;

/// A view of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Its id.
    pub view_id: Uuid,
    /// The list.
    pub list: String,
    /// Whose it is, as an opaque id.
    pub owner: String,
    /// It is shown to all.
    pub shared: bool,
    /// What people call it.
    pub name: String,
    /// Filters, search and order, as a query string.
    pub query: String,
    /// The columns, in order; empty for the usual ones.
    pub columns: Vec<String>,
    /// What its owner sees when the list is opened.
    pub is_default: bool,
    /// How often it was changed.
    pub version: i32,
}

/// The views of a list that somebody has: their own, and those for all.
pub(super) async fn views(tx: &mut Tx, list: &str, owner: &str, limit: i64) -> Result<Vec<View>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        View,
        "select view_id, list, owner, shared, name, query, columns, is_default, version from list_views
         where tenant_id = $1 and list = $2 and (owner = $3 or shared) order by name, view_id limit $4",
        tenant,
        list,
        owner,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// As [`views`], page by page: those that come after this one.
pub(super) async fn views_after(
    tx: &mut Tx,
    list: &str,
    owner: &str,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<View>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        View,
        "select view_id, list, owner, shared, name, query, columns, is_default, version from list_views v
         where tenant_id = $1 and list = $2 and (owner = $3 or shared)
           and ($4::uuid is null or (name, view_id) > (select a.name, a.view_id from list_views a
                                                       where a.tenant_id = $1 and a.view_id = $4))
         order by name, view_id limit $5",
        tenant,
        list,
        owner,
        after,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// One view that somebody has: their own, or one for all.
pub(super) async fn view_seen(tx: &mut Tx, id: Uuid, owner: &str) -> Result<Option<View>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        View,
        "select view_id, list, owner, shared, name, query, columns, is_default, version from list_views
         where tenant_id = $1 and view_id = $2 and (owner = $3 or shared)",
        tenant,
        id,
        owner,
    )
    .fetch_optional(tx.conn())
    .await
}

/// One view, locked until the commit.
pub(super) async fn view(tx: &mut Tx, id: Uuid) -> Result<Option<View>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        View,
        "select view_id, list, owner, shared, name, query, columns, is_default, version from list_views
         where tenant_id = $1 and view_id = $2 for update",
        tenant,
        id,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Keeps a view, over one of the same owner and name.
pub(super) async fn keep(tx: &mut Tx, owner: &str, keep: &Keep, id: Uuid) -> Result<Uuid, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "insert into list_views (tenant_id, view_id, list, owner, shared, name, query, columns, is_default)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (tenant_id, list, owner, name) do update
         set shared = excluded.shared, query = excluded.query, columns = excluded.columns,
             is_default = excluded.is_default, version = list_views.version + 1
         returning view_id",
        tenant,
        id,
        keep.list,
        owner,
        keep.shared,
        keep.name,
        keep.query,
        &keep.columns,
        keep.first,
    )
    .fetch_one(tx.conn())
    .await
}

/// Keeps a view; none where its owner has one of this name.
pub(super) async fn insert(tx: &mut Tx, owner: &str, keep: &Keep, id: Uuid) -> Result<Option<View>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        View,
        "insert into list_views (tenant_id, view_id, list, owner, shared, name, query, columns, is_default)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (tenant_id, list, owner, name) do nothing
         returning view_id, list, owner, shared, name, query, columns, is_default, version",
        tenant,
        id,
        keep.list,
        owner,
        keep.shared,
        keep.name,
        keep.query,
        &keep.columns,
        keep.first,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Puts another in the place of a view that is locked.
pub(super) async fn replace(tx: &mut Tx, id: Uuid, keep: &Keep) -> Result<View, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        View,
        "update list_views
         set shared = $3, name = $4, query = $5, columns = $6, is_default = $7, version = version + 1
         where tenant_id = $1 and view_id = $2
         returning view_id, list, owner, shared, name, query, columns, is_default, version",
        tenant,
        id,
        keep.shared,
        keep.name,
        keep.query,
        &keep.columns,
        keep.first,
    )
    .fetch_one(tx.conn())
    .await
}

/// No view of the list is shown first any more.
pub(super) async fn forget_first(tx: &mut Tx, list: &str, owner: &str) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update list_views set is_default = false, version = version + 1
         where tenant_id = $1 and list = $2 and owner = $3 and is_default",
        tenant,
        list,
        owner,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes a view away.
pub(super) async fn delete(tx: &mut Tx, id: Uuid) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!("delete from list_views where tenant_id = $1 and view_id = $2", tenant, id)
        .execute(tx.conn())
        .await?;
    Ok(())
}
