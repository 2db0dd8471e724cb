//! Withdraws a master or an open order: plants forget it, history keeps it.

use serde_json::{Value, json};

use super::lists::List;
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::reference::{self, Row, row_id};
use crate::seed::store;
use crate::tenancy;

/// Why nothing was withdrawn.
#[derive(Debug, thiserror::Error)]
pub enum WithdrawError {
    /// There is no such row, or it was withdrawn before.
    #[error("there is no {code} among the {list}, or it was withdrawn already")]
    NotFound {
        /// The list's name.
        list: &'static str,
        /// What was named.
        code: String,
    },
    /// Something that stays needs it.
    #[error("{code} is used by {}; withdraw or change those first", used_by.join(", "))]
    InUse {
        /// What was named.
        code: String,
        /// What uses it; the first dozen.
        used_by: Vec<String>,
    },
    /// The code has not the form that this list's rows are named by.
    #[error("{code} names no row of the {list}: expected {expected}")]
    Form {
        /// The list's name.
        list: &'static str,
        /// What was named.
        code: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The database failed; nothing changed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Withdraws one row of a list by the code that names it: an item, `PARENT/LINE`
/// of a bill of materials, a partner, an order's number, an operator, `PLANT/
/// LOCATION`, a reason. An order is closed: what is missing of it is not expected
/// any more. A row of the same name in a later import brings it back, but for an
/// order.
///
/// # Errors
/// When there is no such row, or something open uses it.
pub async fn withdraw(db: &Db, cx: &Cx, list: List, code: &str) -> Result<(), WithdrawError> {
    db.tx(cx, async |tx| {
        let Gone { kind, bases, at_plants } = take_away(tx, list, code).await?;
        let mut rows = Vec::new();
        let plants = if at_plants { tenancy::plant_codes(tx).await? } else { Vec::new() };
        for base in &bases {
            let each = plants.iter().map(|plant| Some(plant.as_str()));
            rows.extend(std::iter::once(None).chain(each).map(|plant| Row {
                kind: kind.to_owned(),
                id: row_id(base, plant),
                plant: plant.map(str::to_owned),
                body: Value::Null,
                deleted: true,
            }));
        }
        let entry = Entry {
            action: "master.withdraw",
            subject: &format!("{}:{code}", list.name()),
            after: Some(json!({ "withdrawn": true })),
            ..Entry::default()
        };
        audit::record(tx, entry).await?;
        reference::publish_all(tx, rows).await?;
        Ok(())
    })
    .await
}

/// What plants are to forget.
struct Gone {
    kind: &'static str,
    bases: Vec<String>,
    /// Rows of it may be for single plants.
    at_plants: bool,
}

async fn take_away(tx: &mut Tx, list: List, code: &str) -> Result<Gone, WithdrawError> {
    let missing = || WithdrawError::NotFound { list: list.name(), code: code.to_owned() };
    let form = |expected| WithdrawError::Form { list: list.name(), code: code.to_owned(), expected };
    let gone = |kind, base: String, at_plants| Gone { kind, bases: vec![base], at_plants };
    let order = match list.name() {
        "purchase_orders" => Some("po"),
        "work_orders" => Some("prodorder"),
        "transfer_orders" => Some("transfer"),
        "sales_orders" => Some("so"),
        _ => None,
    };
    if let Some(kind) = order {
        let closed = store::order_close(tx, kind, code).await.map_err(DbError::from)?;
        return if closed { Ok(gone("order", format!("{kind}/{code}"), true)) } else { Err(missing()) };
    }
    let (done, gone) = match list.name() {
        "items" => {
            unused(code, store::item_uses(tx, code).await)?;
            (store::item_withdraw(tx, code).await, gone("item", code.to_owned(), false))
        }
        "bom_lines" => {
            let (parent, line) = code
                .rsplit_once('/')
                .and_then(|(parent, line)| Some((parent, line.parse().ok()?)))
                .ok_or_else(|| form("PARENT/LINE, such as SF-GEARBOX/10"))?;
            (
                store::bom_line_delete(tx, parent, line).await,
                gone("bom_line", format!("{parent}/{line}"), false),
            )
        }
        "suppliers" | "customers" => {
            unused(code, store::partner_uses(tx, code).await)?;
            let role = if list.name() == "suppliers" { "supplier" } else { "customer" };
            let done = store::partner_withdraw(tx, code, role).await;
            // Plants know partners by the orders that name them.
            (done, Gone { kind: "partner", bases: Vec::new(), at_plants: false })
        }
        "operators" => (store::operator_withdraw(tx, code).await, gone("operator", code.to_owned(), true)),
        "locations" => {
            let (plant, location) = code.split_once('/').ok_or_else(|| form("PLANT/LOCATION"))?;
            let id = row_id(location, Some(plant));
            let known = reference::is_published(tx, "location", &id).await?;
            store::bin_withdraw(tx, plant, location).await.map_err(DbError::from)?;
            (Ok(known), gone("location", id, false))
        }
        _ => (store::reason_withdraw(tx, code).await, gone("reason", code.to_owned(), false)),
    };
    if done.map_err(DbError::from)? { Ok(gone) } else { Err(missing()) }
}

fn unused(code: &str, uses: Result<Vec<String>, sqlx::Error>) -> Result<(), WithdrawError> {
    let used_by = uses.map_err(DbError::from)?;
    if used_by.is_empty() { Ok(()) } else { Err(WithdrawError::InUse { code: code.to_owned(), used_by }) }
}
