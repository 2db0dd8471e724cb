//! What differs between two units. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::pairs::{Lives, Pair};
use crate::explore::model::{EventView, Trace};

/// How many times as long an operation may take on one unit before it differs.
const MOST_TIMES: i64 = 2;

/// Parts of one lot in a unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// Item code.
    pub item: String,
    /// Supplier's lot number; empty when not known.
    pub supplier_lot: String,
    /// Supplier code.
    pub supplier: String,
}

/// A unit to compare.
#[derive(Debug, Clone)]
pub struct Side {
    /// Its life.
    pub trace: Trace,
    /// All that is in it now, a line for each label.
    pub parts: Vec<Part>,
}

/// What one side says of a fact.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Said {
    /// A code, a name, an outcome; of a reading the value.
    pub text: String,
    /// What stands beside it: a supplier, a document, the limits of a reading.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Unit of a value.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// How often, of parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// A reading outside its limits, or one that is not to be trusted.
    pub outside: bool,
    /// When, of operations, inspections and readings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// How long, of operations of which begin and end are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<i64>,
    /// Plant by whose clock `at` is read.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub plant: String,
}

/// One thing compared.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Fact {
    /// What: an item, an operation, of a reading its name.
    pub name: String,
    /// Operation of a reading.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub of: String,
    /// The parts of which it is said; left out where it is said of the units themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<Pair>,
    /// The first unit.
    pub a: Vec<Said>,
    /// The second unit.
    pub b: Vec<Said>,
    /// Both say the same.
    pub same: bool,
}

/// Things of one kind, those that differ first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Section {
    /// unit, parts, machines, operators, readings, inspections, times.
    pub kind: &'static str,
    /// What was compared.
    pub facts: Vec<Fact>,
}

impl Section {
    /// How many differ.
    #[must_use]
    pub fn different(&self) -> usize {
        self.facts.iter().filter(|fact| !fact.same).count()
    }

    /// How many are the same.
    #[must_use]
    pub fn same(&self) -> usize {
        self.facts.len() - self.different()
    }
}

/// Two units compared.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Comparison {
    /// First.
    pub a: String,
    /// Second.
    pub b: String,
    /// By kind; a kind of which neither knows anything is left out.
    pub sections: Vec<Section>,
    /// How many things differ.
    pub different: usize,
    /// How many are the same.
    pub same: usize,
}

type Sides = (Vec<Said>, Vec<Said>);
type Facts = BTreeMap<(String, String), Sides>;
type Alike = fn(&[Said], &[Said]) -> bool;
type Tell = fn(&[EventView]) -> Vec<((String, String), Said)>;

/// What is told of the units, and of what is in them as the part's.
const LIVED: [(&str, Tell, Alike); 4] = [
    ("machines", machines, alike_said),
    ("operators", operators, alike_said),
    ("readings", readings, alike_readings),
    ("inspections", inspections, alike_texts),
];

/// Compares two units, and those of their parts that stand in the place of each other.
/// Corrected events and refused acts count for nothing.
///
/// A reading is the same where both were taken as often, with the same limits, and
/// none lies outside: no two values ever agree to the last digit. Of those that lie outside,
/// and without limits, the values count, in whatever order they were read. Of inspections the
/// outcomes count, of times whether one took more than twice as long as the other.
#[must_use]
pub fn compare(a: &Side, b: &Side, parts: &[Lives]) -> Comparison {
    let own = [a.trace.events.as_slice(), b.trace.events.as_slice()];
    let mut sections = vec![
        section("unit", facts(gather([a, b], unit), alike_said, None)),
        section("parts", facts(gather([a, b], parts_in), alike_said, None)),
    ];
    for (kind, tell, alike) in LIVED {
        let mut found = facts(gather(own, tell), alike, None);
        for part in parts {
            let lives = [part.a.as_slice(), part.b.as_slice()];
            found.extend(facts(gather(lives, tell), alike, Some(&part.pair)));
        }
        sections.push(section(kind, found));
    }
    sections.push(section("times", facts(gather(own, times), alike_times, None)));
    sections.retain(|section| !section.facts.is_empty());
    let different = sections.iter().map(Section::different).sum();
    let same = sections.iter().map(Section::same).sum();
    Comparison { a: a.trace.uid.clone(), b: b.trace.uid.clone(), sections, different, same }
}

fn gather<T: ?Sized>(sides: [&T; 2], tell: impl Fn(&T) -> Vec<((String, String), Said)>) -> Facts {
    let mut facts = Facts::new();
    for (name, said) in tell(sides[0]) {
        facts.entry(name).or_default().0.push(said);
    }
    for (name, said) in tell(sides[1]) {
        facts.entry(name).or_default().1.push(said);
    }
    facts
}

fn facts(found: Facts, alike: Alike, part: Option<&Pair>) -> Vec<Fact> {
    let fact = |((of, name), (a, b)): ((String, String), Sides)| {
        let same = alike(&a, &b);
        Fact { same, name, of, part: part.cloned(), a, b }
    };
    found.into_iter().map(fact).collect()
}

fn section(kind: &'static str, mut facts: Vec<Fact>) -> Section {
    facts.sort_by_key(|fact| fact.same);
    Section { kind, facts }
}

fn alike_said(a: &[Said], b: &[Said]) -> bool {
    let set = |said: &[Said]| {
        said.iter().map(|said| (said.text.clone(), said.detail.clone(), said.count)).collect::<BTreeSet<_>>()
    };
    set(a) == set(b)
}

fn alike_texts(a: &[Said], b: &[Said]) -> bool {
    a.iter().map(|said| &said.text).eq(b.iter().map(|said| &said.text))
}

fn alike_readings(a: &[Said], b: &[Said]) -> bool {
    counting(a) == counting(b)
}

/// What counts of readings, in an order that is not that of time.
fn counting(said: &[Said]) -> Vec<(bool, &str, &str, Option<&str>)> {
    let mut all: Vec<_> = said
        .iter()
        .map(|one| {
            // Within its limits one value is as good as another.
            let value = (one.outside || one.detail.is_empty()).then_some(one.text.as_str());
            (one.outside, one.detail.as_str(), one.unit.as_str(), value)
        })
        .collect();
    all.sort_unstable();
    all
}

fn alike_times(a: &[Said], b: &[Said]) -> bool {
    let fits = |one: &Said, other: &Said| match (one.seconds, other.seconds) {
        (Some(one), Some(other)) => {
            let (short, long) = (one.min(other), one.max(other));
            long <= short.saturating_mul(MOST_TIMES) || long - short < 60
        }
        (None, None) => true,
        _ => false,
    };
    a.len() == b.len() && a.iter().zip(b).all(|(one, other)| fits(one, other))
}

fn said(text: impl Into<String>) -> Said {
    Said { text: text.into(), ..Said::default() }
}

/// A name without anything it is of.
fn plain(name: &str) -> (String, String) {
    (String::new(), name.to_owned())
}

fn unit(side: &Side) -> Vec<((String, String), Said)> {
    let trace = &side.trace;
    let mut facts = vec![(plain("item"), said(&trace.item.code))];
    if let Some(lot) = &trace.lot {
        let detail = lot.supplier.clone();
        facts.push((plain("lot"), Said { detail, ..said(&lot.supplier_lot) }));
    }
    facts.push((plain("plant"), said(&trace.plant)));
    facts.push((plain("life"), said(&trace.state.life)));
    facts.push((plain("quality"), said(&trace.state.quality)));
    facts.push((plain("custody"), said(&trace.state.custody)));
    facts.extend(trace.state.holds.iter().map(|hold| (plain("hold"), said(&hold.reason))));
    if !trace.state.order.is_empty() {
        facts.push((plain("order"), said(&trace.state.order)));
    }
    facts.retain(|(_, said)| !said.text.is_empty());
    facts
}

fn parts_in(side: &Side) -> Vec<((String, String), Said)> {
    let mut counts: BTreeMap<&Part, usize> = BTreeMap::new();
    for part in &side.parts {
        *counts.entry(part).or_default() += 1;
    }
    counts
        .into_iter()
        .map(|(part, count)| {
            let detail = part.supplier.clone();
            (plain(&part.item), Said { detail, count: Some(count), ..said(&part.supplier_lot) })
        })
        .collect()
}

/// Events that count, in order.
fn standing(events: &[EventView]) -> impl Iterator<Item = &EventView> {
    events
        .iter()
        .filter(|event| !event.corrected && !matches!(event.stage.as_str(), "REFUSED" | "CORRECT" | "LABEL"))
}

/// An operation, and of other stages the stage.
fn operation(event: &EventView) -> &str {
    if event.operation.is_empty() { &event.stage } else { &event.operation }
}

fn machines(events: &[EventView]) -> Vec<((String, String), Said)> {
    by_operation(events, |event| &event.machine)
}

fn operators(events: &[EventView]) -> Vec<((String, String), Said)> {
    by_operation(events, |event| &event.operator)
}

fn by_operation(events: &[EventView], which: fn(&EventView) -> &String) -> Vec<((String, String), Said)> {
    let found: BTreeSet<(&str, &String)> = standing(events)
        .map(|event| (operation(event), which(event)))
        .filter(|(_, code)| !code.is_empty())
        .collect();
    found.into_iter().map(|(operation, code)| (plain(operation), said(code))).collect()
}

fn limits(low: Option<Decimal>, high: Option<Decimal>) -> String {
    let text = |limit: Option<Decimal>| limit.map(|limit| limit.to_string()).unwrap_or_default();
    if low.is_none() && high.is_none() { String::new() } else { format!("{} … {}", text(low), text(high)) }
}

fn readings(events: &[EventView]) -> Vec<((String, String), Said)> {
    standing(events)
        .flat_map(|event| event.readings.iter().map(move |reading| (event, reading)))
        .map(|(event, reading)| {
            let text = reading.value.map_or_else(|| reading.quality.to_owned(), |value| value.to_string());
            let said = Said {
                detail: limits(reading.low, reading.high),
                unit: reading.unit.clone(),
                outside: reading.outside || reading.quality == "bad",
                at: Some(reading.at),
                plant: event.plant.clone(),
                ..said(text)
            };
            ((operation(event).to_owned(), reading.name.clone()), said)
        })
        .collect()
}

fn inspections(events: &[EventView]) -> Vec<((String, String), Said)> {
    standing(events)
        .filter_map(|event| Some((event, event.outcome?)))
        .map(|(event, outcome)| {
            let said = Said {
                detail: event.reference.clone(),
                outside: outcome != "passed",
                at: Some(event.occurred_at),
                plant: event.plant.clone(),
                ..said(outcome)
            };
            (plain(operation(event)), said)
        })
        .collect()
}

/// An attempt of an operation: its first and its last event, how many, and where.
struct Span<'a> {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    events: usize,
    plant: &'a str,
}

/// Each attempt of each operation: from its first to its last event.
fn times(events: &[EventView]) -> Vec<((String, String), Said)> {
    let mut spans: BTreeMap<(&str, i32), Span<'_>> = BTreeMap::new();
    for event in standing(events).filter(|event| !event.operation.is_empty()) {
        let span = spans.entry((&event.operation, event.attempt)).or_insert(Span {
            from: event.occurred_at,
            to: event.occurred_at,
            events: 0,
            plant: &event.plant,
        });
        span.from = span.from.min(event.occurred_at);
        span.to = span.to.max(event.occurred_at);
        span.events += 1;
    }
    spans
        .into_iter()
        .map(|((operation, _), span)| {
            let seconds = (span.events > 1).then(|| (span.to - span.from).num_seconds());
            let (at, plant) = (Some(span.from), span.plant.to_owned());
            (plain(operation), Said { at, seconds, plant, ..Said::default() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::model::{CurrentTo, Item, ReadingView, StateView};

    fn at(minute: i64) -> DateTime<Utc> {
        "2025-01-20T08:00:00Z".parse::<DateTime<Utc>>().unwrap() + chrono::Duration::minutes(minute)
    }

    fn event(stage: &str, operation: &str, minute: i64) -> EventView {
        EventView {
            event_id: uuid::Uuid::nil(),
            agent: uuid::Uuid::nil(),
            epoch: 1,
            seq: minute,
            stage: stage.into(),
            action: None,
            role: "subject",
            occurred_at: at(minute),
            offset_min: 0,
            recorded_at: at(minute),
            ingested_at: at(minute),
            plant: "KOL".into(),
            station: String::new(),
            operator: "op-1".into(),
            shift: String::new(),
            location: String::new(),
            operation: operation.into(),
            attempt: 1,
            outcome: None,
            accepted: None,
            rejected: None,
            reason: String::new(),
            machine: "OVEN-1".into(),
            overridden_by: String::new(),
            quantity: None,
            unit: String::new(),
            reference_type: String::new(),
            reference: String::new(),
            parent: None,
            corrected: false,
            by_clock: false,
            corrects: None,
            resolves: None,
            readings: Vec::new(),
        }
    }

    fn reading(value: i64) -> ReadingView {
        let value = Decimal::from(value);
        let (low, high) = (Decimal::from(180), Decimal::from(200));
        ReadingView {
            name: "temperature".into(),
            value: Some(value),
            unit: "°C".into(),
            quality: "good",
            low: Some(low),
            high: Some(high),
            outside: value < low || value > high,
            at: at(5),
        }
    }

    fn side(uid: &str) -> Side {
        let mut cure = event("OPERATION", "CURE", 0);
        cure.readings = vec![reading(190)];
        let done = event("OPERATION", "CURE", 40);
        let mut test = event("INSPECTION", "FINAL", 60);
        test.outcome = Some("passed");
        let trace = Trace {
            uid: uid.into(),
            lifecycle: Vec::new(),
            item: Item { code: "MOTOR".into(), ..Item::default() },
            lot: None,
            state: StateView {
                life: "active".into(),
                quality: "unrestricted".into(),
                custody: "location".into(),
                location: String::new(),
                parent: None,
                order: String::new(),
                holds: Vec::new(),
                through_batch: String::new(),
            },
            whereabouts: None,
            plant: "KOL".into(),
            parents: Vec::new(),
            more_parents: false,
            children: Vec::new(),
            more_children: false,
            taken_out: Vec::new(),
            more_taken_out: false,
            events: vec![cure, done, test],
            more_events: false,
            events_next: None,
            more_readings: false,
            aliases: Vec::new(),
            current_to: CurrentTo { batch_id: "1".into(), at: None },
            plants_behind: Vec::new(),
        };
        let part = |item: &str, lot: &str| Part {
            item: item.into(),
            supplier_lot: lot.into(),
            supplier: "XYZ".into(),
        };
        Side { trace, parts: vec![part("STEEL", "HEAT-1"), part("BOLT", "B-1"), part("BOLT", "B-1")] }
    }

    fn differing(comparison: &Comparison) -> Vec<(&'static str, String, String)> {
        comparison
            .sections
            .iter()
            .flat_map(|section| section.facts.iter().map(|fact| (section.kind, fact)))
            .filter(|(_, fact)| !fact.same)
            .map(|(kind, fact)| (kind, fact.of.clone(), fact.name.clone()))
            .collect()
    }

    #[test]
    fn two_alike_differ_in_nothing() {
        let (a, mut b) = (side("A"), side("B"));
        b.trace.events[0].readings = vec![reading(191)];
        let comparison = compare(&a, &b, &[]);
        assert_eq!(differing(&comparison), []);
        assert_eq!((comparison.different, comparison.same > 8), (0, true));
        let kinds: Vec<_> = comparison.sections.iter().map(|section| section.kind).collect();
        assert_eq!(kinds, ["unit", "parts", "machines", "operators", "readings", "inspections", "times"]);
    }

    #[test]
    fn each_difference_is_named() {
        let a = side("A");
        let mut b = side("B");
        b.parts[0].supplier_lot = "HEAT-2".into();
        b.parts.pop();
        b.trace.events[0].machine = "OVEN-2".into();
        b.trace.events[0].operator = "op-2".into();
        b.trace.events[0].readings = vec![reading(240)];
        b.trace.events[1].occurred_at = at(120);
        b.trace.events[2].outcome = Some("failed");
        b.trace.state.quality = "rejected".into();
        let found = differing(&compare(&a, &b, &[]));
        let expected = [
            ("unit", "", "quality"),
            ("parts", "", "BOLT"),
            ("parts", "", "STEEL"),
            ("machines", "", "CURE"),
            ("operators", "", "CURE"),
            ("readings", "CURE", "temperature"),
            ("inspections", "", "FINAL"),
            ("times", "", "CURE"),
        ];
        let expected: Vec<_> =
            expected.into_iter().map(|(kind, of, name)| (kind, of.to_owned(), name.to_owned())).collect();
        assert_eq!(found, expected);
        // And whichever way round.
        assert_eq!(differing(&compare(&b, &a, &[])), expected);
    }

    #[test]
    fn what_differs_in_a_part_is_told_as_the_parts() {
        let pair = Pair { item: "GEAR".into(), a: "G1".into(), b: "G2".into() };
        let (a, b) = (side("A"), side("B"));
        let life = |machine: &str, operator: &str, value: i64| {
            let mut cure = event("OPERATION", "CURE", 0);
            (cure.machine, cure.operator) = (machine.into(), operator.into());
            cure.readings = vec![reading(value)];
            let mut test = event("INSPECTION", "FIRST", 10);
            test.outcome = Some(if value > 200 { "failed" } else { "passed" });
            vec![cure, test]
        };
        let parts = [Lives { pair: pair.clone(), a: life("W0", "op-1", 190), b: life("W1", "op-5", 210) }];
        let comparison = compare(&a, &b, &parts);
        let differing: Vec<_> = comparison
            .sections
            .iter()
            .flat_map(|section| section.facts.iter().map(|fact| (section.kind, fact)))
            .filter(|(_, fact)| !fact.same)
            .collect();
        let told: Vec<_> = differing.iter().map(|(kind, fact)| (*kind, fact.name.as_str())).collect();
        let expected = [
            ("machines", "CURE"),
            ("operators", "CURE"),
            ("readings", "temperature"),
            ("inspections", "FIRST"),
        ];
        assert_eq!(told, expected);
        assert!(differing.iter().all(|(_, fact)| fact.part.as_ref() == Some(&pair)));
        let machine = differing[0].1;
        assert_eq!((machine.a[0].text.as_str(), machine.b[0].text.as_str()), ("W0", "W1"));
        let alike = [Lives { pair, a: life("W0", "op-1", 190), b: life("W0", "op-1", 191) }];
        assert_eq!(compare(&a, &b, &alike).different, 0);
    }

    #[test]
    fn what_never_was_and_what_was_refused_count_for_nothing() {
        let a = side("A");
        let mut b = side("B");
        let mut wrong = event("OPERATION", "CURE", 30);
        (wrong.machine, wrong.corrected) = ("OVEN-9".into(), true);
        let mut refused = event("REFUSED", "CURE", 31);
        refused.machine = "OVEN-8".into();
        b.trace.events.extend([wrong, refused]);
        assert_eq!(differing(&compare(&a, &b, &[])), []);
    }

    #[test]
    fn an_operation_that_one_lacks_differs() {
        let (a, mut b) = (side("A"), side("B"));
        b.trace.events.truncate(1);
        let found = differing(&compare(&a, &b, &[]));
        assert!(found.contains(&("inspections", String::new(), "FINAL".into())), "{found:?}");
        assert!(found.contains(&("times", String::new(), "CURE".into())), "{found:?}");
    }

    #[test]
    fn readings_outside_their_limits_are_the_same_by_value() {
        let (mut a, mut b) = (side("A"), side("B"));
        a.trace.events[0].readings = vec![reading(210), reading(190)];
        b.trace.events[0].readings = vec![reading(191), reading(210)];
        assert_eq!(differing(&compare(&a, &b, &[])), []);
        b.trace.events[0].readings = vec![reading(191), reading(211)];
        assert_eq!(differing(&compare(&a, &b, &[])), [("readings", "CURE".into(), "temperature".into())]);
        // One that is not to be trusted is not the same as one that is, whatever they say.
        a.trace.events[0].readings = vec![reading(190)];
        b.trace.events[0].readings = vec![ReadingView { quality: "bad", ..reading(190) }];
        assert_eq!(differing(&compare(&a, &b, &[])), [("readings", "CURE".into(), "temperature".into())]);
        assert_eq!(differing(&compare(&b, &b.clone(), &[])), []);
    }

    #[test]
    fn readings_without_limits_are_the_same_by_value_only() {
        let (mut a, mut b) = (side("A"), side("B"));
        for (side, value) in [(&mut a, 1), (&mut b, 2)] {
            let free = ReadingView { low: None, high: None, outside: false, ..reading(value) };
            side.trace.events[0].readings = vec![free];
        }
        assert_eq!(differing(&compare(&a, &b, &[])), [("readings", "CURE".into(), "temperature".into())]);
        assert_eq!(differing(&compare(&a, &a.clone(), &[])), []);
    }
}
