//! The plant with a real agent: people receive pieces, put them away, issue some and try to
//! send others, whether the cloud is there or not.

use std::path::Path;
use std::sync::Mutex;

use edge_agent::station::control::Verb;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use simulators::demo::layout::Layout;
use simulators::demo::plant::PlantSetup;
use sqlx::Connection;

use super::ground::{Done, Granted};
use crate::faults::lab::{Agent, Person};
use crate::support::card;

/// People at their stations.
struct People {
    dock: Person,
    store: Person,
    issue: Person,
    ship: Person,
    rng: ChaCha8Rng,
}

/// The plant.
pub struct Line {
    pub done: Done,
    agent: tokio::sync::Mutex<Agent>,
    people: tokio::sync::Mutex<People>,
}

impl Line {
    pub async fn start(
        layout: &Layout,
        setup: PlantSetup,
        tokens: &Path,
        granted: &Granted,
        seed: u64,
    ) -> Self {
        let mut agent = Agent::new(layout, "KOL", setup, tokens).await;
        agent.start();
        agent.ready().await;
        let dock = agent.person("DOCK1").await;
        let store = agent.person("STORE1").await;
        let mut issue = agent.person("ISSUE1").await;
        issue.take("PO-2025-010").await;
        let ship = agent.person("SHIP1").await;
        let people = People { dock, store, issue, ship, rng: ChaCha8Rng::seed_from_u64(seed ^ 0x11) };
        Self { done: Done::of(granted, 1), agent: agent.into(), people: people.into() }
    }

    /// As much as is granted, for ever. `units` is told what there is.
    pub async fn work(&self, units: &Mutex<Vec<String>>) {
        loop {
            self.done.due().await;
            let uids = {
                let mut people = self.people.lock().await;
                let agent = self.agent.lock().await;
                let (answer, uids) = agent.receive(&mut people.dock, 2).await;
                assert!(answer.taken(), "{answer:?}");
                uids
            };
            units.lock().unwrap().extend(uids.iter().cloned());
            let mut people = self.people.lock().await;
            let People { store, issue, ship, rng, .. } = &mut *people;
            store.store("Warehouse-A-Rack-12", &uids).await;
            let older = {
                let units = units.lock().unwrap();
                let older = rng.random_range(0..units.len());
                units[older].clone()
            };
            // Whatever the answer: it may be held, or used up.
            issue.scan(&uids[0]).await;
            if ship.scan(&older).await.taken() {
                ship.take(&card(Verb::Undo, None)).await;
            }
            self.done.add();
        }
    }

    /// Waits until the cloud has all that the agent recorded; answers its journal's bytes
    /// by epoch and seq.
    pub async fn drained(&self) -> Vec<(i32, i64, Vec<u8>)> {
        let mut agent = self.agent.lock().await;
        let health = agent.drained().await;
        assert_eq!((&health["quarantined"], &health["epoch"]), (&0.into(), &1.into()), "{health}");
        let journal = agent.journal().await;
        journal
            .into_iter()
            .map(|stored| {
                (i32::try_from(stored.epoch).unwrap(), i64::try_from(stored.seq).unwrap(), stored.bytes)
            })
            .collect()
    }

    /// The rows of holds on the agent's disk: their ids, and their JSON.
    pub async fn holds(&self) -> Vec<(String, String)> {
        let agent = self.agent.lock().await;
        let mut db = agent.journal_db().await;
        let rows = sqlx::query_as("SELECT id, json FROM reference WHERE kind = 'hold' ORDER BY id")
            .fetch_all(&mut db)
            .await
            .unwrap();
        db.close().await.unwrap();
        rows
    }

    pub async fn stop(&self) {
        self.agent.lock().await.stop().await;
    }
}
