//! Scans that arrive late, because a scanner kept them while it had no network.
//! They are judged by who worked here when they were made, never by who does
//! now, and leave what is being done now as it is.

use proto::v1;

use super::codes::Code;
use super::step::{self, Step};
use super::types::{Decision, DraftEvent, OperatorSession, PastSession, Reply, Scanned, Session, World};
use crate::inputs::Colour;

/// The decision on a scan that was made before the present session began;
/// `None` for one that was not.
pub(crate) fn judge(world: &World<'_>, session: &Session, scanned: &Scanned) -> Option<Decision> {
    let at = world.at.to_utc();
    let present_since = match &session.operator {
        Some(operator) => operator.since,
        None => session.past.last()?.to,
    };
    // Where the session begins after now the clock went back, and says nothing of
    // what came before what.
    if at >= present_since || present_since > world.now {
        return None;
    }
    if !matches!(scanned, Scanned::Uid(_) | Scanned::Gs1(_) | Scanned::Foreign(_) | Scanned::Invalid { .. }) {
        // DONE or a PIN from then would act on the draft of now.
        return Some(told(session, Code::LATE_IGNORED, Vec::new()));
    }
    let then = session.past.iter().rev().find(|past| past.from <= at && at <= past.to);
    let mut decision = super::run_late(world, session_of(then, world), scanned, then.is_none());
    let reason = if then.is_some() { Code::LATE_TAKEN } else { Code::LATE_NO_SESSION };
    if decision.events.is_empty() {
        decision.events.extend(kept(world, scanned, reason));
    }
    for event in &mut decision.events {
        event.operator = Some(then.map(|past| past.operator.clone()).unwrap_or_default());
        if event.reason.is_empty() && then.is_none() {
            event.reason = reason.as_str().to_owned();
        }
    }
    if decision.reply.colour != Colour::Red {
        let args = decision.reply.args;
        decision.reply = told(session, reason, args).reply;
    }
    decision.session = session.clone();
    step::remember_kind(&mut decision.session, &decision.events);
    Some(decision)
}

/// A session as it was then: who and for which order. Its draft is gone.
fn session_of(past: Option<&PastSession>, world: &World<'_>) -> Session {
    let operator = past.map(|past| OperatorSession {
        operator: past.operator.clone(),
        language: world.plant.default_language().code().to_owned(),
        supervisor: false,
        pin_ok: true,
        since: past.from,
        shift: world.shift.0.clone(),
    });
    Session { operator, order: past.and_then(|past| past.order.clone()), ..Session::default() }
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
    }
}
