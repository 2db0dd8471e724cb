//! The units of a recall as a workbook, all of them: for customers and authorities, who know
//! units by their serial numbers and ask for the list.

use std::collections::HashMap;

use chrono_tz::Tz;
use platform::i18n::Texts;
use platform::web::{AppState, Caller, Problem, TIME, WorkSheet, workbook};
use serde_json::Value;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::error::RecallError;
use super::model::{Holder, Outcome, Place};
use super::rights::Sight;
use super::store::sheet::{self, Line};
use super::{read, report, service, store};
use crate::explore::report_sheets::{cell, number};
use crate::explore::service::{own_code, uid_text};
use crate::pages::words::{Codes, Words};

/// Units that are read at once.
const CHUNK: i64 = 10_000;

/// One at a time: the workbook of a recall of 200,000 labels takes much memory.
static TURN: Semaphore = Semaphore::const_new(1);

/// The heads of its columns, each a text.
const HEADS: [&str; 21] = [
    "recalls-sheet-uid",
    "recalls-sheet-serials",
    "recalls-item",
    "recalls-sheet-item-name",
    "recalls-quantity",
    "recalls-unit",
    "recalls-place",
    "recalls-plant",
    "recalls-sheet-location",
    "recalls-document",
    "recalls-sheet-code",
    "recalls-consignee",
    "recalls-inside-of",
    "recalls-held",
    "recalls-outcome",
    "recalls-when",
    "recalls-reference",
    "recalls-sheet-answer",
    "recalls-since",
    "recalls-sheet-reason",
    "recalls-contacts",
];
/// Columns of times.
const TIMES: [u16; 2] = [15, 18];

/// What became of a unit by the answer that counts for it, in words. Pure.
fn outcome(texts: &Texts, line: &Line) -> Option<String> {
    line.at?;
    let said = [
        (Outcome::Found, line.found),
        (Outcome::Quarantined, line.quarantined),
        (Outcome::Returned, line.returned),
        (Outcome::Replaced, line.replaced),
        (Outcome::Destroyed, line.destroyed),
        (Outcome::UsedUp, line.used_up),
        (Outcome::NotFound, line.not_found),
    ];
    let said = said.into_iter().filter(|(_, amount)| amount.is_some_and(|amount| !amount.is_zero()));
    let said: Vec<String> = said.map(|(outcome, _)| report::name(texts, "outcome", outcome.name())).collect();
    Some(said.join(", "))
}

/// What holds a unit now, in words, or that what the recall held of it is free. Pure.
fn held(texts: &Texts, words: &Words, line: &Line) -> Value {
    match (&line.held, line.was_held) {
        (Some(reason), _) => cell(&words.reason(texts, reason)),
        (None, true) => texts.t("recalls-hold-free").into(),
        (None, false) => Value::Null,
    }
}

/// People at whoever has a unit, where that is somebody outside: a plant may be called as a
/// partner is. `people` is by the partner's code. Pure.
fn people_at<'p>(people: &'p HashMap<String, String>, line: &Line) -> &'p str {
    match Place::parse(&line.place) {
        Some(Place::Customer | Place::Installed | Place::Supplier) => {
            people.get(&line.consignee_code).map_or("", String::as_str)
        }
        _ => "",
    }
}

/// A unit as a row; `uid` writes a key as its UID. Pure.
fn row(
    texts: &Texts,
    words: &Words,
    zone: Tz,
    line: &Line,
    people: &HashMap<String, String>,
    uid: impl Fn(i64) -> String,
) -> Vec<Value> {
    let time =
        |at: chrono::DateTime<chrono::Utc>| Value::from(at.with_timezone(&zone).format(TIME).to_string());
    let inside = match line.inside_of {
        Some(whole) => uid(whole),
        None if line.packs => texts.t("recalls-counts-contents"),
        None => String::new(),
    };
    let by = match line.at {
        Some(_) if line.by_plant => texts.t("recalls-by-plant"),
        _ => String::new(),
    };
    vec![
        uid(line.key).into(),
        cell(&line.serials),
        cell(&line.item),
        cell(words.item_name(texts, &line.item)),
        number(line.quantity),
        cell(&line.unit),
        report::name(texts, "place", &line.place).into(),
        cell(&line.plant),
        cell(&line.location),
        cell(&line.document),
        cell(&line.consignee_code),
        cell(&line.consignee),
        inside.into(),
        held(texts, words, line),
        outcome(texts, line).map_or(Value::Null, Value::from),
        line.at.map_or(Value::Null, time),
        cell(line.reference.as_deref().unwrap_or_default()),
        by.into(),
        line.since.map_or(Value::Null, time),
        line.held.as_deref().map_or(Value::Null, cell),
        cell(people_at(people, line)),
    ]
}

/// The sheet of a recall's units, with heads in the reader's language and times by their clock.
///
/// # Errors
/// As [`read::find`].
pub(super) async fn sheet(
    tx: &mut platform::db::Tx,
    recall: Uuid,
    texts: &Texts,
    zone: Tz,
    sight: Sight,
) -> Result<(String, WorkSheet), RecallError> {
    let found = read::find(tx, recall).await?;
    let tenant = own_code(tx).await?;
    let consignees = store::consignees::list(tx, recall).await?;
    let contacts = read::contacts_out(tx, recall, &consignees, sight, "xlsx").await?;
    let mut people: HashMap<String, String> = HashMap::new();
    for one in consignees.iter().filter(|one| one.kind != Holder::Plant.name()) {
        let at = contacts.iter().filter(|person| person.consignee_id == one.consignee_id);
        let said: Vec<String> = at.map(report::reached).collect();
        people.insert(one.code.clone(), said.join("; "));
    }
    let (mut rows, mut after) = (Vec::new(), i64::MIN);
    loop {
        let lines = sheet::lines(tx, recall, after, CHUNK).await?;
        let Some(last) = lines.last() else { break };
        after = last.key;
        let mut codes = Codes::default();
        for line in &lines {
            codes.item(&line.item);
            line.held.iter().for_each(|reason| codes.reason(reason));
        }
        let words = Words::read_in(tx, &codes).await?;
        rows.extend(
            lines.iter().map(|line| row(texts, &words, zone, line, &people, |key| uid_text(tenant, key))),
        );
    }
    let head = |(column, key): (u16, &&str)| {
        let name = texts.t(key);
        if TIMES.contains(&column) { format!("{name} ({})", zone.name()) } else { name }
    };
    let heads = (0_u16..).zip(&HEADS).map(head).collect();
    let state = report::stands(texts, &found.kind, &found.status);
    let name = format!("{} {state}", found.number);
    Ok((found.number, WorkSheet { name, heads, rows, times: TIMES.to_vec() }))
}

/// The workbook of a recall's units; answers the recall's number and the file.
///
/// # Errors
/// 403; 404; the database.
pub async fn units(state: &AppState, caller: &Caller, recall: Uuid) -> Result<(String, Vec<u8>), Problem> {
    let turn = TURN.acquire().await.map_err(Problem::internal)?;
    let sight = Sight::of(caller);
    let (number, sheet) =
        service::ask(state, caller, async |tx| sheet(tx, recall, &caller.texts, caller.zone, sight).await)
            .await?;
    // The turn goes along: whoever goes away leaves it taken until the work is done.
    let made = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        workbook(&[sheet])
    });
    Ok((number, made.await.map_err(Problem::internal)?.map_err(Problem::internal)?))
}
