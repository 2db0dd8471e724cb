//! `cloud secrets`: the keys under which sensitive fields are sealed.

use platform::ctx::Cx;
use platform::db::Db;
use platform::secrets::Secrets;
use platform::{people, tenancy};

use crate::config::Config;
use crate::database::Database;

/// Commands about the keys of sensitive fields.
#[derive(clap::Subcommand)]
pub enum SecretsCommand {
    /// Add a key, and bring everything that is sealed under it. A cloud that runs
    /// hears of it by itself. Keys before stay in the file, for backups.
    Rotate,
    /// Bring everything that is sealed under the last key, as after one was added to
    /// the configuration.
    Reseal,
}

/// `cloud secrets …`.
pub async fn run(config: &Config, command: SecretsCommand) -> anyhow::Result<()> {
    let database = Database::attach(config).await?;
    let done = work(config, &database.db, &command).await;
    database.close().await;
    done
}

async fn work(config: &Config, db: &Db, command: &SecretsCommand) -> anyhow::Result<()> {
    let secrets = config.secrets()?;
    if let SecretsCommand::Rotate = command {
        anyhow::ensure!(
            config.secret_keys.is_empty(),
            "the keys stand in the configuration: add one to secret_keys, restart, and run `cloud secrets reseal`"
        );
        println!("{} seals from now on", secrets.add_key()?);
    }
    let Resealed { done, left } = reseal(db, &secrets).await?;
    println!("{done} secrets were sealed anew");
    anyhow::ensure!(
        left.is_empty(),
        "what these tenants have is sealed as before; keep the keys, and run `cloud secrets reseal` again:\n  {}",
        left.join("\n  ")
    );
    Ok(())
}

/// What came of it.
struct Resealed {
    /// How many secrets were sealed anew.
    done: usize,
    /// Tenants that could not be reached, each with why.
    left: Vec<String>,
}

/// Brings everything under the key that seals now, of every tenant: one that is suspended
/// keeps its secrets, and is let in again some day. One that cannot be written (it is being
/// moved, or its database is away) keeps no other waiting.
async fn reseal(db: &Db, secrets: &Secrets) -> anyhow::Result<Resealed> {
    let mut done = db.system_tx(async |system| platform::admin::reseal(system, secrets).await).await?;
    done += platform::tokens::reseal(db, secrets).await?;
    let mut left = Vec::new();
    for tenant in tenancy::tenants(db).await? {
        if let Some(since) = tenant.paused_at {
            left.push(format!("{}: it is being moved since {}", tenant.code, since.format("%Y-%m-%d %H:%M")));
            continue;
        }
        match reseal_one(db, &Cx::system(tenant.id), secrets).await {
            Ok(count) => done += count,
            Err(error) => left.push(format!("{}: {error:#}", tenant.code)),
        }
    }
    Ok(Resealed { done, left })
}

async fn reseal_one(db: &Db, cx: &Cx, secrets: &Secrets) -> anyhow::Result<usize> {
    db.tx(cx, async |tx| {
        let codes = people::reseal(tx, secrets).await?;
        let webhooks = platform::notify::reseal(tx, secrets).await?;
        let messages = platform::outbox::reseal(tx, secrets).await?;
        let servers = platform::settings::reseal(tx, secrets).await?;
        let fields = platform::masters::reseal(tx, secrets).await?;
        let providers = people::reseal_provider(tx, secrets).await?;
        let proofs = trace::proofs::heads::reseal(tx, secrets).await?;
        let passports = trace::passports::reseal(tx, secrets).await?;
        anyhow::Ok(codes + webhooks + messages + servers + fields + providers + proofs + passports)
    })
    .await
}

#[cfg(test)]
mod tests {
    use chrono::Utc;
    use platform::admin::log::Who;
    use platform::db::DbError;
    use platform::testing::TestDb;
    use uuid::Uuid;

    use super::*;

    /// The field as which the password of a mail server is sealed.
    const FIELD: &str = "smtp";

    async fn sealed(db: &Db, tenant: Uuid) -> Vec<u8> {
        let found: Result<Vec<u8>, DbError> = db
            .tx(&Cx::system(tenant), async |tx| {
                let sql = "select smtp_password from mail_settings where tenant_id = $1";
                Ok(sqlx::query_scalar(sql).bind(tenant).fetch_one(tx.conn()).await?)
            })
            .await;
        found.unwrap()
    }

    #[tokio::test]
    async fn no_tenant_that_has_data_is_left_under_an_old_key() {
        let test = TestDb::new().await;
        let db = &test.db;
        let folder = tempfile::tempdir().unwrap();
        let secrets = Secrets::load_or_create(&folder.path().join("keys")).unwrap();
        let [active, suspended, moving] =
            [test.tenant("AAAA", &[]).await, test.tenant("BBBB", &[]).await, test.tenant("CCCC", &[]).await];
        for tenant in [active, suspended, moving] {
            let password = secrets.seal(tenant, FIELD, b"hush").unwrap();
            let done: Result<(), DbError> = db
                .tx(&Cx::system(tenant), async |tx| {
                    let sql = "insert into mail_settings (tenant_id, smtp_host, from_address, smtp_password)
                               values ($1, 'mail.example', 'a@b.example', $2)";
                    sqlx::query(sql).bind(tenant).bind(&password).execute(tx.conn()).await?;
                    Ok(())
                })
                .await;
            done.unwrap();
        }
        let now = Utc::now();
        platform::plans::set_status(db, &Who::system(), suspended, Some("unpaid"), now).await.unwrap();
        let pause: Result<(), DbError> = db
            .system_tx(async |system| {
                let sql = "update control.tenants set paused_at = now() where tenant_id = $1";
                sqlx::query(sql).bind(moving).execute(system.conn()).await?;
                Ok(())
            })
            .await;
        pause.unwrap();
        let old = Secrets::load_or_create(&folder.path().join("keys")).unwrap();
        let before = std::fs::read_to_string(folder.path().join("keys")).unwrap();
        secrets.add_key().unwrap();
        let Resealed { done, left } = reseal(db, &secrets).await.unwrap();
        assert_eq!(done, 2);
        assert!(left.len() == 1 && left[0].starts_with("CCCC"), "{left:?}");
        // Under the last key alone, as when the one before is dropped.
        let after = std::fs::read_to_string(folder.path().join("keys")).unwrap();
        let last = after.strip_prefix(&before).unwrap().trim().to_owned();
        let last = Secrets::from_keys(&[last]).unwrap();
        for tenant in [active, suspended] {
            assert_eq!(last.open(tenant, FIELD, &sealed(db, tenant).await).unwrap(), b"hush");
        }
        assert_eq!(old.open(moving, FIELD, &sealed(db, moving).await).unwrap(), b"hush");
        assert_eq!(reseal(db, &secrets).await.unwrap().done, 0, "once is enough");
    }
}
