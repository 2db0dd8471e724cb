//! Who did something, as people call them.

use std::collections::{BTreeSet, HashMap};

use platform::web::{AppState, Caller, Problem, keys};

use crate::holds::store::one;

/// Names of actors: of people theirs, of access keys what the key is called.
#[derive(Debug, Clone, Default)]
pub struct Names(HashMap<String, String>);

impl Names {
    /// The names of these actors, each of which is known as the audit writes it. A key
    /// that was ended keeps its name.
    ///
    /// # Errors
    /// The database.
    pub async fn read<'a>(
        state: &AppState,
        caller: &Caller,
        actors: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Problem> {
        let actors: BTreeSet<&str> = actors.into_iter().filter(|actor| !actor.is_empty()).collect();
        let people: Vec<uuid::Uuid> =
            actors.iter().filter_map(|actor| actor.strip_prefix("user:")?.parse().ok()).collect();
        let mut names = HashMap::new();
        if !people.is_empty() {
            let found = state
                .db
                .tx(&caller.cx, async |tx| Ok::<_, platform::db::DbError>(one::names(tx, &people).await?))
                .await?;
            names.extend(found.into_iter().map(|(person, name)| (format!("user:{person}"), name)));
        }
        if actors.iter().any(|actor| actor.starts_with("key:")) {
            let listed = keys::list(&state.db, caller.cx.tenant).await?;
            names.extend(listed.into_iter().map(|key| (format!("key:{}", key.id), key.name)));
        }
        Ok(Self(names))
    }

    /// What an actor is called; of one without a name what it is known as.
    #[must_use]
    pub fn of<'n>(&'n self, actor: &'n str) -> &'n str {
        self.0.get(actor).map_or(actor, String::as_str)
    }
}
