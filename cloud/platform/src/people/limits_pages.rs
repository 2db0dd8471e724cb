//! Limits of roles: up to which amount a role has a permission, by page and API.

use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::PeopleError;
use super::role_pages::roles_or_told;
use super::within::By;
use super::{ROLE_MANAGE, roles, service};
use crate::openapi::{Operation, group};
use crate::web::{Amount, AppState, Caller, Problem, form, json};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/roles/{code}/limit", post(set))
        .route("/api/v1/roles/{code}/limits", get(list).put(put))
}

/// What the routes here are, for the description of the API.
pub(super) fn operations() -> Vec<Operation> {
    let path = "/api/v1/roles/{code}/limits";
    let list = Operation::get(path, "listRoleLimits", "Up to which amounts a role has permissions")
        .needs(&ROLE_MANAGE)
        .answers::<Limits>()
        .fails(404, "not_found", "There is no such role.");
    let put = Operation::put(path, "setRoleLimit", "Sets such an amount, or takes it away")
        .needs(&ROLE_MANAGE)
        .takes::<Limit>()
        .answers::<Limits>()
        .fails(403, "rights.beyond", super::api::BEYOND)
        .fails(422, "people.invalid", "There is no such role or permission, or the amount is not right.");
    group("People", [list, put])
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Typed {
    permission: String,
    /// Empty: no limit.
    amount: String,
    currency: String,
}

impl Typed {
    /// As people type amounts: `50,000` or `50 000.00`.
    fn limit(&self) -> Result<Option<Amount>, PeopleError> {
        let digits: String = self.amount.chars().filter(|c| !matches!(c, ',' | ' ' | '\u{a0}')).collect();
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
            roles::limit_set(&state.db, &by, &state.permissions, of, limit.as_ref()).await
        }
        Err(error) => Err(error),
    };
    roles_or_told(&state, &caller, &headers, done).await
}

/// A limit, as the API tells and takes it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RoleLimit)]
struct Limit {
    /// Code of a permission whose documents have an amount.
    permission: String,
    /// Null takes the limit away.
    amount: Option<Decimal>,
    /// ISO 4217, such as INR.
    #[serde(default)]
    currency: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RoleLimits)]
struct Limits {
    /// One for each permission that has one.
    limits: Vec<Limit>,
}

async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path(code): Path<String>,
) -> Result<Json<Limits>, Problem> {
    caller.require(&ROLE_MANAGE)?;
    if !service::roles(&state.db, &caller.cx).await?.iter().any(|role| role.code == code) {
        return Err(Problem::not_found());
    }
    let all = roles::limits(&state.db, &caller.cx).await?;
    let own = all.into_iter().filter(|limit| limit.role == code).map(|limit| Limit {
        permission: limit.permission,
        amount: Some(limit.limit.amount.normalize()),
        currency: limit.limit.currency,
    });
    Ok(Json(Limits { limits: own.collect() }))
}

async fn put(
    state: State<AppState>,
    caller: Caller,
    code: Path<String>,
    sent: Result<Json<Limit>, JsonRejection>,
) -> Result<Json<Limits>, Problem> {
    caller.require(&ROLE_MANAGE)?;
    let limit = json(sent)?;
    let amount = limit.amount.map(|amount| Amount { amount, currency: limit.currency });
    let of = (code.as_str(), limit.permission.as_str());
    let by = By::caller(&state, &caller);
    roles::limit_set(&state.db, &by, &state.permissions, of, amount.as_ref()).await?;
    list(state, caller, code).await
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
