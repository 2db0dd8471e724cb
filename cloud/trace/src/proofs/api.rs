//! Proofs by API.

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, Uri, header};
use axum::response::IntoResponse;
use axum::{Extension, Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use platform::openapi::{Operation, group};
use platform::web::routing::{get, post};
use platform::web::{AppState, Caller, Path, Problem, no_place, query};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use verify::merkle::Hash;
use verify::note::PublicKey;

use super::worker::Asked;
use super::{PROOF_MANAGE, PROOF_READ, ProofError, check, export, heads, store, tree};

/// Heads of one page.
const PAGE: usize = 100;
/// Steps that an export lets the tree grow by first.
const STEPS: usize = 4;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/proofs/keys", get(list_keys).merge(post(new_key)))
        .route("/api/v1/proofs/heads", get(list_heads))
        .route("/api/v1/proofs/heads/current", get(current_head))
        .route("/api/v1/proofs/inclusion/{event}", get(inclusion))
        .route("/api/v1/proofs/consistency", get(consistency))
        .route("/api/v1/proofs/history/{uid}", get(history))
        .route("/api/v1/proofs/check", get(standing).merge(post(run)))
}

pub(super) fn operations() -> Vec<Operation> {
    let keys = Operation::get("/api/v1/proofs/keys", "listProofKeys", "Keys that sign, or signed, the tree")
        .needs(&PROOF_READ)
        .answers::<Keys>();
    let rotate = Operation::post(
        "/api/v1/proofs/keys",
        "rotateProofKey",
        "Puts a new key into use; what older ones signed stays good",
    )
    .needs(&PROOF_MANAGE)
    .creates::<KeyView>();
    let list = Operation::get("/api/v1/proofs/heads", "listTreeHeads", "Signed heads, the largest first")
        .needs(&PROOF_READ)
        .query::<HeadsAsked>()
        .answers::<Heads>();
    let current = Operation::get(
        "/api/v1/proofs/heads/current",
        "currentTreeHead",
        "The signed head of the tree as it is now",
    )
    .needs(&PROOF_READ)
    .answers::<HeadView>()
    .fails(404, "proof.empty", "No event is in the tree yet.");
    let inclusion = Operation::get(
        "/api/v1/proofs/inclusion/{event}",
        "proveInclusion",
        "The proof that an event is in the tree (RFC 9162, 2.1.3)",
    )
    .needs(&PROOF_READ)
    .uuid("event")
    .query::<SizeAsked>()
    .answers::<InclusionProof>()
    .fails(404, "proof.event", "There is no such event in the tree, or it is of another plant.")
    .fails(400, "proof.sizes", "No tree of that size holds the event.");
    let consistency = Operation::get(
        "/api/v1/proofs/consistency",
        "proveConsistency",
        "The proof that one tree grew from another (RFC 9162, 2.1.4)",
    )
    .needs(&PROOF_READ)
    .query::<SizesAsked>()
    .answers::<ConsistencyProof>()
    .fails(400, "proof.sizes", "There were no two such trees.");
    let history = Operation::get(
        "/api/v1/proofs/history/{uid}",
        "exportHistory",
        "A unit's whole history with its proofs, as a file that `verify` checks",
    )
    .needs(&PROOF_READ)
    .means("uid", "A UID, or any code that leads to one: an alias, a link, a scan.")
    .answers_file(&["application/json"])
    .fails(400, "uid.checksum", "It is meant to be a UID, and wrong; `code` says in which part.")
    .fails(404, "uid.unknown", "Nothing is known by this code.")
    .fails(404, "uid.foreign", "A UID of another tenant.")
    .fails(404, "proof.empty", "No event is in the tree yet.")
    .fails(404, "proof.event", "No event of the unit is in the tree yet.")
    .fails(409, "uid.ambiguous", "The code stands for several UIDs.")
    .fails(422, "proof.too_long", "The unit has more events than one file takes.");
    let check =
        Operation::get("/api/v1/proofs/check", "proofCheck", "How far events are checked against the tree")
            .needs(&PROOF_READ)
            .answers::<CheckView>();
    let run = Operation::post(
        "/api/v1/proofs/check",
        "runProofCheck",
        "Has the check of all events begin now; `GET` tells how far it is",
    )
    .needs(&PROOF_MANAGE)
    .answers::<CheckView>()
    .fails(404, "proof.empty", "No event is in the tree yet.")
    .fails(409, "proof.checking", "A check is under way, or asked for.");
    group("Proofs", [check, run, keys, rotate, list, current, inclusion, consistency, history])
}

/// A key by which signatures are checked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProofKey)]
struct KeyView {
    /// Its id, as in signatures.
    id: String,
    /// The key in the form of C2SP's signed notes: `NAME+ID+BASE64`.
    key: String,
    /// Since when it signs.
    made_at: DateTime<Utc>,
    /// Since when it does not any more; null for the one in use.
    retired_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProofKeys)]
struct Keys {
    /// The newest first.
    keys: Vec<KeyView>,
}

async fn list_keys(State(state): State<AppState>, caller: Caller) -> Result<Json<Keys>, Problem> {
    caller.require_somewhere(&PROOF_READ)?;
    let read = async |tx: &mut platform::db::Tx| Ok::<_, ProofError>(store::keys(tx).await?);
    let rows = state.db.tx(&caller.at(&PROOF_READ), read).await?;
    let keys = rows
        .into_iter()
        .filter_map(|row| {
            let key = PublicKey { name: row.log, bytes: row.public.try_into().ok()? };
            let (made_at, retired_at) = (row.made_at, row.retired_at);
            Some(KeyView { id: row.key_id, key: key.to_string(), made_at, retired_at })
        })
        .collect();
    Ok(Json(Keys { keys }))
}

async fn new_key(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<(StatusCode, Json<KeyView>), Problem> {
    caller.require(&PROOF_MANAGE)?;
    let now = Utc::now();
    let key = state.db.tx(&caller.cx, async |tx| heads::rotate(tx, &state.secrets, now).await).await?;
    let view = KeyView { id: key.id(), key: key.to_string(), made_at: now, retired_at: None };
    Ok((StatusCode::CREATED, Json(view)))
}

/// A signed head of the tree.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TreeHead)]
struct HeadView {
    /// Leaves of the tree.
    size: i64,
    /// Its root, in base64.
    root: String,
    /// Id of the key that signed it.
    key: String,
    /// The head as it is signed: a C2SP checkpoint.
    note: String,
    /// When.
    signed_at: DateTime<Utc>,
}

impl From<store::HeadRow> for HeadView {
    fn from(row: store::HeadRow) -> Self {
        Self {
            size: row.size,
            root: STANDARD.encode(row.root),
            key: row.key_id,
            note: row.note,
            signed_at: row.signed_at,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TreeHeads)]
struct Heads {
    /// This page.
    heads: Vec<HeadView>,
    /// Pass as `after` for the next page; null on the last.
    next: Option<String>,
    /// Events are taken in that are not in the tree yet.
    behind: bool,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = TreeHeadsAsked)]
struct HeadsAsked {
    /// `next` of the page before.
    after: Option<String>,
}

async fn list_heads(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Json<Heads>, Problem> {
    caller.require_somewhere(&PROOF_READ)?;
    let asked = query::<HeadsAsked>(&uri)?;
    let before = match asked.after.as_deref() {
        None => (i64::MAX, String::new()),
        Some(after) => {
            let (size, key) = after.split_once('.').ok_or_else(no_place)?;
            let known = key.len() == 8 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
            (size.parse().ok().filter(|_| known).ok_or_else(no_place)?, key.to_owned())
        }
    };
    let read = async |tx: &mut platform::db::Tx| {
        let rows = store::heads(tx, (before.0, &before.1), PAGE as i64 + 1).await?;
        Ok::<_, ProofError>((rows, store::behind(tx).await?))
    };
    let (mut rows, behind) = state.db.tx(&caller.at(&PROOF_READ), read).await?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let next = rows.last().filter(|_| more).map(|last| format!("{}.{}", last.size, last.key_id));
    Ok(Json(Heads { heads: rows.into_iter().map(HeadView::from).collect(), next, behind }))
}

async fn current_head(State(state): State<AppState>, caller: Caller) -> Result<Json<HeadView>, Problem> {
    caller.require_somewhere(&PROOF_READ)?;
    let now = Utc::now();
    fresh(&state, &caller, now).await;
    let head = state
        .db
        .tx(&caller.at(&PROOF_READ), async |tx| {
            let signed = heads::current(tx, &state.secrets, now).await?.ok_or(ProofError::Empty)?;
            let size = i64::try_from(signed.size).map_err(|_| ProofError::Damaged)?;
            store::head(tx, size, &signed.key().id()).await?.ok_or(ProofError::Damaged)
        })
        .await?;
    Ok(Json(head.into()))
}

/// Lets the tree grow before it is asked; what cannot be now is done by the job.
pub(super) async fn fresh(state: &AppState, caller: &Caller, now: DateTime<Utc>) {
    for _ in 0..STEPS {
        match tree::step(&state.db, &state.secrets, caller.cx.tenant, now).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(tenant = %caller.cx.tenant, %error, "the tree will be grown later");
                return;
            }
        }
    }
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = TreeSizeAsked)]
struct SizeAsked {
    /// Size of the tree; the one of now when left out.
    #[schema(minimum = 1)]
    size: Option<i64>,
}

/// That an event is in a tree. Hashes are base64.
#[derive(Debug, Serialize, ToSchema)]
struct InclusionProof {
    /// The event's place, from 0.
    leaf: u64,
    /// The hash of its leaf: SHA-256 of a zero byte and the event's bytes.
    hash: String,
    /// The tree's size.
    size: u64,
    /// The tree's root.
    root: String,
    /// The proof.
    proof: Vec<String>,
}

async fn inclusion(
    State(state): State<AppState>,
    caller: Caller,
    Path(event): Path<Uuid>,
    uri: Uri,
) -> Result<Json<InclusionProof>, Problem> {
    caller.require_somewhere(&PROOF_READ)?;
    let asked = query::<SizeAsked>(&uri)?;
    let read = async |tx: &mut platform::db::Tx| export::inclusion(tx, event, asked.size).await;
    let export::Included { leaf, hash, size, root, proof } =
        state.db.tx(&caller.at(&PROOF_READ), read).await?;
    Ok(Json(InclusionProof { leaf, hash: text(&hash), size, root: text(&root), proof: texts(&proof) }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TreeSizesAsked)]
struct SizesAsked {
    /// Size of the earlier tree.
    #[schema(minimum = 1)]
    from: i64,
    /// Size of the later one.
    #[schema(minimum = 1)]
    to: i64,
}

/// That one tree grew from another. Hashes are base64.
#[derive(Debug, Serialize, ToSchema)]
struct ConsistencyProof {
    /// The earlier size.
    from: i64,
    /// The root at it.
    from_root: String,
    /// The later size.
    to: i64,
    /// The root at it.
    to_root: String,
    /// The proof.
    proof: Vec<String>,
}

async fn consistency(
    State(state): State<AppState>,
    caller: Caller,
    uri: Uri,
) -> Result<Json<ConsistencyProof>, Problem> {
    caller.require_somewhere(&PROOF_READ)?;
    let SizesAsked { from, to } = query(&uri)?;
    let read = async |tx: &mut platform::db::Tx| export::consistency(tx, from, to).await;
    let (before, after, proof) = state.db.tx(&caller.at(&PROOF_READ), read).await?;
    let (from_root, to_root) = (text(&before), text(&after));
    Ok(Json(ConsistencyProof { from, from_root, to, to_root, proof: texts(&proof) }))
}

async fn history(
    State(state): State<AppState>,
    caller: Caller,
    Path(code): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    caller.require_somewhere(&PROOF_READ)?;
    let now = Utc::now();
    fresh(&state, &caller, now).await;
    let read = async |tx: &mut platform::db::Tx| export::history(tx, &state.secrets, &code, now).await;
    let history = state.db.tx(&caller.at(&PROOF_READ), read).await?;
    Ok(file(&history))
}

/// How the check of the events against the tree stands.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = ProofCheck)]
struct CheckView {
    /// Leaves of the tree.
    size: i64,
    /// A round is under way, or asked for; else the next one begins six hours after the last.
    running: bool,
    /// The next leaf that is looked at.
    next_leaf: i64,
    /// The round under way is done with the leaves, and looks at the UIDs.
    at_uids: bool,
    /// UIDs that it has looked at.
    uids_checked: i64,
    /// UIDs that there were when it came to them.
    uids: i64,
    /// When something was last looked at.
    checked_at: Option<DateTime<Utc>>,
    /// When it last came to the end of the tree.
    round_at: Option<DateTime<Utc>>,
    /// Events and UIDs that were ever found altered; each is an exception `proof.altered`.
    altered: i64,
}

impl From<Option<store::Standing>> for CheckView {
    fn from(found: Option<store::Standing>) -> Self {
        found.map_or_else(Self::default, |row| Self {
            size: row.size,
            running: row.running(),
            next_leaf: row.check_leaf.max(0),
            at_uids: row.at_uids(),
            uids_checked: row.check_uids,
            uids: row.uids,
            checked_at: row.checked_at,
            round_at: row.round_at,
            altered: row.altered,
        })
    }
}

async fn standing(State(state): State<AppState>, caller: Caller) -> Result<Json<CheckView>, Problem> {
    caller.require_somewhere(&PROOF_READ)?;
    let read = async |tx: &mut platform::db::Tx| Ok::<_, ProofError>(store::standing(tx).await?);
    Ok(Json(state.db.tx(&caller.at(&PROOF_READ), read).await?.into()))
}

async fn run(
    State(state): State<AppState>,
    Extension(asked): Extension<Asked>,
    caller: Caller,
) -> Result<Json<CheckView>, Problem> {
    caller.require(&PROOF_MANAGE)?;
    let ask = async |tx: &mut platform::db::Tx| {
        check::ask(tx).await?;
        Ok::<_, ProofError>(store::standing(tx).await?)
    };
    let found = state.db.tx(&caller.cx, ask).await?;
    asked.wake();
    Ok(Json(found.into()))
}

/// A history as a file to keep. Its UID is letters, digits and dashes.
pub(crate) fn file(history: &verify::history::History) -> ([(HeaderName, String); 2], Vec<u8>) {
    let name = format!("attachment; filename=\"{}.history.json\"", history.uid);
    let headers =
        [(header::CONTENT_TYPE, "application/json".to_owned()), (header::CONTENT_DISPOSITION, name)];
    (headers, history.write())
}

fn text(hash: &Hash) -> String {
    STANDARD.encode(hash)
}

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(text).collect()
}
