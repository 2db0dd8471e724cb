//! The seam to the station rules, so that the engine can be tested with rules
//! that do what a test needs: mint, fail, panic.

use std::collections::HashMap;

use proto::v1;
use uid::TenantCode;

use crate::inputs::MachineInput;
use crate::reference::Reference;
use crate::station;
use crate::station::types::{Decision, Label, Scanned, Session, World};

/// What a scan or a machine's readings mean. Pure: no I/O, no clock.
pub trait Rules: Send + Sync + 'static {
    /// What was scanned.
    fn classify(&self, text: &str, tenant: TenantCode, reference: &Reference) -> Scanned;
    /// Labels that judging it will look at, without their families.
    fn wanted(&self, session: &Session, scanned: &Scanned) -> Vec<i64>;
    /// What it comes to.
    fn interpret(&self, world: &World<'_>, scanned: &Scanned) -> Decision;
    /// What a machine's trigger comes to at its station.
    fn on_machine(&self, world: &World<'_>, input: &MachineInput) -> Decision;
    /// Applies a recorded event to the labels it concerns; `corrected` is the event
    /// that a CORRECT names, where it is still on disk.
    fn fold(&self, labels: &mut HashMap<i64, Label>, event: &v1::Event, corrected: Option<&v1::Event>);
    /// Whether an event of this stage gives birth to the UIDs minted in it.
    fn gives_birth(&self, stage: v1::Stage) -> bool;
}

/// The rules of [`crate::station`].
#[derive(Debug, Clone, Copy, Default)]
pub struct StationRules;

impl Rules for StationRules {
    fn classify(&self, text: &str, tenant: TenantCode, reference: &Reference) -> Scanned {
        station::classify(text, tenant, reference)
    }

    fn wanted(&self, session: &Session, scanned: &Scanned) -> Vec<i64> {
        station::wanted_keys(session, scanned)
    }

    fn interpret(&self, world: &World<'_>, scanned: &Scanned) -> Decision {
        station::interpret(world, scanned)
    }

    fn on_machine(&self, world: &World<'_>, input: &MachineInput) -> Decision {
        station::on_machine(world, input)
    }

    fn fold(&self, labels: &mut HashMap<i64, Label>, event: &v1::Event, corrected: Option<&v1::Event>) {
        station::fold_correction(labels, event, corrected);
    }

    fn gives_birth(&self, stage: v1::Stage) -> bool {
        station::gives_birth(stage)
    }
}
