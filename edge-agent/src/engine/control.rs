//! What the cloud tells, and what the uplink asks for: done alone, between two
//! groups of facts, each in its own transaction.

use chrono::{DateTime, Utc};
use proto::v1;
use uid::TypeCode;

use super::EngineError;
use super::command::{Control, Done};
use super::start::{BEHIND, EPOCH_MACHINE, FORK_FROM, REFERENCE_AS_OF, REFERENCE_VERSION};
use super::writer::Writer;
use crate::journal::{Acked, Place, Quarantined, ReferenceRow, Verified, WriteSet};
use crate::mint::{Granted, Mint};
use crate::reference::Reference;
use crate::station::types::Label;

/// Chunks of one version that came so far.
pub(super) struct Staged {
    version: u64,
    full: bool,
    rows: Vec<ReferenceRow>,
}

impl Writer {
    pub async fn control(&mut self, control: Control) {
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
            Control::Epoch { change, done } => {
                let result = self.epoch(&change).await;
                self.reply(done, result);
            }
            Control::Acked { epoch, through_seq, prune_through } => {
                self.acked(epoch, through_seq, prune_through, false);
            }
            Control::Welcomed { epoch, through_seq, prune_through, done } => {
                self.acked(epoch, through_seq, prune_through, true);
                self.reply(done, Ok(()));
            }
            Control::Label { answer, done } => {
                let result = self.label(&answer).await;
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
        }
    }

    fn reply<T>(&mut self, done: Done<T>, result: Result<T, EngineError>) {
        // Whoever is answered may look at the status at once.
        self.publish();
        // Whoever asked may have gone; what was done stays done.
        drop(done.send(result));
    }

    async fn grant(
        &mut self,
        take: impl FnOnce(&mut Mint) -> Result<Granted, crate::mint::GrantError>,
    ) -> Result<Granted, EngineError> {
        if let Some((reason, _)) = &self.state.behind {
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
        let Staged { version, full, rows } = staged;
        let mut reference =
            if full { Reference::default() } else { Reference::clone(&self.state.reference.load()) };
        if !full {
            for (kind, json) in self.journal.reference_now(&rows).await? {
                reference.remove(&kind, &json);
            }
        }
        let mut unread = if full { 0 } else { self.state.reference_unread };
        for row in rows.iter().filter(|r| !r.deleted) {
            if let Err(error) = reference.insert(&row.kind, &row.json) {
                tracing::warn!(kind = row.kind, id = row.id, %error, "a row was not understood");
                unread += 1;
            }
        }
        reference.settle();
        let now = (self.state.settings.now)();
        reference.version = version;
        reference.as_of = Some(now);
        let meta = vec![
            (REFERENCE_VERSION.to_owned(), version.to_string()),
            (REFERENCE_AS_OF.to_owned(), now.to_rfc3339()),
        ];
        self.journal.write_reference(full, rows, meta).await?;
        self.state.refer(reference);
        self.state.reference_unread = unread;
        Ok(version)
    }

    /// The cloud says that this version is the newest.
    async fn reference_current(&mut self, version: u64, at: DateTime<Utc>) {
        let current = self.state.reference.load();
        if current.version != version {
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

    /// Begins a new epoch, as the contract's `EpochChange` says. One that is not
    /// newer changes nothing.
    async fn epoch(&mut self, change: &v1::EpochChange) -> Result<(), EngineError> {
        let old = self.journal.head();
        if change.epoch <= old.epoch {
            return Ok(());
        }
        // What this disk recorded after it parted from the true stream, under
        // numbers that the cloud may have seen otherwise, is sent again as well.
        let fork = self.state.behind.as_ref().map_or(u64::MAX, |(_, from)| *from);
        let through = change.through_seq.min(fork).min(old.seq);
        let machine = self.state.settings.machine_id.clone();
        let meta = [(EPOCH_MACHINE, machine.as_str()), (BEHIND, ""), (FORK_FROM, "")];
        let head = match self.journal.begin_epoch(change.epoch, through, &meta).await {
            Err(error) if error.is_corrupt() => {
                self.recover(&error).await;
                self.journal.begin_epoch(change.epoch, through, &meta).await?
            }
            head => head?,
        };
        tracing::warn!(
            epoch = change.epoch,
            reason = change.reason,
            through,
            again = head.seq,
            "a new epoch began; unused numbers are void"
        );
        self.state.mint.begin_epoch(change.epoch);
        self.state.behind = None;
        let entry = self.state.acked.entry(old.epoch).or_insert(Acked {
            epoch: old.epoch,
            through_seq: 0,
            prune_through: 0,
        });
        entry.through_seq = entry.through_seq.max(through);
        self.acks_dirty = true;
        self.write_mark().await;
        self.state.judge_minting();
        self.head.send_replace(head);
        Ok(())
    }

    fn acked(&mut self, epoch: u32, through_seq: u64, prune_through: u64, reset: bool) {
        let head = self.journal.head();
        let through_seq = if epoch == head.epoch { through_seq.min(head.seq) } else { through_seq };
        let before = self.state.acked.get(&epoch).copied();
        let acked = match before {
            Some(b) if !reset => Acked {
                epoch,
                through_seq: b.through_seq.max(through_seq),
                prune_through: b.prune_through.max(prune_through),
            },
            _ => Acked { epoch, through_seq, prune_through },
        };
        if before == Some(acked) {
            return;
        }
        self.prune_due |= before.is_none_or(|b| b.prune_through != acked.prune_through);
        self.state.acked.insert(epoch, acked);
        self.acks_dirty = true;
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
        let known = stored.and_then(|json| serde_json::from_str::<Label>(&json).ok());
        if let Some(known) = known {
            if known.known() {
                return Ok(());
            }
            told = crate::station::learn(known, told);
        }
        let json = serde_json::to_string(&told)
            .map_err(|e| EngineError::Label { key: answer.key, detail: e.to_string() })?;
        let set = WriteSet { labels: vec![(answer.key, json)], ..WriteSet::default() };
        self.journal.commit(set).await?;
        Ok(())
    }

    async fn quarantine(&mut self, place: Place, problem: String) -> Result<Vec<Quarantined>, EngineError> {
        // The reader may have seen what is gone now; what it saw is looked at
        // again, and only a record that is still damaged is replaced.
        tracing::warn!(epoch = place.epoch, seq = place.seq, problem, "a record is examined");
        let replaced = match self.journal.quarantine(place, None).await {
            Err(error) if error.is_corrupt() => {
                // The page itself is beyond SQLite; so is writing next to it.
                self.recover(&error).await;
                self.journal.quarantine(place, None).await?
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
        let numbers = self.state.mint.series_levels();
        let mut series: Vec<&String> =
            self.state.plant.stations.iter().filter_map(|s| s.series.as_ref()).collect();
        series.sort();
        series.dedup();
        for series in series {
            let left = numbers.iter().find(|n| &n.series == series).map_or(0, |n| n.left);
            if left < SERIES_LOW {
                wishes.series.push((series.clone(), SERIES_REQUEST));
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

/// Document numbers left at which more are asked for, and how many.
const SERIES_LOW: u64 = 100;
const SERIES_REQUEST: u32 = 500;
