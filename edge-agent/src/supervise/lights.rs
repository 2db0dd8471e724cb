//! A station's stack light, interlock and heartbeat, on coils of a machine.
//!
//! The interlock is on only while the station's own state says that work on a
//! unit may run ([`may_run`]); which scan was the last does not matter, but a red
//! answer does. It is written before anything else, by itself, and again and
//! again, so that a PLC that does not hear of it can drop it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::config::{StackLight, Station, StationKind};
use crate::engine::{Handle, StationView, Status};
use crate::inputs::modbus::CoilWriter;
use crate::inputs::{Answer, Colour};
use crate::station::types::Session;

/// Silence of the engine, which speaks every second, after which nothing that it
/// said counts any more.
const STALE: Duration = Duration::from_secs(5);

/// Whether work on a unit may run at a station, as far as the agent can vouch
/// for it: who must be signed in has signed in and not out again (who was away
/// too long has not: the cycle that they began may take longer), a unit was
/// accepted and is open, and the last answer was not red. Without an answer (the
/// agent has just started) it vouches for nothing.
pub(super) fn may_run(station: &Station, session: &Session, answer: Option<&Answer>) -> bool {
    let vouched = answer.is_some_and(|answer| answer.colour != Colour::Red);
    let person = !station.login_required || session.operator.is_some();
    // The station waits for a PIN, a supervisor or a UID that is not work.
    let asked = session.pending.is_some();
    let open = match station.kind {
        // A load runs once it is in; before, the door is open.
        StationKind::Load => !session.load.is_empty(),
        _ => session.parent.is_some() || !session.draft.is_empty() || !session.load.is_empty(),
    };
    vouched && person && !asked && open
}

/// The colour coils for an answer, in the order in which they are written; dark
/// for none.
fn lamps(light: &StackLight, answer: Option<&Answer>) -> [(Option<u16>, bool); 3] {
    let lit = |colour| answer.is_some_and(|answer| answer.colour == colour);
    let mut lamps = [
        (light.red_coil, lit(Colour::Red)),
        (light.amber_coil, lit(Colour::Amber)),
        (light.green_coil, lit(Colour::Green)),
    ];
    // Off before on: two colours at once mean nothing.
    lamps.sort_by_key(|(_, on)| *on);
    lamps
}

/// Keeps a station's light, interlock and heartbeat until told to stop; the bus
/// then brings them into their safe state.
pub(super) async fn keep(station: Station, engine: Handle, coils: CoilWriter, stop: CancellationToken) {
    let Some(light) = station.stack_light.clone() else { return };
    let (Some(view), Some(seen)) = (engine.subscribe(&station.code), engine.subscribe(&station.code)) else {
        return;
    };
    let status = engine.watch_status();
    tokio::join!(interlock(&station, &light, view, status, &coils, &stop), show(&light, seen, &coils, &stop),);
}

async fn interlock(
    station: &Station,
    light: &StackLight,
    mut view: watch::Receiver<Arc<StationView>>,
    mut status: watch::Receiver<Arc<Status>>,
    coils: &CoilWriter,
    stop: &CancellationToken,
) {
    if light.interlock_coil.is_none() && light.heartbeat_coil.is_none() {
        return;
    }
    let mut renew = interval(Duration::from_millis(u64::from(light.renew_ms.max(1))));
    renew.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut coil = Coil::new(light, light.interlock_coil);
    let mut heartbeat = Coil::new(light, light.heartbeat_coil);
    let (mut heard, mut beat) = (Instant::now(), false);
    loop {
        let due = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = view.changed() => match changed {
                Ok(()) => false,
                Err(_) => break,
            },
            changed = status.changed() => match changed {
                Ok(()) => {
                    heard = Instant::now();
                    false
                }
                Err(_) => break,
            },
            _ = renew.tick() => true,
        };
        let sure = heard.elapsed() < STALE && status.borrow_and_update().failed.is_none();
        let on = {
            let view = view.borrow_and_update();
            sure && may_run(station, &view.session, view.answer.as_ref())
        };
        if due || coil.last != Some(on) {
            coil.write(coils, on).await;
        }
        // It shows that the agent lives and knows what it says; the PLC wants it
        // to change.
        if due && sure {
            beat = !beat;
            heartbeat.write(coils, beat).await;
        }
    }
    // The engine is gone; nobody vouches for anything.
    coil.write(coils, false).await;
}

/// Shows answers: the colour for a while, then dark.
async fn show(
    light: &StackLight,
    mut view: watch::Receiver<Arc<StationView>>,
    coils: &CoilWriter,
    stop: &CancellationToken,
) {
    let mut each = [light.red_coil, light.amber_coil, light.green_coil].map(|coil| Coil::new(light, coil));
    let mut shown = view.borrow_and_update().answer.clone();
    // A moment, not a wait: what else wakes this must not put it off.
    let mut dark_at: Option<Instant> = None;
    loop {
        let dark = async {
            match dark_at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let answer = tokio::select! {
            () = stop.cancelled() => return,
            () = dark => {
                dark_at = None;
                None
            }
            changed = view.changed() => {
                if changed.is_err() {
                    return;
                }
                let answer = view.borrow_and_update().answer.clone();
                if answer.is_none() || answer == shown {
                    continue;
                }
                shown.clone_from(&answer);
                let lasts = Duration::from_millis(u64::from(light.show_ms));
                dark_at = (light.show_ms > 0).then(|| Instant::now() + lasts);
                answer
            }
        };
        for (address, on) in lamps(light, answer.as_ref()) {
            if let Some(coil) = each.iter_mut().find(|coil| coil.address.is_some() && coil.address == address)
            {
                coil.write(coils, on).await;
            }
        }
    }
}

/// A coil and what was last written to it.
struct Coil<'a> {
    machine: &'a str,
    address: Option<u16>,
    /// None while it is not known: never written, or it failed.
    last: Option<bool>,
    failing: bool,
}

impl<'a> Coil<'a> {
    fn new(light: &'a StackLight, address: Option<u16>) -> Self {
        Self { machine: &light.machine, address, last: None, failing: false }
    }

    async fn write(&mut self, coils: &CoilWriter, on: bool) {
        let Some(address) = self.address else {
            self.last = Some(on);
            return;
        };
        match coils.set(self.machine, address, on).await {
            Ok(()) => {
                self.last = Some(on);
                self.failing = false;
            }
            Err(error) => {
                // It is tried again at the next renewal; told once.
                self.last = Some(on);
                if !self.failing {
                    tracing::warn!(%error, machine = self.machine, coil = address, on, "a lamp or interlock was not set");
                }
                self.failing = true;
            }
        }
    }
}

#[cfg(test)]
mod tests;
