//! Counters and states that one task writes and any may read.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A number that any task may read.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// The present value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn subtract(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// What happened how often, and when last: a person is told of it for a while.
#[derive(Debug, Default)]
pub struct Sightings {
    count: Count,
    last: Mutex<Option<Instant>>,
}

impl Sightings {
    /// How often.
    pub fn get(&self) -> u64 {
        self.count.get()
    }

    /// Whether it has happened within that time.
    pub fn within(&self, time: Duration) -> bool {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|last| last.elapsed() < time)
    }

    pub(super) fn add(&self) {
        self.count.add();
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

/// A state that any task may read.
#[derive(Debug, Default)]
pub struct Flag(AtomicBool);

impl Flag {
    /// The present state.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, value: bool) {
        self.0.store(value, Ordering::Relaxed);
    }
}
