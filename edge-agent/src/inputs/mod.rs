//! How readings reach the agent, whatever they came through.
//!
//! An input (an MQTT scanner, a TCP scanner, a Modbus machine, the terminal
//! page) turns what a device sent into a [`ScanInput`] or a [`MachineInput`] and
//! hands it to the [`Intake`]; what it gets back is an [`Answer`] to show. It
//! knows nothing of UIDs, stations or events.

use std::fmt::{self, Write as _};

use chrono::{DateTime, FixedOffset, Utc};
use futures_util::future::BoxFuture;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

mod backoff;
mod counters;
pub mod frame;
pub mod modbus;
pub mod mqtt;
pub mod tcp;

pub use backoff::Backoff;
pub use counters::{Count, Flag, Sightings};

/// Longest text of one reading, in bytes. Inputs refuse longer ones before they
/// reach the [`Intake`].
pub const MAX_SCAN_TEXT: usize = 4096;

/// Longest id of a reading, in bytes.
pub const MAX_INPUT_ID: usize = 128;

/// One reading of a scanner, or what a person typed in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanInput {
    /// Code of the station at which it was read.
    pub station: String,
    /// The text as the scanner sent it, without the frame around it (prefix,
    /// suffix, JSON); 1 to [`MAX_SCAN_TEXT`] bytes. Not cleaned.
    pub text: String,
    /// Identifies this reading at this station; a redelivery of it has the same
    /// one, a second reading of the same code another. At most [`MAX_INPUT_ID`] bytes.
    pub input_id: String,
    /// The device's own count of its readings, where it sends one.
    pub device_counter: Option<u64>,
    /// The device's clock at the reading, where it sends one. Absent means now.
    pub occurred_at: Option<DateTime<FixedOffset>>,
    /// Badge of the operator, where the device sends it with each reading.
    pub badge: Option<String>,
}

/// Readings of a machine, taken together because a trigger fired.
#[derive(Debug, Clone, PartialEq)]
pub struct MachineInput {
    /// Code of the machine.
    pub machine: String,
    /// The trigger that fired; none where readings were asked for.
    pub trigger: Option<String>,
    /// Identifies this set of readings; offering it again uses the same one.
    pub input_id: String,
    /// The agent's clock when the trigger was seen.
    pub at: DateTime<Utc>,
    /// The readings, in the order the trigger names them.
    pub readings: Vec<MachineReading>,
}

/// One value of a machine at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineReading {
    /// Name of the register in the plant file.
    pub name: String,
    /// Scaled value in `unit`; none where the quality is bad.
    pub value: Option<Decimal>,
    /// Unit of `value` and of the limits; empty for none.
    pub unit: String,
    /// Whether the value can be relied on.
    pub quality: Quality,
    /// Lowest value within limits, in `unit`.
    pub low: Option<Decimal>,
    /// Highest value within limits, in `unit`.
    pub high: Option<Decimal>,
    /// The agent's clock when it was read, or when reading it failed.
    pub at: DateTime<Utc>,
}

/// Whether a machine's value can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// Read and decoded.
    Good,
    /// Not read, not a number, or read longer ago than its poll interval allows.
    /// There is no value.
    Bad,
    /// Read, but the device itself does not vouch for it.
    Uncertain,
}

/// The colour of an answer (see `events.md`, principle 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// Done, and on disk.
    Green,
    /// Refused, with the reason and what to do.
    Red,
    /// Taken, and something is to be noted.
    Amber,
}

/// What a station says to a reading. As JSON it is the payload of the station's
/// feedback topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Colour of the light and of the page.
    pub colour: Colour,
    /// Stable key of the message (`receipt.recorded`), the same in every language.
    pub code: String,
    /// Arguments of the message, by name, in the order of the message.
    pub args: Vec<(String, String)>,
    /// What happened, in `language`.
    pub what: String,
    /// What to do next, in `language`; may be empty.
    pub next: String,
    /// Two-letter code of the language of `what` and `next`.
    pub language: String,
    /// The reading this answers.
    pub input_id: String,
    /// Whether the reading is on disk. Only this means recorded; a broker's
    /// acknowledgement does not.
    pub recorded: bool,
}

/// Why the agent did not take a reading. The reading is not recorded, and the
/// input must keep it or leave it unacknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// The journal is at its disk limit, or the queue before it is full.
    #[error("the agent takes no more readings for now: its journal or queue is full")]
    Full,
    /// The cloud is in touch again and its holds are still on their way.
    #[error("the plant is being told what is held; read again in a moment")]
    Holds,
    /// The agent is shutting down.
    #[error("the agent is stopping")]
    Stopping,
    /// Something else went wrong; the text is for the log.
    #[error("the reading could not be recorded: {0}")]
    Failed(String),
}

impl IntakeError {
    /// The arguments of `input.not_taken`: the key of a short text that says it in
    /// any language. The error's own text is for the log.
    #[must_use]
    pub fn args(&self) -> Vec<(String, String)> {
        let reason = match self {
            Self::Full => "not-taken.full",
            Self::Holds => "not-taken.holds",
            Self::Stopping => "not-taken.stopping",
            Self::Failed(_) => "not-taken.failed",
        };
        vec![("reason".to_owned(), reason.to_owned())]
    }
}

/// The agent's side of the seam: takes readings, answers scans.
pub trait Intake: Send + Sync + 'static {
    /// Takes one reading and answers it. `Ok` means that the answer is final:
    /// whatever it says to be recorded is on disk. After `Err` nothing is, and a
    /// broker must not get an acknowledgement. An id that was recorded before is
    /// answered as before and not recorded again.
    fn scan(&self, input: ScanInput) -> BoxFuture<'_, Result<Answer, IntakeError>>;

    /// Takes a machine's readings. `Ok` means that they are on disk, or that no
    /// station has a use for them.
    fn machine(&self, input: MachineInput) -> BoxFuture<'_, Result<(), IntakeError>>;

    /// The newest recorded `input_id` of that station that begins with `prefix`,
    /// among its last ones: what was recorded long before them is another reading.
    ///
    /// MQTT marks a redelivery but names it only by a packet id that is used
    /// again later. While the agent runs it remembers the id it gave; after a
    /// crash between recording and acknowledging, only the journal knows. An
    /// implementation that always says none records such a reading twice. After
    /// `Err` nobody knows, and the question is to be asked again.
    fn earlier<'a>(
        &'a self,
        station: &'a str,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<Option<String>, IntakeError>> {
        let _ = (station, prefix);
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Tells that a station got this answer to something that never became a
    /// [`ScanInput`], so that its page and lights show it too.
    fn refused(&self, station: &str, answer: &Answer) {
        let _ = (station, answer);
    }

    /// The red answer to something that never became a [`ScanInput`]. `code` is
    /// `input.malformed` (`args`: `reason`, the key of a text that says why, and
    /// what that text needs), `input.too_long` (`args`: `bytes`,
    /// `limit`) or `input.not_taken` (`args`: `reason`, as before). This default is in
    /// English; an implementation says it in the language of the station's operator.
    fn refusal(
        &self,
        station: &str,
        input_id: &str,
        code: &'static str,
        args: Vec<(String, String)>,
    ) -> Answer {
        let _ = station;
        english_refusal(input_id, code, args)
    }
}

/// The reading could not be understood.
pub const CODE_MALFORMED: &str = "input.malformed";
/// The reading is longer than a reading may be.
pub const CODE_TOO_LONG: &str = "input.too_long";
/// The agent could not take the reading now; it is offered again by itself.
pub const CODE_NOT_TAKEN: &str = "input.not_taken";
/// The plant file has no such station; nothing is recorded.
pub const CODE_UNKNOWN_STATION: &str = "engine.unknown-station";

fn english_refusal(input_id: &str, code: &'static str, args: Vec<(String, String)>) -> Answer {
    let said = |key: &str| crate::messages::Fluent::say("en", key, &args);
    let arg = |name: &str| {
        let found = args.iter().find(|(n, _)| n == name);
        found.map_or("?", |(_, value)| value.as_str())
    };
    let (what, next) = match code {
        CODE_TOO_LONG => (
            format!("Too long: {} bytes, the limit is {}.", arg("bytes"), arg("limit")),
            "Scan again. If it stays red, call the supervisor.".to_owned(),
        ),
        CODE_NOT_TAKEN => (
            format!("Not recorded yet: {}.", said(arg("reason"))),
            "Wait for green before you go on.".to_owned(),
        ),
        _ => (
            format!("Not understood: {}.", said(arg("reason"))),
            "Scan again. If it stays red, call the supervisor.".to_owned(),
        ),
    };
    Answer {
        colour: Colour::Red,
        code: code.to_owned(),
        args,
        what,
        next,
        language: "en".to_owned(),
        input_id: input_id.to_owned(),
        recorded: false,
    }
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Green => "green",
            Self::Red => "red",
            Self::Amber => "amber",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_is_the_feedback_payload() {
        let answer = english_refusal("r1", CODE_MALFORMED, vec![("reason".into(), "no code".into())]);
        assert_eq!(
            serde_json::to_value(&answer).unwrap(),
            serde_json::json!({
                "colour": "red", "code": "input.malformed", "args": [["reason", "no code"]],
                "what": "Not understood: no code.",
                "next": "Scan again. If it stays red, call the supervisor.",
                "language": "en", "input_id": "r1", "recorded": false,
            })
        );
    }
}
