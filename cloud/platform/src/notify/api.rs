//! Notices, what a person is told, and deliveries, as JSON.

use axum::Json;
use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::routing::{get, post};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::preferences::{self, APP, MAIL};
use super::{ByMail, Kind, MANAGE, pages, store};
use crate::db::DbError;
use crate::openapi::{Operation, group};
use crate::outbox::{self, Listed, State as Stands};
use crate::web::{AppState, Caller, Problem, json, query};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/notices", get(list))
        .route("/api/v1/notices/read", post(read_all))
        .route("/api/v1/notices/{notice}/read", post(read))
        .route("/api/v1/notices/preferences", get(preferences_of).put(preferences_set))
        .route("/api/v1/deliveries", get(deliveries))
        .route("/api/v1/deliveries/{id}/again", post(again))
}

/// What the routes here are, for the description of the API.
#[must_use]
pub(super) fn operations() -> Vec<Operation> {
    let wrong = "A kind that there is not.";
    let notices = [
        Operation::get("/api/v1/notices", "listNotices", "The own notices, newest first")
            .person()
            .query::<Asked>()
            .answers::<Notices>(),
        Operation::post("/api/v1/notices/read", "readNotices", "Marks all own notices as read")
            .person()
            .ends(),
        Operation::post(
            "/api/v1/notices/{notice}/read",
            "readNotice",
            "Marks one of the own notices as read",
        )
        .person()
        .uuid("notice")
        .ends(),
        Operation::get("/api/v1/notices/preferences", "getNoticePreferences", "What comes by which way")
            .person()
            .answers::<Preferences>(),
        Operation::put("/api/v1/notices/preferences", "setNoticePreferences", "Says what comes by which way")
            .note("Kinds that are not named stay as they are.")
            .person()
            .takes::<NewChoices>()
            .answers::<Preferences>()
            .fails(422, "notice.preferences", wrong),
    ];
    let deliveries = [
        Operation::get("/api/v1/deliveries", "listDeliveries", "What went out or waits, newest first")
            .needs(&MANAGE)
            .query::<AskedDeliveries>()
            .choice("state", Stands::ALL.map(Stands::name))
            .answers::<Deliveries>(),
        Operation::post(
            "/api/v1/deliveries/{id}/again",
            "sendAgain",
            "Sends a delivery again that was given up or sent",
        )
        .needs(&MANAGE)
        .uuid("id")
        .ends(),
    ];
    [group("Notices", notices), group("Deliveries", deliveries)].concat()
}

/// Most rows of one answer.
const MOST: i64 = 200;

fn limit_of(limit: Option<i64>) -> Result<i64, Problem> {
    let limit = limit.unwrap_or(50);
    if (1..=MOST).contains(&limit) {
        return Ok(limit);
    }
    let what = format!("{limit} is not 1 to {MOST}");
    Err(Problem::bad_request("query.parameter", what.clone()).field("limit", what))
}

// --- notices ------------------------------------------------------------------------

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    /// Where the answer before ended: its `next`.
    after: Option<Uuid>,
    /// Notices at most.
    #[schema(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
}

/// Own notices.
#[derive(Debug, Serialize, ToSchema)]
struct Notices {
    /// Newest first.
    notices: Vec<OneNotice>,
    /// How many were not read, counted up to a hundred.
    unread: i64,
    /// Pass as `after` for the next page; null on the last.
    next: Option<Uuid>,
}

/// A notice.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Notice)]
struct OneNotice {
    id: Uuid,
    /// Such as `hold.placed`.
    kind: String,
    /// In the reader's language.
    text: String,
    told_at: DateTime<Utc>,
    read_at: Option<DateTime<Utc>>,
}

async fn list(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<Notices>, Problem> {
    let user = caller.person()?;
    let asked = query::<Asked>(&uri)?;
    let limit = limit_of(asked.limit)?;
    let (mut rows, unread) = state
        .db
        .tx(&caller.cx, async |tx| {
            let rows = store::notices(tx, user, asked.after, limit + 1).await?;
            Ok::<_, DbError>((rows, store::unread(tx, user).await?))
        })
        .await?;
    let more = i64::try_from(rows.len()).is_ok_and(|count| count > limit);
    if more {
        rows.pop();
    }
    let next = rows.last().filter(|_| more).map(|last| last.id);
    let notices = rows.into_iter().map(|row| OneNotice {
        text: pages::text_of(&caller.texts, &state.kinds, &row.kind, &row.details),
        id: row.id,
        kind: row.kind,
        told_at: row.told_at,
        read_at: row.read_at,
    });
    Ok(Json(Notices { notices: notices.collect(), unread, next }))
}

async fn read_all(State(state): State<AppState>, caller: Caller) -> Result<StatusCode, Problem> {
    let user = caller.person()?;
    let now = Utc::now();
    state.db.tx(&caller.cx, async |tx| Ok::<_, DbError>(store::read_all(tx, user, now).await?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path(notice): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let user = caller.person()?;
    let now = Utc::now();
    let read =
        state.db.tx(&caller.cx, async |tx| Ok::<_, DbError>(store::read(tx, user, notice, now).await?));
    read.await?.map(|_| StatusCode::NO_CONTENT).ok_or_else(Problem::not_found)
}

// --- preferences ----------------------------------------------------------------------

/// What comes to a person by which way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NoticePreferences)]
struct Preferences {
    kinds: Vec<KindChoice>,
}

/// How one kind comes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NoticeChoice)]
struct KindChoice {
    /// Such as `hold.placed`.
    kind: String,
    /// In the reader's language.
    name: String,
    /// Whether it is shown inside the product.
    app: bool,
    /// It is, whatever the person says.
    app_fixed: bool,
    /// Whether it comes by mail.
    mail: bool,
    /// It does, whatever the person says.
    mail_fixed: bool,
}

async fn told(state: &AppState, caller: &Caller, user: Uuid) -> Result<Json<Preferences>, Problem> {
    let wishes =
        state.db.tx(&caller.cx, async |tx| Ok::<_, DbError>(store::own_wishes(tx, user).await?)).await?;
    let wish = |kind: &Kind, channel: &str| {
        wishes.iter().find(|(of, by, _)| of == kind.code && by == channel).map(|(_, _, wanted)| *wanted)
    };
    let kinds = state.kinds.iter().map(|kind| KindChoice {
        kind: kind.code.to_owned(),
        name: caller.t(&kind.name_key()),
        app: preferences::wants(kind, APP, wish(kind, APP)),
        app_fixed: kind.personal,
        mail: preferences::wants(kind, MAIL, wish(kind, MAIL)),
        mail_fixed: kind.mail == ByMail::Always,
    });
    Ok(Json(Preferences { kinds: kinds.collect() }))
}

async fn preferences_of(State(state): State<AppState>, caller: Caller) -> Result<Json<Preferences>, Problem> {
    let user = caller.person()?;
    told(&state, &caller, user).await
}

/// What is to come by which way.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NoticeChoices)]
struct NewChoices {
    #[schema(max_items = 200)]
    kinds: Vec<NewChoice>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewNoticeChoice)]
struct NewChoice {
    /// Such as `hold.placed`.
    kind: String,
    /// Shown inside the product; as it is when left out.
    app: Option<bool>,
    /// By mail; as it is when left out.
    mail: Option<bool>,
}

async fn preferences_set(
    State(state): State<AppState>,
    caller: Caller,
    sent: Result<Json<NewChoices>, JsonRejection>,
) -> Result<Json<Preferences>, Problem> {
    let user = caller.person()?;
    let new = json(sent)?;
    let mut problem = Problem::invalid("notice.preferences", Vec::new());
    for (at, wish) in new.kinds.iter().enumerate() {
        if !state.kinds.iter().any(|kind| kind.code == wish.kind) {
            problem = problem.at(at + 1, "kind", format!("There is no kind {}.", wish.kind));
        }
    }
    if !problem.errors.is_empty() {
        return Err(Problem::invalid("notice.preferences", problem.errors));
    }
    state
        .db
        .tx(&caller.cx, async |tx| {
            for wish in &new.kinds {
                let Some(kind) = state.kinds.iter().find(|kind| kind.code == wish.kind) else { continue };
                if let Some(app) = wish.app.filter(|_| !kind.personal) {
                    store::wish_set(tx, user, kind.code, APP, app).await?;
                }
                if let Some(mail) = wish.mail.filter(|_| kind.mail != ByMail::Always) {
                    store::wish_set(tx, user, kind.code, MAIL, mail).await?;
                }
            }
            Ok::<_, DbError>(())
        })
        .await?;
    told(&state, &caller, user).await
}

// --- deliveries -----------------------------------------------------------------------

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct AskedDeliveries {
    /// How they stand.
    state: Option<String>,
    /// Where the answer before ended: its `next`.
    after: Option<Uuid>,
    /// Rows at most.
    #[schema(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
}

/// A page of deliveries.
#[derive(Debug, Serialize, ToSchema)]
struct Deliveries {
    deliveries: Vec<Delivery>,
    /// Pass as `after` for the next page; null on the last.
    next: Option<Uuid>,
}

/// A message on its way, or at its end.
#[derive(Debug, Serialize, ToSchema)]
struct Delivery {
    id: Uuid,
    /// notice, mail, webhook.
    channel: String,
    /// What it tells of.
    kind: String,
    /// The person's e-mail or the webhook's name; empty when there is none any more.
    to: String,
    /// waiting, sent, dead, void.
    state: String,
    attempts: i32,
    /// Why the last attempt failed; empty when none did.
    last_error: String,
    created_at: DateTime<Utc>,
    /// When it is tried next, if it waits.
    due_at: DateTime<Utc>,
    /// Whether it can be sent again.
    replayable: bool,
}

impl From<Listed> for Delivery {
    fn from(row: Listed) -> Self {
        let Listed { id, channel, kind, to, state, attempts, last_error, created_at, due_at, replayable } =
            row;
        Self { id, channel, kind, to, state, attempts, last_error, created_at, due_at, replayable }
    }
}

/// A word of a list, or the problem that it is none.
fn word<T>(field: &str, text: Option<&str>, parse: fn(&str) -> Option<T>) -> Result<Option<T>, Problem> {
    text.map(|text| {
        let what = format!("'{text}' is none of those that there are");
        parse(text).ok_or_else(|| Problem::bad_request("query.parameter", what.clone()).field(field, what))
    })
    .transpose()
}

async fn deliveries(
    State(state): State<AppState>,
    caller: Caller,
    uri: Uri,
) -> Result<Json<Deliveries>, Problem> {
    caller.require(&MANAGE)?;
    let asked = query::<AskedDeliveries>(&uri)?;
    let limit = limit_of(asked.limit)?;
    let wanted = word("state", asked.state.as_deref(), Stands::parse)?;
    let now = Utc::now();
    let found =
        state.db.tx(&caller.cx, async |tx| outbox::list(tx, wanted, asked.after, limit + 1, now).await);
    let mut rows = found.await?;
    let more = i64::try_from(rows.len()).is_ok_and(|count| count > limit);
    if more {
        rows.pop();
    }
    let next = rows.last().filter(|_| more).map(|last| last.id);
    Ok(Json(Deliveries { deliveries: rows.into_iter().map(Delivery::from).collect(), next }))
}

async fn again(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    caller.require(&MANAGE)?;
    match outbox::replay(&state.db, &caller.cx, id, Utc::now()).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found()),
    }
}
