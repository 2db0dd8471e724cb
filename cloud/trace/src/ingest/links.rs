//! Which links an event makes between UIDs. Pure.
//!
//! For a pair of UIDs and a kind:
//! * it was *ever made* where `opens − voids > 0`; recall follows these;
//! * it is *open now* where something that was put in was not taken out since; as-built
//!   follows these. Where `opens − voids − closes + reopens > 0` it is, whatever the order;
//!   else the order of its turns says it ([`crate::genealogy::turns`]).
//!
//! So a correction never edits a row: it adds the rows that undo those of the
//! event it corrects, and a correction of a correction adds the original ones
//! again.

use std::collections::HashSet;

use proto::v1::{Action, Role, Stage};

use super::rows::{LinkRow, SubjectRow};

/// Most links that one event makes. Ninety bags into three hundred fit; a
/// malicious event of four thousand subjects would make millions.
pub const MAX_LINKS: usize = 30_000;

/// How two UIDs are tied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Kind {
    /// Used up into.
    Transformation = 1,
    /// A part of.
    Assembly = 2,
    /// Content of a package.
    Packing = 3,
}

/// What a row does to its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Effect {
    /// It was made.
    Opens = 1,
    /// It was taken apart.
    Closes = 2,
    /// A correction: one making of it never was.
    Voids = 3,
    /// A correction: one taking apart of it never was.
    Reopens = 4,
}

/// The effect that undoes `effect`.
#[must_use]
pub fn inverse(effect: i16) -> i16 {
    const OPENS: i16 = Effect::Opens as i16;
    const CLOSES: i16 = Effect::Closes as i16;
    const VOIDS: i16 = Effect::Voids as i16;
    match effect {
        OPENS => VOIDS,
        CLOSES => Effect::Reopens as i16,
        VOIDS => OPENS,
        _ => CLOSES,
    }
}

/// Appends the links of an event to `out`; answers how many it would make
/// without [`MAX_LINKS`].
///
/// * ASSEMBLY, INSTALLATION: child → parent, a part; DELETE takes it out.
/// * PACKING, KIT: content → package; DELETE takes it out.
/// * CONSUME, TRANSFORMATION: every input → every output. Without an output, a
///   consumption goes into the parent, or else into the subject.
/// * SERVICE: a swap. INPUT (new) and CHILD under ADD go into the parent, OUTPUT
///   (old) and CHILD under DELETE come out; the parent is PARENT, or else the
///   subject.
///
/// Quantity and unit are those of the part, content or input. A pair is linked
/// once, a UID never to itself.
pub fn derive(stage: i16, action: i16, subjects: &[SubjectRow], out: &mut Vec<LinkRow>) -> usize {
    let Ok(stage) = Stage::try_from(i32::from(stage)) else {
        return 0;
    };
    let out_of = action == Action::Delete as i16;
    let way = if out_of { Effect::Closes } else { Effect::Opens };
    let mut made = Made { seen: HashSet::new(), out, wanted: 0 };
    match stage {
        Stage::Assembly | Stage::Installation => {
            made.pairs(subjects, &[Role::Child], &[Role::Parent], Kind::Assembly, way);
        }
        Stage::Packing | Stage::Kit => {
            made.pairs(subjects, &[Role::Child], &[Role::Parent], Kind::Packing, way);
        }
        Stage::Consume | Stage::Transformation => {
            let target = [Role::Output, Role::Parent, Role::Subject]
                .into_iter()
                .find(|role| has(subjects, *role))
                .unwrap_or(Role::Output);
            made.pairs(subjects, &[Role::Input], &[target], Kind::Transformation, Effect::Opens);
        }
        Stage::Service => {
            let parent = if has(subjects, Role::Parent) { Role::Parent } else { Role::Subject };
            made.pairs(subjects, &[Role::Output], &[parent], Kind::Assembly, Effect::Closes);
            made.pairs(subjects, &[Role::Input], &[parent], Kind::Assembly, Effect::Opens);
            made.pairs(subjects, &[Role::Child], &[parent], Kind::Assembly, way);
        }
        _ => {}
    }
    made.wanted
}

fn has(subjects: &[SubjectRow], role: Role) -> bool {
    subjects.iter().any(|s| s.role == role as i16 && s.key != 0)
}

struct Made<'a> {
    seen: HashSet<(i64, i64)>,
    out: &'a mut Vec<LinkRow>,
    wanted: usize,
}

impl Made<'_> {
    fn pairs(&mut self, subjects: &[SubjectRow], from: &[Role], to: &[Role], kind: Kind, effect: Effect) {
        let of = |roles: &[Role], s: &SubjectRow| s.key != 0 && roles.iter().any(|r| *r as i16 == s.role);
        for source in subjects.iter().filter(|s| of(from, s)) {
            for target in subjects.iter().filter(|s| of(to, s)) {
                if source.key == target.key {
                    continue;
                }
                if self.out.len() >= MAX_LINKS {
                    self.wanted += 1;
                    continue;
                }
                if !self.seen.insert((source.key, target.key)) {
                    continue;
                }
                self.wanted += 1;
                self.out.push(LinkRow {
                    from_key: source.key,
                    to_key: target.key,
                    kind: kind as i16,
                    effect: effect as i16,
                    quantity: source.quantity,
                    unit: source.unit.clone(),
                });
            }
        }
    }
}
