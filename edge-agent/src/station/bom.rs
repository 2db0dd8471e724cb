//! What a parent is made of, and what of it is still missing.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::step::Step;

/// One component and how much of it there is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Need {
    pub item: String,
    pub required: Decimal,
    pub have: Decimal,
}

impl Need {
    /// What is still missing, never below zero.
    pub fn missing(&self) -> Decimal {
        (self.required - self.have).max(Decimal::ZERO)
    }
}

/// The components that go into one of `parent` at this station's operation, by
/// item; `None` when no parts list is known here.
pub(crate) fn parts(step: &Step<'_>, parent: &str) -> Option<BTreeMap<String, Decimal>> {
    let lines = step.world.reference.bom.get(parent).filter(|lines| !lines.is_empty())?;
    let operation = step.operation();
    let mut parts = BTreeMap::new();
    for line in lines {
        if line.operation.is_empty() || operation.is_empty() || line.operation == operation {
            let sum: &mut Decimal = parts.entry(line.child.clone()).or_default();
            *sum = sum.checked_add(line.quantity).unwrap_or(Decimal::MAX);
        }
    }
    Some(parts)
}

/// Needs of one `parent` against what is built in (`inside`) and in the draft.
/// Labels that are not known here may be any part: with `benefit` each stands
/// for one that would else be missing.
pub(crate) fn needs(step: &Step<'_>, parent: &str, inside: &[i64], benefit: bool) -> Option<Vec<Need>> {
    let parts = parts(step, parent)?;
    let mut needs: Vec<Need> =
        parts.into_iter().map(|(item, required)| Need { item, required, have: Decimal::ZERO }).collect();
    let mut unknown = 0u32;
    for (key, built_in) in
        inside.iter().map(|k| (*k, true)).chain(step.session.draft.iter().map(|k| (*k, false)))
    {
        let label = step.label(key).filter(|label| label.known());
        let Some(label) = label else {
            unknown += 1;
            continue;
        };
        let Some(need) = needs.iter_mut().find(|need| need.item == label.item) else {
            continue;
        };
        // How much a container gave is in its event; what is built in counts
        // as enough, since it was checked then.
        let amount = match (label.container, built_in) {
            (false, _) => Decimal::ONE,
            (true, true) => need.required,
            (true, false) => super::draft::quantity(step, key).unwrap_or(need.required),
        };
        need.have = need.have.checked_add(amount).unwrap_or(Decimal::MAX);
    }
    for need in needs.iter_mut().filter(|need| need.missing() > Decimal::ZERO) {
        if unknown == 0 || !benefit {
            break;
        }
        need.have = need.required;
        unknown -= 1;
    }
    Some(needs)
}

/// What is missing, in words: `Bolt × 4, Washer × 2`.
pub(crate) fn missing_text(step: &Step<'_>, needs: &[Need]) -> String {
    let missing = needs.iter().filter(|need| need.missing() > Decimal::ZERO);
    let words: Vec<_> = missing
        .map(|need| format!("{} × {}", step.item_name(&need.item), need.missing().normalize()))
        .collect();
    words.join(", ")
}
