//! What concerns the stream as a whole: how a Hello describes the journal, what
//! the cloud says that it has, and the change to a new epoch.

use chrono::{DateTime, Utc};
use proto::v1;

use super::EngineError;
use super::command::{Control, Done};
use super::start::{BEHIND, EPOCH_MACHINE};
use super::writer::{State, Writer};
use crate::journal::{Acked, Head, JournalError};

/// The plant's clock may be off by this much from the cloud's and still say how
/// old a record is.
const CLOCK_OFF_S: i64 = 3600;

impl State {
    /// Events of all epochs that the cloud does not have yet.
    pub fn queued(&self, head: Head) -> u64 {
        let acked = |epoch: u32| self.acked.get(&epoch).map_or(0, |a| a.through_seq);
        let older =
            self.older.iter().map(|o| o.head_seq.saturating_sub(acked(o.epoch).max(o.oldest_seq - 1)));
        older.sum::<u64>() + head.seq.saturating_sub(acked(head.epoch))
    }
}

impl Writer {
    /// The first message of a stream. The hashes are those of the bytes as they
    /// would be sent, or were where the cloud has them.
    pub async fn hello(&mut self, software: String) -> Result<v1::Hello, EngineError> {
        let head = self.journal.head();
        let oldest_seq = self.journal.first_kept().await?;
        self.state.older = self.journal.older().await?;
        let state = &self.state;
        let mark = |level: &crate::mint::LeaseLevel| v1::LeaseMark {
            r#type: level.kind.to_string(),
            highest_used: level.highest_used,
            highest_granted: level.highest_granted,
        };
        let older = |o: &crate::journal::OlderEpoch| v1::EpochHead {
            epoch: o.epoch,
            oldest_seq: o.oldest_seq,
            head_seq: o.head_seq,
            head_hash: o.head_hash.to_vec(),
        };
        let series = |(series, highest_granted): (&String, u64)| v1::SeriesMark {
            series: series.clone(),
            highest_granted,
            prefix: String::new(),
        };
        let prefix = |(series, prefix, highest_granted): (&String, &String, u64)| v1::SeriesMark {
            series: series.clone(),
            highest_granted,
            prefix: prefix.clone(),
        };
        let series_marks = state.mint.series_marks().map(series);
        let series_marks = series_marks.chain(state.mint.prefix_marks().map(prefix)).collect();
        Ok(v1::Hello {
            epoch: head.epoch,
            head_seq: head.seq,
            head_hash: head.hash.to_vec(),
            oldest_seq,
            marks: state.mint.levels().iter().map(mark).collect(),
            machine_id: state.settings.machine_id.clone(),
            reference_version: state.reference.load().version,
            software,
            behind_mark: state.behind.is_some(),
            older_epochs: state.older.iter().map(older).collect(),
            generation: state.generation,
            series_marks,
        })
    }

    /// The cloud's cursors. They count even where they are behind what was
    /// acknowledged: a cloud that was restored has less.
    pub async fn welcomed(&mut self, welcome: &v1::Welcome) -> Result<(), EngineError> {
        let v1::Welcome { epoch, through_seq, prune_through_seq, .. } = *welcome;
        for older in &welcome.older_epochs {
            let prune = self.state.acked.get(&older.epoch).map_or(0, |a| a.prune_through);
            self.acked(older.epoch, older.through_seq, prune.min(older.through_seq), true);
        }
        self.acked(epoch, through_seq, prune_through_seq, true);
        let head = self.journal.head();
        if epoch == head.epoch && through_seq < head.seq {
            self.journal.head_is_unsent().await?;
        }
        // One that only sends the stream back tells none.
        if welcome.generation != 0 {
            self.told_generation = welcome.generation;
        }
        self.confirm_clock(welcome.cloud_time_us);
        Ok(())
    }

    /// A clock that the cloud's bears out may say what is old enough to go.
    fn confirm_clock(&mut self, cloud_time_us: i64) {
        let Some(cloud) = DateTime::<Utc>::from_timestamp_micros(cloud_time_us) else { return };
        let off = ((self.state.settings.now)() - cloud).num_seconds();
        self.state.clock_confirmed = off.abs() <= CLOCK_OFF_S;
        self.prune_due |= self.state.clock_confirmed;
        if !self.state.clock_confirmed {
            tracing::warn!(off_s = off, "the clock differs from the cloud's; nothing is removed by its age");
        }
    }

    pub fn acked(&mut self, epoch: u32, through_seq: u64, prune_through: u64, reset: bool) {
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

    /// Begins a new epoch, as the contract's `EpochChange` says; `done` is told
    /// when it has begun. One that is not newer changes nothing.
    pub async fn epoch(&mut self, change: v1::EpochChange, done: Done<()>) {
        let old = self.journal.head();
        if change.epoch <= old.epoch {
            return self.reply(done, Ok(()));
        }
        let begun = self.begin(&change, old).await;
        match begun {
            // Recorded again first; the last chunk answers.
            Ok(false) => self.turning.push(done),
            other => self.reply(done, other.map(|_| ())),
        }
    }

    /// `true` when the epoch has begun, `false` when events are recorded again
    /// first.
    async fn begin(&mut self, change: &v1::EpochChange, old: Head) -> Result<bool, EngineError> {
        // The cloud names what its hashes prove to be common.
        let through = change.through_seq.min(old.seq);
        let meta = vec![
            (EPOCH_MACHINE.to_owned(), self.state.settings.machine_id.clone()),
            (BEHIND.to_owned(), String::new()),
        ];
        // The highest acknowledgement is part of what the old epoch leaves behind.
        self.write_acks().await?;
        tracing::warn!(
            epoch = change.epoch,
            reason = change.reason,
            through,
            drain = change.drain,
            "a new epoch begins; unused numbers are void"
        );
        if change.drain || through == old.seq {
            let head = self.journal.begin_epoch(change.epoch, through, meta).await?;
            self.begun(head).await?;
            return Ok(true);
        }
        self.journal.begin_again(change.epoch, through, meta).await?;
        let reason = format!("epoch {} begins: events are recorded again", change.epoch);
        self.state.behind.get_or_insert(reason);
        self.state.judge_minting();
        Ok(false)
    }

    /// Records a chunk again, where that is under way. Everything that asked for
    /// the new epoch, or waits for it, is answered with the last one.
    pub async fn again(&mut self) {
        let stepped = match self.journal.step_again().await {
            Ok(None) => return,
            Ok(Some(head)) => self.begun(head).await,
            Err(error) => Err(error),
        };
        if let Err(error) = stepped {
            tracing::error!(%error, "events could not be recorded again; it is tried again");
            self.recover(&error).await;
            self.again_at = std::time::Instant::now() + super::writer::TICK;
            return;
        }
        for done in std::mem::take(&mut self.turning) {
            self.reply(done, Ok(()));
        }
        for control in std::mem::take(&mut self.after_turn) {
            Box::pin(self.control(control)).await;
        }
    }

    /// Whether a command must wait until events are recorded again.
    pub fn waits_for_epoch(&self, control: &Control) -> bool {
        let stream =
            matches!(control, Control::Hello { .. } | Control::Epoch { .. } | Control::Verify { .. });
        stream && self.journal.again().is_some()
    }

    async fn begun(&mut self, head: Head) -> Result<(), JournalError> {
        let older = self.journal.older().await?;
        self.state.older = older;
        self.state.mint.begin_epoch(head.epoch);
        self.state.behind = None;
        // As the journal has it: what it left behind counts as it was written.
        for acked in self.journal.acks().await? {
            self.state.acked.insert(acked.epoch, acked);
        }
        self.write_mark().await;
        self.state.judge_minting();
        self.head.send_replace(head);
        Ok(())
    }
}
