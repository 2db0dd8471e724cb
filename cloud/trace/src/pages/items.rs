//! What items are called, in the reader's language.

use std::collections::{BTreeSet, HashMap};

use platform::ctx::Cx;
use platform::db::{Db, DbError, Tx};
use platform::i18n::{Lang, Names, Texts};

use super::say::joined;
use super::store;

/// Names of items by their codes: of each the plain one, and those by language.
#[derive(Debug, Clone, Default)]
pub(crate) struct Items(HashMap<String, (String, Names)>);

impl FromIterator<(String, String, Names)> for Items {
    fn from_iter<I: IntoIterator<Item = (String, String, Names)>>(items: I) -> Self {
        Self(items.into_iter().map(|(code, name, names)| (code, (name, names))).collect())
    }
}

impl Items {
    /// Looks these codes up in the tenant's master, where there is any.
    ///
    /// # Errors
    /// The database.
    pub async fn read<'a>(
        db: &Db,
        cx: &Cx,
        codes: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, DbError> {
        let codes: BTreeSet<&str> = codes.into_iter().filter(|code| !code.is_empty()).collect();
        if codes.is_empty() {
            return Ok(Self::default());
        }
        let codes: Vec<String> = codes.into_iter().map(str::to_owned).collect();
        db.tx(cx, async |tx| Ok::<_, DbError>(Self::read_in(tx, &codes).await?)).await
    }

    /// As [`Self::read`], in a transaction.
    ///
    /// # Errors
    /// The database.
    pub async fn read_in(tx: &mut Tx, codes: &[String]) -> Result<Self, sqlx::Error> {
        let rows = if codes.is_empty() { Vec::new() } else { store::item_names(tx, codes).await? };
        Ok(rows.into_iter().map(|(code, name, names)| (code, name, Names::from(names))).collect())
    }

    /// What an item is called: as the master says it to the reader, else as was recorded with it.
    pub fn name<'i>(&'i self, texts: &Texts, code: &str, recorded: &'i str) -> &'i str {
        self.name_in(texts.lang, code, recorded)
    }

    fn name_in<'i>(&'i self, lang: Lang, code: &str, recorded: &'i str) -> &'i str {
        self.0.get(code).map_or(recorded, |(name, names)| names.say(lang, name))
    }

    /// An item by its code, and what it is called where that is known and says more.
    pub fn say(&self, texts: &Texts, code: &str, recorded: &str) -> String {
        self.say_in(texts.lang, code, recorded)
    }

    /// As [`Self::say`], to a reader of this language.
    pub fn say_in(&self, lang: Lang, code: &str, recorded: &str) -> String {
        let name = self.name_in(lang, code, recorded);
        if name == code { code.to_owned() } else { joined(&[code, name]) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use platform::i18n::I18n;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_item_is_called_as_its_master_says_it_to_the_reader_then_as_was_recorded() {
        let all = Arc::new(I18n::new());
        let texts = |lang| Texts::new(all.clone(), lang);
        let items: Items =
            [("MOTOR", "Motor", json!({ "en": "Motor", "hi": "मोटर" })), ("BOLT", "BOLT", json!({}))]
                .into_iter()
                .map(|(code, name, names)| (code.to_owned(), name.to_owned(), Names::from(names)))
                .collect();
        assert_eq!(items.say(&texts(Lang::Hi), "MOTOR", "Old motor"), "MOTOR मोटर");
        assert_eq!(items.say(&texts(Lang::Te), "MOTOR", ""), "MOTOR Motor");
        assert_eq!(items.say(&texts(Lang::Hi), "PUMP", "Pump"), "PUMP Pump");
        assert_eq!(items.say(&texts(Lang::Hi), "PUMP", ""), "PUMP");
        assert_eq!(items.say(&texts(Lang::En), "BOLT", ""), "BOLT");
        assert_eq!(items.name(&texts(Lang::Hi), "MOTOR", ""), "मोटर");
        assert_eq!(items.say(&texts(Lang::En), "", ""), "");
    }
}
