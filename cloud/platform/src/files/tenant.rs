//! A tenant's files as a whole, for whoever backs up, moves or erases a tenant.
//!
//! The rows go with the tenant's other tables; these functions take care of the
//! bytes. Copy the bytes after the rows were read: an object is written before its
//! row and removed after it, so that whatever the rows name is there to be copied,
//! but for files purged between, which are named in the answer.

use std::path::PathBuf;

use futures_util::TryStreamExt;
use uuid::Uuid;

use super::{Depot, FilesError};

/// The folder with a tenant's bytes; `None` where they lie in a bucket, under the
/// prefix `<tenant>/`.
#[must_use]
pub fn folder_of(depot: &Depot, tenant: Uuid) -> Option<PathBuf> {
    depot.folder_of(tenant)
}

/// Copies a tenant's bytes from one place to another, under the same paths; what
/// is there already is written again. Answers how many objects were copied.
///
/// # Errors
/// Those of the two stores.
pub async fn copy_tenant(from: &Depot, to: &Depot, tenant: Uuid) -> Result<usize, FilesError> {
    let mut objects = from.objects(tenant);
    let mut copied = 0;
    while let Some((object, _)) = objects.try_next().await? {
        to.take(from, &object).await?;
        copied += 1;
    }
    Ok(copied)
}

/// Removes every byte of a tenant; its rows are the caller's to remove, first.
/// Answers how many objects there were.
///
/// # Errors
/// Those of the store.
pub async fn erase_tenant(depot: &Depot, tenant: Uuid) -> Result<usize, FilesError> {
    let mut gone = 0;
    // Listed whole first: a store may not list what is removed meanwhile well.
    let objects: Vec<String> = depot.objects(tenant).map_ok(|(object, _)| object).try_collect().await?;
    for object in objects {
        depot.remove(&object).await?;
        gone += 1;
    }
    if let Some(folder) = depot.folder_of(tenant)
        && folder.exists()
    {
        std::fs::remove_dir_all(folder)?;
    }
    Ok(gone)
}
