//! What facts do to the place of a label, and to what it is inside of.

use proto::v1::{Action, Role, Stage};
use rust_decimal::Decimal;

use super::{Run, is_by_itself};
use crate::projection::fact::{Fact, Part};
use crate::projection::state::{Custody, Life};

impl Run<'_> {
    /// Moves the label and what is on it to where the fact happened.
    pub(super) fn relocate(&mut self, fact: &Fact) {
        let place = self.place_of(fact);
        let moved = place != (self.state.plant.clone(), self.state.location.clone());
        if self.state.stocked && moved {
            self.book.outward(fact, &self.state, self.state.amount());
            (self.state.plant, self.state.location) = place;
            self.book.inward(fact, &self.state, self.state.amount());
        } else {
            (self.state.plant, self.state.location) = place;
        }
    }

    /// It was seen here, at a place of ours.
    pub(super) fn counted(&mut self, fact: &Fact) {
        self.stays(fact);
        self.relocate(fact);
        self.state.left_by = None;
        if self.state.parent.is_none() {
            self.state.custody = Custody::Location;
        }
    }

    pub(super) fn inside(&mut self, fact: &Fact, part: &Part) {
        let (joins, leaves) = match (part.role, fact.action) {
            (Role::Child, Action::Delete) => (false, true),
            (Role::Child, _) => (true, false),
            (Role::Input, _) if fact.stage == Stage::Service => (true, false),
            (Role::Output, _) if fact.stage == Stage::Service => (false, true),
            _ => (false, false),
        };
        if joins {
            self.join(fact, part);
        } else if leaves {
            self.leave(fact, part);
        } else if fact.stage == Stage::Installation && part.role == Role::Subject {
            self.movement(fact, None, false);
        } else {
            self.made(fact, part);
        }
    }

    /// Into something. Some of a container is built in: the container stays.
    pub(super) fn join(&mut self, fact: &Fact, part: &Part) {
        self.stays(fact);
        let packed = matches!(fact.stage, Stage::Packing | Stage::Kit);
        if !packed && self.state.container && part.quantity.is_some() {
            return self.reduce(fact, part.quantity, Life::Consumed);
        }
        if packed {
            self.relocate(fact);
        } else {
            self.unstock(fact);
            self.settle(fact);
        }
        self.state.packed = packed;
        if let Some(parent) = fact.parent_of(self.key) {
            if let Some(by) = self.circle(parent) {
                self.finder.circle(fact, by);
            }
            self.state.parent = Some(parent);
            self.state.custody = Custody::Parent;
            self.state.joined_by = Some(fact.stamp);
        }
    }

    /// Out of something: the label to this place, a quantity back into its
    /// container.
    pub(super) fn leave(&mut self, fact: &Fact, part: &Part) {
        self.stays(fact);
        let again = self.says_again(fact);
        if again && (self.state.parent.is_some() || self.state.custody != Custody::Location) {
            // It is elsewhere since, and no less for a taking-out that was booked late.
            return;
        }
        let was_inside = self.state.parent.take().is_some();
        if !was_inside
            && !again
            && self.state.container
            && let Some(back) = part.quantity
        {
            self.amount_is(fact, self.state.quantity.unwrap_or_default().saturating_add(back));
            return self.revive(fact);
        }
        self.state.joined_by = None;
        self.state.packed = false;
        self.state.custody = Custody::Location;
        if self.state.stocked {
            self.relocate(fact);
        } else {
            self.settle(fact);
            if self.state.life == Life::Active && fact.stage != Stage::Service {
                self.revive(fact);
            }
        }
    }

    /// Whether a taking-out only books that of a return: it is out of that package already. Each
    /// return stands for one.
    fn says_again(&mut self, fact: &Fact) -> bool {
        let Some(package) = fact.parent_of(self.key).filter(|one| self.state.parent != Some(*one)) else {
            return false;
        };
        let left = self.state.left_behind.iter().position(|one| *one == package);
        left.map(|at| self.state.left_behind.remove(at)).is_some()
    }

    /// What comes back by itself is no longer in its package, wherever that is. What is built
    /// into something comes back with that.
    pub(super) fn come_out(&mut self, fact: &Fact, part: &Part) {
        let Some(package) = self.state.parent.filter(|_| self.state.packed && is_by_itself(part)) else {
            return;
        };
        if fact.parts_of(package).next().is_none() {
            self.state.parent = None;
            self.state.left_behind.push(package);
            self.state.joined_by = None;
            self.state.packed = false;
            self.state.custody = Custody::Location;
        }
    }

    /// The label goes somewhere else; `named` tells the quantity of a label of
    /// which nothing else is known. What `travels` in something keeps its place
    /// in it.
    pub(super) fn movement(&mut self, fact: &Fact, named: Option<Decimal>, travels: bool) {
        self.stays(fact);
        let inside = travels || self.state.parent.is_some();
        if self.state.quantity.is_none() && named.is_some() && !self.state.stocked {
            self.state.quantity = named;
        }
        let leaving = match fact.stage {
            Stage::Transfer | Stage::Demo => fact.action != Action::Delete,
            Stage::JobWorkOut | Stage::Dispatch | Stage::ReturnToSupplier => true,
            Stage::Delivered | Stage::Installation => return self.delivered(fact, inside),
            _ => false,
        };
        if leaving {
            self.state.left_by = Some((fact.stamp, fact.stage));
            self.unstock(fact);
            self.settle(fact);
        } else {
            self.state.left_by = None;
            let gone = matches!(self.state.custody, Custody::Transit | Custody::Customer | Custody::Supplier);
            let comes =
                matches!(fact.stage, Stage::Transfer | Stage::Demo | Stage::JobWorkIn | Stage::Return);
            // A part of an assembly is no stock, wherever the assembly goes.
            let part_of_whole = self.state.parent.is_some() && !self.state.packed;
            if self.state.stocked {
                self.relocate(fact);
            } else {
                self.settle(fact);
                // What travels in a package has not left by itself, and so comes
                // back with it.
                let back = comes || gone;
                if back && self.state.life == Life::Active && !part_of_whole {
                    self.state.stocked = true;
                    self.book.inward(fact, &self.state, self.state.amount());
                }
            }
        }
        if !inside {
            self.state.custody = match (fact.stage, leaving) {
                (Stage::Transfer, true) => Custody::Transit,
                (Stage::JobWorkOut | Stage::ReturnToSupplier, _) => Custody::Supplier,
                (Stage::Dispatch, _) | (Stage::Demo, true) => Custody::Customer,
                _ => Custody::Location,
            };
        }
    }

    pub(super) fn delivered(&mut self, fact: &Fact, inside: bool) {
        if !inside {
            self.state.custody = Custody::Customer;
        }
        if !fact.location.is_empty() {
            self.state.location.clone_from(&fact.location);
        }
        self.unstock(fact);
    }
}
