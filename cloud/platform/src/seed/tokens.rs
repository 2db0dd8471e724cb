//! Tokens for the agents that have not enrolled.

use std::io::Write;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::mistake::SeedErrors;
use super::report::Token;
use crate::db::Db;
use crate::tenancy::{issue_token, token_is_open};

/// An agent that has not enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub tenant: Uuid,
    pub tenant_code: String,
    pub plant: String,
    pub agent: Uuid,
}

/// A token for each; one that stands in its file and still works is kept.
pub(super) async fn issue(
    db: &Db,
    ca_fingerprint: [u8; 32],
    waiting: &[Waiting],
    folder: Option<&Path>,
) -> Result<Vec<Token>, SeedErrors> {
    let mut tokens = Vec::new();
    for one in waiting {
        let file = folder.map(|folder| folder.join(file_name(one, waiting)));
        let before = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        let before = before.map(|text| text.trim().to_owned());
        let kept = match &before {
            Some(text) => token_is_open(db, text, ca_fingerprint, one.tenant, one.agent).await?,
            None => false,
        };
        let text = match before {
            Some(text) if kept => text,
            _ => issue_token(db, ca_fingerprint, one.tenant, one.agent).await?,
        };
        if let Some(file) = &file
            && !kept
        {
            write(file, &text).map_err(|source| SeedErrors::Write { path: file.clone(), source })?;
        }
        tokens.push(Token { tenant: one.tenant_code.clone(), plant: one.plant.clone(), text, file, kept });
    }
    Ok(tokens)
}

/// `KOL.token`; `SAIF-KOL.token` if another tenant has such a plant too.
fn file_name(one: &Waiting, all: &[Waiting]) -> PathBuf {
    let shared = all.iter().any(|other| other.plant == one.plant && other.tenant != one.tenant);
    let prefix = if shared { format!("{}-", one.tenant_code) } else { String::new() };
    format!("{prefix}{}.token", one.plant).into()
}

/// Whole or not at all, and for nobody else to read: a temporary file is made
/// with mode 0600.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(file, "{text}")?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
