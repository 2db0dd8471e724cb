//! A tenant configuration against what is there: whether a code that it gives, or that was
//! derived from its ids, is that of somebody else. One tenant must never be written over
//! another whose id begins alike.

use std::collections::BTreeMap;

use super::config::Planned;
use super::{NewTenant, Tenant, store};
use crate::ctx::Cx;
use crate::db::{Db, DbError, SystemTx, Tx};

/// Why a tenant was not made or brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Codes or ids are somebody else's: all of them, for people.
    #[error("{}", .0.join("\n"))]
    Taken(Vec<String>),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for CreateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

/// What a code is to something of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code<'a> {
    /// Nobody's, or its own.
    Its,
    /// That of this id.
    Of(&'a str),
    /// It was derived, and is that of something that no other system calls by an id:
    /// whether that is the same, only a person can say.
    Unsure,
}

/// `known` is the id of what has the code now, if it has one; `asked` the id that the code
/// is wanted for, and whether it was derived from that.
fn judge<'a>(known: Option<&'a str>, (asked, derived): (Option<&str>, bool)) -> Code<'a> {
    match (known, asked) {
        (Some(known), Some(asked)) if known != asked => Code::Of(known),
        (None, Some(_)) if derived => Code::Unsure,
        _ => Code::Its,
    }
}

/// Whether the tenant that has the code is another than the one that is asked for.
pub(super) fn of_another(known: &Tenant, new: &NewTenant) -> Option<String> {
    match judge(known.slug.as_deref(), (new.slug.as_deref(), false)) {
        Code::Of(id) => Some(format!(
            "the code {} is that of {id}, another tenant; give {} a code of its own (--code)",
            known.code,
            new.slug.as_deref().unwrap_or_default(),
        )),
        Code::Its | Code::Unsure => None,
    }
}

/// Everything in which a configuration and what is there are not of one mind: each code
/// that is somebody else's, each id that has another code. It is made, or brings up to date,
/// only when there is nothing.
///
/// # Errors
/// [`DbError`].
pub async fn clashes(db: &Db, planned: &Planned) -> Result<Vec<String>, DbError> {
    let new = &planned.tenant;
    let (known, other_code) = db
        .system_tx(async |system: &mut SystemTx| {
            let known = store::tenant_by_code(system, &new.code).await?;
            let other = match &new.slug {
                Some(slug) => store::tenant_code_by_slug(system, slug).await?,
                None => None,
            };
            Ok::<_, DbError>((known, other.filter(|code| *code != new.code)))
        })
        .await?;
    let slug = new.slug.as_deref().unwrap_or_default();
    let mut wrong = Vec::new();
    if let Some(code) = other_code {
        wrong.push(format!(
            "tenant_id: {slug} is there already, with the code {code}; to bring it up to date give --code {code}"
        ));
    }
    let Some(known) = known else { return Ok(wrong) };
    match judge(known.slug.as_deref(), (new.slug.as_deref(), planned.code_derived)) {
        Code::Its => {}
        Code::Of(_) => wrong.extend(of_another(&known, new)),
        Code::Unsure => wrong.push(format!(
            "the code {} was derived of {slug}, and is that of a tenant already: {}. Give --code {} if it is \
             this one, else another",
            known.code, known.name, known.code
        )),
    }
    // The plants of somebody else's code are not this one's.
    if wrong.is_empty() {
        wrong = db.tx(&Cx::system(known.id), async |tx| of_plants(tx, planned).await).await?;
    }
    Ok(wrong)
}

/// As [`clashes`], of the plants of the transaction's tenant.
pub(super) async fn of_plants(tx: &mut Tx, planned: &Planned) -> Result<Vec<String>, DbError> {
    let known: BTreeMap<String, Option<String>> = store::plant_slugs(tx).await?.into_iter().collect();
    let mut wrong = Vec::new();
    for plant in &planned.plants {
        let (id, code) = (plant.slug.as_str(), plant.code.as_str());
        let elsewhere = known.iter().find(|(other, slug)| *other != code && slug.as_deref() == Some(id));
        if let Some((other, _)) = elsewhere {
            wrong.push(format!(
                "{id} is there already, with the code {other}; give --plant-code {id}={other}"
            ));
            continue;
        }
        let Some(slug) = known.get(code) else { continue };
        match judge(slug.as_deref(), (Some(id), plant.code_derived)) {
            Code::Its => {}
            Code::Of(has) => wrong.push(format!(
                "the code {code} is that of {has}, another plant; give {id} one of its own (--plant-code {id}=…)"
            )),
            Code::Unsure => wrong.push(format!(
                "the code {code} was derived of {id}, and is that of a plant already; give --plant-code \
                 {id}={code} if it is this one, else another"
            )),
        }
    }
    Ok(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_its_own_or_somebody_elses() {
        assert_eq!(judge(Some("saif-kolkata"), (Some("saif-vizag"), true)), Code::Of("saif-kolkata"));
        // Given by hand it is as little one's own.
        assert_eq!(judge(Some("saif-kolkata"), (Some("saif-vizag"), false)), Code::Of("saif-kolkata"));
        assert_eq!(judge(Some("saif-kolkata"), (Some("saif-kolkata"), true)), Code::Its);
        // Nobody said what it is called elsewhere: who gives its code means it.
        assert_eq!(judge(None, (Some("saif-kolkata"), false)), Code::Its);
        assert_eq!(judge(None, (Some("saif-kolkata"), true)), Code::Unsure);
        assert_eq!(judge(Some("saif-kolkata"), (None, false)), Code::Its);
    }
}
