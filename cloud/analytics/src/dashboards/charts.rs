//! Charts of a dashboard, each with the table behind it: what is drawn, and where each
//! point and cell leads.

use std::cmp::Ordering;

use chrono::NaiveDate;
use platform::i18n::Texts;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::ask::{Bar, Bars, NOT_SAID};
use super::drill::Age;
use super::model::{Board, Change, Kpi, percent};
use super::service::{self, Asked, DayPoint, View};

/// A cell of a table, and where it leads: the events that it counts.
pub(super) struct Cell {
    pub text: String,
    pub href: String,
}

impl Cell {
    fn plain(text: String) -> Self {
        Self { text, href: String::new() }
    }
}

/// A chart, with the table behind it.
pub(super) struct Chart {
    pub title: String,
    /// For the script: kind, labels and series, with the address of what each point counts.
    pub data: Value,
    pub head: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
    /// What is said instead where there is nothing.
    pub none: String,
    /// What is to be known of it besides.
    pub note: String,
    /// It counts what is so now, and not what the mirror holds.
    pub of_now: bool,
}

/// Most bars that are drawn; the table has the others.
const DRAWN: usize = 20;

/// Names and values as they stand in an address; empty ones are left out.
pub(super) fn pairs(of: &[(&str, &str)]) -> String {
    let said: Vec<_> = of.iter().filter(|(_, value)| !value.is_empty()).collect();
    // Pairs of texts can always be written.
    serde_urlencoded::to_string(said).unwrap_or_default()
}

/// The address of what one looks at, to be filtered further.
pub(super) fn address(asked: &Asked) -> String {
    let Asked { plant, period, from, to } = asked;
    pairs(&[("plant", plant), ("period", period), ("from", from), ("to", to)])
}

/// Where the events behind a figure are listed, narrowed to this.
fn events_of(kpi: Kpi, asked: &Asked, narrowed: &[(&str, &str)]) -> String {
    format!("/dashboards/events/{}?{}", kpi.name(), [address(asked), pairs(narrowed)].join("&"))
}

/// A figure as people read it.
pub(super) fn number(texts: &Texts, kpi: Kpi, n: &Decimal) -> String {
    let shown = texts.quantity(n);
    if kpi.is_share() { format!("{shown} %") } else { shown }
}

/// How a figure changed, as people read it: which way, and by how much.
pub(super) fn changed(texts: &Texts, kpi: Kpi, change: Change) -> String {
    let (Change::Percent(by) | Change::Points(by) | Change::FromNothing(by)) = change;
    let arrow = match by.cmp(&Decimal::ZERO) {
        Ordering::Greater => "▲",
        Ordering::Less => "▼",
        Ordering::Equal => "=",
    };
    let by = match change {
        Change::Percent(by) => format!("{} %", texts.quantity(&by.abs())),
        Change::Points(by) => texts.t1("dashboard-points", "points", texts.quantity(&by.abs())),
        Change::FromNothing(by) if by.is_zero() => texts.t("dashboard-no-change"),
        // How much that is in percent nobody can say.
        Change::FromNothing(by) => number(texts, kpi, &by),
    };
    format!("{arrow} {by}")
}

/// For a chart, which is no ledger.
fn float(n: &Decimal) -> Value {
    n.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

/// The charts of its dashboard.
pub(super) fn charts(texts: &Texts, asked: &Asked, view: &View) -> Vec<Chart> {
    let line = |kpis: &[Kpi]| line(texts, asked, view, kpis);
    let bars = |title: &str, bars: &Bars, parts, of| pareto(texts, asked, &texts.t(title), bars, parts, of);
    let mut all = Vec::new();
    match view.board {
        Board::Executive => {
            all.push(line(&[Kpi::Received, Kpi::Packed, Kpi::Dispatched]));
        }
        Board::Plant => {
            all.push(line(&[Kpi::Operations, Kpi::Packed]));
            all.push(machines(texts, asked, view));
        }
        Board::Production => {
            all.push(wip(texts, asked, view));
            all.push(line(&[Kpi::Operations, Kpi::Packed]));
            all.push(machines(texts, asked, view));
        }
        Board::Quality => {
            let about = texts.t("dashboard-about-first_pass");
            all.push(Chart { note: about, ..line(&[Kpi::FirstPass]) });
            all.push(bars("dashboard-rejects", &view.rejects, true, (Kpi::Rejects, "reason")));
            all.push(bars("dashboard-outside", &view.outside, false, (Kpi::Outside, "reading")));
        }
        Board::Receiving => {
            all.push(line(&[Kpi::Received]));
            all.push(bars("dashboard-suppliers", &view.suppliers, false, (Kpi::IncomingPass, "supplier")));
            all.push(bars("dashboard-receipts", &view.receipts, true, (Kpi::Received, "supplier")));
        }
    }
    all
}

fn of_day(point: &DayPoint, kpi: Kpi) -> Option<Decimal> {
    match kpi {
        Kpi::Received => point.received.map(Decimal::from),
        Kpi::Operations => point.operations.map(Decimal::from),
        Kpi::Packed => point.packed.map(Decimal::from),
        Kpi::Dispatched => point.dispatched.map(Decimal::from),
        Kpi::Rejects => point.rejects.map(Decimal::from),
        Kpi::FirstPass => point.first_pass,
        _ => None,
    }
}

fn line(texts: &Texts, asked: &Asked, view: &View, kpis: &[Kpi]) -> Chart {
    let name = |kpi: &Kpi| texts.t(&format!("kpi-{}", kpi.name()));
    let href = |kpi: Kpi, day: &NaiveDate| {
        let day = day.to_string();
        let day = Asked { period: String::new(), from: day.clone(), to: day, ..asked.clone() };
        events_of(kpi, &day, &[])
    };
    // A day without data is a gap in the line, and a word in the table.
    let number = |n: Option<Decimal>| n.map_or(Value::Null, |n| float(&n));
    let series: Vec<Value> = kpis
        .iter()
        .map(|kpi| {
            let values: Vec<Value> = view.days.iter().map(|point| number(of_day(point, *kpi))).collect();
            let links: Vec<String> = view.days.iter().map(|point| href(*kpi, &point.day)).collect();
            json!({ "name": name(kpi), "values": values, "links": links })
        })
        .collect();
    let labels: Vec<String> = view.days.iter().map(|point| texts.day(&point.day)).collect();
    let rows = view
        .days
        .iter()
        .map(|point| {
            let cells = kpis.iter().map(|kpi| match of_day(point, *kpi) {
                Some(n) => Cell { text: self::number(texts, *kpi, &n), href: href(*kpi, &point.day) },
                None => Cell::plain(texts.t("dashboard-no-data")),
            });
            std::iter::once(Cell::plain(texts.day(&point.day))).chain(cells).collect()
        })
        .collect();
    let empty = view.days.iter().all(|point| kpis.iter().all(|kpi| of_day(point, *kpi).is_none()));
    Chart {
        title: texts.t("dashboard-by-day"),
        data: if empty { Value::Null } else { json!({ "kind": "line", "labels": labels, "series": series }) },
        head: std::iter::once(texts.t("dashboard-day")).chain(kpis.iter().map(name)).collect(),
        rows: if empty { Vec::new() } else { rows },
        none: texts.t("dashboard-none-days"),
        note: String::new(),
        of_now: false,
    }
}

fn label(texts: &Texts, bar: &Bar) -> String {
    let mut text = match (bar.code.is_empty(), bar.name.is_empty()) {
        (true, _) => texts.t("dashboard-not-said"),
        (false, true) => bar.code.clone(),
        (false, false) => format!("{} {}", bar.code, bar.name),
    };
    if !bar.plant.is_empty() {
        text = format!("{} {text}", bar.plant);
    }
    text
}

/// Bars; with the share that they and those before them have together, where they are parts
/// of one whole. Each leads to the events of a figure, narrowed to its code.
fn pareto(
    texts: &Texts,
    asked: &Asked,
    title: &str,
    of: &Bars,
    parts: bool,
    (kpi, column): (Kpi, &str),
) -> Chart {
    let bars = &of.bars;
    let shown = |share: Option<Decimal>| {
        share.map_or_else(|| texts.t("dashboard-no-data"), |n| format!("{} %", texts.quantity(&n)))
    };
    let (mut labels, mut counts, mut shares, mut links, mut rows) = (vec![], vec![], vec![], vec![], vec![]);
    let mut so_far = 0;
    for bar in bars {
        so_far += bar.count;
        let share = percent(if parts { so_far } else { bar.count }, bar.of);
        let href = bar_href(asked, bar, kpi, column);
        let text = label(texts, bar);
        if labels.len() < DRAWN {
            labels.push(text.clone());
            counts.push(bar.count);
            shares.push(share.map_or(Value::Null, |n| float(&n)));
            links.push(href.clone());
        }
        let plain = [texts.number(bar.count), texts.number(bar.of), shown(share)].map(Cell::plain);
        rows.push(std::iter::once(Cell { text, href }).chain(plain).collect());
    }
    let all = i64::try_from(bars.len()).unwrap_or(i64::MAX).saturating_add(of.left_out);
    let others = |n: i64| texts.t1("dashboard-others", "count", texts.number(n));
    if of.left_out > 0 {
        let cells = [others(of.left_out), texts.number(of.left_out_count), String::new(), String::new()];
        rows.push(cells.map(Cell::plain).into());
    }
    let mut note = String::new();
    if bars.len() > DRAWN {
        let drawn = i64::try_from(DRAWN).unwrap_or(i64::MAX);
        // Parts of a whole are drawn to its end.
        if parts {
            labels.push(others(all - drawn));
            let listed: i64 = bars.iter().skip(DRAWN).map(|bar| bar.count).sum();
            counts.push(listed + of.left_out_count);
            shares.push(Value::from(100));
            links.push(String::new());
        }
        let (drawn, all) = (texts.number(drawn), texts.number(all));
        note =
            texts.with("dashboard-drawn", &[("drawn", drawn.as_str().into()), ("all", all.as_str().into())]);
    }
    let share = texts.t(if parts { "dashboard-share-together" } else { "dashboard-share" });
    let data = json!({
        "kind": "pareto", "labels": labels, "count": texts.t("dashboard-count"), "counts": counts,
        "share": share, "shares": shares, "links": links,
    });
    Chart {
        title: title.to_owned(),
        data: if bars.is_empty() { Value::Null } else { data },
        head: vec![texts.t("dashboard-what"), texts.t("dashboard-count"), texts.t("dashboard-of"), share],
        rows,
        none: texts.t("dashboard-none-bars"),
        note,
        of_now: false,
    }
}

/// Where the events of a bar are listed; codes of a plant's own at that plant.
fn bar_href(asked: &Asked, bar: &Bar, kpi: Kpi, column: &str) -> String {
    let mut asked = asked.clone();
    if !bar.plant.is_empty() {
        asked.plant.clone_from(&bar.plant);
    }
    let code = if bar.code.is_empty() { NOT_SAID } else { &bar.code };
    events_of(kpi, &asked, &[(column, code)])
}

fn machines(texts: &Texts, asked: &Asked, view: &View) -> Chart {
    let title = texts.t("dashboard-machines");
    let mut chart = pareto(texts, asked, &title, &view.machines, false, (Kpi::Records, "machine"));
    chart.none = texts.t("dashboard-none-machines");
    let about = texts.t("dashboard-about-machines");
    chart.note = [about, chart.note].join(" ").trim().to_owned();
    chart
}

fn wip(texts: &Texts, asked: &Asked, view: &View) -> Chart {
    let stage = |name: &str| texts.or(&format!("trace-stage-{name}"), name);
    let ages = [
        (Age::Day, "dashboard-age-day"),
        (Age::ThreeDays, "dashboard-age-three"),
        (Age::Week, "dashboard-age-week"),
        (Age::Older, "dashboard-age-older"),
    ];
    let of = |row: &service::Wip, age: Age| match age {
        Age::Day => row.day,
        Age::ThreeDays => row.three_days,
        Age::Week => row.week,
        Age::Older => row.older,
    };
    let href = |row: &service::Wip, age: &str| {
        events_of(Kpi::Wip, asked, &[("stage", row.stage.as_str()), ("age", age)])
    };
    let series: Vec<Value> = ages
        .iter()
        .map(|(age, key)| {
            let values: Vec<i64> = view.wip.iter().map(|row| of(row, *age)).collect();
            let links: Vec<String> = view.wip.iter().map(|row| href(row, age.name())).collect();
            json!({ "name": texts.t(key), "values": values, "links": links })
        })
        .collect();
    let labels: Vec<String> = view.wip.iter().map(|row| stage(&row.stage)).collect();
    let rows = view
        .wip
        .iter()
        .map(|row| {
            let mut cells = vec![
                Cell::plain(stage(&row.stage)),
                Cell { text: texts.number(row.total), href: href(row, "") },
            ];
            cells.extend(ages.map(|(age, _)| match of(row, age) {
                0 => Cell::plain(texts.number(0)),
                n => Cell { text: texts.number(n), href: href(row, age.name()) },
            }));
            cells
        })
        .collect();
    let mut head = vec![texts.t("dashboard-stage"), texts.t("dashboard-count")];
    head.extend(ages.map(|(_, key)| texts.t(key)));
    Chart {
        title: texts.t("dashboard-wip"),
        data: if view.wip.is_empty() {
            Value::Null
        } else {
            json!({ "kind": "stack", "labels": labels, "series": series })
        },
        head,
        rows,
        none: texts.t("dashboard-none-wip"),
        note: texts.t("dashboard-about-wip"),
        of_now: true,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use platform::i18n::{I18n, Lang};

    use super::*;

    #[test]
    fn no_sign_of_a_change_stands_without_what_it_is() {
        let texts = Texts::new(Arc::new(I18n::new().with_all(crate::TEXTS)), Lang::En);
        let said = |change: fn(Decimal) -> Change, by: &str| {
            changed(&texts, Kpi::Packed, change(by.parse().unwrap()))
        };
        assert_eq!(said(Change::FromNothing, "12"), "▲ 12");
        assert_eq!(said(Change::FromNothing, "0"), "= no change");
        assert_eq!(said(Change::Percent, "0"), "= 0 %");
        assert_eq!(said(Change::Percent, "-8.5"), "▼ 8.5 %");
        assert_eq!(said(Change::Points, "4.7"), "▲ 4.7 percentage points");
    }
}
