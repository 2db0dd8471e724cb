//! The engine's face: what inputs, terminal, uplink, printers and health use.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use proto::v1;
use tokio::sync::{mpsc, oneshot, watch};
use uid::TypeCode;

use super::EngineError;
use super::command::{Command, Control, Done, Fact, Waiter};
use super::prints::{PrintJob, PrintUpdate};
use super::speak::{Speaker, red};
use super::status::{StationView, Status, UplinkState};
use crate::config::PlantFile;
use crate::inputs::{Answer, CODE_NOT_TAKEN, Intake, IntakeError, MachineInput, ScanInput};
use crate::journal::{Head, JournalError, Place, Quarantined, Reader, Verified};
use crate::mint::Granted;
use crate::reference::Reference;
use crate::station::{self, PinProof};

/// What a handle is made of.
pub(super) struct Parts {
    pub commands: mpsc::Sender<Command>,
    pub reader: Reader,
    pub reference: Arc<ArcSwap<Reference>>,
    pub plant: Arc<PlantFile>,
    pub speaker: Arc<dyn Speaker>,
    pub head: watch::Receiver<Head>,
    pub status: watch::Receiver<Arc<Status>>,
    pub stations: HashMap<String, watch::Sender<Arc<StationView>>>,
    pub jobs: mpsc::Receiver<PrintJob>,
}

/// Where the scans of a station come in, one after the other.
struct Door {
    view: watch::Sender<Arc<StationView>>,
    turn: tokio::sync::Mutex<()>,
}

struct Shared {
    commands: mpsc::Sender<Command>,
    reader: Reader,
    reference: Arc<ArcSwap<Reference>>,
    plant: Arc<PlantFile>,
    speaker: Arc<dyn Speaker>,
    head: watch::Receiver<Head>,
    status: watch::Receiver<Arc<Status>>,
    stations: HashMap<String, Door>,
    /// Held while a PIN is looked at.
    proving: Arc<tokio::sync::Mutex<()>>,
    jobs: Mutex<Option<mpsc::Receiver<PrintJob>>>,
    uplink: watch::Sender<UplinkState>,
    /// The cloud is in touch and what it holds is not in force yet.
    holds_due: watch::Sender<bool>,
}

/// Talks to a running engine. Cheap to clone; the engine ends in order when it is
/// told to ([`Handle::stop`]) or when the last handle is gone.
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

impl Handle {
    pub(super) fn new(parts: Parts) -> Self {
        Self(Arc::new(Shared {
            commands: parts.commands,
            reader: parts.reader,
            reference: parts.reference,
            plant: parts.plant,
            speaker: parts.speaker,
            head: parts.head,
            status: parts.status,
            stations: parts
                .stations
                .into_iter()
                .map(|(code, view)| (code, Door { view, turn: tokio::sync::Mutex::default() }))
                .collect(),
            proving: Arc::default(),
            jobs: Mutex::new(Some(parts.jobs)),
            uplink: watch::channel(UplinkState::default()).0,
            holds_due: watch::channel(false).0,
        }))
    }

    // ------------------------------------------------------- for the uplink --

    /// The end of the journal, now and at each change.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<Head> {
        self.0.head.clone()
    }

    /// Events of an epoch from `from_seq`, or from the oldest on disk where that
    /// is later: consecutive, each the exact bytes, at most so many events and
    /// bytes but at least one. Every checksum is verified; a damaged record is
    /// put into quarantine and comes as LOST. Empty when there are none.
    ///
    /// # Errors
    /// When the journal cannot be read or the damage cannot be written down.
    pub async fn read_batch(
        &self,
        epoch: u32,
        from_seq: u64,
        max_events: usize,
        max_bytes: usize,
    ) -> Result<Vec<(u64, Bytes)>, EngineError> {
        // Each round settles one record, or a row of them.
        for _ in 0..READ_ROUNDS {
            let read = self.0.reader.read_batch(epoch, from_seq, max_events, max_bytes).await?;
            let defect = match read {
                Ok(batch) => return Ok(batch),
                Err(defect) => defect,
            };
            let (place, problem) = (defect.place, defect.problem);
            self.control(|done| Control::Quarantine { place, problem, done }).await?;
        }
        let detail = format!("epoch {epoch} from seq {from_seq} does not become readable");
        Err(EngineError::Journal(JournalError::Damaged { what: "record", detail }))
    }

    /// Free texts of the events first..=last of an epoch.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn notes(&self, epoch: u32, first: u64, last: u64) -> Result<Vec<v1::Note>, EngineError> {
        let notes = self.0.reader.notes(epoch, first, last).await?;
        Ok(notes.into_iter().map(|(seq, salt, text)| v1::Note { seq, salt, text }).collect())
    }

    /// The first message of a stream, as things stand.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn hello(&self, software: &str) -> Result<v1::Hello, EngineError> {
        let software = software.to_owned();
        self.control(|done| Control::Hello { software, done }).await
    }

    /// The cloud has committed events, and a backup covers them up to
    /// `prune_through`. Never takes anything back.
    pub async fn acked(&self, epoch: u32, through_seq: u64, prune_through: u64) {
        self.tell(Control::Acked { epoch, through_seq, prune_through }).await;
    }

    /// The cloud's cursors at the start of a stream. They count even where they
    /// are behind what was acknowledged: a cloud that was restored has less. The
    /// status says so when this returns.
    ///
    /// # Errors
    /// When the engine has stopped or the journal cannot be written.
    pub async fn welcomed(&self, welcome: v1::Welcome) -> Result<(), EngineError> {
        self.control(|done| Control::Welcomed { welcome, done }).await
    }

    /// Takes a range of UIDs; on disk when this returns.
    ///
    /// # Errors
    /// When it must not be used (other epoch, granted before) or not written.
    pub async fn lease_granted(&self, grant: &v1::LeaseGrant) -> Result<Granted, EngineError> {
        let kind: TypeCode = grant
            .r#type
            .parse()
            .map_err(|e: uid::UidError| EngineError::Type(grant.r#type.clone(), e.to_string()))?;
        let (first, last, epoch) = (grant.first, grant.last, grant.epoch);
        self.control(|done| Control::Grant { kind, first, last, epoch, done }).await
    }

    /// Takes a range of document numbers; on disk when this returns.
    ///
    /// # Errors
    /// When it must not be used or not written.
    pub async fn series_granted(&self, grant: v1::SeriesGrant) -> Result<Granted, EngineError> {
        self.control(|done| Control::GrantSeries { grant, done }).await
    }

    /// Takes a chunk of reference data. With the last chunk of a version all of
    /// it is applied at once, and its number returned.
    ///
    /// # Errors
    /// When it could not be written; the version before it is in force then.
    pub async fn reference_chunk(&self, chunk: v1::ReferenceChunk) -> Result<Option<u64>, EngineError> {
        self.control(|done| Control::Reference { chunk, done }).await
    }

    /// The cloud is in touch: no reading is taken from when this returns until
    /// [`Handle::holds_applied`]. What was offered before is done then.
    ///
    /// # Errors
    /// When the engine has stopped.
    pub async fn contact(&self) -> Result<(), EngineError> {
        self.0.holds_due.send_replace(true);
        self.control(|done| Control::Before { done }).await
    }

    /// What the cloud holds is in force, or the cloud is out of touch again.
    pub fn holds_applied(&self) {
        self.0.holds_due.send_replace(false);
    }

    /// The cloud said at `at` that this version is the newest.
    pub async fn reference_current(&self, version: u64, at: DateTime<Utc>) {
        self.tell(Control::ReferenceCurrent { version, at }).await;
    }

    /// Begins a new epoch; on disk, mark included, when this returns. One that is
    /// not newer than the current changes nothing.
    ///
    /// # Errors
    /// Nothing has changed then.
    pub async fn epoch_changed(&self, change: v1::EpochChange) -> Result<(), EngineError> {
        self.control(|done| Control::Epoch { change, done }).await
    }

    /// Takes what the cloud knows of a UID.
    ///
    /// # Errors
    /// When it could not be understood or written.
    pub async fn label_answered(&self, answer: v1::LabelAnswer) -> Result<(), EngineError> {
        self.control(|done| Control::Label { answer, done }).await
    }

    /// What is held by holds that a restored cloud did not know of.
    #[must_use]
    pub fn kept_holds(&self) -> Vec<v1::KeptHold> {
        let reference = self.0.reference.load();
        let mut kept: Vec<&crate::reference::Hold> = reference.kept.values().collect();
        kept.sort_by(|a, b| a.hold.cmp(&b.hold));
        let told = kept.into_iter().map(|hold| v1::KeptHold {
            hold: hold.hold.clone(),
            reason: hold.reason.clone(),
            keys: hold.keys.clone(),
            lots: hold.lots.iter().map(|lot| lot.as_bytes().to_vec()).collect(),
        });
        told.collect()
    }

    /// Takes what the office says of such a hold.
    ///
    /// # Errors
    /// When it could not be written; the hold stays in force then.
    pub async fn kept_answered(&self, answer: v1::KeptHoldAnswer) -> Result<(), EngineError> {
        let v1::KeptHoldAnswer { hold, released } = answer;
        self.control(|done| Control::KeptAnswered { hold, released, done }).await
    }

    /// Tells how the way to the cloud stands.
    pub fn set_uplink(&self, state: UplinkState) {
        self.0.uplink.send_replace(state);
    }

    // --------------------------------------- for terminal, printers, health --

    /// How the way to the cloud stands, now and at each change.
    #[must_use]
    pub fn uplink(&self) -> watch::Receiver<UplinkState> {
        self.0.uplink.subscribe()
    }

    /// The agent's status as of the last group.
    #[must_use]
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.0.status.borrow())
    }

    /// The agent's status, at each change.
    #[must_use]
    pub fn watch_status(&self) -> watch::Receiver<Arc<Status>> {
        self.0.status.clone()
    }

    /// Commands that wait now, and that may wait.
    #[must_use]
    pub fn queue_depth(&self) -> (usize, usize) {
        let commands = &self.0.commands;
        (commands.max_capacity() - commands.capacity(), commands.max_capacity())
    }

    /// A station's view, now and at each change; `None` for an unknown station.
    #[must_use]
    pub fn subscribe(&self, station: &str) -> Option<watch::Receiver<Arc<StationView>>> {
        self.0.stations.get(station).map(|door| door.view.subscribe())
    }

    /// Shows at a station an answer of which nothing is recorded, so that its page
    /// and its lights tell what its scanner tells.
    pub fn refused(&self, station: &str, answer: Answer) {
        if let Some(Door { view, .. }) = self.0.stations.get(station) {
            super::views::refused(view, answer);
        }
    }

    /// The reference data in force.
    #[must_use]
    pub fn reference(&self) -> Arc<Reference> {
        self.0.reference.load_full()
    }

    /// The plant file.
    #[must_use]
    pub fn plant(&self) -> &Arc<PlantFile> {
        &self.0.plant
    }

    /// The labels to print, once: whoever takes the receiver prints them.
    #[must_use]
    pub fn take_print_jobs(&self) -> Option<mpsc::Receiver<PrintJob>> {
        self.0.jobs.lock().ok()?.take()
    }

    /// Tells what became of a label; recorded when this returns.
    ///
    /// # Errors
    /// When it could not be recorded.
    pub async fn printed(&self, update: PrintUpdate) -> Result<(), EngineError> {
        let (done, answer) = oneshot::channel();
        let command = Command::Fact(Fact::Print(update), Waiter::Print(done));
        self.0.commands.send(command).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }

    /// Reads the whole journal and quarantines what is damaged. Scans wait for it.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn verify(&self) -> Result<Verified, EngineError> {
        self.control(|done| Control::Verify { done }).await
    }

    /// Examines one record again.
    ///
    /// # Errors
    /// When the journal cannot be read or written.
    pub async fn examine(&self, place: Place) -> Result<Vec<Quarantined>, EngineError> {
        let problem = String::new();
        self.control(|done| Control::Quarantine { place, problem, done }).await
    }

    /// Reads beside the writer.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.0.reader
    }

    /// Stops in order: what waits is recorded and answered, the journal closed.
    /// Returns when that is done.
    pub async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.0.commands.send(Command::Stop(done)).await.is_ok() {
            // An error here means that it has stopped already.
            let _: Result<(), _> = stopped.await;
        }
    }

    async fn control<T>(&self, command: impl FnOnce(Done<T>) -> Control) -> Result<T, EngineError> {
        let (done, answer) = oneshot::channel();
        let command = Command::Control(command(done));
        self.0.commands.send(command).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }

    /// For what needs no answer: lost when the engine stops, and told again by
    /// the cloud after the next start.
    async fn tell(&self, control: Control) {
        if self.0.commands.send(Command::Control(control)).await.is_err() {
            tracing::debug!("the engine has stopped");
        }
    }

    /// The station whose trigger fired.
    fn station_of(&self, input: &MachineInput) -> Option<String> {
        let name = input.trigger.as_ref()?;
        let machine = self.0.plant.machine(&input.machine)?;
        let trigger = machine.triggers.iter().find(|t| &t.name == name)?;
        Some(trigger.station.clone())
    }

    async fn take(&self, input: ScanInput) -> Result<Answer, IntakeError> {
        let (reply, answer) = oneshot::channel();
        {
            // Scans of one station keep their order while a PIN is looked at.
            let _turn = match self.0.stations.get(&input.station) {
                Some(door) => Some(door.turn.lock().await),
                None => None,
            };
            let proof = self.prove(&input).await;
            self.offer(Fact::Scan(input, proof), Waiter::Scan(reply), Some(SCAN_WAITS)).await?;
        }
        answer.await.map_err(|_| IntakeError::Stopping)?
    }

    /// Works out whether a PIN is right, where the scan completes one.
    async fn prove(&self, input: &ScanInput) -> Option<PinProof> {
        let typed = {
            let view = self.0.stations.get(&input.station)?.view.borrow();
            view.session.pending.as_deref()?;
            let reference = self.0.reference.load();
            let scanned = station::classify(&input.text, self.0.plant.tenant, &reference);
            station::typed_pin(&view.session, &scanned, &reference)?
        };
        // One at a time: each takes 19 MiB.
        let one = self.0.proving.clone().lock_owned().await;
        let proven = tokio::task::spawn_blocking(move || {
            // Also where nobody waits for it any more.
            let _one = one;
            typed.prove()
        });
        proven.await.ok()
    }

    /// Whether the station still shows that this very reading was not recorded: it
    /// was after all, and is now answered as before.
    fn shows_another(&self, station: &str, answer: &Answer) -> bool {
        let Some(door) = self.0.stations.get(station) else { return false };
        let view = door.view.borrow();
        view.answer.as_ref().is_some_and(|shown| shown.input_id == answer.input_id && shown != answer)
    }

    /// The red answer to a reading that is not recorded now.
    fn not_taken(&self, station: &str, input_id: &str, error: &IntakeError) -> Answer {
        self.refusal(station, input_id, CODE_NOT_TAKEN, error.args())
    }

    /// Offers a reading to the writer, once what the cloud holds is in force; who
    /// stands at a scanner is told to read again after a while.
    async fn offer(&self, fact: Fact, waiter: Waiter, wait: Option<Duration>) -> Result<(), IntakeError> {
        let mut due = self.0.holds_due.subscribe();
        let until = wait.map(|wait| tokio::time::Instant::now() + wait);
        loop {
            {
                // Kept until the reading stands in the queue: the contact comes
                // after it then, or this sees it.
                let due = self.0.holds_due.borrow();
                if !*due {
                    return self.queue(fact, waiter);
                }
            }
            let applied = async {
                // The sender lives as long as this handle.
                drop(due.wait_for(|due| !*due).await);
            };
            match until {
                None => applied.await,
                Some(until) => {
                    tokio::time::timeout_at(until, applied).await.map_err(|_| IntakeError::Holds)?;
                }
            }
        }
    }

    fn queue(&self, fact: Fact, waiter: Waiter) -> Result<(), IntakeError> {
        self.0.commands.try_send(Command::Fact(fact, waiter)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => IntakeError::Full,
            mpsc::error::TrySendError::Closed(_) => IntakeError::Stopping,
        })
    }
}

/// How long a scan waits for what the cloud holds before it is refused.
const SCAN_WAITS: Duration = Duration::from_secs(2);

/// How long before a station's last reading a redelivery of it may have been
/// recorded, in seconds: what the run before had in hand when it ended.
const EARLIER_WITHIN_S: u32 = 600;

/// Damaged records settled for one batch at most.
const READ_ROUNDS: usize = 64;

fn stopping() -> EngineError {
    EngineError::Intake(IntakeError::Stopping)
}

impl Intake for Handle {
    fn scan(&self, input: ScanInput) -> BoxFuture<'_, Result<Answer, IntakeError>> {
        Box::pin(async move {
            let (station, input_id) = (input.station.clone(), input.input_id.clone());
            let taken = self.take(input).await;
            // The station has to know, whatever the scan came through.
            match &taken {
                Ok(answer) if !answer.recorded || self.shows_another(&station, answer) => {
                    self.refused(&station, answer.clone());
                }
                Err(error) => self.refused(&station, self.not_taken(&station, &input_id, error)),
                Ok(_) => {}
            }
            taken
        })
    }

    fn machine(&self, input: MachineInput) -> BoxFuture<'_, Result<(), IntakeError>> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let station = self.station_of(&input);
            self.offer(Fact::Machine(input, station), Waiter::Machine(reply), None).await?;
            answer.await.map_err(|_| IntakeError::Stopping)?
        })
    }

    fn earlier<'a>(
        &'a self,
        station: &'a str,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, IntakeError>> {
        Box::pin(async move {
            let found = self.0.reader.newest_input(station, prefix, EARLIER_WITHIN_S).await;
            found.map_err(|error| IntakeError::Failed(error.to_string()))
        })
    }

    fn refused(&self, station: &str, answer: &Answer) {
        Self::refused(self, station, answer.clone());
    }

    fn refusal(
        &self,
        station: &str,
        input_id: &str,
        code: &'static str,
        args: Vec<(String, String)>,
    ) -> Answer {
        let view = self.0.stations.get(station).map(|door| door.view.borrow().language.clone());
        let default = self.0.plant.default_language().code();
        let language = view.filter(|l| !l.is_empty()).unwrap_or_else(|| default.to_owned());
        let speaker = self.0.speaker.as_ref();
        // A reason may be the key of a text.
        let spoken = args.iter().map(|(name, value)| match name.as_str() {
            "reason" => (name.clone(), speaker.say(&language, value, &args)),
            _ => (name.clone(), value.clone()),
        });
        Answer { args: args.clone(), ..red(speaker, &language, code, spoken.collect(), input_id) }
    }
}
