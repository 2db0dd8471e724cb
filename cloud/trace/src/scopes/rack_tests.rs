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
