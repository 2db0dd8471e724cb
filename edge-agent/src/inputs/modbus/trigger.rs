//! When a machine's register says that something happened. Pure.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::decode::Decoded;
use super::settings::{TriggerOn, ValueType};

/// What a trigger makes of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fired {
    /// It happened once since the last read.
    Once,
    /// A counter went up by this much: all but one passed unseen.
    Jumped(u64),
    /// A counter went down and did not wrap: somebody or something reset it. How
    /// often it happened since is not known; counted as once.
    Reset,
}

/// Follows one register. Bad reads are passed over: what happened during them
/// shows in the next good one.
#[derive(Debug, Clone)]
pub struct TriggerState {
    on: TriggerOn,
    /// Bits of the register's whole number.
    bits: Option<u32>,
    dead_band: Decimal,
    last: Option<Decimal>,
    /// Whether reads failed since the last good one.
    interrupted: bool,
}

impl TriggerState {
    /// Begins with nothing known; the first good read never fires.
    pub fn new(on: TriggerOn, value_type: ValueType, dead_band: Option<Decimal>) -> Self {
        let dead_band = dead_band.unwrap_or_default().abs();
        Self { on, bits: value_type.integer_bits(), dead_band, last: None, interrupted: false }
    }

    /// Takes a read; none where it failed.
    pub fn observe(&mut self, read: Option<Decoded>) -> Option<Fired> {
        let Some(read) = read else {
            self.interrupted = true;
            return None;
        };
        let interrupted = std::mem::take(&mut self.interrupted);
        match self.on {
            TriggerOn::Change => {
                // Two that are too far apart for a decimal have moved.
                let beyond = |last| read.value.checked_sub(last).is_none_or(|by| by.abs() > self.dead_band);
                let moved = self.last.is_none_or(beyond);
                let first = self.last.is_none();
                if moved {
                    // Not at every read: a slow drift would never add up.
                    self.last = Some(read.value);
                }
                (moved && !first).then_some(Fired::Once)
            }
            TriggerOn::Rising => {
                let last = self.last.replace(read.raw);
                let rose = last.is_some_and(|last| last.is_zero()) && !read.raw.is_zero();
                rose.then_some(Fired::Once)
            }
            TriggerOn::Counter => {
                let last = self.last.replace(read.raw)?;
                self.counted(last, read.raw, interrupted)
            }
        }
    }

    fn counted(&self, last: Decimal, now: Decimal, interrupted: bool) -> Option<Fired> {
        if now == last {
            return None;
        }
        // The width of 64-bit counters is too large to wrap, and fits a decimal.
        let modulus = Decimal::from(2u8).powi_exact(self.bits?);
        let up = if now > last { now - last } else { now - last + modulus };
        // A counter that wraps is close to its end, and then close to its start.
        let wrapped = up < modulus / Decimal::from(8u8);
        match (now > last || wrapped, up.to_u64()) {
            (true, Some(1)) => Some(Fired::Once),
            (true, n) => Some(Fired::Jumped(n.unwrap_or(u64::MAX))),
            // Back at 0 after an interruption: the machine was switched off and on,
            // and has made nothing since.
            (false, _) if interrupted && now.is_zero() => None,
            (false, _) => Some(Fired::Reset),
        }
    }
}

/// Whole powers without the `maths` feature.
trait PowiExact {
    fn powi_exact(self, exponent: u32) -> Decimal;
}

impl PowiExact for Decimal {
    fn powi_exact(self, exponent: u32) -> Decimal {
        (0..exponent).fold(Decimal::ONE, |power, _| power * self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::decode::decode;
    use super::super::settings::{Register, Table};
    use super::*;
    use Fired::{Jumped, Once, Reset};

    fn run(mut state: TriggerState, reads: &[Option<i64>]) -> Vec<Option<Fired>> {
        let read = |n: &Option<i64>| n.map(|n| Decoded { raw: n.into(), value: n.into() });
        reads.iter().map(|n| state.observe(read(n))).collect()
    }

    fn counter(value_type: ValueType, reads: &[Option<i64>]) -> Vec<Option<Fired>> {
        run(TriggerState::new(TriggerOn::Counter, value_type, None), reads)
    }

    #[test]
    fn counter_counts_up() {
        let fired = counter(ValueType::U16, &[Some(7), Some(7), Some(8), Some(9), Some(12)]);
        assert_eq!(fired, [None, None, Some(Once), Some(Once), Some(Jumped(3))]);
    }

    #[test]
    fn counter_wraps_at_its_width() {
        let fired = counter(ValueType::U16, &[Some(65535), Some(0), Some(65534)]);
        assert_eq!(fired[..2], [None, Some(Once)]);
        let fired = counter(ValueType::U16, &[Some(65534), Some(1)]);
        assert_eq!(fired, [None, Some(Jumped(3))]);
        let fired = counter(ValueType::I16, &[Some(32767), Some(-32768)]);
        assert_eq!(fired, [None, Some(Once)]);
        let fired = counter(ValueType::U32, &[Some(0xffff_ffff), Some(0)]);
        assert_eq!(fired, [None, Some(Once)]);
        let fired = counter(ValueType::I64, &[Some(i64::MAX), Some(i64::MIN)]);
        assert_eq!(fired, [None, Some(Once)]);
    }

    #[test]
    fn counter_that_is_reset_counts_as_one() {
        // A batch counter that begins again at 0 or 1, below its width.
        assert_eq!(counter(ValueType::U16, &[Some(99), Some(0), Some(1)]), [None, Some(Reset), Some(Once)]);
        assert_eq!(counter(ValueType::U32, &[Some(5000), Some(1)]), [None, Some(Reset)]);
    }

    #[test]
    fn counter_across_bad_reads() {
        let fired = counter(ValueType::U16, &[None, Some(5), None, None, Some(7), None, Some(7)]);
        assert_eq!(fired, [None, None, None, None, Some(Jumped(2)), None, None]);
        // Switched off and on: nothing was made.
        let fired = counter(ValueType::U16, &[Some(5), None, Some(0), Some(1)]);
        assert_eq!(fired, [None, None, None, Some(Once)]);
        // Switched off and on, and one was made before we saw it.
        let fired = counter(ValueType::U16, &[Some(5), None, Some(1)]);
        assert_eq!(fired, [None, None, Some(Reset)]);
    }

    proptest! {
        #[test]
        fn never_panics(reads in proptest::collection::vec(proptest::collection::vec(any::<u16>(), 3..5), 1..8)) {
            use ValueType::{Bit, F32, F64, I16, I32, I64, U16, U32, U64};
            for value_type in [U16, I16, U32, I32, U64, I64, F32, F64, Bit(15)] {
                let register = Register::new("r", Table::Holding, 0, value_type);
                for on in [TriggerOn::Change, TriggerOn::Rising, TriggerOn::Counter] {
                    let mut state = TriggerState::new(on, value_type, Some(Decimal::ONE));
                    for words in &reads {
                        let _ = state.observe(decode(words, &register));
                    }
                }
            }
        }
    }

    #[test]
    fn a_change_beyond_a_decimal_is_one() {
        let mut state = TriggerState::new(TriggerOn::Change, ValueType::F64, None);
        let mut see = |text: &str| {
            let value: Decimal = text.parse().unwrap();
            state.observe(Some(Decoded { raw: value, value }))
        };
        assert_eq!(see("50000000000000000000000000000"), None);
        assert_eq!(see("-50000000000000000000000000000"), Some(Once));
        assert_eq!(see("-50000000000000000000000000000"), None);
    }

    #[test]
    fn rising_edge() {
        let state = TriggerState::new(TriggerOn::Rising, ValueType::Bit(0), None);
        let fired = run(state.clone(), &[Some(1), Some(1), Some(0), Some(1), Some(1), Some(0)]);
        assert_eq!(fired, [None, None, None, Some(Once), None, None]);
        let fired = run(state, &[Some(0), None, Some(1), None, Some(1)]);
        assert_eq!(fired, [None, None, Some(Once), None, None]);
    }

    #[test]
    fn change_beyond_the_dead_band_even_if_slow() {
        let state = TriggerState::new(TriggerOn::Change, ValueType::I16, Some(2.into()));
        let fired = run(state, &[Some(10), Some(12), Some(13), Some(11), None, Some(10), Some(10)]);
        assert_eq!(fired, [None, None, Some(Once), None, None, Some(Once), None]);
        let state = TriggerState::new(TriggerOn::Change, ValueType::F32, None);
        assert_eq!(run(state, &[Some(1), Some(1), Some(2)]), [None, None, Some(Once)]);
    }
}
