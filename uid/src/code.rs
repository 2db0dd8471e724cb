//! The codes inside a UID: tenant, plant and type, in base 36.

use std::fmt;
use std::str::FromStr;

use crate::error::{UidError, fault};

/// The value of a text of `0-9A-Z` in base 36, whose order is that of the text.
fn value_of(code: &[u8]) -> u64 {
    code.iter().fold(0, |value, &byte| {
        let digit = if byte <= b'9' { byte - b'0' } else { byte - b'A' + 10 };
        value * 36 + u64::from(digit)
    })
}

pub(crate) fn is_code_byte(byte: &u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'Z')
}

macro_rules! code {
    ($(#[$doc:meta])* $name:ident, $width:literal, $error:ident, $form:literal) => {
        $(#[$doc])*
        ///
        /// Its order is that of its text and of its value in base 36. Parsing
        /// takes the exact text only; lower case is for [`crate::parse_scan`].
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $width]);

        #[allow(dead_code)] // No one code needs all of them.
        impl $name {
            /// How many characters a code has.
            pub const WIDTH: usize = $width;

            /// How many codes there are.
            pub(crate) const COUNT: u64 = 36u64.pow($width);

            /// Parses the part of a UID that begins at byte `at`.
            pub(crate) fn parse_at(text: &str, at: usize) -> Result<Self, UidError> {
                match <[u8; $width]>::try_from(text.as_bytes()) {
                    Ok(bytes) if bytes.iter().all(is_code_byte) => Ok(Self(bytes)),
                    _ => Err(UidError::$error(fault(at, text, $form))),
                }
            }

            /// The first and the last code that begin with `text`.
            pub(crate) fn span_at(text: &str, at: usize) -> Result<(Self, Self), UidError> {
                if text.len() > $width || !text.bytes().all(|byte| is_code_byte(&byte)) {
                    return Err(UidError::$error(fault(at, text, $form)));
                }
                let (mut first, mut last) = Self::SPAN;
                first.0[..text.len()].copy_from_slice(text.as_bytes());
                last.0[..text.len()].copy_from_slice(text.as_bytes());
                Ok((first, last))
            }

            /// The first and the last of all codes.
            pub(crate) const SPAN: (Self, Self) = (Self([b'0'; $width]), Self([b'Z'; $width]));

            pub(crate) fn value(self) -> u64 {
                value_of(&self.0)
            }

            /// The code of a value below [`Self::COUNT`].
            pub(crate) fn from_value(mut value: u64) -> Self {
                let mut code = [b'0'; $width];
                for byte in code.iter_mut().rev() {
                    let digit = (value % 36) as u8;
                    *byte = if digit < 10 { b'0' + digit } else { b'A' + digit - 10 };
                    value /= 36;
                }
                Self(code)
            }

            /// The code as text.
            pub fn as_str(&self) -> &str {
                std::str::from_utf8(&self.0).unwrap_or_default()
            }

            pub(crate) fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = UidError;

            fn from_str(text: &str) -> Result<Self, UidError> {
                Self::parse_at(text, 0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.as_str())
            }
        }
    };
}

code!(
    /// The code of a tenant, 4 of `0-9A-Z`, unique on the platform.
    TenantCode, 4, Tenant, "4 of 0-9A-Z"
);
code!(
    /// The code of a plant, 3 of `0-9A-Z`, unique within its tenant.
    PlantCode, 3, Plant, "3 of 0-9A-Z"
);
code!(
    /// The code of a type, 2 of `0-9A-Z`. It helps people; no rule may read it,
    /// since the use of a thing changes and its UID does not. A tenant may add
    /// its own to the ones named here.
    TypeCode, 2, Type, "2 of 0-9A-Z"
);

impl TypeCode {
    /// `RM`, raw material.
    pub const RAW_MATERIAL: Self = Self(*b"RM");
    /// `SF`, semi-finished.
    pub const SEMI_FINISHED: Self = Self(*b"SF");
    /// `FG`, finished good.
    pub const FINISHED_GOOD: Self = Self(*b"FG");
    /// `SP`, spare.
    pub const SPARE: Self = Self(*b"SP");
    /// `PK`, package.
    pub const PACKAGE: Self = Self(*b"PK");
    /// `TL`, tool.
    pub const TOOL: Self = Self(*b"TL");
    /// `WP`, traveller.
    pub const TRAVELLER: Self = Self(*b"WP");
    /// `BN`, bin.
    pub const BIN: Self = Self(*b"BN");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_and_plant_keeps_its_value_and_order() {
        let types: Vec<_> = (0..TypeCode::COUNT).map(TypeCode::from_value).collect();
        assert!(types.is_sorted_by(|a, b| a < b && a.as_str() < b.as_str()));
        let plants: Vec<_> = (0..PlantCode::COUNT).map(PlantCode::from_value).collect();
        assert!(plants.is_sorted_by(|a, b| a < b && a.as_str() < b.as_str()));
        for (value, plant) in (0..).zip(&plants) {
            assert_eq!(plant.value(), value);
            assert_eq!(plant.to_string().parse(), Ok(*plant));
        }
    }

    #[test]
    fn other_texts_are_no_codes() {
        for text in ["", "K", "KOL", "kl", "K-", "K ", "é", "K\0", "/0", ":0", "@A", "[A"] {
            let error = text.parse::<TypeCode>().unwrap_err();
            assert_eq!(error.code(), "uid.type", "{text:?}");
        }
        assert_eq!("saif".parse::<TenantCode>().unwrap_err().code(), "uid.tenant");
        assert_eq!("KOLX".parse::<PlantCode>().unwrap_err().code(), "uid.plant");
        assert_eq!(TypeCode::BIN.to_string(), "BN");
    }
}
