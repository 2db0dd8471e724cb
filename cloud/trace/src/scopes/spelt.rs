//! Codes of conditions as what is known has them, and names that nothing has.
//!
//! A code means what is called exactly so; where nothing is, what is called so in capitals, else
//! in small letters, else whatever differs from it by capitals alone. Whether something is called
//! so is asked of what conditions go by: events at the caller's plants, lots, orders, units. Of a
//! caller for some plants, what units and orders of others are called is known to the spelling
//! alone: to them it is told as what nothing is called.

use platform::db::Tx;
use uuid::Uuid;

use super::asked::{Asked, Patience};
use super::beside;
use super::criteria::{Contains, Event, Is, Node, Reading, join};
use super::error::ScopeError;
use super::evaluate::lasting;
use super::model::Hint;
use super::store::leaf::{self as store, Fits, Measured, State};
use super::store::{known, newest};
use crate::explore::scope;
use crate::explore::store::places;
use crate::holds;

/// What a code is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Machine,
    Station,
    Operator,
    Operation,
    Plant,
    Reason,
    Reading,
    Item,
    Customer,
    Document,
    Lot,
    SupplierLot,
    Supplier,
}

impl Named {
    /// Whether it is looked up among what is of all plants, and not among events of some.
    fn is_of_all(self) -> bool {
        matches!(self, Self::Item | Self::Customer | Self::Lot | Self::SupplierLot | Self::Supplier)
    }
}

/// Most labels, lots and orders of a name among which one of the caller's is looked for.
const MOST: i64 = 500;

/// A code of a condition.
struct Code<'a> {
    /// The path of its field.
    path: String,
    named: Named,
    /// As it was typed.
    typed: String,
    /// Where it stands; none of an id, which is written in one way alone.
    text: Option<&'a mut String>,
}

/// What is known of a code.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// Something is called this.
    As(String),
    /// Nothing is called so, in whatever case.
    Never,
    /// To look for it took too long.
    Unknown,
}

/// The conditions with each code as something is called, and names that nothing of the caller's
/// has. What is called so in no way, or cannot be looked up in time, stays as it was typed.
///
/// # Errors
/// [`ScopeError::TooSlow`] where no time is left for the question itself; the database.
pub(super) async fn spelt(
    tx: &mut Tx,
    asked: &Asked<'_>,
    node: &Node,
) -> Result<(Node, Vec<Hint>), ScopeError> {
    let (mut node, mut hints) = (node.clone(), Vec::new());
    let mut codes = Vec::new();
    collect(&mut node, "", &mut codes);
    let looking = asked.beside(tx, Patience::CODES).await?;
    for Code { path, named, typed, text } in codes {
        let told = match look(tx, &looking, named, &typed).await? {
            Seen::As(code) => {
                let theirs = is_theirs(tx, &looking, named, &code).await?;
                if let Some(text) = text {
                    *text = code;
                }
                !theirs
            }
            Seen::Never => true,
            Seen::Unknown => false,
        };
        if told {
            hints.push(Hint { path, value: typed });
        }
    }
    asked.limit_time(tx).await?;
    Ok((node, hints))
}

/// The codes of a tree, and where they stand.
fn collect<'a>(node: &'a mut Node, path: &str, found: &mut Vec<Code<'a>>) {
    let (leaf, codes) = match node {
        Node::All(nodes) => return each(nodes, &join(path, "all"), found),
        Node::Any(nodes) => return each(nodes, &join(path, "any"), found),
        Node::Not(node) => return collect(node, &join(path, "not"), found),
        Node::Event(event) => {
            let Event { machine, station, operator, operation, plant, reason, document, customer, .. } =
                &mut **event;
            let codes = vec![
                ("machine", Named::Machine, machine),
                ("station", Named::Station, station),
                ("operator", Named::Operator, operator),
                ("operation", Named::Operation, operation),
                ("plant", Named::Plant, plant),
                ("reason", Named::Reason, reason),
                ("document", Named::Document, document),
                ("customer", Named::Customer, customer),
            ];
            ("event", codes)
        }
        Node::Reading(reading) => {
            let Reading { name, operation, machine, station, plant, .. } = &mut **reading;
            let codes = vec![
                ("name", Named::Reading, name),
                ("operation", Named::Operation, operation),
                ("machine", Named::Machine, machine),
                ("station", Named::Station, station),
                ("plant", Named::Plant, plant),
            ];
            ("reading", codes)
        }
        Node::Contains(Contains { lot, supplier_lot, supplier, .. }) => {
            if let Some(lot) = lot {
                let path = join(path, "contains.lot");
                found.push(Code { path, named: Named::Lot, typed: lot.to_string(), text: None });
            }
            let codes = vec![
                ("supplier_lot", Named::SupplierLot, supplier_lot),
                ("supplier", Named::Supplier, supplier),
            ];
            ("contains", codes)
        }
        Node::Is(Is { item, plant, .. }) => {
            ("is", vec![("item", Named::Item, item), ("plant", Named::Plant, plant)])
        }
    };
    let leaf = join(path, leaf);
    let said = codes.into_iter().filter(|(_, _, text)| !text.is_empty());
    found.extend(said.map(|(field, named, text)| {
        let typed = text.clone();
        Code { path: join(&leaf, field), named, typed, text: Some(text) }
    }));
}

fn each<'a>(nodes: &'a mut [Node], path: &str, found: &mut Vec<Code<'a>>) {
    for (index, node) in nodes.iter_mut().enumerate() {
        collect(node, &format!("{path}[{index}]"), found);
    }
}

/// How a code may be written, in the order in which it is tried. Pure.
fn ways(typed: &str) -> Vec<String> {
    let mut ways = vec![typed.to_owned()];
    for way in [typed.to_uppercase(), typed.to_lowercase()] {
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    ways
}

/// Of what there is, what differs from a code by capitals alone. Pure.
fn alike(typed: &str, known: Vec<String>) -> Option<String> {
    let typed = typed.to_lowercase();
    known.into_iter().find(|known| known.to_lowercase() == typed)
}

/// As what something is called that a code means.
async fn look(tx: &mut Tx, looking: &Asked<'_>, named: Named, typed: &str) -> Result<Seen, ScopeError> {
    let mut all = true;
    for way in ways(typed) {
        beside::begin(tx).await?;
        let looked = is_known(tx, looking, named, &way).await;
        match beside::settled(tx, looked).await? {
            Some(true) => return Ok(Seen::As(way)),
            Some(false) => {}
            None => all = false,
        }
    }
    beside::begin(tx).await?;
    let looked = offered(tx, looking, named).await;
    let Some(known) = beside::settled(tx, looked).await? else { return Ok(Seen::Unknown) };
    Ok(match alike(typed, known) {
        Some(code) => Seen::As(code),
        None if all => Seen::Never,
        None => Seen::Unknown,
    })
}

/// What there is to choose from, where that is listed.
async fn offered(tx: &mut Tx, looking: &Asked<'_>, named: Named) -> Result<Vec<String>, ScopeError> {
    looking.next(tx).await?;
    Ok(match named {
        Named::Machine => known::machines(tx).await?,
        Named::Station => known::stations(tx).await?,
        Named::Operator => known::operators(tx).await?,
        Named::Operation => known::operations(tx).await?,
        Named::Reading => known::readings(tx).await?,
        _ => Vec::new(),
    })
}

/// Whether something is called exactly so.
async fn is_known(tx: &mut Tx, looking: &Asked<'_>, named: Named, code: &str) -> Result<bool, ScopeError> {
    looking.next(tx).await?;
    let name = Some(code.to_owned());
    let fits = Fits { own: tx.plants().codes(), ..Fits::default() };
    let (fits, plant) = match named {
        Named::Machine => (Fits { machine: name, ..fits }, None),
        Named::Station => (Fits { station: name, ..fits }, None),
        Named::Operator => (Fits { operator: name, ..fits }, None),
        Named::Reason => (Fits { reason: name, ..fits }, None),
        Named::Plant if looking.zones.iter().any(|(known, _)| known == code) => return Ok(true),
        Named::Plant => (fits, Some(code)),
        Named::Operation => return is_operation(tx, looking, Fits { operation: name, ..fits }, code).await,
        Named::Reading => {
            let measured = Measured { name: code.to_owned(), own: fits.own, ..Measured::default() };
            return Ok(!newest::by_reading(tx, &measured, 1).await?.is_empty());
        }
        Named::Item => {
            let state = State { item: name, ..State::default() };
            return Ok(!store::by_state(tx, &state, None, 1).await?.is_empty());
        }
        Named::Customer => {
            return Ok(!store::orders_of(tx, code, 1).await?.is_empty()
                || is_document(tx, (code, "customer"), &fits).await?);
        }
        Named::Document => return is_document(tx, (code, ""), &fits).await,
        Named::Lot => return Ok(!of_lot(tx, code, 1).await?.is_empty()),
        Named::SupplierLot => return Ok(!store::of_supplier_lot(tx, code, None, 1).await?.is_empty()),
        Named::Supplier => return Ok(!places::lots_supplied(tx, code, 1).await?.is_empty()),
    };
    if !newest::by_event(tx, &fits, plant, 1).await?.is_empty() {
        return Ok(true);
    }
    if named != Named::Machine {
        return Ok(false);
    }
    // One that stands alone at its station is what is begun and ended there by hand.
    let Some((plant, station)) = store::station_of(tx, code).await? else { return Ok(false) };
    let fits = Fits {
        machine: Some(String::new()),
        station: Some(station),
        plants: Some(vec![plant]),
        stages: Some(lasting(None)),
        ..fits
    };
    Ok(!newest::by_event(tx, &fits, None, 1).await?.is_empty())
}

/// Labels of the lot with this id.
async fn of_lot(tx: &mut Tx, id: &str, limit: i64) -> Result<Vec<i64>, ScopeError> {
    let Ok(lot) = id.parse::<Uuid>() else { return Ok(Vec::new()) };
    Ok(holds::of_lots(tx, &[lot], limit).await?)
}

/// Whether something that is called so is the caller's; also where that cannot be known in time,
/// or there is so much that one of it may be. What events name was looked for at their plants
/// alone.
async fn is_theirs(tx: &mut Tx, looking: &Asked<'_>, named: Named, code: &str) -> Result<bool, ScopeError> {
    if tx.plants().is_all() || !named.is_of_all() {
        return Ok(true);
    }
    beside::begin(tx).await?;
    let looked = some_of_theirs(tx, looking, named, code).await;
    Ok(beside::settled(tx, looked).await?.unwrap_or(true))
}

/// [`is_theirs`], however long it takes.
async fn some_of_theirs(
    tx: &mut Tx,
    looking: &Asked<'_>,
    named: Named,
    code: &str,
) -> Result<bool, ScopeError> {
    looking.next(tx).await?;
    let is_many = |count: usize| i64::try_from(count).is_ok_and(|count| count >= MOST);
    let labels = match named {
        Named::Item => {
            let state = State { item: Some(code.to_owned()), ..State::default() };
            store::by_state(tx, &state, None, MOST).await?
        }
        Named::Lot => of_lot(tx, code, MOST).await?,
        Named::SupplierLot => store::of_supplier_lot(tx, code, None, MOST).await?,
        Named::Supplier => {
            let lots = places::lots_supplied(tx, code, MOST).await?;
            if is_many(lots.len()) {
                return Ok(true);
            }
            holds::of_lots(tx, &lots, MOST).await?
        }
        Named::Customer => {
            let mut numbers = store::orders_of(tx, code, MOST).await?;
            if is_many(numbers.len()) {
                return Ok(true);
            }
            let mut types = vec!["so".to_owned(); numbers.len()];
            numbers.push(code.to_owned());
            types.push("customer".to_owned());
            let fits = Fits { own: tx.plants().codes(), ..Fits::default() };
            return Ok(!store::by_document(tx, (&numbers, &types), &fits, None, 1).await?.is_empty());
        }
        _ => return Ok(true),
    };
    Ok(is_many(labels.len()) || !scope::seen(tx, &labels).await?.is_empty())
}

/// Whether an event names a document, of a type where that is not empty.
async fn is_document(tx: &mut Tx, (number, kind): (&str, &str), fits: &Fits) -> Result<bool, ScopeError> {
    let (numbers, types) = ([number.to_owned()], [kind.to_owned()]);
    Ok(!store::by_document(tx, (&numbers, &types), fits, None, 1).await?.is_empty())
}

/// Whether an order or an event names an operation. That no event does an index knows; of those that
/// do no index has the newest, so that they are looked at plant by plant, where one is found soon.
async fn is_operation(tx: &mut Tx, looking: &Asked<'_>, fits: Fits, code: &str) -> Result<bool, ScopeError> {
    if known::operations(tx).await?.iter().any(|known| known == code) {
        return Ok(true);
    }
    let plants = tx.plants().clone();
    let mut at: Vec<String> = looking.zones.iter().map(|(plant, _)| plant.clone()).collect();
    at.retain(|plant| plants.has(plant));
    // And what belongs to no plant.
    at.push(String::new());
    for plant in at {
        looking.next(tx).await?;
        if !newest::by_event(tx, &fits, Some(&plant), 1).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_tried_as_it_was_typed_first() {
        assert_eq!(ways("Plc1"), ["Plc1", "PLC1", "plc1"]);
        assert_eq!(ways("PLC1"), ["PLC1", "plc1"]);
        assert_eq!(ways("7"), ["7"]);
        let known = || vec!["PLC2".to_owned(), "Plc1".to_owned()];
        assert_eq!(alike("pLC1", known()).as_deref(), Some("Plc1"));
        assert_eq!(alike("PLC", known()), None);
    }
}
