//! One connection to a bus. Requests that do not end well in time leave it in a
//! state in which the next answer could be the last one's: it must be dropped.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_modbus::client::{Client, Context, rtu, tcp};
use tokio_modbus::slave::{Slave, SlaveContext};
use tokio_modbus::{ExceptionCode, Request, Response};

use super::merge::Group;
use super::settings::{BusSettings, Table, Transport};

/// Why a request has no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    /// The machine answered that it cannot. The connection is as good as before.
    #[error("the machine answers: {0}")]
    Exception(ExceptionCode),
    /// Anything else. The connection must be dropped.
    #[error("{0}")]
    Broken(String),
}

/// A connection with all its machines.
pub(super) struct Connection {
    context: Context,
    timeout: Duration,
}

impl Connection {
    /// Connects within the bus's timeout.
    pub async fn open(settings: &BusSettings) -> io::Result<Self> {
        let connecting = TcpStream::connect((settings.host.as_str(), settings.port));
        let stream = timeout(settings.timeout, connecting)
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer"))??;
        stream.set_nodelay(true)?;
        let context = match settings.transport {
            Transport::Tcp => tcp::attach_slave(stream, Slave(0)),
            Transport::RtuOverTcp => rtu::attach_slave(stream, Slave(0)),
        };
        Ok(Self { context, timeout: settings.timeout })
    }

    /// Reads a group: its words, or its bits as words of 0 and 1. As many as asked.
    pub async fn read(&mut self, unit: u8, group: &Group) -> Result<Vec<u16>, RequestError> {
        let (start, count) = (group.start, group.count);
        let request = match group.table {
            Table::Coil => Request::ReadCoils(start, count),
            Table::Discrete => Request::ReadDiscreteInputs(start, count),
            Table::Input => Request::ReadInputRegisters(start, count),
            Table::Holding => Request::ReadHoldingRegisters(start, count),
        };
        let wanted = usize::from(count);
        match self.call(unit, request).await? {
            // Bits come in whole bytes.
            Response::ReadCoils(bits) | Response::ReadDiscreteInputs(bits)
                if bits.len() >= wanted && bits.len() < wanted + 8 =>
            {
                Ok(bits.into_iter().take(wanted).map(u16::from).collect())
            }
            Response::ReadInputRegisters(words) | Response::ReadHoldingRegisters(words)
                if words.len() == wanted =>
            {
                Ok(words)
            }
            // Not through tokio-modbus's typed readers: they assert, and a poisoned
            // stream must not end the task.
            other => Err(RequestError::Broken(format!("an answer to another request: {other:?}"))),
        }
    }

    /// Writes a coil and checks the confirmation.
    pub async fn write(&mut self, unit: u8, address: u16, on: bool) -> Result<(), RequestError> {
        match self.call(unit, Request::WriteSingleCoil(address, on)).await? {
            Response::WriteSingleCoil(a, o) if (a, o) == (address, on) => Ok(()),
            other => Err(RequestError::Broken(format!("an answer to another request: {other:?}"))),
        }
    }

    async fn call(&mut self, unit: u8, request: Request<'_>) -> Result<Response, RequestError> {
        self.context.set_slave(Slave(unit));
        match timeout(self.timeout, self.context.call(request)).await {
            Ok(Ok(Ok(response))) => Ok(response),
            Ok(Ok(Err(exception))) => Err(RequestError::Exception(exception)),
            Ok(Err(error)) => Err(RequestError::Broken(error.to_string())),
            Err(_) => Err(RequestError::Broken(format!("no answer within {:?}", self.timeout))),
        }
    }
}
