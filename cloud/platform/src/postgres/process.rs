//! Processes of the server: whom they run as, how they start, and how they end
//! when we do.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::PostgresError;

/// An unprivileged user of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct User {
    pub uid: u32,
    pub gid: u32,
}

/// Whether this process is root.
#[must_use]
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0)
}

/// Whom to run the server as: Postgres refuses root, so then it is `nobody`;
/// else ourselves.
pub(super) fn server_user() -> Option<User> {
    is_root().then(|| {
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        // What every common Linux has, where the file names no such user.
        find_user(&users, "nobody").unwrap_or(User { uid: 65534, gid: 65534 })
    })
}

fn find_user(passwd: &str, name: &str) -> Option<User> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let (uid, gid) = (fields.nth(1)?, fields.next()?);
        Some(User { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
    })
}

/// A Postgres program, in a process group of its own, so that Ctrl-C reaches it
/// only through us.
pub(super) fn program(path: &Path, user: Option<User>) -> Command {
    let mut command = Command::new(path);
    // The caller's settings for other servers are none of ours.
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"PG") {
            command.env_remove(name);
        }
    }
    command.process_group(0).stdin(Stdio::null());
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}

/// A child that is sent `end` by the kernel when this process ends, however it
/// ends, and whatever runtime or thread asked for it.
pub(super) struct Kept {
    pub child: Child,
    /// Dropped, it lets the thread go.
    _keeper: mpsc::Sender<()>,
}

/// Starts `command` from a thread of its own: the kernel counts the death of
/// the thread that started a child as the parent's.
pub(super) fn spawn_kept(mut command: Command, end: libc::c_int) -> std::io::Result<Kept> {
    let parent = std::process::id();
    // SAFETY: between fork and exec only these two system calls are made, both
    // of which are async-signal-safe, and nothing is allocated.
    #[allow(unsafe_code)] // no safe way to ask for a signal at the parent's death
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, end) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            // The parent may have died before the kernel was asked.
            if libc::getppid().unsigned_abs() != parent {
                return Err(std::io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
    let (told, hear) = mpsc::channel();
    let (keeper, kept) = mpsc::channel::<()>();
    std::thread::Builder::new().name("postgres-keeper".into()).spawn(move || {
        let _ = told.send(command.spawn());
        // Ends when the other half is dropped.
        let _ = kept.recv();
    })?;
    let child = hear.recv().unwrap_or_else(|_| Err(std::io::Error::other("the keeper thread ended")))?;
    Ok(Kept { child, _keeper: keeper })
}

/// Ends a child in good order, then less and less so.
pub(super) fn end(child: &mut Child) {
    for (signal, patience) in [
        // Fast: roll back, flush, leave.
        (libc::SIGINT, Duration::from_secs(30)),
        // At once: the next start recovers from the log.
        (libc::SIGQUIT, Duration::from_secs(10)),
        (libc::SIGKILL, Duration::from_secs(5)),
    ] {
        send(child.id(), signal);
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            match child.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(5)),
                Ok(Some(_)) | Err(_) => return,
            }
        }
    }
}

/// Stops a server whose parent was killed and which holds the data folder
/// still. The caller holds the lock of the folder, so it is nobody else's.
pub(super) fn end_leftover(data: &Path) -> Result<(), PostgresError> {
    let Some(note) = Note::read(data) else {
        return Ok(());
    };
    let ours = || {
        std::fs::read(format!("/proc/{}/cmdline", note.pid))
            .is_ok_and(|line| contains(&line, data.as_os_str().as_encoded_bytes()))
    };
    let start = Instant::now();
    while ours() {
        let waited = start.elapsed();
        if waited > Duration::from_secs(60) {
            return Err(PostgresError::Leftover(note.pid));
        }
        // It may be on its way out already: the same signal again does no harm.
        let hard = waited > Duration::from_secs(30);
        send(note.pid, if hard { libc::SIGQUIT } else { libc::SIGINT });
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// What a running server writes into its data folder.
pub(super) struct Note {
    pub pid: u32,
    pub socket: std::path::PathBuf,
}

impl Note {
    pub(super) fn read(data: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(data.join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        Some(Self { pid: lines.next()?.trim().parse().ok()?, socket: lines.nth(3)?.trim().into() })
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}

fn send(pid: u32, signal: libc::c_int) {
    let Ok(pid) = libc::pid_t::try_from(pid) else {
        return;
    };
    // Never 0 or below, which would name whole groups of processes.
    if pid > 1 {
        // SAFETY: kill touches no memory of ours.
        #[allow(unsafe_code)] // no safe wrapper without another dependency
        unsafe {
            libc::kill(pid, signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65533:nobody:/:/usr/sbin/nologin\n";
        assert_eq!(find_user(passwd, "nobody"), Some(User { uid: 65534, gid: 65533 }));
        assert_eq!(find_user(passwd, "nob"), None);
        assert_eq!(find_user("nobody:x:many", "nobody"), None);
    }
}
