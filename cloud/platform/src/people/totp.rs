//! Codes by time (RFC 6238: HMAC-SHA-1, six digits, thirty seconds), as every
//! authenticator app makes them, and backup codes.

use chrono::{DateTime, Utc};
use data_encoding::BASE32_NOPAD;
use qrcodegen::{QrCode, QrCodeEcc};
use rand::TryRngCore;
use rand::rngs::OsRng;
use ring::hmac;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::web::escaped;

/// Seconds for which a code is shown.
const STEP: i64 = 30;
/// Bytes of a secret, as RFC 4226 advises.
const SECRET: usize = 20;
/// How many backup codes there are.
pub const BACKUP_CODES: usize = 10;
/// Letters of a backup code: 80 bits, too many to try, so that a plain hash keeps
/// them.
const BACKUP_LENGTH: usize = 16;

/// A new secret; `None` when the system has no random numbers.
pub fn new_secret() -> Option<Vec<u8>> {
    let mut bytes = vec![0_u8; SECRET];
    OsRng.try_fill_bytes(&mut bytes).ok()?;
    Some(bytes)
}

/// The code of one step.
fn code(secret: &[u8], step: i64) -> u32 {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[tag.len() - 1] & 0xf);
    let number = u32::from_be_bytes([tag[at], tag[at + 1], tag[at + 2], tag[at + 3]]) & 0x7fff_ffff;
    number % 1_000_000
}

/// The step at a moment.
pub fn step_at(now: DateTime<Utc>) -> i64 {
    now.timestamp().div_euclid(STEP)
}

/// The step whose code was typed: that of `now`, or the one before or after, for a
/// clock that is slightly off and a person who types slowly. A step up to `used`
/// is used up.
pub fn step_of(secret: &[u8], typed: &str, used: i64, now: DateTime<Utc>) -> Option<i64> {
    let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    if typed.len() != 6 || !typed.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let typed: u32 = typed.parse().ok()?;
    let at = step_at(now);
    [at, at - 1, at + 1].into_iter().find(|step| *step > used && code(secret, *step) == typed)
}

/// The code that an app shows at a moment.
#[cfg(test)]
pub fn shown(secret: &[u8], now: DateTime<Utc>) -> String {
    format!("{:06}", code(secret, step_at(now)))
}

/// A secret as a person types it into an app, in groups of four.
pub fn typed(secret: &[u8]) -> String {
    let text = BASE32_NOPAD.encode(secret);
    let groups: Vec<&str> =
        (0..text.len()).step_by(4).map(|at| &text[at..(at + 4).min(text.len())]).collect();
    groups.join(" ")
}

/// The address that an app reads from the square code.
pub fn address(secret: &[u8], tenant: &str, email: &str) -> String {
    let part = |text: &str| escaped(text, b"-._");
    let issuer = part(&format!("Tracewright {tenant}"));
    let secret = BASE32_NOPAD.encode(secret);
    format!(
        "otpauth://totp/{issuer}:{}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period={STEP}",
        part(email)
    )
}

/// A text as a square code: an SVG of one path, dark on light whatever the page's
/// colours, as scanners want it. `None` when it is too long.
pub fn square(text: &str) -> Option<String> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let size = code.size();
    let mut path = String::new();
    for y in 0..size {
        for x in 0..size {
            if code.get_module(x, y) {
                path.push_str(&format!("M{} {}h1v1h-1z", x + 4, y + 4));
            }
        }
    }
    let whole = size + 8;
    Some(format!(
        r##"<svg viewBox="0 0 {whole} {whole}" class="tw-square" role="img" aria-labelledby="square-title" shape-rendering="crispEdges"><rect width="{whole}" height="{whole}" fill="#fff"/><path d="{path}" fill="#000"/></svg>"##
    ))
}

/// New backup codes as they are shown, `ABCD-EFGH-JKMN-PQRS`; `None` when the
/// system has no random numbers.
pub fn new_backup_codes() -> Option<Vec<String>> {
    // Without I, L, O and U, which are misread.
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    (0..BACKUP_CODES)
        .map(|_| {
            let mut bytes = [0_u8; BACKUP_LENGTH];
            OsRng.try_fill_bytes(&mut bytes).ok()?;
            let letters: Vec<String> = bytes
                .chunks(4)
                .map(|group| group.iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect())
                .collect();
            Some(letters.join("-"))
        })
        .collect()
}

/// The hash by which a backup code is kept, of what somebody typed; `None` when it
/// cannot be one.
pub fn backup_hash(user: Uuid, typed: &str) -> Option<[u8; 32]> {
    let letters: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            c => c,
        })
        .collect();
    let fits = letters.len() == BACKUP_LENGTH && letters.bytes().all(|b| b.is_ascii_alphanumeric());
    fits.then(|| {
        let mut hash = Sha256::new();
        hash.update(user.as_bytes());
        hash.update(letters.as_bytes());
        hash.finalize().into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B, of whose eight digits an app shows the last six.
        let secret = b"12345678901234567890";
        for (at, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let at = DateTime::from_timestamp(at, 0).unwrap();
            assert_eq!(shown(secret, at), expected);
            assert_eq!(step_of(secret, expected, 0, at), Some(step_at(at)));
        }
    }

    #[test]
    fn a_code_is_good_for_its_step_and_its_neighbours_once() {
        let secret = new_secret().unwrap();
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let at = |seconds: i64| now + chrono::TimeDelta::seconds(seconds);
        let code = shown(&secret, now);
        let step = step_at(now);
        for (seconds, good) in [(-31, false), (-30, true), (0, true), (29, true), (59, true), (60, false)] {
            assert_eq!(step_of(&secret, &code, 0, at(seconds)).is_some(), good, "{seconds}");
        }
        assert_eq!(step_of(&secret, &code, step, now), None, "used up");
        assert_eq!(step_of(&secret, &format!(" {} {} ", &code[..3], &code[3..]), step - 1, now), Some(step));
        for wrong in ["", "12345", "1234567", "12345a", "١٢٣٤٥٦"] {
            assert_eq!(step_of(&secret, wrong, 0, now), None, "{wrong}");
        }
    }

    #[test]
    fn an_app_reads_the_address() {
        let secret = b"12345678901234567890";
        let address = address(secret, "SAIF & Co", "a b@saif.example");
        assert_eq!(
            address,
            "otpauth://totp/Tracewright%20SAIF%20%26%20Co:a%20b%40saif.example\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Tracewright%20SAIF%20%26%20Co\
             &algorithm=SHA1&digits=6&period=30"
        );
        assert_eq!(typed(secret), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        assert!(square(&address).unwrap().starts_with("<svg "));
    }

    #[test]
    fn backup_codes_are_kept_as_hashes_of_their_person() {
        let codes = new_backup_codes().unwrap();
        assert_eq!(codes.len(), BACKUP_CODES);
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let hash = backup_hash(one, &codes[0]).unwrap();
        assert_eq!(backup_hash(one, &codes[0].to_lowercase().replace('-', " ")), Some(hash));
        assert_ne!(backup_hash(two, &codes[0]), Some(hash));
        assert_ne!(backup_hash(one, &codes[1]), Some(hash));
        assert_eq!(backup_hash(one, "OOOO-IIII-LLLL-0000"), backup_hash(one, "0000-1111-1111-0000"));
        assert_eq!(backup_hash(one, "123456"), None);
    }
}
