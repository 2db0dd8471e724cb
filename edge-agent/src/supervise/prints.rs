//! Labels on their way: a task per printer, so that one that stands does not
//! hold up another.

mod board;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(super) use board::{Board, Fate, PrinterState, Printing};

use crate::config::{Language, PlantFile, Printer};
use crate::engine::{EngineError, Handle, PrintJob, PrintState, PrintUpdate};
use crate::inputs::{Backoff, IntakeError};
use crate::labels::fonts::Fonts;
use crate::labels::layout::{LabelContent, Layout, Line, layout};
use crate::labels::printer::{PrintOutcome, send};
use crate::labels::zpl::zpl;
use crate::reference::Reference;

/// Labels that may wait for one printer. Beyond it a person is asked: the label
/// is on disk and is printed again by the answer.
const WAITING: usize = 1024;

/// Starts a task per printer and one that hands the jobs out; tells how they
/// stand.
pub(super) fn start(
    plant: &Arc<PlantFile>,
    handle: &Handle,
    stop: &CancellationToken,
    parts: &mut JoinSet<()>,
) -> Board {
    let board = Board::default();
    let Some(jobs) = handle.take_print_jobs() else { return board };
    let mut queues = HashMap::new();
    for printer in &plant.printers {
        let (sender, receiver) = mpsc::channel(WAITING);
        queues.insert(printer.code.clone(), sender);
        parts.spawn(run(printer.clone(), receiver, handle.clone(), board.clone(), stop.clone()));
    }
    parts.spawn(hand_out(jobs, queues, handle.clone(), board.clone(), stop.clone()));
    board
}

async fn hand_out(
    mut jobs: mpsc::Receiver<PrintJob>,
    queues: HashMap<String, mpsc::Sender<PrintJob>>,
    engine: Handle,
    board: Board,
    stop: CancellationToken,
) {
    loop {
        let job = tokio::select! {
            () = stop.cancelled() => return,
            job = jobs.recv() => job,
        };
        let Some(job) = job else { return };
        board.queued(&job);
        let Some(refused) = place(&queues, job) else { continue };
        tracing::error!(
            printer = refused.printer,
            uid = refused.uid,
            "no room at the printer; a person is asked"
        );
        settle(&engine, &board, refused, PrintState::Uncertain, &stop).await;
    }
}

/// Puts a job into its printer's queue; gives it back where that has no room or
/// there is no such printer.
fn place(queues: &HashMap<String, mpsc::Sender<PrintJob>>, job: PrintJob) -> Option<PrintJob> {
    let Some(queue) = queues.get(&job.printer) else { return Some(job) };
    match queue.try_send(job) {
        Ok(()) => None,
        Err(mpsc::error::TrySendError::Full(job) | mpsc::error::TrySendError::Closed(job)) => Some(job),
    }
}

async fn run(
    printer: Printer,
    mut jobs: mpsc::Receiver<PrintJob>,
    engine: Handle,
    board: Board,
    stop: CancellationToken,
) {
    let mut fonts = Fonts::new(printer.indic_font.clone());
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(15));
    loop {
        let job = tokio::select! {
            () = stop.cancelled() => return,
            job = jobs.recv() => job,
        };
        let Some(job) = job else { return };
        let text = zpl(&of_job(&printer, &job, &engine.reference(), engine.plant(), &mut fonts));
        let state = loop {
            match send(&printer, &text).await {
                PrintOutcome::Sent => {
                    backoff.reset();
                    board.reached(&printer.code);
                    break PrintState::Printed;
                }
                PrintOutcome::Unknown { problem } => {
                    tracing::warn!(problem, uid = job.uid, "it is not known whether the label came out");
                    board.reached(&printer.code);
                    break PrintState::Uncertain;
                }
                PrintOutcome::NotSent { problem } => {
                    tracing::warn!(problem, uid = job.uid, "the label is not printed yet");
                    board.away(&printer.code);
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(backoff.next_wait()) => {}
                    }
                }
            }
        };
        settle(&engine, &board, job, state, &stop).await;
    }
}

/// Records what became of a label. Where the journal does not take it now (it is
/// full) it is offered again: forgotten, the label would count as never sent, and
/// be printed twice.
async fn settle(engine: &Handle, board: &Board, job: PrintJob, state: PrintState, stop: &CancellationToken) {
    let fate = if state == PrintState::Printed { Fate::Printed } else { Fate::Asked };
    board.done(&job, fate);
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(15));
    while let Err(error) = engine.printed(PrintUpdate { job: job.clone(), state }).await {
        tracing::warn!(%error, uid = job.uid, "what became of a label is not recorded");
        if !matches!(error, EngineError::Intake(IntakeError::Full)) {
            return;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(backoff.next_wait()) => {}
        }
    }
}

/// The label of a job, as its printer makes it.
pub(super) fn of_job(
    printer: &Printer,
    job: &PrintJob,
    reference: &Reference,
    plant: &PlantFile,
    fonts: &mut Fonts,
) -> Layout {
    let line = |text: &String| Line { text: text.clone(), english: english(reference, plant, text) };
    let lines = job.lines.iter().map(line).collect();
    layout(printer, &LabelContent { uid: job.uid.clone(), lines, copy: job.copy }, fonts)
}

/// The English name of the item that a line names in the plant's language.
fn english(reference: &Reference, plant: &PlantFile, line: &str) -> Option<String> {
    let language = plant.default_language();
    if line.is_ascii() || language == Language::En {
        return None;
    }
    let named = |names: &std::collections::BTreeMap<String, String>| {
        names.get(language.code()).is_some_and(|name| name == line)
    };
    let item = reference.items.values().find(|item| named(&item.names))?;
    Some(item.names.get("en").unwrap_or(&item.item).clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::station::fixture;

    #[test]
    fn a_label_for_which_there_is_no_room_comes_back_to_be_asked_about() {
        let (sender, _receiver) = mpsc::channel(1);
        let queues = HashMap::from([("LBL1".to_owned(), sender)]);
        let job = |key, printer: &str| PrintJob {
            key,
            uid: String::new(),
            station: "DOCK1".to_owned(),
            printer: printer.to_owned(),
            lines: Vec::new(),
            copy: 1,
        };
        assert_eq!(place(&queues, job(1, "LBL1")), None);
        assert_eq!(place(&queues, job(2, "LBL1")), Some(job(2, "LBL1")));
        assert_eq!(place(&queues, job(3, "GONE")), Some(job(3, "GONE")));
    }

    #[test]
    fn an_item_without_a_font_goes_by_its_english_name() {
        let mut plant = fixture::file(Vec::new());
        plant.languages = vec![Language::Bn];
        let mut reference = fixture::reference(chrono::Utc::now());
        reference.items.get_mut("GEAR").unwrap().names.insert("bn".to_owned(), "গিয়ার".to_owned());
        assert_eq!(english(&reference, &plant, "গিয়ার").as_deref(), Some("gear"));
        assert_eq!(english(&reference, &plant, "অন্য"), None);
        assert_eq!(english(&reference, &plant, "5 kg"), None);
    }
}
