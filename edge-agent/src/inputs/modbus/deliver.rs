//! Handing triggered readings to the intake, until it takes them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::poll::ModbusStats;
use crate::inputs::{Backoff, Intake, MachineInput};

/// Triggered readings that may wait for the journal. While the queue is full no
/// trigger is looked at; a counter then shows what passed.
pub(super) const QUEUE: usize = 256;

const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// Offers readings one at a time and in order, until the senders are gone. Once
/// stopped, each is offered a last time.
pub(super) async fn run(
    mut inputs: mpsc::Receiver<MachineInput>,
    intake: Arc<dyn Intake>,
    stats: &ModbusStats,
    stop: &CancellationToken,
) {
    while let Some(input) = inputs.recv().await {
        let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX);
        while let Err(error) = intake.machine(input.clone()).await {
            let (machine, input_id) = (&input.machine, &input.input_id);
            if stop.is_cancelled() {
                stats.lost.add();
                tracing::error!(%machine, %input_id, trigger = ?input.trigger, readings = ?input.readings, %error,
                    "readings are lost: the agent stops and could not record them");
                break;
            }
            stats.not_taken.add();
            tracing::error!(%machine, %input_id, %error, "readings are not recorded yet; they wait");
            tokio::select! {
                () = sleep(backoff.next_wait()) => {}
                () = stop.cancelled() => {}
            }
        }
    }
}
