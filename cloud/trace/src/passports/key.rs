//! The random key by which the public reaches a passport, its link and its QR code. Pure
//! but for the random numbers.

use data_encoding::BASE32_NOPAD;
use qrcodegen::{QrCode, QrCodeEcc};
use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};

/// Letters of the tenant's code, which a key begins with.
const CODE: usize = 4;
/// Random bytes of a key.
const RANDOM: usize = 16;
/// Letters in which they are written.
const LETTERS: usize = 26;

/// A passport's key: the tenant's code, so that it can be looked up, and 128 random bits,
/// which nobody guesses. `SAIFMZXW6YTBOI5DCMRTGQ2TMNZYHE`.
#[derive(Clone, PartialEq, Eq)]
pub struct PassportKey(String);

impl PassportKey {
    /// A new key of a tenant; `None` when the system has no random numbers.
    #[must_use]
    pub fn new(code: &str) -> Option<Self> {
        let mut bytes = [0_u8; RANDOM];
        OsRng.try_fill_bytes(&mut bytes).ok()?;
        Some(Self(format!("{code}{}", BASE32_NOPAD.encode(&bytes))))
    }

    /// A key as it stands in a link; `None` for what can be none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (code, random) = text.split_at_checked(CODE)?;
        let code_fits = code.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        let random_fits = random.len() == LETTERS && BASE32_NOPAD.decode(random.as_bytes()).is_ok();
        (code_fits && random_fits).then(|| Self(text.to_owned()))
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The code of the tenant whose it is.
    #[must_use]
    pub fn tenant(&self) -> &str {
        self.0.get(..CODE).unwrap_or_default()
    }

    /// By what it is kept and looked up: how long that takes tells nothing of the key.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

/// The link of a passport: a GS1 Digital Link where the item has a GTIN.
#[must_use]
pub fn link(site: &str, key: &PassportKey, gtin: &str, uid: &uid::Uid) -> String {
    let key = key.text();
    match gtin_of(gtin) {
        Some(gtin) => format!("{site}/01/{gtin}/21/{}?k={key}", uid.serial().as_str()),
        None => format!("{site}/p/{key}"),
    }
}

/// A GTIN in its 14 digits; `None` for what is none.
#[must_use]
pub fn gtin_of(text: &str) -> Option<String> {
    let fits = matches!(text.len(), 8 | 12 | 13 | 14) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| format!("{text:0>14}"))
}

/// A QR code as SVG, black on white, with the margin that scanners need; `None` when the
/// text is too long for one.
#[must_use]
pub fn qr(text: &str) -> Option<String> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let (size, margin) = (code.size(), 4);
    let mut path = String::new();
    for y in 0..size {
        for x in (0..size).filter(|x| code.get_module(*x, y)) {
            path.push_str(&format!("M{},{}h1v1h-1z", x + margin, y + margin));
        }
    }
    let side = size + 2 * margin;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" width=\"240\" height=\"240\" \
         role=\"img\" aria-label=\"QR\" shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0,0h{side}v{side}h-{side}z\"/>\
         <path fill=\"#000\" d=\"{path}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_and_are_read_back() {
        let keys: Vec<PassportKey> = (0..100).map(|_| PassportKey::new("SAIF").unwrap()).collect();
        for (i, key) in keys.iter().enumerate() {
            assert!(PassportKey::parse(key.text()).as_ref() == Some(key) && key.tenant() == "SAIF");
            assert!(keys[..i].iter().all(|other| other.hash() != key.hash()));
        }
        let good = keys[0].text();
        for wrong in ["", "SAIF", &good[1..], &good.to_lowercase(), &format!("{good}A"), "SAIFé"] {
            assert!(PassportKey::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn links_are_of_gs1_where_there_is_a_gtin() {
        let uid: uid::Uid = "UID-SAIF-KOL-FG-000001-7F".parse().unwrap();
        let key = PassportKey::new("SAIF").unwrap();
        let text = key.text();
        assert_eq!(
            link("https://tw.example", &key, "4006381333931", &uid),
            format!("https://tw.example/01/04006381333931/21/KOLFG0000017F?k={text}")
        );
        assert_eq!(link("https://tw.example", &key, "", &uid), format!("https://tw.example/p/{text}"));
        assert!(qr(&link("https://tw.example", &key, "", &uid)).unwrap().starts_with("<svg"));
    }
}
