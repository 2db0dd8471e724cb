//! Who is signed in: badge, PIN, handover, sign-out by itself, and the
//! supervisor who overrides a refusal.

use chrono::{DateTime, Duration, Utc};
use proto::v1;

use super::codes::{Code, Next};
use super::control::Verb;
use super::pin;
use super::step::{Answer, REFUSED, Refusal, Ruling, Step};
use super::types::{DraftEvent, OperatorSession, PastSession, Scanned, Session, World};
use crate::reference::Operator;

/// [`Session::pending`] while the PIN of the badge just scanned is awaited.
pub(crate) const PIN: &str = "pin";
/// While a supervisor's badge would override the refusal just given.
pub(crate) const SUPERVISOR: &str = "supervisor";
/// While that supervisor's PIN is awaited.
pub(crate) const SUPERVISOR_PIN: &str = "supervisor-pin";
/// Once a PIN is asked for no more and none was given: what is typed next is
/// still a PIN to whoever types it, so it is neither used nor shown.
pub(crate) const PIN_OVER: &str = "pin-over";

/// Wrong PINs after which no more are taken for a time.
const MAX_TRIES: u32 = 3;
/// How long, in seconds, after the first three wrong PINs, the next three, and
/// so on; the last stands for all that follow.
const LOCKS_S: [i64; 5] = [30, 120, 600, 1800, 3600];
/// Longest time that anybody stays signed in, even where shifts bear one name.
const MAX_SESSION_H: i64 = 16;
/// Ended sessions that are remembered, for scans that come late.
const MAX_PAST: usize = 32;

const WHO: &str = "_supervisor";

/// The supervisor whose PIN is awaited.
pub(crate) fn asked_supervisor(session: &Session) -> Option<&str> {
    session.fields.get(WHO).map(String::as_str)
}

/// Whether a field belongs to signing in, not to the draft.
pub(crate) fn is_own(name: &str) -> bool {
    name == WHO
}

/// How long anybody may be away; zero for as long as they like.
pub(crate) fn idle(world: &World<'_>) -> Duration {
    Duration::seconds(i64::from(world.station.idle_logout_s))
}

/// When the scan was made; no device's clock is ahead of the agent's.
fn made_at(world: &World<'_>) -> DateTime<Utc> {
    world.at.to_utc().min(world.now)
}

/// Makes the session what it was when the scan was made: signs out who had been
/// away too long by then or whose shift had ended, and brings back who was not
/// away yet. So a day's scans that all come at once are one session.
pub(crate) fn at_its_time(world: &World<'_>, session: &mut Session) {
    resume(world, session);
    let at = made_at(world);
    let Some(operator) = session.operator.clone().filter(|o| at >= o.since || o.since > world.now) else {
        return;
    };
    let touched = session.touched_at.filter(|_| idle(world) > Duration::zero());
    if let Some(touched) = touched.filter(|touched| *touched + idle(world) < at) {
        close(session, touched, true);
        session.idle = Some(operator);
        return;
    }
    if operator.shift != world.shift.0 || at - operator.since > Duration::hours(MAX_SESSION_H) {
        sign_out(session, at);
    }
}

fn resume(world: &World<'_>, session: &mut Session) {
    let at = made_at(world);
    let back = session.past.last().filter(|last| last.idle && last.to <= at && at <= last.to + idle(world));
    let (Some(last), None, true) = (back.map(|last| last.to), &session.operator, session.idle.is_some())
    else {
        return;
    };
    session.operator = session.idle.take();
    session.past.pop();
    session.touched_at = Some(last);
}

/// Notes that something happened here. A time later than now is from a clock
/// that has been put back.
pub(crate) fn touch(world: &World<'_>, session: &mut Session) {
    let at = made_at(world);
    let last = session.touched_at.filter(|touched| *touched <= world.now);
    session.touched_at = Some(last.map_or(at, |last| last.max(at)));
}

/// Ends the operator's session; the draft stays for who comes next.
pub(crate) fn sign_out(session: &mut Session, to: DateTime<Utc>) {
    close(session, to, false);
}

fn close(session: &mut Session, to: DateTime<Utc>, idle: bool) {
    if let Some(operator) = session.operator.take() {
        session.past.push(PastSession {
            operator: operator.operator,
            from: operator.since,
            to: to.max(operator.since),
            order: session.order.clone(),
            idle,
        });
        let surplus = session.past.len().saturating_sub(MAX_PAST);
        session.past.drain(..surplus);
    }
    session.idle = None;
    let asked = matches!(session.pending.as_deref(), Some(PIN | SUPERVISOR_PIN | PIN_OVER));
    session.pending = asked.then(|| PIN_OVER.to_owned());
    session.digits.clear();
}

/// Whose badge came with the scan.
pub(crate) fn named<'w>(world: &World<'w>) -> Option<&'w Operator> {
    world.reference.operators.get(world.badge?)
}

/// Refuses where the station wants somebody signed in and nobody is.
pub(crate) fn require(step: &Step<'_>, scanned: &Scanned) -> Result<(), Refusal> {
    let station = step.world.station;
    if !station.login_required || step.login_waived {
        return Ok(());
    }
    let refusal = match &step.session.operator {
        None => Refusal::new(Code::LOGIN_NEEDED).then(Next::BADGE),
        Some(operator) if station.pin_required && !operator.pin_ok => {
            Refusal::new(Code::LOGIN_NEEDED).then(Next::BADGE)
        }
        Some(_) => return Ok(()),
    };
    Err(match scanned {
        Scanned::Uid(uid) => refusal.about([uid.key().get()]).firm(),
        _ => refusal.silent(),
    })
}

/// A badge: signs in, or takes over from who was signed in.
pub(crate) fn badge(step: &mut Step<'_>, hash: &str) -> Ruling {
    let Some(person) = step.world.reference.operators.get(hash) else {
        return Err(Refusal::new(Code::LOGIN_UNKNOWN).then(Next::BADGE).silent());
    };
    let station = step.world.station;
    let signed_in = step.session.operator.as_ref();
    if signed_in.is_some_and(|o| o.operator == person.operator && (o.pin_ok || !station.pin_required)) {
        return Ok(Answer::amber(Code::LOGIN_ALREADY).arg("name", &person.name));
    }
    if station.pin_required
        && let Some(wait) = locked(step, &person.operator)
    {
        step.session.pending = Some(PIN_OVER.to_owned());
        return Ok(too_often(wait).then(Next::BADGE));
    }
    if station.pin_required && person.pin_hash.is_none() {
        return Err(Refusal::new(Code::LOGIN_NO_PIN).arg("name", &person.name).silent());
    }
    let at = step.world.at.to_utc();
    let handover = signed_in.is_some_and(|o| o.operator != person.operator);
    sign_out(&mut step.session, at);
    step.session.operator = Some(OperatorSession {
        operator: person.operator.clone(),
        language: person.language.clone(),
        supervisor: person.supervisor,
        pin_ok: !station.pin_required,
        since: at,
        shift: step.world.shift.0.clone(),
    });
    let code = if station.pin_required {
        step.session.pending = Some(PIN.to_owned());
        Code::LOGIN_PIN
    } else if handover {
        Code::LOGIN_HANDOVER
    } else {
        Code::LOGIN_DONE
    };
    Ok(Answer::new(code).arg("name", &person.name))
}

/// Whether this scan is part of typing a PIN, and the PIN once it is complete.
pub(crate) enum Typing {
    /// It is something else.
    No,
    /// One more digit.
    Digit(String),
    /// The whole PIN.
    Whole(String),
}

/// Reads a scan as part of a PIN.
pub(crate) fn typing(session: &Session, scanned: &Scanned) -> Typing {
    match scanned {
        Scanned::Control(control) => match control.verb() {
            Verb::Digit => Typing::Digit(control.value().unwrap_or_default().to_owned()),
            Verb::Enter => Typing::Whole(session.digits.clone()),
            _ => Typing::No,
        },
        Scanned::Text(text) => Typing::Whole(text.clone()),
        _ => Typing::No,
    }
}

/// The PIN of who has just shown the badge.
pub(crate) fn pin(step: &mut Step<'_>, pin: &str) -> Ruling {
    let id = step.session.operator.as_ref().map(|o| o.operator.clone()).unwrap_or_default();
    let Some(person) = person(step.world, &id) else {
        sign_out(&mut step.session, step.world.at.to_utc());
        return Ok(Answer::red(Code::LOGIN_UNKNOWN).then(Next::BADGE));
    };
    step.session.digits.clear();
    if let Some(wait) = locked(step, &id) {
        sign_out(&mut step.session, step.world.at.to_utc());
        step.session.pending = Some(PIN_OVER.to_owned());
        return Ok(too_often(wait).then(Next::BADGE));
    }
    if pin::is_right(person, pin, step.world.pin) {
        step.session.wrong_pins.remove(&id);
        if let Some(operator) = &mut step.session.operator {
            operator.pin_ok = true;
        }
        return Ok(Answer::new(Code::LOGIN_DONE).arg("name", &person.name));
    }
    if let Some(answer) = count_wrong(step, &id) {
        sign_out(&mut step.session, step.world.at.to_utc());
        step.session.pending = Some(PIN_OVER.to_owned());
        return Ok(answer.then(Next::BADGE));
    }
    step.session.pending = Some(PIN.to_owned());
    Ok(Answer::red(Code::PIN_WRONG).then(Next::PIN))
}

/// A badge right after a refusal. `None` when it is not a supervisor's: then it
/// is a handover as always.
pub(crate) fn supervisor_badge(step: &mut Step<'_>, hash: &str) -> Option<Ruling> {
    let person = step.world.reference.operators.get(hash).filter(|person| person.supervisor)?;
    if person.pin_hash.is_none() {
        return Some(Ok(Answer::red(Code::LOGIN_NO_PIN).arg("name", &person.name)));
    }
    if let Some(wait) = locked(step, &person.operator) {
        step.session.pending = Some(PIN_OVER.to_owned());
        return Some(Ok(too_often(wait)));
    }
    step.set(WHO, &person.operator);
    step.session.digits.clear();
    step.session.pending = Some(SUPERVISOR_PIN.to_owned());
    Some(Ok(Answer::amber(Code::OVERRIDE_PIN).arg("name", &person.name).then(Next::PIN)))
}

/// The supervisor's PIN. `Ok` names the supervisor; then what was refused is to
/// be judged again with that authority.
pub(crate) fn supervisor_pin(step: &mut Step<'_>, pin: &str) -> Result<String, Answer> {
    step.session.digits.clear();
    let id = step.field(WHO).unwrap_or_default().to_owned();
    if let Some(wait) = locked(step, &id) {
        step.session.fields.remove(WHO);
        step.session.pending = Some(PIN_OVER.to_owned());
        return Err(too_often(wait));
    }
    let matches =
        person(step.world, &id).is_some_and(|p| p.supervisor && pin::is_right(p, pin, step.world.pin));
    if matches {
        step.session.wrong_pins.remove(&id);
        step.session.fields.remove(WHO);
        return Ok(id);
    }
    if let Some(answer) = count_wrong(step, &id) {
        step.session.fields.remove(WHO);
        step.session.pending = Some(PIN_OVER.to_owned());
        return Err(answer);
    }
    step.session.pending = Some(SUPERVISOR_PIN.to_owned());
    Err(Answer::red(Code::PIN_WRONG).then(Next::PIN))
}

/// The answer to what is typed after a PIN was asked for in vain; `None` when the
/// scan is something else.
pub(crate) fn pin_over(step: &mut Step<'_>, scanned: &Scanned) -> Option<Answer> {
    let whole = match typing(&step.session, scanned) {
        Typing::No => return None,
        Typing::Digit(_) => false,
        Typing::Whole(_) => true,
    };
    let wait = step.session.wrong_pins.keys().filter_map(|operator| locked(step, operator)).max();
    if !whole || wait.is_some() {
        step.session.pending = Some(PIN_OVER.to_owned());
    }
    step.session.digits.clear();
    Some(wait.map_or_else(|| Answer::red(Code::LOGIN_NEEDED), too_often).then(Next::BADGE))
}

/// The text of what was refused last.
pub(crate) fn refused_text(session: &Session) -> Option<String> {
    session.fields.get(REFUSED).cloned()
}

fn person<'w>(world: &World<'w>, id: &str) -> Option<&'w Operator> {
    world.reference.operators.values().find(|person| person.operator == id)
}

/// How long this operator's PIN is not taken at this station yet; by the agent's
/// clock, which no scanner sets. A lock of longer than any is from a clock that
/// has been put back, and none.
fn locked(step: &Step<'_>, operator: &str) -> Option<Duration> {
    let until = step.session.wrong_pins.get(operator)?.locked_until?;
    let left = until - step.world.now;
    let longest = Duration::seconds(LOCKS_S.into_iter().max().unwrap_or_default());
    (left > Duration::zero() && left <= longest).then_some(left)
}

/// Counts a wrong PIN. With every third the operator is locked, longer each
/// time, and that is recorded: the answer says so.
fn count_wrong(step: &mut Step<'_>, operator: &str) -> Option<Answer> {
    let now = step.world.now;
    let wrong = step.session.wrong_pins.entry(operator.to_owned()).or_default();
    wrong.count = wrong.count.saturating_add(1);
    if !wrong.count.is_multiple_of(MAX_TRIES) {
        return None;
    }
    let nth = usize::try_from(wrong.count / MAX_TRIES).unwrap_or(usize::MAX);
    let wait = Duration::seconds(LOCKS_S[nth.min(LOCKS_S.len()) - 1]);
    wrong.locked_until = Some(now + wait);
    let mut event = DraftEvent::new(v1::Stage::Refused);
    event.reason = Code::PIN_TOO_OFTEN.as_str().to_owned();
    event.operator = Some(operator.to_owned());
    Some(too_often(wait).event(event))
}

fn too_often(wait: Duration) -> Answer {
    Answer::red(Code::PIN_TOO_OFTEN).arg("minutes", minutes(wait))
}

/// Minutes to wait, rounded up.
fn minutes(wait: Duration) -> i64 {
    (wait.num_milliseconds() + 59_999) / 60_000
}
