//! What a file is, by how its content begins; its name is not believed.

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// As it is served.
    pub media_type: &'static str,
    /// Endings that a name of this kind may have; the first is given to a name
    /// that has none of them.
    pub endings: &'static [&'static str],
}

const fn kind(media_type: &'static str, endings: &'static [&'static str]) -> Kind {
    Kind { media_type, endings }
}

/// Beginnings of files, and what they are.
const BEGINNINGS: &[(&[u8], Kind)] = &[
    (b"%PDF-", kind("application/pdf", &["pdf"])),
    (b"\x89PNG\r\n\x1a\n", kind("image/png", &["png"])),
    (b"\xff\xd8\xff", kind("image/jpeg", &["jpg", "jpeg"])),
    (b"GIF87a", kind("image/gif", &["gif"])),
    (b"GIF89a", kind("image/gif", &["gif"])),
    (b"II*\0", kind("image/tiff", &["tif", "tiff"])),
    (b"MM\0*", kind("image/tiff", &["tif", "tiff"])),
    (b"BM", kind("image/bmp", &["bmp"])),
    (b"AC10", kind("image/vnd.dwg", &["dwg"])),
    (b"ISO-10303-21;", kind("model/step", &["step", "stp"])),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", kind("application/x-ole-storage", &["doc", "xls", "ppt", "msg"])),
    (b"7z\xbc\xaf\x27\x1c", kind("application/x-7z-compressed", &["7z"])),
    (b"\x1f\x8b", kind("application/gzip", &["gz", "tgz"])),
    (b"{\\rtf", kind("application/rtf", &["rtf"])),
    (b"ID3", kind("audio/mpeg", &["mp3"])),
    (b"OggS", kind("audio/ogg", &["ogg", "oga", "ogv"])),
    (b"\x1aE\xdf\xa3", kind("video/webm", &["webm", "mkv"])),
];

/// Parts of a zip file's beginning that say what it is.
const ZIPPED: &[(&[u8], Kind)] = &[
    (b"word/", kind("application/vnd.openxmlformats-officedocument.wordprocessingml.document", &["docx"])),
    (b"xl/", kind("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", &["xlsx"])),
    (b"ppt/", kind("application/vnd.openxmlformats-officedocument.presentationml.presentation", &["pptx"])),
    (
        b"mimetypeapplication/vnd.oasis.opendocument.text",
        kind("application/vnd.oasis.opendocument.text", &["odt"]),
    ),
    (
        b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
        kind("application/vnd.oasis.opendocument.spreadsheet", &["ods"]),
    ),
];

/// What runs, or would in a browser; named as a person is told.
const REFUSED: &[(&[u8], &str)] = &[
    (b"MZ", "Windows program"),
    (b"\x7fELF", "Linux program"),
    (b"\xca\xfe\xba\xbe", "program"),
    (b"\xcf\xfa\xed\xfe", "macOS program"),
    (b"\xce\xfa\xed\xfe", "macOS program"),
    (b"#!", "script"),
];

const ZIP: Kind = kind("application/zip", &["zip", "3mf"]);
const TEXT: Kind =
    kind("text/plain; charset=utf-8", &["txt", "csv", "tsv", "log", "md", "json", "dxf", "nc", "gcode"]);
const XML: Kind = kind("application/xml", &["xml"]);
const SVG: Kind = kind("image/svg+xml", &["svg"]);
const WEBP: Kind = kind("image/webp", &["webp"]);
const WAV: Kind = kind("audio/wav", &["wav"]);
const MP4: Kind = kind("video/mp4", &["mp4", "m4v", "mov", "m4a"]);
const HEIC: Kind = kind("image/heic", &["heic", "heif"]);
/// What is neither known nor dangerous: drawings of other programs.
const OTHER: Kind = kind("application/octet-stream", &[]);

/// How much of a file's beginning is looked at, in bytes.
pub(super) const LOOKED_AT: usize = 8192;

/// What a file is whose content begins so.
///
/// # Errors
/// What it is, when files of the kind are not taken.
pub(super) fn of(head: &[u8]) -> Result<Kind, &'static str> {
    if let Some((_, what)) = REFUSED.iter().find(|(begins, _)| head.starts_with(begins)) {
        return Err(what);
    }
    if head.starts_with(b"PK\x03\x04") {
        let holds = |part: &[u8]| head.windows(part.len()).any(|window| window == part);
        return Ok(ZIPPED.iter().find(|(part, _)| holds(part)).map_or(ZIP, |(_, kind)| *kind));
    }
    if let Some((_, kind)) = BEGINNINGS.iter().find(|(begins, _)| head.starts_with(begins)) {
        return Ok(*kind);
    }
    match (head.get(..4), head.get(4..8), head.get(8..12)) {
        (Some(b"RIFF"), _, Some(b"WEBP")) => return Ok(WEBP),
        (Some(b"RIFF"), _, Some(b"WAVE")) => return Ok(WAV),
        (_, Some(b"ftyp"), Some(b"heic" | b"heix" | b"mif1")) => return Ok(HEIC),
        (_, Some(b"ftyp"), _) => return Ok(MP4),
        _ => {}
    }
    if is_text(head) { text(head) } else { Ok(OTHER) }
}

/// UTF-8 without control characters that texts have not; a character may be cut at
/// the end of what was looked at.
fn is_text(head: &[u8]) -> bool {
    let whole = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && head.len() >= LOOKED_AT,
    };
    whole && !head.iter().any(|b| *b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0c))
}

fn text(head: &[u8]) -> Result<Kind, &'static str> {
    let lower: Vec<u8> = head.to_ascii_lowercase();
    let text = String::from_utf8_lossy(&lower);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if ["<!doctype html", "<html", "<script", "<head", "<body"].iter().any(|tag| text.starts_with(tag)) {
        return Err("web page");
    }
    if text.starts_with("<svg") || (text.starts_with("<?xml") && text.contains("<svg")) {
        return Ok(SVG);
    }
    if text.starts_with("<?xml") {
        return if text.contains("<html") { Err("web page") } else { Ok(XML) };
    }
    Ok(TEXT)
}

impl Kind {
    /// Whether a browser may show it in a page of ours: pictures that cannot hold
    /// a script.
    pub fn is_picture(media_type: &str) -> bool {
        matches!(media_type, "image/png" | "image/jpeg" | "image/gif" | "image/webp")
    }

    /// The name with an ending of this kind, so that nothing runs by its name.
    /// Endings of unknown contents stay, unless a machine would run them.
    pub fn named(self, name: &str) -> String {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
        let fits = match self.endings.first() {
            Some(_) => self.endings.contains(&ending.as_str()),
            None => !RUN_BY_NAME.contains(&ending.as_str()),
        };
        if fits { name.to_owned() } else { format!("{name}.{}", self.endings.first().unwrap_or(&"bin")) }
    }
}

const RUN_BY_NAME: &[&str] = &[
    "exe", "com", "bat", "cmd", "ps1", "vbs", "vbe", "js", "jse", "wsf", "hta", "msi", "scr", "lnk", "jar",
    "sh", "desktop", "html", "htm", "xhtml", "svg", "reg", "cpl", "pif",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_and_not_the_name() {
        assert_eq!(of(b"%PDF-1.7\n").unwrap().media_type, "application/pdf");
        assert_eq!(of(b"PK\x03\x04...xl/workbook.xml").unwrap().endings, ["xlsx"]);
        assert_eq!(of(b"PK\x03\x04...else").unwrap(), ZIP);
        assert_eq!(of("code,name\nA,लोहा\n".as_bytes()).unwrap(), TEXT);
        assert_eq!(of(b"\xef\xbb\xbf<?xml version='1.0'?><svg/>").unwrap(), SVG);
        assert_eq!(of(b"\0\0\0\x18ftypmp42").unwrap(), MP4);
        assert_eq!(of(b"\x00\x01\x02\x03").unwrap(), OTHER);
        assert_eq!(of(b"MZ\x90"), Err("Windows program"));
        assert_eq!(of(b"  <!DOCTYPE HTML><p>"), Err("web page"));
        assert_eq!(of(b"#!/bin/sh\n"), Err("script"));
    }

    #[test]
    fn no_name_runs_what_is_a_text() {
        assert_eq!(TEXT.named("clean.bat"), "clean.bat.txt");
        assert_eq!(TEXT.named("parts.CSV"), "parts.CSV");
        assert_eq!(of(b"%PDF-").unwrap().named("drawing"), "drawing.pdf");
        assert_eq!(OTHER.named("part.sldprt"), "part.sldprt");
        assert_eq!(OTHER.named("part.exe"), "part.exe.bin");
    }

    #[test]
    fn a_letter_that_is_cut_is_no_matter() {
        let mut long = "अ".repeat(LOOKED_AT).into_bytes();
        long.truncate(LOOKED_AT);
        assert_eq!(of(&long).unwrap(), TEXT);
        assert_eq!(of(&[0xe0, 0xa4]).unwrap(), OTHER);
    }
}
