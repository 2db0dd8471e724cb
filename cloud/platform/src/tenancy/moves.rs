//! Moving a tenant between the shared database and one of its own.
//!
//! 1. The move is written down and the tenant paused: from now on its transactions can
//!    only read. Those under way are waited for.
//! 2. Everything is copied within one transaction of the target, compared with the
//!    source, row counts and checksums of every table, and committed.
//! 3. One commit of the home database says where the tenant lives now, and ends the
//!    pause.
//! 4. What is left at the source is removed.
//!
//! Whoever is killed on the way leaves a row in `control.moves`. Before the third step
//! the tenant lives at the source and may only be read, until the move is run again,
//! which begins the copying anew, or taken back. After it the tenant lives at the
//! target, and running it again removes what is left.

use std::time::Duration;

use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::data::rows::{act_for, begin, begin_snapshot, commit};
use super::data::{self, At, DataError, Watch, of_tenants, tell};
use super::store::{self, MoveRow};
use super::{Placement, databases, erase};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Problem, SHARED, end};

/// How long transactions under way keep the move waiting before it tells so again.
const WAIT: &str = "1s";

/// What a move did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Where the tenant lived.
    pub from: String,
    /// Where it lives.
    pub to: String,
    /// Rows of each table.
    pub tables: Vec<(String, u64)>,
}

/// One move of a tenant at a time; held by a connection until it ends.
pub(super) async fn hold(db: &Db, tenant: Uuid) -> Result<PgConnection, DataError> {
    let mut home = db.connect_owner(SHARED, "").await?;
    let free: bool =
        sqlx::query_scalar("select pg_try_advisory_lock(hashtextextended('move ' || $1::text, 0))")
            .bind(tenant.to_string())
            .fetch_one(&mut home)
            .await?;
    if free {
        return Ok(home);
    }
    end(home).await;
    Err(DataError::Refused("another command is at this tenant's data just now; wait for it".to_owned()))
}

/// Ends what [`hold`] began: at once, so that the next command is not told that this one is
/// still under way. By itself a server lets go some time after the connection went.
pub(super) async fn let_go(mut held: PgConnection) {
    if let Err(error) = sqlx::query("select pg_advisory_unlock_all()").execute(&mut held).await {
        tracing::debug!(%error, "a command's lock is left to the end of its connection");
    }
    end(held).await;
}

/// Moves the tenant, or goes on with a move that was cut short. `watch` is told what it
/// is at and may stop it at any time; it is then as if the process had been killed.
///
/// # Errors
/// [`DataError::Refused`] when it lives there already, or another move is not done yet;
/// [`DataError::Differs`] when what arrived is not what was sent; the database. The
/// tenant lives where it lived then, and stays paused until the move is run again or
/// [taken back](take_back).
pub async fn move_to(
    db: &Db,
    tenant: Uuid,
    placement: &Placement,
    watch: &mut Watch<'_>,
) -> Result<Moved, DataError> {
    let held = hold(db, tenant).await?;
    let done = moved(db, tenant, placement, watch).await;
    let_go(held).await;
    done
}

async fn moved(
    db: &Db,
    tenant: Uuid,
    placement: &Placement,
    watch: &mut Watch<'_>,
) -> Result<Moved, DataError> {
    let mut under_way = under_way(db, tenant).await?;
    if let Some(row) = under_way.take_if(|row| row.state == "switched") {
        cleaned(db, tenant, &row, watch).await?;
        if same(&row, placement).is_ok() {
            return Ok(Moved { from: row.source, to: row.target, tables: Vec::new() });
        }
        // It lives there now, and goes on to where it is wanted.
    }
    let row = match under_way {
        Some(row) => {
            same(&row, placement)?;
            row
        }
        None => written_down(db, tenant, placement, watch).await?,
    };
    let tables = copied(db, tenant, &row, watch).await?;
    tell(watch, At::Step("switching"))?;
    switch(db, tenant, &row).await?;
    cleaned(db, tenant, &row, watch).await?;
    Ok(Moved { from: row.source, to: row.target, tables })
}

pub(super) async fn under_way(db: &Db, tenant: Uuid) -> Result<Option<MoveRow>, DbError> {
    db.system_tx(async |system| Ok(store::move_of(system, tenant).await?)).await
}

/// A move that was cut short goes on to where it was going.
fn same(row: &MoveRow, placement: &Placement) -> Result<(), DataError> {
    let wanted = matches!(placement, Placement::Shared);
    if wanted == (row.target == SHARED) {
        return Ok(());
    }
    let to = if row.target == SHARED { "shared" } else { "own" };
    Err(DataError::Refused(format!(
        "a move to {to} was cut short; run it again to end it, or take it back with --back"
    )))
}

async fn written_down(
    db: &Db,
    tenant: Uuid,
    placement: &Placement,
    watch: &mut Watch<'_>,
) -> Result<MoveRow, DataError> {
    let known =
        db.system_tx(async |system| Ok::<_, DbError>(store::tenant_row(system, tenant).await?)).await?;
    databases::clear_left(db, &known.code).await?;
    erase::none_begun(db, &known.code).await?;
    let target = match placement {
        Placement::Shared if known.placement == SHARED => {
            return Err(DataError::Refused("it lives in the shared database already".to_owned()));
        }
        Placement::Shared => SHARED.to_owned(),
        Placement::Own { server } => {
            if known.placement != SHARED && databases::server_of(db, &known.placement).await? == *server {
                return Err(DataError::Refused("it lives in a database of its own there already".to_owned()));
            }
            tell(watch, At::Step("making its database"))?;
            databases::create(db, &known.code, server).await?
        }
    };
    tell(watch, At::Step("pausing"))?;
    let row = MoveRow { source: known.placement, target, state: "copying".to_owned() };
    db.system_tx(async |system| {
        store::move_insert(system, tenant, &row).await?;
        Ok::<_, DbError>(store::pause(system.conn(), tenant, true).await?)
    })
    .await?;
    Ok(row)
}

/// A connection of the owner to where a tenant lives or is to live.
async fn at(db: &Db, tenant: Uuid, place: &str) -> Result<PgConnection, DbError> {
    let server = databases::server_of(db, place).await?;
    let mut connection = db.connect_owner(place, &server).await?;
    act_for(&mut connection, tenant).await?;
    Ok(connection)
}

/// Copies everything to the target and compares it; commits it there.
async fn copied(
    db: &Db,
    tenant: Uuid,
    row: &MoveRow,
    watch: &mut Watch<'_>,
) -> Result<Vec<(String, u64)>, DataError> {
    let mut source = at(db, tenant, &row.source).await?;
    // Of a database of its own the row there is what holds its writers back.
    store::pause(&mut source, tenant, true).await?;
    tell(watch, At::Step("waiting for what is under way"))?;
    drained(&mut source, tenant, watch).await?;
    let mut target = at(db, tenant, &row.target).await?;
    tell(watch, At::Step("making room"))?;
    data::clear(&mut target, tenant, &mut |_| std::ops::ControlFlow::Continue(())).await?;

    tell(watch, At::Step("copying"))?;
    begin_snapshot(&mut source).await?;
    begin(&mut target).await?;
    let mut known =
        db.system_tx(async |system| Ok::<_, DbError>(store::tenant_row(system, tenant).await?)).await?;
    known.generation = store::generation_here(&mut source, tenant).await?;
    if row.target != SHARED {
        known.placement.clone_from(&row.target);
        store::tenant_row_put(&mut target, &known).await?;
        store::pause(&mut target, tenant, true).await?;
    }
    sqlx::query("select app.add_tenant_partitions($1)").bind(tenant).execute(&mut target).await?;
    let tables = of_tenants(&mut source).await?;
    let mut done = Vec::new();
    for table in &tables {
        let rows = data::copy(&mut source, &mut target, table, tenant, watch).await?;
        tell(watch, At::Table { table: table.name.clone(), rows })?;
        done.push((table.name.clone(), rows));
    }
    tell(watch, At::Step("comparing"))?;
    for table in &tables {
        let (here, there) =
            tokio::join!(data::sum(&mut source, table, tenant), data::sum(&mut target, table, tenant));
        let (here, there) = (here?, there?);
        if here != there {
            let (here, there) = (here.to_string(), there.to_string());
            return Err(DataError::Differs { table: table.name.clone(), here, there });
        }
        tell(watch, At::Table { table: table.name.clone(), rows: here.rows.unsigned_abs() })?;
    }
    commit(&mut target).await?;
    // So that the first questions there are planned well.
    sqlx::raw_sql("analyze").execute(&mut target).await?;
    end(source).await;
    end(target).await;
    Ok(done)
}

/// Waits until no transaction of the tenant is under way that began before the pause.
async fn drained(source: &mut PgConnection, tenant: Uuid, watch: &mut Watch<'_>) -> Result<(), DataError> {
    sqlx::query("select set_config('lock_timeout', $1, false)").bind(WAIT).execute(&mut *source).await?;
    loop {
        // Waited for a while at most: whoever comes later queues behind the wait.
        let locked = sqlx::query("select pg_advisory_lock(hashtextextended('tenant ' || $1::text, 0))")
            .bind(tenant.to_string())
            .execute(&mut *source)
            .await
            .map_err(DbError::from);
        match locked {
            Ok(_) => break,
            Err(error) if error.problem() == Problem::Contended => {
                tell(watch, At::Step("waiting for what is under way"))?;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
    sqlx::query("select pg_advisory_unlock_all(), set_config('lock_timeout', '0', false)")
        .execute(source)
        .await?;
    Ok(())
}

/// One commit says where the tenant lives.
pub(super) async fn switch(db: &Db, tenant: Uuid, row: &MoveRow) -> Result<(), DataError> {
    let generation = if row.target == SHARED {
        let mut source = at(db, tenant, &row.source).await?;
        let generation = store::generation_here(&mut source, tenant).await?;
        end(source).await;
        Some(generation)
    } else {
        // Nobody is sent there before the home database says so.
        let mut target = at(db, tenant, &row.target).await?;
        store::pause(&mut target, tenant, false).await?;
        end(target).await;
        None
    };
    db.system_tx(async |system| {
        Ok::<_, DbError>(store::switch(system, tenant, &row.target, generation).await?)
    })
    .await?;
    Ok(())
}

/// Removes what is left at the source, and the note of the move.
pub(super) async fn cleaned(
    db: &Db,
    tenant: Uuid,
    row: &MoveRow,
    watch: &mut Watch<'_>,
) -> Result<(), DataError> {
    tell(watch, At::Step("removing what is left at the source"))?;
    if row.source == SHARED {
        let mut source = at(db, tenant, SHARED).await?;
        data::clear(&mut source, tenant, watch).await?;
        end(source).await;
    } else {
        // Marked first: whatever happens now, it is dropped once no note refers to it. The
        // note goes last, so that whoever runs this again comes to it.
        databases::give_up(db, &row.source).await?;
        let dropped = databases::drop_from_server(db, &row.source).await;
        noted(db, tenant, row).await?;
        match dropped {
            Ok(()) => databases::forget_dropped(db, &row.source).await?,
            Err(error) => {
                tracing::warn!(database = row.source, %error, "the database that the tenant has left is still there");
            }
        }
        return Ok(());
    }
    noted(db, tenant, row).await
}

/// The audit tells of the move, and the note of it goes.
async fn noted(db: &Db, tenant: Uuid, row: &MoveRow) -> Result<(), DataError> {
    db.system_tx(async |system| {
        let entry = Entry {
            action: "tenant.move",
            subject: &format!("tenant:{tenant}"),
            before: Some(json!({ "placement": row.source })),
            after: Some(json!({ "placement": row.target })),
        };
        // The tenant's commits first: told twice at most, if this is cut short here.
        system.enter(&Cx::system(tenant), async |tx| audit::record(tx, entry.clone()).await).await?;
        Ok::<_, DbError>(store::move_delete(system, tenant).await?)
    })
    .await?;
    Ok(())
}

/// Takes a move back that has not switched yet: the tenant lives where it lived, and may
/// be written again. Answers where that is.
///
/// # Errors
/// [`DataError::Refused`] when no move is under way, or it has switched already.
pub async fn take_back(db: &Db, tenant: Uuid) -> Result<String, DataError> {
    let held = hold(db, tenant).await?;
    let done = taken_back(db, tenant).await;
    let_go(held).await;
    done
}

pub(super) async fn taken_back(db: &Db, tenant: Uuid) -> Result<String, DataError> {
    let Some(row) = under_way(db, tenant).await? else {
        // It may have been cut short before it was written down, or after it was taken back.
        let known =
            db.system_tx(async |system| Ok::<_, DbError>(store::tenant_row(system, tenant).await?)).await?;
        databases::clear_left(db, &known.code).await?;
        return Err(DataError::Refused("no move of it is under way".to_owned()));
    };
    if row.state != "copying" {
        return Err(DataError::Refused(
            "it has moved already and only what is left is to be removed; run the move again".to_owned(),
        ));
    }
    if row.target == SHARED {
        let mut target = at(db, tenant, SHARED).await?;
        data::clear(&mut target, tenant, &mut |_| std::ops::ControlFlow::Continue(())).await?;
        end(target).await;
    }
    if row.source != SHARED {
        let mut source = at(db, tenant, &row.source).await?;
        store::pause(&mut source, tenant, false).await?;
        end(source).await;
    }
    db.system_tx(async |system| {
        store::move_delete(system, tenant).await?;
        // Nobody refers to it from now on: whatever happens, it is dropped.
        store::database_look(system, &row.target, "dropping", 0, "").await?;
        Ok::<_, DbError>(store::pause(system.conn(), tenant, false).await?)
    })
    .await?;
    if row.target != SHARED
        && let Err(error) = databases::drop_database(db, &row.target).await
    {
        tracing::warn!(database = row.target, %error, "the database that was begun is still there");
    }
    Ok(row.source)
}
