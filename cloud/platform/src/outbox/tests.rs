//! Messages from the transaction that puts them to their end.

use serde_json::json;

use super::*;
use crate::testing::TestDb;

struct Box {
    test: TestDb,
    cx: Cx,
    now: DateTime<Utc>,
}

impl Box {
    async fn new() -> Self {
        let test = TestDb::new().await;
        let cx = Cx::system(test.tenant("SAIF", &[]).await);
        Self { test, cx, now: DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).unwrap() }
    }

    async fn put(&self, kind: &str) -> Uuid {
        let message = Message::new(Channel::Webhook, kind, None, json!({}));
        self.put_message(&message).await;
        message.id
    }

    async fn put_message(&self, message: &Message) {
        self.test.db.tx(&self.cx, async |tx| put(tx, message, self.now).await).await.unwrap();
    }

    async fn claim_at(&self, limit: i64, now: DateTime<Utc>) -> Vec<Claimed> {
        let claimed = self.test.db.tx(&self.cx, async |tx| {
            bury_worn(tx, now).await?;
            let mut claimed = claim(tx, Lane::People, limit, now).await?;
            let room = limit - claimed.len() as i64;
            claimed.extend(claim(tx, Lane::Webhooks, room, now).await?);
            Ok::<_, DbError>(claimed)
        });
        claimed.await.unwrap()
    }

    async fn settle(&self, claimed: &Claimed, outcome: Result<(), Failure>, now: DateTime<Utc>) -> Settled {
        let done = self.test.db.tx(&self.cx, async |tx| settle(tx, claimed, outcome.clone(), 0.0, now).await);
        done.await.unwrap()
    }

    async fn states(&self) -> Vec<(String, i32, String)> {
        let done: Result<_, DbError> = self
            .test
            .db
            .tx(&self.cx, async |tx| {
                let sql = "select state, attempts, last_error from outbox order by message_id";
                Ok(sqlx::query_as(sql).fetch_all(tx.conn()).await?)
            })
            .await;
        done.unwrap()
    }
}

crate::in_every_placement! {
async fn only_what_was_committed_is_sent() {
    let outbox = Box::new().await;
    let failed: Result<(), DbError> = outbox
        .test
        .db
        .tx(&outbox.cx, async |tx| {
            put(tx, &Message::new(Channel::Webhook, "a.b", None, json!({})), outbox.now).await?;
            Err(sqlx::Error::RowNotFound.into())
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(outbox.claim_at(10, outbox.now).await.len(), 0);
    let id = outbox.put("a.c").await;
    let claimed = outbox.claim_at(10, outbox.now).await;
    assert_eq!((claimed.len(), claimed[0].id, claimed[0].attempt), (1, id, 1));
    assert_eq!(outbox.settle(&claimed[0], Ok(()), outbox.now).await, Settled::Sent);
    assert_eq!(outbox.settle(&claimed[0], Ok(()), outbox.now).await, Settled::Lost, "it ended");
}
}

#[test]
fn sending_ends_well_before_its_claim() {
    assert!(SENT_WITHIN + Duration::from_secs(30) <= CLAIM.to_std().unwrap());
}

#[tokio::test]
async fn a_claim_is_one_workers_until_it_runs_out() {
    let outbox = Box::new().await;
    for _ in 0..5 {
        outbox.put("a.b").await;
    }
    let (one, two) = tokio::join!(outbox.claim_at(3, outbox.now), outbox.claim_at(3, outbox.now));
    let mut ids: Vec<Uuid> = one.iter().chain(&two).map(|claimed| claimed.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), one.len() + two.len(), "no message is two workers'");
    // Between two claims at once the second may have passed over the first's rows.
    let rest = outbox.claim_at(10, outbox.now).await;
    assert_eq!(ids.len() + rest.len(), 5);

    // The worker is gone: another one gets the message, and the first one's word
    // counts no more.
    let later = outbox.now + CLAIM;
    let again = outbox.claim_at(10, later).await;
    assert_eq!(again.len(), 5);
    assert!(again.iter().all(|claimed| claimed.attempt == 2));
    assert_eq!(outbox.settle(&one[0], Ok(()), later).await, Settled::Lost);
    let same = again.iter().find(|claimed| claimed.id == one[0].id).unwrap();
    assert_eq!(outbox.settle(same, Ok(()), later).await, Settled::Sent);
}

#[tokio::test]
async fn what_fails_waits_longer_each_time_and_is_dead_one_day() {
    let outbox = Box::new().await;
    let id = outbox.put("a.b").await;
    let mut now = outbox.now;
    for attempt in 1..=LAST_ATTEMPT {
        let claimed = outbox.claim_at(1, now).await.pop().unwrap();
        assert_eq!(claimed.attempt, attempt);
        let settled = outbox.settle(&claimed, Err(Failure::Again("busy\n".into())), now).await;
        assert_eq!(settled, if attempt < LAST_ATTEMPT { Settled::Waits } else { Settled::Dead });
        let almost = now + wait(attempt, 0.0) - TimeDelta::seconds(1);
        assert_eq!(outbox.claim_at(1, almost).await.len(), 0, "not before its time");
        now += wait(attempt, 0.0);
    }
    assert_eq!(outbox.states().await, [("dead".to_owned(), LAST_ATTEMPT, "busy".to_owned())]);
    let dead = Filter { state: Some(State::Dead), ..Filter::default() };
    let listed =
        outbox.test.db.tx(&outbox.cx, async |tx| list(tx, &dead, None, 10, now).await).await.unwrap();
    assert_eq!((listed.len(), listed[0].id, listed[0].replayable), (1, id, true));

    let other = Cx::system(outbox.test.tenant("OTHR", &[]).await);
    assert!(!replay(&outbox.test.db, &other, id, now).await.unwrap(), "another tenant's");
    assert!(replay(&outbox.test.db, &outbox.cx, id, now).await.unwrap());
    let claimed = outbox.claim_at(1, now).await.pop().unwrap();
    assert_eq!((claimed.id, claimed.attempt), (id, 1));
    assert_eq!(outbox.settle(&claimed, Err(Failure::Never("no".into())), now).await, Settled::Dead);
}

#[tokio::test]
async fn a_message_that_ends_its_worker_each_time_is_dead_one_day() {
    let outbox = Box::new().await;
    outbox.put("a.b").await;
    let mut now = outbox.now;
    for _ in 1..=LAST_ATTEMPT {
        assert_eq!(outbox.claim_at(1, now).await.len(), 1);
        now += CLAIM;
    }
    assert_eq!(outbox.claim_at(1, now).await.len(), 0);
    assert_eq!(
        outbox.states().await,
        [("dead".to_owned(), LAST_ATTEMPT, "no attempt came to an end".to_owned())]
    );
}

crate::in_every_placement! {
async fn secrets_are_sealed_and_gone_once_nobody_needs_them() {
    let outbox = Box::new().await;
    let secrets = Secrets::passing().unwrap();
    let tenant = outbox.cx.tenant;
    let message = Message::new(Channel::Mail, "people.reset", None, json!({}))
        .until(outbox.now + TimeDelta::hours(1))
        .sealing(&secrets, tenant, b"the link")
        .unwrap();
    outbox.put_message(&message).await;
    let sealed = message.sealed.clone().unwrap();
    assert!(!sealed.windows(8).any(|window| window == b"the link"));
    let claimed = outbox.claim_at(1, outbox.now).await.pop().unwrap();
    assert_eq!(claimed.secret(&secrets, tenant).unwrap().unwrap(), b"the link");
    assert_eq!(outbox.settle(&claimed, Ok(()), outbox.now).await, Settled::Sent);
    let left: Result<Option<Vec<u8>>, DbError> = outbox
        .test
        .db
        .tx(&outbox.cx, async |tx| {
            Ok(sqlx::query_scalar("select sealed from outbox").fetch_one(tx.conn()).await?)
        })
        .await;
    assert_eq!(left.unwrap(), None);
    assert!(!replay(&outbox.test.db, &outbox.cx, message.id, outbox.now).await.unwrap(), "its link is gone");

    // What is of no use any more is not sent.
    let late = Message { id: Uuid::now_v7(), ..message };
    outbox.put_message(&late).await;
    assert_eq!(outbox.claim_at(1, outbox.now + TimeDelta::hours(1)).await.len(), 0);
    assert_eq!(outbox.states().await[1].0, "void");
}
}

/// What stays inside is nobody's to see, unless it was given up: then it can be sent again.
#[tokio::test]
async fn a_notice_that_was_given_up_is_listed_and_sent_again() {
    let outbox = Box::new().await;
    let (db, cx, now) = (&outbox.test.db, &outbox.cx, outbox.now);
    let notice = Message::new(Channel::Notice, "a.b", None, json!({ "to": { "permission": "a" } }));
    outbox.put_message(&notice).await;
    let listed = async || {
        let all = db.tx(cx, async |tx| list(tx, &Filter::default(), None, 10, now).await).await.unwrap();
        all.iter().map(|one| (one.id, one.replayable)).collect::<Vec<_>>()
    };
    assert!(listed().await.is_empty());
    let claimed = outbox.claim_at(1, now).await.pop().unwrap();
    outbox.settle(&claimed, Err(Failure::Never("no".into())), now).await;
    assert_eq!(listed().await, [(notice.id, true)]);
    assert_eq!(replay_all(db, cx, &Filter::default(), now).await.unwrap(), 1);
    assert_eq!(outbox.claim_at(1, now).await[0].id, notice.id);
}

/// A mail that was sent and came back: its link is not kept, and without it the mail says
/// nothing.
#[tokio::test]
async fn what_came_back_is_not_sent_again_without_its_link() {
    let outbox = Box::new().await;
    let (db, cx, now) = (&outbox.test.db, &outbox.cx, outbox.now);
    let (secrets, person) = (Secrets::passing().unwrap(), Uuid::now_v7());
    let invitation = || {
        Message::new(Channel::Mail, "people.invite", Some(person), json!({}))
            .until(now + TimeDelta::days(7))
            .sealing(&secrets, cx.tenant, b"the link")
            .unwrap()
    };
    let dead = Filter { state: Some(State::Dead), ..Filter::default() };
    let listed = async || {
        let all = db.tx(cx, async |tx| list(tx, &dead, None, 10, now).await).await.unwrap();
        all.iter().map(|one| (one.id, one.replayable, one.wants_link)).collect::<Vec<_>>()
    };
    let back = invitation();
    outbox.put_message(&back).await;
    let claimed = outbox.claim_at(1, now).await.pop().unwrap();
    assert!(!claimed.secret_gone);
    assert_eq!(outbox.settle(&claimed, Ok(()), now).await, Settled::Sent);
    db.tx(cx, async |tx| bounced(tx, back.id, "550 5.1.1 gone", now).await).await.unwrap();
    assert_eq!(listed().await, [(back.id, false, Some(person))]);
    assert!(!replay(db, cx, back.id, now).await.unwrap());
    assert_eq!(replay_all(db, cx, &dead, now).await.unwrap(), 0);

    // One that never went out has its link still.
    let refused = invitation();
    outbox.put_message(&refused).await;
    let claimed = outbox.claim_at(1, now).await.pop().unwrap();
    assert_eq!(outbox.settle(&claimed, Err(Failure::Never("no".into())), now).await, Settled::Dead);
    assert_eq!(listed().await, [(refused.id, true, None), (back.id, false, Some(person))]);
    assert!(replay(db, cx, refused.id, now).await.unwrap());
}

#[tokio::test]
async fn what_ended_is_forgotten_and_the_dead_later() {
    let outbox = Box::new().await;
    for outcome in [Ok(()), Err(Failure::Never("no".into()))] {
        outbox.put("a.b").await;
        let claimed = outbox.claim_at(1, outbox.now).await.pop().unwrap();
        outbox.settle(&claimed, outcome, outbox.now).await;
    }
    outbox.put("a.b").await;
    let forget = async |after: TimeDelta| {
        let now = outbox.now + after;
        outbox.test.db.tx(&outbox.cx, async |tx| forget(tx, 1000, now).await).await.unwrap()
    };
    assert_eq!(forget(KEEP_ENDED).await, 0);
    assert_eq!(forget(KEEP_ENDED + TimeDelta::seconds(1)).await, 1);
    assert_eq!(forget(KEEP_DEAD + TimeDelta::seconds(1)).await, 1);
    assert_eq!(outbox.states().await.len(), 1, "what waits stays");
}
