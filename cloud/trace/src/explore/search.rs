//! Search: by the beginning of a UID, an alias, a supplier's lot, a document.

use chrono::{DateTime, Utc};
use platform::ctx::Cx;
use platform::db::{Db, Tx};
use uid::TenantCode;

use super::error::TraceError;
use super::model::{Found, Hit};
use super::places::Lead;
use super::service::{fresh, own_code, uid_text};
use super::store::label;
use super::store::search::{self as store, After, FoundRow};
use super::{places, scope};

/// Most results on one page.
pub const MOST_LIMIT: usize = 200;

/// What may match, in the order in which results come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Uid,
    Alias,
    SupplierLot,
    Document,
}

const ALL: [By; 4] = [By::Uid, By::Alias, By::SupplierLot, By::Document];

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::Uid => "uid",
            Self::Alias => "alias",
            Self::SupplierLot => "supplier_lot",
            Self::Document => "document",
        }
    }
}

/// What matches, without how far that reaches.
#[derive(Debug, Default)]
pub struct Matches {
    /// What the code itself stands for besides units, and where nothing does who is called so; on
    /// the first page only.
    pub leads: Vec<Lead>,
    /// Results, best kind first.
    pub hits: Vec<Hit>,
    /// Where the next page begins; none on the last.
    pub next: Option<String>,
}

/// UIDs that `query` may mean. A query that is the beginning of something finds
/// all of it; `after` is `next` of the page before. `now` decides which plants count
/// as behind.
///
/// # Errors
/// [`TraceError`]: an empty query, a wrong parameter, the database.
pub async fn search(
    db: &Db,
    cx: &Cx,
    query: &str,
    (after, limit): (Option<&str>, usize),
    now: DateTime<Utc>,
) -> Result<Found, TraceError> {
    db.tx(cx, async |tx| {
        // Asked first: what is found is at least as new.
        let (current_to, plants_behind) = fresh(tx, now).await?;
        let Matches { leads, hits, next } = search_in(tx, query, after, limit).await?;
        Ok(Found { leads, hits, next, current_to, plants_behind })
    })
    .await
}

/// As [`search`], inside a transaction.
///
/// # Errors
/// As [`search`].
pub async fn search_in(
    tx: &mut Tx,
    query: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Matches, TraceError> {
    if !(1..=MOST_LIMIT).contains(&limit) {
        let problem = format!("{limit} is not 1 to {MOST_LIMIT}");
        return Err(TraceError::Parameter { field: "limit", problem });
    }
    let clean = uid::clean_scan(query).text;
    if clean.is_empty() {
        return Err(TraceError::Empty);
    }
    if clean.contains('\0') || clean.len() > 256 {
        return Err(TraceError::Parameter {
            field: "q",
            problem: "longer than 256 bytes, or holds a NUL".into(),
        });
    }
    let (from_kind, mut place) = cursor(after)?;
    let own = own_code(tx).await?;
    let mut leads = if after.is_none() { places::leads_in(tx, query).await? } else { Vec::new() };
    let mut hits = Vec::new();
    for (number, by) in ALL.into_iter().enumerate().skip(from_kind) {
        let room = limit - hits.len();
        if room == 0 {
            let next = Some(format!("{number}.0."));
            return Ok(Matches { leads, hits, next });
        }
        let want = i64::try_from(room + 1).unwrap_or(i64::MAX);
        let mut rows = rows(tx, by, own, query, clean, &place, want).await?;
        let more = rows.len() > room;
        rows.truncate(room);
        place = After::default();
        let last = rows.last().map(|row| format!("{number}.{}.{}", row.key, row.text));
        // A page may be shorter by what is at other plants, and still have a next one.
        let keys: Vec<i64> = rows.iter().map(|row| row.key).collect();
        let seen = scope::seen(tx, &keys).await?;
        rows.retain(|row| seen.contains(&row.key));
        hits.extend(rows.into_iter().map(|row| {
            let uid = uid_text(own, row.key);
            // A UID search matches the UID itself.
            let text = if row.text.is_empty() { uid.clone() } else { row.text };
            Hit { by: by.name(), text, uid, item: row.item, plant: row.plant }
        }));
        if more {
            return Ok(Matches { leads, hits, next: last });
        }
    }
    // What is no code may be a name.
    if after.is_none() && leads.is_empty() && hits.is_empty() {
        leads = places::named_in(tx, query).await?;
    }
    Ok(Matches { leads, hits, next: None })
}

async fn rows(
    tx: &mut Tx,
    by: By,
    own: TenantCode,
    query: &str,
    clean: &str,
    after: &After,
    want: i64,
) -> Result<Vec<FoundRow>, TraceError> {
    if by == By::Uid {
        return by_uid(tx, own, query, clean, after, want).await;
    }
    // As typed, and in capitals. The capitals come first: so does their range in
    // the order of bytes, which the place of a page is in.
    let capitals = clean.to_ascii_uppercase();
    let mut found: Vec<FoundRow> = Vec::new();
    for start in [Some(capitals.as_str()), (capitals != clean).then_some(clean)].into_iter().flatten() {
        let room = want - i64::try_from(found.len()).unwrap_or(want);
        if room <= 0 {
            break;
        }
        let end = format!("{start}\u{10FFFF}");
        found.extend(match by {
            By::Uid | By::Alias => store::by_alias(tx, start, &end, after, room).await?,
            By::SupplierLot => store::by_supplier_lot(tx, start, &end, after, room).await?,
            By::Document => store::by_document(tx, start, &end, after, room).await?,
        });
    }
    Ok(found)
}

async fn by_uid(
    tx: &mut Tx,
    own: TenantCode,
    query: &str,
    clean: &str,
    after: &After,
    want: i64,
) -> Result<Vec<FoundRow>, TraceError> {
    let mut ranges = Vec::new();
    if let super::code::Code::Uid(uid) = super::code::read(query, own) {
        ranges.push(uid.key().get()..=uid.key().get());
    } else if clean.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("UID")) {
        ranges = uid::key_ranges_in(own, &clean.to_ascii_uppercase()).unwrap_or_default();
    }
    let mut found: Vec<FoundRow> = Vec::new();
    for range in ranges {
        let room = want - i64::try_from(found.len()).unwrap_or(want);
        if room <= 0 {
            break;
        }
        found.extend(store::by_key(tx, *range.start(), *range.end(), after.key, room).await?);
    }
    // A UID that only its events know has no row yet.
    if found.is_empty()
        && after.key == 0
        && let super::code::Code::Uid(uid) = super::code::read(query, own)
        && label::named(tx, uid.key().get()).await?
    {
        let (item, plant) = (String::new(), String::new());
        found.push(FoundRow { text: String::new(), key: uid.key().get(), item, plant });
    }
    Ok(found)
}

/// `kind.key.text` of the last result.
fn cursor(after: Option<&str>) -> Result<(usize, After), TraceError> {
    let Some(after) = after else {
        return Ok((0, After::default()));
    };
    let wrong = TraceError::no_place;
    let mut parts = after.splitn(3, '.');
    let kind =
        parts.next().and_then(|kind| kind.parse().ok()).filter(|&kind| kind < ALL.len()).ok_or_else(wrong)?;
    let key = parts.next().and_then(|key| key.parse().ok()).ok_or_else(wrong)?;
    let text = parts.next().ok_or_else(wrong)?.to_owned();
    if text.contains('\0') {
        return Err(wrong());
    }
    Ok((kind, After { text, key }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_or_refused() {
        let (kind, after) = cursor(Some("3.17.GRN-2025-045.x")).unwrap();
        assert_eq!((kind, after), (3, After { text: "GRN-2025-045.x".into(), key: 17 }));
        for wrong in ["", "9.1.x", "1.x.y", "1.1"] {
            assert!(cursor(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
