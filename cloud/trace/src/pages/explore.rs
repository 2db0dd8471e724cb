//! Pages of lots, documents, customers, machines, stations and people, of two units compared,
//! and of a genealogy drawn.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use platform::i18n::Texts;
use platform::web::{AppState, Caller, Path, Problem, Shell, query};
use uuid::Uuid;

use super::items::Items;
use super::say::{self, Zones};
use super::words::{Codes, Words};
use crate::explore::api_places::{CompareQuery, CustomerQuery, PageQuery, PictureQuery, WindowQuery, page};
use crate::explore::compare::{self, Compared, Fact, Said};
use crate::explore::error::TraceError;
use crate::explore::picture::{self, Corner, Drawing, Node, Pictured, Shape};
use crate::explore::places::{self, Customer, Document, LotPage, Passes, Who};
use crate::genealogy::Genealogy;
use crate::rights::{HOLD_PLACE, TRACE_READ};
use axum::Extension;

/// Whether the caller may go to a page of another part, where that part is there.
pub(super) fn leads_to(state: &AppState, caller: &Caller, href: &str) -> bool {
    state.nav.iter().any(|item| item.href == href && item.is_for(caller))
}

/// A window around a moment, as parameters.
pub(super) fn around(at: &DateTime<Utc>) -> String {
    window(*at - Duration::hours(1), *at + Duration::hours(1))
}

fn window(from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    format!("from={}&to={}", say::encoded(&text(from)), say::encoded(&text(to)))
}

#[derive(Template)]
#[template(path = "lot.html")]
struct Lot<'a> {
    texts: &'a Texts,
    zones: Zones,
    page: LotPage,
    items: Items,
    /// At which plants its deliveries are.
    delivered: String,
    holds: bool,
    recalls: bool,
}

/// `GET /trace/lot/{id}`
pub(super) async fn lot(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let asked = query::<PageQuery>(&uri)?;
    let asked = page(asked.after, asked.limit);
    let (page, zones) = state
        .db
        .tx(&caller.at(&TRACE_READ), async |tx| {
            Ok::<_, TraceError>((
                places::lot_in(tx, id, &asked, Utc::now()).await?,
                Zones::read(tx, caller.zone).await?,
            ))
        })
        .await
        .map_err(|error| say::problem(&caller.texts, error))?;
    let title = caller.texts.t1("trace-lot-title", "lot", &page.lot.supplier_lot);
    let recalls = leads_to(&state, &caller, "/recalls");
    let delivered = say::delivered(&caller.texts, &page.deliveries);
    let holds = caller.may(&HOLD_PLACE);
    let items = Items::read(&state.db, &caller.cx, [page.lot.item.as_str()]).await?;
    Shell::new(&state, &caller, title, "/trace")
        .under("/trace", caller.t("trace-search-title"))
        .page(&headers, &Lot { texts: &caller.texts, zones, page, items, delivered, holds, recalls })
}

#[derive(Template)]
#[template(path = "document.html")]
struct DocumentPage<'a> {
    texts: &'a Texts,
    zones: Zones,
    words: Words,
    page: Document,
}

/// `GET /trace/document/{type}/{number}`
pub(super) async fn document(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path((kind, number)): Path<(String, String)>,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let asked = query::<PageQuery>(&uri)?;
    let asked = page(asked.after, asked.limit);
    let (page, zones) = state
        .db
        .tx(&caller.at(&TRACE_READ), async |tx| {
            let page = places::document_in(tx, &kind, &number, &asked, Utc::now()).await?;
            Ok::<_, TraceError>((page, Zones::read(tx, caller.zone).await?))
        })
        .await
        .map_err(|error| say::problem(&caller.texts, error))?;
    let mut codes = Codes::of_passes(&page.passes);
    codes.orders(&page.order);
    let words = Words::read(&state, &caller, &codes).await?;
    Shell::new(&state, &caller, page.number.clone(), "/trace")
        .under("/trace", caller.t("trace-search-title"))
        .page(&headers, &DocumentPage { texts: &caller.texts, zones, words, page })
}

#[derive(Template)]
#[template(path = "customer.html")]
struct CustomerPage<'a> {
    texts: &'a Texts,
    zones: Zones,
    words: Words,
    page: Customer,
    /// Where this page of orders began.
    after_order: String,
}

impl CustomerPage<'_> {
    /// By what it is known: its name, or the code of one that only documents name.
    fn title(&self) -> &str {
        if self.page.name.is_empty() { &self.page.code } else { &self.page.name }
    }
}

/// `GET /trace/customer/{code}`
pub(super) async fn customer(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(code): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let asked = query::<CustomerQuery>(&uri)?;
    let (after_order, asked) = (asked.after_order, page(asked.after, asked.limit));
    let (page, zones) = state
        .db
        .tx(&caller.at(&TRACE_READ), async |tx| {
            let page = places::customer_in(tx, &code, &after_order, &asked, Utc::now()).await?;
            Ok::<_, TraceError>((page, Zones::read(tx, caller.zone).await?))
        })
        .await
        .map_err(|error| say::problem(&caller.texts, error))?;
    let mut codes = Codes::of_passes(&page.passes);
    codes.orders(&page.orders);
    let words = Words::read(&state, &caller, &codes).await?;
    let view = CustomerPage { texts: &caller.texts, zones, words, page, after_order };
    Shell::new(&state, &caller, view.title(), "/trace")
        .under("/trace", caller.t("trace-search-title"))
        .page(&headers, &view)
}

#[derive(Template)]
#[template(path = "window.html")]
struct Window<'a> {
    texts: &'a Texts,
    zones: Zones,
    words: Words,
    page: Passes,
    /// Plants that have a machine or a station of this code.
    plants: Vec<String>,
    suspects: bool,
    /// What is wrong with the window that was asked for.
    error: Option<String>,
    /// The bounds as a form shows them.
    from: String,
    to: String,
}

impl Window<'_> {
    /// The window of this page, and its plant, as parameters.
    fn same(&self) -> String {
        self.at(&self.page.plant)
    }

    /// The window of this page at a plant, as parameters.
    fn at(&self, plant: &str) -> String {
        let window = window(self.page.from, self.page.to);
        match plant {
            "" => window,
            plant => format!("{window}&plant={}", say::encoded(plant)),
        }
    }

    /// The day that ends with a moment, and the plant, as parameters.
    fn until(&self, last: &DateTime<Utc>) -> String {
        let end = *last + Duration::seconds(1);
        let window = window(end - Duration::days(1), end);
        match self.page.plant.as_str() {
            "" => window,
            plant => format!("{window}&plant={}", say::encoded(plant)),
        }
    }

    /// Whose page it is: a person by name.
    fn called(&self) -> &str {
        let code = self.page.code.as_str();
        if self.page.kind == "operator" { self.words.person(code) } else { code }
    }

    /// Units with a reading out of its limits on this page.
    fn outside(&self) -> usize {
        self.page.passes.iter().map(places::Pass::outside).sum()
    }
}

/// `GET /trace/machine/{code}`
pub(super) async fn machine(
    state: State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(code): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    passes(&state, &caller, &headers, Who::Machine, &code, &uri).await
}

/// `GET /trace/station/{code}`
pub(super) async fn station(
    state: State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(code): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    passes(&state, &caller, &headers, Who::Station, &code, &uri).await
}

/// `GET /trace/operator/{code}`
pub(super) async fn operator(
    state: State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(code): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    passes(&state, &caller, &headers, Who::Operator, &code, &uri).await
}

/// Of the plants that have a machine or a station of one code the one that is meant: the one
/// asked for, else the one in focus, else the only one; empty for all of them. Pure.
fn meant(asked: &str, focus: Option<&str>, plants: &[String]) -> String {
    if !asked.is_empty() {
        return asked.to_owned();
    }
    let focus = focus.filter(|focus| plants.iter().any(|plant| plant == focus));
    let only = if let [only] = plants { Some(only.as_str()) } else { None };
    focus.or(only).unwrap_or_default().to_owned()
}

async fn passes(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    who: Who,
    code: &str,
    uri: &Uri,
) -> Result<Response, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let asked = query::<WindowQuery>(uri)?;
    let at = page(asked.after, asked.limit);
    let (page, plants, zones, zone, error) = state
        .db
        .tx(&caller.at(&TRACE_READ), async |tx| {
            let now = Utc::now();
            // A person is one wherever; a machine and a station are of one plant.
            let (plants, plant) = match who {
                Who::Operator => (Vec::new(), asked.plant.clone()),
                Who::Machine | Who::Station => {
                    let plants = places::plants_of(tx, who, code).await?;
                    let plant = meant(&asked.plant, caller.settings.focus.as_deref(), &plants);
                    (plants, plant)
                }
            };
            // Where the clocks of plants differ, what is typed on the page is by the reader's.
            let zone = places::clock_of(tx, who, code, &plant).await?.unwrap_or(caller.zone);
            // A window that is none is told beside the usual one.
            let (span, error) = match places::window_of(&asked.from, &asked.to, Some(zone), now) {
                Ok(span) => (span, None),
                Err(error) => (places::window_of("", "", Some(zone), now)?, error.field()),
            };
            let mut page = places::passes_in(tx, (who, code, &plant), span, &at, now).await?;
            if plant.is_empty() && plants.len() > 1 {
                // What several plants did is called by none of them.
                (page.plant, page.name) = (String::new(), String::new());
            }
            Ok::<_, TraceError>((page, plants, Zones::read(tx, caller.zone).await?, zone, error))
        })
        .await
        .map_err(|error| say::problem(&caller.texts, error))?;
    let local = |at: DateTime<Utc>| at.with_timezone(&zone).format("%Y-%m-%dT%H:%M").to_string();
    let mut codes = Codes::of_passes(&page.passes);
    if who == Who::Operator {
        codes.person(&page.code);
    }
    let view = Window {
        texts: &caller.texts,
        zones,
        words: Words::read(state, caller, &codes).await?,
        suspects: leads_to(state, caller, "/suspects"),
        error: error.map(|_| match places::when::no_such(&asked.from).or(places::when::no_such(&asked.to)) {
            Some(when) => caller.texts.t1("trace-window-no-such", "when", when),
            None => caller.t("trace-window-wrong"),
        }),
        from: local(page.from),
        to: local(page.to),
        page,
        plants,
    };
    let title = view.called().to_owned();
    Shell::new(state, caller, title, "/trace")
        .under("/trace", caller.t("trace-search-title"))
        .page(headers, &view)
}

#[derive(Template)]
#[template(path = "compare.html")]
struct ComparePage<'a> {
    texts: &'a Texts,
    zones: Zones,
    words: Words,
    a: &'a str,
    b: &'a str,
    error: Option<String>,
    found: Option<Compared>,
}

impl ComparePage<'_> {
    /// What the first unit and the second say, and the part of each of which it is said.
    fn sides<'b>(&self, fact: &'b Fact) -> [(Option<&'b str>, &'b [Said]); 2] {
        let part = fact.part.as_ref();
        [(part.map(|part| part.a.as_str()), &fact.a), (part.map(|part| part.b.as_str()), &fact.b)]
    }

    /// What a fact is called.
    fn name(&self, kind: &str, fact: &Fact) -> String {
        match kind {
            "unit" => self.texts.t(&format!("trace-compare-{}", fact.name)),
            "parts" => self.words.item(self.texts, &fact.name),
            _ => {
                let name = self.texts.or(&format!("trace-stage-{}", fact.name), &fact.name);
                if fact.of.is_empty() {
                    name
                } else {
                    format!("{} · {name}", self.texts.or(&format!("trace-stage-{}", fact.of), &fact.of))
                }
            }
        }
    }

    /// What one side says, as people do.
    fn said(&self, kind: &str, fact: &Fact, said: &Said) -> String {
        let t = self.texts;
        match (kind, fact.name.as_str()) {
            ("unit", "item") => self.words.item(t, &said.text),
            ("unit", "hold") => self.words.reason(t, &said.text),
            ("operators", _) => self.words.person(&said.text).to_owned(),
            ("unit", "life" | "quality" | "custody") => say::name(t, &fact.name, &said.text),
            ("inspections", _) => say::name(t, "outcome", &said.text),
            ("parts", _) if said.text.is_empty() => t.t("trace-compare-no-lot"),
            ("times", _) => match said.seconds {
                Some(seconds) => t.count("trace-compare-minutes", (seconds + 30) / 60),
                None => String::new(),
            },
            _ => said.text.clone(),
        }
    }
}

/// `GET /trace/compare?a=&b=`
pub(super) async fn compared(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let asked = query::<CompareQuery>(&uri)?;
    let both = !asked.a.trim().is_empty() && !asked.b.trim().is_empty();
    let (found, zones) = state
        .db
        .tx(&caller.at(&TRACE_READ), async |tx| {
            let zones = Zones::read(tx, caller.zone).await?;
            let found = match both {
                true => Some(compare::compare_in(tx, &genealogy, &asked.a, &asked.b, Utc::now()).await),
                false => None,
            };
            match found {
                Some(Err(TraceError::Db(error))) => Err(TraceError::Db(error)),
                found => Ok((found, zones)),
            }
        })
        .await?;
    let (found, error) = match found {
        Some(Ok(found)) => (Some(found), None),
        Some(Err(TraceError::Parameter { .. })) => (None, Some(caller.t("trace-compare-same-unit"))),
        Some(Err(error)) => {
            let problem = Problem::from(error);
            (None, Some(caller.t(&problem.text_key())))
        }
        None => (None, None),
    };
    let codes = found.as_ref().map(|found| Codes::of_comparison(&found.comparison)).unwrap_or_default();
    let words = Words::read(&state, &caller, &codes).await?;
    let view = ComparePage { texts: &caller.texts, zones, words, a: &asked.a, b: &asked.b, error, found };
    Shell::new(&state, &caller, caller.t("trace-compare-title"), "/trace")
        .under("/trace", caller.t("trace-search-title"))
        .page(&headers, &view)
}

#[derive(Template)]
#[template(path = "picture.html")]
struct PicturePage<'a> {
    texts: &'a Texts,
    zones: Zones,
    found: Pictured,
    items: Items,
    asked: PictureQuery,
    narrow: Drawing,
    wide: Drawing,
}

impl PicturePage<'_> {
    /// The drawing for a phone and the one for a desk, with the class of each.
    fn drawings(&self) -> [(&'static str, &Drawing); 2] {
        [("tr-narrow", &self.narrow), ("tr-wide", &self.wide)]
    }

    /// Boxes with their places.
    fn placed<'b>(&'b self, drawing: &'b Drawing) -> Vec<(&'b Node, &'b Corner)> {
        self.found.picture.nodes.iter().zip(&drawing.boxes).collect()
    }

    fn node(&self, number: &usize) -> &Node {
        &self.found.picture.nodes[*number]
    }

    /// Boxes on which one hangs, by their places: the first five.
    fn nearer(&self, number: &usize) -> Vec<&Node> {
        let lines = self.found.picture.lines.iter().filter(|line| line.to == *number);
        lines.take(5).map(|line| self.node(&line.from)).collect()
    }

    /// This picture with other groups open.
    fn with(&self, open: &str, level: &i32) -> String {
        let built = if self.asked.as_built { "&as_built=true" } else { "" };
        let depth = self.asked.depth.map(|depth| format!("&depth={depth}")).unwrap_or_default();
        let (uid, way) = (&self.found.uid, self.found.direction);
        let open = if open.is_empty() { String::new() } else { format!("&open={}", say::encoded(open)) };
        format!("/trace/{uid}/picture?direction={way}{built}{depth}{open}#level-{level}")
    }

    /// What is open, without one group.
    fn without(&self, id: &str) -> String {
        let open = picture::opened(&self.asked.open);
        let rest: Vec<String> = open.iter().filter(|one| one.id != id).map(|one| one.text()).collect();
        rest.join(",")
    }

    /// Where a box leads.
    fn href(&self, node: &Node) -> String {
        let id = match node.shape {
            Shape::Start | Shape::Unit => {
                return format!("/trace/{}", node.uid.as_deref().unwrap_or_default());
            }
            Shape::Group | Shape::Others => Some(node.id.as_str()),
            Shape::Rest => node.next.as_deref(),
        };
        let mut open = self.without(&node.id);
        if let Some(id) = id {
            // The newest one first: when too many are open the oldest closes.
            open = if open.is_empty() { id.to_owned() } else { format!("{id},{open}") };
        }
        self.with(&open, &node.level)
    }

    /// Without the group that is open.
    fn closed(&self, node: &Node) -> String {
        self.with(&self.without(&node.id), &node.level)
    }

    /// The name of a box.
    fn name(&self, node: &Node) -> String {
        match (node.shape, &node.uid) {
            (Shape::Start | Shape::Unit, Some(uid)) => uid.get(9..).unwrap_or(uid).to_owned(),
            (Shape::Others, _) => self.texts.count("trace-picture-items", node.groups),
            _ if node.item.is_empty() => format!("{} ({})", self.texts.t("trace-unknown"), node.kind),
            _ => self.items.say(self.texts, &node.item, ""),
        }
    }

    /// A text that fits a box.
    fn short(&self, text: String) -> String {
        if text.chars().count() <= 19 { text } else { text.chars().take(18).chain(['…']).collect() }
    }

    /// As [`Self::count`], where there is room for what the item of a unit is called.
    fn told(&self, node: &Node) -> String {
        match node.shape {
            Shape::Start | Shape::Unit => {
                say::joined(&[&self.items.say(self.texts, &node.item, ""), &node.plant])
            }
            Shape::Rest | Shape::Group | Shape::Others => self.count(node),
        }
    }

    /// How many, or of a unit its item and plant.
    fn count(&self, node: &Node) -> String {
        match node.shape {
            Shape::Start | Shape::Unit => [node.item.as_str(), &node.plant].join(" ").trim().to_owned(),
            Shape::Rest => self.texts.count("trace-picture-rest", node.count),
            Shape::Group | Shape::Others => self.texts.count("trace-picture-units", node.count),
        }
    }

    /// What is to be noted of a box: shapes before the counts, for a drawing.
    fn marks(&self, node: &Node) -> String {
        let number = |count: usize| if node.count == 1 { String::new() } else { self.texts.number(count) };
        [("■", node.held), ("▲", node.rejected), ("✕", node.scrapped), ("↻", node.cyclic)]
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(mark, count)| format!("{mark}{}", number(count)))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The same in words, for the list.
    fn noted(&self, node: &Node) -> Vec<(String, &'static str)> {
        [
            ("■", "trace-picture-held", node.held, "bg-red-lt"),
            ("▲", "trace-picture-rejected", node.rejected, "bg-red-lt"),
            ("✕", "trace-picture-scrapped", node.scrapped, "bg-secondary-lt"),
            ("↻", "trace-picture-cyclic", node.cyclic, "bg-red-lt"),
        ]
        .into_iter()
        .filter(|(_, _, count, _)| *count > 0)
        .map(|(mark, key, count, colour)| (format!("{mark} {}", self.texts.count(key, count)), colour))
        .collect()
    }
}

/// `GET /trace/{uid}/picture?direction=&open=`
pub(super) async fn picture(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    headers: HeaderMap,
    Path(uid): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let asked = query::<PictureQuery>(&uri)?;
    let wish = asked.wish();
    let (found, zones) = state
        .db
        .tx(&caller.at(&TRACE_READ), async |tx| {
            let found =
                picture::picture_in(tx, &genealogy, &uid, asked.direction()?, &wish, Utc::now()).await?;
            Ok::<_, TraceError>((found, Zones::read(tx, caller.zone).await?))
        })
        .await
        .map_err(|error| say::problem(&caller.texts, error))?;
    let (narrow, wide) = (picture::draw(&found.picture, 2), picture::draw(&found.picture, 5));
    let title = caller.texts.t1("trace-picture-title", "uid", &found.uid);
    let codes = found.picture.nodes.iter().map(|node| node.item.as_str());
    let items = Items::read(&state.db, &caller.cx, codes).await?;
    let view = PicturePage { texts: &caller.texts, zones, found, items, asked, narrow, wide };
    Shell::new(&state, &caller, title, "/trace")
        .under("/trace", caller.t("trace-search-title"))
        .under(format!("/trace/{}", view.found.uid), &*view.found.uid)
        .page(&headers, &view)
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn a_machine_is_the_one_asked_for_then_the_one_in_focus_then_the_only_one() {
        let [kol, vsk] = ["KOL", "VSK"].map(str::to_owned);
        let both = [kol.clone(), vsk];
        assert_eq!(meant("KOL", Some("VSK"), &both), "KOL");
        assert_eq!(meant("", Some("VSK"), &both), "VSK");
        assert_eq!(meant("", Some("GUJ"), &both), "");
        assert_eq!(meant("", None, &both), "");
        assert_eq!(meant("", Some("VSK"), std::slice::from_ref(&kol)), "KOL");
        assert_eq!((meant("", Some("VSK"), &[]), meant("", None, &[kol])), (String::new(), "KOL".to_owned()));
    }
}
