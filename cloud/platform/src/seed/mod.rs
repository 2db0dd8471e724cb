//! Fills a tenant: the organisation from plant files, masters and open orders
//! from a reference file, or from other systems by API, JSON and CSV. Safe to
//! run again; the same once more changes nothing.

mod api;
mod check;
mod differ;
pub mod import;
mod masters;
mod mistake;
mod model;
mod plant_file;
mod read;
mod reference_file;
mod report;
mod said;
pub(crate) mod secrets;
mod store;
#[cfg(test)]
mod tests;
mod tokens;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::{Datelike, NaiveDate};
use serde_json::json;
use uuid::Uuid;

use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, DbError, SystemTx, Tx};
use crate::tenancy::{self, Change, NewAgent, NewCompany, NewPlant, NewTenant};
use crate::web::{Bodies, Module};
use check::Known;
use model::ReferenceFile;
use plant_file::PlantFile;
use read::{Basis, SourceFile};
use tokens::Waiting;

pub use api::{OPERATOR_WRITE, PERMISSIONS, REFERENCE_READ, REFERENCE_WRITE, operations, router};
pub use differ::Differing;
pub use mistake::{Mistake, SeedErrors};
pub(crate) use read::nearest;
pub use report::{Count, Made, SeedReport, Token};

/// What a run made and changed in each tenant, by its name, for the audit.
type Done = BTreeMap<Uuid, BTreeMap<String, usize>>;

/// Files as they were read.
struct Input {
    plants: Vec<(SourceFile, plant_file::Read)>,
    reference: Option<(SourceFile, ReferenceFile)>,
}

/// Makes or updates what the files say, in one transaction, and issues tokens
/// for the agents of the plant files that have not enrolled; into `tokens_dir`
/// as `<PLANT>.token` if that is given. `today` gives the year of new document
/// series, as in `GRN-KOL-2025-`. What is here with other values is written over only with
/// `replace`.
///
/// # Errors
/// [`SeedErrors::Mistakes`] with every mistake of all files, and
/// [`SeedErrors::Differing`] with all that is here otherwise; nothing is written then. Else
/// those of files and database.
pub async fn seed(
    db: &Db,
    ca_fingerprint: [u8; 32],
    plant_files: &[PathBuf],
    reference: Option<&Path>,
    tokens_dir: Option<&Path>,
    today: NaiveDate,
    replace: bool,
) -> Result<SeedReport, SeedErrors> {
    let input = read_files(plant_files, reference)?;
    let (mut report, waiting) = db
        .system_tx(async |system| {
            let known = compare(system, &input).await?;
            let mut report = SeedReport::default();
            let mut done = BTreeMap::new();
            let waiting = organisation(system, &input, today, &mut report, &mut done).await?;
            let updated = report.organisation.iter().filter(|made| made.change == Change::Updated);
            report.replaced = updated.map(|made| Differing::named(&made.what)).collect();
            if let (Some((_, file)), Some(known)) = (&input.reference, known) {
                let code = file.tenant.as_ref().map(|tenant| tenant.value.as_str()).unwrap_or_default();
                if let Some(tenant) = tenancy::find_tenant_in(system, code).await? {
                    let cx = Cx::system(tenant.id);
                    let write = system.enter(&cx, async |tx| {
                        let before = differ::rows(tx, file).await?;
                        let written = masters::write(tx, file, &known).await?;
                        let after = differ::rows(tx, file).await?;
                        Ok::<_, SeedErrors>((written, differ::compare(&before, &after)))
                    });
                    let (written, differing) = write.await?;
                    (report.masters, report.published) = written;
                    report.replaced.extend(differing);
                    let masters = report.masters.iter().filter(|count| count.changed > 0);
                    let counts = done.entry(tenant.id).or_default();
                    counts.extend(masters.map(|count| (count.what.to_string(), count.changed)));
                }
            }
            if !replace && !report.replaced.is_empty() {
                return Err(SeedErrors::Differing(report.replaced));
            }
            for (tenant, counts) in done.into_iter().filter(|(_, counts)| !counts.is_empty()) {
                let entry = Entry {
                    action: "tenant.seed",
                    subject: &format!("tenant:{tenant}"),
                    after: Some(json!(counts)),
                    ..Entry::default()
                };
                let write = async |tx: &mut Tx| audit::record(tx, entry.clone()).await;
                system.enter(&Cx::system(tenant), write).await?;
            }
            Ok::<_, SeedErrors>((report, waiting))
        })
        .await?;
    report.tokens = tokens::issue(db, ca_fingerprint, &waiting, tokens_dir).await?;
    Ok(report)
}

fn read_files(plant_files: &[PathBuf], reference: Option<&Path>) -> Result<Input, SeedErrors> {
    let mut plants = Vec::new();
    for path in plant_files {
        let source = SourceFile::load(path)?;
        let file = plant_file::read(&source);
        plants.push((source, file));
    }
    let read: Vec<(&SourceFile, &PlantFile)> =
        plants.iter().filter_map(|(source, file)| Some((source, file.file.as_ref()?))).collect();
    plant_file::compare(&read);
    let reference = match reference {
        Some(path) => {
            let source = SourceFile::load(path)?;
            let file = reference_file::read(&source, reference_file::Tenant::MustBeNamed);
            Some((source, file))
        }
        None => None,
    };
    Ok(Input { plants, reference })
}

/// Compares the files with the database; every mistake of all files, if there
/// is one.
async fn compare(system: &mut SystemTx, input: &Input) -> Result<Option<Known>, SeedErrors> {
    for (source, file) in &input.plants {
        let Some((file, slug)) = file.file.as_ref().and_then(|file| Some((file, file.tenant_slug.as_ref()?)))
        else {
            continue;
        };
        let owner = tenancy::tenant_code_by_slug(system, &slug.value).await?;
        if let Some(owner) = owner.filter(|owner| *owner != file.tenant.value) {
            let hint = format!("tenant {owner} has it");
            source.note(Basis::Present, &slug.place, "an id that no other tenant has", Some(hint));
        }
    }
    let known = match &input.reference {
        Some((source, file)) => {
            let mut known = known(system, input, file).await?;
            check::check(source, file, &mut known);
            Some(known)
        }
        None => None,
    };
    let mut mistakes = Vec::new();
    for source in input.plants.iter().map(|(source, _)| source).chain(input.reference.iter().map(|(s, _)| s))
    {
        mistakes.extend(source.mistakes());
    }
    if mistakes.is_empty() { Ok(known) } else { Err(SeedErrors::Mistakes(mistakes)) }
}

async fn known(system: &mut SystemTx, input: &Input, file: &ReferenceFile) -> Result<Known, DbError> {
    let Some(code) = file.tenant.as_ref().map(|tenant| tenant.value.as_str()) else {
        return Ok(Known::default());
    };
    // A file whose tenant is not well formed may mean this one.
    let of_tenant = |read: &&plant_file::Read| read.tenant.as_ref().is_none_or(|tenant| tenant == code);
    let files: Vec<&plant_file::Read> = input.plants.iter().map(|(_, read)| read).filter(of_tenant).collect();
    let more_plants = files.iter().any(|read| read.tenant.is_none() || read.plant.is_none());
    let mut plants: BTreeSet<String> = files.iter().filter_map(|read| read.plant.clone()).collect();
    let mut known = match tenancy::find_tenant_in(system, code).await? {
        Some(tenant) => {
            let cx = Cx::system(tenant.id);
            let read = system.enter(&cx, async |tx| {
                plants.extend(tenancy::plant_codes(tx).await?);
                masters::known(tx, plants).await
            });
            read.await?
        }
        None => Known { tenant: !files.is_empty(), plants, ..Known::default() },
    };
    known.more_plants = more_plants;
    Ok(known)
}

/// Writes tenants, companies, plants, agents and series. Answers the agents of
/// these plants that have not enrolled.
async fn organisation(
    system: &mut SystemTx,
    input: &Input,
    today: NaiveDate,
    report: &mut SeedReport,
    done: &mut Done,
) -> Result<Vec<Waiting>, DbError> {
    let mut tenants: BTreeMap<&str, Uuid> = BTreeMap::new();
    let mut companies: BTreeMap<(&str, &str), Uuid> = BTreeMap::new();
    let mut waiting = Vec::new();
    for file in input.plants.iter().filter_map(|(_, read)| read.file.as_ref()) {
        let code = file.tenant.value.as_str();
        let before = report.organisation.len();
        let tenant = match tenants.get(code) {
            Some(id) => *id,
            None => {
                let new = NewTenant {
                    code: code.to_owned(),
                    slug: file.tenant_slug.as_ref().map(|slug| slug.value.clone()),
                    name: file.tenant_name.value.clone(),
                    time_zone: file.time_zone.clone(),
                    language: file.languages.first().cloned().unwrap_or_else(|| "en".to_owned()),
                    ..NewTenant::default()
                };
                let made = tenancy::tenant_upsert(system, &new).await?;
                report.organisation.push(Made { what: format!("tenant {code}"), change: made.change });
                tenants.insert(code, made.id);
                made.id
            }
        };
        let cx = Cx::system(tenant);
        let known = companies.get(&(code, file.company.value.as_str())).copied();
        let write = system.enter(&cx, async |tx| plant(tx, file, known, today, report).await);
        let (company, agent) = write.await?;
        companies.insert((code, file.company.value.as_str()), company);
        let counts = done.entry(tenant).or_default();
        for made in report.organisation.iter().skip(before) {
            let name = match made.change {
                Change::Made => "made",
                Change::Updated => "updated",
                Change::Same => continue,
            };
            *counts.entry(name.to_owned()).or_default() += 1;
        }
        if let Some(agent) = agent {
            waiting.push(Waiting {
                tenant,
                tenant_code: code.to_owned(),
                plant: file.plant.value.clone(),
                agent,
            });
        }
    }
    Ok(waiting)
}

/// Writes one plant. Answers its company, and its agent unless that enrolled.
async fn plant(
    tx: &mut Tx,
    file: &PlantFile,
    company: Option<Uuid>,
    today: NaiveDate,
    report: &mut SeedReport,
) -> Result<(Uuid, Option<Uuid>), DbError> {
    let (tenant, code) = (&file.tenant.value, &file.plant.value);
    let mut made = |what: String, change: Change| report.organisation.push(Made { what, change });
    let company = match company {
        Some(company) => company,
        None => {
            let new = NewCompany { code: file.company.value.clone(), name: file.company_name.value.clone() };
            let done = tenancy::company_upsert(tx, &new).await?;
            made(format!("company {} of {tenant}", new.code), done.change);
            done.id
        }
    };
    let new = NewPlant {
        company,
        code: code.clone(),
        slug: file.plant_slug.clone(),
        name: file.plant_name.clone(),
        time_zone: file.time_zone.clone(),
        languages: file.languages.clone(),
    };
    let done = tenancy::plant_upsert(tx, &new).await?;
    made(format!("plant {code} of {tenant}"), done.change);
    let agent = tenancy::agent_upsert(tx, &NewAgent::Plant(code.clone())).await?;
    for series in &file.series {
        // Documents of two plants must not bear one number.
        let prefix = format!("{series}-{code}-{}-", today.year());
        if store::series_insert(tx, code, series, &prefix).await? {
            made(format!("series {prefix}001 of {code}"), Change::Made);
        }
    }
    let agents = tenancy::agents(tx).await?;
    let expected = agents.iter().any(|a| a.id == agent.id && a.status == "expected");
    Ok((company, expected.then_some(agent.id)))
}

/// What the server has to know of reference data and its import.
#[must_use]
pub fn module() -> Module {
    let large = Bodies::UpTo(import::MAX_BYTES);
    Module::new("seed")
        .routes(router())
        .operations(operations())
        .permissions(PERMISSIONS)
        .texts(said::TEXTS)
        .bodies(["/api/v1/reference", "/api/v1/reference/{list}"].map(|route| (route, large)))
}
