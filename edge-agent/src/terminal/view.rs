//! What the page of a station shows, as it is sent to the browser.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

/// Everything on the page but the answer to the last scan of this browser.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct TerminalView {
    /// Name of the station by language.
    pub names: BTreeMap<String, String>,
    /// Who is signed in.
    pub operator: Option<String>,
    /// Language of the badge, else the plant's first.
    pub language: String,
    /// What is next, in that language.
    pub next: String,
    /// The open order, draft entries and entered fields, for a person to read.
    pub draft: Vec<String>,
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
    /// A label that may or may not have come out.
    pub print_question: Option<PrintQuestion>,
}

/// State of the uplink.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Lamp {
    /// A stream to the cloud is open.
    pub connected: bool,
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

/// A question whether a label came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrintQuestion {
    /// Id to answer with.
    pub id: String,
    /// UID on the label.
    pub uid: String,
}
