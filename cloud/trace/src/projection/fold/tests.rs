use super::*;
use chrono::TimeZone;
use proptest::prelude::*;

mod circles;
mod returned;

const A: i64 = 100;
const BOX: i64 = 200;
const PALLET: i64 = 300;
const WHOLE: i64 = 400;

fn agent(number: u8) -> Uuid {
    Uuid::from_bytes([number; 16])
}

/// Facts by hand: each call is the agent's next.
#[derive(Default)]
struct Story {
    seqs: [i64; 4],
    facts: Vec<Arc<Fact>>,
}

impl Story {
    fn tell(
        &mut self,
        who: u8,
        minute: i64,
        stage: Stage,
        action: Action,
        change: impl FnOnce(&mut Fact),
    ) -> Uuid {
        self.seqs[usize::from(who)] += 1;
        let stamp = Stamp { agent: agent(who), epoch: 1, seq: self.seqs[usize::from(who)] };
        let id = Uuid::from_u128(u128::from(who) << 64 | stamp.seq as u128);
        let at = Utc.timestamp_opt(1_700_000_000 + minute * 60, 0).unwrap();
        let mut fact = Fact::new(stamp, id, stage, action, at);
        fact.plant = if who == 2 { "VSK".into() } else { "KOL".into() };
        change(&mut fact);
        self.facts.push(Arc::new(fact.indexed()));
        id
    }

    fn born(&mut self, quantity: Option<i64>) -> Uuid {
        self.tell(1, 0, Stage::Grn, Action::Unspecified, |fact| {
            fact.location = "STORE".into();
            let mut part = part(A, Role::Subject, quantity);
            part.mint = true;
            part.item = "BOLT".into();
            fact.parts.push(part);
        })
    }

    fn with(&mut self, who: u8, minute: i64, stage: Stage, action: Action, parts: &[(i64, Role)]) -> Uuid {
        self.tell(who, minute, stage, action, |fact| {
            fact.location = format!("P{minute}");
            fact.parts.extend(parts.iter().map(|&(key, role)| part(key, role, None)));
        })
    }

    fn fold(&self) -> Folded {
        fold(A, &Born::default(), &self.facts, &[])
    }

    fn stock(&self) -> std::collections::BTreeMap<(String, String), Decimal> {
        let mut sums = std::collections::BTreeMap::new();
        for entry in self.fold().entries {
            *sums.entry((entry.plant, entry.location)).or_insert(Decimal::ZERO) += entry.quantity;
        }
        sums.retain(|_, sum| !sum.is_zero());
        sums
    }
}

fn part(key: i64, role: Role, quantity: Option<i64>) -> Part {
    Part {
        key,
        role,
        quantity: quantity.map(Decimal::from),
        unit: "pcs".into(),
        mint: false,
        item: String::new(),
        lot: None,
    }
}

fn at(plant: &str, location: &str, quantity: i64) -> std::collections::BTreeMap<(String, String), Decimal> {
    [((plant.to_owned(), location.to_owned()), Decimal::from(quantity))].into()
}

const NONE: Action = Action::Unspecified;

#[test]
fn nothing_is_expected() {
    assert_eq!(Story::default().fold().state, State::default());
}

#[test]
fn each_stage_sets_the_states_it_should() {
    use Custody::{Customer, Location, Supplier, Transit};
    use Life::{Active, Consumed, Expected, Scrapped};
    type Row = (Stage, Action, Role, Life, Custody);
    let table: [Row; 16] = [
        (Stage::Label, NONE, Role::Subject, Expected, Location),
        (Stage::Procurement, NONE, Role::Subject, Expected, Location),
        (Stage::Refused, NONE, Role::Subject, Expected, Location),
        (Stage::Grn, NONE, Role::Subject, Active, Location),
        (Stage::Storage, NONE, Role::Subject, Active, Location),
        (Stage::IssueToProduction, NONE, Role::Subject, Active, Location),
        (Stage::Consume, NONE, Role::Input, Consumed, Location),
        (Stage::Transformation, NONE, Role::Output, Active, Location),
        (Stage::Scrap, NONE, Role::Subject, Scrapped, Location),
        (Stage::Transfer, Action::Add, Role::Subject, Active, Transit),
        (Stage::Transfer, Action::Delete, Role::Subject, Active, Location),
        (Stage::JobWorkOut, NONE, Role::Subject, Active, Supplier),
        (Stage::Dispatch, NONE, Role::Subject, Active, Customer),
        (Stage::Return, NONE, Role::Subject, Active, Location),
        (Stage::ReturnToSupplier, NONE, Role::Subject, Active, Supplier),
        (Stage::Demo, Action::Add, Role::Subject, Active, Customer),
    ];
    for (stage, action, role, life, custody) in table {
        let mut story = Story::default();
        story.with(1, 1, stage, action, &[(A, role)]);
        let state = story.fold().state;
        assert_eq!((state.life, state.custody), (life, custody), "{stage:?}");
    }
}

/// Held, looked at and counted, it stands where it stood, and is as old as it was.
#[test]
fn what_is_in_work_stays_so_while_it_is_held_and_counted() {
    let mut story = Story::default();
    story.born(Some(10));
    story.with(1, 10, Stage::Operation, Action::Unspecified, &[(A, Role::Subject)]);
    let worked = story.fold().state;
    assert_eq!(worked.last_stage, Stage::Operation);
    let beside =
        [Stage::Hold, Stage::Release, Stage::Inspection, Stage::Sample, Stage::Count, Stage::OwnerChange];
    for (minute, stage) in (20..).zip(beside) {
        story.with(1, minute, stage, Action::Unspecified, &[(A, Role::Subject)]);
        let state = story.fold().state;
        assert_eq!((state.last_stage, state.last_at), (worked.last_stage, worked.last_at), "{stage:?}");
    }
    story.with(1, 60, Stage::Storage, Action::Unspecified, &[(A, Role::Subject)]);
    let stored = story.fold().state;
    assert_eq!(stored.last_stage, Stage::Storage);
    assert!(stored.last_at > worked.last_at);
}

#[test]
fn a_container_at_the_store_and_a_split_bag_are_not_in_work() {
    use crate::projection::state::in_work;
    for stage in [Stage::Operation, Stage::Load, Stage::Rework, Stage::Assembly] {
        assert!(in_work(stage, "") && in_work(stage, "WO-1"), "{stage:?}");
    }
    for stage in [Stage::IssueToProduction, Stage::Kit, Stage::Consume, Stage::Transformation] {
        assert!(!in_work(stage, "") && in_work(stage, "WO-1"), "{stage:?}");
    }
    for stage in [Stage::ReturnFromProduction, Stage::Storage, Stage::Grn, Stage::Packing] {
        assert!(!in_work(stage, "WO-1"), "{stage:?}");
    }
}

#[test]
fn inspection_and_rework_decide_quality() {
    let mut story = Story::default();
    story.born(Some(10));
    let judge = |story: &mut Story, stage, action, outcome| {
        story.tell(1, 5, stage, action, |fact| {
            fact.outcome = outcome;
            fact.accepted = Some(Decimal::from(7));
            fact.operation = "TEST".into();
            fact.parts.push(part(A, Role::Subject, None));
        });
        story.fold().state.quality
    };
    let (open, passed, failed) = (Outcome::Unspecified, Outcome::Passed, Outcome::Failed);
    assert_eq!(judge(&mut story, Stage::Inspection, NONE, open), Quality::Unrestricted);
    assert_eq!(judge(&mut story, Stage::Inspection, Action::Add, open), Quality::InInspection);
    assert_eq!(judge(&mut story, Stage::Inspection, NONE, passed), Quality::Unrestricted);
    // The attempt at an operation is not the verdict on the unit.
    assert_eq!(judge(&mut story, Stage::Operation, Action::Delete, failed), Quality::Unrestricted);
    assert_eq!(judge(&mut story, Stage::Inspection, NONE, failed), Quality::Rejected);
    assert_eq!(judge(&mut story, Stage::Rework, NONE, open), Quality::InInspection);
    assert_eq!(judge(&mut story, Stage::Inspection, NONE, Outcome::Partial), Quality::Unrestricted);
    assert_eq!(story.stock(), at("KOL", "STORE", 7));
}

#[test]
fn some_of_a_container_is_built_in_and_comes_back() {
    let mut story = Story::default();
    story.born(Some(10));
    let born = Born { container: true, ..Born::default() };
    let build = |story: &mut Story, action| {
        story.tell(1, 2, Stage::Assembly, action, |fact| {
            fact.parts.push(part(WHOLE, Role::Parent, None));
            fact.parts.push(part(A, Role::Child, Some(3)));
        });
        fold(A, &born, &story.facts, &[]).state
    };
    let state = build(&mut story, Action::Add);
    assert_eq!((state.quantity, state.parent), (Some(Decimal::from(7)), None));
    let state = build(&mut story, Action::Delete);
    assert_eq!((state.quantity, state.custody), (Some(Decimal::from(10)), Custody::Location));
}

#[test]
fn a_corrected_birth_ends_the_label() {
    let mut story = Story::default();
    let birth = story.born(Some(10));
    story.tell(1, 1, Stage::Correct, NONE, |fact| fact.corrects = Some(birth));
    let state = story.fold().state;
    assert_eq!((state.life, state.quantity), (Life::Scrapped, Some(Decimal::ZERO)));
    assert!(story.stock().is_empty());
}

#[test]
fn a_container_is_used_up_bit_by_bit() {
    let mut story = Story::default();
    story.born(Some(10));
    assert_eq!(story.stock(), at("KOL", "STORE", 10));
    story.tell(1, 1, Stage::IssueToProduction, NONE, |fact| {
        fact.location = "LINE".into();
        fact.parts.push(part(A, Role::Subject, Some(4)));
    });
    // What is issued in part leaves the container, as the plant counts it.
    assert_eq!(story.stock(), at("KOL", "STORE", 6));
    let use_up = |story: &mut Story, quantity| {
        story.tell(1, 2, Stage::Consume, NONE, |fact| {
            fact.location = "LINE".into();
            fact.parts.push(part(A, Role::Input, quantity));
            fact.parts.push(part(WHOLE, Role::Output, None));
        });
    };
    use_up(&mut story, Some(2));
    assert_eq!(story.stock(), at("KOL", "STORE", 4));
    assert_eq!(story.fold().state.quantity, Some(Decimal::from(4)));
    story.tell(1, 2, Stage::ReturnFromProduction, NONE, |fact| {
        fact.location = "STORE".into();
        fact.parts.push(part(A, Role::Subject, Some(1)));
    });
    assert_eq!(story.stock(), at("KOL", "STORE", 5));
    use_up(&mut story, None);
    assert!(story.stock().is_empty());
    assert_eq!(story.fold().state.life, Life::Consumed);
    use_up(&mut story, None);
    let folded = story.fold();
    assert_eq!(folded.contradictions.len(), 1);
    assert_eq!(folded.contradictions[0].kind, "uid.consumed_twice");
}

#[test]
fn a_package_takes_its_content_along() {
    let mut story = Story::default();
    story.born(Some(5));
    story.with(1, 1, Stage::Packing, Action::Add, &[(BOX, Role::Parent), (A, Role::Child)]);
    story.with(1, 2, Stage::Packing, Action::Add, &[(PALLET, Role::Parent), (BOX, Role::Child)]);
    story.with(1, 3, Stage::Transfer, Action::Add, &[(PALLET, Role::Subject)]);
    assert!(story.stock().is_empty());
    let state = story.fold().state;
    assert_eq!((state.custody, state.parent), (Custody::Parent, Some(BOX)));
    story.with(2, 4, Stage::Transfer, Action::Delete, &[(PALLET, Role::Subject)]);
    assert_eq!(story.stock(), at("VSK", "P4", 5));
    assert_eq!(story.fold().state.plant, "VSK");
    story.with(2, 5, Stage::Packing, Action::Delete, &[(PALLET, Role::Parent), (BOX, Role::Child)]);
    story.with(2, 6, Stage::Transfer, Action::Add, &[(PALLET, Role::Subject)]);
    assert_eq!(story.fold().state.plant, "VSK");
    story.with(2, 7, Stage::Packing, Action::Delete, &[(BOX, Role::Parent), (A, Role::Child)]);
    let state = story.fold().state;
    assert_eq!((state.custody, state.parent, state.location.as_str()), (Custody::Location, None, "P7"));
    assert_eq!(story.stock(), at("VSK", "P7", 5));
}

#[test]
fn a_part_of_an_assembly_is_no_stock_of_its_own() {
    let mut story = Story::default();
    story.born(None);
    story.with(1, 1, Stage::Assembly, Action::Add, &[(WHOLE, Role::Parent), (A, Role::Child)]);
    assert!(story.stock().is_empty());
    story.with(1, 2, Stage::Transfer, Action::Add, &[(WHOLE, Role::Subject)]);
    story.with(2, 3, Stage::Transfer, Action::Delete, &[(WHOLE, Role::Subject)]);
    assert!(story.stock().is_empty());
    assert_eq!(story.fold().state.plant, "VSK");
    story.with(2, 4, Stage::Assembly, Action::Delete, &[(WHOLE, Role::Parent), (A, Role::Child)]);
    assert_eq!(story.stock(), at("VSK", "P4", 1));
}

#[test]
fn a_correction_puts_back_state_and_stock_and_can_be_corrected() {
    let mut story = Story::default();
    story.born(Some(10));
    let scrap = story.with(1, 1, Stage::Scrap, NONE, &[(A, Role::Subject)]);
    assert_eq!(story.fold().state.life, Life::Scrapped);
    let undo = story.tell(1, 2, Stage::Correct, NONE, |fact| fact.corrects = Some(scrap));
    assert_eq!(story.fold().state.life, Life::Active);
    assert_eq!(story.stock(), at("KOL", "STORE", 10));
    story.tell(3, 3, Stage::Correct, NONE, |fact| fact.corrects = Some(undo));
    assert_eq!(story.fold().state.life, Life::Scrapped);
    assert!(story.stock().is_empty());
}

#[test]
fn contradictions_are_named_with_both_sides() {
    let mut story = Story::default();
    story.born(None);
    story.with(1, 1, Stage::Assembly, Action::Add, &[(WHOLE, Role::Parent), (A, Role::Child)]);
    story.with(2, 2, Stage::Assembly, Action::Add, &[(PALLET, Role::Parent), (A, Role::Child)]);
    let found = story.fold().contradictions;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].kind, "uid.consumed_twice");
    assert_eq!((found[0].at.agent, found[0].against.map(|stamp| stamp.agent)), (agent(2), Some(agent(1))));

    let mut story = Story::default();
    story.born(None);
    story.with(1, 1, Stage::Scrap, NONE, &[(A, Role::Subject)]);
    story.with(1, 2, Stage::Dispatch, NONE, &[(A, Role::Subject)]);
    assert_eq!(story.fold().contradictions[0].kind, "uid.used_after_scrap");

    let mut story = Story::default();
    story.born(None);
    story.with(1, 9, Stage::Dispatch, NONE, &[(A, Role::Subject)]);
    let from = Utc.timestamp_opt(1_700_000_000 + 60, 0).unwrap();
    let held = [Held { hold_id: agent(9), from, until: None }];
    let found = fold(A, &Born::default(), &story.facts, &held).contradictions;
    assert_eq!((found[0].kind, found[0].hold), ("uid.dispatched_while_held", Some(agent(9))));
    let over = [Held { until: Some(from), ..held[0].clone() }];
    assert!(fold(A, &Born::default(), &story.facts, &over).contradictions.is_empty());

    let mut story = Story::default();
    story.born(None);
    story.tell(1, 2, Stage::Storage, NONE, |fact| {
        fact.overridden_by = "boss".into();
        fact.parts.push(part(A, Role::Subject, None));
    });
    assert_eq!(story.fold().contradictions[0].kind, "refusal.overridden");

    // The refusal of that station is the other side, and a correction takes nothing back.
    let mut story = Story::default();
    story.born(None);
    for (minute, station) in [(2, "ST-2"), (3, "ST-1")] {
        story.tell(1, minute, Stage::Refused, NONE, |fact| {
            fact.station = station.into();
            fact.parts.push(part(A, Role::Subject, None));
        });
    }
    let refusal = story.facts.last().unwrap().stamp;
    let done = story.tell(1, 4, Stage::Storage, NONE, |fact| {
        fact.station = "ST-1".into();
        fact.overridden_by = "boss".into();
        fact.parts.push(part(A, Role::Subject, None));
    });
    let found = story.fold().contradictions;
    assert_eq!((found[0].kind, found[0].against), ("refusal.overridden", Some(refusal)));
    story.tell(1, 5, Stage::Correct, NONE, |fact| fact.corrects = Some(done));
    assert_eq!(story.fold().contradictions, found);
}

/// Kinds that are found in a story in which A holds ten.
fn kinds(tell: impl FnOnce(&mut Story)) -> Vec<&'static str> {
    let mut story = Story::default();
    story.born(Some(10));
    tell(&mut story);
    let born = Born { container: true, ..Born::default() };
    let folded = fold(A, &born, &story.facts, &[]);
    folded.contradictions.iter().map(|found| found.kind).collect()
}

fn some(story: &mut Story, who: u8, minute: i64, stage: Stage, role: Role, quantity: Option<i64>) {
    story.tell(who, minute, stage, NONE, |fact| {
        if role == Role::Child {
            fact.parts.push(part(WHOLE, Role::Parent, None));
        }
        fact.parts.push(part(A, role, quantity));
    });
}

#[test]
fn more_than_is_there_is_told_whatever_takes_it() {
    for (stage, role) in [
        (Stage::IssueToProduction, Role::Subject),
        (Stage::Scrap, Role::Subject),
        (Stage::Sample, Role::Subject),
        (Stage::Consume, Role::Input),
        (Stage::Assembly, Role::Child),
    ] {
        let twice = |second: i64| {
            kinds(|story| {
                some(story, 1, 1, stage, role, Some(6));
                some(story, 2, 2, stage, role, Some(second));
            })
        };
        assert_eq!(twice(6), ["uid.overdrawn"], "{stage:?}");
        assert_eq!(twice(4), [""; 0], "{stage:?}");
    }
}

#[test]
fn what_is_used_up_is_used_no_more() {
    for (stage, role, kind) in [
        (Stage::IssueToProduction, Role::Subject, "uid.used_after_consumed"),
        (Stage::Transfer, Role::Subject, "uid.used_after_consumed"),
        (Stage::Dispatch, Role::Subject, "uid.used_after_consumed"),
        (Stage::Packing, Role::Child, "uid.used_after_consumed"),
        (Stage::Consume, Role::Input, "uid.consumed_twice"),
    ] {
        let found = kinds(|story| {
            some(story, 1, 1, Stage::Consume, Role::Input, None);
            some(story, 1, 2, stage, role, None);
        });
        assert_eq!(found, [kind], "{stage:?}");
    }
}

#[test]
fn one_thing_is_at_one_place_only() {
    let twice = kinds(|story| {
        some(story, 1, 1, Stage::Dispatch, Role::Subject, None);
        some(story, 2, 2, Stage::Dispatch, Role::Subject, None);
    });
    assert_eq!(twice, ["uid.dispatched_twice"]);
    let back = kinds(|story| {
        some(story, 1, 1, Stage::Dispatch, Role::Subject, None);
        some(story, 1, 2, Stage::Return, Role::Subject, None);
        some(story, 1, 3, Stage::Inspection, Role::Subject, None);
        some(story, 1, 4, Stage::Dispatch, Role::Subject, None);
    });
    assert_eq!(back, [""; 0]);
    let gone = kinds(|story| {
        story.with(1, 1, Stage::Transfer, Action::Add, &[(A, Role::Subject)]);
        some(story, 1, 2, Stage::IssueToProduction, Role::Subject, None);
    });
    assert_eq!(gone, ["uid.used_while_away"]);
    // VSK's arrival may still be on its way.
    let there = kinds(|story| {
        story.with(1, 1, Stage::Transfer, Action::Add, &[(A, Role::Subject)]);
        some(story, 2, 2, Stage::IssueToProduction, Role::Subject, None);
    });
    assert_eq!(there, [""; 0]);
    let part_of = kinds(|story| {
        story.with(1, 1, Stage::Assembly, Action::Add, &[(WHOLE, Role::Parent), (A, Role::Child)]);
        some(story, 1, 2, Stage::Dispatch, Role::Subject, None);
    });
    assert_eq!(part_of, ["uid.used_while_inside"]);
    let packed = |last: &'static [(i64, Role)]| {
        kinds(|story| {
            story.with(1, 1, Stage::Packing, Action::Add, &[(BOX, Role::Parent), (A, Role::Child)]);
            story.with(1, 2, Stage::Packing, Action::Add, last);
        })
    };
    assert_eq!(packed(&[(PALLET, Role::Parent), (A, Role::Child)]), ["uid.packed_twice"]);
    assert_eq!(packed(&[(PALLET, Role::Parent), (BOX, Role::Child)]), [""; 0]);
    // Sent with its box, and named beside it.
    let with_box = kinds(|story| {
        story.with(1, 1, Stage::Packing, Action::Add, &[(BOX, Role::Parent), (A, Role::Child)]);
        story.with(1, 2, Stage::Dispatch, NONE, &[(BOX, Role::Subject), (A, Role::Child)]);
    });
    assert_eq!(with_box, [""; 0]);
}

#[test]
fn a_fact_without_its_counterpart_waits_for_it() {
    let lacks = |tell: &dyn Fn(&mut Story)| {
        let mut story = Story::default();
        story.born(None);
        tell(&mut story);
        story.fold().unmatched.into_iter().map(|(lack, _)| lack).collect::<Vec<_>>()
    };
    let out = |story: &mut Story| {
        story.with(2, 5, Stage::Packing, Action::Delete, &[(BOX, Role::Parent), (A, Role::Child)]);
    };
    let into = |story: &mut Story, whole| {
        story.with(1, 4, Stage::Packing, Action::Add, &[(whole, Role::Parent), (A, Role::Child)]);
    };
    assert_eq!(lacks(&|story| out(story)), [Lack::Joining]);
    assert_eq!(
        lacks(&|story| {
            into(story, PALLET);
            out(story)
        }),
        [Lack::Joining]
    );
    assert_eq!(
        lacks(&|story| {
            out(story);
            into(story, BOX)
        }),
        []
    );
    let delivered = |story: &mut Story| some(story, 1, 9, Stage::Delivered, Role::Subject, None);
    assert_eq!(lacks(&|story| delivered(story)), [Lack::Sending]);
    assert_eq!(
        lacks(&|story| {
            some(story, 1, 8, Stage::Dispatch, Role::Subject, None);
            delivered(story);
        }),
        []
    );
}

fn any_story() -> impl Strategy<Value = Vec<Arc<Fact>>> {
    let step = (1_u8..4, 0_i64..40, 0_usize..16, prop::option::of(1_i64..6));
    prop::collection::vec(step, 1..16).prop_map(|steps| {
        let mut story = Story::default();
        story.born(Some(12));
        let mut ids = Vec::new();
        for (who, minute, what, quantity) in steps {
            type Shape = (Stage, Action, &'static [(i64, Role)]);
            let shapes: [Shape; 16] = [
                (Stage::Storage, NONE, &[(A, Role::Subject)]),
                (Stage::IssueToProduction, NONE, &[(A, Role::Subject)]),
                (Stage::ReturnFromProduction, NONE, &[(A, Role::Subject)]),
                (Stage::Consume, NONE, &[(A, Role::Input), (WHOLE, Role::Output)]),
                (Stage::Packing, Action::Add, &[(BOX, Role::Parent), (A, Role::Child)]),
                (Stage::Packing, Action::Delete, &[(BOX, Role::Parent), (A, Role::Child)]),
                (Stage::Packing, Action::Add, &[(PALLET, Role::Parent), (BOX, Role::Child)]),
                (Stage::Transfer, Action::Add, &[(BOX, Role::Subject)]),
                (Stage::Transfer, Action::Delete, &[(BOX, Role::Subject)]),
                (Stage::Transfer, Action::Add, &[(A, Role::Subject)]),
                (Stage::Transfer, Action::Delete, &[(A, Role::Subject)]),
                (Stage::Assembly, Action::Add, &[(WHOLE, Role::Parent), (A, Role::Child)]),
                (Stage::Scrap, NONE, &[(A, Role::Subject)]),
                (Stage::Adjust, NONE, &[(A, Role::Subject)]),
                (Stage::Dispatch, NONE, &[(PALLET, Role::Subject)]),
                (Stage::Correct, NONE, &[]),
            ];
            let (stage, action, parts) = shapes[what];
            let target = ids.get(minute as usize % (ids.len().max(1))).copied();
            ids.push(story.tell(who, minute, stage, action, |fact| {
                fact.location = format!("P{minute}");
                fact.parts.extend(parts.iter().map(|&(key, role)| part(key, role, quantity)));
                if stage == Stage::Correct {
                    fact.corrects = target;
                }
            }));
        }
        story.facts
    })
}

proptest! {
    #[test]
    fn the_state_does_not_depend_on_arrival(
        (facts, shuffled) in any_story().prop_flat_map(|facts| (Just(facts.clone()), Just(facts).prop_shuffle()))
    ) {
        let born = Born::default();
        prop_assert_eq!(fold(A, &born, &facts, &[]), fold(A, &born, &shuffled, &[]));
    }

    #[test]
    fn a_fact_told_twice_counts_once(facts in any_story()) {
        let mut twice = facts.clone();
        twice.extend(facts.iter().cloned());
        let born = Born::default();
        prop_assert_eq!(fold(A, &born, &facts, &[]), fold(A, &born, &twice, &[]));
    }

    #[test]
    fn stock_is_never_negative_nor_more_than_the_label(facts in any_story()) {
        let folded = fold(A, &Born::default(), &facts, &[]);
        let told: Vec<String> = facts
            .iter()
            .map(|f| format!("{}/{} {:?} {:?} {} {:?}", f.stamp.agent.as_bytes()[0], f.stamp.seq, f.stage, f.action,
                f.occurred_at.format("%H:%M"), f.parts.iter().map(|p| (p.key, p.quantity)).collect::<Vec<_>>()))
            .collect();
        let total: Decimal = folded.entries.iter().map(|entry| entry.quantity).sum();
        prop_assert!(total >= Decimal::ZERO, "{total} {told:#?}");
        if folded.state.stocked {
            prop_assert_eq!(total, folded.state.amount(), "{:#?}", told);
        } else {
            prop_assert_eq!(total, Decimal::ZERO, "{:#?}", told);
        }
    }

    #[test]
    fn ledger_keys_are_unique(facts in any_story()) {
        let entries = fold(A, &Born::default(), &facts, &[]).entries;
        let ids: std::collections::HashSet<_> = entries.iter().map(|entry| (entry.stamp, entry.ordinal)).collect();
        prop_assert_eq!(ids.len(), entries.len());
    }
}
