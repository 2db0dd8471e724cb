//! People of the office, by an access key: they place holds and release them, and do not
//! always learn what came of it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use simulators::http::Http;
use tokio::sync::watch;
use uuid::Uuid;

use super::facts::known;
use super::ground::{Done, Granted};
use super::stream::Plant;

/// Acts for a kill.
const EACH: u64 = 6;

/// What the cloud said to an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Done.
    Yes(Uuid),
    /// Refused.
    No,
    /// Nothing: it was killed before it answered.
    Nothing,
}

/// What was asked and told.
#[derive(Debug, Default)]
pub struct Asked {
    /// By the reason, which no two share.
    pub placed: BTreeMap<String, Told>,
    pub released: BTreeMap<Uuid, Told>,
}

/// The office.
pub struct Office {
    pub done: Done,
    pub http: Http,
    /// UIDs of the plant with a real agent.
    pub units: Mutex<Vec<String>>,
    pub asked: Mutex<Asked>,
    /// A request is under way.
    pub busy: AtomicBool,
    up: watch::Receiver<bool>,
    rng: Mutex<ChaCha8Rng>,
}

impl Office {
    pub fn new(http: Http, up: watch::Receiver<bool>, granted: &Granted, seed: u64) -> Self {
        Self {
            done: Done::of(granted, EACH),
            http,
            units: Mutex::default(),
            asked: Mutex::default(),
            busy: AtomicBool::new(false),
            up,
            rng: Mutex::new(ChaCha8Rng::seed_from_u64(seed ^ 0x0F)),
        }
    }

    /// As much as is granted, for ever, whenever the cloud is there.
    pub async fn work(&self, plant: &Plant) {
        let mut up = self.up.clone();
        loop {
            self.done.due().await;
            drop(up.wait_for(|up| *up).await.expect("the story goes on"));
            let (release, at) = {
                let mut rng = self.rng.lock().unwrap();
                (rng.random_bool(0.35), rng.random_range(0..1_000_000_usize))
            };
            match self.to_release(at).filter(|_| release) {
                Some(hold) => self.release(hold).await,
                None => self.place(plant).await,
            }
            self.done.add();
        }
    }

    /// A hold that is known to be placed and was not released.
    fn to_release(&self, at: usize) -> Option<Uuid> {
        let asked = self.asked.lock().unwrap();
        let open = asked.placed.values().filter_map(|told| match told {
            Told::Yes(hold) if !asked.released.contains_key(hold) => Some(*hold),
            _ => None,
        });
        let open: Vec<Uuid> = open.collect();
        (open.len() > 3).then(|| open[at % open.len()])
    }

    async fn release(&self, hold: Uuid) {
        self.asked.lock().unwrap().released.insert(hold, Told::Nothing);
        let told = self.post(&format!("/api/v1/holds/{hold}/release"), &json!({ "reason": "free" })).await;
        self.asked.lock().unwrap().released.insert(hold, told);
    }

    async fn place(&self, plant: &Plant) {
        let (reason, wish) = {
            let mut asked = self.asked.lock().unwrap();
            let mut rng = self.rng.lock().unwrap();
            let reason = format!("kills-{}", asked.placed.len());
            let from_line = rng.random_bool(0.4);
            let units = if from_line { self.units.lock().unwrap().clone() } else { known(plant) };
            let Some(uid) = units.choose(&mut *rng) else { return };
            let descendants = rng.random_bool(0.5);
            asked.placed.insert(reason.clone(), Told::Nothing);
            let wish = json!({ "uid": uid, "descendants": descendants, "reason": reason });
            (reason, wish)
        };
        let told = self.post("/api/v1/holds", &wish).await;
        self.asked.lock().unwrap().placed.insert(reason, told);
    }

    async fn post(&self, path: &str, body: &Value) -> Told {
        self.busy.store(true, Ordering::SeqCst);
        let answer = self.http.send_raw(hyper::Method::POST, path, Some(body)).await;
        self.busy.store(false, Ordering::SeqCst);
        match answer {
            Ok((200..300, text)) => {
                let told: Value = serde_json::from_str(&text).unwrap_or_default();
                let hold = told["hold_id"].as_str().and_then(|id| id.parse().ok());
                Told::Yes(hold.unwrap_or_else(|| panic!("{path}: {text}")))
            }
            // A unit that the cloud does not know yet.
            Ok((404, text)) if text.contains("uid.unknown") => Told::No,
            Ok((400, text)) if text.contains("hold.unknown") => Told::No,
            Ok((status, text)) => panic!("{path} {body}: {status} {text}"),
            Err(_) => Told::Nothing,
        }
    }
}
