//! The import itself: judge everything, then send what is not there yet.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use platform::audit::{self, Entry};
use platform::ctx::Cx;
use platform::db::DbError;
use platform::plans;
use platform::tenancy::{self, At, Watch};
use proto::chain::Hash;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;
use uid::TenantCode;
use uuid::Uuid;

use super::changed::Changes;
use super::judged::{Judged, judge_all};
use super::order::Place;
use super::read::{Form, Next, Rows};
use super::row::{Ground, Leased, judge};
use super::seal::{EPOCH, Sealer, line_of};
use super::{Mistake, settle, store};
use crate::ingest::store::{Stream, cursor};
use crate::ingest::{Batch, Ingest, IngestError, Outcome, Source, Way};
use crate::leases;

/// Most mistakes that a report holds; the file beside has all of them.
pub const MOST_MISTAKES: usize = 1000;
/// Bytes that are read at once.
pub(super) const BUFFER: usize = 1024 * 1024;
/// The same where rows are read in their order: in a file that is not written in it, the next one
/// may be anywhere.
const PIECE: usize = 16 * 1024;
/// Most changes of masters that are looked through for what they come to.
const MOST_CHANGES: i64 = 1000;
/// Rows between two looks whether to stop.
pub(super) const ROWS: u64 = 4096;

/// What is to be imported.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Into which tenant.
    pub tenant: Uuid,
    /// Its code.
    pub code: TenantCode,
    /// The file.
    pub file: PathBuf,
    /// How it is written.
    pub form: Form,
    /// Judge everything, keep nothing.
    pub dry_run: bool,
    /// Import the rows that are right although others are not.
    pub skip_bad: bool,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All rows that are right are in.
    Done,
    /// Nothing was to be kept.
    DryRun,
    /// Nothing was imported, since some rows are wrong.
    Refused,
    /// It was told to stop; the same command goes on from there.
    Stopped,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Report {
    /// How it ended.
    pub end: End,
    /// Rows of the file.
    pub rows: u64,
    /// Rows that are wrong.
    pub bad: u64,
    /// The first mistakes of the file, at most [`MOST_MISTAKES`].
    pub mistakes: Vec<Mistake>,
    /// How many there are.
    pub all_mistakes: u64,
    /// The file that holds all of them.
    pub errors: Option<PathBuf>,
    /// What rows name that the masters lack, each name once, at most [`MOST_MISTAKES`]: imported
    /// all the same.
    pub hints: Vec<Mistake>,
    /// Events that were there already.
    pub before: u64,
    /// Events that were imported now.
    pub imported: u64,
    /// Exceptions that its events have opened, and that nobody has resolved.
    pub exceptions: i64,
    /// Batches that stand before all that follows from its events is worked out: until then
    /// `exceptions` are those so far.
    pub behind: i64,
    /// The import's agent, once there is one.
    pub agent: Option<Uuid>,
}

/// Why an import did not come to an end.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file, or the one beside it.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        error: io::Error,
    },
    /// The stream of this import is not as this file would make it.
    #[error("what was imported of this file before is not what it says now; was it changed meanwhile?")]
    Parted,
    /// Rows that were wrong when this file was imported, and are right now.
    #[error(
        "{0} rows of this file were left out when it was imported, and are right now; what came after them \
         is in already, so put them into a file of their own"
    )]
    LeftOut(u64),
    /// As [`Self::Parted`], and masters were changed by which units are judged.
    #[error(
        "what was imported of this file before is not what it says by the masters of today, of which these \
         changed since its import began: {0}. Make them say again what the file says, run the same command \
         until all is in, and change them after that"
    )]
    PartedByMasters(Changes),
    /// As [`Self::LeftOut`], and masters were changed by which units are judged.
    #[error(
        "{0} rows of this file were left out when it was imported, and are right now; these masters changed \
         since its import began: {1}. What came after those rows is in already, so put them into a file of \
         their own; and if not all of this one is in yet, take out of it what is in, and import the rest"
    )]
    LeftOutByMasters(u64, Changes),
    /// An agent was given numbers of the file while it was checked.
    #[error("an agent was given numbers meanwhile that the file names; run it again to see which")]
    Meanwhile,
    /// The plan's events of this month are used up.
    #[error(transparent)]
    Plan(#[from] plans::Denied),
    /// A batch could not be sent.
    #[error("sending a batch: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// The ingest.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for ImportError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Imports a file, or goes on with it where it was stopped or killed. Every row is judged
/// before the first one is kept.
///
/// # Errors
/// [`ImportError`]; what was committed before stays, and the same call goes on after it.
pub async fn run(
    ingest: &Ingest,
    wish: &Wish,
    now: DateTime<Utc>,
    watch: &mut Watch<'_>,
) -> Result<Report, ImportError> {
    let cx = Cx::system(wish.tenant);
    let _ = watch(&At::Step("reading the file"));
    let name = format!("import:{}", hash_of(&wish.file)?);
    let (ground, stands) = ingest.db().tx(&cx, async |tx| ground(tx, wish, &name, now).await).await?;
    let _ = watch(&At::Step("checking every row"));
    let mut judged = match judge_all(wish, &ground, &stands, watch) {
        Err(error @ (ImportError::Parted | ImportError::LeftOut(_))) => {
            return Err(explained(ingest, &cx, error, ground.now).await?);
        }
        judged => judged?,
    };
    let mut report = judged.report();
    if report.end == End::Stopped {
        return Ok(report);
    }
    if wish.dry_run || (report.bad > 0 && !wish.skip_bad) || report.rows == report.bad {
        report.end = match (wish.dry_run, report.bad) {
            (true, _) => End::DryRun,
            (false, 0) => End::Done,
            (false, _) => End::Refused,
        };
        return Ok(report);
    }
    if stands.through_seq == 0 {
        // One that has begun comes to its end.
        plans::admit_events(ingest.db(), wish.tenant, now).await?;
    }
    let (agent, resume) =
        ingest.db().tx(&cx, async |tx| begin(tx, wish, &name, &ground, &judged, now).await).await?;
    report.before = resume.through_seq;
    let _ = watch(&At::Step("importing"));
    let sent = send(ingest, wish, &ground, (agent, &resume), &judged.order, watch).await?;
    report.imported = sent.through_seq - resume.through_seq;
    report.end = if sent.stopped { End::Stopped } else { End::Done };
    report.agent = Some(agent.agent_id);
    settle::look(ingest.db(), wish.tenant, &mut report).await?;
    let _ = watch(&At::Table { table: "events".into(), rows: report.imported });
    Ok(report)
}

/// Says which masters changed since the import began, where some did.
async fn explained(
    ingest: &Ingest,
    cx: &Cx,
    error: ImportError,
    began: DateTime<Utc>,
) -> Result<ImportError, ImportError> {
    let changed = ingest
        .db()
        .tx(cx, async |tx| Ok::<_, DbError>(store::masters_changed(tx, began, MOST_CHANGES).await?))
        .await?;
    let changed = Changes::of(changed);
    Ok(match error {
        error if changed.is_empty() => error,
        ImportError::Parted => ImportError::PartedByMasters(changed),
        ImportError::LeftOut(rows) => ImportError::LeftOutByMasters(rows, changed),
        error => error,
    })
}

pub(super) fn of_file(path: &Path) -> impl FnOnce(io::Error) -> ImportError + '_ {
    move |error| ImportError::File { path: path.to_owned(), error }
}

/// SHA-256 of a file, as hex.
fn hash_of(path: &Path) -> Result<String, ImportError> {
    let mut file = File::open(path).map_err(of_file(path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = file.read(&mut buffer).map_err(of_file(path))?;
        if read == 0 {
            break;
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What rows are judged by, and how far this file is in. An import that has begun is
/// judged by the time at which it did, and its own numbers were taken from the agents then.
async fn ground(
    tx: &mut platform::db::Tx,
    wish: &Wish,
    name: &str,
    now: DateTime<Utc>,
) -> Result<(Ground, Resume), ImportError> {
    let plants = tenancy::plant_codes(tx).await?.into_iter().collect();
    let leased = leased(tx).await?;
    let masters = store::masters(tx).await?;
    let (began, stands) = match store::agent_find(tx, name).await? {
        Some(agent) => (agent.began, stands(tx, wish.tenant, agent.agent_id).await?),
        None => (now, Resume::default()),
    };
    Ok((Ground { tenant: wish.code, plants, leased, masters, now: began }, stands))
}

/// How far the stream of an import has come. Its cursor is locked until the commit.
async fn stands(tx: &mut platform::db::Tx, tenant: Uuid, agent_id: Uuid) -> Result<Resume, ImportError> {
    let stream = Stream { tenant, agent_id, epoch: EPOCH };
    let genesis = proto::chain::genesis(agent_id.as_bytes(), EPOCH.unsigned_abs());
    let cursor = cursor::lock(tx, stream, genesis).await?;
    let line = match cursor.through_seq {
        0 => 0,
        seq => {
            let payload = store::payload(tx, stream, seq).await?;
            payload.and_then(|payload| line_of(&payload)).ok_or(ImportError::Parted)?
        }
    };
    Ok(Resume { through_seq: cursor.through_seq.unsigned_abs(), head: cursor.chain_hash, line })
}

/// The numbers that agents may still mint.
async fn leased(tx: &mut platform::db::Tx) -> Result<BTreeMap<(String, String), Vec<Leased>>, ImportError> {
    let mut leased: BTreeMap<(String, String), Vec<Leased>> = BTreeMap::new();
    for row in store::leases(tx).await? {
        leased.entry((row.plant_code, row.type_code)).or_default().push(Leased {
            first: row.first.unsigned_abs(),
            last: row.last.unsigned_abs(),
            agent: row.agent,
        });
    }
    Ok(leased)
}

/// The rows of the file, read in pieces of so many bytes.
pub(super) fn rows_of(wish: &Wish, buffer: usize) -> Result<Rows<BufReader<File>>, ImportError> {
    let file = File::open(&wish.file).map_err(of_file(&wish.file))?;
    Rows::new(wish.form, BufReader::with_capacity(buffer, file)).map_err(of_file(&wish.file))
}

/// Where an import goes on.
#[derive(Default)]
pub(super) struct Resume {
    /// Events that are committed.
    pub(super) through_seq: u64,
    /// The hash of the last of them.
    head: Option<Hash>,
    /// The line on which it stands; 0 before the first.
    pub(super) line: u64,
}

/// Makes the agent, or finds where it stopped; raises the floors past every number that
/// the file names, so that no agent is ever given one of them.
async fn begin(
    tx: &mut platform::db::Tx,
    wish: &Wish,
    name: &str,
    ground: &Ground,
    judged: &Judged,
    now: DateTime<Utc>,
) -> Result<(store::AgentRow, Resume), ImportError> {
    let made = store::agent_insert(tx, name, now).await?;
    let agent = store::agent_find(tx, name).await?.ok_or(IngestError::UnknownAgent)?;
    if made {
        let entry = Entry {
            action: "events.import",
            subject: &format!("agent:{}", agent.agent_id),
            before: None,
            after: Some(json!({ "file": name, "rows": judged.rows, "skipped": judged.bad })),
        };
        audit::record(tx, entry).await?;
    }
    let stands = stands(tx, wish.tenant, agent.agent_id).await?;
    // Floors are locked last, as wherever numbers are given.
    let highest: Vec<(&str, &str, u64)> = judged
        .highest
        .iter()
        .map(|((plant, kind), number)| (plant.as_str(), kind.as_str(), *number))
        .collect();
    leases::floors_raise(tx, &highest).await?;
    let given = leased(tx).await?;
    let new = given.iter().flat_map(|(of, ranges)| ranges.iter().map(move |range| (of, range))).any(
        |(of, range)| {
            let known = ground.leased.get(of).is_some_and(|ranges| ranges.contains(range));
            !known && judged.highest.get(of).is_some_and(|highest| range.first <= *highest)
        },
    );
    if new {
        return Err(ImportError::Meanwhile);
    }
    Ok((agent, stands))
}

/// How far it came.
struct Sent {
    through_seq: u64,
    stopped: bool,
}

/// Sends the rows after the place at which the stream stands, in the order in which they count.
/// While one batch is committed, the next is made.
async fn send(
    ingest: &Ingest,
    wish: &Wish,
    ground: &Ground,
    (agent, resume): (store::AgentRow, &Resume),
    order: &[Place],
    watch: &mut Watch<'_>,
) -> Result<Sent, ImportError> {
    let source = Source { tenant: wish.tenant, agent_id: agent.agent_id, plant: None };
    let mut sealer = Sealer::new(agent.agent_id, agent.began, resume.through_seq, resume.head);
    let mut rows = rows_of(wish, PIECE)?;
    let mut batch = Filling::after(resume.through_seq);
    let mut on_its_way: Option<JoinHandle<Result<Outcome, IngestError>>> = None;
    let mut stopped = false;
    // Another process may have gone on with the same file meanwhile.
    let (sent, open) = usize::try_from(resume.through_seq)
        .ok()
        .and_then(|sent| order.split_at_checked(sent))
        .ok_or(ImportError::Parted)?;
    if sent.last().map_or(0, |last| last.line) != resume.line {
        return Err(ImportError::Parted);
    }
    let mut read = 0;
    for place in open {
        rows.go_to(place.offset, place.line).map_err(of_file(&wish.file))?;
        // It was right when it was judged.
        let Next::Row(raw) = rows.next_row().map_err(of_file(&wish.file))? else {
            return Err(ImportError::Parted);
        };
        let event = judge(&raw, ground).map_err(|_| ImportError::Parted)?;
        read += rows.place().1;
        let bytes = sealer.seal(event, raw.line);
        if !batch.fits(&bytes) {
            arrived(&mut on_its_way).await?;
            on_its_way = Some(dispatch(ingest, &source, batch.take()));
            let at = At::Bytes { table: "imported".into(), bytes: read };
            if watch(&at) == ControlFlow::Break(()) {
                stopped = true;
                break;
            }
        }
        batch.add(bytes);
    }
    arrived(&mut on_its_way).await?;
    if !stopped && !batch.events.is_empty() {
        on_its_way = Some(dispatch(ingest, &source, batch.take()));
        arrived(&mut on_its_way).await?;
    }
    Ok(Sent { through_seq: batch.from_seq - 1, stopped })
}

/// A batch that is being filled.
struct Filling {
    from_seq: u64,
    events: Vec<Bytes>,
    bytes: usize,
}

impl Filling {
    fn after(through_seq: u64) -> Self {
        Self { from_seq: through_seq + 1, events: Vec::new(), bytes: 0 }
    }

    fn fits(&self, bytes: &Bytes) -> bool {
        self.events.len() < proto::MAX_BATCH_EVENTS && self.bytes + bytes.len() <= proto::MAX_BATCH_BYTES
    }

    fn add(&mut self, bytes: Bytes) {
        self.bytes += bytes.len();
        self.events.push(bytes);
    }

    /// What is in it; the next begins after that.
    fn take(&mut self) -> Batch {
        let events = std::mem::take(&mut self.events);
        let from_seq = self.from_seq;
        *self = Self::after(from_seq + events.len() as u64 - 1);
        Batch {
            epoch: EPOCH.unsigned_abs(),
            from_seq,
            events,
            notes: Vec::new(),
            oldest_seq: 1,
            way: Way::Current,
        }
    }
}

/// A commit must not be dropped half-way: it runs in a task of its own.
fn dispatch(ingest: &Ingest, source: &Source, batch: Batch) -> JoinHandle<Result<Outcome, IngestError>> {
    let (ingest, source) = (ingest.clone(), source.clone());
    tokio::spawn(async move { ingest.commit_batch(&source, batch).await })
}

async fn arrived(
    on_its_way: &mut Option<JoinHandle<Result<Outcome, IngestError>>>,
) -> Result<(), ImportError> {
    match on_its_way.take() {
        None => Ok(()),
        Some(sent) => match sent.await?? {
            Outcome::Committed { .. } => Ok(()),
            Outcome::Gap { .. } | Outcome::Rewind { .. } | Outcome::Moved(_) | Outcome::Parted { .. } => {
                Err(ImportError::Parted)
            }
        },
    }
}
