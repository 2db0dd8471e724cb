//! Somebody who writes all the time, and remembers what was answered.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;
use simulators::http::Http;
use tokio::sync::watch;

use crate::support::PATIENCE;

/// What was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Done.
    Yes,
    /// Not now: it is being moved.
    No,
    /// Nothing that one could rely on: the cloud was killed, or its connection cut.
    Nothing,
}

/// Places holds, each with a reason that no other has.
pub struct Writer {
    http: Http,
    units: Vec<String>,
    told: Mutex<BTreeMap<String, Told>>,
    done: watch::Sender<u64>,
    up: watch::Sender<bool>,
}

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = self.told.lock().unwrap();
        let count = |what: Told| told.values().filter(|told| **told == what).count();
        write!(
            f,
            "{} writes, {} refused, {} without an answer",
            count(Told::Yes),
            count(Told::No),
            count(Told::Nothing)
        )
    }
}

impl Writer {
    pub fn new(http: Http, units: Vec<String>) -> Self {
        Self {
            http,
            units,
            told: Mutex::default(),
            done: watch::Sender::new(0),
            up: watch::Sender::new(true),
        }
    }

    /// Writes for ever.
    pub async fn work(&self) {
        let mut up = self.up.subscribe();
        for n in 0.. {
            drop(up.wait_for(|up| *up).await.unwrap());
            let reason = format!("moved-{n}-end");
            let uid = &self.units[n % self.units.len()];
            let wish = json!({ "uid": uid, "descendants": false, "reason": reason });
            let answer = self.http.send_raw(hyper::Method::POST, "/api/v1/holds", Some(&wish)).await;
            let told = match answer {
                Ok((200..300, _)) => Told::Yes,
                Ok((503, text)) if text.contains("tenant.moving") || text.contains("tenant.away") => Told::No,
                // A connection that was cut: whether it was done is not known.
                Ok((503, _)) => Told::Nothing,
                Ok((status, text)) => panic!("{wish}: {status} {text}"),
                Err(_) => Told::Nothing,
            };
            self.told.lock().unwrap().insert(reason, told);
            match told {
                Told::Yes => self.done.send_modify(|done| *done += 1),
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    /// Waits until so many more were done.
    pub async fn more(&self, more: u64) {
        let mut done = self.done.subscribe();
        let until = *done.borrow() + more;
        let waited = tokio::time::timeout(PATIENCE, done.wait_for(|done| *done >= until)).await;
        drop(waited.unwrap_or_else(|_| panic!("nothing can be written: {self}")).unwrap());
    }

    /// Does not write while this goes on; what is under way is not waited for.
    pub async fn down(&self, what: impl AsyncFnOnce()) {
        self.up.send_replace(false);
        what().await;
        self.up.send_replace(true);
    }

    /// What was answered by now: to be taken before the rows are read, since writing goes on.
    pub fn so_far(&self) -> BTreeMap<String, Told> {
        self.told.lock().unwrap().clone()
    }

    /// That each that was done is among the rows, once, and none that was refused.
    pub fn check(told: &BTreeMap<String, Told>, rows: &[String]) {
        for (reason, told) in told {
            let found = rows.iter().filter(|row| row.contains(reason.as_str())).count();
            match told {
                Told::Yes => assert_eq!(found, 1, "{reason} was answered, and is there {found} times"),
                Told::No => assert_eq!(found, 0, "{reason} was refused, and is there"),
                Told::Nothing => assert!(found <= 1, "{reason} is there {found} times"),
            }
        }
    }
}
