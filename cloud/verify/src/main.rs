//! `verify`: checks a unit's exported history, with nothing but the file.

use std::process::ExitCode;

use verify::history;
use verify::note::PublicKey;

const USAGE: &str = "usage: verify [--key KEY] FILE

Checks the history of a unit as Tracewright exports it. KEY is the log's public key, as
its owner publishes it; without it the key in the file is believed, and is yours to
compare.";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (mut key, mut file) = (None, None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--key" => key = arguments.next(),
            _ if file.is_none() && !argument.starts_with("--") => file = Some(argument),
            _ => return usage(),
        }
    }
    let Some(file) = file else { return usage() };
    match run(&file, key.as_deref()) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(refused) => {
            eprintln!("REFUSED {file}: {refused}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

fn run(file: &str, key: Option<&str>) -> Result<String, String> {
    let pinned = key.map(PublicKey::parse).transpose().map_err(|error| format!("--key: {error}"))?;
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    let report = history::check(&bytes, pinned.as_ref()).map_err(|refusal| refusal.to_string())?;
    Ok(history::said(&report, pinned.is_some()))
}
