//! What no scanner should send: the station answers red with what is wrong, and
//! the others do not notice.

use std::time::{Duration, Instant};

use edge_agent::config::BrokerKind;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use simulators::plant::scanner::Answer;
use tokio::sync::mpsc;

use super::lab::Lab;
use crate::support::{PATIENCE, until};

/// A client of the plant's broker that sends whatever it is told to.
struct Client {
    client: AsyncClient,
    answers: mpsc::UnboundedReceiver<Answer>,
    /// Why the broker ended the connection, each time.
    cuts: mpsc::UnboundedReceiver<String>,
    topic: String,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Client {
    async fn at(lab: &Lab, station: &str) -> Self {
        let plant = &lab.agent.site.setup.plant;
        let found = plant.station(station).unwrap();
        let (topic, feedback) = (plant.scan_topic(found), plant.feedback_topic(found));
        Self::on(lab, station, topic.unwrap(), feedback.unwrap()).await
    }

    async fn on(lab: &Lab, name: &str, topic: String, feedback: String) -> Self {
        let plant = &lab.agent.site.setup.plant;
        let BrokerKind::Embedded { listen } = &plant.broker.as_ref().unwrap().kind else {
            panic!("embedded")
        };
        let mut options = MqttOptions::new(format!("odd-{name}"), listen.ip().to_string(), listen.port());
        options.set_max_packet_size(4 << 20, 4 << 20);
        let (client, mut events) = AsyncClient::new(options, 64);
        let (said, answers) = mpsc::unbounded_channel();
        let (cut, cuts) = mpsc::unbounded_channel();
        let (up, mut ready) = mpsc::channel(1);
        let subscriber = client.clone();
        let task = tokio::spawn(async move {
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        let _ = subscriber.try_subscribe(&feedback, QoS::AtLeastOnce);
                    }
                    Ok(Event::Incoming(Packet::SubAck(_))) => drop(up.try_send(())),
                    Ok(Event::Incoming(Packet::Publish(message))) => {
                        let _ = said.send(serde_json::from_slice(&message.payload).unwrap());
                    }
                    Ok(_) => {}
                    Err(error) => {
                        let _ = cut.send(error.to_string());
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        });
        tokio::time::timeout(PATIENCE, ready.recv()).await.expect("the broker lets it in");
        Self { client, answers, cuts, topic, task }
    }

    async fn send(&self, payload: impl Into<Vec<u8>>) {
        self.client.publish(&self.topic, QoS::AtLeastOnce, false, payload).await.unwrap();
    }

    /// Waits until the broker has ended the connection; why, as far as it says.
    async fn cut(&mut self) -> String {
        tokio::time::timeout(PATIENCE, self.cuts.recv()).await.expect("the broker cuts it off").unwrap()
    }

    /// Sends and waits for the station's answer.
    async fn ask(&mut self, payload: impl Into<Vec<u8>>) -> Answer {
        self.send(payload).await;
        tokio::time::timeout(PATIENCE, self.answers.recv()).await.expect("an answer").unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_is_answered_red_and_a_flood_starves_nobody() {
    let mut lab = Lab::start().await;
    let mut dock = lab.agent.person("DOCK1").await;
    let (_, uids) = lab.agent.receive(&mut dock, 4).await;
    lab.agent.person("ISSUE1").await;
    let mut odd = Client::at(&lab, "ISSUE1").await;
    let foreign = {
        let kol: uid::Uid = "UID-SAIF-KOL-RM-000001-A7".parse().unwrap();
        let key = uid::Key::new(kol.key().get()).unwrap();
        uid::Uid::from_key("ABCD".parse().unwrap(), key).to_string()
    };
    let long = "X".repeat(5000);
    let cases: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("malformed JSON", b"{\"code\": \"x\"".to_vec(), "input.malformed", "Not understood: "),
        ("no code", b"{\"id\": \"7\"}".to_vec(), "input.malformed", "Not understood: "),
        ("a number for a code", b"{\"code\": 7}".to_vec(), "input.malformed", "Not understood: "),
        ("nothing", Vec::new(), "input.malformed", "Not understood: "),
        ("not text", vec![0xff, 0xfe, 0x00], "input.malformed", "Not understood: "),
        ("too long a code", long.into_bytes(), "input.malformed", "Not understood: "),
        (
            "a wrong checksum",
            b"UID-SAIF-KOL-RM-000001-A8".to_vec(),
            "uid.checksum",
            "misread, or it is not genuine",
        ),
        ("another tenant's UID", foreign.clone().into_bytes(), "uid.foreign", "another company (ABCD)"),
        ("a changed card", b"TWC-DONE-0000".to_vec(), "control.", ""),
    ];
    for (what, payload, code, text) in cases {
        let answer = odd.ask(payload).await;
        assert_eq!(answer.colour, "red", "{what}: {answer:?}");
        assert!(answer.code.starts_with(code), "{what}: {answer:?}");
        assert!(answer.what.contains(text), "{what}: {answer:?}");
    }
    // NULs around a code are cleaned away; inside one they make it no code.
    let answer = odd.ask(format!("\0{}\0", uids[0])).await;
    assert!(!answer.code.starts_with("input."), "{answer:?}");
    let answer = odd.ask(uids[0].replacen("KOL", "K\0OL", 1)).await;
    assert_eq!((answer.colour.as_str(), answer.code.as_str()), ("red", "uid.plant"), "{answer:?}");
    assert_eq!(answer.what, "The plant in the label's code is wrong.");
    assert!(answer.arg("detail").is_some_and(|detail| detail.contains("K\\0OL")), "{answer:?}");
    let answer = odd.ask("{\"code\": \"\\u0000\\u0000\", \"id\": \"\\u0000\"}").await;
    assert_eq!(answer.colour, "red", "{answer:?}");

    // More than the broker takes: it drops the sender, and nobody else.
    let mut big = Client::at(&lab, "COUNT1").await;
    big.send(vec![b'x'; 1 << 20]).await;
    // Closed, or reset when the system still held bytes that nobody will read.
    let why = big.cut().await;
    assert!(why.contains("closed") || why.contains("reset"), "{why}");
    drop(big);
    // The protocol has no word for it; who looks after the plant is told.
    until("the cut connection is told", async || {
        let health = lab.agent.health().await.unwrap();
        health["warnings"].as_array().unwrap().contains(&"scanner.cut-off".into())
    })
    .await;
    // A station that the plant file does not have is told so, and so is whoever
    // looks at the agent's health.
    let (topic, feedback) = ("tw/KOL/NOWHERE/scan".to_owned(), "tw/KOL/NOWHERE/feedback".to_owned());
    let mut lost = Client::on(&lab, "NOWHERE", topic, feedback).await;
    let answer = lost.ask(uids[0].clone()).await;
    assert_eq!(
        (answer.colour.as_str(), answer.code.as_str()),
        ("red", "engine.unknown-station"),
        "{answer:?}"
    );
    assert_eq!(answer.what, "Station NOWHERE is not known.");
    assert!(lost.cuts.try_recv().is_err(), "nothing was wrong with the connection");
    drop(lost);
    let health = lab.agent.health().await.unwrap();
    assert_eq!(health["inputs"]["unknown_stations"], 1, "{health}");
    assert!(health["warnings"].as_array().unwrap().contains(&"scanner.unknown-station".into()), "{health}");

    // Ten thousand messages at one station; another one works meanwhile.
    let flood = Client::at(&lab, "COUNT1").await;
    let mut store = lab.agent.person("STORE1").await;
    store.take("Warehouse-A-Rack-12").await;
    let sender = flood.client.clone();
    let topic = flood.topic.clone();
    let flooding = tokio::spawn(async move {
        for n in 0..10_000 {
            let payload = format!("{{\"code\": {n}");
            if sender.publish(&topic, QoS::AtMostOnce, false, payload).await.is_err() {
                break;
            }
        }
    });
    let mut waits = Vec::new();
    for n in 0..40 {
        let began = Instant::now();
        store.take(["Warehouse-A-Rack-12", "Warehouse-A-Rack-11"][n / 4 % 2]).await;
        store.take(&uids[n % 4]).await;
        waits.push(began.elapsed() / 2);
    }
    flooding.await.unwrap();
    waits.sort_unstable();
    println!("a scan beside the flood: median {:?}, slowest {:?}", waits[20], waits[39]);
    assert!(waits[39] < Duration::from_secs(2), "the flood of one station starves another: {waits:?}");

    // The flooded station answers again, and nothing of all that is an event
    // that the cloud cannot read.
    drop(flood);
    lab.agent.person("COUNT1").await;
    lab.drained().await;
    let health = lab.agent.health().await.unwrap();
    assert_eq!(health["quarantined"], 0, "{health}");
    for kind in ["event.malformed", "event.undecodable", "chain.broken", "fork", "record.lost"] {
        assert_eq!(lab.exceptions(kind).await, Vec::<serde_json::Value>::new());
    }
    lab.stop().await;
}
