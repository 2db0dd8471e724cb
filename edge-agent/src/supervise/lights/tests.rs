//! What the interlock follows, as a table, and a light on a real bus.

use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;

use super::*;
use crate::config::SafeState;
use crate::inputs::modbus::tests::plc::{Plc, Running};
use crate::inputs::modbus::{BusSettings, CoilSettings, MachineSettings, ModbusBus, Transport};
use crate::inputs::{Intake, IntakeError, MachineInput, ScanInput};
use crate::station::fixture;
use crate::station::types::OperatorSession;

fn answer(colour: Colour) -> Answer {
    Answer {
        colour,
        code: "x".into(),
        args: Vec::new(),
        what: String::new(),
        next: String::new(),
        language: "en".into(),
        input_id: "1".into(),
        recorded: true,
    }
}

fn station(kind: StationKind, login_required: bool) -> Station {
    let all = fixture::stations();
    let found = all.into_iter().find(|station| station.kind == kind).expect("the fixture has one");
    Station { login_required, ..found }
}

fn signed_in() -> Session {
    let operator = OperatorSession {
        operator: "OP-1".into(),
        language: "en".into(),
        supervisor: false,
        pin_ok: true,
        since: chrono::Utc::now(),
        shift: "A".into(),
    };
    Session { operator: Some(operator), ..Session::default() }
}

#[test]
fn the_interlock_follows_the_stations_state() {
    use Colour::{Amber, Green, Red};
    use StationKind::{Assembly, Load, Operation};
    let idle = signed_in();
    let unit = Session { parent: Some(1), ..signed_in() };
    let parts = Session { draft: vec![2], ..signed_in() };
    let load = Session { load: vec![3], ..signed_in() };
    let asked = Session { pending: Some("supervisor".into()), ..unit.clone() };
    let signed_out = Session { operator: None, ..unit.clone() };
    let table = [
        // what, kind, session, last answer, on
        ("signed in, or HELP, DIGIT, CANCEL: nothing is open", Operation, &idle, Some(Green), false),
        ("a unit is open", Operation, &unit, Some(Green), true),
        ("the same unit again", Operation, &unit, Some(Amber), true),
        ("the last answer was red", Operation, &unit, Some(Red), false),
        ("after a start, before any answer", Operation, &unit, None, false),
        ("signed out in the middle", Operation, &signed_out, Some(Green), false),
        ("a supervisor is asked for", Operation, &asked, Some(Amber), false),
        ("a part was accepted", Assembly, &parts, Some(Green), true),
        ("a wrong part", Assembly, &parts, Some(Red), false),
        ("units wait at the oven's door", Load, &parts, Some(Green), false),
        ("the load is in", Load, &load, Some(Green), true),
        ("the load is in, and a stranger was refused", Load, &load, Some(Red), false),
    ];
    for (what, kind, session, colour, on) in table {
        let last = colour.map(answer);
        assert_eq!(may_run(&station(kind, true), session, last.as_ref()), on, "{what}");
    }
    assert!(may_run(&station(Operation, false), &signed_out, Some(&answer(Green))), "nobody need sign in");
}

#[test]
fn lamps_go_off_before_one_goes_on() {
    let light = light();
    for colour in [Colour::Green, Colour::Red, Colour::Amber] {
        let order = lamps(&light, Some(&answer(colour)));
        assert_eq!(order.map(|(_, on)| on), [false, false, true], "{colour}");
    }
    assert_eq!(lamps(&light, None).map(|(_, on)| on), [false; 3]);
}

fn light() -> StackLight {
    StackLight {
        machine: "PLC1".into(),
        green_coil: Some(0),
        red_coil: Some(1),
        amber_coil: Some(2),
        interlock_coil: Some(3),
        heartbeat_coil: Some(4),
        renew_ms: 20,
        show_ms: 0,
        safe_state: SafeState::Off,
    }
}

struct Nobody;

impl Intake for Nobody {
    fn scan(&self, _: ScanInput) -> BoxFuture<'_, Result<Answer, IntakeError>> {
        Box::pin(std::future::ready(Err(IntakeError::Stopping)))
    }

    fn machine(&self, _: MachineInput) -> BoxFuture<'_, Result<(), IntakeError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), wait).await.is_ok(), "{what}");
}

/// One station's light on a PLC, and an engine that says what a test wants.
struct Bench {
    plc: Plc,
    _running: Running,
    view: Option<watch::Sender<Arc<StationView>>>,
    status: Option<watch::Sender<Arc<Status>>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Bench {
    async fn start(light: StackLight) -> Self {
        let plc = Plc::new();
        let running = Running::tcp(&plc, ([127, 0, 0, 1], 0).into()).await;
        let settings = BusSettings {
            host: running.address.ip().to_string(),
            port: running.address.port(),
            transport: Transport::Tcp,
            timeout: Duration::from_secs(5),
            reconnect_min: Duration::from_millis(5),
            reconnect_max: Duration::from_millis(50),
            machines: vec![MachineSettings {
                code: "PLC1".into(),
                unit_id: 1,
                poll: Duration::from_millis(20),
                max_gap: 8,
                registers: Vec::new(),
                triggers: Vec::new(),
                coils: (0..5).map(|address| CoilSettings { address, safe: false }).collect(),
            }],
        };
        let stop = CancellationToken::new();
        let bus = ModbusBus::new(settings, Arc::new(Nobody), stop.clone()).unwrap();
        let (view, first) = watch::channel(Arc::new(StationView::default()));
        let (status, engine) = watch::channel(Arc::new(Status::default()));
        let (coils, second, ended) = (bus.coils(), view.subscribe(), stop.clone());
        let task = tokio::spawn(async move {
            let station = station(StationKind::Operation, true);
            tokio::join!(
                bus.run(),
                interlock(&station, &light, first, engine, &coils, &ended),
                show(&light, second, &coils, &ended),
            );
        });
        Self { plc, _running: running, view: Some(view), status: Some(status), stop, task }
    }

    fn say(&self, session: Session, answer: Option<Answer>) {
        let view = StationView { session, answer, ..StationView::default() };
        self.view.as_ref().unwrap().send_replace(Arc::new(view));
    }

    async fn coil(&self, address: u16, on: bool) {
        eventually(&format!("coil {address} is {on}"), || self.plc.coil(address) == Some(on)).await;
    }

    fn writes(&self, coil: u16) -> Vec<bool> {
        self.plc.written().into_iter().filter(|(address, _)| *address == coil).map(|(_, on)| on).collect()
    }

    async fn stop(self) -> Plc {
        self.stop.cancel();
        self.task.await.unwrap();
        self.plc
    }
}

fn open_unit() -> Session {
    Session { parent: Some(1), ..signed_in() }
}

#[tokio::test]
async fn the_interlock_is_renewed_and_goes_off_with_a_red_and_at_the_stop() {
    let bench = Bench::start(light()).await;
    bench.coil(3, false).await;
    bench.say(open_unit(), Some(answer(Colour::Green)));
    bench.coil(3, true).await;
    let before = bench.writes(3).len();
    eventually("it is written again and again", || bench.writes(3).len() >= before + 5).await;
    assert!(bench.writes(3)[before..].iter().all(|on| *on));
    let beats = bench.writes(4);
    let turns = beats.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(turns >= 3, "the heartbeat turns: {beats:?}");
    bench.say(open_unit(), Some(answer(Colour::Red)));
    bench.coil(3, false).await;
    bench.coil(1, true).await;
    let order = bench.plc.written();
    let off = order.iter().rposition(|write| *write == (1, true)).unwrap();
    assert!(order[..off].iter().rev().find(|(coil, _)| *coil == 3).is_some_and(|(_, on)| !on), "off first");
    bench.say(open_unit(), Some(answer(Colour::Green)));
    bench.coil(3, true).await;
    let plc = bench.stop().await;
    assert_eq!(plc.coil(3), Some(false));
}

#[tokio::test]
async fn the_interlock_goes_off_when_the_engine_fails_or_ends() {
    let mut bench = Bench::start(light()).await;
    bench.say(open_unit(), Some(answer(Colour::Green)));
    bench.coil(3, true).await;
    let status = bench.status.take().unwrap();
    status.send_replace(Arc::new(Status { failed: Some("the disk".into()), ..Status::default() }));
    bench.coil(3, false).await;
    status.send_replace(Arc::default());
    bench.coil(3, true).await;
    drop(status);
    bench.coil(3, false).await;
    let writes = bench.writes(3).len();
    bench.say(open_unit(), Some(answer(Colour::Amber)));
    bench.coil(2, true).await;
    assert_eq!(bench.writes(3).len(), writes, "nobody vouches any more");
    bench.stop().await;
}

#[tokio::test]
async fn an_engine_that_says_nothing_is_not_believed() {
    let bench = Bench::start(light()).await;
    bench.say(open_unit(), Some(answer(Colour::Green)));
    bench.coil(3, true).await;
    bench.coil(3, false).await;
    bench.status.as_ref().unwrap().send_replace(Arc::default());
    bench.coil(3, true).await;
    bench.stop().await;
}

#[tokio::test]
async fn a_lamp_goes_dark_in_its_time_whatever_else_happens() {
    let bench = Bench::start(StackLight { show_ms: 200, ..light() }).await;
    // The bus stands; a lamp is not lit on one that does not.
    bench.coil(3, false).await;
    bench.say(open_unit(), Some(answer(Colour::Green)));
    bench.coil(0, true).await;
    // A view that changes and has no new answer, as when a label was printed.
    let lit = Instant::now();
    while bench.plc.coil(0) == Some(true) {
        assert!(lit.elapsed() < Duration::from_secs(20), "it stays lit");
        bench.view.as_ref().unwrap().send_modify(|view| {
            Arc::make_mut(view).language.push('x');
        });
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    bench.stop().await;
}
