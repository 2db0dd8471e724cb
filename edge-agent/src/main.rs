//! `edge-agent`: the program of a plant.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use edge_agent::labels::{cards, fonts};
use edge_agent::{config, supervise};

/// Manufacturing traceability: the edge agent of a plant.
#[derive(Parser)]
#[command(name = "edge-agent", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the agent of a plant until it is told to stop.
    Run(supervise::RunArgs),
    /// Say everything that is wrong with a plant file, each with its line.
    Check {
        /// The plant file.
        file: PathBuf,
    },
    /// Exchange a one-time token for this agent's identity.
    Enrol {
        /// The plant file.
        file: PathBuf,
        /// Where the agent keeps its data; the plant file's, when left out.
        #[arg(long)]
        data_dir: Option<PathBuf>,
        /// The token, or a file that holds it.
        #[arg(long)]
        token: String,
    },
    /// Write the control codes of a plant as a PDF to print and cut.
    Cards {
        /// The plant file.
        file: PathBuf,
        /// Where the agent keeps its data, which knows the office's reasons; the
        /// plant file's, when left out.
        #[arg(long)]
        data_dir: Option<PathBuf>,
        /// The PDF to write.
        #[arg(long, default_value = "cards.pdf")]
        out: PathBuf,
    },
    /// Write the labels of UIDs as a station's printer makes them: UID.zpl for
    /// the printer, UID.svg to look at.
    Label {
        /// The plant file.
        file: PathBuf,
        /// Code of the station.
        station: String,
        /// UIDs.
        #[arg(required = true)]
        uids: Vec<String>,
        /// A line of text below the code; may be given several times.
        #[arg(long)]
        line: Vec<String>,
        /// 1 for the first print, 2 for one marked R2.
        #[arg(long, default_value_t = 1)]
        copy: u32,
        /// The folder to write to.
        #[arg(long, default_value = ".")]
        out: PathBuf,
    },
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
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("edge-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => supervise::run(args).map(|()| ExitCode::SUCCESS),
        Command::Check { file } => Ok(check(&file)),
        Command::Enrol { file, data_dir, token } => {
            supervise::enrol(&file, data_dir, &token).map(|()| ExitCode::SUCCESS)
        }
        Command::Cards { file, data_dir, out } => {
            write_cards(&file, data_dir, &out).map(|()| ExitCode::SUCCESS)
        }
        Command::Label { file, station, uids, line, copy, out } => {
            let plant = config::load(&file)?;
            for file in supervise::write_labels(&plant, &station, &uids, &line, copy, &out)? {
                println!("{}", file.display());
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Uid(UidCommand::Check { texts, tenant }) => Ok(uid_check(&texts, tenant)),
    }
}

fn check(file: &Path) -> ExitCode {
    match config::load(file) {
        Ok(plant) => {
            println!(
                "{}: plant {} of {}, {} stations, {} machines, {} printers; nothing is wrong with it",
                file.display(),
                plant.plant,
                plant.tenant,
                plant.stations.len(),
                plant.machines.len(),
                plant.printers.len()
            );
            config::cautions(&plant).iter().for_each(|told| eprintln!("warning: {told}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn write_cards(file: &Path, data_dir: Option<PathBuf>, out: &Path) -> anyhow::Result<()> {
    let plant = config::load(file)?;
    let reference = supervise::stored_reference(&plant, file, data_dir)?;
    if reference.is_none() {
        println!(
            "no agent has run here yet: the office's reasons have no cards; --data-dir says where it did"
        );
    }
    let cards = supervise::cards(&plant, &reference.unwrap_or_default());
    let font = plant.printers.iter().find_map(|printer| printer.indic_font.clone());
    let mut typesetter = fonts::find(font.as_deref());
    let pdf = cards::pdf(&cards, typesetter.as_mut())?;
    std::fs::write(out, pdf).with_context(|| format!("writing {}", out.display()))?;
    println!("{}: {} cards", out.display(), cards.len());
    Ok(())
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
