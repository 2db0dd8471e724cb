//! What the page of a station shows, as it is sent to the browser.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

/// Everything on the page.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct TerminalView {
    /// Name of the station by language.
    pub names: BTreeMap<String, String>,
    /// Who is signed in.
    pub operator: Option<String>,
    /// Language of the badge, else the plant's first.
    pub language: String,
    /// The last answer, whichever scanner asked for it.
    pub answer: Option<LastAnswer>,
    /// What the station waits for, in `language`.
    pub next: String,
    /// A PIN is asked for: what is typed is nobody's business.
    pub secret: bool,
    /// The open order, draft entries and entered fields, for a person to read.
    pub draft: Vec<String>,
    /// Fields that a person may fill in here.
    pub fields: Vec<Entry>,
    /// Last scans, newest first.
    pub last: Vec<ScanLine>,
    /// Events that the cloud does not have yet.
    pub queue: u64,
    /// Connection to the cloud.
    pub uplink: Lamp,
    /// Seconds since the reference data was known to be current.
    pub reference_age_s: Option<i64>,
    /// Types of which the leased numbers run low.
    pub numbers_low: Vec<String>,
    /// The disk is nearly full, or records were damaged.
    pub disk_warning: bool,
    /// Control codes as buttons.
    pub buttons: Vec<Button>,
    /// The station's label printer, where it has one.
    pub printer: Option<PrinterLamp>,
    /// The label that the station printed last.
    pub label: Option<LastLabel>,
    /// A label that may or may not have come out.
    pub print_question: Option<PrintQuestion>,
}

/// State of the uplink.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Lamp {
    /// A stream to the cloud is open.
    pub connected: bool,
}

/// The answer to the scan before, as the engine gave it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastAnswer {
    /// The scan's id: an answer of the same id and code is the same answer.
    pub input_id: String,
    /// When the page was told.
    pub at: DateTime<Utc>,
    /// `green`, `red` or `amber`.
    pub colour: String,
    /// Key of the message.
    pub code: String,
    /// What it was, in `language`.
    pub what: String,
    /// What is next, in `language`; may be empty.
    pub next: String,
    /// Language of the texts.
    pub language: String,
}

/// One scan that was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScanLine {
    /// When.
    pub at: DateTime<Utc>,
    /// What was scanned.
    pub text: String,
    /// `green`, `red` or `amber`.
    pub colour: String,
    /// What it was, in the operator's language.
    pub what: String,
}

/// A field of the draft; its text is `ui.field.NAME`, and `NAME=value` is the
/// scan that fills it in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Name, such as `supplier_lot`.
    pub name: String,
    /// `text`, `number` or `date`.
    pub kind: String,
    /// What is entered so far.
    pub value: String,
}

/// A control code that the page offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Button {
    /// Verb, such as `DONE`; its text is `ui.button.done`.
    pub verb: String,
    /// The code that a tap sends.
    pub code: String,
    /// Its own text, where the verb's is not enough: a reason, an operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The station's label printer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrinterLamp {
    /// It did not answer at the last try.
    pub away: bool,
    /// Labels that wait for it.
    pub waiting: usize,
}

/// A label on its way, with a preview at `label/UID.svg`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastLabel {
    /// UID on it.
    pub uid: String,
    /// 1 for the first print, 2 and more for `R2`.
    pub copy: u32,
    /// `waiting`, `printed` or `asked`.
    pub state: String,
}

/// A question whether a label came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrintQuestion {
    /// Id to answer with.
    pub id: String,
    /// UID on the label.
    pub uid: String,
    /// The copy that "no" prints.
    pub again: u32,
}
