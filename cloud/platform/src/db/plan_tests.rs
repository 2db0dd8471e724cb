//! The plans of all queries of the product among three hundred tenants: each stays
//! within the caller's partitions, and none walks through a table that grows without
//! end. The queries are those that sqlx keeps, so that a new one is judged unbidden;
//! those that are put together at run time have tests where that is done.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use uuid::Uuid;

use super::DbError;
use super::isolation_tests::tables;
use crate::ctx::Cx;
use crate::testing::TestDb;

/// What grows with the work done, beside whatever is partitioned by tenant.
const GROWS: [&str; 59] = [
    "audit_chain",
    "bins",
    "bom_lines",
    "consents",
    "contacts",
    "currency_rates",
    "custom_values",
    "digest_entries",
    "digests",
    "document_leases",
    "document_numbers",
    "event_notes",
    "exception_steps",
    "exceptions",
    "file_contents",
    "file_versions",
    "files",
    "hold_acts",
    "hold_members",
    "hold_parts",
    "hold_receipts",
    "holds",
    "idempotency_keys",
    "ingest_batches",
    "item_barcodes",
    "items",
    "lots",
    "notices",
    "order_lines",
    "orders",
    "outbox",
    "parked_events",
    "partners",
    "passports",
    "personal_requests",
    "plant_values",
    "proof_batches",
    "proof_heads",
    "proof_tiles",
    "recall_consignees",
    "recall_letters",
    "recall_members",
    "recall_responses",
    "recalls",
    "reference_rows",
    "requests",
    "scope_members",
    "scopes",
    "series_leases",
    "sms_counts",
    "transfers",
    "uid_aliases",
    "uid_leases",
    "unit_conversions",
    "workflow_calls",
    "workflow_history",
    "workflow_instances",
    "workflow_rounds",
    "workflow_seats",
];

/// Tables of tenants that stay small enough to be read whole, and why. Each table is here or
/// among those that grow; a new one has to be put somewhere.
const STAYS: [(&str, &[&str]); 8] = [
    (
        "what waits for a job that works it off at once",
        &["audit_unchained", "in_work_changes", "scope_saves"],
    ),
    ("one for an hour, a plant and a stage of which something is still in work", &["in_work_hours"]),
    (
        "one row of a tenant",
        &[
            "document_blocks",
            "file_usage",
            "mail_settings",
            "passport_settings",
            "plan_limits",
            "plan_notices",
            "proof_trees",
            "request_numbers",
            "sign_in_providers",
            "sms_settings",
            "tenant_counters",
            "tenant_settings",
        ],
    ),
    (
        "the organisation, and what is set up for it",
        &[
            "companies",
            "cost_centres",
            "departments",
            "document_series",
            "kpi_targets",
            "machines",
            "plants",
            "reasons",
            "shifts",
            "stations",
            "warehouses",
            "webhooks",
        ],
    ),
    (
        "few for a plant, a stream or a part of the product",
        &[
            "agents",
            "exception_digests",
            "hold_cursors",
            "ingest_cursors",
            "number_series",
            "projection_cursors",
            "uid_floors",
        ],
    ),
    (
        "a few for a person who works here",
        &[
            "contact_codes",
            "list_views",
            "notice_preferences",
            "notice_times",
            "operators",
            "tried_files",
            "unreachable_addresses",
            "user_backup_codes",
            "user_identities",
            "user_phones",
            "user_roles",
            "user_totp",
            "users",
            "workflow_delegations",
        ],
    ),
    (
        "what an office writes down once",
        &[
            "currencies",
            "custom_fields",
            "item_attributes",
            "item_categories",
            "payment_terms",
            "retention_rules",
            "role_limits",
            "roles",
            "tax_rates",
            "units",
            "workflow_definitions",
            "workflow_triggers",
        ],
    ),
    ("one for a year, or for a key that was changed", &["document_periods", "proof_keys"]),
];

/// Queries that do walk through such a table, by how they begin, and why they may. The
/// list may only shrink.
const WALKS: [(&str, &str); 11] = [
    ("select item, base_unit from items where", "an import of reference data judges its rows by all items"),
    ("select partner as code, name, roles, place from partners", "the same, by all partners"),
    ("select partner, roles from partners where", "an import of a history judges its rows by all partners"),
    (
        "select kind, id, body::text as \"json!\", deleted, coalesce((select c.reference",
        "a plant fetches all that is new to it",
    ),
    (
        "select hold_id, status from holds where tenant_id = $1 and looked_batch is not null",
        "of what no look has followed yet, along an index of that: what is worked off",
    ),
    ("select message_id, sealed as \"sealed!\" from outbox", "a new key seals all that is sealed anew"),
    (
        "update outbox set state = 'void', last_error = 'expired'",
        "of what waits and is due: what is worked off",
    ),
    ("update outbox set state = 'dead', ended_at = $3, claim = null", "the same"),
    (
        "select plant, kind, count(*) filter (where status = 'open')",
        "pages tell how many are open, by plant and kind",
    ),
    (
        "select distinct u.name as \"name!\" from ( select 'the bill of materials",
        "whoever withdraws an item is told of the open orders that need it",
    ),
    (
        "(select 'user' as \"kind!\", user_id::text as \"key!\", name as \"name!\", email",
        "somebody's data are found by any part of a name, and seldom",
    ),
];

/// Rows of the tenant in each table that grows, and how many of them are a walk.
const ROWS: usize = 5000;
const MANY: f64 = 2500.0;

/// Rows for these tenants in each of the tables; what must not repeat does not.
async fn fill(owner: &mut PgConnection, table: &str, from: &str) {
    let insert: String = sqlx::query_scalar(
        "select format('insert into %s (%s) select %s from $from on conflict do nothing', $1::regclass,
                string_agg(quote_ident(a.attname), ', '), string_agg(case
                    when a.attname = 'tenant_id' then 't'
                    -- As rows begin: what waits, what is open.
                    when a.attname in ('state', 'status') and t.typname = 'text'
                        then coalesce(pg_get_expr(d.adbin, d.adrelid), '''x''')
                    when t.typname = 'uuid' then 'gen_random_uuid()'
                    when t.typname = 'int8' then 'n'
                    when t.typname in ('int2', 'int4') then '(n % 9 + 1)'
                    when t.typname = 'numeric' then 'n' when t.typcategory = 'B' then 'false'
                    when t.typname = 'date' then 'current_date'
                    when t.typcategory = 'D' then 'now() - n * interval ''1 minute'''
                    when t.typcategory = 'A' then '''{}''' when t.typname = 'bytea' then 'decode(md5(n::text), ''hex'')'
                    when t.typname = 'jsonb' then '''{}''' else '''x'' || n' end, ', '))
         from pg_attribute a join pg_type t on t.oid = a.atttypid
         left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
         where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
           and a.attname <> 'deleted_at'",
    )
    .bind(table)
    .fetch_one(&mut *owner)
    .await
    .unwrap();
    let insert = insert.replace("$from", from);
    sqlx::raw_sql(AssertSqlSafe(insert.clone()))
        .execute(&mut *owner)
        .await
        .unwrap_or_else(|error| panic!("{insert}: {error}"));
}

/// What sqlx keeps of the product's queries.
fn queries() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.sqlx");
    let read = |entry: std::io::Result<std::fs::DirEntry>| -> String {
        let kept: Value = serde_json::from_slice(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap();
        kept["query"].as_str().unwrap().to_owned()
    };
    std::fs::read_dir(folder).unwrap().map(read).collect()
}

/// A value of a parameter: of an id the tenant's own, which is the one that matters; of
/// others something that few rows have.
fn value(kind: &str, tenant: Uuid, time: &str) -> String {
    let (one, many) = kind.strip_suffix("[]").map_or((kind, false), |one| (one, true));
    let value = match one {
        "uuid" => tenant.to_string(),
        "boolean" => "false".to_owned(),
        "json" | "jsonb" if many => String::new(),
        "json" | "jsonb" => "{}".to_owned(),
        "bytea" if many => String::new(),
        "bytea" => "\\x77".to_owned(),
        "date" | "timestamp with time zone" => time.to_owned(),
        "interval" => "1 hour".to_owned(),
        "text" | "name" | "character varying" => "x77".to_owned(),
        _ => "7".to_owned(),
    };
    if many { format!("'{{{value}}}'::{kind}") } else { format!("'{value}'::{kind}") }
}

/// How a query goes as a role within a tenant; `how` runs it, or only plans it.
async fn explained(
    tx: &mut PgConnection,
    (role, how): (&str, &str),
    (tenant, time): (Uuid, &str),
    query: &str,
) -> Result<Value, sqlx::Error> {
    // Tables of a test are small; of large ones no plan would walk through all. So what a
    // plan does here by way of an index, it does there.
    let prepare = format!(
        "set local plan_cache_mode = force_custom_plan; set local enable_seqscan = off;
         set local enable_hashjoin = off; set local enable_mergejoin = off;
         set local session_replication_role = replica; prepare asked as {query}"
    );
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *tx).await?;
    let kinds: Vec<String> =
        sqlx::query_scalar("select parameter_types::text[] from pg_prepared_statements where name = 'asked'")
            .fetch_one(&mut *tx)
            .await?;
    let enter = format!(
        "set local role {role};
         select set_config('app.tenant_id', '{tenant}', true), set_config('app.actor', 'test', true)"
    );
    sqlx::raw_sql(AssertSqlSafe(enter)).execute(&mut *tx).await?;
    let values: Vec<String> = kinds.iter().map(|kind| value(kind, tenant, time)).collect();
    let values = if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
    let explain = format!("explain ({how}format json) execute asked{values}");
    sqlx::query_scalar(AssertSqlSafe(explain)).persistent(false).fetch_one(tx).await
}

/// The plan of a query, with what it met where it can be run; undone afterwards. `None`
/// for what has no plan.
async fn plan(owner: &mut PgConnection, tenant: Uuid, time: &str, query: &str) -> Option<Value> {
    let mut last = None;
    for role in ["tracewright_app", "tracewright_ingest", "tracewright_system"] {
        for how in ["analyze, timing off, ", ""] {
            let mut tx = owner.begin().await.unwrap();
            let told = explained(&mut tx, (role, how), (tenant, time), query).await;
            tx.rollback().await.unwrap();
            // It outlives the transaction, if it came that far.
            let _ = sqlx::raw_sql("deallocate asked").execute(&mut *owner).await;
            match told {
                Ok(plan) => return Some(plan),
                Err(error) => last = Some(error),
            }
        }
    }
    let error = last.unwrap();
    // Commands such as `set` cannot be prepared: a syntax error there.
    let command = error.as_database_error().is_some_and(|told| told.code().as_deref() == Some("42601"));
    assert!(command, "{query}: {error}");
    None
}

/// Every node of a plan.
fn nodes<'a>(plan: &'a Value, all: &mut Vec<&'a Value>) {
    all.push(plan);
    for inner in plan["Plans"].as_array().into_iter().flatten() {
        nodes(inner, all);
    }
}

/// The tables that a plan reads, by their own names: partition, parent, and how many rows
/// it met there.
fn read(plan: &Value) -> Vec<(&str, &str, f64)> {
    let mut all = Vec::new();
    nodes(&plan[0]["Plan"], &mut all);
    let met = all.into_iter().filter(|node| node["Node Type"] != "ModifyTable").filter_map(|node| {
        let table = node["Relation Name"].as_str()?;
        let parent = match table.rsplit_once('_') {
            Some((parent, id)) if id.len() == 32 => parent,
            _ => table,
        };
        let number = |name: &str| node[name].as_f64().unwrap_or_default();
        let rows = (number("Actual Rows") + number("Rows Removed by Filter")) * number("Actual Loops");
        Some((table, parent, rows))
    });
    met.collect()
}

/// Every table of tenants either grows or has a reason not to.
async fn every_table_is_judged(owner: &mut PgConnection, parents: &[String]) {
    let all: BTreeSet<String> = tables(owner).await.into_iter().map(|table| table.name).collect();
    let stays = STAYS.iter().flat_map(|(_, tables)| tables.iter().copied());
    let judged: Vec<&str> = parents.iter().map(String::as_str).chain(GROWS).chain(stays).collect();
    let known: BTreeSet<String> = judged.iter().map(|table| (*table).to_owned()).collect();
    assert_eq!(known.len(), judged.len(), "a table is judged twice");
    assert_eq!(known, all, "tables that are not judged, or are not there");
}

#[tokio::test]
async fn among_three_hundred_tenants_every_query_stays_in_its_partition_and_walks_no_table() {
    let test = TestDb::at_home().await;
    let tenant = test.tenant("AAAA", &["KOL"]).await;
    let mut owner = test.owner.connect().await.unwrap();
    let others: Vec<Uuid> = (0..300).map(|_| Uuid::now_v7()).collect();
    // A few at once: each locks every parent and its partition.
    for some in others.chunks(30) {
        sqlx::query("select app.add_tenant_partitions(t) from unnest($1::uuid[]) t")
            .bind(some)
            .execute(&mut owner)
            .await
            .unwrap();
    }
    let parents: Vec<String> =
        sqlx::query_scalar("select c.oid::regclass::text from pg_class c where c.relkind = 'p' order by 1")
            .fetch_all(&mut owner)
            .await
            .unwrap();
    assert!(parents.len() >= 8);
    every_table_is_judged(&mut owner, &parents).await;
    // With the tenant as a constant no other tenant's partition is so much as locked.
    for parent in &parents {
        let locks: i64 = test
            .db
            .tx(&Cx::new(tenant, "test"), async |tx| {
                let sql = format!("select from {parent} where tenant_id = $1");
                sqlx::query(AssertSqlSafe(sql)).bind(tenant).execute(tx.conn()).await?;
                let count = "select count(*) from pg_locks where pid = pg_backend_pid() \
                             and relation::regclass::text like $1 || '\\_%'";
                Ok::<_, DbError>(sqlx::query_scalar(count).bind(parent).fetch_one(tx.conn()).await?)
            })
            .await
            .unwrap();
        // The partition, and the indexes of it and of the parent; not six hundred.
        assert!(locks <= 26, "{parent}: {locks} locks");
    }

    sqlx::raw_sql("set session_replication_role = replica").execute(&mut owner).await.unwrap();
    let grow: Vec<&str> = parents.iter().map(String::as_str).chain(GROWS).collect();
    let some: Vec<String> = others[..20].iter().map(|other| format!("'{other}'")).collect();
    for table in &grow {
        let own = format!("unnest(array['{tenant}']::uuid[]) t, generate_series(1, {ROWS}) n");
        let beside = format!("unnest(array[{}]::uuid[]) t, generate_series(1, 20) n", some.join(", "));
        fill(&mut owner, table, &own).await;
        fill(&mut owner, table, &beside).await;
        // Only what was filled: three hundred partitions take their time.
        let filled: String = sqlx::query_scalar("select coalesce(to_regclass($1)::text, $2)")
            .bind(format!("{table}_{}", tenant.simple()))
            .bind(table)
            .fetch_one(&mut owner)
            .await
            .unwrap();
        sqlx::raw_sql(AssertSqlSafe(format!("analyze {filled}"))).execute(&mut owner).await.unwrap();
    }
    sqlx::raw_sql("set session_replication_role = origin").execute(&mut owner).await.unwrap();

    let queries = queries();
    assert!(queries.len() > 600, "only {} queries were found", queries.len());
    let (mut wrong, mut met, mut planned) = (Vec::new(), vec![false; WALKS.len()], 0);
    let suffix = tenant.simple().to_string();
    for query in &queries {
        let words = query.split_whitespace().collect::<Vec<_>>().join(" ");
        // What is younger than now are few rows, what is older than all of them too.
        for time in ["now", "2000-01-01"] {
            let Some(plan) = plan(&mut owner, tenant, time, query).await else { continue };
            planned += 1;
            for (table, parent, rows) in read(&plan) {
                if table != parent && !table.ends_with(&suffix) {
                    wrong.push(format!("{table}, another tenant's: {words}"));
                }
                if rows < MANY || !grow.contains(&parent) {
                    continue;
                }
                match WALKS.iter().position(|(begins, _)| words.starts_with(begins)) {
                    Some(known) => met[known] = true,
                    None => wrong.push(format!("{rows} rows of {parent}: {words}")),
                }
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "queries that would grow slow, or leave their tenant:\n{}", wrong.join("\n"));
    assert!(planned > 1200, "only {planned} plans were looked at");
    let better: Vec<&str> =
        WALKS.iter().zip(met).filter(|(_, met)| !met).map(|((begins, _), _)| *begins).collect();
    assert!(better.is_empty(), "these walk no more; take them off the list: {better:?}");
}
