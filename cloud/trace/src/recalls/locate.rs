//! Where a unit is, and who has it, from what the registry and its events say. Pure.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::model::{Holder, Place};
use super::store::locate::Leaving;
use crate::explore::names;
use crate::explore::outer::DEEPEST;
use crate::explore::stays::Stay;
use crate::explore::store::label::Registered;
use crate::projection::state::{Custody, Life, in_work};

/// An event by which something left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Installed, or sent.
    pub installed: bool,
    /// The document.
    pub document: String,
    /// The partner, where it is known.
    pub partner: String,
    /// Where to.
    pub location: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A way between two plants that is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnTheWay {
    /// Where to.
    pub to_plant: String,
    /// By which document.
    pub document: String,
    /// Since when.
    pub left_at: DateTime<Utc>,
}

/// Who has something, as a recall keeps it once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Who {
    /// What kind.
    pub kind: Holder,
    /// Code of the plant or partner; of an unknown partner the document.
    pub code: String,
    /// Where something is installed.
    pub place: String,
}

/// A unit with where it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The unit.
    pub key: i64,
    /// What it is.
    pub item: String,
    /// Of which lot.
    pub lot: Option<Uuid>,
    /// How much, in `unit`.
    pub quantity: Decimal,
    /// The unit of measure.
    pub unit: String,
    /// Where.
    pub place: Place,
    /// At which plant, or the last one.
    pub plant: String,
    /// Where there.
    pub location: String,
    /// What it is in, the outermost.
    pub outer: Option<i64>,
    /// The recalled unit that it is built into, the outermost: that comes back, and counts.
    pub inside_of: Option<i64>,
    /// A package of recalled goods: they are counted, and it is not.
    pub packs: bool,
    /// By which document it left.
    pub document: String,
    /// When.
    pub left_at: Option<DateTime<Utc>>,
    /// Who has it; nobody what is used up or was never there.
    pub who: Option<Who>,
}

/// By what the packages around each unit left last while it was inside. Where none did, going
/// by the clocks, what was ever around it counts: a wrong clock loses no consignee. Pure.
#[must_use]
pub fn with_packages<'l>(stays: &[Stay], leavings: &'l [Leaving]) -> HashMap<i64, &'l Left> {
    let mut by_package: HashMap<i64, Vec<&Leaving>> = HashMap::new();
    for leaving in leavings {
        by_package.entry(leaving.key).or_default().push(leaving);
    }
    let mut last: HashMap<i64, (bool, &Left)> = HashMap::new();
    for stay in stays {
        for leaving in by_package.get(&stay.package).into_iter().flatten() {
            let inside = stay.had(leaving.left.at, leaving.agent);
            let kept = last.entry(stay.content).or_insert((inside, &leaving.left));
            if (kept.0, kept.1.at) < (inside, leaving.left.at) {
                *kept = (inside, &leaving.left);
            }
        }
    }
    last.into_iter().map(|(key, (_, left))| (key, left)).collect()
}

/// The recalled unit that a unit is built into, the outermost: whoever sends that back sends
/// it back. `built_in` tells of a unit and what it is in whether it is a part there: what is
/// merely packed may come back without its package, and counts itself. Ends on a cycle.
#[must_use]
pub fn inside_of(
    rows: &HashMap<i64, Registered>,
    of: &Registered,
    built_in: impl Fn(i64, i64) -> bool,
    recalled: impl Fn(i64) -> bool,
) -> Option<i64> {
    let (mut at, mut found) = (of, None);
    for _ in 0..DEEPEST {
        let Some(parent) = at.parent_key.and_then(|parent| rows.get(&parent)) else { break };
        if parent.key == of.key {
            return None;
        }
        if !built_in(at.key, parent.key) {
            break;
        }
        if recalled(parent.key) {
            found = Some(parent.key);
        }
        at = parent;
    }
    found
}

/// The packages in which recalled goods lie, of units with what they lie in directly, each
/// (unit, package). What comes back is counted once: the goods, since some may come back
/// without the package, and it without them.
#[must_use]
pub fn packing(
    inside: &[(i64, i64)],
    built_in: impl Fn(i64, i64) -> bool,
    recalled: impl Fn(i64) -> bool,
) -> HashSet<i64> {
    inside
        .iter()
        .filter(|(unit, package)| recalled(*unit) && !built_in(*unit, *package))
        .map(|(_, package)| *package)
        .collect()
}

/// Where the registry says that it is, without what events say.
#[must_use]
pub fn place(row: &Registered, outer: &Registered) -> Place {
    match Life::from_number(row.life) {
        Some(Life::Consumed) => return Place::Consumed,
        Some(Life::Scrapped) => return Place::Scrapped,
        Some(Life::Expected) => return Place::Expected,
        _ => {}
    }
    let working = in_work(names::stage(outer.last_stage), &outer.order_number);
    match Custody::from_number(outer.custody) {
        Some(Custody::Transit) => Place::Transit,
        Some(Custody::Customer) => Place::Customer,
        Some(Custody::Supplier) => Place::Supplier,
        _ if working => Place::Work,
        _ => Place::Stock,
    }
}

/// A unit of which nothing is known but its label.
#[must_use]
pub fn unknown(key: i64) -> Found {
    Found {
        key,
        item: String::new(),
        lot: None,
        quantity: Decimal::ZERO,
        unit: String::new(),
        place: Place::Unknown,
        plant: String::new(),
        location: String::new(),
        outer: None,
        inside_of: None,
        packs: false,
        document: String::new(),
        left_at: None,
        who: None,
    }
}

/// A unit with where it is. `left` is by what it left last; `way` is its way between
/// two plants.
#[must_use]
pub fn found(row: &Registered, outer: &Registered, left: Option<&Left>, way: Option<&OnTheWay>) -> Found {
    let mut place = place(row, outer);
    let (mut document, mut left_at) = (String::new(), None);
    let mut location = outer.location.clone();
    let mut plant = outer.plant.clone();
    let who = match place {
        Place::Stock | Place::Work => {
            Some(Who { kind: Holder::Plant, code: outer.plant.clone(), place: String::new() })
        }
        Place::Transit => {
            if let Some(way) = way {
                document.clone_from(&way.document);
                left_at = Some(way.left_at);
            }
            // Whoever it comes to can stop it.
            let to = way.map(|way| way.to_plant.clone()).filter(|to| !to.is_empty());
            Some(Who {
                kind: Holder::Plant,
                code: to.unwrap_or_else(|| outer.plant.clone()),
                place: String::new(),
            })
        }
        Place::Customer | Place::Supplier => {
            let mut code = String::new();
            let mut site = String::new();
            if let Some(left) = left {
                document.clone_from(&left.document);
                left_at = Some(left.at);
                code = if left.partner.is_empty() { left.document.clone() } else { left.partner.clone() };
                if left.installed && place == Place::Customer {
                    place = Place::Installed;
                    site.clone_from(&left.location);
                    location.clone_from(&left.location);
                }
            }
            let kind = match place {
                Place::Installed => Holder::Installation,
                Place::Supplier => Holder::Supplier,
                _ => Holder::Customer,
            };
            Some(Who { kind, code, place: site })
        }
        _ => {
            plant.clone_from(&row.plant);
            location.clone_from(&row.location);
            None
        }
    };
    Found {
        key: row.key,
        item: row.item.clone(),
        lot: row.lot_id,
        quantity: row.quantity.unwrap_or(Decimal::ONE),
        unit: row.unit.clone(),
        place,
        plant,
        location,
        outer: (outer.key != row.key).then_some(outer.key),
        inside_of: None,
        packs: false,
        document,
        left_at,
        who,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::outer::outermost;
    use proto::v1::Stage;

    fn row(key: i64, custody: Custody, parent: Option<i64>) -> Registered {
        Registered {
            key,
            item: "MOTOR".into(),
            name: String::new(),
            lot_id: None,
            container: false,
            quantity: None,
            unit: "pcs".into(),
            life: Life::Active.number(),
            quality: 1,
            custody: custody.number(),
            plant: "KOL".into(),
            location: "RACK-1".into(),
            parent_key: parent,
            order_number: String::new(),
            last_stage: Stage::Storage as i16,
        }
    }

    fn left(installed: bool, partner: &str) -> Left {
        let at = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        Left { installed, document: "DC-7".into(), partner: partner.into(), location: "HALL 2".into(), at }
    }

    #[test]
    fn a_unit_is_where_the_outermost_thing_around_it_is() {
        let rows: HashMap<i64, Registered> = [
            row(1, Custody::Parent, Some(2)),
            row(2, Custody::Parent, Some(3)),
            row(3, Custody::Customer, None),
        ]
        .into_iter()
        .map(|row| (row.key, row))
        .collect();
        let outer = outermost(&rows, &rows[&1]);
        assert_eq!(outer.key, 3);
        let told = found(&rows[&1], outer, Some(&left(false, "ACME")), None);
        assert_eq!((told.place, told.outer), (Place::Customer, Some(3)));
        assert_eq!(told.who, Some(Who { kind: Holder::Customer, code: "ACME".into(), place: String::new() }));
        assert_eq!((told.document.as_str(), told.quantity), ("DC-7", Decimal::ONE));
        // A cycle in bad data ends.
        let rows: HashMap<i64, Registered> =
            [row(1, Custody::Parent, Some(2)), row(2, Custody::Parent, Some(1))]
                .into_iter()
                .map(|row| (row.key, row))
                .collect();
        assert!([1, 2].contains(&outermost(&rows, &rows[&1]).key));
    }

    #[test]
    fn a_part_is_counted_by_the_recalled_unit_that_it_is_built_into() {
        // A bolt in a motor in a pump, on a pallet.
        let rows: HashMap<i64, Registered> = [(1, Some(2)), (2, Some(3)), (3, Some(4)), (4, None)]
            .into_iter()
            .map(|(key, parent)| (key, row(key, Custody::Parent, parent)))
            .collect();
        let built_in = |part, whole| part < 3 && whole == part + 1;
        let of = |key: i64, recalled: &[i64]| {
            inside_of(&rows, &rows[&key], built_in, |key| recalled.contains(&key))
        };
        assert_eq!(of(1, &[1, 2, 3, 4]), Some(3), "the outermost");
        assert_eq!(of(1, &[1, 2, 4]), Some(2), "of those that are recalled");
        assert_eq!(of(1, &[1, 4]), None, "what it is in is not asked back");
        assert_eq!(of(1, &[1, 3]), Some(3), "whatever is between");
        assert_eq!(of(3, &[3, 4]), None, "on a pallet it is a unit of its own");
        // A cycle in bad data counts itself.
        let ring: HashMap<i64, Registered> = [(1, 2), (2, 1)]
            .into_iter()
            .map(|(key, parent)| (key, row(key, Custody::Parent, Some(parent))))
            .collect();
        assert_eq!(inside_of(&ring, &ring[&1], |_, _| true, |_| true), None);
    }

    #[test]
    fn it_left_with_the_package_around_it_that_went_while_it_was_inside() {
        let time = |minute: i64| DateTime::from_timestamp(1_790_000_000 + minute * 60, 0).unwrap();
        let agent = Uuid::nil();
        let stay = |content, package, from, until: Option<i64>| Stay {
            content,
            package,
            from: time(from),
            until: until.map(time),
            only: None,
            told_by: Some(agent),
        };
        let sent = |key, partner: &str, minute| Leaving {
            key,
            agent,
            left: Left { at: time(minute), ..left(false, partner) },
        };
        // In a box (9) on a pallet (8); the pallet went to ACME, and the box, empty, to BETA.
        let stays = [stay(1, 9, 0, Some(50)), stay(1, 8, 10, Some(40)), stay(2, 8, 60, Some(70))];
        let leavings = [sent(8, "ACME", 20), sent(9, "BETA", 90)];
        let found = with_packages(&stays, &leavings);
        assert_eq!(found[&1].partner, "ACME");
        assert_eq!(found[&2].partner, "ACME", "where no clock says which, what was ever around it");
        assert!(with_packages(&stays, &[]).is_empty());
    }

    #[test]
    fn a_package_is_no_more_than_the_recalled_goods_in_it() {
        // 1 and 2 in a box, the box on a pallet; 5 in 6, where it is a part; 10 is not recalled.
        let inside = [(1, 3), (2, 3), (3, 4), (5, 6), (10, 9)];
        let found = packing(&inside, |unit, _| unit == 5, |key| key != 10);
        assert_eq!(found, HashSet::from([3, 4]));
    }

    #[test]
    fn an_unknown_customer_is_known_by_the_document() {
        let unit = row(1, Custody::Customer, None);
        let told = found(&unit, &unit, Some(&left(false, "")), None);
        assert_eq!(told.who.unwrap().code, "DC-7");
        let told = found(&unit, &unit, Some(&left(true, "ACME")), None);
        assert_eq!(told.place, Place::Installed);
        let who = told.who.unwrap();
        assert_eq!((who.kind, who.place.as_str()), (Holder::Installation, "HALL 2"));
        // Nothing says where to: it is with some customer all the same.
        assert_eq!(found(&unit, &unit, None, None).who.unwrap().code, "");
    }

    #[test]
    fn what_is_on_its_way_is_stopped_where_it_comes_to() {
        let unit = row(1, Custody::Transit, None);
        let way = OnTheWay {
            to_plant: "VSK".into(),
            document: "TR-1".into(),
            left_at: DateTime::from_timestamp(1_790_000_000, 0).unwrap(),
        };
        let told = found(&unit, &unit, None, Some(&way));
        assert_eq!((told.place, told.who.unwrap().code.as_str()), (Place::Transit, "VSK"));
        assert_eq!(found(&unit, &unit, None, None).who.unwrap().code, "KOL");
    }

    #[test]
    fn what_is_used_up_or_in_work_says_so() {
        let mut unit = row(1, Custody::Location, None);
        assert_eq!(place(&unit, &unit), Place::Stock);
        unit.order_number = "WO-1".into();
        unit.last_stage = Stage::Operation as i16;
        assert_eq!(place(&unit, &unit), Place::Work);
        unit.life = Life::Consumed.number();
        let told = found(&unit, &unit, None, None);
        assert_eq!((told.place, told.who), (Place::Consumed, None));
    }
}
