//! Instances on their way: start, decide, send once more, take back, complete. All
//! in the caller's transaction, with the history, the audit, the notices, and what
//! the document's module does about it.

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::asked::Place;
use super::definition::Definition;
use super::error::WorkflowError;
use super::model::{Action, Seat, State, Step, follow};
use super::rules::{self, Verdict};
use super::store::instances::{self, Happened, Instance};
use super::store::rounds::{self, Round, Taken};
use super::store::{definitions, people};
use super::subject::{After, News, Outcome, Subjects};
use super::{asked, cause, detail, tell};
use crate::audit::{self, Entry};
use crate::db::{DbError, Tx};
use crate::i18n::Names;

/// Longest comment.
pub const MAX_COMMENT: usize = 2000;

/// A document that is to be approved.
#[derive(Debug, Clone)]
pub struct Starting<'a> {
    /// Which workflow: `purchase_requisition`.
    pub workflow: &'a str,
    /// Kind of the document, as its [`Subject`](super::Subject) names it.
    pub kind: &'static str,
    /// The document.
    pub subject: Uuid,
    /// For people: `RQ-000012 Bearings for line 2`.
    pub title: &'a str,
    /// Where it is shown: a path of this site.
    pub href: &'a str,
    /// Its plant, whose own definition goes before the tenant's.
    pub plant: Option<&'a str>,
    /// Its fields, by which conditions are judged. Its `amount` is a decimal as text, or a
    /// number.
    pub document: Json,
    /// Who started it; `None`: nobody, but an event, a schedule or a webhook.
    pub starter: Option<Uuid>,
}

/// How an instance stands now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = WorkflowStanding)]
pub struct Standing {
    /// The instance.
    pub instance_id: Uuid,
    /// Its state.
    pub state: State,
    /// The stage that is open, counted from 1; 0 while none is.
    pub stage: i16,
    /// How many stages were opened so far.
    pub round: i32,
}

fn standing_of(instance: &Instance) -> Standing {
    Standing {
        instance_id: instance.instance_id,
        state: state_of(instance),
        stage: instance.stage,
        round: instance.round,
    }
}

/// The state of a stored instance; the table's check knows no other.
pub(super) fn state_of(instance: &Instance) -> State {
    State::parse(&instance.state).unwrap_or(State::Cancelled)
}

/// A decision.
#[derive(Debug, Clone)]
pub struct Decision<'a> {
    /// For which round, as the decider saw it.
    pub round: i32,
    /// What.
    pub action: Action,
    /// Why; needed to reject or to send back.
    pub comment: &'a str,
    /// For [`Action::SendBack`]: the earlier stage, counted from 1; `None`: the starter.
    pub to_stage: Option<i16>,
}

/// Starts a document on its way; the first stage that applies is opened.
///
/// # Errors
/// [`WorkflowError::NoDefinition`], [`WorkflowError::UnderWay`],
/// [`WorkflowError::Unreadable`] where a role that it names is gone,
/// [`WorkflowError::Money`], or the database.
pub async fn start(
    tx: &mut Tx,
    subjects: &Subjects,
    new: &Starting<'_>,
    now: DateTime<Utc>,
) -> Result<Standing, WorkflowError> {
    let written = definitions::in_force(tx, new.workflow, new.plant)
        .await?
        .ok_or_else(|| WorkflowError::NoDefinition(new.workflow.to_owned()))?;
    let definition = asked::definition(tx, subjects, &written).await?;
    if !asked::stands(tx, &definition).await? {
        return Err(WorkflowError::Unreadable(new.workflow.to_owned()));
    }
    let document = asked::judged(&new.document)?;
    if definition.document.as_deref().is_some_and(|kind| kind != new.kind) {
        return Err(WorkflowError::NoDefinition(new.workflow.to_owned()));
    }
    if instances::of_subject(tx, new.kind, new.subject).await?.is_some_and(|last| last.ended_at.is_none()) {
        return Err(WorkflowError::UnderWay);
    }
    let mut instance = Instance {
        instance_id: Uuid::now_v7(),
        definition_id: written.revision.definition_id,
        workflow: new.workflow.to_owned(),
        subject_kind: new.kind.to_owned(),
        subject_id: new.subject,
        title: new.title.chars().take(200).collect(),
        href: new.href.to_owned(),
        plant: new.plant.map(str::to_owned),
        document,
        state: State::Initiated.name().to_owned(),
        stage: 0,
        round: 0,
        starter: new.starter,
        started_at: now,
        wake_at: None,
        ended_at: None,
        version: 1,
    };
    instances::insert(tx, &instance).await.map_err(|error| match DbError::from(error) {
        error if error.problem() == crate::db::Problem::Exists => WorkflowError::UnderWay,
        error => error.into(),
    })?;
    let began = Happened {
        at: now,
        what: "started".into(),
        stage_name: String::new(),
        stage_names: Names::default(),
        person: new.starter,
        on_behalf_of: None,
        note: String::new(),
    };
    instances::happened(tx, instance.instance_id, &began).await?;
    record(tx, "workflow.start", &instance, None, json!({})).await?;
    let run = Run { subjects, definition: &definition, now };
    run.go_on(tx, &mut instance, 0, new.starter, "").await?;
    Ok(standing_of(&instance))
}

/// Takes a decision of `person` for the stage that is open.
///
/// # Errors
/// [`WorkflowError::Settled`] when the round is over, [`WorkflowError::Refused`] when
/// it is not theirs, [`WorkflowError::Action`], [`WorkflowError::Comment`],
/// [`WorkflowError::Stage`], or the database.
pub async fn decide(
    tx: &mut Tx,
    subjects: &Subjects,
    instance: Uuid,
    person: Uuid,
    decision: &Decision<'_>,
    now: DateTime<Utc>,
) -> Result<Standing, WorkflowError> {
    let comment = text(decision.comment, MAX_COMMENT)?;
    let mut instance = instances::lock(tx, instance).await?.ok_or(WorkflowError::NotFound)?;
    if state_of(&instance) != State::PendingApproval || instance.round != decision.round {
        return Err(WorkflowError::Settled);
    }
    let definition = definition_of(tx, subjects, &instance).await?;
    let round =
        rounds::find(tx, instance.instance_id, instance.round).await?.ok_or(WorkflowError::NotFound)?;
    let mut seats = seats_of(tx, &instance).await?;
    let place = Place::of(instance.plant.as_deref(), &instance.document);
    let reach = asked::reach(tx, person, now).await?;
    let decider = reach.ok_or(rules::Refusal::NotAsked).and_then(|reach| reach.at(&place));
    let decider = decider.map_err(WorkflowError::Refused)?;
    let (at, on_behalf_of) = rules::seat_for(&seats, &decider, instance.starter, definition.own_allowed)
        .map_err(WorkflowError::Refused)?;
    let stage = usize::try_from(instance.stage - 1).ok().and_then(|at| definition.stages.get(at));
    let stage = stage.ok_or(WorkflowError::NotFound)?;
    if !stage.actions.contains(&decision.action) {
        return Err(WorkflowError::Action);
    }
    if decision.action != Action::Approve && comment.is_empty() {
        return Err(WorkflowError::Comment);
    }
    let back_to = match (decision.action, decision.to_stage) {
        (Action::SendBack, Some(to)) if (1..instance.stage).contains(&to) => Some(to),
        (Action::SendBack, Some(_)) => return Err(WorkflowError::Stage),
        _ => None,
    };
    let seat = &mut seats[at];
    (seat.decision, seat.decided_by, seat.on_behalf_of) = (Some(decision.action), Some(person), on_behalf_of);
    if !rounds::seat_take(tx, instance.instance_id, instance.round, seat, comment, now).await? {
        return Err(WorkflowError::Settled);
    }
    let said = Happened {
        at: now,
        what: decision.action.name().to_lowercase(),
        stage_name: round.stage_name.clone(),
        stage_names: round.stage_names.clone(),
        person: Some(person),
        on_behalf_of,
        note: comment.to_owned(),
    };
    instances::happened(tx, instance.instance_id, &said).await?;
    let details = json!({
        "action": decision.action.name(),
        "stage": instance.stage,
        "round": instance.round,
        "on_behalf_of": on_behalf_of,
        "to_stage": back_to,
    });
    record(tx, "workflow.decide", &instance, None, details).await?;
    let run = Run { subjects, definition: &definition, now };
    let said = Said { by: Some(person), comment, back_to };
    run.judge(tx, &mut instance, &round, &seats, &said).await?;
    Ok(standing_of(&instance))
}

/// As [`decide`], one of several at once: where the definition allows that.
///
/// # Errors
/// [`WorkflowError::Bulk`], those of [`decide`].
pub async fn decide_in_bulk(
    tx: &mut Tx,
    subjects: &Subjects,
    instance: Uuid,
    person: Uuid,
    decision: &Decision<'_>,
    now: DateTime<Utc>,
) -> Result<Standing, WorkflowError> {
    let found = instances::find(tx, instance).await?.ok_or(WorkflowError::NotFound)?;
    if !definition_of(tx, subjects, &found).await?.bulk_allowed {
        return Err(WorkflowError::Bulk);
    }
    decide(tx, subjects, instance, person, decision, now).await
}

/// Sends a document that came back once more, as it is now, from the first stage on.
///
/// # Errors
/// [`WorkflowError::State`] when it did not come back, [`WorkflowError::NotYours`],
/// [`WorkflowError::Money`].
pub async fn resubmit(
    tx: &mut Tx,
    subjects: &Subjects,
    new: &Starting<'_>,
    now: DateTime<Utc>,
) -> Result<Standing, WorkflowError> {
    let last = instances::of_subject(tx, new.kind, new.subject).await?.ok_or(WorkflowError::NotFound)?;
    let mut instance = instances::lock(tx, last.instance_id).await?.ok_or(WorkflowError::NotFound)?;
    if state_of(&instance) != State::Initiated {
        return Err(WorkflowError::State(state_of(&instance).name()));
    }
    if instance.starter.is_some() && instance.starter != new.starter {
        return Err(WorkflowError::NotYours);
    }
    instance.title = new.title.chars().take(200).collect();
    let document = asked::judged(&new.document)?;
    let before = subjects.detail(new.kind, &instance.document);
    let after = subjects.detail(new.kind, &document);
    let changes = detail::changes((&instance.document, &before), (&document, &after));
    instance.document = document;
    let definition = definition_of(tx, subjects, &instance).await?;
    let again = Happened {
        at: now,
        what: "resubmitted".into(),
        stage_name: String::new(),
        stage_names: Names::default(),
        person: new.starter,
        on_behalf_of: None,
        // Whoever decides next is told what is another than they, or others, saw before.
        note: detail::kept(&changes),
    };
    instances::happened(tx, instance.instance_id, &again).await?;
    // What was in it stays with the document: people wrote it, and may have named others.
    record(tx, "workflow.resubmit", &instance, None, json!({})).await?;
    let run = Run { subjects, definition: &definition, now };
    run.go_on(tx, &mut instance, 0, new.starter, "").await?;
    Ok(standing_of(&instance))
}

/// Takes a document back that is on its way. `person` is its starter, or manages
/// workflows (`manages`). It goes whatever became of the definition.
///
/// # Errors
/// [`WorkflowError::State`] when it is over or approved, [`WorkflowError::NotFound`] also
/// where it is somebody else's.
pub async fn cancel(
    tx: &mut Tx,
    subjects: &Subjects,
    instance: Uuid,
    person: Option<Uuid>,
    manages: bool,
    comment: &str,
    now: DateTime<Utc>,
) -> Result<Standing, WorkflowError> {
    let comment = text(comment, MAX_COMMENT)?;
    let mut instance = instances::lock(tx, instance).await?.ok_or(WorkflowError::NotFound)?;
    // Whose it is not, does not learn that it is there.
    if !manages && instance.starter != person {
        return Err(WorkflowError::NotFound);
    }
    let state = state_of(&instance);
    if follow(state, Step::Cancel).is_none() {
        return Err(WorkflowError::State(state.name()));
    }
    let taken_back = Happened {
        at: now,
        what: "cancelled".into(),
        stage_name: String::new(),
        stage_names: Names::default(),
        person,
        on_behalf_of: None,
        note: comment.to_owned(),
    };
    instances::happened(tx, instance.instance_id, &taken_back).await?;
    record(tx, "workflow.cancel", &instance, None, json!({})).await?;
    rounds::end(tx, instance.instance_id, instance.round, "CANCEL", now).await?;
    end(tx, subjects, &mut instance, Step::Cancel, person, comment, now).await?;
    Ok(standing_of(&instance))
}

/// Says that what was approved is done.
///
/// # Errors
/// [`WorkflowError::State`] unless it is approved.
pub async fn complete(
    tx: &mut Tx,
    kind: &str,
    subject: Uuid,
    person: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<Standing, WorkflowError> {
    let last = instances::of_subject(tx, kind, subject).await?.ok_or(WorkflowError::NotFound)?;
    let mut instance = instances::lock(tx, last.instance_id).await?.ok_or(WorkflowError::NotFound)?;
    move_to(tx, &mut instance, Step::Complete, person, now).await?;
    let by = name_of(tx, person).await?;
    tell::completed(tx, &instance, person, &by, now).await?;
    Ok(standing_of(&instance))
}

/// What a person is called; empty where it was no person.
async fn name_of(tx: &mut Tx, person: Option<Uuid>) -> Result<String, DbError> {
    let Some(person) = person else { return Ok(String::new()) };
    Ok(people::names(tx, &[person]).await?.pop().map(|(_, name)| name).unwrap_or_default())
}

/// How a document stands; `None` when it was never started.
///
/// # Errors
/// The database.
pub async fn standing(tx: &mut Tx, kind: &str, subject: Uuid) -> Result<Option<Standing>, DbError> {
    Ok(instances::of_subject(tx, kind, subject).await?.map(|instance| standing_of(&instance)))
}

/// The definition that an instance began with.
pub(super) async fn definition_of(
    tx: &mut Tx,
    subjects: &Subjects,
    instance: &Instance,
) -> Result<Definition, WorkflowError> {
    let written =
        definitions::find(tx, instance.definition_id, false).await?.ok_or(WorkflowError::NotFound)?;
    asked::definition(tx, subjects, &written).await
}

/// [`definition_of`] for what goes on without it; `None` where it cannot be read any more.
pub(super) async fn readable(
    tx: &mut Tx,
    subjects: &Subjects,
    instance: &Instance,
) -> Result<Option<Definition>, DbError> {
    match definition_of(tx, subjects, instance).await {
        Ok(definition) => Ok(Some(definition)),
        Err(WorkflowError::Db(error)) => Err(error),
        Err(_) => Ok(None),
    }
}

pub(super) async fn seats_of(tx: &mut Tx, instance: &Instance) -> Result<Vec<Seat>, DbError> {
    let taken: Vec<Taken> = rounds::seats(tx, instance.instance_id, instance.round).await?;
    Ok(taken.into_iter().map(|taken| taken.seat).collect())
}

/// Trimmed; no control characters but those of lines.
pub(super) fn text(text: &str, most: usize) -> Result<&str, WorkflowError> {
    let text = text.trim();
    let bad = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if text.chars().count() > most || text.chars().any(bad) {
        Err(WorkflowError::Long(most))
    } else {
        Ok(text)
    }
}

/// The audit's entry of an instance.
pub(super) async fn record(
    tx: &mut Tx,
    action: &str,
    instance: &Instance,
    before: Option<Json>,
    mut details: Json,
) -> Result<(), DbError> {
    if let Some(details) = details.as_object_mut() {
        details.insert("state".into(), instance.state.clone().into());
        details.insert("workflow".into(), instance.workflow.clone().into());
        details
            .insert("document".into(), format!("{}:{}", instance.subject_kind, instance.subject_id).into());
    }
    let subject = format!("workflow:{}", instance.instance_id);
    audit::record(tx, Entry { action, subject: &subject, before, after: Some(details) }).await
}

/// Takes a step by the table, with its history and audit.
async fn move_to(
    tx: &mut Tx,
    instance: &mut Instance,
    step: Step,
    person: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<State, WorkflowError> {
    let from = state_of(instance);
    let to = follow(from, step).ok_or(WorkflowError::State(from.name()))?;
    instance.state = to.name().to_owned();
    if to != State::PendingApproval {
        instance.stage = 0;
        instance.wake_at = None;
    }
    if to.is_end() {
        instance.ended_at = Some(now);
    }
    instances::update(tx, instance).await?;
    if from != to {
        let moved = Happened {
            at: now,
            what: format!("state-{}", to.name().to_lowercase().replace('_', "-")),
            stage_name: String::new(),
            stage_names: Names::default(),
            person,
            on_behalf_of: None,
            note: String::new(),
        };
        instances::happened(tx, instance.instance_id, &moved).await?;
        record(tx, "workflow.move", instance, Some(json!({ "state": from.name() })), json!({})).await?;
    }
    Ok(to)
}

/// What was said last of a round.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Said<'a> {
    /// By whom; `None`: nobody, but somebody who was asked has left.
    pub by: Option<Uuid>,
    /// The comment.
    pub comment: &'a str,
    /// The stage to which it goes back, counted from 1; `None`: to the starter.
    pub back_to: Option<i16>,
}

/// A definition at work on an instance.
pub(super) struct Run<'a> {
    pub subjects: &'a Subjects,
    pub definition: &'a Definition,
    pub now: DateTime<Utc>,
}

impl Run<'_> {
    /// Does what the seats of the round that is open have come to.
    pub async fn judge(
        &self,
        tx: &mut Tx,
        instance: &mut Instance,
        round: &Round,
        seats: &[Seat],
        said: &Said<'_>,
    ) -> Result<(), WorkflowError> {
        let verdict = rules::verdict(seats, round.needed());
        let outcome = match verdict {
            Verdict::Open => {
                // The instance's version tells whoever looks at it that something moved.
                instances::update(tx, instance).await?;
                return Ok(());
            }
            Verdict::Approved => Action::Approve,
            Verdict::Rejected => Action::Reject,
            Verdict::SentBack => Action::SendBack,
        };
        rounds::end(tx, instance.instance_id, instance.round, outcome.name(), self.now).await?;
        let step = match (outcome, said.back_to) {
            (Action::Approve, _) => {
                let next = usize::try_from(instance.stage).unwrap_or(0);
                return self.go_on(tx, instance, next, said.by, said.comment).await;
            }
            (Action::SendBack, Some(to)) => {
                return self.open(tx, instance, usize::try_from(to - 1).unwrap_or(0)).await;
            }
            (Action::SendBack, None) => Step::SendBack,
            (Action::Reject, _) => Step::Reject,
        };
        end(tx, self.subjects, instance, step, said.by, said.comment, self.now).await
    }

    /// Opens the next stage from `from` on (counted from 0), or approves.
    async fn go_on(
        &self,
        tx: &mut Tx,
        instance: &mut Instance,
        from: usize,
        by: Option<Uuid>,
        comment: &str,
    ) -> Result<(), WorkflowError> {
        match self.definition.next(from, &instance.document) {
            Some(at) => self.open(tx, instance, at).await,
            None => end(tx, self.subjects, instance, Step::Approve, by, comment, self.now).await,
        }
    }

    /// Opens a stage (counted from 0) and asks its approvers.
    async fn open(&self, tx: &mut Tx, instance: &mut Instance, at: usize) -> Result<(), WorkflowError> {
        let stage = self.definition.stages.get(at).ok_or(WorkflowError::Stage)?;
        let place = Place::of(instance.plant.as_deref(), &instance.document);
        let (seats, needed) = asked::seats(tx, self.definition, stage, instance.starter, &place).await?;
        let deadlines = stage.deadlines(self.now);
        let round = Round {
            instance_id: instance.instance_id,
            round: instance.round + 1,
            workflow: instance.workflow.clone(),
            plant: instance.plant.clone(),
            stage: i16::try_from(at + 1).unwrap_or(i16::MAX),
            stage_name: stage.name.clone(),
            stage_names: stage.names.clone(),
            needed: i16::try_from(needed).unwrap_or(i16::MAX),
            opened_at: self.now,
            remind_at: deadlines.remind,
            due_at: deadlines.due,
            escalate_at: deadlines.escalate,
            escalate_to: stage.escalation.as_ref().map(|escalation| escalation.to.clone()),
            reminded_at: None,
            breached_at: None,
            escalated_at: None,
        };
        rounds::insert(tx, &round).await?;
        rounds::seats_insert(tx, (&round, &instance.document), &seats, self.now).await?;
        instance.stage = round.stage;
        instance.round = round.round;
        instance.wake_at = round.wake_at();
        let opened = Happened {
            at: self.now,
            what: "opened".into(),
            stage_name: stage.name.clone(),
            stage_names: stage.names.clone(),
            person: None,
            on_behalf_of: None,
            note: String::new(),
        };
        move_to(tx, instance, Step::Open, None, self.now).await?;
        instances::happened(tx, instance.instance_id, &opened).await?;
        // Once more: which of them are vacant is known only now.
        let seats = seats_of(tx, instance).await?;
        let own_allowed = self.definition.own_allowed;
        let asked = asked::asked(tx, &seats, instance.starter, own_allowed, &place, self.now).await?;
        tell::each(tx, &tell::ASKED, instance, &round, &asked, self.now).await?;
        if asked.is_empty() || !rules::reachable(&seats, round.needed()) {
            tell::nobody(tx, instance, &round, self.now).await?;
        }
        Ok(())
    }
}

/// Takes a step after which nobody is asked, tells the starter, and lets the
/// document's module hear of it.
async fn end(
    tx: &mut Tx,
    subjects: &Subjects,
    instance: &mut Instance,
    step: Step,
    by: Option<Uuid>,
    comment: &str,
    now: DateTime<Utc>,
) -> Result<(), WorkflowError> {
    let outcome = match step {
        Step::Approve => Outcome::Approved,
        Step::Reject => Outcome::Rejected,
        Step::SendBack => Outcome::SentBack,
        _ => Outcome::Cancelled,
    };
    move_to(tx, instance, step, by, now).await?;
    // Who takes a document back need not be told so.
    if outcome != Outcome::Cancelled || by != instance.starter {
        let by_name = name_of(tx, by).await?;
        tell::outcome(tx, instance, outcome, &by_name, comment, now).await?;
    }
    let Some(subject) = subjects.find(&instance.subject_kind) else { return Ok(()) };
    let news = News {
        subject: instance.subject_id,
        instance: instance.instance_id,
        outcome,
        by,
        comment: comment.to_owned(),
        now,
    };
    // What the module tells now is told because of this document.
    let before = cause::carry_of(tx, instance.instance_id).await?;
    let after = subject.heard(tx, &news).await?;
    cause::back(tx, before).await?;
    if outcome == Outcome::Approved && after == After::Completed {
        move_to(tx, instance, Step::Complete, by, now).await?;
    }
    Ok(())
}
