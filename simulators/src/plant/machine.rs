//! A PLC on Modbus TCP with a believable process behind its registers: torque,
//! temperature and a cycle counter, now and then out of limits. Seeded.

use std::collections::BTreeSet;
use std::future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::net::TcpListener;
use tokio_modbus::prelude::{ExceptionCode, Request, Response};
use tokio_modbus::server::tcp::{Server, accept_tcp_connection};
use tokio_util::sync::CancellationToken;

/// Registers and coils of a PLC; both tables of registers show the same words.
#[derive(Debug, Default)]
pub struct Memory {
    /// Holding and input registers from address 0.
    pub words: Vec<u16>,
    /// Coils and discrete inputs from address 0.
    pub bits: Vec<bool>,
    /// The process stands still: nothing moves by itself.
    pub still: bool,
    /// How often registers were read.
    pub reads: u64,
    /// Every value shown so far, by the register's name.
    pub shown: BTreeSet<(&'static str, String)>,
}

impl Memory {
    /// Writes a 32-bit float at `address`, high word first (ABCD).
    pub fn set_f32(&mut self, address: usize, value: f32) {
        let bits = value.to_bits();
        self.words[address] = (bits >> 16) as u16;
        self.words[address + 1] = (bits & 0xFFFF) as u16;
    }

    /// The 32-bit float at `address`.
    #[must_use]
    pub fn f32(&self, address: usize) -> f32 {
        f32::from_bits(u32::from(self.words[address]) << 16 | u32::from(self.words[address + 1]))
    }

    /// The 32-bit number at `address`.
    #[must_use]
    pub fn u32_low_first(&self, address: usize) -> u32 {
        u32::from(self.words[address + 1]) << 16 | u32::from(self.words[address])
    }

    /// Writes a 32-bit number at `address`, low word first (CDAB).
    pub fn set_u32_low_first(&mut self, address: usize, value: u32) {
        self.words[address] = (value & 0xFFFF) as u16;
        self.words[address + 1] = (value >> 16) as u16;
    }
}

/// A PLC that serves its memory. Dropping it stops it.
pub struct Plc {
    memory: Arc<Mutex<Memory>>,
    stop: CancellationToken,
}

#[derive(Clone)]
struct Service {
    memory: Arc<Mutex<Memory>>,
}

impl tokio_modbus::server::Service for Service {
    type Request = Request<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = future::Ready<Result<Self::Response, Self::Exception>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        let mut memory = lock(&self.memory);
        if matches!(request, Request::ReadHoldingRegisters(..) | Request::ReadInputRegisters(..)) {
            memory.reads += 1;
        }
        future::ready(match request {
            Request::ReadHoldingRegisters(at, n) => {
                span(&memory.words, at, n).map(Response::ReadHoldingRegisters)
            }
            Request::ReadInputRegisters(at, n) => {
                span(&memory.words, at, n).map(Response::ReadInputRegisters)
            }
            Request::ReadCoils(at, n) => span(&memory.bits, at, n).map(Response::ReadCoils),
            Request::ReadDiscreteInputs(at, n) => span(&memory.bits, at, n).map(Response::ReadDiscreteInputs),
            Request::WriteSingleCoil(at, on) => match memory.bits.get_mut(usize::from(at)) {
                Some(bit) => {
                    *bit = on;
                    Ok(Response::WriteSingleCoil(at, on))
                }
                None => Err(ExceptionCode::IllegalDataAddress),
            },
            Request::WriteMultipleCoils(at, values) => {
                let start = usize::from(at);
                match memory.bits.get_mut(start..start + values.len()) {
                    Some(bits) => {
                        bits.copy_from_slice(&values);
                        Ok(Response::WriteMultipleCoils(at, values.len() as u16))
                    }
                    None => Err(ExceptionCode::IllegalDataAddress),
                }
            }
            _ => Err(ExceptionCode::IllegalFunction),
        })
    }
}

fn span<T: Clone>(table: &[T], at: u16, n: u16) -> Result<Vec<T>, ExceptionCode> {
    let start = usize::from(at);
    table.get(start..start + usize::from(n)).map(<[T]>::to_vec).ok_or(ExceptionCode::IllegalDataAddress)
}

fn lock(memory: &Mutex<Memory>) -> std::sync::MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Plc {
    /// Serves 1000 registers and 1000 coils on `address`.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("simulated PLC cannot listen on {address}"))?;
        let memory = Arc::new(Mutex::new(Memory {
            words: vec![0; 1000],
            bits: vec![false; 1000],
            ..Memory::default()
        }));
        let stop = CancellationToken::new();
        let service = Service { memory: memory.clone() };
        let stopped = stop.clone();
        tokio::spawn(async move {
            let server = Server::new(listener);
            let connected = |stream, peer| {
                let service = service.clone();
                async move { accept_tcp_connection(stream, peer, move |_| Ok(Some(service.clone()))) }
            };
            let failed = |error| tracing::debug!(%error, "simulated PLC connection ended");
            tokio::select! {
                () = stopped.cancelled() => {}
                _ = server.serve(&connected, failed) => {}
            }
        });
        Ok(Self { memory, stop })
    }

    /// Changes the memory.
    pub fn with<T>(&self, change: impl FnOnce(&mut Memory) -> T) -> T {
        change(&mut lock(&self.memory))
    }

    /// Runs `step` on the memory every `every`, with seeded randomness, until
    /// the PLC is dropped.
    pub fn run_process(
        &self,
        seed: u64,
        every: Duration,
        mut step: impl FnMut(&mut Memory, &mut ChaCha8Rng) + Send + 'static,
    ) {
        let memory = self.memory.clone();
        let stopped = self.stop.clone();
        tokio::spawn(async move {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut clock = tokio::time::interval(every);
            loop {
                tokio::select! {
                    () = stopped.cancelled() => return,
                    _ = clock.tick() => step(&mut lock(&memory), &mut rng),
                }
            }
        });
    }
}

impl Drop for Plc {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A value that wanders around `target` and is pulled back to it; one step in
/// `rarely` is an excursion of `excursion`.
pub fn wander(rng: &mut ChaCha8Rng, now: f32, target: f32, noise: f32, rarely: u32, excursion: f32) -> f32 {
    if rng.random_ratio(1, rarely) {
        return target + excursion;
    }
    now + (target - now) * 0.3 + rng.random_range(-noise..noise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_written() {
        let mut memory = Memory { words: vec![0; 10], ..Memory::default() };
        memory.set_f32(0, 12.03);
        memory.set_u32_low_first(4, 70_000);
        assert_eq!((memory.f32(0), memory.u32_low_first(4)), (12.03, 70_000));
        assert_eq!(memory.words[4..6], [4464, 1]);
    }
}
