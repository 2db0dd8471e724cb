//! Search by the beginning of a UID, as ranges of keys.
//!
//! An index over keys cannot answer `LIKE 'UID-SAIF-K%'`, but it can answer
//! ranges; and the order of keys is that of the text up to the sequence.

use std::ops::RangeInclusive;

use crate::checksum::digits;
use crate::code::{PlantCode, TenantCode, TypeCode};
use crate::error::{UidError, checksum_error, length_fault};
use crate::key::Key;
use crate::text::{
    MAX_DIGITS, MAX_LEN, MAX_SEQUENCE, MIN_DIGITS, PREFIX, Parts, Uid, check_prefix, parse_sequence,
    prefix_error, sequence_error,
};

/// The keys of all UIDs whose canonical text begins with `prefix`: the tenant,
/// once all its characters are there, and ranges in ascending order, as few as
/// can be (one, or up to six when a sequence has begun, since it may be longer
/// than six digits).
///
/// A range may include numbers that are no key (those with sequence 0). While
/// the tenant is `None` the ranges are all keys, and which tenants they belong
/// to is left open: [`key_ranges_in`] settles that for one tenant.
///
/// # Errors
/// The part because of which no UID begins like this.
pub fn key_ranges(prefix: &str) -> Result<(Option<TenantCode>, Vec<RangeInclusive<i64>>), UidError> {
    if prefix.len() > MAX_LEN {
        return Err(UidError::Length(length_fault(prefix.len(), "at most 30 characters")));
    }
    let all = || vec![Key::MIN.get()..=Key::MAX.get()];
    let mut parts = Parts::new(prefix);
    // All parts but the last are whole, the last one may only have begun.
    let mut next = || parts.next("").map(|(at, part)| (at, part, parts.is_done()));

    let (_, start, last) = next()?;
    if last {
        return if PREFIX.starts_with(start) { Ok((None, all())) } else { Err(prefix_error(start)) };
    }
    check_prefix(start)?;

    let (at, tenant, last) = next()?;
    if last {
        let (first, other) = TenantCode::span_at(tenant, at)?;
        return Ok(((first == other).then_some(first), all()));
    }
    let tenant = TenantCode::parse_at(tenant, at)?;
    let found = |ranges| Ok((Some(tenant), ranges));

    let (at, plant, last) = next()?;
    if last {
        let (first, other) = PlantCode::span_at(plant, at)?;
        let (low, high) = TypeCode::SPAN;
        return found(vec![range((first, low, 1), (other, high, MAX_SEQUENCE))]);
    }
    let plant = PlantCode::parse_at(plant, at)?;

    let (at, kind, last) = next()?;
    if last {
        let (first, other) = TypeCode::span_at(kind, at)?;
        return found(vec![range((plant, first, 1), (plant, other, MAX_SEQUENCE))]);
    }
    let kind = TypeCode::parse_at(kind, at)?;

    let (at, sequence, last) = next()?;
    if last {
        let spans = sequence_spans(sequence, at)?;
        let keys = |(low, high)| range((plant, kind, low), (plant, kind, high));
        return found(spans.into_iter().map(keys).collect());
    }
    let sequence = parse_sequence(sequence, at)?;

    let (at, sum, _) = next()?;
    parts.end()?;
    let uid = Uid::new(tenant, plant, kind, sequence)?;
    if !digits(uid.checksum()).starts_with(sum.as_bytes()) {
        return Err(checksum_error(at, sum, uid.checksum()));
    }
    let key = uid.key().get();
    found(vec![key..=key])
}

/// The keys of all UIDs of the tenant `own` whose text begins with `prefix`,
/// as [`key_ranges`] gives them; none when they are all another tenant's.
///
/// # Errors
/// The part because of which no UID begins like this.
pub fn key_ranges_in(own: TenantCode, prefix: &str) -> Result<Vec<RangeInclusive<i64>>, UidError> {
    let (_, ranges) = key_ranges(prefix)?;
    // A valid prefix has its tenant, or what there is of it, at bytes 4 to 8.
    let tenant = prefix.get(4..prefix.len().min(8)).unwrap_or_default();
    Ok(if own.as_str().starts_with(tenant) { ranges } else { Vec::new() })
}

type Place = (PlantCode, TypeCode, u64);

fn range(low: Place, high: Place) -> RangeInclusive<i64> {
    Key::join(low.0, low.1, low.2).get()..=Key::join(high.0, high.1, high.2).get()
}

/// The sequences whose text begins with `start`, lowest and highest of each
/// number of digits.
fn sequence_spans(start: &str, at: usize) -> Result<Vec<(u64, u64)>, UidError> {
    if start.is_empty() {
        return Ok(vec![(1, MAX_SEQUENCE)]);
    }
    let wrong = || Err(sequence_error(start, at));
    if start.len() > MAX_DIGITS || !start.bytes().all(|byte| byte.is_ascii_digit()) {
        return wrong();
    }
    let value = start.bytes().fold(0, |value, byte| value * 10 + u64::from(byte - b'0'));
    let longest = if start.starts_with('0') { MIN_DIGITS } else { MAX_DIGITS };
    let spans: Vec<_> = (start.len().max(MIN_DIGITS)..=longest)
        .map(|digits| {
            let unit = 10u64.pow((digits - start.len()) as u32);
            ((value * unit).max(1), value * unit + (unit - 1))
        })
        .filter(|(low, high)| low <= high)
        .collect();
    if spans.is_empty() { wrong() } else { Ok(spans) }
}
