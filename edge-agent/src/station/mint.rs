//! Drafts of new labels. Nothing is minted here: a rule names slots, and the
//! engine gives them numbers in the transaction that records the event.

use proto::v1;
use rust_decimal::Decimal;
use uid::TypeCode;

use super::codes::Code;
use super::step::{Refusal, Step};
use super::types::{DraftSubject, KeyRef, LotRef, NumberRef, PrintRequest};

/// Most labels that one act mints.
pub(crate) const MAX_MINTS: usize = 1000;

/// What a new label is of.
#[derive(Debug, Clone)]
pub(crate) struct Birth {
    pub item: String,
    pub unit: String,
    pub lot: Option<LotRef>,
    pub container: bool,
}

/// The type of an item's labels: the item's, else the station's.
pub(crate) fn type_of(step: &Step<'_>, item: &str) -> Result<TypeCode, Refusal> {
    let own = step.item(item).and_then(|item| item.type_code.parse().ok());
    let station = step.world.station.output.as_ref().map(|output| output.type_code);
    own.or(station).ok_or_else(|| Refusal::new(Code::MINT_NO_TYPE).arg("item", item).silent())
}

/// So many slots from the first on, when the leases have as many numbers.
/// Out of numbers nothing is recorded, and no supervisor can help.
pub(crate) fn slots(step: &Step<'_>, kind: TypeCode, count: usize) -> Result<Vec<KeyRef>, Refusal> {
    if count > MAX_MINTS {
        let refusal = Refusal::new(Code::MINT_TOO_MANY).arg("count", count);
        return Err(refusal.arg("limit", MAX_MINTS).silent());
    }
    let left = step.world.mintable.get(&kind).copied().unwrap_or(0);
    if left < count as u64 {
        let refusal = Refusal::new(Code::MINT_OUT).arg("type", kind).arg("left", left);
        return Err(refusal.silent());
    }
    Ok((0..count).map(|slot| KeyRef::Mint { slot, kind }).collect())
}

/// The subject that is born.
pub(crate) fn subject(key: KeyRef, role: v1::Role, birth: &Birth, quantity: Decimal) -> DraftSubject {
    DraftSubject {
        key,
        role,
        quantity: Some(quantity),
        unit: birth.unit.clone(),
        item: birth.item.clone(),
        lot: birth.lot.clone(),
        container: birth.container,
        alias: String::new(),
    }
}

/// The next number of the station's series as a reference of this type; none
/// where the station has no series.
pub(crate) fn number(step: &Step<'_>, kind: &str) -> Result<Option<(String, NumberRef, u32)>, Refusal> {
    let Some(series) = &step.world.station.series else {
        return Ok(None);
    };
    if step.world.numbers.get(series).copied().unwrap_or(0) == 0 {
        return Err(Refusal::new(Code::NUMBER_OUT).arg("series", series).silent());
    }
    let next = NumberRef::Next { series: series.clone() };
    Ok(Some((kind.to_owned(), next, 0)))
}

/// A label to print, where the station has a printer.
pub(crate) fn print(step: &Step<'_>, key: KeyRef, lines: Vec<String>) -> Option<PrintRequest> {
    step.world.station.printer.as_ref()?;
    Some(PrintRequest { key, lines, copy: 1 })
}
