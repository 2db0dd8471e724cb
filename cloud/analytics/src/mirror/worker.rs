//! The worker: follows the batches of all tenants, several at once; does what commands ask
//! for; and looks once a day by the clock whether each mirror equals Postgres. What takes long
//! for one tenant holds up no other.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use platform::db::Db;
use platform::tenancy;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use trace::ingest::{Committed, Following};
use uuid::Uuid;

use super::{MirrorError, Mirrors, NAMES_EVERY, check, requests};

/// How often all tenants are looked at, whoever announced what.
pub(super) const POLL: Duration = Duration::from_secs(2);
/// Batches that come close together are taken in together.
pub(super) const GATHER: Duration = Duration::from_millis(250);
/// Tenants that are fed at once, and that are compared with Postgres.
const STEPS: usize = 4;
const CHECKS: usize = 2;
/// How often each mirror is compared with Postgres; and when one could not be, again.
const CHECK_EVERY: TimeDelta = TimeDelta::hours(24);
const CHECK_AGAIN: Duration = Duration::from_secs(3600);
/// Failures in a row after which a file is thrown away.
const PATIENCE: u32 = 5;
/// The longest time in which nothing is tried after failures.
const LONGEST_REST: Duration = Duration::from_secs(300);

/// What the worker keeps in mind of a tenant.
struct Mind {
    failures: u32,
    /// Until then nothing is tried.
    rests: Option<Instant>,
    named: Instant,
    /// It has come to the end of what there is.
    current: bool,
}

impl Default for Mind {
    fn default() -> Self {
        Self { failures: 0, rests: None, named: Instant::now(), current: false }
    }
}

impl Mind {
    /// Notes a failure; whether the file is to be thrown away. A disk that is full, or a
    /// database that is away, is not asked without a pause.
    fn failed(&mut self, of_the_file: bool, now: Instant) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.rests = now.checked_add(rest(self.failures));
        of_the_file && self.failures.is_multiple_of(PATIENCE)
    }

    fn went_on(&mut self) {
        (self.failures, self.rests) = (0, None);
    }
}

/// How long nothing is tried after so many failures in a row: twice as long each time.
fn rest(failures: u32) -> Duration {
    let seconds = 2_u64.saturating_pow(failures.min(16));
    Duration::from_secs(seconds).min(LONGEST_REST)
}

/// Whether a mirror that was compared then is to be compared again. One that was compared in
/// what the clock calls the future is, too.
fn is_due(last: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    last.is_none_or(|last| now - last >= CHECK_EVERY || last > now)
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
    let worker = Worker::new(mirrors.clone(), db, stop.clone());
    tokio::join!(worker.follow(&committed), ended);
}

struct Worker {
    mirrors: Mirrors,
    db: Db,
    stop: CancellationToken,
    minds: HashMap<Uuid, Mind>,
    active: Vec<Uuid>,
    /// Tenants whose turn comes, and whose step is being done.
    waiting: VecDeque<Uuid>,
    steps: JoinSet<(Uuid, Mind, bool)>,
    stepping: BTreeSet<Uuid>,
    /// Mirrors that are being compared, and when those may be again that could not be.
    checks: JoinSet<(Uuid, bool)>,
    checking: BTreeSet<Uuid>,
    check_after: HashMap<Uuid, Instant>,
    /// Commands wait for each other.
    commands: JoinSet<Uuid>,
    commanded: Vec<Uuid>,
    turn: Arc<Semaphore>,
}

impl Worker {
    fn new(mirrors: Mirrors, db: Db, stop: CancellationToken) -> Self {
        Self {
            mirrors,
            db,
            stop,
            minds: HashMap::new(),
            active: Vec::new(),
            waiting: VecDeque::new(),
            steps: JoinSet::new(),
            stepping: BTreeSet::new(),
            checks: JoinSet::new(),
            checking: BTreeSet::new(),
            check_after: HashMap::new(),
            commands: JoinSet::new(),
            commanded: Vec::new(),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    async fn follow(mut self, committed: &Committed) {
        let mut following = Following::new(committed, POLL);
        while !self.stop.is_cancelled() {
            if following.is_due() {
                match tenancy::active_ids(&self.db).await {
                    Ok(tenants) => {
                        self.active = tenants;
                        self.sweep().await;
                        self.take_commands();
                        self.minds.retain(|tenant, _| self.active.contains(tenant));
                        following.extend(self.active.iter().copied());
                    }
                    Err(error) => tracing::warn!(%error, "the mirrors cannot list tenants"),
                }
            }
            for tenant in following.take() {
                if !self.waiting.contains(&tenant) {
                    self.waiting.push_back(tenant);
                }
            }
            self.begin_steps();
            self.begin_checks();
            let stop = self.stop.clone();
            tokio::select! {
                came = following.wait(&stop) => if came {
                    tokio::select! {
                        () = stop.cancelled() => break,
                        () = tokio::time::sleep(GATHER) => {}
                    }
                },
                Some(done) = self.steps.join_next() => self.stepped(done),
                Some(done) = self.checks.join_next() => self.checked(done),
                Some(done) = self.commands.join_next() => self.obeyed(done),
            }
        }
        // What is being written is written to its end; what is only read is left.
        self.checks.shutdown().await;
        while self.commands.join_next().await.is_some() {}
        while self.steps.join_next().await.is_some() {}
        self.mirrors.close_all().await;
    }

    /// One step of those whose turn it is, unless they rest.
    fn begin_steps(&mut self) {
        for _ in 0..self.waiting.len() {
            let Some(tenant) = self.waiting.pop_front() else { return };
            if !self.active.contains(&tenant) {
                continue;
            }
            if self.steps.len() >= STEPS || self.stepping.contains(&tenant) {
                self.waiting.push_back(tenant);
                continue;
            }
            let mut mind = self.minds.remove(&tenant).unwrap_or_default();
            if mind.rests.is_some_and(|until| Instant::now() < until) {
                self.minds.insert(tenant, mind);
                continue;
            }
            self.stepping.insert(tenant);
            let (mirrors, db) = (self.mirrors.clone(), self.db.clone());
            self.steps.spawn(async move {
                let done = AssertUnwindSafe(step(&mirrors, &db, tenant, &mut mind)).catch_unwind().await;
                let more = done.unwrap_or_else(|_| {
                    tracing::error!(%tenant, "a step of a mirror panicked");
                    mind.failed(false, Instant::now());
                    false
                });
                (tenant, mind, more)
            });
        }
    }

    fn stepped(&mut self, done: Result<(Uuid, Mind, bool), JoinError>) {
        // Nothing aborts a step, and a panic within it is caught.
        let Ok((tenant, mind, more)) = done else { return };
        self.stepping.remove(&tenant);
        self.minds.insert(tenant, mind);
        if more && !self.waiting.contains(&tenant) {
            self.waiting.push_back(tenant);
        }
    }

    /// Compares those that are due, the one compared longest ago first.
    fn begin_checks(&mut self) {
        if self.checks.len() >= CHECKS {
            return;
        }
        let now = Utc::now();
        let mut due: Vec<(Option<DateTime<Utc>>, Uuid)> = Vec::new();
        for (tenant, _) in self.minds.iter().filter(|(_, mind)| mind.current) {
            let later = self.check_after.get(tenant).is_some_and(|at| Instant::now() < *at);
            let last = self.mirrors.last_check(*tenant).map(|checked| checked.at);
            if !later && !self.checking.contains(tenant) && is_due(last, now) {
                due.push((last, *tenant));
            }
        }
        due.sort_unstable();
        let room = CHECKS.saturating_sub(self.checks.len());
        for (_, tenant) in due.into_iter().take(room) {
            self.checking.insert(tenant);
            let (mirrors, db) = (self.mirrors.clone(), self.db.clone());
            self.checks.spawn(async move {
                let checked = AssertUnwindSafe(compare(&mirrors, &db, tenant)).catch_unwind().await;
                (tenant, checked.unwrap_or(false))
            });
        }
    }

    fn checked(&mut self, done: Result<(Uuid, bool), JoinError>) {
        // None is aborted before the end, and a panic within is caught.
        let Ok((tenant, compared)) = done else { return };
        self.checking.remove(&tenant);
        match compared {
            true => self.check_after.remove(&tenant),
            false => self.check_after.insert(tenant, Instant::now() + CHECK_AGAIN),
        };
    }

    /// Begins what commands wait for.
    fn take_commands(&mut self) {
        for asked in requests::take(&self.mirrors) {
            self.commanded.extend(asked.tenant());
            let (mirrors, db, active) = (self.mirrors.clone(), self.db.clone(), self.active.clone());
            let (stop, turn) = (self.stop.clone(), Arc::clone(&self.turn));
            self.commands.spawn(async move {
                let _turn = turn.acquire().await;
                asked.serve(&mirrors, &db, &active, &stop).await;
                asked.tenant().unwrap_or_default()
            });
        }
    }

    fn obeyed(&mut self, done: Result<Uuid, JoinError>) {
        match done {
            Ok(tenant) => {
                if let Some(at) = self.commanded.iter().position(|one| *one == tenant) {
                    self.commanded.swap_remove(at);
                }
            }
            Err(error) => {
                tracing::error!(%error, "a command about a mirror panicked");
                if self.commands.is_empty() {
                    self.commanded.clear();
                }
            }
        }
    }

    /// Removes the files of everybody else, when nobody works on them any more: what is
    /// begun is ended first, so that it makes no file anew.
    async fn sweep(&self) {
        let Ok(settings) = self.mirrors.settings() else { return };
        let here = match settings.tenants() {
            Ok(here) => here,
            Err(error) => {
                tracing::warn!(%error, "the folder of mirrors cannot be read");
                return;
            }
        };
        let busy = |tenant: &Uuid| {
            self.stepping.contains(tenant)
                || self.checking.contains(tenant)
                || self.commanded.contains(tenant)
        };
        for tenant in here.into_iter().filter(|tenant| !self.active.contains(tenant)) {
            if busy(&tenant) {
                continue;
            }
            match self.mirrors.forget(tenant).await {
                Ok(()) => tracing::info!(%tenant, "the mirror of a tenant that is not active is removed"),
                Err(error) => tracing::error!(%tenant, %error, "a mirror cannot be removed"),
            }
        }
    }
}

/// One step of a tenant; whether there may be more to do.
async fn step(mirrors: &Mirrors, db: &Db, tenant: Uuid, mind: &mut Mind) -> bool {
    mind.current = false;
    match mirrors.step(db, tenant, Utc::now()).await {
        Ok(0) => mind.went_on(),
        Ok(_) => {
            mind.went_on();
            return true;
        }
        // Said when it was found; the others go on.
        Err(error) if error.is_aside() => {
            mind.went_on();
            return false;
        }
        Err(error) => {
            let of_the_file = !matches!(error, MirrorError::Db(_) | MirrorError::Worn) && !error.is_full();
            let throw = mind.failed(of_the_file, Instant::now());
            tracing::warn!(%tenant, %error, failures = mind.failures, "the mirror will try again");
            if throw {
                tracing::warn!(%tenant, "the mirror is thrown away and built anew");
                mirrors.damaged(tenant);
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
    mind.current = true;
    false
}

/// Compares a mirror, which is built anew where it differs; whether it could be compared.
async fn compare(mirrors: &Mirrors, db: &Db, tenant: Uuid) -> bool {
    match check::check(mirrors, db, tenant, Utc::now()).await {
        Ok(report) => {
            if let Some(first) = report.differences.first() {
                let count = report.differences.len();
                tracing::error!(%tenant, count, %first, "the mirror differs from Postgres; it is built anew");
                mirrors.damaged(tenant);
            } else {
                tracing::info!(%tenant, batch = report.batch, events = report.events, "the mirror equals Postgres");
            }
            true
        }
        Err(error) => {
            tracing::warn!(%tenant, %error, "the mirror could not be compared");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_due_by_the_clock_whenever_the_process_began() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let now = at("2025-01-20T12:00:00Z");
        assert!(is_due(None, now));
        assert!(!is_due(Some(at("2025-01-19T12:00:01Z")), now));
        assert!(is_due(Some(at("2025-01-19T12:00:00Z")), now));
        assert!(is_due(Some(at("2025-01-21T12:00:00Z")), now), "a clock that was wrong puts it off for ever");
    }

    #[test]
    fn what_fails_is_tried_less_and_less_and_thrown_away_at_times() {
        let (mut mind, now) = (Mind::default(), Instant::now());
        let thrown: Vec<bool> = (0..10).map(|_| mind.failed(true, now)).collect();
        assert_eq!(thrown.iter().filter(|thrown| **thrown).count(), 2);
        assert!(thrown[4] && thrown[9]);
        assert_eq!(mind.rests, Some(now + LONGEST_REST));
        assert_eq!([rest(1), rest(3), rest(99)].map(|rest| rest.as_secs()), [2, 8, 300]);
        mind.went_on();
        assert!(mind.rests.is_none());
        assert!(!(0..10).any(|_| mind.failed(false, now)), "the file is not at fault");
    }

    #[test]
    fn what_comes_is_looked_at_well_within_ten_seconds() {
        // A look at everybody, what is gathered, and a step of the largest size before it.
        assert!(POLL + GATHER < Duration::from_secs(10) / 4);
    }
}
