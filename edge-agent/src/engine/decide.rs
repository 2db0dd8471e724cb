//! One fact decided: the world gathered, the rules asked, the events built. Pure
//! but for ids and salts; nothing of it is true until the group is on disk.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::{DateTime, FixedOffset, Utc};
use proto::v1;
use uid::Key;
use uuid::Uuid;

use super::aliases;
use super::build::{BuildError, Built, Moving, Stamp, build};
use super::clock::{local, occurred_at};
use super::counters::Counters;
use super::group::{Delta, Group};
use super::machines::Machines;
use super::prints::{NOT_PRINTED, PrintJob, PrintState, PrintUpdate, row};
use super::rules::Rules;
use super::speak::{Speaker, answer};
use super::status::ScanLine;
use crate::config::{PlantFile, Station};
use crate::inputs::{Answer, Colour, MachineInput, ScanInput};
use crate::journal::NewInput;
use crate::reference::Reference;
use crate::station::types::{Decision, DraftEvent, DraftSubject, KeyRef, Label, Scanned, Session, World};
use crate::station::{self, PinProof};

/// Sessions of the past that are kept per station.
const PAST_KEPT: usize = 50;

/// How long what the cloud told of a label counts without being asked again.
const TOLD_COUNTS: chrono::TimeDelta = chrono::TimeDelta::minutes(5);

/// What deciding looks at besides the group.
pub(super) struct Context<'a> {
    pub agent_id: Uuid,
    pub plant: &'a PlantFile,
    pub reference: &'a Reference,
    pub rules: &'a dyn Rules,
    pub speaker: &'a dyn Speaker,
    pub machines: &'a Machines,
    pub sessions: &'a HashMap<String, Session>,
    pub counters: &'a HashMap<String, Counters>,
    pub now: DateTime<Utc>,
}

impl Context<'_> {
    /// A station's session, as the group or the last commit left it.
    pub fn session(&self, group: &Group, station: &str) -> Session {
        let session = group.session(station).or_else(|| self.sessions.get(station));
        session.cloned().unwrap_or_default()
    }

    /// What was scanned at a station, with other codes of a label resolved to its
    /// UID; one that several labels have is told as such.
    pub fn resolve(&self, group: &Group, station: &str, text: &str) -> Scanned {
        let scanned = self.rules.classify(text, self.plant.tenant, self.reference);
        for alias in self.aliases_of(station, &scanned) {
            let keys = aliases::candidates(group, self.reference, &scanned, &alias);
            match keys.as_slice() {
                [] => {}
                [key] => return Scanned::Uid(uid::Uid::from_key(self.plant.tenant, *key)),
                _ => {
                    let code = station::codes::Code::ALIAS_AMBIGUOUS.as_str().to_owned();
                    return Scanned::Invalid { code, detail: alias };
                }
            }
        }
        scanned
    }

    /// The codes of a label that a scan at a station may mean, the surest first.
    pub fn aliases_of(&self, station: &str, scanned: &Scanned) -> Vec<String> {
        let reads_labels = self.plant.station(station).is_some_and(|s| station::reads_labels(s.kind));
        aliases::of(self.reference, scanned, reads_labels)
    }

    fn language<'s>(&'s self, session: &'s Session) -> &'s str {
        let operator = session.operator.as_ref();
        operator.map_or(self.plant.default_language().code(), |o| o.language.as_str())
    }

    /// Decides a scan.
    pub fn scan(
        &self,
        group: &Group,
        station: &Station,
        (input, pin): (&ScanInput, Option<&PinProof>),
        scanned: &Scanned,
    ) -> Result<(Delta, Answer), BuildError> {
        let before = self.session(group, &station.code);
        let at = occurred_at(input.occurred_at, self.now, self.plant.time_zone);
        let counters = group.counters(&station.code).or(self.counters.get(&station.code));
        let repeat =
            input.device_counter.is_some_and(|n| counters.is_some_and(|c| c.seen(n, &input.text, self.now)));
        let wanted = self.rules.wanted(&before, scanned);
        let gathered = Gathered {
            station,
            labels: group.labels_for(&wanted),
            readings: self.machines.of_station(self.plant, station, self.now),
            at,
            repeat,
            badge: input.badge.as_deref().and_then(|badge| self.badge(badge)),
            pin,
        };
        let decision = self.ask(group, &gathered, &before, |world| self.rules.interpret(world, scanned))?;
        let language = match decision.session.operator {
            Some(_) => self.language(&decision.session).to_owned(),
            None => self.language(&before).to_owned(),
        };
        let (mut delta, mut reply, built) =
            self.settle(group, gathered, decision, Source { input_id: &input.input_id, machine: "" })?;
        for (_, value) in &mut reply.args {
            *value = built.fill(self.plant.tenant, value);
        }
        if let Some(counter) = input.device_counter {
            let mut counters = counters.cloned().unwrap_or_default();
            counters.push(counter, &input.text, self.now);
            delta.counters = Some((station.code.clone(), counters));
        }
        if let Scanned::Uid(uid) = scanned {
            let key = uid.key().get();
            let before = group.labels_for(&[key]);
            let label = delta.labels.get(&key).or(before.get(&key)).filter(|label| label.known());
            // What the cloud told may have changed since: it did not know all of the
            // other plants, and what was rejected there may be free by now, or the
            // other way round.
            let doubtful = |label: &Label| {
                let told = |at: DateTime<Utc>| reply.colour == Colour::Red || self.now - at > TOLD_COUNTS;
                label.told_at.is_some_and(told)
            };
            if label.is_none_or(doubtful) || self.reference.corrected_keys.contains(&key) {
                delta.unknown.push(key);
            }
            // A package leaves only if its contents may, so they have to be known.
            let package = label.filter(|label| label.package && label.told_at.is_some());
            let inside = package.map(|label| group.labels_for(&label.children)).unwrap_or_default();
            let children = package.map(|label| label.children.as_slice()).unwrap_or_default();
            delta.unknown.extend(children.iter().filter(|key| !inside.get(key).is_some_and(Label::known)));
        }
        let answer = answer(self.speaker, &language, reply, &input.input_id, true);
        delta.input = Some(self.input(&station.code, &input.input_id, &answer)?);
        let line = ScanLine {
            at: self.now,
            text: shown(&before, scanned, &input.text),
            colour: answer.colour,
            what: answer.what.clone(),
        };
        delta.line = Some((station.code.clone(), line));
        Ok((delta, answer))
    }

    /// Decides a machine's trigger at its station.
    pub fn machine(
        &self,
        group: &Group,
        station: &Station,
        input: &MachineInput,
    ) -> Result<(Delta, Answer), BuildError> {
        let session = self.session(group, &station.code);
        let wanted = self.rules.wanted(&session, &Scanned::Text(String::new()));
        let gathered = Gathered {
            station,
            labels: group.labels_for(&wanted),
            readings: self.machines.of_station(self.plant, station, self.now),
            at: local(input.at, self.plant.time_zone),
            repeat: false,
            badge: None,
            pin: None,
        };
        let decision = self.ask(group, &gathered, &session, |world| self.rules.on_machine(world, input))?;
        let (mut delta, reply, _) = self.settle(
            group,
            gathered,
            decision,
            Source { input_id: &input.input_id, machine: &input.machine },
        )?;
        let language = self.language(&session).to_owned();
        let news = station::is_news(&reply);
        let answer = answer(self.speaker, &language, reply, &input.input_id, true);
        if news {
            let line = ScanLine {
                at: self.now,
                text: input.machine.clone(),
                colour: answer.colour,
                what: answer.what.clone(),
            };
            delta.line = Some((station.code.clone(), line));
        }
        delta.input = Some(self.input(&machine_source(&input.machine), &input.input_id, &answer)?);
        Ok((delta, answer))
    }

    /// Records what became of a label.
    pub fn print(&self, group: &Group, update: &PrintUpdate) -> Result<Delta, BuildError> {
        let job = &update.job;
        let mut labels = group.labels_for(&[job.key]);
        labels.retain(|key, _| *key == job.key);
        let mut delta = Delta::default();
        delta.prints.push(update.row(self.now.timestamp()));
        match update.state {
            PrintState::Uncertain => delta.uncertain.push(job.clone()),
            _ => delta.closed_prints.push(job.clone()),
        }
        // A label that was scanned already came out, whatever the printer says.
        let confirmed = labels.get(&job.key).is_some_and(|l| l.print == "confirmed");
        if let (false, Some(outcome), Ok(key)) = (confirmed, update.outcome(), Key::new(job.key)) {
            let mut draft = DraftEvent::new(v1::Stage::Label);
            draft.subjects = vec![subject(key)];
            draft.outcome = outcome;
            draft.reason = update.reason().to_owned();
            draft.attempt = job.copy;
            let mut drafts = vec![draft];
            if let Some(again) = update.again(labels.get(&job.key).map_or(0, |label| label.reprints)) {
                let mut draft = DraftEvent::new(v1::Stage::Label);
                draft.subjects = vec![subject(key)];
                draft.action = v1::Action::Add;
                draft.reason = NOT_PRINTED.to_owned();
                draft.attempt = again.copy;
                drafts.push(draft);
                delta.prints.push(row(&again, "allocated", self.now.timestamp()));
                delta.jobs.push(again);
            }
            let session = self.session(group, &job.station);
            let station = self.plant.station(&job.station);
            let at = local(self.now, self.plant.time_zone);
            let shift = self.shift(at);
            let source = Source { input_id: "", machine: "" };
            let location = station.map_or("", |s| s.location.as_str());
            let stamp = self.stamp(&job.station, location, operator(&session), &shift, at, source);
            let built = self.built(group, &drafts, &stamp, &mut labels, &mut delta)?;
            delta.records = built.records;
        }
        if let Some(label) = labels.get_mut(&job.key)
            && update.state == PrintState::Uncertain
            && !confirmed
        {
            update.state.as_str().clone_into(&mut label.print);
        }
        group.keep_changed(&mut labels);
        delta.labels = labels;
        Ok(delta)
    }

    /// Builds events on the group's head and numbers; `delta` takes what moved.
    fn built(
        &self,
        group: &Group,
        events: &[DraftEvent],
        stamp: &Stamp<'_>,
        labels: &mut HashMap<i64, Label>,
        delta: &mut Delta,
    ) -> Result<Built, BuildError> {
        let (mut head, mut mint) = (group.head, group.mint.clone());
        let corrected = &group.events;
        let mut moving = Moving { head: &mut head, mint: &mut mint, labels, corrected };
        let built = self.guarded(|| build(events, stamp, &mut moving, self.rules))??;
        delta.moved = Some((head, mint));
        Ok(built)
    }

    /// The SHA-256 of a badge that came with a reading.
    fn badge(&self, text: &str) -> Option<String> {
        match self.rules.classify(text, self.plant.tenant, self.reference) {
            Scanned::Badge(hash) => Some(hash),
            _ => None,
        }
    }

    fn shift(&self, at: DateTime<FixedOffset>) -> (String, chrono::NaiveDate) {
        let utc = at.with_timezone(&Utc);
        let name = self.plant.shift_at(utc).map(|r| r.shift.name.clone());
        (name.unwrap_or_default(), self.plant.production_date(utc))
    }

    /// Shows the rules the world. A panic in them is this fact's failure alone.
    fn ask(
        &self,
        group: &Group,
        gathered: &Gathered<'_>,
        session: &Session,
        rule: impl FnOnce(&World<'_>) -> Decision,
    ) -> Result<Decision, BuildError> {
        let (mintable, numbers) =
            (group.mint.mintable(), group.mint.numbers(gathered.at.with_timezone(&Utc)));
        let world = World {
            plant: self.plant,
            tenant: self.plant.tenant,
            station: gathered.station,
            session,
            reference: self.reference,
            labels: &gathered.labels,
            at: gathered.at,
            now: self.now,
            shift: self.shift(gathered.at),
            mintable: &mintable,
            numbers: &numbers,
            readings: &gathered.readings,
            repeat: gathered.repeat,
            badge: gathered.badge.as_deref(),
            pin: gathered.pin,
        };
        self.guarded(|| rule(&world))
    }

    fn guarded<T>(&self, run: impl FnOnce() -> T) -> Result<T, BuildError> {
        catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no message");
            BuildError::Rules(format!("panic: {text}"))
        })
    }

    /// Builds a decision's events and gathers everything it changes.
    fn settle(
        &self,
        group: &Group,
        gathered: Gathered<'_>,
        decision: Decision,
        source: Source<'_>,
    ) -> Result<(Delta, crate::station::types::Reply, Built), BuildError> {
        let station = gathered.station;
        let shift = self.shift(gathered.at);
        let mut labels = gathered.labels;
        let mut delta = Delta::default();
        let mut built = Built::default();
        if !decision.events.is_empty() {
            let named = group.named(&decision.events).map_err(BuildError::Needs)?;
            for (key, label) in group.labels_for(&named) {
                labels.entry(key).or_insert(label);
            }
            let by = operator(&decision.session);
            let at = gathered.at;
            let stamp = self.stamp(&station.code, &station.location, by, &shift, at, source);
            built = self.built(group, &decision.events, &stamp, &mut labels, &mut delta)?;
        }
        let now = self.now.timestamp();
        for request in &decision.prints {
            let (Some(key), Some(printer)) = (built.key(&request.key), &station.printer) else {
                continue;
            };
            let fill = |line: &String| built.fill(self.plant.tenant, line);
            let job = PrintJob {
                key: key.get(),
                uid: uid::Uid::from_key(self.plant.tenant, key).to_string(),
                station: station.code.clone(),
                printer: printer.clone(),
                lines: request.lines.iter().map(fill).collect(),
                copy: request.copy,
            };
            delta.prints.push(row(&job, "allocated", now));
            delta.jobs.push(job);
            if let Some(label) = labels.get_mut(&key.get()) {
                "allocated".clone_into(&mut label.print);
            }
        }
        group.keep_changed(&mut labels);
        delta.labels = labels;
        let mut session = decision.session;
        if !decision.beside {
            remember(&mut session, &built);
        }
        let surplus = session.past.len().saturating_sub(PAST_KEPT);
        session.past.drain(..surplus);
        delta.session = Some((station.code.clone(), session));
        delta.records = std::mem::take(&mut built.records);
        delta.notes = std::mem::take(&mut built.notes);
        delta.aliases = std::mem::take(&mut built.aliases);
        delta.minted = built.minted();
        Ok((delta, decision.reply, built))
    }

    fn stamp<'s>(
        &'s self,
        station: &'s str,
        location: &'s str,
        operator: &'s str,
        shift: &'s (String, chrono::NaiveDate),
        at: DateTime<FixedOffset>,
        source: Source<'s>,
    ) -> Stamp<'s> {
        Stamp {
            agent_id: self.agent_id,
            plant: self.plant.plant.as_str(),
            station,
            location,
            operator,
            shift: &shift.0,
            production_date: shift.1,
            at,
            now: self.now,
            input_id: source.input_id,
            machine: source.machine,
            reference: (self.reference.version, self.reference.generation),
        }
    }

    fn input(&self, source: &str, id: &str, answer: &Answer) -> Result<NewInput, BuildError> {
        let answer = serde_json::to_string(answer).map_err(|e| BuildError::Rules(e.to_string()))?;
        Ok(NewInput { source: source.to_owned(), input_id: id.to_owned(), at: self.now.timestamp(), answer })
    }
}

/// Input ids of machines stand beside those of stations.
pub(super) fn machine_source(machine: &str) -> String {
    format!("machine/{machine}")
}

struct Gathered<'a> {
    station: &'a Station,
    labels: HashMap<i64, Label>,
    readings: Vec<v1::Reading>,
    at: DateTime<FixedOffset>,
    repeat: bool,
    /// SHA-256 of the badge that came with the reading.
    badge: Option<String>,
    /// What came of the PIN that it completes.
    pin: Option<&'a PinProof>,
}

#[derive(Clone, Copy)]
struct Source<'a> {
    input_id: &'a str,
    machine: &'a str,
}

fn operator(session: &Session) -> &str {
    session.operator.as_ref().map_or("", |o| o.operator.as_str())
}

fn subject(key: Key) -> DraftSubject {
    DraftSubject {
        key: KeyRef::Existing(key),
        role: v1::Role::Subject,
        quantity: None,
        unit: String::new(),
        item: String::new(),
        lot: None,
        container: false,
        alias: String::new(),
    }
}

/// Puts the ids of what was recorded into the session, for UNDO and CORRECT. A
/// refusal is nothing that could be taken back.
fn remember(session: &mut Session, built: &Built) {
    let done: Vec<(Uuid, Vec<i64>)> = built
        .events
        .iter()
        .filter(|(_, stage, _)| station::can_be_corrected(*stage))
        .map(|(id, _, keys)| (*id, keys.clone()))
        .collect();
    if let Some(last) = done.last() {
        session.last_event = Some(last.clone());
        session.last_events = done;
    }
}

/// What the page shows of a scan: nothing of a badge or a PIN. `before` is the
/// session that it met.
fn shown(before: &Session, scanned: &Scanned, text: &str) -> String {
    if station::is_secret(before, scanned) {
        return "••••".to_owned();
    }
    match scanned {
        Scanned::Uid(uid) => uid.to_string(),
        _ => text.chars().filter(|c| !c.is_control()).take(64).collect(),
    }
}
