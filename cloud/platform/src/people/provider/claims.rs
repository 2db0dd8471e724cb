//! What a provider's token says, and whether it says it to us, now, for this sign-in.
//! Pure.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::people::clean_email;

/// How far a provider's clock may be from this one, in seconds.
const LEEWAY: i64 = 60;
/// Longest subject, as the standard has it.
const LONGEST_SUBJECT: usize = 255;

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Mistake {
    /// It is no signed token, or says nothing of whom.
    #[error("it is no token that can be read")]
    Form,
    /// It is unsigned, or signed in a way that is not believed.
    #[error("it is not signed in a way that is believed")]
    Algorithm,
    /// None of the provider's keys made its signature.
    #[error("its signature is not one of the provider's")]
    Signature,
    /// Another provider made it.
    #[error("it is another provider's")]
    Issuer,
    /// It was made for another program.
    #[error("it was made for somebody else")]
    Audience,
    /// It is over, or not good yet.
    #[error("it is too old, or not good yet")]
    Time,
    /// It was made for another sign-in.
    #[error("it belongs to another sign-in")]
    Nonce,
}

impl Mistake {
    /// The key of its text for people.
    pub(super) fn text_key(self) -> &'static str {
        match self {
            Self::Form => "provider-no-form",
            Self::Algorithm => "provider-no-algorithm",
            Self::Signature => "provider-no-signature",
            Self::Issuer => "provider-no-issuer",
            Self::Audience => "provider-no-audience",
            Self::Time => "provider-no-time",
            Self::Nonce => "provider-no-nonce",
        }
    }
}

/// What a token has to say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    pub now: DateTime<Utc>,
}

/// Whom a token is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claims {
    /// The provider's own, unchanging name of the person.
    pub subject: String,
    /// As it is kept here.
    pub email: Option<String>,
    /// The provider has made sure that the e-mail is the person's.
    pub verified: bool,
    pub name: Option<String>,
    /// The provider asked for more than one proof.
    pub mfa: bool,
}

/// What the claims of a token whose signature is right say, if they are meant for this
/// sign-in.
///
/// # Errors
/// [`Mistake`].
pub(super) fn check(claims: &Value, expected: &Expected<'_>) -> Result<Claims, Mistake> {
    if claims["iss"] != expected.issuer {
        return Err(Mistake::Issuer);
    }
    if !is_for(claims, expected.client_id) {
        return Err(Mistake::Audience);
    }
    let now = expected.now.timestamp();
    let expires = seconds(&claims["exp"]).ok_or(Mistake::Form)?;
    let made = seconds(&claims["iat"]).ok_or(Mistake::Form)?;
    let begins = match &claims["nbf"] {
        Value::Null => made,
        given => seconds(given).ok_or(Mistake::Form)?,
    };
    if expires <= now - LEEWAY || made > now + LEEWAY || begins > now + LEEWAY {
        return Err(Mistake::Time);
    }
    if claims["nonce"] != expected.nonce {
        return Err(Mistake::Nonce);
    }
    let subject = claims["sub"].as_str().filter(|sub| !sub.is_empty() && sub.len() <= LONGEST_SUBJECT);
    let mut found = Claims {
        subject: subject.ok_or(Mistake::Form)?.to_owned(),
        email: None,
        verified: false,
        name: None,
        mfa: is_mfa(&claims["amr"]),
    };
    found.take(claims);
    Ok(found)
}

impl Claims {
    /// Takes e-mail and name from a token, or from what the provider tells besides.
    pub(super) fn take(&mut self, told: &Value) {
        if let Some(email) = told["email"].as_str().and_then(clean_email) {
            self.email = Some(email);
            // Some providers write it as a text.
            self.verified = told["email_verified"] == true || told["email_verified"] == "true";
        }
        let name = told["name"].as_str().and_then(crate::people::clean_name);
        self.name = name.or_else(|| self.name.take());
    }
}

/// A number of seconds; some providers write fractions.
#[allow(clippy::cast_possible_truncation)]
fn seconds(value: &Value) -> Option<i64> {
    // Of a float that is out of range, the nearest that there is.
    value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
}

/// Whether it was made for this program, and, where it was made for several, at this
/// one's wish.
fn is_for(claims: &Value, client_id: &str) -> bool {
    let (named, several) = match &claims["aud"] {
        Value::String(one) => (one == client_id, false),
        Value::Array(all) => (all.iter().any(|one| one == client_id), all.len() > 1),
        _ => (false, false),
    };
    match &claims["azp"] {
        Value::Null => named && !several,
        party => named && party == client_id,
    }
}

/// Whether more than one proof was asked for (RFC 8176).
fn is_mfa(amr: &Value) -> bool {
    let has = |method: &str| amr.as_array().is_some_and(|all| all.iter().any(|one| one == method));
    has("mfa") || (has("pwd") && (has("otp") || has("hwk")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ask(change: impl FnOnce(&mut Value)) -> Result<Claims, Mistake> {
        let now: DateTime<Utc> = "2026-11-26T10:00:00Z".parse().unwrap();
        let expected = Expected { issuer: "https://id.example", client_id: "tracewright", nonce: "n-1", now };
        let mut claims = json!({
            "iss": "https://id.example", "aud": "tracewright", "sub": "4711", "nonce": "n-1",
            "iat": now.timestamp(), "exp": now.timestamp() + 300, "email": "Ananya@Saif.example",
            "email_verified": true, "name": "Ananya Sen",
        });
        change(&mut claims);
        check(&claims, &expected)
    }

    #[test]
    fn a_token_is_for_us_now_and_for_this_sign_in() {
        let good = ask(|_| {}).unwrap();
        assert_eq!((good.subject.as_str(), good.email.as_deref()), ("4711", Some("ananya@saif.example")));
        assert!(good.verified && !good.mfa);
        let now = 1_795_687_200_i64;
        for (change, mistake) in [
            (json!({ "iss": "https://id.example/" }), Mistake::Issuer),
            (json!({ "aud": "other" }), Mistake::Audience),
            (json!({ "aud": null }), Mistake::Audience),
            (json!({ "aud": ["tracewright", "other"] }), Mistake::Audience),
            (json!({ "aud": ["tracewright", "other"], "azp": "other" }), Mistake::Audience),
            (json!({ "azp": "other" }), Mistake::Audience),
            (json!({ "exp": now - 61 }), Mistake::Time),
            (json!({ "iat": now + 61 }), Mistake::Time),
            (json!({ "nbf": now + 61 }), Mistake::Time),
            (json!({ "nbf": "soon" }), Mistake::Form),
            (json!({ "exp": null }), Mistake::Form),
            (json!({ "nonce": "n-2" }), Mistake::Nonce),
            (json!({ "nonce": null }), Mistake::Nonce),
            (json!({ "sub": "" }), Mistake::Form),
            (json!({ "sub": 7 }), Mistake::Form),
        ] {
            let done = ask(|claims| {
                for (key, value) in change.as_object().unwrap() {
                    claims[key] = value.clone();
                }
            });
            assert_eq!(done, Err(mistake), "{change}");
        }
        assert!(ask(|claims| claims["aud"] = json!(["tracewright"])).is_ok());
        let several = ask(|claims| {
            claims["aud"] = json!(["tracewright", "other"]);
            claims["azp"] = json!("tracewright");
        });
        assert!(several.is_ok());
        assert!(ask(|claims| claims["exp"] = json!(now - 59)).is_ok(), "clocks differ a little");
    }

    #[test]
    fn an_address_is_the_persons_only_if_the_provider_says_so() {
        for (told, verified) in [
            (json!(true), true),
            (json!("true"), true),
            (json!(false), false),
            (json!(null), false),
            (json!(1), false),
        ] {
            assert_eq!(
                ask(|claims| claims["email_verified"] = told.clone()).unwrap().verified,
                verified,
                "{told}"
            );
        }
        let none = ask(|claims| claims["email"] = json!(null)).unwrap();
        assert!(none.email.is_none() && !none.verified);
    }

    #[test]
    fn two_proofs_are_told_by_their_names() {
        for (amr, mfa) in [
            (json!(["mfa"]), true),
            (json!(["pwd", "otp"]), true),
            (json!(["hwk", "pwd"]), true),
            (json!(["pwd"]), false),
            (json!(["otp"]), false),
            (json!("mfa"), false),
            (json!(null), false),
        ] {
            assert_eq!(ask(|claims| claims["amr"] = amr.clone()).unwrap().mfa, mfa, "{amr}");
        }
    }
}
