//! The task that owns the journal: takes what waits, decides it as one group,
//! makes it durable, writes the mark, and only then answers.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot, watch};
use uid::TypeCode;

use super::clock::{ClockJump, JumpWatch};
use super::command::{Command, Control, Fact, Waiter};
use super::counters::Counters;
use super::decide::Context;
use super::expire::Expiry;
use super::facts::Held;
use super::machines::Machines;
use super::prints::PrintJob;
use super::rules::Rules;
use super::settings::EngineSettings;
use super::speak::Speaker;
use super::status::{StationView, Status};
use crate::config::PlantFile;
use crate::inputs::IntakeError;
use crate::journal::{Acked, Head, Journal, JournalError, Loaded, OlderEpoch, Reader, Rebuilt, WalReport};
use crate::mint::{Mark, MarkFile, Mint};
use crate::reference::Reference;
use crate::station::types::Session;

/// Work that is due when nothing is asked: acknowledgements, pruning, measuring.
pub(super) const TICK: Duration = Duration::from_secs(1);

/// What is true in memory because it is true on disk.
pub(super) struct State {
    pub settings: EngineSettings,
    pub plant: Arc<PlantFile>,
    pub rules: Arc<dyn Rules>,
    pub speaker: Arc<dyn Speaker>,
    pub reference: Arc<ArcSwap<Reference>>,
    pub machines: Machines,
    pub sessions: HashMap<String, Session>,
    pub counters: HashMap<String, Counters>,
    pub mint: Mint,
    /// Journal behind its mark: why.
    pub behind: Option<String>,
    /// Why the mark could not be written, while it cannot.
    pub mark_error: Option<String>,
    pub acked: HashMap<u32, Acked>,
    /// Earlier epochs of which events are on disk.
    pub older: Vec<OlderEpoch>,
    /// Generation of the cloud's data that the reference data is of.
    pub generation: u64,
    /// The cloud's time bears the clock out since its last jump.
    pub clock_confirmed: bool,
    pub unknown: BTreeSet<i64>,
    pub open_prints: Arc<Vec<PrintJob>>,
    pub quarantined: u64,
    pub reference_unread: u64,
    /// Types of the items that are tracked, as in `reference`.
    pub item_kinds: Vec<TypeCode>,
    /// A damaged WAL that was found at the start.
    pub wal: Option<WalReport>,
    /// What came of a database that had to be rebuilt.
    pub rebuilt: Option<Rebuilt>,
    pub clock_jump: Option<ClockJump>,
    pub failed: Option<String>,
    pub recorded: u64,
    pub groups: u64,
    pub repeats: u64,
    pub failures: u64,
}

impl State {
    pub fn context<'a>(&'a self, reference: &'a Reference) -> Context<'a> {
        Context {
            agent_id: self.settings.agent_id,
            plant: &self.plant,
            reference,
            rules: self.rules.as_ref(),
            speaker: self.speaker.as_ref(),
            machines: &self.machines,
            sessions: &self.sessions,
            counters: &self.counters,
            now: (self.settings.now)(),
        }
    }

    /// Puts reference data in force.
    pub fn refer(&mut self, reference: Reference) {
        let items = reference.items.values().filter(|i| i.tracking != "none");
        let codes: BTreeSet<&str> = items.map(|i| i.type_code.as_str()).collect();
        self.item_kinds = codes.into_iter().filter_map(|code| code.parse().ok()).collect();
        self.reference.store(Arc::new(reference));
    }

    /// Stops or allows minting by what stands against it.
    pub fn judge_minting(&mut self) {
        self.mint.set_blocked(self.behind.clone().or_else(|| self.mark_error.clone()));
    }
}

/// The task's own.
pub(super) struct Writer {
    pub journal: Journal,
    pub reader: Reader,
    pub state: State,
    pub mark: Option<MarkFile>,
    pub commands: mpsc::Receiver<Command>,
    pub prints: mpsc::Sender<PrintJob>,
    pub head: watch::Sender<Head>,
    pub status: watch::Sender<Arc<Status>>,
    pub stations: HashMap<String, watch::Sender<Arc<StationView>>>,
    pub jumps: JumpWatch,
    pub ticked: Instant,
    pub acks_dirty: bool,
    /// Generation that the last welcome told.
    pub told_generation: u64,
    /// Who waits for an epoch that begins when events are recorded again.
    pub turning: Vec<super::command::Done<()>>,
    /// What is done after that.
    pub after_turn: Vec<Control>,
    /// When the next chunk is due.
    pub again_at: Instant,
    /// What may be shown and printed once the mark is written.
    pub held: Vec<Held>,
    pub expiry: Expiry,
    pub prune_due: bool,
    pub pruned: Instant,
    /// Chunks of one version's reference data that came so far.
    pub staged: Option<super::control::Staged>,
}

impl Writer {
    /// Works until it is told to stop or every handle is gone.
    pub async fn run(mut self) {
        let mut waiting = Vec::with_capacity(self.state.settings.group);
        let mut stopped = Vec::new();
        loop {
            // Events are recorded again between the groups, not instead of them.
            let again = self.journal.again().is_some() && Instant::now() >= self.again_at;
            let idle = if again { Duration::ZERO } else { TICK };
            let more = self.commands.recv_many(&mut waiting, self.state.settings.group);
            match tokio::time::timeout(idle, more).await {
                Ok(0) => break,
                Ok(_) => self.batch(&mut waiting, &mut stopped).await,
                Err(_) => {}
            }
            if again {
                self.again().await;
            }
            if self.ticked.elapsed() >= TICK {
                self.tick().await;
            }
        }
        self.close().await;
        for done in stopped {
            // Whoever asked for the stop may not wait for it.
            let _: Result<(), ()> = done.send(());
        }
    }

    async fn batch(&mut self, waiting: &mut Vec<Command>, stopped: &mut Vec<oneshot::Sender<()>>) {
        let mut facts: Vec<(Fact, Waiter)> = Vec::new();
        for command in waiting.drain(..) {
            match command {
                Command::Fact(fact, waiter) => facts.push((fact, waiter)),
                Command::Control(control) => {
                    self.facts(std::mem::take(&mut facts)).await;
                    self.control(control).await;
                }
                Command::Stop(done) => {
                    // What is queued is still done; nothing more gets in.
                    self.commands.close();
                    stopped.push(done);
                }
            }
        }
        self.facts(facts).await;
    }

    /// Writes the mark for the journal's head. Until that succeeds again nothing
    /// is minted.
    pub async fn write_mark(&mut self) -> bool {
        if self.state.behind.is_some() {
            // The mark shows how far the true stream had come; it stays.
            return true;
        }
        let Some(mut file) = self.mark.take() else { return false };
        let head = self.journal.head();
        let levels = self.state.mint.levels();
        let mark = Mark {
            agent_id: self.state.settings.agent_id,
            machine_id: self.state.settings.machine_id.clone(),
            epoch: head.epoch,
            seq: head.seq,
            hash: head.hash,
            highest: levels.iter().map(|l| (l.kind.to_string(), l.highest_used)).collect(),
        };
        #[cfg(test)]
        let broken = self.state.settings.broken_mark.load(std::sync::atomic::Ordering::SeqCst);
        #[cfg(not(test))]
        let broken = false;
        let written = tokio::task::spawn_blocking(move || {
            let result =
                if broken { Err(std::io::Error::other("broken by a test")) } else { file.write(&mark) };
            (file, result)
        })
        .await;
        let error = match written {
            Ok((file, result)) => {
                self.mark = Some(file);
                result.err().map(|e| e.to_string())
            }
            Err(error) => {
                let path = self.state.settings.mark_path();
                self.mark = MarkFile::open(&path).map(|(file, _)| file).ok();
                Some(error.to_string())
            }
        };
        match &error {
            Some(error) => tracing::error!(%error, "the mark cannot be written; nothing is minted"),
            None if self.state.mark_error.is_some() => tracing::info!("the mark is written again"),
            None => {}
        }
        self.state.mark_error = error.map(|e| format!("the mark cannot be written: {e}"));
        self.state.judge_minting();
        let written = self.state.mark_error.is_none();
        if written {
            self.release();
        }
        written
    }

    /// After a commit whose outcome the disk left open: sees what is there. A
    /// database that SQLite cannot follow is built anew, where there is room for
    /// that; the plant goes on with what can be followed where there is none.
    pub async fn recover(&mut self, error: &JournalError) {
        tracing::error!(%error, "the journal could not be written; opening it again");
        let rebuild = error.is_corrupt() && self.journal.can_rebuild();
        let recovered = if rebuild { self.rebuild().await } else { self.journal.recover().await };
        match recovered {
            Ok(loaded) => {
                super::start::restore(&mut self.state, self.journal.head(), &loaded);
                self.state.failed = None;
                // The commit may have reached the disk all the same.
                self.write_mark().await;
                self.head.send_replace(self.journal.head());
            }
            Err(error) => {
                tracing::error!(%error, "the journal cannot be opened again");
                self.state.failed = Some(error.to_string());
            }
        }
    }

    /// Builds the database anew from what is left of it, and holds it against its
    /// mark like at a start.
    async fn rebuild(&mut self) -> Result<Loaded, JournalError> {
        self.reader.close().await;
        let restored = self.journal.restore().await;
        self.reader.reopen().await?;
        let loaded = restored?;
        super::start::restore(&mut self.state, self.journal.head(), &loaded);
        let Some(mark) = self.mark.as_ref() else { return Ok(loaded) };
        let read = mark.read().map_err(|source| JournalError::Io { what: "reading the mark", source })?;
        super::start::judge(&mut self.journal, &mut self.state, &loaded, false, &read).await?;
        super::relabel::relabel(&mut self.journal, &mut self.state, &read).await?;
        Ok(loaded)
    }

    /// What is due from time to time.
    async fn tick(&mut self) {
        self.ticked = Instant::now();
        if let Some(jump) = self.jumps.look(Instant::now(), (self.state.settings.now)()) {
            tracing::warn!(by_s = jump.by_s, "the clock jumped; order in the journal is unaffected");
            self.state.clock_jump = Some(jump);
            self.state.clock_confirmed = false;
        }
        if let Some(error) = self.state.failed.clone() {
            self.recover(&JournalError::Damaged { what: "state", detail: error }).await;
        }
        if self.state.mark_error.is_some() {
            self.write_mark().await;
        }
        if let Err(error) = self.maintain().await {
            // What upkeep cannot do stops nobody: there is room for some time.
            tracing::error!(%error, "upkeep of the journal failed; it is tried again later");
            self.prune_due = false;
            self.pruned = Instant::now();
        }
        self.publish();
    }

    /// Writes down what the cloud has.
    pub async fn write_acks(&mut self) -> Result<(), JournalError> {
        if self.acks_dirty {
            for acked in self.state.acked.values() {
                self.journal.acknowledge(*acked).await?;
            }
            self.acks_dirty = false;
        }
        Ok(())
    }

    async fn maintain(&mut self) -> Result<(), JournalError> {
        self.write_acks().await?;
        if self.prune_due || self.pruned.elapsed() >= self.state.settings.prune_every {
            let days = self.state.plant.disk.keep_acked_days;
            let (now, confirmed) = ((self.state.settings.now)(), self.state.clock_confirmed);
            let policy = self.state.settings.prune_policy(now, confirmed, days);
            // One chunk a tick leaves the writer to the scans.
            self.prune_due = self.journal.prune(policy).await?;
            self.state.older = self.journal.older().await?;
            self.pruned = Instant::now();
        }
        self.expire().await?;
        self.journal.measure().await
    }

    /// In order: what was taken is committed already; the WAL goes into the
    /// database; what still comes is told that the agent stops.
    async fn close(mut self) {
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Fact(_, waiter) = command {
                waiter.refuse(IntakeError::Stopping);
            }
        }
        if let Err(error) = self.maintain().await {
            tracing::warn!(%error, "last upkeep of the journal failed");
        }
        self.reader.close().await;
        if let Err(error) = self.journal.close().await {
            tracing::warn!(%error, "the journal was not closed in order; it is safe all the same");
        }
    }
}
