//! Finds records in a database file without its B-trees, for a file whose pages
//! SQLite can no longer follow.
//!
//! Every place in every page is tried as the start of a cell of `records`. A
//! record's checksum covers its place as well as its bytes, so what passes is a
//! record that was truly written, and nothing else passes.
//!
//! Format: <https://www.sqlite.org/fileformat2.html#b_tree_pages>.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{NewRecord, Place, crc32};

/// Largest payload of a row: an event and what stands beside it.
const MAX_PAYLOAD: u64 = proto::MAX_EVENT_BYTES as u64 + 64;
/// Smallest: no event is shorter.
const MIN_PAYLOAD: u64 = 24;

/// Gives every sound record in the file to `each`, in no order, perhaps more than
/// once, deleted ones among them. Reads one page at a time.
///
/// # Errors
/// When the file cannot be read, or `each` fails.
pub(super) fn carve<E: From<io::Error>>(
    path: &Path,
    mut each: impl FnMut(NewRecord) -> Result<(), E>,
) -> Result<(), E> {
    let file = File::open(path)?;
    let size = page_size(&file)?;
    let pages = file.metadata()?.len() / size as u64;
    let mut page = vec![0; size];
    for number in 0..pages {
        file.read_exact_at(&mut page, number * size as u64)?;
        let mut at = 0;
        while at + 16 < size {
            match cell(&file, &page, at)? {
                Some((record, length)) => {
                    at += length;
                    each(record)?;
                }
                None => at += 1,
            }
        }
    }
    Ok(())
}

fn page_size(file: &File) -> io::Result<usize> {
    let mut header = [0; 18];
    file.read_exact_at(&mut header, 0)?;
    Ok(match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size if size >= 512 && size.is_power_of_two() => usize::from(size),
        // The header is damaged; this is the size that this program's files have.
        _ => 4096,
    })
}

/// A cell of `records` at this place of a page, and its length there.
fn cell(file: &File, page: &[u8], at: usize) -> io::Result<Option<(NewRecord, usize)>> {
    let Some((payload, a)) = varint(&page[at..]) else { return Ok(None) };
    if !(MIN_PAYLOAD..=MAX_PAYLOAD).contains(&payload) {
        return Ok(None);
    }
    let Some((id, b)) = varint(&page[at + a..]) else { return Ok(None) };
    let start = at + a + b;
    // id is the row id and stored as NULL; then at, crc32, bytes.
    let Some((header, kinds)) = kinds(&page[start..]) else { return Ok(None) };
    let [(null, 0), (at_kind, at_len), (crc_kind, crc_len), (blob, blob_len)] = kinds else {
        return Ok(None);
    };
    let shape = null == 0
        && is_integer(at_kind)
        && is_integer(crc_kind)
        && blob >= 12
        && blob % 2 == 0
        && (header + at_len + crc_len + blob_len) as u64 == payload;
    let Ok(id) = i64::try_from(id) else { return Ok(None) };
    let place = Place::from_id(id);
    if !shape || place.seq == 0 {
        return Ok(None);
    }
    let payload = payload as usize;
    let local = local_part(payload, page.len());
    let tail = if local < payload { 4 } else { 0 };
    let Some(here) = page.get(start..start + local + tail) else { return Ok(None) };
    let mut content = here[..local].to_vec();
    if local < payload && !overflow(file, page.len(), &here[local..], payload, &mut content)? {
        return Ok(None);
    }
    let recorded = integer(&content[header..header + at_len], at_kind);
    let crc = integer(&content[header + at_len..header + at_len + crc_len], crc_kind);
    let bytes = content.split_off(header + at_len + crc_len);
    if u32::try_from(crc) != Ok(crc32(place, &bytes)) {
        return Ok(None);
    }
    Ok(Some((NewRecord { place, at: recorded, bytes }, a + b + local + tail)))
}

/// How much of a payload stays on its leaf page; the rest overflows.
fn local_part(payload: usize, page: usize) -> usize {
    let most = page - 35;
    if payload <= most {
        return payload;
    }
    let least = (page - 12) * 32 / 255 - 23;
    let fitting = least + (payload - least) % (page - 4);
    if fitting <= most { fitting } else { least }
}

/// Appends what lies on overflow pages; `false` when they lead nowhere.
fn overflow(
    file: &File,
    size: usize,
    first: &[u8],
    payload: usize,
    content: &mut Vec<u8>,
) -> io::Result<bool> {
    let pages = file.metadata()?.len() / size as u64;
    let mut next = number(first);
    let mut page = vec![0; size];
    while content.len() < payload {
        if next == 0 || next > pages {
            return Ok(false);
        }
        file.read_exact_at(&mut page, (next - 1) * size as u64)?;
        next = number(&page);
        let left = (payload - content.len()).min(size - 4);
        content.extend_from_slice(&page[4..4 + left]);
    }
    Ok(true)
}

fn number(bytes: &[u8]) -> u64 {
    u64::from(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// A record header of four columns: its length, and each column's serial type
/// and size.
fn kinds(bytes: &[u8]) -> Option<(usize, [(u64, usize); 4])> {
    let (length, mut at) = varint(bytes)?;
    let mut kinds = [(0, 0); 4];
    for kind in &mut kinds {
        let (serial, used) = varint(bytes.get(at..)?)?;
        at += used;
        let size = match serial {
            0 | 8 | 9 => 0,
            n @ 1..=4 => n,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            n => (n - 12) / 2,
        };
        *kind = (serial, usize::try_from(size).ok().filter(|s| *s as u64 <= MAX_PAYLOAD)?);
    }
    (length == at as u64).then_some((at, kinds))
}

fn is_integer(serial: u64) -> bool {
    matches!(serial, 1..=6 | 8 | 9)
}

fn integer(bytes: &[u8], serial: u64) -> i64 {
    match serial {
        8 => 0,
        9 => 1,
        _ => {
            let negative = bytes.first().is_some_and(|b| b & 0x80 != 0);
            let start = if negative { -1 } else { 0 };
            bytes.iter().fold(start, |n, b| n << 8 | i64::from(*b))
        }
    }
}

/// SQLite's variable-length integer, and how many bytes it takes.
fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (n, byte) in bytes.iter().take(9).enumerate() {
        if n == 8 {
            return Some((value << 8 | u64::from(*byte), 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, n + 1));
        }
    }
    None
}
