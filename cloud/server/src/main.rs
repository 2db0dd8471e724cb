//! `cloud`: the program of the office side. Serves pages, API and the plants'
//! streams, and holds the commands of an administrator.

mod admin;
mod audit;
mod cleanup;
mod commands;
mod config;
mod database;
mod metrics;
mod mirror;
mod modules;
mod operator;
mod progress;
mod secrets;
mod serve;
mod tenant;
mod tls;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use config::Config;

/// Manufacturing traceability: the cloud.
#[derive(Parser)]
#[command(name = "cloud", version, about)]
struct Cli {
    /// Settings as a TOML file; `TRACEWRIGHT_…` in the environment wins over it.
    #[arg(long, global = true, env = "TRACEWRIGHT_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve pages, API and plants until told to stop.
    Serve(serve::ServeArgs),
    /// Make or bring up to date tenants, plants and masters from files.
    Seed(commands::SeedArgs),
    /// Take masters and open orders from another system's files.
    Import(commands::ImportArgs),
    /// Withdraw masters or open orders: plants forget them.
    Withdraw(commands::WithdrawArgs),
    /// Tenants: where they live, whether they are let in.
    #[command(subcommand)]
    Tenant(tenant::TenantCommand),
    /// Bring the home database and every tenant's own database up to date.
    Migrate,
    /// Print a new enrolment token for a plant's agent.
    Token(commands::TokenArgs),
    /// Say that a backup of the database was put back; run it before the cloud serves
    /// again.
    Restored,
    /// The streams of plants.
    #[command(subcommand)]
    Agent(commands::AgentCommand),
    /// Keys for people and programs.
    #[command(subcommand)]
    AccessKey(commands::KeyCommand),
    /// People of the office.
    #[command(subcommand)]
    User(commands::UserCommand),
    /// Super-administrators: who runs the cloud for its tenants.
    #[command(subcommand)]
    Admin(admin::AdminCommand),
    /// Who changed what: the chain over the log.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// The keys under which sensitive fields are sealed.
    #[command(subcommand)]
    Secrets(secrets::SecretsCommand),
    /// The mirrors behind the dashboards.
    #[command(subcommand)]
    Mirror(mirror::MirrorCommand),
    /// Print a link that signs a browser in once.
    Open(commands::OpenArgs),
    /// Show a UID's state, history and genealogy.
    Trace(commands::TraceArgs),
    /// Check a unit's exported history, down to its last byte.
    Verify(commands::VerifyArgs),
    /// Check UIDs.
    #[command(subcommand)]
    Uid(UidCommand),
}

#[derive(Subcommand)]
enum UidCommand {
    /// Say whether each text is a valid UID, and if not, what is wrong where.
    Check {
        /// Texts, as typed or scanned.
        #[arg(required = true)]
        texts: Vec<String>,
        /// The tenant whose links these are; a serial number in a GS1 Digital Link
        /// does not name it.
        #[arg(long)]
        tenant: Option<uid::TenantCode>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cloud: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if let Command::Uid(UidCommand::Check { texts, tenant }) = &cli.command {
        return Ok(uid_check(texts, *tenant));
    }
    if let Command::Verify(args) = &cli.command {
        commands::verify(args)?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = Config::load(cli.config.as_deref())?;
    start_logs(&config, matches!(cli.command, Command::Serve(_)));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(async {
        match cli.command {
            Command::Serve(args) => serve::run(config, args).await,
            Command::Seed(args) => commands::seed(&config, args).await,
            Command::Import(args) => commands::import(&config, args).await,
            Command::Withdraw(args) => commands::withdraw(&config, args).await,
            Command::Tenant(command) => tenant::run(&config, command).await,
            Command::Migrate => tenant::migrate(&config).await,
            Command::Token(args) => commands::token(&config, args).await,
            Command::Restored => commands::restored(&config).await,
            Command::Agent(command) => commands::agent(&config, command).await,
            Command::AccessKey(command) => commands::access_key(&config, command).await,
            Command::User(command) => commands::user(&config, command).await,
            Command::Admin(command) => admin::run(&config, command).await,
            Command::Audit(command) => audit::run(&config, command).await,
            Command::Secrets(command) => secrets::run(&config, command).await,
            Command::Mirror(command) => mirror::run(&config, command).await,
            Command::Open(args) => commands::open(&config, args).await,
            Command::Trace(args) => commands::trace(&config, args).await,
            Command::Uid(_) | Command::Verify(_) => Ok(()),
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Logs to standard error; `RUST_LOG` chooses what. A command says little.
fn start_logs(config: &Config, serving: bool) {
    use tracing_subscriber::EnvFilter;
    let usual = if serving { "info" } else { "warn" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if config.log_json {
        builder.json().init();
    } else {
        builder.with_ansi(false).init();
    }
}

fn uid_check(texts: &[String], tenant: Option<uid::TenantCode>) -> ExitCode {
    let mut all_valid = true;
    for text in texts {
        let judged = uid::judge(text, tenant);
        all_valid &= judged.is_ok();
        let said = match &judged {
            Ok(uid) => format!("valid: {uid}"),
            Err(problem) => problem.clone(),
        };
        println!("{text}: {said}");
    }
    if all_valid { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    /// Among others: no option of a command has the name of one that all have.
    #[test]
    fn the_commands_fit_together() {
        super::Cli::command().debug_assert();
        for command in super::Cli::command().get_subcommands() {
            let all = std::iter::once(command).chain(command.get_subcommands());
            for option in all.flat_map(clap::Command::get_arguments) {
                assert_ne!(option.get_long(), Some("config"), "{}", command.get_name());
            }
        }
    }
}
