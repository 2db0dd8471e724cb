//! Labels on their way: a task per printer, so that one that stands does not
//! hold up another.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{PlantFile, Printer};
use crate::engine::{Handle, PrintJob, PrintState, PrintUpdate};
use crate::inputs::Backoff;
use crate::labels::bitmap::Typesetter;
use crate::labels::printer::{PrintOutcome, send};
use crate::labels::zpl::{LabelContent, label};

/// Labels that may wait for one printer; they are on disk in any case.
const WAITING: usize = 1024;

/// Starts a task per printer and one that hands the jobs out.
pub(super) fn start(
    plant: &Arc<PlantFile>,
    handle: &Handle,
    stop: &CancellationToken,
    parts: &mut JoinSet<()>,
) {
    let Some(mut jobs) = handle.take_print_jobs() else { return };
    let mut queues = HashMap::new();
    for printer in &plant.printers {
        let (sender, receiver) = mpsc::channel(WAITING);
        queues.insert(printer.code.clone(), sender);
        parts.spawn(run(printer.clone(), receiver, handle.clone(), stop.clone()));
    }
    let stop = stop.clone();
    parts.spawn(async move {
        loop {
            let job = tokio::select! {
                () = stop.cancelled() => return,
                job = jobs.recv() => job,
            };
            let Some(job) = job else { return };
            match queues.get(&job.printer) {
                Some(queue) => {
                    if queue.try_send(job).is_err() {
                        tracing::error!(
                            "labels wait for a printer that does not print; the next one is not printed"
                        );
                    }
                }
                None => tracing::error!(printer = job.printer, uid = job.uid, "no such printer"),
            }
        }
    });
}

async fn run(printer: Printer, mut jobs: mpsc::Receiver<PrintJob>, engine: Handle, stop: CancellationToken) {
    let mut typesetter = printer.indic_font.as_deref().and_then(|font| {
        Typesetter::from_file(font)
            .inspect_err(|error| tracing::error!(%error, printer = printer.code, "labels are printed without that font"))
            .ok()
    });
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(15));
    loop {
        let job = tokio::select! {
            () = stop.cancelled() => return,
            job = jobs.recv() => job,
        };
        let Some(job) = job else { return };
        let content = LabelContent { uid: job.uid.clone(), lines: job.lines.clone(), copy: job.copy };
        let zpl = label(&printer, &content, typesetter.as_mut());
        let state = loop {
            match send(&printer, &zpl).await {
                PrintOutcome::Sent => {
                    backoff.reset();
                    break PrintState::Printed;
                }
                PrintOutcome::Unknown { problem } => {
                    tracing::warn!(problem, uid = job.uid, "it is not known whether the label came out");
                    break PrintState::Uncertain;
                }
                PrintOutcome::NotSent { problem } => {
                    tracing::warn!(problem, uid = job.uid, "the label is not printed yet");
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(backoff.next_wait()) => {}
                    }
                }
            }
        };
        if let Err(error) = engine.printed(PrintUpdate { job, state }).await {
            tracing::warn!(%error, "what became of a label could not be recorded");
        }
    }
}
