//! Holds that plants placed. Pure.
//!
//! A HOLD of a plant is a hold of the cloud under its event's id, from when the
//! plant placed it until the plant's RELEASE, or the office's. Whom it comes to hold
//! besides is the follower's concern (`holds::follow`). What the office
//! places is written where it is placed, and is no concern here.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use proto::v1::Stage;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::fact::Fact;
use crate::explore::order::{Stamp, causal, voided};

/// A hold as a plant's facts tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlantHold {
    /// Its id.
    pub hold_id: Uuid,
    /// The one label that it holds.
    pub key: i64,
    /// Reason code.
    pub reason: String,
    /// Who placed it: a person's opaque id, else the agent.
    pub by: String,
    /// When, by the plant's clock.
    pub at: DateTime<Utc>,
    /// Who released it, and when; `None` while it stands.
    pub released: Option<(String, DateTime<Utc>)>,
    /// A correction says that it never was: it ended where it began.
    pub never: bool,
    /// The plant's event.
    pub placed: Stamp,
    /// The same agent's event that took back a release, if one did: it stands again
    /// since then.
    pub again: Option<Stamp>,
    /// The same agent's release, while that stands.
    pub freed: Option<Stamp>,
}

fn who(fact: &Fact) -> String {
    if fact.operator.is_empty() { format!("agent:{}", fact.stamp.agent) } else { fact.operator.clone() }
}

/// The office names the hold in each of its facts; a plant names none.
fn named(fact: &Fact) -> Option<&str> {
    (fact.reference.0 == "hold").then_some(fact.reference.1.as_str())
}

/// The event's id. Of a fact that holds several labels each is a hold of its own,
/// since each is released alone; their ids follow from both.
fn id(fact: &Fact, key: i64) -> Uuid {
    if fact.parts.iter().all(|part| part.key == key) {
        return fact.event_id;
    }
    let hash = Sha256::new().chain_update(fact.event_id).chain_update(key.to_be_bytes()).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// A hold of the office, as its facts tell it of one label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfficeHold {
    /// Its id.
    pub hold_id: Uuid,
    /// Whether it was released; `None` where a correction leaves that open.
    pub released: Option<bool>,
}

/// The holds that the office (one of `agents`) says of a label, by the label's own facts and
/// their corrections: those that it was named for, and those that it came under through
/// others. A release names every label of its hold, so each label shows it.
#[must_use]
pub fn of_office(facts: &[Arc<Fact>], agents: &[Uuid]) -> Vec<OfficeHold> {
    let corrected = |fact: &Fact| facts.iter().any(|other| other.corrects == Some(fact.event_id));
    let office = facts.iter().filter(|fact| agents.contains(&fact.stamp.agent));
    let mut told: Vec<(Uuid, &Arc<Fact>)> = office
        .filter(|fact| matches!(fact.stage, Stage::Hold | Stage::Release))
        .filter_map(|fact| Some((named(fact)?.parse().ok()?, fact)))
        .collect();
    // In the order of the office's stream: a package is let go, and comes under it again.
    told.sort_by_key(|(_, fact)| fact.stamp);
    let mut holds: Vec<OfficeHold> = Vec::new();
    for (hold_id, fact) in &told {
        let released = (!corrected(fact)).then_some(fact.stage == Stage::Release);
        match holds.iter_mut().find(|hold| hold.hold_id == *hold_id) {
            // What a correction leaves open stays open.
            Some(hold) => hold.released = hold.released.and(released),
            // Of a hold of a plant the office may say its end alone.
            None if fact.stage == Stage::Hold => holds.push(OfficeHold { hold_id: *hold_id, released }),
            None => {}
        }
    }
    holds
}

/// The same agent's correction of a fact, the last if there are several.
fn taken_back(fact: &Fact, facts: &[Arc<Fact>]) -> Option<Stamp> {
    let back = facts.iter().filter(|other| {
        other.stage == Stage::Correct
            && other.corrects == Some(fact.event_id)
            && other.stamp.agent == fact.stamp.agent
    });
    back.map(|other| other.stamp).max()
}

/// The holds that plants placed on `key`, by its own facts and their corrections.
#[must_use]
pub fn of_key(key: i64, facts: &[Arc<Fact>]) -> Vec<PlantHold> {
    let nodes: Vec<_> = facts.iter().map(|fact| fact.node(key)).collect();
    let void = voided(&nodes);
    let mut holds: Vec<PlantHold> = Vec::new();
    let mut by_office: Vec<(&str, &Fact)> = Vec::new();
    for at in causal(&nodes) {
        let fact = facts[at].as_ref();
        match fact.stage {
            Stage::Hold if named(fact).is_none() => {
                let hold_id = id(fact, key);
                // A fork may have sent it twice.
                if holds.iter().any(|hold| hold.hold_id == hold_id) {
                    continue;
                }
                holds.push(PlantHold {
                    hold_id,
                    key,
                    reason: fact.reason.clone(),
                    by: who(fact),
                    at: fact.occurred_at,
                    never: void[at],
                    released: void[at].then(|| ("system".to_owned(), fact.occurred_at)),
                    placed: fact.stamp,
                    again: None,
                    freed: None,
                });
            }
            Stage::Release => {
                if let Some(number) = named(fact).filter(|_| !void[at]) {
                    by_office.push((number, fact));
                }
                let over = |hold: &PlantHold| match named(fact) {
                    Some(number) => hold.hold_id.to_string() == number,
                    None => hold.placed.agent == fact.stamp.agent,
                };
                let own = named(fact).is_none().then_some(fact.stamp);
                for hold in holds.iter_mut().filter(|hold| hold.released.is_none() && over(hold)) {
                    if void[at] {
                        hold.again = hold.again.max(taken_back(fact, facts));
                    } else {
                        hold.released = Some((who(fact), fact.occurred_at));
                        hold.freed = own;
                    }
                }
            }
            _ => {}
        }
    }
    // Whoever names a hold knew of it, whatever the two clocks say.
    for (number, fact) in by_office {
        let named = |hold: &&mut PlantHold| hold.released.is_none() && hold.hold_id.to_string() == number;
        for hold in holds.iter_mut().filter(named) {
            hold.released = Some((who(fact), fact.occurred_at.max(hold.at)));
        }
    }
    holds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projection::fact::Part;
    use chrono::TimeZone;
    use proto::v1::{Action, Role};

    fn fact(agent: u8, seq: i64, stage: Stage, corrects: Option<Uuid>) -> Arc<Fact> {
        let stamp = Stamp { agent: Uuid::from_bytes([agent; 16]), epoch: 1, seq };
        let at = Utc.timestamp_opt(1_700_000_000 + seq * 60, 0).unwrap();
        let id = Uuid::from_u128(u128::from(agent) << 64 | seq as u128);
        let mut fact = Fact::new(stamp, id, stage, Action::Unspecified, at);
        fact.corrects = corrects;
        fact.parts.push(Part {
            key: 7,
            role: Role::Subject,
            quantity: None,
            unit: String::new(),
            mint: false,
            item: String::new(),
            lot: None,
        });
        Arc::new(fact.indexed())
    }

    fn standing(facts: &[Arc<Fact>]) -> Vec<bool> {
        of_key(7, facts).iter().map(|hold| hold.released.is_none()).collect()
    }

    #[test]
    fn a_plant_releases_its_own_holds_and_the_office_those_that_it_names() {
        let hold = fact(1, 1, Stage::Hold, None);
        assert_eq!(of_key(7, std::slice::from_ref(&hold))[0].hold_id, hold.event_id);
        let other = fact(2, 2, Stage::Release, None);
        assert_eq!(standing(&[hold.clone(), other]), [true]);
        let own = fact(1, 2, Stage::Release, None);
        assert_eq!(standing(&[own.clone(), hold.clone()]), [false]);
        let back = fact(1, 3, Stage::Correct, Some(own.event_id));
        let ways = |facts: &[Arc<Fact>]| {
            let holds = of_key(7, facts);
            (holds[0].freed.map(|stamp| stamp.seq), holds[0].again.map(|stamp| stamp.seq))
        };
        assert_eq!(ways(&[hold.clone(), own.clone()]), (Some(2), None));
        assert_eq!(ways(&[hold.clone(), own.clone(), back.clone()]), (None, Some(3)));
        assert_eq!(standing(&[hold.clone(), own, back]), [true]);
        let never = fact(1, 2, Stage::Correct, Some(hold.event_id));
        assert_eq!(standing(&[never, hold.clone()]), [false]);
        let mut office = Arc::unwrap_or_clone(fact(9, 9, Stage::Release, None));
        office.reference = ("hold".into(), hold.event_id.to_string());
        assert_eq!(standing(&[hold.clone(), Arc::new(office.clone())]), [false]);
        let mut slow = office.clone();
        slow.occurred_at = hold.occurred_at - chrono::TimeDelta::minutes(5);
        let holds = of_key(7, &[hold.clone(), Arc::new(slow.indexed())]);
        assert_eq!(holds[0].released.as_ref().map(|(_, at)| *at), Some(hold.occurred_at), "a slow clock");
        let agents = [office.stamp.agent];
        assert_eq!(of_office(&[Arc::new(office.clone())], &agents), [], "a release alone");
        let mut placed = office.clone();
        (placed.stage, placed.stamp.seq) = (Stage::Hold, 8);
        placed.event_id = Uuid::from_u128(8);
        let said = |facts: &[&Fact]| -> Vec<Option<bool>> {
            let facts: Vec<_> = facts.iter().map(|fact| Arc::new((*fact).clone())).collect();
            of_office(&facts, &agents).into_iter().map(|hold| hold.released).collect()
        };
        assert_eq!(said(&[&placed]), [Some(false)]);
        assert_eq!(said(&[&office, &placed]), [Some(true)]);
        let back = fact(9, 10, Stage::Correct, Some(office.event_id));
        assert_eq!(said(&[&office, &placed, &back]), [None]);
        let never = fact(9, 10, Stage::Correct, Some(placed.event_id));
        assert_eq!(said(&[&placed, &never]), [None]);
        let mut again = placed.clone();
        (again.stamp.seq, again.event_id) = (11, Uuid::from_u128(11));
        assert_eq!(said(&[&again, &office, &placed]), [Some(false)], "a package that came under it again");
        office.stage = Stage::Hold;
        assert_eq!(of_key(7, &[Arc::new(office)]), []);
    }
}
