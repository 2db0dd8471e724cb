//! What is inside of something that is inside of it.

use super::*;

/// A circle of these, each put into the next and the last into the first, a minute apart.
fn circle(story: &mut Story, ring: &[i64]) -> Vec<Uuid> {
    let into = ring.iter().zip(ring.iter().cycle().skip(1)).zip(1..);
    into.map(|((child, whole), minute)| {
        let parts = [(*whole, Role::Parent), (*child, Role::Child)];
        story.with(1, minute, Stage::Assembly, Action::Add, &parts)
    })
    .collect()
}

/// What is told of it, of one UID: the minutes of both facts.
fn found(story: &Story, key: i64) -> Vec<(i64, Option<i64>)> {
    let folded = fold(key, &Born::default(), &story.facts, &[]);
    let circles = folded.contradictions.into_iter().filter(|one| one.kind == "uid.inside_itself");
    circles.map(|one| (one.at.seq, one.against.map(|stamp| stamp.seq))).collect()
}

#[test]
fn two_units_inside_each_other_disagree_and_a_correction_of_either_ends_it() {
    for wrong in [0, 1] {
        let mut story = Story::default();
        let facts = circle(&mut story, &[A, BOX]);
        assert_eq!(found(&story, BOX), [(2, Some(1))], "both facts, of the unit that closes it");
        assert!(found(&story, A).is_empty(), "and once");
        story.facts.reverse();
        assert_eq!(found(&story, BOX), [(2, Some(1))], "in whichever order they are told");
        story.tell(1, 3, Stage::Correct, NONE, |fact| fact.corrects = Some(facts[wrong]));
        assert!(found(&story, BOX).is_empty());
    }
}

#[test]
fn a_longer_circle_is_found_and_what_ends_first_is_none() {
    let mut story = Story::default();
    circle(&mut story, &[A, BOX, PALLET, WHOLE]);
    assert_eq!(found(&story, WHOLE), [(4, Some(3))]);
    assert!([A, BOX, PALLET].iter().all(|key| found(&story, *key).is_empty()));

    // It was taken out before.
    let mut story = Story::default();
    story.with(1, 1, Stage::Assembly, Action::Add, &[(BOX, Role::Parent), (A, Role::Child)]);
    story.with(1, 2, Stage::Assembly, Action::Delete, &[(BOX, Role::Parent), (A, Role::Child)]);
    story.with(1, 3, Stage::Assembly, Action::Add, &[(A, Role::Parent), (BOX, Role::Child)]);
    assert!(found(&story, BOX).is_empty());
}

#[test]
fn a_circle_among_the_others_ends_the_walk() {
    let mut story = Story::default();
    circle(&mut story, &[BOX, PALLET]);
    story.with(1, 9, Stage::Assembly, Action::Add, &[(BOX, Role::Parent), (A, Role::Child)]);
    assert!(found(&story, A).is_empty());
}
