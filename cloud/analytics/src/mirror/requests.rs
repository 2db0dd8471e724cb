//! How a command asks the process that keeps the mirrors: a file with what is wanted, and
//! beside it, in the end, one with what came of it. DuckDB lets one process alone open a
//! mirror, and whoever may write to the folder could replace the mirrors themselves.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::Utc;
use platform::db::Db;
use platform::files::Depot;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::check::{self, Report};
use super::export::{self, Exported, Months};
use super::{MirrorError, Mirrors};

/// What a command may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// Throw the file away and build it anew.
    Rebuild,
    /// Compare it with Postgres.
    Check,
    /// Write Parquet.
    Export {
        /// Of these months.
        months: Months,
        /// To this folder of the machine, instead of the place in the settings.
        folder: Option<PathBuf>,
    },
}

/// A request as it lies in the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Whose mirror.
    pub tenant: Uuid,
    /// What.
    pub wanted: Wanted,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Came {
    /// On the way: batch, and last batch.
    Progress(i64, i64),
    /// Built anew, up to this batch.
    Rebuilt(i64),
    /// Compared.
    Checked(Report),
    /// Written.
    Exported(Exported),
    /// Not done, and why.
    Failed(String),
}

const ASKED: &str = "request.json";
const ANSWERED: &str = "answer.json";

fn folder(settings: &super::Settings) -> PathBuf {
    settings.dir.join("requests")
}

/// A command that waits for its answer.
pub(super) struct Asked {
    request: Result<Request, String>,
    answer: PathBuf,
}

/// All that commands ask for now.
pub(super) fn take(mirrors: &Mirrors) -> Vec<Asked> {
    let Ok(settings) = mirrors.settings() else { return Vec::new() };
    let Ok(entries) = std::fs::read_dir(folder(settings)) else { return Vec::new() };
    let mut all = Vec::new();
    for entry in entries.flatten() {
        let (asked, answer) = (entry.path().join(ASKED), entry.path().join(ANSWERED));
        let Ok(text) = std::fs::read(&asked) else { continue };
        // Asked once: what cannot be done is not tried for ever.
        let _ = std::fs::remove_file(&asked);
        let request = serde_json::from_slice(&text).map_err(|error| error.to_string());
        all.push(Asked { request, answer });
    }
    all
}

impl Asked {
    /// Whose mirror it is about.
    pub fn tenant(&self) -> Option<Uuid> {
        self.request.as_ref().ok().map(|request| request.tenant)
    }

    /// Does it, and answers; a process that stops answers that it was not done.
    pub async fn serve(&self, mirrors: &Mirrors, db: &Db, active: &[Uuid], stop: &CancellationToken) {
        let came = match &self.request {
            Ok(request) if !active.contains(&request.tenant) => {
                Came::Failed("the tenant is not active, so it has no mirror".into())
            }
            Ok(request) => {
                let told = |through, head| drop(put(&self.answer, &Came::Progress(through, head)));
                tokio::select! {
                    biased;
                    () = stop.cancelled() => Came::Failed("the cloud was stopped meanwhile".into()),
                    came = perform(mirrors, db, request, mirrors.exports(), told) => came,
                }
            }
            Err(error) => Came::Failed(error.clone()),
        };
        if let Err(error) = put(&self.answer, &came) {
            tracing::warn!(%error, "a command is not told what came of it");
        }
    }
}

/// Does what was asked for.
pub async fn perform(
    mirrors: &Mirrors,
    db: &Db,
    request: &Request,
    exports: Option<&Depot>,
    mut told: impl FnMut(i64, i64),
) -> Came {
    let (tenant, now) = (request.tenant, Utc::now());
    let done: Result<Came, MirrorError> = async {
        Ok(match &request.wanted {
            Wanted::Rebuild => {
                let mut last = 0;
                let progress = |through, head| {
                    last = through;
                    told(through, head);
                };
                mirrors.rebuild(db, tenant, now, progress).await?;
                Came::Rebuilt(last)
            }
            Wanted::Check => Came::Checked(check::check(mirrors, db, tenant, now).await?),
            Wanted::Export { months, folder } => {
                let own = match folder {
                    Some(folder) => {
                        Some(Depot::folder(folder).map_err(|error| MirrorError::Other(error.to_string()))?)
                    }
                    None => None,
                };
                let to = own.as_ref().or(exports);
                let to = to.ok_or_else(|| MirrorError::Other("there is no place for exports".into()))?;
                Came::Exported(export::export(mirrors, db, tenant, *months, to, now).await?)
            }
        })
    }
    .await;
    done.unwrap_or_else(|error| Came::Failed(error.to_string()))
}

fn put(at: &Path, came: &Came) -> std::io::Result<()> {
    let new = at.with_extension("new");
    std::fs::write(&new, serde_json::to_vec(came)?)?;
    std::fs::rename(new, at)
}

/// Asks the process that keeps the mirrors of a folder, and waits until it has answered;
/// `told` hears of progress.
///
/// # Errors
/// The disk, or a process that does not answer within a minute and a half.
pub async fn ask(
    settings: &super::Settings,
    request: &Request,
    mut told: impl FnMut(i64, i64),
) -> Result<Came, MirrorError> {
    let own = folder(settings).join(Uuid::now_v7().to_string());
    std::fs::create_dir_all(&own)?;
    let (new, asked, answer) = (own.join("new"), own.join(ASKED), own.join(ANSWERED));
    std::fs::write(&new, serde_json::to_vec(request).map_err(std::io::Error::from)?)?;
    std::fs::rename(&new, &asked)?;
    let mut quiet = 0;
    let came = loop {
        tokio::time::sleep(Duration::from_millis(250)).await;
        quiet += 1;
        if asked.exists() && quiet > 360 {
            break Err(MirrorError::Other(
                "the process that keeps the mirrors does not answer; it runs, but not with the role analytics?"
                    .into(),
            ));
        }
        let Ok(text) = std::fs::read(&answer) else { continue };
        match serde_json::from_slice(&text) {
            Ok(Came::Progress(through, head)) => told(through, head),
            Ok(came) => break Ok(came),
            Err(error) => break Err(MirrorError::Other(error.to_string())),
        }
    };
    let _ = std::fs::remove_dir_all(&own);
    came
}
