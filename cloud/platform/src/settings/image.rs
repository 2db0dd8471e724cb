//! What a logo may be, judged by its bytes and not by what it is called.

/// Most bytes of a logo.
pub const MOST_BYTES: usize = 256 * 1024;
/// What it may be.
pub const KINDS: [&str; 3] = ["image/png", "image/jpeg", "image/webp"];
/// Longest side, in pixels.
const LONGEST_SIDE: u32 = 2000;

/// Why a file is no logo; the key of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoLogo {
    /// More than [`MOST_BYTES`].
    Large,
    /// Neither PNG, JPEG nor WebP, or damaged.
    Kind,
    /// A side is longer than 2000 pixels, or nothing.
    Sides,
}

impl NoLogo {
    /// The key of its text.
    #[must_use]
    pub fn text_key(self) -> &'static str {
        match self {
            Self::Large => "settings-logo-large",
            Self::Kind => "settings-logo-kind",
            Self::Sides => "settings-logo-sides",
        }
    }
}

/// The media type of a logo.
///
/// # Errors
/// [`NoLogo`].
pub fn judge(bytes: &[u8]) -> Result<&'static str, NoLogo> {
    if bytes.len() > MOST_BYTES {
        return Err(NoLogo::Large);
    }
    let (kind, sides) = if let Some(sides) = png(bytes) {
        ("image/png", sides)
    } else if let Some(sides) = jpeg(bytes) {
        ("image/jpeg", sides)
    } else if let Some(sides) = webp(bytes) {
        ("image/webp", sides)
    } else {
        return Err(NoLogo::Kind);
    };
    let good = |side: u32| (1..=LONGEST_SIDE).contains(&side);
    if good(sides.0) && good(sides.1) { Ok(kind) } else { Err(NoLogo::Sides) }
}

fn big(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn png(bytes: &[u8]) -> Option<(u32, u32)> {
    let head = bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.get(12..16)? == b"IHDR";
    // A file that breaks off has no end.
    let ends = bytes.windows(4).rev().take(16).any(|window| window == b"IEND");
    (head && ends).then(|| Some((big(bytes, 16)?, big(bytes, 20)?)))?
}

fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    if !bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        return None;
    }
    let mut at = 2;
    loop {
        let marker = bytes.get(at..at + 2)?;
        if marker[0] != 0xff {
            return None;
        }
        match marker[1] {
            // Fill bytes, and markers without a length.
            0xff => {
                at += 1;
                continue;
            }
            0x01 | 0xd0..=0xd8 => {
                at += 2;
                continue;
            }
            // The picture begins before its size was told, or it ends.
            0xd9 | 0xda => return None,
            _ => {}
        }
        let length = usize::from(u16::from_be_bytes(bytes.get(at + 2..at + 4)?.try_into().ok()?));
        let frame = matches!(marker[1], 0xc0..=0xcf) && !matches!(marker[1], 0xc4 | 0xc8 | 0xcc);
        if frame {
            let side =
                |at: usize| Some(u32::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
            return Some((side(at + 7)?, side(at + 5)?));
        }
        at += 2 + length.max(2);
    }
}

fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    if bytes.get(..4)? != b"RIFF" || bytes.get(8..12)? != b"WEBP" {
        return None;
    }
    let little = |at: usize, count: usize| {
        let part = bytes.get(at..at + count)?;
        Some(part.iter().rev().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)))
    };
    match bytes.get(12..16)? {
        b"VP8X" => Some((little(24, 3)? + 1, little(27, 3)? + 1)),
        b"VP8L" => {
            let bits = (bytes.get(20)? == &0x2f).then(|| little(21, 4))??;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8 " => {
            let key = bytes.get(23..26)? == [0x9d, 0x01, 0x2a];
            key.then(|| Some((little(26, 2)? & 0x3fff, little(28, 2)? & 0x3fff)))?
        }
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A PNG of these sides, as far as anybody here reads it.
    pub(crate) fn png_of(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([8, 6, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(b"\0\0\0\0IEND\xae\x42\x60\x82");
        bytes
    }

    #[test]
    fn files_are_known_by_their_bytes() {
        assert_eq!(judge(&png_of(300, 80)), Ok("image/png"));
        assert_eq!(judge(&png_of(3000, 80)), Err(NoLogo::Sides));
        assert_eq!(judge(&png_of(0, 80)), Err(NoLogo::Sides));
        let mut jpeg = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0];
        jpeg.extend([0xff, 0xc0, 0, 11, 8, 0, 80, 1, 44, 1, 1, 0x11, 0, 0xff, 0xd9]);
        assert_eq!(judge(&jpeg), Ok("image/jpeg"));
        assert_eq!(super::jpeg(&jpeg), Some((300, 80)));
        let mut webp = b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".to_vec();
        webp.extend([0x2b, 0x01, 0, 0x4f, 0, 0]);
        assert_eq!(judge(&webp), Ok("image/webp"));
        assert_eq!(super::webp(&webp), Some((300, 80)));
        let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
        for no in [&svg[..], b"GIF89a", b"", b"\x89PNG\r\n\x1a\n", &[0xff, 0xd8, 0xff, 0xda], b"<html>"] {
            assert_eq!(judge(no), Err(NoLogo::Kind));
        }
        assert_eq!(judge(&vec![0; MOST_BYTES + 1]), Err(NoLogo::Large));
    }
}
