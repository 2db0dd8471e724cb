//! What starts workflows without a person: events, schedules, webhooks. Each raises a
//! request, but an event that names its document starts that.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::asked;
use super::cause;
use super::condition::{Condition, Unjudged};
use super::definition::{By, Definition, Start};
use super::error::WorkflowError;
use super::read::schedule;
use super::requests::{self, Checked, RequestError, Typed};
use super::run::{self, Starting};
use super::store::triggers::Trigger;
use super::store::{definitions, people, triggers};
use super::subject::Subjects;
use super::{MANAGE, tell};
use crate::db::{DbError, Tx};
use crate::i18n::Lang;
use crate::notify::{self, Notice, To};
use crate::outbox::{self, Channel, Message};

/// Something that happened, told by a module in the transaction in which it did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// `inventory.stock.low`.
    pub name: String,
    /// What it says; conditions know it as `event`.
    pub fields: Json,
    /// The document that it is about and that a workflow may start on; without one, a
    /// request is raised.
    pub document: Option<EventDocument>,
}

/// A document that an event is about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventDocument {
    /// As its [`Subject`](super::Subject) is named.
    pub kind: String,
    /// Its id.
    pub id: Uuid,
    /// For people.
    pub title: String,
    /// Where it is shown.
    pub href: String,
    /// Code of its plant.
    pub plant: Option<String>,
    /// Its own fields, for conditions.
    pub fields: Json,
    /// Who made it.
    pub starter: Option<Uuid>,
}

/// Tells that something happened. Workflows that start by it do so once, after this
/// transaction has committed, and not at all if it does not.
///
/// # Errors
/// Those of the database.
pub async fn happened(tx: &mut Tx, event: &Event, now: DateTime<Utc>) -> Result<(), DbError> {
    let body = serde_json::to_value(event).unwrap_or_default();
    outbox::put(tx, &Message::new(Channel::Event, &event.name, None, body), now).await
}

/// Writes what starts a definition that was published.
pub(super) async fn arm(
    tx: &mut Tx,
    definition: &Definition,
    plant: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let zone = zone(tx, plant).await?;
    for (place, start) in (0_i16..).zip(&definition.starts) {
        let mut trigger = Trigger {
            trigger_id: Uuid::now_v7(),
            workflow: definition.workflow.clone(),
            plant: plant.map(str::to_owned),
            kind: String::new(),
            place,
            event: None,
            cron: None,
            time_zone: None,
            token_hash: None,
            next_at: None,
            fired: 0,
            fired_at: None,
            last_error: String::new(),
        };
        match &start.by {
            By::Event(event) => (trigger.kind, trigger.event) = ("event".into(), Some(event.clone())),
            By::Webhook => trigger.kind = "webhook".into(),
            By::Schedule(cron, own) => {
                let zone = own.clone().unwrap_or_else(|| zone.clone());
                trigger.next_at = next(cron, &zone, now);
                (trigger.kind, trigger.cron, trigger.time_zone) =
                    ("schedule".into(), Some(cron.clone()), Some(zone));
            }
        }
        triggers::upsert(tx, &trigger).await?;
    }
    let count = i16::try_from(definition.starts.len()).unwrap_or(i16::MAX);
    Ok(triggers::cut(tx, &definition.workflow, plant, count).await?)
}

/// Removes what starts a workflow that is out of force.
pub(super) async fn disarm(tx: &mut Tx, workflow: &str, plant: Option<&str>) -> Result<(), DbError> {
    Ok(triggers::cut(tx, workflow, plant, 0).await?)
}

/// The plant's time zone, else the tenant's.
async fn zone(tx: &mut Tx, plant: Option<&str>) -> Result<String, DbError> {
    if let Some(plant) = plant
        && let Some((.., zone)) =
            people::plants(tx, Lang::En).await?.into_iter().find(|(code, ..)| code == plant)
    {
        return Ok(zone);
    }
    Ok(people::tenant_zone(tx).await?)
}

/// Beginnings of what is told when a workflow itself, or the mail that it causes, goes
/// wrong. What started by these would go on starting itself: an address that refuses mail
/// would raise a request, of which the same address is mailed.
const ITS_OWN: [&str; 5] = ["workflow.", "delivery.", "mail.", "sms.", "account."];

/// Most that one event starts of one workflow within an hour: the end of a circle that
/// nobody saw, such as of modules that answer each other.
pub(super) const MOST_AN_HOUR: i32 = 500;

/// Whether nothing may start by this event.
pub(super) fn is_its_own(event: &str) -> bool {
    ITS_OWN.iter().any(|beginning| event.starts_with(beginning))
}

/// The first time after `now` that a pattern means in its zone; `None` where it means
/// none any more.
pub(super) fn next(cron: &str, zone: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let zone = Tz::from_str(zone).unwrap_or(Tz::UTC);
    let cron = schedule(cron).ok()?;
    cron.find_next_occurrence(&now.with_timezone(&zone), false).ok().map(|next| next.with_timezone(&Utc))
}

/// Starts one workflow whose time has come; `false` when there is none that no other
/// worker has. Times that passed while no worker ran are made up for once.
///
/// # Errors
/// The database; what was due is then due still.
pub async fn step(tx: &mut Tx, subjects: &Subjects, now: DateTime<Utc>) -> Result<bool, DbError> {
    let Some(trigger) = triggers::lock_due(tx, now).await? else { return Ok(false) };
    let next_at = match (&trigger.cron, &trigger.time_zone) {
        (Some(cron), Some(zone)) => next(cron, zone, now),
        _ => None,
    };
    let due = trigger.next_at;
    let fields = json!({ "at": due });
    begin(tx).await?;
    let fired = fire(tx, subjects, &trigger, "schedule", &fields, now).await;
    settle(tx, &trigger, fired, next_at, now).await?;
    Ok(true)
}

/// Starts what starts by this event; answers how many did. Nothing does where the event is
/// too far from a person's act (see [`super::carry`]): it is the end of a circle then.
///
/// # Errors
/// The database; nothing was started then.
pub async fn hear(
    tx: &mut Tx,
    subjects: &Subjects,
    event: &Event,
    now: DateTime<Utc>,
) -> Result<usize, DbError> {
    if is_its_own(&event.name) {
        return Ok(0);
    }
    let armed = triggers::by_event(tx, &event.name).await?;
    if armed.is_empty() {
        return Ok(0);
    }
    let depth = cause::depth(tx).await?;
    if depth >= cause::DEEPEST {
        for trigger in armed {
            tracing::warn!(
                workflow = trigger.workflow,
                event = event.name,
                depth,
                "workflows start each other"
            );
            let error = format!(
                "{} came of {depth} workflows that started each other; it starts no more",
                event.name
            );
            // Told once, until it has started again.
            if trigger.last_error != error {
                failed(tx, &trigger, error, trigger.next_at, now).await?;
            }
        }
        return Ok(0);
    }
    let before = cause::carry(tx, depth + 1).await?;
    let mut started = 0;
    for trigger in armed {
        let within_hour = triggers::within_hour(tx, trigger.trigger_id, now).await?;
        if within_hour >= MOST_AN_HOUR {
            tracing::warn!(workflow = trigger.workflow, event = event.name, "starts too often");
            // Told once an hour: one too many is counted, and no more after it.
            if within_hour == MOST_AN_HOUR {
                triggers::count_hour(tx, trigger.trigger_id, now).await?;
                let error = format!(
                    "{} started it {MOST_AN_HOUR} times within an hour; nothing starts by it before that is over",
                    event.name
                );
                failed(tx, &trigger, error, trigger.next_at, now).await?;
            }
            continue;
        }
        begin(tx).await?;
        let fired = match &event.document {
            Some(document) => start_on(tx, subjects, &trigger, event, document, now).await,
            None => fire(tx, subjects, &trigger, &event.name, &event.fields, now).await,
        };
        if matches!(fired, Ok(Some(_))) {
            started += 1;
            triggers::count_hour(tx, trigger.trigger_id, now).await?;
        }
        settle(tx, &trigger, fired, trigger.next_at, now).await?;
    }
    cause::back(tx, before).await?;
    Ok(started)
}

/// From here on a trigger that fails leaves nothing half done.
async fn begin(tx: &mut Tx) -> Result<(), DbError> {
    sqlx::query("savepoint workflow_start").execute(tx.conn()).await?;
    Ok(())
}

/// Notes what came of a trigger, and tells those who manage workflows of a failure.
async fn settle(
    tx: &mut Tx,
    trigger: &Trigger,
    fired: Result<Option<Uuid>, RequestError>,
    next_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let error = match fired {
        Ok(Some(_)) => String::new(),
        // Its conditions do not hold: nothing is said.
        Ok(None) => return Ok(triggers::passed(tx, trigger.trigger_id, next_at).await?),
        Err(RequestError::Workflow(WorkflowError::Db(error))) if error.is_transient() => return Err(error),
        Err(RequestError::Workflow(error)) => error.to_string(),
        Err(RequestError::Problem(problem)) => problem.to_string(),
        Err(RequestError::Fields(fields)) => {
            fields.iter().map(|(_, field, _)| *field).collect::<Vec<_>>().join(", ")
        }
    };
    if error.is_empty() {
        return Ok(triggers::fired(tx, trigger.trigger_id, "", next_at, now).await?);
    }
    sqlx::query("rollback to savepoint workflow_start").execute(tx.conn()).await?;
    failed(tx, trigger, error, next_at, now).await
}

/// Notes why a trigger started nothing, and tells those who manage workflows.
async fn failed(
    tx: &mut Tx,
    trigger: &Trigger,
    error: String,
    next_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let error = kept(&error);
    triggers::fired(tx, trigger.trigger_id, &error, next_at, now).await?;
    let notice = Notice::new(To::Permission(MANAGE.code.to_owned()), "/workflows")
        .at(trigger.plant.iter().cloned().collect())
        .with("workflow", trigger.workflow.clone())
        .with("error", error);
    notify::tell(tx, &tell::NOT_STARTED, &notice, now).await
}

/// The way to start at a trigger's place in the definition that is in force for it.
async fn found(
    tx: &mut Tx,
    subjects: &Subjects,
    trigger: &Trigger,
) -> Result<(Definition, Start), WorkflowError> {
    let gone = || WorkflowError::NoDefinition(trigger.workflow.clone());
    let written =
        definitions::in_force(tx, &trigger.workflow, trigger.plant.as_deref()).await?.ok_or_else(gone)?;
    let definition = asked::definition(tx, subjects, &written).await?;
    let start = usize::try_from(trigger.place).ok().and_then(|place| definition.starts.get(place)).cloned();
    let start = start.ok_or_else(gone)?;
    Ok((definition, start))
}

/// Whether these hold. One that does not is enough for no, though others cannot be judged.
fn all_hold(conditions: &[Condition], fields: &Json) -> Result<bool, Unjudged> {
    let mut unjudged = None;
    for condition in conditions {
        match condition.holds(fields) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) => unjudged = unjudged.or(Some(error)),
        }
    }
    unjudged.map_or(Ok(true), Err)
}

/// Whether a start's conditions hold. Where they cannot be judged it does not start, and who
/// manages workflows is told: once, until it has started again.
async fn starts(
    tx: &mut Tx,
    trigger: &Trigger,
    start: &Start,
    fields: &Json,
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    match all_hold(&start.conditions, fields) {
        Ok(hold) => Ok(hold),
        Err(unjudged) => {
            let error = kept(&format!("a condition cannot be judged: {unjudged}"));
            if trigger.last_error != error {
                failed(tx, trigger, error, trigger.next_at, now).await?;
            }
            Ok(false)
        }
    }
}

/// An error as it is kept.
fn kept(error: &str) -> String {
    error.chars().take(500).collect()
}

/// Starts a workflow on the document that an event is about.
async fn start_on(
    tx: &mut Tx,
    subjects: &Subjects,
    trigger: &Trigger,
    event: &Event,
    document: &EventDocument,
    now: DateTime<Utc>,
) -> Result<Option<Uuid>, RequestError> {
    if trigger.plant.is_some() && trigger.plant != document.plant {
        return Ok(None);
    }
    let (_, start) = found(tx, subjects, trigger).await?;
    let mut fields = document.fields.clone();
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("event".into(), event.fields.clone());
    }
    if !starts(tx, trigger, &start, &fields, now).await? {
        return Ok(None);
    }
    let subject = subjects.find(&document.kind);
    let kind = subject.ok_or_else(|| WorkflowError::NoDefinition(trigger.workflow.clone()))?.kind();
    let starting = Starting {
        workflow: &trigger.workflow,
        kind,
        subject: document.id,
        title: &document.title,
        href: &document.href,
        plant: document.plant.as_deref(),
        document: fields,
        starter: document.starter,
    };
    Ok(Some(run::start(tx, subjects, &starting, now).await?.instance_id))
}

/// Raises the request of a trigger; `None` where its conditions do not hold.
pub(super) async fn fire(
    tx: &mut Tx,
    subjects: &Subjects,
    trigger: &Trigger,
    source: &str,
    fields: &Json,
    now: DateTime<Utc>,
) -> Result<Option<Uuid>, RequestError> {
    let (definition, start) = found(tx, subjects, trigger).await?;
    let new = checked(tx, trigger, &definition, &start, fields).await?;
    let mut judged = json!({ "event": fields });
    for (name, _) in super::definition::FIELDS.iter().filter(|(name, _)| *name != "event") {
        judged[*name] = fields.get(*name).cloned().unwrap_or_default();
    }
    if !starts(tx, trigger, &start, &judged, now).await? {
        return Ok(None);
    }
    let origin = requests::Origin { source, details: fields.clone() };
    let request = requests::raise(tx, subjects, &new, None, &origin, now).await?;
    Ok(Some(request.request_id))
}

/// The fields of the request: what the trigger says, else what the definition does.
async fn checked(
    tx: &mut Tx,
    trigger: &Trigger,
    definition: &Definition,
    start: &Start,
    fields: &Json,
) -> Result<Checked, RequestError> {
    let field = |name: &str| match fields.get(name) {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let or = |own: &str, said: String| if own.is_empty() { said } else { fill(own, fields) };
    let mut subject = or(&start.subject, field("subject"));
    if subject.is_empty() {
        subject = definition.name.clone();
    }
    let plants = people::plants(tx, Lang::En).await?;
    let said = field("plant");
    // An event's plant may be another system's name for it.
    let said = if plants.iter().any(|(code, ..)| *code == said) { said } else { String::new() };
    let typed = Typed {
        workflow: trigger.workflow.clone(),
        subject: subject
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(requests::MAX_SUBJECT)
            .collect(),
        text: or(&start.text, field("text")),
        amount: field("amount"),
        currency: field("currency"),
        plant: trigger.plant.clone().unwrap_or(said),
        ..Typed::default()
    };
    requests::check(tx, &typed).await
}

/// A text with `{item}` replaced by what the field `item` says.
fn fill(text: &str, fields: &Json) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            out.push('{');
            rest = after;
            continue;
        };
        match fields.get(name) {
            Some(Json::String(value)) => out.push_str(value),
            Some(Json::Null) | None => {}
            Some(value) => out.push_str(&value.to_string()),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_in_its_zone() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let friday = at("2026-11-27T04:00:00Z");
        // Monday at nine in Kolkata.
        assert_eq!(next("0 9 * * MON", "Asia/Kolkata", friday), Some(at("2026-11-30T03:30:00Z")));
        assert_eq!(next("0 9 * * 1", "UTC", friday), Some(at("2026-11-30T09:00:00Z")));
        // The clocks of Berlin go from 2:00 to 3:00: half past two is not there, and
        // the day is not left out.
        let before = at("2026-03-29T00:00:00Z");
        let next_one = next("30 2 * * *", "Europe/Berlin", before).unwrap();
        assert!(next_one <= at("2026-03-30T00:30:00Z"), "{next_one}");
        assert_eq!(next("0 9 30 2 *", "UTC", friday), None);
        assert!(schedule("* * * * * *").is_err(), "seconds are refused");
    }

    #[test]
    fn what_cannot_be_judged_is_told_unless_another_does_not_hold() {
        let of = |source: &str| Condition::compile(source, super::super::definition::FIELDS).unwrap();
        let conditions = [of("event.qty < 10"), of("event.item == 'RM-GEAR'")];
        let hold = |fields: Json| all_hold(&conditions, &json!({ "event": fields }));
        assert_eq!(hold(json!({ "qty": 4, "item": "RM-GEAR" })), Ok(true));
        assert!(hold(json!({ "quantity": 4, "item": "RM-GEAR" })).is_err());
        assert_eq!(hold(json!({ "quantity": 4, "item": "RM-BOLT" })), Ok(false));
    }

    #[test]
    fn texts_take_fields() {
        let fields = json!({ "item": "RM-GEAR", "quantity": 4 });
        assert_eq!(fill("Low: {item} ({quantity}) {x}{", &fields), "Low: RM-GEAR (4) {");
    }
}
