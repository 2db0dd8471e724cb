//! Whether a mirror equals Postgres: row by row, by hashes that know no order. Each part (some
//! thousand events of a stream, or the links of some UIDs) is one hash per fact on both sides,
//! made in SQL of all columns; where they differ, by event, and in the end the rows themselves.
//! Neither side stands still meanwhile, and dashboards are answered between two parts.

mod here;
mod rows;
mod there;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use duckdb::Connection;
use platform::db::Db;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Answer, During, MirrorError, Mirrors, Settings, tx};

/// Differences that are told; more than that are one disaster.
const TOLD: usize = 100;
/// Events of a stream that are looked at at once.
const EVENTS: i64 = 50_000;
/// Parts of the units, and of the moments, for what is kept of them beside the facts.
const UNITS: i64 = 16;

/// What was compared, and what differed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Both were looked at up to this batch.
    pub batch: i64,
    /// Events compared.
    pub events: i64,
    /// Each in words, at most a hundred; none when they are equal.
    pub differences: Vec<String>,
}

/// A check that was made: kept beside the file, so that the next one is due by the clock,
/// whenever the process was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// When it ended.
    pub at: DateTime<Utc>,
    /// What it found.
    pub report: Report,
}

/// The last check of a tenant's mirror in a folder, which may be another process's.
#[must_use]
pub fn last(settings: &Settings, tenant: Uuid) -> Option<Checked> {
    serde_json::from_slice(&std::fs::read(settings.checked(tenant)).ok()?).ok()
}

/// A fact that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fact {
    Lifecycle,
    Reading,
    Inspection,
    Packing,
    Genealogy,
}

impl Fact {
    const OF_EVENTS: [Self; 4] = [Self::Lifecycle, Self::Reading, Self::Inspection, Self::Packing];

    fn table(self) -> &'static str {
        match self {
            Self::Lifecycle => "fact_lifecycle",
            Self::Reading => "fact_reading",
            Self::Inspection => "fact_inspection",
            Self::Packing => "fact_packing",
            Self::Genealogy => "fact_genealogy",
        }
    }

    /// The column by which a part is cut: events by their seq, links by the UID they lead from.
    fn at(self) -> &'static str {
        if self == Self::Genealogy { "from_key" } else { "seq" }
    }
}

/// A part: events of a stream between two seqs, or without one links from UIDs between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    stream: Option<(Uuid, i32)>,
    low: i64,
    high: i64,
}

impl Part {
    fn facts(&self) -> &'static [Fact] {
        if self.stream.is_some() { &Fact::OF_EVENTS } else { &[Fact::Genealogy] }
    }

    /// What it is of, in words.
    fn told(&self) -> String {
        self.stream.map_or_else(String::new, |(agent, epoch)| format!("agent {agent} epoch {epoch}: "))
    }
}

/// How closely a part is looked at: each place of it alone, and the rows themselves.
#[derive(Debug, Clone, Copy, Default)]
struct Look {
    each: bool,
    tell: bool,
}

/// Rows of a fact that are looked at together.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    count: i64,
    /// The sum of the hashes of the rows: the same in any order, another when a row is
    /// missing or there twice.
    sum: String,
    rows: Option<String>,
}

/// By fact and place; the place is 0 where all of a part are one.
type Groups = BTreeMap<(Fact, i64), Group>;

/// Places of which the two sides say different things.
fn different(here: &Groups, there: &Groups) -> BTreeSet<(Fact, i64)> {
    here.keys().chain(there.keys()).filter(|place| here.get(place) != there.get(place)).copied().collect()
}

/// Takes in what is there, and compares.
///
/// # Errors
/// [`MirrorError`]; a difference is no error.
pub async fn check(
    mirrors: &Mirrors,
    db: &Db,
    tenant: Uuid,
    now: DateTime<Utc>,
) -> Result<Report, MirrorError> {
    let check = Check { mirrors, db, tenant, now };
    check.catch_up().await?;
    let mut report = Report { batch: 0, events: 0, differences: Vec::new() };
    for part in check.parts(&mut report).await? {
        if report.differences.len() >= TOLD {
            break;
        }
        check.part(&part, &mut report).await?;
    }
    let mut after = i64::MIN;
    loop {
        let until = tx(db, tenant, async |tx| Ok(there::links_until(tx, after).await?)).await?;
        let high = until.unwrap_or(i64::MAX);
        // Links of one UID are never cut in two.
        check.part(&Part { stream: None, low: after, high }, &mut report).await?;
        match high.checked_add(1) {
            Some(next) if until.is_some() && report.differences.len() < TOLD => after = next,
            _ => break,
        }
    }
    check.kept(&mut report).await?;
    report.differences.truncate(TOLD);
    mirrors.checked(tenant, &Checked { at: Utc::now(), report: report.clone() })?;
    Ok(report)
}

struct Check<'a> {
    mirrors: &'a Mirrors,
    db: &'a Db,
    tenant: Uuid,
    now: DateTime<Utc>,
}

impl Check<'_> {
    async fn catch_up(&self) -> Result<(), MirrorError> {
        self.mirrors.catch_up(self.db, self.tenant, self.now, |_, _| {}).await?;
        // Orders change in the office without a batch.
        self.mirrors.rename(self.db, self.tenant).await
    }

    /// Reads the mirror, as a check of it.
    async fn here<T, F>(&self, work: F) -> Result<Answer<T>, MirrorError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> duckdb::Result<T> + Send + 'static,
    {
        self.mirrors.read(self.tenant, During::Check, work).await
    }

    /// All parts of all streams that either side knows.
    async fn parts(&self, report: &mut Report) -> Result<Vec<Part>, MirrorError> {
        let here = self.here(here::streams).await?.value;
        let there = tx(self.db, self.tenant, async |tx| Ok(there::streams(tx).await?)).await?;
        let mut tops: BTreeMap<(Uuid, i32), i64> = BTreeMap::new();
        for (agent, epoch, top) in there {
            tops.insert((agent, epoch), top);
        }
        for (agent, epoch, top) in here {
            let Ok(agent) = agent.parse() else {
                let what =
                    format!("facts of epoch {epoch}, up to seq {top}: their agent is not in dim_agent");
                report.differences.push(what);
                continue;
            };
            let known = tops.entry((agent, epoch)).or_default();
            *known = top.max(*known);
        }
        let mut parts = Vec::new();
        for (stream, top) in tops {
            let (mut low, mut high) = (i64::MIN, EVENTS);
            loop {
                parts.push(Part { stream: Some(stream), low, high: high.min(top.max(1)) });
                if high >= top {
                    break;
                }
                (low, high) = (high.saturating_add(1), high.saturating_add(EVENTS));
            }
        }
        Ok(parts)
    }

    /// Looks at a part from both sides; the mirror first, which so is never ahead. Answers the
    /// mirror's batch as well.
    async fn look(&self, part: Part, look: Look) -> Result<(i64, Groups, Groups), MirrorError> {
        let here = self.here(move |conn| here::groups(conn, &part, look)).await?;
        let there = tx(self.db, self.tenant, async |tx| Ok(there::groups(tx, &part, look).await?)).await?;
        Ok((here.fresh.batch, here.value, there))
    }

    async fn part(&self, part: &Part, report: &mut Report) -> Result<(), MirrorError> {
        let (batch, here, there) = self.look(*part, Look::default()).await?;
        report.batch = report.batch.max(batch);
        report.events += there.get(&(Fact::Lifecycle, 0)).map_or(0, |group| group.count);
        if different(&here, &there).is_empty() {
            return Ok(());
        }
        // What came meanwhile differs as well. What Postgres says twice, with all taken in
        // between, the mirror has to say too.
        let each = Look { each: true, tell: false };
        let (_, here, before) = self.look(*part, each).await?;
        let suspect = different(&here, &before);
        self.catch_up().await?;
        let (batch, here, there) = self.look(*part, each).await?;
        report.batch = report.batch.max(batch);
        let mut stays = different(&here, &there);
        stays.retain(|place| suspect.contains(place) && before.get(place) == there.get(place));
        for (fact, at) in stays {
            if report.differences.len() >= TOLD {
                break;
            }
            let one = Part { low: at, high: at, ..*part };
            let (_, here, there) = self.look(one, Look { each: true, tell: true }).await?;
            let told = |of: &Groups| of.get(&(fact, at)).and_then(|group| group.rows.clone());
            let told = rows::differences(fact, told(&here).as_deref(), told(&there).as_deref());
            report.differences.extend(told.into_iter().map(|one| format!("{}{one}", part.told())));
        }
        Ok(())
    }

    /// What a mirror keeps beside its facts is what these add up to.
    async fn kept(&self, report: &mut Report) -> Result<(), MirrorError> {
        let months = self.here(here::months).await?.value;
        for month in months {
            if report.differences.len() >= TOLD {
                return Ok(());
            }
            let told = self.here(move |conn| here::sums_of(conn, &month)).await?;
            report.differences.extend(told.value);
        }
        for part in 0..UNITS {
            let told = self.here(move |conn| here::firsts_of(conn, part, UNITS)).await?;
            report.differences.extend(told.value);
            let told = self.here(move |conn| here::goods_of(conn, part, UNITS)).await?;
            report.differences.extend(told.value);
        }
        Ok(())
    }
}
