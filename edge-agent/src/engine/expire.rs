//! What need not be kept for ever beside the events: labels that left the plant
//! long ago, prints whose fate is known, damage found long ago. Events go by
//! their own rule ([`crate::journal::PrunePolicy`]).

use std::time::{Duration, Instant};

use chrono::DateTime;

use super::writer::Writer;
use crate::journal::JournalError;
use crate::station::types::{Custody, Label};

/// Labels looked at in one tick.
const PAGE: usize = 256;
/// Packages in packages, at most.
const MAX_DEPTH: usize = 8;
/// From one look at everything to the next.
const EVERY: Duration = Duration::from_secs(6 * 3600);

/// How far the look at all labels has come.
#[derive(Debug, Default)]
pub(super) struct Expiry {
    /// Last key looked at.
    after: i64,
    /// Prints told of before this go, once it is known for this look.
    prints_before: Option<i64>,
    /// Prints and damage are done with in this look: each time both are read from end to end.
    swept: bool,
    /// When the last look at everything ended.
    ended: Option<Instant>,
}

impl Writer {
    /// Removes a little of what has expired. Nothing while the clock is not borne
    /// out by the cloud's, which is asked should a label come back.
    pub async fn expire(&mut self) -> Result<(), JournalError> {
        let resting = self.expiry.ended.is_some_and(|ended| ended.elapsed() < EVERY);
        if resting || !self.state.clock_confirmed {
            return Ok(());
        }
        let now = (self.state.settings.now)().timestamp();
        let before = |days: u32| now - i64::from(days) * 86_400;
        let settings = &self.state.settings;
        let labels_before = before(settings.labels_days);
        let (prints, damage) = (before(settings.prints_days), before(settings.damage_days));
        let more = !self.expiry.swept && self.sweep(prints, labels_before, damage).await?;

        let page = self.journal.labels_after(self.expiry.after, PAGE).await?;
        let last = page.last().map(|(key, _)| *key);
        let read = |(_, json): &(i64, String)| serde_json::from_str::<Label>(json).ok();
        let gone: Vec<Label> =
            page.iter().filter_map(read).filter(|label| left_before(label, labels_before)).collect();
        let keys = self.with_contents(gone).await?;
        self.journal.forget_labels(&keys).await?;
        match last {
            Some(last) => self.expiry.after = last,
            None if more => {}
            None => self.expiry = Expiry { ended: Some(Instant::now()), ..Expiry::default() },
        }
        Ok(())
    }

    /// Removes a chunk of the prints and the damage from before these times, seconds since the
    /// epoch, and of prints beyond so many; `true` when there may be more. A label that is printed
    /// again is made of what is known of it, not of its print; of one that may not have come out
    /// (`asked`) it is asked as long as of a label that left.
    async fn sweep(&mut self, prints: i64, asked: i64, damage: i64) -> Result<bool, JournalError> {
        let before = match self.expiry.prints_before {
            Some(before) => before,
            None => {
                let beyond = self.journal.newest_prints(self.state.settings.prints_kept).await?;
                beyond.map_or(prints, |beyond| beyond.max(prints))
            }
        };
        self.expiry.prints_before = Some(before);
        let more =
            self.journal.expire_prints(before, asked).await? | self.journal.expire_damage(damage).await?;
        self.expiry.swept = !more;
        Ok(more)
    }

    /// The keys of labels and of all that is in them.
    async fn with_contents(&mut self, labels: Vec<Label>) -> Result<Vec<i64>, JournalError> {
        let mut keys = Vec::new();
        let mut level = labels;
        for _ in 0..MAX_DEPTH {
            keys.extend(level.iter().map(|label| label.key));
            let inside: Vec<i64> = level.iter().flat_map(|label| label.children.iter().copied()).collect();
            let found = self.journal.labels(&inside).await?;
            let read = |json: &String| serde_json::from_str::<Label>(json).ok();
            let still_in =
                |label: &Label| matches!(label.custody, Custody::Parent { key } if keys.contains(&key));
            level = found.values().filter_map(read).filter(still_in).collect();
            if level.is_empty() {
                break;
            }
        }
        Ok(keys)
    }
}

/// Whether a label left the plant and nothing happened to it here since `before`,
/// seconds since the epoch.
fn left_before(label: &Label, before: i64) -> bool {
    let left = matches!(label.custody, Custody::Customer | Custody::Supplier | Custody::InTransit { .. });
    let happened = label.last_event.and_then(|id| id.get_timestamp()).map(|at| at.to_unix().0);
    // One of which nothing happened here came from the cloud, and can again.
    let at = happened.and_then(|s| DateTime::from_timestamp(i64::try_from(s).ok()?, 0));
    left && at.is_none_or(|at| at.timestamp() < before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn only_what_left_and_long_ago_goes() {
        let now = chrono::Utc::now().timestamp();
        let mut label = Label::new(1);
        label.last_event = Some(Uuid::now_v7());
        assert!(!left_before(&label, now + 60), "it is here");
        label.custody = Custody::Customer;
        assert!(!left_before(&label, now - 60), "it left a moment ago");
        assert!(left_before(&label, now + 60));
        label.custody = Custody::Parent { key: 2 };
        assert!(!left_before(&label, now + 60), "it goes with what it is in");
    }
}
