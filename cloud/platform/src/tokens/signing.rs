//! JWTs signed by Ed25519 (RFC 7515, RFC 7519, RFC 8037). Pure, but for random
//! numbers.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// What a token says. Rights are not in it: they are those of the key, as it stands
/// when the token is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    /// Who made it: this cloud's address.
    pub iss: String,
    /// Whom it stands for: `key:…`.
    pub sub: String,
    /// The tenant.
    pub tenant: Uuid,
    /// The family that it is of.
    pub family: Uuid,
    /// Seconds.
    pub iat: i64,
    /// Seconds.
    pub exp: i64,
    /// Its own id.
    pub jti: Uuid,
}

/// A key that signs, by its name.
pub(super) struct SigningKey {
    pub kid: String,
    pair: Ed25519KeyPair,
}

/// A new seed; `None` when the system has no random numbers.
pub(super) fn new_seed() -> Option<[u8; 32]> {
    let mut seed = [0_u8; 32];
    SystemRandom::new().fill(&mut seed).ok().map(|()| seed)
}

impl SigningKey {
    /// The key of a seed of 32 bytes.
    pub(super) fn of_seed(kid: &str, seed: &[u8]) -> Option<Self> {
        Ed25519KeyPair::from_seed_unchecked(seed).ok().map(|pair| Self { kid: kid.to_owned(), pair })
    }

    /// What others check signatures with.
    pub(super) fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// The token that says this.
    pub(super) fn sign(&self, claims: &Claims) -> String {
        let head = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": self.kid });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let body = serde_json::to_value(claims).unwrap_or_default();
        let signed = format!("{}.{}", part(&head), part(&body));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

/// A token in its parts, not checked yet.
pub(super) struct Read<'a> {
    pub kid: String,
    signed: &'a str,
    signature: Vec<u8>,
    claims: Claims,
}

/// Longest token that is looked at.
const LONGEST: usize = 2048;

/// Takes a text apart; `None` when it is no token of ours.
pub(super) fn read(token: &str) -> Option<Read<'_>> {
    if token.len() > LONGEST {
        return None;
    }
    let (signed, signature) = token.rsplit_once('.')?;
    let (head, body) = signed.split_once('.')?;
    let part = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    let head: Value = serde_json::from_slice(&part(head)?).ok()?;
    // The algorithm is ours to choose, never the token's.
    if head["alg"] != "EdDSA" || head["typ"] != "at+jwt" {
        return None;
    }
    let claims = serde_json::from_slice(&part(body)?).ok()?;
    Some(Read { kid: head["kid"].as_str()?.to_owned(), signed, signature: part(signature)?, claims })
}

impl Read<'_> {
    /// What the token says, if this key signed it, `issuer` made it, and it is not over.
    pub(super) fn check(self, public: &[u8], issuer: &str, now: DateTime<Utc>) -> Option<Claims> {
        let key = UnparsedPublicKey::new(&ED25519, public);
        key.verify(self.signed.as_bytes(), &self.signature).ok()?;
        let Claims { iat, exp, .. } = self.claims;
        let at = now.timestamp();
        // A clock beside this one may be a little ahead.
        (self.claims.iss == issuer && at < exp && iat <= at + 60).then_some(self.claims)
    }
}

/// A public key as a JWKS tells it (RFC 7517, RFC 8037).
pub(super) fn jwk(kid: &str, public: &[u8]) -> Value {
    json!({
        "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
        "kid": kid, "x": URL_SAFE_NO_PAD.encode(public),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(now: DateTime<Utc>) -> Claims {
        Claims {
            iss: "https://tw.example".into(),
            sub: "key:0011".into(),
            tenant: Uuid::nil(),
            family: Uuid::nil(),
            iat: now.timestamp(),
            exp: now.timestamp() + 600,
            jti: Uuid::nil(),
        }
    }

    #[test]
    fn only_what_this_key_signed_is_believed() {
        let now: DateTime<Utc> = "2026-11-26T10:00:00Z".parse().unwrap();
        let key = SigningKey::of_seed("k1", &new_seed().unwrap()).unwrap();
        let other = SigningKey::of_seed("k2", &new_seed().unwrap()).unwrap();
        let token = key.sign(&claims(now));
        let ask = |token: &str, by: &SigningKey, at: DateTime<Utc>| {
            read(token).and_then(|read| read.check(by.public(), "https://tw.example", at))
        };
        assert_eq!(read(&token).unwrap().kid, "k1");
        assert_eq!(ask(&token, &key, now), Some(claims(now)));
        assert_eq!(ask(&token, &other, now), None);
        assert_eq!(ask(&token, &key, now + chrono::TimeDelta::seconds(600)), None, "it is over");
        assert_eq!(ask(&token, &key, now - chrono::TimeDelta::seconds(120)), None, "it is of later");
        assert!(read(&token).unwrap().check(key.public(), "https://other.example", now).is_none());
        // Not with another body, another algorithm, or none.
        let (head, rest) = token.split_once('.').unwrap();
        let (body, signature) = rest.split_once('.').unwrap();
        let mut forged = claims(now);
        forged.sub = "key:ffff".into();
        let forged = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&forged).unwrap());
        assert_eq!(ask(&format!("{head}.{forged}.{signature}"), &key, now), None);
        for alg in ["none", "HS256"] {
            let head =
                URL_SAFE_NO_PAD.encode(json!({ "alg": alg, "typ": "at+jwt", "kid": "k1" }).to_string());
            assert!(read(&format!("{head}.{body}.{signature}")).is_none(), "{alg}");
            assert!(read(&format!("{head}.{body}.")).is_none(), "{alg}");
        }
        for nonsense in ["", ".", "..", "a.b.c", &format!("{token}."), &"x".repeat(5000)] {
            assert!(read(nonsense).is_none(), "{nonsense}");
        }
    }

    #[test]
    fn the_key_is_told_as_others_read_it() {
        let told = jwk("k1", &[7; 32]);
        assert_eq!((told["kty"].as_str(), told["crv"].as_str()), (Some("OKP"), Some("Ed25519")));
        assert_eq!(told["x"].as_str().unwrap().len(), 43);
    }
}
