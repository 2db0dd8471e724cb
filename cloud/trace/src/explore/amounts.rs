//! How much of a UID is in another, from the rows of their link added up. Pure.
//!
//! A bag that goes into a mix twice is in it with both amounts; what a correction undoes
//! never was; what is taken out is out of it again.

use rust_decimal::Decimal;

use crate::genealogy::turns::Turn;

/// The rows of one link, added up by what they do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Amount of all makings; none where none says one.
    pub opened: Option<Decimal>,
    /// Amount of the makings that never were.
    pub voided: Option<Decimal>,
    /// Amount of what was taken out, where it is said.
    pub closed: Option<Decimal>,
    /// Amount of what was taken out and never was.
    pub reopened: Option<Decimal>,
    /// Makings that were.
    pub openings: i64,
    /// Takings out that were.
    pub takings: i64,
    /// Takings out that were and say no amount: each takes an average making along.
    pub unsaid: i64,
    /// The least unit of the rows that say an amount, by its letters.
    pub unit: String,
    /// The greatest of these units: another one where they do not agree.
    pub other_unit: String,
}

/// The amounts in a row whose columns are named as the fields of [`Amounts`].
macro_rules! added_up {
    ($row:expr) => {
        $crate::explore::amounts::Amounts {
            opened: $row.opened,
            voided: $row.voided,
            closed: $row.closed,
            reopened: $row.reopened,
            openings: $row.openings,
            takings: $row.takings,
            unsaid: $row.unsaid,
            unit: $row.unit,
            other_unit: $row.other_unit,
        }
    };
}
pub(super) use added_up;

impl Amounts {
    /// How much ever went in, with its unit; no amount where the rows name two units,
    /// which cannot be added.
    #[must_use]
    pub fn ever(&self) -> (Option<Decimal>, String) {
        self.said(self.opened.map(|opened| opened - self.voided.unwrap_or_default()))
    }

    /// How much is in it now, as [`Amounts::ever`]. Never less than nothing.
    #[must_use]
    pub fn now(&self) -> (Option<Decimal>, String) {
        let (ever, unit) = self.ever();
        let left = ever.map(|ever| {
            let each = ever.checked_div(self.openings.into()).unwrap_or_default();
            let out = self.closed.unwrap_or_default() - self.reopened.unwrap_or_default()
                + each * Decimal::from(self.unsaid);
            (ever - out).max(Decimal::ZERO).round_dp(6)
        });
        (left, unit)
    }

    /// Leaves out a taking-out of what nobody saw put in: it takes nothing along.
    pub fn leave_out(&mut self, unseen: &Turn) {
        self.takings -= 1;
        match unseen.quantity {
            Some(quantity) => self.closed = self.closed.map(|closed| closed - quantity),
            None => self.unsaid -= 1,
        }
    }

    fn said(&self, amount: Option<Decimal>) -> (Option<Decimal>, String) {
        if self.unit == self.other_unit { (amount, self.unit.clone()) } else { (None, String::new()) }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::explore::order::Stamp;

    fn amounts(rows: &[(i16, Option<i64>)]) -> Amounts {
        let sum = |effect| {
            let of: Vec<i64> = rows.iter().filter(|row| row.0 == effect).filter_map(|row| row.1).collect();
            (!of.is_empty()).then(|| Decimal::from(of.iter().sum::<i64>()))
        };
        let count = |effect, unsaid: bool| {
            let of = rows.iter().filter(|row| row.0 == effect && !(unsaid && row.1.is_some()));
            i64::try_from(of.count()).expect("few")
        };
        Amounts {
            opened: sum(1),
            closed: sum(2),
            voided: sum(3),
            reopened: sum(4),
            openings: count(1, false) - count(3, false),
            takings: count(2, false) - count(4, false),
            unsaid: count(2, true) - count(4, true),
            unit: "kg".into(),
            other_unit: "kg".into(),
        }
    }

    fn both(rows: &[(i16, Option<i64>)]) -> (Option<i64>, Option<i64>) {
        let whole = |amount: Option<Decimal>| amount.map(|amount| i64::try_from(amount).expect("whole"));
        let amounts = amounts(rows);
        (whole(amounts.ever().0), whole(amounts.now().0))
    }

    #[test]
    fn what_goes_in_twice_is_in_it_twice_and_what_never_was_is_not() {
        assert_eq!(both(&[(1, Some(5)), (1, Some(3))]), (Some(8), Some(8)));
        // Five, corrected to three.
        assert_eq!(both(&[(1, Some(5)), (3, Some(5)), (1, Some(3))]), (Some(3), Some(3)));
        assert_eq!(both(&[(1, None)]), (None, None));
    }

    #[test]
    fn what_is_taken_out_is_out_of_it() {
        let in_again = [(1, Some(1)), (2, Some(1)), (1, Some(1))];
        assert_eq!(both(&in_again), (Some(2), Some(1)));
        // Taking out often says no amount.
        assert_eq!(both(&[(1, Some(1)), (2, None), (1, Some(1))]), (Some(2), Some(1)));
        assert_eq!(both(&[(1, Some(4)), (2, None), (4, None)]), (Some(4), Some(4)));
        assert_eq!(both(&[(1, Some(4)), (2, Some(1)), (4, Some(1))]), (Some(4), Some(4)));
        assert_eq!(both(&[(1, Some(1)), (2, Some(3))]), (Some(1), Some(0)), "never less than nothing");
    }

    #[test]
    fn what_was_taken_out_unseen_takes_nothing_along() {
        let turn = |quantity: Option<i64>| Turn {
            stamp: Stamp { agent: Uuid::nil(), epoch: 1, seq: 1 },
            event_id: Uuid::nil(),
            into: false,
            at: chrono::DateTime::UNIX_EPOCH,
            plant: "KOL".into(),
            quantity: quantity.map(Decimal::from),
            returned: false,
        };
        for unseen in [Some(3), None] {
            let mut amounts = amounts(&[(2, unseen), (1, Some(5))]);
            amounts.leave_out(&turn(unseen));
            assert_eq!(amounts.now().0, Some(Decimal::from(5)));
            assert_eq!(amounts.takings, 0);
        }
    }

    #[test]
    fn two_units_are_not_added() {
        let two = Amounts { other_unit: "pcs".into(), ..amounts(&[(1, Some(5)), (1, Some(3))]) };
        assert_eq!((two.ever(), two.now()), ((None, String::new()), (None, String::new())));
    }
}
