//! Damaged and missing rows of labels: what was held never turns green for it.

use std::path::PathBuf;

use proto::v1;

use super::holds::{everything, stocked};
use super::stations::{Plant, code};
use super::support::*;
use crate::inputs::Colour;
use crate::station::control::Verb;
use crate::station::types::Label;

/// Changes a stopped plant's database.
async fn change(path: PathBuf, sql: &'static str) {
    use sqlx::{ConnectOptions, Connection};
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut db = options.connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut db).await.unwrap();
    db.close().await.unwrap();
}

/// The answer where the unit would leave the plant.
async fn leaving(plant: &mut Plant, uid: &str) -> (Colour, String) {
    let answer = plant.scan("XFER1", uid).await;
    plant.scan("XFER1", &code(Verb::Cancel)).await;
    (answer.colour, answer.code)
}

fn red(code: &str) -> (Colour, String) {
    (Colour::Red, code.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_labels_row_that_was_damaged_or_is_gone_is_told_again_by_its_events() {
    for sql in [
        // Reads well, and says that nothing holds it.
        "UPDATE labels SET json = json_set(json, '$.holds', json('[]'))",
        "UPDATE labels SET json = '}' || substr(json, 2)",
        "UPDATE labels SET json = CAST(x'ff' || substr(CAST(json AS BLOB), 2) AS TEXT)",
        "UPDATE labels SET crc32 = crc32 + 1",
        "UPDATE labels SET key = key + 64",
        "DELETE FROM labels",
        // Nothing says how many there were.
        "DELETE FROM labels; DELETE FROM meta WHERE name = 'labels_sum'",
    ] {
        let (plant, uid) = stocked(true).await;
        let before = plant.label(key(1)).await;
        assert_eq!(before.holds.len(), 1);
        let mut plant = plant.after(async |path| change(path, sql).await).await;
        let label = plant.label(key(1)).await;
        assert_eq!((&label.holds, label.lost, &label.item), (&before.holds, false, &before.item), "{sql}");
        assert_eq!(leaving(&mut plant, &uid).await, red("label.held"), "{sql}");
        let mut plant = plant.again().await;
        assert_eq!(leaving(&mut plant, &uid).await, red("label.held"), "{sql}");
        plant.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_events_tell_wholly_is_in_no_doubt() {
    for sql in ["UPDATE labels SET json = '{}'", "DELETE FROM labels"] {
        let (plant, uid) = stocked(false).await;
        let plant = plant.after(async |path| change(path, sql).await).await;
        let mut plant = plant.again().await;
        assert!(!plant.handle.status().reference_lost, "{sql}");
        assert_ne!(leaving(&mut plant, &uid).await.0, Colour::Red, "{sql}");
        plant.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_from_before_the_hold_is_not_believed() {
    let (plant, uid) = stocked(false).await;
    let keep = "CREATE TABLE old AS SELECT * FROM labels";
    let mut plant = plant.after(async |path| change(path, keep).await).await;
    plant.play("STORE1", &[(&code(Verb::Hold), "hold.which"), (&uid, "hold.placed")]).await;
    // The checksum fits: it is a row that was written, and not the last one.
    let back = "INSERT OR REPLACE INTO labels (key, json, crc32) SELECT key, json, crc32 FROM old; \
                DROP TABLE old";
    let mut plant = plant.after(async |path| change(path, back).await).await;
    assert_eq!(leaving(&mut plant, &uid).await, red("label.held"));
    plant.stop().await;
}

/// A unit of another plant, as the cloud tells of it.
const FOREIGN: &str = "UID-SAIF-VSK-RM-000001-AD";

fn foreign() -> i64 {
    FOREIGN.parse::<uid::Uid>().unwrap().key().get()
}

async fn tell(plant: &Plant, key: i64) {
    let told = Label { item: "GEAR".into(), unit: "pcs".into(), ..Label::new(key) };
    let json = serde_json::to_string(&told).unwrap();
    plant.handle.label_answered(v1::LabelAnswer { key, known: true, json }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_event_tells_is_red_until_the_office_has_told_all_of_it() {
    for sql in ["UPDATE labels SET json = '{}'", "DELETE FROM labels"] {
        let plant = Plant::start().await;
        tell(&plant, foreign()).await;
        let mut plant = plant.after(async |path| change(path, sql).await).await;
        assert_eq!(leaving(&mut plant, FOREIGN).await, red("holds.lost"), "{sql}");
        assert_eq!(plant.handle.hello("test").await.unwrap().reference_version, 0, "{sql}");
        // What the cloud says of it before that frees nothing.
        tell(&plant, foreign()).await;
        let mut plant = plant.again().await;
        assert_eq!(leaving(&mut plant, FOREIGN).await, red("holds.lost"), "{sql}");
        everything(&plant, 5, Vec::new()).await;
        assert_eq!(leaving(&mut plant, FOREIGN).await, red("label.lost"), "{sql}");
        plant.play("STORE1", &[("RACK-9", "place.set"), (FOREIGN, "note.unknown")]).await;
        let mut plant = plant.again().await;
        assert_eq!(leaving(&mut plant, FOREIGN).await, red("label.lost"), "{sql}");
        tell(&plant, foreign()).await;
        assert_ne!(leaving(&mut plant, FOREIGN).await.0, Colour::Red, "{sql}");
        plant.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_of_the_plant_on_a_unit_of_another_is_told_by_its_event() {
    for sql in ["UPDATE labels SET json = '{}'", "DELETE FROM labels"] {
        let mut plant = Plant::start().await;
        tell(&plant, foreign()).await;
        plant.play("STORE1", &[(&code(Verb::Hold), "hold.which"), (FOREIGN, "hold.placed")]).await;
        let mut plant = plant.after(async |path| change(path, sql).await).await;
        assert_eq!(leaving(&mut plant, FOREIGN).await, red("label.held"), "{sql}");
        everything(&plant, 5, Vec::new()).await;
        tell(&plant, foreign()).await;
        assert_eq!(leaving(&mut plant, FOREIGN).await, red("label.held"), "{sql}");
        plant.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_event_of_the_hold_is_gone_as_well_no_answer_frees_the_unit() {
    let (plant, uid) = stocked(true).await;
    let sql = "DELETE FROM labels; \
               UPDATE records SET bytes = zeroblob(length(bytes)) WHERE id = (SELECT max(id) FROM records)";
    let mut plant = plant.after(async |path| change(path, sql).await).await;
    assert_eq!(leaving(&mut plant, &uid).await.0, Colour::Red);
    everything(&plant, 5, Vec::new()).await;
    assert_eq!(leaving(&mut plant, &uid).await, red("label.lost"));
    tell(&plant, key(1)).await;
    assert_eq!(leaving(&mut plant, &uid).await, red("label.lost"));
    let mut plant = plant.again().await;
    assert_eq!(leaving(&mut plant, &uid).await.0, Colour::Red);
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_sqlite_cannot_follow_frees_nothing() {
    let (plant, uid) = stocked(true).await;
    let held = plant.label(key(1)).await.holds[0].to_string();
    let harm = async |path: PathBuf| {
        let mut bytes = std::fs::read(&path).unwrap();
        let lies = bytes.windows(held.len()).enumerate().filter(|(_, w)| *w == held.as_bytes());
        let pages: std::collections::BTreeSet<usize> = lies.map(|(at, _)| at / 4096 * 4096).collect();
        assert!(!pages.is_empty());
        pages.iter().for_each(|at| bytes[*at] ^= 0x55);
        std::fs::write(&path, bytes).unwrap();
    };
    let mut plant = plant.after(harm).await;
    assert!(plant.handle.status().rebuilt.is_some());
    assert_eq!(leaving(&mut plant, &uid).await, red("label.held"));
    plant.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_from_before_they_were_sealed_are_sealed_as_they_are() {
    let (plant, uid) = stocked(true).await;
    let before = plant.label(key(1)).await;
    let earlier = "ALTER TABLE labels DROP COLUMN crc32; ALTER TABLE aliases DROP COLUMN crc32; \
                   ALTER TABLE counters DROP COLUMN crc32; ALTER TABLE sessions DROP COLUMN crc32; \
                   ALTER TABLE prints DROP COLUMN crc32; \
                   DELETE FROM meta WHERE name = 'labels_sum'; PRAGMA user_version = 2";
    let mut plant = plant.after(async |path| change(path, earlier).await).await;
    assert_eq!(plant.label(key(1)).await, before);
    assert!(!plant.handle.status().reference_lost);
    assert_eq!(leaving(&mut plant, &uid).await, red("label.held"));
    plant.stop().await;
}
