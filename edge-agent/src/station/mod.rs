//! What a scan means where it happened. Pure: no I/O, no clock, no randomness.
//!
//! [`classify`] says what was scanned, [`interpret`] what that comes to at a
//! station, [`on_machine`] the same for a machine's readings, and [`fold`] what a
//! recorded event does to labels. One file per kind of station; `guard` holds
//! what all ask of a label, `login` who may, `late` what came late, `correct`
//! how things are taken back, `step` the tools they share.

mod arrival;
mod assembly;
mod bom;
pub mod codes;
mod commission;
pub mod control;
mod correct;
mod count;
mod draft;
pub mod fields;
mod fold;
mod gate;
mod goods;
pub mod gs1;
mod guard;
mod hold;
mod inspection;
mod issue;
mod label;
mod late;
mod learn;
mod load;
mod login;
mod machine;
mod mint;
mod opening;
mod operation;
mod packing;
mod pin;
mod portions;
mod reason;
mod receiving;
mod rework;
mod sample;
mod scan;
mod scrap;
mod shipping;
mod split;
mod step;
mod storage;
mod transformation;
pub mod types;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::fixture;

use codes::{Code, Next};
use control::{Control, Verb};
use step::{Act, Answer, Asked, Refusal, Ruling, Step};
use types::{Decision, Scanned, Session, World};

use crate::config::StationKind;

pub use fold::{TO_PLANT, can_be_corrected, fold, fold_correction, gives_birth};
pub use learn::{learn, mend};
pub use machine::{is_news, on_machine, reading};
pub use pin::{PinProof, TypedPin, typed_pin};
pub use scan::{classify, is_secret, wanted_keys};

/// What a scan comes to. Total: any scan at any station in any state has an
/// answer, and the session it came with is left as it was where it is refused.
#[must_use]
pub fn interpret(world: &World<'_>, scanned: &Scanned) -> Decision {
    if world.repeat {
        let step = Step::new(world, world.session.clone(), None);
        let asked = asked(&step);
        let uid = match scanned {
            Scanned::Uid(uid) => uid.to_string(),
            _ => String::new(),
        };
        return step.accept(scanned, Answer::amber(Code::SCAN_AGAIN).arg("uid", uid), asked);
    }
    let mut session = world.session.clone();
    login::at_its_time(world, &mut session);
    if let Some(decision) = late::judge(world, &session, scanned) {
        return decision;
    }
    let session = signed_in_by(world, session);
    if session.pending.as_deref() == Some(login::SUPERVISOR_PIN)
        && let Some(decision) = overridden(world, &session, scanned)
    {
        return decision;
    }
    if let Some(decision) = step::read_again(world, &session, scanned) {
        return decision;
    }
    run(world, session, scanned, None)
}

/// What a station waits for while nobody scans: key and arguments of the
/// message, for its page.
#[must_use]
pub fn waiting_for(world: &World<'_>) -> (String, Vec<(String, String)>) {
    let mut session = world.session.clone();
    login::at_its_time(world, &mut session);
    let asked = asked(&Step::new(world, session, None));
    (asked.next.as_str().to_owned(), asked.args)
}

/// The session as it is by now: without whom idleness or the end of a shift has
/// signed out. The next scan finds the same.
#[must_use]
pub fn signed_in(world: &World<'_>) -> Session {
    let mut session = world.session.clone();
    login::at_its_time(world, &mut session);
    session
}

/// The session after the badge that came with the scan, where it names another
/// person than the one signed in.
fn signed_in_by(world: &World<'_>, session: Session) -> Session {
    let named = login::named(world).map(|person| person.operator.as_str());
    let current = session.operator.as_ref().map(|operator| operator.operator.as_str());
    let (Some(badge), true) = (world.badge, named.is_some() && named != current) else {
        return session;
    };
    run(world, session, &Scanned::Badge(badge.to_owned()), None).session
}

/// A supervisor's PIN, or a digit of it: with the right one what was refused is
/// judged again. `None` when the scan is something else.
fn overridden(world: &World<'_>, session: &Session, scanned: &Scanned) -> Option<Decision> {
    let mut step = Step::new(world, session.clone(), None);
    step.session.pending = None;
    let pin = match login::typing(session, scanned) {
        login::Typing::No => return None,
        login::Typing::Digit(digit) => {
            step.session.pending = Some(login::SUPERVISOR_PIN.to_owned());
            type_digit(&mut step, &digit);
            let answer = Answer::new(Code::DIGIT).arg("digits", hidden(&step)).then(Next::PIN);
            return Some(step.accept(scanned, answer, Next::PIN.into()));
        }
        login::Typing::Whole(pin) => pin,
    };
    match login::supervisor_pin(&mut step, &pin) {
        Ok(supervisor) => {
            let text = login::refused_text(&step.session)?;
            let refused = classify(&text, world.tenant, world.reference);
            let mut session = step.session;
            session.fields.remove(step::REFUSED);
            session.fields.remove(step::REFUSED_CODE);
            session.pending = session.fields.remove(step::REFUSED_PENDING);
            Some(run(world, session, &refused, Some(supervisor)))
        }
        Err(answer) => {
            let asked = asked(&step);
            Some(step.accept(scanned, answer, asked))
        }
    }
}

/// One scan against this session, with or without a supervisor behind it.
fn run(world: &World<'_>, session: Session, scanned: &Scanned, by: Option<String>) -> Decision {
    let before = session.clone();
    let mut step = Step::new(world, session, by);
    decide(world, before, &mut step, scanned).unwrap_or_else(|ruled| {
        let (answer, asked) = *ruled;
        step.accept(scanned, answer, asked)
    })
}

/// One scan of long ago against the session of its time.
fn run_late(world: &World<'_>, session: Session, scanned: &Scanned, waived: bool) -> Decision {
    let before = session.clone();
    let mut step = Step::new(world, session, None);
    step.login_waived = waived;
    step.late = true;
    decide(world, before, &mut step, scanned).unwrap_or_else(|ruled| {
        let (answer, asked) = *ruled;
        step.accept(scanned, answer, asked)
    })
}

/// `Ok` is the decision of a refusal, `Err` an answer that the step is to give.
fn decide<'w>(
    world: &'w World<'w>,
    before: Session,
    step: &mut Step<'w>,
    scanned: &Scanned,
) -> Result<Decision, Box<(Answer, Asked)>> {
    let ruling = settle(step, scanned);
    match ruling.and_then(|answer| reason::check(step, &answer.events).map(|()| answer)) {
        Ok(answer) => {
            let asked = asked(step);
            Err(Box::new((answer, asked)))
        }
        Err(refusal) => {
            let asked = asked(&Step::new(world, before.clone(), None));
            Ok(step::refuse(world, before, scanned, refusal, asked))
        }
    }
}

/// The part that is common to all stations: who, which order, digits, undoing.
fn settle(step: &mut Step<'_>, scanned: &Scanned) -> Ruling {
    let mut pending = step.session.pending.take();
    if pending.as_deref() == Some(login::PIN_OVER)
        && let Some(answer) = login::pin_over(step, scanned)
    {
        return Ok(answer);
    }
    if pending.as_deref() == Some(login::SUPERVISOR) && !matches!(scanned, Scanned::Badge(_)) {
        // No supervisor came: what was awaited before the refusal still is.
        pending = step.session.fields.get(step::REFUSED_PENDING).cloned();
    }
    if pending.as_deref() == Some(login::PIN) {
        match login::typing(&step.session, scanned) {
            login::Typing::Whole(pin) => return login::pin(step, &pin),
            login::Typing::Digit(digit) => {
                step.session.pending = pending;
                type_digit(step, &digit);
                return Ok(Answer::new(Code::DIGIT).arg("digits", hidden(step)).then(Next::PIN));
            }
            login::Typing::No => {}
        }
    }
    match scanned {
        Scanned::Badge(hash) => {
            if pending.as_deref() == Some(login::SUPERVISOR)
                && let Some(ruling) = login::supervisor_badge(step, hash)
            {
                return ruling;
            }
            login::badge(step, hash)
        }
        Scanned::Foreign(uid) => {
            let refusal = Refusal::new(Code::UID_FOREIGN).arg("tenant", uid.tenant()).firm();
            Err(noted(refusal, uid.to_string()))
        }
        Scanned::Invalid { code, detail } => {
            let known = Code::find(code).unwrap_or(Code::SCAN_INVALID);
            let refusal = Refusal::new(known).arg("detail", detail).then(Next::SCAN_AGAIN).firm();
            Err(noted(refusal, detail.clone()))
        }
        Scanned::Control(control) => by_control(step, control, scanned, pending),
        Scanned::Uid(uid) => {
            login::require(step, scanned)?;
            match pending.as_deref() {
                Some(correct::CORRECT) => correct::of_uid(step, uid),
                Some(hold::HOLD) => hold::place(step, uid.key().get()),
                Some(label::REPRINT) => label::reprint(step, uid.key().get()),
                _ => act(step, &Act::Uid(*uid)),
            }
        }
        Scanned::Gs1(elements) => {
            login::require(step, scanned)?;
            act(step, &Act::Gs1(Box::new(elements.clone())))
        }
        Scanned::Text(text) => {
            login::require(step, scanned)?;
            by_text(step, text, pending)
        }
    }
}

fn noted(mut refusal: Refusal, note: String) -> Refusal {
    refusal.note = note;
    refusal
}

fn by_control(step: &mut Step<'_>, control: &Control, scanned: &Scanned, pending: Option<String>) -> Ruling {
    match control.verb() {
        Verb::Help => {
            step.session.pending = pending.filter(|pending| step::outlasts(pending));
            return Ok(Answer::new(Code::HELP));
        }
        Verb::Login => return Ok(Answer::new(Code::LOGIN_BADGE).then(Next::BADGE)),
        Verb::Logout => {
            let at = step.world.at.to_utc();
            login::sign_out(&mut step.session, at);
            return Ok(Answer::new(Code::LOGGED_OUT));
        }
        _ => login::require(step, scanned)?,
    }
    match control.verb() {
        Verb::Digit => {
            step.session.pending = pending;
            type_digit(step, control.value().unwrap_or_default());
            Ok(Answer::new(Code::DIGIT).arg("digits", step.session.digits.clone()).then(Next::ENTER))
        }
        Verb::Enter => {
            step.session.pending = pending;
            let digits = std::mem::take(&mut step.session.digits);
            if digits.is_empty() {
                return Ok(Answer::amber(Code::DIGITS_NONE));
            }
            let quantity = control::quantity(&digits)
                .ok_or_else(|| Refusal::new(Code::QUANTITY_WRONG).arg("text", digits).silent())?;
            act(step, &Act::Quantity(quantity))
        }
        Verb::Qty => match control.value().and_then(control::quantity) {
            Some(quantity) => act(step, &Act::Quantity(quantity)),
            None => {
                step.session.digits.clear();
                Ok(Answer::new(Code::QUANTITY_TYPE).then(Next::DIGITS))
            }
        },
        Verb::Cancel => {
            draft::clear(&mut step.session);
            Ok(Answer::new(Code::CANCELLED))
        }
        Verb::Correct => correct::ask(step),
        Verb::Order => match control.value() {
            Some(number) => choose_order(step, number),
            None => {
                demand_no_draft(step)?;
                step.session.order = None;
                Ok(Answer::new(Code::ORDER_NONE).then(Next::ORDER))
            }
        },
        Verb::Op => choose_operation(step, control.value()),
        Verb::Reason => match control.value() {
            Some(reason) => {
                step.session.pending = pending;
                reason::choose(step, reason)
            }
            None => {
                step.session.pending = pending.filter(|pending| step::outlasts(pending));
                Ok(Answer::new(Code::REASON_SCAN).then(Next::REASON))
            }
        },
        Verb::Reprint => label::ask_reprint(step),
        Verb::Hold => hold::control(step),
        Verb::Done if pending.as_deref() == Some(correct::CORRECT) => correct::last(step),
        Verb::Done => act(step, &Act::Done),
        Verb::Pass => act(step, &Act::Pass),
        Verb::Fail => act(step, &Act::Fail),
        Verb::NoLabel => act(step, &Act::NoLabel),
        Verb::Undo => act(step, &Act::Undo),
        Verb::Split => {
            // The count on the card, else the one typed before it.
            let typed = std::mem::take(&mut step.session.digits);
            let count = control.value().unwrap_or(&typed).parse().ok();
            act(step, &Act::Split(count.filter(|count| (1..=control::MAX_SPLIT).contains(count))))
        }
        Verb::Help | Verb::Login | Verb::Logout => Ok(Answer::new(Code::HELP)),
    }
}

/// Text: a field, an order's number, a reason's code, else the station's own.
fn by_text(step: &mut Step<'_>, text: &str, pending: Option<String>) -> Ruling {
    step.session.pending = pending;
    if let Some((name, value)) = fields::split(text) {
        if name == fields::QUANTITY {
            let quantity = control::quantity(value)
                .ok_or_else(|| Refusal::new(Code::QUANTITY_WRONG).arg("text", value).silent())?;
            return act(step, &Act::Quantity(quantity));
        }
        if name == fields::REASON {
            return reason::choose(step, value);
        }
        fields::enter(step, name, value)?;
        return act(step, &Act::Field(name));
    }
    if find_order(step, text).is_some() {
        return choose_order(step, text);
    }
    if step.world.reference.reasons.contains_key(text) {
        return reason::choose(step, text);
    }
    act(step, &Act::Text(text.to_owned()))
}

/// Most digits that are kept while a number is typed.
const MAX_DIGITS: usize = 19;

fn type_digit(step: &mut Step<'_>, digit: &str) {
    if step.session.digits.len() < MAX_DIGITS {
        step.session.digits.push_str(digit);
    }
}

fn hidden(step: &Step<'_>) -> String {
    "•".repeat(step.session.digits.len())
}

/// Types of orders that a station works on.
fn order_kinds(kind: StationKind) -> &'static [&'static str] {
    use StationKind as K;
    match kind {
        K::Receiving | K::Gate | K::JobWorkOut | K::JobWorkIn | K::ReturnToSupplier => &["po"],
        K::Issue
        | K::ReturnFromProduction
        | K::Kit
        | K::Transformation
        | K::Assembly
        | K::Operation
        | K::Load
        | K::Commission => &["prodorder"],
        K::Packing => &["so", "prodorder", "transfer"],
        K::Dispatch | K::Return => &["so"],
        K::TransferOut | K::TransferIn => &["transfer"],
        _ => &[],
    }
}

/// Whether a station of that kind reads what a supplier's label says. Others want
/// the UID that it stands for.
#[must_use]
pub fn reads_labels(kind: StationKind) -> bool {
    matches!(kind, StationKind::Receiving | StationKind::Opening | StationKind::Commission)
}

/// Whether a station of that kind works on an order.
#[must_use]
pub fn takes_order(kind: StationKind) -> bool {
    !order_kinds(kind).is_empty()
}

/// The open order of that number that concerns this station.
fn find_order(step: &Step<'_>, number: &str) -> Option<(String, String)> {
    let kinds = order_kinds(step.world.station.kind);
    let orders = &step.world.reference.orders;
    let exact = kinds.iter().map(|kind| ((*kind).to_owned(), number.to_owned()));
    let exact = exact.into_iter().find(|key| orders.contains_key(key));
    exact.or_else(|| {
        let same =
            |key: &&(String, String)| kinds.contains(&key.0.as_str()) && key.1.eq_ignore_ascii_case(number);
        orders.keys().filter(same).min().cloned()
    })
}

fn choose_order(step: &mut Step<'_>, number: &str) -> Ruling {
    let Some(chosen) = find_order(step, number) else {
        let refusal = Refusal::new(Code::ORDER_UNKNOWN).arg("order", number);
        return Err(refusal.then(Next::ORDER).silent());
    };
    if step.session.order.as_ref() != Some(&chosen) {
        demand_no_draft(step)?;
        step.session.order = Some(chosen);
        step.session.line = None;
    }
    // Chosen now, even where it was the open parent's before.
    step.take(draft::ORDER_OF_PARENT);
    act(step, &Act::Order)
}

/// The order belongs to the whole draft; it does not change in the middle.
fn demand_no_draft(step: &Step<'_>) -> Result<(), Refusal> {
    if step.session.order.is_some() && !draft::is_empty(&step.session) {
        return Err(Refusal::new(Code::ORDER_DRAFT).then(Next::DONE).silent());
    }
    Ok(())
}

fn choose_operation(step: &mut Step<'_>, operation: Option<&str>) -> Ruling {
    let Some(operation) = operation else {
        step.session.operation = None;
        return Ok(Answer::new(Code::OPERATION_SCAN).then(Next::OPERATION));
    };
    let station = step.world.station;
    let own = station.operations.iter().chain(&station.operation);
    let Some(found) = own.into_iter().find(|own| own.eq_ignore_ascii_case(operation)) else {
        let refusal = Refusal::new(Code::OPERATION_NOT_HERE).arg("operation", operation);
        return Err(refusal.silent());
    };
    step.session.operation = Some(found.clone());
    Ok(Answer::new(Code::OPERATION_CHOSEN).arg("operation", found))
}

/// Hands an act to the station's own rules.
fn act(step: &mut Step<'_>, act: &Act) -> Ruling {
    use StationKind as K;
    match step.world.station.kind {
        K::Gate => gate::on(step, act),
        K::Receiving => receiving::on(step, act),
        K::Opening => opening::on(step, act),
        K::Storage => storage::on(step, act),
        K::Count => count::on(step, act),
        K::Issue | K::ReturnFromProduction => issue::on(step, act),
        K::Transformation => transformation::on(step, act),
        K::Split => split::on(step, act),
        K::Assembly => assembly::on(step, act),
        K::Operation => operation::on(step, act),
        K::Load => load::on(step, act),
        K::Inspection => inspection::on(step, act),
        K::Sample => sample::on(step, act),
        K::Rework => rework::on(step, act),
        K::Scrap => scrap::on(step, act),
        K::Packing | K::Kit => packing::on(step, act),
        K::TransferOut | K::JobWorkOut | K::Dispatch | K::ReturnToSupplier => shipping::on(step, act),
        K::TransferIn | K::JobWorkIn | K::Return => arrival::on(step, act),
        K::Label => label::on(step, act),
        K::Commission => commission::on(step, act),
        K::Hold => hold::on(step, act),
    }
}

/// What the station waits for.
fn asked(step: &Step<'_>) -> Asked {
    use StationKind as K;
    match step.session.pending.as_deref() {
        Some(login::PIN | login::SUPERVISOR_PIN) => return Next::PIN.into(),
        Some(correct::CORRECT) => return correct::next(step),
        Some(hold::HOLD) => return Next::SCAN_TO_HOLD.into(),
        Some(label::REPRINT) => return Next::SCAN_TO_REPRINT.into(),
        _ => {}
    }
    if step.world.station.login_required && step.session.operator.is_none() {
        return Next::BADGE.into();
    }
    match step.world.station.kind {
        K::Gate => gate::next(step),
        K::Receiving => receiving::next(step),
        K::Opening => opening::next(step),
        K::Storage => storage::next(step),
        K::Count => count::next(step),
        K::Issue | K::ReturnFromProduction => issue::next(step),
        K::Transformation => transformation::next(step),
        K::Split => split::next(step),
        K::Assembly => assembly::next(step),
        K::Operation => operation::next(step),
        K::Load => load::next(step),
        K::Inspection => inspection::next(step),
        K::Sample => sample::next(step),
        K::Rework => rework::next(step),
        K::Scrap => scrap::next(step),
        K::Packing | K::Kit => packing::next(step),
        K::TransferOut | K::JobWorkOut | K::Dispatch | K::ReturnToSupplier => shipping::next(step),
        K::TransferIn | K::JobWorkIn | K::Return => arrival::next(step),
        K::Label => label::next(step),
        K::Commission => commission::next(step),
        K::Hold => hold::next(step),
    }
}

/// What a station has no meaning for. Fields and orders are kept all the same.
fn not_here(step: &mut Step<'_>, act: &Act) -> Ruling {
    match act {
        Act::Field(name) => {
            let value = step.field(name).unwrap_or_default().to_owned();
            Ok(Answer::new(Code::FIELD_SET).arg("value", value))
        }
        Act::Order => {
            let number = step.session.order.as_ref().map(|(_, n)| n.clone()).unwrap_or_default();
            let partner = step.order().map(|order| order.partner.clone()).unwrap_or_default();
            Ok(Answer::new(Code::ORDER_CHOSEN).arg("order", number).arg("partner", partner))
        }
        Act::Reason => {
            let code = step.reason();
            Ok(Answer::new(Code::REASON_SET).arg("reason", guard::reason_text(step, &code)))
        }
        Act::Quantity(quantity) => {
            step.set(fields::QUANTITY, quantity.normalize().to_string());
            Ok(Answer::new(Code::QUANTITY_KEPT).arg("quantity", quantity.normalize()))
        }
        Act::Undo => draft::undo(step),
        Act::Done => Ok(Answer::amber(Code::DONE_NOTHING)),
        Act::Text(text) => Err(Refusal::new(Code::TEXT_UNKNOWN).arg("text", text).silent()),
        Act::Gs1(elements) => {
            let refusal = Refusal::new(Code::GS1_NOT_HERE);
            Err(noted(refusal.silent(), elements.raw.clone()))
        }
        Act::Uid(uid) => {
            let refusal = Refusal::new(Code::NOT_HERE).about([uid.key().get()]);
            Err(refusal.firm())
        }
        Act::Pass | Act::Fail | Act::Split(_) | Act::NoLabel | Act::Hold => {
            Err(Refusal::new(Code::NOT_HERE).silent())
        }
    }
}
