//! What the public sees of a unit: the page, its look, and the proof to take along.
//!
//! Whatever is not to be seen is answered alike: a key that never was, one that has ended,
//! a tenant that has not turned passports on. No cookie is read or set.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::{Extension, Router};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use platform::ctx::Cx;
use platform::db::Tx;
use platform::i18n::{Lang, Texts, Value, zone};
use platform::tenancy::{self, Standing, Tenant};
use platform::web::routing::get;
use platform::web::{AppState, Client, Path, Problem, Rate, RateLimits, Rates};
use serde::Deserialize;
use uid::{Key, TenantCode, Uid};

use super::key::{PassportKey, gtin_of};
use super::service;
use super::store::{self, Settings};
use crate::explore::error::TraceError;
use crate::explore::graph::Direction;
use crate::explore::walk::{self, Ask};
use crate::features::PASSPORTS;
use crate::genealogy::Genealogy;
use crate::proofs::export::{self, Told};
use crate::proofs::{self, ProofError};

/// Passports that one address may look at.
const RATE: Rate = Rate { burst: 60, per_second: 2 };
/// Most suppliers that a passport names.
const SUPPLIERS: usize = 50;
/// How long a browser or a proxy may keep a passport.
const KEPT: &str = "public, max-age=300";

/// Limits of this process, apart from those of the other pages.
type Limits = Arc<RateLimits>;

pub(super) fn router() -> Router<AppState> {
    let rates = Rates { caller: Rate { burst: 0, per_second: 0 }, address: RATE };
    Router::new()
        .route("/p/{passport}", get(by_key))
        .route("/p/{passport}/history.json", get(history))
        .route("/01/{gtin}/21/{serial}", get(by_gtin))
        .layer(Extension(Limits::new(RateLimits::new(rates))))
        .route("/passport.css", get(style))
}

async fn style() -> impl IntoResponse {
    let headers =
        [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=3600")];
    (headers, include_str!("passport.css"))
}

/// A passport that may be seen.
struct Seen {
    tenant: Tenant,
    settings: Settings,
    uid: Uid,
    gtin: String,
}

impl Seen {
    fn cx(&self) -> Cx {
        Cx::new(self.tenant.id, "passport:public")
    }
}

/// The passport of a key; `None` for every reason why it is not to be seen.
async fn find(state: &AppState, text: &str) -> Result<Option<Seen>, Problem> {
    let Some(key) = PassportKey::parse(text) else { return Ok(None) };
    let Some(tenant) = tenancy::find_tenant(&state.db, key.tenant()).await? else { return Ok(None) };
    if !Standing::of(&tenant.status).admits() {
        return Ok(None);
    }
    let door = state.doors.of(&state.db, tenant.id).await?;
    if !PASSPORTS.is_on(&door.features) {
        return Ok(None);
    }
    let read = async |tx: &mut Tx| {
        let settings = store::settings(tx).await?.filter(|settings| settings.shown);
        let found = store::by_hash(tx, &key.hash()).await?;
        Ok::<_, TraceError>(settings.zip(found))
    };
    let found = state.db.tx(&Cx::new(tenant.id, "passport:public"), read).await?;
    Ok(found.and_then(|(settings, (unit, gtin))| {
        let code: TenantCode = tenant.code.parse().ok()?;
        let uid = Uid::from_key(code, Key::new(unit).ok()?);
        Some(Seen { tenant, settings, uid, gtin })
    }))
}

#[derive(Template)]
#[template(path = "passports/none.html")]
struct NonePage<'a> {
    texts: &'a Texts,
}

/// What a passport tells of an inspection.
struct Inspection {
    at: DateTime<Utc>,
    operation: String,
}

/// What a passport tells of the proof.
struct Proof {
    says: String,
    key: String,
}

#[derive(Template)]
#[template(path = "passports/passport.html")]
struct PassportPage<'a> {
    texts: &'a Texts,
    zone: Tz,
    company: &'a str,
    uid: String,
    item: Option<(String, String)>,
    made_on: Option<DateTime<Utc>>,
    made_at: Option<String>,
    /// `None` when they are not told.
    suppliers: Option<Vec<String>>,
    more_suppliers: bool,
    inspections: Option<Vec<Inspection>>,
    certificates: Vec<&'a str>,
    contact: &'a str,
    proof: Option<Proof>,
    key: &'a str,
}

fn language(headers: &HeaderMap) -> Lang {
    let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    asked.and_then(Lang::negotiate).unwrap_or_default()
}

/// Headers of everything that the public sees: the link is not told to others, nor found
/// by search engines.
fn guarded(mut response: Response, kept: &'static str) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, kept),
        (header::VARY, "accept-language"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn nothing(texts: &Texts) -> Result<Response, Problem> {
    let page = Html(NonePage { texts }.render()?);
    Ok(guarded((StatusCode::NOT_FOUND, page).into_response(), "no-store"))
}

async fn by_key(
    State(state): State<AppState>,
    Extension(limits): Extension<Limits>,
    client: Client,
    headers: HeaderMap,
    Path(key): Path<String>,
) -> Result<Response, Problem> {
    limits.address(client.0)?;
    let texts = state.texts(language(&headers));
    match find(&state, &key).await? {
        Some(seen) => page(&state, &texts, &seen, &key).await,
        None => nothing(&texts),
    }
}

#[derive(Debug, Deserialize)]
struct WithKey {
    #[serde(default)]
    k: String,
}

async fn by_gtin(
    State(state): State<AppState>,
    Extension(limits): Extension<Limits>,
    client: Client,
    headers: HeaderMap,
    Path((gtin, serial)): Path<(String, String)>,
    query: Result<Query<WithKey>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    limits.address(client.0)?;
    let texts = state.texts(language(&headers));
    let key = query.map(|Query(with)| with.k).unwrap_or_default();
    let seen = find(&state, &key).await?.filter(|seen| {
        seen.uid.serial().as_str() == serial && gtin_of(&seen.gtin).is_some_and(|own| own == gtin)
    });
    match seen {
        Some(seen) => page(&state, &texts, &seen, &key).await,
        None => nothing(&texts),
    }
}

async fn page(state: &AppState, texts: &Texts, seen: &Seen, key: &str) -> Result<Response, Problem> {
    let shows = &seen.settings;
    let unit_key = seen.uid.key().get();
    let read = async |tx: &mut Tx| {
        let Some(unit) = store::unit(tx, unit_key).await? else { return Ok(None) };
        let item = match shows.item {
            true => store::item(tx, &unit.item, texts.lang.code())
                .await?
                .map(|(_, name)| (unit.item.clone(), name)),
            false => None,
        };
        let plant = store::plant_of(tx, &unit).await?;
        let inspections = match shows.inspections {
            true => Some(service::passed(tx, unit_key).await?),
            false => None,
        };
        Ok::<_, TraceError>(Some((unit, item, plant, inspections)))
    };
    let Some((unit, item, plant, inspections)) = state.db.tx(&seen.cx(), read).await? else {
        return nothing(texts);
    };
    let (suppliers, more_suppliers) = match shows.suppliers {
        true => {
            let (names, more) = suppliers(state, seen).await?;
            (Some(names), more)
        }
        false => (None, false),
    };
    let proof = match shows.proof {
        true => proven(state, seen).await?.map(|history| {
            let size = verify::history::tree_size(&history).unwrap_or_default();
            let (events, size) = (texts.number(history.events.len()), texts.number(size));
            let values = [("events", Value::from(events)), ("size", Value::from(size))];
            Proof { says: texts.with("passport-proof-says", &values), key: history.key }
        }),
        false => None,
    };
    let zone = zone(plant.as_ref().map_or(seen.tenant.time_zone.as_str(), |(_, zone)| zone));
    let view = PassportPage {
        texts,
        zone,
        company: &seen.tenant.name,
        uid: seen.uid.to_string(),
        item,
        made_on: shows.made_on.then_some(unit.born_at),
        made_at: plant.filter(|_| shows.made_at).map(|(name, _)| name),
        suppliers,
        more_suppliers,
        inspections: inspections
            .map(|all| all.into_iter().map(|(at, operation)| Inspection { at, operation }).collect()),
        certificates: shows.certificates.lines().map(str::trim).filter(|line| !line.is_empty()).collect(),
        contact: &shows.contact,
        proof,
        key,
    };
    Ok(guarded(Html(view.render()?).into_response(), KEPT))
}

/// Suppliers of everything that is in the unit now, and whether there are more: of a part that
/// was swapped nobody is told.
async fn suppliers(state: &AppState, seen: &Seen) -> Result<(Vec<String>, bool), Problem> {
    let uid = seen.uid.to_string();
    let ask = Ask { limit: 1, as_built: true, ..Ask::default() };
    // By the database: a visitor from outside has no tenant's genealogy read into memory.
    let sql = Genealogy::default();
    let walk = walk::walk(&state.db, &seen.cx(), &sql, &uid, Direction::Backward, &ask, Utc::now()).await?;
    let mut names: Vec<String> = Vec::new();
    let mut cut = walk.cut || walk.deeper;
    if let Some(sources) = walk.sources {
        cut |= sources.cut;
        for lot in sources.lots {
            let name = if lot.supplier_name.is_empty() { lot.supplier } else { lot.supplier_name };
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names.sort();
    cut |= names.len() > SUPPLIERS;
    names.truncate(SUPPLIERS);
    Ok((names, cut))
}

/// The unit's history as the public gets it: every event proven and counted, none told.
/// `None` while nothing of it is in a signed tree.
async fn proven(state: &AppState, seen: &Seen) -> Result<Option<verify::history::History>, Problem> {
    let read = async |tx: &mut Tx| {
        let Some(signed) = proofs::heads::latest(tx, &state.secrets).await? else {
            return Err(ProofError::Empty);
        };
        export::history_in(tx, &signed, seen.uid, Told::Nothing).await
    };
    match state.db.tx(&seen.cx(), read).await {
        Ok(history) => Ok(Some(history)),
        Err(ProofError::Empty | ProofError::NoEvent | ProofError::TooLong(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn history(
    State(state): State<AppState>,
    Extension(limits): Extension<Limits>,
    client: Client,
    headers: HeaderMap,
    Path(key): Path<String>,
) -> Result<Response, Problem> {
    limits.address(client.0)?;
    let texts = state.texts(language(&headers));
    let Some(seen) = find(&state, &key).await?.filter(|seen| seen.settings.proof) else {
        return nothing(&texts);
    };
    match proven(&state, &seen).await? {
        Some(history) => Ok(guarded(proofs::file(&history).into_response(), KEPT)),
        None => nothing(&texts),
    }
}
