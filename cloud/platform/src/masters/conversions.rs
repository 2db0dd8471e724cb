//! How much of one unit another is: what the conversions of a tenant say together, of an
//! item before those of all, backwards as well, and over units between.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::declare::{Candidate, Fault, Judging};
use super::kind::Kind;
use super::{Row, Wrong, item_store, text_of};
use crate::db::{DbError, Tx};
use crate::openapi::{Operation, group};
use crate::web::{AppState, Caller, Permission, Problem, query};

/// The right to see conversions.
const VIEW: Permission = Permission::read("masters.unit_conversions.view");

/// Two ways that differ by more than one part in this many contradict each other. A factor
/// has six places, and so has the one back.
const AGREES_WITHIN: i64 = 1000;

/// One conversion: `factor` of `to` are one of `from`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// The item that it is of; empty for all.
    pub item: String,
    /// The unit that is counted.
    pub from: String,
    /// The unit that it is told in.
    pub to: String,
    /// How many of `to` one `from` is.
    pub factor: Decimal,
}

/// How many of `to` one `from` of an item is, by the shortest way over these rates; of ways
/// as long the one over the units that come first by their letters. `None` where there is
/// none, or the number has too many digits. Pure.
#[must_use]
pub fn factor(rates: &[Rate], item: &str, from: &str, to: &str) -> Option<Decimal> {
    let mut ways = Ways::default();
    // Those of all first, so that those of the item stand in their place; and of each the
    // way back first, so that the way as it is written stands in its place.
    for of in ["", item] {
        let own = || rates.iter().filter(|rate| rate.item == of);
        for rate in own() {
            if let Some(back) = Decimal::ONE.checked_div(rate.factor) {
                ways.0.entry(&rate.to).or_default().insert(&rate.from, back);
            }
        }
        for rate in own() {
            ways.0.entry(&rate.from).or_default().insert(&rate.to, rate.factor);
        }
    }
    ways.find(from, to)
}

/// From a unit to those that a rate leads to, there or back.
#[derive(Debug, Default)]
struct Ways<'r>(BTreeMap<&'r str, BTreeMap<&'r str, Decimal>>);

impl<'r> Ways<'r> {
    /// One more rate of the same item, each written once.
    fn add(&mut self, rate: &'r Rate) {
        if let Some(back) = Decimal::ONE.checked_div(rate.factor) {
            // The way as it is written comes before the way back of another.
            self.0.entry(&rate.to).or_default().entry(&rate.from).or_insert(back);
        }
        self.0.entry(&rate.from).or_default().insert(&rate.to, rate.factor);
    }

    /// See [`factor`].
    fn find(&self, from: &str, to: &str) -> Option<Decimal> {
        if from == to {
            return Some(Decimal::ONE);
        }
        // Every way has one back.
        if !self.0.contains_key(to) {
            return None;
        }
        let mut seen = BTreeSet::from([from]);
        let mut next = VecDeque::from([(from, Decimal::ONE)]);
        while let Some((unit, so_far)) = next.pop_front() {
            for (&other, &each) in self.0.get(unit).into_iter().flatten() {
                if seen.insert(other) {
                    let there = so_far.checked_mul(each)?;
                    if other == to {
                        return Some(there);
                    }
                    next.push_back((other, there));
                }
            }
        }
        None
    }
}

/// A quantity in another unit, exact to six places; `None` where no conversion leads there.
///
/// # Errors
/// [`DbError`].
pub async fn converted(
    tx: &mut Tx,
    item: &str,
    quantity: Decimal,
    (from, to): (&str, &str),
) -> Result<Option<Decimal>, DbError> {
    if from == to {
        return Ok(Some(quantity));
    }
    let rates = item_store::rates(tx, &[String::new(), item.to_owned()]).await?;
    let factor = factor(&rates, item, from, to);
    Ok(factor.and_then(|factor| quantity.checked_mul(factor)).map(|there| there.round_dp(6).normalize()))
}

/// Judges conversions that are to be written: none may say other than those that are there.
pub(super) fn judge<'a>(tx: &'a mut Tx, rows: &'a [Candidate<'a>]) -> Judging<'a> {
    Box::pin(async move {
        let items: Vec<String> = rows.iter().map(|row| rate(row.row).item).collect();
        let there = item_store::rates(tx, &items).await?;
        let new: Vec<Rate> = rows.iter().map(|row| rate(row.row)).collect();
        // Apart from the runtime's own threads: a file may bring tens of thousands.
        let judged = tokio::task::spawn_blocking(move || contradictions(&there, &new)).await;
        judged.map_err(|error| DbError::from(sqlx::Error::Protocol(error.to_string())))
    })
}

fn rate(row: &Row) -> Rate {
    let text = |name: &str| text_of(row, name).to_owned();
    let factor = row.get("factor").map(Kind::plain).and_then(|text| text.parse().ok());
    Rate {
        item: text("item"),
        from: text("from_unit"),
        to: text("to_unit"),
        factor: factor.unwrap_or_default(),
    }
}

/// The columns that name a rate.
fn key(rate: &Rate) -> (&str, &str, &str) {
    (&rate.item, &rate.from, &rate.to)
}

/// Which of the new rates contradict what is there, or one before them. Pure.
fn contradictions(there: &[Rate], new: &[Rate]) -> Vec<Fault> {
    let written: HashSet<(&str, &str, &str)> = new.iter().map(key).collect();
    // Those of an item may differ from those of all, which they replace.
    let mut items: HashMap<&str, Ways<'_>> = HashMap::new();
    for rate in there.iter().filter(|old| !written.contains(&key(old))) {
        items.entry(&rate.item).or_default().add(rate);
    }
    let mut faults = Vec::new();
    for (at, rate) in new.iter().enumerate() {
        let own = items.entry(&rate.item).or_default();
        if let Some(known) = own.find(&rate.from, &rate.to)
            && !agree(known, rate.factor)
        {
            let known = known.round_dp(6).normalize();
            let wrong = Wrong::new("conversion-contradicts")
                .with("from", &rate.from)
                .with("to", &rate.to)
                .with("known", known);
            faults.push(Fault { at, field: "factor", wrong });
            continue;
        }
        own.add(rate);
    }
    faults
}

fn agree(one: Decimal, other: Decimal) -> bool {
    let apart = (one - other).abs().checked_mul(AGREES_WITHIN.into());
    apart.is_some_and(|apart| apart <= one.abs().max(other.abs()))
}

/// What the route here is, for the description of the API.
pub(super) fn operations() -> Vec<Operation> {
    let convert = Operation::get("/api/v1/convert", "convertQuantity", "A quantity in another unit")
        .needs(&VIEW)
        .query::<ConvertQuery>()
        .answers::<Converted>()
        .fails(400, "convert.quantity", "The quantity is no decimal number.")
        .fails(404, "convert.none", "No conversion leads from the one unit to the other.");
    group("Units", [convert])
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct ConvertQuery {
    /// A decimal number.
    #[schema(max_length = 40)]
    quantity: String,
    /// Code of the unit that it is counted in.
    #[schema(max_length = 12)]
    from: String,
    /// Code of the unit that it is to be told in.
    #[schema(max_length = 12)]
    to: String,
    /// Code of the item, whose own conversions come before those of all.
    #[schema(max_length = 64)]
    item: String,
}

/// A quantity in the unit that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Converted {
    /// As a decimal text, to six places.
    quantity: String,
    /// Code of its unit.
    unit: String,
}

/// `GET /api/v1/convert?quantity=&from=&to=&item=`
pub(super) async fn convert(
    State(state): State<AppState>,
    caller: Caller,
    uri: Uri,
) -> Result<Json<Converted>, Problem> {
    caller.require(&VIEW)?;
    let asked = query::<ConvertQuery>(&uri)?;
    let quantity: Decimal = asked
        .quantity
        .parse()
        .map_err(|_| Problem::bad_request("convert.quantity", caller.t("error-convert-quantity")))?;
    let ways = (asked.from.as_str(), asked.to.as_str());
    let found = state.db.tx(&caller.cx, async |tx| converted(tx, &asked.item, quantity, ways).await).await?;
    let found = found
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "convert.none", caller.t("error-convert-none")))?;
    Ok(Json(Converted { quantity: found.to_string(), unit: asked.to }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(item: &str, from: &str, to: &str, factor: &str) -> Rate {
        let factor = factor.parse().expect("a number");
        Rate { item: item.into(), from: from.into(), to: to.into(), factor }
    }

    fn told(rates: &[Rate], item: &str, from: &str, to: &str) -> Option<String> {
        factor(rates, item, from, to).map(|factor| factor.round_dp(6).normalize().to_string())
    }

    #[test]
    fn it_goes_there_and_back_and_over_units_between() {
        let rates = [of("", "kg", "g", "1000"), of("", "t", "kg", "1000"), of("", "box", "pcs", "12")];
        assert_eq!(told(&rates, "", "kg", "g").as_deref(), Some("1000"));
        assert_eq!(told(&rates, "", "g", "kg").as_deref(), Some("0.001"));
        assert_eq!(told(&rates, "", "g", "t").as_deref(), Some("0.000001"));
        assert_eq!(told(&rates, "", "kg", "kg").as_deref(), Some("1"));
        assert_eq!(told(&rates, "", "kg", "pcs"), None);
    }

    #[test]
    fn an_items_own_comes_before_that_of_all() {
        let rates =
            [of("", "box", "pcs", "12"), of("BOLT", "box", "pcs", "200"), of("NUT", "pcs", "kg", "0.02")];
        assert_eq!(told(&rates, "BOLT", "box", "pcs").as_deref(), Some("200"));
        assert_eq!(told(&rates, "BOLT", "pcs", "box").as_deref(), Some("0.005"));
        assert_eq!(told(&rates, "NUT", "box", "kg").as_deref(), Some("0.24"));
        assert_eq!(told(&rates, "BOLT", "box", "kg"), None, "what another item weighs says nothing");
    }

    #[test]
    fn what_says_other_than_what_is_there_is_refused() {
        let there = || vec![of("", "kg", "g", "1000"), of("", "t", "kg", "1000")];
        let faults = |new: Vec<Rate>| -> Vec<(usize, String)> {
            let found = contradictions(&there(), &new).into_iter();
            found.map(|fault| (fault.at, fault.wrong.args[2].1.clone())).collect()
        };
        assert_eq!(faults(vec![of("", "g", "kg", "0.001")]), []);
        assert_eq!(faults(vec![of("", "g", "kg", "5")]), [(0, "0.001".into())]);
        assert_eq!(faults(vec![of("", "t", "g", "1000")]), [(0, "1000000".into())]);
        // An item may have its own; a row that is changed is not held against itself.
        assert_eq!(faults(vec![of("BOLT", "kg", "g", "999")]), []);
        assert_eq!(faults(vec![of("", "kg", "g", "1001")]), []);
        // Of two that come together the second is told.
        let two = vec![of("", "box", "pcs", "12"), of("", "pcs", "box", "0.5")];
        assert_eq!(faults(two), [(1, "0.083333".into())]);
        // A third has no end: its six places agree.
        assert_eq!(faults(vec![of("", "a", "b", "3"), of("", "b", "a", "0.333333")]), []);
    }

    #[test]
    fn tens_of_thousands_are_judged_at_once() {
        // By comparing each with each it takes minutes.
        let own: Vec<Rate> = (0..40_000).map(|n| of(&format!("I{n}"), "box", "pcs", "12")).collect();
        assert!(contradictions(&own, &own).is_empty(), "the same again");
        // Each with each: every way is there already but for the first of each unit.
        let units: Vec<String> = (0..60).map(|n| format!("u{n}")).collect();
        let pairs = units.iter().flat_map(|from| units.iter().map(move |to| (from, to)));
        let mut all: Vec<Rate> =
            pairs.filter(|(from, to)| from != to).map(|(from, to)| of("", from, to, "1")).collect();
        assert!(contradictions(&[], &all).is_empty());
        all.push(of("", "u59", "u60", "1"));
        all.push(of("", "u60", "u7", "2"));
        let faults = contradictions(&[], &all);
        assert_eq!(faults.iter().map(|fault| fault.at).collect::<Vec<_>>(), [all.len() - 1]);
    }
}
