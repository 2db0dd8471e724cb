//! Files that only their owner may read: keys.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// What a private file is written as, before it takes its place.
fn aside(path: &Path, text: &str) -> Result<std::path::PathBuf, Error> {
    let aside = path.with_extension(format!("new-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(aside)
}

/// What depends on the file is about to be committed elsewhere.
fn sync_folder(path: &Path) -> Result<(), Error> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Makes the file with mode 0600, unless it is there: whole, or not at all. Of
/// two processes at once one makes it.
///
/// # Errors
/// Those of the file system.
pub fn create(path: &Path, text: &str) -> Result<(), Error> {
    let aside = aside(path, text)?;
    let linked = match std::fs::hard_link(&aside, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    };
    let _ = std::fs::remove_file(&aside);
    linked?;
    sync_folder(path)
}

/// Replaces the file with mode 0600: readers find the old one or the new one.
///
/// # Errors
/// Those of the file system.
pub fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let aside = aside(path, text)?;
    std::fs::rename(&aside, path)?;
    sync_folder(path)
}

/// Why a private file was not read.
#[derive(Debug)]
pub enum ReadError {
    /// The file system.
    Io(Error),
    /// Others than its owner may read it; its mode.
    Open(u32),
}

/// The text of the file.
///
/// # Errors
/// [`ReadError`].
pub fn read(path: &Path) -> Result<String, ReadError> {
    let mut file = File::open(path).map_err(ReadError::Io)?;
    let mode = file.metadata().map_err(ReadError::Io)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(ReadError::Open(mode));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(ReadError::Io)?;
    Ok(text)
}
