//! What lies beside a file until that is whole: a part of it, and a folder for what is
//! attached. It holds secrets and personal data, and must not stay when its process is
//! killed: whoever begins another beside it removes it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::DataError;
use super::archive::failed;

/// In the name of every part; what follows is the number of the process.
const PART: &str = ".tracewright-part-";
/// At the end of the name of a part's folder.
const FOLDER: &str = ".files";

/// A part of a file. It is locked as long as its process lives, and goes with this.
pub(in crate::tenancy) struct Aside {
    path: PathBuf,
    file: File,
}

impl Aside {
    /// Begins the part of this file; only its owner may read it. Parts of processes that
    /// are gone are removed from the folder.
    pub fn begin(whole: &Path) -> Result<Self, DataError> {
        sweep(folder_of(whole));
        let mut name = whole.file_name().unwrap_or_default().to_owned();
        name.push(format!("{PART}{}", std::process::id()));
        let path = whole.with_file_name(name);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let file = file.map_err(|error| failed(&path, error))?;
        // On a disk without locks nobody can lock it, and so nobody takes it for left.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(DataError::Refused(format!("somebody else is writing {}", whole.display())));
        }
        Ok(Self { path, file })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// To write it.
    pub fn file(&self) -> Result<File, DataError> {
        self.file.try_clone().map_err(|error| failed(&self.path, error))
    }

    /// A folder beside it, made when it is asked for.
    pub fn folder(&self) -> Result<PathBuf, DataError> {
        let folder = folder_beside(&self.path);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|error| failed(&folder, error))?;
        Ok(folder)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(folder_beside(&self.path));
        // One that is whole has its place already.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn folder_beside(part: &Path) -> PathBuf {
    let mut name = part.file_name().unwrap_or_default().to_owned();
    name.push(FOLDER);
    part.with_file_name(name)
}

/// Removes the parts of processes that are gone; what cannot be removed is left.
fn sweep(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.rsplit_once(PART)).map(|(_, number)| number);
        if !number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())) {
            continue;
        }
        let part = entry.path();
        // Nobody's lock: its process is gone.
        let left = OpenOptions::new().write(true).open(&part).is_ok_and(|file| file.try_lock().is_ok());
        if left {
            let _ = std::fs::remove_dir_all(folder_beside(&part));
            let _ = std::fs::remove_file(&part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_goes_when_another_begins() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        // A part with its folder, of a process that is gone; one that is being written; and
        // files of somebody else.
        std::fs::write(at("a.twbackup.tracewright-part-12"), "secrets").unwrap();
        std::fs::create_dir(at("a.twbackup.tracewright-part-12.files")).unwrap();
        std::fs::write(at("a.twbackup.tracewright-part-12.files/x"), "a picture").unwrap();
        std::fs::write(at("b.twbackup.tracewright-part-13"), "").unwrap();
        let held = File::open(at("b.twbackup.tracewright-part-13")).unwrap();
        held.try_lock().unwrap();
        for name in ["c.part-14", "c.tracewright-part-", "c.tracewright-part-x1"] {
            std::fs::write(at(name), "theirs").unwrap();
        }
        let aside = Aside::begin(&at("d.zip")).unwrap();
        std::fs::write(aside.folder().unwrap().join("y"), "attached").unwrap();
        let names = || {
            let entries = std::fs::read_dir(folder.path()).unwrap();
            let mut names: Vec<String> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        let own = format!("d.zip.tracewright-part-{}", std::process::id());
        let others =
            ["b.twbackup.tracewright-part-13", "c.part-14", "c.tracewright-part-", "c.tracewright-part-x1"];
        let expected =
            others.iter().map(|name| (*name).to_owned()).chain([own.clone(), format!("{own}.files")]);
        assert_eq!(names(), expected.collect::<Vec<_>>());
        drop(aside);
        assert_eq!(names(), others);
    }
}
