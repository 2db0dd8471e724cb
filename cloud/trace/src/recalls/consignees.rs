//! Whoever has units: letters to them, and how it stands with each.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use platform::audit::{self, Entry};
use platform::db::Tx;
use platform::i18n::{Lang, Names};
use platform::notify::{self, Letter, Outside};
use serde_json::json;
use uuid::Uuid;

use super::begin::locked;
use super::error::RecallError;
use super::locate::{Found, Who};
use super::model::{KindOf, Recall, Status, Told};
use super::store;
use super::store::consignees::{Goods, MOST_GOODS};
use crate::pages::items::Items;

/// Has whoever these units are with among the `known` consignees of a recall; those that are
/// new are written down, in the order of the units.
///
/// # Errors
/// The database.
pub(super) async fn enlist<'f>(
    tx: &mut Tx,
    recall: Uuid,
    found: impl Iterator<Item = &'f Found>,
    known: &mut HashMap<Who, Uuid>,
) -> Result<(), RecallError> {
    let mut seen = HashSet::new();
    let new: Vec<(Uuid, Who)> = found
        .filter_map(|one| one.who.as_ref())
        .filter(|who| !known.contains_key(*who) && seen.insert(*who))
        .map(|who| (Uuid::now_v7(), who.clone()))
        .collect();
    store::consignees::insert(tx, recall, &new).await?;
    known.extend(new.into_iter().map(|(id, who)| (who, id)));
    Ok(())
}

/// What the outbox calls these letters.
pub const LETTER: &str = "recall.letter";

/// What a consignee has, in a line: `MOTOR 3 pcs (DC-7)`; `called` says what an item is called.
fn listed(goods: &[Goods], called: impl Fn(&str) -> String) -> String {
    let one = |goods: &Goods| {
        let document =
            if goods.document.is_empty() { String::new() } else { format!(" ({})", goods.document) };
        let much = format!("{} {}", goods.quantity.normalize(), goods.unit);
        format!("{} {}{document}", called(&goods.item), much.trim_end()).trim().to_owned()
    };
    let most = usize::try_from(MOST_GOODS).unwrap_or(usize::MAX);
    let mut all: Vec<String> = goods.iter().take(most).map(one).collect();
    if goods.len() > most {
        // In any language: it goes on.
        all.push("…".to_owned());
    }
    all.join("; ")
}

/// Writes to the contacts of customers, installations and suppliers that were not
/// written to, each in its own language; answers how many. The record is written with
/// the message, under one id: a letter is there exactly once, and sent at least once.
///
/// # Errors
/// The database.
pub async fn write_letters(
    tx: &mut Tx,
    recall: &Recall,
    only: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<usize, RecallError> {
    write(tx, recall, only, false, now).await
}

/// Writes to all contacts of a consignee that has more than it was told of.
///
/// # Errors
/// The database.
pub async fn write_more(
    tx: &mut Tx,
    recall: &Recall,
    consignee: Uuid,
    now: DateTime<Utc>,
) -> Result<usize, RecallError> {
    write(tx, recall, Some(consignee), true, now).await
}

async fn write(
    tx: &mut Tx,
    recall: &Recall,
    only: Option<Uuid>,
    again: bool,
    now: DateTime<Utc>,
) -> Result<usize, RecallError> {
    let contacts = store::consignees::contacts(tx, recall.recall_id, only, again).await?;
    for contact in &contacts {
        let goods = store::consignees::goods(tx, recall.recall_id, contact.consignee_id).await?;
        let codes: Vec<String> = goods.iter().map(|one| one.item.clone()).collect();
        let items = Items::read_in(tx, &codes).await?;
        // Without a language of its own a contact is written to in the tenant's.
        let own = Lang::parse(&contact.language);
        let langs = Lang::ALL.into_iter().filter(|lang| own.is_none_or(|own| own == *lang));
        let said: Names =
            langs.map(|lang| (lang, listed(&goods, |code| items.say_in(lang, code, "")))).collect();
        let mut letter =
            Letter::new("recalls-letter", "").called("goods", &listed(&goods, str::to_owned), &said);
        for (name, value) in [
            ("number", recall.number.clone()),
            ("reason", recall.reason.clone()),
            ("instructions", recall.instructions.clone()),
        ] {
            letter.values.insert(name.to_owned(), value);
        }
        if recall.instructions.is_empty() {
            letter.text = "recalls-letter-plain".to_owned();
        }
        let to = Outside {
            name: contact.name.clone(),
            email: contact.email.clone(),
            language: contact.language.clone(),
        };
        let id = Uuid::now_v7();
        store::letters::insert(tx, recall.recall_id, id, contact, now).await?;
        notify::write(tx, id, LETTER, to, letter, now).await?;
    }
    Ok(contacts.len())
}

/// Writes to contacts of one consignee that were added since.
///
/// # Errors
/// [`RecallError`].
pub async fn write_again(
    tx: &mut Tx,
    recall: Uuid,
    consignee: Uuid,
    now: DateTime<Utc>,
) -> Result<usize, RecallError> {
    let found = locked(tx, recall, None).await?;
    if found.kind_of() != KindOf::Recall || found.state() != Status::Active {
        return Err(RecallError::State(found.status));
    }
    let written = write_letters(tx, &found, Some(consignee), now).await?;
    let subject = format!("recall:{recall}");
    let after = Some(json!({ "consignee": consignee, "letters": written }));
    audit::record(tx, Entry { action: "recall.write", subject: &subject, before: None, after }).await?;
    Ok(written)
}

/// Keeps in the audit what is done about a consignee: of the plant that it is. One outside is
/// of no plant, and neither is anything else that is done with a recall: it reaches units
/// wherever they are, and is begun, changed and ended by who has the right at all plants.
pub(super) async fn audited(tx: &mut Tx, plant: Option<&str>, entry: Entry<'_>) -> Result<(), RecallError> {
    let plants: Vec<String> = plant.map(str::to_owned).into_iter().collect();
    Ok(audit::record_at(tx, &plants, entry).await?)
}

/// Notes how it stands with a consignee: told by telephone, has heard, does not answer.
/// `may` says whether the caller may, of a plant with that code or of anybody else.
///
/// # Errors
/// [`RecallError`].
pub async fn state_set(
    tx: &mut Tx,
    recall: Uuid,
    consignee: Uuid,
    state: &str,
    may: impl FnOnce(Option<&str>) -> Result<(), RecallError>,
    now: DateTime<Utc>,
) -> Result<(), RecallError> {
    let state = Told::parse(state).ok_or(RecallError::field("state", "recalls-wrong-state"))?;
    let found = locked(tx, recall, None).await?;
    if found.state() != Status::Active {
        return Err(RecallError::State(found.status));
    }
    let row = store::consignees::lock(tx, recall, consignee).await?.ok_or(RecallError::NotFound)?;
    may(row.plant())?;
    store::consignees::state_set(tx, recall, consignee, state.name(), now).await?;
    let subject = format!("recall:{recall}");
    let told = |state: &str| Some(json!({ "consignee": consignee, "state": state }));
    let (before, after) = (told(&row.state), told(state.name()));
    let entry = Entry { action: "recall.consignee", subject: &subject, before, after };
    audited(tx, row.plant(), entry).await
}
