//! What becomes of tenants whose trial is over and whose time of grace has passed: the
//! running cloud erases them, or, where the settings turn that off, the log names them. It holds the
//! owner's login of its database anyway (`database_url`), which erasing needs.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use analytics::mirror::{MirrorError, Mirrors};
use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use platform::admin::log::Who;
use platform::db::Db;
use platform::tenancy::erase::Certificate;
use platform::tenancy::{self, At, DataError, Due};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::config::Config;
use crate::{modules, tenant};

/// How often it is looked who is due.
const EVERY: Duration = Duration::from_secs(3600);
/// After which the log names those again who are due still.
const AGAIN: TimeDelta = TimeDelta::hours(24);
/// Who orders it, in certificates.
const BY: &str = "the cloud, as its setting erase_due says";
/// The folder of certificates in the state folder.
const CERTIFICATES: &str = "erased";

/// Looks after those who are due.
pub struct Cleanup {
    config: Config,
    mirrors: Mirrors,
    /// Who was named last, and when.
    named: Option<(Vec<String>, DateTime<Utc>)>,
}

/// What became of those who were due.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Codes of those who are due and were left alone.
    pub due: Vec<String>,
    /// Codes of those who were erased.
    pub erased: Vec<String>,
    /// Codes of those with whom something went wrong; they are tried again.
    pub failed: Vec<String>,
}

impl Cleanup {
    /// With the mirrors of this process, if it keeps any.
    pub fn new(config: Config, mirrors: Mirrors) -> Self {
        Self { config, mirrors, named: None }
    }

    /// Looks every hour, until `stop`. What was cut short goes on at the next look.
    pub async fn run(mut self, db: Db, stop: CancellationToken) {
        loop {
            if let Err(error) = self.look(&db, Utc::now(), &stop).await {
                tracing::error!(error = format!("{error:#}"), "tenants that are due were not looked after");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Looks once.
    ///
    /// # Errors
    /// What stands in the way of all of them; what is wrong with one is logged and keeps no
    /// other waiting.
    pub async fn look(
        &mut self,
        db: &Db,
        now: DateTime<Utc>,
        stop: &CancellationToken,
    ) -> anyhow::Result<Looked> {
        let due = tenancy::due(db, now).await?;
        let codes: Vec<String> = due.iter().map(|one| one.code.clone()).collect();
        if due.is_empty() {
            self.named = None;
            return Ok(Looked::default());
        }
        if !self.config.erase_due {
            if is_news(self.named.as_ref(), &codes, now) {
                tracing::warn!(
                    tenants = codes.join(", "),
                    "due to be erased: `cloud tenant erase --due`, or the setting erase_due"
                );
                self.named = Some((codes.clone(), now));
            }
            return Ok(Looked { due: codes, ..Looked::default() });
        }
        self.erase(db, now, stop).await
    }

    async fn erase(&self, db: &Db, now: DateTime<Utc>, stop: &CancellationToken) -> anyhow::Result<Looked> {
        let authority = crate::commands::open_authority(&self.config, db).await?;
        let files = self.config.files(modules::attached())?;
        let folder = self.config.state_dir.join(CERTIFICATES);
        let beside = |tenant: Uuid| tenant::boxed(self.forget(tenant));
        let who = Who::system();
        let order = tenancy::Order {
            authority: &authority,
            by: BY,
            who: &who,
            files: Some(files.depot()?),
            beside: &beside,
        };
        let mut looked = Looked::default();
        let mut done = |one: &Due, erased: Result<Certificate, DataError>| match erased {
            Ok(certificate) => {
                tracing::warn!(tenant = one.code, "erased, as it was due");
                if let Err(error) = keep(&folder, one, &certificate, now) {
                    // It is kept in the control schema all the same.
                    tracing::error!(error = format!("{error:#}"), "the certificate is not in its folder");
                }
                looked.erased.push(one.code.clone());
            }
            Err(error) => {
                tracing::error!(tenant = one.code, %error, "due to be erased, and not done with; see the log before this");
                looked.failed.push(one.code.clone());
            }
        };
        let mut watch = |_: &At| match stop.is_cancelled() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        match tenancy::erase_due(db, &order, now, &mut watch, &mut done).await {
            Ok(()) => {}
            Err(DataError::Stopped) => tracing::info!("an erasure was stopped; it goes on at the next start"),
            Err(error) => return Err(error.into()),
        }
        Ok(looked)
    }

    /// Removes a tenant's mirror, and what was exported of it.
    async fn forget(&self, tenant: Uuid) -> anyhow::Result<()> {
        match self.mirrors.forget(tenant).await {
            Ok(()) => tenant::forget_exports(&self.config, tenant).await,
            // They are another process's, or nobody's.
            Err(MirrorError::Elsewhere) => tenant::forget_mirror(&self.config, tenant).await,
            Err(error) => Err(error).context("removing the mirror"),
        }
    }
}

/// Whether the log has to name them: they are others than before, or it was a day ago.
fn is_news(named: Option<&(Vec<String>, DateTime<Utc>)>, codes: &[String], now: DateTime<Utc>) -> bool {
    named.is_none_or(|(before, at)| before != codes || now - *at >= AGAIN)
}

/// Writes a certificate to the folder of them.
fn keep(folder: &Path, one: &Due, certificate: &Certificate, now: DateTime<Utc>) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let file = folder.join(format!("{}-erased-{}.json", one.code, now.format("%Y%m%dT%H%M%SZ")));
    let text = serde_json::to_string_pretty(certificate)?;
    std::fs::write(&file, &text).with_context(|| format!("writing {}; here it is: {text}", file.display()))
}

#[cfg(test)]
mod tests {
    use platform::db::DbError;
    use platform::testing::TestDb;

    use super::*;

    async fn run(test: &TestDb, sql: &'static str, tenant: Uuid, at: DateTime<Utc>) {
        let done: Result<(), DbError> = test
            .db
            .system_tx(async |system| {
                sqlx::query(sql).bind(tenant).bind(at).execute(system.conn()).await?;
                Ok(())
            })
            .await;
        done.unwrap();
    }

    fn codes(codes: &[&str]) -> Vec<String> {
        codes.iter().map(|code| (*code).to_owned()).collect()
    }

    #[test]
    fn the_log_names_them_once_a_day_and_when_they_are_others() {
        let now = Utc::now();
        let before = (codes(&["AAAA"]), now);
        assert!(is_news(None, &codes(&["AAAA"]), now));
        assert!(!is_news(Some(&before), &codes(&["AAAA"]), now + TimeDelta::hours(23)));
        assert!(is_news(Some(&before), &codes(&["AAAA"]), now + AGAIN));
        assert!(is_news(Some(&before), &codes(&["BBBB"]), now));
    }

    #[tokio::test]
    async fn those_who_are_due_are_erased_where_the_settings_say_so_and_when_it_is_time() {
        let test = TestDb::at_home().await;
        let (end, stop) = (Utc::now(), CancellationToken::new());
        let (first, second) = (test.tenant("AAAA", &["KOL"]).await, test.tenant("BBBB", &["KOL"]).await);
        test.tenant("CCCC", &["KOL"]).await;
        for (tenant, hours) in [(first, 0), (second, 1)] {
            let sql = "insert into control.subscriptions (tenant_id, plan, since, erase_after, only_trials)
                       values ($1, 'TRIAL', $2, $2, true)";
            run(&test, sql, tenant, end + TimeDelta::hours(hours)).await;
            let sql = "update control.tenants set status = 'suspended' where tenant_id = $1 and $2 <> now()";
            run(&test, sql, tenant, end).await;
        }
        let dir = tempfile::tempdir().unwrap();
        let dir_of = dir.path().to_owned();
        let mut config = Config { state_dir: dir_of, erase_due: false, ..Config::default() };
        let late = end + TimeDelta::hours(2);

        // Where it is turned off, it does nothing but tell.
        let looked =
            Cleanup::new(config.clone(), Mirrors::default()).look(&test.db, late, &stop).await.unwrap();
        assert_eq!(looked, Looked { due: codes(&["AAAA", "BBBB"]), ..Looked::default() });

        config.erase_due = true;
        let exported = config.exports().unwrap().folder_of(second).unwrap();
        std::fs::create_dir_all(&exported).unwrap();
        std::fs::write(exported.join("2026-11.parquet"), "facts").unwrap();
        let mut cleanup = Cleanup::new(config, Mirrors::default());
        let early = end - TimeDelta::seconds(1);
        assert_eq!(cleanup.look(&test.db, early, &stop).await.unwrap(), Looked::default());
        // It is told to stop: nothing is done by halves, and the next one goes on.
        let stopped = CancellationToken::new();
        stopped.cancel();
        assert_eq!(cleanup.look(&test.db, late, &stopped).await.unwrap(), Looked::default());
        // A move of the first was cut short: it fails, and the second is erased all the same.
        let sql = "insert into control.moves (tenant_id, source, target, state)
                   select $1, 'shared', 'shared', 'copying' where $2 <> now()";
        run(&test, sql, first, end).await;
        let looked = cleanup.look(&test.db, late, &stop).await.unwrap();
        let expected = Looked { erased: codes(&["BBBB"]), failed: codes(&["AAAA"]), ..Looked::default() };
        assert_eq!(looked, expected);
        assert!(!exported.exists(), "what was exported of it is gone");
        run(&test, "delete from control.moves where tenant_id = $1 and $2 <> now()", first, end).await;
        let looked = cleanup.look(&test.db, late, &stop).await.unwrap();
        assert_eq!(looked, Looked { erased: codes(&["AAAA"]), ..Looked::default() });
        assert_eq!(cleanup.look(&test.db, late, &stop).await.unwrap(), Looked::default());

        let mut certified = Vec::new();
        for entry in std::fs::read_dir(dir.path().join(CERTIFICATES)).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let statement = serde_json::from_str::<Certificate>(&text).unwrap().check().unwrap();
            assert_eq!(statement.by, BY);
            certified.push(statement.code);
        }
        certified.sort();
        assert_eq!(certified, ["AAAA", "BBBB"]);
        let left = tenancy::tenants(&test.db).await.unwrap();
        assert_eq!(left.into_iter().map(|one| one.code).collect::<Vec<_>>(), ["CCCC"]);
    }
}
