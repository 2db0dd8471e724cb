//! A plant's history that never was: UIDs and what went into what, of believable shape
//! and any size, one fact after the other. Seeded; the same seed and size are the same
//! facts.
//!
//! A *family* is what comes of one delivery of lots, 125 UIDs for each step of its
//! scale: lots are cut into pieces, pieces are loaded into furnaces and come out anew
//! (diamonds), some go through twenty operations (deep chains), parts and lots become
//! units, units go into boxes and on pallets. One lot of each is wide: nearly all comes
//! of it. In between are swaps of parts, corrections of what was built in wrongly, and
//! rework that leads back to where it came from. There are twice as many links as UIDs.

pub mod copy;
mod family;

use proto::v1::{Action, Role, Stage};
use uid::{Key, PlantCode, TypeCode};

use family::Family;
pub use family::UIDS;

/// How a fact names a UID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Which one.
    pub key: i64,
    /// As what.
    pub role: Role,
    /// It is born by this.
    pub mint: bool,
}

/// What a fact does to a link; numbers as in the cloud's `uid_links`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Became, or became part of, …
    pub from: i64,
    /// … this.
    pub to: i64,
    /// 1 transformation, 2 assembly, 3 packing.
    pub kind: i16,
    /// 1 opens, 2 closes, 3 voids.
    pub effect: i16,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Its number, from 1, without gaps.
    pub number: u64,
    /// Microseconds since 1970.
    pub at_us: i64,
    /// What.
    pub stage: Stage,
    /// Whether in or out.
    pub action: Action,
    /// The number of the fact that it corrects.
    pub corrects: Option<u64>,
    /// Which UIDs.
    pub parts: Vec<Part>,
    /// The links that the cloud makes of it.
    pub links: Vec<Link>,
}

/// Which histories there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Every choice follows from it.
    pub seed: u64,
    /// Families.
    pub families: u64,
    /// How large each is, 4 to 100: 125 UIDs a step.
    pub scale: u64,
}

impl Plan {
    /// Families of full size, of 12 500 UIDs, which come to at least so many UIDs.
    #[must_use]
    pub fn of(seed: u64, uids: u64) -> Self {
        Self { seed, families: uids.div_ceil(UIDS * 100), scale: 100 }
    }

    /// How many UIDs there will be.
    #[must_use]
    pub fn uids(&self) -> u64 {
        self.families * self.scale * UIDS
    }

    /// How many rows of links.
    #[must_use]
    pub fn links(&self) -> u64 {
        2 * self.uids()
    }

    /// The wide lot of a family: nearly all of it comes of that.
    #[must_use]
    pub fn wide_lot(&self, family: u64) -> i64 {
        Family::new(*self, family, 1).lot(0)
    }

    /// The last piece on the deepest chain of a family.
    #[must_use]
    pub fn deep_end(&self, family: u64) -> i64 {
        Family::new(*self, family, 1).chain(0, family::STEPS - 1)
    }

    /// The facts, in order; one family is in memory at a time.
    pub fn facts(self) -> impl Iterator<Item = Fact> + Send {
        let mut next = 1;
        (0..self.families).flat_map(move |family| {
            let facts = Family::new(self, family, next).facts();
            next += facts.len() as u64;
            facts
        })
    }
}

/// What a UID of these histories is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// A delivered lot, or a spare part.
    Raw,
    /// A piece, a treated piece, a step of a chain.
    Piece,
    /// A sub-assembly.
    Part,
    /// A finished unit.
    Unit,
    /// A furnace load, a box, a pallet.
    Load,
}

impl Thing {
    /// Its type code and item.
    #[must_use]
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Raw => ("RM", "STEEL-10"),
            Self::Piece => ("SF", "BLANK-10"),
            Self::Part => ("SA", "HUB-10"),
            Self::Unit => ("FG", "MOTOR-10"),
            Self::Load => ("PK", "BOX-10"),
        }
    }

    /// The key of the `number`th of its kind, from 0.
    ///
    /// # Panics
    /// Beyond ten thousand million.
    #[must_use]
    pub fn key(self, number: u64) -> i64 {
        let plant: PlantCode = PLANT.parse().expect("a plant's code");
        let kind: TypeCode = self.names().0.parse().expect("a type code");
        Key::from_parts(plant, kind, number + 1).expect("a number in range").get()
    }

    /// What a key of these histories names.
    #[must_use]
    pub fn of(key: i64) -> Option<Self> {
        let (_, kind, _) = Key::new(key).ok()?.parts();
        [Self::Raw, Self::Piece, Self::Part, Self::Unit, Self::Load]
            .into_iter()
            .find(|thing| thing.names().0 == kind.as_str())
    }
}

/// The plant whose history it is.
pub const PLANT: &str = "HIS";

#[cfg(test)]
mod tests;
