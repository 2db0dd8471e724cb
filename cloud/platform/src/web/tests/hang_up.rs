//! A client that goes away in the middle of a change.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::ctx::Cx;
use crate::db::{Db, DbError};
use crate::testing::TestDb;
use crate::web::routing::post;
use crate::web::{AppState, Caller, Problem, Scope, app, keys};

async fn names(db: &Db, cx: &Cx) -> Vec<String> {
    db.tx(cx, async |tx| {
        Ok::<_, DbError>(sqlx::query_scalar("select name from plants").fetch_all(tx.conn()).await?)
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_change_goes_on_to_its_end() {
    let test = TestDb::new().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let other = test.tenant("BBBB", &["HYD"]).await;
    let key = keys::create(&test.db, tenant, "t", &[Scope::Write], None).await.unwrap();
    let (begun, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell_begun, tell_done) = (Arc::clone(&begun), Arc::clone(&done));
    let slow = async move |State(state): State<AppState>, caller: Caller| -> Result<(), Problem> {
        state
            .db
            .tx(&caller.cx, async |tx| {
                sqlx::query("update plants set name = name || '+' where tenant_id = $1")
                    .bind(tx.tenant())
                    .execute(tx.conn())
                    .await?;
                tell_begun.notify_one();
                sqlx::query("select pg_sleep(0.15)").execute(tx.conn()).await?;
                Ok::<_, DbError>(())
            })
            .await?;
        tell_done.notify_one();
        Ok(())
    };
    let state = AppState::builder(test.db.clone()).build();
    let site = app(state, Router::new().route("/slow", post(slow)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, site).await });

    let request = format!(
        "POST /slow HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 0\r\n\r\n",
        key.reveal()
    );
    for _ in 0..4 {
        let mut client = TcpStream::connect(at).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        begun.notified().await;
        drop(client);
        tokio::time::timeout(Duration::from_secs(10), done.notified()).await.expect("it goes on");
    }
    assert_eq!(names(&test.db, &Cx::system(tenant)).await, ["KOL++++"]);
    // Nothing of that tenant stays behind for the next.
    assert_eq!(names(&test.db, &Cx::system(other)).await, ["HYD"]);
    let open: i64 = test
        .db
        .system_tx(async |system| {
            Ok::<_, DbError>(
                sqlx::query_scalar(
                    "select count(*) from pg_stat_activity where datname = current_database() \
                     and state like 'idle in transaction%' and pid <> pg_backend_pid()",
                )
                .fetch_one(system.conn())
                .await?,
            )
        })
        .await
        .unwrap();
    assert_eq!(open, 0);
    server.abort();
}
