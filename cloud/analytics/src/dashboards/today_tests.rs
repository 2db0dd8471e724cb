//! Which day it is at a plant, as the database knows its shifts.

use chrono::{DateTime, NaiveDate, Utc};
use platform::ctx::Cx;
use platform::db::DbError;
use proto::v1::Stage;

use super::store;
use super::today::over;
use crate::world::{Say, World, event};

#[tokio::test]
async fn the_day_is_that_of_the_shift_that_runs_at_each_plant() {
    let mut world = World::new().await;
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    // Kolkata tells by what it records; one of these was told under another day long ago.
    for (number, at, of) in
        [(1, "2026-11-26T20:00:00Z", "2026-11-26"), (2, "2026-11-27T18:20:00Z", "2026-11-27")]
    {
        let key = world.key("KOL", "FG", number);
        let mut grn = event(Stage::Grn, at).mint(key, "PUMP");
        (grn.production_date, grn.shift) = (crate::mirror::days(day(of)), "C".into());
        world.say("KOL", grn);
    }
    world.send("KOL", 10).await;
    // Of Visakhapatnam the office has the shifts, and one that it has no more.
    world
        .sql(
            "insert into shifts (tenant_id, plant, shift, name, starts, ends) values
                 (app.tenant(), 'VSK', 'A', 'Day', '06:00', '22:00'),
                 (app.tenant(), 'VSK', 'C', 'Night', '22:00', '06:00');
             update shifts set deleted_at = now() where shift = 'C'",
        )
        .await;
    let today = async |now: &str| {
        let now: DateTime<Utc> = now.parse().unwrap();
        let clocks: Result<_, DbError> =
            world.test.db.tx(&Cx::system(world.tenant), async |tx| Ok(store::clocks(tx, now).await?)).await;
        let clocks = clocks.unwrap();
        ["KOL", "VSK"].map(|plant| {
            let one = clocks.iter().find(|clock| clock.plant == plant).unwrap();
            over(&[one], chrono_tz::Tz::UTC, now).to_string()
        })
    };
    // Two minutes after midnight, and three hours later.
    assert_eq!(today("2026-11-27T18:32:00Z").await, ["2026-11-27", "2026-11-28"]);
    assert_eq!(today("2026-11-27T21:32:00Z").await, ["2026-11-28", "2026-11-28"]);
    world.sql("update shifts set deleted_at = null where shift = 'C'").await;
    assert_eq!(today("2026-11-27T18:32:00Z").await, ["2026-11-27", "2026-11-27"]);
    assert_eq!(today("2026-11-28T00:30:00Z").await[1], "2026-11-28", "the next shift has begun");
}
