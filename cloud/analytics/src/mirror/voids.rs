//! Which events a correction has made void: an undone event counts for nothing, and one
//! whose correction was itself undone counts again.

use std::collections::{HashMap, HashSet};

use duckdb::{Connection, params};
use trace::ingest::corrections::undone;
use uuid::Uuid;

/// All corrections up to a batch.
#[derive(Debug, Default)]
pub struct Corrections {
    /// What each correction corrects.
    of: HashMap<Uuid, Uuid>,
    /// What corrects an event.
    by: HashMap<Uuid, Vec<Uuid>>,
}

impl Corrections {
    /// Those of a file.
    pub fn read(conn: &Connection) -> duckdb::Result<Self> {
        let mut all = Self::default();
        let mut asked = conn.prepare("select event_id, corrects from correction")?;
        let mut rows = asked.query([])?;
        while let Some(row) = rows.next()? {
            let (by, of): (String, String) = (row.get(0)?, row.get(1)?);
            if let (Ok(by), Ok(of)) = (by.parse(), of.parse()) {
                all.add(by, of);
            }
        }
        Ok(all)
    }

    /// Writes some of them.
    pub fn write(conn: &Connection, pairs: &[(Uuid, Uuid)]) -> duckdb::Result<()> {
        let mut rows = conn.appender("correction")?;
        for (by, of) in pairs {
            rows.append_row(params![by.to_string(), of.to_string()])?;
        }
        rows.flush()
    }

    /// One more.
    pub fn add(&mut self, correction: Uuid, corrects: Uuid) {
        self.of.insert(correction, corrects);
        self.by.entry(corrects).or_default().push(correction);
    }

    /// Whether this correction has been told.
    #[must_use]
    pub fn knows(&self, correction: Uuid) -> bool {
        self.of.contains_key(&correction)
    }

    /// Whether somebody says that an event is corrected.
    #[must_use]
    pub fn corrected(&self, event: Uuid) -> bool {
        self.by.contains_key(&event)
    }

    /// The corrections of an event.
    #[must_use]
    pub fn of_event(&self, event: Uuid) -> &[Uuid] {
        self.by.get(&event).map_or(&[], Vec::as_slice)
    }

    /// Every event that is corrected.
    pub fn all_corrected(&self) -> impl Iterator<Item = Uuid> + '_ {
        self.by.keys().copied()
    }

    /// What a correction bears on: what it corrects, what that corrects, and so on.
    #[must_use]
    pub fn above(&self, correction: Uuid) -> Vec<Uuid> {
        let (mut seen, mut at) = (HashSet::new(), correction);
        let mut above = Vec::new();
        while let Some(next) = self.of.get(&at) {
            if !seen.insert(*next) {
                break;
            }
            above.push(*next);
            at = *next;
        }
        above
    }

    /// Whether an event counts for nothing.
    #[must_use]
    pub fn void(&self, event: Uuid) -> bool {
        let (mut seen, mut look) = (HashSet::from([event]), vec![event]);
        let mut pairs = Vec::new();
        while let Some(at) = look.pop() {
            for by in self.of_event(at) {
                pairs.push((*by, at));
                if seen.insert(*by) {
                    look.push(*by);
                }
            }
        }
        !pairs.is_empty() && undone(event, &pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_undone_counts_for_nothing_until_it_is_put_back() {
        let [event, first, second, third] = [1, 2, 3, 4].map(Uuid::from_u128);
        let mut all = Corrections::default();
        assert!(!all.void(event));
        all.add(first, event);
        assert!(all.void(event));
        all.add(second, first);
        assert!(!all.void(event) && all.void(first));
        all.add(third, second);
        assert!(all.void(event) && !all.void(first));
        assert_eq!(all.above(third), [second, first, event]);
        // A cycle, as bad data may have it, ends.
        all.add(event, third);
        assert_eq!(all.above(third).len(), 4);
        let _ = all.void(event);
    }
}
