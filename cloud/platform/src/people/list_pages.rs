//! The page of all people, and what invites one.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use serde::Deserialize;
use uuid::Uuid;

use super::error::PeopleError;
use super::links::{self, Invitation};
use super::model::{self, Role, Status, User};
use super::pages::{
    Boxes, Told, Tried, chosen, givable, link_of, role_name, role_names, say, status_class, ticked,
    ticked_of_many,
};
use super::part::Part;
use super::within::By;
use super::{USER_MANAGE, USER_READ, service};
use crate::i18n::Texts;
use crate::views::{self, Menu, Resolved};
use crate::web::fields::{Fields, Input};
use crate::web::list::{Cell, Column, Filter, List, Row};
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Problem, Shell, form};

/// Where they are.
const PATH: &str = "/users";
/// People of one page.
const PAGE: i64 = 50;

pub(super) fn router() -> Router<AppState> {
    Router::new().route(PATH, get(list).merge(post(invite)))
}

/// What stands above the list: a link that was just made, and what invites somebody.
#[derive(Template)]
#[template(path = "people/invite.html")]
struct Invite<'a> {
    texts: &'a Texts,
    /// The form that invites, for who may.
    fields: Option<Fields<'a>>,
    /// A link that was just made, and for whom.
    link: Option<(String, Told)>,
    /// What keeps mail from going out at present, and the page on which the link is had.
    waits: Option<(String, String)>,
}

#[derive(Debug, Default)]
struct Invited {
    email: String,
    name: String,
    role: String,
    plants: Vec<String>,
}

impl Invited {
    fn of(boxes: &Boxes) -> Self {
        let one = |name: &str| ticked(boxes, name).pop().unwrap_or_default();
        let plants = ticked_of_many(boxes, "plant");
        Self { email: one("email"), name: one("name"), role: one("role"), plants }
    }

    /// The form, with the roles that whoever looks can give.
    fn fields<'a>(
        &self,
        texts: &'a Texts,
        roles: Vec<(String, String)>,
        plants: &[(String, String)],
        mails: bool,
    ) -> Fields<'a> {
        let mut inputs = vec![
            Input::email("email", texts.t("people-email")).value(&self.email).required().longest(254),
            Input::text("name", texts.t("people-name")).value(&self.name).required().longest(80),
            // Nobody is given a role by oversight.
            Input::choice("role", texts.t("people-role"), roles).value(&self.role).required(),
        ];
        if plants.len() > 1 {
            let plants = plants
                .iter()
                .map(|(code, name)| (code.clone(), format!("{code} {name}"), self.plants.contains(code)));
            let label = texts.t("people-plants");
            inputs.push(Input::many("plant", label, plants).hint(texts.t("people-plants-hint")));
        }
        let submit = texts.t(if mails { "people-invite-mail" } else { "people-invite-submit" });
        Fields::new(texts, "/users", submit).inputs(inputs)
    }

    /// What is wrong with it by itself, with what the command says of it.
    fn wrong(&self, texts: &Texts, error: PeopleError) -> Result<Tried, Problem> {
        let mut wrong = Vec::new();
        let email = model::email(&self.email).is_none().then_some(PeopleError::Email);
        let name = model::name(&self.name).is_none().then_some(PeopleError::Name);
        let status = error.status();
        for error in email.into_iter().chain(name).chain([error]) {
            wrong.push((error.field().unwrap_or_default(), say(texts, error)?));
        }
        Ok(Tried { status, wrong })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    q: String,
    status: String,
    role: String,
    /// Name and id of the last one before.
    name: String,
    id: Option<Uuid>,
}

/// What was asked for, and what came of an invitation.
#[derive(Default)]
struct Came {
    typed: Invited,
    tried: Tried,
    link: Option<(String, Told)>,
    waits: Option<(String, String)>,
}

async fn list(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&USER_READ)?;
    show(&state, &caller, &headers, &uri, Came::default()).await
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    uri: &Uri,
    came: Came,
) -> Result<Response, Problem> {
    let (asked, resolved) = views::asked::<Asked>(state, caller, "people", uri).await?;
    let part = Part::read(&asked.q, &asked.status, &asked.role)?;
    let from = (asked.name.as_str(), asked.id.unwrap_or_default());
    let mut users = service::part(&state.db, &caller.cx, &part, from, PAGE + 1).await?;
    let more = i64::try_from(users.len()).is_ok_and(|count| count > PAGE);
    if more {
        users.pop();
    }
    let known = service::known(&state.db, &caller.cx).await?;
    let plants = service::plants(&state.db, &caller.cx, caller.texts.lang).await?;
    let may_give = givable(&By::caller(state, caller), &known, &plants);
    let texts = &caller.texts;
    let Came { typed, tried, link, waits } = came;
    let manages = caller.rights.has_everywhere(&USER_MANAGE);
    let mails = manages && links::by_mail(state, &caller.cx).await?.is_some();
    let fields = manages.then(|| {
        let roles = known.roles.iter().filter(|role| may_give.contains(&role.code));
        let roles = roles.map(|role| (role.code.clone(), role_name(texts, role))).collect();
        typed.fields(texts, roles, &plants, mails).wrong(tried.wrong)
    });
    let above = Invite { texts, fields, link, waits };
    let view = list_of(caller, &asked, &resolved, &known.roles, &users, more).above(above.render()?);
    let shell = Shell::new(state, caller, caller.t("people-users-title"), PATH);
    Ok((tried.status, shell.page(headers, &view)?).into_response())
}

/// The people, by name.
fn list_of<'a>(
    caller: &'a Caller,
    asked: &Asked,
    resolved: &Resolved,
    roles: &[Role],
    users: &[User],
    more: bool,
) -> List<'a> {
    let texts = &caller.texts;
    let row = |user: &User| {
        let signed_in = user.last_signed_in_at.map(|at| texts.time(&at, caller.zone));
        Row::new([
            Cell::text(&user.name),
            Cell::text(&user.email),
            Cell::text(role_names(texts, roles, user)),
            Cell::state(texts.t(user.status.text_key()), status_class(&user.status)),
            Cell::text(signed_in.unwrap_or_else(|| texts.t("people-never"))),
        ])
        .to(format!("{PATH}/{}", user.id))
    };
    let kept = [("q", asked.q.as_str()), ("status", asked.status.as_str()), ("role", asked.role.as_str())];
    let next = users.last().filter(|_| more).map(|last| {
        let id = last.id.to_string();
        let mut place = kept.to_vec();
        place.extend([("name", last.name.as_str()), ("id", id.as_str())]);
        resolved.address(PATH, &place)
    });
    let statuses = [Status::Invited, Status::Active, Status::Disabled];
    let statuses = statuses.map(|status| (status.name().to_owned(), texts.t(status.text_key())));
    let given = roles.iter().map(|role| (role.code.clone(), role_name(texts, role)));
    List::new(texts, PATH)
        .head(texts.t("people-users-title"), texts.t("people-users-lead"))
        .views(Menu::of("people", PATH, &kept, resolved, caller))
        .kept(resolved.kept())
        .search(&asked.q, texts.t("people-users-search"))
        .filters([
            Filter::choice("status", texts.t("people-status"), &asked.status, statuses),
            Filter::choice("role", texts.t("people-role"), &asked.role, given),
        ])
        .columns([
            Column::new("people-name"),
            Column::new("people-email"),
            Column::new("people-roles"),
            Column::new("people-status"),
            Column::new("people-last-signed-in"),
        ])
        .rows(users.iter().map(row))
        .narrowed(kept.iter().any(|(_, value)| !value.is_empty()), format!("{PATH}?view="))
        .empty(texts.t("people-users-none"))
        .first(asked.id.is_some().then(|| resolved.address(PATH, &kept)))
        .next(next)
}

async fn invite(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Boxes>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&USER_MANAGE)?;
    let typed = Invited::of(&form(sent)?);
    let roles = if typed.role.is_empty() { Vec::new() } else { vec![typed.role.clone()] };
    let plants = chosen(&typed.plants);
    let invitation = Invitation { email: typed.email.clone(), name: typed.name.clone(), roles, plants };
    // All of them are shown, not a view.
    let all = Uri::from_static("/users?view=");
    let (by, by_mail) = (By::caller(&state, &caller), links::by_mail(&state, &caller.cx).await?);
    let made = if invitation.roles.is_empty() {
        Err(PeopleError::NoRole)
    } else {
        links::invite(&state.db, &by, &invitation, by_mail, Utc::now()).await
    };
    match made {
        Ok((user, link)) => {
            let (told, waits) = match by_mail {
                Some(_) => (Told::Mailed, links::mail_waits(&state.db, &caller.cx, Utc::now()).await?),
                None => (Told::Shown(link_of(&state, &headers, link.reveal())), None),
            };
            let link = Some((typed.email.trim().to_lowercase(), told));
            let waits = waits.map(|error| (error, format!("{PATH}/{user}")));
            show(&state, &caller, &headers, &all, Came { link, waits, ..Came::default() }).await
        }
        Err(error) => {
            let tried = typed.wrong(&caller.texts, error)?;
            show(&state, &caller, &headers, &all, Came { typed, tried, ..Came::default() }).await
        }
    }
}
