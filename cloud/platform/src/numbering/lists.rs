//! Series, numbers, periods and leases as the pages list them.

use askama::Template;

use super::NUMBERING_VOID;
use super::list::{Asked, Page};
use super::pages::PATH;
use super::store::{Issued, Lease, Overview, Period};
use crate::i18n::Texts;
use crate::web::list::{Action, Cell, Column, Filter, List, Row, address};
use crate::web::{Caller, Problem, escaped};

/// A code as a part of an address.
pub(super) fn url(code: &str) -> String {
    escaped(code, b"-_./")
}

/// A kind of document, in the reader's language.
pub(super) fn said(texts: &Texts, kind: &str) -> String {
    texts.or(&format!("choice-{kind}"), kind)
}

/// Series, each with the number that it gives next.
pub(super) fn series<'a>(
    texts: &'a Texts,
    shown: &[(Overview, Option<String>)],
    may_define: bool,
) -> List<'a> {
    let row = |(one, next): &(Overview, Option<String>)| {
        let next = match next {
            Some(next) => Cell::code(next),
            None => Cell::state(texts.t("numbering-full"), "is-bad"),
        };
        Row::new([
            Cell::code(&one.series),
            Cell::text(&one.name),
            Cell::text(said(texts, &one.kind)),
            Cell::code(&one.company),
            next,
        ])
        .to(format!("{PATH}/series/{}", url(&one.series)))
    };
    let new = Action::to("/masters/document_series/new", texts.t("numbering-new")).icon("plus").main();
    List::new(texts, PATH)
        .head(texts.t("numbering-title"), texts.t("numbering-lead"))
        .actions(may_define.then_some(new))
        .columns([
            Column::new("field-series"),
            Column::new("field-name"),
            Column::new("field-document_kind"),
            Column::new("field-company"),
            Column::new("numbering-next"),
        ])
        .rows(shown.iter().map(row))
        .empty(texts.t("numbering-none"))
        .teaches(texts.t("numbering-none-hint"))
}

/// What makes a number void, unfolded in its row.
#[derive(Template)]
#[template(path = "numbering/void.html")]
struct Void<'a> {
    texts: &'a Texts,
    /// In which row.
    at: usize,
    one: &'a Issued,
}

/// Numbers that were given out, with what they can be narrowed by.
pub(super) fn numbers<'a>(
    caller: &'a Caller,
    asked: &Asked,
    page: &Page,
    series: Vec<String>,
) -> Result<List<'a>, Problem> {
    let texts = &caller.texts;
    let may_void = caller.may(&NUMBERING_VOID);
    let mut rows = Vec::new();
    for (at, one) in page.numbers.iter().enumerate() {
        let standing = if one.status == "void" {
            Cell::state(texts.t("numbering-void"), "is-bad").under(&one.reason)
        } else if may_void && one.document.is_empty() {
            Cell::menu(texts.t("numbering-make-void"), Void { texts, at, one }.render()?)
        } else {
            Cell::text(texts.t("numbering-issued"))
        };
        rows.push(Row::new([
            Cell::code(&one.number),
            Cell::text(said(texts, &one.kind)),
            Cell::text(texts.day(&one.dated)),
            Cell::code(&one.document),
            Cell::text(texts.time(&one.issued_at, caller.zone)),
            standing,
        ]));
    }
    let at = |after: &str| {
        let Asked { series, status, q, .. } = asked;
        address(PATH, &[("series", series), ("status", status), ("q", q), ("after", after)])
    };
    let states = ["issued", "void"].map(|one| (one.to_owned(), texts.t(&format!("numbering-{one}"))));
    let series = series.into_iter().map(|code| (code.clone(), code));
    let chosen = Filter::choice("series", texts.t("field-series"), &asked.series, series);
    Ok(List::new(texts, PATH)
        .search(&asked.q, texts.t("numbering-begins"))
        .filters([chosen, Filter::choice("status", texts.t("workflow-state"), &asked.status, states)])
        .columns([
            Column::new("numbering-number"),
            Column::new("field-document_kind"),
            Column::new("numbering-dated"),
            Column::new("numbering-document"),
            Column::new("numbering-at"),
            Column::new("workflow-state"),
        ])
        .rows(rows)
        .empty(texts.t("numbering-empty"))
        .teaches(texts.t("numbering-empty-hint"))
        .first((!asked.after.is_empty()).then(|| at("")))
        .next(page.next.as_ref().map(|next| at(next))))
}

/// The years or months of a series.
pub(super) fn periods<'a>(texts: &'a Texts, periods: &[Period]) -> List<'a> {
    let number = |count: i64| Cell::text(texts.number(count));
    let row = |one: &Period| {
        let missing = match one.missing {
            ..=0 => number(0),
            some => Cell::state(texts.number(some), "is-bad"),
        };
        Row::new([
            Cell::text(texts.day(&one.period_from)),
            Cell::code(&one.from_number),
            Cell::code(&one.to_number),
            number(one.total),
            number(one.void),
            number(one.total - one.void),
            number(one.lent + one.waiting),
            missing,
        ])
    };
    List::new(texts, "")
        .columns([
            Column::new("numbering-from-day"),
            Column::new("numbering-from"),
            Column::new("numbering-to"),
            Column::new("numbering-total").number(),
            Column::new("numbering-void").number(),
            Column::new("numbering-net").number(),
            Column::new("numbering-lent").number(),
            Column::new("numbering-missing").number(),
        ])
        .rows(periods.iter().map(row))
        .empty(texts.t("numbering-periods-none"))
}

/// What takes a range back, unfolded in its row.
#[derive(Template)]
#[template(path = "numbering/take_back.html")]
struct TakeBack<'a> {
    texts: &'a Texts,
    /// In which row.
    at: usize,
    lease: &'a Lease,
}

/// Ranges that are lent, or were.
pub(super) fn leases<'a>(caller: &'a Caller, leases: &[Lease], may_lend: bool) -> Result<List<'a>, Problem> {
    let texts = &caller.texts;
    let mut rows = Vec::new();
    for (at, lease) in leases.iter().enumerate() {
        let standing = if lease.status != "open" {
            Cell::state(texts.t(&format!("numbering-{}", lease.status)), "").under(&lease.reason)
        } else if may_lend {
            Cell::menu(texts.t("numbering-take-back"), TakeBack { texts, at, lease }.render()?)
        } else {
            Cell::default()
        };
        rows.push(Row::new([
            Cell::text(&lease.holder),
            Cell::text(lease.first.to_string()),
            Cell::text(lease.last.to_string()),
            Cell::text(texts.time(&lease.granted_at, caller.zone)),
            standing,
        ]));
    }
    Ok(List::new(texts, "")
        .columns([
            Column::new("numbering-holder"),
            Column::new("numbering-from").number(),
            Column::new("numbering-to").number(),
            Column::new("numbering-at"),
            Column::new("workflow-state"),
        ])
        .rows(rows)
        .empty(texts.t("numbering-leases-none")))
}
