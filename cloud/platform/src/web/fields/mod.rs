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

mod input;

use askama::Template;

pub use self::input::Input;
use self::input::Kind;
use super::Problem;
use crate::i18n::{Lang, Names, Texts};

/// A form: its inputs, what is wrong with them, and the button that sends it.
#[derive(Debug, Clone, Template)]
#[template(path = "web/fields.html")]
pub struct Fields<'a> {
    texts: &'a Texts,
    action: String,
    get: bool,
    submit: String,
    danger: bool,
    beside: bool,
    cancel: Option<(String, String)>,
    version: Option<i32>,
    hidden: Vec<(String, String)>,
    inputs: Vec<Input>,
    groups: Vec<Group>,
    folded: Option<Folded>,
    apart: String,
    within: String,
    aside: Option<String>,
    locked: bool,
    told: Vec<String>,
}

/// Inputs under a title, with what one should know of all of them.
#[derive(Debug, Clone)]
struct Group {
    title: String,
    lead: String,
    inputs: Vec<Input>,
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
            beside: false,
            cancel: None,
            version: None,
            hidden: Vec::new(),
            inputs: Vec::new(),
            groups: Vec::new(),
            folded: None,
            apart: String::new(),
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

    /// It stands beside another form, whose button is the page's main one.
    #[must_use]
    pub fn beside(mut self) -> Self {
        self.beside = true;
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

    /// It is one of several forms of a page, which may have inputs of the same names: theirs
    /// are told apart by this.
    #[must_use]
    pub fn apart(mut self, by: &str) -> Self {
        self.apart = format!("{by}-");
        self
    }

    /// More inputs, under a title, with what one should know of all of them.
    #[must_use]
    pub fn group(
        mut self,
        title: impl Into<String>,
        lead: impl Into<String>,
        inputs: impl IntoIterator<Item = Input>,
    ) -> Self {
        let inputs = inputs.into_iter().collect();
        self.groups.push(Group { title: title.into(), lead: lead.into(), inputs });
        self
    }

    /// What it is called in each language, folded away: `names.en` and so on, each of at
    /// most so many characters. A mistake of `names` stands beside the first.
    #[must_use]
    pub fn names(self, names: &Names, longest: usize) -> Self {
        let input = |lang: Lang| {
            Input::text(format!("names.{}", lang.code()), lang.own_name())
                .value(names.of(lang).unwrap_or_default())
                .lang(lang.code())
                .longest(longest)
        };
        let (title, lead) = (self.texts.t("shell-names"), self.texts.t("shell-names-hint"));
        self.fold(title, lead, vec![(String::new(), Lang::ALL.map(input).into())])
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
            many || !input.value.is_empty()
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

    /// What is wrong, by the names of inputs, or of what several belong to (`names` of
    /// `names.en`); of a name that is none of them it is told above. After the inputs.
    #[must_use]
    pub fn wrong<N: AsRef<str>, T: AsRef<str>>(mut self, wrong: impl IntoIterator<Item = (N, T)>) -> Self {
        for (name, what) in wrong {
            let (name, what) = (name.as_ref(), what.as_ref().to_owned());
            if let Some(input) = self.every_mut().find(|input| input.answers(name)) {
                input.also_wrong(what);
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

    /// Where somebody else was faster, and what stands `now` is of another version: what was
    /// typed stays, what stands is said beside each input that differs from it, and who sends
    /// the form again puts it in the place of that, knowingly. After the inputs, and in the
    /// place of what is told where nothing stays. A form of the same version stays as it is.
    #[must_use]
    pub fn against(mut self, now: &Fields<'_>) -> Self {
        if self.version == now.version {
            return self;
        }
        let texts = self.texts;
        for input in self.every_mut() {
            if let Some(there) = now.every().find(|there| there.name == input.name) {
                input.compare(there, texts);
            }
        }
        self.version = now.version;
        let elsewhere = texts.t("error-conflict-stale");
        self.told.retain(|told| *told != elsewhere);
        self.told([texts.t("form-overtaken")])
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
        let grouped = self.groups.iter().flat_map(|group| &group.inputs);
        self.inputs.iter().chain(grouped).chain(self.folded_inputs())
    }

    fn every_mut(&mut self) -> impl Iterator<Item = &mut Input> {
        let folded = self.folded.iter_mut().flat_map(|folded| folded.groups.iter_mut());
        let folded = folded.flat_map(|(_, inputs)| inputs.iter_mut());
        let grouped = self.groups.iter_mut().flat_map(|group| group.inputs.iter_mut());
        self.inputs.iter_mut().chain(grouped).chain(folded)
    }

    /// Whether what is folded away stands open: where it holds something, or something is
    /// wrong with it.
    fn is_unfolded(&self) -> bool {
        self.folded.as_ref().is_some_and(|folded| folded.open)
            || self.folded_inputs().any(|input| input.wrong.is_some())
    }

    /// Whether it sends a file, and so is sent in parts.
    fn has_file(&self) -> bool {
        self.every().any(|input| input.kind == Kind::File)
    }

    /// What is wrong with inputs, for the list above them.
    fn mistakes(&self) -> Vec<(&Input, &str)> {
        self.every().filter_map(|input| Some((input, input.wrong.as_ref()?.0.as_str()))).collect()
    }

    /// What the ids of an input's parts end with.
    fn id(&self, input: &Input) -> String {
        format!("{}{}", self.apart, input.name)
    }

    /// An input as it is drawn.
    fn drawn(&self, input: &Input) -> askama::Result<String> {
        input.drawn(self.texts, self.id(input))
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
    #[test]
    fn forms_of_one_page_are_told_apart_and_what_is_folded_away_opens_for_a_mistake() {
        let texts = Texts::new(Arc::new(I18n::new()), Lang::En);
        let fields = Fields::new(&texts, "/roles/LEAD/name", "Rename")
            .apart("LEAD")
            .inputs([Input::text("name", "Name").autocomplete("name")])
            .group("The end", "As it is.", [Input::tick("last", "Last", true)])
            .names(&Names::default(), 80);
        let drawn = fields.clone().render().unwrap();
        for part in [
            "for=\"in-LEAD-name\"",
            "autocomplete=\"name\"",
            "<legend class=\"tw-group\">The end</legend>",
            "name=\"last\" value=\"true\" checked",
            "id=\"in-LEAD-names.te\" name=\"names.te\"",
            "<details class=\"tw-at-plants\">",
        ] {
            assert!(drawn.contains(part), "{part}: {drawn}");
        }
        let drawn = fields.locked(true).wrong([("names", "Too long."), ("last", "Why?")]).render().unwrap();
        for part in [
            "<a href=\"#in-LEAD-names.en\">",
            "id=\"err-LEAD-names.en\"",
            "id=\"err-LEAD-last\"",
            "<details class=\"tw-at-plants\" open>",
            "<fieldset disabled>",
        ] {
            assert!(drawn.contains(part), "{part}: {drawn}");
        }
        assert!(!drawn.contains("type=\"submit\""), "{drawn}");
    }

    #[test]
    fn what_somebody_else_wrote_meanwhile_is_said_beside_what_was_typed() {
        let texts = Texts::new(Arc::new(I18n::new()), Lang::En);
        let form = |name: &str, url: &str, way: &str, plants: &[&str], version: i32| {
            let ways = [("tls", "With TLS"), ("starttls", "STARTTLS")];
            let ways = ways.map(|(way, said)| (way.to_owned(), said.to_owned()));
            let at = ["KOL", "VSK"].map(|code| (code.to_owned(), code.to_owned(), plants.contains(&code)));
            Fields::new(&texts, "/x", "Save").version(Some(version)).inputs([
                Input::text("name", "Name").value(name).hint("As on the door."),
                Input::lines("url", "Address").value(url),
                Input::choice("way", "Way", ways).value(way),
                Input::many("plant", "Plants", at),
                Input::tick("active", "In use", version == 1),
                Input::secret("token", "Token").value(name),
            ])
        };
        let drawn = form("Mine", "a\r\nb ", "tls", &["KOL"], 1)
            .told([texts.t("error-conflict-stale")])
            .against(&form("Theirs", "a\nb", "starttls", &[], 2))
            .render()
            .unwrap();
        for part in [
            "role=\"alert\"",
            "name=\"version\" value=\"2\"",
            "value=\"Mine\"",
            "Now it says: Theirs As on the door.",
            "Now it says: STARTTLS",
            "<option value=\"tls\" selected>",
            "Now it says: No",
        ] {
            assert!(drawn.contains(part), "{part}: {drawn}");
        }
        assert!(!drawn.contains("Load it again"), "nobody has to: {drawn}");
        assert_eq!(drawn.matches("Now it is empty.").count(), 1, "of the plants: {drawn}");
        assert_eq!(
            drawn.matches("Now it says").count(),
            3,
            "no secret, and no line that is the same: {drawn}"
        );
        let mine = form("Mine", "a", "tls", &["KOL"], 1);
        let same = mine.clone().against(&form("Theirs", "b", "starttls", &[], 1));
        assert_eq!(same.render().unwrap(), mine.render().unwrap(), "nobody was faster");
    }

    #[test]
    fn a_form_with_a_file_is_sent_in_parts() {
        let texts = Texts::new(Arc::new(I18n::new()), Lang::En);
        let form = |input: Input| Fields::new(&texts, "/", "Read it").beside().inputs([input]);
        let drawn = form(Input::file("file", "File", ".json")).render().unwrap();
        for part in
            ["enctype=\"multipart/form-data\"", "type=\"file\" accept=\".json\"", "class=\"btn\" type"]
        {
            assert!(drawn.contains(part), "{part}: {drawn}");
        }
        let drawn = form(Input::text("code", "Code")).render().unwrap();
        assert!(!drawn.contains("enctype") && !drawn.contains("accept="), "{drawn}");
    }

    /// Templates of every part of the product, by their paths.
    fn templates() -> Vec<(String, String)> {
        let cloud = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut folders = vec![cloud.to_owned()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|is| is == "html") {
                    found.push((path.display().to_string(), std::fs::read_to_string(path).unwrap()));
                }
            }
        }
        found
    }

    #[test]
    fn a_form_of_more_than_two_inputs_is_drawn_here_or_says_why_not() {
        let templates = templates();
        let mut excused = 0;
        for (path, source) in &templates {
            for (at, _) in source.match_indices("<form") {
                let form = source[at..].split("</form>").next().unwrap();
                let shown = form.split("<input").skip(1).filter(|input| {
                    let tag = input.split('<').next().unwrap();
                    !tag.contains("type=\"hidden\"")
                });
                let inputs =
                    shown.count() + form.matches("<select").count() + form.matches("<textarea").count();
                if inputs > 2 {
                    let before = source[..at].trim_end();
                    let comment = before.rsplit("{#").next().filter(|_| before.ends_with("#}"));
                    let why = comment.and_then(|comment| comment.strip_prefix(" Not on `Fields`: "));
                    assert!(why.is_some_and(|why| why.len() > 20), "{path}: {inputs} inputs");
                    excused += 1;
                }
            }
        }
        assert!(templates.len() > 60 && excused > 3, "{} templates, {excused} forms", templates.len());
    }

    #[test]
    fn every_mistake_of_an_input_stands_beside_it_once() {
        let texts = Texts::new(Arc::new(I18n::new()), Lang::En);
        let fields = Fields::new(&texts, "/", "Save").inputs([Input::lines("domains", "Domains")]);
        let wrong = ["a is none.", "b is none.", "b is none."].map(|told| ("domains", told));
        let drawn = fields.wrong(wrong).render().unwrap();
        assert!(drawn.contains("<strong>a is none. b is none.</strong>"), "{drawn}");
    }
}
