//! Everything that is held of a person, as one document.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::model::{Kind, Person, PersonalError};
use super::store;
use super::words::{self, Words};
use crate::ctx::Cx;
use crate::db::Db;
use crate::files;
use crate::masters;
use crate::notify;
use crate::secrets::Secrets;

/// The document: who, when it was made, and a list of rows for each section.
/// Sealed fields are opened in it.
pub(super) async fn document(
    db: &Db,
    secrets: &Secrets,
    cx: &Cx,
    person: &Person,
    now: DateTime<Utc>,
) -> Result<Value, PersonalError> {
    let mut sections = db
        .tx(cx, async |tx| {
            if store::names(tx, person).await?.is_none() {
                return Err(PersonalError::NotFound);
            }
            let mut sections = store::sections(tx, person).await?;
            if let Some(user) = person.user()
                && let Some((field, sealed)) = notify::sealed_phone(tx, user).await?
            {
                let number = secrets.open(tx.tenant(), &field, &sealed)?;
                let number = String::from_utf8_lossy(&number);
                sections.push(store::section("phone", json!([{ "phone": number }])));
            }
            if let Some(master) = person.kind.master() {
                sections.extend(store::own_sections(tx, master, &person.key).await?);
                let sealed = masters::revealed(tx, secrets, master, &person.key).await?;
                sections.push(store::section("sealed", json!([sealed])));
                let attached = files::list(tx, master, &person.key).await?;
                sections.push(store::section("files", serde_json::to_value(attached).unwrap_or_default()));
            }
            Ok(sections)
        })
        .await?;
    if let (Kind::User, Some(user)) = (person.kind, person.user()) {
        let held = async |system: &mut crate::db::SystemTx| {
            Ok::<_, PersonalError>(store::control_sections(system, cx.tenant, user).await?)
        };
        sections.extend(db.system_tx(held).await?);
    }
    let sections: Map<String, Value> = sections.into_iter().collect();
    Ok(json!({
        "person": { "kind": person.kind.name(), "key": person.key },
        "made_at": now,
        "sections": sections,
    }))
}

/// A section for people to read: what each row says, value by value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Readable {
    pub name: String,
    /// What each field is called, and its value.
    pub rows: Vec<Vec<(String, String)>>,
    /// Rows that are not shown here, and are in the file.
    pub more: usize,
}

/// Most rows of a section that a page shows.
const SHOWN: usize = 50;

/// The document's sections for a page, in the reader's words.
pub(super) fn readable(document: &Value, words: &Words<'_>) -> Vec<Readable> {
    let sections = document.get("sections").and_then(Value::as_object);
    let one = |(name, rows): (&String, &Value)| {
        let rows = rows.as_array().cloned().unwrap_or_default();
        let more = rows.len().saturating_sub(SHOWN);
        // The newest are the last.
        let shown = rows.iter().skip(more).filter_map(Value::as_object);
        let rows = shown.map(|row| {
            let told = row.iter().filter(|(field, _)| words::speaks(field)).filter_map(|(field, value)| {
                Some((words::field(words.texts, field), words.said(name, field, value)?))
            });
            told.collect::<Vec<_>>()
        });
        Readable { name: name.clone(), rows: rows.filter(|row| !row.is_empty()).collect(), more }
    };
    sections.into_iter().flatten().map(one).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use super::*;
    use crate::i18n::{I18n, Lang, Texts};

    #[test]
    fn a_document_is_readable() {
        let document = json!({ "sections": {
            "account": [{ "name": "Priya", "roles": ["ADMIN", "BUYER"], "language": "", "totp": null }],
            "acts": (0..60).map(|n| json!({ "n": n })).collect::<Vec<_>>(),
        }});
        let texts = Texts::new(Arc::new(I18n::new().with_all(super::super::TEXTS)), Lang::En);
        let words =
            Words { texts: &texts, zone: chrono_tz::Tz::UTC, roles: Vec::new(), names: HashMap::new() };
        let read = readable(&document, &words);
        assert_eq!(
            read[0].rows[0],
            [("name".to_owned(), "Priya".to_owned()), ("Roles".to_owned(), "ADMIN, BUYER".to_owned())]
        );
        assert_eq!((read[1].more, read[1].rows.len()), (10, 50));
        assert_eq!(read[1].rows[0][0].1, "10");
    }
}
