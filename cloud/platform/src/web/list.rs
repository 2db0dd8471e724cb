//! Lists as every module shows them: what a page declares, and the one template that
//! draws it. A table at a desk, cards on a phone, walked through by keyboard, paged
//! without the frame, and printed without its buttons.
//!
//! ```ignore
//! let list = List::new(&caller.texts, "/gate")
//!     .head(caller.t("gate-title"), caller.t("gate-lead"))
//!     .columns([Column::new("gate-vehicle"), Column::new("gate-entered")])
//!     .rows(passes.iter().map(|pass| Row::new([Cell::code(&pass.vehicle), …])))
//!     .empty(caller.t("gate-none"))
//!     .next(next.map(|next| address("/gate", &[("after", &next)])));
//! Shell::new(&state, &caller, caller.t("gate-title"), "/gate").page(&headers, &list)
//! ```
//!
//! A page with more than its list has it as a field, and `{{ list|safe }}` in its template.

use askama::Template;

use super::escape::escaped;
use crate::i18n::Texts;
use crate::views::Menu;

/// The address of a page with what it is asked for; what is empty is left out.
#[must_use]
pub fn address(path: &str, asked: &[(&str, &str)]) -> String {
    let asked: Vec<String> = asked
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}", escaped(value, b"-_./:")))
        .collect();
    if asked.is_empty() { path.to_owned() } else { format!("{path}?{}", asked.join("&")) }
}

/// A list: it is a template, so a page can be one, or hold one.
#[derive(Debug, Clone, Template)]
#[template(path = "web/list.html")]
pub struct List<'a> {
    texts: &'a Texts,
    path: String,
    title: String,
    lead: String,
    above: String,
    actions: Vec<Action>,
    menu: Option<Menu>,
    exports: Vec<(String, String)>,
    tabs_label: String,
    tabs: Vec<Vec<Tab>>,
    search: Option<(String, String)>,
    filters: Vec<Filter>,
    kept: Vec<(String, String)>,
    columns: Vec<Column>,
    rows: Vec<Row>,
    empty: String,
    teaches: String,
    narrowed: bool,
    still: bool,
    all: String,
    first: Option<String>,
    next: Option<String>,
}

impl<'a> List<'a> {
    /// The list at this address.
    #[must_use]
    pub fn new(texts: &'a Texts, path: impl Into<String>) -> Self {
        let path = path.into();
        Self {
            texts,
            all: path.clone(),
            path,
            title: String::new(),
            lead: String::new(),
            above: String::new(),
            actions: Vec::new(),
            menu: None,
            exports: Vec::new(),
            tabs_label: String::new(),
            tabs: Vec::new(),
            search: None,
            filters: Vec::new(),
            kept: Vec::new(),
            columns: Vec::new(),
            rows: Vec::new(),
            empty: String::new(),
            teaches: String::new(),
            narrowed: false,
            still: false,
            first: None,
            next: None,
        }
    }

    /// Its title and what it is for. Without it the page has a head of its own, and
    /// shows what can be done itself.
    #[must_use]
    pub fn head(mut self, title: impl Into<String>, lead: impl Into<String>) -> Self {
        (self.title, self.lead) = (title.into(), lead.into());
        self
    }

    /// What stands between its head and what it can be narrowed by, as markup: what was
    /// done, a form. It is put in as it is, so it comes from a template.
    #[must_use]
    pub fn above(mut self, markup: impl Into<String>) -> Self {
        self.above = markup.into();
        self
    }

    /// What one can do here.
    #[must_use]
    pub fn actions(mut self, actions: impl IntoIterator<Item = Action>) -> Self {
        self.actions.extend(actions);
        self
    }

    /// The views that people keep of it ([`crate::views`]).
    #[must_use]
    pub fn views(mut self, menu: Menu) -> Self {
        self.menu = Some(menu);
        self
    }

    /// Addresses of the same list as files, and what each is called.
    #[must_use]
    pub fn exports(mut self, exports: impl IntoIterator<Item = (String, String)>) -> Self {
        self.exports.extend(exports);
        self
    }

    /// Parts of the list that one goes to at once, in groups; `label` says what they are.
    #[must_use]
    pub fn tabs(mut self, label: impl Into<String>, groups: impl IntoIterator<Item = Vec<Tab>>) -> Self {
        self.tabs_label = label.into();
        self.tabs.extend(groups);
        self
    }

    /// It can be searched (`q`): what is searched now, and what one can type.
    #[must_use]
    pub fn search(mut self, now: impl Into<String>, hint: impl Into<String>) -> Self {
        let now = now.into();
        self.narrowed |= !now.is_empty();
        self.search = Some((now, hint.into()));
        self
    }

    /// What it can be narrowed by.
    #[must_use]
    pub fn filters(mut self, filters: impl IntoIterator<Item = Filter>) -> Self {
        self.filters.extend(filters);
        self.narrowed |= self.filters.iter().any(|filter| !filter.chosen.is_empty());
        self
    }

    /// What its filters carry along besides: the tab, the view.
    #[must_use]
    pub fn kept<N: Into<String>, V: Into<String>>(mut self, kept: impl IntoIterator<Item = (N, V)>) -> Self {
        self.kept.extend(kept.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Its columns, in order.
    #[must_use]
    pub fn columns(mut self, columns: impl IntoIterator<Item = Column>) -> Self {
        let said = |column: Column| match column.key {
            Some(key) => Column { label: self.texts.t(key), ..column },
            None => column,
        };
        self.columns = columns.into_iter().map(said).collect();
        self
    }

    /// Its rows, each with a cell for every column.
    #[must_use]
    pub fn rows(mut self, rows: impl IntoIterator<Item = Row>) -> Self {
        self.rows = rows.into_iter().collect();
        self
    }

    /// What is said while there is nothing in it.
    #[must_use]
    pub fn empty(mut self, said: impl Into<String>) -> Self {
        self.empty = said.into();
        self
    }

    /// How it comes that something is in it; said with [`List::empty`], with the actions
    /// by which one begins.
    #[must_use]
    pub fn teaches(mut self, how: impl Into<String>) -> Self {
        self.teaches = how.into();
        self
    }

    /// Rows that are only read, within a page whose keys are for something else: `j` and `k`
    /// do not stop at them.
    #[must_use]
    pub fn still(mut self) -> Self {
        self.still = true;
        self
    }

    /// Whether only a part of it was asked for, so that another may hold something. By
    /// itself: when it is searched or a filter is chosen. `all` is where all of it is.
    #[must_use]
    pub fn narrowed(mut self, narrowed: bool, all: impl Into<String>) -> Self {
        (self.narrowed, self.all) = (narrowed, all.into());
        self
    }

    /// Where the list begins, on a later page of it.
    #[must_use]
    pub fn first(mut self, first: Option<String>) -> Self {
        self.first = first;
        self
    }

    /// The address of the next page, if there is one.
    #[must_use]
    pub fn next(mut self, next: Option<String>) -> Self {
        self.next = next;
        self
    }

    fn asks(&self) -> bool {
        self.search.is_some() || !self.filters.is_empty()
    }

    /// Whether there are more filters than a phone has room for above the rows: there they
    /// are folded away, unless one is set.
    fn folds(&self) -> bool {
        self.filters.len() > 2
    }

    /// How many filters are set.
    fn filters_set(&self) -> usize {
        self.filters.iter().filter(|filter| !filter.chosen.is_empty()).count()
    }

    /// Whether an empty list offers something.
    fn begins(&self) -> bool {
        self.actions.iter().any(|action| action.begins)
    }

    fn has_actions(&self) -> bool {
        !self.actions.is_empty() || self.menu.is_some() || !self.exports.is_empty()
    }

    /// What the column of this place is called, for cards.
    fn label(&self, at: &usize) -> &str {
        self.columns.get(*at).map(|column| column.label.as_str()).unwrap_or_default()
    }

    fn is_number(&self, at: &usize) -> bool {
        self.columns.get(*at).is_some_and(|column| column.number)
    }
}

/// Something that can be done on a page: a button that leads elsewhere.
#[derive(Debug, Clone)]
pub struct Action {
    href: String,
    text: String,
    icon: Option<&'static str>,
    main: bool,
    begins: bool,
    here: bool,
}

impl Action {
    /// Leads there.
    #[must_use]
    pub fn to(href: impl Into<String>, text: impl Into<String>) -> Self {
        Self { href: href.into(), text: text.into(), icon: None, main: false, begins: false, here: false }
    }

    /// It is what most people come for; an empty list offers it too.
    #[must_use]
    pub fn main(mut self) -> Self {
        (self.main, self.begins) = (true, true);
        self
    }

    /// An empty list offers it too.
    #[must_use]
    pub fn begins(mut self) -> Self {
        self.begins = true;
        self
    }

    /// With an icon, one of those in `web/icon.rs`.
    #[must_use]
    pub fn icon(mut self, name: &'static str) -> Self {
        self.icon = Some(name);
        self
    }

    /// It leads to where one is, if `here`.
    #[must_use]
    pub fn here(mut self, here: bool) -> Self {
        self.here = here;
        self
    }
}

/// A part of a list.
#[derive(Debug, Clone)]
pub struct Tab {
    href: String,
    text: String,
    here: bool,
}

impl Tab {
    /// A part, where it is, and whether it is shown.
    #[must_use]
    pub fn new(href: impl Into<String>, text: impl Into<String>, here: bool) -> Self {
        Self { href: href.into(), text: text.into(), here }
    }
}

/// Something that a list is narrowed by.
#[derive(Debug, Clone)]
pub struct Filter {
    name: String,
    label: String,
    chosen: String,
    /// Values and what they are called; none where one has to be typed.
    choices: Vec<(String, String)>,
    /// What it is called when none of them is chosen.
    any: Option<String>,
    kind: Typed,
    hint: String,
    longest: u16,
    /// Values that are offered while one types, and what they are called.
    offers: Vec<(String, String)>,
    /// Where those are that fit what is typed.
    more: Option<String>,
}

/// What is typed into a filter that offers no values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Typed {
    Text,
    Date,
    Number,
    Tick,
}

impl Filter {
    /// A text that is typed.
    #[must_use]
    pub fn text(name: impl Into<String>, label: impl Into<String>, chosen: impl Into<String>) -> Self {
        let (name, label, chosen) = (name.into(), label.into(), chosen.into());
        Self {
            name,
            label,
            chosen,
            choices: Vec::new(),
            any: None,
            kind: Typed::Text,
            hint: String::new(),
            longest: 60,
            offers: Vec::new(),
            more: None,
        }
    }

    /// A day.
    #[must_use]
    pub fn date(name: impl Into<String>, label: impl Into<String>, chosen: impl Into<String>) -> Self {
        Self { kind: Typed::Date, ..Self::text(name, label, chosen) }
    }

    /// A number; what is typed is read with [`plain_number`](crate::i18n::plain_number), as
    /// that of a form.
    #[must_use]
    pub fn number(name: impl Into<String>, label: impl Into<String>, chosen: impl Into<String>) -> Self {
        Self { kind: Typed::Number, ..Self::text(name, label, chosen) }
    }

    /// A box that is ticked, or not; the address then says `true`, or nothing.
    #[must_use]
    pub fn tick(name: impl Into<String>, label: impl Into<String>, ticked: bool) -> Self {
        let chosen = if ticked { "true" } else { "" };
        Self { kind: Typed::Tick, ..Self::text(name, label, chosen) }
    }

    /// One of several values. One that is chosen and not among them is shown as it is.
    #[must_use]
    pub fn choice(
        name: impl Into<String>,
        label: impl Into<String>,
        chosen: impl Into<String>,
        choices: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let mut filter = Self { choices: choices.into_iter().collect(), ..Self::text(name, label, chosen) };
        let known = filter.choices.iter().any(|(value, _)| *value == filter.chosen);
        if !filter.chosen.is_empty() && !filter.choices.is_empty() && !known {
            filter.choices.push((filter.chosen.clone(), filter.chosen.clone()));
        }
        filter
    }

    /// What it is called when no value is chosen; else "Any".
    #[must_use]
    pub fn any(mut self, said: impl Into<String>) -> Self {
        self.any = Some(said.into());
        self
    }

    /// What one can type, shown while nothing is typed.
    #[must_use]
    pub fn hint(mut self, said: impl Into<String>) -> Self {
        self.hint = said.into();
        self
    }

    /// The most characters that one can type; else 60.
    #[must_use]
    pub fn longest(mut self, most: u16) -> Self {
        self.longest = most;
        self
    }

    /// Values that are offered while one types, and what they are called; others can be
    /// typed as well.
    #[must_use]
    pub fn offers(mut self, offers: impl IntoIterator<Item = (String, String)>) -> Self {
        self.offers.extend(offers);
        self
    }

    /// An address that answers with the values that fit what is typed, as `<option>`s; it is
    /// sent under the filter's name.
    #[must_use]
    pub fn more(mut self, address: impl Into<String>) -> Self {
        self.more = Some(address.into());
        self
    }

    fn is_date(&self) -> bool {
        self.kind == Typed::Date
    }

    fn is_number(&self) -> bool {
        self.kind == Typed::Number
    }

    fn is_tick(&self) -> bool {
        self.kind == Typed::Tick
    }
}

/// A column of a list.
#[derive(Debug, Clone)]
pub struct Column {
    key: Option<&'static str>,
    label: String,
    number: bool,
    sort: Option<String>,
    order: Option<&'static str>,
}

impl Column {
    /// A column by the key of its text.
    #[must_use]
    pub fn new(key: &'static str) -> Self {
        Self { key: Some(key), ..Self::called("") }
    }

    /// A column by what it is called.
    #[must_use]
    pub fn called(label: impl Into<String>) -> Self {
        Self { key: None, label: label.into(), number: false, sort: None, order: None }
    }

    /// It holds numbers, which stand under each other by their last digit.
    #[must_use]
    pub fn number(mut self) -> Self {
        self.number = true;
        self
    }

    /// It holds numbers, if `number`.
    #[must_use]
    pub fn is_number(mut self, number: bool) -> Self {
        self.number = number;
        self
    }

    /// The list can be sorted by it: the address of it in that order. `now` is
    /// `ascending` or `descending`, where it is.
    #[must_use]
    pub fn sorts(mut self, sort: Option<String>, now: Option<&'static str>) -> Self {
        (self.sort, self.order) = (sort, now);
        self
    }
}

/// A row of a list.
#[derive(Debug, Clone)]
pub struct Row {
    cells: Vec<Cell>,
    href: Option<String>,
    id: String,
    below: Option<String>,
}

impl Row {
    /// A row with these cells.
    #[must_use]
    pub fn new(cells: impl IntoIterator<Item = Cell>) -> Self {
        Self { cells: cells.into_iter().collect(), href: None, id: String::new(), below: None }
    }

    /// Its first cell leads there, as do Enter and the key `o`.
    #[must_use]
    pub fn to(mut self, href: impl Into<String>) -> Self {
        self.href = Some(href.into());
        self
    }

    fn leads(&self) -> &str {
        self.href.as_deref().unwrap_or_default()
    }

    /// An id, for an address that leads to it.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// More of it, under it, as markup: a form, or what is folded away. It is put in as
    /// it is, so it comes from a template, which escapes what people wrote.
    #[must_use]
    pub fn below(mut self, markup: Option<String>) -> Self {
        self.below = markup.filter(|markup| !markup.trim().is_empty());
        self
    }
}

/// What stands in a row under a column.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    text: String,
    code: bool,
    state: Option<&'static str>,
    href: Option<String>,
    soft: String,
    post: Option<String>,
    named: String,
    danger: bool,
    menu: Option<String>,
}

impl Cell {
    /// A text; nothing, where it is empty.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A code, a number of a document, a UID: in letters of one width.
    #[must_use]
    pub fn code(text: impl Into<String>) -> Self {
        Self { code: true, ..Self::text(text) }
    }

    /// A state, and how it looks: `is-good`, `is-warn`, `is-bad`, `is-info` or nothing.
    #[must_use]
    pub fn state(text: impl Into<String>, look: &'static str) -> Self {
        Self { state: Some(look), ..Self::text(text) }
    }

    /// A button that posts there, once.
    #[must_use]
    pub fn button(action: impl Into<String>, text: impl Into<String>) -> Self {
        Self { post: Some(action.into()), ..Self::text(text) }
    }

    /// What the button does to this very row, for who hears the page read.
    #[must_use]
    pub fn named(mut self, said: impl Into<String>) -> Self {
        self.named = said.into();
        self
    }

    /// The button takes something away.
    #[must_use]
    pub fn danger(mut self) -> Self {
        self.danger = true;
        self
    }

    /// A button that unfolds this markup: a form that says more than one click does. It is
    /// put in as it is, so it comes from a template, which escapes what people wrote.
    #[must_use]
    pub fn menu(text: impl Into<String>, markup: impl Into<String>) -> Self {
        Self { menu: Some(markup.into()), ..Self::text(text) }
    }

    /// It leads there.
    #[must_use]
    pub fn to(mut self, href: impl Into<String>) -> Self {
        self.href = Some(href.into());
        self
    }

    /// A second line, less loud.
    #[must_use]
    pub fn under(mut self, soft: impl Into<String>) -> Self {
        self.soft = soft.into();
        self
    }

    fn leads(&self) -> &str {
        self.href.as_deref().unwrap_or_default()
    }

    fn is_empty(&self) -> bool {
        self.text.is_empty() && self.soft.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::i18n::{I18n, Lang};

    #[test]
    fn an_address_says_only_what_is_asked_for() {
        assert_eq!(address("/holds", &[("status", ""), ("after", "a b")]), "/holds?after=a%20b");
        assert_eq!(address("/holds", &[("status", "")]), "/holds");
    }

    fn texts() -> Texts {
        Texts::new(Arc::new(I18n::new()), Lang::En)
    }

    #[test]
    fn a_list_is_a_table_whose_cells_say_their_column_on_a_phone() {
        let texts = texts();
        let list = List::new(&texts, "/gate")
            .head("Gate <passes>", "")
            .filters([Filter::choice("state", "State", "inside", [("left".to_owned(), "Left".to_owned())])])
            .columns([
                Column::called("Vehicle"),
                Column::called("Tonnes").number().sorts(Some("?sort=t".into()), None),
            ])
            .rows([Row::new([Cell::code("WB 02"), Cell::text("4").under("net")])
                .to("/gate/1")
                .below(Some("<form></form>".into()))])
            .next(Some("/gate?after=2".into()));
        let drawn = list.render().unwrap();
        for part in [
            "<h1>Gate &#60;passes&#62;</h1>",
            "<option value=\"inside\" selected>inside</option>",
            "<th scope=\"col\" class=\"tw-num\"><a href=\"?sort=t\">Tonnes</a></th>",
            "<a href=\"/gate/1\" data-key=\"o\"><span class=\"tw-mono\">WB 02</span></a>",
            "data-label=\"Tonnes\"",
            "<span class=\"tw-soft d-block\">net</span>",
            "<td colspan=\"2\"><form></form></td>",
            "rel=\"next\"",
        ] {
            assert!(drawn.contains(part), "{part}: {drawn}");
        }
    }

    #[test]
    fn more_filters_than_a_phone_has_room_for_are_folded_until_one_is_set() {
        let texts = texts();
        let drawn = |chosen: [&str; 3]| {
            let filters = chosen.map(|chosen| Filter::text("who", "Who", chosen));
            List::new(&texts, "/gate").filters(filters).render().unwrap()
        };
        let fold = |open: &str, said: &str| {
            format!("<details class=\"tw-fold\"{open}><summary class=\"btn\">{said}</summary></details>")
        };
        assert!(drawn(["", "", ""]).contains(&fold("", "Filters")));
        assert!(drawn(["priya", "", "ravi"]).contains(&fold(" open", "Filters (2)")));
        let few = ["", "priya"].map(|chosen| Filter::text("who", "Who", chosen));
        assert!(!List::new(&texts, "/gate").filters(few).render().unwrap().contains("tw-fold"));
    }

    #[test]
    fn a_filter_says_what_can_be_typed_and_a_cell_unfolds_a_form() {
        let texts = texts();
        let list = List::new(&texts, "/gate")
            .filters([
                Filter::text("who", "Who", "")
                    .hint("A name")
                    .longest(200)
                    .offers([("priya".to_owned(), "Priya <Rao>".to_owned())]),
                Filter::number("tonnes", "Tonnes", "1,00,000"),
                Filter::date("from", "From", ""),
                Filter::tick("late", "Late ones", true),
            ])
            .above("<p>Let in.</p>")
            .columns([Column::called("Vehicle"), Column::called("")])
            .rows([
                Row::new([Cell::code("WB 02"), Cell::menu("Make <void>", "<form></form>")]),
                Row::new([
                    Cell::code("WB 03"),
                    Cell::button("/gate/3/end", "End").named("End \"WB 03\"").danger(),
                ]),
            ]);
        let drawn = list.render().unwrap();
        for part in [
            "name=\"who\" value=\"\" placeholder=\"A name\" maxlength=\"200\"",
            "<option value=\"priya\">Priya &#60;Rao&#62;</option></datalist>",
            "name=\"tonnes\" value=\"1,00,000\" inputmode=\"decimal\"",
            "name=\"from\" value=\"\" type=\"date\"",
            "type=\"checkbox\" name=\"late\" value=\"true\" checked><span class=\"form-check-label\">Late ones",
            "<p>Let in.</p>",
            "<form action=\"/gate/3/end\" method=\"post\"><button class=\"btn btn-sm btn-danger\" type=\"submit\" \
             data-once aria-label=\"End &#34;WB 03&#34;\">End</button></form>",
            "<summary class=\"btn btn-sm\">Make &#60;void&#62;</summary><form></form></details>",
        ] {
            assert!(drawn.contains(part), "{part}: {drawn}");
        }
    }

    #[test]
    fn keys_go_from_row_to_row_unless_they_are_only_read() {
        let texts = texts();
        let list = List::new(&texts, "/gate").columns([Column::new("gate-vehicle")]);
        let list = list.rows([Row::new([Cell::text("WB 03")])]);
        assert!(list.clone().render().unwrap().contains("data-row"));
        assert!(!list.still().render().unwrap().contains("data-row"));
    }

    #[test]
    fn an_empty_list_teaches_and_a_narrowed_one_leads_to_all() {
        let texts = texts();
        let list = List::new(&texts, "/gate").empty("Nobody came.").teaches("Let one in.");
        let list = list.actions([Action::to("/gate/new", "New").main(), Action::to("/gate/other", "Other")]);
        let drawn = list.clone().render().unwrap();
        assert!(drawn.contains("Nobody came.") && drawn.contains("Let one in."), "{drawn}");
        assert!(
            drawn.contains("/gate/new") && !drawn.contains("/gate/other") && !drawn.contains("<nav"),
            "{drawn}"
        );
        let drawn = list.search("WB", "").render().unwrap();
        assert!(
            !drawn.contains("Nobody came.") && drawn.contains("<a class=\"btn\" href=\"/gate\">"),
            "{drawn}"
        );
    }
}
