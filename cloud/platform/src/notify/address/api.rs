//! Reports of mail that bounced after the server took it, sent here by whoever reads
//! them: a mail service's own call, made fit, or a program over a mailbox.

use axum::extract::rejection::JsonRejection;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::{Json, RequestExt, Router};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use utoipa::ToSchema;
use uuid::Uuid;

use super::{Bounce, Unreachable, is_token, lift, message_of, store, take, token_create};
use crate::ctx::Cx;
use crate::db::DbError;
use crate::notify::MANAGE;
use crate::openapi::{Operation, group};
use crate::tenancy;
use crate::web::routing::{delete, get, post};
use crate::web::{AppState, Caller, FieldError, Path, Problem, json};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/mail/bounces", post(bounces))
        .route("/api/v1/mail/bounces/token", post(new_token))
        .route("/api/v1/mail/unreachable", get(list))
        .route("/api/v1/mail/unreachable/{id}", delete(lifted))
}

/// What the routes here are, for the description of the API.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let report = Operation::post(
        "/api/v1/mail/bounces",
        "reportBounces",
        "Reports mail that did not arrive after all",
    )
    .note(
        "Of mails that this cloud sent, by their Message-ID. Besides an access key, the token that \
                 Deliveries, Unreachable addresses makes is taken as `Bearer`, and the operator's \
                 `bounce_token`, which is good for every tenant. A report may be sent again.",
    )
    .needs(&MANAGE)
    .takes::<Reports>()
    .answers::<Taken>();
    let token = Operation::post(
        "/api/v1/mail/bounces/token",
        "newBounceToken",
        "Makes the token for reports of bounced mail anew",
    )
    .note("It is told this once; the one before is of no use from then on.")
    .needs(&MANAGE)
    .answers::<Token>();
    let list = Operation::get(
        "/api/v1/mail/unreachable",
        "listUnreachable",
        "Addresses that mail does not reach, newest first",
    )
    .note("At most 200: once some are cleared, those before them come.")
    .needs(&MANAGE)
    .answers::<Addresses>();
    let lift = Operation::delete(
        "/api/v1/mail/unreachable/{id}",
        "clearUnreachable",
        "Has mail go to a person's address again",
    )
    .uuid("id")
    .means("id", "The person.")
    .needs(&MANAGE)
    .ends()
    .fails(404, "not_found", "There is no such person, or mail reaches the address.");
    group("Mail", [report, token, list, lift])
}

/// Most addresses of one answer.
const LISTED: i64 = 200;

/// Addresses that mail does not reach.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UnreachableAddresses)]
struct Addresses {
    addresses: Vec<Address>,
}

/// An address that mail does not reach: nothing is mailed there until its person has
/// confirmed it, has another one, or it is cleared.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UnreachableAddress)]
struct Address {
    /// The person.
    id: Uuid,
    name: String,
    email: String,
    /// What the mail server or service said.
    reason: String,
    /// `refused` at once, or `bounced` afterwards.
    source: String,
    /// The delivery that did not reach it.
    delivery: Uuid,
    since: DateTime<Utc>,
}

impl From<Unreachable> for Address {
    fn from(it: Unreachable) -> Self {
        let Unreachable { user_id, name, email, reason, source, message_id, since } = it;
        Self { id: user_id, name, email, reason, source, delivery: message_id, since }
    }
}

async fn list(State(state): State<AppState>, caller: Caller) -> Result<Json<Addresses>, Problem> {
    caller.require(&MANAGE)?;
    let found = state.db.tx(&caller.cx, async |tx| Ok::<_, DbError>(store::all(tx, LISTED).await?)).await?;
    Ok(Json(Addresses { addresses: found.into_iter().map(Address::from).collect() }))
}

async fn lifted(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    caller.require(&MANAGE)?;
    if lift(&state.db, &caller.cx, id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found())
    }
}

/// A token for reports of bounced mail.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BounceToken)]
struct Token {
    token: String,
}

async fn new_token(State(state): State<AppState>, caller: Caller) -> Result<Json<Token>, Problem> {
    caller.require(&MANAGE)?;
    let token = token_create(&state.db, &caller.cx).await?;
    Ok(Json(Token { token: token.reveal().to_owned() }))
}

/// Most reports of one request.
const MOST: usize = 500;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BounceReports)]
struct Reports {
    /// At most 500.
    #[schema(max_items = 500)]
    bounces: Vec<Report>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BounceReport)]
struct Report {
    /// The Message-ID of the mail, as its header has it.
    message_id: String,
    /// How it ended.
    r#type: Type,
    /// Whom it was sent to; another address than the person's now is passed over.
    recipient: Option<String>,
    /// What the other side said.
    #[serde(default)]
    reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = BounceType)]
enum Type {
    /// The address is not there.
    Hard,
    /// It could not be reached this time.
    Soft,
    /// The reader called it unwanted.
    Complaint,
}

/// What became of the reports.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = BouncesTaken)]
struct Taken {
    /// Of mails that were found.
    taken: usize,
    /// Of mails that are not known (any more), or are somebody else's.
    unknown: usize,
}

/// Who reports.
enum Reporter {
    /// An access key or a person of one tenant who may manage deliveries.
    Caller(Box<Caller>),
    /// The token of the whole cloud.
    Cloud,
    /// A token that may be a tenant's.
    Token(String),
}

async fn reporter(state: &AppState, request: &mut Request) -> Result<Reporter, Problem> {
    let token = bearer(request.headers()).filter(|token| !token.starts_with("twk_")).map(str::to_owned);
    let Some(token) = token else {
        let caller = request.extract_parts_with_state::<Caller, _>(state).await;
        let caller = caller.map_err(|_| Problem::unauthorized("auth.required"))?;
        caller.require(&MANAGE)?;
        return Ok(Reporter::Caller(Box::new(caller)));
    };
    // Hashes, so that the time it takes tells nothing of the token.
    let hash = |text: &str| Sha256::digest(text.as_bytes());
    if state.bounce_token.as_ref().is_some_and(|ours| hash(ours) == hash(&token)) {
        return Ok(Reporter::Cloud);
    }
    Ok(Reporter::Token(token))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

async fn bounces(State(state): State<AppState>, mut request: Request) -> Result<Json<Taken>, Problem> {
    let reporter = reporter(&state, &mut request).await?;
    let sent: Result<Json<Reports>, JsonRejection> = request.extract().await;
    // Who reports by a tenant's token is known only by the mail: a stranger is told no
    // more than that.
    let reports = match (&reporter, sent) {
        (Reporter::Token(_), Err(_)) => return Err(Problem::unauthorized("auth.invalid")),
        (_, sent) => json(sent)?,
    };
    if reports.bounces.len() > MOST {
        let detail = format!("At most {MOST} reports in one request.");
        let error = FieldError { field: "bounces".to_owned(), row: None, detail };
        return Err(Problem::invalid("request.invalid", vec![error]));
    }
    let (mut done, mut known) = (Taken::default(), !matches!(reporter, Reporter::Token(_)));
    for report in &reports.bounces {
        let (taken, right) = one(&state, &reporter, report).await?;
        known |= right;
        if taken {
            done.taken += 1;
        } else {
            done.unknown += 1;
        }
    }
    if known { Ok(Json(done)) } else { Err(Problem::unauthorized("auth.invalid")) }
}

/// Takes one report; answers whether it was taken, and whether the reporter was
/// found to be right.
async fn one(state: &AppState, reporter: &Reporter, report: &Report) -> Result<(bool, bool), Problem> {
    let Some((message, code)) = message_of(&report.message_id) else {
        return Ok((false, false));
    };
    let cx = match reporter {
        Reporter::Caller(caller) if caller.tenant_code == code => caller.cx.clone(),
        Reporter::Caller(_) => return Ok((false, true)),
        Reporter::Cloud | Reporter::Token(_) => match tenancy::find_tenant(&state.db, code).await? {
            Some(tenant) => Cx::system(tenant.id),
            None => return Ok((false, false)),
        },
    };
    let bounce = Bounce {
        message,
        lasting: report.r#type != Type::Soft,
        recipient: report.recipient.clone(),
        reason: if report.reason.is_empty() { "it bounced".to_owned() } else { report.reason.clone() },
    };
    let done = state.db.tx(&cx, async |tx| {
        let right = match reporter {
            Reporter::Token(token) => is_token(tx, token).await?,
            _ => true,
        };
        Ok::<_, DbError>((right && take(tx, &bounce, Utc::now()).await?, right))
    });
    Ok(done.await?)
}
