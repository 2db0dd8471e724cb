//! `cloud tenant` and `cloud migrate`: where tenants live, and whether they are let in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use analytics::mirror::{MirrorError, Mirrors};
use anyhow::Context;
use chrono::Utc;
use platform::admin::log::{self, Who};
use platform::db::{Db, DbError, SHARED};
use platform::i18n::{I18n, Lang, Texts};
use platform::plans::{self, PlanError};
use platform::tenancy::backup::Manifest;
use platform::tenancy::config::{self, GivenCodes, Planned};
use platform::tenancy::erase::Certificate;
use platform::tenancy::{
    self, Change, DataError, Due, How, NewTenant, Order, Placement, Standing, Tenant, Upserted,
};
use platform::web::Features;
use serde_json::json;

use crate::commands::tenant;
use crate::config::Config;
use crate::database::Database;
use crate::modules::Shared;
use crate::progress::Progress;
use crate::{modules, operator};

/// How long a running cloud is waited for to remove a mirror: it looks every 2 s, after the
/// step it is at.
const MIRROR_GONE_WITHIN: std::time::Duration = std::time::Duration::from_secs(60);

/// Commands about tenants.
#[derive(clap::Subcommand)]
pub enum TenantCommand {
    /// Make a tenant, or bring the one of that code up to date.
    Create(CreateArgs),
    /// List tenants and where they live.
    List,
    /// Show a tenant.
    Show {
        /// Its code.
        code: String,
    },
    /// Let nobody of a tenant in: no person, no key, no plant. Nothing is lost.
    Suspend {
        /// Its code.
        code: String,
        /// Why, for people.
        #[arg(long)]
        reason: String,
        /// Who orders it, for the log; the account of this machine when left out.
        #[arg(long)]
        by: Option<String>,
    },
    /// Let a suspended tenant in again.
    Resume {
        /// Its code.
        code: String,
        /// Who orders it, for the log; the account of this machine when left out.
        #[arg(long)]
        by: Option<String>,
    },
    /// Write one tenant alone to a file, from which it can be put back. The file holds
    /// secrets and personal data.
    Backup {
        /// Its code.
        code: String,
        /// The file; `<CODE>-<time>.twbackup` here, when left out.
        #[arg(long)]
        file: Option<PathBuf>,
        /// Who orders it, for the log; the account of this machine when left out.
        #[arg(long)]
        by: Option<String>,
    },
    /// Put a tenant back from its backup, into this cloud.
    Restore(RestoreArgs),
    /// Write what a tenant has to a file for its people: a CSV file per table, without
    /// what is secret.
    Export {
        /// Its code.
        code: String,
        /// The file; `<CODE>-<time>.zip` here, when left out.
        #[arg(long)]
        file: Option<PathBuf>,
        /// Who orders it, for the log; the account of this machine when left out.
        #[arg(long)]
        by: Option<String>,
    },
    /// Erase everything of a suspended tenant, for good, and write what tells of it; or of
    /// every one that is due.
    Erase(EraseArgs),
    /// Check the certificate of an erasure.
    Erased {
        /// Its file.
        file: PathBuf,
    },
    /// Move a tenant with all its data. Until it is done it can only be read; its plants
    /// keep what they record and send it afterwards.
    Move(MoveArgs),
}

/// Arguments of `cloud tenant restore`.
#[derive(clap::Args)]
pub struct RestoreArgs {
    /// The backup.
    file: PathBuf,
    /// Where it is to live.
    #[arg(long, value_enum, default_value_t = Place::Shared)]
    placement: Place,
    /// The server of its own database, as the configuration names it.
    #[arg(long)]
    server: Option<String>,
    /// Have the tenant of today, which is suspended, give way.
    #[arg(long)]
    replace: bool,
    /// Only look whether the file is whole, and tell what it holds.
    #[arg(long)]
    dry_run: bool,
    /// Who orders it, for the log; the account of this machine when left out.
    #[arg(long)]
    by: Option<String>,
}

/// Arguments of `cloud tenant erase`.
#[derive(clap::Args)]
pub struct EraseArgs {
    /// Its code.
    #[arg(required_unless_present = "due", conflicts_with = "due")]
    code: Option<String>,
    /// Its code again, instead of typing it when asked.
    #[arg(long, conflicts_with = "due")]
    confirm: Option<String>,
    /// Who orders it, for the certificate.
    #[arg(long, required_unless_present = "due")]
    by: Option<String>,
    /// Where the certificate is written; `<CODE>-erased.json` here, when left out.
    #[arg(long, conflicts_with = "due")]
    certificate: Option<PathBuf>,
    /// List the tenants whose trial has ended and whose time of grace is over.
    #[arg(long)]
    due: bool,
    /// Erase each of them. One that fails does not stop the others, and is due still.
    #[arg(long, requires_all = ["due", "by"])]
    yes: bool,
    /// The folder for their certificates, each `<CODE>-erased-<time>.json`; here, when left
    /// out.
    #[arg(long, requires = "yes")]
    certificates: Option<PathBuf>,
}

/// Arguments of `cloud tenant move`.
#[derive(clap::Args)]
pub struct MoveArgs {
    /// Its code.
    code: String,
    /// Where it is to live.
    #[arg(long, value_enum, required_unless_present = "back")]
    to: Option<Place>,
    /// The server of its own database, as the configuration names it; that of the home
    /// database when left out.
    #[arg(long)]
    server: Option<String>,
    /// Take a move back that was cut short.
    #[arg(long, conflicts_with_all = ["to", "server"])]
    back: bool,
    /// Who orders it, for the log; the account of this machine when left out.
    #[arg(long)]
    by: Option<String>,
}

/// Arguments of `cloud tenant create`.
#[derive(clap::Args)]
pub struct CreateArgs {
    /// A tenant configuration in JSON, instead of the flags below.
    #[arg(long, conflicts_with_all = ["name", "time_zone", "language", "currency"])]
    from: Option<PathBuf>,
    /// Four of 0-9 and A-Z, which every UID has in it; it can never be changed.
    #[arg(long, required_unless_present = "from")]
    code: Option<String>,
    /// For people.
    #[arg(long, required_unless_present = "from")]
    name: Option<String>,
    /// IANA name.
    #[arg(long, default_value = "Asia/Kolkata")]
    time_zone: String,
    /// en, hi, bn or te.
    #[arg(long, default_value = "en")]
    language: String,
    /// ISO 4217.
    #[arg(long, default_value = "INR")]
    currency: String,
    /// Code of a plant of the configuration: PLANT-KOL-001=KOL; may be given several
    /// times.
    #[arg(long = "plant-code", value_parser = pair)]
    plant_codes: Vec<(String, String)>,
    /// The plan that it is made with; the default one when left out. A trial that is given
    /// later is one of a tenant that lived here before: it ends in no erasure.
    #[arg(long)]
    plan: Option<String>,
    /// Where it is to live.
    #[arg(long, value_enum, default_value_t = Place::Shared)]
    placement: Place,
    /// The server of its own database, as the configuration names it; that of the home
    /// database when left out.
    #[arg(long)]
    server: Option<String>,
    /// Show what would be made, and make nothing.
    #[arg(long)]
    dry_run: bool,
    /// Who orders it, for the log; the account of this machine when left out.
    #[arg(long)]
    by: Option<String>,
}

/// Where a tenant is to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Place {
    /// In the home database, beside others.
    Shared,
    /// In a database of its own.
    Own,
}

impl Place {
    /// The placement, with the server as it was given.
    pub fn on(self, server: Option<&str>) -> anyhow::Result<Placement> {
        match (self, server) {
            (Self::Shared, None) => Ok(Placement::Shared),
            (Self::Shared, Some(_)) => anyhow::bail!("--server is for a database of its own"),
            (Self::Own, server) => Ok(Placement::Own { server: server.unwrap_or_default().to_owned() }),
        }
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (id, code) = text.split_once('=').ok_or("ID=CODE is expected, such as PLANT-KOL-001=KOL")?;
    Ok((id.to_owned(), code.to_owned()))
}

/// `cloud tenant …`.
pub async fn run(config: &Config, command: TenantCommand) -> anyhow::Result<()> {
    let database = Database::attach(config).await?;
    let done = work(config, &database.db, command).await;
    database.close().await;
    done
}

async fn work(config: &Config, db: &Db, command: TenantCommand) -> anyhow::Result<()> {
    match command {
        TenantCommand::Create(args) => create(db, &operator::who(args.by.as_deref()), &args).await,
        TenantCommand::List => list(db).await,
        TenantCommand::Show { code } => show(db, &code).await,
        TenantCommand::Suspend { code, reason, by } => {
            standing(db, &operator::who(by.as_deref()), &code, Some(reason.trim())).await
        }
        TenantCommand::Resume { code, by } => standing(db, &operator::who(by.as_deref()), &code, None).await,
        TenantCommand::Move(args) => moving(db, &args).await,
        TenantCommand::Backup { code, file, by } => {
            backup(config, db, &operator::who(by.as_deref()), (&code, file)).await
        }
        TenantCommand::Restore(args) => restore(config, db, &args).await,
        TenantCommand::Export { code, file, by } => {
            export(config, db, &operator::who(by.as_deref()), (&code, file)).await
        }
        TenantCommand::Erase(args) if args.due => erase_due(config, db, &args).await,
        TenantCommand::Erase(args) => erase(config, db, &args).await,
        TenantCommand::Erased { file } => erased(&file),
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

async fn moving(db: &Db, args: &MoveArgs) -> anyhow::Result<()> {
    let tenant = tenant(db, &args.code).await?;
    let about = match args.to {
        Some(to) if !args.back => {
            json!({ "code": tenant.code, "to": place_text(&to.on(args.server.as_deref())?) })
        }
        _ => json!({ "code": tenant.code, "back": true }),
    };
    let who = operator::who(args.by.as_deref());
    noted(db, &who, Act { action: "tenant.move", tenant: tenant.id, about }, moved(db, &tenant, args)).await
}

async fn moved(db: &Db, tenant: &Tenant, args: &MoveArgs) -> anyhow::Result<()> {
    let Some(to) = args.to.filter(|_| !args.back) else {
        let place = tenancy::take_back(db, tenant.id).await?;
        println!("taken back: {} lives in {place}, and can be written again", tenant.code);
        return Ok(());
    };
    let mut progress = Progress::new();
    let done = tenancy::move_to(db, tenant.id, &to.on(args.server.as_deref())?, &mut progress.watch()).await;
    progress.end();
    match done {
        Ok(moved) => {
            let rows: u64 = moved.tables.iter().map(|(_, rows)| rows).sum();
            println!("{} lives in {} now; {rows} rows were moved", tenant.code, moved.to);
            Ok(())
        }
        Err(error) => {
            let why = match &error {
                DataError::Stopped => "it was stopped".to_owned(),
                error => error.to_string(),
            };
            match tenancy::take_back(db, tenant.id).await {
                Ok(place) => {
                    anyhow::bail!("{why}. It is taken back: {} lives in {place} as before", tenant.code)
                }
                Err(DataError::Refused(_)) if !matches!(error, DataError::Stopped) => Err(error.into()),
                Err(back) => anyhow::bail!(
                    "{why}, and not taken back ({back}); `cloud tenant show {}` tells how it stands",
                    tenant.code
                ),
            }
        }
    }
}

/// Something that reaches all of a tenant.
struct Act {
    action: &'static str,
    tenant: uuid::Uuid,
    /// What the log says of it beside.
    about: serde_json::Value,
}

impl Act {
    fn of_file(action: &'static str, tenant: &Tenant, file: &Path) -> Self {
        let about = json!({ "code": tenant.code, "file": file.display().to_string() });
        Self { action, tenant: tenant.id, about }
    }
}

/// What a command could not do, with all of why, as the log is to have it.
struct Failed(anyhow::Error);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl From<DbError> for Failed {
    fn from(error: DbError) -> Self {
        Self(error.into())
    }
}

/// Does it, with its beginning and its end in the log of super-administrators.
async fn noted<T>(
    db: &Db,
    who: &Who,
    act: Act,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let done =
        log::around(db, who, (act.action, act.tenant, &act.about), async { work.await.map_err(Failed) });
    done.await.map_err(|Failed(error)| error)
}

fn named(code: &str, file: Option<PathBuf>, ending: &str) -> PathBuf {
    file.unwrap_or_else(|| format!("{code}-{}.{ending}", Utc::now().format("%Y%m%dT%H%M%SZ")).into())
}

fn told(manifest: &Manifest) -> String {
    let rows: u64 = manifest.tables.iter().map(|entry| entry.rows).sum();
    format!("{} tables, {rows} rows", manifest.tables.len())
}

async fn backup(
    config: &Config,
    db: &Db,
    who: &Who,
    (code, file): (&str, Option<PathBuf>),
) -> anyhow::Result<()> {
    let tenant = tenant(db, code).await?;
    let file = named(code, file, "twbackup");
    let files = config.files(modules::attached())?;
    let mut progress = Progress::new();
    let mut watch = progress.watch();
    let depot = Some(files.depot()?);
    let work = tenancy::backup::backup(db, tenant.id, &file, depot, Utc::now(), &mut watch);
    let act = Act::of_file("tenant.backup", &tenant, &file);
    let done = noted(db, who, act, async { Ok(work.await?) }).await;
    drop(watch);
    progress.end();
    println!("{}: {} of {code}", file.display(), told(&done?));
    println!("It holds secrets and personal data. To put it back elsewhere, take the keys of secrets along.");
    Ok(())
}

async fn export(
    config: &Config,
    db: &Db,
    who: &Who,
    (code, file): (&str, Option<PathBuf>),
) -> anyhow::Result<()> {
    let tenant = tenant(db, code).await?;
    let file = named(code, file, "zip");
    let files = config.files(modules::attached())?;
    let mut progress = Progress::new();
    let mut watch = progress.watch();
    let depot = Some(files.depot()?);
    let work = tenancy::backup::export(db, tenant.id, &file, depot, Utc::now(), &mut watch);
    let act = Act::of_file("tenant.export", &tenant, &file);
    let done = noted(db, who, act, async { Ok(work.await?) }).await;
    drop(watch);
    progress.end();
    println!("{}: {} of {code}, without what is secret", file.display(), told(&done?));
    Ok(())
}

async fn restore(config: &Config, db: &Db, args: &RestoreArgs) -> anyhow::Result<()> {
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
    if let Some(known) = tenancy::find_tenant(db, &restored.code).await?
        && !Standing::of(&known.status).admits()
    {
        println!("{0} is suspended; `cloud tenant resume {0}` lets it in", restored.code);
    }
    Ok(())
}

async fn erase(config: &Config, db: &Db, args: &EraseArgs) -> anyhow::Result<()> {
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
async fn erase_due(config: &Config, db: &Db, args: &EraseArgs) -> anyhow::Result<()> {
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

fn erased(file: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let certificate: Certificate =
        serde_json::from_str(&text).context("this is no certificate of an erasure")?;
    let statement = certificate.check()?;
    println!("{}", serde_json::to_string_pretty(&statement)?);
    println!("signed by the authority in it; compare its fingerprint with that of the cloud");
    Ok(())
}

fn planned(args: &CreateArgs) -> anyhow::Result<Planned> {
    let given = GivenCodes {
        tenant: args.code.clone(),
        plants: args.plant_codes.iter().cloned().collect::<BTreeMap<String, String>>(),
    };
    let json = match &args.from {
        Some(path) => {
            let size = std::fs::metadata(path).with_context(|| format!("reading {}", path.display()))?.len();
            anyhow::ensure!(
                size <= config::LARGEST as u64,
                "{}: more than {} KB, which no configuration of a tenant needs",
                path.display(),
                config::LARGEST / 1024
            );
            std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?
        }
        None => {
            let code = args.code.as_deref().unwrap_or_default();
            serde_json::json!({
                "tenant_id": code.to_lowercase(), "name": args.name, "timezone": args.time_zone,
                "language": args.language, "currency": args.currency,
            })
            .to_string()
        }
    };
    let mut planned = config::read(&json, &given).map_err(|wrong| {
        let texts = Texts::new(Arc::new(I18n::new().with_all(platform::admin::TEXTS)), Lang::En);
        let told = wrong.iter().map(|one| format!("\n  {}: {}", one.pointer, one.say(&texts)));
        anyhow::anyhow!("nothing was made:{}", told.collect::<String>())
    })?;
    if args.from.is_none() {
        planned.tenant.slug = None;
    }
    Ok(planned)
}

async fn create(db: &Db, who: &Who, args: &CreateArgs) -> anyhow::Result<()> {
    let planned = planned(args)?;
    let NewTenant { code, name, time_zone, language, currency, .. } = &planned.tenant;
    let placement = args.placement.on(args.server.as_deref())?;
    println!("{code}  {name}  {time_zone}  {language}  {currency}  {}", place_text(&placement));
    for plant in &planned.plants {
        println!("  plant {}  {}  {}", plant.code, plant.slug, plant.name);
    }
    for derived in &planned.derived {
        println!("  derived from the id: {derived}");
    }
    for plant in planned.plants.iter().filter(|plant| plant.address.is_some()) {
        println!(
            "  {} stands at {}",
            plant.code,
            plant.address.as_deref().unwrap_or_default().replace('\n', ", ")
        );
    }
    print_features(&planned.tenant.features);
    let clashes = tenancy::clashes(db, &planned).await?;
    anyhow::ensure!(clashes.is_empty(), "nothing was made:\n  {}", clashes.join("\n  "));
    if let Some(plan) = args.plan.as_deref() {
        anyhow::ensure!(
            plans::is_given(db, plan).await?,
            "nothing was made: no plan {plan} is given to tenants"
        );
    }
    if args.dry_run {
        println!("nothing was made (--dry-run)");
        return Ok(());
    }
    let made = tenancy::create(db, who, &planned.tenant, &placement, Utc::now()).await?;
    if let Some(plan) = args.plan.as_deref() {
        begin_with(db, who, &made, plan).await?;
    }
    tenancy::create_plants(db, who, made.id, &planned).await?;
    match made.change {
        Change::Made => println!(
            "made; invite its first person with `cloud user invite EMAIL --name NAME --tenant {code}`"
        ),
        Change::Updated => println!("was there, and was brought up to date"),
        Change::Same => println!("was there already"),
    }
    Ok(())
}

/// What a list of features comes to in this cloud.
fn print_features(has: &[String]) {
    if has.is_empty() {
        return;
    }
    let known = Features::of_modules(&modules::all(&Shared::default()));
    for (feature, on) in known.of(has) {
        println!("  feature {}  {}", feature.name, if on { "on" } else { "off" });
    }
    let unused = known.unused(has);
    if !unused.is_empty() {
        println!("  kept, and no module here uses it: features {}", unused.join(", "));
    }
}

/// The plan of a tenant that was made just now; or, where that was cut short, of one to whom
/// nobody has given any.
async fn begin_with(db: &Db, who: &Who, made: &Upserted, plan: &str) -> anyhow::Result<()> {
    let now = Utc::now();
    let done = match made.change {
        Change::Made => plans::plan_first(db, who, made.id, plan, now).await,
        Change::Updated | Change::Same => plans::plan_where_none(db, who, made.id, plan, now).await,
    };
    Ok(done?)
}

fn place_text(placement: &Placement) -> String {
    match placement {
        Placement::Shared => SHARED.to_owned(),
        Placement::Own { server } if server.is_empty() => "a database of its own".to_owned(),
        Placement::Own { server } => format!("a database of its own on {server}"),
    }
}

fn state_of(tenant: &Tenant) -> String {
    match tenant.paused_at {
        Some(at) => format!("{}, being moved since {}", tenant.status, at.format("%Y-%m-%d %H:%M")),
        None => tenant.status.clone(),
    }
}

async fn list(db: &Db) -> anyhow::Result<()> {
    let databases = tenancy::databases(db).await?;
    for tenant in tenancy::tenants(db).await? {
        let home = databases.iter().find(|one| one.name == tenant.placement);
        let trouble = home.filter(|home| !home.serves()).map(|home| format!(" ({})", home.state));
        println!(
            "{}  {}  {}{}  {}",
            tenant.code,
            state_of(&tenant),
            tenant.placement,
            trouble.unwrap_or_default(),
            tenant.name
        );
    }
    Ok(())
}

async fn show(db: &Db, code: &str) -> anyhow::Result<()> {
    let tenant = tenant(db, code).await?;
    println!("{}  {}", tenant.code, tenant.name);
    println!("id         {}", tenant.id);
    if let Some(slug) = &tenant.slug {
        println!("known as   {slug}");
    }
    println!("status     {}", state_of(&tenant));
    if !tenant.status_reason.is_empty() {
        println!("because    {}", tenant.status_reason);
    }
    println!("time zone  {}", tenant.time_zone);
    println!("language   {}", tenant.language);
    println!("currency   {}", tenant.currency);
    println!("made       {}", tenant.created_at.format("%Y-%m-%d %H:%M"));
    for one in tenancy::databases(db).await?.iter().filter(|one| one.name == tenant.placement) {
        let server = if one.server.is_empty() { "the home server" } else { &one.server };
        println!("lives in   {} on {server}", one.name);
        if !one.region.is_empty() {
            println!("region     {}", one.region);
        }
        if one.kind == "own" {
            println!("database   {}, schema {} {}", one.state, one.schema_version, one.detail);
        }
    }
    Ok(())
}

/// `cloud migrate`.
pub async fn migrate(config: &Config) -> anyhow::Result<()> {
    let database = Database::attach(config).await?;
    let all = tenancy::migrate_all(&database.db).await;
    database.close().await;
    let mut failing = 0;
    for one in all? {
        if one.kind == "shared" {
            println!("{}  ready  {}", one.name, platform::migrate::version());
            continue;
        }
        println!("{}  {}  {}  {}", one.name, one.state, one.schema_version, one.detail);
        failing += usize::from(!one.serves());
    }
    anyhow::ensure!(failing == 0, "{failing} databases are not up to date; their tenants are refused");
    Ok(())
}
