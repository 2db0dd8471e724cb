//! One station followed: every change of its view is on the page at once, what
//! changes with every commit anywhere only a few times a second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::super::prints::{Fate, PrinterState, Printing};
use super::buttons::{Place, buttons};
use super::draft::{asks_pin, draft, entries};
use super::rest::Rest;
use crate::config::{Language, Station};
use crate::engine::{Handle, StationView};
use crate::inputs::{Answer, Colour};
use crate::journal::DiskLevel;
use crate::station::types::Session;
use crate::terminal::{Lamp, LastAnswer, LastLabel, PrintQuestion, PrinterLamp, ScanLine, TerminalView};

/// How often ages, lamps and sign-outs are looked at when nothing else happens.
const REFRESH: Duration = Duration::from_secs(5);
/// Shortest time between two looks at what is not an answer.
const QUIET: Duration = Duration::from_millis(250);

/// Keeps a station's page up to date.
pub(super) struct Follower {
    engine: Handle,
    station: Station,
    printing: watch::Receiver<Arc<Printing>>,
    /// The last answer, and when it was seen first.
    answered: Option<(Answer, DateTime<Utc>)>,
    /// What the station waited for at rest, and in which state of it.
    waited: Option<((Session, String), String)>,
}

impl Follower {
    pub fn new(engine: Handle, station: Station, printing: watch::Receiver<Arc<Printing>>) -> Self {
        Self { engine, station, printing, answered: None, waited: None }
    }

    /// Until told to stop, or until nobody can change anything any more.
    pub async fn run(mut self, shown: watch::Sender<Arc<TerminalView>>, stop: CancellationToken) {
        let Some(mut view) = self.engine.subscribe(&self.station.code) else { return };
        let (mut status, mut uplink) = (self.engine.watch_status(), self.engine.uplink());
        let mut printing = self.printing.clone();
        let mut clock = tokio::time::interval(REFRESH);
        loop {
            let seen = Arc::clone(&view.borrow_and_update());
            status.mark_unchanged();
            uplink.mark_unchanged();
            printing.mark_unchanged();
            let now = self.render(&seen, Utc::now()).await;
            shown.send_if_modified(|old| {
                let changed = **old != now;
                if changed {
                    *old = Arc::new(now);
                }
                changed
            });
            let rendered = Instant::now();
            let alive = tokio::select! {
                () = stop.cancelled() => false,
                changed = view.changed() => changed.is_ok(),
                changed = other(&mut status, &mut uplink, &mut printing, rendered) => changed,
                _ = clock.tick() => true,
            };
            if !alive {
                return;
            }
        }
    }

    async fn render(&mut self, view: &StationView, now: DateTime<Utc>) -> TerminalView {
        let engine = self.engine.clone();
        let (plant, status, reference) = (engine.plant(), engine.status(), engine.reference());
        let rest = Rest { engine: &engine, station: &self.station, now };
        let session = rest.session(&view.session);
        let signed_out = view.session.operator.is_some() && session.operator.is_none();
        let language = if view.language.is_empty() || signed_out {
            plant.default_language().code().to_owned()
        } else {
            view.language.clone()
        };
        if self.answered.as_ref().map(|(answer, _)| answer) != view.answer.as_ref() {
            self.answered = view.answer.clone().map(|answer| (answer, now));
        }
        let next = match still_next(view.answer.as_ref(), signed_out) {
            Some(next) => next.to_owned(),
            None => self.waits_for(&session, &language, now).await,
        };
        let names: BTreeMap<String, String> = Language::ALL
            .iter()
            .map(|l| (l.code().to_owned(), self.station.name.get(*l).to_owned()))
            .collect();
        // Who has not given the PIN yet is not signed in.
        let operator = session.operator.as_ref().filter(|signed_in| signed_in.pin_ok).map(|signed_in| {
            let person = reference.operators.values().find(|o| o.operator == signed_in.operator);
            person.map_or_else(|| signed_in.operator.clone(), |o| o.name.clone())
        });
        let level = status.disk.map(|disk| disk.level()).unwrap_or_default();
        let printing = self.printing.borrow().clone();
        let connected = engine.uplink().borrow().connected;
        TerminalView {
            names,
            answer: self.answered.as_ref().map(last_answer),
            next,
            secret: asks_pin(&session),
            draft: draft(plant, &reference, &session, &language),
            fields: entries(&self.station, &session),
            last: view
                .last
                .iter()
                .map(|line| ScanLine {
                    at: line.at,
                    text: line.text.clone(),
                    colour: line.colour.to_string(),
                    what: line.what.clone(),
                })
                .collect(),
            queue: status.queued,
            uplink: Lamp { connected },
            reference_age_s: reference.as_of.map(|at| (now - at).num_seconds().max(0) / 60 * 60),
            numbers_low: status.low.iter().map(ToString::to_string).collect(),
            disk_warning: level != DiskLevel::default() || status.quarantined > 0 || status.failed.is_some(),
            buttons: buttons(&Place {
                plant,
                station: &self.station,
                reference: &reference,
                waits_for: session.pending.as_deref(),
                signed_in: operator.is_some(),
                language: &language,
            }),
            printer: self.station.printer.as_ref().map(|code| {
                let PrinterState { away, waiting } = printing.printers.get(code).copied().unwrap_or_default();
                PrinterLamp { away, waiting }
            }),
            label: printing.last.get(&self.station.code).map(|(job, fate)| LastLabel {
                uid: job.uid.clone(),
                copy: job.copy,
                state: match fate {
                    Fate::Waiting => "waiting",
                    Fate::Printed => "printed",
                    Fate::Asked => "asked",
                }
                .to_owned(),
            }),
            print_question: view.open_prints.first().map(|job| PrintQuestion {
                id: super::question(job),
                uid: job.uid.clone(),
                again: job.copy.saturating_add(1),
            }),
            operator,
            language,
        }
    }

    /// What the station waits for at rest; asked again only when it may differ.
    async fn waits_for(&mut self, session: &Session, language: &str, now: DateTime<Utc>) -> String {
        let state = (session.clone(), language.to_owned());
        if let Some((known, next)) = &self.waited
            && *known == state
        {
            return next.clone();
        }
        let rest = Rest { engine: &self.engine, station: &self.station, now };
        let next = rest.next(session, language).await;
        self.waited = Some((state, next.clone()));
        next
    }
}

/// A change of what every commit may change, no sooner than [`QUIET`] after the
/// last look; `false` when nothing can change any more.
async fn other<A, B, C>(
    status: &mut watch::Receiver<A>,
    uplink: &mut watch::Receiver<B>,
    printing: &mut watch::Receiver<C>,
    rendered: Instant,
) -> bool {
    let changed = tokio::select! {
        changed = status.changed() => changed.is_ok(),
        changed = uplink.changed() => changed.is_ok(),
        changed = printing.changed() => changed.is_ok(),
    };
    if changed {
        tokio::time::sleep_until(rendered + QUIET).await;
    }
    changed
}

/// What the last answer said is next, where that is what the station waits for. After a red it is
/// not: whoever opens the page does not see what was red, and what to do with that is no news.
fn still_next(answer: Option<&Answer>, signed_out: bool) -> Option<&str> {
    answer.filter(|answer| !signed_out && answer.colour != Colour::Red).map(|answer| answer.next.as_str())
}

fn last_answer((answer, at): &(Answer, DateTime<Utc>)) -> LastAnswer {
    LastAnswer {
        input_id: answer.input_id.clone(),
        at: *at,
        colour: answer.colour.to_string(),
        code: answer.code.clone(),
        what: answer.what.clone(),
        next: answer.next.clone(),
        language: answer.language.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_opened_after_a_red_says_what_is_waited_for() {
        let answer = |colour| Answer {
            input_id: "1".into(),
            colour,
            code: "label.held".into(),
            what: "Held".into(),
            next: "Set it aside.".into(),
            language: "en".into(),
            args: Vec::new(),
            recorded: true,
        };
        assert_eq!(still_next(Some(&answer(Colour::Red)), false), None);
        assert_eq!(still_next(Some(&answer(Colour::Green)), false), Some("Set it aside."));
        assert_eq!(still_next(Some(&answer(Colour::Green)), true), None);
        assert_eq!(still_next(None, false), None);
    }

    #[tokio::test]
    async fn what_every_commit_changes_waits_a_moment() {
        let (status, mut seen) = watch::channel(0_u32);
        let (_uplink, mut uplink) = watch::channel(());
        let (_printing, mut printing) = watch::channel(());
        let rendered = Instant::now();
        status.send_replace(1);
        assert!(other(&mut seen, &mut uplink, &mut printing, rendered).await);
        assert!(rendered.elapsed() >= QUIET);
        drop(status);
        assert!(!other(&mut seen, &mut uplink, &mut printing, rendered).await, "the engine is gone");
    }
}
