//! What the writer is asked to do.

use chrono::{DateTime, Utc};
use proto::v1;
use tokio::sync::oneshot;
use uid::TypeCode;

use super::EngineError;
use super::prints::PrintUpdate;
use crate::inputs::{Answer, IntakeError, MachineInput, ScanInput};
use crate::journal::{Place, Quarantined, Verified};
use crate::mint::Granted;
use crate::station::PinProof;

/// Answers a command that may fail.
pub(super) type Done<T> = oneshot::Sender<Result<T, EngineError>>;

/// One thing that happened and is to be recorded. Many share a transaction.
#[derive(Debug)]
pub(super) enum Fact {
    /// A scan, and what came of the PIN that it completes.
    Scan(ScanInput, Option<PinProof>),
    /// A machine's readings, and the station that its trigger names.
    Machine(MachineInput, Option<String>),
    /// What became of a label that was sent to a printer.
    Print(PrintUpdate),
}

/// Who waits for a fact, and what for.
#[derive(Debug)]
pub(super) enum Waiter {
    Scan(oneshot::Sender<Result<Answer, IntakeError>>),
    Machine(oneshot::Sender<Result<(), IntakeError>>),
    Print(Done<()>),
}

impl Waiter {
    /// Tells that the fact was not taken.
    pub fn refuse(self, error: IntakeError) {
        // Whoever waited may have gone; nothing more can be done for it then.
        match self {
            Self::Scan(reply) => drop(reply.send(Err(error))),
            Self::Machine(reply) => drop(reply.send(Err(error))),
            Self::Print(reply) => drop(reply.send(Err(EngineError::Intake(error)))),
        }
    }
}

/// What the writer does alone, between two groups of facts.
#[derive(Debug)]
pub(super) enum Control {
    Grant {
        kind: TypeCode,
        first: u64,
        last: u64,
        epoch: u32,
        done: Done<Granted>,
    },
    GrantSeries {
        grant: v1::SeriesGrant,
        done: Done<Granted>,
    },
    Reference {
        chunk: v1::ReferenceChunk,
        done: Done<Option<u64>>,
    },
    ReferenceCurrent {
        version: u64,
        at: DateTime<Utc>,
    },
    Hello {
        software: String,
        done: Done<v1::Hello>,
    },
    Epoch {
        change: v1::EpochChange,
        done: Done<()>,
    },
    Acked {
        epoch: u32,
        through_seq: u64,
        prune_through: u64,
    },
    Welcomed {
        welcome: v1::Welcome,
        done: Done<()>,
    },
    Label {
        answer: v1::LabelAnswer,
        done: Done<()>,
    },
    KeptAnswered {
        hold: String,
        released: bool,
        done: Done<()>,
    },
    Quarantine {
        place: Place,
        problem: String,
        done: Done<Vec<Quarantined>>,
    },
    Verify {
        done: Done<Verified>,
    },
    /// Answered when all that was offered before is done.
    Before {
        done: Done<()>,
    },
}

#[derive(Debug)]
pub(super) enum Command {
    Fact(Fact, Waiter),
    Control(Control),
    Stop(oneshot::Sender<()>),
}
