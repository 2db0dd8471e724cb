//! SQLite's write-ahead log, read before SQLite does.
//!
//! SQLite ends a WAL at the first frame whose checksum fails, and says nothing:
//! right for a write that a power cut tore, but a flipped byte in the middle
//! silently drops every commit behind it. This finds such a WAL, and can write
//! its checksums anew, so that SQLite reads all of it; what was flipped inside a
//! record then fails that record's own checksum.
//!
//! Format: <https://www.sqlite.org/fileformat2.html#walformat>.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const MAGIC_LE: u32 = 0x377f_0682;
const MAGIC_BE: u32 = 0x377f_0683;
const VERSION: u32 = 3_007_000;

/// A WAL that holds whole commits behind damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalDamage {
    /// First frame whose checksum fails, from 0; the WAL's own header counts as
    /// before frame 0.
    pub first_bad: usize,
    /// The last frame that commits, behind it.
    pub last_commit: usize,
}

struct Wal {
    bytes: Vec<u8>,
    page: usize,
    big_endian: bool,
    salts: [u8; 8],
}

/// Looks for damage. `None` when there is no WAL, or SQLite will read all of it,
/// or only an unfinished commit at its end is torn.
///
/// # Errors
/// When the file cannot be read.
pub fn inspect(path: &Path) -> io::Result<Option<WalDamage>> {
    let Some(wal) = Wal::read(path)? else { return Ok(None) };
    Ok(wal.damage())
}

/// Writes a copy in which every checksum up to the last commit is right again.
///
/// # Errors
/// When a file cannot be read or written, or there is nothing to mend.
pub fn mend(path: &Path, to: &Path) -> io::Result<()> {
    let nothing = || io::Error::other("no damage in the WAL");
    let mut wal = Wal::read(path)?.ok_or_else(nothing)?;
    let damage = wal.damage().ok_or_else(nothing)?;
    wal.mend(damage.last_commit);
    let mut file = File::create(to)?;
    file.write_all(&wal.bytes)?;
    file.sync_all()
}

impl Wal {
    /// Reads a WAL with at least one frame. It is as large as between two
    /// checkpoints, a few MiB.
    fn read(path: &Path) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        match File::open(path) {
            Ok(mut file) => file.read_to_end(&mut bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if bytes.len() < HEADER + FRAME_HEADER {
            return Ok(None);
        }
        // Damage in the header itself must not hide the rest: the database says
        // the page size too.
        let database = path.to_string_lossy().trim_end_matches("-wal").to_owned();
        let page = page_size(&bytes[8..12]).or_else(|| database_page_size(Path::new(&database)));
        let Some(page) = page else { return Ok(None) };
        let big_endian = word(&bytes, 0) == MAGIC_BE;
        let mut wal = Self { bytes, page, big_endian, salts: [0; 8] };
        let Some(salts) = wal.usual_salts() else { return Ok(None) };
        wal.salts = salts;
        Ok(Some(wal))
    }

    fn frames(&self) -> usize {
        (self.bytes.len() - HEADER) / (FRAME_HEADER + self.page)
    }

    fn frame(&self, n: usize) -> &[u8] {
        let at = HEADER + n * (FRAME_HEADER + self.page);
        &self.bytes[at..at + FRAME_HEADER + self.page]
    }

    /// The salts of this WAL: its header's, unless those are damaged and the
    /// first frames agree on others. Frames of an earlier round have other salts.
    fn usual_salts(&self) -> Option<[u8; 8]> {
        let header = <[u8; 8]>::try_from(self.bytes.get(16..24)?).ok()?;
        let frames = self.frames().min(3);
        let of = |n: usize| <[u8; 8]>::try_from(&self.frame(n)[8..16]).ok();
        let first: Vec<[u8; 8]> = (0..frames).filter_map(of).collect();
        if first.contains(&header) || !self.header_sound() {
            let agreed = first.iter().find(|s| first.iter().filter(|o| o == s).count() > 1);
            return Some(match agreed {
                Some(agreed) if !self.header_sound() => *agreed,
                _ => header,
            });
        }
        // A sound header and none of its frames: SQLite has just begun anew.
        Some(header)
    }

    fn header_sound(&self) -> bool {
        let sums = self.checksum((0, 0), &self.bytes[..24]);
        matches!(word(&self.bytes, 0), MAGIC_LE | MAGIC_BE)
            && sums == (word(&self.bytes, 24), word(&self.bytes, 28))
    }

    fn damage(&self) -> Option<WalDamage> {
        let mut sums = (word(&self.bytes, 24), word(&self.bytes, 28));
        let mut first_bad = (!self.header_sound()).then_some(0);
        let mut last_commit = None;
        for n in 0..self.frames() {
            let frame = self.frame(n);
            let ours = frame[8..16] == self.salts;
            if first_bad.is_none() {
                sums = self.checksum(sums, &frame[..8]);
                sums = self.checksum(sums, &frame[FRAME_HEADER..]);
                if !ours || sums != (word(frame, 16), word(frame, 20)) {
                    first_bad = Some(n);
                }
            }
            if first_bad.is_some() && ours && word(frame, 4) != 0 {
                last_commit = Some(n);
            }
        }
        Some(WalDamage { first_bad: first_bad?, last_commit: last_commit? })
    }

    /// Computes header and frames anew, up to and with `last`; cuts off the rest.
    fn mend(&mut self, last: usize) {
        let magic = if self.big_endian { MAGIC_BE } else { MAGIC_LE };
        self.bytes[..4].copy_from_slice(&magic.to_be_bytes());
        self.bytes[4..8].copy_from_slice(&VERSION.to_be_bytes());
        // 65536 does not fit in 16 bits, but the field has 32.
        self.bytes[8..12].copy_from_slice(&(self.page as u32).to_be_bytes());
        let salts = self.salts;
        self.bytes[16..24].copy_from_slice(&salts);
        let mut sums = self.checksum((0, 0), &self.bytes[..24]);
        self.bytes[24..28].copy_from_slice(&sums.0.to_be_bytes());
        self.bytes[28..32].copy_from_slice(&sums.1.to_be_bytes());
        for n in 0..=last {
            let at = HEADER + n * (FRAME_HEADER + self.page);
            self.bytes[at + 8..at + 16].copy_from_slice(&salts);
            sums = self.checksum(sums, &self.bytes[at..at + 8]);
            sums = self.checksum(sums, &self.bytes[at + FRAME_HEADER..at + FRAME_HEADER + self.page]);
            self.bytes[at + 16..at + 20].copy_from_slice(&sums.0.to_be_bytes());
            self.bytes[at + 20..at + 24].copy_from_slice(&sums.1.to_be_bytes());
        }
        self.bytes.truncate(HEADER + (last + 1) * (FRAME_HEADER + self.page));
    }

    /// SQLite's checksum over pairs of words, in the byte order that the magic
    /// names.
    fn checksum(&self, start: (u32, u32), data: &[u8]) -> (u32, u32) {
        let read = |b: &[u8]| {
            let bytes = [b[0], b[1], b[2], b[3]];
            if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        data.chunks_exact(8).fold(start, |(a, b), pair| {
            let a = a.wrapping_add(read(&pair[..4])).wrapping_add(b);
            let b = b.wrapping_add(read(&pair[4..])).wrapping_add(a);
            (a, b)
        })
    }
}

/// The words of headers are big-endian whatever the checksums are.
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn page_size(field: &[u8]) -> Option<usize> {
    let size = word(field, 0) as usize;
    (size.is_power_of_two() && (512..=65_536).contains(&size)).then_some(size)
}

fn database_page_size(path: &Path) -> Option<usize> {
    let mut header = [0; 18];
    File::open(path).ok()?.read_exact(&mut header).ok()?;
    match u16::from_be_bytes([header[16], header[17]]) {
        1 => Some(65_536),
        size => page_size(&u32::from(size).to_be_bytes()),
    }
}
