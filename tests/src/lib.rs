//! Tests and benchmarks that cross crates.
