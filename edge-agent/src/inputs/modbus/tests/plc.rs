//! A machine to read: registers in memory, behind a real Modbus TCP server
//! (tokio-modbus), or behind a hand-written one that speaks RTU over TCP.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::{Server, accept_tcp_connection};
use tokio_modbus::{ExceptionCode, Request, Response, SlaveRequest};

#[derive(Default)]
struct Memory {
    words: HashMap<u16, u16>,
    coils: HashMap<u16, bool>,
    /// Every write of a coil, in order.
    written: Vec<(u16, bool)>,
    /// Addresses that do not exist.
    missing: HashSet<u16>,
    failing: Option<ExceptionCode>,
    reads: usize,
}

/// The machine. Clones share its memory.
#[derive(Clone)]
pub struct Plc {
    memory: Arc<Mutex<Memory>>,
    /// Units whose answers are held back.
    held: Arc<watch::Sender<HashSet<u8>>>,
}

impl Plc {
    pub fn new() -> Self {
        Self { memory: Arc::default(), held: Arc::new(watch::Sender::new(HashSet::new())) }
    }

    pub fn set(&self, address: u16, words: &[u16]) {
        let mut memory = self.memory.lock().unwrap();
        for (address, word) in (address..).zip(words) {
            memory.words.insert(address, *word);
        }
    }

    pub fn set_bit(&self, address: u16, on: bool) {
        self.memory.lock().unwrap().coils.insert(address, on);
    }

    pub fn coil(&self, address: u16) -> Option<bool> {
        self.memory.lock().unwrap().coils.get(&address).copied()
    }

    pub fn written(&self) -> Vec<(u16, bool)> {
        self.memory.lock().unwrap().written.clone()
    }

    pub fn remove(&self, address: u16) {
        self.memory.lock().unwrap().missing.insert(address);
    }

    pub fn fail(&self, exception: Option<ExceptionCode>) {
        self.memory.lock().unwrap().failing = exception;
    }

    pub fn reads(&self) -> usize {
        self.memory.lock().unwrap().reads
    }

    /// Holds back the answers of that unit: worked out, and sent when released.
    pub fn hold(&self, unit: u8) {
        self.held.send_modify(|held| {
            held.insert(unit);
        });
    }

    pub fn release(&self) {
        self.held.send_modify(HashSet::clear);
    }

    /// Answers a request from memory as it is now; without waiting.
    fn answer(&self, request: &Request<'_>) -> Result<Response, ExceptionCode> {
        let mut memory = self.memory.lock().unwrap();
        if let Request::WriteSingleCoil(address, on) = *request {
            memory.coils.insert(address, on);
            memory.written.push((address, on));
            return Ok(Response::WriteSingleCoil(address, on));
        }
        memory.reads += 1;
        if let Some(exception) = memory.failing {
            return Err(exception);
        }
        let exists = |start: u16, count: u16| {
            let all = (start..start + count).all(|a| !memory.missing.contains(&a));
            all.then_some(start..start + count).ok_or(ExceptionCode::IllegalDataAddress)
        };
        let word = |a| memory.words.get(&a).copied().unwrap_or_default();
        let bit = |a| memory.coils.get(&a).copied().unwrap_or_default();
        Ok(match *request {
            Request::ReadHoldingRegisters(start, count) => {
                Response::ReadHoldingRegisters(exists(start, count)?.map(word).collect())
            }
            Request::ReadInputRegisters(start, count) => {
                Response::ReadInputRegisters(exists(start, count)?.map(word).collect())
            }
            Request::ReadCoils(start, count) => Response::ReadCoils(exists(start, count)?.map(bit).collect()),
            Request::ReadDiscreteInputs(start, count) => {
                Response::ReadDiscreteInputs(exists(start, count)?.map(bit).collect())
            }
            _ => return Err(ExceptionCode::IllegalFunction),
        })
    }

    async fn released(&self, unit: u8) {
        // The sender lives in self.
        let _ = self.held.subscribe().wait_for(|held| !held.contains(&unit)).await;
    }
}

impl Service for Plc {
    type Request = SlaveRequest<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = BoxFuture<'static, Result<Response, ExceptionCode>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        let plc = self.clone();
        Box::pin(async move {
            let answer = plc.answer(&request.request);
            plc.released(request.slave).await;
            answer
        })
    }
}

/// A server before a machine; gone when dropped, with its connections.
pub struct Running {
    pub address: SocketAddr,
    task: JoinHandle<()>,
    connections: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Running {
    /// Modbus TCP, by tokio-modbus.
    pub async fn tcp(plc: &Plc, address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let plc = plc.clone();
        let task = tokio::spawn(async move {
            let connected = |stream, from| {
                let plc = plc.clone();
                async move { accept_tcp_connection(stream, from, move |_| Ok(Some(plc.clone()))) }
            };
            let _ = Server::new(listener).serve(&connected, |_| {}).await;
        });
        Self { address, task, connections: Arc::default() }
    }

    /// RTU frames over TCP. Written out here, so that nothing of the client under
    /// test checks itself.
    pub async fn rtu(plc: &Plc) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections: Arc<Mutex<Vec<AbortHandle>>> = Arc::default();
        let (plc, kept) = (plc.clone(), Arc::clone(&connections));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serve = tokio::spawn(serve_rtu(plc.clone(), stream));
                kept.lock().unwrap().push(serve.abort_handle());
            }
        });
        Self { address, task, connections }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
        self.connections.lock().unwrap().iter().for_each(AbortHandle::abort);
    }
}

async fn serve_rtu(plc: Plc, mut stream: TcpStream) {
    // Every request used here has 8 bytes: unit, function, address, count, CRC.
    let mut frame = [0; 8];
    while stream.read_exact(&mut frame).await.is_ok() {
        assert_eq!(crc(&frame[..6]), frame[6..], "CRC of the request");
        let address = u16::from_be_bytes([frame[2], frame[3]]);
        let count = u16::from_be_bytes([frame[4], frame[5]]);
        let request = match frame[1] {
            1 => Request::ReadCoils(address, count),
            3 => Request::ReadHoldingRegisters(address, count),
            5 => Request::WriteSingleCoil(address, count == 0xff00),
            other => panic!("function {other}"),
        };
        let mut answer = vec![frame[0], frame[1]];
        match plc.answer(&request) {
            Ok(Response::ReadHoldingRegisters(words)) => {
                answer.push(words.len() as u8 * 2);
                answer.extend(words.iter().flat_map(|w| w.to_be_bytes()));
            }
            Ok(Response::ReadCoils(bits)) => {
                answer.push(bits.len().div_ceil(8) as u8);
                answer.extend(
                    bits.chunks(8)
                        .map(|byte| byte.iter().enumerate().fold(0, |b, (i, on)| b | (u8::from(*on) << i))),
                );
            }
            Ok(_) => answer.extend(&frame[2..6]),
            Err(exception) => {
                answer[1] |= 0x80;
                answer.push(exception.into());
            }
        }
        answer.extend(crc(&answer));
        plc.released(frame[0]).await;
        // As a serial gateway: the late answer is sent to whoever is connected.
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

/// CRC-16 of Modbus, bit by bit as the specification has it.
fn crc(bytes: &[u8]) -> [u8; 2] {
    let step = |crc: u16, _| if crc & 1 == 1 { (crc >> 1) ^ 0xa001 } else { crc >> 1 };
    let crc = bytes.iter().fold(0xffff, |crc: u16, b| (0..8).fold(crc ^ u16::from(*b), step));
    crc.to_le_bytes()
}
