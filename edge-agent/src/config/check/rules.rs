//! What a single value must be, and how it is read.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use chrono::NaiveTime;
use rust_decimal::Decimal;
use toml_edit::Value;
use uid::{PlantCode, TenantCode, TypeCode};

use super::super::model::{HostPort, Language};
use super::nearest::did_you_mean;

/// A value and how it was written.
pub(super) struct Cell<'v> {
    pub(super) value: &'v Value,
    pub(super) source: &'v str,
}

/// What a value must be.
pub(super) struct Rule<T> {
    /// In words, for the person who wrote the file.
    pub(super) expects: String,
    /// Reads it, or says why not where that helps.
    pub(super) read: Read<T>,
}

type Read<T> = Box<dyn Fn(&Cell<'_>) -> Result<T, Option<String>>>;

/// Longest text for people.
const LONGEST_TEXT: usize = 120;
/// Digits before the point in a stored number: `numeric(18,6)`.
const STORED_WHOLE_DIGITS: u32 = 12;
/// Digits after the point in a stored number.
const STORED_DECIMALS: u32 = 6;

fn rule<T>(
    expects: impl Into<String>,
    read: impl Fn(&Cell<'_>) -> Result<T, Option<String>> + 'static,
) -> Rule<T> {
    Rule { expects: expects.into(), read: Box::new(read) }
}

/// A rule for texts; anything that is not in quotes fails.
fn text_rule<T>(
    expects: impl Into<String>,
    read: impl Fn(&str) -> Result<T, Option<String>> + 'static,
) -> Rule<T> {
    rule(expects, move |cell| match cell.value.as_str() {
        Some(text) => read(text),
        None => Err(Some("write it in quotes".to_owned())),
    })
}

/// A text for people.
pub(super) fn text() -> Rule<String> {
    text_rule(format!("a text of 1 to {LONGEST_TEXT} characters"), |text| {
        let fits = !text.trim().is_empty() && text.chars().count() <= LONGEST_TEXT;
        let hint = text.chars().any(char::is_control).then(|| "it has a control character".to_owned());
        if fits && hint.is_none() { Ok(text.trim().to_owned()) } else { Err(hint) }
    })
}

/// A code: part of topics, events and file names.
pub(super) fn code() -> Rule<String> {
    let expects = "a code of 1 to 16 of A-Z, 0-9, - and _, such as \"DOCK1\"";
    text_rule(expects, |text| {
        let ok = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        let head = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if head && text.len() <= 16 && text.bytes().all(ok) {
            return Ok(text.to_owned());
        }
        let upper = text.to_ascii_uppercase();
        let only_case = upper != text && upper.bytes().all(ok) && text.len() <= 16;
        Err(only_case.then(|| format!("write \"{upper}\"")))
    })
}

/// The name of a reading: what registers and characteristics are called.
pub(super) fn reading_name() -> Rule<String> {
    let expects = "a name of 1 to 40 of a-z, 0-9 and _, such as \"torque\"";
    text_rule(expects, |text| {
        let ok = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let fits = (1..=40).contains(&text.len()) && text.bytes().all(ok);
        if fits { Ok(text.to_owned()) } else { Err(None) }
    })
}

/// The prefix of a document number.
pub(super) fn series() -> Rule<String> {
    text_rule("a series of 2 to 8 of A-Z, such as \"GRN\"", |text| {
        let fits = (2..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase());
        if fits { Ok(text.to_owned()) } else { Err(None) }
    })
}

/// The name of something else in the file; whether that exists is asked later.
pub(super) fn name() -> Rule<String> {
    text_rule("the name of something in this file", |text| Ok(text.to_owned()))
}

/// Bytes that a device sends, control characters included.
pub(super) fn device_text(length: RangeInclusive<usize>) -> Rule<String> {
    let expects = format!("a text of {} to {} bytes, such as \"\\r\\n\"", length.start(), length.end());
    text_rule(expects, move |text| if length.contains(&text.len()) { Ok(text.to_owned()) } else { Err(None) })
}

/// `true` or `false`.
pub(super) fn flag() -> Rule<bool> {
    rule("true or false", |cell| {
        cell.value.as_bool().ok_or_else(|| match cell.value.as_str() {
            Some("true" | "false") => Some("write it without quotes".to_owned()),
            _ => None,
        })
    })
}

/// A whole number of some unit.
pub(super) fn whole<T: TryFrom<i64>>(range: RangeInclusive<i64>, unit: &str) -> Rule<T> {
    ranged(&format!("a whole number of {unit}"), range)
}

/// An address on the wire of Modbus.
pub(super) fn address() -> Rule<u16> {
    ranged("an address", 0..=65_535)
}

/// A whole number, called `what` in messages.
pub(super) fn ranged<T: TryFrom<i64>>(what: &str, range: RangeInclusive<i64>) -> Rule<T> {
    let expects = format!("{what} from {} to {}", range.start(), range.end());
    rule(expects, move |cell| {
        let number = cell.value.as_integer().ok_or_else(|| {
            let quoted = cell.value.as_str().is_some_and(|text| text.parse::<i64>().is_ok());
            quoted.then(|| "write it without quotes".to_owned())
        })?;
        if !range.contains(&number) {
            return Err(None);
        }
        T::try_from(number).map_err(|_| None)
    })
}

/// One word of a list.
pub(super) fn one_of<T: Copy>(words: &'static [(T, &'static str)]) -> Rule<T> {
    let list: Vec<&str> = words.iter().map(|(_, word)| *word).collect();
    text_rule(format!("one of {}", list.join(", ")), move |text| {
        let found = words.iter().find(|(_, word)| *word == text);
        let hint = || did_you_mean(text, words.iter().map(|(_, word)| *word));
        found.map(|(value, _)| *value).ok_or_else(hint)
    })
}

/// A tenant's code.
pub(super) fn tenant_code() -> Rule<TenantCode> {
    parsed("4 characters of 0-9 and A-Z, such as \"SAIF\"")
}

/// A plant's code.
pub(super) fn plant_code() -> Rule<PlantCode> {
    parsed("3 characters of 0-9 and A-Z, such as \"KOL\"")
}

/// The type in a UID.
pub(super) fn type_code() -> Rule<TypeCode> {
    parsed("2 characters of 0-9 and A-Z, such as \"RM\"")
}

fn parsed<T: FromStr>(expects: &str) -> Rule<T> {
    text_rule(expects, |text| {
        text.parse().map_err(|_| {
            let upper = text.to_ascii_uppercase();
            upper.parse::<T>().is_ok().then(|| format!("write \"{upper}\""))
        })
    })
}

/// A file or folder.
pub(super) fn path() -> Rule<PathBuf> {
    text_rule("a path", |text| {
        let fits = !text.trim().is_empty() && !text.contains('\0');
        if fits { Ok(PathBuf::from(text)) } else { Err(None) }
    })
}

/// A fixed address of this machine to listen on.
pub(super) fn listen() -> Rule<SocketAddr> {
    text_rule("an IP address and port to listen on, such as \"0.0.0.0:8443\"", |text| {
        match SocketAddr::from_str(text) {
            Ok(address) if address.port() != 0 => Ok(address),
            Ok(_) => Err(Some("port 0 would be another one at each start".to_owned())),
            Err(_) => {
                let named = text.strip_prefix("localhost:");
                Err(named.map(|port| format!("write \"127.0.0.1:{port}\"")))
            }
        }
    })
}

/// A host and port to connect to.
pub(super) fn host_port() -> Rule<HostPort> {
    text_rule("a host and port, such as \"192.168.10.21:502\"", |text| {
        read_host_port(text).ok_or_else(|| {
            let bare = !text.contains(':') && !text.is_empty();
            bare.then(|| "the port is missing".to_owned())
        })
    })
}

/// A host alone.
pub(super) fn host() -> Rule<String> {
    text_rule("a host name or address, such as \"agent.plant.local\"", |text| {
        let known = is_host(text) || text.parse::<std::net::Ipv6Addr>().is_ok();
        if known { Ok(text.to_owned()) } else { Err(None) }
    })
}

fn read_host_port(text: &str) -> Option<HostPort> {
    let (host, port) = text.rsplit_once(':')?;
    let port: u16 = port.parse().ok().filter(|port| *port != 0)?;
    let host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().ok().map(|_| v6)?,
        None => Some(host).filter(|host| is_host(host))?,
    };
    Some(HostPort { host: host.to_owned(), port })
}

fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let digits_only = host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    host.len() <= 253
        && host.split('.').all(label)
        && (!digits_only || host.parse::<std::net::Ipv4Addr>().is_ok())
}

/// The address of the cloud. Only HTTPS: the certificate says who the plant is.
pub(super) fn cloud_url() -> Rule<String> {
    text_rule("an address such as \"https://trace.example.com:7443\"", |text| {
        let Some(rest) = text.strip_prefix("https://") else {
            let plain = text.starts_with("http://");
            return Err(plain.then(|| "the uplink is always encrypted".to_owned()));
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if is_host(authority) || read_host_port(authority).is_some() {
            Ok(format!("https://{authority}"))
        } else {
            Err(None)
        }
    })
}

/// A time of day.
pub(super) fn time_of_day() -> Rule<NaiveTime> {
    text_rule("a time of day from \"00:00\" to \"23:59\"", |text| {
        let time = NaiveTime::parse_from_str(text, "%H:%M").ok().filter(|_| text.len() == 5);
        time.ok_or_else(|| (text == "24:00").then(|| "midnight is \"00:00\"".to_owned()))
    })
}

/// A time zone of the IANA list.
pub(super) fn time_zone() -> Rule<chrono_tz::Tz> {
    text_rule("a time zone of the IANA list, such as \"Asia/Kolkata\"", |text| {
        let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        text.parse().map_err(|_| did_you_mean(text, names))
    })
}

/// A language that the stations speak.
pub(super) fn language() -> Rule<Language> {
    let codes = Language::ALL.map(Language::code).join(", ");
    text_rule(format!("one of {codes}"), |text| Language::from_code(text).ok_or(None))
}

/// A topic pattern of the broker.
pub(super) fn topic() -> Rule<String> {
    let expects = "a topic such as \"tw/{plant}/{station}/scan\"";
    text_rule(expects, |text| {
        let bare = text.replace("{plant}", "P").replace("{station}", "S");
        let hint = if bare.contains(['#', '+']) {
            "one station has one topic, without wildcards"
        } else if bare.contains(['{', '}']) {
            "only {plant} and {station} are filled in"
        } else if bare.starts_with('$') {
            "topics that begin with $ belong to the broker"
        } else if bare.split('/').any(str::is_empty) || bare.len() > 200 {
            "every part between slashes has a name"
        } else if bare.chars().any(|c| c.is_control() || c.is_whitespace()) {
            "no spaces or control characters"
        } else {
            return Ok(text.to_owned());
        };
        Err(Some(hint.to_owned()))
    })
}

/// An exact decimal number of any scale.
pub(super) fn decimal() -> Rule<Decimal> {
    rule("a decimal number such as \"0.1\" or 12.5", |cell| read_decimal(cell).ok_or(None))
}

/// An exact decimal number that fits where limits and readings are stored.
pub(super) fn stored_decimal() -> Rule<Decimal> {
    let expects = format!(
        "a decimal number with at most {STORED_WHOLE_DIGITS} digits before the point and {STORED_DECIMALS} after it"
    );
    rule(expects, |cell| {
        let number = read_decimal(cell).ok_or(None)?.normalize();
        let whole = number.trunc().abs() < Decimal::from(10_i64.pow(STORED_WHOLE_DIGITS));
        if whole && number.scale() <= STORED_DECIMALS { Ok(number) } else { Err(None) }
    })
}

/// From the text as it was written, never through a binary float.
fn read_decimal(cell: &Cell<'_>) -> Option<Decimal> {
    let written = match cell.value {
        Value::String(text) => text.value().trim(),
        Value::Integer(_) | Value::Float(_) => cell.source.trim(),
        _ => return None,
    };
    let plain = written.replace('_', "");
    let plain = plain.strip_prefix('+').unwrap_or(&plain);
    let digits = plain.strip_prefix('-').unwrap_or(plain);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    match plain.split_once(['e', 'E']) {
        None => Decimal::from_str_exact(plain).ok(),
        Some((mantissa, exponent)) => {
            let exponent: i32 = exponent.parse().ok().filter(|e| (-28..=28).contains(e))?;
            let mantissa = Decimal::from_str_exact(mantissa).ok()?;
            let power = Decimal::from_i128_with_scale(10_i128.pow(exponent.unsigned_abs()), 0);
            if exponent >= 0 {
                mantissa.checked_mul(power)
            } else {
                let shifted = mantissa.scale().checked_add(exponent.unsigned_abs())?;
                Decimal::try_from_i128_with_scale(mantissa.mantissa(), shifted).ok()
            }
        }
    }
}
