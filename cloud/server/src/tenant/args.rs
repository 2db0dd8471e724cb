//! What `cloud tenant` is asked.

use std::path::PathBuf;

use platform::db::SHARED;
use platform::tenancy::Placement;

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
    pub(super) file: PathBuf,
    /// Where it is to live.
    #[arg(long, value_enum, default_value_t = Place::Shared)]
    pub(super) placement: Place,
    /// The server of its own database, as the configuration names it.
    #[arg(long)]
    pub(super) server: Option<String>,
    /// Have the tenant of today, which is suspended, give way.
    #[arg(long)]
    pub(super) replace: bool,
    /// Only look whether the file is whole, and tell what it holds.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Who orders it, for the log; the account of this machine when left out.
    #[arg(long)]
    pub(super) by: Option<String>,
}

/// Arguments of `cloud tenant erase`.
#[derive(clap::Args)]
pub struct EraseArgs {
    /// Its code.
    #[arg(required_unless_present = "due", conflicts_with = "due")]
    pub(super) code: Option<String>,
    /// Its code again, instead of typing it when asked.
    #[arg(long, conflicts_with = "due")]
    pub(super) confirm: Option<String>,
    /// Who orders it, for the certificate.
    #[arg(long, required_unless_present = "due")]
    pub(super) by: Option<String>,
    /// Where the certificate is written; `<CODE>-erased.json` here, when left out.
    #[arg(long, conflicts_with = "due")]
    pub(super) certificate: Option<PathBuf>,
    /// List the tenants whose trial has ended and whose time of grace is over.
    #[arg(long)]
    pub(super) due: bool,
    /// Erase each of them. One that fails does not stop the others, and is due still.
    #[arg(long, requires_all = ["due", "by"])]
    pub(super) yes: bool,
    /// The folder for their certificates, each `<CODE>-erased-<time>.json`; here, when left
    /// out.
    #[arg(long, requires = "yes")]
    pub(super) certificates: Option<PathBuf>,
}

/// Arguments of `cloud tenant move`.
#[derive(clap::Args)]
pub struct MoveArgs {
    /// Its code.
    pub(super) code: String,
    /// Where it is to live.
    #[arg(long, value_enum, required_unless_present = "back")]
    pub(super) to: Option<Place>,
    /// The server of its own database, as the configuration names it; that of the home
    /// database when left out.
    #[arg(long)]
    pub(super) server: Option<String>,
    /// Take a move back that was cut short.
    #[arg(long, conflicts_with_all = ["to", "server"])]
    pub(super) back: bool,
    /// Who orders it, for the log; the account of this machine when left out.
    #[arg(long)]
    pub(super) by: Option<String>,
}

/// Arguments of `cloud tenant create`.
#[derive(clap::Args)]
pub struct CreateArgs {
    /// A tenant configuration in JSON, instead of the flags below.
    #[arg(long, conflicts_with_all = ["name", "time_zone", "language", "currency"])]
    pub(super) from: Option<PathBuf>,
    /// Four of 0-9 and A-Z, which every UID has in it; it can never be changed.
    #[arg(long, required_unless_present = "from")]
    pub(super) code: Option<String>,
    /// For people.
    #[arg(long, required_unless_present = "from")]
    pub(super) name: Option<String>,
    /// IANA name.
    #[arg(long, default_value = "Asia/Kolkata")]
    pub(super) time_zone: String,
    /// en, hi, bn or te.
    #[arg(long, default_value = "en")]
    pub(super) language: String,
    /// ISO 4217.
    #[arg(long, default_value = "INR")]
    pub(super) currency: String,
    /// Code of a plant of the configuration: PLANT-KOL-001=KOL; may be given several
    /// times.
    #[arg(long = "plant-code", value_parser = pair)]
    pub(super) plant_codes: Vec<(String, String)>,
    /// The plan that it is made with; the default one when left out. A trial that is given
    /// later is one of a tenant that lived here before: it ends in no erasure.
    #[arg(long)]
    pub(super) plan: Option<String>,
    /// Where it is to live; as its plan says when left out.
    #[arg(long, value_enum)]
    pub(super) placement: Option<Place>,
    /// The server of its own database, as the configuration names it; that of the home
    /// database when left out.
    #[arg(long)]
    pub(super) server: Option<String>,
    /// Show what would be made, and make nothing.
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Give a tenant that is there already another name.
    #[arg(long)]
    pub(super) replace: bool,
    /// Who orders it, for the log; the account of this machine when left out.
    #[arg(long)]
    pub(super) by: Option<String>,
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

/// What is said of a place.
pub(super) fn place_text(placement: &Placement) -> String {
    match placement {
        Placement::Shared => SHARED.to_owned(),
        Placement::Own { server } if server.is_empty() => "a database of its own".to_owned(),
        Placement::Own { server } => format!("a database of its own on {server}"),
    }
}
