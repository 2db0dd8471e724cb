//! The thread that owns an open file. Whoever wants something of the file hands it a
//! piece of work; so nobody waits for a lock within DuckDB, and no question runs on when
//! its time is over.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use duckdb::InterruptHandle;
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot};
use uuid::Uuid;

use super::error::MirrorError;
use super::file::{File, Found, Settings};

/// Pieces of work that may wait.
const QUEUE: usize = 64;

/// How soon a question that is too late is interrupted again.
const AGAIN: Duration = Duration::from_millis(50);

type Work = Box<dyn FnOnce(&mut File, &Watch) + Send>;

/// Hands one piece of work to the thread of an open file, which stays open until then.
pub(super) struct Desk(mpsc::Sender<Work>);

/// An open file.
pub(super) struct Owner {
    works: mpsc::Sender<Work>,
    ended: oneshot::Receiver<()>,
}

impl Owner {
    /// Opens a tenant's file on a thread of its own, and says what was found. `shut` is let go
    /// when the file is closed, even where nobody waits for that any more.
    pub async fn open(
        settings: &Settings,
        tenant: Uuid,
        generation: i64,
        placement: &str,
        shut: OwnedMutexGuard<()>,
    ) -> Result<(Self, Found), MirrorError> {
        let (desk, mut works) = mpsc::channel::<Work>(QUEUE);
        let (opened, told) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let (settings, placement) = (settings.clone(), placement.to_owned());
        std::thread::Builder::new().name("mirror".into()).spawn(move || {
            let (mut file, found) = match File::open(&settings, tenant, generation, &placement) {
                Ok(opened) => opened,
                Err(error) => {
                    let _ = opened.send(Err(error));
                    return;
                }
            };
            let watch = match Watch::over(file.conn.interrupt_handle()) {
                Ok(watch) => watch,
                Err(error) => {
                    let _ = opened.send(Err(error.into()));
                    return;
                }
            };
            let _ = opened.send(Ok(found));
            while let Some(work) = works.blocking_recv() {
                work(&mut file, &watch);
            }
            drop(watch);
            drop(file);
            drop(shut);
            let _ = end.send(());
        })?;
        let found = told.await.map_err(|_| MirrorError::Closed)??;
        Ok((Self { works: desk, ended }, found))
    }

    pub fn desk(&self) -> Desk {
        Desk(self.works.clone())
    }

    /// Closes the file, once what was handed in is done.
    pub async fn close(self) {
        drop(self.works);
        let _ = self.ended.await;
    }
}

impl Desk {
    /// Has work done; within `limit` from now, if there is one.
    pub async fn run<T, F>(self, limit: Option<Duration>, work: F) -> Result<T, MirrorError>
    where
        T: Send + 'static,
        F: FnOnce(&mut File) -> Result<T, MirrorError> + Send + 'static,
    {
        let (answer, mut told) = oneshot::channel();
        let until = limit.map(|limit| Instant::now() + limit);
        let work: Work = Box::new(move |file, watch| {
            // Nobody waits any more: the time is better spent on the next one.
            if answer.is_closed() {
                return;
            }
            watch.arm(until);
            let done = std::panic::catch_unwind(AssertUnwindSafe(|| work(file)))
                .unwrap_or_else(|_| Err(MirrorError::Other("a question panicked".into())));
            let late = watch.disarm();
            let done = match done {
                Err(MirrorError::Duck(_)) if late => Err(MirrorError::TimedOut),
                done => done,
            };
            let _ = answer.send(done);
        });
        match limit {
            Some(limit) => {
                self.0.try_send(work).map_err(|error| match error {
                    mpsc::error::TrySendError::Full(_) => MirrorError::Busy,
                    mpsc::error::TrySendError::Closed(_) => MirrorError::Closed,
                })?;
                // The file may be closed from now on; what was handed in is done before.
                drop(self);
                // A little longer than the watch, which says better what happened.
                match tokio::time::timeout(limit + Duration::from_millis(500), &mut told).await {
                    Ok(done) => done.map_err(|_| MirrorError::Closed)?,
                    Err(_) => Err(MirrorError::TimedOut),
                }
            }
            None => {
                self.0.send(work).await.map_err(|_| MirrorError::Closed)?;
                drop(self);
                told.await.map_err(|_| MirrorError::Closed)?
            }
        }
    }
}

#[derive(Default)]
struct Watched {
    until: Option<Instant>,
    late: bool,
    ended: bool,
}

/// Interrupts DuckDB when the time of the present piece of work is over.
struct Watch(Arc<(Mutex<Watched>, Condvar)>);

impl Watch {
    /// # Errors
    /// When there is no thread for it: without one, questions would have no end.
    fn over(interrupt: Arc<InterruptHandle>) -> std::io::Result<Self> {
        let shared = Arc::new((Mutex::new(Watched::default()), Condvar::new()));
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new().name("mirror watch".into()).spawn(move || {
            let (watched, bell) = &*theirs;
            let mut now = watched.lock().unwrap_or_else(PoisonError::into_inner);
            while !now.ended {
                now = match now.until {
                    None => bell.wait(now).unwrap_or_else(PoisonError::into_inner),
                    Some(until) => match until.checked_duration_since(Instant::now()) {
                        Some(left) if !left.is_zero() => {
                            bell.wait_timeout(now, left).unwrap_or_else(PoisonError::into_inner).0
                        }
                        _ => {
                            // Under the lock, so that the next piece of work is not hit.
                            interrupt.interrupt();
                            now.late = true;
                            // Between two statements it hits nothing, and the next one would
                            // run for ever: so again and again until the work has ended.
                            now.until = Instant::now().checked_add(AGAIN);
                            now
                        }
                    },
                };
            }
        })?;
        Ok(Self(shared))
    }

    fn set(&self, change: impl FnOnce(&mut Watched) -> bool) -> bool {
        let mut watched = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = change(&mut watched);
        self.0.1.notify_all();
        answer
    }

    fn arm(&self, until: Option<Instant>) {
        self.set(|watched| {
            watched.until = until;
            watched.late = false;
            true
        });
    }

    /// Whether it had to interrupt.
    fn disarm(&self) -> bool {
        self.set(|watched| {
            watched.until = None;
            watched.late
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.set(|watched| {
            watched.ended = true;
            true
        });
    }
}
