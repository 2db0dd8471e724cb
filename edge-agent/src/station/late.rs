//! Scans that arrive late, because a scanner kept them while it had no network.
//! They are judged by who worked here when they were made, never by who does
//! now, and leave what is being done now as it is.

use chrono::{DateTime, Duration, Utc};
use proto::v1;

use super::codes::Code;
use super::login;
use super::step::Step;
use super::types::{Decision, DraftEvent, OperatorSession, PastSession, Reply, Scanned, Session, World};
use crate::inputs::Colour;

/// A scan that comes longer than this after it was made had been kept. What is
/// less may be a scanner's clock that is a little slow.
const KEPT_S: i64 = 60;

/// The decision on a scan that was made before the present session began, or
/// while nobody was signed in where somebody should be; `None` for any other.
/// `session` is the one at the scan's own time ([`login::at_its_time`]).
pub(crate) fn judge(world: &World<'_>, session: &Session, scanned: &Scanned) -> Option<Decision> {
    let at = world.at.to_utc();
    let before = before_present(world, session, at);
    let act = matches!(scanned, Scanned::Uid(_) | Scanned::Gs1(_));
    let late = before || (act && unattended(world, session, at));
    if !late {
        return None;
    }
    if !matches!(scanned, Scanned::Uid(_) | Scanned::Gs1(_) | Scanned::Foreign(_) | Scanned::Invalid { .. }) {
        // DONE or a PIN from then would act on the draft of now.
        return Some(told(session, Code::LATE_IGNORED, Vec::new()));
    }
    let mut session = session.clone();
    let then = session_at(world, &mut session, at);
    // Where nobody has come since, the station's order is still the one of then.
    let order = then.as_ref().map_or(session.order.clone().filter(|_| !before), |past| past.order.clone());
    let was = as_it_was(world, then.as_ref(), order);
    let mut decision = super::run_late(world, was, scanned, then.is_none());
    let reason = if then.is_some() { Code::LATE_TAKEN } else { Code::LATE_NO_SESSION };
    if decision.events.is_empty() {
        decision.events.extend(kept(world, scanned, reason));
    }
    for event in &mut decision.events {
        event.operator = Some(then.as_ref().map(|past| past.operator.clone()).unwrap_or_default());
        if event.reason.is_empty() && then.is_none() {
            event.reason = reason.as_str().to_owned();
        }
    }
    if decision.reply.colour != Colour::Red {
        let args = decision.reply.args;
        decision.reply = told(&session, reason, args).reply;
    }
    decision.session = session;
    decision.beside = true;
    Some(decision)
}

/// Whether the present session, or the end of the last one, is later than the
/// scan. Where it begins after now the clock went back, and says nothing of what
/// came before what.
fn before_present(world: &World<'_>, session: &Session, at: DateTime<Utc>) -> bool {
    let since = match (&session.operator, session.past.last()) {
        (Some(operator), _) => operator.since,
        (None, Some(last)) => last.to,
        (None, None) => return false,
    };
    // Less may be a clock that is a little slow, unless somebody else was here then.
    let person = session.operator.as_ref().map(|operator| &operator.operator);
    let anothers = |past: &PastSession| past.from <= at && at <= past.to && Some(&past.operator) != person;
    at < since && since <= world.now && (was_kept(world, at) || session.past.iter().any(anothers))
}

fn was_kept(world: &World<'_>, at: DateTime<Utc>) -> bool {
    world.now - at > Duration::seconds(KEPT_S)
}

/// Whether the scan was kept for a while, and nobody was signed in when it was
/// made. Nobody stands there any more who could sign in and scan again.
fn unattended(world: &World<'_>, session: &Session, at: DateTime<Utc>) -> bool {
    world.station.login_required
        && session.operator.is_none()
        && login::named(world).is_none()
        && was_kept(world, at)
}

/// The session of that time: whose badge came with the scan, else who was signed
/// in. One that ended by itself goes on as long as its scans do.
fn session_at(world: &World<'_>, session: &mut Session, at: DateTime<Utc>) -> Option<PastSession> {
    let idle = login::idle(world);
    let begun = session.past.iter_mut().rfind(|past| past.from <= at);
    let open = begun.filter(|past| at <= if past.idle { past.to + idle } else { past.to });
    if let Some(past) = open
        && login::named(world).is_none_or(|person| person.operator == past.operator)
    {
        past.to = past.to.max(at);
        return Some(past.clone());
    }
    let person = login::named(world)?;
    Some(PastSession { operator: person.operator.clone(), from: at, to: at, order: None, idle: false })
}

/// A session as it was then: who and for which order. Its draft is gone.
fn as_it_was(world: &World<'_>, past: Option<&PastSession>, order: Option<(String, String)>) -> Session {
    let operator = past.map(|past| OperatorSession {
        operator: past.operator.clone(),
        language: world.plant.default_language().code().to_owned(),
        supervisor: false,
        pin_ok: true,
        since: past.from,
        shift: world.shift.0.clone(),
    });
    Session { operator, order, ..Session::default() }
}

/// A scan that was one step of a draft that is gone: kept as a refused act, so
/// that somebody sees it.
fn kept(world: &World<'_>, scanned: &Scanned, reason: Code) -> Option<DraftEvent> {
    let Scanned::Uid(uid) = scanned else {
        return None;
    };
    let mut event = DraftEvent::new(v1::Stage::Refused);
    let step = Step::new(world, Session::default(), None);
    event.subjects.extend(step.subject(uid.key().get(), v1::Role::Subject));
    event.reason = reason.as_str().to_owned();
    Some(event)
}

fn told(session: &Session, code: Code, args: Vec<(String, String)>) -> Decision {
    Decision {
        reply: Reply { colour: Colour::Amber, code: code.as_str().to_owned(), next: String::new(), args },
        session: session.clone(),
        events: Vec::new(),
        prints: Vec::new(),
        beside: true,
    }
}
