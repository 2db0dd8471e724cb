//! Units inside each other, against a real database.

use proto::v1::{Action, Role, Stage};

use crate::testing::{Say, Site, event, uid};

const OPEN: &str = "select kind || ' ' || seq || ' ' || (detail->'against'->>'seq') from exceptions \
     where kind = 'uid.inside_itself' and status = 'open'";

fn into(child: &str, whole: &str, at: &str) -> proto::v1::Event {
    event(Stage::Assembly, at).action(Action::Add).part(whole, Role::Parent).part(child, Role::Child)
}

#[tokio::test]
async fn units_inside_each_other_open_one_exception_with_both_facts() {
    let mut site = Site::new().await;
    let units = [1, 2, 3].map(|n| uid("KOL", "FG", n));
    for unit in &units {
        site.say("KOL", event(Stage::Commission, "2025-02-01T08:00:00Z").mint(unit, Role::Subject, "THING"));
    }
    site.say("KOL", into(&units[0], &units[1], "2025-02-01T10:00:00Z"));
    site.say("KOL", into(&units[1], &units[0], "2025-02-01T10:01:00Z"));
    site.settle().await;
    assert_eq!(site.ask(OPEN).await, "uid.inside_itself 5 4");
    // It was the third that the second went into.
    let mut correct = event(Stage::Correct, "2025-02-01T10:02:00Z")
        .part(&units[0], Role::Subject)
        .part(&units[1], Role::Subject);
    let id = site.ask("select event_id::text from lifecycle_events where seq = 5").await;
    correct.corrects = id.parse::<uuid::Uuid>().expect("an id").as_bytes().to_vec();
    site.say("KOL", correct);
    site.settle().await;
    assert_eq!(site.ask(OPEN).await, "");
    site.say("KOL", into(&units[1], &units[2], "2025-02-01T10:03:00Z"));
    site.say("KOL", into(&units[2], &units[0], "2025-02-01T10:04:00Z"));
    site.settle().await;
    assert_eq!(site.ask(OPEN).await, "uid.inside_itself 8 7", "by way of a third");
}
