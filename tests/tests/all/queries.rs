//! The committed query data (`.sqlx`), by which queries are checked without a
//! database, is what a migrated database says of them today.

use std::path::Path;

use platform::testing::TestDb;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, SqlSafeStr};

#[tokio::test]
async fn the_committed_query_data_is_current() {
    let test = TestDb::new().await;
    let mut connection = test.owner.connect().await.unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.sqlx");
    let (mut seen, mut stale) = (0, Vec::new());
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let committed: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let query = committed["query"].as_str().unwrap().to_owned();
        seen += 1;
        match connection.describe(AssertSqlSafe(query.clone()).into_sql_str()).await {
            Ok(now) if serde_json::to_value(&now).unwrap() == committed["describe"] => {}
            Ok(_) => {
                stale.push(format!("{}: its columns or parameters have changed: {query}", path.display()))
            }
            Err(error) => stale.push(format!("{}: {error}: {query}", path.display())),
        }
    }
    assert!(seen > 50, "only {seen} queries in {}", folder.display());
    assert!(stale.is_empty(), "run `make sqlx`:\n{}", stale.join("\n"));
}
