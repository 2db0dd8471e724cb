//! Labels fresh off the printer: exactly as many as were asked for, none seen
//! before.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, bail};
use proto::v1;
use uid::{Key, Uid};

use super::Crew;
use crate::demo::plant::Site;
use crate::demo::world::TENANT;
use crate::plant::printer::uid_on;
use crate::plant::scanner::Answer;

/// How long people wait for labels when all is well.
const LABELS_WITHIN: Duration = Duration::from_secs(60);
/// How long they wait when the agent was killed meanwhile: it asks rather than
/// print twice.
const AFTER_A_KILL: Duration = Duration::from_secs(3);

/// What a reading recorded, as far as people must know it.
pub(super) struct Made {
    /// The UIDs born, in the order of their birth.
    pub uids: Vec<String>,
    /// The first document's number.
    pub number: String,
}

impl Crew {
    /// Where the journal ends now, for [`Crew::made`].
    pub(super) async fn mark(&self) -> anyhow::Result<i64> {
        self.journal.last().await
    }

    /// Takes `count` fresh labels off the printer after `answer`. When the agent
    /// died meanwhile and no more come, the agent's own record says which they
    /// were.
    pub(super) async fn made(
        &mut self,
        plant: &Site,
        since: (i64, u64),
        answer: &Answer,
        count: usize,
    ) -> anyhow::Result<Made> {
        let (mark, _) = since;
        let written = self.journal.made_by(mark, &answer.input_id).await?;
        let born = written.iter().flat_map(|event| &event.subjects).filter(|subject| subject.mint);
        let born: Vec<String> = born.map(|subject| text(subject.key)).collect::<anyhow::Result<_>>()?;
        let number = written.iter().flat_map(|event: &v1::Event| event.references.first()).next_back();
        let number = number.map(|reference| reference.number.clone()).unwrap_or_default();
        let unique: BTreeSet<&String> = born.iter().collect();
        if born.len() != count || unique.len() != count || born.iter().any(|uid| self.known.contains(uid)) {
            bail!("{}: {count} labels were asked for, and {born:?} recorded", self.code);
        }
        // What a person sees must be the same.
        if let Some(told) = answer.arg("number").filter(|told| *told != number) {
            bail!("{}: the page said {told}, and {number} is recorded", self.code);
        }
        self.await_labels(plant, &born, since).await?;
        self.known.extend(born.iter().cloned());
        Ok(Made { uids: born, number })
    }

    /// Waits until each label is out and the agent has written that down.
    async fn await_labels(&mut self, plant: &Site, born: &[String], since: (i64, u64)) -> anyhow::Result<()> {
        let (mark, restarts) = since;
        let printer = plant.printers.values().next().context("the plant has no printer")?;
        let begun = tokio::time::Instant::now();
        loop {
            let all = printer.labels();
            let fresh: Vec<String> = all
                .iter()
                .filter_map(|label| uid_on(label))
                .filter(|uid| !self.known.contains(uid))
                .collect();
            if let Some(strange) = fresh.iter().find(|uid| !born.contains(uid)) {
                bail!("{}: a label of {strange} came out, which nobody asked for", self.code);
            }
            if fresh.len() > born.len() {
                bail!("{}: {} labels came out for {}", self.code, fresh.len(), born.len());
            }
            let killed = plant.restarts() != restarts;
            if killed {
                // A label that came out may be one of which the agent does not know.
                self.truth.unsure_prints(born);
            }
            let patience = if killed { AFTER_A_KILL } else { LABELS_WITHIN };
            if (fresh.len() == born.len() && self.all_labelled(mark, born).await?)
                || (killed && begun.elapsed() > patience)
            {
                return Ok(());
            }
            if begun.elapsed() > patience {
                bail!(
                    "{}: {} of {} labels came out and are written down",
                    self.code,
                    fresh.len(),
                    born.len()
                );
            }
            let _ = tokio::time::timeout(Duration::from_millis(20), printer.wait_for(all.len() + 1)).await;
        }
    }

    async fn all_labelled(&self, mark: i64, born: &[String]) -> anyhow::Result<bool> {
        let mut labelled = BTreeSet::new();
        for stored in self.journal.events_from(mark).await? {
            let event = stored.event()?;
            if event.stage() == v1::Stage::Label {
                let keys = event.subjects.iter().map(|subject| text(subject.key));
                labelled.extend(keys.collect::<anyhow::Result<Vec<_>>>()?);
            }
        }
        Ok(born.iter().all(|uid| labelled.contains(uid)))
    }
}

fn text(key: i64) -> anyhow::Result<String> {
    let tenant = TENANT.parse().context("the tenant's code")?;
    Ok(Uid::from_key(tenant, Key::new(key).context("a key in the journal")?).to_string())
}
