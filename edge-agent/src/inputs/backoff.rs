//! Waiting before the next attempt.

use std::time::Duration;

use rand::Rng;

/// Doubling waits with jitter, so that a plant's agents and connections do not
/// all return to a restarted peer in the same moment.
#[derive(Debug, Clone)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    next: Duration,
}

impl Backoff {
    /// Waits from about `min` up to `max`.
    pub fn new(min: Duration, max: Duration) -> Self {
        let min = min.max(Duration::from_millis(1));
        Self { min, max: max.max(min), next: min }
    }

    /// The next wait: between half of the current step and all of it. The step
    /// then doubles, up to the maximum.
    pub fn next_wait(&mut self) -> Duration {
        let step = self.next;
        self.next = step.saturating_mul(2).min(self.max);
        let half = step / 2;
        half + half.mul_f64(rand::rng().random::<f64>())
    }

    /// Starts again from the shortest wait: the peer answered.
    pub fn reset(&mut self) {
        self.next = self.min;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_maximum_and_resets() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(100), ms(350));
        for step in [100, 200, 350, 350] {
            let wait = backoff.next_wait();
            assert!(wait >= ms(step / 2) && wait <= ms(step), "{wait:?} at {step}");
        }
        backoff.reset();
        assert!(backoff.next_wait() <= ms(100));
    }
}
