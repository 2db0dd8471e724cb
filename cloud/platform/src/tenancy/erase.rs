//! Erasing a tenant: everything, everywhere, for good; and what tells of it.
//!
//! What there is to erase is written down first, in `control.erasures`. Whoever is
//! killed on the way runs it again. At the end the statement is signed by the cloud's
//! authority, and kept.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::data::rows::{act_for, begin, commit};
use super::data::{self, At, DataError, Watch, control, of_tenants, tell};
use super::{Standing, databases, moves, store};
use crate::authority::{self, Authority};
use crate::db::{Db, DbError, SHARED, SystemTx, end};
use crate::files::{Depot, erase_tenant};
use crate::plans::store::subscription;

/// What was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// What this is.
    pub statement: String,
    /// The tenant's code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its id.
    pub tenant: Uuid,
    /// The database that held it alone, and was dropped.
    pub database: Option<String>,
    /// When it was begun.
    pub begun_at: DateTime<Utc>,
    /// When everything was gone.
    pub ended_at: Option<DateTime<Utc>>,
    /// Who did it.
    pub by: String,
    /// Rows of each table that were erased.
    pub tables: Vec<Erased>,
}

/// Rows of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = AdminErased)]
pub struct Erased {
    /// The table.
    pub table: String,
    /// How many.
    pub rows: u64,
}

/// A signed statement, as it is kept and handed out: a file of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = AdminErasureCertificate)]
pub struct Certificate {
    /// A [`Statement`] in JSON, to the letter as it was signed.
    pub statement: String,
    /// ECDSA (P-256, SHA-256, in DER) over it, in base64.
    pub signature: String,
    /// The certificate of the cloud's authority, in PEM.
    pub authority: String,
}

impl Certificate {
    /// What it states, if its authority has signed it. Whether that is the authority of
    /// the cloud that one thinks of, its fingerprint tells.
    ///
    /// # Errors
    /// [`DataError::Refused`].
    pub fn check(&self) -> Result<Statement, DataError> {
        let refuse = |why: &str| DataError::Refused(why.to_owned());
        let signature = STANDARD.decode(&self.signature).map_err(|_| refuse("its signature is no base64"))?;
        if !authority::has_signed(&self.authority, self.statement.as_bytes(), &signature) {
            return Err(refuse("it is not what this authority has signed"));
        }
        serde_json::from_str(&self.statement).map_err(|_| refuse("it states nothing that is known here"))
    }
}

/// What the log of super-administrators calls it.
pub const ERASE: &str = "tenant.erase";

/// Erases a suspended tenant, or goes on with an erasure that was cut short. `typed` is
/// its code, typed again; `files` is the store of attached files.
///
/// # Errors
/// [`DataError::Refused`] when it is not suspended, being moved, or the code is another; or
/// when it is let in, or is given time or a plan, before its erasure is written down.
pub async fn erase(
    db: &Db,
    authority: &Authority,
    tenant: Uuid,
    ordered: (&str, &str),
    files: Option<&Depot>,
    now: DateTime<Utc>,
    watch: &mut Watch<'_>,
) -> Result<Certificate, DataError> {
    let seen = seen(db, tenant).await?;
    erase_as_seen(db, authority, (tenant, seen), ordered, files, now, watch).await
}

/// The version of what the tenant has of its plan: who is let in again, or given time or a
/// plan, is at another one.
///
/// # Errors
/// [`DbError`].
pub(super) async fn seen(db: &Db, tenant: Uuid) -> Result<i32, DbError> {
    db.system_tx(async |system| Ok::<_, DbError>(subscription(system, tenant).await?.version)).await
}

/// As [`erase`], of a tenant that is at this version still.
pub(super) async fn erase_as_seen(
    db: &Db,
    authority: &Authority,
    (tenant, seen): (Uuid, i32),
    (typed, by): (&str, &str),
    files: Option<&Depot>,
    now: DateTime<Utc>,
    watch: &mut Watch<'_>,
) -> Result<Certificate, DataError> {
    let known = super::tenants(db).await?.into_iter().find(|known| known.id == tenant);
    let known = known.ok_or_else(|| DataError::Refused("there is no such tenant".to_owned()))?;
    if Standing::of(&known.status).admits() {
        return Err(DataError::Refused(format!(
            "{0} is active; suspend it first (`cloud tenant suspend {0}`), and make sure that it is the one",
            known.code
        )));
    }
    if typed != known.code {
        return Err(DataError::Refused(format!("the code that was typed is not {}", known.code)));
    }
    let held = moves::hold(db, tenant).await?;
    // What a restore that was cut short has put in is this tenant's as well.
    databases::clear_left(db, &known.code).await?;
    if moves::under_way(db, tenant).await?.is_some() {
        moves::let_go(held).await;
        return Err(DataError::Refused(
            "a move of it was cut short; run it again to end it, or take it back".to_owned(),
        ));
    }
    let done = erased(db, authority, (&known, seen), by, files, now, watch).await;
    moves::let_go(held).await;
    done
}

async fn erased(
    db: &Db,
    authority: &Authority,
    (known, seen): (&super::Tenant, i32),
    by: &str,
    files: Option<&Depot>,
    now: DateTime<Utc>,
    watch: &mut Watch<'_>,
) -> Result<Certificate, DataError> {
    let own = (known.placement != SHARED).then(|| known.placement.clone());
    let (id, mut statement) = match begun(db, &known.code).await? {
        Some(begun) => begun,
        None => {
            tell(watch, At::Step("counting"))?;
            let statement = counted(db, known, own.clone(), by, now).await?;
            (written_down(db, known, seen, &statement).await?, statement)
        }
    };
    tell(watch, At::Step("erasing"))?;
    match &own {
        Some(name) => databases::drop_from_server(db, name).await?,
        None => {
            let mut home = db.connect_owner(SHARED, "").await?;
            data::clear(&mut home, known.id, watch).await?;
            end(home).await;
        }
    }
    // The bytes of files go after the rows that name them.
    if let Some(files) = files {
        erase_tenant(files, known.id).await?;
    }
    statement.ended_at = Some(now);
    let text = json!(statement).to_string();
    let signature = authority.sign(text.as_bytes()).map_err(|error| DataError::Refused(error.to_string()))?;
    let mut home = db.connect_owner(SHARED, "").await?;
    act_for(&mut home, known.id).await?;
    begin(&mut home).await?;
    control::clear(&mut home, known.id).await?;
    store::erasure_end(&mut home, id, now, &text, &signature, own.as_deref()).await?;
    commit(&mut home).await?;
    end(home).await;
    Ok(Certificate {
        statement: text,
        signature: STANDARD.encode(signature),
        authority: authority.certificate_pem().to_owned(),
    })
}

/// Writes down that it is begun: from now on nobody lets the tenant in. To count takes its
/// time, so it is asked here whether it is to be erased still.
async fn written_down(
    db: &Db,
    known: &super::Tenant,
    seen: i32,
    statement: &Statement,
) -> Result<Uuid, DataError> {
    let (id, text) = (Uuid::now_v7(), json!(statement).to_string());
    let still = db
        .system_tx(async |system| {
            let locked = store::tenant_lock(system, known.id).await?;
            let shut_out = locked.is_some_and(|(_, status)| !Standing::of(&status).admits());
            let still = shut_out && subscription(system, known.id).await?.version == seen;
            if still {
                store::erasure_insert(system, id, &known.code, &text).await?;
            }
            Ok::<_, DbError>(still)
        })
        .await?;
    if still {
        return Ok(id);
    }
    Err(DataError::Refused(format!(
        "{} was let in again, or was given time or a plan meanwhile; nothing of it was erased",
        known.code
    )))
}

/// Refuses what makes no sense of a tenant of which a part may be gone.
///
/// # Errors
/// [`DataError::Refused`] when an erasure of it was begun and is not done.
pub(super) async fn none_begun(db: &Db, code: &str) -> Result<(), DataError> {
    if begun(db, code).await?.is_none() {
        return Ok(());
    }
    Err(DataError::Refused(format!(
        "its erasure was begun, so that a part of it may be gone: erase {code} again to end it, or have a \
         backup take its place (`cloud tenant restore --replace`)"
    )))
}

/// Whether an erasure of the tenant was begun and is not done, so that a part of it may be
/// gone. None is begun until this transaction has ended.
///
/// # Errors
/// [`DbError`].
pub(crate) async fn is_begun(system: &mut SystemTx, tenant: Uuid) -> Result<bool, DbError> {
    let Some((code, _)) = store::tenant_lock(system, tenant).await? else { return Ok(false) };
    Ok(store::erasure_begun(system, &code).await?.is_some())
}

async fn begun(db: &Db, code: &str) -> Result<Option<(Uuid, Statement)>, DataError> {
    let row =
        db.system_tx(async |system| Ok::<_, DbError>(store::erasure_begun(system, code).await?)).await?;
    Ok(row.and_then(|(id, text)| Some((id, serde_json::from_str(&text).ok()?))))
}

async fn counted(
    db: &Db,
    known: &super::Tenant,
    database: Option<String>,
    by: &str,
    now: DateTime<Utc>,
) -> Result<Statement, DataError> {
    let server = databases::server_of(db, &known.placement).await?;
    let mut data = db.connect_owner(&known.placement, &server).await?;
    act_for(&mut data, known.id).await?;
    let mut tables = Vec::new();
    for table in of_tenants(&mut data).await? {
        let rows = data::sum(&mut data, &table, known.id).await?.rows.unsigned_abs();
        tables.push(Erased { table: table.name, rows });
    }
    end(data).await;
    let mut home = db.connect_owner(SHARED, "").await?;
    for table in data::tables::of_control(&mut home).await? {
        let rows = data::sum(&mut home, &table, known.id).await?.rows.unsigned_abs();
        tables.push(Erased { table: table.name, rows });
    }
    end(home).await;
    Ok(Statement {
        statement:
            "Everything of this tenant was erased from this cloud. Backups of the cloud that were made \
                    before, and files that the tenant took out, are not part of this."
                .to_owned(),
        code: known.code.clone(),
        name: known.name.clone(),
        tenant: known.id,
        database,
        begun_at: now,
        ended_at: None,
        by: by.to_owned(),
        tables,
    })
}
