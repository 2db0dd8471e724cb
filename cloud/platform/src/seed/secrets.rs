//! What is kept of badges and PINs.

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};

use super::mistake::SeedErrors;

/// Memory of a PIN's hash, in KiB.
///
/// Far less than for a password: a station verifies it while the operator
/// stands there, on a cheap machine, between two scans. A PIN of four digits is
/// guessed from its hash whatever the hash costs; what protects it is that the
/// hash stays on the plant's disk, that a badge comes before it, and that the
/// station counts the tries.
const MEMORY_KIB: u32 = 4096;

fn argon2() -> Result<Argon2<'static>, SeedErrors> {
    let params = Params::new(MEMORY_KIB, 1, 1, None).map_err(failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn failed(error: impl std::fmt::Display) -> SeedErrors {
    SeedErrors::Pin(error.to_string())
}

/// The PIN's hash as argon2id in PHC form; `existing` if that is of this PIN
/// and costs the same, since a new salt would look like a new PIN.
pub(crate) fn pin_hash(pin: &str, existing: Option<&str>) -> Result<String, SeedErrors> {
    let argon2 = argon2()?;
    if let Some(text) = existing
        && let Ok(hash) = PasswordHash::new(text)
        && hash.algorithm.as_str() == "argon2id"
        && Params::try_from(&hash).is_ok_and(|p| (p.m_cost(), p.t_cost(), p.p_cost()) == (MEMORY_KIB, 1, 1))
        && argon2.verify_password(pin.as_bytes(), &hash).is_ok()
    {
        return Ok(text.to_owned());
    }
    let mut salt = [0_u8; 16];
    OsRng.try_fill_bytes(&mut salt).map_err(failed)?;
    let salt = SaltString::from_b64(&STANDARD_NO_PAD.encode(salt)).map_err(failed)?;
    Ok(argon2.hash_password(pin.as_bytes(), &salt).map_err(failed)?.to_string())
}

/// SHA-256 of the badge's code.
pub(crate) fn badge_hash(badge: &str) -> [u8; 32] {
    Sha256::digest(badge.as_bytes()).into()
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_kept_for_the_same_pin_and_verifies_with_defaults() {
        let first = pin_hash("4711", None).unwrap();
        assert!(first.starts_with("$argon2id$v=19$m=4096,t=1,p=1$"), "{first}");
        assert_eq!(pin_hash("4711", Some(&first)).unwrap(), first);
        let other = pin_hash("4712", Some(&first)).unwrap();
        assert_ne!(other, first);
        let heavier = Argon2::default()
            .hash_password(b"4711", &SaltString::from_b64("c2FsdHNhbHRzYWx0").unwrap())
            .unwrap()
            .to_string();
        assert_ne!(pin_hash("4711", Some(&heavier)).unwrap(), heavier);
        // As the agent does: the parameters are those of the hash.
        let parsed = PasswordHash::new(&first).unwrap();
        assert!(Argon2::default().verify_password(b"4711", &parsed).is_ok());
        assert_eq!(hex(&badge_hash("abc"))[..8], *"ba7816bf");
    }
}
