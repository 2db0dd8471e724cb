//! The report of a recall as PDF: what, why, where everything was, who was told, what
//! they answered, how much is accounted for, and what happened when.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use platform::i18n::Texts;
use platform::web::{AppState, Caller, Problem};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::RecallError;
use super::model::{
    Consignee, KindOf, Letter, MOST_LIMIT, Outcome, Person, Pile, Reach, Recall, Released, Response, Unit,
};
use super::read::{self, Effectiveness, View};
use super::rights::Sight;
use super::service;
use crate::pages::items::Items;
use crate::pages::who::Names;
use crate::paper::{self, MOST_ROWS};
use crate::scopes;

/// Pages of answers that a report counts.
const MOST_PAGES: usize = 100;

/// All answers, so that the report can say how many it leaves out.
async fn answers(tx: &mut Tx, recall: Uuid) -> Result<Vec<Response>, RecallError> {
    let mut all = Vec::new();
    let mut after = None;
    for _ in 0..MOST_PAGES {
        let page = read::responses(tx, recall, after.as_deref(), MOST_LIMIT).await?;
        all.extend(page.responses);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(all)
}

/// How the scope of a recall was found.
#[derive(Debug, Clone)]
pub(super) struct Searched {
    /// What was asked. `None` for a reader at some plants who did not ask it: it may tell of others.
    pub criteria: Option<Value>,
    pub by: String,
    pub at: DateTime<Utc>,
}

/// How the kept scope that a recall reaches was found; `None` where it reaches a unit or a lot.
pub(super) async fn searched(tx: &mut Tx, recall: &Recall) -> Result<Option<Searched>, RecallError> {
    let Ok(Reach::Scope { scope, .. }) = serde_json::from_value(recall.scope.clone()) else {
        return Ok(None);
    };
    let all = tx.plants().is_all();
    let found = scopes::store::kept::asked(tx, scope).await?;
    Ok(found.map(|row| Searched {
        criteria: (all || row.own).then_some(row.criteria),
        by: row.created_by,
        at: row.created_at,
    }))
}

impl Searched {
    /// Who searched when, and for what. Pure.
    fn lines(&self, texts: &Texts, zone: chrono_tz::Tz) -> Vec<String> {
        let made = [("at", texts.time(&self.at, zone).into()), ("who", self.by.clone().into())];
        let mut lines = vec![texts.with("recalls-scope-made", &made)];
        match &self.criteria {
            Some(criteria) => lines.extend(scopes::in_words(texts, criteria)),
            None => lines.push(texts.t("recalls-scope-others")),
        }
        lines
    }
}

/// What a report says of a recall.
pub(super) struct Told {
    pub view: View,
    pub owner: String,
    /// How its scope was found, where it has one.
    pub searched: Option<Searched>,
    pub letters: Vec<Letter>,
    pub responses: Vec<Response>,
    pub units: Vec<Unit>,
    /// What the items of the units are called.
    pub items: Items,
    pub effect: Effectiveness,
    pub history: Vec<(DateTime<Utc>, String, String)>,
}

/// The name of a place, a state or another choice, in words. Pure.
pub(super) fn name(texts: &Texts, what: &str, value: &str) -> String {
    texts.or(&format!("recalls-{what}-{value}"), value)
}

fn called(texts: &Texts, all: &[Consignee], id: Uuid) -> String {
    let Some(one) = all.iter().find(|one| one.consignee_id == id) else { return String::new() };
    let known = [&one.code, &one.name, &one.place];
    let known: Vec<&str> = known.into_iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
    if known.is_empty() { texts.t("recalls-unknown-anybody") } else { known.join(", ") }
}

/// How a recall of a kind stands, in words: nothing of a drill is in force. Pure.
pub(super) fn stands(texts: &Texts, kind: &str, status: &str) -> String {
    match (kind, status) {
        ("drill", "active") => texts.t("recalls-drill-active"),
        _ => name(texts, "status", status),
    }
}

/// Which plants were behind when the units were listed, in words; `None` where it is not
/// known. Pure.
pub(super) fn behind(texts: &Texts, recall: &Recall) -> Option<String> {
    let plants = recall.plants_behind.as_ref()?;
    Some(match plants.is_empty() {
        true => texts.t("recalls-behind-none"),
        false => texts.t1("recalls-behind", "plants", plants.join(", ")),
    })
}

/// That more belongs to a recall than it has, in words; `None` where it has all. Pure.
pub(super) fn incomplete(texts: &Texts, recall: &Recall, zone: chrono_tz::Tz) -> Option<String> {
    let at = recall.incomplete_at.as_ref()?;
    Some(texts.t1("recalls-incomplete", "at", texts.time(at, zone)))
}

/// That a hold was released, when and by whom. Pure.
pub(super) fn released(texts: &Texts, one: &Released, zone: chrono_tz::Tz, who: &str) -> String {
    let at = texts.time(&one.released_at, zone);
    texts.with("recalls-hold-released", &[("at", at.into()), ("who", who.to_owned().into())])
}

/// So much, in a unit of measure where it has one: `3 pcs`, `3`. Pure.
pub(super) fn measured(texts: &Texts, quantity: &Decimal, unit: &str) -> String {
    format!("{} {unit}", texts.quantity(quantity)).trim_end().to_owned()
}

/// What an answer says, in words: `Found 2 pcs, Quarantined 2 pcs`. Pure.
pub(super) fn outcomes(texts: &Texts, one: &Response) -> String {
    let amounts =
        [one.found, one.quarantined, one.returned, one.replaced, one.destroyed, one.used_up, one.not_found];
    let said = Outcome::ALL.iter().zip(amounts).filter(|(_, amount)| !amount.is_zero());
    let said = said.map(|(outcome, amount)| {
        format!("{} {}", name(texts, "outcome", outcome.name()), measured(texts, &amount, &one.unit))
    });
    said.collect::<Vec<_>>().join(", ")
}

/// What an answer says, and what there is to say of it: that a later one stands in its place, or
/// that it cannot be true beside another. Pure.
fn answered(texts: &Texts, one: &Response) -> String {
    let later = (!one.counts).then(|| texts.t("recalls-answer-later"));
    let other = one.contradicts.then(|| texts.t("recalls-answer-contradicts"));
    [Some(outcomes(texts, one)), later, other].into_iter().flatten().collect::<Vec<_>>().join(". ")
}

/// How much of a pile is counted, in words; a dash where it is parts and packages alone. Pure.
pub(super) fn amount(texts: &Texts, pile: &Pile) -> String {
    if pile.counted == 0 {
        return "–".to_owned();
    }
    measured(texts, &pile.quantity, &pile.unit)
}

/// How much a consignee has to account for, in words: `3 pcs, 2 kg`; a dash for nothing. Pure.
pub(super) fn had(texts: &Texts, effect: &Effectiveness, consignee: Uuid) -> String {
    let lines = effect.consignees.iter().filter(|line| line.consignee == consignee);
    let said: Vec<String> = lines.map(|line| measured(texts, &line.to_account, &line.unit)).collect();
    if said.is_empty() { "–".to_owned() } else { said.join(", ") }
}

/// How somebody is reached, in a line: `Lakshmi, Buyer, +91 98…, lakshmi@acme.example`. Pure.
pub(super) fn reached(one: &Person) -> String {
    in_a_line(&[&one.name, &one.job_title, &one.phone, &one.email])
}

/// What is there of these, with commas between. Pure.
fn in_a_line(parts: &[&str]) -> String {
    parts.iter().copied().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// A table of a report. Pure.
fn section(
    title: String,
    text: Vec<String>,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    texts: &Texts,
) -> Value {
    paper::section(title, text, head, rows, |rows| texts.t1("recalls-report-more", "rows", rows))
}

/// The report as its template takes it. Pure: dates and names are in the words and the
/// zone of the reader.
pub(super) fn data(
    told: &Told,
    texts: &Texts,
    zone: chrono_tz::Tz,
    tenant: &str,
    now: DateTime<Utc>,
) -> Value {
    let recall = &told.view.recall;
    let t = |key: &str| texts.t(&format!("recalls-{key}"));
    let time = |at: &DateTime<Utc>| texts.time(at, zone);
    let mut facts = vec![
        (t("state"), stands(texts, &recall.kind, &recall.status)),
        (t("severity"), name(texts, "severity", &recall.severity)),
        (t("reason"), recall.reason.clone()),
        (t("what"), recall.scope_name.clone()),
        (t("owner"), told.owner.clone()),
        (t("begun"), time(&recall.created_at)),
    ];
    let mut fact = |key: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            facts.push((t(key), value));
        }
    };
    let begins = if recall.kind_of() == KindOf::Drill { "drill-activated" } else { "activated" };
    fact(begins, recall.activated_at.as_ref().map(time));
    fact("target", recall.target_on.as_ref().map(|day| texts.day(day)));
    fact("ended", recall.ended_at.as_ref().map(time));
    fact("ended-note", Some(recall.ended_note.clone()));
    let descendants = recall.scope["descendants"] == json!(true);
    let mut how = vec![format!(
        "{}: {}. {}: {}, {}.",
        t("what"),
        recall.scope_name,
        t("snapshot"),
        time(&recall.snapshot_at),
        texts.t1("recalls-through", "batch", recall.through_batch)
    )];
    how.extend(behind(texts, recall));
    how.extend(incomplete(texts, recall, zone));
    if descendants {
        how.push(t("descendants"));
    }
    how.push(format!("{}: {}", t("labels"), texts.number(recall.members)));
    if recall.to_hold > 0 {
        let (held, to_hold) = (texts.number(told.view.held), texts.number(recall.to_hold));
        how.push(format!("{}: {held} / {to_hold}", t("held")));
    }
    for one in &told.view.released {
        how.push(format!(
            "{} ({}).",
            released(texts, one, zone, &one.released_by),
            texts.count("recalls-count-labels", one.labels)
        ));
    }
    let consignees = &told.view.consignees;
    let head = |keys: &[&str]| keys.iter().map(|key| t(key)).collect::<Vec<String>>();
    let places = told
        .view
        .piles
        .iter()
        .map(|pile| {
            vec![
                name(texts, "place", &pile.place),
                pile.plant.clone(),
                texts.number(pile.labels),
                amount(texts, pile),
            ]
        })
        .collect::<Vec<Vec<String>>>();
    let who = consignees
        .iter()
        .map(|one| {
            vec![
                called(texts, consignees, one.consignee_id),
                name(texts, "holder", &one.kind),
                texts.number(one.labels),
                had(texts, &told.effect, one.consignee_id),
                name(texts, "told", &one.state),
                one.notified_at.as_ref().map(time).unwrap_or_default(),
            ]
        })
        .collect();
    let contacts = told
        .view
        .contacts
        .iter()
        .map(|one| {
            vec![
                called(texts, consignees, one.consignee_id),
                in_a_line(&[&one.name, &one.job_title]),
                one.phone.clone(),
                one.email.clone(),
            ]
        })
        .collect::<Vec<Vec<String>>>();
    let letters = told
        .letters
        .iter()
        .map(|letter| {
            vec![
                called(texts, consignees, letter.consignee_id),
                format!("{} <{}>", letter.name, letter.email),
                name(texts, "letter", &letter.state),
                time(letter.ended_at.as_ref().unwrap_or(&letter.written_at)),
            ]
        })
        .collect();
    let said = told
        .responses
        .iter()
        .map(|one| {
            vec![
                time(&one.at),
                called(texts, consignees, one.consignee_id),
                one.uid.clone().unwrap_or_default(),
                answered(texts, one),
                one.reference.clone(),
            ]
        })
        .collect();
    let units = told
        .units
        .iter()
        .map(|unit| {
            let counted = if unit.packs { t("counts-contents") } else { String::new() };
            vec![
                unit.uid.clone(),
                told.items.say(texts, &unit.item, ""),
                measured(texts, &unit.quantity, &unit.unit),
                name(texts, "place", &unit.place),
                [&unit.plant, &unit.consignee]
                    .into_iter()
                    .filter(|text| !text.is_empty())
                    .cloned()
                    .collect::<Vec<_>>()
                    .join(", "),
                unit.inside_of.clone().unwrap_or(counted),
            ]
        })
        .collect::<Vec<Vec<String>>>();
    let percent =
        |percent: &Option<Decimal>| percent.map_or_else(|| "–".to_owned(), |percent| format!("{percent} %"));
    let by = told
        .effect
        .consignees
        .iter()
        .map(|line| {
            vec![
                called(texts, consignees, line.consignee),
                measured(texts, &line.to_account, &line.unit),
                measured(texts, &line.accounted, &line.unit),
                percent(&line.percent),
            ]
        })
        .collect();
    let totals = told
        .effect
        .totals
        .iter()
        .map(|total| {
            format!(
                "{}: {} ({} / {})",
                t("accounted"),
                percent(&total.percent),
                texts.quantity(&total.accounted),
                measured(texts, &total.to_account, &total.unit)
            )
        })
        .collect();
    let course = told
        .effect
        .totals
        .iter()
        .flat_map(|total| {
            total
                .course
                .iter()
                .map(|point| vec![time(&point.at), measured(texts, &point.accounted, &total.unit)])
        })
        .collect();
    let happened = told
        .history
        .iter()
        .map(|(at, what, who)| {
            vec![time(at), name(texts, "history", what.trim_start_matches("recall.")), who.clone()]
        })
        .collect();
    let mut sections = vec![section(t("report-how"), how, Vec::new(), Vec::new(), texts)];
    if let Some(searched) = &told.searched {
        let lines = searched.lines(texts, zone);
        sections.push(section(t("report-searched"), lines, Vec::new(), Vec::new(), texts));
    }
    if !recall.instructions.is_empty() {
        let lines = recall.instructions.lines().map(str::to_owned).collect();
        sections.push(section(t("instructions"), lines, Vec::new(), Vec::new(), texts));
    }
    let none = |rows: &Vec<Vec<String>>, key: &str| if rows.is_empty() { vec![t(key)] } else { Vec::new() };
    let mut table = |title: &str, text: Vec<String>, keys: &[&str], rows: Vec<Vec<String>>| {
        sections.push(section(t(title), text, head(keys), rows, texts));
    };
    let counted = if places.is_empty() { "no-units" } else { "counted-once" };
    table("where", vec![t(counted)], &["place", "plant", "labels", "quantity"], places);
    // Of very many the first ones; the API has all.
    let more = usize::try_from(recall.members).unwrap_or_default().saturating_sub(units.len());
    let more = if more > 0 { vec![texts.t1("recalls-report-more", "rows", more)] } else { Vec::new() };
    table("tab-units", more, &["report-unit", "item", "quantity", "place", "consignee", "inside-of"], units);
    table(
        "tab-consignees",
        none(&who, "no-consignees"),
        &["consignee", "report-kind", "labels", "to-account", "state", "when"],
        who,
    );
    if !contacts.is_empty() {
        table("contacts", Vec::new(), &["consignee", "contact-name", "phone", "email"], contacts);
    }
    table("report-letters", Vec::new(), &["consignee", "report-to", "state", "when"], letters);
    table(
        "tab-responses",
        none(&said, "no-responses"),
        &["when", "consignee", "report-unit", "outcome", "reference"],
        said,
    );
    table("tab-effectiveness", totals, &["consignee", "to-account", "accounted", "report-percent"], by);
    table("report-course", Vec::new(), &["when", "accounted"], course);
    table("tab-history", Vec::new(), &["when", "report-what", "report-who"], happened);
    json!({
        "fonts": print::FONTS,
        "lang": texts.lang.code(),
        "title": format!("{} {}", t(&format!("report-title-{}", recall.kind)), recall.number),
        "lead": recall.reason,
        "header": tenant,
        "footer": texts.t1("recalls-report-made", "at", time(&now)),
        "facts": facts,
        "sections": sections,
        "signatures": {
            "title": t("report-signatures"),
            "roles": [t("owner"), t("report-quality"), t("report-management")],
        },
    })
}

/// The report of a recall; answers its number and the PDF.
///
/// # Errors
/// 403; 404; 503 while others are being made, or without the fonts.
pub async fn report(
    state: &AppState,
    caller: &Caller,
    recall: Uuid,
    now: DateTime<Utc>,
) -> Result<(String, Vec<u8>), Problem> {
    let sight = Sight::of(caller);
    let mut told = service::ask(state, caller, async |tx| {
        let mut view = read::view(tx, recall).await?;
        view.contacts = read::contacts_out(tx, recall, &view.consignees, sight, "pdf").await?;
        Ok(Told {
            owner: view.recall.owned_by(),
            searched: searched(tx, &view.recall).await?,
            letters: read::letters(tx, recall).await?,
            responses: answers(tx, recall).await?,
            units: read::units(tx, recall, "", None, None, MOST_ROWS).await?.units,
            items: Items::default(),
            effect: read::effectiveness(tx, recall).await?,
            history: read::history(tx, recall).await?,
            view,
        })
    })
    .await?;
    let actors = told.history.iter().map(|(_, _, who)| who.as_str()).chain([told.owner.as_str()]);
    let actors = actors.chain(told.view.released.iter().map(|one| one.released_by.as_str()));
    let actors = actors.chain(told.searched.iter().map(|one| one.by.as_str()));
    let names = Names::read(state, caller, actors).await?;
    let codes = told.units.iter().map(|unit| unit.item.as_str());
    told.items = Items::read(&state.db, &caller.cx, codes).await?;
    told.owner = names.of(&told.owner).to_owned();
    if let Some(one) = &mut told.searched {
        one.by = names.of(&one.by).to_owned();
    }
    for (_, _, who) in &mut told.history {
        *who = names.of(who).to_owned();
    }
    for one in &mut told.view.released {
        one.released_by = names.of(&one.released_by).to_owned();
    }
    let data = data(&told, &caller.texts, caller.zone, &caller.tenant_name, now);
    Ok((told.view.recall.number, paper::pdf(data).await?))
}
