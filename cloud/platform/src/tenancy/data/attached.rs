//! A tenant's attached files in an archive, and from it back into the store.

use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::archive::{Reader, Writer, failed, form};
use super::aside::Aside;
use super::{At, DataError, Watch, tell};
use crate::files::{Depot, copy_tenant};

/// An attached file's bytes, as the manifest has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached {
    /// Its name in the archive.
    pub path: String,
    /// How many bytes.
    pub bytes: u64,
    /// SHA-256 of them, in hexadecimal.
    pub sha256: String,
}

/// Writes what the tenant has in the store to the archive. It is read after the rows, so
/// that whatever they name is there.
pub(in crate::tenancy) async fn take(
    depot: &Depot,
    tenant: Uuid,
    archive: &mut Writer,
    watch: &mut Watch<'_>,
) -> Result<Vec<Attached>, DataError> {
    let beside = archive.folder()?;
    let copy = Depot::folder(&beside)?;
    copy_tenant(depot, &copy, tenant).await?;
    let folder = beside.join(tenant.to_string());
    let mut names = Vec::new();
    if folder.is_dir() {
        for entry in std::fs::read_dir(&folder).map_err(|error| failed(&folder, error))? {
            names.push(entry.map_err(|error| failed(&folder, error))?.file_name());
        }
    }
    names.sort();
    let mut taken = Vec::new();
    for name in names {
        let from = folder.join(&name);
        let path = format!("files/{}", name.to_string_lossy());
        let mut file = std::fs::File::open(&from).map_err(|error| failed(&from, error))?;
        archive.begin(&path)?;
        archive.write_all_of(&mut file, &from)?;
        taken.push(Attached { path, bytes: archive.bytes(), sha256: archive.sha256() });
        tell(watch, At::Bytes { table: "files".to_owned(), bytes: archive.bytes() })?;
    }
    tell(watch, At::Table { table: "files".to_owned(), rows: taken.len() as u64 })?;
    Ok(taken)
}

/// Puts the files of an archive into the store.
pub(in crate::tenancy) async fn put_back(
    depot: Option<&Depot>,
    tenant: Uuid,
    path: &Path,
    files: &[Attached],
) -> Result<(), DataError> {
    if files.is_empty() {
        return Ok(());
    }
    let depot = depot.ok_or_else(|| {
        DataError::Refused("it has attached files, and no store of files is configured here".to_owned())
    })?;
    let aside = Aside::begin(path)?;
    let beside = aside.folder()?;
    let folder = beside.join(tenant.to_string());
    std::fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
    let mut archive = Reader::open(path)?;
    for file in files {
        let name = file.path.strip_prefix("files/").unwrap_or_default();
        // A name from a file leads nowhere else.
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err(form(path, format!("{} is no name of an attached file", file.path)));
        }
        archive.write_to(&file.path, &folder.join(name))?;
    }
    copy_tenant(&Depot::folder(&beside)?, depot, tenant).await?;
    Ok(())
}
