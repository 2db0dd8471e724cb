//! `cloud admin …`: super-administrators, from the machine itself.

use anyhow::Context;
use chrono::Utc;
use platform::admin::{self, log};

use crate::config::Config;
use crate::database::Database;

/// Commands about super-administrators.
#[derive(clap::Subcommand)]
pub enum AdminCommand {
    /// Make a super-administrator, and print the link by which a password is set. For
    /// one who is there already: a new password and new codes.
    Invite {
        /// E-mail address.
        email: String,
        /// Name, as others see it.
        #[arg(long)]
        name: String,
        /// Address of the pages, when it is not that of the configuration.
        #[arg(long)]
        url: Option<String>,
    },
    /// List super-administrators.
    List,
    /// Make a key by which a program asks the API of super-administrators, and print it,
    /// this once.
    Key {
        /// E-mail address of the super-administrator it speaks for.
        email: String,
        /// What it is for.
        #[arg(long)]
        name: String,
        /// Days until it expires, 365 at most.
        #[arg(long, default_value_t = 90)]
        days: i64,
    },
    /// Let a tenant be reached from every address again: for one whose network changed
    /// and who is shut out.
    OpenAddresses {
        /// Tenant's code.
        #[arg(long)]
        tenant: String,
    },
    /// Check the log of super-administrators: that no row was changed or taken out.
    Verify,
}

/// `cloud admin …`.
pub async fn run(config: &Config, command: AdminCommand) -> anyhow::Result<()> {
    let database = Database::attach(config).await?;
    let db = &database.db;
    match command {
        AdminCommand::Invite { email, name, url } => {
            let invited = admin::invite(db, &log::Who::system(), &email, &name, Utc::now()).await?;
            let url = url.unwrap_or_else(|| config.url());
            println!("{}/admin/invitation/{}", url.trim_end_matches('/'), invited.link.reveal());
        }
        AdminCommand::List => {
            for admin in admin::list(db).await? {
                println!("{}  {}  {}", admin.email, admin.status, admin.name);
            }
        }
        AdminCommand::Key { email, name, days } => {
            let key = admin::key(db, &email, &name, days, Utc::now()).await;
            println!("{}", key.with_context(|| format!("a key for {email}"))?);
        }
        AdminCommand::OpenAddresses { tenant: code } => {
            let tenant = crate::commands::tenant(db, &code).await?;
            platform::settings::open_addresses(db, tenant.id).await?;
            println!("{code} may be reached from every address; running servers know within five seconds");
        }
        AdminCommand::Verify => {
            let (rows, broken) = log::verify(db).await?;
            if let Some(n) = broken {
                anyhow::bail!("row {n} of the log is not as it was written, or is missing");
            }
            println!("{rows} rows, and each is as it was written");
        }
    }
    database.close().await;
    Ok(())
}
