//! Machines over Modbus TCP, and RTU over TCP, against a server that is not ours: pymodbus.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use edge_agent::inputs::modbus::{
    BusSettings, CoilSettings, CoilWriter, Live, MachineSettings, ModbusBus, Register, Table, Transport,
    Trigger, TriggerOn, ValueType, WordOrder,
};
use edge_agent::inputs::{Answer, Intake, IntakeError, MachineInput, MachineReading, Quality, ScanInput};
use futures_util::future::{BoxFuture, FutureExt, ready};
use rust_decimal::Decimal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{PATIENCE, free_ports, skipped, until};

const MACHINE: &str = "PEER";

/// In their order in the server's memory, of any order of words.
const VALUES: [(&str, ValueType, &str); 8] = [
    ("u16", ValueType::U16, "54321"),
    ("i16", ValueType::I16, "-12345"),
    ("u32", ValueType::U32, "3735928559"),
    ("i32", ValueType::I32, "-123456789"),
    ("f32", ValueType::F32, "23.1"),
    ("f64", ValueType::F64, "-0.000123456789"),
    ("u64", ValueType::U64, "1234567890123456789"),
    ("i64", ValueType::I64, "-987654321987654321"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pymodbus_is_read_as_it_says_and_never_from_memory() {
    is_read_as_it_says(Transport::Tcp).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pymodbus_is_read_the_same_in_rtu_frames() {
    is_read_as_it_says(Transport::RtuOverTcp).await;
}

async fn is_read_as_it_says(transport: Transport) {
    let Some(python) = python() else { return };
    let [port] = free_ports();
    let mut server = start(&python, port, transport);

    let mut expected: Vec<(String, &str)> = Vec::new();
    let mut registers = Vec::new();
    let orders = [WordOrder::Abcd, WordOrder::Cdab, WordOrder::Badc, WordOrder::Dcba];
    for (order, begin) in orders.into_iter().zip([0, 100, 200, 300]) {
        let mut address = begin;
        for (name, value_type, value) in VALUES {
            let name = format!("{name} {order:?}");
            registers.push(Register { order, ..Register::new(&name, Table::Holding, address, value_type) });
            expected.push((name, value));
            address += value_type.width();
        }
    }
    for (name, table, address, bit, value) in [
        ("coil 0", Table::Coil, 0, 0, "1"),
        ("coil 1", Table::Coil, 1, 0, "0"),
        ("coil 15", Table::Coil, 15, 0, "1"),
        ("discrete 8", Table::Discrete, 8, 0, "0"),
        ("discrete 9", Table::Discrete, 9, 0, "1"),
        ("input bit 15", Table::Input, 41, 15, "1"),
        ("input bit 14", Table::Input, 41, 14, "0"),
        ("input bit 0", Table::Input, 41, 0, "1"),
    ] {
        registers.push(Register::new(name, table, address, ValueType::Bit(bit)));
        expected.push((name.to_owned(), value));
    }
    registers.push(Register::new("input word", Table::Input, 40, ValueType::U16));
    expected.push(("input word".to_owned(), "4660"));
    // No such address: an exception, and no other value suffers.
    registers.push(Register::new("missing", Table::Holding, 900, ValueType::U16));
    registers.push(Register::new("missing bit", Table::Coil, 700, ValueType::Bit(0)));
    let bus = Bus::start(port, transport, registers);

    bus.shows(&expected).await;
    for name in ["missing", "missing bit"] {
        let reading = bus.reading(name);
        assert_eq!((reading.quality, reading.value), (Quality::Bad, None), "{name}");
    }

    // A coil is written, and reads as written.
    bus.coils.set(MACHINE, 1, true).await.unwrap();
    until("the coil is on", async || bus.value("coil 1").as_deref() == Some("1")).await;
    bus.coils.set(MACHINE, 1, false).await.unwrap();
    until("the coil is off", async || bus.value("coil 1").as_deref() == Some("0")).await;
    bus.shows(&expected).await;

    // Without the server there is no value, not the last one; then it is back.
    server.kill().await.unwrap();
    for (name, _) in &expected {
        until(&format!("{name} is bad"), async || bus.reading(name).quality == Quality::Bad).await;
        assert_eq!(bus.reading(name).value, None, "{name}");
    }
    let _server = start(&python, port, transport);
    bus.shows(&expected).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pymodbus_fires_triggers_once_each_and_after_a_restart() {
    let Some(python) = python() else { return };
    let [port] = free_ports();
    let mut server = start(&python, port, Transport::Tcp);
    let register = |name: &str, address| Register::new(name, Table::Holding, address, ValueType::U16);
    let level = Register { dead_band: Some(Decimal::TEN), ..register("level", 100) };
    let trigger = |name: &str, on, register: &str| Trigger {
        name: name.into(),
        on,
        register: register.into(),
        readings: vec![register.into(), "input word".into()],
    };
    let word = Register::new("input word", Table::Input, 40, ValueType::U16);
    let triggers =
        vec![trigger("counted", TriggerOn::Counter, "count"), trigger("moved", TriggerOn::Change, "level")];
    let (told, mut fired) = tokio::sync::mpsc::unbounded_channel();
    let registers = vec![register("count", 0), level, word];
    let bus = Bus::with(port, Transport::Tcp, (registers, triggers), Arc::new(Keeper(told)));
    bus.shows(&[("count".into(), "54321"), ("level".into(), "54321")]).await;

    write(port, 0, 54322).await;
    assert_eq!(next(&mut fired).await, ("counted".into(), "54322".into()));
    // Within the dead band nothing fires: the next to come is of the larger move.
    write(port, 100, 54329).await;
    until("the small move is read", async || bus.value("level").as_deref() == Some("54329")).await;
    write(port, 100, 54340).await;
    assert_eq!(next(&mut fired).await, ("moved".into(), "54340".into()));

    // Switched off and on, its memory is as at the start: the counter went down,
    // which counts once, and the level moved.
    server.kill().await.unwrap();
    until("the counter is bad", async || bus.reading("count").quality == Quality::Bad).await;
    let _server = start(&python, port, Transport::Tcp);
    let mut both = [next(&mut fired).await, next(&mut fired).await];
    both.sort();
    assert_eq!(both, [("counted".into(), "54321".into()), ("moved".into(), "54321".into())]);
    write(port, 0, 54322).await;
    assert_eq!(next(&mut fired).await, ("counted".into(), "54322".into()));
    bus.stop().await;
    assert!(fired.recv().await.is_none(), "nothing fired twice");
}

/// The interpreter with pymodbus, once the setup has installed all of it.
fn python() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let wanted = std::fs::read(root.join("deploy/pymodbus.txt")).unwrap();
    let python = root.join(".cache/pymodbus/bin/python");
    let complete = std::fs::read(root.join(".cache/pymodbus/installed.txt")).is_ok_and(|is| is == wanted);
    if !complete || !python.exists() {
        skipped("pymodbus");
        return None;
    }
    Some(python)
}

/// The trigger that fired next, and the value of its register.
async fn next(fired: &mut UnboundedReceiver<MachineInput>) -> (String, String) {
    let input = tokio::time::timeout(PATIENCE, fired.recv()).await.expect("a trigger fires").unwrap();
    assert_eq!(input.readings.len(), 2, "{input:?}");
    assert_eq!(input.readings[1].value, Some(4660.into()));
    let value = input.readings[0].value.map(|value| value.to_string());
    (input.trigger.unwrap_or_default(), value.unwrap_or_default())
}

/// Writes one holding register, as another master on the network would.
async fn write(port: u16, address: u16, value: u16) {
    let mut frame = vec![0, 1, 0, 0, 0, 6, 7, 6];
    frame.extend(address.to_be_bytes());
    frame.extend(value.to_be_bytes());
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(&frame).await.unwrap();
    let mut answer = vec![0; frame.len()];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, frame, "the register is written");
}

fn start(python: &Path, port: u16, transport: Transport) -> Child {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all/pymodbus_server.py");
    Command::new(python)
        .arg("-B")
        .arg(script)
        .arg(port.to_string())
        .arg(if transport == Transport::Tcp { "socket" } else { "rtu" })
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

struct Bus {
    live: Live,
    coils: CoilWriter,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Bus {
    fn start(port: u16, transport: Transport, registers: Vec<Register>) -> Self {
        Self::with(port, transport, (registers, Vec::new()), Arc::new(Nobody))
    }

    fn with(
        port: u16,
        transport: Transport,
        (registers, triggers): (Vec<Register>, Vec<Trigger>),
        intake: Arc<dyn Intake>,
    ) -> Self {
        let settings = BusSettings {
            host: "127.0.0.1".into(),
            port,
            transport,
            timeout: Duration::from_secs(2),
            reconnect_min: Duration::from_millis(20),
            reconnect_max: Duration::from_millis(200),
            machines: vec![MachineSettings {
                code: MACHINE.into(),
                unit_id: 7,
                poll: Duration::from_millis(50),
                max_gap: 8,
                registers,
                triggers,
                coils: vec![CoilSettings { address: 1, safe: false }],
            }],
        };
        let stop = CancellationToken::new();
        let bus = ModbusBus::new(settings, intake, stop.clone()).unwrap();
        let (live, coils) = (bus.live(), bus.coils());
        Self { live, coils, stop, task: tokio::spawn(bus.run()) }
    }

    fn reading(&self, name: &str) -> MachineReading {
        let readings = self.live.readings(MACHINE, &[name.to_owned()], Utc::now());
        readings.into_iter().next().expect("a register of that name")
    }

    fn value(&self, name: &str) -> Option<String> {
        let reading = self.reading(name);
        reading.value.filter(|_| reading.quality == Quality::Good).map(|value| value.to_string())
    }

    async fn shows(&self, expected: &[(String, &str)]) {
        for (name, value) in expected {
            until(&format!("{name} is read"), async || self.value(name).is_some()).await;
            assert_eq!(self.value(name).as_deref(), Some(*value), "{name}");
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

/// Keeps what triggers tell.
struct Keeper(UnboundedSender<MachineInput>);

impl Intake for Keeper {
    fn scan(&self, _: ScanInput) -> BoxFuture<'_, Result<Answer, IntakeError>> {
        ready(Err(IntakeError::Stopping)).boxed()
    }

    fn machine(&self, input: MachineInput) -> BoxFuture<'_, Result<(), IntakeError>> {
        ready(self.0.send(input).map_err(|_| IntakeError::Stopping)).boxed()
    }
}

/// Takes nothing: no trigger is set.
struct Nobody;

impl Intake for Nobody {
    fn scan(&self, _: ScanInput) -> BoxFuture<'_, Result<Answer, IntakeError>> {
        ready(Err(IntakeError::Stopping)).boxed()
    }

    fn machine(&self, _: MachineInput) -> BoxFuture<'_, Result<(), IntakeError>> {
        ready(Err(IntakeError::Stopping)).boxed()
    }
}
