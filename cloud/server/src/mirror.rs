//! `cloud mirror`: the mirrors behind the dashboards, built anew, compared and exported.
//! Beside a running cloud the cloud does it; without one the command itself.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use analytics::mirror::check::{self, Checked};
use analytics::mirror::export::Months;
use analytics::mirror::requests::{self, Came, Request, Wanted};
use analytics::mirror::{MirrorError, Mirrors, left_alone};
use anyhow::Context;
use chrono::{NaiveDate, Utc};
use platform::db::Db;
use platform::tenancy::{self, Tenant};

use crate::commands::tenant;
use crate::config::Config;
use crate::database::Database;

/// Commands about mirrors.
#[derive(clap::Subcommand)]
pub enum MirrorCommand {
    /// Throw mirrors away and build them anew from Postgres.
    Rebuild {
        /// Tenant's code; all active tenants, when left out.
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Compare mirrors with Postgres, row by row, and name what differs. Fails where they do.
    Check {
        /// Tenant's code; all active tenants, when left out.
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Say when mirrors were last compared with Postgres, and what came of it, and whether
    /// checks or exports are set aside. Fails where they differed, or are.
    Status {
        /// Tenant's code; all active tenants, when left out.
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Write facts by month, and dimensions, as Parquet.
    Export {
        /// Tenant's code; all active tenants, when left out.
        #[arg(long)]
        tenant: Option<String>,
        /// First month, as 2025-01.
        #[arg(long, value_parser = month)]
        from: Option<NaiveDate>,
        /// Last month, as 2025-03.
        #[arg(long, value_parser = month)]
        to: Option<NaiveDate>,
        /// A folder of the machine on which the mirrors are, instead of `mirror_exports`.
        #[arg(long)]
        folder: Option<PathBuf>,
    },
}

fn month(text: &str) -> Result<NaiveDate, String> {
    format!("{text}-01").parse().map_err(|_| "a month is written as 2025-01".to_owned())
}

/// `cloud mirror …`.
pub async fn run(config: &Config, command: MirrorCommand) -> anyhow::Result<()> {
    let (code, wanted) = match command {
        MirrorCommand::Rebuild { tenant } => (tenant, Wanted::Rebuild),
        MirrorCommand::Check { tenant } => (tenant, Wanted::Check),
        MirrorCommand::Status { tenant } => return status(config, tenant).await,
        MirrorCommand::Export { tenant, from, to, folder } => {
            let folder = folder.map(std::path::absolute).transpose().context("--folder")?;
            let months = Months::between(from, to).context("--to is a month before --from")?;
            (tenant, Wanted::Export { months, folder })
        }
    };
    let database = Database::attach(config).await?;
    let done = all(config, &database, code, wanted).await;
    database.close().await;
    done
}

/// The tenant of a code, or all that are active.
async fn chosen(db: &Db, code: Option<String>) -> anyhow::Result<Vec<Tenant>> {
    if let Some(code) = code {
        return Ok(vec![tenant(db, &code).await?]);
    }
    let active = tenancy::active_ids(db).await?;
    Ok(tenancy::tenants(db).await?.into_iter().filter(|tenant| active.contains(&tenant.id)).collect())
}

/// `cloud mirror status`: read beside the mirrors, whoever keeps them.
async fn status(config: &Config, code: Option<String>) -> anyhow::Result<()> {
    let database = Database::attach(config).await?;
    let tenants = chosen(&database.db, code).await;
    database.close().await;
    let settings = config.mirrors();
    let (mut differ, mut alone) = (0, 0);
    for tenant in tenants? {
        let code = &tenant.code;
        for during in left_alone(&settings, tenant.id) {
            println!("{code}: {}", MirrorError::LeftAlone(during));
            alone += 1;
        }
        let Some(Checked { at, report }) = check::last(&settings, tenant.id) else {
            println!("{code}: not compared yet");
            continue;
        };
        let at = at.format("%Y-%m-%d %H:%M UTC");
        println!("{code}: compared {at}");
        differ += usize::from(!say(&tenant, &Came::Checked(report)));
    }
    anyhow::ensure!(differ == 0, "{differ} mirrors differed from Postgres; see above");
    anyhow::ensure!(alone == 0, "{alone} checks or exports are set aside; see above");
    Ok(())
}

async fn all(
    config: &Config,
    database: &Database,
    code: Option<String>,
    wanted: Wanted,
) -> anyhow::Result<()> {
    let db = &database.db;
    let tenants = chosen(db, code).await?;
    let settings = config.mirrors();
    let exports = config.exports()?;
    let own = match Mirrors::open(settings.clone(), Some(exports.clone())) {
        Ok(mirrors) => Some(mirrors),
        Err(MirrorError::Locked(_)) => None,
        Err(error) => return Err(error).context("opening the mirrors"),
    };
    let mut failed = 0;
    for tenant in tenants {
        let request = Request { tenant: tenant.id, wanted: wanted.clone() };
        let progress = progress(&tenant);
        let came = match &own {
            Some(mirrors) => requests::perform(mirrors, db, &request, Some(&exports), progress).await,
            None => requests::ask(&settings, &request, progress).await?,
        };
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K");
        }
        failed += usize::from(!say(&tenant, &came));
    }
    if let Some(mirrors) = own {
        mirrors.close_all().await;
    }
    anyhow::ensure!(failed == 0, "{failed} mirrors are not as they should be; see above");
    Ok(())
}

/// On a terminal one line that is written over.
fn progress(tenant: &Tenant) -> impl FnMut(i64, i64) {
    let code = tenant.code.clone();
    let (terminal, begun) = (std::io::stderr().is_terminal(), Utc::now());
    move |through, head| {
        if terminal {
            let percent = if head > 0 { through * 100 / head } else { 100 };
            let seconds = (Utc::now() - begun).num_seconds();
            // Nobody reads a terminal that is gone.
            let _ = write!(
                std::io::stderr(),
                "\r{code}: batch {through} of {head}, {percent} %, {seconds} s\x1b[K"
            );
        }
    }
}

/// Says what came of it; whether it is as it should be.
fn say(tenant: &Tenant, came: &Came) -> bool {
    let code = &tenant.code;
    match came {
        Came::Rebuilt(batch) => println!("{code}: built anew, up to batch {batch}"),
        Came::Checked(report) if report.differences.is_empty() => {
            println!("{code}: equals Postgres at batch {} ({} events)", report.batch, report.events);
        }
        Came::Checked(report) => {
            println!("{code}: differs from Postgres at batch {}:", report.batch);
            report.differences.iter().for_each(|one| println!("  {one}"));
            return false;
        }
        Came::Exported(done) => {
            let bytes: u64 = done.files.iter().map(|file| file.bytes).sum();
            let count = done.files.len();
            println!("{code}: {count} files, {} kB, up to batch {}", bytes / 1024, done.batch);
            done.files.iter().for_each(|file| println!("  {}  {} rows", file.path, file.rows));
        }
        Came::Failed(why) => {
            println!("{code}: {why}");
            return false;
        }
        Came::Progress(..) => return false,
    }
    true
}
