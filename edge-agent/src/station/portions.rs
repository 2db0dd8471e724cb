//! Quantities of containers that are yet to be labelled: `25x10;12.5x1` is ten
//! of 25 and one of 12.5. Kept as text in a field of the session.

use rust_decimal::Decimal;

use super::step::Step;

const FIELD: &str = "_portions";

/// Quantity and how many containers have it, in the order entered.
pub(crate) type Portions = Vec<(Decimal, u32)>;

/// What was entered so far.
pub(crate) fn get(step: &Step<'_>) -> Portions {
    let text = step.field(FIELD).unwrap_or_default();
    text.split(';')
        .filter_map(|part| {
            let (quantity, count) = part.split_once('x')?;
            Some((quantity.parse().ok()?, count.parse().ok()?))
        })
        .collect()
}

/// Replaces what was entered.
pub(crate) fn put(step: &mut Step<'_>, portions: &Portions) {
    let parts: Vec<_> = portions.iter().map(|(q, n)| format!("{}x{n}", q.normalize())).collect();
    step.set(FIELD, parts.join(";"));
}

/// All of it. `None` beyond what a decimal holds.
pub(crate) fn total(portions: &Portions) -> Option<Decimal> {
    portions.iter().try_fold(Decimal::ZERO, |sum, (quantity, count)| {
        sum.checked_add(quantity.checked_mul(Decimal::from(*count))?)
    })
}

/// How many containers.
pub(crate) fn containers(portions: &Portions) -> usize {
    portions.iter().map(|(_, count)| *count as usize).sum()
}

/// One quantity per container.
pub(crate) fn each(portions: &Portions) -> impl Iterator<Item = Decimal> + '_ {
    portions.iter().flat_map(|(quantity, count)| std::iter::repeat_n(*quantity, *count as usize))
}
