//! Walks the catalog of a migrated database and fails on whatever a migration
//! forgot: so a new table is safe, or the build is red.

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnection;

use crate::testing::TestDb;

/// Tables that the rules below are about. Partitions are named too; the control
/// schema and sqlx's own table are not.
const TABLES: &str = "
    select c.oid, c.oid::regclass::text as name, c.relispartition as partition,
           c.relrowsecurity as enabled, c.relforcerowsecurity as forced
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p')
      and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'control')
      and c.relname <> '_sqlx_migrations'";

async fn migrated() -> (TestDb, PgConnection) {
    let test = TestDb::at_home().await;
    test.tenant("AAAA", &["KOL"]).await;
    let connection = test.owner.connect().await.unwrap();
    (test, connection)
}

/// One text per row found; a test wants none.
async fn texts(connection: &mut PgConnection, sql: String) -> Vec<String> {
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(connection).await.unwrap()
}

#[track_caller]
fn none(found: Vec<String>, rule: &str) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[tokio::test]
async fn every_table_is_under_row_level_security() {
    let (_test, mut connection) = migrated().await;
    let rows = sqlx::query(TABLES).fetch_all(&mut connection).await.unwrap();
    assert!(rows.len() > 40, "the walk found only {} tables", rows.len());
    none(
        texts(
            &mut connection,
            format!(
                "select name from ({TABLES}) t where not exists (
                    select from pg_attribute a where a.attrelid = t.oid
                    and a.attname = 'tenant_id' and a.atttypid = 'uuid'::regtype and a.attnotnull)"
            ),
        )
        .await,
        "a table without `tenant_id uuid not null`",
    );
    none(
        texts(&mut connection, format!("select name from ({TABLES}) t where not (enabled and forced)")).await,
        "a table without enabled and forced row-level security",
    );
    let policy = "(tenant_id = ( SELECT app.tenant() AS tenant))";
    none(
        texts(
            &mut connection,
            format!(
                "select name from ({TABLES}) t where not partition and not exists (
                    select from pg_policy p where p.polrelid = t.oid and p.polpermissive
                    and p.polcmd = '*' and p.polroles = '{{0}}'
                    and pg_get_expr(p.polqual, p.polrelid) = '{policy}'
                    and pg_get_expr(p.polwithcheck, p.polrelid) = '{policy}')"
            ),
        )
        .await,
        "a table without the tenant policy",
    );
    none(
        texts(
            &mut connection,
            format!(
                "select name || ': ' || p.polname from ({TABLES}) t
                 join pg_policy p on p.polrelid = t.oid
                 where p.polpermissive and pg_get_expr(p.polqual, p.polrelid) is distinct from '{policy}'"
            ),
        )
        .await,
        "a policy that would let more rows through",
    );
}

#[tokio::test]
async fn every_key_includes_the_tenant() {
    let (_test, mut connection) = migrated().await;
    let tables = format!("select oid from ({TABLES}) t");
    none(
        texts(
            &mut connection,
            format!(
                "select i.indexrelid::regclass::text from pg_index i
                 where i.indisunique and i.indrelid in ({tables}) and not exists (
                    select from pg_attribute a where a.attrelid = i.indrelid
                    and a.attname = 'tenant_id' and a.attnum = any (i.indkey))"
            ),
        )
        .await,
        "a unique key without tenant_id (it would tell of another tenant's rows)",
    );
    // A check of a foreign key goes past the policies.
    none(
        texts(
            &mut connection,
            format!(
                "select k.conrelid::regclass || ': ' || k.conname from pg_constraint k
                 where k.contype = 'f' and k.conrelid in ({tables}) and not exists (
                    select from unnest(k.conkey, k.confkey) as pair(here, there)
                    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = pair.here
                    join pg_attribute b on b.attrelid = k.confrelid and b.attnum = pair.there
                    where a.attname = 'tenant_id' and b.attname = 'tenant_id')"
            ),
        )
        .await,
        "a foreign key that does not tie tenant_id to tenant_id",
    );
}

#[tokio::test]
async fn no_view_or_function_goes_round_the_policies() {
    let (_test, mut connection) = migrated().await;
    let ours = "not in ('pg_catalog', 'information_schema', 'pg_toast')";
    none(
        texts(
            &mut connection,
            format!(
                "select c.oid::regclass::text from pg_class c
                 join pg_namespace n on n.oid = c.relnamespace
                 where n.nspname {ours} and (c.relkind = 'm' or (c.relkind = 'v'
                 and not coalesce(c.reloptions @> '{{security_invoker=true}}', false)))"
            ),
        )
        .await,
        "a view without security_invoker, or a materialised one",
    );
    none(
        texts(
            &mut connection,
            format!(
                "select p.oid::regprocedure::text from pg_proc p
                 join pg_namespace n on n.oid = p.pronamespace
                 where n.nspname {ours} and p.prosecdef
                 and (p.oid::regprocedure::text not in
                          ('app.add_tenant_partitions(uuid)', 'app.raise_generation(bigint)',
                           'app.time_subjects(uuid,integer,bigint,bigint)')
                      or not coalesce(array_to_string(p.proconfig, ' ') like '%search_path=pg_catalog%', false))"
            ),
        )
        .await,
        "a SECURITY DEFINER function that this test does not know, or without a search_path; \
         review that it filters the tenant itself, then name it here",
    );
}

#[tokio::test]
async fn the_roles_hold_what_they_need_and_no_more() {
    let (_test, mut connection) = migrated().await;
    none(
        texts(
            &mut connection,
            "select rolname::text from pg_roles where rolname like 'tracewright%' \
             and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)"
                .into(),
        )
        .await,
        "a role with a power that goes past the policies",
    );
    let grants = "
        select c.oid::regclass as relation, c.relispartition, n.nspname, c.relname,
               r.rolname, g.privilege_type
        from pg_class c join pg_namespace n on n.oid = c.relnamespace,
             lateral aclexplode(c.relacl) g
        left join pg_roles r on r.oid = g.grantee
        where c.relkind in ('r', 'p', 'v', 'S') and g.grantee <> c.relowner
          and n.nspname not in ('pg_catalog', 'information_schema')";
    none(
        texts(
            &mut connection,
            format!(
                "select relation || ' ' || coalesce(rolname, 'public') || ' ' || privilege_type from ({grants}) g
                 where rolname is null
                    or relispartition
                    or relname = '_sqlx_migrations'
                    or privilege_type not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
                    or (nspname = 'control' and rolname <> 'tracewright_system'
                        and not (relname = 'tenants' and privilege_type = 'SELECT'))"
            ),
        )
        .await,
        "a grant that should not be",
    );
    let facts = [
        "lifecycle_events",
        "event_subjects",
        "event_references",
        "event_readings",
        "uid_links",
        "audit_log",
        "audit_chain",
        "ingest_batches",
        "proof_batches",
        "proof_heads",
    ];
    none(
        texts(
            &mut connection,
            format!(
                "select relation || ' ' || rolname || ' ' || privilege_type from ({grants}) g
                 where privilege_type in ('UPDATE', 'DELETE') and relname = any ('{{{}}}')",
                facts.join(",")
            ),
        )
        .await,
        "a fact that a role could edit",
    );
    none(
        texts(
            &mut connection,
            "select n.nspname::text from pg_namespace n, unnest(array['tracewright_app', \
             'tracewright_ingest', 'tracewright_system']) r \
             where n.nspname in ('public', 'app', 'control') \
             and has_schema_privilege(r, n.oid, 'create')"
                .into(),
        )
        .await,
        "a schema in which a role may make things",
    );
}

#[tokio::test]
async fn a_new_tenant_gets_every_partition() {
    let (_test, mut connection) = migrated().await;
    none(
        texts(
            &mut connection,
            "select c.oid::regclass::text from pg_class c where c.relkind = 'p' \
             and not exists (select from pg_inherits i where i.inhparent = c.oid)"
                .into(),
        )
        .await,
        "a partitioned table that app.add_tenant_partitions does not know",
    );
}
