//! What is measured on a rack: suspects, a unit's page, the ends of a walk and the machine's
//! page say the same of what was in it.

use proto::v1::{self, Action, Role, Stage};
use serde_json::json;

use super::tests::{found, oven};
use crate::explore::error::TraceError;
use crate::explore::graph::Direction;
use crate::explore::{places, walk};
use crate::testing::{Say, event, uid};

#[tokio::test]
async fn what_is_measured_on_a_rack_is_measured_on_what_is_in_it_then() {
    let mut site = oven().await;
    let (rack, trolley) = (uid("KOL", "BN", 1), uid("KOL", "BN", 2));
    for (bin, at) in [(&rack, "2025-01-21T06:00:00Z"), (&trolley, "2025-01-21T06:01:00Z")] {
        site.say("KOL", event(Stage::Commission, at).mint(bin, Role::Subject, "RACK"));
    }
    let packed = |action, at: &str, what: &str, into: &str| {
        event(Stage::Packing, &format!("2025-01-21T{at}:00Z"))
            .action(action)
            .part(into, Role::Parent)
            .part(what, Role::Child)
    };
    let motor = |number| uid("KOL", "FG", number);
    let (into, out) = (Action::Add, Action::Delete);
    // 3 stays, 4 is taken out before, 5 comes after; 6 by mistake, and corrected.
    site.say("KOL", packed(into, "07:00", &motor(3), &rack));
    site.say("KOL", packed(into, "07:01", &motor(4), &rack));
    let wrong = site.say("KOL", packed(into, "07:02", &motor(6), &rack));
    site.say("KOL", event(Stage::Correct, "2025-01-21T07:03:00Z").corrects(wrong));
    site.say("KOL", packed(into, "07:10", &rack, &trolley));
    site.say("KOL", packed(out, "07:30", &motor(4), &rack));
    let measured = |on: &str, name: &str, at: &str, value: &str| {
        let mut said = event(Stage::Load, &format!("2025-01-21T{at}:00Z")).part(on, Role::Subject);
        said.operation = "BAKE".into();
        said.machine = "BAKER".into();
        said.readings.push(v1::Reading {
            name: name.into(),
            value: value.into(),
            unit: "C".into(),
            quality: v1::Quality::Good.into(),
            low: "150".into(),
            high: "200".into(),
            at_us: said.occurred_at_us,
        });
        said
    };
    site.say("KOL", measured(&rack, "bake", "08:00", "230"));
    site.say("KOL", measured(&trolley, "draught", "08:30", "240"));
    let never = site.say("KOL", measured(&rack, "never", "08:40", "250"));
    site.say("KOL", event(Stage::Correct, "2025-01-21T08:41:00Z").corrects(never));
    site.say("KOL", packed(into, "09:00", &motor(5), &rack));
    site.settle().await;

    let reading = |name: &str| json!({ "reading": { "name": name, "outside": true } });
    assert_eq!(found(&site, reading("bake")).await, [3]);
    assert_eq!(found(&site, reading("draught")).await, [3], "the rack was in the trolley");
    assert_eq!(found(&site, reading("never")).await, [0_u64; 0]);
    // Among what another condition found as well.
    let both = json!({ "all": [{ "is": { "item": "MOTOR" } }, reading("bake")] });
    assert_eq!(found(&site, both).await, [3]);

    // And each unit's own page tells them.
    let told = async |number: u64| {
        let (db, cx, at) = (&site.db.db, site.cx(), chrono::Utc::now());
        let trace = crate::explore::service::trace(db, &cx, &motor(number), at).await.unwrap();
        let around = trace.events.iter().filter(|event| event.operation == "BAKE");
        around
            .flat_map(|event| {
                let inside = event.parent.clone().unwrap_or_default();
                event.readings.iter().map(move |reading| (reading.name.clone(), inside.clone()))
            })
            .filter(|(name, _)| name != "never")
            .collect::<Vec<_>>()
    };
    let of = |name: &str, inside: &str| (name.to_owned(), inside.to_owned());
    assert_eq!(told(3).await, [of("bake", &rack), of("draught", &trolley)]);
    for other in [1, 4, 5, 6] {
        assert_eq!(told(other).await, [], "{other}");
    }

    // So do the ends of what was made of it, and the machine's page.
    let ends = async |number: u64| {
        let (tx, genealogy, at) = (&site.db.db, site.genealogy(), chrono::Utc::now());
        let (cx, ask, back) = (site.cx(), walk::Ask::default(), Direction::Backward);
        let walk = walk::walk(tx, &cx, &genealogy, &motor(number), back, &ask, at).await.unwrap();
        let found = walk.sources.unwrap();
        let outside = found.outside.into_iter().filter(|one| one.operation == "BAKE");
        let outside: Vec<_> = outside.map(|one| (one.name, one.uid)).collect();
        (found.readings, found.machines.contains(&"BAKER".to_owned()), outside)
    };
    let (before, _, none) = ends(1).await;
    assert_eq!(none, []);
    let (readings, machine, outside) = ends(3).await;
    assert_eq!(outside, [of("bake", &motor(3)), of("draught", &motor(3))]);
    assert!(machine && readings >= 2, "{readings} {before}");
    for other in [4, 5, 6] {
        assert_eq!(ends(other).await.2, [], "{other}");
    }
    let passes = async |from: &str| {
        let window =
            (format!("2025-01-21T{from}:00Z").parse().unwrap(), "2025-01-21T08:35:00Z".parse().unwrap());
        let (page, at) = (places::Page { after: None, limit: 50 }, chrono::Utc::now());
        let who = (places::Who::Machine, "BAKER", "");
        let found: Result<places::Passes, TraceError> =
            site.db.db.tx(&site.cx(), async |tx| places::passes_in(tx, who, window, &page, at).await).await;
        let units = found.unwrap().passes.into_iter().flat_map(|pass| pass.units);
        units.map(|unit| (unit.uid, unit.role)).collect::<Vec<_>>()
    };
    let unit = |uid: &str, role: &'static str| (uid.to_owned(), role);
    let told = [unit(&trolley, "subject"), unit(&rack, "inside"), unit(&motor(3), "inside")];
    assert_eq!(passes("08:20").await, told);
}

#[tokio::test]
async fn what_happens_to_a_rack_happens_to_what_is_in_it_then() {
    let mut site = oven().await;
    let (rack, trolley) = (uid("KOL", "BN", 1), uid("KOL", "BN", 2));
    for (bin, at) in [(&rack, "2025-01-21T06:00:00Z"), (&trolley, "2025-01-21T06:01:00Z")] {
        site.say("KOL", event(Stage::Commission, at).mint(bin, Role::Subject, "RACK"));
    }
    let packed = |action, at: &str, what: &str, into: &str| {
        let mut said = event(Stage::Packing, &format!("2025-01-21T{at}:00Z")).action(action);
        said.station = "PACK9".into();
        said.part(into, Role::Parent).part(what, Role::Child)
    };
    let motor = |number| uid("KOL", "FG", number);
    site.say("KOL", packed(Action::Add, "07:00", &motor(3), &rack));
    site.say("KOL", packed(Action::Add, "07:01", &motor(4), &rack));
    site.say("KOL", packed(Action::Add, "07:02", &rack, &trolley));
    site.say("KOL", packed(Action::Delete, "07:30", &motor(4), &rack));
    // The trolley goes into a furnace and comes out; nothing is measured.
    let load = |action, at: &str| {
        let mut said = event(Stage::Load, &format!("2025-01-21T{at}:00Z")).action(action);
        said.operation = "SOAK".into();
        said.machine = "SOAKER".into();
        said.station = "SOAK1".into();
        said.operator_id = "op-soak".into();
        said.part(&trolley, Role::Subject)
    };
    site.say("KOL", load(Action::Add, "08:00"));
    site.say("KOL", load(Action::Delete, "12:00"));
    site.say("KOL", packed(Action::Delete, "12:30", &motor(3), &rack));
    site.say("KOL", packed(Action::Add, "12:40", &motor(5), &rack));
    let never = site.say("KOL", load(Action::Add, "13:00"));
    site.say("KOL", event(Stage::Correct, "2025-01-21T13:01:00Z").corrects(never));
    site.settle().await;

    let by = |what: &str, value: &str| json!({ "event": { what: value } });
    for (what, value) in [("machine", "SOAKER"), ("station", "SOAK1"), ("operator", "op-soak")] {
        assert_eq!(found(&site, by(what, value)).await, [3], "{what}");
    }
    // While it was inside, by a window that has neither of the two events in it.
    let between = json!({ "event": { "machine": "SOAKER", "from": "2025-01-21T09:00:00Z", "to": "2025-01-21T10:00:00Z" } });
    assert_eq!(found(&site, between).await, [3]);
    let after = json!({ "event": { "machine": "SOAKER", "from": "2025-01-21T12:50:00Z", "to": "2025-01-21T14:00:00Z" } });
    assert_eq!(found(&site, after).await, [0_u64; 0], "it never went in a second time");
    // Among what another condition found as well.
    let both = json!({ "all": [{ "is": { "item": "MOTOR" } }, by("machine", "SOAKER")] });
    assert_eq!(found(&site, both).await, [3]);
    // What was put into the rack beside another was not put into it once more.
    let packed_at_seven = json!({ "event": { "station": "PACK9", "from": "2025-01-21T07:01:00Z", "to": "2025-01-21T07:01:00Z" } });
    assert_eq!(found(&site, packed_at_seven).await, [4]);

    // The ends of its walk name the machine and the person too.
    let (db, cx, genealogy, at) = (&site.db.db, site.cx(), site.genealogy(), chrono::Utc::now());
    for (number, told) in [(3, true), (4, false), (5, false)] {
        let ask = walk::Ask::default();
        let walk =
            walk::walk(db, &cx, &genealogy, &motor(number), Direction::Backward, &ask, at).await.unwrap();
        let sources = walk.sources.unwrap();
        assert_eq!(sources.machines.contains(&"SOAKER".to_owned()), told, "{number}");
        assert_eq!(sources.operators.contains(&"op-soak".to_owned()), told, "{number}");
    }
}
