//! What the cloud tells, and what the uplink asks for: done alone, between two
//! groups of facts, each in its own transaction.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use proto::v1;
use uid::TypeCode;
use uuid::Uuid;

use super::EngineError;
use super::command::{Control, Done};
use super::facts::MAX_UNKNOWN;
use super::relabel::unread;
use super::start::{GENERATION, REFERENCE_AS_OF, REFERENCE_VERSION};
use super::status::SeriesWish;
use super::writer::Writer;
use crate::journal::{Place, Quarantined, ReferenceRow, Verified, WriteSet};
use crate::mint::{Granted, Mint, SeriesLevel};
use crate::reference::{Correction, Hold, Reference, hold_of, kept_rows};
use crate::station::types::{Custody, Label, Touched};

/// Chunks of one version that came so far.
pub(super) struct Staged {
    version: u64,
    full: bool,
    rows: Vec<ReferenceRow>,
}

impl Writer {
    pub async fn control(&mut self, control: Control) {
        if self.waits_for_epoch(&control) {
            return self.after_turn.push(control);
        }
        match control {
            Control::Grant { kind, first, last, epoch, done } => {
                let result = self.grant(|mint| mint.grant(kind, first, last, epoch)).await;
                self.reply(done, result);
            }
            Control::GrantSeries { grant, done } => {
                let result = self.grant(|mint| mint.grant_series(&grant)).await;
                self.reply(done, result);
            }
            Control::Reference { chunk, done } => {
                let result = self.reference(chunk).await;
                self.reply(done, result);
            }
            Control::ReferenceCurrent { version, at } => self.reference_current(version, at).await,
            Control::Hello { software, done } => {
                let result = self.hello(software).await;
                self.reply(done, result);
            }
            Control::Epoch { change, done } => self.epoch(change, done).await,
            Control::Acked { epoch, through_seq, prune_through } => {
                self.acked(epoch, through_seq, prune_through, false);
            }
            Control::Welcomed { welcome, done } => {
                let result = self.welcomed(&welcome).await;
                self.reply(done, result);
            }
            Control::Label { answer, done } => {
                let result = self.label(&answer).await;
                self.reply(done, result);
            }
            Control::KeptAnswered { hold, released, done } => {
                let result = self.kept_answered(&hold, released).await;
                self.reply(done, result);
            }
            Control::Quarantine { place, problem, done } => {
                let result = self.quarantine(place, problem).await;
                self.reply(done, result);
            }
            Control::Verify { done } => {
                let result = self.verify().await;
                self.reply(done, result);
            }
            Control::Before { done } => self.reply(done, Ok(())),
        }
    }

    pub fn reply<T>(&mut self, done: Done<T>, result: Result<T, EngineError>) {
        // Whoever is answered may look at the status at once.
        self.publish();
        // Whoever asked may have gone; what was done stays done.
        drop(done.send(result));
    }

    async fn grant(
        &mut self,
        take: impl FnOnce(&mut Mint) -> Result<Granted, crate::mint::GrantError>,
    ) -> Result<Granted, EngineError> {
        if let Some(reason) = &self.state.behind {
            return Err(EngineError::Behind(reason.clone()));
        }
        let mut mint = self.state.mint.clone();
        let granted = take(&mut mint)?;
        if granted == Granted::Taken {
            let changes = mint.take_changes();
            let set = WriteSet {
                leases: changes.leases,
                lease_marks: changes.lease_marks,
                series: changes.series,
                series_marks: changes.series_marks,
                meta: changes.terms,
                ..WriteSet::default()
            };
            self.journal.commit(set).await?;
            self.state.mint = mint;
        }
        Ok(granted)
    }

    /// Takes a chunk; with the last one of a version all of it is applied, and
    /// its number returned.
    async fn reference(&mut self, chunk: v1::ReferenceChunk) -> Result<Option<u64>, EngineError> {
        let current = self.state.reference.load().version;
        if chunk.version <= current && !chunk.full {
            // Sent again after a reconnect; it is applied already.
            self.staged = None;
            return Ok(chunk.last.then_some(current));
        }
        let same = |s: &Staged| s.version == chunk.version && s.full == chunk.full;
        let mut staged = self.staged.take().filter(same).unwrap_or_else(|| Staged {
            version: chunk.version,
            full: chunk.full,
            rows: Vec::new(),
        });
        staged.rows.extend(chunk.rows.into_iter().map(|r| ReferenceRow {
            kind: r.kind,
            id: r.id,
            json: r.json,
            deleted: r.deleted,
        }));
        if !chunk.last {
            self.staged = Some(staged);
            return Ok(None);
        }
        self.apply(staged).await.map(Some)
    }

    async fn apply(&mut self, staged: Staged) -> Result<u64, EngineError> {
        let Staged { version, full, mut rows } = staged;
        let before = self.state.reference.load_full();
        let mut reference = if full { Reference::default() } else { Reference::clone(&before) };
        if !full {
            for (kind, json) in self.journal.reference_now(&rows).await? {
                reference.remove(&kind, &json);
            }
        }
        let mut unread = if full { 0 } else { self.state.reference_unread };
        let mut doubtful = !full && before.doubtful;
        for row in rows.iter().filter(|r| !r.deleted) {
            if let Err(error) = reference.insert(&row.kind, &row.json) {
                tracing::warn!(kind = row.kind, id = row.id, %error, "a row was not understood");
                unread += 1;
                doubtful |= Reference::may_hold(&row.kind);
            }
        }
        let now = (self.state.settings.now)();
        // A full set is of the generation that the cloud last told.
        let generation = if full { self.told_generation } else { self.state.generation };
        // One that says nothing of what was told before is of a restored cloud.
        let restored =
            full && (before.generation != 0 && generation != before.generation || version < before.version);
        let gone: HashSet<String> = rows
            .iter()
            .filter(|row| row.deleted && row.kind == "hold" && hold_of(&row.id) == row.id)
            .map(|row| row.id.clone())
            .collect();
        reference.kept = reference.vanished(&before, restored, &gone);
        if restored && !reference.kept.is_empty() {
            tracing::warn!(
                holds = reference.kept.len(),
                "the restored cloud lacks holds; they stay in force here"
            );
        }
        rows.extend(kept_rows(&before.kept, &reference.kept, full));
        reference.settle();
        reference.doubtful = doubtful;
        // What is not wholly understood is not had.
        let version = if doubtful { 0 } else { version };
        reference.version = version;
        reference.generation = generation;
        reference.as_of = Some(now);
        let meta = vec![
            (REFERENCE_VERSION.to_owned(), version.to_string()),
            (REFERENCE_AS_OF.to_owned(), now.to_rfc3339()),
            (GENERATION.to_owned(), generation.to_string()),
        ];
        // The cloud is asked what these labels are now.
        let corrected: Vec<i64> = rows
            .iter()
            .filter(|row| row.kind == "correction" && !row.deleted)
            .filter_map(|row| serde_json::from_str::<Correction>(&row.json).ok())
            .flat_map(|correction| correction.keys)
            .collect();
        // Together: what comes off a label may be held by what the rows bring.
        let labels = self.lifted(&rows).await?;
        let beside = WriteSet { labels, meta, ..WriteSet::default() };
        self.journal.write_reference(full, rows, beside).await?;
        if full && !doubtful {
            self.journal.labels_told().await?;
        }
        self.state.generation = generation;
        let room = MAX_UNKNOWN.saturating_sub(self.state.unknown.len());
        self.state.unknown.extend(corrected.into_iter().take(room));
        self.state.refer(reference);
        self.state.reference_unread = unread;
        Ok(version)
    }

    /// What the office says of a hold that is kept: one that it released goes; another
    /// goes when the office's own row of it has come.
    async fn kept_answered(&mut self, hold: &str, released: bool) -> Result<(), EngineError> {
        let before = self.state.reference.load_full();
        if !released || !before.kept.keys().any(|id| hold_of(id) == hold) {
            return Ok(());
        }
        let mut reference = Reference::clone(&before);
        reference.kept.retain(|id, _| hold_of(id) != hold);
        reference.settle();
        let rows = kept_rows(&before.kept, &reference.kept, false);
        self.journal.write_reference(false, rows, WriteSet::default()).await?;
        self.state.refer(reference);
        Ok(())
    }

    /// The labels without the holds that this plant had placed on them and that the
    /// office released.
    async fn lifted(&mut self, rows: &[ReferenceRow]) -> Result<Vec<(i64, String)>, EngineError> {
        let gone = rows.iter().filter(|row| row.deleted && row.kind == "hold");
        let lifted: Vec<(Uuid, Hold)> = gone
            .filter_map(|row| serde_json::from_str::<Hold>(&row.json).ok())
            .filter(|hold| hold.lifted)
            .filter_map(|hold| Some((hold.hold.parse().ok()?, hold)))
            .collect();
        let ids: HashSet<Uuid> = lifted.iter().map(|(id, _)| *id).collect();
        let keys: Vec<i64> = lifted.iter().flat_map(|(_, hold)| hold.keys.iter().copied()).collect();
        let mut labels = Vec::new();
        for (key, json) in self.journal.labels(&keys).await? {
            let Ok(mut label) = serde_json::from_str::<Label>(&json) else { continue };
            if label.lift(&ids) {
                let json = serde_json::to_string(&label)
                    .map_err(|e| EngineError::Label { key, detail: e.to_string() })?;
                labels.push((key, json));
            }
        }
        Ok(labels)
    }

    /// The cloud says that this version is the newest.
    async fn reference_current(&mut self, version: u64, at: DateTime<Utc>) {
        let current = self.state.reference.load();
        // What was applied just now says so already: scans that wait behind a hold need
        // not wait for the disk once more.
        let fresh = |as_of: DateTime<Utc>| (at - as_of).abs() < chrono::TimeDelta::seconds(1);
        if current.doubtful || current.version != version || current.as_of.is_some_and(fresh) {
            return;
        }
        let mut reference = Reference::clone(&current);
        reference.as_of = Some(at);
        drop(current);
        let set =
            WriteSet { meta: vec![(REFERENCE_AS_OF.to_owned(), at.to_rfc3339())], ..WriteSet::default() };
        if let Err(error) = self.journal.commit(set).await {
            tracing::warn!(%error, "the age of the reference data could not be written");
        }
        self.state.refer(reference);
    }

    /// What the cloud knows of a UID. What happened here counts for more: it may
    /// not have reached the cloud when it answered.
    async fn label(&mut self, answer: &v1::LabelAnswer) -> Result<(), EngineError> {
        self.state.unknown.remove(&answer.key);
        if !answer.known {
            return Ok(());
        }
        let mut told: Label = serde_json::from_str(&answer.json)
            .map_err(|e| EngineError::Label { key: answer.key, detail: e.to_string() })?;
        if told.key != answer.key {
            let detail = format!("it is of {}", told.key);
            return Err(EngineError::Label { key: answer.key, detail });
        }
        let stored = self.journal.labels(&[answer.key]).await?.remove(&answer.key);
        let known = stored
            .map(|json| serde_json::from_str::<Label>(&json).unwrap_or_else(|_| unread(answer.key, &json)));
        // Of no concern to the cloud.
        told.told_at = None;
        told.touched = Touched::default();
        told.lost = false;
        let void = std::mem::take(&mut told.void);
        let mut known = known.unwrap_or_else(|| Label::new(answer.key));
        let said = serde_json::from_str::<Seen>(&answer.json).unwrap_or_default();
        if said.behind {
            self.state.unknown.insert(answer.key);
        } else if said.seen.is_some() && void != known.void && !known.lost {
            if said.seen == known.last_event {
                let (was, now) = (known.custody.clone(), (self.state.settings.now)());
                let label = crate::station::mend(known, told, void, now);
                let wholes = self.lists(&was, &label).await?;
                return self.keep_told(label, wholes).await;
            }
            // What the cloud has not seen yet counts for more than its word on what was before.
            self.state.unknown.insert(answer.key);
        }
        if known.known() && known.told_at.is_none() {
            return Ok(());
        }
        // What damage took the cloud tells where its events before that had reached it,
        // and all that it holds is known here.
        let (lost, tells) = (known.lost, known.told_at.is_some());
        let moved = !known.known() || known.touched.moved_at_most();
        let free = tells && moved && !self.state.reference.load().doubtful;
        if lost && !known.known() {
            known.told_at = None;
        }
        let mut label = crate::station::learn(known, told, (self.state.settings.now)());
        label.lost = lost && !free;
        if label.lost && !tells {
            label.told_at = None;
        }
        self.keep_told(label, Vec::new()).await
    }

    /// What a label was in and is in, with the lists of what is in them: a correction of what
    /// took it out names no package.
    async fn lists(&mut self, was: &Custody, label: &Label) -> Result<Vec<Label>, EngineError> {
        let whole = |custody: &Custody| match custody {
            Custody::Parent { key } => Some(*key),
            _ => None,
        };
        let (was, is) = (whole(was), whole(&label.custody));
        if was == is {
            return Ok(Vec::new());
        }
        let keys: Vec<i64> = was.into_iter().chain(is).collect();
        let stored = self.journal.labels(&keys).await?;
        let mut wholes: Vec<Label> =
            stored.values().filter_map(|json| serde_json::from_str(json).ok()).collect();
        wholes.retain(Label::known);
        for whole in &mut wholes {
            whole.children.retain(|child| *child != label.key);
            if Some(whole.key) == is {
                whole.children.push(label.key);
            }
        }
        Ok(wholes)
    }

    /// Writes what a label is by the cloud's answer, and others that follow from it.
    async fn keep_told(&mut self, label: Label, others: Vec<Label>) -> Result<(), EngineError> {
        let json = |label: &Label| {
            let json = serde_json::to_string(label)
                .map_err(|e| EngineError::Label { key: label.key, detail: e.to_string() })?;
            Ok::<_, EngineError>((label.key, json))
        };
        let labels = others.iter().chain([&label]).map(json).collect::<Result<Vec<_>, _>>()?;
        let set = WriteSet { labels, ..WriteSet::default() };
        self.journal.commit(set).await?;
        if label.package {
            self.wonder(&label.children).await?;
        }
        Ok(())
    }

    /// Asks the cloud of what lies in a package that it told of: the package
    /// leaves only if its contents may.
    async fn wonder(&mut self, children: &[i64]) -> Result<(), EngineError> {
        let here = self.journal.labels(children).await?;
        let known = |key: &&i64| {
            let label = here.get(*key).and_then(|json| serde_json::from_str::<Label>(json).ok());
            label.is_some_and(|label| label.known())
        };
        let strange = children.iter().filter(|key| !known(key));
        let room = MAX_UNKNOWN.saturating_sub(self.state.unknown.len());
        self.state.unknown.extend(strange.take(room));
        Ok(())
    }

    async fn quarantine(&mut self, place: Place, problem: String) -> Result<Vec<Quarantined>, EngineError> {
        // The reader may have seen what is gone now; what it saw is looked at
        // again, and only a record that is still damaged is replaced.
        tracing::warn!(epoch = place.epoch, seq = place.seq, problem, "a record is examined");
        let replaced = match self.journal.quarantine(place).await {
            Err(error) if error.is_corrupt() => {
                // The page itself is beyond SQLite; so is writing next to it.
                self.recover(&error).await;
                self.journal.quarantine(place).await?
            }
            replaced => replaced?,
        };
        self.state.quarantined += replaced.len() as u64;
        Ok(replaced)
    }

    async fn verify(&mut self) -> Result<Verified, EngineError> {
        let verified = match self.journal.verify().await {
            Err(error) if error.is_corrupt() => {
                self.recover(&error).await;
                self.journal.verify().await?
            }
            verified => verified?,
        };
        self.state.quarantined += verified.quarantined.len() as u64;
        Ok(verified)
    }

    /// What the uplink should ask for.
    pub fn wishes(&self) -> super::status::Wishes {
        let mut wishes = super::status::Wishes {
            labels: self.state.unknown.iter().copied().collect(),
            everything: self.state.reference.load().doubtful,
            ..Default::default()
        };
        if self.state.behind.is_some() {
            // Ranges of this epoch would be void before they are used.
            return wishes;
        }
        let levels = self.state.mint.levels();
        for kind in self.kinds() {
            let lease = self.state.plant.lease(kind);
            let left = levels.iter().find(|l| l.kind == kind).map_or(0, |l| l.left);
            if left < u64::from(lease.low_water) {
                wishes.leases.push((kind, lease.request));
            }
        }
        let now = (self.state.settings.now)();
        let later = now + SERIES_AHEAD;
        let (numbers, coming) = (self.state.mint.series_levels(now), self.state.mint.series_levels(later));
        let mut series: Vec<&String> =
            self.state.plant.stations.iter().filter_map(|s| s.series.as_ref()).collect();
        series.sort();
        series.dedup();
        for series in series {
            let low = |levels: &[SeriesLevel]| {
                levels.iter().find(|n| &n.series == series).map_or(0, |n| n.left) < SERIES_LOW
            };
            if low(&numbers) {
                wishes.series.push(SeriesWish {
                    series: series.clone(),
                    count: SERIES_REQUEST,
                    ahead: false,
                });
            } else if low(&coming) {
                // The year that begins soon has none yet, and the line may be down when it does.
                let wish = SeriesWish { series: series.clone(), count: SERIES_REQUEST, ahead: true };
                wishes.series.push(wish);
            }
        }
        wishes
    }

    /// Types that may be minted here: named in the plant file, or an item's.
    fn kinds(&self) -> Vec<TypeCode> {
        let plant = &self.state.plant;
        let mut kinds: Vec<TypeCode> = plant.leases.iter().map(|l| l.type_code).collect();
        kinds.extend(plant.stations.iter().filter_map(|s| Some(s.output.as_ref()?.type_code)));
        if plant.stations.iter().any(|s| s.kind.may_mint()) {
            kinds.extend(&self.state.item_kinds);
        }
        kinds.sort();
        kinds.dedup();
        kinds
    }
}

/// What the cloud says besides of a label that an event of this agent names which another
/// has corrected.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Seen {
    /// The last event of this agent about the label that the answer takes into account.
    seen: Option<Uuid>,
    /// The answer does not take all into account yet that the cloud was told: ask again.
    behind: bool,
}

/// Document numbers left at which more are asked for, and how many.
const SERIES_LOW: u64 = 100;
const SERIES_REQUEST: u32 = 500;
/// How long before a financial year begins its numbers are asked for.
pub const SERIES_AHEAD: chrono::TimeDelta = chrono::TimeDelta::days(30);
