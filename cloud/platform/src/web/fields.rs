//! Forms as every module shows them: what a page declares of each input, and the one
//! template that draws it. Label, hint and mistake belong to their input for whoever
//! does not see them; what is wrong is told above too, where the keyboard goes on; a
//! form is sent once, and with the version that was seen.
//!
//! ```ignore
//! let fields = Fields::new(&caller.texts, "/gate", caller.t("gate-enter"))
//!     .inputs([
//!         Input::text("vehicle", caller.t("gate-vehicle")).value(&typed.vehicle).required(),
//!         Input::text("carrier", caller.t("gate-carrier")).value(&typed.carrier).longest(120),
//!     ])
//!     .problem(error);
//! ```
//!
//! It is a template: a page has it as a field, and `{{ fields|safe }}` in its own. What is
//! sent is refused by itself when it comes from another site (`web::origin`).

use askama::Template;

use super::Problem;
use crate::i18n::Texts;

/// A form: its inputs, what is wrong with them, and the button that sends it.
#[derive(Debug, Clone, Template)]
#[template(path = "web/fields.html")]
pub struct Fields<'a> {
    texts: &'a Texts,
    action: String,
    get: bool,
    submit: String,
    danger: bool,
    cancel: Option<(String, String)>,
    version: Option<i32>,
    hidden: Vec<(String, String)>,
    inputs: Vec<Input>,
    folded: Option<Folded>,
    within: String,
    aside: Option<String>,
    locked: bool,
    told: Vec<String>,
}

/// Inputs that are folded away, in groups.
#[derive(Debug, Clone)]
struct Folded {
    title: String,
    lead: String,
    groups: Vec<(String, Vec<Input>)>,
    open: bool,
}

impl<'a> Fields<'a> {
    /// A form that posts to `action`, by a button with this text.
    #[must_use]
    pub fn new(texts: &'a Texts, action: impl Into<String>, submit: impl Into<String>) -> Self {
        Self {
            texts,
            action: action.into(),
            get: false,
            submit: submit.into(),
            danger: false,
            cancel: None,
            version: None,
            hidden: Vec::new(),
            inputs: Vec::new(),
            folded: None,
            within: String::new(),
            aside: None,
            locked: false,
            told: Vec::new(),
        }
    }

    /// It asks for a page instead, and changes nothing.
    #[must_use]
    pub fn asks(mut self) -> Self {
        self.get = true;
        self
    }

    /// Its button is one to think before.
    #[must_use]
    pub fn danger(mut self) -> Self {
        self.danger = true;
        self
    }

    /// A way out: where to, and what it says.
    #[must_use]
    pub fn cancel(mut self, href: impl Into<String>, text: impl Into<String>) -> Self {
        self.cancel = Some((href.into(), text.into()));
        self
    }

    /// The version of what is changed, as it was seen (`version`).
    #[must_use]
    pub fn version(mut self, version: Option<i32>) -> Self {
        self.version = version;
        self
    }

    /// What it sends besides.
    #[must_use]
    pub fn hidden(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.hidden.push((name.into(), value.into()));
        self
    }

    /// Its inputs, in order.
    #[must_use]
    pub fn inputs(mut self, inputs: impl IntoIterator<Item = Input>) -> Self {
        self.inputs.extend(inputs);
        self
    }

    /// More inputs, folded away under a title, in groups with a legend each. They are
    /// open at once when one of them holds something, or something is wrong with it.
    #[must_use]
    pub fn fold(
        mut self,
        title: impl Into<String>,
        lead: impl Into<String>,
        groups: Vec<(String, Vec<Input>)>,
    ) -> Self {
        let holds = |input: &Input| {
            let many = input.kind == Kind::Many && input.choices.iter().any(|(.., chosen)| *chosen);
            many || !input.value.is_empty() || input.wrong.is_some()
        };
        let open = groups.iter().flat_map(|(_, inputs)| inputs).any(holds);
        self.folded =
            (!groups.is_empty()).then(|| Folded { title: title.into(), lead: lead.into(), groups, open });
        self
    }

    /// More of it under its inputs, as markup: a grid of lines. It is put in as it is, so
    /// it comes from a template, which escapes what people wrote.
    #[must_use]
    pub fn within(mut self, markup: String) -> Self {
        self.within = markup;
        self
    }

    /// An address whose answer stands under the inputs while one types.
    #[must_use]
    pub fn aside(mut self, href: Option<&str>) -> Self {
        self.aside = href.map(str::to_owned);
        self
    }

    /// It can be read and not sent, if `locked`.
    #[must_use]
    pub fn locked(mut self, locked: bool) -> Self {
        self.locked = locked;
        self
    }

    /// What is wrong with the whole of it.
    #[must_use]
    pub fn told(mut self, told: impl IntoIterator<Item = String>) -> Self {
        self.told.extend(told);
        self
    }

    /// What is wrong, by the names of inputs; of a name that is none of them it is told
    /// above. After the inputs.
    #[must_use]
    pub fn wrong<N: AsRef<str>, T: AsRef<str>>(mut self, wrong: impl IntoIterator<Item = (N, T)>) -> Self {
        for (name, what) in wrong {
            let (name, what) = (name.as_ref(), what.as_ref().to_owned());
            let found = self.every_mut().find(|input| input.name == name);
            if let Some(input) = found {
                input.wrong = Some((what, String::new()));
            } else {
                self.told.push(what);
            }
        }
        self
    }

    /// What a refusal says is wrong: of its fields beside them, else of the whole.
    #[must_use]
    pub fn problem(self, problem: Option<&Problem>) -> Self {
        let Some(problem) = problem else { return self };
        if problem.errors.is_empty() {
            let said = self.texts.or(&problem.text_key(), &problem.detail);
            let detail = if problem.detail.is_empty() { said } else { problem.detail.clone() };
            return self.told([detail]);
        }
        self.wrong(problem.errors.iter().map(|error| (&error.field, &error.detail)))
    }

    /// Whether something is wrong.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        !self.told.is_empty() || self.every().any(|input| input.wrong.is_some())
    }

    fn folded_inputs(&self) -> impl Iterator<Item = &Input> {
        self.folded.iter().flat_map(|folded| folded.groups.iter().flat_map(|(_, inputs)| inputs))
    }

    fn every(&self) -> impl Iterator<Item = &Input> {
        self.inputs.iter().chain(self.folded_inputs())
    }

    fn every_mut(&mut self) -> impl Iterator<Item = &mut Input> {
        let folded = self.folded.iter_mut().flat_map(|folded| folded.groups.iter_mut());
        self.inputs.iter_mut().chain(folded.flat_map(|(_, inputs)| inputs.iter_mut()))
    }

    /// What is wrong with inputs, for the list above them.
    fn mistakes(&self) -> Vec<(&Input, &str)> {
        self.every().filter_map(|input| Some((input, input.wrong.as_ref()?.0.as_str()))).collect()
    }

    /// An input as it is drawn.
    fn drawn(&self, input: &Input) -> askama::Result<String> {
        Drawn { texts: self.texts, input }.render()
    }
}

#[derive(Template)]
#[template(path = "web/input.html")]
struct Drawn<'a> {
    texts: &'a Texts,
    input: &'a Input,
}

/// What is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    #[default]
    Text,
    Lines,
    Choice,
    Many,
    Flag,
    Number,
    Date,
    Time,
    Secret,
}

/// One input of a form.
#[derive(Debug, Clone, Default)]
pub struct Input {
    name: String,
    label: String,
    value: String,
    kind: Kind,
    required: bool,
    clears: bool,
    fixed: bool,
    wide: bool,
    code: bool,
    longest: Option<usize>,
    choices: Vec<(String, String, bool)>,
    options: Vec<(String, String)>,
    offers: bool,
    more: Option<String>,
    lang: String,
    hint: String,
    mask: String,
    ticked: String,
    wrong: Option<(String, String)>,
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

    /// A box that is ticked, if `ticked`; it sends `1`, or nothing.
    #[must_use]
    pub fn tick(name: impl Into<String>, label: impl Into<String>, ticked: bool) -> Self {
        let value = if ticked { "1".to_owned() } else { String::new() };
        Self { ticked: "1".to_owned(), value, ..Self::of(Kind::Flag, name, label) }
    }

    /// A box that sends `true` or `false`.
    #[must_use]
    pub fn flag(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self { ticked: "true".to_owned(), ..Self::of(Kind::Flag, name, label) }
    }

    /// A text that is not shown.
    #[must_use]
    pub fn secret(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::of(Kind::Secret, name, label)
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

    /// What stands in its place while its value is not shown.
    #[must_use]
    pub fn mask(mut self, mask: impl Into<String>) -> Self {
        self.mask = mask.into();
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
            Kind::Secret => "password",
            _ => "text",
        }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::i18n::{I18n, Lang};

    #[test]
    fn what_is_wrong_is_told_above_and_beside_its_input() {
        let texts = Texts::new(Arc::new(I18n::new()), Lang::En);
        let fields = Fields::new(&texts, "/gate", "Let in").version(Some(3)).inputs([
            Input::text("vehicle", "Vehicle").value("<x>").required().hint("As on the plate."),
            Input::choice("plant", "Plant", [("KOL".to_owned(), "Kolkata".to_owned())]).value("GONE"),
        ]);
        let drawn = fields.clone().render().unwrap();
        for part in [
            "name=\"version\" value=\"3\"",
            "for=\"in-vehicle\"",
            "value=\"&#60;x&#62;\"",
            "aria-describedby=\"hint-vehicle\"",
            "id=\"hint-vehicle\"",
            "<option value=\"GONE\" selected>GONE</option>",
            "data-once",
        ] {
            assert!(drawn.contains(part), "{part}: {drawn}");
        }
        assert!(!drawn.contains("role=\"alert\""), "{drawn}");
        let drawn = fields.wrong([("vehicle", "Too long."), ("other", "Not now.")]).render().unwrap();
        for part in [
            "data-wrong",
            "<a href=\"#in-vehicle\">Vehicle</a>",
            "aria-invalid=\"true\" aria-describedby=\"err-vehicle\"",
            "id=\"err-vehicle\"",
            "Not now.",
        ] {
            assert!(drawn.contains(part), "{part}: {drawn}");
        }
    }
}
