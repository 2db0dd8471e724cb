//! Machines that are read over Modbus, and label printers.

use std::path::PathBuf;

use rust_decimal::Decimal;

use super::HostPort;

/// A machine that is read over Modbus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Code, unique in the plant (`PLC1`).
    pub code: String,
    /// Name for people.
    pub name: String,
    /// Framing on the socket.
    pub transport: Transport,
    /// Where it listens. Machines of one address share one bus.
    pub address: HostPort,
    /// Modbus unit (slave) id.
    pub unit_id: u8,
    /// Time between two reads of the same register.
    pub poll_ms: u32,
    /// Time without an answer after which the connection is dropped.
    pub timeout_ms: u32,
    /// What is read.
    pub registers: Vec<Register>,
    /// When a set of readings is recorded.
    pub triggers: Vec<Trigger>,
}

/// Framing on the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Modbus TCP.
    Tcp,
    /// RTU frames over a TCP socket, as serial gateways speak.
    RtuOverTcp,
}

/// One value of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// Name, unique in the machine; readings carry it.
    pub name: String,
    /// Which of Modbus's four tables.
    pub table: RegisterTable,
    /// Address on the wire, from 0 (so 40001 in a manual is 0 here).
    pub address: u16,
    /// Which bit (0 is the lowest) of a holding or input register; only with
    /// [`ValueType::Bit`] in those tables.
    pub bit: Option<u8>,
    /// How the words are read.
    pub value_type: ValueType,
    /// Order of bytes in values of two and four words.
    pub word_order: WordOrder,
    /// The raw value is multiplied by this; never 0.
    pub scale: Decimal,
    /// Unit of the scaled value; empty for none.
    pub unit: String,
    /// Change of the scaled value from which it counts as changed.
    pub dead_band: Option<Decimal>,
    /// Lowest scaled value within limits.
    pub low: Option<Decimal>,
    /// Highest scaled value within limits.
    pub high: Option<Decimal>,
}

/// The four tables of Modbus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RegisterTable {
    /// Bits that can be written (0x in manuals).
    Coil,
    /// Bits that can only be read (1x).
    Discrete,
    /// Words that can only be read (3x).
    Input,
    /// Words that can be written (4x).
    Holding,
}

/// How the words of a register are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// 16 bits without sign.
    U16,
    /// 16 bits with sign.
    I16,
    /// 32 bits without sign.
    U32,
    /// 32 bits with sign.
    I32,
    /// 64 bits without sign.
    U64,
    /// 64 bits with sign.
    I64,
    /// IEEE 754, 32 bits.
    F32,
    /// IEEE 754, 64 bits.
    F64,
    /// One bit.
    Bit,
}

/// Order of bytes on the wire, named after a 32-bit value ABCD, A the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WordOrder {
    /// Big-endian, as Modbus intends.
    #[default]
    Abcd,
    /// Words swapped.
    Cdab,
    /// Bytes swapped within each word.
    Badc,
    /// Little-endian throughout.
    Dcba,
}

/// When a set of readings is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// Name, unique in the machine.
    pub name: String,
    /// What must happen to the register.
    pub on: TriggerOn,
    /// The register that is watched.
    pub register: String,
    /// Registers that are read and recorded then.
    pub readings: Vec<String>,
    /// The station whose unit or load the readings belong to.
    pub station: String,
}

/// What must happen to a trigger's register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TriggerOn {
    /// The value changes by more than its dead band.
    Change,
    /// An integer goes up; a wrap or reset counts as one.
    Counter,
    /// A bit goes from 0 to 1.
    Rising,
}

/// A label printer that speaks ZPL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printer {
    /// Code, unique in the plant.
    pub code: String,
    /// Name for people.
    pub name: String,
    /// Where it listens, usually port 9100.
    pub address: HostPort,
    /// Resolution in dots per inch: 203, 300 or 600.
    pub dpi: u16,
    /// Width of a label in millimetres.
    pub label_width_mm: Decimal,
    /// Height of a label in millimetres.
    pub label_height_mm: Decimal,
    /// Which code is printed.
    pub symbology: Symbology,
    /// Font file for Hindi, Bengali and Telugu text, which is printed as a bitmap.
    pub indic_font: Option<PathBuf>,
    /// Time without an answer after which the page asks whether the label came out.
    pub timeout_ms: u32,
}

/// Which two-dimensional code is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symbology {
    /// DataMatrix ECC 200.
    DataMatrix,
    /// QR code.
    Qr,
}

impl Printer {
    /// Dots per millimetre, as ZPL counts positions.
    pub fn dots_per_mm(&self) -> u16 {
        match self.dpi {
            300 => 12,
            600 => 24,
            _ => 8,
        }
    }
}

impl RegisterTable {
    /// Every table with its word in the plant file.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Coil, "coil"),
        (Self::Discrete, "discrete"),
        (Self::Input, "input"),
        (Self::Holding, "holding"),
    ];

    /// Whether the table holds single bits.
    pub fn is_bits(self) -> bool {
        matches!(self, Self::Coil | Self::Discrete)
    }
}

impl ValueType {
    /// Every type with its word in the plant file.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::U16, "u16"),
        (Self::I16, "i16"),
        (Self::U32, "u32"),
        (Self::I32, "i32"),
        (Self::U64, "u64"),
        (Self::I64, "i64"),
        (Self::F32, "f32"),
        (Self::F64, "f64"),
        (Self::Bit, "bit"),
    ];

    /// How many addresses a value takes.
    pub fn width(self) -> u16 {
        match self {
            Self::Bit | Self::U16 | Self::I16 => 1,
            Self::U32 | Self::I32 | Self::F32 => 2,
            Self::U64 | Self::I64 | Self::F64 => 4,
        }
    }

    /// Whether a value is a whole number of 16 bits or more.
    pub fn is_integer(self) -> bool {
        !matches!(self, Self::F32 | Self::F64 | Self::Bit)
    }
}

impl WordOrder {
    /// Every order with its word in the plant file.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Abcd, "ABCD"), (Self::Cdab, "CDAB"), (Self::Badc, "BADC"), (Self::Dcba, "DCBA")];
}

impl Register {
    /// The last address that the register takes.
    pub fn last_address(&self) -> u32 {
        u32::from(self.address) + u32::from(self.value_type.width()) - 1
    }
}
