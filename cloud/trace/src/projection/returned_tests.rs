//! What was taken out by the book after it had come back, against a real database.

use chrono::{Duration, Utc};
use proto::v1::{Action, Role, Stage};

use super::worker::look_at_parked;
use crate::testing::{Say, Site, event, key, uid};

const OPEN: &str = "select split_part(fingerprint, ':', 1) from exceptions \
     where kind = 'uid.taken_out_of_nothing' and status = 'open' order by 1";
const STATES: &str = "select key || ' ' || custody || ' ' || location || ' ' || coalesce(parent_key::text, '-') \
     from uid_registry order by key";

fn packing(action: Action, content: &str, package: &str, at: &str) -> proto::v1::Event {
    event(Stage::Packing, at).action(action).part(package, Role::Parent).part(content, Role::Child)
}

#[tokio::test]
async fn a_taking_out_that_is_booked_after_a_return_opens_no_exception() {
    let mut site = Site::new().await;
    let (unit, never, package) = (uid("KOL", "FG", 1), uid("KOL", "FG", 2), uid("KOL", "PK", 1));
    for own in [&unit, &never, &package] {
        site.say("KOL", event(Stage::Commission, "2025-02-01T08:00:00Z").mint(own, Role::Subject, "THING"));
    }
    site.say("KOL", packing(Action::Add, &unit, &package, "2025-02-01T09:00:00Z"));
    site.say("KOL", event(Stage::Dispatch, "2025-02-01T10:00:00Z").part(&package, Role::Subject));
    site.settle().await;
    let back = event(Stage::Return, "2025-02-03T10:00:00Z").part(&unit, Role::Subject).at("Returns-Bay");
    site.say("VSK", back);
    site.settle().await;
    // Both are booked out of the package: one was in it, and nobody ever put the other in.
    for content in [&unit, &never] {
        site.say("KOL", packing(Action::Delete, content, &package, "2025-02-04T10:00:00Z").at("UNPACK"));
    }
    site.settle().await;
    let waiting = "select waits_for || ' ' || key from parked_events";
    assert_eq!(site.ask(waiting).await, format!("joining {}", key(&never)));
    site.sql("update agents set last_seen_at = now() + interval '60 seconds', queued_events = 0").await;
    let later = Utc::now() + Duration::seconds(60);
    assert_eq!(look_at_parked(&site.db.db, site.tenant, later).await.unwrap(), 1);
    assert_eq!(site.ask(OPEN).await, key(&never).to_string());
    // Folded from the beginning it is the same.
    let states = site.ask(STATES).await;
    site.sql("update projection_cursors set through_batch = 0").await;
    site.project().await;
    assert_eq!((site.ask(OPEN).await, site.ask(STATES).await), (key(&never).to_string(), states));
    // Taken out once more, it is one taking-out too many.
    site.say("KOL", packing(Action::Delete, &unit, &package, "2025-02-05T10:00:00Z"));
    site.settle().await;
    site.sql("update agents set last_seen_at = now() + interval '60 seconds', queued_events = 0").await;
    let later = Utc::now() + Duration::seconds(60);
    assert_eq!(look_at_parked(&site.db.db, site.tenant, later).await.unwrap(), 1);
    assert_eq!(site.ask(OPEN).await, format!("{} {}", key(&unit), key(&never)));
}
