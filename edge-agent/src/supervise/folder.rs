//! The data folder: of its owner alone, since it holds what proves who people
//! and this agent are.

use std::fs::{self, DirBuilder, File, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use anyhow::Context;

/// From now on this process makes files and folders for its owner only.
#[allow(unsafe_code)] // umask has no safe form in std.
pub(super) fn keep_to_ourselves() {
    // SAFETY: it changes a number of this process and cannot fail.
    unsafe { libc::umask(0o077) };
}

/// Makes the data folder where there is none, and closes it to others where
/// there is one.
///
/// # Errors
/// When it cannot be made, or is another user's.
pub(super) fn make(folder: &Path) -> anyhow::Result<()> {
    let told = || format!("making {}", folder.display());
    DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(told)?;
    let mode = fs::metadata(folder).with_context(told)?.permissions().mode();
    if mode & 0o077 != 0 {
        let closed = fs::set_permissions(folder, Permissions::from_mode(mode & 0o700));
        closed.with_context(|| format!("closing {} to others", folder.display()))?;
    }
    Ok(())
}

/// One agent per data folder: two would tear one chain apart.
///
/// # Errors
/// When another agent runs on it.
pub(super) fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join("lock");
    let file = File::create(&path).with_context(|| format!("opening {}", path.display()))?;
    file.try_lock().with_context(|| format!("another agent runs on {}", folder.display()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_the_agent_keeps_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        keep_to_ourselves();
        let folder = dir.path().join("a/data");
        make(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        let _lock = lock(&folder).unwrap();
        assert_eq!(mode(&folder.join("lock")), 0o600);
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        make(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700, "one that was open is closed");
    }
}
