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
use serde_json::{Value, json};
use uuid::Uuid;

use super::criteria::{Against, Contains, Event, Is, Moment, Node, OUTCOMES, Reading};
use super::error::ScopeError;
use super::evaluate::{Asked, Part, evaluate};
use super::first::first;
use crate::genealogy::{Genealogy, Settings};
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

/// What the registry says: item, plant, life, quality, custody, lot.
type States = BTreeMap<i64, (String, String, i16, i16, i16, Option<Uuid>)>;

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
        type Row = (i64, String, String, i16, i16, i16, Option<Uuid>);
        let rows: Result<Vec<Row>, DbError> = site
            .db
            .db
            .tx(&site.cx(), async |tx| {
                let sql = "select key, item, plant, life, quality, custody, lot_id from uid_registry where tenant_id = $1";
                Ok(sqlx::query_as(sql).bind(tx.tenant()).fetch_all(tx.conn()).await?)
            })
            .await;
        rows.unwrap()
            .into_iter()
            .map(|(key, item, plant, l, q, c, lot)| (key, (item, plant, l, q, c, lot)))
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
            Node::Is(is) => self.states.get(&key).is_some_and(|(item, plant, life, ..)| {
                same(&is.item, item)
                    && same(&is.plant, plant)
                    && (is.life.is_empty()
                        || crate::projection::state::Life::from_number(*life).unwrap().name() == is.life)
            }),
        }
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
    let is = (text(&["A", "B"]), text(&["KOL"]), text(&["active", "consumed"]))
        .prop_map(|(item, plant, life)| Node::Is(Is { item, plant, life, ..Is::default() }));
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

/// A unit per way through an oven, and what each condition finds.
pub(super) async fn oven() -> Site {
    let mut site = Site::new().await;
    for number in 1..=6 {
        let at = format!("2025-01-20T00:0{number}:00Z");
        site.say(
            "KOL",
            event(Stage::Commission, &at).mint(&uid("KOL", "FG", number), Role::Subject, "MOTOR"),
        );
    }
    let load = |action: Action, at: &str, members: &[u64]| {
        let mut said = event(Stage::Load, at).action(action);
        for member in members {
            said = said.part(&uid("KOL", "FG", *member), Role::Subject);
        }
        said.station = "OVEN".into();
        said.operation = "CURE".into();
        said.attempt = 1;
        said.operator_id = "op-7".into();
        said
    };
    // 1 and 2 in at seven, measured at eight, out at nine.
    site.say("KOL", load(Action::Add, "2025-01-20T07:00:00Z", &[1, 2]));
    let mut hot = load(Action::Unspecified, "2025-01-20T08:00:00Z", &[1, 2]);
    hot.machine = "OVEN-1".into();
    hot.operator_id = String::new();
    hot.readings.push(v1::Reading {
        name: "temperature".into(),
        value: "210.5".into(),
        unit: "C".into(),
        quality: v1::Quality::Good.into(),
        low: "150".into(),
        high: "200".into(),
        at_us: hot.occurred_at_us,
    });
    site.say("KOL", hot);
    site.say("KOL", load(Action::Delete, "2025-01-20T09:00:00Z", &[1, 2]));
    // 3 by mistake, and corrected.
    let wrong = site.say("KOL", load(Action::Add, "2025-01-20T08:10:00Z", &[3]));
    site.say("KOL", event(Stage::Correct, "2025-01-20T08:11:00Z").corrects(wrong));
    // 4 later.
    site.say("KOL", load(Action::Add, "2025-01-20T12:00:00Z", &[4]));
    // 5 was let out without a scan, and seen elsewhere since.
    site.say("KOL", load(Action::Add, "2025-01-20T06:00:00Z", &[5]));
    let mut away = event(Stage::Storage, "2025-01-20T06:30:00Z").part(&uid("KOL", "FG", 5), Role::Subject);
    away.station = "STORE".into();
    site.say("KOL", away);
    site.say("KOL", event(Stage::Refused, "2025-01-20T08:20:00Z").part(&uid("KOL", "FG", 6), Role::Subject));
    site.settle().await;
    site
}

pub(super) async fn found(site: &Site, criteria: Value) -> Vec<u64> {
    let node = Node::parse(&criteria).unwrap();
    let keys: Result<Vec<i64>, ScopeError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            let sql = Genealogy::default();
            let asked = Asked::new(tx, &sql, Tz::UTC).await?;
            evaluate(tx, &asked, &node).await
        })
        .await;
    let keys = keys.unwrap();
    (1..=6).filter(|number| keys.contains(&key(&uid("KOL", "FG", *number)))).collect()
}

#[tokio::test]
async fn a_first_look_says_how_far_back_it_went() {
    let site = oven().await;
    let look = async |criteria: Value, rows: usize| {
        let node = Node::parse(&criteria).unwrap();
        let part: Result<Part, ScopeError> = site
            .db
            .db
            .tx(&site.cx(), async |tx| {
                let sql = Genealogy::default();
                let mut asked = Asked::new(tx, &sql, Tz::UTC).await?;
                asked.look = rows;
                first(tx, &asked, &node).await
            })
            .await;
        let part = part.unwrap();
        let numbers: Vec<u64> =
            (1..=6).filter(|number| part.keys.contains(&key(&uid("KOL", "FG", *number)))).collect();
        (numbers, part.more, part.since)
    };
    let oven = json!({ "event": { "station": "OVEN" } });
    let noon: DateTime<Utc> = "2025-01-20T12:00:00Z".parse().unwrap();
    assert_eq!(look(oven.clone(), 1).await, (vec![4], true, Some(noon)));
    assert_eq!(look(oven.clone(), 100).await, (vec![1, 2, 4, 5], false, None));
    // What is seen through to its end leads, whatever stands first.
    let both = json!({ "all": [oven.clone(), { "reading": { "name": "temperature", "outside": true } }] });
    assert_eq!(look(both, 2).await, (vec![1, 2], false, None));
    // None among the newest is no answer while there is more.
    let stored = json!({ "all": [oven, { "event": { "station": "STORE" } }] });
    assert_eq!(look(stored, 1).await, (vec![5], false, None));
    let never = json!({ "all": [{ "event": { "operator": "op-7" } }, { "not": { "event": { "station": "OVEN" } } }] });
    assert_eq!(look(never, 1).await, (Vec::new(), false, None));
    assert_eq!(look(json!({ "is": { "item": "MOTOR" } }), 2).await, (vec![1, 2], true, None));
}

#[tokio::test]
async fn who_was_in_the_oven_at_a_time_is_found_by_any_part_of_the_stay() {
    let site = oven().await;
    let station = |from: &str, to: &str| json!({ "event": { "station": "OVEN", "from": from, "to": to } });
    // Nothing was recorded of 1 and 2 between half past eight and a quarter to nine.
    assert_eq!(found(&site, station("2025-01-20T08:30:00Z", "2025-01-20T08:45:00Z")).await, [1, 2]);
    // By the plant's clock: a quarter past eight is 13:45 in Kolkata.
    assert_eq!(found(&site, station("2025-01-20T14:00", "2025-01-20T14:15")).await, [1, 2]);
    assert_eq!(found(&site, station("2025-01-20T09:30:00Z", "2025-01-20T10:00:00Z")).await, [0_u64; 0]);
    assert_eq!(found(&site, station("2025-01-20T11:00:00Z", "2025-01-20T13:00:00Z")).await, [4]);
    assert_eq!(found(&site, json!({ "event": { "machine": "OVEN-1" } })).await, [1, 2]);
    // The oven is the only machine of its station, once the masters say so.
    site.sql(
        "insert into stations (tenant_id, plant, station, name) values (app.tenant(), 'KOL', 'OVEN', 'Oven');
         insert into machines (tenant_id, machine, name, plant, station)
         values (app.tenant(), 'OVEN-1', 'Oven', 'KOL', 'OVEN');",
    )
    .await;
    let machine = json!({ "event": { "machine": "OVEN-1", "from": "2025-01-20T08:30:00Z", "to": "2025-01-20T08:45:00Z" } });
    assert_eq!(found(&site, machine).await, [1, 2]);
    assert_eq!(found(&site, json!({ "event": { "machine": "OVEN-1" } })).await, [1, 2, 4, 5]);
    // Somebody handled it at the moment of an event, not all the while.
    let by = |from: &str, to: &str| json!({ "event": { "operator": "op-7", "from": from, "to": to } });
    assert_eq!(found(&site, by("2025-01-20T08:30:00Z", "2025-01-20T08:45:00Z")).await, [0_u64; 0]);
    assert_eq!(found(&site, by("2025-01-20T08:50:00Z", "2025-01-20T09:10:00Z")).await, [1, 2]);
}

#[tokio::test]
async fn readings_of_a_load_are_those_of_its_members() {
    let site = oven().await;
    let reading = |more: Value| {
        let mut reading = json!({ "name": "temperature", "operation": "CURE" });
        reading.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "reading": reading })
    };
    assert_eq!(found(&site, reading(json!({ "outside": true }))).await, [1, 2]);
    assert_eq!(found(&site, reading(json!({ "outside": true, "high": "215" }))).await, [0_u64; 0]);
    assert_eq!(found(&site, reading(json!({ "low": "210.5", "high": "210.5" }))).await, [1, 2]);
    assert_eq!(found(&site, reading(json!({ "low": 211 }))).await, [0_u64; 0]);
    let one = json!({ "all": [
        { "is": { "item": "MOTOR" } },
        { "not": { "reading": { "name": "temperature", "outside": true } } },
        { "not": { "contains": { "uid": uid("KOL", "FG", 4) } } },
    ] });
    assert_eq!(found(&site, one).await, [3, 5, 6]);
}

#[tokio::test]
async fn a_code_that_is_not_known_is_told_with_its_path() {
    let site = oven().await;
    let node = Node::parse(&json!({ "all": [{ "contains": { "uid": "NOBODY" } }] })).unwrap();
    let told: Result<Vec<i64>, ScopeError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            let sql = Genealogy::default();
            let asked = Asked::new(tx, &sql, Tz::UTC).await?;
            evaluate(tx, &asked, &node).await
        })
        .await;
    let ScopeError::Criteria(mistakes) = told.unwrap_err() else { panic!("told otherwise") };
    assert_eq!((mistakes[0].path.as_str(), mistakes[0].key), ("all[0].contains.uid", "uid"));
}

mod web {
    //! Over HTTP, with the real router.

    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::http::{Request, StatusCode, header};
    use platform::ctx::Plants;
    use platform::db::Db;
    use platform::i18n::{I18n, assert_complete};
    use platform::web::{AppState, Scope, keys};
    use serde_json::{Value, json};
    use tower::ServiceExt;
    use uuid::Uuid;

    use super::super::criteria::Node;
    use super::super::form::KINDS;
    use super::super::pages::{NAV, TEXTS};
    use super::oven;
    use crate::ingest::Committed;
    use crate::testing::{Site, uid};

    struct Web {
        router: Router,
        key: String,
    }

    impl Web {
        async fn of(db: &Db, tenant: Uuid, scope: Scope, plants: Plants) -> Self {
            let modules = [
                crate::module(&Committed::default(), &crate::genealogy::Genealogy::default()),
                super::super::module(&crate::genealogy::Genealogy::default()),
            ];
            let state = AppState::builder(db.clone()).modules(&modules).build();
            let key = keys::create_at(db, tenant, "test", &[scope], &plants, None).await.unwrap();
            let routes = platform::web::Module::all_routes(modules.into());
            Self { router: platform::web::app(state, routes), key: key.reveal().to_owned() }
        }

        async fn new(site: &Site) -> Self {
            Self::of(&site.db.db, site.tenant, Scope::Write, Plants::All).await
        }

        async fn send(
            &self,
            method: &str,
            path: &str,
            kind: &str,
            body: String,
        ) -> (StatusCode, String, String) {
            let request = Request::builder()
                .method(method)
                .uri(path)
                .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
                .header(header::CONTENT_TYPE, kind)
                .header(
                    header::ACCEPT,
                    if path.starts_with("/api") { "application/json" } else { "text/html" },
                )
                .body(Body::from(body))
                .unwrap();
            let response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status();
            let to = response.headers().get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned());
            let bytes = to_bytes(response.into_body(), 10_000_000).await.unwrap();
            (status, String::from_utf8(bytes.to_vec()).unwrap(), to.unwrap_or_default())
        }

        async fn get(&self, path: &str) -> (StatusCode, String) {
            let (status, text, _) = self.send("GET", path, "", String::new()).await;
            (status, text)
        }

        async fn json(&self, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
            let body = if body.is_null() { String::new() } else { body.to_string() };
            let (status, text, _) = self.send(method, path, "application/json", body).await;
            (status, serde_json::from_str(&text).unwrap_or_default())
        }
    }

    #[test]
    fn all_texts_are_there() {
        assert_complete(TEXTS);
        let all = I18n::new().with_all(TEXTS).with_all(crate::pages::TEXTS);
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/scopes");
        for file in std::fs::read_dir(folder).unwrap() {
            let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for start in ["\"scope-", "\"trace-"] {
                for piece in source.split(start).skip(1) {
                    let key = format!("{}{}", &start[1..], piece.split('"').next().unwrap());
                    assert!(key.contains('{') || all.has(&key), "{key}");
                }
            }
        }
        for kind in KINDS {
            assert!(
                all.has(&format!("scope-kind-{}", kind.name))
                    && all.has(&format!("scope-hint-{}", kind.name))
            );
            for field in kind.fields {
                assert!(all.has(&format!("scope-field-{field}")), "{field}");
            }
        }
        assert!(NAV.iter().all(|item| all.has(item.label_key)));
        // Every mistake has its text.
        let source = include_str!("criteria.rs");
        let told = source.split("mod tests").next().unwrap();
        for key in [
            "nodes",
            "deep",
            "node",
            "kind",
            "list",
            "fields",
            "text",
            "long",
            "choice",
            "moment",
            "date",
            "number",
            "flag",
            "turned",
            "limits-turned",
            "unknown",
            "empty",
            "name",
            "limits",
            "lot",
            "one-of",
            "beside-document",
            "document-or-customer",
            "beside-supplier-lot",
            "not-alone",
            "event-alone",
            "is-alone",
        ] {
            assert!(told.contains(&format!("\"{key}\"")) && all.has(&format!("scope-wrong-{key}")), "{key}");
        }
    }

    #[tokio::test]
    async fn a_scope_is_previewed_kept_compared_and_deleted() {
        let mut site = oven().await;
        let web = Web::new(&site).await;
        let criteria = json!({ "event": { "station": "OVEN", "from": "2025-01-20T08:30:00Z", "to": "2025-01-20T13:00:00Z" } });
        let (status, told) =
            web.json("POST", "/api/v1/scopes/preview", json!({ "criteria": criteria, "limit": 2 })).await;
        assert_eq!((status, &told["total"]), (StatusCode::OK, &json!(3)), "{told}");
        assert_eq!(told["groups"][0]["units"], 3);
        assert_eq!(told["groups"][0]["item"], "MOTOR");
        assert_eq!(told["units"][0]["uid"], uid("KOL", "FG", 1));
        assert_eq!(told["current_to"]["batch_id"], "1");
        let (_, next) = web
            .json(
                "POST",
                "/api/v1/scopes/preview",
                json!({ "criteria": criteria, "limit": 2, "after": told["next"] }),
            )
            .await;
        assert_eq!(
            (next["units"][0]["uid"].as_str(), &next["next"]),
            (Some(uid("KOL", "FG", 4).as_str()), &Value::Null)
        );

        let wish = json!({ "name": " Oven on Monday ", "criteria": criteria });
        let (status, kept) = web.json("POST", "/api/v1/scopes", wish).await;
        assert_eq!(
            (status, &kept["name"], &kept["members"]),
            (StatusCode::CREATED, &json!("Oven on Monday"), &json!(3)),
            "{kept}"
        );
        let path = format!("/api/v1/scopes/{}", kept["scope_id"].as_str().unwrap());
        let (_, members) = web.json("GET", &format!("{path}/members?limit=2"), Value::Null).await;
        assert_eq!(members["units"].as_array().unwrap().len(), 2);
        assert!(members["next"].is_string());

        // 6 was in the oven too, as a plant tells late.
        let mut late =
            super::event(super::Stage::Load, "2025-01-20T12:30:00Z").action_add(&uid("KOL", "FG", 6));
        late.station = "OVEN".into();
        site.say("KOL", late);
        site.settle().await;
        let (_, compared) = web.json("GET", &format!("{path}/compare"), Value::Null).await;
        assert_eq!(
            (&compared["same"], &compared["new_total"], &compared["gone_total"]),
            (&json!(3), &json!(1), &json!(0)),
            "{compared}"
        );
        assert_eq!(compared["new"][0]["uid"], uid("KOL", "FG", 6));
        let (_, list) = web.json("GET", "/api/v1/scopes", Value::Null).await;
        assert_eq!(list["scopes"].as_array().unwrap().len(), 1);
        let audit =
            site.ask("select action || (after->>'members') from audit_log where action like 'scope.%'").await;
        assert_eq!(audit, "scope.keep3");

        let other = Site::of(site.again(), "OTHR").await;
        let theirs = Web::new(&other).await;
        for path in [path.clone(), format!("{path}/members"), format!("{path}/compare")] {
            assert_eq!(theirs.json("GET", &path, Value::Null).await.0, StatusCode::NOT_FOUND, "{path}");
        }
        let (_, none) = theirs.json("POST", "/api/v1/scopes/preview", json!({ "criteria": criteria })).await;
        assert_eq!(none["total"], 0);
        assert_eq!(theirs.json("DELETE", &path, Value::Null).await.0, StatusCode::NOT_FOUND);

        assert_eq!(web.json("DELETE", &path, Value::Null).await.0, StatusCode::NO_CONTENT);
        assert_eq!(web.json("GET", &path, Value::Null).await.0, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn what_is_wrong_is_told_with_its_path_in_words() {
        let site = oven().await;
        let web = Web::new(&site).await;
        let criteria = json!({ "all": [{ "reading": { "low": "x" } }, { "event": { "from": "noon", "machine": "M" } }] });
        let (status, told) =
            web.json("POST", "/api/v1/scopes/preview", json!({ "criteria": criteria })).await;
        assert_eq!((status, &told["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("scope.criteria")));
        let fields: Vec<&str> =
            told["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
        assert_eq!(fields, ["all[0].reading.low", "all[0].reading.name", "all[1].event.from"], "{told}");
        let wish = json!({ "name": "", "criteria": { "is": { "item": "MOTOR" } } });
        assert_eq!(web.json("POST", "/api/v1/scopes", wish).await.1["code"], "scope.name");
        let wish = json!({ "name": "x", "criteria": { "is": { "item": "NONE" } } });
        assert_eq!(web.json("POST", "/api/v1/scopes", wish).await.1["code"], "scope.empty");
        let (status, _) = web.json("GET", "/api/v1/scopes?after=x", Value::Null).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }

    #[tokio::test]
    async fn somebody_of_one_plant_sees_no_more_than_the_explorer_shows() {
        let site = oven().await;
        let visitor = Web::of(&site.db.db, site.tenant, Scope::Write, Plants::some(["VSK"])).await;
        for criteria in [
            json!({ "event": { "machine": "OVEN-1" } }),
            json!({ "is": { "item": "MOTOR" } }),
            json!({ "event": { "operator": "op-7" } }),
            json!({ "reading": { "name": "temperature", "outside": true } }),
        ] {
            let (_, told) =
                visitor.json("POST", "/api/v1/scopes/preview", json!({ "criteria": criteria })).await;
            assert_eq!(told["total"], 0, "{criteria}");
        }
        let (_, page) = visitor.get("/suspects").await;
        assert!(!page.contains("OVEN-1") && !page.contains("op-7"), "{page}");
        // What somebody else found is not theirs to see, nor to delete.
        let office = Web::new(&site).await;
        let wish = json!({ "name": "Oven", "criteria": { "is": { "item": "MOTOR" } } });
        let (_, kept) = office.json("POST", "/api/v1/scopes", wish).await;
        let path = format!("/api/v1/scopes/{}", kept["scope_id"].as_str().unwrap());
        assert_eq!(visitor.json("GET", &path, Value::Null).await.0, StatusCode::NOT_FOUND);
        let plant = Web::of(&site.db.db, site.tenant, Scope::Write, Plants::some(["KOL"])).await;
        let (_, seen) = plant.json("GET", &path, Value::Null).await;
        assert_eq!((&seen["criteria"], &seen["may_change"]), (&Value::Null, &json!(false)), "{seen}");
        assert_eq!(plant.json("DELETE", &path, Value::Null).await.1["code"], "scope.others");
        assert_eq!(
            plant.json("GET", &format!("{path}/compare"), Value::Null).await.1["code"],
            "scope.others"
        );
        let reader = Web::of(&site.db.db, site.tenant, Scope::Read, Plants::All).await;
        let wish = json!({ "name": "Oven", "criteria": { "is": { "item": "MOTOR" } } });
        assert_eq!(reader.json("POST", "/api/v1/scopes", wish).await.0, StatusCode::FORBIDDEN);
    }

    #[tokio::test]
    async fn the_builder_goes_from_a_link_to_a_scope_that_is_held() {
        let site = oven().await;
        let web = Web::new(&site).await;
        let (status, page) = web.get("/suspects").await;
        assert_eq!(status, StatusCode::OK);
        // What there is to choose from.
        for known in [
            "<option value=\"OVEN-1\">",
            "<option value=\"op-7\">",
            "<option value=\"temperature\">",
            "<option value=\"OVEN\">",
        ] {
            assert!(page.contains(known), "{known}: {page}");
        }
        let (_, page) = web.get("/suspects?machine=OVEN-1&from=2025-01-20T13:00&to=2025-01-20T14:00").await;
        assert!(
            page.contains("2 units") && page.contains(&format!("/trace/{}", uid("KOL", "FG", 1))),
            "{page}"
        );
        let (_, page) = web.get("/suspects?operation=CURE&reading=temperature&outside=1").await;
        assert!(page.contains("2 units"), "{page}");
        let (_, page) = web.get("/suspects?operator=op-7").await;
        assert!(page.contains("4 units"), "{page}");
        let (status, page) = web.get("/suspects?0.kind=passed&0.machine=M&0.from=noon&ask=1").await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.contains("is not a time") && page.contains("aria-invalid"), "{page}");
        let criteria = json!({ "event": { "machine": "OVEN-1" } }).to_string();
        let body = format!("name=Oven&criteria={}&then=hold", platform::web::escaped(&criteria, b""));
        let (status, _, to) = web.send("POST", "/suspects", "application/x-www-form-urlencoded", body).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        let id = to.strip_prefix("/holds?scope=").unwrap().to_owned();
        let (_, page) = web.get(&format!("/suspects/scopes/{id}?compare=1")).await;
        assert!(
            page.contains("Oven")
                && page.contains("2 units are in both")
                && page.contains("/recalls/new?scope="),
            "{page}"
        );
        assert!(
            page.contains("/suspects?mode=all&amp;0.kind=passed")
                || page.contains("/suspects?mode=all&#38;0.kind=passed"),
            "{page}"
        );
        let (_, page) = web.get("/suspects/scopes").await;
        assert!(page.contains(&id), "{page}");
        // Deeper than rows go: shown as it is, and answered.
        let deep = json!({ "all": [{ "is": { "item": "MOTOR" } }, { "any": [{ "event": { "machine": "OVEN-1" } }, { "event": { "operator": "x" } }] }] });
        assert!(Node::parse(&deep).is_ok());
        let (status, page) =
            web.get(&format!("/suspects?criteria={}", platform::web::escaped(&deep.to_string(), b""))).await;
        assert!(status == StatusCode::OK && page.contains("2 units"), "{page}");
    }

    trait AddTo {
        fn action_add(self, uid: &str) -> Self;
    }

    impl AddTo for proto::v1::Event {
        fn action_add(self, uid: &str) -> Self {
            use crate::testing::Say;
            self.action(proto::v1::Action::Add).part(uid, proto::v1::Role::Subject)
        }
    }
}
