//! The commands of an administrator. They work beside a running cloud, and
//! without one.

use std::path::PathBuf;

use anyhow::Context;
use chrono::{TimeDelta, Utc};
use platform::authority::{self, Authority};
use platform::ctx::{Cx, Plants};
use platform::db::Db;
use platform::i18n::Lang;
use platform::people;
use platform::seed::import::{self, Form, List, Upload};
use platform::tenancy::{self, ADOPT_DAYS, RestoredAgent, RestoredTenant, Tenant};
use platform::web::{Scope, keys};
use trace::imports;
use trace::ingest::{Committed, Ingest};

use crate::config::Config;
use crate::database::Database;
use crate::progress::Progress;

/// Arguments of `cloud seed`.
#[derive(clap::Args)]
pub struct SeedArgs {
    /// Plant files; their tenant, company and plant are made, or with --replace brought up to date.
    #[arg(required = true)]
    plant_files: Vec<PathBuf>,
    /// Masters and open orders of the tenant.
    #[arg(long)]
    reference: Option<PathBuf>,
    /// Write enrolment tokens here, as `<PLANT>.token`.
    #[arg(long)]
    tokens_dir: Option<PathBuf>,
    /// Write over what is here with other values; without it that is listed, and nothing is
    /// written.
    #[arg(long)]
    replace: bool,
}

/// Arguments of `cloud token`.
#[derive(clap::Args)]
pub struct TokenArgs {
    /// Tenant's code.
    #[arg(long)]
    tenant: String,
    /// Plant's code.
    plant: String,
}

/// Commands about the streams of plants.
#[derive(clap::Subcommand)]
pub enum AgentCommand {
    /// List the agents of a tenant.
    List {
        /// Tenant's code.
        #[arg(long)]
        tenant: String,
    },
    /// Shut an agent out: its certificates are revoked, its stream closes.
    Revoke {
        /// Tenant's code.
        #[arg(long)]
        tenant: String,
        /// The agent's name (a plant's code).
        agent: String,
    },
    /// Begin a new epoch: unused numbers of the agent are void. Where two machines
    /// ran under its identity, the next one that connects is the agent.
    RaiseEpoch {
        /// Tenant's code.
        #[arg(long)]
        tenant: String,
        /// The agent's name (a plant's code).
        agent: String,
    },
}

/// Commands about access keys.
#[derive(clap::Subcommand)]
pub enum KeyCommand {
    /// Make a key and print it, this once.
    Create {
        /// What it is for.
        name: String,
        /// Tenant's code.
        #[arg(long)]
        tenant: String,
        /// What it may do; may be given several times.
        #[arg(long = "scope", required = true)]
        scopes: Vec<String>,
        /// Code of a plant where it may; may be given several times. All plants,
        /// when left out.
        #[arg(long = "plant")]
        plants: Vec<String>,
        /// Days until it expires, 365 at most; as many, when left out.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=365))]
        days: Option<u32>,
    },
    /// List a tenant's keys.
    List {
        /// Tenant's code.
        #[arg(long)]
        tenant: String,
    },
    /// End a key, and every session that stands on it.
    Revoke {
        /// The key's id, as `list` shows it.
        id: String,
        /// Tenant's code.
        #[arg(long)]
        tenant: String,
    },
}

/// Arguments of `cloud import`.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct ImportArgs {
    #[command(subcommand)]
    what: Option<ImportWhat>,
    /// A file: `.toml` or `.json` with lists by name, `.json` with rows, or `.csv`.
    #[arg(required = true)]
    file: Option<PathBuf>,
    /// Tenant's code.
    #[arg(long, required = true)]
    tenant: Option<String>,
    /// The list whose rows the file holds, such as `items` or `purchase_orders`.
    #[arg(long)]
    list: Option<String>,
    /// Try everything, keep nothing.
    #[arg(long)]
    dry_run: bool,
}

/// What else than masters and orders `cloud import` takes.
#[derive(clap::Subcommand)]
pub enum ImportWhat {
    /// The history of a tenant that comes from another system: a file of events, CSV or
    /// JSON lines. It goes on where it was stopped; the same file again changes nothing.
    Events(EventsArgs),
}

/// Arguments of `cloud import events`.
#[derive(clap::Args)]
pub struct EventsArgs {
    /// A `.csv` file, or one with a JSON object per line (`.jsonl`, `.ndjson`).
    file: PathBuf,
    /// Tenant's code.
    #[arg(long)]
    tenant: String,
    /// Check every row, keep nothing.
    #[arg(long)]
    dry_run: bool,
    /// Import the rows that are right although others are not.
    #[arg(long)]
    skip_bad: bool,
}

/// Arguments of `cloud withdraw`.
#[derive(clap::Args)]
pub struct WithdrawArgs {
    /// The list, such as `operators` or `purchase_orders`.
    list: String,
    /// Codes of the rows.
    #[arg(required = true)]
    codes: Vec<String>,
    /// Tenant's code.
    #[arg(long)]
    tenant: String,
}

/// Commands about people of the office.
#[derive(clap::Subcommand)]
pub enum UserCommand {
    /// Invite somebody, and print the link by which a password is set.
    Invite {
        /// E-mail address.
        email: String,
        /// Name, as others see it.
        #[arg(long)]
        name: String,
        /// Role; may be given several times.
        #[arg(long = "role", default_value = platform::people::ADMIN)]
        roles: Vec<String>,
        /// Tenant's code.
        #[arg(long)]
        tenant: String,
        /// Address of the pages, when it is not that of the configuration.
        #[arg(long)]
        url: Option<String>,
    },
    /// Print a new link for somebody who lost the invitation or the password.
    Link {
        /// E-mail address.
        email: String,
        /// Tenant's code.
        #[arg(long)]
        tenant: String,
        /// Address of the pages, when it is not that of the configuration.
        #[arg(long)]
        url: Option<String>,
    },
    /// List the people of a tenant.
    List {
        /// Tenant's code.
        #[arg(long)]
        tenant: String,
    },
}

/// Arguments of `cloud open`.
#[derive(clap::Args)]
pub struct OpenArgs {
    /// Tenant's code.
    #[arg(long)]
    tenant: String,
    /// Address of the pages, when it is not that of the configuration.
    #[arg(long)]
    url: Option<String>,
}

/// Arguments of `cloud trace`.
#[derive(clap::Args)]
pub struct TraceArgs {
    /// A UID, or any other code that leads to one.
    code: String,
    /// Tenant's code; that of the UID, when left out.
    #[arg(long)]
    tenant: Option<String>,
}

/// Arguments of `cloud verify`.
#[derive(clap::Args)]
pub struct VerifyArgs {
    /// A unit's history, as the API and the pages export it.
    file: PathBuf,
    /// The public key of the log, as its owner publishes it. Without it the key in the
    /// file is believed.
    #[arg(long)]
    key: Option<String>,
}

/// `cloud verify`: needs neither configuration nor database.
pub fn verify(args: &VerifyArgs) -> anyhow::Result<()> {
    use verify::{history, note::PublicKey};
    let key = args.key.as_deref().map(PublicKey::parse).transpose().context("--key")?;
    let bytes = std::fs::read(&args.file).with_context(|| format!("reading {}", args.file.display()))?;
    let report =
        history::check(&bytes, key.as_ref()).with_context(|| format!("REFUSED {}", args.file.display()))?;
    println!("{}", history::said(&report, key.is_some()));
    Ok(())
}

/// The tenant of that code.
pub async fn tenant(db: &Db, code: &str) -> anyhow::Result<Tenant> {
    let found = tenancy::find_tenant(db, code).await?;
    found.with_context(|| format!("there is no tenant {code}; `cloud seed` makes one"))
}

async fn agent_of(db: &Db, tenant: &Tenant, name: &str) -> anyhow::Result<tenancy::Agent> {
    let cx = Cx::system(tenant.id);
    let agents: Vec<tenancy::Agent> = db.tx(&cx, async |tx| tenancy::agents(tx).await).await?;
    let known: Vec<String> = agents.iter().map(|agent| agent.name.clone()).collect();
    let found = agents.into_iter().find(|agent| agent.name == name);
    found.with_context(|| format!("tenant {} has no agent {name}; it has {}", tenant.code, known.join(", ")))
}

/// The authority of this cloud.
pub async fn open_authority(config: &Config, db: &Db) -> anyhow::Result<Authority> {
    let master = authority::master_key(&config.state_dir)?;
    Ok(Authority::open(db, &master, Utc::now()).await?)
}

/// `cloud seed`.
pub async fn seed(config: &Config, args: SeedArgs) -> anyhow::Result<()> {
    let database = Database::attach(config).await?;
    let fingerprint = open_authority(config, &database.db).await?.fingerprint();
    let report = platform::seed::seed(
        &database.db,
        fingerprint,
        &args.plant_files,
        args.reference.as_deref(),
        args.tokens_dir.as_deref(),
        Utc::now().date_naive(),
        args.replace,
    )
    .await?;
    println!("{report}");
    database.close().await;
    Ok(())
}

/// `cloud token`.
pub async fn token(config: &Config, args: TokenArgs) -> anyhow::Result<()> {
    let database = Database::attach(config).await?;
    let tenant = tenant(&database.db, &args.tenant).await?;
    let agent = agent_of(&database.db, &tenant, &args.plant).await?;
    if agent.status == "expected" {
        // One that runs, or ran, gets its token whatever the plan says.
        platform::plans::admit_events(&database.db, tenant.id, Utc::now()).await?;
    }
    let fingerprint = open_authority(config, &database.db).await?.fingerprint();
    let token = tenancy::issue_token(&database.db, fingerprint, tenant.id, agent.id).await?;
    println!("{token}");
    database.close().await;
    Ok(())
}

/// `cloud restored`.
pub async fn restored(config: &Config) -> anyhow::Result<()> {
    let database = Database::attach(config).await?;
    print_restored(&tenancy::restored(&database.db).await?);
    println!(
        "Whatever was revoked after the backup is good again: revoke it anew with `cloud agent revoke`."
    );
    database.close().await;
    Ok(())
}

/// What an operator has to look at after a restore.
pub fn print_restored(tenants: &[RestoredTenant]) {
    for tenant in tenants {
        println!("tenant {}: generation {}", tenant.code, tenant.generation);
        for RestoredAgent { agent, holds } in &tenant.agents {
            println!(
                "  agent {} is let in: {} certificates and {} unused tokens are good",
                agent.name, holds.certificates, holds.tokens
            );
        }
    }
    println!("For {ADOPT_DAYS} days certificates that the backup lacks are let in, each with an exception.");
}

/// `cloud agent …`.
pub async fn agent(config: &Config, command: AgentCommand) -> anyhow::Result<()> {
    let database = Database::attach(config).await?;
    let db = &database.db;
    match command {
        AgentCommand::List { tenant: code } => {
            let tenant = tenant(db, &code).await?;
            let cx = Cx::system(tenant.id);
            let agents = trace::explore::service::agents(db, &cx, Utc::now()).await?;
            println!("{}", serde_json::to_string_pretty(&agents)?);
        }
        AgentCommand::Revoke { tenant: code, agent } => {
            let tenant = tenant(db, &code).await?;
            let agent = agent_of(db, &tenant, &agent).await?;
            let revoked = db
                .system_tx(async |system| {
                    authority::revoke_agent(system, tenant.id, agent.id, Utc::now()).await
                })
                .await?;
            println!("agent {} is shut out; {revoked} certificates revoked", agent.name);
        }
        AgentCommand::RaiseEpoch { tenant: code, agent } => {
            let tenant = tenant(db, &code).await?;
            let agent = agent_of(db, &tenant, &agent).await?;
            let cx = Cx::system(tenant.id);
            let epoch = db.ingest_tx(&cx, async |tx| trace::leases::raise_epoch(tx, agent.id).await).await?;
            println!("agent {} begins epoch {epoch} when it is next in touch", agent.name);
        }
    }
    database.close().await;
    Ok(())
}

/// `cloud access-key …`.
pub async fn access_key(config: &Config, command: KeyCommand) -> anyhow::Result<()> {
    let database = Database::attach(config).await?;
    let db = &database.db;
    match command {
        KeyCommand::Create { name, tenant: code, scopes, plants, days } => {
            let scopes = scopes.iter().map(|word| scope(word)).collect::<anyhow::Result<Vec<Scope>>>()?;
            let tenant = tenant(db, &code).await?;
            let expires = days.map(|days| Utc::now() + TimeDelta::days(i64::from(days)));
            let plants = plants_of(db, &tenant, &plants).await?;
            let key = keys::create_at(db, tenant.id, &name, &scopes, &plants, expires).await?;
            println!("{}", key.reveal());
        }
        KeyCommand::List { tenant: code } => {
            let tenant = tenant(db, &code).await?;
            for key in keys::list(db, tenant.id).await? {
                let state = match (key.revoked_at, key.expires_at) {
                    (Some(at), _) => format!("revoked {}", at.date_naive()),
                    (None, Some(at)) if at <= Utc::now() => format!("expired {}", at.date_naive()),
                    (None, Some(at)) => format!("until {}", at.date_naive()),
                    (None, None) => "no end".to_owned(),
                };
                let plants = key.plants.codes().map_or("all plants".to_owned(), |codes| codes.join(","));
                println!("{}  {}  {}  {}  {}", key.id, state, key.scopes.join(","), plants, key.name);
            }
        }
        KeyCommand::Revoke { id, tenant: code } => {
            let tenant = tenant(db, &code).await?;
            let name = keys::revoke(db, tenant.id, &id, Utc::now()).await?;
            let name = name.with_context(|| format!("tenant {code} has no valid key {id}"))?;
            println!("the key {id} ({name}) opens nothing any more");
        }
    }
    database.close().await;
    Ok(())
}

/// The plants of these codes; all of them for none.
async fn plants_of(db: &Db, tenant: &Tenant, codes: &[String]) -> anyhow::Result<Plants> {
    if codes.is_empty() {
        return Ok(Plants::All);
    }
    let known = people::plants(db, &Cx::system(tenant.id), Lang::default()).await?;
    let known: Vec<String> = known.into_iter().map(|(code, _)| code).collect();
    for code in codes {
        anyhow::ensure!(
            known.contains(code),
            "tenant {} has no plant {code}; it has {}",
            tenant.code,
            known.join(", ")
        );
    }
    Ok(Plants::some(codes))
}

fn scope(word: &str) -> anyhow::Result<Scope> {
    Scope::parse(word).with_context(|| format!("there is no scope {word}; there are read, write and admin"))
}

/// `cloud import`.
pub async fn import(config: &Config, args: ImportArgs) -> anyhow::Result<()> {
    if let Some(ImportWhat::Events(args)) = args.what {
        return import_events(config, args).await;
    }
    let (Some(file), Some(code)) = (args.file, args.tenant) else {
        anyhow::bail!("name the file, and the tenant with --tenant");
    };
    let list = args.list.as_deref().map(list_of).transpose()?;
    let form = match (file.extension().and_then(|ending| ending.to_str()), list) {
        (Some("toml"), None) => Form::Toml,
        (Some("json"), None) => Form::Json,
        (Some("json"), Some(list)) => Form::JsonRows(list),
        (Some("csv"), Some(list)) => Form::Csv(list),
        (Some("csv"), None) => anyhow::bail!("a CSV file holds one list: name it with --list"),
        _ => anyhow::bail!("{}: expected a .toml, .json or .csv file", file.display()),
    };
    let bytes = std::fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
    let upload = Upload { name: file.display().to_string(), form, bytes };
    let database = Database::attach(config).await?;
    let tenant = tenant(&database.db, &code).await?;
    let cx = Cx::system(tenant.id);
    let report = import::import(&database.db, &cx, &tenant.code, &upload, args.dry_run).await?;
    println!("{report}");
    database.close().await;
    Ok(())
}

/// Mistakes that are shown; the file beside has all of them.
const SHOWN: usize = 1000;

/// `cloud import events`.
async fn import_events(config: &Config, args: EventsArgs) -> anyhow::Result<()> {
    let form = match args.file.extension().and_then(|ending| ending.to_str()) {
        Some("csv") => imports::Form::Csv,
        Some("jsonl" | "ndjson" | "json") => imports::Form::JsonLines,
        _ => anyhow::bail!("{}: expected a .csv or .jsonl file", args.file.display()),
    };
    let database = Database::attach(config).await?;
    let tenant = tenant(&database.db, &args.tenant).await?;
    let wish = imports::Wish {
        tenant: tenant.id,
        code: tenant.code.parse().with_context(|| format!("{} is no code of a tenant", tenant.code))?,
        file: args.file,
        form,
        dry_run: args.dry_run,
        skip_bad: args.skip_bad,
    };
    let ingest = Ingest::new(database.db.clone(), Committed::default());
    let mut progress = Progress::new();
    let done = imports::run(&ingest, &wish, Utc::now(), &mut progress.watch()).await;
    let mut report = match done {
        Ok(report) => report,
        Err(error) => {
            progress.end();
            return Err(error.into());
        }
    };
    let settled =
        imports::settle(&database.db, wish.tenant, &mut report, imports::STILL, &mut progress.watch()).await;
    progress.end();
    settled?;
    for mistake in report.mistakes.iter().take(SHOWN) {
        println!("{mistake}");
    }
    if let Some(path) = &report.errors {
        println!(
            "{} mistakes in {} of {} rows; all of them stand in {}",
            report.all_mistakes,
            report.bad,
            report.rows,
            path.display()
        );
    }
    if !report.hints.is_empty() {
        println!("Imported as they stand, and not known to the masters (each told where it comes first):");
        report.hints.iter().for_each(|hint| println!("{hint}"));
    }
    database.close().await;
    match report.end {
        imports::End::DryRun => println!("{} rows, {} wrong; nothing was imported", report.rows, report.bad),
        imports::End::Done => {
            let so_far = match report.behind {
                0 => "",
                _ => " so far: what its last events come to is not worked out yet",
            };
            println!(
                "{} events imported, {} were there already, {} rows left out; \
                 {} exceptions of this import are open{so_far}",
                report.imported, report.before, report.bad, report.exceptions
            );
        }
        imports::End::Refused => {
            anyhow::bail!("nothing was imported; put the rows right, or leave them out with --skip-bad")
        }
        imports::End::Stopped => anyhow::bail!(
            "stopped after {} events; the same command goes on from there",
            report.before + report.imported
        ),
    }
    Ok(())
}

fn list_of(name: &str) -> anyhow::Result<List> {
    List::parse(name).with_context(|| {
        let names: Vec<&str> = List::names().collect();
        format!("there is no list {name}; there are {}", names.join(", "))
    })
}

/// `cloud withdraw`.
pub async fn withdraw(config: &Config, args: WithdrawArgs) -> anyhow::Result<()> {
    let list = list_of(&args.list)?;
    let database = Database::attach(config).await?;
    let tenant = tenant(&database.db, &args.tenant).await?;
    for code in &args.codes {
        import::withdraw(&database.db, &Cx::system(tenant.id), list, code).await?;
        println!("{code} is withdrawn; plants forget it when they are in touch");
    }
    database.close().await;
    Ok(())
}

/// `cloud user …`.
pub async fn user(config: &Config, command: UserCommand) -> anyhow::Result<()> {
    let database = Database::attach(config).await?;
    let db = &database.db;
    let page = |url: Option<String>, link: &keys::Secret| {
        let url = url.unwrap_or_else(|| config.url());
        println!("{}/invitation/{}", url.trim_end_matches('/'), link.reveal());
    };
    match command {
        UserCommand::Invite { email, name, roles, tenant: code, url } => {
            let tenant = tenant(db, &code).await?;
            let invitation = people::Invitation { email, name, roles, ..people::Invitation::default() };
            let cx = Cx::system(tenant.id);
            let by = people::By::operator(&cx);
            let (_, link) = people::invite(db, &by, &invitation, None, Utc::now()).await?;
            page(url, &link);
        }
        UserCommand::Link { email, tenant: code, url } => {
            let tenant = tenant(db, &code).await?;
            let cx = Cx::system(tenant.id);
            let wanted = email.trim().to_lowercase();
            let found = everybody(db, &cx).await?.into_iter().find(|user| user.email == wanted);
            let user = found.with_context(|| format!("tenant {code} has nobody of the e-mail {wanted}"))?;
            page(url, &people::link(db, &people::By::operator(&cx), user.id, None, Utc::now()).await?);
        }
        UserCommand::List { tenant: code } => {
            let tenant = tenant(db, &code).await?;
            for user in everybody(db, &Cx::system(tenant.id)).await? {
                println!("{}  {}  {}  {}", user.email, user.status.name(), user.roles.join(","), user.name);
            }
        }
    }
    database.close().await;
    Ok(())
}

async fn everybody(db: &Db, cx: &Cx) -> anyhow::Result<Vec<people::User>> {
    let mut all: Vec<people::User> = Vec::new();
    loop {
        let after =
            all.last().map_or((String::new(), uuid::Uuid::nil()), |last| (last.name.clone(), last.id));
        let more = people::list(db, cx, (&after.0, after.1), 200).await?;
        if more.is_empty() {
            return Ok(all);
        }
        all.extend(more);
    }
}

/// `cloud open`.
pub async fn open(config: &Config, args: OpenArgs) -> anyhow::Result<()> {
    let database = Database::attach(config).await?;
    let tenant = tenant(&database.db, &args.tenant).await?;
    let scopes = [Scope::Read, Scope::Write];
    let code = keys::create_code(&database.db, tenant.id, "sign-in link", &scopes, Utc::now()).await?;
    let url = args.url.unwrap_or_else(|| config.url());
    println!("{}/signin/once/{}", url.trim_end_matches('/'), code.reveal());
    database.close().await;
    Ok(())
}

/// `cloud trace`.
pub async fn trace(config: &Config, args: TraceArgs) -> anyhow::Result<()> {
    let own = || args.code.split('-').nth(1).filter(|_| args.code.starts_with("UID-")).map(str::to_owned);
    let code = args.tenant.clone().or_else(own).context("name the tenant with --tenant")?;
    let database = Database::attach(config).await?;
    let tenant = tenant(&database.db, &code).await?;
    let text: String =
        trace::explore::text::trace_text(&database.db, &Cx::system(tenant.id), &args.code).await?;
    println!("{text}");
    database.close().await;
    Ok(())
}

// The commands' errors come from several parts; this ties the one that the
// closures above need to be inferred.
