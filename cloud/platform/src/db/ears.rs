//! Listening that goes on by itself though the database goes away for a while.

use std::time::Duration;

use super::{Db, Listener, Told};

/// The wait after the first failure.
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(30);

/// Hears what transactions told on some channels, and connects again as long as it
/// takes: each time twice as long after a failure, less up to half by chance, so that
/// all that lost one database do not come back to it at once.
pub struct Ears {
    db: Db,
    channels: Vec<String>,
    listener: Option<Listener>,
    failures: u32,
}

impl Db {
    /// Listens on `channels`, from the first [`Ears::next`] on.
    #[must_use]
    pub fn ears(&self, channels: &[&str]) -> Ears {
        let channels = channels.iter().map(|channel| (*channel).to_owned()).collect();
        Ears { db: self.clone(), channels, listener: None, failures: 0 }
    }
}

impl Ears {
    /// The next notification; `None` at the beginning and whenever something may have
    /// been missed, so that whoever hears looks it up.
    pub async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(listener) = &mut self.listener {
                match listener.recv().await {
                    Ok(told) => {
                        self.failures = 0;
                        return told;
                    }
                    Err(error) => self.lost(&error),
                }
            }
            if self.failures > 0 {
                tokio::time::sleep(wait(self.failures, rand::random())).await;
            }
            let channels: Vec<&str> = self.channels.iter().map(String::as_str).collect();
            match self.db.listen(&channels).await {
                Ok(listener) => {
                    self.listener = Some(listener);
                    return None;
                }
                Err(error) => self.lost(&error),
            }
        }
    }

    fn lost(&mut self, error: &super::DbError) {
        self.listener = None;
        self.failures = self.failures.saturating_add(1);
        tracing::warn!(%error, channels = ?self.channels, failures = self.failures, "listening is tried again");
    }
}

/// How long to wait after so many failures in a row; `chance`, from 0 to 1, takes away
/// up to half.
fn wait(failures: u32, chance: f64) -> Duration {
    let full = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST);
    full.mul_f64(1.0 - 0.5 * chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use sqlx::ConnectOptions;

    use super::*;
    use crate::ctx::Cx;
    use crate::db::DbError;
    use crate::testing::TestDb;

    #[test]
    fn waits_double_up_to_a_bound_and_spread() {
        let all = [1, 2, 3, 6, 7, 1000].map(|failures| wait(failures, 0.0).as_millis());
        assert_eq!(all, [500, 1000, 2000, 16_000, 30_000, 30_000]);
        assert_eq!(wait(1, 1.0), Duration::from_millis(250));
    }

    #[tokio::test]
    async fn it_hears_again_after_its_connection_was_lost() {
        let test = TestDb::at_home().await;
        let tenant = test.tenant("SAIF", &[]).await;
        let tell = async |text: &str| {
            let done: Result<(), DbError> = test
                .db
                .tx(&Cx::system(tenant), async |tx| {
                    sqlx::query("select pg_notify('test_ears', $1)").bind(text).execute(tx.conn()).await?;
                    Ok(())
                })
                .await;
            done.unwrap();
        };
        let mut ears = test.db.ears(&["test_ears"]);
        assert_eq!(ears.next().await, None, "what was told before is looked up");
        tell("one").await;
        assert_eq!(ears.next().await.unwrap().payload, "one");
        let mut owner = test.owner.connect().await.unwrap();
        let ended: i64 = sqlx::query_scalar(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity
             where datname = current_database() and query ilike 'listen%'",
        )
        .fetch_one(&mut owner)
        .await
        .unwrap();
        assert_eq!(ended, 1);
        assert_eq!(ears.next().await, None, "something may have been missed");
        tell("two").await;
        assert_eq!(ears.next().await.unwrap().payload, "two");
    }
}
