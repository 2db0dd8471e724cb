//! Lists of units say where the outermost thing around each is.

use chrono::Utc;
use proto::v1::{Action, Lot, Role, Stage};
use uuid::Uuid;

use super::error::TraceError;
use super::graph::Direction;
use super::places::{self, Page};
use super::service::trace;
use super::walk::{self, Ask};
use crate::testing::{Say, Site, event, uid};

const LOT: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0055);

fn bolt(number: u64) -> String {
    uid("KOL", "RM", number)
}

fn package(number: u64) -> String {
    uid("KOL", "PK", number)
}

fn packed(at: &str, what: &str, into: &str) -> proto::v1::Event {
    event(Stage::Packing, at).action(Action::Add).mint(into, Role::Parent, "BOX").part(what, Role::Child)
}

/// Three bolts of a lot: one in a box in a carton that was sent to ACME, one in a box here, one
/// by itself.
async fn story() -> Site {
    let mut site = Site::new().await;
    for number in 1..=3 {
        let mut made = event(Stage::Commission, "2026-01-10T08:00:00Z")
            .mint(&bolt(number), Role::Subject, "BOLT")
            .quantity("1", "pcs")
            .at("RACK-1");
        made.lots.push(Lot {
            lot_id: LOT.as_bytes().to_vec(),
            item: "BOLT".into(),
            supplier: "XYZ".into(),
            supplier_lot: "HEAT-5".into(),
            ..Lot::default()
        });
        made.subjects[0].lot_id = LOT.as_bytes().to_vec();
        site.say("KOL", made);
    }
    site.say("KOL", packed("2026-01-11T08:00:00Z", &bolt(1), &package(1)));
    site.say("KOL", packed("2026-01-11T09:00:00Z", &package(1), &package(2)));
    site.say("KOL", packed("2026-01-11T10:00:00Z", &bolt(2), &package(3)));
    site.say(
        "KOL",
        event(Stage::Dispatch, "2026-01-12T09:00:00Z")
            .part(&package(2), Role::Subject)
            .document("desadv", "DA-7")
            .document("customer", "ACME"),
    );
    site.settle().await;
    site
}

#[tokio::test]
async fn a_lot_s_units_are_where_the_carton_around_them_is() {
    let site = story().await;
    let page = Page { after: None, limit: 50 };
    let found: Result<_, TraceError> =
        site.db.db.tx(&site.cx(), async |tx| places::lot_in(tx, LOT, &page, Utc::now()).await).await;
    let found = found.unwrap();
    let told: Vec<_> =
        found.units.iter().map(|unit| (unit.uid.clone(), unit.custody, unit.inside_of.clone())).collect();
    let expected = [
        (bolt(1), "customer", Some(package(2))),
        (bolt(2), "location", Some(package(3))),
        (bolt(3), "location", None),
    ];
    assert_eq!(told, expected);
    let piles: Vec<_> = found.piles.iter().map(|pile| (pile.custody, pile.labels)).collect();
    assert_eq!(piles, [("location", 2), ("customer", 1)]);
    let went: Vec<_> =
        found.units.iter().map(|unit| (unit.partner.as_str(), unit.document.as_str())).collect();
    assert_eq!(went, [("ACME", "DA-7"), ("", ""), ("", "")]);
}

#[tokio::test]
async fn what_went_twice_is_with_whom_it_went_to_last_and_the_page_of_the_unit_says_the_same() {
    let mut site = story().await;
    let dispatch = |at: &str, document: &str, customer: &str| {
        event(Stage::Dispatch, at)
            .part(&bolt(3), Role::Subject)
            .document("desadv", document)
            .document("customer", customer)
    };
    site.say("KOL", dispatch("2026-01-13T08:00:00Z", "DA-8", "ACME"));
    site.say("KOL", event(Stage::Return, "2026-01-14T08:00:00Z").part(&bolt(3), Role::Subject));
    site.say("KOL", dispatch("2026-01-15T08:00:00Z", "DA-9", "BETA"));
    let wrong = site.say("KOL", dispatch("2026-01-16T08:00:00Z", "DA-10", "GAMMA"));
    site.say("KOL", event(Stage::Correct, "2026-01-16T09:00:00Z").corrects(wrong));
    site.settle().await;
    let page = Page { after: None, limit: 50 };
    let found: Result<_, TraceError> =
        site.db.db.tx(&site.cx(), async |tx| places::lot_in(tx, LOT, &page, Utc::now()).await).await;
    let unit = found.unwrap().units.into_iter().find(|unit| unit.uid == bolt(3)).unwrap();
    let told = (unit.custody, unit.partner.as_str(), unit.document.as_str());
    assert_eq!(told, ("customer", "BETA", "DA-9"));
    for (uid, inside, partner) in [(bolt(3), bolt(3), "BETA"), (bolt(1), package(2), "ACME")] {
        let trace = trace(&site.db.db, &site.cx(), &uid, Utc::now()).await.unwrap();
        let at = trace.whereabouts.unwrap();
        assert_eq!((at.uid, at.custody.as_str(), at.partner.as_str()), (inside, "customer", partner));
    }
    let trace = trace(&site.db.db, &site.cx(), &bolt(2), Utc::now()).await.unwrap();
    assert_eq!(trace.whereabouts.map(|at| at.uid), Some(package(3)));
}

#[tokio::test]
async fn a_walk_says_of_its_units_and_piles_where_the_carton_is_also_beyond_its_depth() {
    let site = story().await;
    let (db, cx, genealogy) = (&site.db.db, site.cx(), site.genealogy());
    // The box is of the walk, and the carton around it is not.
    let ask = Ask { depth: 1, ..Ask::default() };
    let walked =
        walk::walk(db, &cx, &genealogy, &bolt(1), Direction::Forward, &ask, Utc::now()).await.unwrap();
    let node = walked.nodes.iter().find(|node| node.uid == package(1)).unwrap();
    assert_eq!(node.custody, "customer");
    assert_eq!((node.partner.as_str(), node.document.as_str()), ("ACME", "DA-7"));
    let ends = walked.destinations.unwrap();
    let bolts = |piles: &[super::model::Pile]| -> usize {
        piles.iter().filter(|pile| pile.item == "BOLT").map(|pile| pile.labels).sum()
    };
    assert_eq!((bolts(&ends.with_customers), bolts(&ends.stock)), (1, 0));
}
