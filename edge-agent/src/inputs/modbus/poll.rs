//! The task of one bus.

use std::sync::Arc;

use chrono::Utc;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::bus::{Connection, RequestError};
use super::coils::{self, CoilError, CoilWriter, Command};
use super::deliver;
use super::live::Live;
use super::machine::Machine;
use super::settings::{BusSettings, ModbusError, check};
use super::trigger::Fired;
use crate::inputs::{Backoff, Count, Flag, Intake, MachineInput};

/// Counters of a bus since the start, and its present state.
#[derive(Debug, Default)]
pub struct ModbusStats {
    /// Whether it is connected.
    pub connected: Flag,
    /// Connections made.
    pub connections: Count,
    /// Connections dropped after a timeout or an error.
    pub dropped: Count,
    /// Requests that were answered with values.
    pub reads: Count,
    /// Requests that failed, in whatever way.
    pub failed_reads: Count,
    /// Triggers that fired.
    pub triggers: Count,
    /// Times that a counter had moved on by more than one.
    pub jumps: Count,
    /// Attempts that the intake did not take; they are repeated.
    pub not_taken: Count,
    /// Polls at which triggers were left alone, because too much waits.
    pub held: Count,
    /// Triggered readings lost at a stop.
    pub lost: Count,
}

/// One bus with its machines.
pub struct ModbusBus {
    settings: BusSettings,
    intake: Arc<dyn Intake>,
    machines: Vec<Machine>,
    commands: mpsc::Receiver<Command>,
    /// Kept, so that the channel stays open without a writer.
    coils: CoilWriter,
    _sender: mpsc::Sender<Command>,
    live: Live,
    stats: Arc<ModbusStats>,
    stop: CancellationToken,
}

impl ModbusBus {
    /// Prepares a bus; [`ModbusBus::run`] connects.
    pub fn new(
        settings: BusSettings,
        intake: Arc<dyn Intake>,
        stop: CancellationToken,
    ) -> Result<Self, ModbusError> {
        check(&settings)?;
        let (sender, commands) = mpsc::channel(coils::QUEUE);
        let (mut live, mut coils) = (Live::default(), CoilWriter::default());
        let mut machines = Vec::new();
        for (index, machine) in settings.machines.iter().enumerate() {
            let longest = settings.reconnect_max.max(machine.poll);
            let state = Machine::new(machine.clone(), Backoff::new(machine.poll, longest));
            live.add(machine, state.live());
            for coil in &machine.coils {
                coils.add(&machine.code, index, coil.address, &sender);
            }
            machines.push(state);
        }
        let stats = Arc::default();
        Ok(Self { settings, intake, machines, commands, coils, _sender: sender, live, stats, stop })
    }

    /// The present values of the bus's machines.
    pub fn live(&self) -> Live {
        self.live.clone()
    }

    /// Writes the bus's coils.
    pub fn coils(&self) -> CoilWriter {
        self.coils.clone()
    }

    /// Counters and state, live.
    pub fn stats(&self) -> Arc<ModbusStats> {
        Arc::clone(&self.stats)
    }

    /// Runs until the stop token is cancelled. Then coils are made safe, and what
    /// was triggered is offered a last time.
    pub async fn run(self) {
        let (inputs, queue) = mpsc::channel(deliver::QUEUE);
        let (intake, stop) = (Arc::clone(&self.intake), self.stop.clone());
        let stats = self.stats();
        let backoff = Backoff::new(self.settings.reconnect_min, self.settings.reconnect_max);
        let task = Task {
            settings: self.settings,
            machines: self.machines,
            connection: None,
            connect_at: Instant::now(),
            backoff,
            inputs,
            stats: Arc::clone(&self.stats),
        };
        let polling = task.run(self.commands, &stop);
        tokio::join!(polling, deliver::run(queue, intake, &stats, &stop));
    }
}

struct Task {
    settings: BusSettings,
    machines: Vec<Machine>,
    connection: Option<Connection>,
    /// When to connect next, while there is no connection.
    connect_at: Instant,
    backoff: Backoff,
    inputs: mpsc::Sender<MachineInput>,
    stats: Arc<ModbusStats>,
}

impl Task {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>, stop: &CancellationToken) {
        loop {
            let next = (0..self.machines.len()).min_by_key(|i| self.machines[*i].due);
            let wake = match next {
                Some(next) if self.connection.is_some() => self.machines[next].due,
                _ => self.connect_at,
            };
            tokio::select! {
                // Before polls, which are always due where a machine is slow.
                biased;
                () = stop.cancelled() => break,
                Some(command) = commands.recv() => self.command(command).await,
                () = sleep_until(wake), if next.is_some() => match next {
                    Some(next) if self.connection.is_some() => self.poll(next, &mut commands).await,
                    _ => self.connect().await,
                },
            }
        }
        self.stop(commands).await;
    }

    async fn connect(&mut self) {
        match Connection::open(&self.settings).await {
            Ok(connection) => {
                self.connection = Some(connection);
                self.stats.connections.add();
                self.stats.connected.set(true);
                // What they show is what the last connection left there.
                self.machines.iter_mut().for_each(|m| m.unsafe_coils = !m.settings.coils.is_empty());
            }
            Err(error) => {
                tracing::warn!(host = %self.settings.host, port = self.settings.port, %error, "no connection to the Modbus bus");
                let now = Utc::now();
                self.machines.iter_mut().for_each(|m| m.lost(now));
                self.connect_at = Instant::now() + self.backoff.next_wait();
            }
        }
    }

    /// Drops the connection: a late answer must not be taken for another one's.
    fn drop_connection(&mut self, error: &str) {
        tracing::warn!(host = %self.settings.host, port = self.settings.port, %error, "dropping the Modbus connection");
        self.connection = None;
        // Nothing is read of any machine until there is another connection.
        let now = Utc::now();
        self.machines.iter_mut().for_each(|m| m.lost(now));
        self.stats.dropped.add();
        self.stats.connected.set(false);
        self.connect_at = Instant::now() + self.backoff.next_wait();
    }

    /// Polls one machine. Commands are let through between its requests.
    async fn poll(&mut self, index: usize, commands: &mut mpsc::Receiver<Command>) {
        let mut done = 0;
        let failed = loop {
            while let Ok(command) = commands.try_recv() {
                self.command(command).await;
            }
            if let Err(error) = self.make_safe(index).await {
                break Some(error);
            }
            let (Some(connection), Some(group)) = (&mut self.connection, self.machines[index].group(done))
            else {
                // A command broke the connection; or all groups are read.
                break self.connection.is_none().then(String::new);
            };
            let unit = self.machines[index].settings.unit_id;
            let result = connection.read(unit, &group).await;
            match &result {
                Ok(_) => {
                    self.stats.reads.add();
                    self.backoff.reset();
                    self.machines[index].backoff.reset();
                }
                Err(RequestError::Exception(_)) => {
                    self.stats.failed_reads.add();
                    self.backoff.reset();
                }
                Err(RequestError::Broken(error)) => {
                    self.stats.failed_reads.add();
                    break Some(error.clone());
                }
            }
            self.machines[index].read(done, result, Utc::now());
            done += 1;
        };
        let now = Instant::now();
        let machine = &mut self.machines[index];
        match failed {
            None => {
                let next = machine.due + machine.settings.poll;
                machine.due = if next > now { next } else { now + machine.settings.poll };
                self.fire(index);
            }
            Some(error) => {
                machine.lost(Utc::now());
                // So that a silent machine does not take the bus from the others.
                machine.due = now + machine.settings.poll.max(machine.backoff.next_wait());
                if self.connection.is_some() {
                    self.drop_connection(&error);
                }
            }
        }
    }

    fn fire(&mut self, index: usize) {
        let room = self.inputs.capacity();
        if room == 0 {
            self.stats.held.add();
        }
        let machine = &self.machines[index].settings.code.clone();
        for firing in self.machines[index].finish(room, Utc::now()) {
            self.stats.triggers.add();
            let trigger = &firing.input.trigger;
            match firing.fired {
                Fired::Once => {}
                Fired::Jumped(by) => {
                    self.stats.jumps.add();
                    tracing::warn!(%machine, ?trigger, by, "a counter moved on by more than one; readings of the last only");
                }
                Fired::Reset => {
                    tracing::warn!(%machine, ?trigger, "a counter was reset; counted as one");
                }
            }
            // Cannot be full: finish() was told how much room there is.
            if self.inputs.try_send(firing.input).is_err() {
                self.stats.lost.add();
            }
        }
    }

    /// Brings the machine's coils into their safe state, once per connection. The
    /// error is that of a broken connection.
    async fn make_safe(&mut self, index: usize) -> Result<(), String> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let machine = &mut self.machines[index];
        if !machine.unsafe_coils {
            return Ok(());
        }
        for coil in &machine.settings.coils {
            match connection.write(machine.settings.unit_id, coil.address, coil.safe).await {
                Ok(()) => {}
                Err(RequestError::Exception(exception)) => {
                    tracing::error!(machine = %machine.settings.code, coil = coil.address, %exception, "a coil cannot be made safe");
                }
                Err(RequestError::Broken(error)) => return Err(error),
            }
        }
        machine.unsafe_coils = false;
        Ok(())
    }

    async fn command(&mut self, command: Command) {
        let result = self.write(&command).await;
        if let Err(CoilError::Failed(error)) = &result {
            let machine = &self.machines[command.machine].settings.code;
            tracing::error!(%machine, coil = command.address, on = command.on, %error, "a coil was not written");
        }
        // The one who asked may have gone; the coil is written all the same.
        let _ = command.done.send(result);
    }

    async fn write(&mut self, command: &Command) -> Result<(), CoilError> {
        if let Err(error) = self.make_safe(command.machine).await {
            self.drop_connection(&error);
            return Err(CoilError::Failed(error));
        }
        let Some(connection) = &mut self.connection else { return Err(CoilError::NotConnected) };
        let unit = self.machines[command.machine].settings.unit_id;
        match connection.write(unit, command.address, command.on).await {
            Ok(()) => Ok(()),
            Err(RequestError::Exception(exception)) => Err(CoilError::Failed(exception.to_string())),
            Err(RequestError::Broken(error)) => {
                self.drop_connection(&error);
                Err(CoilError::Failed(error))
            }
        }
    }

    /// Leaves every coil safe, if need be by a last connection.
    async fn stop(&mut self, mut commands: mpsc::Receiver<Command>) {
        commands.close();
        while let Some(command) = commands.recv().await {
            let _ = command.done.send(Err(CoilError::Stopping));
        }
        if self.machines.iter().any(|m| !m.settings.coils.is_empty()) && self.connection.is_none() {
            self.connect().await;
        }
        for index in 0..self.machines.len() {
            self.machines[index].unsafe_coils = true;
            if let Err(error) = self.make_safe(index).await {
                tracing::error!(machine = %self.machines[index].settings.code, %error, "coils could not be made safe at the stop");
                // The others of the bus have a claim to a connection that works.
                self.connection = None;
                self.connect().await;
            }
        }
        self.stats.connected.set(false);
    }
}
