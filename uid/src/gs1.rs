//! The GS1 form of a UID: the serial number (AI 21) beside an item's GTIN.

use crate::checksum::digits;
use crate::code::{PlantCode, TenantCode, TypeCode};
use crate::error::{UidError, checksum_error, fault, length_fault};
use crate::short_text::ShortText;
use crate::text::{Uid, parse_sequence};

const LENGTH_FORM: &str = "13 to 18 characters";

impl Uid {
    /// The serial number for AI 21: plant, type, sequence and checksum without
    /// dashes, 13 to 18 characters, such as `KOLFG0000017F`. The checksum is
    /// that of the UID's text, so it covers the tenant, which is not in it.
    pub fn serial(&self) -> ShortText {
        let mut serial = ShortText::empty();
        serial.push(self.plant().as_bytes());
        serial.push(self.kind().as_bytes());
        serial.push_decimal(self.sequence(), 6);
        serial.push(&digits(self.checksum()));
        serial
    }

    /// The UID of `tenant` that has this serial number, given exactly as
    /// [`Self::serial`] writes it.
    ///
    /// # Errors
    /// The first part that is wrong. A serial of another tenant fails, but for
    /// 1 in 256, at its checksum.
    pub fn from_serial(tenant: TenantCode, serial: &str) -> Result<Self, UidError> {
        if !(13..=18).contains(&serial.len()) {
            return Err(UidError::Length(length_fault(serial.len(), LENGTH_FORM)));
        }
        if let Some(at) = serial.bytes().position(|byte| !byte.is_ascii()) {
            return Err(UidError::Shape(fault(at, &serial[at..], "0-9A-Z")));
        }
        let (plant, rest) = serial.split_at(PlantCode::WIDTH);
        let (kind, rest) = rest.split_at(TypeCode::WIDTH);
        let at = PlantCode::WIDTH + TypeCode::WIDTH;
        let (sequence, found) = rest.split_at(rest.len() - 2);
        let plant = PlantCode::parse_at(plant, 0)?;
        let kind = TypeCode::parse_at(kind, PlantCode::WIDTH)?;
        let sequence = parse_sequence(sequence, at)?;
        let uid = Self::new(tenant, plant, kind, sequence)?;
        let sum = uid.checksum();
        if found.as_bytes() != digits(sum) {
            return Err(checksum_error(serial.len() - 2, found, sum));
        }
        Ok(uid)
    }
}
