//! Answers an agent's question about a UID that came from elsewhere, in the
//! shape in which agents keep labels (`edge-agent`, `station::types::Label`).

use platform::db::Tx;
use proto::v1::{Action, Outcome, Role, Stage};
use serde_json::{Value, json};
use uuid::Uuid;

use super::store::{self, LabelEvent, LabelRow, MOST_CHILDREN};
use crate::explore::store::corrections;

/// The label as JSON, or `None` when the cloud does not know it. Where something that the
/// asking agent told of it was corrected by another (the office), it says so: which of its
/// events count as never done (`void`), and up to which event of that agent it takes all into
/// account (`seen`), or that it does not yet (`behind`). An agent that has recorded nothing of
/// the label since goes by it.
///
/// # Errors
/// Those of the database.
pub async fn answer(tx: &mut Tx, tenant: Uuid, asker: Uuid, key: i64) -> Result<Option<String>, sqlx::Error> {
    // Before the label's own row, which must not be older than what is said of it.
    let corrected = corrected(tx, tenant, asker, key).await?;
    let Some(label) = store::label(tx, tenant, key).await? else {
        return Ok(None);
    };
    let mut events = store::label_events(tx, tenant, key).await?;
    // Of these alone: a label may have many more.
    let told: Vec<Uuid> = events.iter().map(|event| event.event_id).collect();
    let void = corrections::void_among(tx, &told).await?;
    events.retain(|event| !void.contains(&event.event_id));
    let mut json = shape(key, &label, &events);
    match corrected {
        Corrected::Nothing => {}
        Corrected::Behind => json["behind"] = true.into(),
        Corrected::Since { void, seen } => (json["void"], json["seen"]) = (json!(void), json!(seen)),
    }
    Ok(Some(json.to_string()))
}

/// What is corrected by others of that which an agent told of a label.
enum Corrected {
    Nothing,
    /// The label does not show yet all that was told of it.
    Behind,
    Since {
        /// What counts as never done.
        void: Vec<Uuid>,
        /// The last that the agent told of it.
        seen: Option<Uuid>,
    },
}

async fn corrected(tx: &mut Tx, tenant: Uuid, agent: Uuid, key: i64) -> Result<Corrected, sqlx::Error> {
    let mut void = store::corrected_by_others(tx, tenant, agent, key).await?;
    if void.is_empty() {
        return Ok(Corrected::Nothing);
    }
    let never = corrections::void_among(tx, &void).await?;
    void.retain(|event| never.contains(event));
    let seen = store::last_of_agent(tx, tenant, agent, key).await?;
    // Last: what is named above shows in the label then.
    match store::is_behind(tx, tenant, key).await? {
        true => Ok(Corrected::Behind),
        false => Ok(Corrected::Since { void, seen }),
    }
}

fn shape(key: i64, label: &LabelRow, events: &[LabelEvent]) -> Value {
    let life = ["active", "expected", "active", "consumed", "scrapped"];
    let quality = ["unrestricted", "unrestricted", "in_inspection", "rejected"];
    let named = |names: &[&'static str], number: i16| {
        usize::try_from(number).ok().and_then(|n| names.get(n).copied()).unwrap_or(names[0])
    };
    let custody = match (label.custody, label.parent_key) {
        (2, Some(parent)) => json!({ "at": "parent", "key": parent }),
        (3, _) => {
            json!({ "at": "in_transit", "to": label.to_plant.as_deref().unwrap_or_default() })
        }
        (4, _) => json!({ "at": "customer" }),
        (5, _) => json!({ "at": "supplier" }),
        _ => json!({ "at": "location", "place": label.location }),
    };
    let last = events.last();
    let most = usize::try_from(MOST_CHILDREN).unwrap_or(usize::MAX);
    let kit = |event: &LabelEvent| event.stage == Stage::Kit as i16 && event.role == Role::Parent as i16;
    json!({
        "key": key,
        "item": label.item,
        "lot": label.lot_id,
        "container": label.container,
        "quantity": label.quantity,
        "unit": label.unit,
        "life": named(&life, label.life),
        "quality": named(&quality, label.quality),
        "custody": custody,
        "order": Some(&label.order_number).filter(|order| !order.is_empty()),
        "operations": operations(events),
        "children": &label.children[..label.children.len().min(most)],
        // What is not named is not looked at when the package leaves.
        "incomplete": label.children.len() > most,
        "package": label.package,
        "kit": events.iter().any(kit),
        "expires_on": label.expires_on,
        "count": events.iter().map(|e| e.count).max().unwrap_or(0).max(0),
        "last_stage": last.map_or(0, |e| e.stage),
        "last_station": last.map_or("", |e| e.station.as_str()),
        "last_event": last.map(|e| e.event_id),
        "print": "",
    })
}

/// The latest attempt of each operation, in the order of their first event.
fn operations(events: &[LabelEvent]) -> Vec<Value> {
    struct State<'a> {
        operation: &'a str,
        attempt: i32,
        open: bool,
        passed: Option<bool>,
    }
    let mut states: Vec<State<'_>> = Vec::new();
    let about = |event: &&LabelEvent| {
        let judges = match Stage::try_from(i32::from(event.stage)) {
            // Without an action it is readings on the way.
            Ok(Stage::Operation | Stage::Load) => event.action != Action::Unspecified as i16,
            Ok(Stage::Inspection | Stage::Rework) => true,
            _ => false,
        };
        judges && !event.operation.is_empty()
    };
    for event in events.iter().filter(about) {
        let at = match states.iter().position(|s| s.operation == event.operation) {
            Some(at) => at,
            None => {
                states.push(State { operation: &event.operation, attempt: 0, open: false, passed: None });
                states.len() - 1
            }
        };
        let state = &mut states[at];
        let attempt = event.attempt.max(1);
        if attempt < state.attempt {
            continue;
        }
        if attempt > state.attempt {
            (state.attempt, state.passed) = (attempt, None);
        }
        state.open = event.action == Action::Add as i16;
        state.passed = match Outcome::try_from(i32::from(event.outcome)) {
            Ok(Outcome::Passed) => Some(true),
            Ok(Outcome::Failed) => Some(false),
            _ if state.open => None,
            _ => state.passed,
        };
    }
    states
        .iter()
        .map(
            |s| json!({ "operation": s.operation, "attempt": s.attempt, "open": s.open, "passed": s.passed }),
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(action: Action, attempt: i32, outcome: Outcome) -> LabelEvent {
        LabelEvent {
            event_id: Uuid::nil(),
            stage: Stage::Operation as i16,
            action: action as i16,
            station: "ST".into(),
            operation: "OP10".into(),
            attempt,
            outcome: outcome as i16,
            count: 3,
            role: Role::Subject as i16,
        }
    }

    #[test]
    fn an_oven_load_is_judged_as_an_operation_is() {
        let load = LabelEvent { stage: Stage::Load as i16, ..event(Action::Delete, 1, Outcome::Failed) };
        let expected = json!({"operation": "OP10", "attempt": 1, "open": false, "passed": false});
        assert_eq!(operations(&[load]), [expected]);
    }

    #[test]
    fn the_latest_attempt_counts() {
        let ops = |events: &[LabelEvent]| operations(events).pop().expect("one");
        let first = event(Action::Add, 1, Outcome::Unspecified);
        assert_eq!(ops(&[first]), json!({"operation": "OP10", "attempt": 1, "open": true, "passed": null}));
        let failed = [event(Action::Add, 1, Outcome::Unspecified), event(Action::Delete, 1, Outcome::Failed)];
        assert_eq!(ops(&failed), json!({"operation": "OP10", "attempt": 1, "open": false, "passed": false}));
        let open =
            [event(Action::Add, 1, Outcome::Unspecified), event(Action::Unspecified, 1, Outcome::Failed)];
        assert_eq!(ops(&open), json!({"operation": "OP10", "attempt": 1, "open": true, "passed": null}));
        let again = [event(Action::Delete, 1, Outcome::Failed), event(Action::Add, 2, Outcome::Unspecified)];
        assert_eq!(ops(&again), json!({"operation": "OP10", "attempt": 2, "open": true, "passed": null}));
    }

    #[test]
    fn the_shape_is_that_of_an_agents_label() {
        let label = LabelRow {
            item: "STEEL".into(),
            lot_id: None,
            container: true,
            quantity: Some("2.50".parse().expect("a decimal")),
            unit: "kg".into(),
            life: 2,
            quality: 2,
            custody: 3,
            location: String::new(),
            parent_key: None,
            order_number: String::new(),
            to_plant: Some("VSK".into()),
            children: vec![7],
            package: true,
            expires_on: "2027-01-31".parse().ok(),
        };
        let json = shape(3_474_027_400_000_000_001, &label, &[event(Action::Add, 1, Outcome::Unspecified)]);
        assert_eq!(json["key"], 3_474_027_400_000_000_001_i64);
        assert_eq!(json["quantity"], "2.50");
        assert_eq!((&json["life"], &json["quality"]), (&json!("active"), &json!("in_inspection")));
        assert_eq!(json["custody"], json!({"at": "in_transit", "to": "VSK"}));
        assert_eq!((&json["order"], &json["count"]), (&Value::Null, &json!(3)));
        assert_eq!((&json["package"], &json["kit"]), (&json!(true), &json!(false)));
        assert_eq!(json["expires_on"], "2027-01-31");
        assert_eq!((&json["children"], &json["incomplete"]), (&json!([7]), &json!(false)));
        let full = LabelRow { children: (1..=MOST_CHILDREN + 1).collect(), ..label };
        let json = shape(7, &full, &[]);
        assert_eq!(json["incomplete"], true);
        assert_eq!(json["children"].as_array().map(Vec::len), usize::try_from(MOST_CHILDREN).ok());
    }
}
