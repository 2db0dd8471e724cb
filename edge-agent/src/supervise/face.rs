//! The engine as the terminal pages see it: its views put into words.

mod buttons;
mod draft;
mod follow;
mod rest;

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

pub(super) use buttons::all_reasons;

use super::prints::{Board, of_job};
use crate::config::Language;
use crate::engine::{Handle, PrintJob, PrintState, PrintUpdate};
use crate::inputs::{Answer, Intake, IntakeError, MachineInput, ScanInput};
use crate::labels::fonts::Fonts;
use crate::labels::svg::svg;
use crate::messages::Fluent;
use crate::terminal::{Backend, TerminalView};

/// Labels are drawn one at a time: each takes fonts into memory, and whoever is on
/// the plant's network may ask.
static DRAWING: Semaphore = Semaphore::const_new(1);

/// The pages' backend. Follows the engine until it is told to stop.
pub(super) struct Face {
    engine: Handle,
    views: HashMap<String, watch::Receiver<Arc<TerminalView>>>,
    board: Board,
    texts: Arc<str>,
}

impl Face {
    /// Begins to follow every station that has a page.
    pub fn new(engine: Handle, board: Board, stop: CancellationToken) -> Self {
        let plant = engine.plant().clone();
        let mut views = HashMap::new();
        for station in plant.stations.iter().filter(|station| station.inputs.terminal) {
            let (sender, receiver) = watch::channel(Arc::new(TerminalView::default()));
            views.insert(station.code.clone(), receiver);
            let follower = follow::Follower::new(engine.clone(), station.clone(), board.watch());
            tokio::spawn(follower.run(sender, stop.clone()));
        }
        Self { engine, views, board, texts: Fluent::page_texts().into() }
    }

    /// The newest print of a label: on its way, else as the journal knows it.
    async fn job(&self, station: &str, uid: &str) -> Option<PrintJob> {
        let last = self.board.watch().borrow().last.get(station).cloned();
        if let Some((job, _)) = last.filter(|(job, _)| job.uid == uid) {
            return Some(job);
        }
        let key = uid.parse::<uid::Uid>().ok()?.key();
        let found = self.engine.last_print(key.get()).await;
        found.inspect_err(|error| tracing::error!(%error, "a label's print cannot be read")).ok().flatten()
    }
}

/// The id of the question whether a label came out.
fn question(job: &PrintJob) -> String {
    format!("{}/{}", job.key, job.copy)
}

impl Intake for Face {
    fn scan(&self, mut input: ScanInput) -> BoxFuture<'_, Result<Answer, IntakeError>> {
        // A browser states its times in UTC; the plant's facts are on its own clock.
        let zone = self.engine.plant().time_zone;
        input.occurred_at = input.occurred_at.map(|at| at.with_timezone(&zone).fixed_offset());
        self.engine.scan(input)
    }

    fn machine(&self, input: MachineInput) -> BoxFuture<'_, Result<(), IntakeError>> {
        self.engine.machine(input)
    }
}

impl Backend for Face {
    fn stations(&self) -> Vec<(String, String)> {
        let plant = self.engine.plant();
        let with_page = plant.stations.iter().filter(|station| station.inputs.terminal);
        with_page.map(|s| (s.code.clone(), s.name.get(plant.default_language()).to_owned())).collect()
    }

    fn watch(&self, station: &str) -> Option<watch::Receiver<Arc<TerminalView>>> {
        self.views.get(station).cloned()
    }

    fn printed(&self, station: &str, asked: &str, came_out: bool) {
        let Some(view) = self.engine.subscribe(station) else { return };
        let open = view.borrow().open_prints.clone();
        let Some(job) = open.into_iter().find(|job| question(job) == asked) else {
            return;
        };
        let state = if came_out { PrintState::Printed } else { PrintState::Again };
        let engine = self.engine.clone();
        tokio::spawn(async move {
            if let Err(error) = engine.printed(PrintUpdate { job, state }).await {
                tracing::warn!(%error, "whether the label came out could not be recorded");
            }
        });
    }

    fn label<'a>(&'a self, station: &'a str, uid: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            let job = self.job(station, uid).await?;
            let engine = self.engine.clone();
            let _one = DRAWING.acquire().await.ok()?;
            // Setting type takes a processor's time.
            let drawn = tokio::task::spawn_blocking(move || {
                let plant = engine.plant();
                let printer = plant.printer(&job.printer)?;
                let mut fonts = Fonts::new(printer.indic_font.clone());
                Some(svg(&of_job(printer, &job, &engine.reference(), plant, &mut fonts)))
            });
            drawn.await.ok().flatten()
        })
    }

    fn texts(&self) -> Arc<str> {
        self.texts.clone()
    }

    fn languages(&self) -> Vec<Language> {
        self.engine.plant().languages.clone()
    }
}
