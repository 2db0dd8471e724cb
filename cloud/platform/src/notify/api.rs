//! Notices, what a person is told, and deliveries, as JSON.

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{StatusCode, Uri};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::preferences::{self, Choice, reaching};
use super::times;
use super::{MANAGE, pages, store};
use crate::db::DbError;
use crate::openapi::{Operation, group};
use crate::outbox::{self, Channel, Filter, Listed, State as Stands};
use crate::web::routing::{get, post, put};
use crate::web::{AppState, Caller, Path, Problem, json, query, rows};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/notices", get(list))
        .route("/api/v1/notices/read", post(read_all))
        .route("/api/v1/notices/{notice}/read", post(read))
        .route("/api/v1/notices/preferences", get(preferences_of).merge(put(preferences_set)))
        .route("/api/v1/deliveries", get(deliveries))
        .route("/api/v1/deliveries/{id}/again", post(again))
}

/// What the routes here are, for the description of the API.
#[must_use]
pub(super) fn operations() -> Vec<Operation> {
    let wrong = "A kind that there is not, or that cannot reach the caller by the roles of now.";
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
            .note("Of the kinds that can reach the caller by the roles of now.")
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
            .choice("channel", Channel::OUTSIDE.map(Channel::name))
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
    let limit = rows(asked.limit, 50, MOST)?;
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
    /// How fast, where it does.
    mail_pace: Pace,
    /// It does, whatever the person says.
    mail_fixed: bool,
    /// Whether it comes by text message, where those are set up and the person's number
    /// is verified.
    sms: bool,
}

/// How fast mail of a kind comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NoticePace)]
enum Pace {
    /// Each notice as it happens.
    Now,
    /// All together, once a day.
    Daily,
    /// All together, once a week.
    Weekly,
}

impl From<times::Pace> for Pace {
    fn from(pace: times::Pace) -> Self {
        match pace {
            times::Pace::Now => Self::Now,
            times::Pace::Daily => Self::Daily,
            times::Pace::Weekly => Self::Weekly,
        }
    }
}

impl From<Pace> for times::Pace {
    fn from(pace: Pace) -> Self {
        match pace {
            Pace::Now => Self::Now,
            Pace::Daily => Self::Daily,
            Pace::Weekly => Self::Weekly,
        }
    }
}

async fn told(state: &AppState, caller: &Caller, user: Uuid) -> Result<Json<Preferences>, Problem> {
    let (choices, _) = preferences::of_person(&state.db, &caller.cx, &reaching(state, caller), user).await?;
    let kinds = choices.into_iter().map(|choice| KindChoice {
        kind: choice.kind.code.to_owned(),
        name: caller.t(&choice.kind.name_key()),
        app: choice.app,
        app_fixed: choice.app_fixed(),
        mail: choice.mail.is_some(),
        mail_pace: choice.mail.unwrap_or(times::Pace::Now).into(),
        mail_fixed: choice.mail_fixed(),
        sms: choice.sms,
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
    /// How fast by mail; as it is when left out.
    mail_pace: Option<Pace>,
    /// By text message; as it is when left out.
    sms: Option<bool>,
}

impl NewChoice {
    /// What is chosen then, where it was `before`.
    fn over(&self, before: Choice) -> Choice {
        let pace = self.mail_pace.map_or(before.mail.unwrap_or(times::Pace::Now), Into::into);
        let by_mail = self.mail.unwrap_or(before.mail.is_some());
        Choice {
            app: self.app.unwrap_or(before.app),
            mail: by_mail.then_some(pace),
            sms: self.sms.unwrap_or(before.sms),
            ..before
        }
    }
}

async fn preferences_set(
    State(state): State<AppState>,
    caller: Caller,
    sent: Result<Json<NewChoices>, JsonRejection>,
) -> Result<Json<Preferences>, Problem> {
    let user = caller.person()?;
    let new = json(sent)?;
    let reaching = reaching(&state, &caller);
    let mut problem = Problem::invalid("notice.preferences", Vec::new());
    for (at, wish) in new.kinds.iter().enumerate() {
        if !reaching.iter().any(|kind| kind.code == wish.kind) {
            problem = problem.at(at + 1, "kind", format!("No kind {} can reach you.", wish.kind));
        }
    }
    if !problem.errors.is_empty() {
        return Err(Problem::invalid("notice.preferences", problem.errors));
    }
    let (present, _) = preferences::of_person(&state.db, &caller.cx, &reaching, user).await?;
    // Of a kind that is named twice the last one holds.
    let chosen: Vec<Choice> = present
        .into_iter()
        .filter_map(|before| {
            let wish = new.kinds.iter().rev().find(|wish| wish.kind == before.kind.code)?;
            Some(wish.over(before))
        })
        .collect();
    preferences::choices_set(&state.db, &caller.cx, user, &chosen).await?;
    told(&state, &caller, user).await
}

// --- deliveries -----------------------------------------------------------------------

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct AskedDeliveries {
    /// How they stand.
    state: Option<String>,
    /// By which way they go.
    channel: Option<String>,
    /// What they tell of, such as `hold.placed`.
    kind: Option<String>,
    /// The person or webhook that they are for: e-mail address, or name.
    to: Option<String>,
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
    /// mail, sms, webhook; notice and event where they were given up.
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
    /// What the other side calls it; empty where it does not say.
    reference: String,
    created_at: DateTime<Utc>,
    /// When it is tried next, if it waits.
    due_at: DateTime<Utc>,
    /// Whether it can be sent again.
    replayable: bool,
}

impl From<Listed> for Delivery {
    fn from(row: Listed) -> Self {
        Self {
            id: row.id,
            channel: row.channel,
            kind: row.kind,
            to: row.to,
            state: row.state,
            attempts: row.attempts,
            last_error: row.last_error,
            reference: row.reference,
            created_at: row.created_at,
            due_at: row.due_at,
            replayable: row.replayable,
        }
    }
}

/// A word of a list, or the problem that it is none.
fn word<T>(field: &str, text: Option<&str>, parse: fn(&str) -> Option<T>) -> Result<Option<T>, Problem> {
    text.map(|text| {
        parse(text).ok_or_else(|| {
            let what = format!("'{text}' is none of those that there are");
            let text = text.to_owned();
            Problem::bad_request("query.parameter", what)
                .both_told_by(field, move |texts| texts.t1("error-query-word", "value", &text))
        })
    })
    .transpose()
}

/// A channel that leaves the product.
fn outside(name: &str) -> Option<Channel> {
    Channel::OUTSIDE.into_iter().find(|channel| channel.name() == name)
}

async fn deliveries(
    State(state): State<AppState>,
    caller: Caller,
    uri: Uri,
) -> Result<Json<Deliveries>, Problem> {
    caller.require(&MANAGE)?;
    let asked = query::<AskedDeliveries>(&uri)?;
    let limit = rows(asked.limit, 50, MOST)?;
    let stands = word("state", asked.state.as_deref(), Stands::parse)?;
    let channel = word("channel", asked.channel.as_deref(), outside)?;
    let now = Utc::now();
    let found = state.db.tx(&caller.cx, async |tx| {
        let target = match asked.to.as_deref().map(str::trim).filter(|to| !to.is_empty()) {
            None => None,
            Some(to) => match store::target(tx, to).await? {
                Some(target) => Some(target),
                // Nothing is for somebody whom nobody knows.
                None => return Ok(Vec::new()),
            },
        };
        let filter = Filter { state: stands, channel, kind: asked.kind.clone(), target };
        outbox::list(tx, &filter, asked.after, limit + 1, now).await
    });
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
