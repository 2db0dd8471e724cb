//! What a long command is at, on the terminal; and Ctrl-C, which stops it in good order.

use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use platform::tenancy::At;

/// How often a line is written over.
const EVERY: Duration = Duration::from_millis(200);

/// Progress on standard error: one line per step and table, and on a terminal how many
/// bytes of the present one.
pub struct Progress {
    stop: Arc<AtomicBool>,
    wrote: Instant,
    /// Something stands in the line that is written over.
    open: bool,
    terminal: bool,
}

impl Progress {
    /// From now on Ctrl-C and SIGTERM stop the command instead of the process. Within a
    /// runtime.
    pub fn new() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        tokio::spawn(async move {
            let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
            let Ok(mut terminate) = terminate else { return };
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            told.store(true, Ordering::Relaxed);
        });
        Self { stop, wrote: Instant::now(), open: false, terminal: std::io::stderr().is_terminal() }
    }

    /// To be handed to the command.
    pub fn watch(&mut self) -> impl FnMut(&At) -> ControlFlow<()> + Send + '_ {
        move |at| {
            self.tell(at);
            if self.stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }

    fn tell(&mut self, at: &At) {
        let mut error = std::io::stderr();
        // Nobody reads a terminal that is gone.
        let _ = match at {
            At::Step(step) => {
                self.end();
                writeln!(error, "{step}")
            }
            At::Table { table, rows } if *rows > 0 => {
                self.end();
                writeln!(error, "  {table}: {rows} rows")
            }
            At::Bytes { table, bytes } if self.terminal && self.wrote.elapsed() >= EVERY => {
                self.wrote = Instant::now();
                self.open = true;
                write!(error, "\r  {table}: {} kB \x1b[K", bytes / 1024)
            }
            At::Table { .. } | At::Bytes { .. } => Ok(()),
        };
    }

    /// Ends the line that is written over.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.open) {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
