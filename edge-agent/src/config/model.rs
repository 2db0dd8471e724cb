//! What a plant file says, typed. Built only by [`super::parse`], so every
//! cross-reference here (a station's printer, a trigger's register) is known to
//! lead somewhere. Values that the file left out carry their defaults.

mod machine;
mod station;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use uid::{PlantCode, TenantCode, TypeCode};

pub use machine::{
    Machine, Printer, Register, RegisterTable, Symbology, Transport, Trigger, TriggerOn, ValueType, WordOrder,
};
pub use station::{
    Characteristic, Inputs, MqttInput, Output, SafeState, StackLight, Station, StationKind, TcpEndpoint,
    TcpScanner,
};

/// A whole plant file.
#[derive(Debug, Clone, PartialEq)]
pub struct PlantFile {
    /// Four-character tenant code, as in every UID (`SAIF`).
    pub tenant: TenantCode,
    /// The tenant's name, for people.
    pub tenant_name: String,
    /// The tenant's identifier in other systems (`saif-kolkata`).
    pub tenant_id: Option<String>,
    /// Code of the company (legal entity) that the plant belongs to.
    pub company_code: String,
    /// The company's name, for people.
    pub company_name: String,
    /// Three-character plant code, as in every UID minted here (`KOL`).
    pub plant: PlantCode,
    /// The plant's name, for people.
    pub plant_name: String,
    /// The plant's identifier in other systems (`PLANT-KOL-001`).
    pub plant_id: Option<String>,
    /// The plant's wall clock; shifts are stated in it.
    pub time_zone: chrono_tz::Tz,
    /// Languages shown here; never empty, the first is the default.
    pub languages: Vec<Language>,
    /// Shifts in the order of the file; they do not overlap.
    pub shifts: Vec<Shift>,
    /// The way to the cloud.
    pub uplink: Uplink,
    /// The MQTT broker; present whenever a station has an MQTT input.
    pub broker: Option<Broker>,
    /// The web page of the stations.
    pub terminal: Terminal,
    /// `/healthz` and `/metrics`.
    pub health: Health,
    /// How much disk the journal may use.
    pub disk: Disk,
    /// UID lease sizes per type; ask [`PlantFile::lease`], which knows the default.
    pub leases: Vec<LeaseSetting>,
    /// Operations that stations of this plant perform.
    pub operations: Vec<Operation>,
    /// Stations in the order of the file.
    pub stations: Vec<Station>,
    /// Machines that are read, in the order of the file.
    pub machines: Vec<Machine>,
    /// Label printers in the order of the file.
    pub printers: Vec<Printer>,
}

/// A language in which a station speaks to its operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Language {
    /// English.
    En,
    /// Hindi.
    Hi,
    /// Bengali.
    Bn,
    /// Telugu.
    Te,
}

/// A name with its translations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Shown where a language has no name of its own.
    pub default: String,
    /// Names in particular languages, each language at most once.
    pub by_language: Vec<(Language, String)>,
}

/// A shift on the plant's wall clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Name as people call it (`A`, `Night`).
    pub name: String,
    /// First minute of the shift.
    pub start: NaiveTime,
    /// First minute after the shift; at or before `start` means the next day.
    pub end: NaiveTime,
}

/// The shift running at a moment, and the day it counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunningShift<'a> {
    /// The shift.
    pub shift: &'a Shift,
    /// The date on which the shift began.
    pub production_date: NaiveDate,
}

/// The way to the cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uplink {
    /// gRPC address of the cloud, `https://host:port`.
    pub cloud_url: String,
    /// Folder for journal, keys and reference data; the command line overrides it.
    pub data_dir: Option<PathBuf>,
    /// File that holds the one-time enrolment token.
    pub enrolment_token_file: Option<PathBuf>,
    /// Most events in one batch.
    pub max_batch_events: u32,
    /// Most bytes of event records in one batch.
    pub max_batch_bytes: u32,
    /// Batches sent and not yet acknowledged.
    pub max_in_flight_batches: u32,
    /// Time between two heartbeats on an idle stream.
    pub heartbeat_ms: u32,
    /// Shortest wait before reconnecting.
    pub reconnect_min_ms: u32,
    /// Longest wait before reconnecting.
    pub reconnect_max_ms: u32,
}

/// A host (name or address) and port to connect to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// Host name, IPv4 address, or IPv6 address without brackets.
    pub host: String,
    /// TCP port, never 0.
    pub port: u16,
}

/// The MQTT broker that the plant's scanners talk to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Inside the agent, or the plant's own.
    pub kind: BrokerKind,
    /// User name: what the plant's broker asks for, or what the agent's own asks
    /// of every client.
    pub username: Option<String>,
    /// File that holds the password; a password never stands in the plant file.
    pub password_file: Option<PathBuf>,
    /// Client ids of the agent are this prefix, a dash, and the station code.
    pub client_id_prefix: String,
    /// Largest packet accepted.
    pub max_packet_bytes: u32,
    /// Keep-alive of the agent's connections.
    pub keep_alive_s: u16,
    /// Topic of scans, with `{plant}` and `{station}` to be filled in.
    pub scan_topic: String,
    /// Topic of answers, with `{plant}` and `{station}` to be filled in.
    pub feedback_topic: String,
}

/// Where the broker runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerKind {
    /// The agent runs one and listens here.
    Embedded {
        /// Address that scanners connect to.
        listen: SocketAddr,
    },
    /// The plant has one.
    External {
        /// Its address.
        address: HostPort,
    },
}

/// The web page of the stations, served on the plant's network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terminal {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Host names and addresses by which people open it, for the certificate
    /// that the agent makes; beside those that the machine has itself.
    pub names: Vec<String>,
    /// Certificate chain in PEM; without one the agent makes its own.
    pub certificate_file: Option<PathBuf>,
    /// Private key in PEM; present exactly when `certificate_file` is.
    pub key_file: Option<PathBuf>,
}

/// `/healthz` and `/metrics`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Address to listen on.
    pub listen: SocketAddr,
}

/// How much disk the journal may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Size of the journal at which the agent refuses to take more.
    pub max_journal_bytes: u64,
    /// Share of `max_journal_bytes` from which it warns, 1 to 99.
    pub warn_percent: u8,
    /// Free space on the file system below which it refuses to take more.
    pub min_free_bytes: u64,
    /// Days that an acknowledged event is kept at least.
    pub keep_acked_days: u32,
}

/// When to ask for UIDs of a type, and for how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseSetting {
    /// The type in the UID.
    pub type_code: TypeCode,
    /// Ask for the next range when fewer numbers than this are left.
    pub low_water: u32,
    /// How many numbers to ask for.
    pub request: u32,
}

/// An operation of the plant's routings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Code that stations, readings and work orders use.
    pub code: String,
    /// Name for people.
    pub name: Names,
}

/// Low-water mark of a type that the file does not name.
pub const DEFAULT_LEASE_LOW_WATER: u32 = 5_000;
/// Request size of a type that the file does not name.
pub const DEFAULT_LEASE_REQUEST: u32 = 20_000;

impl PlantFile {
    /// The station of that code.
    pub fn station(&self, code: &str) -> Option<&Station> {
        self.stations.iter().find(|s| s.code == code)
    }

    /// The machine of that code.
    pub fn machine(&self, code: &str) -> Option<&Machine> {
        self.machines.iter().find(|m| m.code == code)
    }

    /// The printer of that code.
    pub fn printer(&self, code: &str) -> Option<&Printer> {
        self.printers.iter().find(|p| p.code == code)
    }

    /// The operation of that code.
    pub fn operation(&self, code: &str) -> Option<&Operation> {
        self.operations.iter().find(|o| o.code == code)
    }

    /// The language for people who have not signed in.
    pub fn default_language(&self) -> Language {
        self.languages.first().copied().unwrap_or(Language::En)
    }

    /// Lease sizes of a type, or the defaults where the file names none.
    pub fn lease(&self, type_code: TypeCode) -> LeaseSetting {
        let named = self.leases.iter().find(|l| l.type_code == type_code);
        named.cloned().unwrap_or(LeaseSetting {
            type_code,
            low_water: DEFAULT_LEASE_LOW_WATER,
            request: DEFAULT_LEASE_REQUEST,
        })
    }

    /// The topic on which the station's scanner publishes; none without an MQTT input.
    pub fn scan_topic(&self, station: &Station) -> Option<String> {
        let own = station.inputs.mqtt.as_ref()?.scan_topic.as_ref();
        let pattern = own.or(self.broker.as_ref().map(|b| &b.scan_topic))?;
        Some(self.fill_topic(pattern, station))
    }

    /// The topic on which the station's scanner is answered; none without an MQTT input.
    pub fn feedback_topic(&self, station: &Station) -> Option<String> {
        let own = station.inputs.mqtt.as_ref()?.feedback_topic.as_ref();
        let pattern = own.or(self.broker.as_ref().map(|b| &b.feedback_topic))?;
        Some(self.fill_topic(pattern, station))
    }

    /// The shift running at that moment; none between shifts.
    pub fn shift_at(&self, at: DateTime<Utc>) -> Option<RunningShift<'_>> {
        let local = at.with_timezone(&self.time_zone).naive_local();
        let shift = self.shifts.iter().find(|s| s.contains(local.time()))?;
        let began_yesterday = shift.crosses_midnight() && local.time() < shift.end;
        let production_date =
            if began_yesterday { local.date().checked_sub_days(Days::new(1))? } else { local.date() };
        Some(RunningShift { shift, production_date })
    }

    /// The date that a fact at that moment counts for: the day its shift began,
    /// else the plant's calendar date.
    pub fn production_date(&self, at: DateTime<Utc>) -> NaiveDate {
        self.shift_at(at)
            .map_or_else(|| at.with_timezone(&self.time_zone).date_naive(), |running| running.production_date)
    }

    fn fill_topic(&self, pattern: &str, station: &Station) -> String {
        pattern.replace("{plant}", &self.plant.to_string()).replace("{station}", &station.code)
    }
}

impl Shift {
    /// Whether the shift ends on the day after it began.
    pub fn crosses_midnight(&self) -> bool {
        self.end <= self.start
    }

    /// Whether that time of day lies in the shift.
    pub fn contains(&self, time: NaiveTime) -> bool {
        if self.crosses_midnight() {
            time >= self.start || time < self.end
        } else {
            time >= self.start && time < self.end
        }
    }
}

impl Language {
    /// Every language there is.
    pub const ALL: [Self; 4] = [Self::En, Self::Hi, Self::Bn, Self::Te];

    /// The two-letter code.
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Hi => "hi",
            Self::Bn => "bn",
            Self::Te => "te",
        }
    }

    /// The language of a two-letter code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|l| l.code() == code)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Names {
    /// The name in that language, else the default one.
    pub fn get(&self, language: Language) -> &str {
        let own = self.by_language.iter().find(|(l, _)| *l == language);
        own.map_or(self.default.as_str(), |(_, name)| name.as_str())
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}
