//! What a recorded event does to the labels it names. Pure, total, and the only
//! place where a label's state changes: the engine applies it after each
//! commit, and again when it rebuilds from the journal.

mod touched;
mod undo;

use std::collections::HashMap;

use chrono::NaiveDate;
use proto::v1::{self, Action, Outcome, Role, Stage};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::operation;
use super::types::{Custody, HoldMark, Label, Life, OperationState, QualityState};
use touched::{note_changed, note_touched};
use undo::correct;

/// Whether an event of this stage is a UID's birth when it mints. PROCUREMENT
/// tells what went before a birth and REFUSED what was not done; neither gives
/// one.
#[must_use]
pub fn gives_birth(stage: Stage) -> bool {
    !changes_nothing(stage) || stage == Stage::Label
}

/// Whether CORRECT takes an event of this stage back. The engine keeps the last
/// decision with such an event in [`super::types::Session::last_events`]; a
/// label confirmed after a receipt must not stand in front of the receipt.
#[must_use]
pub fn can_be_corrected(stage: Stage) -> bool {
    !matches!(stage, Stage::Unspecified | Stage::Label | Stage::Refused | Stage::Lost)
}

/// Stages that are remembered but change no state, and are not what CORRECT
/// takes back.
fn changes_nothing(stage: Stage) -> bool {
    matches!(
        stage,
        Stage::Unspecified | Stage::Procurement | Stage::GateIn | Stage::Label | Stage::Refused | Stage::Lost
    )
}

/// Applies one recorded event to the labels. A CORRECT returns those labels to
/// what they were whose last event it takes back; for the others see
/// [`fold_correction`].
pub fn fold(labels: &mut HashMap<i64, Label>, event: &v1::Event) {
    fold_correction(labels, event, None);
}

/// As [`fold`], with the event that a CORRECT names, where the caller still has
/// it: then links and quantities are reversed even where later events have come
/// between.
pub fn fold_correction(labels: &mut HashMap<i64, Label>, event: &v1::Event, corrected: Option<&v1::Event>) {
    let stage = event.stage();
    let id = Uuid::from_slice(&event.event_id).ok();
    let nothing = changes_nothing(stage) || reads_only(event);
    let subjects = event.subjects.iter().chain(corrected.iter().flat_map(|e| &e.subjects));
    let named = subjects.filter_map(|subject| labels.get(&subject.key));
    let told: Vec<Label> = named.filter(|label| label.told_at.is_some()).cloned().collect();
    let mut keys: Vec<i64> = Vec::new();
    for subject in event.subjects.iter().filter(|subject| subject.key > 0) {
        let label = labels.entry(subject.key).or_insert_with(|| Label::new(subject.key));
        if !keys.contains(&subject.key) {
            keys.push(subject.key);
            label.count = label.count.max(subject.count).max(1);
            if !nothing && stage != Stage::Correct {
                remember(label);
            }
        }
        learn(label, subject);
    }
    if stage == Stage::Correct {
        correct(labels, event, corrected);
    } else {
        for subject in event.subjects.iter().filter(|subject| subject.key > 0) {
            note_touched(labels, event, subject);
            apply(labels, event, subject);
        }
        expiry(labels, event);
    }
    if !told.is_empty() {
        note_changed(labels, told);
    }
    if can_be_corrected(stage) && !reads_only(event) {
        keys.iter().for_each(|key| remember_decision(labels, *key, event));
    }
    if nothing {
        return;
    }
    for key in keys {
        if let Some(label) = labels.get_mut(&key) {
            label.last_stage = event.stage;
            label.last_station.clone_from(&event.station);
            label.last_event = id;
            // A supervisor has looked at what nobody can tell any more.
            label.lost &= stage != Stage::Release;
        }
    }
}

/// Keeps what the label is now, for a CORRECT.
fn remember(label: &mut Label) {
    label.before = None;
    label.before = Some(Box::new(label.clone()));
}

/// Readings of a machine: they stand beside what is done, and are not what is taken
/// back of a label.
fn reads_only(event: &v1::Event) -> bool {
    matches!(event.stage(), Stage::Operation | Stage::Load)
        && event.action() == Action::Unspecified
        && !event.machine.is_empty()
}

/// Keeps which events of one input name the label.
fn remember_decision(labels: &mut HashMap<i64, Label>, key: i64, event: &v1::Event) {
    let (Some(label), Ok(id)) = (labels.get_mut(&key), Uuid::from_slice(&event.event_id)) else {
        return;
    };
    if event.input_id.is_empty() || label.last_input != event.input_id {
        label.last_events.clear();
        label.last_input.clone_from(&event.input_id);
    }
    label.last_events.push(id);
}

/// Facts that a subject states about its label.
fn learn(label: &mut Label, subject: &v1::Subject) {
    if !subject.item.is_empty() {
        label.item.clone_from(&subject.item);
        label.container = subject.container;
    }
    if let Ok(lot) = Uuid::from_slice(&subject.lot_id) {
        label.lot = Some(lot);
    }
    if !subject.unit.is_empty() && label.unit.is_empty() {
        label.unit.clone_from(&subject.unit);
    }
    if subject.mint {
        label.quantity = amount(subject).or(Some(Decimal::ONE));
    }
}

fn amount(subject: &v1::Subject) -> Option<Decimal> {
    subject.quantity.parse().ok()
}

fn reference<'e>(event: &'e v1::Event, kind: &str) -> Option<&'e str> {
    let found = event.references.iter().find(|reference| reference.r#type == kind);
    found.map(|reference| reference.number.as_str())
}

fn here(event: &v1::Event) -> Custody {
    Custody::Location { place: event.location.clone() }
}

/// What the event does to one of its labels.
fn apply(labels: &mut HashMap<i64, Label>, event: &v1::Event, subject: &v1::Subject) {
    let parent = event.subjects.iter().find(|s| s.role() == Role::Parent).map(|s| s.key);
    if matches!(event.stage(), Stage::Assembly | Stage::Packing | Stage::Kit) {
        return link(labels, event, subject, parent.filter(|key| *key > 0));
    }
    let Some(label) = labels.get_mut(&subject.key) else {
        return;
    };
    // What lies in a package travels in it: its own place stays the package.
    let travels_inside = subject.role() == Role::Child;
    let go = |label: &mut Label, custody: Custody| {
        if !travels_inside {
            label.custody = custody;
        }
    };
    match event.stage() {
        Stage::Grn | Stage::Opening | Stage::Commission => {
            label.life = Life::Active;
            go(label, here(event));
            label.order = reference(event, "prodorder").map(str::to_owned).or(label.order.take());
        }
        Stage::Label => print_state(label, event),
        Stage::Inspection => inspect(label, event),
        Stage::Sample if label.container && amount(subject).is_some() => {
            reduce(label, amount(subject), Life::Consumed);
        }
        Stage::Storage => go(label, here(event)),
        // Counting takes nothing out: the place of what is in something is its parent's.
        Stage::Count if matches!(label.custody, Custody::Parent { .. }) => {}
        Stage::Count => go(label, here(event)),
        Stage::Adjust => adjust(label, amount(subject)),
        Stage::IssueToProduction => {
            go(label, here(event));
            issued(label, event, amount(subject));
            match amount(subject) {
                Some(part) => reduce(label, Some(part), Life::Consumed),
                None => label.order = reference(event, "prodorder").map(str::to_owned),
            }
        }
        Stage::ReturnFromProduction => {
            go(label, here(event));
            come_back(label, event, amount(subject));
        }
        Stage::Operation | Stage::Load => operate(label, event),
        Stage::Consume | Stage::Transformation => match subject.role() {
            Role::Output => {
                label.life = Life::Active;
                label.custody = here(event);
                label.order = reference(event, "prodorder").map(str::to_owned);
                let quality = same_goods(labels, event, subject.key);
                if let (Some(quality), Some(label)) = (quality, labels.get_mut(&subject.key)) {
                    label.quality = quality;
                }
            }
            Role::Input => reduce(label, amount(subject), Life::Consumed),
            _ => {}
        },
        Stage::Rework => {
            label.operations.retain(|state| state.operation != event.operation);
            label.operations.push(OperationState {
                operation: event.operation.clone(),
                attempt: event.attempt,
                open: false,
                passed: None,
                out_of_limits: false,
                doubtful: false,
            });
            if label.quality == QualityState::Rejected {
                label.quality = QualityState::InInspection;
            }
        }
        Stage::Scrap => reduce(label, amount(subject), Life::Scrapped),
        Stage::Hold => {
            if let Ok(hold) = Uuid::from_slice(&event.event_id) {
                let (reason, operator) = (event.reason.clone(), event.operator_id.clone());
                label.holds.push(hold);
                label.hold_marks.push(HoldMark { hold, reason, operator });
            }
        }
        Stage::Release => {
            label.holds.clear();
            label.hold_marks.clear();
        }
        Stage::Transfer => match event.action() {
            Action::Delete => arrive(label, event, go),
            _ => {
                let to = reference(event, TO_PLANT).unwrap_or_default().to_owned();
                go(label, Custody::InTransit { to });
            }
        },
        Stage::JobWorkIn => arrive(label, event, go),
        Stage::JobWorkOut | Stage::ReturnToSupplier => go(label, Custody::Supplier),
        Stage::Dispatch => go(label, Custody::Customer),
        Stage::Return => {
            label.quality = QualityState::InInspection;
            let package = match label.custody {
                Custody::Parent { key } if !travels_inside => Some(key),
                _ => None,
            };
            // Come back with what it is in, it stays in there.
            let with_it = package.is_some_and(|key| event.subjects.iter().any(|s| s.key == key));
            if with_it {
                return;
            }
            arrive(label, event, go);
            if let Some(package) = package.and_then(|key| labels.get_mut(&key)).filter(|l| l.package) {
                package.children.retain(|child| *child != subject.key);
            }
        }
        _ => {}
    }
}

/// The quality of an input of the same lot: a part of something that waits for
/// inspection, or was rejected, is not free because it was split off.
fn same_goods(labels: &HashMap<i64, Label>, event: &v1::Event, output: i64) -> Option<QualityState> {
    let output = labels.get(&output)?;
    let inputs = event.subjects.iter().filter(|subject| subject.role() == Role::Input);
    let source = inputs.filter_map(|subject| labels.get(&subject.key));
    let same = |input: &&Label| output.lot.is_some() && input.lot == output.lot;
    source.filter(same).map(|input| input.quality).next()
}

/// Reference type under which a TRANSFER names the plant it goes to.
pub const TO_PLANT: &str = "to_plant";

fn arrive(label: &mut Label, event: &v1::Event, go: impl Fn(&mut Label, Custody)) {
    if label.life == Life::Expected {
        label.life = Life::Active;
    }
    go(label, here(event));
}

/// A LABEL event says in its outcome what became of the label: PASSED is
/// confirmed by a scan, FAILED spoiled, none printed. As an ADD it is printed
/// again, with the copy as the attempt.
fn print_state(label: &mut Label, event: &v1::Event) {
    let state = match (event.action(), event.outcome()) {
        (Action::Add, _) => {
            label.reprints = label.reprints.max(event.attempt.saturating_sub(1));
            "allocated"
        }
        (_, Outcome::Passed) => "confirmed",
        (_, Outcome::Failed) => "spoiled",
        _ => "printed",
    };
    state.clone_into(&mut label.print);
}

fn inspect(label: &mut Label, event: &v1::Event) {
    // An inspection is an attempt at its operation, so that rework counts it.
    if event.outcome() != Outcome::Unspecified && !event.operation.is_empty() {
        judged(label, event, false);
    }
    label.quality = match event.outcome() {
        Outcome::Passed => QualityState::Unrestricted,
        Outcome::Failed => QualityState::Rejected,
        Outcome::Partial => {
            // What was rejected is no longer part of what may be used.
            // Where it was not known how much there was, one of the two is named.
            let rejected = event.rejected_quantity.parse::<Decimal>().ok();
            let rest = || Some(label.quantity?.saturating_sub(rejected?).max(Decimal::ZERO));
            if let Some(accepted) = event.accepted_quantity.parse().ok().or_else(rest) {
                label.quantity = Some(accepted);
            }
            QualityState::Unrestricted
        }
        Outcome::Unspecified => match event.action() {
            Action::Add => QualityState::InInspection,
            _ => label.quality,
        },
    };
}

/// Takes a quantity out, or all where none is named; what is then empty ends.
fn reduce(label: &mut Label, part: Option<Decimal>, end: Life) {
    let left = match (part, label.quantity) {
        (None, _) => Decimal::ZERO,
        (Some(part), Some(there)) => there.saturating_sub(part).max(Decimal::ZERO),
        // How much there was is not known here, so neither is what is left.
        (Some(_), None) => return,
    };
    label.quantity = Some(left);
    if left.is_zero() {
        label.life = end;
    }
}

fn adjust(label: &mut Label, counted: Option<Decimal>) {
    let Some(counted) = counted else {
        return;
    };
    label.quantity = Some(counted);
    label.life = if counted.is_zero() { Life::Consumed } else { Life::Active };
}

/// Counts what goes to an order, so that no more is taken back.
fn issued(label: &mut Label, event: &v1::Event, part: Option<Decimal>) {
    let Some(out) = part.or(label.quantity) else {
        return;
    };
    let order = reference(event, "prodorder").unwrap_or_default().to_owned();
    let sum = label.issued.entry(order).or_default();
    *sum = sum.checked_add(out).unwrap_or(*sum);
}

/// What comes back, or was not issued after all, of that order first.
fn not_issued(label: &mut Label, event: &v1::Event, mut part: Decimal) {
    let order = reference(event, "prodorder").unwrap_or_default();
    let others = label.issued.keys().filter(|other| *other != order).cloned();
    let orders: Vec<String> = [order.to_owned()].into_iter().chain(others).collect();
    for order in orders {
        if let Some(out) = label.issued.get_mut(&order) {
            let taken = part.min(*out);
            (*out, part) = (*out - taken, part - taken);
        }
    }
    label.issued.retain(|_, out| !out.is_zero());
}

/// Material back from production. What was issued whole comes back with what
/// is left of it; a part that was issued out of a container is added to it.
fn come_back(label: &mut Label, event: &v1::Event, amount: Option<Decimal>) {
    let order = label.order.take();
    let whole = order.is_some();
    match (order, amount) {
        (Some(order), _) => {
            label.issued.remove(&order);
        }
        (None, Some(part)) => not_issued(label, event, part),
        (None, None) => {}
    }
    if let Some(amount) = amount {
        let there = label.quantity.unwrap_or(Decimal::ZERO);
        let sum = if whole { Some(amount) } else { there.checked_add(amount) };
        label.quantity = sum.or(label.quantity);
    }
    label.life = Life::Active;
}

/// An operation begins (ADD) or ends (DELETE). Readings in between are kept in
/// mind for its result.
fn operate(label: &mut Label, event: &v1::Event) {
    if event.operation.is_empty() {
        return;
    }
    if event.action() != Action::Unspecified {
        return judged(label, event, event.action() == Action::Add);
    }
    let open = label.operations.iter_mut().find(|state| state.operation == event.operation && state.open);
    let Some(open) = open else { return };
    match operation::judge(&event.readings) {
        Outcome::Failed => open.out_of_limits = true,
        Outcome::Unspecified => open.doubtful = true,
        Outcome::Passed | Outcome::Partial => {}
    }
}

/// The latest attempt of the event's operation.
fn judged(label: &mut Label, event: &v1::Event, open: bool) {
    let passed = match event.outcome() {
        Outcome::Passed => Some(true),
        Outcome::Failed => Some(false),
        Outcome::Partial => Some(true),
        Outcome::Unspecified => None,
    };
    label.operations.retain(|state| state.operation != event.operation);
    label.operations.push(OperationState {
        operation: event.operation.clone(),
        attempt: event.attempt.max(1),
        open,
        passed,
        out_of_limits: false,
        doubtful: false,
    });
}

/// Children into a parent or out of it.
fn link(labels: &mut HashMap<i64, Label>, event: &v1::Event, subject: &v1::Subject, parent: Option<i64>) {
    let holds = matches!(event.stage(), Stage::Packing | Stage::Kit);
    if subject.role() == Role::Parent {
        if let Some(label) = labels.get_mut(&subject.key) {
            label.package |= holds;
            label.kit |= event.stage() == Stage::Kit;
            if label.life == Life::Expected {
                label.life = Life::Active;
            }
            if let Some(number) = reference(event, "prodorder") {
                label.order = Some(number.to_owned());
            }
        }
        return;
    }
    let Some(parent) = parent.filter(|parent| *parent != subject.key) else {
        return;
    };
    let part = amount(subject);
    if event.action() == Action::Delete {
        if let Some(label) = labels.get_mut(&parent) {
            label.children.retain(|child| *child != subject.key);
        }
        if let Some(label) = labels.get_mut(&subject.key) {
            put_out(label, part, here(event));
        }
        return;
    }
    if let Some(label) = labels.get_mut(&parent)
        && !label.children.contains(&subject.key)
    {
        label.children.push(subject.key);
    }
    if let Some(label) = labels.get_mut(&subject.key) {
        match part.filter(|_| label.container && !holds) {
            // Some of a container is built in; the container stays where it is.
            Some(part) => reduce(label, Some(part), Life::Consumed),
            None => label.custody = Custody::Parent { key: parent },
        }
    }
}

/// A child comes out: a unit to this place, a quantity back into its container.
fn put_out(label: &mut Label, part: Option<Decimal>, place: Custody) {
    if let Custody::Parent { .. } = label.custody {
        label.custody = place;
    } else if let Some(part) = part {
        let there = label.quantity.unwrap_or(Decimal::ZERO);
        label.quantity = there.checked_add(part).or(label.quantity);
        label.life = Life::Active;
    }
}

/// The day on which new labels expire: from the lot where it is first known,
/// else from another label of the same lot (a split's source).
fn expiry(labels: &mut HashMap<i64, Label>, event: &v1::Event) {
    for lot in event.lots.iter().filter(|lot| lot.expires_on != 0) {
        let day = NaiveDate::from_epoch_days(lot.expires_on);
        let id = Uuid::from_slice(&lot.lot_id).ok();
        let keys: Vec<i64> = event.subjects.iter().map(|subject| subject.key).collect();
        for key in keys {
            if let Some(label) = labels.get_mut(&key).filter(|l| l.lot.is_some() && l.lot == id) {
                label.expires_on = day;
            }
        }
    }
    for subject in event.subjects.iter().filter(|subject| subject.mint) {
        let lot = labels.get(&subject.key).filter(|l| l.expires_on.is_none()).and_then(|l| l.lot);
        let day = lot.and_then(|lot| {
            let same = labels.values().filter(|label| label.lot == Some(lot));
            same.filter_map(|label| label.expires_on).min()
        });
        if let Some(label) = labels.get_mut(&subject.key).filter(|_| day.is_some()) {
            label.expires_on = day;
        }
    }
}
