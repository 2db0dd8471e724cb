//! Settings of a bus, its machines and what is read of them.

use std::collections::HashSet;
use std::time::Duration;

use rust_decimal::Decimal;

/// One bus: a socket, and the machines that are reached through it.
#[derive(Debug, Clone, PartialEq)]
pub struct BusSettings {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Framing on the socket.
    pub transport: Transport,
    /// Time without an answer after which the connection is dropped; also for
    /// connecting.
    pub timeout: Duration,
    /// Shortest wait before reconnecting.
    pub reconnect_min: Duration,
    /// Longest wait before reconnecting, and before asking a silent machine again.
    pub reconnect_max: Duration,
    /// The machines; each has its own unit id.
    pub machines: Vec<MachineSettings>,
}

/// Framing on the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Modbus TCP.
    Tcp,
    /// RTU frames, as transparent serial gateways speak.
    RtuOverTcp,
}

/// One machine of a bus.
#[derive(Debug, Clone, PartialEq)]
pub struct MachineSettings {
    /// Code, unique in the plant.
    pub code: String,
    /// Modbus unit (slave) id.
    pub unit_id: u8,
    /// Time from one read of all registers to the next.
    pub poll: Duration,
    /// Addresses that may be read needlessly to save a request. A machine that
    /// refuses such a read is then asked without gaps.
    pub max_gap: u16,
    /// What is read.
    pub registers: Vec<Register>,
    /// When a set of readings is taken.
    pub triggers: Vec<Trigger>,
    /// Coils that may be written.
    pub coils: Vec<CoilSettings>,
}

/// One value of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// Name, unique in the machine.
    pub name: String,
    /// Which of Modbus's four tables.
    pub table: Table,
    /// Address on the wire, from 0 (so 40001 in a manual is 0 here).
    pub address: u16,
    /// How the words are read.
    pub value_type: ValueType,
    /// Order of bytes in values of two and four words.
    pub order: WordOrder,
    /// The raw value is multiplied by this.
    pub scale: Decimal,
    /// Then this is added, in `unit`.
    pub offset: Decimal,
    /// Unit of the scaled value; empty for none.
    pub unit: String,
    /// Change of the scaled value above which it counts as changed.
    pub dead_band: Option<Decimal>,
    /// Lowest scaled value within limits.
    pub low: Option<Decimal>,
    /// Highest scaled value within limits.
    pub high: Option<Decimal>,
}

impl Register {
    /// A register with scale 1, big-endian, without unit or limits.
    pub fn new(name: &str, table: Table, address: u16, value_type: ValueType) -> Self {
        Self {
            name: name.into(),
            table,
            address,
            value_type,
            order: WordOrder::Abcd,
            scale: Decimal::ONE,
            offset: Decimal::ZERO,
            unit: String::new(),
            dead_band: None,
            low: None,
            high: None,
        }
    }
}

/// The four tables of Modbus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// Bits that can be written.
    Coil,
    /// Bits that can only be read.
    Discrete,
    /// Words that can only be read.
    Input,
    /// Words that can be written.
    Holding,
}

impl Table {
    /// Whether the table holds single bits.
    pub fn is_bits(self) -> bool {
        matches!(self, Self::Coil | Self::Discrete)
    }
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
    /// One bit: of a word, 0 (the lowest) to 15; of the tables of bits, always 0.
    Bit(u8),
}

impl ValueType {
    /// How many addresses a value takes.
    pub fn width(self) -> u16 {
        match self {
            Self::Bit(_) | Self::U16 | Self::I16 => 1,
            Self::U32 | Self::I32 | Self::F32 => 2,
            Self::U64 | Self::I64 | Self::F64 => 4,
        }
    }

    /// Bits of a whole number; none for floats and single bits.
    pub fn integer_bits(self) -> Option<u32> {
        match self {
            Self::F32 | Self::F64 | Self::Bit(_) => None,
            _ => Some(u32::from(self.width()) * 16),
        }
    }
}

/// Order of bytes on the wire, named after a 32-bit value ABCD, A the highest.
/// Values of one word are always big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WordOrder {
    /// Big-endian, as Modbus intends.
    #[default]
    Abcd,
    /// The lowest word first.
    Cdab,
    /// Bytes swapped within each word.
    Badc,
    /// Little-endian throughout.
    Dcba,
}

/// When a set of readings is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// Name, unique in the machine.
    pub name: String,
    /// What must happen to the register.
    pub on: TriggerOn,
    /// The register that is watched.
    pub register: String,
    /// Registers whose values are taken then, in this order.
    pub readings: Vec<String>,
}

/// What must happen to a trigger's register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TriggerOn {
    /// The scaled value moves by more than the register's dead band from where it
    /// last counted as changed.
    Change,
    /// A whole number goes up; a wrap or a reset counts as one.
    Counter,
    /// It goes from 0 to something else.
    Rising,
}

/// A coil that may be written, such as a light or an interlock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoilSettings {
    /// Address on the wire, from 0.
    pub address: u16,
    /// State in which it does no harm: written at every connection, before the
    /// first command, and at a stop.
    pub safe: bool,
}

/// Settings that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("machine {machine}: {problem}")]
pub struct ModbusError {
    /// Code of the machine.
    pub machine: String,
    /// What is wrong, naming register or trigger.
    pub problem: String,
}

/// Finds the first thing that does not fit.
pub(super) fn check(bus: &BusSettings) -> Result<(), ModbusError> {
    for machine in &bus.machines {
        check_machine(machine).map_err(|problem| ModbusError { machine: machine.code.clone(), problem })?;
    }
    Ok(())
}

fn check_machine(machine: &MachineSettings) -> Result<(), String> {
    let mut names = HashSet::new();
    for r in &machine.registers {
        let name = &r.name;
        if !names.insert(name.as_str()) {
            return Err(format!("two registers are named {name}"));
        }
        if u32::from(r.address) + u32::from(r.value_type.width()) > 0x1_0000 {
            return Err(format!("register {name} reaches beyond address 65535"));
        }
        match (r.table.is_bits(), r.value_type) {
            (true, ValueType::Bit(0)) => {}
            (false, ValueType::Bit(bit)) if bit > 15 => {
                return Err(format!("register {name}: a word has no bit {bit}"));
            }
            (true, _) => return Err(format!("register {name}: this table holds single bits")),
            (false, _) => {}
        }
    }
    for t in &machine.triggers {
        let watched = machine.registers.iter().find(|r| r.name == t.register);
        let Some(watched) = watched else {
            return Err(format!("trigger {}: there is no register {}", t.name, t.register));
        };
        if t.on == TriggerOn::Counter && watched.value_type.integer_bits().is_none() {
            return Err(format!("trigger {}: {} is not a whole number", t.name, t.register));
        }
        if let Some(unknown) = t.readings.iter().find(|n| !names.contains(n.as_str())) {
            return Err(format!("trigger {}: there is no register {unknown}", t.name));
        }
    }
    Ok(())
}
