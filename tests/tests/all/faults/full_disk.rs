//! A journal that is as large as it may be.

use sqlx::Connection;

use super::lab::{BADGE, Lab};

const LIMIT: u64 = 16 << 20;

fn limit(bytes: u64) -> impl Fn(&str) -> String {
    move |text| text.replacen("max_journal_bytes = 2_147_483_648", &format!("max_journal_bytes = {bytes}"), 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_the_limit_scans_are_refused_whole_and_go_on_when_it_is_raised() {
    let mut lab = Lab::start_with(limit(LIMIT)).await;
    let mut dock = lab.agent.person("DOCK1").await;
    let (_, uids) = lab.agent.receive(&mut dock, 3).await;
    lab.drained().await;
    lab.agent.stop().await;
    // As after months without the cloud: all but the last few records' room is used.
    let used = std::fs::metadata(lab.agent.data.join("journal.db")).unwrap().len();
    let mut db = lab.agent.journal_db().await;
    sqlx::query("CREATE TABLE filler (bytes BLOB)").execute(&mut db).await.unwrap();
    sqlx::query("INSERT INTO filler VALUES (zeroblob(?))")
        .bind(i64::try_from(LIMIT - used - 300_000).unwrap())
        .execute(&mut db)
        .await
        .unwrap();
    db.close().await.unwrap();

    lab.line.cut();
    lab.agent.start();
    let health = lab.agent.alive().await;
    assert!(health["warnings"].as_array().unwrap().iter().any(|w| w == "journal.nearly-full"), "{health}");
    let mut store = lab.agent.person("STORE1").await;
    let mut taken = 0;
    let refused = 'full: loop {
        for place in ["Warehouse-A-Rack-12", "Warehouse-A-Rack-11"] {
            for code in std::iter::once(place).chain(uids.iter().map(String::as_str)) {
                let answer = store.scan(code).await;
                if !answer.taken() {
                    break 'full answer;
                }
                taken += 1;
                assert!(taken < 2000, "it never fills up");
            }
        }
    };
    assert_eq!((refused.colour.as_str(), refused.code.as_str()), ("red", "input.not_taken"), "{refused:?}");
    assert!(refused.what.starts_with("Not recorded yet: "), "{refused:?}");
    let reason = refused.arg("reason").unwrap_or_default();
    assert!(reason.contains("full"), "{refused:?}");
    let health = lab.agent.until("full", |h| h["status"] == "failing").await;
    assert!(health["warnings"].as_array().unwrap().iter().any(|w| w == "journal.full"), "{health}");
    assert!(taken > 2, "{taken}");

    // A receipt is refused as a whole, too: no number is used, nothing stands.
    let before = lab.agent.journal().await;
    let answer = lab.agent.stranger("DOCK1").scan(BADGE).await;
    assert_eq!(answer.code, "input.not_taken", "{answer:?}");
    assert_eq!(lab.agent.journal().await, before);
    lab.agent.stop().await;

    lab.agent.edit_plant(|text| {
        text.replace(&format!("max_journal_bytes = {LIMIT}"), "max_journal_bytes = 1_073_741_824")
    });
    lab.agent.start();
    let health = lab.agent.alive().await;
    assert_ne!(health["status"], "failing", "{health}");
    assert_eq!(lab.agent.journal().await[..before.len()], before[..], "what was green is there");
    let mut dock = lab.agent.person("DOCK1").await;
    let (answer, more) = lab.agent.receive(&mut dock, 2).await;
    assert!(answer.taken(), "{answer:?}");
    lab.line.mend();
    lab.drained().await;
    for uid in &more {
        assert_eq!(lab.stages(uid).await, ["PROCUREMENT", "GRN"]);
    }
    assert_eq!(lab.exceptions("").await, Vec::<serde_json::Value>::new());
    lab.stop().await;
}
