//! What is held of a person in the reader's words: what fields, places and values are
//! called.

use std::collections::HashMap;

use chrono::DateTime;
use chrono_tz::Tz;
use serde_json::Value;

use crate::audit;
use crate::i18n::{Lang, Texts};
use crate::people::{Role, role_name};

/// What a field is called; its name where it has no text.
pub(super) fn field(texts: &Texts, name: &str) -> String {
    let audited = texts.or(&format!("audit-field-{name}"), name);
    let otherwise = texts.or(&format!("field-{name}"), &audited);
    texts.or(&format!("personal-field-{name}"), &otherwise)
}

/// What a table is called; its name where it has no text.
pub(super) fn table(texts: &Texts, name: &str) -> String {
    let master = texts.or(&format!("master-{name}"), name);
    texts.or(&format!("personal-place-{name}"), &master)
}

/// What a place such as `holds.reason` is called: `Holds: Reason`.
pub(super) fn place(texts: &Texts, place: &str) -> String {
    match place.split_once('.') {
        Some((of, column)) => format!("{}: {}", table(texts, of), field(texts, column)),
        None => table(texts, place),
    }
}

/// Whether a field says something to people: not counters of versions, nor ids of what has
/// no page. The file has them.
pub(super) fn speaks(name: &str) -> bool {
    !matches!(name, "version" | "last_step" | "href" | "notice_id" | "entry_id" | "message_id")
}

/// What values are said by.
pub(super) struct Words<'a> {
    /// The reader's language.
    pub texts: &'a Texts,
    /// Where times are told.
    pub zone: Tz,
    /// The tenant's roles.
    pub roles: Vec<Role>,
    /// Names of people and keys by their id, as `user:…`.
    pub names: HashMap<String, String>,
}

impl Words<'_> {
    /// A value as people read it; `None` where there is nothing.
    pub fn said(&self, section: &str, name: &str, value: &Value) -> Option<String> {
        match value {
            Value::Null => None,
            Value::Bool(true) => Some(self.texts.t("masters-yes")),
            Value::Bool(false) => Some(self.texts.t("masters-no")),
            Value::Number(number) => Some(number.to_string()),
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(self.text(section, name, text)),
            Value::Array(list) => {
                let said: Vec<String> =
                    list.iter().filter_map(|value| self.said(section, name, value)).collect();
                Some(said.join(", ")).filter(|text| !text.is_empty())
            }
            Value::Object(object) => {
                let one = |(name, value): (&String, &Value)| {
                    let said = self.said(section, name, value)?;
                    Some(format!("{}: {said}", field(self.texts, name)))
                };
                let said: Vec<String> =
                    object.iter().filter(|(name, _)| speaks(name)).filter_map(one).collect();
                Some(said.join("; ")).filter(|text| !text.is_empty())
            }
        }
    }

    fn text(&self, section: &str, name: &str, text: &str) -> String {
        let texts = self.texts;
        let by_key = |prefix: &str| texts.or(&format!("{prefix}-{}", text.replace(['.', '_'], "-")), text);
        match name {
            "action" => return audit::said(texts, text),
            "by" | "created_by" | "updated_by" => return audit::whom(texts, &self.names, text),
            // Of an identity it is what the provider calls the person.
            "subject" if section == "acts" => return audit::whom(texts, &self.names, text),
            "status" => return by_key("people-status"),
            "state" => return by_key("delivery-state"),
            "kind" => {
                return texts
                    .or(&format!("delivery-kind-{}", text.replace('.', "-")), &by_key("notice-kind"));
            }
            "channel" => return by_key("personal-channel"),
            "pace" => return by_key("notice-pace"),
            "theme" => return by_key("people-theme"),
            "what" => return by_key("personal-what"),
            "list" => return table(texts, text),
            "role" | "roles" => {
                let role = self.roles.iter().find(|role| role.code == text);
                return role.map_or_else(|| text.to_owned(), |role| role_name(texts, role));
            }
            "language" => return Lang::parse(text).map_or(text, |lang| lang.own_name()).to_owned(),
            _ => {}
        }
        match DateTime::parse_from_rfc3339(text) {
            Ok(at) => texts.time(&at.to_utc(), self.zone),
            Err(_) => text.to_owned(),
        }
    }
}

/// Ids of people, keys and documents that a document speaks of.
pub(super) fn ids(document: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    let mut left = vec![document];
    while let Some(value) = left.pop() {
        match value {
            Value::String(text) if audit::nameable(text) => found.push(text.as_str()),
            Value::Array(list) => left.extend(list),
            Value::Object(object) => left.extend(object.values()),
            _ => {}
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use sqlx::ConnectOptions;

    use super::super::places::places;
    use super::*;
    use crate::i18n::I18n;
    use crate::testing::TestDb;

    fn texts(lang: Lang) -> Texts {
        let all = [crate::audit::TEXTS, crate::people::TEXTS, crate::notify::TEXTS, super::super::TEXTS];
        let masters = crate::masters::texts();
        let mut texts = I18n::new().with_all(masters.each_ref().map(|(lang, text)| (*lang, text.as_str())));
        for one in all {
            texts = texts.with_all(one);
        }
        Texts::new(Arc::new(texts), lang)
    }

    /// Whether a column would be shown by its name alone.
    fn lacks(texts: &Texts, name: &str) -> bool {
        ["personal-field", "field", "audit-field"]
            .iter()
            .all(|prefix| !texts.has(&format!("{prefix}-{name}")))
    }

    #[test]
    fn every_place_has_words_in_every_language() {
        for lang in Lang::ALL {
            let texts = texts(lang);
            let missing: Vec<String> = places()
                .into_iter()
                .filter(|place| {
                    let table = ["personal-place", "master"];
                    table.iter().all(|prefix| !texts.has(&format!("{prefix}-{}", place.table)))
                        || lacks(&texts, place.column)
                })
                .map(|place| format!("{}.{}", place.table, place.column))
                .collect();
            assert!(missing.is_empty(), "{}: no words for {missing:?}", lang.code());
        }
        assert_eq!(place(&texts(Lang::En), "holds.reason"), "Holds: Reason");
    }

    #[tokio::test]
    async fn what_hangs_on_a_person_has_words_for_its_columns() {
        let test = TestDb::new().await;
        let mut connection = test.owner.connect().await.unwrap();
        let columns: Vec<String> = sqlx::query_scalar(
            "select distinct t.attname::text from pg_constraint c
             join pg_attribute a on a.attrelid = c.conrelid and a.attnum = any (c.conkey)
             join pg_attribute t on t.attrelid = c.conrelid and t.attnum > 0 and not t.attisdropped
               and t.atttypid <> 'bytea'::regtype and t.attname not in ('tenant_id', 'user_id')
             where c.contype = 'f' and c.confrelid = 'public.users'::regclass and a.attname = 'user_id'",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        assert!(columns.len() > 20, "{columns:?}");
        for lang in Lang::ALL {
            let texts = texts(lang);
            let missing: Vec<&String> =
                columns.iter().filter(|name| speaks(name) && lacks(&texts, name)).collect();
            assert!(missing.is_empty(), "{}: no words for {missing:?}", lang.code());
        }
    }

    #[test]
    fn values_are_said_in_words() {
        let texts = texts(Lang::En);
        let names = HashMap::from([("user:7".to_owned(), "Priya".to_owned())]);
        let words = Words { texts: &texts, zone: Tz::UTC, roles: Vec::new(), names };
        let said = |name: &str, value: Value| words.said("acts", name, &value).unwrap_or_default();
        assert_eq!(said("action", json!("workflow.move")), texts.t("audit-did-workflow-move"));
        assert_eq!(said("subject", json!("user:7")), "Priya");
        assert_eq!(said("subject", json!("request:9")), "Request 9");
        assert_eq!(said("status", json!("active")), "Active");
        assert_eq!(said("language", json!("te")), Lang::Te.own_name());
        assert_eq!(said("after", json!({ "status": "disabled", "version": 3 })), "State: Shut out");
        assert_eq!(said("after", json!(null)), "");
        assert_eq!(
            ids(&json!({ "a": ["user:7", "x"], "b": { "c": "key:1", "d": "user:7" } })),
            ["key:1", "user:7"]
        );
    }
}
