//! A command over the whole of a tenant (move, backup, export, restore, erase), or the cloud
//! that runs beside it, killed at seeded moments over its whole course: whatever was come
//! to, the tenant is whole in one place; and when the command is run again, nothing of it
//! is anywhere else.

mod files;
mod ground;
mod moves;
mod told;

use std::time::Duration;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// When a command is killed.
#[derive(Debug, Clone, Copy)]
pub enum Moment {
    /// So long after it was started.
    After(Duration),
    /// When the note of its move says so, and so long after.
    Noted(&'static str, Duration),
}

/// Moments over a course that takes `whole` when nobody is killed, one in each of `count`
/// equal parts, the latest one past its usual end.
fn over(whole: Duration, count: u32, rng: &mut ChaCha8Rng) -> Vec<Moment> {
    let part = whole.mul_f64(1.1) / count.max(1);
    (0..count).map(|n| Moment::After(part * n + part.mul_f64(rng.random_range(0.0..1.0)))).collect()
}
