//! One input of a form, as every module shows it.

use askama::Template;

use crate::i18n::{Lang, Texts};

#[derive(Template)]
#[template(path = "web/input.html")]
struct Drawn<'a> {
    texts: &'a Texts,
    input: &'a Input,
    id: String,
}

/// What is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kind {
    #[default]
    Text,
    Lines,
    Choice,
    Many,
    Flag,
    Number,
    Date,
    Time,
    Moment,
    Email,
    Url,
    Secret,
    File,
}

/// One input of a form.
#[derive(Debug, Clone, Default)]
pub struct Input {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) value: String,
    pub(super) kind: Kind,
    required: bool,
    clears: bool,
    fixed: bool,
    sealed: bool,
    wide: bool,
    code: bool,
    shortest: Option<usize>,
    longest: Option<usize>,
    rows: Option<usize>,
    pub(super) choices: Vec<(String, String, bool)>,
    options: Vec<(String, String)>,
    offers: bool,
    more: Option<String>,
    lang: String,
    hint: String,
    placeholder: String,
    accept: &'static str,
    autocomplete: &'static str,
    both: bool,
    pub(super) wrong: Option<(String, String)>,
}

impl Input {
    fn of(kind: Kind, name: impl Into<String>, label: impl Into<String>) -> Self {
        let wide = matches!(kind, Kind::Lines | Kind::Many);
        Self { name: name.into(), label: label.into(), kind, wide, ..Self::default() }
    }

    /// A text in one line.
    #[must_use]
    pub fn text(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::of(Kind::Text, name, label)
    }

    /// A text of several lines.
    #[must_use]
    pub fn lines(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::of(Kind::Lines, name, label)
    }

    /// A number; what is typed is read with [`plain_number`](crate::i18n::plain_number).
    #[must_use]
    pub fn number(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::of(Kind::Number, name, label)
    }

    /// A day, as `2026-11-21`; the browser shows it as its reader writes it.
    #[must_use]
    pub fn date(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::of(Kind::Date, name, label)
    }

    /// A time of day, as `14:05`.
    #[must_use]
    pub fn time(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::of(Kind::Time, name, label)
    }

    /// A moment, as `2026-11-21T14:05`, in the reader's time zone.
    #[must_use]
    pub fn moment(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::of(Kind::Moment, name, label)
    }

    /// An e-mail address.
    #[must_use]
    pub fn email(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::of(Kind::Email, name, label)
    }

    /// An address on the net.
    #[must_use]
    pub fn url(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self { code: true, ..Self::of(Kind::Url, name, label) }
    }

    /// A time zone, by its IANA name; those that there are are offered.
    #[must_use]
    pub fn zone(name: impl Into<String>, label: impl Into<String>) -> Self {
        let zones = chrono_tz::TZ_VARIANTS.iter().map(|zone| (zone.name().to_owned(), String::new()));
        Self::text(name, label).longest(64).offers(zones.collect(), None)
    }

    /// One of the product's languages, by its code.
    #[must_use]
    pub fn language(name: impl Into<String>, label: impl Into<String>) -> Self {
        let languages = Lang::ALL.map(|lang| (lang.code().to_owned(), lang.own_name().to_owned()));
        Self::choice(name, label, languages)
    }

    /// One of several values, each with what it is called.
    #[must_use]
    pub fn choice(
        name: impl Into<String>,
        label: impl Into<String>,
        choices: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let choices = choices.into_iter().map(|(value, said)| (value, said, false));
        Self { choices: choices.collect(), ..Self::of(Kind::Choice, name, label) }
    }

    /// Any number of several values: each with what it is called, and whether it is
    /// chosen. They are sent under one name.
    #[must_use]
    pub fn many(
        name: impl Into<String>,
        label: impl Into<String>,
        choices: impl IntoIterator<Item = (String, String, bool)>,
    ) -> Self {
        Self { choices: choices.into_iter().collect(), ..Self::of(Kind::Many, name, label) }
    }

    /// A box that is ticked, if `ticked`; it sends `true`, or nothing.
    #[must_use]
    pub fn tick(name: impl Into<String>, label: impl Into<String>, ticked: bool) -> Self {
        let value = if ticked { "true".to_owned() } else { String::new() };
        Self { value, ..Self::of(Kind::Flag, name, label) }
    }

    /// A box that sends `true` or `false`.
    #[must_use]
    pub fn flag(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self { both: true, ..Self::of(Kind::Flag, name, label) }
    }

    /// A text that is not shown.
    #[must_use]
    pub fn secret(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::of(Kind::Secret, name, label)
    }

    /// A file, of these kinds, as HTML names them (`.json,application/json`). Its form is sent
    /// in parts (`multipart/form-data`), and the file is chosen again when it is shown again.
    #[must_use]
    pub fn file(name: impl Into<String>, label: impl Into<String>, accept: &'static str) -> Self {
        Self { accept, ..Self::of(Kind::File, name, label) }
    }

    /// Values that are offered while one types, each with what it is called; `more` is
    /// an address that answers with those that fit what is typed, as `<option>`s.
    #[must_use]
    pub fn offers(mut self, options: Vec<(String, String)>, more: Option<String>) -> Self {
        (self.options, self.more, self.offers) = (options, more, true);
        self
    }

    /// What stands in it. Of a choice: which is chosen; one that is none of them stays,
    /// as it is.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        if self.kind == Kind::Choice {
            for (known, _, chosen) in &mut self.choices {
                *chosen = *known == self.value;
            }
            if !self.value.is_empty() && !self.choices.iter().any(|(.., chosen)| *chosen) {
                self.choices.push((self.value.clone(), self.value.clone(), true));
            }
        }
        self
    }

    /// It must be filled.
    #[must_use]
    pub fn required(self) -> Self {
        self.is_required(true)
    }

    /// It must be filled, if `required`.
    #[must_use]
    pub fn is_required(mut self, required: bool) -> Self {
        self.required = required;
        self
    }

    /// A choice can be taken back, if `clears`, though something is chosen.
    #[must_use]
    pub fn clears(mut self, clears: bool) -> Self {
        self.clears = clears;
        self
    }

    /// It cannot be changed, if `fixed`.
    #[must_use]
    pub fn fixed(mut self, fixed: bool) -> Self {
        self.fixed = fixed;
        self
    }

    /// What it holds is kept sealed, if `sealed`: the browser keeps nothing of it either.
    #[must_use]
    pub fn sealed(mut self, sealed: bool) -> Self {
        self.sealed = sealed;
        self
    }

    /// It has the whole width.
    #[must_use]
    pub fn wide(mut self) -> Self {
        self.wide = true;
        self
    }

    /// It holds a code, in letters of one width.
    #[must_use]
    pub fn code(mut self) -> Self {
        self.code = true;
        self
    }

    /// Its shortest text, in characters.
    #[must_use]
    pub fn shortest(mut self, shortest: usize) -> Self {
        self.shortest = Some(shortest);
        self
    }

    /// Its longest text, in characters.
    #[must_use]
    pub fn longest(mut self, longest: impl Into<Option<usize>>) -> Self {
        self.longest = longest.into();
        self
    }

    /// What one should know of it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The language that its text is in.
    #[must_use]
    pub fn lang(mut self, lang: impl Into<String>) -> Self {
        self.lang = lang.into();
        self
    }

    /// How many lines of it are seen at once, of a text of several.
    #[must_use]
    pub fn rows(mut self, rows: usize) -> Self {
        self.rows = Some(rows);
        self
    }

    /// What stands there while it is empty: an example, or in the place of a value that is
    /// not shown.
    #[must_use]
    pub fn placeholder(mut self, placeholder: impl Into<String>) -> Self {
        self.placeholder = placeholder.into();
        self
    }

    /// What a browser may fill in, by its name in HTML (`name`, `organization`,
    /// `current-password`); nothing else is.
    #[must_use]
    pub fn autocomplete(mut self, what: &'static str) -> Self {
        self.autocomplete = what;
        self
    }

    /// What is wrong with it, and what to do about it.
    #[must_use]
    pub fn wrong(mut self, wrong: Option<(String, String)>) -> Self {
        self.wrong = wrong;
        self
    }

    /// Whether nothing can be chosen, or is; and what that is called is none of the choices.
    fn has_blank(&self) -> bool {
        let blank = self.clears || (!self.required && self.value.is_empty());
        blank && !self.choices.iter().any(|(value, ..)| value.is_empty())
    }

    /// What the browser is told of it.
    fn html_type(&self) -> &'static str {
        match self.kind {
            Kind::Date => "date",
            Kind::Time => "time",
            Kind::Moment => "datetime-local",
            Kind::Email => "email",
            Kind::Url => "url",
            Kind::Secret => "password",
            Kind::File => "file",
            _ => "text",
        }
    }

    /// What the browser may fill in, where that is said.
    fn filled(&self) -> Option<&'static str> {
        match self.autocomplete {
            "" => (self.kind == Kind::Secret).then_some("new-password"),
            what => Some(what),
        }
    }

    /// The language of its label, where that is called by its own name.
    fn spoken(&self) -> Option<&'static str> {
        Lang::parse(&self.lang).filter(|lang| lang.own_name() == self.label).map(Lang::code)
    }

    /// Whether a mistake of this name is its own: that of its name, or of what it is a part of.
    pub(super) fn answers(&self, name: &str) -> bool {
        self.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// Tells what is wrong with it, besides what was told before.
    pub(super) fn also_wrong(&mut self, what: String) {
        match &mut self.wrong {
            Some((before, _)) if before.ends_with(&what) => {}
            Some((before, _)) => *before = format!("{before} {what}"),
            wrong => *wrong = Some((what, String::new())),
        }
    }

    /// What it says to a reader: what is chosen by its name; `None` of what is not told.
    fn says(&self, texts: &Texts) -> Option<String> {
        let chosen = || self.choices.iter().filter(|(.., chosen)| *chosen).map(|(_, said, _)| said.as_str());
        match self.kind {
            Kind::Secret | Kind::File => None,
            _ if self.sealed || self.fixed => None,
            Kind::Choice | Kind::Many => Some(chosen().collect::<Vec<_>>().join(", ")),
            Kind::Flag => Some(texts.t(if self.value == "true" { "form-yes" } else { "form-no" })),
            // As a browser sends lines, they end otherwise.
            _ => Some(self.value.replace("\r\n", "\n").trim().to_owned()),
        }
    }

    /// Says what stands there `now`, where that is something else; before what one should know
    /// of it.
    pub(super) fn compare(&mut self, now: &Self, texts: &Texts) {
        let (Some(typed), Some(now)) = (self.says(texts), now.says(texts)) else { return };
        if typed == now {
            return;
        }
        let said =
            if now.is_empty() { texts.t("form-now-empty") } else { texts.t1("form-now", "value", now) };
        self.hint = format!("{said} {}", self.hint).trim_end().to_owned();
    }

    /// It as it is drawn; the ids of its parts end with `id`.
    pub(super) fn drawn(&self, texts: &Texts, id: String) -> askama::Result<String> {
        Drawn { texts, input: self, id }.render()
    }

    /// By whom it is explained: its mistake, or its hint.
    fn described(&self) -> Option<&'static str> {
        match (&self.wrong, self.hint.is_empty()) {
            (Some(_), _) => Some("err"),
            (None, false) => Some("hint"),
            (None, true) => None,
        }
    }
}
