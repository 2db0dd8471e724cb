//! Against real brokers: the embedded one, and Mosquitto.

mod brokers;
mod harness;

use std::time::Duration;

use brokers::{EMBEDDED, Kind, MOSQUITTO, TestBroker};
use harness::{Device, FakeIntake, Proxy, Station, eventually};

use crate::inputs::{Colour, IntakeError};

/// Runs a scenario against both brokers. Without Mosquitto its half is named as
/// skipped, or fails under CI.
macro_rules! on_both_brokers {
    ($($scenario:ident),+ $(,)?) => {
        mod embedded { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() { super::$scenario(super::TestBroker::start(super::EMBEDDED).await.unwrap()).await; }
        )+ }
        mod mosquitto { $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                if let Some(broker) = super::TestBroker::start(super::MOSQUITTO).await {
                    super::$scenario(broker).await;
                }
            }
        )+ }
    };
}

on_both_brokers!(
    answers_and_acknowledges,
    unanswered_reading_survives_the_agent,
    denied_reading_is_offered_again_under_the_same_id,
    reading_under_way_at_a_disconnection_is_recorded_once,
    a_flood_at_one_station_does_not_starve_another,
    malformed_and_oversized_are_refused_and_done_with,
    an_id_counts_only_with_its_code,
    a_retained_message_is_never_carried_out,
);

/// Two scanners at one station, or one that was switched off, number alike.
async fn an_id_counts_only_with_its_code(broker: TestBroker) {
    let intake = FakeIntake::new();
    let station = Station::start(&broker, "S1", broker.address(), &intake).await;
    let device = Device::connect(&broker, "S1").await;
    for code in ["A", "B", "A"] {
        device.scan(&format!(r#"{{"code":"{code}","id":17}}"#)).await;
    }
    device.answers(3).await;
    let ids: Vec<_> = intake.inputs().into_iter().map(|i| i.input_id).collect();
    assert_ne!(ids[0], ids[1], "B is a reading of its own");
    assert_eq!(ids[0], ids[2]);
    station.stop().await;
}

async fn a_retained_message_is_never_carried_out(broker: TestBroker) {
    let device = Device::connect(&broker, "S1").await;
    let intake = FakeIntake::new();
    // Known to the broker, so that it takes what is published there.
    Station::start(&broker, "S1", broker.address(), &intake).await.stop().await;
    device.retain("DONE").await;
    let station = Station::start(&broker, "S1", broker.address(), &intake).await;
    eventually("it is recorded once, when it was sent", || intake.inputs().len() == 1).await;
    station.stop().await;
    for times in 1..=2 {
        let station = Station::start(&broker, "S1", broker.address(), &intake).await;
        device.scan(&format!("CODE-{times}")).await;
        eventually("what came after is read", || intake.inputs().len() == 1 + times).await;
        station.stop().await;
    }
    let texts: Vec<_> = intake.inputs().into_iter().map(|i| i.text).collect();
    assert_eq!(texts, ["DONE", "CODE-1", "CODE-2"]);
}

async fn answers_and_acknowledges(broker: TestBroker) {
    let intake = FakeIntake::new();
    let station = Station::start(&broker, "S1", broker.address(), &intake).await;
    let device = Device::connect(&broker, "S1").await;
    device.scan("CODE-1\r\n").await;
    device.scan(r#"{"code":"CODE-2","id":"x-1","counter":4,"badge":"B1"}"#).await;
    device.scan(r#"{"code":"CODE-2","id":"x-1","counter":4,"badge":"B1"}"#).await;
    let answers = device.answers(3).await;
    assert!(answers.iter().all(|a| a.colour == Colour::Green && a.recorded));
    let inputs = intake.inputs();
    let texts: Vec<_> = inputs.iter().map(|i| i.text.as_str()).collect();
    assert_eq!(texts, ["CODE-1", "CODE-2", "CODE-2"]);
    assert_eq!((inputs[1].device_counter, inputs[1].badge.as_deref()), (Some(4), Some("B1")));
    assert!(inputs[1].input_id.starts_with("p:x-1:"), "{}", inputs[1].input_id);
    assert_eq!(inputs[2].input_id, inputs[1].input_id, "the device sent it again: the same reading");
    let ids: Vec<_> = inputs.iter().map(|i| i.input_id.clone()).collect();
    assert_eq!(answers.iter().map(|a| a.input_id.clone()).collect::<Vec<_>>(), ids);
    station.stop().await;
}

/// The agent stops while a reading has no answer; the broker must still have it.
async fn unanswered_reading_survives_the_agent(broker: TestBroker) {
    let intake = FakeIntake::new();
    let gate = intake.close_gate();
    let station = Station::start(&broker, "S1", broker.address(), &intake).await;
    let device = Device::connect(&broker, "S1").await;
    device.scan("CODE-1").await;
    eventually("the reading is offered", || intake.offered().len() == 1).await;
    let first = intake.offered()[0].input_id.clone();
    station.kill().await;
    drop(gate);

    // As after a crash between recording and acknowledging.
    let after = FakeIntake::new();
    after.remember(&first);
    after.forget(2); // as while the journal cannot be read
    let station = Station::start(&broker, "S1", broker.address(), &after).await;
    eventually("the reading comes again", || after.inputs().len() == 1).await;
    assert_eq!(after.inputs()[0].text, "CODE-1");
    if broker.kind() == Kind::Mosquitto {
        assert_eq!(after.inputs()[0].input_id, first);
    }
    device.answers(1).await;
    station.stop().await;

    // It was acknowledged: the next thing to come is a new reading.
    let last = FakeIntake::new();
    let station = Station::start(&broker, "S1", broker.address(), &last).await;
    device.scan("CODE-2").await;
    eventually("the next reading comes", || !last.inputs().is_empty()).await;
    assert_eq!(last.inputs()[0].text, "CODE-2");
    station.stop().await;
}

async fn denied_reading_is_offered_again_under_the_same_id(broker: TestBroker) {
    let intake = FakeIntake::new();
    intake.deny(vec![IntakeError::Full, IntakeError::Failed("disk".into())]);
    let station = Station::start(&broker, "S1", broker.address(), &intake).await;
    let device = Device::connect(&broker, "S1").await;
    device.scan("DONE").await;
    device.scan("DONE").await;
    let answers = device.answers(3).await;
    assert_eq!((answers[0].code.as_str(), answers[0].recorded), ("input.not_taken", false));
    assert_eq!(answers[0].colour, Colour::Red);
    assert!(answers[1].recorded && answers[2].recorded);
    let offered = intake.offered();
    assert_eq!(offered.len(), 4);
    assert!(offered[..3].iter().all(|i| i.input_id == offered[0].input_id), "{offered:?}");
    assert_ne!(offered[3].input_id, offered[0].input_id, "two readings of one code");
    assert_eq!(station.stats.not_taken.get(), 2);
    station.stop().await;
}

/// The connection breaks while one reading is being recorded and more wait, twice.
async fn reading_under_way_at_a_disconnection_is_recorded_once(broker: TestBroker) {
    let proxy = Proxy::start(broker.address()).await;
    let intake = FakeIntake::new();
    let gate = intake.close_gate();
    let station = Station::start(&broker, "S1", proxy.address(), &intake).await;
    let device = Device::connect(&broker, "S1").await;
    for text in ["A", "B", "B", "C"] {
        device.scan(text).await;
    }
    eventually("all have come", || station.stats.depth.get() == 4).await;
    for lost in 1..=2 {
        proxy.cut();
        eventually("they come again", || station.stats.redelivered.get() >= 4 * lost).await;
    }
    // The third time, the first is answered while there is no connection.
    proxy.refuse(true);
    proxy.cut();
    eventually("it is noticed", || !station.stats.ready.get()).await;
    drop(gate);
    eventually("all are recorded", || intake.inputs().len() == 4).await;
    proxy.refuse(false);
    eventually("all came again", || station.stats.redelivered.get() >= 12).await;
    device.scan("D").await;
    eventually("the next is recorded", || intake.inputs().len() >= 5).await;
    let inputs = intake.inputs();
    let texts: Vec<_> = inputs.iter().map(|i| i.text.as_str()).collect();
    assert_eq!(texts, ["A", "B", "B", "C", "D"]);
    station.stop().await;
}

async fn a_flood_at_one_station_does_not_starve_another(broker: TestBroker) {
    const FLOOD: usize = 500;
    let intake = FakeIntake::new();
    let gate = intake.close_gate_for("S1");
    let flooded = Station::start(&broker, "S1", broker.address(), &intake).await;
    let other = Station::start(&broker, "S2", broker.address(), &intake).await;
    let (source, device) = (Device::connect(&broker, "S1").await, Device::connect(&broker, "S2").await);
    let texts: Vec<_> = (0..FLOOD).map(|n| format!("N{n}")).collect();
    for text in &texts {
        source.scan(text).await;
    }
    // The flood is in front of the agent, and its station stands.
    eventually("the flood has come", || flooded.stats.depth.get() >= 20).await;
    device.scan("CODE-1").await;
    device.answers(1).await;
    drop(gate);
    let of_flooded = || intake.inputs().into_iter().filter(|i| i.station == "S1");
    eventually("the flood is recorded", || of_flooded().count() >= FLOOD).await;
    let recorded: Vec<_> = of_flooded().map(|i| i.text).collect();
    assert_eq!(recorded, texts, "each once and in order");
    flooded.stop().await;
    other.stop().await;
}

async fn malformed_and_oversized_are_refused_and_done_with(broker: TestBroker) {
    let intake = FakeIntake::new();
    let station = Station::start(&broker, "S1", broker.address(), &intake).await;
    let device = Device::connect(&broker, "S1").await;
    device.scan(r#"{"cod":"X"}"#).await;
    device.scan_bytes(vec![0xff, 0x00]).await;
    device.scan_bytes(vec![b'x'; 20 * 1024]).await;
    let mut expected = vec!["input.malformed", "input.malformed", "input.too_long"];
    if broker.kind() == Kind::Mosquitto {
        // Above the connection's own limit: it ends, and the next one takes it in.
        device.scan_bytes(vec![b'x'; 400 * 1024]).await;
        expected.push("input.too_long");
    }
    device.scan("CODE-1").await;
    expected.push("receipt.recorded");
    let answers = device.answers(expected.len()).await;
    let codes: Vec<_> = answers.iter().map(|a| a.code.as_str()).collect();
    assert_eq!(codes, expected);
    assert!(answers[0].what.contains("the code is missing"), "{}", answers[0].what);
    let shown: Vec<_> = intake.refused().into_iter().map(|(_, answer)| answer).collect();
    assert_eq!(shown, answers[..answers.len() - 1], "the station shows what the scanner is told");
    assert_eq!(intake.inputs().len(), 1);
    assert_eq!(station.stats.refused.get() as usize, expected.len() - 1);
    station.stop().await;
}

/// A broker that forgets all sessions when it restarts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribes_again_when_the_broker_has_forgotten() {
    let Some(mut broker) = TestBroker::start(MOSQUITTO).await else { return };
    let intake = FakeIntake::new();
    let station = Station::start(&broker, "S1", broker.address(), &intake).await;
    broker.restart().await;
    eventually("it is ready again", || station.stats.connections.get() >= 2 && station.stats.ready.get())
        .await;
    let device = Device::connect(&broker, "S1").await;
    device.scan("CODE-1").await;
    device.answers(1).await;
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_packet_too_large_to_take_in_clears_the_session() {
    let Some(broker) = TestBroker::start(MOSQUITTO).await else { return };
    let intake = FakeIntake::new();
    let station = Station::start(&broker, "S1", broker.address(), &intake).await;
    let device = Device::connect(&broker, "S1").await;
    device.scan_bytes(vec![b'x'; 17 * 1024 * 1024]).await;
    eventually("it is met", || station.stats.oversized.get() == 1).await;
    eventually("it is over", || station.stats.ready.get()).await;
    device.scan("CODE-1").await;
    assert!(device.answers(1).await[0].recorded);
    station.stop().await;
}

#[test]
fn settings_are_checked() {
    use super::{MqttError, MqttScanner, MqttSettings};
    let good = MqttSettings::new("S1", "localhost", 1883, "agent-S1", "a/S1/scan");
    let check = |settings: MqttSettings| {
        let stop = tokio_util::sync::CancellationToken::new();
        MqttScanner::new(settings, FakeIntake::new(), stop).err()
    };
    assert_eq!(check(good.clone()), None);
    let station = || "S1".to_owned();
    let bad = MqttSettings { client_id: String::new(), ..good.clone() };
    assert_eq!(check(bad), Some(MqttError::ClientId(station())));
    let bad = MqttSettings { scan_topic: "a/#/b".into(), ..good.clone() };
    let topic = "a/#/b".to_owned();
    assert_eq!(check(bad), Some(MqttError::ScanTopic { station: station(), topic }));
    let bad = MqttSettings { feedback_topic: Some("a/+".into()), ..good };
    let topic = "a/+".to_owned();
    assert_eq!(check(bad), Some(MqttError::FeedbackTopic { station: station(), topic }));
    assert!(Duration::from_secs(1) <= MqttSettings::new("", "", 1, "", "").keep_alive);
}
