//! Cells that hold several things: inputs and readings. Pure.
//!
//! Inputs are `UID` or `UID=quantity unit`, readings `name=value unit [low..high]`, one
//! after the other with `;` between them.

use rust_decimal::Decimal;

/// A part that went into a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input<'a> {
    /// Its UID.
    pub uid: &'a str,
    /// How much of it; empty for all.
    pub quantity: &'a str,
    /// In which unit.
    pub unit: &'a str,
}

/// A measured value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured<'a> {
    /// What was measured.
    pub name: &'a str,
    /// The value; empty where the reading failed (`bad`).
    pub value: &'a str,
    /// Its unit.
    pub unit: &'a str,
    /// Lower limit; empty for none.
    pub low: &'a str,
    /// Upper limit; empty for none.
    pub high: &'a str,
}

/// The value of a reading that failed.
pub const BAD: &str = "bad";

/// A decimal of at most twelve digits before the point and six after it, not negative
/// where `signed` is false; else what is wrong with it.
///
/// # Errors
/// What is wrong.
pub fn decimal(text: &str, signed: bool) -> Result<(), String> {
    let value: Decimal = text.parse().map_err(|_| format!("{text:?} is no number such as 12.5"))?;
    if !signed && value.is_sign_negative() && !value.is_zero() {
        return Err(format!("{text} is less than nothing"));
    }
    if value.normalize().scale() > 6 {
        return Err(format!("{text} has more than six decimals"));
    }
    if value.abs() >= Decimal::from(1_000_000_000_000_i64) {
        return Err(format!("{text} has more than twelve digits before the point"));
    }
    Ok(())
}

fn pieces(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(';').map(str::trim).filter(|piece| !piece.is_empty())
}

/// The inputs of a cell.
///
/// # Errors
/// What is wrong, of each input.
pub fn inputs(cell: &str) -> Result<Vec<Input<'_>>, Vec<String>> {
    let mut wrong = Vec::new();
    let mut found = Vec::new();
    for piece in pieces(cell) {
        let (uid, amount) =
            piece.split_once('=').map_or((piece, ""), |(uid, rest)| (uid.trim(), rest.trim()));
        let (quantity, unit) = amount.split_once(' ').map_or((amount, ""), |(q, u)| (q, u.trim()));
        if piece.contains('=')
            && let Err(problem) = decimal(quantity, false)
        {
            wrong.push(format!("{piece:?}: {problem}"));
        }
        found.push(Input { uid, quantity, unit });
    }
    if wrong.is_empty() { Ok(found) } else { Err(wrong) }
}

/// The readings of a cell.
///
/// # Errors
/// What is wrong, of each reading.
pub fn readings(cell: &str) -> Result<Vec<Measured<'_>>, Vec<String>> {
    let mut wrong = Vec::new();
    let mut found = Vec::new();
    for piece in pieces(cell) {
        match reading(piece) {
            Ok(reading) => found.push(reading),
            Err(problem) => wrong.push(format!("{piece:?}: {problem}")),
        }
    }
    if wrong.is_empty() { Ok(found) } else { Err(wrong) }
}

fn reading(piece: &str) -> Result<Measured<'_>, String> {
    let shape = || "is not name=value unit [low..high]".to_owned();
    let (name, rest) = piece.split_once('=').ok_or_else(shape)?;
    let (name, rest) = (name.trim(), rest.trim());
    if name.is_empty() {
        return Err(shape());
    }
    let (said, limits) = match rest.split_once('[') {
        Some((said, limits)) => (said.trim(), limits.trim().strip_suffix(']').ok_or_else(shape)?),
        None => (rest, ".."),
    };
    let (low, high) = limits.split_once("..").ok_or_else(shape)?;
    let (low, high) = (low.trim(), high.trim());
    let (value, unit) = said.split_once(' ').map_or((said, ""), |(value, unit)| (value, unit.trim()));
    for number in [low, high].into_iter().filter(|number| !number.is_empty()) {
        decimal(number, true)?;
    }
    if let (Ok(least), Ok(most)) = (low.parse::<Decimal>(), high.parse::<Decimal>())
        && least > most
    {
        return Err(format!("the limits {low}..{high} are the wrong way round"));
    }
    if value.eq_ignore_ascii_case(BAD) {
        return Ok(Measured { name, value: "", unit, low, high });
    }
    decimal(value, true)?;
    Ok(Measured { name, value, unit, low, high })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_have_a_quantity_or_are_whole() {
        assert_eq!(
            inputs("UID-A=12.5 kg; UID-B;").unwrap(),
            [
                Input { uid: "UID-A", quantity: "12.5", unit: "kg" },
                Input { uid: "UID-B", quantity: "", unit: "" }
            ]
        );
        assert_eq!(inputs("").unwrap(), []);
        assert_eq!(inputs("UID-A=x kg; UID-B=-1 kg").unwrap_err().len(), 2);
    }

    #[test]
    fn readings_have_a_value_and_may_have_limits() {
        assert_eq!(
            readings("temperature=182.5 C [170..190]; torque=bad; turns = -3").unwrap(),
            [
                Measured { name: "temperature", value: "182.5", unit: "C", low: "170", high: "190" },
                Measured { name: "torque", value: "", unit: "", low: "", high: "" },
                Measured { name: "turns", value: "-3", unit: "", low: "", high: "" },
            ]
        );
        assert_eq!(readings("a=1 [..5]").unwrap()[0].high, "5");
        assert_eq!(readings("a=180 C [190..170]").unwrap_err().len(), 1);
        assert_eq!(readings("a=180 C [180..180]").unwrap()[0].low, "180");
        assert_eq!(readings("warm; =1; a=; a=1 [2; a=1.1234567").unwrap_err().len(), 5);
    }

    #[test]
    fn a_decimal_fits_its_column() {
        for good in ["0", "12.5", "999999999999.999999", "1.5000000"] {
            assert_eq!(decimal(good, false), Ok(()), "{good}");
        }
        for bad in ["", "1,5", "-1", "1.1234567", "1000000000000", "1e400"] {
            assert!(decimal(bad, false).is_err(), "{bad}");
        }
    }
}
