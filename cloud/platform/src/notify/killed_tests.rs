//! A worker that is killed while a mail is on its way: none is lost, and only the one
//! whose answer was not seen comes twice, under one Message-ID.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::To;
use super::tests::{MAILED, Post, courier};
use super::worker::turn;
use crate::outbox::CLAIM;
use crate::testing::{Manner, Moment, child};

/// What the worker is told.
#[derive(Serialize, Deserialize)]
struct Work {
    database: String,
    smtp_url: String,
    tenant: Uuid,
    now: DateTime<Utc>,
}

/// The worker that the test below kills; by itself it does nothing.
#[tokio::test]
async fn the_worker_that_is_killed() {
    let Some(work) = child::told::<Work>() else { return };
    let db = child::database(&work.database);
    turn(&db, &courier(work.smtp_url), work.tenant, work.now).await.unwrap();
}

#[tokio::test]
async fn a_worker_that_is_killed_in_the_middle_of_a_mail_loses_none() {
    let post = Post::new().await;
    let mut people = Vec::new();
    for n in 0..3 {
        people.push(post.person(&format!("p{n}@saif.example"), "", &[]).await);
    }
    let sent = async || {
        post.ask("select message_id::text from outbox where channel = 'mail' and state = 'sent'").await
    };
    let mut now = post.now;
    let mut mails = 0;
    for moment in [Moment::Greeting, Moment::Data, Moment::End] {
        for person in &people {
            post.tell(&MAILED, To::Person(*person)).await;
        }
        // The notices become mails, which the worker is to send.
        assert_eq!(post.turn_at(now).await.sent, people.len());
        mails += people.len();
        let before = post.server.got().len();
        let held = mails / people.len();
        post.server.treat(Manner::HoldOne(moment));
        let work = Work { database: post.test.url(), smtp_url: post.server.url(), tenant: post.tenant, now };
        let mut worker = child::start("notify::killed_tests::the_worker_that_is_killed", &work);
        // One mail is held there, and the others are sent and noted.
        post.server.wait_held(held).await;
        tokio::time::timeout(Duration::from_secs(60), async {
            while sent().await.len() < mails - 1 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("the others are sent");
        assert!(worker.try_wait().unwrap().is_none(), "it waits for the server");
        worker.kill().await.unwrap();
        post.server.wait_gone(held).await;

        assert_eq!(post.turn_at(now).await.claimed, 0, "the claim of the dead worker stands");
        now += CLAIM;
        let turn = post.turn_at(now).await;
        assert_eq!((turn.claimed, turn.sent), (1, 1), "{moment:?}");
        assert_eq!(post.turn_at(now + TimeDelta::days(1)).await.claimed, 0, "and no more");
        let twice = usize::from(moment == Moment::End);
        assert_eq!(post.server.got().len() - before, people.len() + twice, "{moment:?}");
        assert_eq!(sent().await.len(), mails, "{moment:?}");
    }

    // Each message came under an id of its own, which is that of the outbox.
    let mut came: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
    for got in post.server.got() {
        came.entry(got.header("message-id")).or_default().push(got.to);
    }
    let mut expected: Vec<String> =
        sent().await.into_iter().map(|id| format!("<{id}.SAIF@tw.example>")).collect();
    expected.sort_unstable();
    assert_eq!(came.keys().cloned().collect::<Vec<_>>(), expected);
    assert_eq!(came.values().filter(|all| all.len() == 2 && all[0] == all[1]).count(), 1);
    assert_eq!(came.values().filter(|all| all.len() == 1).count(), mails - 1);
    for n in 0..people.len() {
        let to = vec![format!("p{n}@saif.example")];
        assert_eq!(came.values().filter(|all| all[0] == to).count(), mails / people.len());
    }
}
