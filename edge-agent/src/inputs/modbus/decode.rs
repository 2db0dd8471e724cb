//! From words to numbers. Pure.

use std::str::FromStr;

use rust_decimal::Decimal;

use super::settings::{Register, ValueType, WordOrder};

/// A decoded value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded {
    /// The number as the machine holds it.
    pub raw: Decimal,
    /// Scaled, in the register's unit.
    pub value: Decimal,
}

/// Decodes the words (or, from a table of bits, the one bit as 0 or 1) of a
/// register. None if it is no number (NaN, infinite), too large for a decimal of
/// 28 digits, or if words are missing: bad quality.
pub fn decode(words: &[u16], register: &Register) -> Option<Decoded> {
    let words = words.get(..usize::from(register.value_type.width()))?;
    let raw = number(words, register.value_type, register.order)?;
    let value = raw.checked_mul(register.scale)?.checked_add(register.offset)?;
    Some(Decoded { raw, value: value.normalize() })
}

fn number(words: &[u16], value_type: ValueType, order: WordOrder) -> Option<Decimal> {
    let bits = bits(words, order);
    Some(match value_type {
        ValueType::U16 => Decimal::from(bits as u16),
        ValueType::I16 => Decimal::from(bits as u16 as i16),
        ValueType::U32 => Decimal::from(bits as u32),
        ValueType::I32 => Decimal::from(bits as u32 as i32),
        ValueType::U64 => Decimal::from(bits),
        ValueType::I64 => Decimal::from(bits as i64),
        ValueType::F32 => shortest(f32::from_bits(bits as u32))?,
        ValueType::F64 => shortest(f64::from_bits(bits))?,
        ValueType::Bit(bit) => Decimal::from((bits >> bit) & 1),
    })
}

/// The shortest decimal that the machine would store as the same float: 23.1 is
/// 23.1, not 23.1000003815. "NaN" and "inf" do not parse.
fn shortest(float: impl std::fmt::Display) -> Option<Decimal> {
    Decimal::from_str(&float.to_string()).ok()
}

/// The bits in their true order, the lowest to the right.
fn bits(words: &[u16], order: WordOrder) -> u64 {
    let swap_bytes = words.len() > 1 && matches!(order, WordOrder::Badc | WordOrder::Dcba);
    let lowest_first = matches!(order, WordOrder::Cdab | WordOrder::Dcba);
    let place =
        |bits: u64, word: u16| (bits << 16) | u64::from(if swap_bytes { word.swap_bytes() } else { word });
    if lowest_first {
        words.iter().rev().fold(0, |bits, word| place(bits, *word))
    } else {
        words.iter().fold(0, |bits, word| place(bits, *word))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::inputs::modbus::settings::Table;

    const ORDERS: [WordOrder; 4] = [WordOrder::Abcd, WordOrder::Cdab, WordOrder::Badc, WordOrder::Dcba];

    fn register(value_type: ValueType, order: WordOrder) -> Register {
        Register { order, ..Register::new("r", Table::Holding, 0, value_type) }
    }

    fn raw(words: &[u16], value_type: ValueType, order: WordOrder) -> Option<String> {
        decode(words, &register(value_type, order)).map(|d| d.raw.to_string())
    }

    /// Words of a big-endian value, laid out in another order.
    fn lay_out(bytes: &[u8], order: WordOrder) -> Vec<u16> {
        let mut words: Vec<u16> = bytes.chunks(2).map(|b| u16::from_be_bytes([b[0], b[1]])).collect();
        if matches!(order, WordOrder::Cdab | WordOrder::Dcba) {
            words.reverse();
        }
        if words.len() > 1 && matches!(order, WordOrder::Badc | WordOrder::Dcba) {
            words.iter_mut().for_each(|w| *w = w.swap_bytes());
        }
        words
    }

    #[test]
    fn orders_of_a_32_bit_value() {
        // 0x12345678 as four manuals would print it.
        let table = [
            (WordOrder::Abcd, [0x1234, 0x5678]),
            (WordOrder::Cdab, [0x5678, 0x1234]),
            (WordOrder::Badc, [0x3412, 0x7856]),
            (WordOrder::Dcba, [0x7856, 0x3412]),
        ];
        for (order, words) in table {
            assert_eq!(raw(&words, ValueType::U32, order), Some("305419896".into()), "{order:?}");
        }
    }

    #[test]
    fn orders_of_a_64_bit_value() {
        let table = [
            (WordOrder::Abcd, [0x0123, 0x4567, 0x89ab, 0xcdef]),
            (WordOrder::Cdab, [0xcdef, 0x89ab, 0x4567, 0x0123]),
            (WordOrder::Badc, [0x2301, 0x6745, 0xab89, 0xefcd]),
            (WordOrder::Dcba, [0xefcd, 0xab89, 0x6745, 0x2301]),
        ];
        for (order, words) in table {
            let read = raw(&words, ValueType::U64, order);
            assert_eq!(read, Some(0x0123_4567_89ab_cdef_u64.to_string()), "{order:?}");
        }
    }

    #[test]
    fn one_word_is_big_endian_in_every_order() {
        for order in ORDERS {
            assert_eq!(raw(&[0xfffe], ValueType::U16, order), Some("65534".into()));
            assert_eq!(raw(&[0xfffe], ValueType::I16, order), Some("-2".into()));
            assert_eq!(raw(&[0x8000], ValueType::Bit(15), order), Some("1".into()));
            assert_eq!(raw(&[0x8000], ValueType::Bit(0), order), Some("0".into()));
        }
    }

    #[test]
    fn floats_become_the_decimal_that_was_meant() {
        let f32s = [
            (23.1f32, Some("23.1")),
            (-0.0, Some("0")),
            (1.5e-7, Some("0.00000015")),
            (16_777_216.0, Some("16777216")),
            (f32::NAN, None),
            (f32::INFINITY, None),
            (f32::NEG_INFINITY, None),
            (3.4e38, None),
        ];
        for (float, expected) in f32s {
            let words = lay_out(&float.to_be_bytes(), WordOrder::Cdab);
            let read = raw(&words, ValueType::F32, WordOrder::Cdab);
            assert_eq!(read.as_deref().map(|s| s.trim_start_matches('-')), expected, "{float}");
        }
        let pi = lay_out(&std::f64::consts::PI.to_be_bytes(), WordOrder::Dcba);
        let read = raw(&pi, ValueType::F64, WordOrder::Dcba);
        assert_eq!(read.as_deref(), Some("3.141592653589793"));
        let nan = lay_out(&f64::NAN.to_be_bytes(), WordOrder::Abcd);
        assert_eq!(raw(&nan, ValueType::F64, WordOrder::Abcd), None);
    }

    #[test]
    fn scaled_exactly() {
        let mut r = register(ValueType::I16, WordOrder::Abcd);
        r.scale = "0.1".parse().unwrap();
        r.offset = "-40".parse().unwrap();
        let decoded = decode(&[1234], &r).unwrap();
        assert_eq!((decoded.raw.to_string(), decoded.value.to_string()), ("1234".into(), "83.4".into()));
        r.scale = Decimal::MAX;
        assert_eq!(decode(&[1234], &r), None, "beyond a decimal");
    }

    #[test]
    fn missing_words_are_no_value() {
        assert_eq!(raw(&[1], ValueType::U32, WordOrder::Abcd), None);
        assert_eq!(raw(&[], ValueType::Bit(0), WordOrder::Abcd), None);
    }

    proptest! {
        #[test]
        fn every_integer_in_every_order(n: i64, order in proptest::sample::select(&ORDERS[..])) {
            let words = lay_out(&n.to_be_bytes(), order);
            prop_assert_eq!(raw(&words, ValueType::I64, order), Some(n.to_string()));
            let n = n as i32;
            let words = lay_out(&n.to_be_bytes(), order);
            prop_assert_eq!(raw(&words, ValueType::I32, order), Some(n.to_string()));
        }

        #[test]
        fn never_panics(words in proptest::collection::vec(any::<u16>(), 0..5)) {
            use ValueType::{Bit, F32, F64, I16, I32, I64, U16, U32, U64};
            for value_type in [U16, I16, U32, I32, U64, I64, F32, F64, Bit(15)] {
                for order in ORDERS {
                    let _ = raw(&words, value_type, order);
                }
            }
        }

        #[test]
        fn a_float_reads_back_as_itself(bits: u32) {
            let float = f32::from_bits(bits);
            if float.abs() > 1e-20 && float.abs() < 1e20 {
                let read = raw(&lay_out(&float.to_be_bytes(), WordOrder::Abcd), ValueType::F32, WordOrder::Abcd);
                prop_assert_eq!(read.unwrap().parse::<f32>().unwrap(), float);
            }
        }
    }
}
