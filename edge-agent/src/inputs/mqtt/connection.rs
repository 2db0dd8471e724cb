//! The half of a station's MQTT client that keeps the connection: it polls, and
//! never waits for anything but the network.

use std::time::Duration;

use rumqttc::{
    ConnectionError, Event, EventLoop, MqttOptions, Outgoing, Packet, Publish, QoS, Request, StateError,
    SubscribeReasonCode, mqttbytes,
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::client::Shared;
use super::settings::MqttSettings;
use crate::inputs::Backoff;

/// Largest answer; a longer one goes out without its arguments and texts.
pub(super) const MAX_ANSWER: usize = 32 * 1024;
/// Packets below this size are taken in to be refused, so that the broker can
/// forget them. An acknowledgement is the only way to make it do so.
const MIN_PACKET_LIMIT: usize = 256 * 1024;
/// The same once a larger packet has been met.
const MAX_PACKET_LIMIT: usize = 16 * 1024 * 1024;
/// How long a broker may take to end a connection that we leave.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);

/// What rumqttc is told.
pub(super) fn options(settings: &MqttSettings) -> MqttOptions {
    let mut options = MqttOptions::new(&settings.client_id, &settings.host, settings.port);
    let incoming = MIN_PACKET_LIMIT.max(2 * settings.max_payload);
    options
        .set_clean_session(false)
        .set_manual_acks(true)
        .set_keep_alive(settings.keep_alive.max(Duration::from_secs(1)))
        .set_max_packet_size(incoming, 2 * MAX_ANSWER);
    if let Some((user, password)) = &settings.login {
        options.set_credentials(user, password);
    }
    options
}

/// The half that keeps the connection.
pub(super) struct Poll<'a> {
    shared: &'a Shared,
    events: EventLoop,
    /// What the broker is to answer to show that it has read our acknowledgements.
    probe: Option<Probe>,
    /// Answers under way when the connection was lost; rumqttc forgets them when
    /// the broker has forgotten the session.
    unsent: Vec<Publish>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probe {
    Publish(u16),
    Ping,
}

impl<'a> Poll<'a> {
    /// Polls `events` on behalf of `shared`.
    pub(super) fn new(shared: &'a Shared, events: EventLoop) -> Self {
        Self { shared, events, probe: None, unsent: Vec::new() }
    }

    /// Runs until there is no more work, then takes leave of the broker.
    pub(super) async fn run(mut self, worked: &CancellationToken) {
        let settings = &self.shared.settings;
        let station = &settings.station;
        let mut backoff = Backoff::new(settings.reconnect_min, settings.reconnect_max);
        // Once in any case: the topic may have changed since the session began.
        let mut subscribe = true;
        while !worked.is_cancelled() {
            let event = tokio::select! {
                event = self.events.poll() => event,
                () = self.shared.reconnect.notified() => {
                    if !self.shared.deliveries().wants_reconnect() {
                        continue; // reconnected by itself meanwhile
                    }
                    tracing::info!(%station, "reconnecting, so that the broker sends again what was left to it");
                    self.leave().await;
                    self.lost();
                    pause(&mut backoff, worked).await;
                    continue;
                }
                () = worked.cancelled() => break,
            };
            match event {
                Ok(Event::Incoming(Packet::ConnAck(ack))) => {
                    if self.connected(ack.session_present) {
                        subscribe |= !ack.session_present;
                    } else {
                        subscribe = true;
                        continue;
                    }
                    let (topic, client) = (&settings.scan_topic, &self.shared.client);
                    if subscribe && client.try_subscribe(topic, QoS::AtLeastOnce).is_err() {
                        self.lost();
                        pause(&mut backoff, worked).await;
                    } else if !subscribe {
                        self.shared.stats.ready.set(true);
                    }
                }
                Ok(Event::Incoming(Packet::SubAck(ack))) => {
                    if ack.return_codes.contains(&SubscribeReasonCode::Failure) {
                        tracing::error!(%station, topic = %settings.scan_topic, "the broker refuses the subscription");
                        self.lost();
                        pause(&mut backoff, worked).await;
                    } else {
                        subscribe = false;
                        backoff.reset();
                        self.shared.stats.ready.set(true);
                        tracing::info!(%station, topic = %settings.scan_topic, "subscribed");
                    }
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    backoff.reset();
                    self.shared.arrived(publish);
                }
                Ok(Event::Incoming(Packet::PingResp)) => {
                    backoff.reset();
                    self.answered(Probe::Ping);
                }
                Ok(Event::Incoming(Packet::PubAck(ack))) => self.answered(Probe::Publish(ack.pkid)),
                Ok(Event::Outgoing(sent)) => {
                    let mut deliveries = self.shared.deliveries();
                    let probe = match sent {
                        Outgoing::PubAck(packet_id) => {
                            deliveries.written(packet_id);
                            None
                        }
                        Outgoing::Publish(packet_id) => Some(Probe::Publish(packet_id)),
                        Outgoing::PingReq => Some(Probe::Ping),
                        _ => None,
                    };
                    if probe.is_some() && deliveries.probe_written() {
                        self.probe = probe;
                    }
                    self.shared.settle(&mut deliveries);
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%station, %error, "no connection to the MQTT broker");
                    self.lost();
                    self.make_room(&error);
                    pause(&mut backoff, worked).await;
                }
            }
        }
        self.leave().await;
        self.shared.stats.ready.set(false);
    }

    /// Says good-bye, after the last acknowledgements and answers, and waits until
    /// the broker has read it: cut off, some brokers lose what they had not read.
    async fn leave(&mut self) {
        if self.events.network.is_none() || self.shared.client.try_disconnect().is_err() {
            return;
        }
        let mut said = false;
        let closed = async {
            while let Ok(event) = self.events.poll().await {
                match event {
                    Event::Incoming(Packet::Publish(p)) if p.qos == QoS::AtMostOnce => {
                        self.shared.arrived(p);
                    }
                    Event::Outgoing(Outgoing::PubAck(id)) => self.shared.deliveries().written(id),
                    Event::Outgoing(Outgoing::Disconnect) => said = true,
                    _ => {}
                }
            }
        };
        let closed = timeout(LEAVE_TIMEOUT, closed).await.is_ok();
        if closed && said {
            let mut deliveries = self.shared.deliveries();
            deliveries.probe_answered();
            deliveries.probe_written();
            deliveries.probe_answered();
        }
    }

    fn answered(&mut self, probe: Probe) {
        if self.probe == Some(probe) {
            self.probe = None;
            self.shared.deliveries().probe_answered();
        }
    }

    /// A connection stands; false if it was only made to clear the session.
    fn connected(&mut self, session_present: bool) -> bool {
        let station = &self.shared.settings.station;
        self.shared.stats.connections.add();
        self.shared.deliveries().connected(session_present);
        if self.events.mqtt_options.clean_session() {
            self.events.mqtt_options.set_clean_session(false);
            self.lost();
            return false;
        }
        tracing::info!(%station, session_present, "connected to the MQTT broker");
        let unsent = std::mem::take(&mut self.unsent);
        if !session_present {
            for mut publish in unsent {
                publish.pkid = 0;
                self.events.pending.push_back(Request::Publish(publish));
            }
        }
        true
    }

    /// The connection is lost or given up.
    fn lost(&mut self) {
        self.shared.stats.ready.set(false);
        // Under the lock, and again although poll() has done it: an acknowledgement
        // handed over in between would acknowledge another message next time.
        let mut deliveries = self.shared.deliveries();
        deliveries.disconnected();
        self.probe = None;
        self.events.clean();
        drop(deliveries);
        // rumqttc would stay blocked on it for ever.
        if let Some(publish) = self.events.state.collision.take() {
            self.events.pending.push_front(Request::Publish(publish));
        }
        let pending = self.events.pending.iter().filter_map(|request| match request {
            Request::Publish(publish) => Some(publish.clone()),
            _ => None,
        });
        self.unsent = pending.collect();
        // Events of the old connection must not be read as the next one's. What is
        // not acknowledged comes again; QoS 0 does not, so take it now.
        for event in std::mem::take(&mut self.events.state.events) {
            match event {
                Event::Incoming(Packet::Publish(p)) if p.qos == QoS::AtMostOnce => {
                    self.shared.arrived(p);
                }
                _ => {}
            }
        }
    }

    /// A packet above the limit ends the connection, and the broker would send it
    /// again for ever. Take it in next time, to be refused and acknowledged; or if
    /// it is too large even for that, give up the session with what waits in it.
    fn make_room(&mut self, error: &ConnectionError) {
        let ConnectionError::MqttState(StateError::Deserialization(
            mqttbytes::Error::PayloadSizeLimitExceeded(bytes),
        )) = error
        else {
            return;
        };
        self.shared.stats.oversized.add();
        let station = &self.shared.settings.station;
        let options = &mut self.events.mqtt_options;
        if *bytes <= MAX_PACKET_LIMIT {
            tracing::warn!(%station, bytes, "an oversized packet; taking it in to refuse it");
            options.set_max_packet_size(*bytes, 2 * MAX_ANSWER);
        } else {
            tracing::error!(%station, bytes, "a packet too large to take in: clearing the session at the broker. Readings that waited there are lost; set the broker's own packet limit");
            options.set_clean_session(true);
        }
    }
}

async fn pause(backoff: &mut Backoff, worked: &CancellationToken) {
    tokio::select! {
        () = sleep(backoff.next_wait()) => {}
        () = worked.cancelled() => {}
    }
}
