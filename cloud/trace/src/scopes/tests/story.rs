//! Suspects over a real database, beside an evaluator that only reads lists.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use platform::ctx::Plants;
use platform::db::DbError;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use proto::v1::{self, Action, Outcome, Role, Stage};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::super::asked::Asked;
use super::super::criteria::{Against, Contains, Event, Is, Moment, Node, OUTCOMES, Reading};
use super::super::error::ScopeError;
use super::super::evaluate::{Part, evaluate};
use super::super::first::first;
use crate::explore::outer::DEEPEST;
use crate::genealogy::{Genealogy, Settings};
use crate::projection::state::Custody;
use crate::testing::{Say, Site, event, key, uid};

/// Waits as long as it takes, so that memory answers.
fn patient(site: &Site) -> Genealogy {
    let settings = Settings { wait: std::time::Duration::from_secs(60), ..Settings::default() };
    Genealogy::new(site.db.db.clone(), settings)
}

const START: &str = "2025-01-06T00:00:00Z";

/// What an evaluator needs to know of an event.
#[derive(Debug, Clone, Default)]
struct Fact {
    keys: Vec<i64>,
    stage: i16,
    action: i16,
    minute: i64,
    plant: String,
    station: String,
    machine: String,
    operator: String,
    operation: String,
    reason: String,
    shift: String,
    outcome: i16,
    document: String,
    readings: Vec<(String, i64, i64, i64)>,
    /// Child and parent.
    link: Option<(i64, i64)>,
    /// A correction names it, and stands.
    void: bool,
    /// A correction names it, whether that stands or not.
    corrected: bool,
}

/// What the registry says: item, plant, life, quality, custody, lot, and what it is in.
type States = BTreeMap<i64, (String, String, i16, i16, i16, Option<Uuid>, Option<i64>)>;

struct Story {
    site: Site,
    /// What conditions ask beside the SQL.
    genealogy: Genealogy,
    facts: Vec<Fact>,
    states: States,
}

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.roll(of.len() as u64)).unwrap()]
    }
}

fn at(minute: i64) -> DateTime<Utc> {
    START.parse::<DateTime<Utc>>().unwrap() + Duration::minutes(minute)
}

const LOT: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0099);

impl Story {
    /// Units at two plants, and ten days of what happened to them, with corrections.
    async fn of(seed: u64, events: i64) -> Self {
        let mut site = Site::new().await;
        site.sql(
            "insert into stations (tenant_id, plant, station, name) values
                 (app.tenant(), 'KOL', 'S1', 'S1'), (app.tenant(), 'KOL', 'S2', 'S2');
             insert into machines (tenant_id, machine, name, plant, station) values
                 (app.tenant(), 'M1', 'M1', 'KOL', 'S1'), (app.tenant(), 'M2', 'M2', 'KOL', 'S2'),
                 (app.tenant(), 'M3', 'M3', 'KOL', 'S2');",
        )
        .await;
        let mut dice = Dice(seed);
        let mut facts: Vec<Fact> = Vec::new();
        let mut units: Vec<(String, &str)> = Vec::new();
        for number in 1..=24_u64 {
            let plant = if number <= 16 { "KOL" } else { "VSK" };
            let unit = uid(plant, "FG", number);
            let minute = i64::try_from(number).unwrap();
            let item = dice.one(&["A", "B", "C"]);
            let mut birth = event(Stage::Grn, &at(minute).to_rfc3339()).mint(&unit, Role::Subject, item);
            if number % 4 == 0 {
                birth.lots.push(v1::Lot {
                    lot_id: LOT.as_bytes().to_vec(),
                    item: item.into(),
                    supplier: "SUP".into(),
                    supplier_lot: "HEAT-1".into(),
                    ..v1::Lot::default()
                });
                birth.subjects[0].lot_id = LOT.as_bytes().to_vec();
            }
            site.say(plant, birth);
            let stage = Stage::Grn as i16;
            facts.push(Fact {
                keys: vec![key(&unit)],
                stage,
                minute,
                plant: plant.into(),
                ..Fact::default()
            });
            units.push((unit, plant));
        }
        let mut ids: Vec<(usize, Uuid, &str, Option<usize>)> = Vec::new();
        for number in 0..events {
            // No two at once: which came first is then no question.
            let minute = 60 + number * 14_000 / events;
            if dice.roll(9) == 0 && !ids.is_empty() {
                // A correction; of one of the last, or of a correction.
                let which = ids.len() - 1 - usize::try_from(dice.roll(ids.len().min(4) as u64)).unwrap();
                let (_, id, plant, _) = ids[which];
                let correction =
                    site.say(plant, event(Stage::Correct, &at(minute).to_rfc3339()).corrects(id));
                ids.push((usize::MAX, correction, plant, Some(which)));
                continue;
            }
            let (fact, said) = Self::happens(&mut dice, &units, minute);
            let plant = if fact.plant == "KOL" { "KOL" } else { "VSK" };
            let id = site.say(plant, said);
            ids.push((facts.len(), id, plant, None));
            facts.push(fact);
        }
        // Some are sent, with what is in them.
        for (minute, (unit, plant)) in (14_100..).zip(units.iter().step_by(3)) {
            site.say(plant, event(Stage::Dispatch, &at(minute).to_rfc3339()).part(unit, Role::Subject));
            let (keys, stage, plant) = (vec![key(unit)], Stage::Dispatch as i16, (*plant).to_owned());
            facts.push(Fact { keys, stage, minute, plant, ..Fact::default() });
        }
        // A correction stands unless one that stands names it; later ones first.
        let mut void = vec![false; ids.len()];
        for index in (0..ids.len()).rev() {
            if let (Some(which), false) = (ids[index].3, void[index]) {
                void[which] = true;
            }
        }
        for (index, (fact, ..)) in ids.iter().enumerate() {
            if let Some(fact) = facts.get_mut(*fact) {
                fact.void = void[index];
                fact.corrected = ids.iter().any(|(.., which)| *which == Some(index));
            }
        }
        site.settle().await;
        let states = Self::states(&site).await;
        let genealogy = patient(&site);
        Self { site, genealogy, facts, states }
    }

    fn happens(dice: &mut Dice, units: &[(String, &str)], minute: i64) -> (Fact, v1::Event) {
        let plant = dice.one(&["KOL", "KOL", "VSK"]);
        let there: Vec<&String> = units.iter().filter(|(_, at)| *at == plant).map(|(unit, _)| unit).collect();
        let pick = |dice: &mut Dice| there[usize::try_from(dice.roll(there.len() as u64)).unwrap()].clone();
        let stage =
            [Stage::Operation, Stage::Load, Stage::Load, Stage::Inspection, Stage::Storage, Stage::Assembly]
                [usize::try_from(dice.roll(6)).unwrap()];
        let mut said = event(stage, &at(minute).to_rfc3339());
        said.station = dice.one(&["S1", "S2", "S3"]).into();
        said.machine = dice.one(&["M1", "M2", "M3", "", ""]).into();
        said.operator_id = dice.one(&["op-1", "op-2", "op-3"]).into();
        said.shift = dice.one(&["A", "B"]).into();
        said.plant = plant.into();
        let mut fact = Fact {
            stage: stage as i16,
            minute,
            plant: plant.into(),
            station: said.station.clone(),
            machine: said.machine.clone(),
            operator: said.operator_id.clone(),
            shift: said.shift.clone(),
            ..Fact::default()
        };
        if stage == Stage::Assembly {
            let (child, parent) = (pick(dice), pick(dice));
            if child == parent {
                said = said.part(&child, Role::Subject);
                fact.keys = vec![key(&child)];
                said.stage = Stage::Storage.into();
                fact.stage = Stage::Storage as i16;
            } else {
                said = said.action(Action::Add).part(&parent, Role::Parent).part(&child, Role::Child);
                fact.keys = vec![key(&parent), key(&child)];
                fact.link = Some((key(&child), key(&parent)));
                fact.action = 1;
            }
            return (fact, said);
        }
        let members: BTreeSet<String> = (0..=dice.roll(3)).map(|_| pick(dice)).collect();
        for member in &members {
            said = said.part(member, Role::Subject);
            fact.keys.push(key(member));
        }
        if matches!(stage, Stage::Operation | Stage::Load) {
            let action =
                [Action::Add, Action::Delete, Action::Unspecified][usize::try_from(dice.roll(3)).unwrap()];
            said.operation = dice.one(&["CURE", "PRESS"]).into();
            said.attempt = 1;
            fact.operation = said.operation.clone();
            fact.action = i16::try_from(i32::from(action)).unwrap();
            said = said.action(action);
            for name in ["temperature", "torque"] {
                if dice.roll(2) == 0 {
                    let value = i64::try_from(dice.roll(20)).unwrap();
                    said.readings.push(v1::Reading {
                        name: name.into(),
                        value: value.to_string(),
                        unit: "x".into(),
                        quality: v1::Quality::Good.into(),
                        low: "4".into(),
                        high: "14".into(),
                        at_us: said.occurred_at_us,
                    });
                    fact.readings.push((name.into(), value, 4, 14));
                }
            }
        }
        if stage == Stage::Inspection {
            let outcome = [Outcome::Passed, Outcome::Failed][usize::try_from(dice.roll(2)).unwrap()];
            said = said.result(outcome).document("inspection", dice.one(&["Q-1", "Q-2"]));
            fact.outcome = i16::try_from(i32::from(outcome)).unwrap();
            fact.document = said.references[0].number.clone();
            said.reason = dice.one(&["crack", ""]).into();
            fact.reason = said.reason.clone();
        }
        (fact, said)
    }

    async fn states(site: &Site) -> States {
        type Row = (i64, String, String, i16, i16, i16, Option<Uuid>, Option<i64>);
        let rows: Result<Vec<Row>, DbError> = site
            .db
            .db
            .tx(&site.cx(), async |tx| {
                let sql = "select key, item, plant, life, quality, custody, lot_id, parent_key from uid_registry where tenant_id = $1";
                Ok(sqlx::query_as(sql).bind(tx.tenant()).fetch_all(tx.conn()).await?)
            })
            .await;
        rows.unwrap()
            .into_iter()
            .map(|(key, item, plant, l, q, c, lot, parent)| (key, (item, plant, l, q, c, lot, parent)))
            .collect()
    }

    async fn ask(&self, node: &Node, plants: Plants) -> Result<Vec<i64>, ScopeError> {
        let cx = self.site.cx().at(plants);
        self.site
            .db
            .db
            .tx(&cx, async |tx| {
                let asked = Asked::new(tx, &self.genealogy, Tz::UTC).await?;
                let found = evaluate(tx, &asked, node).await?;
                let sql = Genealogy::default();
                let asked = Asked::new(tx, &sql, Tz::UTC).await?;
                assert_eq!(found, evaluate(tx, &asked, node).await?, "memory and the SQL: {node:?}");
                Ok(found)
            })
            .await
    }

    /// A first look that reads so many rows for each condition.
    async fn look(&self, node: &Node, plants: Plants, rows: usize) -> Part {
        let cx = self.site.cx().at(plants);
        let part: Result<Part, ScopeError> = self
            .site
            .db
            .db
            .tx(&cx, async |tx| {
                let mut asked = Asked::new(tx, &self.genealogy, Tz::UTC).await?;
                asked.look = rows;
                first(tx, &asked, node).await
            })
            .await;
        part.unwrap()
    }

    /// What a tree finds, by going through everything.
    fn naive(&self, node: &Node, plants: &Plants) -> Vec<i64> {
        let all: BTreeSet<i64> = self.facts.iter().flat_map(|fact| fact.keys.iter().copied()).collect();
        all.into_iter().filter(|key| self.seen(*key, plants) && self.fits(node, *key, plants)).collect()
    }

    fn seen(&self, key: i64, plants: &Plants) -> bool {
        self.states.get(&key).is_some_and(|state| plants.has(&state.1))
            || self.facts.iter().any(|fact| fact.keys.contains(&key) && plants.has(&fact.plant))
    }

    fn fits(&self, node: &Node, key: i64, plants: &Plants) -> bool {
        match node {
            Node::All(nodes) => nodes.iter().all(|node| self.fits(node, key, plants)),
            Node::Any(nodes) => nodes.iter().any(|node| self.fits(node, key, plants)),
            Node::Not(node) => !self.fits(node, key, plants),
            Node::Event(event) => self.fits_event(event, key, plants),
            Node::Reading(reading) => self.told(key, plants).any(|fact| {
                same(&reading.operation, &fact.operation)
                    && same(&reading.machine, &fact.machine)
                    && same(&reading.station, &fact.station)
                    && same(&reading.plant, &fact.plant)
                    && timed(reading.from, reading.to, fact.minute)
                    && fact.readings.iter().any(|(name, value, low, high)| {
                        let (value, low, high) =
                            (Decimal::from(*value), Decimal::from(*low), Decimal::from(*high));
                        let below = |limit: Option<Decimal>| limit.is_some_and(|limit| value < limit);
                        let above = |limit: Option<Decimal>| limit.is_some_and(|limit| value > limit);
                        *name == reading.name
                            && match reading.against() {
                                Against::Own => value < low || value > high,
                                Against::Outside => below(reading.low) || above(reading.high),
                                Against::Inside => !below(reading.low) && !above(reading.high),
                            }
                    })
            }),
            Node::Contains(_) => self.content(plants).contains(&key),
            Node::Is(is) => self.states.get(&key).is_some_and(|(item, _, life, _, own, ..)| {
                let (_, plant, _, _, outer, ..) = &self.states[&self.outermost(key)];
                let custody = if is.custody == "parent" { own } else { outer };
                same(&is.item, item)
                    && same(&is.plant, plant)
                    && same(&is.custody, Custody::from_number(*custody).unwrap().name())
                    && (is.life.is_empty()
                        || crate::projection::state::Life::from_number(*life).unwrap().name() == is.life)
            }),
        }
    }

    /// The outermost of what a unit is in; itself where it is in nothing.
    fn outermost(&self, key: i64) -> i64 {
        let mut outer = key;
        for _ in 0..DEEPEST {
            match self.states[&outer].6.filter(|parent| self.states.contains_key(parent)) {
                Some(parent) => outer = parent,
                None => break,
            }
        }
        outer
    }

    /// Facts about a unit that stand, and that the caller may know.
    fn told<'a>(&'a self, key: i64, plants: &'a Plants) -> impl Iterator<Item = &'a Fact> {
        self.facts
            .iter()
            .filter(move |fact| fact.keys.contains(&key) && !fact.void && plants.has(&fact.plant))
    }

    fn fits_event(&self, event: &Event, key: i64, plants: &Plants) -> bool {
        let matches = |fact: &Fact| {
            same(&event.machine, &fact.machine)
                && same(&event.station, &fact.station)
                && same(&event.operation, &fact.operation)
                && same(&event.plant, &fact.plant)
                && same(&event.stage, Stage::try_from(i32::from(fact.stage)).unwrap().as_str_name())
        };
        // M1 stands alone at its station.
        let beside = |fact: &Fact| {
            let alone = Fact { machine: "M1".into(), ..fact.clone() };
            event.machine == "M1"
                && event.station.is_empty()
                && event.document.is_empty()
                && fact.machine.is_empty()
                && (fact.plant.as_str(), fact.station.as_str()) == ("KOL", "S1")
                && matches!(fact.stage, 15 | 16)
                && matches(&alone)
        };
        let rest = |fact: &Fact| {
            same(&event.operator, &fact.operator)
                && same(&event.shift, &fact.shift)
                && same(&event.reason, &fact.reason)
                && same(&event.document, &fact.document)
                && (event.outcome.is_empty()
                    || OUTCOMES.iter().position(|name| *name == event.outcome)
                        == usize::try_from(fact.outcome - 1).ok())
        };
        let did = self.told(key, plants).any(|fact| {
            (matches(fact) || beside(fact)) && rest(fact) && timed(event.from, event.to, fact.minute)
        });
        let Some(Moment::Exact(from)) = event.from.filter(|_| event.is_place_only()) else {
            return did;
        };
        let ways: [&dyn Fn(&Fact) -> bool; 2] = [&matches, &beside];
        did || ways.iter().any(|way| {
            let turns = self.told(key, plants).filter(|fact| {
                matches!(fact.stage, 15 | 16)
                    && fact.action != 0
                    && way(fact)
                    && at(fact.minute) < from
                    && at(fact.minute) >= from - Duration::days(7)
            });
            turns.max_by_key(|fact| fact.minute).is_some_and(|last| {
                last.action == 1
                    && !self.facts.iter().any(|fact| {
                        fact.keys.contains(&key)
                            && !fact.corrected
                            && fact.minute > last.minute
                            && at(fact.minute) < from
                            && (7..=35).contains(&fact.stage)
                            && !fact.station.is_empty()
                            && (fact.station != last.station || fact.plant != last.plant)
                    })
            })
        })
    }

    /// The labels of the lot that are seen, and all that they went into.
    fn content(&self, plants: &Plants) -> HashSet<i64> {
        let labels =
            self.states.iter().filter(|(key, state)| state.5 == Some(LOT) && self.seen(**key, plants));
        let mut found: HashSet<i64> = labels.map(|(key, _)| *key).collect();
        loop {
            let more: Vec<i64> = self
                .facts
                .iter()
                .filter(|fact| !fact.void)
                .filter_map(|fact| fact.link)
                .filter(|(child, parent)| found.contains(child) && !found.contains(parent))
                .map(|(_, parent)| parent)
                .collect();
            if more.is_empty() {
                return found;
            }
            found.extend(more);
        }
    }
}

fn same(asked: &str, told: &str) -> bool {
    asked.is_empty() || asked == told
}

fn timed(from: Option<Moment>, to: Option<Moment>, minute: i64) -> bool {
    let exact = |moment: Option<Moment>| match moment {
        Some(Moment::Exact(at)) => Some(at),
        _ => None,
    };
    exact(from).is_none_or(|from| at(minute) >= from) && exact(to).is_none_or(|to| at(minute) <= to)
}

fn text(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![3 => Just(String::new()), 1 => proptest::sample::select(of).prop_map(str::to_owned)]
}

fn times() -> impl Strategy<Value = (Option<Moment>, Option<Moment>)> {
    (proptest::option::of(0_i64..14_000), proptest::option::of(0_i64..8_000)).prop_map(|(from, long)| {
        let exact = |minute| Moment::Exact(at(minute));
        (from.map(exact), long.map(|long| exact(from.unwrap_or(0) + long)))
    })
}

fn leaves() -> impl Strategy<Value = Node> {
    let whole = (
        (text(&["M1", "M2"]), text(&["S1", "S2"]), text(&["op-1", "op-2"]), text(&["CURE", "PRESS"])),
        (text(&["KOL", "VSK"]), text(&["A"]), text(&["LOAD", "OPERATION", "INSPECTION"]), text(&["failed"])),
        (text(&["crack"]), text(&["Q-1"])),
        times(),
    );
    let whole = whole.prop_map(
        |(
            (machine, station, operator, operation),
            (plant, shift, stage, outcome),
            (reason, document),
            (from, to),
        )| {
            Node::Event(Box::new(Event {
                machine,
                station,
                operator,
                operation,
                plant,
                shift,
                stage,
                outcome,
                reason,
                document,
                from,
                to,
                ..Event::default()
            }))
        },
    );
    let place = (text(&["M1", "M1", "M2"]), text(&["S1", "S2"]), times()).prop_map(
        |(machine, station, (from, to))| {
            Node::Event(Box::new(Event { machine, station, from, to, ..Event::default() }))
        },
    );
    let limits = (proptest::option::of(0_i64..20), proptest::option::of(0_i64..20));
    let reading =
        (proptest::bool::ANY, limits, text(&["CURE"]), text(&["M1", "M2"]), text(&["KOL"]), times())
            .prop_map(|(outside, (low, high), operation, machine, plant, (from, to))| {
                Node::Reading(Box::new(Reading {
                    name: "temperature".into(),
                    outside,
                    low: low.map(Decimal::from),
                    high: high.map(Decimal::from),
                    operation,
                    machine,
                    plant,
                    from,
                    to,
                    ..Reading::default()
                }))
            });
    let contains = Just(Node::Contains(Contains { supplier_lot: "HEAT-1".into(), ..Contains::default() }));
    let custody = text(&["location", "customer", "parent"]);
    let is = (text(&["A", "B"]), text(&["KOL"]), text(&["active", "consumed"]), custody).prop_map(
        |(item, plant, life, custody)| Node::Is(Is { item, plant, life, custody, ..Is::default() }),
    );
    prop_oneof![4 => whole, 4 => place, 4 => reading, 1 => contains, 2 => is]
}

fn trees() -> impl Strategy<Value = Node> {
    leaves().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            2 => proptest::collection::vec(inner.clone(), 1..4).prop_map(Node::All),
            2 => proptest::collection::vec(inner.clone(), 1..4).prop_map(Node::Any),
            1 => inner.prop_map(|node| Node::Not(Box::new(node))),
        ]
    })
}

#[tokio::test]
async fn what_is_found_is_what_going_through_everything_finds() {
    for (seed, events) in [(0x5eed_0001, 220), (0x5eed_0002, 500)] {
        let story = Story::of(seed, events).await;
        let mut runner = TestRunner::deterministic();
        let (mut asked, mut met, mut cut) = (0, 0, 0);
        while asked < 160 {
            let tree = trees().new_tree(&mut runner).unwrap().current();
            // What only chooses is given something to choose among.
            let among = Node::Event(Box::new(Event {
                from: Some(Moment::Exact(at(0))),
                to: Some(Moment::Exact(at(14_400))),
                ..Event::default()
            }));
            let tree = [tree.clone(), Node::All(vec![tree, among])]
                .into_iter()
                .find(|tree| Node::parse(&tree.to_json()).is_ok());
            let Some(tree) = tree else { continue };
            asked += 1;
            assert_eq!(Node::parse(&tree.to_json()).unwrap(), tree, "as JSON and back");
            for plants in [Plants::All, Plants::some(["KOL"]), Plants::some(["VSK"])] {
                let found = story.ask(&tree, plants.clone()).await.unwrap();
                let expected = story.naive(&tree, &plants);
                assert_eq!(found, expected, "{} for {plants:?}", tree.to_json());
                met += usize::from(!found.is_empty());
                for rows in [3, 1_000_000] {
                    let part = story.look(&tree, plants.clone(), rows).await;
                    let told = format!("{} for {plants:?}, {rows} rows: {part:?}", tree.to_json());
                    if part.more {
                        assert!(rows == 3 && !part.keys.is_empty(), "{told}");
                        assert!(part.keys.iter().all(|key| found.contains(key)), "{told}");
                        cut += 1;
                    } else {
                        assert_eq!(part.keys, found, "{told}");
                    }
                }
            }
        }
        assert!(cut > 50, "only {cut} first looks were cut short");
        assert!(met > 150, "only {met} answers held anything");
    }
}
