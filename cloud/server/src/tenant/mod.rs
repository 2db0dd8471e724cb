//! `cloud tenant` and `cloud migrate`: where tenants live, and whether they are let in.

mod args;
mod erasing;
mod keeping;
mod looking;
mod making;
mod moving;
mod noted;

use chrono::Utc;
use platform::admin::log::Who;
use platform::db::Db;
use platform::plans::{self, PlanError};

use crate::commands::tenant;
use crate::config::Config;
use crate::database::Database;
use crate::operator;

pub use args::TenantCommand;
pub(crate) use erasing::{boxed, forget_exports, forget_mirror};
pub use looking::migrate;

/// `cloud tenant …`.
pub async fn run(config: &Config, command: TenantCommand) -> anyhow::Result<()> {
    let database = Database::attach(config).await?;
    let done = work(config, &database.db, command).await;
    database.close().await;
    done
}

async fn work(config: &Config, db: &Db, command: TenantCommand) -> anyhow::Result<()> {
    match command {
        TenantCommand::Create(args) => making::create(db, &operator::who(args.by.as_deref()), &args).await,
        TenantCommand::List => looking::list(db).await,
        TenantCommand::Show { code } => looking::show(db, &code).await,
        TenantCommand::Suspend { code, reason, by } => {
            standing(db, &operator::who(by.as_deref()), &code, Some(reason.trim())).await
        }
        TenantCommand::Resume { code, by } => standing(db, &operator::who(by.as_deref()), &code, None).await,
        TenantCommand::Move(args) => moving::moving(db, &args).await,
        TenantCommand::Backup { code, file, by } => {
            keeping::backup(config, db, &operator::who(by.as_deref()), (&code, file)).await
        }
        TenantCommand::Restore(args) => keeping::restore(config, db, &args).await,
        TenantCommand::Export { code, file, by } => {
            keeping::export(config, db, &operator::who(by.as_deref()), (&code, file)).await
        }
        TenantCommand::Erase(args) if args.due => erasing::erase_due(config, db, &args).await,
        TenantCommand::Erase(args) => erasing::erase(config, db, &args).await,
        TenantCommand::Erased { file } => erasing::erased(&file),
    }
}

/// Shuts a tenant out for a reason, or lets it in again, as its page does.
async fn standing(db: &Db, who: &Who, code: &str, reason: Option<&str>) -> anyhow::Result<()> {
    let tenant = tenant(db, code).await?;
    let changed = match plans::set_status(db, who, tenant.id, reason, Utc::now()).await {
        Err(PlanError::TrialOver) => anyhow::bail!(
            "the trial of {code} is over, so that it would be suspended again at once: extend the trial or \
             give it a plan first (/admin/tenants/{})",
            tenant.id
        ),
        Err(PlanError::Erasing) => anyhow::bail!(
            "its erasure was begun, so that a part of it may be gone: `cloud tenant erase {code}` ends it, \
             `cloud tenant restore --replace` has a backup take its place"
        ),
        done => done?,
    };
    match (reason, changed) {
        (Some(_), true) => println!(
            "{code} is suspended: nobody of it is let in. Its plants keep what they record and send it later."
        ),
        (None, true) => println!("{code} is let in again"),
        (Some(_), false) => println!("{code} is suspended already"),
        (None, false) => println!("{code} is active already"),
    }
    Ok(())
}
