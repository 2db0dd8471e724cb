//! Where a walk ends: how much lies where, each of the goods once.

use std::sync::Arc;

use chrono::Utc;
use platform::i18n::{I18n, Lang, Texts};
use proto::v1::{Action, Role, Stage};
use rust_decimal::Decimal;

use super::error::TraceError;
use super::graph::Direction;
use super::model::{Destinations, Pile};
use super::report::{self, Report};
use super::walk::{self, Ask};
use super::{report_paper, report_sheets};
use crate::genealogy::Genealogy;
use crate::pages::say::Zones;
use crate::pages::words::Words;
use crate::testing::{EXAMPLE, Say, Site, event, example, uid};

fn gear(number: u64) -> String {
    uid("KOL", "SF", number)
}

fn actuator(number: u64) -> String {
    uid("KOL", "FG", number)
}

/// Three gears of one coil: one loose, one in an actuator that is in a box here, and one in an
/// actuator with a customer.
async fn story() -> Site {
    let mut site = Site::new().await;
    example(&mut site);
    let mut cut =
        event(Stage::Transformation, "2025-01-21T09:00:00Z").part(EXAMPLE, Role::Input).quantity("3", "kg");
    for number in 1..=3 {
        cut = cut.mint(&gear(number), Role::Output, "GEAR");
    }
    site.say("KOL", cut);
    for number in 1..=2 {
        site.say(
            "KOL",
            event(Stage::Assembly, "2025-01-21T10:00:00Z")
                .action(Action::Add)
                .mint(&actuator(number), Role::Parent, "ACTUATOR")
                .part(&gear(number), Role::Child),
        );
    }
    site.say(
        "KOL",
        event(Stage::Packing, "2025-01-21T11:00:00Z")
            .action(Action::Add)
            .mint(&uid("KOL", "PK", 1), Role::Parent, "BOX")
            .part(&actuator(1), Role::Child),
    );
    site.say(
        "KOL",
        event(Stage::Dispatch, "2025-01-22T09:00:00Z")
            .part(&actuator(2), Role::Subject)
            .document("desadv", "DA-9")
            .document("customer", "ACME"),
    );
    site.settle().await;
    site
}

/// Labels, those built in, packages and the quantity of an item, in the piles of some places.
fn told(piles: &[&Vec<Pile>], item: &str) -> (usize, usize, usize, Decimal) {
    let of_item = piles.iter().flat_map(|piles| piles.iter()).filter(|pile| pile.item == item);
    of_item.fold((0, 0, 0, Decimal::ZERO), |all, pile| {
        (all.0 + pile.labels, all.1 + pile.built_in, all.2 + pile.packages, all.3 + pile.quantity)
    })
}

fn here(found: &Destinations) -> [&Vec<Pile>; 2] {
    [&found.stock, &found.in_progress]
}

#[tokio::test]
async fn what_is_built_into_another_unit_is_counted_with_that_one_as_in_recalls() {
    let site = story().await;
    let (db, cx, genealogy) = (&site.db.db, site.cx(), site.genealogy());
    let ask = Ask::default();
    let ends = async |uid: &str| {
        let walked = walk::walk(db, &cx, &genealogy, uid, Direction::Forward, &ask, Utc::now()).await;
        walked.unwrap().destinations.unwrap()
    };
    let found = ends(EXAMPLE).await;
    let count =
        |labels, built_in, packages, quantity: i64| (labels, built_in, packages, Decimal::from(quantity));
    assert_eq!(told(&here(&found), "GEAR"), count(2, 1, 0, 1), "one of the two is in the actuator");
    assert_eq!(told(&here(&found), "ACTUATOR"), count(1, 0, 0, 1));
    assert_eq!(told(&here(&found), "BOX"), count(1, 0, 1, 0), "the goods count, and not their box");
    let customers = [&found.with_customers];
    assert_eq!(told(&customers, "GEAR"), count(1, 1, 0, 0));
    assert_eq!(told(&customers, "ACTUATOR"), count(1, 0, 0, 1));
    // Of the gear alone, the actuator is what it is in, and counts.
    let found = ends(&gear(2)).await;
    assert_eq!(told(&[&found.with_customers], "GEAR"), count(1, 1, 0, 0));

    // The files say the same.
    let report: Result<Report, TraceError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| report::report_in(tx, &Genealogy::default(), EXAMPLE, Utc::now()).await)
        .await;
    let report = report.unwrap();
    let texts = Texts::new(Arc::new(I18n::new().with_all(crate::pages::TEXTS)), Lang::En);
    let words = Words::default();
    let sheets = report_sheets::sheets(&report, &texts, &words, chrono_tz::UTC);
    let ends = &sheets[6];
    let column = |name: &str| ends.heads.iter().position(|head| head == name).unwrap();
    let (place, code) = (column("Kind"), column("Code"));
    let mut rows = ends.rows.iter();
    let row = rows.find(|row| row[place] == "With customers" && row[code] == "GEAR").unwrap();
    assert_eq!(row[column("Labels")], 1);
    assert_eq!(row[column("Quantity")], 0.0);
    assert_eq!(row[column("Of these built in")], 1);
    let zones = Zones::new(Vec::new(), chrono_tz::UTC);
    let paper = report_paper::data(&report, &texts, (&zones, &words), "Saif Ltd").to_string();
    assert!(paper.contains("1 label, 1 of them built into others of these\""), "{paper}");
}

#[tokio::test]
async fn the_files_of_a_unit_say_who_has_what_it_is_in() {
    let site = story().await;
    let gear = gear(2);
    let report: Result<Report, TraceError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| report::report_in(tx, &Genealogy::default(), &gear, Utc::now()).await)
        .await;
    let report = report.unwrap();
    let texts = Texts::new(Arc::new(I18n::new().with_all(crate::pages::TEXTS)), Lang::En);
    let words = Words::default();
    let zones = Zones::new(Vec::new(), chrono_tz::UTC);
    let paper = report_paper::data(&report, &texts, (&zones, &words), "Saif Ltd");
    let facts: Vec<(&str, &str)> = paper["facts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fact| (fact[0].as_str().unwrap(), fact[1].as_str().unwrap()))
        .collect();
    let said = |name: &str| facts.iter().find(|(fact, _)| *fact == name).map(|(_, said)| *said);
    assert!(said("With a customer").is_some_and(|to| to.starts_with("ACME")), "{facts:?}");
    assert_eq!(said("Where it is"), None, "it is nowhere here: {facts:?}");
    let status = said("Status").unwrap();
    assert!(status.ends_with("With a customer") && !status.contains("Free to use"), "{status}");
    let units = paper["sections"].to_string();
    assert!(units.contains("ACME DA-9\""), "{units}");
    let sheets = report_sheets::sheets(&report, &texts, &words, chrono_tz::UTC);
    let went = &sheets[4];
    let column = |name: &str| went.heads.iter().position(|head| head == name).unwrap();
    let row = went.rows.iter().find(|row| row[column("UID")] == actuator(2)).unwrap();
    assert_eq!((&row[column("Partner")], &row[column("Document")]), (&"ACME".into(), &"DA-9".into()));
    let rows: Vec<(&str, &str)> =
        sheets[0].rows.iter().filter_map(|row| Some((row[0].as_str()?, row[1].as_str()?))).collect();
    assert!(
        rows.contains(&("With a customer", "ACME")) && rows.contains(&("Status", "With a customer")),
        "{rows:?}"
    );
    assert!(!rows.iter().any(|(_, said)| ["Free to use", "In another label"].contains(said)), "{rows:?}");
}
