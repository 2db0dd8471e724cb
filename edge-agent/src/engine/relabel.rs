//! Labels whose rows damage took, told again by the events that are still on disk.
//!
//! A label that all of its events tell is as it was. Any other is marked as lost: it may
//! be held, rejected or used up, and nothing of what a hold forbids is done with it until
//! a supervisor frees it, or the office has sent anew all that it holds and has told of it.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use proto::v1;
use uuid::Uuid;

use super::rules::Rules;
use super::writer::State;
use crate::journal::{Journal, JournalError, LabelRows, LabelsLost, MISSING, Place};
use crate::mint::MarkRead;
use crate::reference::Reference;
use crate::station::types::{Custody, Label};

/// Records read at once.
const PAGE: u32 = 512;
/// Packages in packages, at most.
const MAX_DEPTH: usize = 8;

/// Brings the labels to what the journal's events say of those whose rows are damaged or
/// missing, and doubts what is held as far as that does not tell all.
pub(super) async fn relabel(
    journal: &mut Journal,
    state: &mut State,
    read: &MarkRead,
) -> Result<(), JournalError> {
    let rows = journal.check_labels().await?;
    if !rows.whole {
        tracing::error!(
            damaged = rows.unsound.len(),
            missing = rows.missing(),
            "rows of labels were damaged or are missing; they are told again by the events on disk"
        );
        let told = tell(journal, state.rules.as_ref(), &rows).await?;
        // A stream that ends before its mark lacks events of which nothing is known.
        let head = journal.head();
        let short = match read {
            MarkRead::Found(mark) => (mark.epoch, mark.seq) > (head.epoch, head.seq),
            _ => state.behind.is_some(),
        };
        state.quarantined += rows.unsound.len() as u64;
        let settled = told.settle(journal, &rows, short).await?;
        let lost = settled.lost.max(journal.labels_lost());
        let held = settled.labels.iter().any(|label| !label.holds.is_empty());
        let labels = settled.labels.iter().filter_map(|label| Some((label.key, json(label)?))).collect();
        journal.mend_labels(&rows.unsound, labels, lost).await?;
        doubt(state, lost != LabelsLost::No, held);
    } else if journal.labels_lost() != LabelsLost::No {
        doubt(state, true, false);
    }
    Ok(())
}

/// Asks for all reference data: it says what is held of what is not known here any more,
/// and which holds that the events tell were released by the office.
pub(super) fn doubt(state: &mut State, lost: bool, held: bool) {
    if !lost && !held {
        return;
    }
    let mut reference = Reference::clone(&state.reference.load());
    reference.doubtful |= lost;
    reference.version = 0;
    state.refer(reference);
}

fn json(label: &Label) -> Option<String> {
    serde_json::to_string(label).inspect_err(|error| tracing::error!(label.key, %error, "no JSON")).ok()
}

/// How far the events of a label are there.
#[derive(Debug)]
struct History {
    /// It was born in one of them.
    born: bool,
    /// The first of all is there, and none from there to the last is missing.
    unbroken: bool,
    count: u32,
    last: Place,
}

/// What the events on disk tell.
#[derive(Debug, Default)]
struct Told {
    labels: HashMap<i64, Label>,
    histories: HashMap<i64, History>,
    /// Where an event last stood that cannot be read any more.
    gap: Option<Place>,
}

/// What is to be written.
struct Settled {
    labels: Vec<Label>,
    lost: LabelsLost,
}

/// Folds every event that names a label whose row cannot be believed.
async fn tell(journal: &mut Journal, rules: &dyn Rules, rows: &LabelRows) -> Result<Told, JournalError> {
    let mut told = Told::default();
    let mut seen: HashSet<Vec<u8>> = HashSet::new();
    let mut last: Option<Place> = None;
    let head = journal.head();
    let older = journal.older().await?;
    let mut firsts: HashMap<u32, u64> = older.iter().map(|epoch| (epoch.epoch, epoch.oldest_seq)).collect();
    // What was pruned lies before the first of an epoch, and the cloud has it.
    let kept = journal.first_kept().await?;
    firsts.insert(head.epoch, kept);
    loop {
        let page = journal.records_after(last, PAGE).await?;
        if page.is_empty() {
            if kept <= head.seq && last < Some(head.place()) {
                told.gap = last.or(Some(head.place()));
            }
            return Ok(told);
        }
        for record in page {
            let place = record.place;
            let due = match last.filter(|last| last.epoch == place.epoch) {
                Some(last) => last.seq + 1,
                None => firsts.get(&place.epoch).copied().unwrap_or(1),
            };
            if place.seq > due {
                told.gap = Some(Place { epoch: place.epoch, seq: place.seq - 1 });
            }
            last = Some(place);
            let event = match record.check_deep() {
                Ok(event) if event.stage() != v1::Stage::Lost => event,
                _ => {
                    told.gap = Some(place);
                    continue;
                }
            };
            let corrected = match Uuid::from_slice(&event.corrects) {
                Ok(id) => journal.event(id).await?,
                Err(_) => None,
            };
            let mut named = event.subjects.iter().chain(corrected.iter().flat_map(|event| &event.subjects));
            let of_lost = named.any(|s| s.key > 0 && !rows.is_sound(s.key));
            // An event that is being recorded again stands in two epochs.
            if of_lost && seen.insert(event.event_id.clone()) {
                told.add(rules, place, &event, corrected.as_ref());
            }
        }
    }
}

impl Told {
    fn add(&mut self, rules: &dyn Rules, place: Place, event: &v1::Event, corrected: Option<&v1::Event>) {
        let mut named: HashSet<i64> = HashSet::new();
        for subject in event.subjects.iter().filter(|subject| subject.key > 0) {
            if !named.insert(subject.key) {
                continue;
            }
            match self.histories.get_mut(&subject.key) {
                Some(history) => {
                    history.born |= subject.mint;
                    history.unbroken &= subject.count == history.count + 1;
                    history.count = subject.count;
                    history.last = place;
                }
                None => {
                    let (born, unbroken, count) = (subject.mint, subject.count == 1, subject.count);
                    if !(unbroken && (born || event.stage() == v1::Stage::Procurement)) {
                        self.labels.insert(subject.key, beginning(subject.key));
                    }
                    self.histories.insert(subject.key, History { born, unbroken, count, last: place });
                }
            }
        }
        // What is taken back of a label whose events are not here tells nothing of it.
        for subject in corrected.iter().flat_map(|event| &event.subjects).filter(|s| s.key > 0) {
            self.histories.entry(subject.key).or_insert_with(|| {
                self.labels.insert(subject.key, beginning(subject.key));
                History { born: false, unbroken: false, count: 0, last: place }
            });
        }
        rules.fold(&mut self.labels, event, corrected);
    }

    /// The labels to be written in the place of the rows that are not there, and what is
    /// known of those that are missing then.
    async fn settle(
        mut self,
        journal: &mut Journal,
        rows: &LabelRows,
        short: bool,
    ) -> Result<Settled, JournalError> {
        let blind = self.gap.is_some() || short;
        let mut keys: Vec<i64> = self.histories.keys().copied().filter(|key| !rows.is_sound(*key)).collect();
        keys.sort_unstable();
        // Labels that left long ago have no row for that, and may have events still.
        let found =
            keys.iter().filter(|key| rows.unsound.binary_search(key).is_err() && !self.is_away(**key));
        let found = i64::try_from(found.count()).unwrap_or(i64::MAX);
        let untold = rows.unsound.iter().filter(|key| !self.histories.contains_key(*key));
        let untold: Vec<i64> = untold.copied().collect();
        let mut all = rows.missing() == Some(found) && untold.is_empty() && !rows.is_old();
        let mut labels = Vec::new();
        for key in keys {
            let (Some(history), Some(mut label)) = (self.histories.get(&key), self.labels.remove(&key))
            else {
                continue;
            };
            let whole = history.born && history.unbroken && !short;
            let whole = whole && self.gap.is_none_or(|gap| gap < history.last);
            if !whole {
                all = false;
                if rows.is_old() {
                    label = with_old(journal, label).await?;
                }
                label.lost = true;
                if blind {
                    // No answer of the cloud frees it.
                    label.told_at = None;
                }
            }
            labels.push(label);
        }
        labels.extend(untold.into_iter().map(|key| if blind { Label::lost(key) } else { missing(key) }));
        let lost = match (all, blind) {
            (true, _) => LabelsLost::No,
            (false, false) => LabelsLost::Told,
            (false, true) => LabelsLost::Blind,
        };
        Ok(Settled { labels, lost })
    }

    /// Whether it left the plant, by itself or in what it lies in.
    fn is_away(&self, key: i64) -> bool {
        let mut at = key;
        for _ in 0..MAX_DEPTH {
            match self.labels.get(&at).map(|label| &label.custody) {
                Some(Custody::Parent { key }) => at = *key,
                Some(Custody::Customer | Custody::Supplier | Custody::InTransit { .. }) => return true,
                _ => return false,
            }
        }
        true
    }
}

/// What is known of a label before the first of its events that is here: what the cloud
/// will tell, so that it is kept what they set.
fn beginning(key: i64) -> Label {
    Label { told_at: Some(DateTime::<Utc>::UNIX_EPOCH), ..Label::new(key) }
}

/// A label that has no row and no event here, and of which the cloud can tell.
pub(super) fn missing(key: i64) -> Label {
    Label { lost: true, ..beginning(key) }
}

/// A label that cannot be read, by what stands in the place of its JSON.
pub(super) fn unread(key: i64, json: &str) -> Label {
    if json == MISSING { missing(key) } else { Label::lost(key) }
}

/// The row that stands there, with the holds that the events tell: which of the two is
/// the newer is not known.
async fn with_old(journal: &mut Journal, told: Label) -> Result<Label, JournalError> {
    let stored = journal.labels(&[told.key]).await?.remove(&told.key);
    let Some(mut label) = stored.and_then(|json| serde_json::from_str::<Label>(&json).ok()) else {
        return Ok(told);
    };
    for hold in told.holds {
        if !label.holds.contains(&hold) {
            label.holds.push(hold);
        }
    }
    Ok(label)
}
