//! `history`: a small history of the tenant SAIF as `cloud import events` takes it, for
//! whatever wants a tenant with facts. Seeded: the same seed and size are the same rows.
//!
//! Bags are received, units are made of them, units are packed and sent away; a few are put
//! away that nobody ever received, which the cloud tells as exceptions.

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use simulators::demo::world::TENANT;
use uid::{PlantCode, TenantCode, TypeCode, Uid};

/// The plant whose labels they are: one that no simulated agent has numbers of.
const PLANT: &str = "VSK";
/// Numbers begin here, far past what a plant has had.
const FIRST: u64 = 20_000_000;

/// Writes a small history of the tenant SAIF, as `cloud import events` takes it.
#[derive(Parser)]
#[command(name = "history")]
struct Cli {
    /// Where the rows go.
    #[arg(long)]
    out: PathBuf,
    /// Where the UIDs go that came to be, one a line.
    #[arg(long)]
    uids: PathBuf,
    /// How many units are made.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    units: u64,
    /// Seed of everything that is left to chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Labels of one tenant and plant.
struct Labels {
    tenant: TenantCode,
    plant: PlantCode,
}

impl Labels {
    fn uid(&self, kind: &str, number: u64) -> anyhow::Result<String> {
        let kind: TypeCode = kind.parse()?;
        Ok(Uid::new(self.tenant, self.plant, kind, FIRST + number)?.to_string())
    }
}

fn write(cli: &Cli) -> anyhow::Result<()> {
    let labels = Labels { tenant: TENANT.parse()?, plant: PLANT.parse()? };
    let mut rng = ChaCha8Rng::seed_from_u64(cli.seed);
    let mut rows = BufWriter::new(std::fs::File::create(&cli.out)?);
    let mut uids = BufWriter::new(std::fs::File::create(&cli.uids)?);
    writeln!(
        rows,
        "uid,stage,action,occurred_at,item,quantity,unit,inputs,supplier,supplier_lot,location,machine,operator,\
         operation,readings,reference_type,reference_number,station"
    )?;
    for n in 0..cli.units {
        let (bag, unit) = (labels.uid("RM", n)?, labels.uid("FG", n)?);
        let (day, heat) = (1 + n % 28, n % 5);
        let warm = rng.random_range(178..193);
        writeln!(
            rows,
            "{bag},GRN,,2024-01-{day:02}T10:30:00+05:30,RM-STEEL-COIL,25.5,kg,,TISCO,HEAT-{heat},RACK-1,,,,,po,PO-OLD-1,"
        )?;
        writeln!(
            rows,
            "{unit},TRANSFORMATION,,2024-02-{day:02}T10:30:00+05:30,FG-ACTUATOR,,,{bag}=1.5 kg,,,,OVEN-1,op-7,CURE,\
             temperature={warm}.5 C [170..190],prodorder,WO-OLD-1,OVEN1"
        )?;
        if n % 3 == 0 {
            let challan = n / 9;
            writeln!(
                rows,
                "{unit},DISPATCH,add,2024-03-{day:02}T10:30:00+05:30,,,,,,,,,,,,challan,DC-OLD-{challan},"
            )?;
        }
        writeln!(uids, "{unit}\n{bag}")?;
    }
    // What is put away and was never received is told as an exception.
    for n in 0..3 {
        let stray = labels.uid("RM", 1_000_000 + n)?;
        writeln!(rows, "{stray},STORAGE,,2024-03-01T10:30:00+05:30,,,,,,,RACK-9,,,,,,,")?;
    }
    rows.flush()?;
    uids.flush()?;
    Ok(())
}

fn main() -> ExitCode {
    match write(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("history: {error:#}");
            ExitCode::FAILURE
        }
    }
}
