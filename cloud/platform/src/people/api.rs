//! People, roles, and the own sessions, as JSON.

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::PeopleError;
use super::links::{self, Invitation};
use super::model::{Given, Role, User};
use super::part::Part;
use super::signin::{self, Session};
use super::within::By;
use super::{ROLE_MANAGE, USER_MANAGE, USER_READ, roles, service};
use crate::ctx::Plants;
use crate::i18n::Names;
use crate::openapi::{Operation, group};
use crate::web::routing::{delete, get, post, put};
use crate::web::{AppState, Caller, IfMatch, Path, Problem, etag, json, no_place, not_modified, query, rows};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/users", get(list).merge(post(invite)))
        .route("/api/v1/users/{id}", get(one))
        .route("/api/v1/users/{id}/name", put(set_name))
        .route("/api/v1/users/{id}/roles", put(set_roles))
        .route("/api/v1/users/{id}/status", put(set_status))
        .route("/api/v1/users/{id}/link", post(new_link))
        .route("/api/v1/roles", get(list_roles).merge(post(create_role)))
        .route("/api/v1/roles/{code}", delete(delete_role))
        .route("/api/v1/roles/{code}/name", put(rename_role))
        .route("/api/v1/roles/{code}/permissions", put(set_permissions))
        .route("/api/v1/account/sessions", get(sessions).merge(delete(end_others)))
        .route("/api/v1/account/sessions/{session}", delete(end_one))
}

/// When `rights.beyond` is answered.
pub(super) const BEYOND: &str =
    "It gives, takes or changes more than the caller holds: a role, a permission, or a person who has more.";

/// What the routes here are, for the description of the API.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let invalid = "The e-mail, the name or a role is not right.";
    let last = "Somebody active must stay who can administer.";
    let way_back = "While people sign in by the provider alone, an administrator with a password must stay.";
    let people = [
        Operation::get("/api/v1/users", "listUsers", "The people, by name")
            .needs(&USER_READ)
            .query::<After>()
            .choice("status", ["", "invited", "active", "disabled"])
            .answers::<People>(),
        Operation::post("/api/v1/users", "inviteUser", "Invites somebody")
            .note("The link by which a password is set goes by mail; where no mail is sent it is told, this once.")
            .needs(&USER_MANAGE)
            .takes::<NewUser>()
            .creates::<Linked>()
            .fails(403, "rights.beyond", BEYOND)
            .fails(409, "people.exists", "There is somebody with this e-mail.")
            .fails(422, "people.invalid", invalid),
        Operation::get("/api/v1/users/{id}", "getUser", "One person")
            .needs(&USER_READ)
            .uuid("id")
            .answers::<Person>()
            .tagged(),
        Operation::put("/api/v1/users/{id}/roles", "setUserRoles", "Gives a person these roles and no others")
            .needs(&USER_MANAGE)
            .uuid("id")
            .takes::<NewRoles>()
            .answers::<Person>()
            .tagged()
            .must_match()
            .fails(403, "rights.beyond", BEYOND)
            .fails(409, "people.last_administrator", last)
            .fails(409, "people.last_way_back", way_back)
            .fails(422, "people.invalid", invalid),
        Operation::put("/api/v1/users/{id}/name", "renameUser", "Corrects what a person is called")
            .needs(&USER_MANAGE)
            .uuid("id")
            .takes::<NewName>()
            .answers::<Person>()
            .tagged()
            .must_match()
            .fails(403, "rights.beyond", BEYOND)
            .fails(422, "people.invalid", "The name is not right."),
        Operation::put("/api/v1/users/{id}/status", "setUserStatus", "Shuts a person out, or lets in again")
            .needs(&USER_MANAGE)
            .uuid("id")
            .takes::<NewStatus>()
            .answers::<Person>()
            .tagged()
            .must_match()
            .fails(403, "rights.beyond", BEYOND)
            .fails(409, "people.last_administrator", last)
            .fails(409, "people.last_way_back", way_back),
        Operation::post("/api/v1/users/{id}/link", "newUserLink", "Makes a new link to set a password")
            .needs(&USER_MANAGE)
            .uuid("id")
            .answers::<Linked>()
            .fails(403, "rights.beyond", BEYOND),
        Operation::get("/api/v1/roles", "listRoles", "The roles, and what each may do")
            .needs(&ROLE_MANAGE)
            .answers::<Roles>(),
        Operation::post("/api/v1/roles", "createRole", "Makes a role, without any permission yet")
            .needs(&ROLE_MANAGE)
            .takes::<NewRole>()
            .creates::<OneRole>()
            .tagged()
            .fails(422, "people.invalid", "The code is taken or has not the form of one, or the name is not right."),
        Operation::put("/api/v1/roles/{code}/permissions", "setRolePermissions", "Gives a role these permissions and no others")
            .needs(&ROLE_MANAGE)
            .takes::<NewPermissions>()
            .answers::<OneRole>()
            .tagged()
            .must_match()
            .fails(403, "rights.beyond", BEYOND)
            .fails(422, "people.invalid", "There is no such role or permission, or it is the administrator's role."),
        Operation::put("/api/v1/roles/{code}/name", "renameRole", "Calls a role of your own otherwise")
            .needs(&ROLE_MANAGE)
            .takes::<NewRoleName>()
            .answers::<OneRole>()
            .tagged()
            .must_match()
            .fails(403, "rights.beyond", BEYOND)
            .fails(422, "people.invalid", "The name is not right, or every tenant has the role."),
        Operation::delete("/api/v1/roles/{code}", "deleteRole", "Deletes a role of your own that nothing names")
            .needs(&ROLE_MANAGE)
            .query::<Seen>()
            .must_match()
            .ends()
            .fails(403, "rights.beyond", BEYOND)
            .fails(409, "people.role_in_use", "People have it, a workflow names it, or the sign-in provider gives it; which is told.")
            .fails(422, "people.invalid", "Every tenant has the role."),
    ];
    let own = [
        Operation::get("/api/v1/account/sessions", "listSessions", "The own sessions, newest first")
            .person()
            .answers::<Sessions>(),
        Operation::delete(
            "/api/v1/account/sessions",
            "endOtherSessions",
            "Ends every own session but the one that asks",
        )
        .person()
        .ends(),
        Operation::delete("/api/v1/account/sessions/{session}", "endSession", "Ends one of the own sessions")
            .person()
            .ends(),
    ];
    [group("People", people), group("Own account", own)].concat()
}

/// Most people of one answer.
const MOST: i64 = 200;

// --- people -------------------------------------------------------------------------

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct After {
    /// Where the answer before ended: its `next`.
    after: String,
    /// People at most.
    #[schema(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// A part of the name or e-mail address.
    #[schema(max_length = 100)]
    q: String,
    /// Those of this status: `invited`, `active`, `disabled`.
    status: String,
    /// Those who have the role of this code.
    role: String,
}

/// A page of people.
#[derive(Debug, Serialize, ToSchema)]
struct People {
    users: Vec<Person>,
    /// Pass as `after` for the next page; null on the last.
    next: Option<String>,
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
struct Person {
    /// Opaque; events and the audit name the person by it.
    id: Uuid,
    email: String,
    name: String,
    /// invited, active, disabled.
    status: &'static str,
    roles: Vec<RoleAt>,
    last_signed_in_at: Option<DateTime<Utc>>,
    version: i32,
}

/// A role, and where it is given.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserRole)]
struct RoleAt {
    /// Such as `QUALITY_ENGINEER`.
    role: String,
    /// Codes of plants; null for all.
    #[schema(max_items = 200)]
    plants: Option<Vec<String>>,
}

impl From<RoleAt> for Given {
    fn from(at: RoleAt) -> Self {
        Self { role: at.role, plants: Plants::stored(at.plants) }
    }
}

impl From<User> for Person {
    fn from(user: User) -> Self {
        let at =
            |role: &String| RoleAt { role: role.clone(), plants: user.role_at(role).and_then(Plants::codes) };
        Self {
            roles: user.roles.iter().map(at).collect(),
            id: user.id,
            email: user.email.clone(),
            name: user.name.clone(),
            status: user.status.name(),
            last_signed_in_at: user.last_signed_in_at,
            version: user.version,
        }
    }
}

/// A person with the version as its tag.
fn answer(user: User) -> Response {
    ([etag(user.version)], Json(Person::from(user))).into_response()
}

async fn list(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<People>, Problem> {
    caller.require(&USER_READ)?;
    let asked = query::<After>(&uri)?;
    let limit = rows(asked.limit, 50, MOST)?;
    // The id has no point in it, the name may.
    let place = match asked.after.as_str() {
        "" => Some((Uuid::nil(), "")),
        text => text.split_once('.').and_then(|(id, name)| Some((id.parse().ok()?, name))),
    };
    let place = place.filter(|(_, name)| !name.contains('\0'));
    let (id, name) = place.ok_or_else(no_place)?;
    let part = Part::read(&asked.q, &asked.status, &asked.role)?;
    let mut users = service::part(&state.db, &caller.cx, &part, (name, id), limit + 1).await?;
    let more = i64::try_from(users.len()).is_ok_and(|count| count > limit);
    if more {
        users.pop();
    }
    let next = users.last().filter(|_| more).map(|last| format!("{}.{}", last.id, last.name));
    Ok(Json(People { users: users.into_iter().map(Person::from).collect(), next }))
}

/// Somebody to be invited.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUser {
    #[schema(max_length = 254, example = "ananya.sen@example.com")]
    email: String,
    #[schema(min_length = 1, max_length = 80)]
    name: String,
    /// Codes of roles, one at least.
    #[schema(min_items = 1, max_items = 100)]
    roles: Vec<String>,
    /// Where the roles are given; null for all plants.
    #[serde(default)]
    #[schema(max_items = 200)]
    plants: Option<Vec<String>>,
}

/// A person who has a link to set a password.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserLink)]
struct Linked {
    id: Uuid,
    /// Whether the link is on its way by mail.
    mailed: bool,
    /// The path of the link, to be passed on; null where it is mailed.
    link: Option<String>,
}

impl Linked {
    fn of(id: Uuid, mailed: bool, link: &str) -> Self {
        Self { id, mailed, link: (!mailed).then(|| format!("/invitation/{link}")) }
    }
}

/// A mistake told in this field of a request, and at this place of a list.
fn told_in(error: PeopleError, field: &str, place: Option<usize>) -> Problem {
    let mut problem = Problem::from(error);
    for mistake in &mut problem.errors {
        field.clone_into(&mut mistake.field);
        mistake.row = place;
    }
    problem
}

/// A mistake in roles that are given, in the field that the request has for it: there each
/// role stands with its plants, or codes of roles have their plants together.
fn told_given(error: PeopleError, each: bool) -> Problem {
    let place = error.place();
    match (error.field(), each) {
        (Some("role"), true) => told_in(error, "role", place),
        (Some("role"), false) => told_in(error, "roles", place),
        (Some("plant"), _) => told_in(error, "plants", place.filter(|_| each)),
        _ => error.into(),
    }
}

async fn invite(
    State(state): State<AppState>,
    caller: Caller,
    sent: Result<Json<NewUser>, JsonRejection>,
) -> Result<(StatusCode, Json<Linked>), Problem> {
    caller.require(&USER_MANAGE)?;
    let NewUser { email, name, roles, plants } = json(sent)?;
    if roles.is_empty() {
        return Err(told_given(PeopleError::NoRole, false));
    }
    let invitation = Invitation { email, name, roles, plants: Plants::stored(plants) };
    let (by, by_mail) = (By::caller(&state, &caller), links::by_mail(&state, &caller.cx).await?);
    let made = links::invite(&state.db, &by, &invitation, by_mail, Utc::now()).await;
    let (id, link) = made.map_err(|error| told_given(error, false))?;
    Ok((StatusCode::CREATED, Json(Linked::of(id, by_mail.is_some(), link.reveal()))))
}

async fn one(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&USER_READ)?;
    let user = service::find(&state.db, &caller.cx, id).await?;
    let tag = etag(user.version);
    if not_modified(&headers, &tag.1) {
        return Ok((StatusCode::NOT_MODIFIED, [tag]).into_response());
    }
    Ok(answer(user))
}

/// Roles of a person.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewUserRoles)]
struct NewRoles {
    #[schema(max_items = 100)]
    roles: Vec<RoleAt>,
    /// The version that was seen, where `If-Match` does not say it.
    version: Option<i32>,
}

async fn set_roles(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    sent: Result<Json<NewRoles>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.require(&USER_MANAGE)?;
    let NewRoles { roles, version } = json(sent)?;
    service::find(&state.db, &caller.cx, id).await?;
    let if_match = IfMatch::of(&headers);
    let seen = if_match.or(version)?;
    let given: Vec<Given> = roles.into_iter().map(Given::from).collect();
    let done = service::give_as_seen(&state.db, &By::caller(&state, &caller), id, seen, &given).await;
    done.map_err(|error| match error {
        PeopleError::Stale => if_match.stale(),
        error => told_given(error, true),
    })?;
    Ok(answer(service::find(&state.db, &caller.cx, id).await?))
}

/// How a person is to stand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewUserStatus)]
struct NewStatus {
    active: bool,
    /// The version that was seen, where `If-Match` does not say it.
    version: Option<i32>,
}

/// A stale version is told by the way in which it was said.
pub(super) fn told_stale(error: PeopleError, if_match: IfMatch) -> Problem {
    match error {
        PeopleError::Stale => if_match.stale(),
        error => error.into(),
    }
}

async fn set_status(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    sent: Result<Json<NewStatus>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.require(&USER_MANAGE)?;
    let NewStatus { active, version } = json(sent)?;
    let found = service::find(&state.db, &caller.cx, id).await?;
    let if_match = IfMatch::of(&headers);
    let version = if_match.or(version)?.unwrap_or(found.version);
    let done = service::enable(&state.db, &By::caller(&state, &caller), id, version, active).await;
    done.map_err(|error| told_stale(error, if_match))?;
    Ok(answer(service::find(&state.db, &caller.cx, id).await?))
}

/// What somebody is to be called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewName {
    #[schema(min_length = 1, max_length = 80)]
    name: String,
    /// The version that was seen, where `If-Match` does not say it.
    version: Option<i32>,
}

async fn set_name(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    sent: Result<Json<NewName>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.require(&USER_MANAGE)?;
    let NewName { name, version } = json(sent)?;
    let found = service::find(&state.db, &caller.cx, id).await?;
    let if_match = IfMatch::of(&headers);
    let version = if_match.or(version)?.unwrap_or(found.version);
    let done = service::rename(&state.db, &By::caller(&state, &caller), id, version, &name).await;
    done.map_err(|error| told_stale(error, if_match))?;
    Ok(answer(service::find(&state.db, &caller.cx, id).await?))
}

async fn new_link(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<Linked>, Problem> {
    caller.require(&USER_MANAGE)?;
    let by_mail = links::by_mail(&state, &caller.cx).await?;
    let link = links::link(&state.db, &By::caller(&state, &caller), id, by_mail, Utc::now()).await?;
    Ok(Json(Linked::of(id, by_mail.is_some(), link.reveal())))
}

// --- roles --------------------------------------------------------------------------

/// All roles.
#[derive(Debug, Serialize, ToSchema)]
struct Roles {
    roles: Vec<OneRole>,
}

/// A role.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Role)]
pub(super) struct OneRole {
    /// Such as `QUALITY_ENGINEER`.
    code: String,
    /// In the tenant's words, or of a built-in one in the reader's language.
    name: String,
    /// What a role of the tenant's own is called in languages.
    names: Names,
    /// Codes of permissions; a part `*` stands for any.
    permissions: Vec<String>,
    built_in: bool,
    /// Whoever has it must have a second step of sign-in.
    require_totp: bool,
    version: i32,
}

impl OneRole {
    pub(super) fn of(role: Role, caller: &Caller) -> Self {
        let name = if role.built_in { caller.t(&role.text_key()) } else { role.name };
        let Role { code, names, permissions, built_in, require_totp, version, .. } = role;
        Self { code, name, names, permissions, built_in, require_totp, version }
    }
}

pub(super) async fn find_role(
    state: &AppState,
    caller: &Caller,
    code: &str,
) -> Result<Option<Role>, Problem> {
    let all = service::roles(&state.db, &caller.cx).await?;
    Ok(all.into_iter().find(|role| role.code == code))
}

async fn list_roles(State(state): State<AppState>, caller: Caller) -> Result<Json<Roles>, Problem> {
    caller.require(&ROLE_MANAGE)?;
    let all = service::roles(&state.db, &caller.cx).await?;
    Ok(Json(Roles { roles: all.into_iter().map(|role| OneRole::of(role, &caller)).collect() }))
}

/// A role to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRole)]
struct NewRole {
    /// Letters, digits and `_`; kept in capitals.
    #[schema(min_length = 2, max_length = 40)]
    code: String,
    #[schema(min_length = 1, max_length = 80)]
    name: String,
    /// The name in languages, of at most 80 characters each.
    #[serde(default)]
    names: Names,
}

async fn create_role(
    State(state): State<AppState>,
    caller: Caller,
    sent: Result<Json<NewRole>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.require(&ROLE_MANAGE)?;
    let NewRole { code, name, names } = json(sent)?;
    let done = roles::create(&state.db, &caller.cx, &code, &name, &names).await;
    done.map_err(|error| match error {
        PeopleError::Role => told_in(error, "code", None),
        error => error.into(),
    })?;
    let code = code.trim().to_uppercase().replace([' ', '-'], "_");
    let made = find_role(&state, &caller, &code).await?.ok_or_else(Problem::not_found)?;
    Ok((StatusCode::CREATED, [etag(made.version)], Json(OneRole::of(made, &caller))).into_response())
}

/// What a role may do.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRolePermissions)]
struct NewPermissions {
    /// Codes of permissions.
    #[schema(max_items = 2000)]
    permissions: Vec<String>,
    /// The version that was seen, where `If-Match` does not say it.
    version: Option<i32>,
}

async fn set_permissions(
    State(state): State<AppState>,
    caller: Caller,
    Path(code): Path<String>,
    headers: HeaderMap,
    sent: Result<Json<NewPermissions>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.require(&ROLE_MANAGE)?;
    let NewPermissions { permissions, version } = json(sent)?;
    let found = find_role(&state, &caller, &code).await?.ok_or_else(Problem::not_found)?;
    let if_match = IfMatch::of(&headers);
    let version = if_match.or(version)?.unwrap_or(found.version);
    let (by, all) = (By::caller(&state, &caller), &state.permissions);
    let done = roles::permissions_set(&state.db, &by, all, &code, version, &permissions).await;
    done.map_err(|error| told_stale(error, if_match))?;
    let role = find_role(&state, &caller, &code).await?.ok_or_else(Problem::not_found)?;
    Ok(([etag(role.version)], Json(OneRole::of(role, &caller))).into_response())
}

/// What a role is to be called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRoleName)]
struct NewRoleName {
    #[schema(min_length = 1, max_length = 80)]
    name: String,
    /// The name in languages, of at most 80 characters each; left out: they stay as they are.
    names: Option<Names>,
    /// The version that was seen, where `If-Match` does not say it.
    version: Option<i32>,
}

async fn rename_role(
    State(state): State<AppState>,
    caller: Caller,
    Path(code): Path<String>,
    headers: HeaderMap,
    sent: Result<Json<NewRoleName>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.require(&ROLE_MANAGE)?;
    let NewRoleName { name, names, version } = json(sent)?;
    let found = find_role(&state, &caller, &code).await?.ok_or_else(Problem::not_found)?;
    let if_match = IfMatch::of(&headers);
    let version = if_match.or(version)?.unwrap_or(found.version);
    let called = (name.as_str(), names.as_ref());
    let done = roles::rename(&state.db, &By::caller(&state, &caller), &code, version, called).await;
    done.map_err(|error| told_stale(error, if_match))?;
    let role = find_role(&state, &caller, &code).await?.ok_or_else(Problem::not_found)?;
    Ok(([etag(role.version)], Json(OneRole::of(role, &caller))).into_response())
}

/// Which version was seen, where a request has no body.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = RoleSeen)]
struct Seen {
    /// The version that was seen, where `If-Match` does not say it.
    version: Option<i32>,
}

async fn delete_role(
    State(state): State<AppState>,
    caller: Caller,
    Path(code): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<StatusCode, Problem> {
    caller.require(&ROLE_MANAGE)?;
    let found = find_role(&state, &caller, &code).await?.ok_or_else(Problem::not_found)?;
    let if_match = IfMatch::of(&headers);
    let version = if_match.or(query::<Seen>(&uri)?.version)?.unwrap_or(found.version);
    let done = roles::delete(&state.db, &By::caller(&state, &caller), &code, version).await;
    done.map_err(|error| told_stale(error, if_match))?;
    Ok(StatusCode::NO_CONTENT)
}

// --- own sessions -------------------------------------------------------------------

/// The own sessions.
#[derive(Debug, Serialize, ToSchema)]
struct Sessions {
    sessions: Vec<OneSession>,
}

/// A signed-in browser.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
struct OneSession {
    id: String,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// Where it was started from.
    address: String,
    /// What the browser is, in a few words.
    browser: String,
    /// When it was last used, to some minutes.
    last_seen_at: DateTime<Utc>,
    /// The one that asks.
    current: bool,
}

impl From<Session> for OneSession {
    fn from(session: Session) -> Self {
        let Session { id, created_at, expires_at, address, device, last_seen_at, current } = session;
        Self { id, created_at, expires_at, address, browser: device, last_seen_at, current }
    }
}

async fn sessions(State(state): State<AppState>, caller: Caller) -> Result<Json<Sessions>, Problem> {
    let person = caller.person()?;
    let found = signin::sessions(&state.db, caller.cx.tenant, person, caller.session, Utc::now()).await?;
    Ok(Json(Sessions { sessions: found.into_iter().map(OneSession::from).collect() }))
}

async fn end_others(State(state): State<AppState>, caller: Caller) -> Result<StatusCode, Problem> {
    let person = caller.person()?;
    signin::end(&state.db, &caller.cx, person, None, caller.session).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn end_one(
    State(state): State<AppState>,
    caller: Caller,
    Path(session): Path<String>,
) -> Result<StatusCode, Problem> {
    let person = caller.person()?;
    signin::end(&state.db, &caller.cx, person, Some(&session), caller.session).await?;
    Ok(StatusCode::NO_CONTENT)
}
