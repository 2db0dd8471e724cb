//! Whether a PIN is right. The hash is slow on purpose, so it is worked out
//! before the scan takes its turn in the engine, whose one task serves every
//! station; the rules then only look at what came of it.

use argon2::{Argon2, PasswordHash, PasswordVerifier};

use super::login::{self, Typing};
use super::types::{Scanned, Session};
use crate::reference::{Operator, Reference};

/// A PIN that was typed, and the hash that it is held against.
#[derive(Clone, PartialEq, Eq)]
pub struct TypedPin {
    hash: String,
    pin: String,
}

/// What came of holding it against the hash.
#[derive(Clone, PartialEq, Eq)]
pub struct PinProof {
    typed: TypedPin,
    matches: bool,
}

impl std::fmt::Debug for PinProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PinProof").field("matches", &self.matches).finish_non_exhaustive()
    }
}

impl TypedPin {
    /// Takes some ten milliseconds and 19 MiB.
    #[must_use]
    pub fn prove(self) -> PinProof {
        let hash = PasswordHash::new(&self.hash).ok();
        let matches =
            hash.is_some_and(|hash| Argon2::default().verify_password(self.pin.as_bytes(), &hash).is_ok());
        PinProof { typed: self, matches }
    }
}

/// The PIN that a scan completes, as far as the session can tell before the
/// scan's turn has come; `None` where it is no PIN.
#[must_use]
pub fn typed_pin(session: &Session, scanned: &Scanned, reference: &Reference) -> Option<TypedPin> {
    let id = match session.pending.as_deref()? {
        login::PIN => session.operator.as_ref()?.operator.as_str(),
        login::SUPERVISOR_PIN => login::asked_supervisor(session)?,
        _ => return None,
    };
    let Typing::Whole(pin) = login::typing(session, scanned) else { return None };
    let person = reference.operators.values().find(|person| person.operator == id)?;
    Some(TypedPin { hash: person.pin_hash.clone()?, pin })
}

/// Whether it is this person's PIN. A proof of something else (the session has
/// moved on since) does not count, and it is worked out here.
pub(crate) fn is_right(person: &Operator, pin: &str, proof: Option<&PinProof>) -> bool {
    let Some(hash) = person.pin_hash.clone() else { return false };
    let typed = TypedPin { hash, pin: pin.to_owned() };
    match proof.filter(|proof| proof.typed == typed) {
        Some(proof) => proof.matches,
        None => typed.prove().matches,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::station::fixture;
    use crate::station::types::OperatorSession;

    #[test]
    fn a_proof_counts_for_what_was_typed_and_for_nobody_else() {
        let reference = fixture::reference(chrono::Utc::now());
        let person = reference.operators.values().find(|person| person.pin_hash.is_some()).unwrap();
        let operator = OperatorSession {
            operator: person.operator.clone(),
            language: "en".into(),
            supervisor: false,
            pin_ok: false,
            since: chrono::Utc::now(),
            shift: "A".into(),
        };
        let mut session =
            Session { operator: Some(operator), pending: Some(login::PIN.into()), ..Session::default() };
        let scanned = Scanned::Text("0000".into());
        let proof = typed_pin(&session, &scanned, &reference).unwrap().prove();
        assert!(!proof.matches && !is_right(person, "0000", Some(&proof)));
        // What is proven is taken as it is: here against what is true, to see it.
        let said = PinProof { matches: true, ..proof };
        assert!(is_right(person, "0000", Some(&said)));
        assert!(!is_right(person, "8642", Some(&said)), "another PIN");
        let other = Operator { pin_hash: Some("$argon2id$broken".into()), ..person.clone() };
        assert!(!is_right(&other, "0000", Some(&said)), "another person");
        session.pending = Some(login::SUPERVISOR.into());
        assert!(typed_pin(&session, &scanned, &reference).is_none(), "no PIN is asked for");
    }
}
