//! What came of one supplier's lot: each delivery of it is a lot of its own.

use platform::db::Tx;
use serde::Serialize;
use sqlx::Error;
use utoipa::ToSchema;
use uuid::Uuid;

use super::HoldError;
use super::store::lots;
use crate::explore::store::{label, scope};

/// Most deliveries of one supplier's lot.
pub const MOST_DELIVERIES: usize = 1_000;

/// A delivery of a supplier's lot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = LotDelivery)]
pub struct Delivery {
    /// Its lot.
    pub lot_id: Uuid,
    /// How many labels of it are at the caller's plants.
    pub labels: i64,
    /// Those plants.
    pub plants: Vec<String>,
}

/// A lot and the others of its item, supplier and supplier's number, that one first.
///
/// # Errors
/// [`HoldError::TooMany`], the database.
pub(crate) async fn all(tx: &mut Tx, lot: Uuid) -> Result<Vec<Uuid>, HoldError> {
    let others = lots::others(tx, lot, MOST_DELIVERIES as i64).await?;
    if others.len() >= MOST_DELIVERIES {
        return Err(HoldError::TooMany);
    }
    Ok(std::iter::once(lot).chain(others).collect())
}

/// The deliveries of a lot's supplier's lot, and where they are; the first
/// [`MOST_DELIVERIES`]. One where it came at once.
///
/// # Errors
/// The database.
pub(crate) async fn of(tx: &mut Tx, lot: Uuid) -> Result<Vec<Delivery>, Error> {
    let mut ids = vec![lot];
    ids.extend(lots::others(tx, lot, MOST_DELIVERIES as i64).await?);
    // How much there is of it elsewhere is for those there.
    let found = lots::at_plants(tx, &ids).await?;
    let delivery =
        |one: lots::AtPlants| Delivery { lot_id: one.lot_id, labels: one.labels, plants: one.plants };
    Ok(found.into_iter().map(delivery).collect())
}

/// The supplier's number of a lot, or its id where it has none; `None` of one of which nothing is,
/// or was, at the caller's plants.
///
/// # Errors
/// The database.
pub(crate) async fn name(tx: &mut Tx, lot: Uuid) -> Result<Option<String>, Error> {
    if let Some(plants) = tx.plants().codes()
        && !scope::lot_seen(tx, lot, &plants).await?
    {
        return Ok(None);
    }
    let Some(found) = label::lots(tx, &[lot]).await?.pop() else { return Ok(None) };
    Ok(Some(if found.supplier_lot.is_empty() { lot.to_string() } else { found.supplier_lot }))
}

/// The [`name`] of a lot, and its deliveries.
///
/// # Errors
/// The database.
pub(crate) async fn named(tx: &mut Tx, lot: Uuid) -> Result<Option<(String, Vec<Delivery>)>, Error> {
    let Some(name) = name(tx, lot).await? else { return Ok(None) };
    Ok(Some((name, of(tx, lot).await?)))
}

/// How many deliveries are at each plant, in their order; those of several count at each. Pure.
#[must_use]
pub fn by_plant(deliveries: &[Delivery]) -> Vec<(String, usize)> {
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    for plant in deliveries.iter().flat_map(|one| &one.plants) {
        *counts.entry(plant).or_default() += 1;
    }
    counts.into_iter().map(|(plant, count)| (plant.to_owned(), count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_that_was_divided_counts_at_each_plant() {
        let at = |n: u128, plants: &[&str]| Delivery {
            lot_id: Uuid::from_u128(n),
            labels: 1,
            plants: plants.iter().map(|plant| (*plant).to_owned()).collect(),
        };
        let all = [at(1, &["KOL", "VSK"]), at(2, &["KOL"]), at(3, &[])];
        assert_eq!(by_plant(&all), [("KOL".to_owned(), 2), ("VSK".to_owned(), 1)]);
    }
}
