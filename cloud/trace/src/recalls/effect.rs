//! How much of a recall is accounted for, and when it was. Pure.
//!
//! An answer is of one unit, or of all that somebody has in one unit of measure. Of
//! each the last one counts. Where both are there, the same goods may be told twice,
//! and the larger of the two counts: it is never said that more is accounted for
//! than there is proof of.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What somebody has, in one unit of measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Had {
    /// Who.
    pub consignee: Uuid,
    /// The unit of measure.
    pub unit: String,
    /// How much.
    pub quantity: Decimal,
    /// How many labels.
    pub labels: i64,
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Its id; of two at the same moment the later one counts.
    pub id: Uuid,
    /// Whose.
    pub consignee: Uuid,
    /// The unit of measure.
    pub unit: String,
    /// Of this unit alone.
    pub key: Option<i64>,
    /// When it was so.
    pub at: DateTime<Utc>,
    /// How much of it is accounted for.
    pub accounted: Decimal,
}

/// How much somebody accounts for.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RecallAccount)]
pub struct Line {
    /// Who.
    pub consignee: Uuid,
    /// The unit of measure.
    pub unit: String,
    /// Labels that are counted: not parts of other recalled goods, nor their packages.
    pub labels: i64,
    /// How much there is to account for.
    pub to_account: Decimal,
    /// How much is accounted for.
    pub accounted: Decimal,
    /// In percent with one decimal, rounded down; null where there is nothing.
    pub percent: Option<Decimal>,
}

/// How much is accounted for, all together, in one unit of measure.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RecallEffect)]
pub struct Total {
    /// The unit of measure.
    pub unit: String,
    /// Labels that are counted: not parts of other recalled goods, nor their packages.
    pub labels: i64,
    /// How much there is to account for.
    pub to_account: Decimal,
    /// How much is accounted for.
    pub accounted: Decimal,
    /// In percent with one decimal, rounded down; null where there is nothing.
    pub percent: Option<Decimal>,
    /// How it came to that, oldest first.
    pub course: Vec<Point>,
}

/// How much was accounted for from a moment on.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RecallPoint)]
pub struct Point {
    /// The moment.
    pub at: DateTime<Utc>,
    /// How much.
    pub accounted: Decimal,
}

/// Percent with one decimal, rounded down, so that 100 is said of all alone.
#[must_use]
pub fn percent(accounted: Decimal, of: Decimal) -> Option<Decimal> {
    if of.is_zero() {
        return None;
    }
    Some((accounted * Decimal::ONE_HUNDRED / of).trunc_with_scale(1))
}

/// One consignee's answers in one unit of measure, as far as they are known.
#[derive(Default)]
struct Book {
    had: Decimal,
    all: Option<Decimal>,
    units: HashMap<i64, Decimal>,
    units_sum: Decimal,
}

impl Book {
    fn take(&mut self, said: &Said) {
        match said.key {
            None => self.all = Some(said.accounted),
            Some(key) => {
                let before = self.units.insert(key, said.accounted).unwrap_or_default();
                self.units_sum += said.accounted - before;
            }
        }
    }

    fn accounted(&self) -> Decimal {
        self.all.unwrap_or_default().max(self.units_sum).min(self.had)
    }
}

/// What is accounted for: by consignee, and by unit of measure with its course.
/// Answers of nobody who has anything are passed over.
#[must_use]
pub fn account(had: &[Had], said: &[Said]) -> (Vec<Line>, Vec<Total>) {
    let mut books: BTreeMap<(Uuid, &str), Book> = BTreeMap::new();
    let mut totals: BTreeMap<&str, Total> = BTreeMap::new();
    for one in had {
        books.entry((one.consignee, &one.unit)).or_default().had += one.quantity;
        let total = totals.entry(&one.unit).or_insert_with(|| Total {
            unit: one.unit.clone(),
            labels: 0,
            to_account: Decimal::ZERO,
            accounted: Decimal::ZERO,
            percent: None,
            course: Vec::new(),
        });
        total.labels += one.labels;
        total.to_account += one.quantity;
    }
    let mut order: Vec<&Said> = said.iter().collect();
    order.sort_by_key(|one| (one.at, one.id));
    order.dedup_by_key(|one| one.id);
    for one in order {
        let (Some(book), Some(total)) =
            (books.get_mut(&(one.consignee, one.unit.as_str())), totals.get_mut(one.unit.as_str()))
        else {
            continue;
        };
        let before = book.accounted();
        book.take(one);
        total.accounted += book.accounted() - before;
        let point = Point { at: one.at, accounted: total.accounted };
        match total.course.last_mut() {
            Some(last) if last.at == one.at => *last = point,
            _ => total.course.push(point),
        }
    }
    let lines = had
        .iter()
        .map(|one| {
            let accounted =
                books.get(&(one.consignee, one.unit.as_str())).map(Book::accounted).unwrap_or_default();
            Line {
                consignee: one.consignee,
                unit: one.unit.clone(),
                labels: one.labels,
                to_account: one.quantity,
                accounted,
                percent: percent(accounted, one.quantity),
            }
        })
        .collect();
    let mut totals: Vec<Total> = totals.into_values().collect();
    for total in &mut totals {
        total.percent = percent(total.accounted, total.to_account);
    }
    totals.sort_by(|a, b| b.labels.cmp(&a.labels).then_with(|| a.unit.cmp(&b.unit)));
    (lines, totals)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + minute * 60, 0).unwrap()
    }

    fn had(consignee: u128, quantity: i64) -> Had {
        Had {
            consignee: Uuid::from_u128(consignee),
            unit: "pcs".into(),
            quantity: quantity.into(),
            labels: quantity,
        }
    }

    fn said(id: u128, consignee: u128, key: Option<i64>, minute: i64, accounted: i64) -> Said {
        Said {
            id: Uuid::from_u128(id),
            consignee: Uuid::from_u128(consignee),
            unit: "pcs".into(),
            key,
            at: at(minute),
            accounted: accounted.into(),
        }
    }

    #[test]
    fn later_answers_stand_in_the_place_of_earlier_ones() {
        let all = [had(1, 100), had(2, 50)];
        let told = [said(1, 1, None, 0, 60), said(2, 1, None, 5, 80), said(3, 2, None, 3, 50)];
        let (lines, totals) = account(&all, &told);
        assert_eq!(lines[0].accounted, 80.into());
        assert_eq!(lines[0].percent, Some(80.into()));
        assert_eq!(lines[1].percent, Some(100.into()));
        assert_eq!(totals[0].accounted, 130.into());
        assert_eq!(totals[0].percent.unwrap().to_string(), "86.6", "rounded down");
        let course: Vec<Decimal> = totals[0].course.iter().map(|point| point.accounted).collect();
        assert_eq!(course, [60.into(), 110.into(), Decimal::from(130)]);
    }

    #[test]
    fn the_same_goods_told_twice_count_once() {
        let all = [had(1, 10)];
        let mut told = vec![said(1, 1, None, 0, 4)];
        told.extend((0..4).map(|key| said(10 + key as u128, 1, Some(key), 1, 1)));
        assert_eq!(account(&all, &told).1[0].accounted, 4.into());
        // A unit that is first set apart and then destroyed is one unit.
        told.push(said(30, 1, Some(0), 2, 1));
        assert_eq!(account(&all, &told).1[0].accounted, 4.into());
        // What is found missing after all counts no longer.
        told.push(said(31, 1, None, 3, 0));
        told.push(said(32, 1, Some(0), 3, 0));
        assert_eq!(account(&all, &told).1[0].accounted, 3.into());
    }

    #[test]
    fn nothing_to_account_for_is_no_percentage() {
        assert_eq!(percent(Decimal::ZERO, Decimal::ZERO), None);
        let (lines, totals) = account(&[], &[said(1, 1, None, 0, 5)]);
        assert!(lines.is_empty() && totals.is_empty());
    }

    fn answers() -> impl Strategy<Value = Vec<Said>> {
        let one = (0..4u128, proptest::option::of(0..6i64), 0..20i64, 0..30i64);
        proptest::collection::vec(one, 0..40).prop_map(|all| {
            all.into_iter()
                .enumerate()
                .map(|(id, (consignee, key, minute, accounted))| {
                    said(
                        id as u128 + 1,
                        consignee,
                        key,
                        minute,
                        if key.is_some() { accounted % 2 } else { accounted },
                    )
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn the_sums_agree_and_nothing_is_overstated(told in answers(), mixed in any::<u64>()) {
            let all = [had(0, 12), had(1, 0), had(2, 7)];
            let (lines, totals) = account(&all, &told);
            let total = &totals[0];
            prop_assert_eq!(lines.iter().map(|line| line.accounted).sum::<Decimal>(), total.accounted);
            for line in &lines {
                prop_assert!(line.accounted >= Decimal::ZERO && line.accounted <= line.to_account);
            }
            if let Some(last) = total.course.last() {
                prop_assert_eq!(last.accounted, total.accounted);
            }
            for pair in total.course.windows(2) {
                prop_assert!(pair[0].at < pair[1].at);
            }
            // Neither the order in which they are read nor reading one twice matters.
            let mut other = told.clone();
            if !other.is_empty() {
                let by = (mixed % other.len() as u64) as usize;
                other.rotate_left(by);
                other.push(other[0].clone());
            }
            prop_assert_eq!(account(&all, &other), (lines, totals.clone()));
            // The course at any moment is what was told until then.
            for point in &total.course {
                let then: Vec<Said> = told.iter().filter(|one| one.at <= point.at).cloned().collect();
                prop_assert_eq!(account(&all, &then).1[0].accounted, point.accounted);
            }
        }
    }
}
