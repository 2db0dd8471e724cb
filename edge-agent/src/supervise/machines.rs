//! Machines: a part per bus, which reads its machines, tells the engine their
//! present values, and keeps the stack lights on their coils.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::Utc;
use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::meters::Meters;
use super::parts::Parts;
use super::{intake, lights};
use crate::config::{self, Machine, PlantFile, SafeState, StackLight};
use crate::engine::Handle;
use crate::inputs::modbus::{
    BusSettings, CoilSettings, Live, MachineSettings, ModbusBus, Register, Table, Transport, Trigger,
    TriggerOn, ValueType, WordOrder,
};
use crate::inputs::{Intake, MachineInput, MachineReading, Quality};

/// Starts polling, and the stack lights.
pub(super) fn start(plant: &Arc<PlantFile>, handle: &Handle, meters: &Meters, parts: &mut Parts) {
    let mut buses: BTreeMap<(String, u16), Vec<Machine>> = BTreeMap::new();
    for machine in &plant.machines {
        let address = (machine.address.host.clone(), machine.address.port);
        buses.entry(address).or_default().push(machine.clone());
    }
    for ((host, port), machines) in buses {
        let settings = bus(plant, host, port, &machines);
        let codes: Vec<String> = machines.into_iter().map(|machine| machine.code).collect();
        let name = format!("machines {}", codes.join(", "));
        let (plant, handle, meters) = (plant.clone(), handle.clone(), meters.clone());
        let stop = parts.stop().clone();
        parts.run(name, move || {
            let run = run(settings.clone(), codes.clone(), handle.clone(), meters.clone(), stop.clone());
            let (plant, codes, handle, stop) = (plant.clone(), codes.clone(), handle.clone(), stop.clone());
            async move {
                let ended = AssertUnwindSafe(run).catch_unwind().await;
                if !stop.is_cancelled() {
                    // Nobody reads these machines now.
                    forget(&plant, &codes, &handle).await;
                }
                ended.unwrap_or_else(|panic| resume_unwind(panic))
            }
        });
    }
}

/// Reads one bus until told to stop, which leaves its coils safe.
async fn run(
    settings: BusSettings,
    codes: Vec<String>,
    handle: Handle,
    meters: Meters,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let bus = ModbusBus::new(settings, intake(&handle), stop.clone()).context("settings")?;
    let (live, coils) = (bus.live(), bus.coils());
    let mut beside = Vec::new();
    for code in &codes {
        meters.modbus(code, bus.stats());
        if let Some(values) = live.watch(code) {
            beside.push(follow(code.clone(), values, live.clone(), handle.clone(), stop.clone()).boxed());
        }
    }
    for station in &handle.plant().stations {
        if station.stack_light.as_ref().is_some_and(|light| codes.contains(&light.machine)) {
            let kept = lights::keep(station.clone(), handle.clone(), coils.clone(), stop.clone());
            beside.push(kept.boxed());
        }
    }
    let beside = async {
        join_all(beside).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = bus.run() => {}
        () = beside => {}
    }
    Ok(())
}

/// Tells the engine that no value of these machines is known.
async fn forget(plant: &PlantFile, codes: &[String], engine: &dyn Intake) {
    let at = Utc::now();
    for machine in plant.machines.iter().filter(|machine| codes.contains(&machine.code)) {
        let readings = machine.registers.iter().map(|register| MachineReading {
            name: register.name.clone(),
            value: None,
            unit: register.unit.clone(),
            quality: Quality::Bad,
            low: register.low,
            high: register.high,
            at,
        });
        let input = MachineInput {
            machine: machine.code.clone(),
            trigger: None,
            input_id: Uuid::now_v7().to_string(),
            at,
            readings: readings.collect(),
        };
        if let Err(error) = engine.machine(input).await {
            tracing::warn!(%error, machine = machine.code, "that its values are not known was not taken");
        }
    }
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

fn bus(plant: &PlantFile, host: String, port: u16, machines: &[Machine]) -> BusSettings {
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
        (light.heartbeat_coil, false),
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::future::BoxFuture;

    use super::*;
    use crate::inputs::{Answer, IntakeError, ScanInput};

    #[derive(Default)]
    struct Told(Mutex<Vec<MachineInput>>);

    impl Intake for Told {
        fn scan(&self, _: ScanInput) -> BoxFuture<'_, Result<Answer, IntakeError>> {
            Box::pin(std::future::ready(Err(IntakeError::Stopping)))
        }

        fn machine(&self, input: MachineInput) -> BoxFuture<'_, Result<(), IntakeError>> {
            self.0.lock().unwrap().push(input);
            Box::pin(std::future::ready(Ok(())))
        }
    }

    #[tokio::test]
    async fn no_value_is_known_of_a_machine_that_nobody_reads() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../plant-configs/kolkata.toml");
        let plant = config::load(std::path::Path::new(path)).unwrap();
        let told = Told::default();
        forget(&plant, &["PLC1".to_owned()], &told).await;
        let told = told.0.into_inner().unwrap();
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].machine.as_str(), &told[0].trigger), ("PLC1", &None));
        assert_eq!(told[0].readings.len(), plant.machine("PLC1").unwrap().registers.len());
        assert!(told[0].readings.iter().all(|r| r.quality == Quality::Bad && r.value.is_none()));
    }

    #[test]
    fn the_safe_state_locks_and_stills_the_heartbeat() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../plant-configs/kolkata.toml");
        let plant = config::load(std::path::Path::new(path)).unwrap();
        let light = plant.stations.iter().find_map(|station| station.stack_light.clone()).unwrap();
        let safe: Vec<(u16, bool)> = safe_coils(&light).into_iter().map(|c| (c.address, c.safe)).collect();
        assert_eq!(safe, [(100, false), (101, true), (102, false), (103, false), (104, false)]);
    }
}
