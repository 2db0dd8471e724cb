//! Machines: a task per bus, their present values to the engine, and the stack
//! lights that show a station's last answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::Utc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::intake;
use crate::config::{self, Machine, PlantFile, SafeState, StackLight};
use crate::engine::Handle;
use crate::inputs::modbus::{
    BusSettings, CoilSettings, CoilWriter, Live, MachineSettings, ModbusBus, Register, Table, Transport,
    Trigger, TriggerOn, ValueType, WordOrder,
};
use crate::inputs::{Colour, Intake, MachineInput};

/// Starts polling, and the stack lights.
///
/// # Errors
/// When a machine's settings cannot be used.
pub(super) async fn start(
    plant: &Arc<PlantFile>,
    handle: &Handle,
    stop: &CancellationToken,
    parts: &mut JoinSet<()>,
) -> anyhow::Result<()> {
    let mut buses: BTreeMap<(String, u16), Vec<&Machine>> = BTreeMap::new();
    for machine in &plant.machines {
        buses.entry((machine.address.host.clone(), machine.address.port)).or_default().push(machine);
    }
    let (mut lives, mut writers) = (Vec::new(), Vec::new());
    for ((host, port), machines) in buses {
        let settings = bus(plant, host, port, &machines);
        let name = machines.iter().map(|m| m.code.as_str()).collect::<Vec<_>>().join(", ");
        let bus = ModbusBus::new(settings, intake(handle), stop.clone())
            .with_context(|| format!("machines {name}"))?;
        lives.push(bus.live());
        writers.push(bus.coils());
        parts.spawn(bus.run());
    }
    let (live, writer) = (Live::merge(lives), CoilWriter::merge(writers));
    for machine in &plant.machines {
        if let Some(values) = live.watch(&machine.code) {
            let follower = follow(machine.code.clone(), values, live.clone(), handle.clone(), stop.clone());
            parts.spawn(follower);
        }
    }
    for station in &plant.stations {
        if let Some(light) = &station.stack_light {
            parts.spawn(show(
                light.clone(),
                station.code.clone(),
                handle.clone(),
                writer.clone(),
                stop.clone(),
            ));
        }
    }
    Ok(())
}

/// Tells the engine the present values of a machine, as they are read.
async fn follow(
    machine: String,
    mut values: tokio::sync::watch::Receiver<Arc<[crate::inputs::MachineReading]>>,
    live: Live,
    engine: Handle,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = values.changed() => if changed.is_err() { return },
        }
        values.borrow_and_update();
        let at = Utc::now();
        let input = MachineInput {
            machine: machine.clone(),
            trigger: None,
            input_id: Uuid::now_v7().to_string(),
            at,
            readings: live.machine(&machine, at),
        };
        // Values are read again in a moment; a full engine may miss some.
        if let Err(error) = engine.machine(input).await {
            tracing::debug!(%error, machine, "present values were not taken");
        }
    }
}

/// Shows a station's answers on its light: the colour for a while, then dark;
/// the interlock is on only after green.
async fn show(
    light: StackLight,
    station: String,
    engine: Handle,
    coils: CoilWriter,
    stop: CancellationToken,
) {
    let Some(mut view) = engine.subscribe(&station) else { return };
    let mut shown_id = view.borrow_and_update().answer.as_ref().map(|answer| answer.input_id.clone());
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = view.changed() => if changed.is_err() { return },
        }
        let answer = view.borrow_and_update().answer.clone();
        let Some(answer) = answer.filter(|answer| shown_id.as_ref() != Some(&answer.input_id)) else {
            continue;
        };
        shown_id = Some(answer.input_id.clone());
        let lamps = [
            (light.green_coil, answer.colour == Colour::Green),
            (light.red_coil, answer.colour == Colour::Red),
            (light.amber_coil, answer.colour == Colour::Amber),
            (light.interlock_coil, answer.colour == Colour::Green),
        ];
        write(&coils, &light, &lamps).await;
        if light.show_ms > 0 {
            let dark = Duration::from_millis(u64::from(light.show_ms));
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(dark) => {
                    let off = [light.green_coil, light.red_coil, light.amber_coil].map(|coil| (coil, false));
                    write(&coils, &light, &off).await;
                }
                // A newer answer takes its place at once.
                changed = view.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    view.mark_changed();
                }
            }
        }
    }
}

async fn write(coils: &CoilWriter, light: &StackLight, lamps: &[(Option<u16>, bool)]) {
    for (coil, on) in lamps {
        let Some(address) = coil else { continue };
        if let Err(error) = coils.set(&light.machine, *address, *on).await {
            tracing::warn!(%error, machine = light.machine, coil = address, "a lamp or interlock was not set");
        }
    }
}

fn bus(plant: &PlantFile, host: String, port: u16, machines: &[&Machine]) -> BusSettings {
    let slowest = machines.iter().map(|m| m.timeout_ms).max().unwrap_or(1000);
    let rtu = machines.iter().any(|m| m.transport == config::Transport::RtuOverTcp);
    BusSettings {
        host,
        port,
        transport: if rtu { Transport::RtuOverTcp } else { Transport::Tcp },
        timeout: Duration::from_millis(u64::from(slowest)),
        reconnect_min: Duration::from_millis(200),
        reconnect_max: Duration::from_secs(15),
        machines: machines.iter().map(|machine| settings(plant, machine)).collect(),
    }
}

fn settings(plant: &PlantFile, machine: &Machine) -> MachineSettings {
    let lights = plant.stations.iter().filter_map(|station| station.stack_light.as_ref());
    let coils = lights.filter(|light| light.machine == machine.code).flat_map(safe_coils).collect();
    MachineSettings {
        code: machine.code.clone(),
        unit_id: machine.unit_id,
        poll: Duration::from_millis(u64::from(machine.poll_ms)),
        // Reading a few registers that nobody asked for is quicker than asking twice.
        max_gap: 8,
        registers: machine.registers.iter().map(register).collect(),
        triggers: machine.triggers.iter().map(trigger).collect(),
        coils,
    }
}

/// Dark and locked, but for the red lamp where the plant wants it lit.
fn safe_coils(light: &StackLight) -> Vec<CoilSettings> {
    let red = light.safe_state == SafeState::Red;
    [
        (light.green_coil, false),
        (light.red_coil, red),
        (light.amber_coil, false),
        (light.interlock_coil, false),
    ]
    .into_iter()
    .filter_map(|(coil, safe)| coil.map(|address| CoilSettings { address, safe }))
    .collect()
}

fn register(from: &config::Register) -> Register {
    let table = match from.table {
        config::RegisterTable::Coil => Table::Coil,
        config::RegisterTable::Discrete => Table::Discrete,
        config::RegisterTable::Input => Table::Input,
        config::RegisterTable::Holding => Table::Holding,
    };
    let value_type = match from.value_type {
        config::ValueType::U16 => ValueType::U16,
        config::ValueType::I16 => ValueType::I16,
        config::ValueType::U32 => ValueType::U32,
        config::ValueType::I32 => ValueType::I32,
        config::ValueType::U64 => ValueType::U64,
        config::ValueType::I64 => ValueType::I64,
        config::ValueType::F32 => ValueType::F32,
        config::ValueType::F64 => ValueType::F64,
        config::ValueType::Bit => ValueType::Bit(from.bit.unwrap_or(0)),
    };
    Register {
        order: match from.word_order {
            config::WordOrder::Abcd => WordOrder::Abcd,
            config::WordOrder::Cdab => WordOrder::Cdab,
            config::WordOrder::Badc => WordOrder::Badc,
            config::WordOrder::Dcba => WordOrder::Dcba,
        },
        scale: from.scale,
        unit: from.unit.clone(),
        dead_band: from.dead_band,
        low: from.low,
        high: from.high,
        ..Register::new(&from.name, table, from.address, value_type)
    }
}

fn trigger(from: &config::Trigger) -> Trigger {
    Trigger {
        name: from.name.clone(),
        on: match from.on {
            config::TriggerOn::Change => TriggerOn::Change,
            config::TriggerOn::Counter => TriggerOn::Counter,
            config::TriggerOn::Rising => TriggerOn::Rising,
        },
        register: from.register.clone(),
        readings: from.readings.clone(),
    }
}
