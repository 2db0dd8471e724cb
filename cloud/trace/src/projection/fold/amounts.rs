//! What facts do to the quantity on a label. As at the plant: what is issued in
//! part leaves the container, what is issued whole stays on its label until it
//! is used.

use proto::v1::Action;
use rust_decimal::Decimal;

use super::Run;
use crate::projection::fact::{Fact, Part};
use crate::projection::state::{Custody, Life};

impl Run<'_> {
    /// Where the label is not stock: gone, or a part of something.
    pub(super) fn elsewhere(&self) -> bool {
        let gone = matches!(self.state.custody, Custody::Transit | Custody::Customer | Custody::Supplier);
        gone || (self.state.parent.is_some() && !self.state.packed)
    }

    /// From now on there is this much on the label.
    pub(super) fn amount_is(&mut self, fact: &Fact, after: Decimal) {
        let after = after.max(Decimal::ZERO);
        if self.state.stocked {
            let change = after.saturating_sub(self.state.amount());
            self.book.inward(fact, &self.state, change);
        }
        self.state.quantity = Some(after);
    }

    /// Brings back to life what was used up, and to stock where it is.
    pub(super) fn revive(&mut self, fact: &Fact) {
        self.state.life = Life::Active;
        self.state.ended_by = None;
        if !self.state.stocked && !self.elsewhere() {
            self.state.stocked = true;
            self.book.inward(fact, &self.state, self.state.amount());
        }
    }

    /// Takes a quantity out, or all where none is named; what is then empty
    /// ends. How much is left of an unknown quantity is unknown.
    pub(super) fn reduce(&mut self, fact: &Fact, part: Option<Decimal>, end: Life) {
        if self.state.life != Life::Active {
            return;
        }
        let left = match (part, self.state.quantity) {
            (None, _) => Decimal::ZERO,
            (Some(part), Some(there)) => there.saturating_sub(part).max(Decimal::ZERO),
            (Some(_), None) => return,
        };
        self.amount_is(fact, left);
        if left.is_zero() {
            self.end(fact, end);
        }
    }

    pub(super) fn end(&mut self, fact: &Fact, life: Life) {
        self.state.life = life;
        self.state.stocked = false;
        self.state.ended_by = Some(fact.stamp);
    }

    /// All that is on the label leaves stock.
    pub(super) fn unstock(&mut self, fact: &Fact) {
        if self.state.stocked {
            self.book.outward(fact, &self.state, self.state.amount());
            self.state.stocked = false;
        }
    }

    /// Without a direction it is what was counted; ADD puts to it, DELETE takes
    /// from it.
    pub(super) fn adjust(&mut self, fact: &Fact, part: &Part) {
        self.stays(fact);
        let Some(named) = part.quantity else { return };
        let before = self.state.quantity.unwrap_or_default();
        let after = match fact.action {
            Action::Add => before.saturating_add(named),
            Action::Delete => before.saturating_sub(named),
            Action::Unspecified => named,
        };
        self.amount_is(fact, after);
        if self.state.amount().is_zero() {
            self.end(fact, Life::Consumed);
        } else {
            self.revive(fact);
        }
    }

    /// To a line: wholly with its label, or a part that leaves the container.
    pub(super) fn issue(&mut self, fact: &Fact, part: &Part) {
        self.stays(fact);
        match part.quantity {
            Some(some) => self.reduce(fact, Some(some), Life::Consumed),
            None => {
                self.state.order.clone_from(&fact.order);
                self.counted(fact);
            }
        }
    }

    /// Material back from production: what was issued whole comes back with
    /// what is left of it, a part is added to its container.
    pub(super) fn bring_back(&mut self, fact: &Fact, part: &Part) {
        self.stays(fact);
        let whole = !std::mem::take(&mut self.state.order).is_empty();
        if let Some(back) = part.quantity {
            let there = self.state.quantity.unwrap_or_default();
            self.amount_is(fact, if whole { back } else { there.saturating_add(back) });
        }
        self.counted(fact);
        self.revive(fact);
    }
}
