//! Parts of the agent that run side by side. One that ends or panics while it
//! should not is told, shown as failing, and started anew with backoff; the
//! others do not notice.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::inputs::Backoff;

/// Waits before a part is started anew.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A part that ran for so long had a good start: the next wait is short again.
const STEADY: Duration = Duration::from_secs(60);

/// How a part stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub(super) struct PartState {
    /// Whether it runs now.
    pub running: bool,
    /// How often it was started anew.
    pub restarts: u64,
    /// Why it ended last; none if it never did.
    pub problem: Option<String>,
}

/// How every part stands, for health.
#[derive(Debug, Clone, Default)]
pub(super) struct PartStates(Arc<Mutex<BTreeMap<String, PartState>>>);

impl PartStates {
    /// All parts by name.
    pub fn all(&self) -> BTreeMap<String, PartState> {
        self.lock().clone()
    }

    /// A part goes on, but not with all that it should do.
    pub fn failing(&self, name: &str, problem: String) {
        self.change(name, |state| {
            state.running = false;
            state.problem = Some(problem);
        });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, PartState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut PartState)) {
        change(self.lock().entry(name.to_owned()).or_default());
    }
}

/// Parts that stop together.
pub(super) struct Parts {
    states: PartStates,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Parts {
    /// No parts yet. They end by themselves once `stop` is cancelled.
    pub fn new(states: PartStates, stop: CancellationToken) -> Self {
        Self { states, stop, tasks: JoinSet::new() }
    }

    /// What tells the parts to stop.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Runs a part, made by `make`, again and again until told to stop.
    pub fn run<F, R>(&mut self, name: impl Into<String>, mut make: F)
    where
        F: FnMut() -> R + Send + 'static,
        R: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let (name, states, stop) = (name.into(), self.states.clone(), self.stop.clone());
        states.change(&name, |state| state.running = true);
        self.tasks.spawn(async move {
            let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
            loop {
                let began = Instant::now();
                let Some(problem) = once(make(), &stop).await else {
                    states.change(&name, |state| state.running = false);
                    return;
                };
                tracing::error!(part = name, problem, "a part of the agent ended; it is started anew");
                states.failing(&name, problem);
                if began.elapsed() >= STEADY {
                    backoff.reset();
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(backoff.next_wait()) => {}
                }
                states.change(&name, |state| {
                    state.running = true;
                    state.restarts += 1;
                });
            }
        });
    }

    /// Waits until all have stopped, so long at most.
    pub async fn finish(mut self, name: &str, within: Duration) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(within, all).await.is_err() {
            tracing::warn!("{name} did not stop within {within:?} and are left behind");
            self.tasks.abort_all();
        }
    }
}

/// Runs a part once: why it ended, or nothing if it was told to.
async fn once(part: impl Future<Output = anyhow::Result<()>>, stop: &CancellationToken) -> Option<String> {
    let ended = AssertUnwindSafe(part).catch_unwind().await;
    let problem = match ended {
        // An error at the stop is told all the same.
        Ok(Err(error)) => format!("{error:#}"),
        Ok(Ok(())) if stop.is_cancelled() => return None,
        Ok(Ok(())) => "it ended by itself".to_owned(),
        Err(panic) => format!("panic: {}", panic_text(panic.as_ref())),
    };
    if stop.is_cancelled() {
        tracing::warn!(problem, "a part ended badly at the stop");
        return None;
    }
    Some(problem)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    async fn until(states: &PartStates, name: &str, good: impl Fn(&PartState) -> bool) -> PartState {
        let wait = async {
            loop {
                if let Some(state) = states.all().get(name).filter(|state| good(state)) {
                    return state.clone();
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the part comes to stand so")
    }

    /// A part that fails in one way at first and then runs.
    async fn fails_once(how: fn() -> anyhow::Result<()>) -> PartState {
        let (states, stop) = (PartStates::default(), CancellationToken::new());
        let mut parts = Parts::new(states.clone(), stop.clone());
        let made = Arc::new(AtomicUsize::new(0));
        let watched = stop.clone();
        parts.run("part", move || {
            let (first, stop) = (made.fetch_add(1, Ordering::SeqCst) == 0, watched.clone());
            async move {
                if first {
                    return how();
                }
                stop.cancelled().await;
                Ok(())
            }
        });
        let steady = stop.clone();
        parts.run("other", move || steady.clone().cancelled_owned().map(Ok));
        let failing = until(&states, "part", |state| state.problem.is_some()).await;
        assert!(states.all()["other"].running, "the others go on");
        let state = until(&states, "part", |state| state.running && state.restarts == 1).await;
        assert_eq!(state.problem, failing.problem, "what happened stays visible");
        stop.cancel();
        parts.finish("parts", Duration::from_secs(20)).await;
        assert!(!states.all()["part"].running);
        state
    }

    #[tokio::test]
    async fn a_part_that_panics_is_told_and_started_anew() {
        let state = fails_once(|| panic!("out of {}", "order")).await;
        assert_eq!(state.problem.as_deref(), Some("panic: out of order"));
    }

    #[tokio::test]
    async fn a_part_that_ends_is_told_and_started_anew() {
        let state = fails_once(|| Ok(())).await;
        assert_eq!(state.problem.as_deref(), Some("it ended by itself"));
    }

    #[tokio::test]
    async fn a_part_that_cannot_start_is_tried_again() {
        let state = fails_once(|| Err(anyhow::anyhow!("no such address").context("health"))).await;
        assert_eq!(state.problem.as_deref(), Some("health: no such address"));
    }
}
