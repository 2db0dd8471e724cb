//! Figures about the mirrors of a process, for Prometheus.

use std::fmt::Write as _;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::Utc;

use super::{Mirrors, left_alone};

impl Mirrors {
    /// What Prometheus reads.
    #[must_use]
    pub fn metrics(&self) -> String {
        let mut out = String::new();
        let Ok(inner) = self.inner() else { return out };
        let (mut behind, mut open, mut age, mut aside, mut alone) = (0, 0, 0, 0, 0);
        let (mut differences, mut unchecked) = (0, 0);
        let now = Utc::now();
        // What is left alone is read from the disk; every question takes this lock, and waits
        // for none of that.
        let slots = inner.slots.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (tenant, slot) in slots {
            alone += i64::from(!left_alone(&inner.settings, tenant).is_empty());
            open += i64::from(slot.owner.try_lock().is_ok_and(|owner| owner.is_some()));
            slot.know(|known| {
                let head = known.standing.as_ref().map_or(0, |standing| standing.head);
                behind += (head - known.through).max(0);
                let until = known.current_at.max(known.through_at);
                let since = until.map_or(0, |at| (now - at).num_seconds());
                age = age.max(since);
                aside += i64::from(known.aside);
                if let Some(checked) = &known.checked {
                    let found = checked.report.differences.len();
                    differences += i64::try_from(found).unwrap_or(i64::MAX);
                    unchecked = unchecked.max((now - checked.at).num_seconds());
                }
            });
        }
        let counts = &inner.counts;
        let of = |count: &AtomicU64| i64::try_from(count.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        for (name, kind, help, value) in [
            ("open", "gauge", "Mirrors that are open.", open),
            ("behind_batches", "gauge", "Batches that mirrors have not yet taken in.", behind),
            ("oldest_seconds", "gauge", "Since when the mirror furthest behind is not current.", age),
            (
                "set_aside",
                "gauge",
                "Mirrors neither fed nor asked, as that ended the process more than once.",
                aside,
            ),
            (
                "work_set_aside",
                "gauge",
                "Mirrors that are not checked, or not exported, as that ended the process more than once.",
                alone,
            ),
            ("events_total", "counter", "Events taken in.", of(&counts.fed)),
            ("rebuilds_total", "counter", "Files thrown away and built anew.", of(&counts.rebuilt)),
            (
                "questions_ended_total",
                "counter",
                "Files of which the process before ended within a question.",
                of(&counts.ended),
            ),
            (
                "work_ended_total",
                "counter",
                "Files of which the process before ended within a check or an export.",
                of(&counts.cut_short),
            ),
            ("questions_total", "counter", "Questions asked.", of(&counts.asked)),
            ("failures_total", "counter", "Questions without an answer.", of(&counts.failed)),
            (
                "differences",
                "gauge",
                "Differences from Postgres that the last checks found; 0 is right.",
                differences,
            ),
            (
                "checks_total",
                "counter",
                "Comparisons with Postgres that came to their end.",
                of(&counts.checked),
            ),
            (
                "checked_seconds",
                "gauge",
                "Since the last check of the mirror checked longest ago.",
                unchecked,
            ),
        ] {
            let _ = writeln!(
                out,
                "# HELP tracewright_mirror_{name} {help}\n# TYPE tracewright_mirror_{name} {kind}\ntracewright_mirror_{name} {value}"
            );
        }
        out
    }
}
