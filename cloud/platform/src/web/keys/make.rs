//! Making an access key as a page or a program asks for it: what is judged before.

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};

use super::Secret;
use super::service::{self, LIFETIME, NewKey};
use crate::ctx::Plants;
use crate::i18n::Texts;
use crate::people::{self, Beyond, By, PeopleError};
use crate::web::{AppState, Caller, EVERY, FieldError, Grant, Permission, Problem, Scope};

/// An access key as it is asked for.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    /// As typed.
    pub name: String,
    pub scope: Scope,
    pub plants: Plants,
    /// `None`: as late as may be.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Why a key was not made.
#[derive(Debug)]
pub(super) enum Wrong {
    /// It would have more than whoever makes it.
    Beyond(Beyond),
    /// Fields that are not right: field, key of a text, its value.
    Fields(Vec<(&'static str, &'static str, String)>),
    Problem(Problem),
}

impl Wrong {
    /// What is wrong with fields, for people.
    pub(super) fn fields(&self, texts: &Texts) -> Vec<(&'static str, String)> {
        let Self::Fields(wrong) = self else { return Vec::new() };
        wrong.iter().map(|(field, key, value)| (*field, texts.t1(key, "value", value))).collect()
    }

    /// As a program is told.
    pub(super) fn problem(self, texts: &Texts) -> Problem {
        let fields = self.fields(texts);
        match self {
            Self::Beyond(beyond) => {
                let said = beyond.say(texts);
                let lacking = Problem::from(beyond).permission;
                Problem { permission: lacking, ..Problem::new(StatusCode::FORBIDDEN, "key.beyond", said) }
            }
            Self::Fields(_) => {
                Problem::invalid("key.invalid", fields.into_iter().map(FieldError::from).collect())
            }
            Self::Problem(problem) => problem,
        }
    }
}

impl From<PeopleError> for Wrong {
    fn from(error: PeopleError) -> Self {
        Self::Problem(error.into())
    }
}

/// What a key of this scope may, at these plants. The highest scope has what will be added
/// too, and so is an administrator's.
pub(super) fn grant(all: &[Permission], scope: Scope, plants: &Plants) -> Grant {
    let held = all.iter().filter(|permission| permission.key_scope <= scope);
    let every = (scope == Scope::Admin).then(|| EVERY.to_owned());
    let permissions = held.map(|permission| permission.code.to_owned()).chain(every).collect();
    Grant { permissions, plants: plants.clone(), ..Grant::default() }
}

/// The last moment at which a key may end that is made now: on the page one says the last
/// day, and that is not over before the next one begins.
fn latest(now: DateTime<Utc>) -> DateTime<Utc> {
    now + LIFETIME + TimeDelta::days(1)
}

/// Makes a key, if it has no more than whoever makes it.
///
/// # Errors
/// [`Wrong`].
pub(super) async fn make(
    state: &AppState,
    caller: &Caller,
    typed: &Typed,
    now: DateTime<Utc>,
) -> Result<Secret, Wrong> {
    let wanted = grant(&state.permissions, typed.scope, &typed.plants);
    By::caller(state, caller).holds([wanted]).map_err(Wrong::Beyond)?;
    let mut wrong = Vec::new();
    let name = people::clean_name(&typed.name);
    if name.is_none() {
        wrong.push(("name", "people-error-name", String::new()));
    }
    if typed.expires_at.is_some_and(|at| at > latest(now)) {
        wrong.push(("expires_at", "key-wrong-long", String::new()));
    }
    if typed.expires_at.is_some_and(|at| at <= now) {
        wrong.push(("expires_at", "key-wrong-end", String::new()));
    }
    let known = people::plants(&state.db, &caller.cx, caller.texts.lang).await?;
    let codes = typed.plants.codes();
    if codes.as_ref().is_some_and(Vec::is_empty) {
        wrong.push(("plants", "people-error-plant", String::new()));
    }
    if codes.as_ref().is_some_and(|codes| codes.len() > people::MOST_PLANTS) {
        wrong.push(("plants", "key-wrong-many-plants", String::new()));
    }
    for code in codes.into_iter().flatten().take(people::MOST_PLANTS) {
        if !known.iter().any(|(plant, _)| *plant == code) {
            wrong.push(("plants", "key-wrong-plant", code));
        }
    }
    let Some(name) = name.filter(|_| wrong.is_empty()) else {
        return Err(Wrong::Fields(wrong));
    };
    let new =
        NewKey { name: &name, scopes: &[typed.scope], plants: &typed.plants, expires_at: typed.expires_at };
    service::create_by(&state.db, &caller.cx, &new).await.map_err(|error| Wrong::Problem(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::{Rights, beyond};

    #[test]
    fn the_highest_scope_is_an_administrators() {
        let all = [
            Permission::read("hold.read"),
            Permission::write("purchase.approve").with_amount(),
            Permission::admin("key.manage"),
        ];
        let codes = |scope| grant(&all, scope, &Plants::All).permissions;
        assert_eq!(codes(Scope::Read), ["hold.read"]);
        assert_eq!(codes(Scope::Write), ["hold.read", "purchase.approve"]);
        assert_eq!(codes(Scope::Admin), ["hold.read", "purchase.approve", "key.manage", EVERY]);
        // Whoever has each of them now has not those to come.
        let listed = Rights::of_person(all.iter().map(|permission| permission.code.to_owned()));
        assert_eq!(beyond(&listed, &all, &grant(&all, Scope::Admin, &Plants::All)), [EVERY]);
        assert!(beyond(&listed, &all, &grant(&all, Scope::Write, &Plants::All)).is_empty());
    }
}
