//! Which rows of the audit somebody asks for.

use chrono::{DateTime, NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::store::{self, Shown};
use crate::ctx::{Cx, Plants};
use crate::db::{Db, DbError};
use crate::web::{Problem, no_place, parse_place, place, rows};

/// Most rows of one answer.
pub const MOST: usize = 500;
/// Longest text of a filter, in bytes.
pub(super) const MAX_TEXT: u16 = 200;

/// What is asked, as a query string says it.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = AuditAsked)]
pub struct Asked {
    /// Who: `user:<id>`, `key:<id>`, `system`.
    pub actor: String,
    /// What was done: `hold.place`.
    pub action: String,
    /// To what: `hold:<id>`.
    pub subject: String,
    /// First day, in the tenant's time zone; empty for no bound.
    pub from: String,
    /// Last day, included.
    pub to: String,
    /// Where the answer before ended.
    pub after: String,
    /// Rows of one answer.
    #[schema(minimum = 1, maximum = 500, default = 100)]
    pub limit: Option<usize>,
}

/// Which rows; empty texts mean all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Who.
    pub actor: String,
    /// Who of these, where several are meant; empty: whoever.
    pub actors: Vec<String>,
    /// What was done.
    pub action: String,
    /// Which of these was done, where several are meant; empty: whichever.
    pub actions: Vec<String>,
    /// To what.
    pub subject: String,
    /// To which of these, where several are meant; empty: whatever.
    pub subjects: Vec<String>,
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub until: Option<DateTime<Utc>>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AuditEntry {
    /// Id.
    pub audit_id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// How it was.
    pub before: Option<Value>,
    /// How it is now.
    pub after: Option<Value>,
    /// From where.
    pub origin: Option<String>,
}

/// A page of the audit, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AuditPage {
    /// This page.
    pub entries: Vec<AuditEntry>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

impl Asked {
    /// The filter by the names of its fields; without the place in the list.
    pub(super) fn kept(&self) -> [(&'static str, &str); 5] {
        [
            ("actor", self.actor.as_str()),
            ("action", self.action.as_str()),
            ("subject", self.subject.as_str()),
            ("from", self.from.as_str()),
            ("to", self.to.as_str()),
        ]
    }

    /// The filter, with days as those of `zone`.
    ///
    /// # Errors
    /// 400 `query.parameter`, with every field that is wrong.
    pub fn filter(&self, zone: Tz) -> Result<Filter, Problem> {
        let mut wrong = Vec::new();
        for (field, text) in [("actor", &self.actor), ("action", &self.action), ("subject", &self.subject)] {
            if text.len() > usize::from(MAX_TEXT) || text.contains('\0') {
                let detail = format!("is longer than {MAX_TEXT} bytes, or holds a NUL");
                wrong.push((field, detail, "error-no-filter", MAX_TEXT.to_string()));
            }
        }
        let mut day = |field, text: &str, after: u64| match text.trim() {
            "" => None,
            text => {
                let day = text
                    .parse::<NaiveDate>()
                    .ok()
                    .and_then(|day| day.checked_add_days(chrono::Days::new(after)));
                let begins = day.and_then(|day| midnight(day, zone));
                if begins.is_none() {
                    let detail = format!("'{text}' is no date such as 2026-04-30");
                    wrong.push((field, detail, "error-no-day", text.to_owned()));
                }
                begins
            }
        };
        let (from, until) = (day("from", &self.from, 0), day("to", &self.to, 1));
        if wrong.is_empty() {
            let [actor, action, subject] =
                [&self.actor, &self.action, &self.subject].map(|text| text.trim().to_owned());
            return Ok(Filter { actor, action, subject, from, until, ..Filter::default() });
        }
        let problem = Problem::bad_request("query.parameter", "the filter is not understood")
            .told_by(|texts| texts.t("error-query-parameter"));
        Err(wrong.into_iter().fold(problem, |problem, (field, what, key, text)| {
            problem.field_told_by(field, what, move |texts| texts.t1(key, "text", &text))
        }))
    }

    fn limit(&self) -> Result<usize, Problem> {
        rows(self.limit, 100, MOST)
    }

    fn place(&self) -> Result<Option<(DateTime<Utc>, Uuid)>, Problem> {
        if self.after.is_empty() {
            return Ok(None);
        }
        let place = parse_place(&self.after).map(Some);
        place.ok_or_else(no_place)
    }
}

/// When a day begins; where the clock skips midnight, with the first hour there is.
fn midnight(day: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    (0..=3).find_map(|hour| {
        let local = zone.from_local_datetime(&day.and_hms_opt(hour, 0, 0)?);
        local.earliest().map(|at| at.to_utc())
    })
}

/// A page of the audit, as far as it is of the context's plants or of none.
///
/// # Errors
/// 400 for a parameter that is not what it should be; the database.
pub async fn page(db: &Db, cx: &Cx, zone: Tz, asked: &Asked) -> Result<AuditPage, Problem> {
    page_of(db, cx, zone, asked, &Narrow::default()).await
}

/// What is meant by words in place of what a filter says itself: each as ids or codes.
#[derive(Debug, Clone, Default)]
pub struct Narrow {
    /// Who.
    pub actors: Option<Vec<String>>,
    /// What was done.
    pub actions: Option<Vec<String>>,
    /// To what.
    pub subjects: Option<Vec<String>>,
}

/// [`page`], of what is meant in place of what is asked for.
///
/// # Errors
/// As [`page`].
pub async fn page_of(
    db: &Db,
    cx: &Cx,
    zone: Tz,
    asked: &Asked,
    meant: &Narrow,
) -> Result<AuditPage, Problem> {
    let (limit, after) = (asked.limit()?, asked.place()?);
    let Some(filter) = of(asked.filter(zone)?, meant) else {
        return Ok(AuditPage { entries: Vec::new(), next: None });
    };
    let want = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut rows =
        db.tx(cx, async |tx| Ok::<_, DbError>(store::list(tx, &filter, after, want).await?)).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| place(row.at, row.audit_id));
    let mut entries: Vec<AuditEntry> = rows.into_iter().map(AuditEntry::from).collect();
    for entry in &mut entries {
        seen_at(entry, &cx.plants);
    }
    Ok(AuditPage { entries, next })
}

/// Leaves out of a row of a master what its fields are at plants other than these.
fn seen_at(entry: &mut AuditEntry, plants: &Plants) {
    if plants.is_all() || !entry.action.starts_with("master.") {
        return;
    }
    for body in [&mut entry.before, &mut entry.after] {
        if let Some(Value::Object(fields)) = body {
            fields.retain(|name, _| name.split_once('@').is_none_or(|(_, plant)| plants.has(plant)));
        }
    }
}

/// How many rows there are of what is meant, counted up to `most`.
///
/// # Errors
/// As [`page`].
pub async fn count(
    db: &Db,
    cx: &Cx,
    zone: Tz,
    asked: &Asked,
    meant: &Narrow,
    most: usize,
) -> Result<usize, Problem> {
    let Some(filter) = of(asked.filter(zone)?, meant) else { return Ok(0) };
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let count = db.tx(cx, async |tx| Ok::<_, DbError>(store::count(tx, &filter, most).await?)).await?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// The filter with what is meant; `None` when nothing can fit it.
fn of(mut filter: Filter, meant: &Narrow) -> Option<Filter> {
    let fits = narrow(&mut filter.actor, &mut filter.actors, meant.actors.as_deref())
        && narrow(&mut filter.action, &mut filter.actions, meant.actions.as_deref())
        && narrow(&mut filter.subject, &mut filter.subjects, meant.subjects.as_deref());
    fits.then_some(filter)
}

/// One that is meant alone is asked for by itself, which follows the index; `false` where
/// none is.
fn narrow(single: &mut String, several: &mut Vec<String>, meant: Option<&[String]>) -> bool {
    match meant {
        None => {}
        Some([]) => return false,
        Some([one]) => single.clone_from(one),
        Some(these) => {
            single.clear();
            *several = these.to_vec();
        }
    }
    true
}

impl From<Shown> for AuditEntry {
    fn from(row: Shown) -> Self {
        let Shown { audit_id, at, actor, action, subject, before, after, origin } = row;
        Self { audit_id, at, actor, action, subject, before, after, origin }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn days_are_those_of_the_tenant_and_every_mistake_is_told() {
        let zone: Tz = "Asia/Kolkata".parse().unwrap();
        let asked = Asked { from: "2026-04-01".into(), to: "2026-04-30".into(), ..Asked::default() };
        let filter = asked.filter(zone).unwrap();
        assert_eq!(filter.from.unwrap().to_rfc3339(), "2026-03-31T18:30:00+00:00");
        assert_eq!(filter.until.unwrap().to_rfc3339(), "2026-04-30T18:30:00+00:00");
        let wrong = Asked { actor: "x".repeat(201), to: "yesterday".into(), ..Asked::default() };
        let problem = format!("{:?}", wrong.filter(zone).unwrap_err());
        assert!(problem.contains("actor") && problem.contains("yesterday"), "{problem}");
        assert!(Asked { after: "5".into(), ..Asked::default() }.place().is_err());
        assert!(Asked { limit: Some(0), ..Asked::default() }.limit().is_err());
    }

    #[test]
    fn values_of_other_plants_are_left_out_of_a_row_that_is_for_all() {
        let row = |action: &str| AuditEntry {
            audit_id: Uuid::nil(),
            at: DateTime::UNIX_EPOCH,
            actor: String::new(),
            action: action.to_owned(),
            subject: "items:BOLT".to_owned(),
            before: Some(json!({ "name": "Bolt", "lead_time_days@KOL": 3, "lead_time_days@VSK": 5 })),
            after: Some(json!("changed")),
            origin: None,
        };
        let seen = |action: &str, plants: &Plants| {
            let mut row = row(action);
            seen_at(&mut row, plants);
            row
        };
        let kol = seen("master.update", &Plants::some(["KOL"]));
        assert_eq!(kol.before, Some(json!({ "name": "Bolt", "lead_time_days@KOL": 3 })));
        assert_eq!(kol.after, Some(json!("changed")));
        assert_eq!(seen("master.update", &Plants::All), row("master.update"));
        // Elsewhere an `@` is part of a name like any letter.
        assert_eq!(seen("mail.server", &Plants::none()), row("mail.server"));
    }
}
