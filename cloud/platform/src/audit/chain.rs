//! The chain over the audit log: each entry's hash covers the one before it and
//! its own row, so that one that was changed or taken out behind the application's
//! back shows. What it proves, what it does not, and the form: `docs/audit.md`.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::store;
use crate::ctx::Cx;
use crate::db::{Db, DbError};

/// SHA-256.
pub type Hash = [u8; 32];

/// What the first entry follows.
pub const GENESIS: Hash = [0; 32];

/// Rows that are looked at in one transaction.
const STEP: i64 = 1000;

/// A row of the log, as it is hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub audit_id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// How it was, as Postgres writes the JSON.
    pub before: Option<String>,
    /// How it is now, likewise.
    pub after: Option<String>,
    /// From where.
    pub origin: Option<String>,
}

/// The hash of an entry: SHA-256 over the hash before it, the id's 16 bytes, the
/// time in microseconds since 1970 as a big-endian i64, then each text as its
/// length in bytes (big-endian u32) and its bytes; an absent one is `ffffffff`.
#[must_use]
pub fn link(before: &Hash, row: &Row) -> Hash {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(row.audit_id.as_bytes());
    hash.update(row.at.timestamp_micros().to_be_bytes());
    let texts = [
        Some(&row.actor),
        Some(&row.action),
        Some(&row.subject),
        row.before.as_ref(),
        row.after.as_ref(),
        row.origin.as_ref(),
    ];
    for text in texts {
        match text {
            Some(text) => {
                // A text of Postgres is shorter than 1 GiB.
                hash.update(u32::try_from(text.len()).unwrap_or(u32::MAX - 1).to_be_bytes());
                hash.update(text);
            }
            None => hash.update(u32::MAX.to_be_bytes()),
        }
    }
    hash.finalize().into()
}

/// The end of a tenant's chain; kept elsewhere, it shows later that nothing was
/// cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many entries there are.
    pub n: i64,
    /// The last one's hash.
    pub hash: Hash,
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:", self.n)?;
        self.hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for Head {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || format!("'{text}' is not NUMBER:HASH, as `cloud audit head` prints it");
        let (n, hex) = text.split_once(':').ok_or_else(form)?;
        let mut hash = GENESIS;
        if hex.len() != 2 * hash.len() || !hex.is_ascii() {
            return Err(form());
        }
        for (at, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).map_err(|_| form())?;
        }
        Ok(Self { n: n.parse().map_err(|_| form())?, hash })
    }
}

/// Chains rows that were committed and are not chained yet, oldest first; answers
/// how many. Two at once wait for each other.
///
/// # Errors
/// Those of the database; nothing is chained then.
pub async fn extend(db: &Db, tenant: Uuid) -> Result<usize, DbError> {
    db.ingest_tx(&Cx::system(tenant), async |tx| {
        if !store::anything_unchained(tx).await? {
            return Ok(0);
        }
        store::lock(tx).await?;
        let head = store::head(tx).await?.unwrap_or(Head { n: 0, hash: GENESIS });
        let rows = store::unchained(tx, STEP).await?;
        let (mut n, mut hash) = (head.n, head.hash);
        let mut entries = Vec::new();
        for row in &rows {
            (n, hash) = (n + 1, link(&hash, row));
            entries.push((n, row.audit_id, hash));
        }
        store::append(tx, &entries).await?;
        Ok(entries.len())
    })
    .await
}

/// The end of the chain; `None` while it is empty.
///
/// # Errors
/// Those of the database.
pub async fn head(db: &Db, tenant: Uuid) -> Result<Option<Head>, DbError> {
    db.tx(&Cx::system(tenant), async |tx| Ok(store::head(tx).await?)).await
}

/// What is wrong with a tenant's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Break {
    /// The n-th entry's row is gone.
    Gone(i64, Uuid),
    /// The n-th entry's row, or the entry itself, is not as it was.
    Changed(i64, Uuid),
    /// There is no n-th entry, though there are later ones.
    Missing(i64),
    /// The chain is shorter than it was when its end was kept, or another.
    NotTheHead(i64),
    /// A row that neither the chain nor the worker's list knows: it was put in with
    /// the trigger switched off.
    Unknown(Uuid),
    /// The worker's list names a row that is not there any more.
    TakenOut(Uuid),
}

impl std::fmt::Display for Break {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gone(n, id) => write!(f, "entry {n}: its row {id} is gone"),
            Self::Changed(n, id) => write!(f, "entry {n}: row {id} is not as it was written"),
            Self::Missing(n) => write!(f, "entry {n} of the chain is missing"),
            Self::NotTheHead(n) => write!(f, "the chain does not hold entry {n} as it was kept"),
            Self::Unknown(id) => write!(f, "row {id} was put in past the chain"),
            Self::TakenOut(id) => write!(f, "row {id} was taken out before it was chained"),
        }
    }
}

/// What came of looking at a whole log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Entries looked at.
    pub entries: i64,
    /// Rows that the worker has still to chain.
    pub unchained: i64,
    /// What is wrong, the first of each kind of entry; empty when all is well.
    pub breaks: Vec<Break>,
}

/// Most breaks that are told: one change behind the back makes one.
const MAX_BREAKS: usize = 100;

/// Looks at the whole log, in steps, so that nobody waits for it. `kept` is an end
/// of the chain that was noted earlier. `progress` is told how far it is.
///
/// # Errors
/// Those of the database.
pub async fn verify(
    db: &Db,
    tenant: Uuid,
    kept: Option<Head>,
    mut progress: impl FnMut(i64),
) -> Result<Report, DbError> {
    let cx = Cx::system(tenant);
    let mut report = Report::default();
    let (mut n, mut hash) = (0, GENESIS);
    let mut found_kept = kept.is_none_or(|kept| kept == Head { n: 0, hash: GENESIS });
    loop {
        let (entries, rows) = db
            .ingest_tx(&cx, async |tx| {
                let entries = store::entries(tx, n, STEP).await?;
                let ids: Vec<Uuid> = entries.iter().map(|entry| entry.1).collect();
                Ok::<_, DbError>((entries, store::rows(tx, &ids).await?))
            })
            .await?;
        if entries.is_empty() {
            break;
        }
        let rows: HashMap<Uuid, Row> = rows.into_iter().map(|row| (row.audit_id, row)).collect();
        for (at, id, stored) in entries {
            if at != n + 1 {
                report.breaks.push(Break::Missing(n + 1));
            }
            match rows.get(&id) {
                None => report.breaks.push(Break::Gone(at, id)),
                // After a gap nothing says what came before.
                Some(row) if at == n + 1 && link(&hash, row) != stored => {
                    report.breaks.push(Break::Changed(at, id));
                }
                Some(_) => {}
            }
            found_kept |= kept == Some(Head { n: at, hash: stored });
            // From here on by what is stored: one change is one break.
            (n, hash) = (at, stored);
            report.entries += 1;
        }
        progress(report.entries);
        if report.breaks.len() >= MAX_BREAKS {
            report.breaks.truncate(MAX_BREAKS);
            return Ok(report);
        }
    }
    if let Some(kept) = kept.filter(|_| !found_kept) {
        report.breaks.push(Break::NotTheHead(kept.n));
    }
    let beside = db.ingest_tx(&cx, async |tx| Ok::<_, DbError>(store::beside(tx, MAX_BREAKS).await?)).await?;
    report.unchained = beside.waiting;
    report.breaks.extend(beside.unknown.into_iter().map(Break::Unknown));
    report.breaks.extend(beside.taken_out.into_iter().map(Break::TakenOut));
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            audit_id: Uuid::from_u128(1),
            at: DateTime::from_timestamp_micros(1_737_200_000_000_000).unwrap(),
            actor: "user:1".into(),
            action: "hold.place".into(),
            subject: "hold:9".into(),
            before: None,
            after: Some("{\"a\": 1}".into()),
            origin: None,
        }
    }

    #[test]
    fn every_field_and_the_entry_before_it_count() {
        let whole = link(&GENESIS, &row());
        let changed: Vec<Row> = vec![
            Row { audit_id: Uuid::from_u128(2), ..row() },
            Row { at: DateTime::from_timestamp_micros(1_737_200_000_000_001).unwrap(), ..row() },
            Row { actor: "user:2".into(), ..row() },
            Row { action: "hold.placed".into(), ..row() },
            Row { subject: "hold:8".into(), ..row() },
            Row { before: Some(String::new()), ..row() },
            Row { after: None, ..row() },
            Row { origin: Some("x".into()), ..row() },
            // The same bytes, divided otherwise.
            Row { actor: "user:1hold".into(), action: ".place".into(), ..row() },
        ];
        for row in changed {
            assert_ne!(link(&GENESIS, &row), whole, "{row:?}");
        }
        assert_ne!(link(&[1; 32], &row()), whole);
        assert_eq!(link(&GENESIS, &row()), whole);
    }

    #[test]
    fn a_head_reads_as_it_is_written() {
        let head = Head { n: 7, hash: link(&GENESIS, &row()) };
        assert_eq!(head.to_string().parse(), Ok(head));
        for wrong in ["", "7", "7:zz", "x:00", "7:é"] {
            assert!(wrong.parse::<Head>().is_err(), "{wrong}");
        }
    }
}
