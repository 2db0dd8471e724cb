//! `cloud tenant create`.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use chrono::Utc;
use platform::admin::log::Who;
use platform::ctx::Cx;
use platform::db::Db;
use platform::i18n::{I18n, Lang, Texts};
use platform::plans::{self, Plan};
use platform::tenancy::config::{self, GivenCodes, Planned};
use platform::tenancy::{self, Change, NewTenant, Upserted};
use platform::web::Features;
use uuid::Uuid;

use super::args::{CreateArgs, Place, place_text};
use crate::modules::{self, Shared};

fn planned(args: &CreateArgs) -> anyhow::Result<Planned> {
    let given = GivenCodes {
        tenant: args.code.clone(),
        plants: args.plant_codes.iter().cloned().collect::<BTreeMap<String, String>>(),
    };
    let json = match &args.from {
        Some(path) => {
            let size = std::fs::metadata(path).with_context(|| format!("reading {}", path.display()))?.len();
            anyhow::ensure!(
                size <= config::LARGEST as u64,
                "{}: more than {} KB, which no configuration of a tenant needs",
                path.display(),
                config::LARGEST / 1024
            );
            std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?
        }
        None => {
            let code = args.code.as_deref().unwrap_or_default();
            serde_json::json!({
                "tenant_id": code.to_lowercase(), "name": args.name, "timezone": args.time_zone,
                "language": args.language, "currency": args.currency,
            })
            .to_string()
        }
    };
    let mut planned = config::read(&json, &given).map_err(|wrong| {
        let texts = Texts::new(Arc::new(I18n::new().with_all(platform::admin::TEXTS)), Lang::En);
        let told = wrong.iter().map(|one| format!("\n  {}: {}", one.pointer, one.say(&texts)));
        anyhow::anyhow!("nothing was made:{}", told.collect::<String>())
    })?;
    if args.from.is_none() {
        planned.tenant.slug = None;
    }
    Ok(planned)
}

pub(super) async fn create(db: &Db, who: &Who, args: &CreateArgs) -> anyhow::Result<()> {
    let planned = planned(args)?;
    let NewTenant { code, name, time_zone, language, currency, .. } = &planned.tenant;
    let there = tenancy::find_tenant(db, code).await?;
    let plan = plans::plan_to_be(db, there.as_ref().map(|there| there.id), args.plan.as_deref()).await?;
    let of_plan = match &plan {
        Some(plan) if plan.placement == "own" => Place::Own,
        _ => Place::Shared,
    };
    let placement = args.placement.unwrap_or(of_plan).on(args.server.as_deref())?;
    println!("{code}  {name}  {time_zone}  {language}  {currency}  {}", place_text(&placement));
    if let Some(there) = &there {
        println!("  there already: {}, in {}, where it stays", there.name, there.placement);
    }
    for plant in &planned.plants {
        println!("  plant {}  {}  {}", plant.code, plant.slug, plant.name);
    }
    for derived in &planned.derived {
        println!("  derived from the id: {derived}");
    }
    for plant in planned.plants.iter().filter(|plant| plant.address.is_some()) {
        println!(
            "  {} stands at {}",
            plant.code,
            plant.address.as_deref().unwrap_or_default().replace('\n', ", ")
        );
    }
    print_features(&planned.tenant.features);
    let clashes = tenancy::clashes(db, &planned).await?;
    anyhow::ensure!(clashes.is_empty(), "nothing was made:\n  {}", clashes.join("\n  "));
    if let Some(plan) = args.plan.as_deref() {
        anyhow::ensure!(
            plans::is_given(db, plan).await?,
            "nothing was made: no plan {plan} is given to tenants"
        );
    }
    if let Some(plan) = &plan {
        within(db, plan, there.as_ref().map(|there| there.id), &planned).await?;
    }
    let renamed = there.filter(|there| there.name != *name);
    if let Some(there) = renamed
        && !args.replace
    {
        anyhow::bail!(
            "nothing was made: there is a tenant {code} already, and its name {} would become {name}.\n\
             Give another --code; or --replace, to bring that one up to date",
            there.name
        );
    }
    if args.dry_run {
        println!("nothing was made (--dry-run)");
        return Ok(());
    }
    let made = tenancy::create(db, who, &planned.tenant, &placement, Utc::now()).await?;
    if let Some(plan) = args.plan.as_deref() {
        begin_with(db, who, &made, plan).await?;
    }
    tenancy::create_plants(db, who, made.id, &planned).await?;
    match made.change {
        Change::Made => println!(
            "made; invite its first person with `cloud user invite EMAIL --name NAME --tenant {code}`"
        ),
        Change::Updated => println!("was there, and was brought up to date"),
        Change::Same => println!("was there already"),
    }
    Ok(())
}

/// Refuses more plants than the plan allows, as super-administrators are refused them.
async fn within(db: &Db, plan: &Plan, tenant: Option<Uuid>, planned: &Planned) -> anyhow::Result<()> {
    let there = match tenant {
        Some(tenant) => db.tx(&Cx::system(tenant), async |tx| tenancy::plant_codes(tx).await).await?,
        None => Vec::new(),
    };
    let codes: Vec<&str> = planned.plants.iter().map(|plant| plant.code.as_str()).collect();
    if let Some(most) = plans::plants_beyond(plan, &there, &codes) {
        anyhow::bail!(
            "nothing was made: the plan {} allows {most} plants, and these would be more; give another plan",
            plan.plan
        );
    }
    Ok(())
}

/// What a list of features comes to in this cloud.
fn print_features(has: &[String]) {
    if has.is_empty() {
        return;
    }
    let known = Features::of_modules(&modules::all(&Shared::default()));
    for (feature, on) in known.of(has) {
        println!("  feature {}  {}", feature.name, if on { "on" } else { "off" });
    }
    let unused = known.unused(has);
    if !unused.is_empty() {
        println!("  kept, and no module here uses it: features {}", unused.join(", "));
    }
}

/// The plan of a tenant that was made just now; or, where that was cut short, of one to whom
/// nobody has given any.
async fn begin_with(db: &Db, who: &Who, made: &Upserted, plan: &str) -> anyhow::Result<()> {
    let now = Utc::now();
    let done = match made.change {
        Change::Made => plans::plan_first(db, who, made.id, plan, now).await,
        Change::Updated | Change::Same => plans::plan_where_none(db, who, made.id, plan, now).await,
    };
    Ok(done?)
}
