//! What came back from a customer, with its package or without it.

use super::*;

/// A in BOX, and BOX with a customer.
fn sent_in_a_box(joins: Stage, whole: i64) -> Story {
    let mut story = Story::default();
    story.born(Some(1));
    story.with(1, 1, joins, Action::Add, &[(A, Role::Child), (whole, Role::Parent)]);
    story.with(1, 2, Stage::Dispatch, NONE, &[(whole, Role::Subject)]);
    story
}

#[test]
fn what_comes_back_without_its_package_leaves_it() {
    let mut story = sent_in_a_box(Stage::Packing, BOX);
    assert_eq!(story.fold().state.parent, Some(BOX));
    story.with(2, 3, Stage::Return, NONE, &[(A, Role::Subject)]);
    let back = story.fold();
    assert_eq!((back.state.parent, back.state.custody, back.state.packed), (None, Custody::Location, false));
    assert_eq!((back.state.plant.as_str(), back.state.location.as_str()), ("VSK", "P3"));
    assert_eq!((back.state.left_by, back.state.quality), (None, Quality::InInspection));
    assert_eq!(back.contradictions, []);
    assert_eq!(story.stock(), at("VSK", "P3", 1));
    // Where the package goes from there is nothing to it.
    story.with(1, 9, Stage::Return, NONE, &[(BOX, Role::Subject)]);
    assert_eq!(story.stock(), at("VSK", "P3", 1));
    // It was told first that it came back, and later that it went there in a package.
    story.facts.reverse();
    assert_eq!(story.stock(), at("VSK", "P3", 1));
}

#[test]
fn what_comes_back_with_its_package_or_as_a_part_stays_in_it() {
    let mut story = sent_in_a_box(Stage::Packing, BOX);
    story.with(2, 3, Stage::Return, NONE, &[(BOX, Role::Subject), (A, Role::Subject)]);
    let back = story.fold().state;
    assert_eq!((back.parent, back.custody), (Some(BOX), Custody::Parent));
    let mut story = sent_in_a_box(Stage::Packing, BOX);
    story.with(2, 3, Stage::Return, NONE, &[(BOX, Role::Subject), (A, Role::Child)]);
    assert_eq!(story.fold().state.parent, Some(BOX));
    let mut story = sent_in_a_box(Stage::Assembly, WHOLE);
    story.with(2, 3, Stage::Return, NONE, &[(A, Role::Subject)]);
    assert_eq!(story.fold().state.parent, Some(WHOLE));
}

#[test]
fn a_package_that_comes_back_alone_leaves_the_pallet() {
    let mut story = Story::default();
    story.born(Some(1));
    story.with(1, 1, Stage::Packing, Action::Add, &[(A, Role::Child), (BOX, Role::Parent)]);
    story.with(1, 2, Stage::Packing, Action::Add, &[(BOX, Role::Child), (PALLET, Role::Parent)]);
    story.with(1, 3, Stage::Dispatch, NONE, &[(PALLET, Role::Subject)]);
    story.with(2, 4, Stage::Return, NONE, &[(BOX, Role::Subject)]);
    story.with(1, 5, Stage::Return, NONE, &[(PALLET, Role::Subject)]);
    let back = story.fold().state;
    assert_eq!((back.parent, back.custody), (Some(BOX), Custody::Parent));
    assert_eq!((back.plant.as_str(), back.location.as_str()), ("VSK", "P4"));
}

/// Takes A out of a package, by the book.
fn booked(story: &mut Story, who: u8, minute: i64, package: i64) {
    story.with(who, minute, Stage::Packing, Action::Delete, &[(package, Role::Parent), (A, Role::Child)]);
}

fn lacks(story: &Story) -> Vec<Lack> {
    story.fold().unmatched.into_iter().map(|(lack, _)| lack).collect()
}

#[test]
fn a_taking_out_that_is_booked_after_the_return_says_nothing_new() {
    for who in [1, 2] {
        let mut story = sent_in_a_box(Stage::Packing, BOX);
        story.with(2, 3, Stage::Return, NONE, &[(A, Role::Subject)]);
        booked(&mut story, who, 5, BOX);
        assert_eq!(lacks(&story), []);
        let state = story.fold().state;
        assert_eq!((state.parent, state.custody), (None, Custody::Location));
        // In whichever order they are told.
        story.facts.reverse();
        assert_eq!(lacks(&story), []);
        // Once: a second one takes out what nobody put in.
        booked(&mut story, who, 6, BOX);
        assert_eq!(lacks(&story), [Lack::Joining]);
    }
}

#[test]
fn what_was_never_put_in_still_waits_for_that_though_something_came_back() {
    let back = |whole: i64| {
        let mut story = sent_in_a_box(Stage::Packing, BOX);
        story.with(2, 3, Stage::Return, NONE, &[(A, Role::Subject)]);
        booked(&mut story, 1, 5, whole);
        lacks(&story)
    };
    assert_eq!((back(BOX), back(PALLET)), (vec![], vec![Lack::Joining]), "out of another package");
    // It came back, and had been in nothing.
    let mut story = Story::default();
    story.born(Some(1));
    story.with(1, 2, Stage::Dispatch, NONE, &[(A, Role::Subject)]);
    story.with(2, 3, Stage::Return, NONE, &[(A, Role::Subject)]);
    booked(&mut story, 2, 5, BOX);
    assert_eq!(lacks(&story), [Lack::Joining]);
    // The return never was: the taking-out is the one that counts, and the next is one too many.
    let mut story = sent_in_a_box(Stage::Packing, BOX);
    let returned = story.with(2, 3, Stage::Return, NONE, &[(A, Role::Subject)]);
    story.tell(2, 4, Stage::Correct, NONE, |fact| fact.corrects = Some(returned));
    booked(&mut story, 2, 5, BOX);
    assert_eq!(lacks(&story), []);
    booked(&mut story, 2, 6, BOX);
    assert_eq!(lacks(&story), [Lack::Joining]);
}

#[test]
fn what_is_elsewhere_since_it_came_back_stays_there() {
    let mut story = sent_in_a_box(Stage::Packing, BOX);
    story.with(2, 3, Stage::Return, NONE, &[(A, Role::Subject)]);
    story.with(2, 4, Stage::Packing, Action::Add, &[(PALLET, Role::Parent), (A, Role::Child)]);
    booked(&mut story, 2, 5, BOX);
    assert_eq!(story.fold().state.parent, Some(PALLET));
    assert_eq!(lacks(&story), []);
    let mut story = sent_in_a_box(Stage::Packing, BOX);
    story.with(2, 3, Stage::Return, NONE, &[(A, Role::Subject)]);
    story.with(2, 4, Stage::Dispatch, NONE, &[(A, Role::Subject)]);
    booked(&mut story, 2, 5, BOX);
    assert_eq!(story.fold().state.custody, Custody::Customer);
    assert_eq!(story.stock(), std::collections::BTreeMap::new());
}
