//! What was done with racks, boxes and trolleys, and measured on them, while units of a walk
//! were in them: it counts at the walk's ends as it does in each unit's history.

use std::collections::{HashMap, HashSet};

use platform::db::Tx;
use uuid::Uuid;

use super::error::TraceError;
use super::model::MachineAt;
use super::stays::{self, Stay};
use super::store::walk::EndReading;
use super::store::{along, around as store, corrections};

/// What the ends of a walk take over from packages.
#[derive(Debug, Default)]
pub(super) struct Around {
    /// Readings, …
    pub readings: i64,
    /// … those of them outside their limits, …
    pub readings_outside: i64,
    /// … and which those are, each of a unit that was inside; one more than are shown.
    pub outside: Vec<EndReading>,
    /// Machines that reported them, or did anything with the packages meanwhile.
    pub machines: Vec<MachineAt>,
    /// People who took them, or did anything with the packages meanwhile.
    pub operators: Vec<String>,
}

/// What was measured around these units. Of the units themselves, where they are
/// packages, the walk knows already. Of each list one more than `most`.
///
/// # Errors
/// The database.
pub(super) async fn around(tx: &mut Tx, keys: &[i64], most: i64) -> Result<Around, TraceError> {
    let reached: HashSet<i64> = keys.iter().copied().collect();
    let mut stays = stays::around_all(tx, keys).await?;
    stays.retain(|stay| !reached.contains(&stay.package));
    if stays.is_empty() {
        return Ok(Around::default());
    }
    let spans = stays::spans(&stays);
    let packages: Vec<i64> =
        spans.iter().map(|span| span.package).collect::<HashSet<_>>().into_iter().collect();
    let void: Vec<Uuid> = corrections::void_of_keys(tx, &packages).await?;
    let asked = store::Asked { spans: &spans, keys, void: &void, most };
    let (mut machines, mut operators) = along::hands(tx, &asked).await?;
    let (readings, readings_outside) = store::readings_count(tx, &asked).await?;
    if readings == 0 {
        return Ok(Around { machines, operators, ..Around::default() });
    }
    let measured = store::who(tx, &asked).await?;
    machines.extend(measured.0);
    operators.extend(measured.1);
    let mut outside = store::readings_outside(tx, &asked).await?;
    of_units(&mut outside, &stays);
    Ok(Around { readings, readings_outside, outside, machines, operators })
}

/// Names a unit that was inside instead of its package. Pure.
fn of_units(readings: &mut [EndReading], stays: &[Stay]) {
    let mut inside: HashMap<i64, Vec<&Stay>> = HashMap::new();
    for stay in stays {
        inside.entry(stay.package).or_default().push(stay);
    }
    for reading in readings {
        let there = inside.get(&reading.key).into_iter().flatten();
        let first = there.filter(|stay| stay.has(reading.taken_at)).map(|stay| stay.content).min();
        reading.key = first.unwrap_or(reading.key);
    }
}
