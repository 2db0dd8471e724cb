//! Checks a plant file and builds [`PlantFile`] from it.
//!
//! The text is walked with its spans rather than handed to serde, which stops
//! at the first mistake. Each part of the file is a short declaration over
//! [`section::Section`], which reads keys by [`rules`] and names the keys that
//! nobody asked for; names and references are collected on the way and compared
//! at the end ([`names`], [`cross`]).

mod cross;
mod find;
mod machine;
mod mistake;
mod names;
mod nearest;
mod plant;
mod rules;
mod scanner;
mod section;
mod station;
mod syntax;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use mistake::{LoadError, Mistake};

use super::model::PlantFile;
use find::Findings;

/// A plant file is never larger than this.
pub const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// Reads and checks a plant file. Relative paths in it are taken from the folder
/// that it stands in.
pub fn load(path: &Path) -> Result<PlantFile, LoadError> {
    let read = |source| LoadError::Read { path: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(read)?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(LoadError::TooLarge { path: path.to_owned(), bytes });
    }
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(read)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|e| LoadError::Mistakes(vec![syntax::not_utf8(&name, &bytes, e.valid_up_to())]))?;
    let mut file = parse(&name, text).map_err(LoadError::Mistakes)?;
    resolve_paths(&mut file, path.parent().unwrap_or(Path::new("")));
    Ok(file)
}

/// Checks the text of a plant file; `name` is how mistakes call it. Either
/// everything in it is right, or every mistake is returned, in order of line.
pub fn parse(name: &str, text: &str) -> Result<PlantFile, Vec<Mistake>> {
    let findings = Findings::new(name, text);
    let recovered = syntax::read(&findings);
    let file = recovered.document.as_ref().and_then(|document| {
        let file = plant::read(document.as_table(), &findings);
        findings.compare_names();
        file
    });
    let mistakes = findings.into_mistakes(recovered.whole);
    match file {
        Some(file) if mistakes.is_empty() => Ok(file),
        _ => Err(mistakes),
    }
}

fn resolve_paths(file: &mut PlantFile, folder: &Path) {
    let uplink = &mut file.uplink;
    let mut paths: Vec<&mut Option<PathBuf>> = vec![
        &mut uplink.data_dir,
        &mut uplink.enrolment_token_file,
        &mut file.terminal.certificate_file,
        &mut file.terminal.key_file,
    ];
    paths.extend(file.broker.as_mut().map(|broker| &mut broker.password_file));
    paths.extend(file.printers.iter_mut().map(|printer| &mut printer.indic_font));
    for path in paths.into_iter().flatten() {
        *path = folder.join(&*path);
    }
}
