//! Who is meant by what somebody typed, and what those are called who did something.

use std::collections::HashMap;

use uuid::Uuid;

use super::list::{Asked, Narrow};
use super::{did, store};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::i18n::Texts;
use crate::web::keys;
use crate::workflow::requests;

/// Most who are meant by one text.
pub(super) const MOST: usize = 50;

/// Who is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meant {
    /// What was typed is an id, or nothing.
    Itself,
    /// These: id and name of each, at least one.
    These(Vec<(String, String)>),
    /// More than [`MOST`].
    TooMany,
}

impl Meant {
    /// The ids; `None` where the text stands for itself.
    pub(super) fn ids(&self) -> Option<Vec<String>> {
        match self {
            Self::Itself => None,
            Self::These(these) => Some(these.iter().map(|(id, _)| id.clone()).collect()),
            Self::TooMany => Some(Vec::new()),
        }
    }
}

/// Who has this in their name or e-mail address: people of the office, operators,
/// access keys. A text that is nobody's stands for itself.
pub(super) async fn meant(db: &Db, cx: &Cx, text: &str) -> Result<Meant, DbError> {
    let text = text.trim().to_lowercase();
    if text.is_empty() || text.contains(':') || text.contains('\0') || text == "system" {
        return Ok(Meant::Itself);
    }
    let most = i64::try_from(MOST + 1).unwrap_or(i64::MAX);
    let mut these = db.tx(cx, async |tx| Ok::<_, DbError>(store::called(tx, &text, most).await?)).await?;
    let keys = keys::list(db, cx.tenant).await?.into_iter();
    these.extend(
        keys.filter(|key| key.name.to_lowercase().contains(&text))
            .map(|key| (format!("key:{}", key.id), key.name)),
    );
    Ok(match these.len() {
        0 => Meant::Itself,
        1..=MOST => Meant::These(these),
        _ => Meant::TooMany,
    })
}

/// What a filter means: who, what and to what, in words or codes as people write them.
pub(super) async fn narrow(
    db: &Db,
    cx: &Cx,
    texts: &Texts,
    asked: &Asked,
    meant: &Meant,
) -> Result<Narrow, DbError> {
    let mut subjects = did::subjects(texts, &asked.subject);
    if let (Some(subjects), Some(number)) = (&mut subjects, requests::number(asked.subject.trim()))
        && let Some(request) =
            db.tx(cx, async |tx| Ok::<_, DbError>(store::request_of(tx, number).await?)).await?
    {
        subjects.push(format!("request:{request}"));
    }
    Ok(Narrow { actors: meant.ids(), actions: did::meant(texts, &asked.action), subjects })
}

/// Kinds of things beside people that are called by a name or a number, in place of an id.
const THINGS: [&str; 5] = ["request:", "workflow:", "webhook:", "definition:", "recall:"];

/// Whether there may be a name for what is called so in the audit.
pub(crate) fn nameable(id: &str) -> bool {
    ["user:", "key:"].iter().chain(&THINGS).any(|kind| id.starts_with(kind))
}

/// Names of people and access keys among these ids, numbers of documents, and names of what
/// else people gave one, as far as they have any.
///
/// # Errors
/// Those of the database.
pub async fn names(db: &Db, cx: &Cx, ids: &[&str]) -> Result<HashMap<String, String>, DbError> {
    let people: Vec<Uuid> = ids.iter().filter_map(|id| id.strip_prefix("user:")?.parse().ok()).collect();
    let things = ids.iter().filter(|id| THINGS.iter().any(|kind| id.starts_with(kind)));
    let things: Vec<Uuid> = things.filter_map(|id| id.split_once(':')?.1.parse().ok()).collect();
    let found = async |tx: &mut Tx| {
        let things = if things.is_empty() { Vec::new() } else { store::things(tx, &things).await? };
        Ok::<_, DbError>((store::names(tx, &people).await?, things))
    };
    let (people, things) = db.tx(cx, found).await?;
    let mut names: HashMap<String, String> =
        people.into_iter().map(|(id, name)| (format!("user:{id}"), name)).collect();
    names.extend(things);
    if ids.iter().any(|id| id.starts_with("key:")) {
        let keys = keys::list(db, cx.tenant).await?.into_iter();
        names.extend(keys.map(|key| (format!("key:{}", key.id), key.name)));
    }
    Ok(names)
}
