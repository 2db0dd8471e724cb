//! How the printers stand and what each station printed last, for its page.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use crate::engine::PrintJob;

/// What is known of a label on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It waits for its printer.
    Waiting,
    /// The printer took it.
    Printed,
    /// Nobody knows; a person is asked.
    Asked,
}

/// A printer as its labels find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PrinterState {
    /// It did not answer at the last try.
    pub away: bool,
    /// Labels that wait for it.
    pub waiting: usize,
}

/// One look at it all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Printing {
    /// By code; one that has printed nothing yet is not there.
    pub printers: BTreeMap<String, PrinterState>,
    /// The last label of each station.
    pub last: BTreeMap<String, (PrintJob, Fate)>,
}

/// Written by the printers' tasks, watched by the pages.
#[derive(Debug, Clone, Default)]
pub struct Board(watch::Sender<Arc<Printing>>);

impl Board {
    /// How things stand, now and at each change.
    pub fn watch(&self) -> watch::Receiver<Arc<Printing>> {
        self.0.subscribe()
    }

    /// A label waits for its printer.
    pub(super) fn queued(&self, job: &PrintJob) {
        self.change(|all| {
            all.printers.entry(job.printer.clone()).or_default().waiting += 1;
            all.last.insert(job.station.clone(), (job.clone(), Fate::Waiting));
        });
    }

    /// A label waits no longer.
    pub(super) fn done(&self, job: &PrintJob, fate: Fate) {
        self.change(|all| {
            let printer = all.printers.entry(job.printer.clone()).or_default();
            printer.waiting = printer.waiting.saturating_sub(1);
            let last = all.last.get_mut(&job.station).filter(|(last, _)| last == job);
            if let Some((_, known)) = last {
                *known = fate;
            }
        });
    }

    /// The printer does not answer.
    pub(super) fn away(&self, printer: &str) {
        self.change(|all| all.printers.entry(printer.to_owned()).or_default().away = true);
    }

    /// The printer answered.
    pub(super) fn reached(&self, printer: &str) {
        self.change(|all| all.printers.entry(printer.to_owned()).or_default().away = false);
    }

    fn change(&self, change: impl FnOnce(&mut Printing)) {
        self.0.send_modify(|all| change(Arc::make_mut(all)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printer_that_is_off_shows_what_waits_for_it() {
        let board = Board::default();
        let mut job = PrintJob {
            key: 1,
            uid: "UID-1".into(),
            station: "DOCK1".into(),
            printer: "LBL1".into(),
            lines: Vec::new(),
            copy: 1,
        };
        board.queued(&job);
        job.key = 2;
        board.queued(&job);
        board.away("LBL1");
        let seen = board.watch().borrow().clone();
        assert_eq!(seen.printers["LBL1"], PrinterState { away: true, waiting: 2 });
        assert_eq!(seen.last["DOCK1"], (job.clone(), Fate::Waiting));
        board.reached("LBL1");
        board.done(&PrintJob { key: 1, ..job.clone() }, Fate::Printed);
        let seen = board.watch().borrow().clone();
        assert_eq!(seen.printers["LBL1"], PrinterState { away: false, waiting: 1 });
        assert_eq!(seen.last["DOCK1"].1, Fate::Waiting, "another label is the last");
        board.done(&job, Fate::Asked);
        assert_eq!(board.watch().borrow().last["DOCK1"].1, Fate::Asked);
    }
}
