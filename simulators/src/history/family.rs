//! What comes of one delivery.

use proto::v1::{Action, Role, Stage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Fact, Link, Part, Plan, Thing};

/// UIDs for each step of the scale.
pub const UIDS: u64 = 125;
/// Operations of a deep chain.
pub const STEPS: u64 = 20;
/// Families that a plant works on side by side: their UIDs lie between each other's.
const LANES: u64 = 8;
/// 2025-01-06, in microseconds.
const BEGIN_US: i64 = 1_736_121_600_000_000;
/// Time between two facts.
const STEP_US: i64 = 500_000;

const TRANSFORMED: i16 = 1;
const BUILT_IN: i16 = 2;
const PACKED: i16 = 3;
const OPENS: i16 = 1;
const CLOSES: i16 = 2;
const VOIDS: i16 = 3;

/// A family under way.
pub struct Family {
    plan: Plan,
    nth: u64,
    random: ChaCha8Rng,
    next: u64,
    facts: Vec<Fact>,
}

impl Family {
    pub fn new(plan: Plan, nth: u64, next: u64) -> Self {
        let random = ChaCha8Rng::seed_from_u64(plan.seed ^ nth.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        Self { plan, nth, random, next, facts: Vec::new() }
    }

    /// The key of the `index`th thing of a kind, of which each family has `each`.
    fn key(&self, thing: Thing, each: u64, index: u64) -> i64 {
        let (group, lane) = (self.nth / LANES, self.nth % LANES);
        thing.key((group * each + index) * LANES + lane)
    }

    fn scale(&self) -> u64 {
        self.plan.scale
    }

    fn lots(&self) -> u64 {
        (self.scale() / 4).max(2)
    }

    fn pieces(&self) -> u64 {
        25 * self.scale() - self.lots()
    }

    pub fn lot(&self, index: u64) -> i64 {
        self.key(Thing::Raw, self.lots() + 3 * self.scale(), index)
    }

    fn spare(&self, index: u64) -> i64 {
        self.lot(self.lots() + index)
    }

    fn work(&self, index: u64) -> i64 {
        self.key(Thing::Piece, self.pieces() + 45 * self.scale(), index)
    }

    fn piece(&self, index: u64) -> i64 {
        self.work(index)
    }

    fn treated(&self, index: u64) -> i64 {
        self.work(self.pieces() + index)
    }

    pub fn chain(&self, chain: u64, step: u64) -> i64 {
        self.work(self.pieces() + 25 * self.scale() + chain * STEPS + step)
    }

    fn part(&self, index: u64) -> i64 {
        self.key(Thing::Part, 20 * self.scale(), index)
    }

    fn unit(&self, index: u64) -> i64 {
        self.key(Thing::Unit, 20 * self.scale(), index)
    }

    fn furnace(&self, index: u64) -> i64 {
        self.key(Thing::Load, 12 * self.scale(), index)
    }

    fn a_box(&self, index: u64) -> i64 {
        self.furnace(self.scale() + index)
    }

    fn pallet(&self, index: u64) -> i64 {
        self.furnace(11 * self.scale() + index)
    }

    fn say(&mut self, stage: Stage, action: Action, parts: Vec<Part>, links: Vec<Link>) -> u64 {
        let number = self.next;
        self.next += 1;
        let at_us = BEGIN_US + number as i64 * STEP_US;
        self.facts.push(Fact { number, at_us, stage, action, corrects: None, parts, links });
        number
    }

    /// Inputs become outputs that are born by it.
    fn transform(&mut self, inputs: &[i64], outputs: &[i64], mint: bool) {
        let mut parts: Vec<Part> =
            inputs.iter().map(|&key| Part { key, role: Role::Input, mint: false }).collect();
        parts.extend(outputs.iter().map(|&key| Part { key, role: Role::Output, mint }));
        let pairs = inputs.iter().flat_map(|&from| outputs.iter().map(move |&to| (from, to)));
        let links = pairs.map(|(from, to)| Link { from, to, kind: TRANSFORMED, effect: OPENS }).collect();
        self.say(Stage::Transformation, Action::Unspecified, parts, links);
    }

    /// Children go into a parent.
    fn join(&mut self, stage: Stage, children: &[i64], parent: i64, mint: bool) -> u64 {
        let mut parts = vec![Part { key: parent, role: Role::Parent, mint }];
        parts.extend(children.iter().map(|&key| Part { key, role: Role::Child, mint: false }));
        let kind = if stage == Stage::Assembly { BUILT_IN } else { PACKED };
        let links = children.iter().map(|&from| Link { from, to: parent, kind, effect: OPENS }).collect();
        self.say(stage, Action::Add, parts, links)
    }

    /// Some of a lot is used up in a unit.
    fn consume(&mut self, lot: i64, unit: i64) {
        let parts = vec![
            Part { key: lot, role: Role::Input, mint: false },
            Part { key: unit, role: Role::Parent, mint: false },
        ];
        let links = vec![Link { from: lot, to: unit, kind: TRANSFORMED, effect: OPENS }];
        self.say(Stage::Consume, Action::Unspecified, parts, links);
    }

    fn receive(&mut self, key: i64) {
        let parts = vec![Part { key, role: Role::Output, mint: true }];
        self.say(Stage::Grn, Action::Unspecified, parts, Vec::new());
    }

    fn any(&mut self, of: u64) -> u64 {
        self.random.random_range(0..of)
    }

    /// One of the lots; of five pieces two come of the first.
    fn any_lot(&mut self) -> u64 {
        if self.any(5) < 2 { 0 } else { 1 + self.any(self.lots() - 1) }
    }

    /// All of it, in order.
    pub fn facts(mut self) -> Vec<Fact> {
        let scale = self.scale();
        for index in 0..self.lots() + 3 * scale {
            self.receive(self.lot(index));
        }
        self.cut_and_treat();
        for chain in 0..scale {
            let mut from = self.treated(chain);
            for step in 0..STEPS {
                let to = self.chain(chain, step);
                self.transform(&[from], &[to], true);
                from = to;
            }
        }
        self.build();
        self.pack();
        self.change();
        self.facts
    }

    /// Lots are cut; a furnace takes 25 pieces, of many lots, and each comes out anew.
    fn cut_and_treat(&mut self) {
        let mut of_lot: Vec<Vec<i64>> = vec![Vec::new(); self.lots() as usize];
        for index in 0..self.pieces() {
            // Each lot is used.
            let lot = if index < self.lots() { index } else { self.any_lot() };
            of_lot[lot as usize].push(self.piece(index));
        }
        for (lot, pieces) in (0..).zip(of_lot) {
            for cut in pieces.chunks(25) {
                self.transform(&[self.lot(lot)], cut, true);
            }
        }
        let pieces = self.pieces();
        for load in 0..self.scale() {
            let inside: Vec<i64> =
                (25 * load..25 * (load + 1)).filter(|&index| index < pieces).map(|n| self.piece(n)).collect();
            self.join(Stage::Kit, &inside, self.furnace(load), true);
        }
        for index in 0..25 * self.scale() {
            // There are fewer pieces than come out: some are cut once more.
            let piece = self.piece(index % pieces);
            self.transform(&[piece, self.furnace(index / 25)], &[self.treated(index)], true);
        }
    }

    /// Two treated pieces, or ends of chains, become a part; a part and some of a lot a
    /// unit.
    fn build(&mut self) {
        let scale = self.scale();
        for index in 0..20 * scale {
            let first = self.treated(scale + index);
            let second = if index < scale {
                self.chain(index, STEPS - 1)
            } else {
                let other = self.any(24 * scale);
                self.treated(scale + other)
            };
            // The same twice would be one link.
            let second = if second == first { self.treated(0) } else { second };
            self.join(Stage::Assembly, &[first, second], self.part(index), true);
        }
        for index in 0..20 * scale {
            let unit = self.unit(index);
            self.join(Stage::Assembly, &[self.part(index)], unit, true);
            let lot = self.any_lot();
            self.consume(self.lot(lot), unit);
        }
    }

    fn pack(&mut self) {
        for index in 0..10 * self.scale() {
            let units = [self.unit(2 * index), self.unit(2 * index + 1)];
            self.join(Stage::Packing, &units, self.a_box(index), true);
        }
        for index in 0..self.scale() {
            let boxes: Vec<i64> = (10 * index..10 * (index + 1)).map(|n| self.a_box(n)).collect();
            self.join(Stage::Packing, &boxes, self.pallet(index), true);
        }
    }

    /// What went otherwise than planned.
    fn change(&mut self) {
        let scale = self.scale();
        for index in 0..3 * scale {
            let (unit, old, new) = (self.unit(index), self.part(index), self.spare(index));
            let parts = vec![
                Part { key: unit, role: Role::Parent, mint: false },
                Part { key: old, role: Role::Output, mint: false },
                Part { key: new, role: Role::Input, mint: false },
            ];
            let links = vec![
                Link { from: old, to: unit, kind: BUILT_IN, effect: CLOSES },
                Link { from: new, to: unit, kind: BUILT_IN, effect: OPENS },
            ];
            self.say(Stage::Service, Action::Unspecified, parts, links);
        }
        for index in 0..2 * scale {
            // Built in where it never was, and taken back in the books.
            let (part, wrong) = (self.part(10 * scale + index), self.unit(4 * scale + index));
            let number = self.join(Stage::Assembly, &[part], wrong, false);
            let links = vec![Link { from: part, to: wrong, kind: BUILT_IN, effect: VOIDS }];
            self.say(Stage::Correct, Action::Unspecified, Vec::new(), links);
            if let Some(fact) = self.facts.last_mut() {
                fact.corrects = Some(number);
            }
        }
        for index in 0..5 * scale {
            // Back to where it came from.
            let index = scale + index;
            let piece = self.piece(index % self.pieces());
            self.transform(&[self.treated(index)], &[piece], false);
        }
        for index in 0..5 * scale + 2 * self.lots() {
            let lot = self.any_lot();
            self.consume(self.lot(lot), self.unit(index));
        }
    }
}
