//! Takes in what somebody sends: counted, hashed and looked at on its way to a
//! file without a name, which is gone with the process.

use axum::body::Bytes;
use futures_util::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use super::kind::{self, Kind, LOOKED_AT};
use super::{Files, FilesError};

/// What was sent, whole.
#[derive(Debug)]
pub struct Spooled {
    pub(super) file: tokio::fs::File,
    pub(super) size: u64,
    pub(super) sha256: [u8; 32],
    pub(super) kind: Kind,
}

/// Takes in a stream. At most a few pieces of it are in memory at once.
///
/// # Errors
/// [`FilesError::TooLarge`] as soon as it is, [`FilesError::Empty`],
/// [`FilesError::Kind`], [`FilesError::Sending`].
pub async fn spool<E: std::fmt::Display>(
    files: &Files,
    mut sent: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<Spooled, FilesError> {
    let largest = files.limits().largest;
    let dir = files.depot()?.spool_dir().to_owned();
    let file = tokio::task::spawn_blocking(move || tempfile::tempfile_in(dir));
    let file = file.await.map_err(std::io::Error::other)??;
    let mut file = tokio::fs::File::from_std(file);
    let mut hash = Sha256::new();
    let mut head: Vec<u8> = Vec::new();
    let mut kind = None;
    let mut size: u64 = 0;
    while let Some(piece) = sent.next().await {
        let piece = piece.map_err(|error| FilesError::Sending(error.to_string()))?;
        size += piece.len() as u64;
        if size > largest {
            return Err(FilesError::TooLarge(largest));
        }
        if kind.is_none() {
            head.extend(piece.iter().take(LOOKED_AT - head.len()));
            if head.len() >= LOOKED_AT {
                // A large file of a wrong kind is refused at once.
                kind = Some(kind::of(&head).map_err(FilesError::Kind)?);
            }
        }
        hash.update(&piece);
        file.write_all(&piece).await?;
    }
    if size == 0 {
        return Err(FilesError::Empty);
    }
    let kind = match kind {
        Some(kind) => kind,
        None => kind::of(&head).map_err(FilesError::Kind)?,
    };
    file.flush().await?;
    file.rewind().await?;
    Ok(Spooled { file, size, sha256: hash.finalize().into(), kind })
}
