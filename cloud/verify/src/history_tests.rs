//! Histories as a cloud would write them, and what becomes of changed ones.

use prost::Message;
use proto::chain;
use proto::v1::{Event, Role, Stage, Subject};

use super::*;
use crate::merkle::{inclusion, leaf, root};
use crate::note::Signer;

const UID: &str = "UID-SAIF-KOL-FG-000001-7F";
const LOG: &str = "tracewright/SAIF/01900000-0000-7000-8000-000000000001";

/// Events of one agent, chained; the counts are those of the unit, `None` where an event
/// is about another.
fn events(counts: &[Option<u32>]) -> Vec<Vec<u8>> {
    let mut prev = chain::genesis(&[1; 16], 1);
    let key = UID.parse::<Uid>().unwrap().key().get();
    (1..)
        .zip(counts)
        .map(|(seq, count)| {
            let subject = Subject {
                key: if count.is_some() { key } else { key + 1 },
                role: Role::Subject.into(),
                count: count.unwrap_or(1),
                ..Subject::default()
            };
            let bytes = Event {
                event_id: vec![seq as u8; 16],
                agent_id: vec![1; 16],
                epoch: 1,
                seq,
                prev_hash: prev.to_vec(),
                stage: Stage::Operation.into(),
                subjects: vec![subject],
                ..Event::default()
            }
            .encode_to_vec();
            prev = chain::link(&bytes);
            bytes
        })
        .collect()
}

/// The history of the events at these leaves; withheld where the second says so.
fn history(signer: &Signer, all: &[Vec<u8>], of: &[(u64, bool)]) -> History {
    let leaves: Vec<Hash> = all.iter().map(|bytes| leaf(bytes)).collect();
    let (size, whole) = (leaves.len() as u64, root(&leaves));
    let mut node = |node: merkle::Node| {
        root(&leaves[(node.index << node.level) as usize..((node.index + 1) << node.level) as usize])
    };
    let head =
        Head { log: LOG.into(), size, root: whole, time: "2026-11-26T21:00:00Z".into(), generation: 0 };
    let complete = Complete {
        log: LOG.into(),
        uid: UID.into(),
        count: of.len() as u64,
        last: of.last().unwrap().0,
        size,
        root: whole,
    };
    let mut entries = Vec::new();
    for (at, withheld) in of {
        let proof = inclusion(*at, size, &mut node).unwrap();
        entries.push(match withheld {
            true => Entry::withheld(*at, &leaves[*at as usize], &proof),
            false => Entry::whole(*at, &all[*at as usize], &proof),
        });
    }
    History {
        format: FORMAT.into(),
        uid: UID.into(),
        key: signer.public().to_string(),
        head: signer.sign(&head.text()),
        complete: signer.sign(&complete.text()),
        events: entries,
    }
}

fn signer() -> Signer {
    Signer::open(LOG, &Signer::make().unwrap()).unwrap()
}

const OF: [(u64, bool); 3] = [(0, false), (2, false), (3, false)];

fn three() -> Vec<Vec<u8>> {
    events(&[Some(1), None, Some(2), Some(3), None])
}

#[test]
fn a_true_history_is_believed() {
    let signer = signer();
    let report = check(&history(&signer, &three(), &OF).write(), Some(signer.public())).unwrap();
    assert_eq!((report.events, report.withheld, report.counted, report.tree_size), (3, 0, 3, 5));
    assert_eq!((report.uid.as_str(), report.log.as_str()), (UID, LOG));
    let withheld = history(&signer, &three(), &[(0, false), (2, true), (3, false)]);
    let report = check(&withheld.write(), None).unwrap();
    assert_eq!((report.events, report.withheld), (3, 1));
}

#[test]
fn every_changed_byte_is_refused_with_its_place() {
    let signer = signer();
    let file = history(&signer, &three(), &[(0, false), (2, true), (3, false)]).write();
    let mut line = 1;
    for at in 0..file.len() {
        for flip in [1, 2, 4, 8, 16, 32, 64, 128] {
            let mut changed = file.clone();
            changed[at] ^= flip;
            let refused = check(&changed, None).expect_err("a changed byte was believed");
            // A parser tells of a text that does not end where the line does.
            let there =
                refused.line == line || (file[at] == b'"' || file[at] == b'\n') && refused.line == line + 1;
            assert!(there, "byte {at} ({:?}) of line {line}, bit {flip}: {refused}", file[at] as char);
            assert!(!refused.place.is_empty());
        }
        line += usize::from(file[at] == b'\n');
    }
}

#[test]
fn a_cut_or_longer_file_is_refused() {
    let signer = signer();
    let file = history(&signer, &three(), &OF).write();
    for end in 0..file.len() {
        assert!(check(&file[..end], None).is_err(), "cut at {end}");
    }
    for more in [&b" "[..], b"\n", b"{}", b"\0"] {
        assert!(check(&[&file, more].concat(), None).is_err());
    }
}

#[test]
fn what_is_left_out_shows() {
    let signer = signer();
    let whole = history(&signer, &three(), &OF);
    // An event taken out of what was signed.
    for i in 0..3 {
        let mut less = whole.clone();
        less.events.remove(i);
        assert_eq!(check(&less.write(), None).unwrap_err().place, "complete");
    }
    // An event that the cloud itself does not tell of: the agent's counts have a hole.
    let told = check(&history(&signer, &three(), &[(0, false), (3, false)]).write(), None).unwrap_err();
    assert_eq!((told.line, told.why.as_str()), (8, "no event is number 2; this one is 3"));
    let told = check(&history(&signer, &three(), &[(2, false), (3, false)]).write(), None).unwrap_err();
    assert_eq!(told.why, "no event is number 1; this one is 2");
}

#[test]
fn events_of_others_twice_or_disordered_are_refused() {
    let signer = signer();
    let why = |history: &History| check(&history.write(), None).unwrap_err().to_string();
    let foreign = history(&signer, &three(), &[(0, false), (1, false)]);
    assert!(why(&foreign).contains("does not name"), "{}", why(&foreign));
    let twice = history(&signer, &three(), &[(0, false), (0, false)]);
    assert!(why(&twice).contains("not after the leaf"), "{}", why(&twice));
    let back = history(&signer, &three(), &[(2, false), (0, false)]);
    assert!(why(&back).contains("not after the leaf"), "{}", why(&back));
    // An agent that has forgotten a unit counts it anew: no hole.
    let all = events(&[Some(1), Some(2), Some(1)]);
    let again = history(&signer, &all, &[(0, false), (1, false), (2, false)]);
    assert_eq!(check(&again.write(), None).unwrap().counted, 3);
}

#[test]
fn a_chain_that_does_not_hold_is_refused() {
    let signer = signer();
    let mut all = events(&[Some(1), Some(2)]);
    let mut event = Event::decode(all[1].as_slice()).unwrap();
    event.prev_hash = vec![9; 32];
    all[1] = event.encode_to_vec();
    let refused = check(&history(&signer, &all, &[(0, false), (1, false)]).write(), None).unwrap_err();
    assert_eq!((refused.line, refused.place.as_str()), (8, "events[1].bytes"));
}

#[test]
fn another_key_is_refused_when_the_reader_knows_the_right_one() {
    let (ours, theirs) = (signer(), signer());
    let file = history(&theirs, &three(), &OF).write();
    assert!(check(&file, None).is_ok());
    assert_eq!(check(&file, Some(ours.public())).unwrap_err().place, "key");
}
