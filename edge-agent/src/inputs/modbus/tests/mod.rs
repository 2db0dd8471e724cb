//! Against real servers: tokio-modbus over TCP, and RTU frames over TCP.

pub(crate) mod plc;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::Utc;
use futures_util::future::BoxFuture;
use plc::{Plc, Running};
use tokio::task::JoinHandle;
use tokio_modbus::ExceptionCode;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::inputs::{Answer, Intake, IntakeError, MachineInput, Quality, ScanInput};
use ValueType::{Bit, F32, I16, U16, U32};

const PATIENCE: Duration = Duration::from_secs(20);
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "not within {PATIENCE:?}: {what}");
}

#[derive(Default)]
struct FakeIntake {
    /// Errors to give, one per attempt.
    deny: Mutex<Vec<IntakeError>>,
    offered: Mutex<Vec<String>>,
    taken: Mutex<Vec<MachineInput>>,
}

impl FakeIntake {
    fn taken(&self) -> Vec<MachineInput> {
        self.taken.lock().unwrap().clone()
    }
}

impl Intake for FakeIntake {
    fn scan(&self, _: ScanInput) -> BoxFuture<'_, Result<Answer, IntakeError>> {
        Box::pin(std::future::ready(Err(IntakeError::Stopping)))
    }

    fn machine(&self, input: MachineInput) -> BoxFuture<'_, Result<(), IntakeError>> {
        self.offered.lock().unwrap().push(input.input_id.clone());
        let denied = self.deny.lock().unwrap().pop();
        if denied.is_none() {
            self.taken.lock().unwrap().push(input);
        }
        Box::pin(std::future::ready(denied.map_or(Ok(()), Err)))
    }
}

struct Bus {
    live: Live,
    coils: CoilWriter,
    stats: Arc<ModbusStats>,
    intake: Arc<FakeIntake>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Bus {
    fn start(settings: BusSettings) -> Self {
        Self::start_with(settings, FakeIntake::default())
    }

    fn start_with(settings: BusSettings, intake: FakeIntake) -> Self {
        let (intake, stop) = (Arc::new(intake), CancellationToken::new());
        let bus = ModbusBus::new(settings, intake.clone(), stop.clone()).unwrap();
        let (live, coils, stats) = (bus.live(), bus.coils(), bus.stats());
        Self { live, coils, stats, intake, stop, task: tokio::spawn(bus.run()) }
    }

    /// The value of a register of machine M, if it is good.
    fn value(&self, name: &str) -> Option<String> {
        self.value_of("M", name)
    }

    fn value_of(&self, machine: &str, name: &str) -> Option<String> {
        let readings = self.live.readings(machine, &[name.to_owned()], Utc::now());
        let reading = readings.into_iter().next()?;
        assert_eq!(reading.value.is_some(), reading.quality != Quality::Bad, "{reading:?}");
        reading.value.map(|v| v.to_string())
    }

    async fn shows(&self, name: &str, value: &str) {
        let what = format!("{name} is {value}");
        eventually(&what, || self.value(name).as_deref() == Some(value)).await;
    }

    async fn bad(&self, name: &str) {
        eventually(&format!("{name} is bad"), || self.value(name).is_none()).await;
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }
}

fn word(name: &str, address: u16, value_type: ValueType) -> Register {
    Register::new(name, Table::Holding, address, value_type)
}

fn machine(registers: Vec<Register>) -> MachineSettings {
    MachineSettings {
        code: "M".into(),
        unit_id: 1,
        poll: Duration::from_millis(5),
        max_gap: 0,
        registers,
        triggers: vec![],
        coils: vec![],
    }
}

fn bus(address: SocketAddr, machine: MachineSettings) -> BusSettings {
    BusSettings {
        host: address.ip().to_string(),
        port: address.port(),
        transport: Transport::Tcp,
        timeout: Duration::from_millis(150),
        reconnect_min: Duration::from_millis(5),
        reconnect_max: Duration::from_millis(50),
        machines: vec![machine],
    }
}

fn counter(readings: &[&str]) -> Trigger {
    Trigger {
        name: "cycle".into(),
        on: TriggerOn::Counter,
        register: "count".into(),
        readings: readings.iter().map(|r| (*r).to_owned()).collect(),
    }
}

#[tokio::test]
async fn reads_every_table_and_fires_on_a_counter() {
    let plc = Plc::new();
    plc.set(0, &[7, 0xfffe]);
    plc.set(100, &[0x41b8, 0xcccd]); // 23.1
    plc.set_bit(3, true);
    let server = Running::tcp(&plc, ANY).await;
    let torque = Register {
        scale: "0.1".parse().unwrap(),
        unit: "Nm".into(),
        low: Some("-1".parse().unwrap()),
        high: Some("40".parse().unwrap()),
        ..word("torque", 1, I16)
    };
    let registers = vec![
        word("count", 0, U16),
        torque,
        Register::new("oven", Table::Input, 100, F32),
        Register::new("door", Table::Discrete, 3, Bit(0)),
        Register::new("lamp", Table::Coil, 4, Bit(0)),
        word("ready", 1, Bit(1)),
    ];
    let triggers = vec![counter(&["oven", "torque"])];
    let bus = Bus::start(bus(server.address, MachineSettings { triggers, ..machine(registers) }));
    for (name, value) in
        [("count", "7"), ("torque", "-0.2"), ("oven", "23.1"), ("door", "1"), ("lamp", "0"), ("ready", "1")]
    {
        bus.shows(name, value).await;
    }
    assert_eq!(bus.intake.taken(), [], "the first read is no trigger");
    plc.set(0, &[8, 155]);
    eventually("the trigger fires", || !bus.intake.taken().is_empty()).await;
    let taken = bus.intake.taken().remove(0);
    assert_eq!((taken.machine.as_str(), taken.trigger.as_deref()), ("M", Some("cycle")));
    let [oven, torque] = &taken.readings[..] else { panic!("{taken:?}") };
    assert_eq!((oven.name.as_str(), oven.quality), ("oven", Quality::Good));
    assert_eq!((torque.value.unwrap().to_string(), torque.unit.as_str()), ("15.5".into(), "Nm"));
    assert_eq!(
        (torque.low.unwrap().to_string(), torque.high.unwrap().to_string()),
        ("-1".into(), "40".into())
    );
    bus.stop().await;
}

#[tokio::test]
async fn an_exception_is_bad_quality_and_no_reason_to_reconnect() {
    let plc = Plc::new();
    plc.set(0, &[7, 8]);
    let server = Running::tcp(&plc, ANY).await;
    let bus = Bus::start(bus(server.address, machine(vec![word("a", 0, U16), word("b", 1, U16)])));
    bus.shows("a", "7").await;
    plc.fail(Some(ExceptionCode::ServerDeviceFailure));
    bus.bad("a").await;
    bus.bad("b").await;
    plc.fail(None);
    bus.shows("b", "8").await;
    assert_eq!((bus.stats.connections.get(), bus.stats.dropped.get()), (1, 0));
    assert!(bus.stats.failed_reads.get() >= 1);
    bus.stop().await;
}

#[tokio::test]
async fn a_register_that_does_not_exist_takes_no_other_with_it() {
    let plc = Plc::new();
    plc.set(0, &[1, 2, 3, 4, 5, 6]);
    plc.remove(2); // in the gap
    plc.remove(4);
    let server = Running::tcp(&plc, ANY).await;
    let registers = vec![word("a", 0, U16), word("b", 3, U16), word("c", 4, U16), word("d", 5, U16)];
    let bus = Bus::start(bus(server.address, MachineSettings { max_gap: 8, ..machine(registers) }));
    for (name, value) in [("a", "1"), ("b", "4"), ("d", "6")] {
        bus.shows(name, value).await;
    }
    assert_eq!(bus.value("c"), None);
    bus.stop().await;
}

/// The answer that comes too late carries another value; it must never be shown.
async fn late_answers_never_count(transport: Transport) {
    let plc = Plc::new();
    plc.set(0, &[111]);
    let server = match transport {
        Transport::Tcp => Running::tcp(&plc, ANY).await,
        Transport::RtuOverTcp => Running::rtu(&plc).await,
    };
    let settings = bus(server.address, machine(vec![word("a", 0, U16)]));
    let bus = Bus::start(BusSettings { transport, ..settings });
    bus.shows("a", "111").await;
    let mut seen = bus.live.watch("M").unwrap();
    plc.hold(1);
    bus.bad("a").await;
    eventually("the connection is dropped", || bus.stats.dropped.get() >= 1).await;
    seen.borrow_and_update();
    // From now on the machine holds 222; the answers held back say 111.
    plc.set(0, &[222]);
    let later = tokio::spawn(async move {
        loop {
            seen.changed().await.unwrap();
            let value = seen.borrow_and_update()[0].value;
            if let Some(value) = value {
                return value.to_string();
            }
        }
    });
    // A poll that was sent before holds 111; wait until one has been sent since.
    let reads = plc.reads();
    eventually("it is asked again", || plc.reads() > reads).await;
    let dropped = bus.stats.dropped.get();
    eventually("and given up again", || bus.stats.dropped.get() > dropped).await;
    plc.release();
    assert_eq!(later.await.unwrap(), "222");
    bus.shows("a", "222").await;
    assert!(bus.stats.connections.get() >= 2);
    bus.stop().await;
}

#[tokio::test]
async fn late_answers_never_count_over_tcp() {
    late_answers_never_count(Transport::Tcp).await;
}

#[tokio::test]
async fn late_answers_never_count_over_rtu() {
    late_answers_never_count(Transport::RtuOverTcp).await;
}

#[tokio::test]
async fn rtu_over_tcp_reads_writes_and_reports_exceptions() {
    let plc = Plc::new();
    plc.set(0, &[0x1234, 0x5678]);
    plc.set_bit(9, true);
    let server = Running::rtu(&plc).await;
    let registers = vec![
        Register { order: WordOrder::Cdab, ..word("n", 0, U32) },
        Register::new("bit", Table::Coil, 9, Bit(0)),
    ];
    let coils = vec![CoilSettings { address: 20, safe: false }];
    let settings = bus(server.address, MachineSettings { coils, ..machine(registers) });
    let bus = Bus::start(BusSettings { transport: Transport::RtuOverTcp, ..settings });
    bus.shows("n", &0x5678_1234_u32.to_string()).await;
    bus.shows("bit", "1").await;
    bus.coils.set("M", 20, true).await.unwrap();
    assert_eq!(plc.coil(20), Some(true));
    plc.remove(1);
    bus.bad("n").await;
    bus.shows("bit", "1").await;
    bus.stop().await;
    assert_eq!(plc.coil(20), Some(false));
}

#[tokio::test]
async fn reconnects_and_sees_what_passed_meanwhile() {
    let plc = Plc::new();
    plc.set(0, &[5]);
    let server = Running::tcp(&plc, ANY).await;
    let address = server.address;
    let triggers = vec![counter(&["count"])];
    let settings = MachineSettings { triggers, ..machine(vec![word("count", 0, U16)]) };
    let bus = Bus::start(bus(address, settings));
    bus.shows("count", "5").await;
    drop(server);
    bus.bad("count").await;
    plc.set(0, &[8]);
    let _server = Running::tcp(&plc, address).await;
    bus.shows("count", "8").await;
    eventually("the trigger fires", || bus.intake.taken().len() == 1).await;
    assert_eq!(bus.stats.jumps.get(), 1);
    assert!(bus.stats.connections.get() >= 2);
    bus.stop().await;
}

#[tokio::test]
async fn a_silent_machine_does_not_take_the_bus_from_another() {
    let plc = Plc::new();
    plc.set(0, &[1]);
    plc.hold(2);
    let server = Running::tcp(&plc, ANY).await;
    let mut settings = bus(server.address, machine(vec![word("a", 0, U16)]));
    settings.machines.push(MachineSettings {
        code: "SILENT".into(),
        unit_id: 2,
        ..machine(vec![word("a", 0, U16)])
    });
    settings.reconnect_max = Duration::from_millis(500);
    let bus = Bus::start(settings);
    eventually("it is given up twice", || bus.stats.dropped.get() >= 2).await;
    for value in [2, 3, 4] {
        plc.set(0, &[value]);
        bus.shows("a", &value.to_string()).await;
    }
    assert_eq!(bus.value_of("SILENT", "a"), None);
    bus.stop().await;
}

#[tokio::test]
async fn coils_are_safe_at_first_and_at_last() {
    let plc = Plc::new();
    plc.set_bit(10, true); // left by somebody
    let server = Running::tcp(&plc, ANY).await;
    let address = server.address;
    let coils = vec![CoilSettings { address: 10, safe: false }, CoilSettings { address: 11, safe: true }];
    let settings = MachineSettings { coils, ..machine(vec![word("a", 0, U16)]) };
    let bus = Bus::start(bus(address, settings));
    eventually("they are safe", || plc.written() == [(10, false), (11, true)]).await;
    bus.coils.set("M", 10, true).await.unwrap();
    bus.coils.set("M", 11, false).await.unwrap();
    assert_eq!((plc.coil(10), plc.coil(11)), (Some(true), Some(false)));
    let unknown = CoilError::Unknown { machine: "M".into(), address: 12 };
    assert_eq!(bus.coils.set("M", 12, true).await, Err(unknown));

    drop(server);
    eventually("it is disconnected", || !bus.stats.connected.get()).await;
    assert_eq!(bus.coils.set("M", 10, true).await, Err(CoilError::NotConnected));
    let _server = Running::tcp(&plc, address).await;
    eventually("they are safe again", || (plc.coil(10), plc.coil(11)) == (Some(false), Some(true))).await;

    bus.coils.set("M", 10, true).await.unwrap();
    let coils = bus.coils.clone();
    bus.stop().await;
    assert_eq!((plc.coil(10), plc.coil(11)), (Some(false), Some(true)));
    assert_eq!(coils.set("M", 10, true).await, Err(CoilError::Stopping));
}

#[tokio::test]
async fn readings_wait_until_the_intake_takes_them() {
    let plc = Plc::new();
    plc.set(0, &[5]);
    let server = Running::tcp(&plc, ANY).await;
    let triggers = vec![counter(&["count"])];
    let settings = MachineSettings { triggers, ..machine(vec![word("count", 0, U16)]) };
    let intake = FakeIntake::default();
    *intake.deny.lock().unwrap() = vec![IntakeError::Full, IntakeError::Failed("disk".into())];
    let bus = Bus::start_with(bus(server.address, settings), intake);
    bus.shows("count", "5").await;
    plc.set(0, &[6]);
    eventually("it is taken", || bus.intake.taken().len() == 1).await;
    let offered = bus.intake.offered.lock().unwrap().clone();
    assert_eq!(offered.len(), 3);
    assert!(offered.iter().all(|id| *id == offered[0]), "one id for one set of readings");
    assert_eq!(bus.stats.not_taken.get(), 2);
    bus.stop().await;
}

#[test]
fn an_old_value_is_bad_and_gone() {
    let settings = machine(vec![word("a", 0, U16)]);
    let now = Utc::now();
    let reading = crate::inputs::MachineReading {
        value: Some(1.into()),
        quality: Quality::Good,
        ..live::bad(&settings.registers[0], now)
    };
    let (_sender, values) = tokio::sync::watch::channel(Arc::from([reading]));
    let mut live = Live::default();
    live.add(&settings, values);
    let later = |ms: i64| live.machine("M", now + chrono::TimeDelta::milliseconds(ms)).remove(0);
    assert_eq!((later(1_900).quality, later(1_900).value), (Quality::Good, Some(1.into())));
    assert_eq!((later(2_100).quality, later(2_100).value), (Quality::Bad, None));
}

#[tokio::test]
async fn a_dropped_connection_makes_every_machine_of_the_bus_bad() {
    let plc = Plc::new();
    plc.set(0, &[7]);
    let server = Running::tcp(&plc, ANY).await;
    let mut settings = bus(server.address, machine(vec![word("a", 0, U16)]));
    // Read once, and not again in this test; what it shows is only what is known.
    settings.machines[0].poll = Duration::from_secs(3_600);
    settings.machines.push(MachineSettings {
        code: "N".into(),
        unit_id: 2,
        ..machine(vec![word("a", 0, U16)])
    });
    let bus = Bus::start(settings);
    bus.shows("a", "7").await;
    eventually("N is read", || bus.value_of("N", "a").is_some()).await;
    plc.hold(2);
    bus.bad("a").await;
    assert_eq!(bus.value_of("N", "a"), None);
    plc.release();
    bus.stop().await;
}

#[test]
fn settings_that_do_not_fit_are_named() {
    let stop = CancellationToken::new();
    let problem = |registers: Vec<Register>, triggers: Vec<Trigger>| {
        let settings = bus(ANY, MachineSettings { triggers, ..machine(registers) });
        let intake = Arc::new(FakeIntake::default());
        ModbusBus::new(settings, intake, stop.clone()).err().map(|e| e.to_string())
    };
    let count = || word("count", 0, U16);
    assert_eq!(problem(vec![count()], vec![counter(&["count"])]), None);
    let table = [
        (vec![count(), count()], vec![], "two registers are named count"),
        (vec![word("x", 65535, U32)], vec![], "register x reaches beyond address 65535"),
        (vec![word("x", 0, Bit(16))], vec![], "register x: a word has no bit 16"),
        (vec![Register::new("x", Table::Coil, 0, U16)], vec![], "register x: this table holds single bits"),
        (vec![], vec![counter(&[])], "trigger cycle: there is no register count"),
        (vec![count()], vec![counter(&["y"])], "trigger cycle: there is no register y"),
        (vec![word("count", 0, F32)], vec![counter(&[])], "trigger cycle: count is not a whole number"),
    ];
    for (registers, triggers, expected) in table {
        assert_eq!(problem(registers, triggers), Some(format!("machine M: {expected}")));
    }
}
