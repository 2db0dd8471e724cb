//! Bulk inserts of events and what hangs on them: one statement per table.

use platform::db::Tx;
use sqlx::Error;

use super::Stream;
use crate::ingest::rows::{Decoded, LinkRow, ReadingRow, ReferenceRow, SubjectRow};

/// Rows of one statement; bounds the memory of a malicious batch.
const CHUNK: usize = 20_000;

/// Writes `lifecycle_events`, in seq order.
pub async fn insert(tx: &mut Tx, stream: Stream, events: &[Decoded]) -> Result<(), Error> {
    let col = |get: fn(&Decoded) -> &str| -> Vec<&str> { events.iter().map(get).collect() };
    let seqs: Vec<i64> = events.iter().map(|e| e.seq).collect();
    let ids: Vec<_> = events.iter().map(|e| e.event.event_id).collect();
    let stages: Vec<i16> = events.iter().map(|e| e.event.stage).collect();
    let actions: Vec<i16> = events.iter().map(|e| e.event.action).collect();
    let occurred: Vec<_> = events.iter().map(|e| e.event.occurred_at).collect();
    let offsets: Vec<i16> = events.iter().map(|e| e.event.occurred_offset_min).collect();
    let recorded: Vec<_> = events.iter().map(|e| e.event.recorded_at).collect();
    let dates: Vec<_> = events.iter().map(|e| e.event.production_date).collect();
    let attempts: Vec<i32> = events.iter().map(|e| e.event.attempt).collect();
    let outcomes: Vec<i16> = events.iter().map(|e| e.event.outcome).collect();
    let accepted: Vec<_> = events.iter().map(|e| e.event.accepted_quantity).collect();
    let rejected: Vec<_> = events.iter().map(|e| e.event.rejected_quantity).collect();
    let corrects: Vec<_> = events.iter().map(|e| e.event.corrects).collect();
    let payloads: Vec<&[u8]> = events.iter().map(|e| e.payload.as_ref()).collect();
    sqlx::query!(
        r#"insert into lifecycle_events (tenant_id, agent_id, epoch,
               seq, event_id, stage, action, occurred_at, occurred_offset_min, recorded_at,
               plant, station, operator_id, shift, production_date, location, operation, attempt,
               outcome, accepted_quantity, rejected_quantity, reason, machine, overridden_by,
               corrects, reference_type, reference_number, payload)
           select $1, $2, $3, u.* from unnest(
               $4::bigint[], $5::uuid[], $6::smallint[], $7::smallint[], $8::timestamptz[],
               $9::smallint[], $10::timestamptz[], $11::text[], $12::text[], $13::text[],
               $14::text[], $15::date[], $16::text[], $17::text[], $18::integer[], $19::smallint[],
               $20::numeric[], $21::numeric[], $22::text[], $23::text[], $24::text[], $25::uuid[],
               $26::text[], $27::text[], $28::bytea[]) as u"#,
        stream.tenant,
        stream.agent_id,
        stream.epoch,
        &seqs,
        &ids,
        &stages,
        &actions,
        &occurred,
        &offsets,
        &recorded,
        col(|e| &e.event.plant) as _,
        col(|e| &e.event.station) as _,
        col(|e| &e.event.operator_id) as _,
        col(|e| &e.event.shift) as _,
        dates as _,
        col(|e| &e.event.location) as _,
        col(|e| &e.event.operation) as _,
        &attempts,
        &outcomes,
        accepted as _,
        rejected as _,
        col(|e| &e.event.reason) as _,
        col(|e| &e.event.machine) as _,
        col(|e| &e.event.overridden_by) as _,
        corrects as _,
        col(|e| &e.event.reference_type) as _,
        col(|e| &e.event.reference_number) as _,
        payloads as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes `event_subjects`, in key order.
pub async fn subjects_insert(tx: &mut Tx, stream: Stream, events: &[Decoded]) -> Result<(), Error> {
    let mut rows: Vec<(&Decoded, &SubjectRow)> =
        events.iter().flat_map(|e| e.subjects.iter().map(move |s| (e, s))).collect();
    rows.sort_unstable_by_key(|(e, s)| (s.key, e.seq, s.ordinal));
    for rows in rows.chunks(CHUNK) {
        let col = |get: fn(&SubjectRow) -> &str| -> Vec<&str> { rows.iter().map(|(_, s)| get(s)).collect() };
        let keys: Vec<i64> = rows.iter().map(|(_, s)| s.key).collect();
        let seqs: Vec<i64> = rows.iter().map(|(e, _)| e.seq).collect();
        let ordinals: Vec<i16> = rows.iter().map(|(_, s)| s.ordinal).collect();
        let roles: Vec<i16> = rows.iter().map(|(_, s)| s.role).collect();
        let quantities: Vec<_> = rows.iter().map(|(_, s)| s.quantity).collect();
        let quantities2: Vec<_> = rows.iter().map(|(_, s)| s.quantity2).collect();
        let counts: Vec<i32> = rows.iter().map(|(_, s)| s.count).collect();
        let mints: Vec<bool> = rows.iter().map(|(_, s)| s.mint).collect();
        let lots: Vec<_> = rows.iter().map(|(_, s)| s.lot_id).collect();
        let occurred: Vec<_> = rows.iter().map(|(e, _)| e.event.occurred_at).collect();
        sqlx::query!(
            r#"insert into event_subjects (tenant_id, agent_id, epoch, key, seq, ordinal, role,
                   quantity, unit, quantity2, unit2, count, mint, item, lot_id, occurred_at)
               select $1, $2, $3, u.* from unnest($4::bigint[], $5::bigint[], $6::smallint[],
                   $7::smallint[], $8::numeric[], $9::text[], $10::numeric[], $11::text[],
                   $12::integer[], $13::boolean[], $14::text[], $15::uuid[], $16::timestamptz[]) as u"#,
            stream.tenant,
            stream.agent_id,
            stream.epoch,
            &keys,
            &seqs,
            &ordinals,
            &roles,
            quantities as _,
            col(|s| &s.unit) as _,
            quantities2 as _,
            col(|s| &s.unit2) as _,
            &counts,
            &mints,
            col(|s| &s.item) as _,
            lots as _,
            &occurred,
        )
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// Writes `event_references`, in the order of their numbers.
pub async fn references_insert(tx: &mut Tx, stream: Stream, events: &[Decoded]) -> Result<(), Error> {
    let mut rows: Vec<(i64, &ReferenceRow)> =
        events.iter().flat_map(|e| e.references.iter().map(move |r| (e.seq, r))).collect();
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(seq, r)| (&r.number, *seq, r.ordinal));
    let numbers: Vec<&str> = rows.iter().map(|(_, r)| r.number.as_str()).collect();
    let kinds: Vec<&str> = rows.iter().map(|(_, r)| r.kind.as_str()).collect();
    let lines: Vec<i32> = rows.iter().map(|(_, r)| r.line).collect();
    let seqs: Vec<i64> = rows.iter().map(|(seq, _)| *seq).collect();
    let ordinals: Vec<i16> = rows.iter().map(|(_, r)| r.ordinal).collect();
    sqlx::query!(
        r#"insert into event_references (tenant_id, agent_id, epoch, number, type, line, seq, ordinal)
           select $1, $2, $3, u.* from unnest($4::text[], $5::text[], $6::integer[], $7::bigint[],
               $8::smallint[]) as u"#,
        stream.tenant,
        stream.agent_id,
        stream.epoch,
        numbers as _,
        kinds as _,
        &lines,
        &seqs,
        &ordinals,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes `event_readings`, in seq order.
pub async fn readings_insert(tx: &mut Tx, stream: Stream, events: &[Decoded]) -> Result<(), Error> {
    let rows: Vec<(i64, &ReadingRow)> =
        events.iter().flat_map(|e| e.readings.iter().map(move |r| (e.seq, r))).collect();
    for rows in rows.chunks(CHUNK) {
        let seqs: Vec<i64> = rows.iter().map(|(seq, _)| *seq).collect();
        let ordinals: Vec<i16> = rows.iter().map(|(_, r)| r.ordinal).collect();
        let names: Vec<&str> = rows.iter().map(|(_, r)| r.name.as_str()).collect();
        let values: Vec<_> = rows.iter().map(|(_, r)| r.value).collect();
        let units: Vec<&str> = rows.iter().map(|(_, r)| r.unit.as_str()).collect();
        let qualities: Vec<i16> = rows.iter().map(|(_, r)| r.quality).collect();
        let lows: Vec<_> = rows.iter().map(|(_, r)| r.low).collect();
        let highs: Vec<_> = rows.iter().map(|(_, r)| r.high).collect();
        let taken: Vec<_> = rows.iter().map(|(_, r)| r.taken_at).collect();
        sqlx::query!(
            r#"insert into event_readings (tenant_id, agent_id, epoch, seq, ordinal, name, value, unit,
                   quality, low, high, taken_at)
               select $1, $2, $3, u.* from unnest($4::bigint[], $5::smallint[], $6::text[],
                   $7::numeric[], $8::text[], $9::smallint[], $10::numeric[], $11::numeric[],
                   $12::timestamptz[]) as u"#,
            stream.tenant,
            stream.agent_id,
            stream.epoch,
            &seqs,
            &ordinals,
            names as _,
            values as _,
            units as _,
            &qualities,
            lows as _,
            highs as _,
            &taken,
        )
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// A link with the event that makes it.
pub struct LinkOf<'a> {
    /// The event's stream.
    pub stream: Stream,
    /// The event's seq.
    pub seq: i64,
    /// Distinguishes the rows of one event.
    pub ordinal: i16,
    /// The event's time.
    pub occurred_at: chrono::DateTime<chrono::Utc>,
    /// The link.
    pub link: &'a LinkRow,
}

/// Writes `uid_links`, in key order. Rows may belong to several streams of one
/// tenant.
pub async fn links_insert(tx: &mut Tx, mut rows: Vec<LinkOf<'_>>) -> Result<(), Error> {
    let Some(tenant) = rows.first().map(|r| r.stream.tenant) else {
        return Ok(());
    };
    rows.sort_unstable_by_key(|r| (r.link.from_key, r.link.to_key, r.seq, r.ordinal));
    for rows in rows.chunks(CHUNK) {
        let agents: Vec<_> = rows.iter().map(|r| r.stream.agent_id).collect();
        let epochs: Vec<i32> = rows.iter().map(|r| r.stream.epoch).collect();
        let seqs: Vec<i64> = rows.iter().map(|r| r.seq).collect();
        let ordinals: Vec<i16> = rows.iter().map(|r| r.ordinal).collect();
        let from: Vec<i64> = rows.iter().map(|r| r.link.from_key).collect();
        let to: Vec<i64> = rows.iter().map(|r| r.link.to_key).collect();
        let kinds: Vec<i16> = rows.iter().map(|r| r.link.kind).collect();
        let effects: Vec<i16> = rows.iter().map(|r| r.link.effect).collect();
        let quantities: Vec<_> = rows.iter().map(|r| r.link.quantity).collect();
        let units: Vec<&str> = rows.iter().map(|r| r.link.unit.as_str()).collect();
        let occurred: Vec<_> = rows.iter().map(|r| r.occurred_at).collect();
        sqlx::query!(
            r#"insert into uid_links (tenant_id, agent_id, epoch, seq, ordinal, from_key, to_key, kind,
                   effect, quantity, unit, occurred_at)
               select $1, u.* from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::smallint[],
                   $6::bigint[], $7::bigint[], $8::smallint[], $9::smallint[], $10::numeric[],
                   $11::text[], $12::timestamptz[]) as u"#,
            tenant,
            &agents,
            &epochs,
            &seqs,
            &ordinals,
            &from,
            &to,
            &kinds,
            &effects,
            quantities as _,
            units as _,
            &occurred,
        )
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// A note beside an event.
pub struct NoteRow {
    /// The event.
    pub seq: i64,
    /// Salt of the hash in the event.
    pub salt: Vec<u8>,
    /// The text.
    pub note: String,
}

/// Writes `event_notes`; a note that is there already stays as it is.
pub async fn notes_insert(tx: &mut Tx, stream: Stream, notes: &[NoteRow]) -> Result<(), Error> {
    if notes.is_empty() {
        return Ok(());
    }
    let seqs: Vec<i64> = notes.iter().map(|n| n.seq).collect();
    let salts: Vec<&[u8]> = notes.iter().map(|n| n.salt.as_slice()).collect();
    let texts: Vec<&str> = notes.iter().map(|n| n.note.as_str()).collect();
    sqlx::query!(
        r#"insert into event_notes (tenant_id, agent_id, epoch, seq, salt, note)
           select $1, $2, $3, u.* from unnest($4::bigint[], $5::bytea[], $6::text[]) as u
           on conflict do nothing"#,
        stream.tenant,
        stream.agent_id,
        stream.epoch,
        &seqs,
        salts as _,
        texts as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
