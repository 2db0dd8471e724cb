//! Digests: collected, sent once at their hour, never empty.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::db::Tx;
use crate::notify::tests::{MAILED, Post, SHOWN};
use crate::notify::worker::turn;
use crate::notify::{Notice, Pace, Times, To, tell, times_set};

struct Box_ {
    post: Post,
    one: Uuid,
}

/// Thursday, 9:00 in Kolkata.
const MORNING: &str = "2027-01-14T03:30:00Z";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

impl Box_ {
    async fn new(pace: Pace) -> Self {
        let post = Post::new().await;
        let one = post.person("one@saif.example", "te", &[]).await;
        post.ask("update users set time_zone = 'Asia/Kolkata' returning email").await;
        post.wish(one, &MAILED, Some(pace)).await;
        Self { post, one }
    }

    async fn tell(&self, uid: &str, now: DateTime<Utc>) {
        let notice = Notice::new(To::Person(self.one), "/holds").with("uid", uid);
        let post = &self.post;
        post.test.db.tx(&post.cx, async |tx| tell(tx, &MAILED, &notice, now).await).await.unwrap();
        while post.turn_at(now).await.claimed > 0 {}
    }

    async fn waiting(&self) -> usize {
        self.post.ask("select kind from digest_entries").await.len()
    }
}

#[tokio::test]
async fn notices_wait_for_one_mail_at_the_persons_own_hour() {
    let inbox = Box_::new(Pace::Daily).await;
    let morning = at(MORNING);
    inbox.tell("COIL-1", morning).await;
    inbox.tell("COIL-2", morning + TimeDelta::hours(2)).await;
    assert_eq!((inbox.post.server.got().len(), inbox.waiting().await), (0, 2));
    assert_eq!(inbox.post.ask("select kind from notices").await.len(), 2, "shown at once all the same");
    // 8:00 in Kolkata the next day.
    let due = at("2027-01-15T02:30:00Z");
    assert_eq!(inbox.post.turn_at(due - TimeDelta::seconds(1)).await.claimed, 0);
    assert_eq!(inbox.post.turn_at(due).await.sent, 1);
    let got = inbox.post.server.got();
    let [mail] = &got[..] else { panic!("{got:?}") };
    let text = mail.part("text/plain");
    let (first, second) = (text.find("COIL-1").unwrap(), text.find("COIL-2").unwrap());
    assert!(first < second && text.contains("కాయిల్ COIL-1 ఆగింది."), "{text}");
    assert!(text.contains("09:00:00") && text.contains("https://tw.example/holds"), "{text}");
    assert!(mail.part("text/html").contains("href=\"https://tw.example/holds\""));
    assert_eq!(inbox.waiting().await, 0);
    // None the day after: nothing happened.
    assert_eq!(inbox.post.turn_at(due + TimeDelta::days(1)).await.claimed, 0);
    inbox.tell("COIL-3", due + TimeDelta::days(3)).await;
    assert_eq!(inbox.post.turn_at(due + TimeDelta::days(4)).await.sent, 1);
    assert_eq!(inbox.post.server.got().len(), 2);
}

#[tokio::test]
async fn a_weekly_one_moves_with_the_persons_hours() {
    let inbox = Box_::new(Pace::Weekly).await;
    let morning = at(MORNING);
    inbox.tell("COIL-1", morning).await;
    // Not on Monday at 8, but on Friday at 18.
    let times = Times { digest_hour: 18, digest_weekday: 5, ..Times::default() };
    let post = &inbox.post;
    times_set(&post.test.db, &post.cx, inbox.one, &times, morning).await.unwrap();
    let due = at("2027-01-15T12:30:00Z");
    assert_eq!(post.turn_at(due - TimeDelta::seconds(1)).await.claimed, 0);
    assert_eq!(post.turn_at(due).await.sent, 1);
}

#[tokio::test]
async fn one_without_anything_left_is_not_sent() {
    let inbox = Box_::new(Pace::Daily).await;
    inbox.tell("COIL-1", at(MORNING)).await;
    inbox.post.wish(inbox.one, &MAILED, None).await;
    assert_eq!(inbox.waiting().await, 0);
    assert_eq!(inbox.post.turn_at(at(MORNING) + TimeDelta::days(2)).await.claimed, 0);
    assert_eq!(inbox.post.ask("select pace from digests").await, Vec::<String>::new());
    assert!(inbox.post.server.got().is_empty());
}

#[tokio::test]
async fn workers_that_race_or_crash_send_it_once() {
    let inbox = Box_::new(Pace::Daily).await;
    for n in 0..3 {
        inbox.tell(&format!("COIL-{n}"), at(MORNING)).await;
    }
    let post = &inbox.post;
    let due = at("2027-01-15T02:30:00Z");
    // One ends in the middle: what it took out is there again.
    let cut_off: Result<(), crate::db::DbError> = post
        .test
        .db
        .tx(&post.cx, async |tx: &mut Tx| {
            assert_eq!(super::write_due(tx, due).await?, 1);
            Err(crate::db::DbError::from(sqlx::Error::WorkerCrashed))
        })
        .await;
    cut_off.unwrap_err();
    assert_eq!(inbox.waiting().await, 3);
    // Four at once.
    let turns = (0..4).map(|_| turn(&post.test.db, &post.courier, post.tenant, due));
    for done in futures_util::future::join_all(turns).await {
        done.unwrap();
    }
    while post.turn_at(due).await.claimed > 0 {}
    let got = post.server.got();
    assert_eq!(got.len(), 1);
    assert!((0..3).all(|n| got[0].part("text/plain").contains(&format!("COIL-{n}"))));
}

#[tokio::test]
async fn what_comes_while_one_is_written_waits_for_the_next() {
    let inbox = Box_::new(Pace::Daily).await;
    inbox.tell("COIL-1", at(MORNING)).await;
    let post = &inbox.post;
    let due = at("2027-01-15T02:30:00Z");
    let (kind, one) = (MAILED, inbox.one);
    let notice = Notice::new(To::Person(one), "/holds").with("uid", "COIL-2");
    // The digest is written, and not committed, when another notice is collected.
    let (db, cx) = (post.test.db.clone(), post.cx.clone());
    let (written, wait) = tokio::sync::oneshot::channel();
    let collecting = {
        let (db, cx) = (db.clone(), cx.clone());
        tokio::spawn(async move {
            wait.await.unwrap();
            db.tx(&cx, async |tx| super::collect(tx, &[(one, Pace::Daily)], (&kind, &notice), due, due).await)
                .await
        })
    };
    let done: Result<(), crate::db::DbError> = db
        .tx(&cx, async |tx| {
            assert_eq!(super::write_due(tx, due).await?, 1);
            written.send(()).unwrap();
            // Until the other one waits for this transaction.
            loop {
                let waits: i64 = sqlx::query_scalar(
                    "select count(*) from pg_locks where not granted and locktype in ('transactionid', 'tuple')",
                )
                .fetch_one(tx.conn())
                .await?;
                if waits > 0 {
                    return Ok(());
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
    done.unwrap();
    collecting.await.unwrap().unwrap();
    assert_eq!(inbox.waiting().await, 1);
    assert_eq!(post.ask("select pace from digests").await, ["daily"], "it is not forgotten");
    post.tell(&SHOWN, To::Person(one)).await;
    assert_eq!(post.turn_at(due + TimeDelta::days(1)).await.sent, 3, "both digests and the notice");
    assert_eq!(post.server.got().len(), 2);
}
