use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::State;
use sqlx::ConnectOptions;
use uuid::Uuid;

use super::{Db, DbError, Problem, Tx};
use crate::ctx::Cx;
use crate::testing::TestDb;

async fn codes(tx: &mut Tx, like: &str) -> Result<Vec<String>, DbError> {
    Ok(sqlx::query_scalar("select code from plants where code <> $1 order by code")
        .bind(like)
        .fetch_all(tx.conn())
        .await?)
}

/// What handlers look like: borrows of locals inside the closure, and futures
/// that axum and tonic require to be `Send`.
#[test]
fn futures_are_send_in_handlers() {
    #[derive(Debug, thiserror::Error)]
    enum MyError {
        #[error(transparent)]
        Db(#[from] DbError),
    }
    async fn command(db: &Db, cx: &Cx, name: &str) -> Result<usize, MyError> {
        let extra = name.to_owned();
        let found = db
            .tx(cx, async |tx| {
                let first = codes(tx, &extra).await?;
                let second = codes(tx, name).await?;
                Ok::<_, MyError>(first.len() + second.len())
            })
            .await?;
        let tenants = db
            .system_tx(async |system| {
                system.enter(cx, async |tx| Ok::<_, MyError>(codes(tx, &extra).await?.len())).await
            })
            .await?;
        Ok(found + tenants)
    }
    async fn handler(State(db): State<Db>) -> String {
        let cx = Cx::system(Uuid::nil());
        match command(&db, &cx, "x").await {
            Ok(n) => n.to_string(),
            Err(error) => error.to_string(),
        }
    }
    fn send<T: Send>(_: T) {}
    let _router: axum::Router<Db> = axum::Router::new().route("/", crate::web::routing::post(handler));
    send(async {
        let options = sqlx::postgres::PgConnectOptions::new_without_pgpass();
        let db = Db::new(options, Default::default());
        let cx = Cx::system(Uuid::nil());
        let _spawned = tokio::spawn(async move { command(&db, &cx, "x").await.is_ok() }).await;
    });
}

#[tokio::test]
async fn a_transaction_sees_its_tenant_and_knows_its_actor() {
    let test = TestDb::at_home().await;
    let one = test.tenant("AAAA", &["KOL", "VSK"]).await;
    let two = test.tenant("BBBB", &["DEL"]).await;
    for (tenant, expected) in [(one, vec!["KOL", "VSK"]), (two, vec!["DEL"])] {
        let cx = Cx { origin: Some("test".into()), ..Cx::new(tenant, "key:me") };
        let (found, actor): (Vec<String>, String) = test
            .db
            .tx(&cx, async |tx| {
                let actor = sqlx::query_scalar("select app.actor() || ' ' || coalesce(app.origin(), '')")
                    .fetch_one(tx.conn())
                    .await?;
                Ok::<_, DbError>((codes(tx, "").await?, actor))
            })
            .await
            .unwrap();
        assert_eq!(found, expected);
        assert_eq!(actor, "key:me test");
    }
}

#[tokio::test]
async fn an_error_rolls_back_and_is_sorted() {
    let test = TestDb::at_home().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let cx = Cx::system(tenant);
    let insert = "insert into reasons (tenant_id, reason, purpose, texts) values ($1, $2, 'scrap', '{}')";
    let failed = test
        .db
        .tx(&cx, async |tx| {
            for reason in ["A", "B", "A"] {
                sqlx::query(insert).bind(tenant).bind(reason).execute(tx.conn()).await?;
            }
            Ok::<_, DbError>(())
        })
        .await
        .unwrap_err();
    assert_eq!(failed.problem(), Problem::Exists);
    let left: i64 = test
        .db
        .tx(&cx, async |tx| {
            Ok::<_, DbError>(sqlx::query_scalar("select count(*) from reasons").fetch_one(tx.conn()).await?)
        })
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_system_transaction_joins_a_tenants_and_leaves_it() {
    let test = TestDb::at_home().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let cx = Cx::system(tenant);
    let count = "select count(*) from plants";
    let (inside, after): (i64, i64) = test
        .db
        .system_tx(async |system| {
            let inside = system
                .enter(&cx, async |tx| {
                    Ok::<_, DbError>(sqlx::query_scalar(count).fetch_one(tx.conn()).await?)
                })
                .await?;
            let after = sqlx::query_scalar(count).fetch_one(system.conn()).await?;
            Ok::<_, DbError>((inside, after))
        })
        .await
        .unwrap();
    assert_eq!((inside, after), (1, 0));
}

#[tokio::test]
async fn a_listener_hears_what_was_committed() {
    let test = TestDb::at_home().await;
    let mut listener = test.db.listen(&["here", "there"]).await.unwrap();
    for (channel, payload, commit) in [("here", "no", false), ("there", "yes", true)] {
        let _ = test
            .db
            .system_tx(async |system| {
                sqlx::query("select pg_notify($1, $2)")
                    .bind(channel)
                    .bind(payload)
                    .execute(system.conn())
                    .await?;
                if commit { Ok(()) } else { Err(DbError::from(sqlx::Error::RowNotFound)) }
            })
            .await;
    }
    let told = tokio::time::timeout(Duration::from_secs(5), listener.recv()).await.unwrap().unwrap().unwrap();
    assert_eq!((told.channel.as_str(), told.payload.as_str()), ("there", "yes"));
}

/// A client that hangs up drops the handler at any of its awaits. Whatever comes
/// next on that connection must find no open transaction and no tenant.
#[tokio::test]
async fn a_transaction_dropped_at_any_await_leaks_nothing() {
    let test = TestDb::at_home().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let cx = Cx::system(tenant);
    // The connection is there already, so that every drop falls into the work.
    raw_tenant(&test.db).await;
    // How many awaits have to wait depends on how fast the server answers: the
    // whole is gone through until one time there were several.
    let mut most = 0;
    for _ in 0..50 {
        most = most.max(dropped_at_each_await(&test, &cx).await);
        if most > 3 {
            return;
        }
    }
    panic!("there were awaits to drop at: {most}");
}

/// Drops a transaction after one poll, after two, and so on until it is done;
/// answers how many polls that took.
async fn dropped_at_each_await(test: &TestDb, cx: &Cx) -> usize {
    let mut polls = 0;
    loop {
        polls += 1;
        assert!(polls < 200, "it never ends");
        let work = test.db.tx(cx, async |tx| {
            let sql = "update plants set name = name where tenant_id = $1";
            sqlx::query(sql).bind(tx.tenant()).execute(tx.conn()).await?;
            Ok::<_, DbError>(())
        });
        let done = DropAfter { work: Box::pin(work), polls }.await;
        returned(&test.db).await;
        assert_eq!(in_transaction(test).await, 0, "dropped after {polls} polls");
        assert_eq!(raw_tenant(&test.db).await, "", "dropped after {polls} polls");
        if let Some(done) = done {
            done.unwrap();
            return polls;
        }
    }
}

/// The same through a server: clients that connect, ask, and hang up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_hang_up_leak_nothing() {
    let test = TestDb::at_home().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let handler = move |State(db): State<Db>| async move {
        db.tx(&Cx::system(tenant), async |tx| {
            sqlx::query("select pg_sleep(0.001)").execute(tx.conn()).await?;
            codes(tx, "").await
        })
        .await
        .map_or_else(|error| error.to_string(), |codes| codes.join(" "))
    };
    let app = axum::Router::new().route("/", crate::web::routing::get(handler)).with_state(test.db.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..8 {
        clients.spawn(async move {
            for round in 0..50 {
                let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
                let ask = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
                tokio::io::AsyncWriteExt::write_all(&mut stream, ask).await.unwrap();
                tokio::time::sleep(Duration::from_millis((round + client) % 6)).await;
            }
        });
    }
    while clients.join_next().await.is_some() {}
    tokio::time::sleep(Duration::from_millis(50)).await;
    returned(&test.db).await;
    assert_eq!(in_transaction(&test).await, 0);
    for _ in 0..16 {
        assert_eq!(raw_tenant(&test.db).await, "");
    }
    server.abort();
}

/// Polls its work a number of times, then drops it in the middle.
struct DropAfter<F> {
    work: Pin<Box<F>>,
    polls: usize,
}

impl<F: Future> Future for DropAfter<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.polls -= 1;
        match self.work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if self.polls == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Waits until every connection is back in its pool.
async fn returned(db: &Db) {
    for _ in 0..500 {
        if db.connections().iter().all(|(_, open, idle)| *open as usize == *idle) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("connections did not come back: {:?}", db.connections());
}

/// How many connections of this database stand inside a transaction. Asked as
/// the owner: a role is not told what other sessions do.
async fn in_transaction(test: &TestDb) -> i64 {
    let mut owner = test.owner.connect().await.unwrap();
    sqlx::query_scalar(
        "select count(*) from pg_stat_activity where datname = current_database() \
         and state like 'idle in transaction%'",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap()
}

/// The tenant as the next user of an application connection would find it
/// before anything was set.
async fn raw_tenant(db: &Db) -> String {
    let mut tx = super::begin(&db.inner.home.app).await.unwrap();
    sqlx::query_scalar("select coalesce(current_setting('app.tenant_id', true), '')")
        .fetch_one(tx.conn())
        .await
        .unwrap()
}
