//! Random operations against a model: no number twice, no event lost.

use std::collections::HashSet;

use proptest::prelude::*;
use proto::v1;

use super::support::*;
use crate::inputs::Colour;

#[derive(Debug, Clone)]
enum Op {
    Mint(u8),
    Fact,
    Burst(u8),
    Grant(u8),
    GrantAgain,
    Restart,
    Kill,
    Epoch { back: u8 },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (1u8..4).prop_map(Op::Mint),
        2 => Just(Op::Fact),
        2 => (2u8..12).prop_map(Op::Burst),
        3 => (1u8..6).prop_map(Op::Grant),
        1 => Just(Op::GrantAgain),
        1 => Just(Op::Restart),
        2 => Just(Op::Kill),
        1 => (0u8..5).prop_map(|back| Op::Epoch { back }),
    ]
}

#[derive(Default)]
struct Model {
    /// Keys given, ever.
    given: HashSet<i64>,
    /// Inputs recorded in the current epoch, in order.
    stream: Vec<String>,
    granted: u64,
    last_grant: Option<(u64, u64)>,
    left: u64,
    epoch: u32,
    inputs: u32,
}

impl Model {
    fn input(&mut self) -> String {
        self.inputs += 1;
        format!("in-{}", self.inputs)
    }

    fn minted(&mut self, input: String, answer: &crate::inputs::Answer, count: u64, keys: Vec<i64>) {
        if self.left < count {
            assert_eq!((answer.colour, answer.recorded), (Colour::Red, false));
            return;
        }
        assert_eq!(answer.colour, Colour::Green, "{answer:?}");
        self.left -= count;
        self.stream.push(input);
        assert_eq!(keys.len() as u64, count);
        for key in keys {
            assert!(self.given.insert(key), "{key} was given twice");
        }
    }
}

async fn run(ops: Vec<Op>) {
    let mut agent = Agent::new();
    agent.start().await;
    let mut model = Model { epoch: 1, ..Model::default() };
    for op in ops {
        match op {
            Op::Mint(count) => {
                let input = model.input();
                let answer = agent.scan(&format!("MINTS {count}"), &input).await.unwrap();
                let keys = last_keys(&agent, &input).await;
                model.minted(input, &answer, u64::from(count), keys);
            }
            Op::Fact => {
                let input = model.input();
                agent.green("FACT", &input).await;
                model.stream.push(input);
            }
            Op::Burst(count) => burst(&agent, &mut model, count).await,
            Op::Grant(count) => {
                let (first, last) = (model.granted + 3, model.granted + 2 + u64::from(count));
                agent.grant(first, last).await;
                model.granted = last;
                model.left += u64::from(count);
                model.last_grant = Some((first, last));
            }
            Op::GrantAgain => {
                if let Some((first, last)) = model.last_grant {
                    let (r#type, epoch) = ("RM".into(), model.epoch);
                    let grant = v1::LeaseGrant { r#type, first, last, epoch };
                    // Known or refused, but never usable a second time.
                    let _ = agent.handle().lease_granted(&grant).await;
                }
            }
            Op::Restart => {
                agent.stop().await;
                agent.start().await;
            }
            Op::Kill => {
                let mut next = agent.copy();
                agent.stop().await;
                next.start().await;
                agent = next;
            }
            Op::Epoch { back } => {
                let keep = model.stream.len().saturating_sub(usize::from(back));
                model.epoch += 1;
                agent
                    .handle()
                    .epoch_changed(v1::EpochChange {
                        epoch: model.epoch,
                        reason: "test".into(),
                        through_seq: keep as u64,
                        drain: false,
                    })
                    .await
                    .unwrap();
                model.stream.drain(..keep);
                model.left = 0;
                model.last_grant = None;
            }
        }
    }
    let events = agent.checked().await;
    let inputs: Vec<&str> = events.iter().map(|e| e.input_id.as_str()).collect();
    assert_eq!(inputs, model.stream);
    assert!(minted(&events).iter().all(|key| model.given.contains(key)));
    let left: u64 = agent.handle().status().leases.iter().map(|l| l.left).sum();
    assert_eq!(left, model.left);
    agent.stop().await;
}

/// Scans at once, minting one each; their order is the journal's.
async fn burst(agent: &Agent, model: &mut Model, count: u8) {
    let scans: Vec<_> = (0..count)
        .map(|_| {
            let (handle, input) = (agent.handle(), model.input());
            tokio::spawn(async move {
                use crate::inputs::Intake;
                let answer = handle.scan(scan("MINT", &input)).await.unwrap();
                (input, answer)
            })
        })
        .collect();
    let mut green = HashSet::new();
    for scan in scans {
        let (input, answer) = scan.await.unwrap();
        if answer.colour == Colour::Green {
            assert!(model.given.insert(uid_of(&answer).key().get()), "given twice");
            green.insert(input);
        }
    }
    assert_eq!(green.len() as u64, model.left.min(u64::from(count)));
    model.left -= green.len() as u64;
    let events = agent.checked().await;
    let order = events[model.stream.len()..].iter().map(|e| e.input_id.clone());
    let order: Vec<String> = order.collect();
    assert_eq!(order.iter().cloned().collect::<HashSet<_>>(), green);
    model.stream.extend(order);
}

/// The keys minted by this input, if it was recorded.
async fn last_keys(agent: &Agent, input: &str) -> Vec<i64> {
    let events = agent.checked().await;
    let last = events.last().filter(|e| e.input_id == input);
    last.map(|e| minted(std::slice::from_ref(e))).unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn numbers_are_given_once_and_events_stay(ops in prop::collection::vec(op(), 1..40)) {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
            .block_on(run(ops));
    }
}
