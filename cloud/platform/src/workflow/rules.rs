//! What a round has come to, and which seat somebody may take. No I/O.

use uuid::Uuid;

use super::model::{Action, Seat, Who};

/// What the decisions of a round amount to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// More decisions are awaited.
    Open,
    /// Enough said yes.
    Approved,
    /// Enough said no: the approvals that are needed cannot be reached any more.
    Rejected,
    /// Somebody sent it back.
    SentBack,
}

/// Whether a seat counts no more: everybody who has a role is asked, and this person has
/// it no longer. The seat of somebody who was named stays, and waits.
fn lapsed(seat: &Seat) -> bool {
    seat.vacant && seat.of_role.is_some() && seat.decision.is_none()
}

/// How many approvals it takes of those who are left: of everybody who has a role one less
/// for each who has it no longer, and one at the least.
fn needed_of(seats: &[Seat], needed: usize) -> usize {
    needed.saturating_sub(seats.iter().filter(|seat| lapsed(seat)).count()).max(1)
}

/// Whether enough seats can still be taken for a decision to be reached.
#[must_use]
pub fn reachable(seats: &[Seat], needed: usize) -> bool {
    let free = |seat: &&Seat| seat.decision.is_none() && !seat.vacant;
    let approvals = seats.iter().filter(|seat| seat.decision == Some(Action::Approve)).count();
    let open = seats.iter().filter(|seat| !seat.deputy).filter(free).count();
    seats.iter().filter(|seat| seat.deputy).any(|seat| free(&seat))
        || approvals + open >= needed_of(seats, needed)
}

/// The role to which a round falls where everybody who had it when the stage was opened
/// has left without a word: whoever gets it is asked in their place.
#[must_use]
pub fn falls_to(seats: &[Seat]) -> Option<&str> {
    let mut own = seats.iter().filter(|seat| !seat.deputy);
    if own.all(lapsed) { seats.iter().find_map(|seat| seat.of_role.as_deref()) } else { None }
}

/// What `seats` amount to where `needed` approvals are asked for. A deputy's
/// decision counts for all; one that sends back ends the round. Nothing is rejected
/// unless somebody said no.
#[must_use]
pub fn verdict(seats: &[Seat], needed: usize) -> Verdict {
    let of = |action| seats.iter().filter(move |seat| seat.decision == Some(action));
    if of(Action::SendBack).next().is_some() {
        return Verdict::SentBack;
    }
    match seats.iter().filter(|seat| seat.deputy).find_map(|seat| seat.decision) {
        Some(Action::Approve) => return Verdict::Approved,
        Some(_) => return Verdict::Rejected,
        None => {}
    }
    let approvals = of(Action::Approve).count();
    let open = seats.iter().filter(|seat| !seat.deputy && seat.decision.is_none() && !lapsed(seat)).count();
    let needed = needed_of(seats, needed);
    if approvals >= needed {
        Verdict::Approved
    } else if approvals + open < needed && of(Action::Reject).next().is_some() {
        Verdict::Rejected
    } else {
        Verdict::Open
    }
}

/// Somebody in whose name a person may decide: the person, or one who is away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// Whose it is.
    pub person: Uuid,
    /// That one's roles.
    pub roles: Vec<String>,
}

/// The person who wants to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decider {
    /// In the own name.
    pub own: Authority,
    /// In the names of those who are away and chose this person.
    pub lent: Vec<Authority>,
}

/// Why somebody cannot decide a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody asked this person, or somebody else took the seat.
    NotAsked,
    /// It is the person's own document, or that of the one who is away.
    OwnDocument,
    /// This person decided in this round already.
    Decided,
    /// The amount is beyond what this person may decide.
    Amount,
}

/// The seat that `decider` takes, and for whom if not for themselves. Everybody
/// decides once in a round, in whoever's name; nobody decides their own document
/// (`starter`) unless `own_allowed`, nor lends the right to.
///
/// # Errors
/// [`Refusal`].
pub fn seat_for(
    seats: &[Seat],
    decider: &Decider,
    starter: Option<Uuid>,
    own_allowed: bool,
) -> Result<(usize, Option<Uuid>), Refusal> {
    let used = |person| {
        seats.iter().any(|seat| seat.decided_by == Some(person) || seat.on_behalf_of == Some(person))
    };
    let me = decider.own.person;
    let mut refusal = Refusal::NotAsked;
    let authorities = [&decider.own].into_iter().chain(&decider.lent);
    for authority in authorities {
        let Some(at) = seat_of(seats, authority) else { continue };
        if !own_allowed && starter.is_some_and(|starter| starter == me || starter == authority.person) {
            refusal = Refusal::OwnDocument;
            continue;
        }
        if used(me) || used(authority.person) {
            refusal = Refusal::Decided;
            continue;
        }
        return Ok((at, (authority.person != me).then_some(authority.person)));
    }
    if refusal == Refusal::NotAsked && used(me) { Err(Refusal::Decided) } else { Err(refusal) }
}

/// The open seat that fits best: the person's own, one of a role, a deputy's.
fn seat_of(seats: &[Seat], authority: &Authority) -> Option<usize> {
    let rank = |seat: &Seat| match &seat.who {
        _ if seat.decision.is_some() || seat.vacant => None,
        Who::Person(person) => (*person == authority.person).then_some(0),
        Who::Role(role) => authority.roles.contains(role).then_some(if seat.deputy { 2 } else { 1 }),
    };
    let ranked = seats.iter().enumerate().filter_map(|(at, seat)| rank(seat).map(|rank| (rank, at)));
    ranked.min().map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::workflow::model::{State, Step, TRANSITIONS, follow};

    fn person(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn role(seat: i16, role: &str) -> Seat {
        Seat::open(seat, Who::Role(role.into()))
    }

    fn decider(n: u128, roles: &[&str]) -> Decider {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        Decider { own: Authority { person: person(n), roles }, lent: Vec::new() }
    }

    #[test]
    fn every_state_that_is_no_end_can_end() {
        for state in State::ALL {
            let mut reached = vec![state];
            let mut at = 0;
            while at < reached.len() {
                let next = TRANSITIONS.iter().filter(|(from, ..)| *from == reached[at]).map(|(.., to)| *to);
                reached.extend(
                    next.collect::<Vec<_>>()
                        .into_iter()
                        .filter(|to| !reached.contains(to))
                        .collect::<Vec<_>>(),
                );
                reached.dedup();
                at += 1;
            }
            assert!(reached.iter().any(|state| state.is_end()), "{state:?} is stuck");
            assert_eq!(state.is_end(), !TRANSITIONS.iter().any(|(from, ..)| *from == state), "{state:?}");
        }
        assert_eq!(follow(State::Rejected, Step::Approve), None);
        assert_eq!(follow(State::Approved, Step::Reject), None);
    }

    #[test]
    fn nobody_decides_their_own_document_nor_through_another() {
        let seats = [role(0, "DEPT_HEAD")];
        let own = decider(1, &["DEPT_HEAD"]);
        assert_eq!(seat_for(&seats, &own, Some(person(1)), false), Err(Refusal::OwnDocument));
        assert_eq!(seat_for(&seats, &own, Some(person(1)), true), Ok((0, None)));
        let mut stands_in = decider(2, &[]);
        stands_in.lent = vec![Authority { person: person(1), roles: vec!["DEPT_HEAD".into()] }];
        assert_eq!(seat_for(&seats, &stands_in, Some(person(1)), false), Err(Refusal::OwnDocument));
        assert_eq!(seat_for(&seats, &stands_in, Some(person(3)), false), Ok((0, Some(person(1)))));
        // The starter stands in for somebody who may.
        assert_eq!(seat_for(&seats, &stands_in, Some(person(2)), false), Err(Refusal::OwnDocument));
    }

    #[test]
    fn one_person_fills_one_seat() {
        let mut seats = [role(0, "DEPT_HEAD"), role(1, "DEPT_HEAD")];
        seats[0].decision = Some(Action::Approve);
        seats[0].decided_by = Some(person(1));
        assert_eq!(seat_for(&seats, &decider(1, &["DEPT_HEAD"]), None, false), Err(Refusal::Decided));
        assert_eq!(seat_for(&seats, &decider(2, &["DEPT_HEAD"]), None, false), Ok((1, None)));
        assert_eq!(seat_for(&seats, &decider(2, &["BUYER"]), None, false), Err(Refusal::NotAsked));
    }

    #[test]
    fn a_deputy_settles_and_the_own_seat_goes_first() {
        let mut seats = vec![role(0, "A"), role(1, "B")];
        seats.push(Seat { deputy: true, ..role(2, "A") });
        assert_eq!(seat_for(&seats, &decider(1, &["A"]), None, false), Ok((0, None)));
        seats[2].decision = Some(Action::Approve);
        assert_eq!(verdict(&seats, 2), Verdict::Approved);
        seats[2].decision = Some(Action::Reject);
        assert_eq!(verdict(&seats, 1), Verdict::Rejected);
    }

    #[test]
    fn who_leaves_is_not_waited_for_unless_they_were_named() {
        let holder = |seat, n| Seat { of_role: Some("A".into()), ..Seat::open(seat, Who::Person(person(n))) };
        let gone = |mut seat: Seat| {
            seat.vacant = true;
            seat
        };
        let approved = |mut seat: Seat| {
            seat.decision = Some(Action::Approve);
            seat
        };
        // Everybody of a role: two said yes, the third left.
        let seats = [approved(holder(0, 1)), approved(holder(1, 2)), gone(holder(2, 3))];
        assert_eq!(verdict(&seats, 3), Verdict::Approved);
        let seats = [approved(holder(0, 1)), holder(1, 2), gone(holder(2, 3))];
        assert_eq!(verdict(&seats, 3), Verdict::Open);
        assert!(reachable(&seats, 3));
        assert_eq!(falls_to(&seats), None);
        // Who left cannot decide, though the seat is theirs.
        assert_eq!(seat_for(&seats, &decider(3, &["B"]), None, false), Err(Refusal::NotAsked));
        // All left without a word: nothing is approved and nothing rejected by that.
        let mut seats = vec![gone(holder(0, 1)), gone(holder(1, 2))];
        assert_eq!(verdict(&seats, 2), Verdict::Open);
        assert!(!reachable(&seats, 2));
        assert_eq!(falls_to(&seats), Some("A"));
        seats.push(role(2, "A"));
        assert_eq!((falls_to(&seats), verdict(&seats, 2)), (None, Verdict::Open));
        assert!(reachable(&seats, 2));
        seats[2].decision = Some(Action::Approve);
        assert_eq!(verdict(&seats, 2), Verdict::Approved);
        // Of two who were named one left: it waits, for them or for a deputy.
        let named = |seat, n| Seat::open(seat, Who::Person(person(n)));
        let mut seats = vec![approved(named(0, 1)), gone(named(1, 2))];
        assert_eq!((verdict(&seats, 2), reachable(&seats, 2)), (Verdict::Open, false));
        seats.push(Seat { deputy: true, ..role(2, "B") });
        assert!(reachable(&seats, 2));
    }

    fn action() -> impl Strategy<Value = Action> {
        prop_oneof![4 => Just(Action::Approve), 2 => Just(Action::Reject), 1 => Just(Action::SendBack)]
    }

    proptest! {
        /// Deciding seat after seat always ends, at the first moment at which it
        /// is certain, and as counting says.
        #[test]
        fn a_round_ends_and_counts_right(
            actions in prop::collection::vec(action(), 1..8),
            wanted in 1_usize..8,
        ) {
            let needed = wanted.min(actions.len());
            let mut seats: Vec<Seat> =
                (0..actions.len()).map(|n| role(n as i16, "R")).collect();
            prop_assert_eq!(verdict(&seats, needed), Verdict::Open);
            let (mut yes, mut no) = (0, 0);
            for (n, action) in actions.iter().enumerate() {
                let me = decider(n as u128 + 1, &["R"]);
                let (at, _) = seat_for(&seats, &me, None, false).unwrap();
                seats[at].decision = Some(*action);
                seats[at].decided_by = Some(me.own.person);
                prop_assert!(seat_for(&seats, &me, None, false).is_err(), "decides twice");
                match action {
                    Action::Approve => yes += 1,
                    Action::Reject => no += 1,
                    Action::SendBack => {
                        prop_assert_eq!(verdict(&seats, needed), Verdict::SentBack);
                        return Ok(());
                    }
                }
                let expected = if yes >= needed {
                    Verdict::Approved
                } else if no > actions.len() - needed {
                    Verdict::Rejected
                } else {
                    Verdict::Open
                };
                prop_assert_eq!(verdict(&seats, needed), expected);
                if expected != Verdict::Open {
                    return Ok(());
                }
            }
            prop_assert!(false, "all have decided and nothing is settled");
        }

        /// Whatever steps are tried, an instance is in a state of the table, and
        /// an end stays an end.
        #[test]
        fn steps_stay_in_the_table(steps in prop::collection::vec(0_usize..6, 0..30)) {
            let all = [Step::Open, Step::Approve, Step::Reject, Step::SendBack, Step::Complete, Step::Cancel];
            let mut state = State::Initiated;
            for step in steps {
                match follow(state, all[step]) {
                    Some(next) => {
                        prop_assert!(!state.is_end());
                        state = next;
                    }
                    None => prop_assert!(!TRANSITIONS.iter().any(|(from, by, _)| *from == state && *by == all[step])),
                }
            }
        }
    }
}
