//! What is shown: the status of the agent and the view of each station.

use std::sync::Arc;

use tokio::sync::watch;

use super::status::{ScanLine, StationView, Status};
use super::writer::Writer;
use crate::inputs::Answer;

impl Writer {
    /// Publishes the agent's status, as of now.
    pub fn publish(&mut self) {
        let head = self.journal.head();
        let state = &self.state;
        let acked = |epoch: u32| state.acked.get(&epoch).map_or(0, |a| a.through_seq);
        let reference = state.reference.load();
        let wishes = self.wishes();
        let levels = state.mint.levels();
        let status = Status {
            head: Some(head),
            acked_through: acked(head.epoch),
            queued: state.queued(head),
            low: wishes.leases.iter().map(|(kind, _)| *kind).collect(),
            series_low: wishes
                .series
                .iter()
                .filter(|wish| !wish.ahead)
                .map(|wish| wish.series.clone())
                .collect(),
            leases: levels,
            series: state.mint.series_levels((state.settings.now)()),
            mint_blocked: state.mint.blocked().map(str::to_owned),
            behind_mark: state.behind.is_some(),
            disk: self.journal.disk().ok(),
            quarantined: state.quarantined,
            wal: state.wal.clone(),
            rebuilt: state.rebuilt.clone(),
            failed: state.failed.clone(),
            clock_jump: state.clock_jump,
            reference_version: reference.version,
            reference_as_of: reference.as_of,
            reference_lost: reference.doubtful,
            reference_unread: state.reference_unread,
            open_prints: Arc::clone(&state.open_prints),
            recorded: state.recorded,
            groups: state.groups,
            repeats: state.repeats,
            failures: state.failures,
            wishes,
        };
        self.status.send_replace(Arc::new(status));
    }

    /// Publishes a station's view, with scans that were answered there, oldest
    /// first.
    pub fn show(&mut self, station: &str, scans: Vec<(ScanLine, Answer)>) {
        let Some(sender) = self.stations.get(station) else { return };
        let session = self.state.sessions.get(station).cloned().unwrap_or_default();
        let language = session.operator.as_ref().map(|o| o.language.clone());
        let default = self.state.plant.default_language().code();
        let prints = self.state.open_prints.iter();
        let open_prints = prints.filter(|j| j.station == station).cloned().collect();
        // In one piece: a refusal may be told at the same time.
        sender.send_modify(|view| {
            let view = Arc::make_mut(view);
            station.clone_into(&mut view.station);
            view.language = language.unwrap_or_else(|| default.to_owned());
            view.session = session;
            view.open_prints = open_prints;
            for (line, answer) in scans {
                view.push(line, answer);
            }
        });
    }
}

/// Shows an answer of which nothing is recorded. The same one again changes
/// nothing: whoever keeps a reading offers it many times.
pub(super) fn refused(sender: &watch::Sender<Arc<StationView>>, answer: Answer) {
    sender.send_if_modified(|view| {
        let new = view.answer.as_ref() != Some(&answer);
        if new {
            Arc::make_mut(view).answer = Some(answer);
        }
        new
    });
}
