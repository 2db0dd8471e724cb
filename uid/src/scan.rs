//! What a scanner or a keyboard sends, cleaned before it is judged.
//!
//! Only what surrounds a UID is cleaned away, and ASCII lower case; a character
//! inside it never is. So cleaning turns no wrong checksum into a right one: a
//! digit that became a control character is a wrong digit, not a missing one.

use crate::code::TenantCode;
use crate::error::UidError;
use crate::text::{MAX_LEN, Uid, length_error};

/// How a scan holds a UID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// As its text, alone or at the end of a link's path.
    Text,
    /// As the serial number of a GS1 Digital Link, `…/01/{gtin}/21/{serial}`.
    Serial,
}

/// A part of a scan: what is left when all around it is cleaned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scanned<'a> {
    /// The text, in the case in which it was scanned.
    pub text: &'a str,
    /// The byte of the scan at which it begins.
    pub at: usize,
    /// What it should be.
    pub form: Form,
}

impl Scanned<'_> {
    /// The UID it stands for, read in upper case. `own` is the tenant that
    /// prints the links one scans here; a serial number does not name it. A UID
    /// given as text may be of any tenant: the caller judges that.
    ///
    /// # Errors
    /// The first part that is wrong, at its byte in the scan.
    pub fn uid(&self, own: TenantCode) -> Result<Uid, UidError> {
        self.read(|upper| match self.form {
            Form::Text => upper.parse(),
            Form::Serial => Uid::from_serial(own, upper),
        })
    }

    /// The same where the tenant is not known; `None` for a serial number, which
    /// nobody can judge without one.
    ///
    /// # Errors
    /// As [`Scanned::uid`].
    pub fn uid_of_any(&self) -> Option<Result<Uid, UidError>> {
        match self.form {
            Form::Text => Some(self.read(str::parse)),
            Form::Serial => None,
        }
    }

    fn read(&self, parse: impl FnOnce(&str) -> Result<Uid, UidError>) -> Result<Uid, UidError> {
        let mut upper = [0; MAX_LEN];
        let Some(upper) = upper.get_mut(..self.text.len()) else {
            return Err(length_error(self.text).moved(self.at));
        };
        upper.copy_from_slice(self.text.as_bytes());
        upper.make_ascii_uppercase();
        // Upper-casing ASCII keeps UTF-8 valid.
        let upper = std::str::from_utf8(upper).unwrap_or_default();
        parse(upper).map_err(|error| error.moved(self.at))
    }
}

/// Reads what a scanner sent: [`clean_scan`], then [`Scanned::uid`].
///
/// # Errors
/// The first part that is wrong, at its byte in `text`.
pub fn parse_scan(text: &str, own: TenantCode) -> Result<Uid, UidError> {
    clean_scan(text).uid(own)
}

/// Cleans away what surrounds a UID in a scan: white space and control
/// characters at both ends, an AIM identifier (`]`, a letter, a character) and
/// a GS1 Digital Link. It judges nothing: a scan that is no UID comes back
/// with its ends cleaned.
pub fn clean_scan(text: &str) -> Scanned<'_> {
    let mut inner = trim(text);
    if let [b']', letter, modifier, ..] = inner.as_bytes()
        && letter.is_ascii_alphabetic()
        && modifier.is_ascii_graphic()
    {
        inner = trim(&inner[3..]);
    }
    let (inner, form) = read_link(inner).unwrap_or((inner, Form::Text));
    // `inner` is a slice of `text`, so this is its offset.
    let at = inner.as_ptr().addr() - text.as_ptr().addr();
    Scanned { text: inner, at, form }
}

fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c.is_control())
}

/// What a link holds: the serial number after a GTIN, or else the end of its
/// path. `None` when the text is no link that we can have printed.
fn read_link(text: &str) -> Option<(&str, Form)> {
    let (scheme, rest) = text.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return None;
    }
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, Some(query)),
        None => (rest, None),
    };
    // A serial cut short can by chance be another one, so a `?` must begin a
    // real query, and segments must come in pairs: see the proofs.
    if !query.is_none_or(is_query) {
        return None;
    }
    let (_host, path) = rest.split_once('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    if let Some(serial) = read_serial(path) {
        return Some((serial, Form::Serial));
    }
    let last = path.rsplit('/').next()?;
    let is_uid = last.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("UID-"));
    is_uid.then_some((last, Form::Text))
}

/// Whether all of a link's query is `name=value`, joined by `&`.
fn is_query(query: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    query.split('&').all(|pair| pair.split_once('=').is_some_and(|(name, _)| is_name(name)))
}

/// The one AI 21 among the pairs that follow `01/{gtin}` in a path.
fn read_serial(path: &str) -> Option<&str> {
    let mut segments = path.split('/');
    loop {
        segments.find(|&segment| segment == "01")?;
        let is_gtin = |text: &&str| {
            matches!(text.len(), 8 | 12 | 13 | 14) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if segments.clone().next().as_ref().is_some_and(is_gtin) {
            segments.next();
            break;
        }
    }
    let mut serial = None;
    while let Some(name) = segments.next() {
        let value = segments.next()?;
        if name == "21" && serial.replace(value).is_some() {
            return None;
        }
    }
    serial
}
