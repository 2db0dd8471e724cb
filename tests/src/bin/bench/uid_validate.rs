//! `uid.validate`: parsing and checking one UID, in nanoseconds.

use std::hint::black_box;
use std::time::Instant;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use uid::{PlantCode, TenantCode, TypeCode, Uid};

use crate::Bench;
use crate::report::Measured;

const TEXTS: usize = 100_000;
const ROUNDS: usize = 50;

/// Mean time per text of the round that was disturbed least; all lengths, all
/// valid.
pub fn run(_: &Bench) -> anyhow::Result<Measured> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let codes: (TenantCode, PlantCode, TypeCode) = ("SAIF".parse()?, "KOL".parse()?, "RM".parse()?);
    let texts: Vec<String> = (0..TEXTS)
        .filter_map(|_| {
            let digits = rng.random_range(1..=11);
            let sequence = rng.random_range(1..10_u64.pow(digits));
            Uid::new(codes.0, codes.1, codes.2, sequence).ok().map(|uid| uid.to_string())
        })
        .collect();
    let rounds = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        for text in &texts {
            let _ = black_box(black_box(text.as_str()).parse::<Uid>());
        }
        start.elapsed().as_nanos() as f64 / texts.len() as f64
    });
    Ok(Measured::alone("uid.validate", rounds.fold(f64::INFINITY, f64::min), "ns"))
}
