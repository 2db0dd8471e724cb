//! When the demo is asked to end: by a signal, or because whoever started it is
//! gone.

use std::os::unix::process::parent_id;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

/// How often it looks whether its parent is still there.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Waits until it is to end; says why.
///
/// # Errors
/// When signals cannot be received.
pub async fn asked_to_end() -> std::io::Result<&'static str> {
    let (mut term, mut hup) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let parent = parent_id();
    let orphaned = async {
        while parent_id() == parent {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.map(|()| "Ctrl-C"),
        _ = term.recv() => Ok("SIGTERM"),
        _ = hup.recv() => Ok("SIGHUP"),
        () = orphaned => Ok("the end of whoever started it"),
    }
}
