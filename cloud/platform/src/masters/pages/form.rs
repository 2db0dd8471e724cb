//! The form of one row: create, change, delete, restore; and its history.

use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::Utc;
use serde::Deserialize;

use super::super::api::{Right, open, seen};
use super::super::check::{self, Cells};
use super::super::declared;
use super::super::extra::{self, OWN};
use super::super::history::{self, Entry};
use super::super::import::label;
use super::super::kind::Kind;
use super::super::places::Place;
use super::super::shape::{Column, Label, Lies, Shape, Shapes};
use super::super::store::Stored;
use super::super::{Engine, MastersError, Mistake, Row, SENSITIVE_VIEW, sensitive, service};
use super::rows::GONE;
use super::url_text;
use crate::db::Tx;
use crate::i18n::{Texts, plain_number};
use crate::web::fields::{Fields, Input};
use crate::web::{AppState, Caller, Path, Permission, Problem, Shell, form, kept, query};

#[derive(Template)]
#[template(path = "masters/form.html")]
struct FormPage<'a> {
    texts: &'a Texts,
    zone: chrono_tz::Tz,
    /// The row's name and key; none of a new one.
    title: String,
    key: String,
    version: i32,
    is_new: bool,
    deleted: bool,
    /// It was saved just now.
    saved: bool,
    /// How many rows lack what it asks of them, where it was saved just now.
    lacking: Option<String>,
    fields: Fields<'a>,
    may_delete: bool,
    delete_address: String,
    restore_address: String,
    /// The same page with sensitive fields open, for who may see them.
    show_address: Option<String>,
    /// A page about the row, and the key of its text.
    link: Option<(String, &'static str)>,
    /// The row's files.
    files_at: String,
    history: Vec<Entry>,
}

/// One input of the form.
struct Asked {
    name: String,
    label: String,
    value: String,
    /// `text`, `lines`, `choice`, `many`, `flag`, `number`, `date`, `time`, `secret`.
    kind: &'static str,
    required: bool,
    /// It can be emptied again: nothing stands in its place.
    clears: bool,
    /// It is the first of its field's.
    first: bool,
    /// It cannot be changed.
    fixed: bool,
    sealed: bool,
    longest: Option<usize>,
    /// Values, what they are called, and whether they are chosen.
    choices: Vec<(String, String, bool)>,
    /// Codes that are offered while one types, and where more are.
    options: Option<(String, Vec<(String, String)>)>,
    lang: String,
    /// The plant whose own value it is.
    plant: String,
    hint: String,
    /// What stands in its place while a value is not shown.
    mask: &'static str,
    error: Option<(String, String)>,
}

impl Asked {
    /// The input as a form has it.
    fn input(self) -> Input {
        let Self { name, label, value, choices, .. } = self;
        let input = match self.kind {
            "many" => Input::many(name, label, choices),
            "flag" => Input::flag(name, label).value(value),
            "choice" => {
                let choices = choices.into_iter().map(|(word, said, _)| (word, said));
                Input::choice(name, label, choices).value(value).clears(self.clears)
            }
            "lines" => Input::lines(name, label).value(value),
            "number" => Input::number(name, label).value(value),
            "date" => Input::date(name, label).value(value),
            "time" => Input::time(name, label).value(value),
            "secret" => Input::secret(name, label).value(value),
            _ => Input::text(name, label).value(value),
        };
        let input =
            input.is_required(self.required).fixed(self.fixed).sealed(self.sealed).longest(self.longest);
        let input = input.hint(self.hint).lang(self.lang).placeholder(self.mask).wrong(self.error);
        match self.options {
            Some((more, options)) => input.offers(options, Some(more)),
            None => input,
        }
    }
}

/// What the form shows: the row's values, or what was typed.
#[derive(Default)]
struct Filled<'a> {
    stored: Option<&'a Stored>,
    typed: Option<&'a Cells>,
    mistakes: &'a [Mistake],
    /// Sensitive fields, where they are shown.
    opened: Option<&'a Row>,
    /// It was saved just now.
    saved: bool,
}

pub(super) async fn blank(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (shapes, master, mut caller) = open(&state, &engine, caller, &name, Right::Edit).await?;
    caller.cx = caller.in_focus(&master.permissions.edit);
    show(&state, &caller, &headers, &shapes, &name, "", Filled::default(), Vec::new()).await
}

pub(super) async fn one(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path((name, key)): Path<(String, String)>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let (shapes, _, caller) = open(&state, &engine, caller, &name, Right::View).await?;
    let asked = query::<Shown>(&uri)?;
    let open_too = asked.show == "sensitive" && caller.require(&SENSITIVE_VIEW).is_ok();
    let found = async {
        let shape = shapes.find(&name)?;
        state.db.tx(&caller.cx, async |tx| seen(tx, shape, &key, open_too, Utc::now()).await).await
    };
    let (stored, opened) = found.await.map_err(|error: MastersError| error.problem(&caller.texts))?;
    let filled = Filled {
        stored: Some(&stored),
        opened: opened.as_ref(),
        saved: asked.saved.is_some(),
        ..Filled::default()
    };
    show(&state, &caller, &headers, &shapes, &name, &key, filled, Vec::new()).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Shown {
    /// `sensitive`: sealed fields are shown, which is in the audit.
    show: String,
    /// It was saved just now.
    saved: Option<String>,
}

async fn find(
    state: &AppState,
    caller: &Caller,
    shapes: &Shapes,
    name: &str,
    key: &str,
) -> Result<Stored, Problem> {
    let found = async {
        let shape = shapes.find(name)?;
        state.db.tx(&caller.cx, async |tx| service::find(tx, shape, key, false).await).await
    };
    found.await.map_err(|error: MastersError| error.problem(&caller.texts))
}

#[expect(clippy::too_many_arguments, reason = "one page, from many commands")]
async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    shapes: &Shapes,
    name: &str,
    key: &str,
    filled: Filled<'_>,
    mut told: Vec<String>,
) -> Result<Response, Problem> {
    let texts = &caller.texts;
    let shape = shapes.find(name).map_err(|error| error.problem(texts))?;
    let master = shape.master;
    let made = state
        .db
        .tx(&caller.cx, async |tx| {
            let mut inputs = inputs(tx, shapes, shape, &filled, texts).await?;
            let edits = caller.plants(&master.permissions.edit);
            for input in inputs.iter_mut().filter(|_| shape.only_values(&edits)) {
                input.fixed |= !edits.has(&input.plant);
            }
            let history = match filled.stored {
                Some(stored) => history::history(tx, shape, key, &stored.row, texts).await?,
                None => Vec::new(),
            };
            let lacking = match filled.stored {
                Some(stored) if filled.saved => extra::lacking(tx, shapes, name, &stored.row).await?,
                _ => 0,
            };
            Ok::<_, MastersError>((inputs, history, lacking))
        })
        .await;
    let (inputs, history, lacking) = made.map_err(|error| error.problem(texts))?;
    let known =
        |mistake: &&Mistake| !inputs.iter().any(|input| input.error.is_some() && shown_at(mistake, input));
    told.extend(filled.mistakes.iter().filter(known).map(|mistake| {
        let Mistake { field, wrong, .. } = mistake;
        format!("{field}: {} {}", wrong.what(texts), wrong.fix(texts))
    }));
    let mut inputs = inputs;
    let mut plants: Vec<(String, Vec<Input>)> = Vec::new();
    for mut asked in inputs.extract_if(.., |input| !input.plant.is_empty()) {
        let of = std::mem::take(&mut asked.plant);
        match plants.iter_mut().find(|(plant, _)| *plant == of) {
            Some((_, of_plant)) => of_plant.push(asked.input()),
            None => plants.push((of, vec![asked.input()])),
        }
    }
    let title = match filled.stored {
        Some(stored) => shape.name_of(&stored.row, texts.lang),
        None => texts.t("masters-new"),
    };
    let stored = filled.stored;
    let address = |verb: &str| format!("/masters/{}/{verb}/{}", master.name, url_text(key));
    let may = |permission: &Permission| {
        let plants = caller.plants(permission);
        let values = permission.code == master.permissions.edit.code && shape.only_values(&plants);
        stored.map_or(!plants.is_none(), |stored| values || shape.owns(&stored.row, &plants))
    };
    let all = format!("/masters/{}", master.name);
    let to = if stored.is_some() { address("row") } else { all.clone() };
    let may_edit = may(&master.permissions.edit) && stored.is_none_or(|stored| !stored.deleted);
    let fields = Fields::new(texts, to, texts.t("masters-save"))
        .version(stored.map(|stored| stored.version))
        .inputs(inputs.into_iter().map(Asked::input))
        .fold(texts.t("masters-at-plants"), texts.t("masters-at-plants-lead"), plants)
        .aside(master.aside)
        .cancel(all.clone(), texts.t("masters-cancel"))
        .locked(!may_edit)
        .told(told);
    let page = FormPage {
        texts,
        zone: caller.zone,
        key: key.to_owned(),
        version: stored.map_or(0, |stored| stored.version),
        is_new: stored.is_none(),
        deleted: stored.is_some_and(|stored| stored.deleted),
        saved: filled.saved,
        lacking: extra::said(texts, lacking),
        fields,
        may_delete: may(&master.permissions.delete) && stored.is_some(),
        delete_address: address("delete"),
        restore_address: address("restore"),
        show_address: (stored.is_some()
            && filled.opened.is_none()
            && caller.require(&SENSITIVE_VIEW).is_ok()
            && shape.columns.iter().any(|column| column.field.sealed.is_some()))
        .then(|| format!("{}?show=sensitive", address("row"))),
        link: master
            .link
            .filter(|_| stored.is_some())
            .map(|link| (format!("{}{}", link.one, url_text(key)), link.text)),
        files_at: format!("/files/on/{}/{}", master.name, url_text(key)),
        history,
        title: title.clone(),
    };
    let title = format!("{title} · {}", texts.t(&master.text_key()));
    Shell::new(state, caller, title, "/masters")
        .under("/masters", texts.t("masters-title"))
        .under(all, texts.t(&master.text_key()))
        .page(headers, &page)
}

/// Whether a mistake stands beside this input; that of a text in languages beside its
/// first.
fn shown_at(mistake: &Mistake, input: &Asked) -> bool {
    let of_field = || input.name.rsplit_once('.').is_some_and(|(field, _)| field == mistake.field);
    input.name == mistake.field || (input.first && !input.lang.is_empty() && of_field())
}

/// The inputs of a field in the order in which they are asked for: of a text in
/// languages the tenant's own first.
pub(super) fn asked(shape: &Shape, column: &Column) -> Vec<String> {
    match column.kind {
        Kind::Names => {
            let languages = shape.languages(column).into_iter();
            languages.map(|lang| format!("{}.{}", column.name, lang.code())).collect()
        }
        _ => check::inputs(column),
    }
}

/// The first of them.
pub(super) fn first_of(shape: &Shape, column: &Column) -> String {
    asked(shape, column).into_iter().next().unwrap_or_default()
}

async fn inputs(
    tx: &mut Tx,
    shapes: &Shapes,
    shape: &Shape,
    filled: &Filled<'_>,
    texts: &Texts,
) -> Result<Vec<Asked>, MastersError> {
    let mut inputs = Vec::new();
    for column in &shape.columns {
        let first = first_of(shape, column);
        for name in asked(shape, column) {
            let mut input = input(shape, column, name, filled, texts);
            input.first = input.name == first;
            if matches!(column.kind, Kind::Text { .. } | Kind::Codes(_))
                && let Some(reference) = shape.reference_of(&column.name)
            {
                let offered = service::options(tx, shapes, reference, "", texts.lang).await?;
                if reference.several {
                    input.kind = "many";
                    let held: Vec<&str> = input.value.split(';').collect();
                    input.choices = offered
                        .into_iter()
                        .map(|(code, name)| {
                            let chosen = held.contains(&code.as_str());
                            (code.clone(), format!("{code} · {name}"), chosen)
                        })
                        .collect();
                } else {
                    let more = format!("/masters/{}/options/{}", shape.master.name, column.name);
                    input.options = Some((more, offered));
                }
            }
            if let (Some(offers), None) = (column.field.offers, filled.stored) {
                let more = format!("/masters/{}/options/{}", shape.master.name, column.name);
                input.options = Some((more, offers(texts.lang)));
            }
            // Where there is one plant only, a new row is of that one.
            if let (None, None, Some(codes)) = (filled.stored, filled.typed, tx.plants().codes())
                && let ([code], Some(Place::One(field))) = (codes.as_slice(), shape.place)
                && input.name == field
            {
                input.value.clone_from(code);
            }
            input.error = filled
                .mistakes
                .iter()
                .find(|mistake| shown_at(mistake, &input))
                .map(|mistake| (mistake.wrong.what(texts), mistake.wrong.fix(texts)));
            inputs.push(input);
        }
    }
    Ok(inputs)
}

fn input(shape: &Shape, column: &Column, name: String, filled: &Filled<'_>, texts: &Texts) -> Asked {
    let lang = match column.kind {
        Kind::Names => name.rsplit('.').next().unwrap_or_default().to_owned(),
        _ => String::new(),
    };
    let of_row = || {
        let value = filled.stored.and_then(|stored| stored.row.get(&column.name));
        match (&column.kind, value) {
            (Kind::Secret, _) => {
                let opened = filled.opened.and_then(|opened| opened.get(&column.name));
                opened.map(Kind::plain).unwrap_or_default()
            }
            (Kind::Names, Some(names)) => names.get(&lang).map(Kind::plain).unwrap_or_default(),
            (_, Some(value)) => Kind::plain(value),
            // What is left empty is filled in by what is chosen.
            (_, None) if column.field.filled => String::new(),
            (_, None) => column.default.as_ref().map(Kind::plain).unwrap_or_default(),
        }
    };
    let value = match filled.typed {
        Some(_) if column.kind == Kind::Secret && column.field.sealed.is_none() => String::new(),
        Some(typed) => typed.get(&name).cloned().unwrap_or_else(of_row),
        None => of_row(),
    };
    let (kind, longest) = match &column.kind {
        Kind::Text { lines: true, longest } => ("lines", Some(*longest)),
        Kind::Text { longest, .. } => ("text", Some(*longest)),
        Kind::Choice(_) | Kind::Named(_) => ("choice", None),
        Kind::Whole(_) | Kind::Decimal { .. } => ("number", None),
        // No own value is neither yes nor no.
        Kind::Flag if column.lies == Lies::Plant => ("choice", None),
        Kind::Flag => ("flag", None),
        Kind::Date => ("date", None),
        Kind::Time => ("time", None),
        Kind::Codes(words) if words.is_empty() => ("text", None),
        Kind::Codes(_) => ("many", None),
        Kind::Names => ("text", Some(120)),
        Kind::Secret if column.field.sealed.is_some() => ("text", Some(64)),
        Kind::Secret => ("secret", Some(64)),
    };
    let held: Vec<&str> = value.split(';').collect();
    // Yes or no is ticked, but where it can be neither.
    let offered = if kind == "flag" { Vec::new() } else { column.kind.options(texts) };
    let choices = offered.into_iter().map(|(word, said)| {
        let chosen = held.contains(&word.as_str());
        (word, said, chosen)
    });
    let of_new = filled.stored.is_none();
    let own = shape.master.member.map(|member| member.member);
    let choices = choices.map(|(word, said, chosen)| {
        let chosen = chosen
            || (of_new
                && own == Some(word.as_str())
                && shape.master.member.is_some_and(|m| column.name == m.list));
        (word, said, chosen)
    });
    let hint = match (&column.kind, of_new, shape.master.opaque_key) {
        (Kind::Secret, ..) if column.field.sealed.is_some() => texts.t("masters-sensitive-hint"),
        (Kind::Secret, false, _) => texts.t("masters-secret-hint"),
        (_, true, Some(_)) if column.is_key => texts.t("masters-opaque-hint"),
        _ => texts.or(&format!("hint-{}-{}", shape.master.name, column.name), ""),
    };
    let opaque = shape.master.opaque_key.is_some() && column.is_key;
    Asked {
        label: label(column, &name, texts),
        choices: choices.collect(),
        kind,
        // A text in any one language is enough.
        required: column.is_asked()
            && lang.is_empty()
            && !shape.in_languages(column)
            && !opaque
            && (of_new || column.kind != Kind::Secret),
        clears: !column.required && column.default.is_none(),
        first: true,
        fixed: column.is_key && filled.stored.is_some(),
        sealed: column.kind == Kind::Secret,
        longest,
        options: None,
        hint,
        mask: match (column.field.sealed, column.field.secret, filled.stored) {
            (Some(_), Some(name), Some(stored))
                if filled.opened.is_none() && stored.row.get(name).is_some_and(|value| !value.is_null()) =>
            {
                sensitive::MASK
            }
            _ => "",
        },
        error: None,
        lang,
        plant: match &column.label {
            Label::At(plant) => plant.clone(),
            _ => String::new(),
        },
        value,
        name,
    }
}

/// What a form sent, by input; of several with one name, all where the field
/// holds several, else the last.
fn typed(shape: &Shape, sent: Vec<(String, String)>) -> (Cells, i32) {
    let mut cells = Cells::new();
    let mut version = 0;
    for (name, value) in sent {
        if name == "version" {
            version = value.parse().unwrap_or(0);
            continue;
        }
        let column = shape.column(&name);
        let several = column.is_some_and(|column| matches!(column.kind, Kind::Codes(_)));
        let number = column.is_some_and(|column| column.kind.is_number());
        let value = if number { plain_number(&value) } else { value };
        match cells.get_mut(&name) {
            Some(before) if several => {
                if !value.is_empty() {
                    before.push(';');
                    before.push_str(&value);
                }
            }
            _ => drop(cells.insert(name, value)),
        }
    }
    (cells, version)
}

type Sent = Result<Form<Vec<(String, String)>>, FormRejection>;

pub(super) async fn create(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    sent: Sent,
) -> Result<Response, Problem> {
    let (shapes, _, caller) = open(&state, &engine, caller, &name, Right::Edit).await?;
    let shape = shapes.find(&name).map_err(|error| error.problem(&caller.texts))?;
    let (cells, _) = typed(shape, form(sent)?);
    match service::create(&state.db, &caller.cx, shape, cells.clone()).await {
        Ok(saved) => Ok(to_row(&name, &saved.key)),
        Err(error) => {
            let (mistakes, told) = refused(&caller.texts, error)?;
            let filled = Filled { typed: Some(&cells), mistakes: &mistakes, ..Filled::default() };
            let page = show(&state, &caller, &headers, &shapes, &name, "", filled, told).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// With what a form is shown again as it was typed: its mistakes, or what is said above it.
fn refused(texts: &Texts, error: MastersError) -> Result<(Vec<Mistake>, Vec<String>), Problem> {
    match error {
        MastersError::Mistakes(mistakes) => Ok((mistakes, Vec::new())),
        error => Ok((Vec::new(), vec![kept(texts, error.problem(texts))?])),
    }
}

fn to_row(name: &str, key: &str) -> Response {
    Redirect::to(&format!("/masters/{name}/row/{}?saved", url_text(key))).into_response()
}

pub(super) async fn update(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path((name, key)): Path<(String, String)>,
    headers: HeaderMap,
    sent: Sent,
) -> Result<Response, Problem> {
    let (shapes, _, caller) = open(&state, &engine, caller, &name, Right::EditValues).await?;
    let stored = find(&state, &caller, &shapes, &name, &key).await?;
    let shape = shapes.find(&name).map_err(|error| error.problem(&caller.texts))?;
    let (mut cells, version) = typed(shape, form(sent)?);
    // Values of plants that are only shown come back with the rest.
    cells.retain(|name, _| !name.contains('@') || shape.column(name).is_some());
    let (mistakes, told, status) =
        match service::update(&state.db, &caller.cx, shape, &key, version, cells.clone()).await {
            Ok(saved) => return Ok(to_row(&name, &saved.key)),
            // What was typed stays beside what somebody else wrote meanwhile.
            Err(MastersError::Stale) => (Vec::new(), vec![caller.t("masters-stale")], StatusCode::CONFLICT),
            Err(error) => {
                let (mistakes, told) = refused(&caller.texts, error)?;
                (mistakes, told, StatusCode::UNPROCESSABLE_ENTITY)
            }
        };
    let filled =
        Filled { stored: Some(&stored), typed: Some(&cells), mistakes: &mistakes, ..Filled::default() };
    let page = show(&state, &caller, &headers, &shapes, &name, &key, filled, told).await?;
    Ok((status, page).into_response())
}

#[derive(Debug, Deserialize)]
pub(super) struct Seen {
    version: i32,
}

pub(super) async fn delete(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path((name, key)): Path<(String, String)>,
    headers: HeaderMap,
    sent: Result<Form<Seen>, FormRejection>,
) -> Result<Response, Problem> {
    let (shapes, _, caller) = open(&state, &engine, caller, &name, Right::Delete).await?;
    let stored = find(&state, &caller, &shapes, &name, &key).await?;
    let Seen { version } = form(sent)?;
    let shape = shapes.find(&name).map_err(|error| error.problem(&caller.texts))?;
    let told = match service::delete(&state.db, &caller.cx, &shapes, shape, &key, Some(version)).await {
        Ok(()) => {
            let list = format!("/masters/{name}?{GONE}={}", url_text(&key));
            return Ok(Redirect::to(&list).into_response());
        }
        Err(used @ MastersError::InUse(_)) => used.problem(&caller.texts).detail,
        Err(MastersError::Stale) => caller.t("masters-stale"),
        Err(error) => return Err(error.problem(&caller.texts)),
    };
    let filled = Filled { stored: Some(&stored), ..Filled::default() };
    let page = show(&state, &caller, &headers, &shapes, &name, &key, filled, vec![told]).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}

pub(super) async fn restore(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path((name, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (shapes, _, caller) = open(&state, &engine, caller, &name, Right::Delete).await?;
    let stored = find(&state, &caller, &shapes, &name, &key).await?;
    let shape = shapes.find(&name).map_err(|error| error.problem(&caller.texts))?;
    match service::restore(&state.db, &caller.cx, shape, &key).await {
        Ok(saved) => Ok(to_row(&name, &saved.key)),
        Err(MastersError::Mistakes(mistakes)) => {
            let filled = Filled { stored: Some(&stored), mistakes: &mistakes, ..Filled::default() };
            let page = show(&state, &caller, &headers, &shapes, &name, &key, filled, Vec::new()).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error.problem(&caller.texts)),
    }
}

#[derive(Template)]
#[template(
    source = "{% for (code, name) in options %}<option value=\"{{ code }}\">{{ name }}</option>{% endfor %}",
    ext = "html"
)]
struct Options {
    options: Vec<(String, String)>,
}

/// Of what is offered, what begins so by its code or has a word in its name that does.
fn beginning(mut offered: Vec<(String, String)>, begins: &str) -> Vec<(String, String)> {
    let wanted = begins.to_lowercase();
    offered.retain(|(code, name)| {
        let name = name.to_lowercase();
        code.to_lowercase().starts_with(&wanted)
            || name.starts_with(&wanted)
            || name.split_whitespace().any(|word| word.starts_with(&wanted))
    });
    offered
}

/// Codes that a field may refer to, or that are offered for it, while one types.
pub(super) async fn options(
    State(state): State<AppState>,
    State(engine): State<Arc<Engine>>,
    caller: Caller,
    Path((name, field)): Path<(String, String)>,
    uri: Uri,
) -> Result<Html<String>, Problem> {
    let filters = |name: &str, field: &str| {
        let master = declared::ALL.iter().find(|master| master.name == name);
        master.is_some_and(|master| master.filters.contains(&field)) || field.starts_with(OWN)
    };
    // Lists are narrowed by it too, by whoever sees them.
    let right = if filters(&name, &field) { Right::View } else { Right::EditValues };
    let (shapes, _, caller) = open(&state, &engine, caller, &name, right).await?;
    let pairs = query::<Vec<(String, String)>>(&uri)?;
    let begins =
        pairs.into_iter().find(|(name, _)| *name == field).map(|(_, value)| value).unwrap_or_default();
    let begins: String = begins.chars().filter(|c| !c.is_control()).take(60).collect();
    let found = async {
        let shape = shapes.find(&name)?;
        if let Some(offers) = shape.column(&field).and_then(|column| column.field.offers) {
            return Ok(beginning(offers(caller.texts.lang), &begins));
        }
        let reference = shape.reference_of(&field).ok_or(MastersError::NotFound)?;
        // Who only sees the list seeks among what they may see.
        let target = |shape: &Shape| shape.master.table == reference.target.table;
        let sees = |shape: &Shape| target(shape) && caller.may(&shape.master.permissions.view);
        if caller.plants(&shape.master.permissions.edit).is_none() && !shapes.iter().any(sees) {
            return Ok(Vec::new());
        }
        state
            .db
            .tx(&caller.cx, async |tx| {
                service::options(tx, &shapes, reference, &begins, caller.texts.lang).await
            })
            .await
    };
    let options = found.await.map_err(|error| error.problem(&caller.texts))?;
    Ok(Html(Options { options }.render()?))
}
