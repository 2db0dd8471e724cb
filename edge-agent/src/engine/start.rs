//! From what is on disk to a running engine.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::EngineError;
use super::clock::JumpWatch;
use super::facts::MAX_UNKNOWN;
use super::handle::Handle;
use super::machines::Machines;
use super::prints::job;
use super::relabel::{doubt, relabel};
use super::rules::Rules;
use super::settings::EngineSettings;
use super::speak::Speaker;
use super::status::{StationView, Status};
use super::writer::{State, Writer};
use crate::config::PlantFile;
use crate::journal::{
    self, DiskLimits, Head, Journal, JournalError, JournalSettings, Loaded, Place, WriteSet,
};
use crate::mint::{MarkFile, MarkRead, Mint, Standing, assess};
use crate::reference::Reference;

/// Names in the journal's `meta`. An empty value is none.
pub(super) const BEHIND: &str = "behind";
pub(super) const EPOCH_MACHINE: &str = "epoch_machine";
pub(super) const REFERENCE_VERSION: &str = "reference_version";
pub(super) const REFERENCE_AS_OF: &str = "reference_as_of";
pub(super) const GENERATION: &str = "generation";

/// Opens the journal and starts the writer with the given rules.
pub(super) async fn start(
    settings: EngineSettings,
    plant: Arc<PlantFile>,
    rules: Arc<dyn Rules>,
    speaker: Arc<dyn Speaker>,
) -> Result<(Handle, JoinHandle<()>), EngineError> {
    let fresh = !journal::exists(&settings.data_dir);
    let path = settings.mark_path();
    let (mark, read) = MarkFile::open(&path).map_err(|source| EngineError::Mark { path, source })?;
    let (mut journal, loaded) = Journal::open(JournalSettings {
        dir: settings.data_dir.clone(),
        agent_id: settings.agent_id,
        tenant: plant.tenant,
        plant: plant.plant,
        first_epoch: settings.first_epoch,
        disk: DiskLimits::from(&plant.disk),
        marked: match &read {
            MarkRead::Found(mark) if mark.agent_id == settings.agent_id => {
                Some(Head { epoch: mark.epoch, seq: mark.seq, hash: mark.hash })
            }
            _ => None,
        },
    })
    .await?;
    if let Some(wal) = &loaded.wal {
        tracing::error!(kept = %wal.kept.display(), healed = wal.healed, "{}", wal.detail);
    }
    for damaged in &loaded.quarantined {
        tracing::error!(
            epoch = damaged.place.epoch,
            seq = damaged.place.seq,
            problem = damaged.problem,
            "a damaged record was found at the start"
        );
    }
    let mut reference = Reference::default();
    let mut unread = 0;
    let mut doubtful = false;
    let whole = journal
        .reference_rows(|kind, json| {
            if reference.insert(kind, json).is_err() {
                unread += 1;
                doubtful |= Reference::may_hold(kind);
            }
        })
        .await?;
    reference.settle();
    reference.doubtful = doubtful || !whole;
    if reference.doubtful {
        tracing::error!(
            "a part of the reference data is lost, holds perhaps; the cloud is asked for all of it"
        );
    }
    let version = loaded.meta(REFERENCE_VERSION).and_then(|v| v.parse().ok()).unwrap_or_default();
    // Of nothing: the cloud sends all of it, and events do not say that a hold was had.
    reference.version = if reference.doubtful { 0 } else { version };
    reference.generation = loaded.meta(GENERATION).and_then(|v| v.parse().ok()).unwrap_or_default();
    reference.as_of = loaded.meta(REFERENCE_AS_OF).and_then(|v| v.parse().ok());

    let head = journal.head();
    let mut state = State {
        mint: Mint::new(plant.plant, head.epoch, &loaded),
        settings,
        plant: Arc::clone(&plant),
        rules,
        speaker: Arc::clone(&speaker),
        reference: Arc::new(ArcSwap::from_pointee(Reference::default())),
        machines: Machines::default(),
        sessions: HashMap::new(),
        counters: HashMap::new(),
        behind: None,
        mark_error: None,
        acked: HashMap::new(),
        older: Vec::new(),
        generation: 0,
        clock_confirmed: false,
        unknown: reference.corrected_keys.iter().copied().take(MAX_UNKNOWN).collect(),
        open_prints: Arc::default(),
        quarantined: 0,
        reference_unread: unread,
        item_kinds: Vec::new(),
        wal: loaded.wal.clone(),
        rebuilt: loaded.rebuilt.clone(),
        clock_jump: None,
        failed: None,
        recorded: 0,
        groups: 0,
        repeats: 0,
        failures: 0,
    };
    state.refer(reference);
    restore(&mut state, head, &loaded);
    judge(&mut journal, &mut state, &loaded, fresh, &read).await?;
    know_labels(&mut journal, &mut state, &read).await?;
    let head = journal.head();
    let reader = journal.reader().await?;

    let (commands, received) = mpsc::channel(state.settings.queue.max(1));
    let (prints, jobs) = mpsc::channel(state.settings.print_queue.max(1));
    let (head_sender, head_receiver) = watch::channel(head);
    let (status_sender, status_receiver) = watch::channel(Arc::new(Status::default()));
    let views = stations(&plant);
    let handle = Handle::new(super::handle::Parts {
        commands,
        reader: reader.clone(),
        reference: Arc::clone(&state.reference),
        plant,
        speaker,
        head: head_receiver,
        status: status_receiver,
        stations: views.clone(),
        jobs,
    });
    let mut writer = Writer {
        journal,
        reader,
        state,
        mark: Some(mark),
        commands: received,
        prints,
        head: head_sender,
        status: status_sender,
        stations: views,
        jumps: JumpWatch::new(),
        ticked: Instant::now(),
        acks_dirty: false,
        told_generation: 0,
        turning: Vec::new(),
        after_turn: Vec::new(),
        again_at: Instant::now(),
        held: Vec::new(),
        expiry: super::expire::Expiry::default(),
        prune_due: true,
        pruned: Instant::now(),
        staged: None,
    };
    // A fresh journal without a mark would look like one whose mark was lost.
    writer.write_mark().await;
    let codes: Vec<String> = writer.stations.keys().cloned().collect();
    codes.iter().for_each(|code| writer.show(code, Vec::new()));
    writer.publish();
    Ok((handle, tokio::spawn(writer.run())))
}

/// Tells again the labels whose rows were lost. A table that SQLite cannot follow is built
/// anew, where there is room for that.
async fn know_labels(journal: &mut Journal, state: &mut State, read: &MarkRead) -> Result<(), JournalError> {
    match relabel(journal, state, read).await {
        Err(error) if error.is_corrupt() && journal.can_rebuild() => {
            tracing::error!(%error, "the journal's labels are damaged; it is rebuilt");
            let loaded = journal.restore().await?;
            restore(state, journal.head(), &loaded);
            judge(journal, state, &loaded, false, read).await?;
            relabel(journal, state, read).await
        }
        Err(error) if error.is_corrupt() => {
            tracing::error!(%error, "labels cannot be read, and there is no room to build them anew");
            journal.doubt_labels();
            doubt(state, true, false);
            Ok(())
        }
        told => told,
    }
}

/// A view per station, shared by who publishes what is recorded and who tells
/// that something was not.
fn stations(plant: &PlantFile) -> HashMap<String, watch::Sender<Arc<StationView>>> {
    let empty = || watch::Sender::new(Arc::new(StationView::default()));
    plant.stations.iter().map(|station| (station.code.clone(), empty())).collect()
}

/// Brings the state in memory to what the journal says.
pub(super) fn restore(state: &mut State, head: Head, loaded: &Loaded) {
    state.mint = Mint::new(state.plant.plant, head.epoch, loaded);
    state.sessions = read(&loaded.sessions, "session");
    state.counters = read(&loaded.counters, "counters");
    state.acked = loaded.acked.iter().map(|a| (a.epoch, *a)).collect();
    state.older.clone_from(&loaded.older);
    state.generation = loaded.meta(GENERATION).and_then(|v| v.parse().ok()).unwrap_or_default();
    state.quarantined = loaded.quarantine_count;
    if let Some(rebuilt) = &loaded.rebuilt {
        tracing::error!(kept = %rebuilt.kept.display(), carved = rebuilt.carved,
            partly = ?rebuilt.partly, "the journal's database was damaged and has been rebuilt");
        state.rebuilt = Some(rebuilt.clone());
    }
    let tenant = state.plant.tenant;
    state.open_prints = Arc::new(loaded.open_prints.iter().map(|row| job(row, tenant)).collect());
    state.judge_minting();
}

fn read<T: serde::de::DeserializeOwned>(rows: &[(String, String)], what: &str) -> HashMap<String, T> {
    let mut values = HashMap::new();
    for (station, json) in rows {
        match serde_json::from_str(json) {
            Ok(value) => drop(values.insert(station.clone(), value)),
            // A session can be begun anew; a start must not fail for it.
            Err(error) => tracing::error!(station, what, %error, "it cannot be read; dropped"),
        }
    }
    values
}

/// Holds the journal against its mark.
pub(super) async fn judge(
    journal: &mut Journal,
    state: &mut State,
    loaded: &Loaded,
    fresh: bool,
    read: &MarkRead,
) -> Result<(), JournalError> {
    let head = journal.head();
    let hash_at_mark = match read {
        MarkRead::Found(mark) if mark.epoch == head.epoch && mark.seq <= head.seq => {
            if mark.seq == 0 {
                Some(Head::genesis(state.settings.agent_id, mark.epoch).hash)
            } else {
                journal.hash_at(Place { epoch: mark.epoch, seq: mark.seq }).await?
            }
        }
        _ => None,
    };
    let meta = |name| loaded.meta(name).filter(|v| !v.is_empty());
    let levels = state.mint.levels();
    let standing = Standing {
        agent_id: state.settings.agent_id,
        machine_id: &state.settings.machine_id,
        head,
        hash_at_mark,
        levels: &levels,
        fresh,
        epoch_machine: meta(EPOCH_MACHINE),
        earlier: meta(BEHIND),
    };
    if let Some(behind) = assess(&standing, read) {
        let reason = behind.to_string();
        tracing::error!(reason, "nothing is minted until the cloud gives a new epoch");
        if meta(BEHIND).is_none() {
            let set = WriteSet { meta: vec![(BEHIND.to_owned(), reason.clone())], ..WriteSet::default() };
            journal.commit(set).await?;
        }
        state.behind = Some(reason);
        state.judge_minting();
    }
    if let Some(again) = journal.again() {
        let reason = format!("epoch {} begins: events are recorded again", again.epoch);
        state.behind.get_or_insert(reason);
        state.judge_minting();
    }
    Ok(())
}
