//! What a password must be, and what is kept of it.

use std::sync::LazyLock;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rand::TryRngCore;
use rand::rngs::OsRng;
use tokio::sync::Semaphore;
use zxcvbn::Score;

/// Fewest characters.
pub const SHORTEST: usize = 12;
/// Most characters; a hash of more would be a way to keep the server busy.
pub const LONGEST: usize = 256;

/// Hashes at once: each takes some 20 MiB and tens of milliseconds.
static HASHING: Semaphore = Semaphore::const_new(2);

/// Of a password that nobody has, so that an e-mail that is not known takes as
/// long as one that is.
static NOBODYS: LazyLock<String> = LazyLock::new(|| hash_now("nobody has this one").unwrap_or_default());

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Fewer than [`SHORTEST`] characters.
    #[error("a password needs at least {SHORTEST} characters")]
    Short,
    /// More than [`LONGEST`] characters.
    #[error("a password has at most {LONGEST} characters")]
    Long,
    /// Common, a pattern, or made of the person's own name or address.
    #[error("this password is easy to guess")]
    Guessable,
}

impl Weakness {
    /// The key of its text.
    #[must_use]
    pub fn text_key(self) -> &'static str {
        match self {
            Self::Short => "people-password-short",
            Self::Long => "people-password-long",
            Self::Guessable => "people-password-guessable",
        }
    }
}

/// Whether a password may be used by somebody of this e-mail and name. Its
/// strength is judged by zxcvbn: at least 3 of 4, that is some 10^8 guesses; and
/// half of the shortest password must be left without the person's own words.
///
/// # Errors
/// Why not.
pub fn judge(password: &str, email: &str, name: &str) -> Result<(), Weakness> {
    let length = password.chars().count();
    if length < SHORTEST {
        return Err(Weakness::Short);
    }
    if length > LONGEST {
        return Err(Weakness::Long);
    }
    // Longer texts add cost and no insight.
    let head: String = password.chars().take(100).collect();
    let weak = zxcvbn::zxcvbn(&head, &[]).score() < Score::Three;
    let own = without_own_words(password, email, name) < SHORTEST / 2;
    if weak || own { Err(Weakness::Guessable) } else { Ok(()) }
}

/// How many characters are left of a password without the person's own words:
/// those are what somebody who knows the person tries first.
fn without_own_words(password: &str, email: &str, name: &str) -> usize {
    let (email, name) = (email.to_lowercase(), name.to_lowercase());
    let mut own: Vec<&str> = email.split(['@', '.', '-', '_']).chain(name.split_whitespace()).collect();
    own.push("tracewright");
    own.retain(|word| word.chars().count() > 2);
    own.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let rest = own.into_iter().fold(password.to_lowercase(), |rest, word| rest.replace(word, ""));
    rest.chars().count()
}

/// argon2id as OWASP advises: 19 MiB, two passes.
fn argon2() -> Option<Argon2<'static>> {
    let params = Params::new(19 * 1024, 2, 1, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash_now(password: &str) -> Option<String> {
    let mut salt = [0_u8; 16];
    OsRng.try_fill_bytes(&mut salt).ok()?;
    let salt = SaltString::from_b64(&STANDARD_NO_PAD.encode(salt)).ok()?;
    Some(argon2()?.hash_password(password.as_bytes(), &salt).ok()?.to_string())
}

/// The hash that is kept, in PHC form; `None` if the system has no random
/// numbers.
pub async fn hash(password: String) -> Option<String> {
    let _turn = HASHING.acquire().await.ok()?;
    tokio::task::spawn_blocking(move || hash_now(&password)).await.ok()?
}

/// Whether the password is the one of the hash. Without a hash it takes as long,
/// and is not.
pub async fn verify(password: String, hash: Option<String>) -> bool {
    let Ok(_turn) = HASHING.acquire().await else {
        return false;
    };
    let checked = tokio::task::spawn_blocking(move || {
        let known = hash.is_some();
        let text = hash.unwrap_or_else(|| NOBODYS.clone());
        let right = PasswordHash::new(&text)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
        known && right
    });
    checked.await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_common_or_ones_own_is_refused() {
        let judge = |password: &str| judge(password, "ananya.sen@saif.example", "Ananya Sen");
        assert_eq!(judge("kB9$wq2!xZ"), Err(Weakness::Short));
        assert_eq!(judge(&"long and ".repeat(40)), Err(Weakness::Long));
        for easy in [
            "password1234",
            "123456789012",
            "qwertyuiopasdf",
            "ananyasen2026",
            "tracewright1",
            "aaaaaaaaaaaaaa",
        ] {
            assert_eq!(judge(easy), Err(Weakness::Guessable), "{easy}");
        }
        for fine in ["monsoon kettle ninety brass", "Xk7-mango-Howrah-pulley", "শ্যাফট লেদ টার্নিং ৪২"]
        {
            assert_eq!(judge(fine), Ok(()), "{fine}");
        }
    }

    #[tokio::test]
    async fn only_the_password_opens_its_hash() {
        let kept = hash("monsoon kettle ninety brass".into()).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(verify("monsoon kettle ninety brass".into(), Some(kept.clone())).await);
        assert!(!verify("monsoon kettle ninety bras".into(), Some(kept)).await);
        assert!(!verify("nobody has this one".into(), None).await);
        assert!(!verify("x".into(), Some("not a hash".into())).await);
    }
}
