//! What is projected, against a fold of all facts from nothing: in a transaction that is
//! rolled back, beside the cloud.

use std::collections::BTreeMap;

use platform::ctx::Cx;
use platform::db::{Db, DbError, Tx};
use sqlx::AssertSqlSafe;
use trace::projection::contradiction::KINDS;
use trace::projection::step_in;
use uuid::Uuid;

/// Tables that follow from facts, as texts: without when and by whom rows were written.
const DERIVED: [(&str, &str); 7] = [
    (
        "uid_registry",
        "select key, item, lot_id, container, trim_scale(quantity), unit, life, quality, custody, plant, location, \
         parent_key, order_number, born_agent, born_epoch, born_seq, born_at, last_at, last_stage, events \
         from uid_registry",
    ),
    (
        "stock_ledger",
        "select key, agent_id, epoch, seq, ordinal, plant, location, item, lot_id, trim_scale(quantity), unit, \
         occurred_at, stage from stock_ledger",
    ),
    ("transfers", "select to_jsonb(t) from transfers t"),
    ("parked_events", "select projection, agent_id, epoch, seq, key, waits_for from parked_events"),
    ("order_lines", "select type, number, line, trim_scale(done) from order_lines"),
    ("orders", "select type, number, trim_scale(done), status from orders"),
    (
        "exceptions",
        "select kind, fingerprint, agent_id, epoch, seq, key, document, detail from exceptions \
         where status = 'open' and kind = any(app_kinds())",
    ),
];

/// Everything derived goes, and what a fold writes into the registry.
const NOTHING: [&str; 6] = [
    "delete from stock_ledger",
    "delete from transfers",
    "delete from parked_events",
    "update order_lines set done = 0 where done <> 0",
    "update uid_registry set life = 1, quality = 1, custody = 1, plant = '', location = '', parent_key = null, \
     order_number = '', events = 0, last_at = born_at, last_stage = 0",
    "update projection_cursors set through_batch = 0 where projection = 'trace'",
];

/// What the transaction ends with, so that nothing of it stays.
#[derive(Debug)]
enum End {
    Folded(BTreeMap<&'static str, Vec<String>>, BTreeMap<&'static str, Vec<String>>),
    Failed(String),
}

impl From<DbError> for End {
    fn from(error: DbError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<sqlx::Error> for End {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Asserts that they are the same; answers how many units there are.
pub async fn equal(db: &Db, tenant: Uuid) -> usize {
    let done: Result<(), End> = db.tx(&Cx::system(tenant), async |tx| Err(anew(tx).await)).await;
    let (before, after) = match done {
        Err(End::Folded(before, after)) => (before, after),
        Err(End::Failed(why)) => panic!("{why}"),
        Ok(()) => unreachable!("it ends with what was folded"),
    };
    for (table, _) in DERIVED {
        let (one, other) = (&before[table], &after[table]);
        let told = one.iter().filter(|row| !other.contains(row)).take(3).map(|row| format!("  is:   {row}"));
        let due = other.iter().filter(|row| !one.contains(row)).take(3).map(|row| format!("  anew: {row}"));
        let differences: Vec<String> = if one == other { Vec::new() } else { told.chain(due).collect() };
        assert!(
            one == other,
            "{table}: {} rows, and {} when folded anew:\n{}",
            one.len(),
            other.len(),
            differences.join("\n")
        );
    }
    before["uid_registry"].len()
}

async fn anew(tx: &mut Tx) -> End {
    let done = async {
        let before = derived(tx).await?;
        for sql in NOTHING {
            sqlx::query(sql).execute(tx.conn()).await?;
        }
        sqlx::query("delete from exceptions where kind = any($1)")
            .bind(&KINDS[..])
            .execute(tx.conn())
            .await?;
        while step_in(tx, 32, false).await.map_err(|error| End::Failed(error.to_string()))? > 0 {}
        Ok::<_, End>((before, derived(tx).await?))
    };
    match done.await {
        Ok((before, after)) => End::Folded(before, after),
        Err(end) => end,
    }
}

async fn derived(tx: &mut Tx) -> Result<BTreeMap<&'static str, Vec<String>>, End> {
    let mut all = BTreeMap::new();
    for (table, sql) in DERIVED {
        let kinds: Vec<String> = KINDS.iter().map(|kind| format!("'{kind}'")).collect();
        let sql = sql.replace("app_kinds()", &format!("array[{}]", kinds.join(",")));
        let sql = AssertSqlSafe(format!("select row_to_json(t)::text from ({sql}) as t order by 1"));
        all.insert(table, sqlx::query_scalar(sql).fetch_all(tx.conn()).await?);
    }
    Ok(all)
}
