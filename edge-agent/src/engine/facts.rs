//! A group of facts: decided one by one, committed as one, answered after.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc::error::TrySendError;

use super::build::BuildError;
use super::command::{Fact, Waiter};
use super::decide::machine_source;
use super::group::{Delta, Group, Settled};
use super::prints::PrintJob;
use super::speak::red;
use super::status::ScanLine;
use super::writer::{State, Writer};
use crate::inputs::{Answer, CODE_UNKNOWN_STATION, IntakeError};
use crate::journal::{Journal, JournalError};
use crate::mint::MintError;
use crate::reference::Reference;
use crate::station::types::Scanned;

/// Reads before deciding, at most: events a decision corrects, then the labels
/// those concern.
const MAX_READS: usize = 4;
/// UIDs to ask the cloud for that are kept.
pub(super) const MAX_UNKNOWN: usize = 1024;

/// What came of one fact, to be told when the group is on disk.
enum Outcome {
    /// Decided; its answer, where it is a scan, and whether it used up a number.
    Done { answer: Option<Answer>, minted: bool },
    /// Answered before.
    Repeat { answer: Option<Answer> },
    /// Nothing was recorded, and a person is told why.
    Refused { answer: Option<Answer>, error: String },
}

/// What names numbers that a group minted: nobody sees it before the mark is
/// written.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub lines: Vec<(String, ScanLine, Answer)>,
    pub jobs: Vec<PrintJob>,
}

/// Why a group cannot go on.
enum Fail {
    Journal(JournalError),
}

impl From<JournalError> for Fail {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl Writer {
    /// Records facts as one group; all are answered when this returns.
    pub async fn facts(&mut self, facts: Vec<(Fact, Waiter)>) {
        let facts = self.note_readings(facts);
        if facts.is_empty() {
            return;
        }
        if let Some(error) = &self.state.failed {
            let error = IntakeError::Failed(error.clone());
            facts.into_iter().for_each(|(_, waiter)| waiter.refuse(error.clone()));
            return;
        }
        if let Err(error) = self.journal.admit() {
            tracing::error!(%error, waiting = facts.len(), "nothing more is taken");
            facts.into_iter().for_each(|(_, waiter)| waiter.refuse(IntakeError::Full));
            return;
        }
        // What was minted when the mark failed must not be shown before it is written.
        if self.state.mark_error.is_some() {
            self.write_mark().await;
        }
        let (facts, waiters): (Vec<Fact>, Vec<Waiter>) = facts.into_iter().unzip();
        match self.group(&facts).await {
            Ok(outcomes) => self.answer(waiters, outcomes),
            Err(error) if facts.len() > 1 && error.may_be_one_commands_fault() => {
                tracing::warn!(%error, "a group failed; its facts are tried one by one");
                for (fact, waiter) in facts.into_iter().zip(waiters) {
                    match self.group(std::slice::from_ref(&fact)).await {
                        Ok(outcomes) => self.answer(vec![waiter], outcomes),
                        Err(error) => self.fail(vec![waiter], &error).await,
                    }
                }
            }
            Err(error) => self.fail(waiters, &error).await,
        }
    }

    /// Notes machines' values as the current ones. Readings without a trigger are
    /// nothing more than that, and are answered here.
    fn note_readings(&mut self, facts: Vec<(Fact, Waiter)>) -> Vec<(Fact, Waiter)> {
        let mut rest = Vec::with_capacity(facts.len());
        for (fact, waiter) in facts {
            if let Fact::Machine(input, station) = &fact {
                self.state.machines.update(input);
                if station.is_none() {
                    if let Waiter::Machine(reply) = waiter {
                        drop(reply.send(Ok(())));
                    }
                    continue;
                }
            }
            rest.push((fact, waiter));
        }
        rest
    }

    async fn fail(&mut self, waiters: Vec<Waiter>, error: &JournalError) {
        let told = match error.code() {
            "journal.full" | "journal.disk-low" => IntakeError::Full,
            _ => IntakeError::Failed(error.to_string()),
        };
        self.state.failures += waiters.len() as u64;
        waiters.into_iter().for_each(|waiter| waiter.refuse(told.clone()));
        if !error.may_be_one_commands_fault() {
            self.recover(error).await;
        }
    }

    /// Decides and commits. On an error nothing of the group is on disk.
    async fn group(&mut self, facts: &[Fact]) -> Result<Vec<Outcome>, JournalError> {
        let mut group = Group::new(self.journal.head(), self.state.mint.clone());
        let reference = self.state.reference.load_full();
        let decided = decide(&mut self.journal, &self.state, &reference, &mut group, facts).await;
        let outcomes = decided.map_err(|Fail::Journal(error)| error)?;
        let (set, settled) =
            group.finish().map_err(|e| JournalError::Damaged { what: "state", detail: e.to_string() })?;
        #[cfg(test)]
        if self.state.settings.full_disk.swap(false, std::sync::atomic::Ordering::SeqCst) {
            self.journal.fill_disk().await;
        }
        if !set.is_empty() {
            self.journal.commit(set).await?;
        }
        self.settle(settled).await;
        Ok(outcomes)
    }

    /// What the commit made true becomes so in memory, then the mark is written.
    async fn settle(&mut self, settled: Settled) {
        let state = &mut self.state;
        state.groups += 1;
        state.recorded += settled.recorded;
        state.mint = settled.mint;
        state.sessions.extend(settled.sessions);
        state.counters.extend(settled.counters);
        state.unknown.extend(settled.unknown);
        while state.unknown.len() > MAX_UNKNOWN {
            state.unknown.pop_first();
        }
        if settled.recorded > 0 {
            self.write_mark().await;
            // Nobody waits for a head that nobody watches.
            self.head.send_replace(self.journal.head());
        }
        let mut shown: BTreeMap<String, Vec<(ScanLine, Answer)>> = BTreeMap::new();
        if self.state.mark_error.is_some() {
            // A number is shown and printed only once the mark says that it is used.
            self.held.push(settled.minted);
        } else {
            for (station, line, answer) in settled.minted.lines {
                shown.entry(station).or_default().push((line, answer));
            }
            settled.minted.jobs.into_iter().for_each(|job| self.print(job));
        }
        for (station, line, answer) in settled.lines {
            shown.entry(station).or_default().push((line, answer));
        }
        for job in settled.closed_prints {
            self.close_print(&job);
            shown.entry(job.station).or_default();
        }
        for job in settled.uncertain {
            shown.entry(job.station.clone()).or_default();
            self.open_print(job);
        }
        settled.jobs.into_iter().for_each(|job| self.print(job));
        for (station, scans) in shown {
            self.show(&station, scans);
        }
    }

    /// Shows and prints what waited for the mark.
    pub fn release(&mut self) {
        for Held { lines, jobs } in std::mem::take(&mut self.held) {
            jobs.into_iter().for_each(|job| self.print(job));
            for (station, line, answer) in lines {
                self.show(&station, vec![(line, answer)]);
            }
        }
    }

    fn print(&mut self, job: PrintJob) {
        if let Err(TrySendError::Full(job) | TrySendError::Closed(job)) = self.prints.try_send(job) {
            tracing::warn!(uid = job.uid, "the print queue does not take a label");
            self.open_print(job);
        }
    }

    /// Keeps a label in mind whose fate nobody knows; the oldest give way, and are
    /// still in the journal.
    fn open_print(&mut self, job: PrintJob) {
        self.close_print(&job);
        let open = Arc::make_mut(&mut self.state.open_prints);
        open.push(job);
        let surplus = open.len().saturating_sub(MAX_OPEN_PRINTS);
        open.drain(..surplus);
    }

    fn close_print(&mut self, job: &PrintJob) {
        let same = |j: &PrintJob| (j.key, j.copy) == (job.key, job.copy);
        if self.state.open_prints.iter().any(same) {
            Arc::make_mut(&mut self.state.open_prints).retain(|j| !same(j));
        }
    }

    fn answer(&mut self, waiters: Vec<Waiter>, outcomes: Vec<Outcome>) {
        // Whoever is answered may look at once.
        self.publish();
        let mark_error = self.state.mark_error.clone();
        for (waiter, outcome) in waiters.into_iter().zip(outcomes) {
            let (answer, unmarked) = match outcome {
                Outcome::Done { answer, minted } => (answer, minted),
                Outcome::Repeat { answer } => {
                    self.state.repeats += 1;
                    (answer, true)
                }
                Outcome::Refused { answer, error } => {
                    self.state.failures += 1;
                    tracing::error!(error, "a fact could not be recorded");
                    match (waiter, answer) {
                        (Waiter::Scan(reply), Some(answer)) => drop(reply.send(Ok(answer))),
                        (waiter, _) => waiter.refuse(IntakeError::Failed(error)),
                    }
                    continue;
                }
            };
            // A number is shown to nobody before the mark says that it is used.
            if let (true, Some(error)) = (unmarked, &mark_error) {
                waiter.refuse(IntakeError::Failed(error.clone()));
                continue;
            }
            match waiter {
                Waiter::Scan(reply) => match answer {
                    Some(answer) => drop(reply.send(Ok(answer))),
                    None => Waiter::Scan(reply)
                        .refuse(IntakeError::Failed("the earlier answer cannot be read".into())),
                },
                Waiter::Machine(reply) => drop(reply.send(Ok(()))),
                Waiter::Print(reply) => drop(reply.send(Ok(()))),
            }
        }
    }
}

/// Labels of unknown fate that are kept in mind.
const MAX_OPEN_PRINTS: usize = 500;

async fn decide(
    journal: &mut Journal,
    state: &State,
    reference: &Reference,
    group: &mut Group,
    facts: &[Fact],
) -> Result<Vec<Outcome>, Fail> {
    prefetch(journal, state, reference, group, facts).await?;
    let mut outcomes = Vec::with_capacity(facts.len());
    for fact in facts {
        outcomes.push(one(journal, state, reference, group, fact).await?);
    }
    Ok(outcomes)
}

/// Reads in a few queries what most of the group will look at.
async fn prefetch(
    journal: &mut Journal,
    state: &State,
    reference: &Reference,
    group: &mut Group,
    facts: &[Fact],
) -> Result<(), Fail> {
    let context = state.context(reference);
    let mut inputs = Vec::new();
    let mut texts = Vec::new();
    for fact in facts {
        match fact {
            Fact::Scan(scan, _) => {
                inputs.push((scan.station.clone(), scan.input_id.clone()));
                let tenant = state.plant.tenant;
                let scanned = state.rules.classify(&scan.text, tenant, reference);
                texts.extend(context.aliases_of(&scan.station, &scanned));
            }
            Fact::Machine(input, _) => {
                inputs.push((machine_source(&input.machine), input.input_id.clone()));
            }
            Fact::Print(_) => {}
        }
    }
    inputs.retain(|(_, id)| !id.is_empty());
    group.load_answers(journal, &inputs).await?;
    group.load_aliases(journal, &texts).await?;
    // Which of several labels a code means depends on what became of them.
    group.load_labels(journal, &group.all_aliased(&texts)).await?;
    let mut keys = Vec::new();
    for fact in facts {
        match fact {
            Fact::Scan(scan, _) => {
                let scanned = context.resolve(group, &scan.station, &scan.text);
                let session = context.session(group, &scan.station);
                keys.extend(state.rules.wanted(&session, &scanned));
            }
            Fact::Machine(_, station) => {
                let session = context.session(group, station.as_deref().unwrap_or_default());
                keys.extend(state.rules.wanted(&session, &Scanned::Text(String::new())));
            }
            Fact::Print(update) => keys.push(update.job.key),
        }
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(group.load_labels(journal, &keys).await?)
}

/// Decides one fact on what the group left so far, and merges what it changes.
async fn one(
    journal: &mut Journal,
    state: &State,
    reference: &Reference,
    group: &mut Group,
    fact: &Fact,
) -> Result<Outcome, Fail> {
    let context = state.context(reference);
    let (source, input_id) = match fact {
        Fact::Scan(scan, _) => (scan.station.clone(), scan.input_id.as_str()),
        Fact::Machine(input, _) => (machine_source(&input.machine), input.input_id.as_str()),
        Fact::Print(_) => (String::new(), ""),
    };
    if let Some(json) = group.answer(&source, input_id) {
        return Ok(Outcome::Repeat { answer: serde_json::from_str(json).ok() });
    }
    let station_code = match fact {
        Fact::Scan(scan, _) => scan.station.as_str(),
        Fact::Machine(_, station) => station.as_deref().unwrap_or_default(),
        Fact::Print(update) => update.job.station.as_str(),
    };
    let station = state.plant.station(station_code);
    let scanned = match fact {
        Fact::Scan(scan, _) => context.resolve(group, &scan.station, &scan.text),
        _ => Scanned::Text(String::new()),
    };
    let wanted = match fact {
        Fact::Print(update) => vec![update.job.key],
        _ => state.rules.wanted(&context.session(group, station_code), &scanned),
    };
    group.load_labels(journal, &wanted).await?;
    for _ in 0..MAX_READS {
        let decided: Result<(Delta, Option<Answer>), BuildError> = match (fact, station) {
            (Fact::Print(update), _) => context.print(group, update).map(|d| (d, None)),
            (Fact::Scan(input, pin), Some(station)) => {
                context.scan(group, station, (input, pin.as_ref()), &scanned).map(|(d, a)| (d, Some(a)))
            }
            (Fact::Machine(input, _), Some(station)) => {
                context.machine(group, station, input).map(|(d, a)| (d, Some(a)))
            }
            (_, None) => {
                let args = vec![("station".to_owned(), station_code.to_owned())];
                return Ok(refused(state, fact, CODE_UNKNOWN_STATION, args));
            }
        };
        match decided {
            Ok((delta, answer)) => {
                let minted = delta.minted;
                group.merge(delta, answer.as_ref());
                return Ok(Outcome::Done { answer, minted });
            }
            Err(BuildError::Needs(needs)) => {
                group.load_events(journal, &needs.events).await?;
                group.load_labels(journal, &needs.labels).await?;
            }
            Err(BuildError::Mint(error)) => {
                let (code, name, value) = match &error {
                    MintError::Exhausted { kind } => ("engine.no-numbers", "type", kind),
                    MintError::SeriesExhausted { series } => ("engine.no-numbers", "type", series),
                    MintError::Blocked { reason } => ("engine.mint-blocked", "reason", reason),
                };
                let args = vec![(name.to_owned(), value.clone())];
                return Ok(refused(state, fact, code, args));
            }
            Err(BuildError::TooLong(bytes)) => {
                let args = vec![("bytes".to_owned(), bytes.to_string())];
                return Ok(refused(state, fact, "engine.too-long", args));
            }
            Err(BuildError::Rules(detail)) => {
                let args = vec![("detail".to_owned(), detail)];
                return Ok(refused(state, fact, "engine.failed", args));
            }
        }
    }
    let args = vec![("detail".to_owned(), "too much had to be read".to_owned())];
    Ok(refused(state, fact, "engine.failed", args))
}

fn refused(state: &State, fact: &Fact, code: &str, args: Vec<(String, String)>) -> Outcome {
    let error = format!("{code}: {args:?}");
    let Fact::Scan(scan, _) = fact else { return Outcome::Refused { answer: None, error } };
    let operator = state.sessions.get(&scan.station).and_then(|s| s.operator.as_ref());
    let language = operator.map_or(state.plant.default_language().code(), |o| o.language.as_str());
    let answer = red(state.speaker.as_ref(), language, code, args, &scan.input_id);
    Outcome::Refused { answer: Some(answer), error }
}
