//! `cloud tenant erase`, and what lies beside the database of an erased tenant.

use std::path::Path;
use std::pin::Pin;

use analytics::mirror::{MirrorError, Mirrors};
use anyhow::Context;
use chrono::Utc;
use platform::db::Db;
use platform::tenancy::erase::Certificate;
use platform::tenancy::{self, DataError, Due, Order, Standing};
use serde_json::json;

use super::args::EraseArgs;
use super::noted::{Act, noted};
use crate::config::Config;
use crate::progress::Progress;
use crate::{modules, operator};

/// How long a running cloud is waited for to remove a mirror: it looks every 2 s, after the
/// step it is at.
const MIRROR_GONE_WITHIN: std::time::Duration = std::time::Duration::from_secs(60);

pub(super) async fn erase(config: &Config, db: &Db, args: &EraseArgs) -> anyhow::Result<()> {
    // The command line asks for both, unless it is about those that are due.
    let (code, by) = (args.code.as_deref().unwrap_or_default(), args.by.as_deref().unwrap_or_default());
    let Some(tenant) = tenancy::find_tenant(db, code).await? else {
        return erased_before(config, db, code, args).await;
    };
    let authority = crate::commands::open_authority(config, db).await?;
    let file = args.certificate.clone().unwrap_or_else(|| format!("{code}-erased.json").into());
    anyhow::ensure!(!file.exists(), "{} is there already", file.display());
    let typed = match &args.confirm {
        Some(typed) => typed.clone(),
        None => {
            eprintln!("Everything of {} ({}) is erased for good. Type its code:", tenant.code, tenant.name);
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).context("reading the code")?;
            line.trim().to_owned()
        }
    };
    let files = config.files(modules::attached())?;
    let depot = Some(files.depot()?);
    let mut progress = Progress::new();
    let mut watch = progress.watch();
    let confirmed = (typed.as_str(), by);
    if typed == tenant.code && !Standing::of(&tenant.status).admits() {
        forget_mirror(config, tenant.id).await?;
    }
    let work = tenancy::erase::erase(db, &authority, tenant.id, confirmed, depot, Utc::now(), &mut watch);
    let about = json!({ "code": tenant.code, "by": by });
    let act = Act { action: tenancy::erase::ERASE, tenant: tenant.id, about };
    let done = noted(db, &operator::who(Some(by)), act, async { Ok(work.await?) }).await;
    drop(watch);
    progress.end();
    let certificate = done?;
    forget_mirror(config, tenant.id).await?;
    write_certificate(code, &file, &certificate)
}

/// It is gone already: cut short at the very end, the certificate that is kept is written,
/// and what may be left beside the database goes.
async fn erased_before(config: &Config, db: &Db, code: &str, args: &EraseArgs) -> anyhow::Result<()> {
    let kept = tenancy::erasures::latest(db, code).await?;
    let (stated, certificate) = kept.with_context(|| format!("there is no tenant {code}"))?;
    let file = args.certificate.clone().unwrap_or_else(|| format!("{code}-erased.json").into());
    anyhow::ensure!(!file.exists(), "{code} is erased already, and {} is there", file.display());
    forget_mirror(config, stated.tenant).await?;
    write_certificate(code, &file, &certificate)
}

/// Removes the mirror of a suspended or erased tenant, and what was exported of it: before
/// the erasure is certified, so that nothing is left of one that is killed on the way, and
/// again after it, for an export that was under way. A running cloud that keeps the mirrors
/// removes the file itself, at its next look, and is waited for.
pub(crate) async fn forget_mirror(config: &Config, tenant: uuid::Uuid) -> anyhow::Result<()> {
    let settings = config.mirrors();
    match Mirrors::open(settings.clone(), None) {
        Ok(mirrors) => mirrors.forget(tenant).await?,
        Err(MirrorError::Locked(folder)) => {
            let gone = settings.until_removed(tenant, MIRROR_GONE_WITHIN).await?;
            anyhow::ensure!(
                gone,
                "the cloud that keeps the mirrors in {} has not removed that of this tenant in {} s: \
                 see its log, or stop it, and erase again",
                folder.display(),
                MIRROR_GONE_WITHIN.as_secs()
            );
        }
        Err(error) => return Err(error).context("removing the mirror"),
    }
    forget_exports(config, tenant).await
}

/// A removal beside the database, as erasing wants it: what goes wrong is that tenant's
/// alone.
pub(crate) fn boxed<'a>(
    removal: impl Future<Output = anyhow::Result<()>> + Send + 'a,
) -> Pin<Box<dyn Future<Output = Result<(), DataError>> + Send + 'a>> {
    Box::pin(async move { removal.await.map_err(|error| DataError::Refused(format!("{error:#}"))) })
}

/// Removes what was exported of a tenant's mirror.
pub(crate) async fn forget_exports(config: &Config, tenant: uuid::Uuid) -> anyhow::Result<()> {
    platform::files::erase_tenant(&config.exports()?, tenant).await.context("removing exports")?;
    Ok(())
}

fn write_certificate(code: &str, file: &Path, certificate: &Certificate) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(certificate)?;
    // It is kept in the control schema as well: a disk that is full loses nothing. Half of it
    // is never in its place, where it would keep the whole from being written.
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = file.with_file_name(name);
    std::fs::write(&part, &text)
        .and_then(|()| std::fs::rename(&part, file))
        .with_context(|| format!("writing {}; here it is:\n{text}", file.display()))?;
    println!("{code} is erased; {} certifies it", file.display());
    Ok(())
}

/// Lists the tenants that are due, and erases them when that is said.
pub(super) async fn erase_due(config: &Config, db: &Db, args: &EraseArgs) -> anyhow::Result<()> {
    let now = Utc::now();
    let due = tenancy::due(db, now).await?;
    for one in &due {
        let begun = if one.begun { ", begun and cut short" } else { "" };
        println!("{}  due since {}{begun}  {}", one.code, one.since.format("%Y-%m-%d"), one.name);
    }
    if due.is_empty() {
        println!("no tenant is due to be erased");
        return Ok(());
    }
    let Some(by) = args.by.as_deref().filter(|_| args.yes) else {
        println!("nothing was erased; --yes --by 'who orders it' erases each of them");
        return Ok(());
    };
    let folder = args.certificates.clone().unwrap_or_else(|| ".".into());
    anyhow::ensure!(folder.is_dir(), "{} is no folder", folder.display());
    let authority = crate::commands::open_authority(config, db).await?;
    let files = config.files(modules::attached())?;
    let beside = |tenant| boxed(forget_mirror(config, tenant));
    let who = operator::who(Some(by));
    let order = Order { authority: &authority, by, who: &who, files: Some(files.depot()?), beside: &beside };
    let mut failed = Vec::new();
    let mut told = |one: &Due, erased: Result<Certificate, DataError>| {
        let file = folder.join(format!("{}-erased-{}.json", one.code, now.format("%Y%m%dT%H%M%SZ")));
        let kept = erased.map_err(anyhow::Error::from);
        if let Err(error) = kept.and_then(|certificate| write_certificate(&one.code, &file, &certificate)) {
            failed.push(format!("{}: {error:#}", one.code));
        }
    };
    let mut progress = Progress::new();
    let mut watch = progress.watch();
    let done = tenancy::erase_due(db, &order, now, &mut watch, &mut told).await;
    drop(watch);
    progress.end();
    anyhow::ensure!(failed.is_empty(), "not all of it was done; run it again:\n  {}", failed.join("\n  "));
    done?;
    Ok(())
}

pub(super) fn erased(file: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let certificate: Certificate =
        serde_json::from_str(&text).context("this is no certificate of an erasure")?;
    let statement = certificate.check()?;
    println!("{}", serde_json::to_string_pretty(&statement)?);
    println!("signed by the authority in it; compare its fingerprint with that of the cloud");
    Ok(())
}
