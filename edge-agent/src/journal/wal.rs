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
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
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
    pub first_bad: u64,
    /// The frame that ends the commit in which that is. Where it is not the last,
    /// its commit was on disk before the next began: nothing tore it.
    pub first_commit: u64,
    /// The last frame that commits, behind it.
    pub last_commit: u64,
}

struct Wal {
    file: BufReader<File>,
    header: [u8; HEADER],
    page: usize,
    frames: u64,
    big_endian: bool,
    salts: [u8; 8],
}

/// Looks for damage. `None` when there is no WAL, or SQLite will read all of it,
/// or only an unfinished commit at its end is torn. One frame is in memory at a
/// time: a WAL may be as large as the disk.
///
/// # Errors
/// When the file cannot be read.
pub fn inspect(path: &Path) -> io::Result<Option<WalDamage>> {
    let Some(mut wal) = Wal::open(path)? else { return Ok(None) };
    wal.damage()
}

/// Writes a copy in which every checksum up to the last commit is right again.
///
/// # Errors
/// When a file cannot be read or written, or there is nothing to mend.
pub fn mend(path: &Path, to: &Path) -> io::Result<()> {
    let nothing = || io::Error::other("no damage in the WAL");
    let mut wal = Wal::open(path)?.ok_or_else(nothing)?;
    let damage = wal.damage()?.ok_or_else(nothing)?;
    let mut file = BufWriter::new(File::create(to)?);
    wal.mend(damage.last_commit, &mut file)?;
    file.into_inner()?.sync_all()
}

impl Wal {
    /// Opens a WAL with at least one frame.
    fn open(path: &Path) -> io::Result<Option<Self>> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        if length < (HEADER + FRAME_HEADER) as u64 {
            return Ok(None);
        }
        let mut header = [0; HEADER];
        file.read_exact(&mut header)?;
        // Damage in the header itself must not hide the rest: the database says
        // the page size too.
        let database = path.to_string_lossy().trim_end_matches("-wal").to_owned();
        let page = page_size(&header[8..12]).or_else(|| database_page_size(Path::new(&database)));
        let Some(page) = page else { return Ok(None) };
        let frames = (length - HEADER as u64) / (FRAME_HEADER + page) as u64;
        let big_endian = word(&header, 0) == MAGIC_BE;
        let file = BufReader::new(file);
        let mut wal = Self { file, header, page, frames, big_endian, salts: [0; 8] };
        wal.salts = wal.usual_salts()?;
        Ok(Some(wal))
    }

    /// Gives the first `count` frames to `each`, in order.
    fn each(
        &mut self,
        count: u64,
        mut each: impl FnMut(&Self, u64, &mut [u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(HEADER as u64))?;
        let mut frame = vec![0; FRAME_HEADER + self.page];
        for n in 0..count.min(self.frames) {
            self.file.read_exact(&mut frame)?;
            each(self, n, &mut frame)?;
        }
        Ok(())
    }

    /// The salts of this WAL: its header's, unless those are damaged and the
    /// first frames agree on others. Frames of an earlier round have other salts.
    fn usual_salts(&mut self) -> io::Result<[u8; 8]> {
        let salts = |bytes: &[u8]| <[u8; 8]>::try_from(bytes).unwrap_or_default();
        let header = salts(&self.header[16..24]);
        if self.header_sound() {
            // None of its frames may have them: SQLite has just begun anew then.
            return Ok(header);
        }
        let mut first: Vec<[u8; 8]> = Vec::new();
        self.each(3, |_, _, frame| {
            first.push(salts(&frame[8..16]));
            Ok(())
        })?;
        let agreed = first.iter().find(|s| first.iter().filter(|o| o == s).count() > 1);
        Ok(agreed.copied().unwrap_or(header))
    }

    fn header_sound(&self) -> bool {
        let sums = self.checksum((0, 0), &self.header[..24]);
        matches!(word(&self.header, 0), MAGIC_LE | MAGIC_BE)
            && sums == (word(&self.header, 24), word(&self.header, 28))
    }

    fn damage(&mut self) -> io::Result<Option<WalDamage>> {
        let mut sums = (word(&self.header, 24), word(&self.header, 28));
        let mut first_bad = (!self.header_sound()).then_some(0);
        let (mut first_commit, mut last_commit) = (None, None);
        self.each(u64::MAX, |wal, n, frame| {
            let ours = frame[8..16] == wal.salts;
            if first_bad.is_none() {
                sums = wal.checksum(sums, &frame[..8]);
                sums = wal.checksum(sums, &frame[FRAME_HEADER..]);
                if !ours || sums != (word(frame, 16), word(frame, 20)) {
                    first_bad = Some(n);
                }
            }
            if first_bad.is_some() && ours && word(frame, 4) != 0 {
                first_commit = first_commit.or(Some(n));
                last_commit = Some(n);
            }
            Ok(())
        })?;
        let (Some(first_bad), Some(first_commit), Some(last_commit)) = (first_bad, first_commit, last_commit)
        else {
            return Ok(None);
        };
        Ok(Some(WalDamage { first_bad, first_commit, last_commit }))
    }

    /// Computes header and frames anew, up to and with `last`; cuts off the rest.
    fn mend(&mut self, last: u64, to: &mut impl Write) -> io::Result<()> {
        let magic = if self.big_endian { MAGIC_BE } else { MAGIC_LE };
        let salts = self.salts;
        let mut header = self.header;
        header[..4].copy_from_slice(&magic.to_be_bytes());
        header[4..8].copy_from_slice(&VERSION.to_be_bytes());
        // 65536 does not fit in 16 bits, but the field has 32.
        header[8..12].copy_from_slice(&(self.page as u32).to_be_bytes());
        header[16..24].copy_from_slice(&salts);
        let mut sums = self.checksum((0, 0), &header[..24]);
        header[24..28].copy_from_slice(&sums.0.to_be_bytes());
        header[28..32].copy_from_slice(&sums.1.to_be_bytes());
        to.write_all(&header)?;
        self.each(last + 1, |wal, _, frame| {
            frame[8..16].copy_from_slice(&salts);
            sums = wal.checksum(sums, &frame[..8]);
            sums = wal.checksum(sums, &frame[FRAME_HEADER..]);
            frame[16..20].copy_from_slice(&sums.0.to_be_bytes());
            frame[20..24].copy_from_slice(&sums.1.to_be_bytes());
            to.write_all(frame)
        })
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
