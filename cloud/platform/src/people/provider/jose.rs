//! Tokens that a provider signed, and the keys to check them by (RFC 7515, RFC 7517,
//! RFC 7518, RFC 8037). Pure.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::Value;

use super::claims::Mistake;

/// Longest token that is looked at.
const LONGEST: usize = 16 * 1024;
/// Keys of one provider that are looked at.
const MOST_KEYS: usize = 50;

/// The ways of signing that are believed. One with a shared secret is not among them, nor
/// is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Ps256,
    Es256,
    EdDsa,
}

impl Algorithm {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "PS256" => Self::Ps256,
            "ES256" => Self::Es256,
            // The newer name says the curve too (RFC 9864).
            "EdDSA" | "Ed25519" => Self::EdDsa,
            _ => return None,
        })
    }

    /// The kind of key and its curve.
    fn key(self) -> (&'static str, &'static str) {
        match self {
            Self::Rs256 | Self::Ps256 => ("RSA", ""),
            Self::Es256 => ("EC", "P-256"),
            Self::EdDsa => ("OKP", "Ed25519"),
        }
    }
}

/// A provider's public key.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Key {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    used: Option<String>,
    crv: String,
    n: String,
    e: String,
    x: String,
    y: String,
}

/// The keys of a document as a provider tells them; what cannot be read is of a kind that
/// is not needed here.
pub(super) fn keys(document: &Value) -> Vec<Key> {
    let all = document["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter_map(|key| serde_json::from_value(key.clone()).ok()).take(MOST_KEYS).collect()
}

/// A token in its parts, not checked yet.
#[derive(Debug)]
pub(super) struct Token<'a> {
    algorithm: Algorithm,
    kid: Option<String>,
    signed: &'a str,
    signature: Vec<u8>,
    claims: Value,
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Takes a token apart.
///
/// # Errors
/// [`Mistake::Form`], [`Mistake::Algorithm`].
pub(super) fn read(text: &str) -> Result<Token<'_>, Mistake> {
    if text.len() > LONGEST {
        return Err(Mistake::Form);
    }
    let (signed, signature) = text.rsplit_once('.').ok_or(Mistake::Form)?;
    let (head, body) = signed.split_once('.').ok_or(Mistake::Form)?;
    let part = |text: &str| -> Option<Value> { serde_json::from_slice(&decoded(text)?).ok() };
    let head = part(head).ok_or(Mistake::Form)?;
    let algorithm = head["alg"].as_str().and_then(Algorithm::parse).ok_or(Mistake::Algorithm)?;
    // What is critical and not understood must not be passed over.
    if head.get("crit").is_some() {
        return Err(Mistake::Form);
    }
    let claims = part(body).filter(Value::is_object).ok_or(Mistake::Form)?;
    let signature = decoded(signature).ok_or(Mistake::Form)?;
    Ok(Token { algorithm, kid: head["kid"].as_str().map(str::to_owned), signed, signature, claims })
}

impl Token<'_> {
    /// Whether one of the keys signed it; else the provider may have new ones, and under
    /// the same names.
    pub(super) fn signed_by(&self, keys: &[Key]) -> bool {
        keys.iter().any(|key| key.fits(self) && key.signed(self))
    }

    /// What the token says, if one of these keys signed it.
    ///
    /// # Errors
    /// [`Mistake::Signature`].
    pub(super) fn check(self, keys: &[Key]) -> Result<Value, Mistake> {
        if self.signed_by(keys) { Ok(self.claims) } else { Err(Mistake::Signature) }
    }
}

impl Key {
    /// Whether it is the key that the token names, for its algorithm and for signing.
    fn fits(&self, token: &Token<'_>) -> bool {
        let (kind, curve) = token.algorithm.key();
        let of_algorithm =
            self.alg.as_deref().is_none_or(|name| Algorithm::parse(name) == Some(token.algorithm));
        self.kty == kind
            && (curve.is_empty() || self.crv == curve)
            && of_algorithm
            && self.used.as_deref().is_none_or(|used| used == "sig")
            && (token.kid.is_none() || token.kid == self.kid)
    }

    fn signed(&self, token: &Token<'_>) -> bool {
        let (message, signature) = (token.signed.as_bytes(), token.signature.as_slice());
        match token.algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => {
                let (Some(n), Some(e)) = (decoded(&self.n), decoded(&self.e)) else { return false };
                let bare = |bytes: &[u8]| {
                    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
                    bytes[zeros..].to_vec()
                };
                let key = RsaPublicKeyComponents { n: bare(&n), e: bare(&e) };
                let how = match token.algorithm {
                    Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
                    _ => &RSA_PKCS1_2048_8192_SHA256,
                };
                key.verify(how, message, signature).is_ok()
            }
            Algorithm::Es256 => {
                let (Some(x), Some(y)) = (decoded(&self.x), decoded(&self.y)) else { return false };
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
            Algorithm::EdDsa => {
                let Some(x) = decoded(&self.x) else { return false };
                UnparsedPublicKey::new(&ED25519, x).verify(message, signature).is_ok()
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// The example of RFC 7515, appendix A.2: RS256.
    const RSA_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    const RS256: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    /// The example of RFC 7515, appendix A.3: ES256.
    pub(in super::super) const ES256: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

    pub(in super::super) fn documented() -> Value {
        json!({ "keys": [
            { "kty": "oct", "k": "c2VjcmV0" },
            { "kty": "RSA", "use": "enc", "n": RSA_N, "e": "AQAB" },
            { "kty": "RSA", "n": RSA_N, "e": "AQAB" },
            { "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
              "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" },
        ] })
    }

    fn known() -> Vec<Key> {
        keys(&documented())
    }

    #[test]
    fn the_examples_of_the_standard_are_believed() {
        for token in [RS256, ES256] {
            let claims = read(token).unwrap().check(&known()).unwrap();
            assert_eq!(claims["iss"], "joe");
        }
        // An Ed25519 key of RFC 8037, appendix A.
        let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        assert_eq!(read(token).unwrap_err(), Mistake::Form, "its body is no JSON");
    }

    #[test]
    fn nothing_else_is() {
        let (head, rest) = RS256.split_once('.').unwrap();
        let (body, signature) = rest.split_once('.').unwrap();
        let other = URL_SAFE_NO_PAD.encode(r#"{"iss":"eve"}"#);
        let forged = format!("{head}.{other}.{signature}");
        assert_eq!(read(&forged).unwrap().check(&known()), Err(Mistake::Signature));
        let with = |head: Value| format!("{}.{body}.{signature}", URL_SAFE_NO_PAD.encode(head.to_string()));
        for alg in ["none", "None", "HS256", "RS1", ""] {
            assert_eq!(read(&with(json!({ "alg": alg }))).unwrap_err(), Mistake::Algorithm, "{alg}");
        }
        assert_eq!(read(&with(json!({}))).unwrap_err(), Mistake::Algorithm);
        assert_eq!(read(&with(json!({ "alg": "RS256", "crit": ["x"] }))).unwrap_err(), Mistake::Form);
        // A key of another name, or for another algorithm or use, is no key.
        let named = with(json!({ "alg": "RS256", "kid": "k9" }));
        assert!(!read(&named).unwrap().signed_by(&known()));
        assert_eq!(read(&named).unwrap().check(&known()), Err(Mistake::Signature));
        let of =
            |alg: &str| keys(&json!({ "keys": [{ "kty": "RSA", "alg": alg, "n": RSA_N, "e": "AQAB" }] }));
        assert!(read(RS256).unwrap().check(&of("RS256")).is_ok());
        assert_eq!(read(RS256).unwrap().check(&of("PS256")), Err(Mistake::Signature));
        for nonsense in ["", ".", "..", "a.b.c", RS256.trim_end_matches('w'), &"x".repeat(20_000)] {
            assert!(
                read(nonsense).is_err() || read(nonsense).unwrap().check(&known()).is_err(),
                "{nonsense}"
            );
        }
        assert!(keys(&json!({})).is_empty() && keys(&json!({ "keys": 7 })).is_empty());
    }
}
