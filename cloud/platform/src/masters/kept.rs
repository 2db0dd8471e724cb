//! Files that were tried and found right, kept for a short while, so that *Import now* need
//! not ask for the file again. They lie in memory alone: whoever asks too late, or another
//! process of the cloud, is told to choose the file once more.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use uuid::Uuid;

use crate::ctx::Cx;

/// How long a file is kept.
const KEPT_FOR: Duration = Duration::from_secs(15 * 60);
/// Most bytes of all files together; the oldest go first.
const MOST: usize = 64 * 1024 * 1024;

#[derive(Debug)]
struct One {
    id: Uuid,
    master: &'static str,
    bytes: Bytes,
    at: Instant,
}

/// The file that each person tried last.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<HashMap<(Uuid, String), One>>);

impl Kept {
    /// Keeps a file in place of what this person tried before; answers by what it is asked
    /// for. `None`: there is no room for one of this size.
    pub fn keep(&self, cx: &Cx, master: &'static str, bytes: Bytes) -> Option<Uuid> {
        self.keep_at(cx, master, bytes, Instant::now())
    }

    fn keep_at(&self, cx: &Cx, master: &'static str, bytes: Bytes, now: Instant) -> Option<Uuid> {
        if bytes.len() > MOST {
            return None;
        }
        let id = Uuid::now_v7();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, one| now.saturating_duration_since(one.at) < KEPT_FOR);
        all.insert((cx.tenant, cx.actor.clone()), One { id, master, bytes, at: now });
        while all.values().map(|one| one.bytes.len()).sum::<usize>() > MOST {
            let oldest = all.iter().min_by_key(|(_, one)| one.at).map(|(who, _)| who.clone())?;
            all.remove(&oldest);
        }
        Some(id)
    }

    /// Takes the file out, where it is still there: it is this person's, of this master.
    pub fn take(&self, cx: &Cx, master: &str, id: Uuid) -> Option<Bytes> {
        self.take_at(cx, master, id, Instant::now())
    }

    fn take_at(&self, cx: &Cx, master: &str, id: Uuid, now: Instant) -> Option<Bytes> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, one| now.saturating_duration_since(one.at) < KEPT_FOR);
        let who = (cx.tenant, cx.actor.clone());
        all.get(&who).filter(|one| one.id == id && one.master == master)?;
        all.remove(&who).map(|one| one.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_its_persons_once_and_for_a_while() {
        let kept = Kept::default();
        let [priya, ravi] = ["user:1", "user:2"].map(|actor| Cx::new(Uuid::from_u128(7), actor));
        let other = Cx::new(Uuid::from_u128(8), "user:1");
        let now = Instant::now();
        let file = |size: usize| Bytes::from(vec![b'x'; size]);
        let id = kept.keep_at(&priya, "items", file(3), now).unwrap();
        for (cx, master, id) in [(&ravi, "items", id), (&other, "items", id), (&priya, "units", id)] {
            assert_eq!(kept.take_at(cx, master, id, now), None);
        }
        assert_eq!(kept.take_at(&priya, "items", Uuid::nil(), now), None);
        assert_eq!(kept.take_at(&priya, "items", id, now).map(|bytes| bytes.len()), Some(3));
        assert_eq!(kept.take_at(&priya, "items", id, now), None, "once");

        let late = kept.keep_at(&priya, "items", file(3), now).unwrap();
        assert_eq!(kept.take_at(&priya, "items", late, now + KEPT_FOR), None);
        // The oldest makes room.
        let first = kept.keep_at(&priya, "items", file(MOST / 2 + 1), now).unwrap();
        let second = kept.keep_at(&ravi, "items", file(MOST / 2), now + Duration::from_secs(1)).unwrap();
        assert_eq!(kept.take_at(&priya, "items", first, now), None);
        assert!(kept.take_at(&ravi, "items", second, now + Duration::from_secs(2)).is_some());
        assert_eq!(kept.keep_at(&ravi, "items", file(MOST + 1), now), None);
    }
}
