use super::*;
use chrono::TimeZone;
use proptest::prelude::*;

fn agent(number: u8) -> Uuid {
    Uuid::from_bytes([number; 16])
}

fn node(agent_number: u8, seq: i64, stage: Stage, action: Action, minute: i64) -> Node {
    Node {
        stamp: Stamp { agent: agent(agent_number), epoch: 1, seq },
        event_id: Uuid::from_u128(u128::from(agent_number) << 64 | seq as u128),
        stage,
        action,
        occurred_at: Utc.timestamp_opt(1_700_000_000 + minute * 60, 0).unwrap(),
        plant: format!("P{agent_number:02}"),
        documents: Vec::new(),
        moves: Vec::new(),
        parent: None,
        mint: false,
        corrects: None,
    }
}

fn stamps(nodes: &[Node]) -> Vec<(u8, i64)> {
    causal(nodes).iter().map(|&i| (nodes[i].stamp.agent.as_bytes()[0], nodes[i].stamp.seq)).collect()
}

#[test]
fn shipping_comes_before_receiving_whatever_the_clocks_say() {
    let nodes = [
        node(2, 1, Stage::Transfer, Action::Delete, 0),
        node(2, 2, Stage::Storage, Action::Unspecified, 1),
        node(1, 1, Stage::Grn, Action::Unspecified, 60),
        node(1, 2, Stage::Transfer, Action::Add, 70),
    ];
    assert_eq!(stamps(&nodes), [(1, 1), (1, 2), (2, 1), (2, 2)]);
}

#[test]
fn within_an_agent_the_sequence_decides() {
    let nodes = [
        node(1, 2, Stage::Storage, Action::Unspecified, 0),
        node(1, 1, Stage::Grn, Action::Unspecified, 100),
    ];
    assert_eq!(stamps(&nodes), [(1, 1), (1, 2)]);
}

#[test]
fn birth_comes_first() {
    let mut birth = node(1, 1, Stage::Grn, Action::Unspecified, 90);
    birth.mint = true;
    let nodes = [node(2, 1, Stage::Storage, Action::Unspecified, 0), birth];
    assert_eq!(stamps(&nodes), [(1, 1), (2, 1)]);
}

#[test]
fn there_and_back_again_pairs_each_leg() {
    let nodes = [
        node(1, 1, Stage::Transfer, Action::Add, 0),
        node(2, 1, Stage::Transfer, Action::Delete, 10),
        node(2, 2, Stage::Transfer, Action::Add, 20),
        node(1, 2, Stage::Transfer, Action::Delete, 30),
    ];
    let found = passages(&nodes);
    assert_eq!(found.pairs, [(0, 1), (2, 3)]);
    assert!(found.arrivals.is_empty() && found.departures.is_empty());
}

#[test]
fn a_document_decides_which_departure_is_answered() {
    let mut nodes = [
        node(1, 1, Stage::Transfer, Action::Add, 0),
        node(1, 2, Stage::Transfer, Action::Add, 10),
        node(2, 1, Stage::Transfer, Action::Delete, 20),
    ];
    nodes[1].documents = vec!["TR-2".into()];
    nodes[2].documents = vec!["RC-9".into(), "TR-2".into()];
    let found = passages(&nodes);
    assert_eq!(found.pairs, [(1, 2)]);
    assert_eq!(found.departures, [0]);
}

#[test]
fn an_arrival_alone_stays_open() {
    let nodes = [node(2, 1, Stage::Transfer, Action::Delete, 0)];
    assert_eq!(passages(&nodes).arrivals, [0]);
}

#[test]
fn contradicting_facts_are_all_kept() {
    // Each agent says that it received before it shipped.
    let nodes = [
        node(1, 1, Stage::Transfer, Action::Delete, 0),
        node(1, 2, Stage::Transfer, Action::Add, 1),
        node(2, 1, Stage::Transfer, Action::Delete, 2),
        node(2, 2, Stage::Transfer, Action::Add, 3),
    ];
    assert_eq!(stamps(&nodes), [(1, 1), (1, 2), (2, 1), (2, 2)]);
}

#[test]
fn a_correction_can_be_corrected() {
    let fact = node(1, 1, Stage::Grn, Action::Unspecified, 0);
    let mut first = node(1, 2, Stage::Correct, Action::Unspecified, 1);
    first.corrects = Some(fact.event_id);
    let mut second = node(1, 3, Stage::Correct, Action::Unspecified, 2);
    second.corrects = Some(first.event_id);
    assert_eq!(voided(&[fact.clone(), first.clone()]), [true, false]);
    assert_eq!(voided(&[fact, first, second]), [false, true, false]);
}

#[test]
fn a_ring_of_corrections_ends() {
    let mut a = node(1, 1, Stage::Correct, Action::Unspecified, 0);
    let mut b = node(1, 2, Stage::Correct, Action::Unspecified, 0);
    a.corrects = Some(b.event_id);
    b.corrects = Some(a.event_id);
    assert_eq!(voided(&[a, b]).len(), 2);
}

fn any_nodes() -> impl Strategy<Value = Vec<Node>> {
    let stage = prop_oneof![
        Just((Stage::Grn, Action::Unspecified)),
        Just((Stage::Storage, Action::Unspecified)),
        Just((Stage::Transfer, Action::Add)),
        Just((Stage::Transfer, Action::Delete)),
        Just((Stage::Packing, Action::Add)),
        Just((Stage::Packing, Action::Delete)),
        Just((Stage::Dispatch, Action::Unspecified)),
        Just((Stage::Delivered, Action::Unspecified)),
        Just((Stage::Correct, Action::Unspecified)),
    ];
    prop::collection::vec((1_u8..4, stage, 0_i64..50, any::<bool>()), 0..14).prop_map(|list| {
        let mut seqs = [0_i64; 5];
        let mut nodes: Vec<Node> = Vec::new();
        for (number, (stage, action), minute, flag) in list {
            seqs[usize::from(number)] += 1;
            let mut made = node(number, seqs[usize::from(number)], stage, action, minute);
            made.mint = flag && stage == Stage::Grn;
            made.parent = (stage == Stage::Packing).then_some(7);
            if stage == Stage::Correct {
                made.corrects = nodes.first().map(|first| first.event_id);
            }
            nodes.push(made);
        }
        nodes
    })
}

proptest! {
    #[test]
    fn the_order_does_not_depend_on_arrival(
        (nodes, shuffled) in any_nodes().prop_flat_map(|nodes| (Just(nodes.clone()), Just(nodes).prop_shuffle()))
    ) {
        prop_assert_eq!(stamps(&nodes), stamps(&shuffled));
    }

    #[test]
    fn every_fact_appears_once_and_agents_keep_their_sequence(nodes in any_nodes()) {
        let order = causal(&nodes);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..nodes.len()).collect::<Vec<_>>());
        for number in 1..4 {
            let seqs: Vec<i64> = order.iter().map(|&i| &nodes[i])
                .filter(|n| n.stamp.agent == agent(number)).map(|n| n.stamp.seq).collect();
            prop_assert!(seqs.is_sorted());
        }
    }
}

#[test]
fn ten_thousand_legs_are_paired_in_no_time() {
    let mut nodes = Vec::new();
    for leg in 0..10_000 {
        nodes.push(node(1, 2 * leg + 1, Stage::Transfer, Action::Add, 4 * leg));
        nodes.push(node(2, 2 * leg + 1, Stage::Transfer, Action::Delete, 4 * leg + 1));
        nodes.push(node(2, 2 * leg + 2, Stage::Transfer, Action::Add, 4 * leg + 2));
        nodes.push(node(1, 2 * leg + 2, Stage::Transfer, Action::Delete, 4 * leg + 3));
    }
    let started = std::time::Instant::now();
    let found = passages(&nodes);
    assert_eq!(found.pairs.len(), 20_000);
    assert!(found.pairs.iter().all(|&(out, arrival)| arrival == out + 1));
    assert!(found.arrivals.is_empty() && found.departures.is_empty());
    // Each against each would be 400 million comparisons.
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn a_third_correction_voids_again() {
    let [fact, one, two, three] = [1, 2, 3, 4].map(Uuid::from_u128);
    let chain = [(one, fact), (two, one), (three, two)];
    let judge = |depth: usize| voided_ids(&[fact], &chain[..depth]).contains(&fact);
    assert_eq!([0, 1, 2, 3].map(judge), [false, true, false, true]);
}
