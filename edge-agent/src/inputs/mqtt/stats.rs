//! What a station's MQTT connection counts, for `/metrics` and the page.

use crate::inputs::{Count, Flag};

/// Counters since the start, and the present state.
#[derive(Debug, Default)]
pub struct MqttStats {
    /// Whether it is connected and subscribed.
    pub ready: Flag,
    /// Connections made.
    pub connections: Count,
    /// Messages delivered by the broker, redeliveries among them.
    pub received: Count,
    /// Readings with a final answer of the intake.
    pub answered: Count,
    /// Messages answered red because they were not understood or too long.
    pub refused: Count,
    /// Attempts that the intake did not take; the reading is offered again.
    pub not_taken: Count,
    /// Redeliveries that were recognised.
    pub redelivered: Count,
    /// Messages left to the broker because the queue was full.
    pub overflowed: Count,
    /// Retained messages that were passed over.
    pub retained: Count,
    /// Packets above the connection's limit.
    pub oversized: Count,
    /// Answers that could not be sent.
    pub unsent_answers: Count,
    /// Readings that wait now.
    pub depth: Count,
}
