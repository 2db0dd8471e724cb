//! Removes what nobody can reach: objects that no row names, which a crash left
//! between writing and recording, and files that were deleted long ago.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::TryStreamExt;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Files, FilesError, store};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::Db;
use crate::tenancy;

/// How often the store is walked.
const EVERY: Duration = Duration::from_secs(6 * 3600);
/// How old an object is before it can be taken for left behind: longer than any
/// upload lasts between writing and recording.
pub const GRACE: TimeDelta = TimeDelta::hours(24);
/// Objects and files that one transaction looks at.
const BATCH: i64 = 500;

/// What a sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects that no row named.
    pub objects: usize,
    /// Files that were deleted long ago.
    pub files: usize,
}

/// Sweeps until `stop`, one tenant after the other.
pub async fn run(db: Db, files: Files, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match tenancy::ids(&db).await {
            Ok(tenants) => {
                for tenant in tenants {
                    if stop.is_cancelled() {
                        return;
                    }
                    match sweep(&db, &files, tenant, Utc::now()).await {
                        Ok(Swept { objects: 0, files: 0 }) => {}
                        Ok(swept) => tracing::info!(%tenant, ?swept, "files were swept"),
                        Err(error) => tracing::warn!(%tenant, %error, "files were not swept"),
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the sweep of files cannot list tenants"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Sweeps one tenant's files. What the audit says of it is of many things at once, and so of
/// no plant.
///
/// # Errors
/// Those of the database and the store.
pub async fn sweep(db: &Db, files: &Files, tenant: Uuid, now: DateTime<Utc>) -> Result<Swept, FilesError> {
    let depot = files.depot()?;
    let cx = Cx::system(tenant);
    let mut swept = Swept::default();
    let before = now - TimeDelta::days(i64::from(files.limits().keep_deleted_days));
    loop {
        let (gone, contents) = db
            .tx(&cx, async |tx| {
                let (gone, contents) = store::purge(tx, before, BATCH).await?;
                if gone > 0 {
                    let bytes: i64 = contents.iter().map(|(_, size)| size).sum();
                    store::usage_add(tx, -bytes).await?;
                    let after = Some(serde_json::json!({ "files": gone, "bytes": bytes }));
                    let subject = format!("tenant:{tenant}");
                    audit::record(tx, Entry { action: "file.purge", subject: &subject, before: None, after })
                        .await?;
                }
                Ok::<_, FilesError>((gone, contents))
            })
            .await?;
        if gone == 0 {
            break;
        }
        swept.files += gone;
        for (object, _) in contents {
            depot.remove(&object).await?;
        }
    }
    let mut objects = depot.objects(tenant).try_chunks(BATCH.unsigned_abs() as usize);
    while let Some(found) = objects.try_next().await.map_err(|error| error.1)? {
        let old: Vec<String> =
            found.into_iter().filter(|(_, at)| *at + GRACE < now).map(|(object, _)| object).collect();
        let named = db.tx(&cx, async |tx| Ok::<_, FilesError>(store::objects_named(tx, &old).await?)).await?;
        for object in old.iter().filter(|object| !named.contains(object)) {
            depot.remove(object).await?;
            swept.objects += 1;
        }
    }
    Ok(swept)
}
