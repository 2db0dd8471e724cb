//! Who did something, as people call them.

use std::collections::{BTreeSet, HashMap};

use platform::audit;
use platform::db::DbError;
use platform::web::{AppState, Caller, Problem};

use super::store;

/// Names of actors: of people and of operators at plants theirs, of access keys what the
/// key is called.
#[derive(Debug, Clone, Default)]
pub struct Names(HashMap<String, String>);

impl Names {
    /// The names of these actors, each of which is known as the audit writes it, an
    /// operator as plants do. A key that was ended keeps its name.
    ///
    /// # Errors
    /// The database.
    pub async fn read<'a>(
        state: &AppState,
        caller: &Caller,
        actors: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Problem> {
        let actors: BTreeSet<&str> = actors.into_iter().filter(|actor| !actor.is_empty()).collect();
        if actors.is_empty() {
            return Ok(Self::default());
        }
        let actors: Vec<&str> = actors.into_iter().collect();
        let mut names = audit::names(&state.db, &caller.cx, &actors).await?;
        let operators: Vec<String> =
            actors.into_iter().filter(|actor| !actor.contains(':')).map(str::to_owned).collect();
        if !operators.is_empty() {
            let read =
                async |tx: &mut platform::db::Tx| Ok::<_, DbError>(store::operators(tx, &operators).await?);
            names.extend(state.db.tx(&caller.cx, read).await?);
        }
        Ok(Self(names))
    }

    /// Names that are known.
    #[cfg(test)]
    pub fn told(names: HashMap<String, String>) -> Self {
        Self(names)
    }

    /// The name of an actor who has one.
    #[must_use]
    pub fn known(&self, actor: &str) -> Option<&str> {
        self.0.get(actor).map(String::as_str)
    }

    /// What an actor is called; of one without a name what it is known as.
    #[must_use]
    pub fn of<'n>(&'n self, actor: &'n str) -> &'n str {
        self.known(actor).unwrap_or(actor)
    }
}
