//! `cloud audit`: whether the log of changes is as it was written.

use anyhow::Context;
use platform::audit::chain::{self, Head};

use crate::commands::tenant;
use crate::config::Config;
use crate::database::Database;

/// Commands about the log of changes.
#[derive(clap::Subcommand)]
pub enum AuditCommand {
    /// Print the end of the chain, to be kept where nobody of the system can
    /// change it.
    Head {
        /// Tenant's code.
        #[arg(long)]
        tenant: String,
    },
    /// Look at every row; fails, with what is wrong, unless all is as written.
    Verify {
        /// Tenant's code.
        #[arg(long)]
        tenant: String,
        /// An end of the chain that was kept: the log must still hold it.
        #[arg(long)]
        head: Option<Head>,
    },
}

/// `cloud audit …`.
pub async fn run(config: &Config, command: AuditCommand) -> anyhow::Result<()> {
    let database = Database::attach(config).await?;
    let db = &database.db;
    match command {
        AuditCommand::Head { tenant: code } => {
            let tenant = tenant(db, &code).await?;
            let head = chain::head(db, tenant.id).await?;
            println!("{}", head.with_context(|| format!("nothing of tenant {code} is chained yet"))?);
        }
        AuditCommand::Verify { tenant: code, head } => {
            let tenant = tenant(db, &code).await?;
            let report = chain::verify(db, tenant.id, head, |n| eprint!("\r{n} rows")).await?;
            eprintln!();
            for one in &report.breaks {
                println!("{one}");
            }
            anyhow::ensure!(report.breaks.is_empty(), "the log of tenant {code} is not as it was written");
            println!(
                "{} rows are as they were written; {} wait to be chained",
                report.entries, report.unchained
            );
        }
    }
    database.close().await;
    Ok(())
}
