use serde_json::json;
#[allow(clippy::disallowed_types, reason = "a test of the channel itself")]
use sqlx::postgres::PgListener;

use super::*;
use crate::ctx::Cx;
use crate::testing::TestDb;

#[tokio::test]
async fn versions_rise_with_changes_and_only_with_them() {
    let test = TestDb::new().await;
    let cx = Cx::system(test.tenant("AAAA", &["KOL"]).await);
    let publish_one = async |id: &str, n: i32, deleted: bool| {
        let body = json!({ "n": n });
        test.db.tx(&cx, async |tx| publish(tx, "item", id, None, &body, deleted).await).await.unwrap()
    };
    assert_eq!(publish_one("GONE", 1, true).await, None);
    assert_eq!(publish_one("A", 1, false).await, Some(1));
    assert_eq!(publish_one("A", 1, false).await, None);
    assert_eq!(publish_one("B", 1, false).await, Some(2));
    assert_eq!(publish_one("A", 2, false).await, Some(3));
    assert_eq!(publish_one("A", 9, true).await, Some(4));
    assert_eq!(publish_one("A", 9, true).await, None);
    let kept: Value = test
        .db
        .tx(&cx, async |tx| {
            Ok::<_, DbError>(
                sqlx::query_scalar("select body from reference_rows where id = 'A'")
                    .fetch_one(tx.conn())
                    .await?,
            )
        })
        .await
        .unwrap();
    assert_eq!(kept, json!({ "n": 2 }), "plants know it by this body");
    assert_eq!(publish_one("A", 2, false).await, Some(5));
    assert_eq!(test.db.tx(&cx, async |tx| version(tx).await).await.unwrap(), 5);
}

#[tokio::test]
async fn many_rows_at_once_have_versions_in_their_order_and_the_channel_is_told() {
    let test = TestDb::new().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    #[allow(clippy::disallowed_types, reason = "a listener takes a pool")]
    let pool = sqlx::postgres::PgPoolOptions::new().connect_lazy_with(test.owner.clone());
    #[allow(clippy::disallowed_types, reason = "a test of the channel itself")]
    let mut listener = PgListener::connect_with(&pool).await.unwrap();
    listener.listen(CHANNEL).await.unwrap();
    let cx = Cx::system(tenant);
    let row = |id: &str, n: i32| Row {
        kind: "item".into(),
        id: row_id(id, Some("KOL")),
        plant: Some("KOL".into()),
        body: json!({ "n": n }),
        deleted: false,
    };
    let rows = vec![row("B", 1), row("A", 1), row("B", 2)];
    let done = test.db.tx(&cx, async |tx| publish_all(tx, rows.clone()).await).await.unwrap();
    assert_eq!(done, Published { rows: 2, version: 2 });
    let again = test.db.tx(&cx, async |tx| publish_all(tx, rows.clone()).await).await.unwrap();
    assert_eq!(again, Published::default());
    let stored: Vec<(String, i64, Value)> = test
        .db
        .tx(&cx, async |tx| {
            Ok::<_, DbError>(
                sqlx::query_as("select id, version, body from reference_rows order by version")
                    .fetch_all(tx.conn())
                    .await?,
            )
        })
        .await
        .unwrap();
    let expected = [("A@KOL".to_owned(), 1, json!({ "n": 1 })), ("B@KOL".to_owned(), 2, json!({ "n": 2 }))];
    assert_eq!(stored, expected);
    let told = listener.recv().await.unwrap();
    assert_eq!(told.payload(), tenant.to_string());
}
