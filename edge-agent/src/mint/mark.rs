//! The mark: a small file outside the journal, on another disk if possible, that
//! says how far the journal has come. A journal that is behind it was restored
//! from an old copy, and must not mint.
//!
//! Two slots of one block are written in turn, each with a generation and a
//! checksum, by one `pwrite` and one `fdatasync`: the file keeps its size, so no
//! metadata is journaled, and a torn write leaves the other slot.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use proto::chain::Hash;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const SLOT: usize = 4096;
const MAGIC: &[u8; 8] = b"TWMARK01";
/// Magic, generation (u64), length (u32), checksum (u32).
const HEADER: usize = 24;

/// How far the journal has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The agent.
    pub agent_id: Uuid,
    /// The machine on which it ran.
    pub machine_id: String,
    /// Its epoch.
    pub epoch: u32,
    /// Last seq in the journal.
    pub seq: u64,
    /// Hash of its bytes.
    pub hash: Hash,
    /// Highest number minted, per type.
    pub highest: BTreeMap<String, u64>,
}

/// What was found when the file was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarkRead {
    /// There was no file.
    Absent,
    /// There was one, and neither slot holds a mark.
    Unreadable,
    /// The newest mark.
    Found(Mark),
}

/// The open file.
#[derive(Debug)]
pub struct MarkFile {
    file: File,
    path: PathBuf,
    generation: u64,
}

impl MarkFile {
    /// Opens the file, making it where there is none, and reads the newest mark.
    ///
    /// # Errors
    /// When the folder or file cannot be made, read or written.
    pub fn open(path: &Path) -> io::Result<(Self, MarkRead)> {
        match File::options().read(true).write(true).open(path) {
            Ok(file) => {
                let (generation, read) = newest(&file)?;
                Ok((Self { file, path: path.to_owned(), generation }, read))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok((Self::create(path)?, MarkRead::Absent))
            }
            Err(error) => Err(error),
        }
    }

    /// Writes a mark; once this returns, it survives a power cut.
    ///
    /// # Errors
    /// The mark before it is still there then.
    pub fn write(&mut self, mark: &Mark) -> io::Result<()> {
        let generation = self.generation + 1;
        let slot = encode(generation, mark)?;
        self.file.write_all_at(&slot, (generation % 2) * SLOT as u64)?;
        self.file.sync_data()?;
        self.generation = generation;
        Ok(())
    }

    /// Reads the newest mark again.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self) -> io::Result<MarkRead> {
        Ok(newest(&self.file)?.1)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file of empty slots at its full size, there as a whole or not at all.
    fn create(path: &Path) -> io::Result<Self> {
        let dir = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(dir)?;
        let temporary = path.with_extension("new");
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&temporary)?;
        file.write_all_at(&vec![0; 2 * SLOT], 0)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        File::open(dir)?.sync_all()?;
        Ok(Self { file, path: path.to_owned(), generation: 0 })
    }
}

fn encode(generation: u64, mark: &Mark) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(mark)?;
    if HEADER + json.len() > SLOT {
        return Err(io::Error::other("the mark does not fit its slot"));
    }
    let mut slot = vec![0; SLOT];
    slot[..8].copy_from_slice(MAGIC);
    slot[8..16].copy_from_slice(&generation.to_be_bytes());
    slot[16..20].copy_from_slice(&(json.len() as u32).to_be_bytes());
    slot[HEADER..HEADER + json.len()].copy_from_slice(&json);
    let checksum = checksum(&slot[..20], &json);
    slot[20..24].copy_from_slice(&checksum.to_be_bytes());
    Ok(slot)
}

fn checksum(header: &[u8], json: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(json);
    hasher.finalize()
}

fn decode(slot: &[u8]) -> Option<(u64, Mark)> {
    if slot.len() < HEADER || &slot[..8] != MAGIC {
        return None;
    }
    let generation = u64::from_be_bytes(slot[8..16].try_into().ok()?);
    let length = u32::from_be_bytes(slot[16..20].try_into().ok()?) as usize;
    let stored = u32::from_be_bytes(slot[20..24].try_into().ok()?);
    let json = slot.get(HEADER..HEADER.checked_add(length)?)?;
    if checksum(&slot[..20], json) != stored {
        return None;
    }
    Some((generation, serde_json::from_slice(json).ok()?))
}

fn newest(file: &File) -> io::Result<(u64, MarkRead)> {
    let mut bytes = Vec::with_capacity(2 * SLOT);
    let mut buffer = [0; SLOT];
    for slot in 0..2_u64 {
        let mut filled = 0;
        while filled < SLOT {
            let at = slot * SLOT as u64 + filled as u64;
            match file.read_at(&mut buffer[filled..], at)? {
                0 => break,
                n => filled += n,
            }
        }
        bytes.push(buffer[..filled].to_vec());
    }
    // A file of empty slots was made and never written to: as good as absent.
    if bytes.iter().all(|slot| slot.len() == SLOT && slot.iter().all(|b| *b == 0)) {
        return Ok((0, MarkRead::Absent));
    }
    let found = bytes.iter().filter_map(|slot| decode(slot)).max_by_key(|(g, _)| *g);
    Ok(match found {
        Some((generation, mark)) => (generation, MarkRead::Found(mark)),
        None => (0, MarkRead::Unreadable),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(seq: u64) -> Mark {
        Mark {
            agent_id: Uuid::nil(),
            machine_id: "m".into(),
            epoch: 1,
            seq,
            hash: [7; 32],
            highest: BTreeMap::from([("RM".into(), seq)]),
        }
    }

    #[test]
    fn the_newest_mark_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/mark");
        let (mut file, read) = MarkFile::open(&path).unwrap();
        assert_eq!(read, MarkRead::Absent);
        for seq in 1..=5 {
            file.write(&mark(seq)).unwrap();
            assert_eq!(MarkFile::open(&path).unwrap().1, MarkRead::Found(mark(seq)));
        }
    }

    #[test]
    fn a_torn_write_leaves_the_mark_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mark");
        let (mut file, _) = MarkFile::open(&path).unwrap();
        file.write(&mark(1)).unwrap();
        file.write(&mark(2)).unwrap();
        // Generation 2 lies in slot 0.
        let raw = File::options().write(true).open(&path).unwrap();
        raw.write_all_at(b"x", 40).unwrap();
        let (mut file, read) = MarkFile::open(&path).unwrap();
        assert_eq!(read, MarkRead::Found(mark(1)));
        file.write(&mark(3)).unwrap();
        assert_eq!(MarkFile::open(&path).unwrap().1, MarkRead::Found(mark(3)));
        raw.write_all_at(b"x", 40).unwrap();
        raw.write_all_at(b"x", SLOT as u64 + 40).unwrap();
        assert_eq!(MarkFile::open(&path).unwrap().1, MarkRead::Unreadable);
    }
}
