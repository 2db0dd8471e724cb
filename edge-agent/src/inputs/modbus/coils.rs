//! Writing coils (stack lights, interlocks) through the task of their bus.

use std::collections::HashMap;

use tokio::sync::{mpsc, oneshot};

/// Commands that may wait on a bus.
pub(super) const QUEUE: usize = 32;

/// Why a coil was not written. It then is, or at the next connection will be, in
/// its safe state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CoilError {
    /// Not among the coils in the settings.
    #[error("machine {machine} has no coil {address} that may be written")]
    Unknown {
        /// Code of the machine.
        machine: String,
        /// Address of the coil.
        address: u16,
    },
    /// Too many commands wait.
    #[error("too many commands wait on this bus")]
    Full,
    /// No connection to the bus.
    #[error("the bus is not connected")]
    NotConnected,
    /// The machine refused or did not answer.
    #[error("the coil was not written: {0}")]
    Failed(String),
    /// The agent stops.
    #[error("the agent is stopping")]
    Stopping,
}

/// A command to the task of a bus.
#[derive(Debug)]
pub(super) struct Command {
    pub machine: usize,
    pub address: u16,
    pub on: bool,
    pub done: oneshot::Sender<Result<(), CoilError>>,
}

/// Writes coils; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct CoilWriter {
    coils: HashMap<(String, u16), (usize, mpsc::Sender<Command>)>,
}

impl CoilWriter {
    /// The coils of every bus together.
    pub fn merge(parts: impl IntoIterator<Item = Self>) -> Self {
        Self { coils: parts.into_iter().flat_map(|part| part.coils).collect() }
    }

    /// Sets a coil and waits until the machine has confirmed it. Answers at once if
    /// the bus is not connected or its queue is full.
    pub async fn set(&self, machine: &str, address: u16, on: bool) -> Result<(), CoilError> {
        let found = self.coils.get(&(machine.to_owned(), address));
        let (index, sender) =
            found.ok_or_else(|| CoilError::Unknown { machine: machine.to_owned(), address })?;
        let (done, answer) = oneshot::channel();
        let command = Command { machine: *index, address, on, done };
        sender.try_send(command).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => CoilError::Full,
            mpsc::error::TrySendError::Closed(_) => CoilError::Stopping,
        })?;
        answer.await.unwrap_or(Err(CoilError::Stopping))
    }

    pub(super) fn add(&mut self, machine: &str, index: usize, address: u16, sender: &mpsc::Sender<Command>) {
        self.coils.insert((machine.to_owned(), address), (index, sender.clone()));
    }
}
