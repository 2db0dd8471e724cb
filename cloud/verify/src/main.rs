//! `verify`: checks a unit's exported history, with nothing but the file.

use std::process::ExitCode;

use verify::history;
use verify::note::PublicKey;

const USAGE: &str = "usage: verify [--key KEY] FILE

Checks the history of a unit as Tracewright exports it. KEY is the log's public key, as
its owner publishes it; without it the key in the file is believed, and is yours to
compare.";

fn main() -> ExitCode {
    let Some(Asked { file, key }) = asked(std::env::args().skip(1)) else { return usage() };
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

/// What is to be checked, and by which key.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    file: String,
    key: Option<String>,
}

/// Reads the arguments; `None` when they are not to be understood. A `--key` without a key,
/// or a second one, is never taken for no key: whoever typed it means to compare.
fn asked(mut arguments: impl Iterator<Item = String>) -> Option<Asked> {
    let (mut key, mut file) = (None, None);
    while let Some(argument) = arguments.next() {
        let given = match argument.as_str() {
            "--key" => arguments.next()?,
            text => match text.strip_prefix("--key=") {
                Some(given) => given.to_owned(),
                None if file.is_none() && !text.starts_with("--") => {
                    file = Some(argument);
                    continue;
                }
                None => return None,
            },
        };
        if key.is_some() || given.is_empty() || given.starts_with("--") {
            return None;
        }
        key = Some(given);
    }
    Some(Asked { file: file?, key })
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

#[cfg(test)]
mod tests {
    use super::{Asked, asked};

    fn read(arguments: &[&str]) -> Option<Asked> {
        asked(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn a_key_that_was_not_given_is_not_passed_over() {
        let one = |key: Option<&str>| Some(Asked { file: "a.json".into(), key: key.map(str::to_owned) });
        assert_eq!(read(&["a.json"]), one(None));
        for right in [["--key", "K", "a.json"], ["a.json", "--key", "K"]] {
            assert_eq!(read(&right), one(Some("K")));
        }
        assert_eq!(read(&["--key=K", "a.json"]), one(Some("K")));
        let wrong: [&[&str]; 9] = [
            &["a.json", "--key"],
            &["a.json", "--key", ""],
            &["a.json", "--key="],
            &["--key", "K", "--key", "L", "a.json"],
            &["--key", "--key", "a.json"],
            &["--key", "a.json"],
            &["a.json", "b.json"],
            &["a.json", "--what"],
            &[],
        ];
        for arguments in wrong {
            assert_eq!(read(arguments), None, "{arguments:?}");
        }
    }
}
