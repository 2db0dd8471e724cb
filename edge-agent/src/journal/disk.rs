//! How full the journal and its disk are, and when to stop taking more.

use std::path::{Path, PathBuf};

use super::JournalError;

/// Limits, as the plant file states them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskLimits {
    /// Size at which nothing more is taken.
    pub max_journal_bytes: u64,
    /// Share of `max_journal_bytes` from which to warn.
    pub warn_percent: u8,
    /// Free space below which nothing more is taken.
    pub min_free_bytes: u64,
}

impl From<&crate::config::Disk> for DiskLimits {
    fn from(disk: &crate::config::Disk) -> Self {
        Self {
            max_journal_bytes: disk.max_journal_bytes,
            warn_percent: disk.warn_percent,
            min_free_bytes: disk.min_free_bytes,
        }
    }
}

/// How serious it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum DiskLevel {
    /// Room enough.
    #[default]
    Ok,
    /// Near a limit; somebody should act.
    Warn,
    /// At a limit; nothing more is taken.
    Full,
}

/// What was measured, against what is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskState {
    /// Bytes in use by the journal: pages that hold something, and the WAL.
    pub used: u64,
    /// Bytes free on its file system.
    pub free: u64,
    /// The limits.
    pub limits: DiskLimits,
}

impl DiskState {
    /// Where the journal stands.
    #[must_use]
    pub fn level(&self) -> DiskLevel {
        let limits = &self.limits;
        if self.used >= limits.max_journal_bytes || self.free < limits.min_free_bytes {
            return DiskLevel::Full;
        }
        let share = u128::from(self.used) * 100;
        let warn = u128::from(limits.max_journal_bytes) * u128::from(limits.warn_percent);
        // Free space warns at twice what must stay free: there is no percentage
        // of it in the plant file, and a warning must come before the refusal.
        if share >= warn || self.free < limits.min_free_bytes.saturating_mul(2) {
            return DiskLevel::Warn;
        }
        DiskLevel::Ok
    }

    /// Refuses when a limit is reached.
    ///
    /// # Errors
    /// [`JournalError::Full`] or [`JournalError::DiskLow`].
    pub fn admit(&self) -> Result<(), JournalError> {
        let limits = &self.limits;
        if self.used >= limits.max_journal_bytes {
            return Err(JournalError::Full { used: self.used, limit: limits.max_journal_bytes });
        }
        if self.free < limits.min_free_bytes {
            return Err(JournalError::DiskLow { free: self.free, limit: limits.min_free_bytes });
        }
        Ok(())
    }
}

/// Bytes free to an unprivileged process on the file system of `dir`.
#[allow(unsafe_code)] // statvfs has no safe form in std.
pub(super) fn free_bytes(dir: &Path) -> Result<u64, JournalError> {
    use std::os::unix::ffi::OsStrExt;
    let failed = |source| JournalError::Io { what: "asking for free disk space", source };
    let path =
        std::ffi::CString::new(dir.as_os_str().as_bytes()).map_err(|e| failed(std::io::Error::other(e)))?;
    let mut answer = std::mem::MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: `path` is a NUL-terminated string and `answer` is valid for writes
    // of a statvfs; both outlive the call. All-zero is a valid statvfs.
    let (result, stat) = unsafe {
        let result = libc::statvfs(path.as_ptr(), answer.as_mut_ptr());
        (result, answer.assume_init())
    };
    if result != 0 {
        return Err(failed(std::io::Error::last_os_error()));
    }
    // The field widths differ by platform.
    #[allow(clippy::unnecessary_cast)]
    Ok((stat.f_bavail as u64).saturating_mul(stat.f_frsize as u64))
}

/// Size of a file, 0 when there is none.
pub(super) fn file_bytes(path: &PathBuf) -> u64 {
    std::fs::metadata(path).map_or(0, |m| m.len())
}

/// Copies of damaged files that are kept: the newest of the database and of the
/// WAL each.
const COPIES: usize = 2;

/// Removes all but the newest copies of damaged files.
pub(super) fn bound_copies(dir: &Path) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let mut copies: Vec<(bool, u64, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (of, rest) = name.split_once(".damaged-")?;
            let at: String = rest.chars().take_while(char::is_ascii_digit).collect();
            Some((of.ends_with("-wal"), at.parse().ok()?, entry.path()))
        })
        .collect();
    copies.sort();
    for wal in [false, true] {
        let mut times: Vec<u64> = copies.iter().filter(|c| c.0 == wal).map(|c| c.1).collect();
        times.dedup();
        let Some(oldest) = times.len().checked_sub(COPIES).and_then(|n| times.get(n)) else { continue };
        for (_, _, path) in copies.iter().filter(|c| c.0 == wal && c.1 < *oldest) {
            // One that stays takes room and does no harm.
            let _: std::io::Result<()> = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(used: u64, free: u64) -> DiskState {
        let limits = DiskLimits { max_journal_bytes: 1000, warn_percent: 80, min_free_bytes: 100 };
        DiskState { used, free, limits }
    }

    #[test]
    fn a_warning_comes_before_the_refusal() {
        assert_eq!(state(799, 1000).level(), DiskLevel::Ok);
        assert_eq!(state(800, 1000).level(), DiskLevel::Warn);
        assert_eq!(state(1000, 1000).level(), DiskLevel::Full);
        assert_eq!(state(0, 199).level(), DiskLevel::Warn);
        assert_eq!(state(0, 99).level(), DiskLevel::Full);
        assert!(matches!(state(1000, 1000).admit(), Err(JournalError::Full { .. })));
        assert!(matches!(state(0, 99).admit(), Err(JournalError::DiskLow { .. })));
        assert!(state(999, 100).admit().is_ok());
    }

    #[test]
    fn only_the_newest_copies_of_damaged_files_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let names = |n: u64| {
            [
                format!("journal.db.damaged-{n}"),
                format!("journal.db.damaged-{n}-wal"),
                format!("journal.db-wal.damaged-{n}"),
            ]
        };
        for name in (98..103).flat_map(names).chain(["journal.db".to_owned()]) {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        bound_copies(dir.path());
        for n in 98..103 {
            for name in names(n) {
                assert_eq!(dir.path().join(&name).exists(), n > 100, "{name}");
            }
        }
        assert!(dir.path().join("journal.db").exists());
    }

    #[test]
    fn free_space_is_told() {
        assert!(free_bytes(Path::new("/")).unwrap() > 0);
        assert!(free_bytes(Path::new("/no/such/folder")).is_err());
    }
}
