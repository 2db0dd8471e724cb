//! Limits of roles: up to which amount a role has a permission, by page and API.

use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api::{find_role, told_stale};
use super::error::PeopleError;
use super::model::Role;
use super::role_pages::roles_or_told;
use super::within::By;
use super::{ROLE_MANAGE, roles};
use crate::i18n::plain_number;
use crate::openapi::{Operation, group};
use crate::web::routing::{self, get, post};
use crate::web::{Amount, AppState, Caller, IfMatch, Path, Problem, etag, form, json, not_modified};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/roles/{code}/limit", post(set))
        .route("/api/v1/roles/{code}/limits", get(list).merge(routing::put(put)))
}

/// What the routes here are, for the description of the API.
pub(super) fn operations() -> Vec<Operation> {
    let path = "/api/v1/roles/{code}/limits";
    let list = Operation::get(path, "listRoleLimits", "Up to which amounts a role has permissions")
        .needs(&ROLE_MANAGE)
        .answers::<Limits>()
        .tagged()
        .fails(404, "not_found", "There is no such role.");
    let put = Operation::put(path, "setRoleLimit", "Sets such an amount, or takes it away")
        .needs(&ROLE_MANAGE)
        .takes::<NewLimit>()
        .answers::<Limits>()
        .tagged()
        .must_match()
        .fails(403, "rights.beyond", super::api::BEYOND)
        .fails(422, "people.invalid", "There is no such role or permission, or the amount is not right.");
    group("People", [list, put])
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Typed {
    permission: String,
    /// The role's, as the page showed it.
    version: i32,
    /// Empty: no limit.
    amount: String,
    currency: String,
}

impl Typed {
    /// As people type amounts: `50,000` or `50 000.00`.
    fn limit(&self) -> Result<Option<Amount>, PeopleError> {
        let digits = plain_number(&self.amount.replace([' ', '\u{a0}'], ""));
        if digits.is_empty() {
            return Ok(None);
        }
        let amount = Decimal::from_str_exact(&digits).map_err(|_| PeopleError::Limit)?;
        Ok(Some(Amount { amount, currency: self.currency.trim().to_uppercase() }))
    }
}

async fn set(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(code): Path<String>,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&ROLE_MANAGE)?;
    let typed = form(sent)?;
    let done = match typed.limit() {
        Ok(limit) => {
            let of = (code.as_str(), typed.permission.as_str());
            let by = By::caller(&state, &caller);
            roles::limit_set(&state.db, &by, &state.permissions, of, limit.as_ref(), Some(typed.version))
                .await
        }
        Err(error) => Err(error),
    };
    roles_or_told(&state, &caller, &headers, done).await
}

/// A limit.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RoleLimit)]
struct Limit {
    /// Code of a permission whose documents have an amount.
    permission: String,
    /// Up to which.
    amount: Decimal,
    /// ISO 4217, such as INR.
    currency: String,
}

/// A limit to be set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRoleLimit)]
struct NewLimit {
    /// Code of a permission whose documents have an amount.
    permission: String,
    /// Null takes the limit away.
    amount: Option<Decimal>,
    /// ISO 4217, such as INR.
    #[serde(default)]
    currency: String,
    /// The version of the role that was seen, where `If-Match` does not say it.
    version: Option<i32>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RoleLimits)]
struct Limits {
    /// One for each permission that has one.
    limits: Vec<Limit>,
    /// Of the role, which a limit belongs to.
    version: i32,
}

async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(code): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&ROLE_MANAGE)?;
    let role = find_role(&state, &caller, &code).await?.ok_or_else(Problem::not_found)?;
    let tag = etag(role.version);
    if not_modified(&headers, &tag.1) {
        return Ok((StatusCode::NOT_MODIFIED, [tag]).into_response());
    }
    answer(&state, &caller, &role).await
}

async fn answer(state: &AppState, caller: &Caller, role: &Role) -> Result<Response, Problem> {
    let all = roles::limits(&state.db, &caller.cx).await?;
    let own = all.into_iter().filter(|limit| limit.role == role.code).map(|limit| Limit {
        permission: limit.permission,
        amount: limit.limit.amount.normalize(),
        currency: limit.limit.currency,
    });
    let limits = Limits { limits: own.collect(), version: role.version };
    Ok(([etag(role.version)], Json(limits)).into_response())
}

async fn put(
    State(state): State<AppState>,
    caller: Caller,
    Path(code): Path<String>,
    headers: HeaderMap,
    sent: Result<Json<NewLimit>, JsonRejection>,
) -> Result<Response, Problem> {
    caller.require(&ROLE_MANAGE)?;
    let NewLimit { permission, amount, currency, version } = json(sent)?;
    let if_match = IfMatch::of(&headers);
    let seen = if_match.or(version)?;
    let limit = amount.map(|amount| Amount { amount, currency });
    let by = By::caller(&state, &caller);
    let of = (code.as_str(), permission.as_str());
    let done = roles::limit_set(&state.db, &by, &state.permissions, of, limit.as_ref(), seen).await;
    done.map_err(|error| told_stale(error, if_match))?;
    let role = find_role(&state, &caller, &code).await?.ok_or_else(Problem::not_found)?;
    answer(&state, &caller, &role).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_taken_as_people_type_it() {
        let typed =
            |amount: &str| Typed { amount: amount.into(), currency: " inr".into(), ..Typed::default() };
        let limit = typed("50,000").limit().unwrap().unwrap();
        assert_eq!((limit.amount, limit.currency.as_str()), (Decimal::from(50_000), "INR"));
        assert_eq!(typed("12,34,567.50").limit().unwrap().unwrap().amount, Decimal::new(123_456_750, 2));
        assert!(typed("  ").limit().unwrap().is_none());
        assert!(matches!(typed("many").limit(), Err(PeopleError::Limit)));
    }
}
