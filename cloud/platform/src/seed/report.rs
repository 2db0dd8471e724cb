//! What the seeder did, for the person who ran it.

use std::fmt;
use std::path::PathBuf;

use super::differ::Differing;
pub use super::masters::Count;
use crate::reference::Published;
use crate::tenancy::Change;

/// What [`super::seed`] did; its display form is for people.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeedReport {
    /// Tenants, companies, plants and their series, in the order of the files.
    pub organisation: Vec<Made>,
    /// What was here with other values, and is as the files say now.
    pub replaced: Vec<Differing>,
    /// Rows of the reference file by kind.
    pub masters: Vec<Count>,
    /// What plants were told of it.
    pub published: Published,
    /// A token for each agent of the plant files that has not enrolled.
    pub tokens: Vec<Token>,
}

/// A part of the organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// As in `plant KOL of SAIF`.
    pub what: String,
    /// What happened to it.
    pub change: Change,
}

/// A token for an agent that has not enrolled.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The tenant's code.
    pub tenant: String,
    /// The plant's code.
    pub plant: String,
    /// The token itself.
    pub text: String,
    /// Where it was written, if it was.
    pub file: Option<PathBuf>,
    /// The file held one that still works.
    pub kept: bool,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("plant", &self.plant).field("file", &self.file).finish_non_exhaustive()
    }
}

impl SeedReport {
    /// Whether the run found everything as the files say.
    #[must_use]
    pub fn nothing_changed(&self) -> bool {
        self.organisation.iter().all(|made| made.change == Change::Same)
            && self.masters.iter().all(|count| count.changed == 0)
            && self.published.rows == 0
            && self.tokens.iter().all(|token| token.kept)
    }
}

impl fmt::Display for SeedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for made in &self.organisation {
            let change = match made.change {
                Change::Made => "made",
                Change::Updated => "updated",
                Change::Same => "as before",
            };
            writeln!(f, "{}: {change}", made.what)?;
        }
        for one in &self.replaced {
            writeln!(f, "written over: {one}")?;
        }
        for Count { what, rows, changed } in &self.masters {
            writeln!(f, "{what}: {rows}, {changed} of them new or changed")?;
        }
        match self.published {
            Published { rows: 0, .. } => writeln!(f, "nothing new for the plants")?,
            Published { rows, version } => {
                writeln!(f, "published to the plants: {rows} rows, up to version {version}")?;
            }
        }
        for token in &self.tokens {
            let Token { tenant, plant, .. } = token;
            match (&token.file, token.kept) {
                (Some(file), true) => writeln!(f, "token for {tenant} {plant}: still in {}", file.display())?,
                (Some(file), false) => writeln!(f, "token for {tenant} {plant}: in {}", file.display())?,
                (None, _) => writeln!(f, "token for {tenant} {plant}: {}", token.text)?,
            }
        }
        if !self.tokens.is_empty() {
            writeln!(f, "a token enrols one agent, once, within 7 days")?;
        }
        Ok(())
    }
}
