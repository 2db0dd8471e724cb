//! What is told to the person who wrote the files.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::differ::Differing;
use super::read::MAX_FILE_BYTES;
use crate::db::DbError;
use crate::printable;
use crate::tenancy::TokenError;

/// One mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file, as it was named to the seeder.
    pub file: String,
    /// Line, from 1; 0 where only the path tells the place.
    pub line: usize,
    /// Column in characters, from 1; 0 where only the line is known.
    pub column: usize,
    /// Where in the structure, counted from 0 (`items[2].gtin`); empty if the
    /// structure could not be read.
    pub path: String,
    /// What stands there, as it was written.
    pub found: String,
    /// What was expected instead.
    pub expected: String,
    /// What to do about it, where that can be guessed.
    pub hint: Option<String>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        for number in [self.line, self.column].into_iter().filter(|number| *number > 0) {
            write!(f, "{number}:")?;
        }
        write!(f, " ")?;
        if !self.path.is_empty() {
            write!(f, "{}: ", printable(&self.path))?;
        }
        // It may quote the file, in lines of its own.
        let lines: Vec<String> = self.in_english().split('\n').map(printable).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// Why nothing was seeded, or not all of it told.
#[derive(Debug, thiserror::Error)]
pub enum SeedErrors {
    /// The files have mistakes: all of them, by file and line. Nothing was written.
    #[error("{}", lines(.0))]
    Mistakes(Vec<Mistake>),
    /// These are here with other values, and nobody said that they may be written over.
    /// Nothing was written.
    #[error("nothing was written: here with other values, which --replace writes over, is\n{}", told(.0))]
    Differing(Vec<Differing>),
    /// A file could not be read. Nothing was written.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is far larger than any that a person writes. Nothing was written.
    #[error("{}: is {bytes} bytes; such a file has at most {MAX_FILE_BYTES}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// A PIN could not be hashed. Nothing was written.
    #[error("hashing a PIN: {0}")]
    Pin(String),
    /// The database failed; its transaction left nothing.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Everything else is seeded; run the command again for the tokens.
    #[error("the data is seeded, but a token was not issued: {0}")]
    Token(#[from] TokenError),
    /// Everything else is seeded; run the command again for the tokens.
    #[error("the data is seeded, but the token was not written to {}: {source}", path.display())]
    Write {
        /// The token's file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Most that are told one by one.
const MOST: usize = 100;

fn told(differing: &[Differing]) -> String {
    let mut lines: Vec<String> = differing.iter().take(MOST).map(|one| format!("  {one}")).collect();
    if let Some(more) = differing.len().checked_sub(MOST).filter(|more| *more > 0) {
        lines.push(format!("  and {more} more"));
    }
    lines.join("\n")
}

fn lines(mistakes: &[Mistake]) -> String {
    let lines: Vec<String> = mistakes.iter().map(Mistake::to_string).collect();
    lines.join("\n")
}
