//! Numbers that agents may use without asking: ranges of UIDs and of document
//! numbers, granted under a row lock, never twice.

mod store;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use platform::audit::{self, Entry};
use platform::db::{DbError, Tx};
use platform::numbering::{NumberingError, agents};
use serde_json::json;
use uid::{MAX_SEQUENCE, TypeCode};
use uuid::Uuid;

use crate::ingest::epochs;
use crate::ingest::findings::Finding;
use crate::ingest::rows::{Decoded, EventRow};
use crate::ingest::store as ingest_store;
use crate::ingest::store::Stream;
use crate::ingest::{IngestError, Source};

/// Most UIDs in one range; an agent that wants more asks again.
pub const MAX_LEASE: u32 = 1_000_000;
/// Fewest UIDs in one range, so that a careless agent makes no flood of rows.
pub const MIN_LEASE: u32 = 16;
/// Most document numbers in one range. Unused ones leave a hole in the series.
pub const MAX_SERIES: u32 = 1_000;
/// Furthest from now of a moment for whose documents numbers are asked.
const MOST_AWAY: TimeDelta = TimeDelta::days(60);

/// Why nothing was granted.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Not a type code.
    #[error("{0:?} is no type of UID")]
    Type(String),
    /// The agent belongs to no plant.
    #[error("an agent without a plant mints nothing")]
    NoPlant,
    /// All numbers of this plant and type are used up.
    #[error("plant {plant} has no numbers of type {kind} left")]
    Exhausted {
        /// Plant code.
        plant: String,
        /// Type code.
        kind: String,
    },
    /// The plant has no such series.
    #[error("plant {plant} has no number series {series:?}")]
    Series {
        /// Plant code.
        plant: String,
        /// What was asked.
        series: String,
    },
    /// The moment for whose documents numbers are asked is far from now: a clock is wrong.
    #[error("numbers are asked for documents of {0}, which is far from now: look at the agent's clock")]
    Time(DateTime<Utc>),
    /// A document series of the master.
    #[error("{0}")]
    Numbering(String),
    /// The agent is not in its current epoch, in which alone it may mint.
    #[error("the agent is to go on in epoch {current}")]
    OldEpoch {
        /// The epoch in which it may mint.
        current: i32,
    },
    /// Two machines seem to run under the agent's identity.
    #[error(
        "two machines run under the identity of this agent, so it is given no numbers: switch one off, then \
         `cloud agent raise-epoch`, or enrol one of them anew"
    )]
    Contested,
    /// The tenant has no such agent, or it is revoked.
    #[error("no such agent")]
    Unknown,
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for LeaseError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(DbError::Sqlx(error))
    }
}

impl From<NumberingError> for LeaseError {
    fn from(error: NumberingError) -> Self {
        match error {
            NumberingError::Db(error) => Self::Db(error),
            error => Self::Numbering(error.to_string()),
        }
    }
}

/// A range of UID sequences, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Type of the UIDs.
    pub kind: TypeCode,
    /// First sequence.
    pub first: u64,
    /// Last sequence.
    pub last: u64,
    /// The epoch in which they may be used.
    pub epoch: u32,
}

/// A range of document numbers, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesLease {
    /// Series code.
    pub series: String,
    /// Text before the number.
    pub prefix: String,
    /// First number.
    pub first: u64,
    /// Last number.
    pub last: u64,
    /// Digits.
    pub width: u32,
    /// The epoch in which they may be used.
    pub epoch: u32,
    /// For documents from then on; `None`: without a beginning.
    pub from: Option<DateTime<Utc>>,
    /// For documents before then; `None`: without an end.
    pub until: Option<DateTime<Utc>>,
}

/// Highest number of a type or series that an agent says it used or was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Type or series code, as sent.
    pub kind: String,
    /// The higher of both.
    pub highest: u64,
}

/// Raises the floors of these plants and types past numbers that are used already, so that
/// none of them is ever granted. A floor that is higher stays.
///
/// # Errors
/// Those of the database.
pub async fn floors_raise(tx: &mut Tx, used: &[(&str, &str, u64)]) -> Result<(), DbError> {
    let tenant = tx.tenant();
    for (plant, kind, highest) in used {
        let next = i64::try_from(*highest).unwrap_or(i64::MAX).saturating_add(1).min(MAX_SEQUENCE as i64 + 1);
        if store::floor_lock(tx, tenant, plant, kind).await? < next {
            store::floor_set(tx, tenant, plant, kind, next).await?;
        }
    }
    Ok(())
}

/// Grants the next `wanted` UIDs of a type at the agent's plant, which it may
/// use in `epoch`. The size is bounded to [`MIN_LEASE`]..=[`MAX_LEASE`], and by
/// what is left.
///
/// # Errors
/// See [`LeaseError`]; nothing is granted then.
pub async fn grant(
    tx: &mut Tx,
    source: &Source,
    epoch: i32,
    kind: &str,
    wanted: u32,
) -> Result<Lease, LeaseError> {
    let plant = source.plant.as_deref().ok_or(LeaseError::NoPlant)?;
    let kind: TypeCode = kind.parse().map_err(|_| LeaseError::Type(kind.chars().take(8).collect()))?;
    check_epoch(tx, source, epoch).await?;
    let code = kind.to_string();
    let first = store::floor_lock(tx, source.tenant, plant, &code).await?;
    let most = MAX_SEQUENCE as i64;
    if first > most {
        return Err(LeaseError::Exhausted { plant: plant.to_owned(), kind: code });
    }
    let size = i64::from(wanted.clamp(MIN_LEASE, MAX_LEASE));
    let last = (first + size - 1).min(most);
    store::floor_set(tx, source.tenant, plant, &code, last + 1).await?;
    let lease = store::NewLease { plant, type_code: &code, first, last, agent_id: source.agent_id, epoch };
    store::lease_insert(tx, source.tenant, &lease).await?;
    Ok(Lease { kind, first: first.unsigned_abs(), last: last.unsigned_abs(), epoch: epoch.unsigned_abs() })
}

/// Document numbers that are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// As stations of the plant name the series: `GRN`.
    pub series: &'a str,
    /// How many.
    pub wanted: u32,
    /// For documents of this moment.
    pub at: DateTime<Utc>,
}

/// Grants numbers of the document series that stations of the agent's plant name so, for
/// documents of a moment: of the master where it has one, else of those that the plant's file
/// made.
///
/// # Errors
/// See [`LeaseError`].
pub async fn grant_series(
    tx: &mut Tx,
    source: &Source,
    epoch: i32,
    asked: Asked<'_>,
    now: DateTime<Utc>,
) -> Result<SeriesLease, LeaseError> {
    let Asked { series, wanted, at } = asked;
    let plant = source.plant.as_deref().ok_or(LeaseError::NoPlant)?;
    check_epoch(tx, source, epoch).await?;
    if (at - now).abs() > MOST_AWAY {
        return Err(LeaseError::Time(at));
    }
    let missing = || LeaseError::Series {
        plant: plant.to_owned(),
        series: series.chars().take(40).filter(|c| !c.is_control()).collect(),
    };
    if series.contains('\0') {
        return Err(missing());
    }
    let agent = agents::Agent { id: source.agent_id, plant, epoch };
    if let Some(lent) = agents::lend(tx, agent, series, wanted, at, now).await? {
        return Ok(SeriesLease {
            series: series.to_owned(),
            prefix: lent.prefix,
            first: lent.first.unsigned_abs(),
            last: lent.last.unsigned_abs(),
            width: u32::from(lent.width.unsigned_abs()),
            epoch: epoch.unsigned_abs(),
            from: lent.from,
            until: lent.until,
        });
    }
    let row = store::series_lock(tx, source.tenant, plant, series).await?.ok_or_else(missing)?;
    let last = row.next + i64::from(wanted.clamp(1, MAX_SERIES)) - 1;
    store::series_lease(tx, source.tenant, plant, series, (row.next, last), source.agent_id, epoch).await?;
    Ok(SeriesLease {
        series: series.to_owned(),
        prefix: row.prefix,
        first: row.next.unsigned_abs(),
        last: last.unsigned_abs(),
        width: u32::from(row.width.unsigned_abs()),
        epoch: epoch.unsigned_abs(),
        from: None,
        until: None,
    })
}

async fn check_epoch(tx: &mut Tx, source: &Source, epoch: i32) -> Result<(), LeaseError> {
    let agent = ingest_store::cursor::agent_lock(tx, source.tenant, source.agent_id)
        .await?
        .filter(|agent| agent.status != "revoked")
        .ok_or(LeaseError::Unknown)?;
    if agent.contested {
        return Err(LeaseError::Contested);
    }
    if agent.epoch != epoch {
        return Err(LeaseError::OldEpoch { current: agent.epoch });
    }
    Ok(())
}

/// Lifts the floors past what an agent says it used, which matters after the
/// cloud was restored from a backup. Call it before any grant to the agent. A
/// floor that had to be lifted is an exception `lease.lifted`; answers whether
/// there was one.
///
/// # Errors
/// Those of the database.
pub async fn lift(tx: &mut Tx, source: &Source, epoch: i32, marks: &[Mark]) -> Result<bool, LeaseError> {
    let Some(plant) = source.plant.as_deref() else {
        return Ok(false);
    };
    let mut marks: Vec<(TypeCode, i64)> = marks
        .iter()
        .filter_map(|mark| {
            let highest = i64::try_from(mark.highest.min(MAX_SEQUENCE)).ok().filter(|n| *n > 0)?;
            Some((mark.kind.parse().ok()?, highest))
        })
        .collect();
    marks.sort_unstable_by_key(|(kind, highest)| (kind.to_string(), *highest));
    marks.truncate(2000);
    let stream = Stream { tenant: source.tenant, agent_id: source.agent_id, epoch };
    let mut findings = Vec::new();
    for (kind, highest) in marks {
        let code = kind.to_string();
        let next = store::floor_lock(tx, source.tenant, plant, &code).await?;
        if next <= highest {
            store::floor_set(tx, source.tenant, plant, &code, highest + 1).await?;
            findings.push(Finding::lifted(stream, plant, "type", &code, next, highest + 1));
        }
    }
    let lifted = !findings.is_empty();
    ingest_store::findings::insert(tx, source.tenant, findings).await?;
    Ok(lifted)
}

/// The highest number of those of a series that begin so; an agent tells all of a series
/// under no beginning besides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesMark {
    /// As stations name the series.
    pub series: String,
    /// What the numbers begin with.
    pub prefix: String,
    /// The highest that was granted.
    pub highest: u64,
}

/// As [`lift`], for document series. One that the plant does not have is passed
/// over.
///
/// # Errors
/// Those of the database.
pub async fn lift_series(
    tx: &mut Tx,
    source: &Source,
    epoch: i32,
    marks: &[SeriesMark],
    now: DateTime<Utc>,
) -> Result<bool, LeaseError> {
    let Some(plant) = source.plant.as_deref() else {
        return Ok(false);
    };
    let mut marks: Vec<(&str, &str, i64)> = marks
        .iter()
        .filter(|mark| !mark.series.contains('\0') && !mark.prefix.contains('\0'))
        .filter_map(|mark| {
            Some((mark.series.as_str(), mark.prefix.as_str(), i64::try_from(mark.highest).ok()?))
        })
        .filter(|(.., highest)| (1..i64::MAX / 2).contains(highest))
        .collect();
    marks.sort_unstable();
    let stream = Stream { tenant: source.tenant, agent_id: source.agent_id, epoch };
    let agent = agents::Agent { id: source.agent_id, plant, epoch };
    let mut findings = Vec::new();
    for (series, prefix, highest) in marks {
        if !prefix.is_empty()
            && let Some((next, lifted)) = agents::lift(tx, agent, series, (prefix, highest), now).await?
        {
            findings.push(Finding::lifted(stream, plant, "series", series, next, lifted));
            continue;
        }
        // Over all beginnings it says nothing of one of them.
        if prefix.is_empty() && agents::has(tx, plant, series).await? {
            continue;
        }
        let Some(row) = store::series_lock(tx, source.tenant, plant, series).await? else {
            continue;
        };
        let of_row = prefix.is_empty() || prefix == row.prefix;
        if of_row && row.next <= highest {
            store::series_set(tx, source.tenant, plant, series, highest + 1).await?;
            findings.push(Finding::lifted(stream, plant, "series", series, row.next, highest + 1));
        }
    }
    let lifted = !findings.is_empty();
    ingest_store::findings::insert(tx, source.tenant, findings).await?;
    Ok(lifted)
}

/// Voids what is unused of an agent's leases of epochs before `epoch`.
pub(crate) async fn burn(tx: &mut Tx, tenant: Uuid, agent_id: Uuid, epoch: i32) -> Result<u64, DbError> {
    let void = store::leases_burn(tx, tenant, agent_id, epoch).await?;
    agents::burn(tx, agent_id, epoch).await?;
    Ok(void)
}

/// Records which document numbers of the agent's ranges were given out, as its events say.
///
/// # Errors
/// Those of the database.
pub(crate) async fn used(tx: &mut Tx, agent_id: Uuid, events: &[Decoded]) -> Result<(), DbError> {
    let uses: Vec<agents::Use<'_>> = events
        .iter()
        .flat_map(|event| event.references.iter().map(move |reference| (event, reference)))
        .filter(|(_, reference)| reference.number.ends_with(|c: char| c.is_ascii_digit()))
        .map(|(event, reference)| agents::Use {
            number: &reference.number,
            day: day(&event.event),
            event: event.event.event_id,
        })
        .collect();
    agents::used(tx, agent_id, &uses).await
}

/// The day of an event by its plant's clock.
fn day(event: &EventRow) -> NaiveDate {
    (event.occurred_at + TimeDelta::minutes(event.occurred_offset_min.into())).date_naive()
}

/// An operator's command: raises an agent's epoch, burning what is unused of
/// its leases. Answers the new epoch; the agent learns of it on its stream. Where
/// two machines ran under its identity, the next one that connects is the agent.
///
/// # Errors
/// [`IngestError::UnknownAgent`], or those of the database.
pub async fn raise_epoch(tx: &mut Tx, agent_id: Uuid) -> Result<i32, IngestError> {
    let tenant = tx.tenant();
    let epoch = epochs::raise(tx, tenant, agent_id).await?;
    store::contest_end(tx, tenant, agent_id).await?;
    let entry = Entry {
        action: "agent.raise_epoch",
        subject: &format!("agent:{agent_id}"),
        after: Some(json!({ "epoch": epoch })),
        ..Entry::default()
    };
    audit::record(tx, entry).await?;
    Ok(epoch)
}
