//! The second line of isolation alone: what the policies keep from a role that asks for
//! everything and names no tenant, among three hundred of them. (The first line, that
//! queries name their tenant, is tried in the matrix of the server with policies off.)
//! Everything here is made from the catalog, so that a new table, view, partition or
//! function is tried unbidden.

use std::collections::BTreeSet;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use uuid::Uuid;

use super::isolation_tests::{Table, tables};
use crate::testing::TestDb;

/// Those by which the cloud asks.
const ROLES: [&str; 3] = ["tracewright_app", "tracewright_ingest", "tracewright_system"];

/// Tables of no tenant, and why they are of none. Only the system's role is granted any of
/// them, as the test of grants says.
const OF_NOBODY: [(&str, &str); 14] = [
    ("_sqlx_migrations", "which migrations ran here; granted to nobody"),
    ("control.admins", "super-administrators, who are of the cloud"),
    ("control.admin_links", "their invitations"),
    ("control.admin_sessions", "their sessions"),
    ("control.authorities", "the cloud's own certificate authority"),
    ("control.databases", "where tenants may live"),
    ("control.erasures", "certificates of erasure, which outlive their tenant"),
    ("control.plans", "what any tenant may subscribe to"),
    ("control.refresh_tokens", "of a family, which is of a tenant"),
    ("control.signin_steps", "between password and code: which tenant is not chosen yet"),
    ("control.signin_tries", "counted by address and account before anybody is known"),
    ("control.signing_keys", "by which the cloud signs its tokens"),
    ("control.admin_audit", "what super-administrators did"),
    ("control.restores", "of the whole cloud, or of the tenant that it names"),
];

/// Functions that do lead into another tenant, and why they may.
const ENTERS: [(&str, &str); 1] =
    [("app.enter", "begins a tenant's transaction; only `Db` calls it, with a tenant that was let in")];

/// Three hundred tenants with a row in every table; the first two are A and B.
struct Many {
    _test: TestDb,
    owner: PgConnection,
    tables: Vec<Table>,
    tenants: Vec<Uuid>,
}

impl Many {
    async fn new() -> Self {
        let test = TestDb::at_home().await;
        let mut tenants = vec![test.tenant("AAAA", &["KOL"]).await, test.tenant("BBBB", &["KOL"]).await];
        let mut owner = test.owner.connect().await.unwrap();
        let others: Vec<Uuid> = (2..300).map(|_| Uuid::now_v7()).collect();
        sqlx::query(
            "insert into control.tenants (tenant_id, code, name)
             select t, 'T' || lpad(n::text, 3, '0'), 'T' from unnest($1::uuid[]) with ordinality x(t, n)",
        )
        .bind(&others)
        .execute(&mut owner)
        .await
        .unwrap();
        // A few at once: each locks every parent and its partition.
        for some in others.chunks(30) {
            let sql = "select app.add_tenant_partitions(t) from unnest($1::uuid[]) t";
            sqlx::query(sql).bind(some).execute(&mut owner).await.unwrap();
        }
        tenants.extend(others);
        let tables = tables(&mut owner).await;
        assert!(tables.len() > 100, "only {} tables were found", tables.len());
        sqlx::raw_sql("set session_replication_role = replica").execute(&mut owner).await.unwrap();
        for table in &tables {
            sqlx::raw_sql(AssertSqlSafe(table.insert_all(&tenants)))
                .execute(&mut owner)
                .await
                .unwrap_or_else(|error| panic!("{}: {error}", table.name));
        }
        Self { _test: test, owner, tables, tenants }
    }

    fn a(&self) -> Uuid {
        self.tenants[0]
    }

    fn b(&self) -> Uuid {
        self.tenants[1]
    }
}

/// As a role within a tenant, or within none; what was done is undone when it is dropped.
/// Neither triggers nor foreign keys say no: what is tried is the policy.
async fn within<'a>(
    owner: &'a mut PgConnection,
    role: &str,
    tenant: Option<Uuid>,
) -> sqlx::Transaction<'a, sqlx::Postgres> {
    let mut tx = owner.begin().await.unwrap();
    let tenant = tenant.map(|tenant| tenant.to_string()).unwrap_or_default();
    let enter = format!(
        "set local session_replication_role = replica; set local role {role};
         select set_config('app.tenant_id', '{tenant}', true), set_config('app.actor', 'test', true)"
    );
    sqlx::raw_sql(AssertSqlSafe(enter)).execute(&mut *tx).await.unwrap();
    tx
}

/// Refused by a policy or for want of a privilege.
fn refused(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|told| told.code().as_deref() == Some("42501"))
}

/// Whose rows a relation shows to whoever asks for all, and how many of each; nothing where
/// it may not be asked.
async fn shown(owner: &mut PgConnection, role: &str, tenant: Option<Uuid>, from: &str) -> Vec<(Uuid, i64)> {
    let mut tx = within(owner, role, tenant).await;
    let sql = format!("select tenant_id, count(*) from (select * from {from}) all_of_it group by 1");
    match sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut *tx).await {
        Ok(shown) => shown,
        Err(error) if refused(&error) => Vec::new(),
        Err(error) => panic!("{from} as {role}: {error}"),
    }
}

/// How many rows a statement without a condition changed; `None` where it was refused. A row
/// that is there already came past the policy, which judges first.
async fn changed(owner: &mut PgConnection, role: &str, tenant: Option<Uuid>, sql: &str) -> Option<u64> {
    let mut tx = within(owner, role, tenant).await;
    match sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut *tx).await {
        Ok(done) => Some(done.rows_affected()),
        Err(error) if refused(&error) => None,
        Err(error) if error.as_database_error().is_some_and(|told| told.is_unique_violation()) => Some(1),
        Err(error) => panic!("{sql} as {role}: {error}"),
    }
}

/// What of another's a role within A sees or touches in a table, and whether it sees its own.
async fn leaks(owner: &mut PgConnection, table: &Table, a: Uuid, b: Uuid) -> Vec<String> {
    let name = &table.name;
    let own: i64 =
        sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {name} where tenant_id = '{a}'")))
            .fetch_one(&mut *owner)
            .await
            .unwrap();
    let mut found = Vec::new();
    for role in ROLES {
        let seen = shown(owner, role, Some(a), name).await;
        if seen != [(a, own)] {
            found.push(format!("{name}: {role} within A, which has {own}, sees {seen:?}"));
        }
        let seen = shown(owner, role, None, name).await;
        if !seen.is_empty() {
            found.push(format!("{name}: {role} within no tenant sees {} tenants", seen.len()));
        }
        for (tenant, most) in [(Some(a), u64::try_from(own).unwrap()), (None, 0)] {
            for sql in [format!("update {name} set tenant_id = tenant_id"), format!("delete from {name}")] {
                let touched = changed(owner, role, tenant, &sql).await;
                if touched.is_some_and(|touched| touched != most) {
                    found.push(format!(
                        "{sql}: {role} within {tenant:?} touched {touched:?} rows, not {most}"
                    ));
                }
            }
            let sql = table.insert(b);
            if let Some(made) = changed(owner, role, tenant, &sql).await {
                found.push(format!("{name}: {role} within {tenant:?} made {made} rows of B"));
            }
        }
        let give = format!("update {name} set tenant_id = '{b}'");
        if let Some(given) = changed(owner, role, Some(a), &give).await {
            found.push(format!("{name}: {role} within A gave {given} rows to B"));
        }
    }
    found
}

#[tokio::test]
async fn who_asks_for_everything_among_three_hundred_tenants_gets_its_own() {
    let mut many = Many::new().await;
    let (a, b) = (many.a(), many.b());
    let mut found = Vec::new();
    for table in &many.tables {
        found.extend(leaks(&mut many.owner, table, a, b).await);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));

    // And it would be told: of a table whose policy is off, and of one with a policy too many.
    for (name, opened) in [
        ("items", "alter table items disable row level security"),
        ("audit_log", "create policy leaky on audit_log using (true) with check (true)"),
    ] {
        sqlx::raw_sql(opened).execute(&mut many.owner).await.unwrap();
        let table = many.tables.iter().find(|table| table.name == name).unwrap();
        let told = leaks(&mut many.owner, table, a, b).await.join("\n");
        assert!(told.contains("tracewright_app within A, which has"), "{name}: {told}");
        assert!(told.contains("within no tenant sees 300 tenants"), "{name}: {told}");
        assert!(told.contains("rows of B"), "{name}: {told}");
    }

    views(&mut many).await;
    partitions(&mut many).await;
    functions(&mut many).await;
}

/// Every view shows A its own rows, and nobody any.
async fn views(many: &mut Many) {
    let a = many.a();
    let views: Vec<String> = sqlx::query_scalar(
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('v', 'm') and n.nspname in ('public', 'app', 'control') order by 1",
    )
    .fetch_all(&mut many.owner)
    .await
    .unwrap();
    assert!(!views.is_empty(), "no view was found");
    for view in views {
        let mut seen_by_any = false;
        for role in ROLES {
            let seen = shown(&mut many.owner, role, Some(a), &view).await;
            assert!(seen.iter().all(|(tenant, _)| *tenant == a), "{view} as {role}: {seen:?}");
            seen_by_any |= !seen.is_empty();
            let seen = shown(&mut many.owner, role, None, &view).await;
            assert_eq!(seen, [], "{view} as {role} within no tenant");
        }
        assert!(seen_by_any, "{view} shows no role anything, so that nothing was tried");
    }
}

/// No partition can be asked by its own name: neither another's nor one's own.
async fn partitions(many: &mut Many) {
    let (a, b) = (many.a(), many.b());
    let granted: Vec<String> = sqlx::query_scalar(
        "select c.oid::regclass || ' ' || r from pg_class c, unnest($1::text[]) r
         where c.relispartition and c.relkind in ('r', 'p')
           and has_table_privilege(r, c.oid, 'select, insert, update, delete, truncate, references, trigger')",
    )
    .bind(ROLES.map(str::to_owned).to_vec())
    .fetch_all(&mut many.owner)
    .await
    .unwrap();
    assert_eq!(granted, Vec::<String>::new(), "partitions that a role may ask");
    let named: Vec<String> = sqlx::query_scalar(
        "select c.oid::regclass::text from pg_class c where c.relispartition and c.relkind = 'r'
         and (c.relname like '%' || $1 or c.relname like '%' || $2)",
    )
    .bind(a.simple().to_string())
    .bind(b.simple().to_string())
    .fetch_all(&mut many.owner)
    .await
    .unwrap();
    assert!(named.len() >= 16, "only {} partitions were found", named.len());
    for name in named {
        for role in ROLES {
            assert_eq!(shown(&mut many.owner, role, Some(a), &name).await, [], "{name} as {role}");
            for sql in [
                format!("insert into {name} (tenant_id) values ('{b}')"),
                format!("update {name} set tenant_id = tenant_id"),
                format!("delete from {name}"),
                format!("truncate {name}"),
            ] {
                assert_eq!(changed(&mut many.owner, role, Some(a), &sql).await, None, "{sql} as {role}");
            }
        }
        // Nor after a careless grant: a partition has no policy, and so shows nothing.
        let mut tx = many.owner.begin().await.unwrap();
        let enter = format!(
            "grant select, update, delete on {name} to tracewright_app; set local role tracewright_app;
             select set_config('app.tenant_id', '{a}', true)"
        );
        sqlx::raw_sql(AssertSqlSafe(enter)).execute(&mut *tx).await.unwrap();
        for sql in [format!("select from {name}"), format!("delete from {name}")] {
            let done = sqlx::query(AssertSqlSafe(sql.clone())).execute(&mut *tx).await.unwrap();
            assert_eq!(done.rows_affected(), 0, "{sql} after a grant");
        }
    }
}

/// A function that a role may call.
struct Function {
    name: String,
    /// Its arguments' types.
    takes: Vec<String>,
}

impl Function {
    /// Called with what is of this tenant.
    fn call(&self, tenant: Uuid) -> String {
        let value = |kind: &String| match kind.as_str() {
            "uuid" => format!("'{tenant}'::uuid"),
            "text" => format!("'{}'::text", Table::mark(tenant)),
            "boolean" => "true".to_owned(),
            kind if kind.ends_with("[]") => format!("'{{}}'::{kind}"),
            kind => format!("'1'::{kind}"),
        };
        let values: Vec<String> = self.takes.iter().map(value).collect();
        format!("select {}({})::text", self.name, values.join(", "))
    }
}

/// No function gives or changes anything of B to whoever is within A, whatever it is called
/// with; also none that runs with its owner's rights.
async fn functions(many: &mut Many) {
    let (a, b) = (many.a(), many.b());
    let functions: Vec<(String, Vec<String>, [bool; 3])> = sqlx::query(
        "select n.nspname || '.' || p.proname as name, p.prosecdef as definer, p.provolatile <> 'i' as reads,
                array(select format_type(t, null) from unnest(p.proargtypes::oid[]) t) as takes,
                exists (select from unnest($1::text[]) r where has_function_privilege(r, p.oid, 'execute')) as may
         from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where n.nspname in ('public', 'app', 'control') and p.prokind = 'f'
           and p.prorettype <> 'trigger'::regtype and p.prorettype <> 'event_trigger'::regtype
         order by 1",
    )
    .bind(ROLES.map(str::to_owned).to_vec())
    .fetch_all(&mut many.owner)
    .await
    .unwrap()
    .into_iter()
    .map(|row| {
        let is = |what: &str| row.get::<bool, _>(what);
        (row.get("name"), row.get("takes"), [is("definer"), is("reads"), is("may")])
    })
    .collect();
    assert!(
        functions.iter().any(|(.., [definer, _, may])| *definer && *may),
        "no definer's function is found"
    );
    let everything = of_others(many).await;
    let before: String =
        sqlx::query_scalar(AssertSqlSafe(everything.clone())).fetch_one(&mut many.owner).await.unwrap();
    let (mut called, mut entered) = (0, BTreeSet::new());
    for (name, takes, [_, reads, may]) in functions {
        if !may {
            continue;
        }
        if let Some((known, _)) = ENTERS.iter().find(|(known, _)| *known == name) {
            entered.insert(*known);
            continue;
        }
        let function = Function { name, takes };
        for role in ROLES {
            for tenant in [Some(a), None] {
                // What is of B is answered as what is of nobody at all.
                let theirs = answered(many, role, tenant, &function.call(b), &everything, &before).await;
                called += 1;
                // What only reckons with what it is given reads no row.
                if reads && function.takes.iter().any(|kind| kind == "uuid" || kind == "text") {
                    let nobody = Uuid::from_u128(7);
                    let other = function.call(nobody);
                    let nobodys = answered(many, role, tenant, &other, &everything, &before).await;
                    // What it was called with may be answered.
                    let said = theirs.replace(&Table::mark(b), &Table::mark(nobody));
                    assert_eq!(said, nobodys, "{} as {role} within {tenant:?}", function.call(b));
                }
            }
        }
    }
    assert!(called > 60, "only {called} calls were made");
    assert_eq!(entered.len(), ENTERS.len(), "{entered:?}");
}

/// A text that tells all that B has, and what the control schema says of all but A.
async fn of_others(many: &mut Many) -> String {
    let (a, b) = (many.a(), many.b());
    let control: Vec<String> = sqlx::query_scalar(
        "select c.oid::regclass::text from pg_class c where c.relkind = 'r'
         and c.relnamespace = 'control'::regnamespace and exists (select from pg_attribute t
             where t.attrelid = c.oid and t.attname = 'tenant_id' and not t.attisdropped)",
    )
    .fetch_all(&mut many.owner)
    .await
    .unwrap();
    let one = |table: &str, of: String| {
        format!(
            "(select count(*) || ':' || coalesce(sum(hashtextextended(t::text, 0)), 0) from {table} t where {of})"
        )
    };
    let mut all: Vec<String> =
        many.tables.iter().map(|table| one(&table.name, format!("tenant_id = '{b}'"))).collect();
    all.extend(control.iter().map(|table| one(table, format!("tenant_id is distinct from '{a}'"))));
    format!("select array[{}]::text", all.join(", "))
}

/// What a call answered; that it left alone what is of others is seen before it is undone.
async fn answered(
    many: &mut Many,
    role: &str,
    tenant: Option<Uuid>,
    call: &str,
    everything: &str,
    before: &str,
) -> String {
    let mut tx = within(&mut many.owner, role, tenant).await;
    let answer = match sqlx::query_scalar::<_, Option<String>>(AssertSqlSafe(call.to_owned()))
        .fetch_all(&mut *tx)
        .await
    {
        Ok(rows) => format!("{rows:?}"),
        // Nothing of a transaction that failed stays.
        Err(error) => {
            let code = error.as_database_error().and_then(|told| told.code().map(|code| code.into_owned()));
            return code.unwrap_or_else(|| panic!("{call}: {error}"));
        }
    };
    sqlx::raw_sql("reset role").execute(&mut *tx).await.unwrap();
    let after: String =
        sqlx::query_scalar(AssertSqlSafe(everything.to_owned())).fetch_one(&mut *tx).await.unwrap();
    assert_eq!(after, before, "{call} as {role} within {tenant:?} changed what is another's");
    answer
}

#[tokio::test]
async fn every_table_has_a_tenant_or_a_reason_to_have_none() {
    let test = TestDb::at_home().await;
    let mut owner = test.owner.connect().await.unwrap();
    let found: BTreeSet<String> = sqlx::query_scalar::<_, String>(
        "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p', 'f') and not c.relispartition
           and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
           and not exists (select from pg_attribute a where a.attrelid = c.oid
               and a.attname = 'tenant_id' and a.attnotnull)",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap()
    .into_iter()
    .collect();
    assert!(OF_NOBODY.iter().all(|(_, why)| !why.is_empty()));
    assert_eq!(found, OF_NOBODY.iter().map(|(name, _)| (*name).to_owned()).collect(), "tables of no tenant");
}
