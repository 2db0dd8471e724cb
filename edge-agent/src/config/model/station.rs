//! Stations: the places where somebody scans, and what a scan means there.

use std::fmt;
use std::net::SocketAddr;

use rust_decimal::Decimal;
use uid::{PlantCode, TypeCode};

use super::{HostPort, Names};

/// A place where somebody scans.
#[derive(Debug, Clone, PartialEq)]
pub struct Station {
    /// Code, unique in the plant (`DOCK1`); part of MQTT topics and of every event.
    pub code: String,
    /// Name for people.
    pub name: Names,
    /// What a scan here means.
    pub kind: StationKind,
    /// Location that events here carry (`Warehouse-A-Rack-12`).
    pub location: String,
    /// Where scans come from; at least one input is set.
    pub inputs: Inputs,
    /// What the station mints; set for every kind that always mints.
    pub output: Option<Output>,
    /// The operation that the station performs unless told otherwise.
    pub operation: Option<String>,
    /// All operations that it can perform, `operation` among them.
    pub operations: Vec<String>,
    /// Machines whose readings belong to what happens here.
    pub machines: Vec<String>,
    /// Whether an operator must be signed in by badge.
    pub login_required: bool,
    /// Whether signing in asks for the PIN beside the badge.
    pub pin_required: bool,
    /// Time without a scan after which the operator is signed out; 0 means never.
    pub idle_logout_s: u32,
    /// Printer for the labels of this station.
    pub printer: Option<String>,
    /// Time in which the very same read of one scanner counts once.
    pub duplicate_window_ms: u32,
    /// Series of the document numbers given here (`GRN` gives `GRN-2025-045`).
    pub series: Option<String>,
    /// What is measured or judged at an inspection.
    pub characteristics: Vec<Characteristic>,
    /// Lights and interlock driven by this station's answers.
    pub stack_light: Option<StackLight>,
    /// How many units a load station takes at once.
    pub load_capacity: Option<u32>,
    /// The plant that a transfer station sends to when no order says so.
    pub to_plant: Option<PlantCode>,
    /// Reasons for which goods may be received without an order; empty means never.
    pub without_order_reasons: Vec<String>,
}

/// What a scan at a station means. Each kind produces the stages of
/// [`StationKind::stages`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StationKind {
    /// Vehicle and papers at the gate.
    Gate,
    /// Goods from a supplier; mints.
    Receiving,
    /// First label on stock that is there on the first day; mints.
    Opening,
    /// Put-away and moves.
    Storage,
    /// Counting, and putting right what was counted.
    Count,
    /// Material to a work order.
    Issue,
    /// Material back from a work order.
    ReturnFromProduction,
    /// A kit for a work order.
    Kit,
    /// Lots and parts become others, merges included; mints.
    Transformation,
    /// One container becomes several; mints.
    Split,
    /// Children into a parent.
    Assembly,
    /// Start and end of an operation on a unit.
    Operation,
    /// Units into an oven or a bath and out of it.
    Load,
    /// Results against limits.
    Inspection,
    /// A sample is taken.
    Sample,
    /// A further attempt at an operation.
    Rework,
    /// Units and quantities that are lost.
    Scrap,
    /// Into a package.
    Packing,
    /// Leaves for another plant.
    TransferOut,
    /// Arrives from another plant.
    TransferIn,
    /// To a subcontractor.
    JobWorkOut,
    /// Back from a subcontractor.
    JobWorkIn,
    /// To a customer.
    Dispatch,
    /// Back from a customer.
    Return,
    /// Back to the supplier.
    ReturnToSupplier,
    /// Prints and confirms labels.
    Label,
    /// First label on a unit or a package; mints.
    Commission,
    /// Places and releases holds.
    Hold,
}

/// Where a station's scans come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    /// Scanner over MQTT.
    pub mqtt: Option<MqttInput>,
    /// Scanner over a TCP socket.
    pub tcp: Option<TcpScanner>,
    /// The station's page, with a keyboard wedge.
    pub terminal: bool,
}

/// A scanner over MQTT. The topics come from [`super::PlantFile::scan_topic`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MqttInput {
    /// Pattern in place of the broker's scan topic.
    pub scan_topic: Option<String>,
    /// Pattern in place of the broker's feedback topic.
    pub feedback_topic: Option<String>,
}

/// A scanner over a TCP socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpScanner {
    /// Who connects to whom.
    pub endpoint: TcpEndpoint,
    /// Text that the scanner puts before each read; empty for none.
    pub prefix: String,
    /// Text that ends each read; never empty.
    pub suffix: String,
    /// What the scanner sends when it could not read (`NOREAD`).
    pub no_read: Vec<String>,
    /// What is sent back after green; nothing where none is given.
    pub ok: Option<String>,
    /// What is sent back after amber; as after green where none is given.
    pub amber: Option<String>,
    /// What is sent back after red, and while a read is not recorded.
    pub nok: Option<String>,
    /// Longest read between prefix and suffix.
    pub max_scan_bytes: u32,
    /// Time after which an unfinished read is thrown away.
    pub incomplete_after_ms: u32,
}

/// Who connects to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TcpEndpoint {
    /// The scanner connects to the agent.
    Listen(SocketAddr),
    /// The agent connects to the scanner.
    Connect(HostPort),
}

/// What a station mints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The type in the UID, where the item does not state its own.
    pub type_code: TypeCode,
    /// The item, where it is always the same; else the order or the scan says it.
    pub item: Option<String>,
}

/// Something that an inspection measures or judges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Characteristic {
    /// Name, unique at the station; readings carry it.
    pub name: String,
    /// Unit of the value; empty for a count or a judgement.
    pub unit: String,
    /// Lowest value that passes.
    pub low: Option<Decimal>,
    /// Highest value that passes.
    pub high: Option<Decimal>,
}

/// Lights and an interlock on Modbus coils of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackLight {
    /// The machine that has the coils.
    pub machine: String,
    /// Coil of the green light.
    pub green_coil: Option<u16>,
    /// Coil of the red light.
    pub red_coil: Option<u16>,
    /// Coil of the amber light.
    pub amber_coil: Option<u16>,
    /// Coil that is on only while work on a unit may run. Every safe state turns it off.
    pub interlock_coil: Option<u16>,
    /// Coil that turns over at each renewal, for a watchdog in the PLC.
    pub heartbeat_coil: Option<u16>,
    /// How often the interlock is written again and the heartbeat turns.
    pub renew_ms: u32,
    /// How long an answer stays lit; 0 means until the next.
    pub show_ms: u32,
    /// What is set when the agent stops, starts, or does not know.
    pub safe_state: SafeState,
}

/// What a stack light shows when the agent cannot vouch for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SafeState {
    /// All lights off, interlock off.
    Off,
    /// Red on, the others off, interlock off.
    Red,
}

impl StationKind {
    /// Every kind with the word that the plant file uses for it.
    pub const ALL: [(Self, &'static str); 28] = [
        (Self::Gate, "gate"),
        (Self::Receiving, "receiving"),
        (Self::Opening, "opening"),
        (Self::Storage, "storage"),
        (Self::Count, "count"),
        (Self::Issue, "issue"),
        (Self::ReturnFromProduction, "return_from_production"),
        (Self::Kit, "kit"),
        (Self::Transformation, "transformation"),
        (Self::Split, "split"),
        (Self::Assembly, "assembly"),
        (Self::Operation, "operation"),
        (Self::Load, "load"),
        (Self::Inspection, "inspection"),
        (Self::Sample, "sample"),
        (Self::Rework, "rework"),
        (Self::Scrap, "scrap"),
        (Self::Packing, "packing"),
        (Self::TransferOut, "transfer_out"),
        (Self::TransferIn, "transfer_in"),
        (Self::JobWorkOut, "job_work_out"),
        (Self::JobWorkIn, "job_work_in"),
        (Self::Dispatch, "dispatch"),
        (Self::Return, "return"),
        (Self::ReturnToSupplier, "return_to_supplier"),
        (Self::Label, "label"),
        (Self::Commission, "commission"),
        (Self::Hold, "hold"),
    ];

    /// The word that the plant file uses.
    pub fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(kind, _)| *kind == self);
        found.map_or("", |(_, word)| word)
    }

    /// The kind of a word in the plant file.
    pub fn from_word(word: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, w)| *w == word);
        found.map(|(kind, _)| *kind)
    }

    /// The stages that a station of this kind records, the usual one first.
    /// Names are those of the contract's `Stage`. REFUSED, CORRECT and LABEL may
    /// be recorded anywhere.
    pub fn stages(self) -> &'static [&'static str] {
        match self {
            Self::Gate => &["GATE_IN"],
            Self::Receiving => &["GRN", "PROCUREMENT"],
            Self::Opening => &["OPENING"],
            Self::Storage => &["STORAGE"],
            Self::Count => &["COUNT", "ADJUST"],
            Self::Issue => &["ISSUE_TO_PRODUCTION"],
            Self::ReturnFromProduction => &["RETURN_FROM_PRODUCTION"],
            Self::Kit => &["KIT"],
            Self::Transformation => &["TRANSFORMATION", "CONSUME"],
            Self::Split => &["TRANSFORMATION"],
            Self::Assembly => &["ASSEMBLY", "OPERATION", "KIT"],
            Self::Operation => &["OPERATION"],
            Self::Load => &["LOAD"],
            Self::Inspection => &["INSPECTION"],
            Self::Sample => &["SAMPLE"],
            Self::Rework => &["REWORK"],
            Self::Scrap => &["SCRAP"],
            Self::Packing => &["PACKING"],
            Self::TransferOut | Self::TransferIn => &["TRANSFER"],
            Self::JobWorkOut => &["JOB_WORK_OUT"],
            Self::JobWorkIn => &["JOB_WORK_IN"],
            Self::Dispatch => &["DISPATCH"],
            Self::Return => &["RETURN"],
            Self::ReturnToSupplier => &["RETURN_TO_SUPPLIER"],
            Self::Label => &["LABEL"],
            Self::Commission => &["COMMISSION"],
            Self::Hold => &["HOLD", "RELEASE"],
        }
    }

    /// Whether a station of this kind always mints, so that it needs an output.
    pub fn must_mint(self) -> bool {
        use StationKind::{Commission, Opening, Receiving, Split, Transformation};
        matches!(self, Receiving | Opening | Transformation | Split | Commission)
    }

    /// Whether a station of this kind may mint.
    pub fn may_mint(self) -> bool {
        use StationKind::{Assembly, Kit, Packing};
        self.must_mint() || matches!(self, Assembly | Packing | Kit)
    }
}

impl fmt::Display for StationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
