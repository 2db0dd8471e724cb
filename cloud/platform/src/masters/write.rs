//! Writes rows of a master, one of a form or thousands of a file: reads what was
//! given, finds every mistake at once, writes, keeps the audit, tells the plants.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;
use uuid::Uuid;

use super::check::{self, Cells};
use super::declare::{Candidate, Fault};
use super::extra;
use super::kind::Kind;
use super::shape::{Column, Lies, Reference, Shape};
use super::store::{self, Stored};
use super::{MastersError, Mistake, Row, Wrong, sensitive, twins};
use crate::audit::{self, Kept};
use crate::db::{DbError, Tx};
use crate::reference;
use crate::seed::nearest;
use crate::tenancy;

/// Most codes for which what is near is looked for: each is compared with all that there are.
const MOST_HINTS: usize = 1000;

/// A row that somebody wants to write.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// The row of a file, as the person sees it there.
    pub line: Option<usize>,
    /// What was given.
    pub cells: Cells,
    /// The row that is there already.
    pub before: Option<Stored>,
    /// What is wrong with it for other reasons.
    pub mistakes: Vec<Mistake>,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Created,
    Changed,
    Same,
}

/// A row on its way.
struct Draft {
    change: Change,
    row: Row,
}

impl Draft {
    fn wrong(&mut self, field: &str, found: String, wrong: Wrong) {
        let row = self.change.line;
        self.change.mistakes.push(Mistake { row, field: field.to_owned(), found, wrong });
    }

    /// Whether the field has a mistake already: one is enough.
    fn is_wrong(&self, field: &str) -> bool {
        self.change.mistakes.iter().any(|mistake| mistake.field == field)
    }
}

/// Keeps others from writing the master until the commit, where its rows are judged by one
/// another; `coming` where there may be new ones, or such as stand again. It comes before any
/// row is locked: who has the master and wants a row would wait for who has the row and wants
/// the master.
pub(super) async fn alone(tx: &mut Tx, shape: &Shape, coming: bool) -> Result<(), DbError> {
    let coded = coming && twins::column(shape).is_some();
    if coded || !shape.master.unique.is_empty() || shape.master.judge.is_some() {
        store::lock(tx, shape).await?;
    }
    Ok(())
}

/// Writes the changes, all or none, and answers the row and what became of each,
/// in their order. Rows must not come twice, and the transaction is [`alone`].
///
/// # Errors
/// [`MastersError::Mistakes`] with every mistake of all rows.
pub(super) async fn write(
    tx: &mut Tx,
    shape: &Shape,
    changes: Vec<Change>,
    action: Option<&'static str>,
) -> Result<Vec<(Row, Done)>, MastersError> {
    let drafts: Vec<Draft> = changes.into_iter().map(|change| draft(shape, change)).collect();
    let mut drafts = seal(shape, drafts).await?;
    close(tx.tenant(), shape, &mut drafts)?;
    for draft in &mut drafts {
        member(shape, &mut draft.row);
        if let Some((field, wrong)) = shape.master.rule.and_then(|rule| rule(&draft.row))
            && !draft.is_wrong(field)
        {
            let found = draft.row.get(field).map(Kind::plain).unwrap_or_default();
            draft.wrong(field, found, wrong);
        }
    }
    at_own_plants(tx, shape, &mut drafts);
    judge(tx, shape, &mut drafts).await?;
    for reference in &shape.references {
        lead_somewhere(tx, shape, reference, &mut drafts).await?;
    }
    for column in shape.master.unique {
        only_once(tx, shape, column, &mut drafts).await?;
    }
    if let Some(column) = twins::column(shape) {
        in_other_letters(tx, shape, column, &mut drafts).await?;
    }
    judge_together(tx, shape, &mut drafts).await?;
    let mistakes: Vec<Mistake> = drafts.iter().flat_map(|draft| in_order(shape, draft)).collect();
    if !mistakes.is_empty() {
        return Err(MastersError::Mistakes(mistakes));
    }
    keep(tx, shape, drafts, action).await
}

fn draft(shape: &Shape, mut change: Change) -> Draft {
    let key = shape.master.key.first().copied().unwrap_or_default();
    if let (Some(prefix), None) = (shape.master.opaque_key, &change.before)
        && change.cells.get(key).is_none_or(|given| given.trim().is_empty())
    {
        let id = Uuid::new_v4().simple().to_string().to_uppercase();
        change.cells.insert(key.to_owned(), format!("{prefix}{}", &id[..12]));
    }
    if let (Some(member), None) = (shape.master.member, &change.before)
        && change.cells.get(member.list).is_none_or(|given| given.trim().is_empty())
    {
        change.cells.insert(member.list.to_owned(), member.member.to_owned());
    }
    if let (Some(fill), None) = (shape.master.fill, &change.before) {
        fill(&mut change.cells);
    }
    let before = change.before.as_ref().map(|before| &before.row);
    let (row, mistakes) = check::row(shape, &change.cells, before);
    let line = change.line;
    for mistake in mistakes {
        if !change.mistakes.iter().any(|known| known.field == mistake.field) {
            change.mistakes.push(Mistake { row: line, ..mistake });
        }
    }
    Draft { change, row }
}

/// Sensitive fields become what is kept of them. The same value again keeps its
/// seal; a dash takes it away.
fn close(tenant: Uuid, shape: &Shape, drafts: &mut [Draft]) -> Result<(), MastersError> {
    for draft in drafts {
        let key = shape.key_of(&draft.row);
        sensitive::seal(tenant, shape, &key, &mut draft.row)?;
    }
    Ok(())
}

/// Secrets become what is kept of them, apart from the runtime's own threads.
async fn seal(shape: &Shape, mut drafts: Vec<Draft>) -> Result<Vec<Draft>, MastersError> {
    let Some(seal) = shape.master.seal else { return Ok(drafts) };
    let sealing = tokio::task::spawn_blocking(move || {
        for draft in &mut drafts {
            seal(&mut draft.row, draft.change.before.as_ref().map(|before| &before.row))?;
        }
        Ok::<_, String>(drafts)
    });
    sealing.await.map_err(|error| MastersError::Fault(error.to_string()))?.map_err(MastersError::Fault)
}

/// A row of a shared table is the master's that writes it.
fn member(shape: &Shape, row: &mut Row) {
    let Some(member) = shape.master.member else { return };
    let list = row.entry(member.list).or_insert_with(|| Value::Array(Vec::new()));
    match list {
        Value::Array(list) if list.iter().any(|held| held == member.member) => {}
        Value::Array(list) => list.push(member.member.into()),
        other => *other = Value::Array(vec![member.member.into()]),
    }
}

/// Notes rows that would be at plants where the caller may not write.
fn at_own_plants(tx: &Tx, shape: &Shape, drafts: &mut [Draft]) {
    let Some(place) = shape.place else {
        if shape.only_values(tx.plants()) {
            values_alone(shape, drafts);
        }
        return;
    };
    for draft in drafts {
        if !draft.is_wrong(place.field()) && !shape.owns(&draft.row, tx.plants()) {
            let found = draft.row.get(place.field()).map(Kind::plain).unwrap_or_default();
            draft.wrong(place.field(), found, Wrong::new("other-plant"));
        }
    }
}

/// Notes what is for all plants, where the caller may change values of some plants alone.
fn values_alone(shape: &Shape, drafts: &mut [Draft]) {
    // A text in languages is an object, of which the plain form is empty.
    let said = |value: &Value| match value {
        Value::Object(names) => !names.is_empty(),
        value => !Kind::plain(value).is_empty(),
    };
    for draft in drafts {
        let fields: Vec<String> = match &draft.change.before {
            Some(before) if !before.deleted => {
                let other = |column: &&Column| {
                    let name = column.field.secret.unwrap_or(column.name.as_str());
                    let of = |row: &Row| row.get(name).filter(|value| said(value)).cloned();
                    column.lies != Lies::Plant && of(&before.row) != of(&draft.row)
                };
                shape.columns.iter().filter(other).map(|column| column.name.clone()).collect()
            }
            _ => shape.master.key.last().map(|key| (*key).to_owned()).into_iter().collect(),
        };
        for field in fields {
            if !draft.is_wrong(&field) {
                let secret = shape.column(&field).is_none_or(|column| column.kind == Kind::Secret);
                let found = draft.row.get(&field).filter(|_| !secret).map(Kind::plain).unwrap_or_default();
                draft.wrong(&field, found, Wrong::new("for-all"));
            }
        }
    }
}

/// The table's own checks.
async fn judge(tx: &mut Tx, shape: &Shape, drafts: &mut [Draft]) -> Result<(), MastersError> {
    let rows: Vec<&Row> = drafts.iter().map(|draft| &draft.row).collect();
    let broken = store::checks_broken(tx, shape, &shape.checks, &rows).await?;
    for (at, name) in broken {
        let check = shape.checks.iter().find(|check| check.name == name);
        let (Some(check), Some(draft)) = (check, drafts.get_mut(at)) else { continue };
        if check.fields.iter().any(|field| draft.is_wrong(field)) {
            continue;
        }
        // The last of them, as people go through the fields.
        let last = shape.columns.iter().rev().find(|column| check.fields.contains(&column.name));
        let field = last.map(|column| column.name.clone()).unwrap_or_default();
        let found = draft.row.get(&field).map(Kind::plain).unwrap_or_default();
        draft.wrong(&field, found, Wrong::new(format!("check-{}", check.name)));
    }
    Ok(())
}

/// What a row refers to by one reference; none where a part is empty.
fn referred(reference: &Reference, row: &Row) -> Vec<Vec<String>> {
    let plain = |name: &String| match name.strip_prefix('@') {
        Some(itself) => itself.to_owned(),
        None => row.get(name).map(Kind::plain).unwrap_or_default(),
    };
    if reference.several {
        let list = reference.columns.last().and_then(|name| row.get(name)).and_then(Value::as_array);
        return list.into_iter().flatten().map(|code| vec![Kind::plain(code)]).collect();
    }
    let parts: Vec<String> = reference.columns.iter().map(plain).collect();
    if parts.iter().any(String::is_empty) { Vec::new() } else { vec![parts] }
}

/// Notes references that lead to no row that stands, or to none of this file.
async fn lead_somewhere(
    tx: &mut Tx,
    shape: &Shape,
    reference: &Reference,
    drafts: &mut [Draft],
) -> Result<(), MastersError> {
    let field = reference.columns.last().cloned().unwrap_or_default();
    // What a row refers to already is not deleted while it does.
    let (mut known, mut new) = (BTreeSet::new(), BTreeSet::new());
    // A form's hint about another field would only confuse.
    for draft in drafts.iter().filter(|draft| !draft.is_wrong(&field)) {
        let before = draft.change.before.as_ref().filter(|before| !before.deleted);
        let had = before.map(|before| referred(reference, &before.row)).unwrap_or_default();
        for value in referred(reference, &draft.row) {
            if had.contains(&value) {
                known.insert(value)
            } else {
                new.insert(value)
            };
        }
    }
    let mut missing: BTreeSet<Vec<String>> = BTreeSet::new();
    for (values, hold) in [(known, false), (new, true)] {
        let values: Vec<Vec<String>> = values.into_iter().collect();
        let gone = store::references_missing(tx, reference, &values, hold).await?;
        missing.extend(gone.into_iter().filter_map(|at| values.get(at).cloned()));
    }
    if reference.target.table == shape.master.table {
        let plain = |draft: &Draft| -> Vec<String> {
            let of = |name: &String| draft.row.get(name).map(Kind::plain).unwrap_or_default();
            reference.target.columns.iter().map(of).collect()
        };
        for draft in drafts.iter() {
            missing.remove(&plain(draft));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let known = store::options(tx, reference, 500).await?;
    let mut hints: HashMap<String, Option<&str>> = HashMap::new();
    for draft in drafts.iter_mut().filter(|draft| !draft.is_wrong(&field)) {
        let Some(gone) = referred(reference, &draft.row).into_iter().find(|value| missing.contains(value))
        else {
            continue;
        };
        let code = gone.last().cloned().unwrap_or_default();
        let near = match hints.get(&code) {
            Some(near) => *near,
            None if hints.len() < MOST_HINTS => {
                let near = nearest(&code, known.iter().map(|(code, _)| code.as_str()));
                hints.insert(code.clone(), near);
                near
            }
            None => None,
        };
        let wrong = match near {
            Some(near) if near != code => Wrong::new("missing-near").with("near", near),
            _ => Wrong::new("missing"),
        };
        draft.wrong(&field, code.clone(), wrong.with("found", code));
    }
    Ok(())
}

/// Notes values that another row has.
async fn only_once(
    tx: &mut Tx,
    shape: &Shape,
    column: &str,
    drafts: &mut [Draft],
) -> Result<(), MastersError> {
    let field = shape.columns.iter().find(|c| c.field.secret == Some(column) || c.name == column);
    let Some(field) = field else { return Ok(()) };
    let (name, secret) = (field.name.as_str(), field.field.secret.is_some());
    let has =
        |draft: &Draft| draft.row.get(column).is_some_and(|value| !value.is_null()) && !draft.is_wrong(name);
    let mut first: HashMap<String, Option<usize>> = HashMap::new();
    for draft in drafts.iter_mut().filter(|draft| has(draft)) {
        let value = draft.row.get(column).map(Kind::plain).unwrap_or_default();
        match first.get(&value) {
            Some(line) => {
                let wrong = Wrong::new("twice").with("row", line.unwrap_or_default());
                draft.wrong(name, if secret { String::new() } else { value }, wrong);
            }
            None => drop(first.insert(value, draft.change.line)),
        }
    }
    // A row of the file may give up what another row of it takes.
    let freed: BTreeSet<String> = drafts
        .iter()
        .filter(|draft| {
            let was = draft.change.before.as_ref().and_then(|before| before.row.get(column));
            was.is_some() && was != draft.row.get(column)
        })
        .map(|draft| shape.key_of(&draft.row))
        .collect();
    let asked: Vec<usize> = (0..drafts.len()).filter(|at| drafts.get(*at).is_some_and(has)).collect();
    let rows: Vec<&Row> = asked.iter().filter_map(|at| drafts.get(*at)).map(|draft| &draft.row).collect();
    for (at, key) in store::values_taken(tx, shape, column, &rows).await? {
        let draft = asked.get(at).and_then(|at| drafts.get_mut(*at));
        if let Some(draft) = draft.filter(|_| !freed.contains(&key)) {
            let value = draft.row.get(column).map(Kind::plain).unwrap_or_default();
            draft.wrong(
                name,
                if secret { String::new() } else { value },
                Wrong::new("taken").with("key", key),
            );
        }
    }
    Ok(())
}

/// Notes codes of rows that are new, or stand again, which another one has in other letters.
async fn in_other_letters(
    tx: &mut Tx,
    shape: &Shape,
    column: &'static str,
    drafts: &mut [Draft],
) -> Result<(), MastersError> {
    let comes = |draft: &Draft| {
        let new = draft.change.before.as_ref().is_none_or(|before| before.deleted);
        new && !draft.is_wrong(column) && draft.row.get(column).is_some_and(|code| !code.is_null())
    };
    let asked: Vec<usize> = (0..drafts.len()).filter(|at| drafts.get(*at).is_some_and(comes)).collect();
    let rows: Vec<(&Row, Option<usize>)> =
        asked.iter().filter_map(|at| drafts.get(*at)).map(|draft| (&draft.row, draft.change.line)).collect();
    for (at, wrong) in twins::judge(tx, shape, column, &rows).await? {
        if let Some(draft) = asked.get(at).and_then(|at| drafts.get_mut(*at)) {
            let found = draft.row.get(column).map(Kind::plain).unwrap_or_default();
            draft.wrong(column, found, wrong);
        }
    }
    Ok(())
}

/// What the declaration itself judges, of rows that are right so far.
async fn judge_together(tx: &mut Tx, shape: &Shape, drafts: &mut [Draft]) -> Result<(), MastersError> {
    let Some(judge) = shape.master.judge else { return Ok(()) };
    let right: Vec<usize> = (0..drafts.len())
        .filter(|at| drafts.get(*at).is_some_and(|d| d.change.mistakes.is_empty()))
        .collect();
    let faults = {
        let candidate = |at: &usize| {
            let draft = drafts.get(*at)?;
            let before = draft.change.before.as_ref().map(|before| &before.row);
            Some(Candidate { row: &draft.row, before })
        };
        let candidates: Vec<Candidate<'_>> = right.iter().filter_map(candidate).collect();
        judge(tx, &candidates).await?
    };
    for Fault { at, field, wrong } in faults {
        let Some(draft) = right.get(at).and_then(|at| drafts.get_mut(*at)) else { continue };
        let found = draft.row.get(field).map(Kind::plain).unwrap_or_default();
        draft.wrong(field, found, wrong);
    }
    Ok(())
}

/// A draft's mistakes in the order of the fields.
fn in_order(shape: &Shape, draft: &Draft) -> Vec<Mistake> {
    let mut mistakes = draft.change.mistakes.clone();
    mistakes.sort_by_key(|mistake| shape.columns.iter().position(|column| column.name == mistake.field));
    mistakes
}

async fn keep(
    tx: &mut Tx,
    shape: &Shape,
    drafts: Vec<Draft>,
    action: Option<&'static str>,
) -> Result<Vec<(Row, Done)>, MastersError> {
    let done = |draft: &Draft| match &draft.change.before {
        None => Done::Created,
        Some(before) if before.deleted => Done::Changed,
        Some(before) => {
            let same = shape.written.iter().all(|name| before.row.get(name) == draft.row.get(name))
                && extra::same(shape, &before.row, &draft.row);
            if same { Done::Same } else { Done::Changed }
        }
    };
    let fates: Vec<Done> = drafts.iter().map(done).collect();
    let rows = |fate: Done| -> Vec<&Row> {
        drafts.iter().zip(&fates).filter(|(_, f)| **f == fate).map(|(draft, _)| &draft.row).collect()
    };
    store::rows_insert(tx, shape, &rows(Done::Created)).await?;
    store::rows_update(tx, shape, &rows(Done::Changed)).await?;
    let changed = || drafts.iter().zip(&fates).filter(|(_, fate)| **fate != Done::Same);
    let beside: Vec<(Option<&Row>, &Row)> = changed()
        .map(|(draft, _)| (draft.change.before.as_ref().map(|before| &before.row), &draft.row))
        .collect();
    extra::write(tx, shape, &beside).await?;
    let entries: Vec<Kept> = changed()
        .map(|(draft, _)| {
            let before = draft.change.before.as_ref();
            let usual = match before {
                None => "master.create",
                Some(before) if before.deleted => "master.restore",
                Some(_) => "master.update",
            };
            entry(
                shape,
                action.unwrap_or(usual),
                before.filter(|b| !b.deleted).map(|b| &b.row),
                Some(&draft.row),
            )
        })
        .collect();
    audit::record_all(tx, &entries).await?;
    let rows: Vec<(&Row, bool)> = changed().map(|(draft, _)| (&draft.row, false)).collect();
    tell(tx, shape, &rows).await?;
    Ok(drafts.into_iter().zip(fates).map(|(draft, fate)| (draft.row, fate)).collect())
}

/// An entry of the audit: what is personal is only said to have changed, and what
/// is secret as well.
pub(super) fn entry(shape: &Shape, action: &'static str, before: Option<&Row>, after: Option<&Row>) -> Kept {
    let key = after.or(before).map(|row| shape.key_of(row)).unwrap_or_default();
    let plain = |row: Option<&Row>| -> Option<Row> {
        let shown =
            shape.columns.iter().filter(|column| !column.field.personal && column.kind != Kind::Secret);
        row.map(|row| shown.filter_map(|c| Some((c.name.clone(), row.get(&c.name)?.clone()))).collect())
    };
    let mut after_plain = plain(after);
    if let (Some(plain), Some(after)) = (&mut after_plain, after) {
        for column in &shape.columns {
            let name = column.field.secret.unwrap_or(&column.name);
            let hidden = column.field.personal || column.kind == Kind::Secret;
            let (was, is) = (before.and_then(|before| before.get(name)), after.get(name));
            let empty = |value: Option<&Value>| value.is_none_or(|value| value.is_null() || value == "");
            if hidden && was != is && !(empty(was) && empty(is)) {
                plain.insert(column.name.clone(), "changed".into());
            }
        }
    }
    Kept {
        action,
        subject: shape.master.subject(&key),
        before: plain(before).map(Value::Object),
        after: after_plain.map(Value::Object),
    }
}

/// Tells the plants; it locks the tenant's version until the commit, so it comes
/// last.
pub(super) async fn tell(tx: &mut Tx, shape: &Shape, rows: &[(&Row, bool)]) -> Result<(), MastersError> {
    let Some(told) = shape.master.told.filter(|_| !rows.is_empty()) else { return Ok(()) };
    let plants = tenancy::plant_codes(tx).await?;
    let all = rows.iter().flat_map(|(row, deleted)| (told.rows)(row, *deleted, &plants)).collect();
    reference::publish_all(tx, all).await?;
    Ok(())
}
