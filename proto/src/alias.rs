//! How a supplier's serial number stands as an alias. Two suppliers, or two
//! items of one, may number alike, so the item's GTIN belongs to it; the same
//! element string is on the supplier's label (GS1 identifiers 01 and 21).

/// Digits of a GTIN in an element string.
const GTIN: usize = 14;

/// The alias of a serial number of that GTIN.
#[must_use]
pub fn of_serial(gtin: &str, serial: &str) -> String {
    format!("01{gtin}21{serial}")
}

/// The serial number alone, where the alias is one of [`of_serial`]. People type
/// it, and search for it.
#[must_use]
pub fn serial_of(alias: &str) -> Option<&str> {
    let (gtin, rest) = alias.strip_prefix("01")?.split_at_checked(GTIN)?;
    let serial = rest.strip_prefix("21")?;
    (gtin.bytes().all(|byte| byte.is_ascii_digit()) && !serial.is_empty()).then_some(serial)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let alias = of_serial("04006381333931", "S-1");
        assert_eq!((alias.as_str(), serial_of(&alias)), ("010400638133393121S-1", Some("S-1")));
        for other in
            ["S-1", "", "0104006381333931", "010400638133393121", "01é00638133393121S", "01x400638133393121S"]
        {
            assert_eq!(serial_of(other), None, "{other}");
        }
    }
}
