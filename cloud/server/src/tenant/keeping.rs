//! `cloud tenant backup`, `export` and `restore`.

use std::path::PathBuf;

use chrono::Utc;
use platform::admin::log::Who;
use platform::db::Db;
use platform::tenancy::backup::Manifest;
use platform::tenancy::{self, How, Standing};
use serde_json::json;

use super::args::RestoreArgs;
use super::noted::{Act, noted};
use crate::commands::tenant;
use crate::config::Config;
use crate::progress::Progress;
use crate::{modules, operator};

fn named(code: &str, file: Option<PathBuf>, ending: &str) -> PathBuf {
    file.unwrap_or_else(|| format!("{code}-{}.{ending}", Utc::now().format("%Y%m%dT%H%M%SZ")).into())
}

fn told(manifest: &Manifest) -> String {
    let rows: u64 = manifest.tables.iter().map(|entry| entry.rows).sum();
    format!("{} tables, {rows} rows", manifest.tables.len())
}

/// What is written of a tenant.
#[derive(Clone, Copy)]
enum Kind {
    Backup,
    Export,
}

/// Writes it, with progress; answers what is told of it.
async fn written(
    config: &Config,
    db: &Db,
    who: &Who,
    (code, file): (&str, Option<PathBuf>),
    kind: Kind,
) -> anyhow::Result<String> {
    let (action, ending) = match kind {
        Kind::Backup => ("tenant.backup", "twbackup"),
        Kind::Export => ("tenant.export", "zip"),
    };
    let tenant = tenant(db, code).await?;
    let file = named(code, file, ending);
    let files = config.files(modules::attached())?;
    let depot = Some(files.depot()?);
    let mut progress = Progress::new();
    let mut watch = progress.watch();
    let act = Act::of_file(action, &tenant, &file);
    let work = async {
        let now = Utc::now();
        Ok(match kind {
            Kind::Backup => tenancy::backup::backup(db, tenant.id, &file, depot, now, &mut watch).await?,
            Kind::Export => tenancy::backup::export(db, tenant.id, &file, depot, now, &mut watch).await?,
        })
    };
    let done = noted(db, who, act, work).await;
    drop(watch);
    progress.end();
    Ok(format!("{}: {} of {code}", file.display(), told(&done?)))
}

pub(super) async fn backup(
    config: &Config,
    db: &Db,
    who: &Who,
    what: (&str, Option<PathBuf>),
) -> anyhow::Result<()> {
    println!("{}", written(config, db, who, what, Kind::Backup).await?);
    println!("It holds secrets and personal data. To put it back elsewhere, take the keys of secrets along.");
    Ok(())
}

pub(super) async fn export(
    config: &Config,
    db: &Db,
    who: &Who,
    what: (&str, Option<PathBuf>),
) -> anyhow::Result<()> {
    println!("{}, without what is secret", written(config, db, who, what, Kind::Export).await?);
    Ok(())
}

pub(super) async fn restore(config: &Config, db: &Db, args: &RestoreArgs) -> anyhow::Result<()> {
    let placement = args.placement.on(args.server.as_deref())?;
    if args.dry_run {
        let manifest = tenancy::restore::look(&args.file)?;
        println!(
            "{} ({}), taken {}, schema {}: {}; the file is whole",
            manifest.code,
            manifest.name,
            manifest.made_at.format("%Y-%m-%d %H:%M"),
            manifest.schema_version,
            told(&manifest)
        );
        return Ok(());
    }
    let files = config.files(modules::attached())?;
    let (wanted, depot) = ((&placement, args.replace), Some(files.depot()?));
    let mut progress = Progress::new();
    let mut watch = progress.watch();
    let manifest = tenancy::restore::look(&args.file)?;
    let about = json!({ "code": manifest.code, "file": args.file.display().to_string(),
                        "taken": manifest.made_at, "replace": args.replace });
    let act = Act { action: "tenant.restore", tenant: manifest.tenant, about };
    let work = tenancy::restore::restore(db, &args.file, wanted, depot, Utc::now(), &mut watch);
    let who = operator::who(args.by.as_deref());
    let done = noted(db, &who, act, async { Ok(work.await?) }).await;
    drop(watch);
    progress.end();
    let restored = done?;
    let code = &restored.code;
    match restored.how {
        How::Whole => {}
        How::Rest(at) => println!(
            "the restore of {} was cut short after {code} had been put back; what was left of it is done now",
            at.format("%Y-%m-%d %H:%M")
        ),
        How::Nothing(at) => println!(
            "{code} was put back from this backup on {} already, and what was done since stays: nothing was \
             left to do. --replace has it give way to the backup.",
            at.format("%Y-%m-%d %H:%M")
        ),
    }
    crate::commands::print_restored(std::slice::from_ref(&restored));
    println!("Whatever was revoked after the backup stays revoked, where it is known here.");
    if let Some(known) = tenancy::find_tenant(db, &restored.code).await?
        && !Standing::of(&known.status).admits()
    {
        println!("{0} is suspended; `cloud tenant resume {0}` lets it in", restored.code);
    }
    Ok(())
}
