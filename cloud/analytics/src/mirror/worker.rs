//! The worker: follows the batches of all tenants, does what commands ask for, and looks
//! from time to time whether mirrors equal Postgres.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::Utc;
use platform::db::Db;
use platform::tenancy;
use tokio_util::sync::CancellationToken;
use trace::ingest::{Committed, Following};
use uuid::Uuid;

use super::{Mirrors, NAMES_EVERY, check, requests};

/// How often all tenants are looked at, whoever announced what.
const POLL: Duration = Duration::from_secs(2);
/// Batches that come close together are taken in together.
const GATHER: Duration = Duration::from_millis(250);
/// How often each mirror is compared with Postgres.
const CHECK_EVERY: Duration = Duration::from_secs(24 * 3600);
/// Failures in a row after which a file is thrown away.
const PATIENCE: u32 = 5;

/// What the worker keeps in mind of a tenant.
struct Mind {
    failures: u32,
    named: Instant,
    checked: Instant,
}

impl Default for Mind {
    fn default() -> Self {
        Self { failures: 0, named: Instant::now(), checked: Instant::now() }
    }
}

/// Follows the batches of all tenants until `stop`. Files of tenants that are suspended,
/// being moved or gone are removed. Pages that are told live hear no more from then on.
pub async fn run(mirrors: Mirrors, db: Db, committed: Committed, stop: CancellationToken) {
    let Ok(inner) = mirrors.inner() else {
        return stop.cancelled().await;
    };
    let ended = async {
        stop.cancelled().await;
        inner.live.end();
    };
    tokio::join!(follow(&mirrors, &db, &committed, &stop), ended);
}

async fn follow(mirrors: &Mirrors, db: &Db, committed: &Committed, stop: &CancellationToken) {
    let mut following = Following::new(committed, POLL);
    let mut minds: HashMap<Uuid, Mind> = HashMap::new();
    while !stop.is_cancelled() {
        if following.is_due() {
            match tenancy::active_ids(db).await {
                Ok(tenants) => {
                    sweep(mirrors, &tenants).await;
                    requests::serve(mirrors, db, &tenants).await;
                    minds.retain(|tenant, _| tenants.contains(tenant));
                    following.extend(tenants);
                }
                Err(error) => tracing::warn!(%error, "the mirrors cannot list tenants"),
            }
        }
        for tenant in following.take() {
            if stop.is_cancelled() {
                break;
            }
            let mind = minds.entry(tenant).or_default();
            if step(mirrors, db, tenant, mind).await {
                following.extend([tenant]);
            }
        }
        if following.wait(stop).await {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(GATHER) => {}
            }
        }
    }
    mirrors.close_all().await;
}

/// One step of a tenant; whether there may be more to do.
async fn step(mirrors: &Mirrors, db: &Db, tenant: Uuid, mind: &mut Mind) -> bool {
    match mirrors.step(db, tenant, Utc::now()).await {
        Ok(0) => mind.failures = 0,
        Ok(_) => {
            mind.failures = 0;
            return true;
        }
        // Said when it was found; the others go on.
        Err(super::MirrorError::Aside { .. }) => {
            mind.failures = 0;
            return false;
        }
        Err(error) => {
            mind.failures += 1;
            tracing::warn!(%tenant, %error, failures = mind.failures, "the mirror will try again");
            let of_the_file = !matches!(error, super::MirrorError::Db(_));
            if of_the_file && mind.failures >= PATIENCE {
                tracing::warn!(%tenant, "the mirror is thrown away and built anew");
                if let Err(error) = mirrors.discard(tenant).await {
                    tracing::error!(%tenant, %error, "the mirror cannot be thrown away");
                }
                mind.failures = 0;
            }
            return false;
        }
    }
    if mind.named.elapsed() >= NAMES_EVERY {
        mind.named = Instant::now();
        if let Err(error) = mirrors.rename(db, tenant).await {
            tracing::warn!(%tenant, %error, "the mirror's names stay as they were");
        }
    }
    if mind.checked.elapsed() >= CHECK_EVERY {
        mind.checked = Instant::now();
        match check::check(mirrors, db, tenant, Utc::now()).await {
            Ok(report) if report.differences.is_empty() => {
                tracing::info!(%tenant, batch = report.batch, events = report.events, "the mirror equals Postgres");
            }
            Ok(report) => {
                let count = report.differences.len();
                tracing::error!(%tenant, count, first = %report.differences[0], "the mirror differs from Postgres; it is built anew");
                if let Err(error) = mirrors.discard(tenant).await {
                    tracing::error!(%tenant, %error, "the mirror cannot be thrown away");
                }
                return true;
            }
            Err(error) => tracing::warn!(%tenant, %error, "the mirror could not be compared"),
        }
    }
    false
}

/// Removes the files of everybody else.
async fn sweep(mirrors: &Mirrors, active: &[Uuid]) {
    let Ok(settings) = mirrors.settings() else { return };
    let here = match settings.tenants() {
        Ok(here) => here,
        Err(error) => {
            tracing::warn!(%error, "the folder of mirrors cannot be read");
            return;
        }
    };
    for tenant in here.into_iter().filter(|tenant| !active.contains(tenant)) {
        match mirrors.forget(tenant).await {
            Ok(()) => tracing::info!(%tenant, "the mirror of a tenant that is not active is removed"),
            Err(error) => tracing::error!(%tenant, %error, "a mirror cannot be removed"),
        }
    }
}
