//! Commands on plants.

use chrono::Utc;
use chrono_tz::Tz;
use serde_json::json;

use super::store::{self, Plant};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::i18n::{Lang, Texts};
use crate::plans::{self, Denied, Limit, Reached};
use crate::tenancy::config::{LONGEST_NAME, tenant_name};
use crate::tenancy::{self, NewAgent, NewPlant};

/// The key of what is wrong with a name: it has [`LONGEST_NAME`] characters, `$most`, at most.
const WRONG_NAME: &str = "organisation-wrong-name";
/// Longest address.
pub(crate) const LONGEST_ADDRESS: usize = 500;

/// Why a plant was not kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlantError {
    /// Fields that are not right, all of them, each with the key of what is wrong.
    #[error("the plant is not right")]
    Invalid(Vec<(&'static str, &'static str)>),
    /// The tenant's plan allows no more.
    #[error(transparent)]
    Limit(#[from] Reached),
    /// No such plant.
    #[error("there is no such plant")]
    NotFound,
    /// Somebody else changed it meanwhile.
    #[error("somebody else changed this meanwhile")]
    Stale,
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for PlantError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<Denied> for PlantError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Reached(reached) => Self::Limit(reached),
            Denied::Db(error) => Self::Db(error),
            // Plants are no feature.
            Denied::Feature { .. } => Self::NotFound,
        }
    }
}

/// What is wrong with fields, in the reader's language.
pub(super) fn say(texts: &Texts, wrong: Vec<(&'static str, &'static str)>) -> Vec<(&'static str, String)> {
    wrong.into_iter().map(|(field, key)| (field, texts.t1(key, "most", LONGEST_NAME))).collect()
}

/// What is wrong with a plant as typed, and its company's id if that is there.
async fn judge(
    tx: &mut Tx,
    typed: &Plant,
) -> Result<(Vec<(&'static str, &'static str)>, Option<uuid::Uuid>), PlantError> {
    let companies = store::companies(tx).await?;
    let company = companies.into_iter().find(|(_, code, _)| *code == typed.company).map(|(id, ..)| id);
    let mut wrong = Vec::new();
    let mut note = |field, ok: bool, key| {
        if !ok {
            wrong.push((field, key));
        }
    };
    note("code", typed.code.parse::<uid::PlantCode>().is_ok(), "organisation-wrong-code");
    note("name", tenant_name(&typed.name).is_some(), WRONG_NAME);
    note("names", typed.names.checked(LONGEST_NAME).is_ok(), WRONG_NAME);
    note("company", company.is_some(), "organisation-wrong-company");
    note("time_zone", typed.time_zone.parse::<Tz>().is_ok(), "admin-wrong-zone");
    let languages =
        !typed.languages.is_empty() && typed.languages.iter().all(|language| Lang::parse(language).is_some());
    note("languages", languages, "organisation-wrong-languages");
    let address = typed.address.chars().count() <= LONGEST_ADDRESS
        && !typed.address.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    note("address", address, "organisation-wrong-address");
    Ok((wrong, company))
}

fn shown(plant: &Plant) -> serde_json::Value {
    json!({ "name": plant.name, "names": plant.names, "company": plant.company, "time_zone": plant.time_zone,
            "languages": plant.languages, "address": plant.address })
}

/// Adds a plant, with its agent that has to enrol (`cloud token`), or changes the one
/// of `changes`, at the version that was seen.
///
/// # Errors
/// [`PlantError::Invalid`] with every field; [`PlantError::Limit`].
pub(super) async fn save(db: &Db, cx: &Cx, typed: &Plant, changes: Option<&str>) -> Result<(), PlantError> {
    if changes.is_none() {
        plans::admit_events(db, cx.tenant, Utc::now()).await?;
    }
    db.tx(cx, async |tx| {
        let (mut wrong, company) = judge(tx, typed).await?;
        let code = changes.unwrap_or(&typed.code);
        // What is no code is the code of none.
        let before = match code.parse::<uid::PlantCode>() {
            Ok(_) => store::plant(tx, code).await?,
            Err(_) => None,
        };
        match (changes, &before) {
            (Some(_), None) => return Err(PlantError::NotFound),
            (Some(code), Some(_)) if code != typed.code => wrong.push(("code", "organisation-code-fixed")),
            (None, Some(_)) => wrong.push(("code", "organisation-code-taken")),
            _ => {}
        }
        let Some(company) = company.filter(|_| wrong.is_empty()) else {
            return Err(PlantError::Invalid(wrong));
        };
        match &before {
            Some(before) if before.version != typed.version => return Err(PlantError::Stale),
            Some(_) => {}
            None => plans::admit(tx, Limit::Plants).await?,
        }
        let new = NewPlant {
            company,
            code: typed.code.clone(),
            slug: None,
            name: typed.name.trim().to_owned(),
            time_zone: typed.time_zone.clone(),
            languages: typed.languages.clone(),
        };
        tenancy::plant_upsert(tx, &new).await?;
        tenancy::agent_upsert(tx, &NewAgent::Plant(typed.code.clone())).await?;
        let address = typed.address.trim().replace("\r\n", "\n");
        store::address_set(tx, &typed.code, &address).await?;
        // That they are right was judged.
        let names = typed.names.checked(LONGEST_NAME).unwrap_or_default();
        store::names_set(tx, &typed.code, &names).await?;
        let after = Plant { name: new.name, names, address, ..typed.clone() };
        let entry = Entry {
            action: if before.is_some() { "plant.change" } else { "plant.create" },
            subject: &format!("plant:{}", typed.code),
            before: before.as_ref().map(shown),
            after: Some(shown(&after)),
        };
        Ok(audit::record(tx, entry).await?)
    })
    .await
}
