//! Every foreign key between tenants' tables, tried: the application's role, within one
//! tenant, refers to a row that only another tenant has. A check of a foreign key goes
//! past the policies, so only its columns keep it to one tenant.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use uuid::Uuid;

use super::isolation_tests::tables;
use crate::testing::TestDb;

/// A foreign key between two tables of tenants.
struct Key {
    name: String,
    child: String,
    parent: String,
    /// Columns that refer, and the columns they refer to with their types; without the
    /// pair that ties the tenants.
    pairs: Vec<(String, String, String)>,
    /// Other foreign keys of the same table.
    others: Vec<String>,
}

async fn keys(owner: &mut PgConnection) -> Vec<Key> {
    sqlx::query(
        "select quote_ident(k.conname) as name, k.conrelid::regclass::text as child,
                k.confrelid::regclass::text as parent,
                array(select quote_ident(a.attname) from unnest(k.conkey, k.confkey) with ordinality as p(here, there, n)
                      join pg_attribute a on a.attrelid = k.conrelid and a.attnum = p.here
                      where a.attname <> 'tenant_id' order by p.n) as here,
                array(select quote_ident(b.attname) from unnest(k.conkey, k.confkey) with ordinality as p(here, there, n)
                      join pg_attribute a on a.attrelid = k.conrelid and a.attnum = p.here
                      join pg_attribute b on b.attrelid = k.confrelid and b.attnum = p.there
                      where a.attname <> 'tenant_id' order by p.n) as there,
                array(select format_type(b.atttypid, b.atttypmod) from unnest(k.conkey, k.confkey) with ordinality as p(here, there, n)
                      join pg_attribute a on a.attrelid = k.conrelid and a.attnum = p.here
                      join pg_attribute b on b.attrelid = k.confrelid and b.attnum = p.there
                      where a.attname <> 'tenant_id' order by p.n) as types,
                array(select quote_ident(o.conname) from pg_constraint o
                      where o.conrelid = k.conrelid and o.contype = 'f' and o.conparentid = 0
                        and o.oid <> k.oid) as others
         from pg_constraint k
         join pg_class c on c.oid = k.conrelid join pg_class p on p.oid = k.confrelid
         where k.contype = 'f' and k.conparentid = 0 and not c.relispartition and not p.relispartition
           and c.relnamespace = 'public'::regnamespace and p.relnamespace = 'public'::regnamespace
         order by 2, 1",
    )
    .fetch_all(owner)
    .await
    .unwrap()
    .into_iter()
    .map(|row| {
        let texts = |name: &str| row.get::<Vec<String>, _>(name);
        let pairs = texts("here").into_iter().zip(texts("there")).zip(texts("types"));
        Key {
            name: row.get("name"),
            child: row.get("child"),
            parent: row.get("parent"),
            pairs: pairs.map(|((here, there), kind)| (here, there, kind)).collect(),
            others: texts("others"),
        }
    })
    // One that ties the tenants and nothing else leads nowhere.
    .filter(|key| !key.pairs.is_empty())
    .collect()
}

impl Key {
    /// What a row of the parent is called by, which `tenant` has and `not` has not.
    async fn value(&self, owner: &mut PgConnection, tenant: Uuid, not: Uuid) -> Option<Vec<String>> {
        let columns = |of: &str| {
            let all: Vec<String> = self.pairs.iter().map(|(_, there, _)| format!("{of}.{there}")).collect();
            all.join(", ")
        };
        let (ours, theirs) = (columns("p"), columns("q"));
        let known: Vec<String> =
            self.pairs.iter().map(|(_, there, _)| format!("p.{there} is not null")).collect();
        let sql = format!(
            "select array[{}] from {parent} p where p.tenant_id = '{tenant}' and {} and not exists (
                 select from {parent} q where q.tenant_id = '{not}' and ({theirs}) = ({ours})) limit 1",
            ours.split(", ").map(|column| format!("{column}::text")).collect::<Vec<_>>().join(", "),
            known.join(" and "),
            parent = self.parent,
        );
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_optional(owner).await.unwrap()
    }

    /// Has the tenant's row refer to that one.
    fn refer(&self, tenant: Uuid, value: &[String]) -> String {
        let set: Vec<String> = self
            .pairs
            .iter()
            .zip(value)
            .map(|((here, _, kind), value)| format!("{here} = '{}'::{kind}", value.replace('\'', "''")))
            .collect();
        format!("update {} set {} where tenant_id = '{tenant}'", self.child, set.join(", "))
    }

    /// What went wrong with this key, if anything did.
    async fn tried(&self, owner: &mut PgConnection, a: Uuid, b: Uuid) -> Option<String> {
        let child = &self.child;
        let mut tx = owner.begin().await.unwrap();
        // One row of A that refers by this key alone, and that the role may change, whatever
        // it may elsewhere: what is tried is the key, and not a grant or a trigger.
        let mut prepared = vec![
            "set local session_replication_role = replica".to_owned(),
            format!(
                "delete from {child} where tenant_id = '{a}' and ctid <> \
                 (select ctid from {child} where tenant_id = '{a}' limit 1)"
            ),
            "set local session_replication_role = origin".to_owned(),
            format!("alter table {child} disable trigger user"),
            format!("grant select, update on {child} to tracewright_app"),
        ];
        // Nor is it tried whether others refer to that row.
        let referring: Vec<(String, String)> = sqlx::query_as(
            "select conrelid::regclass::text, conname::text from pg_constraint
             where contype = 'f' and conparentid = 0 and confrelid = $1::regclass and conrelid <> confrelid",
        )
        .bind(child)
        .fetch_all(&mut *tx)
        .await
        .unwrap();
        prepared.extend(
            referring.iter().map(|(table, key)| format!("alter table {table} drop constraint {key}")),
        );
        prepared
            .extend(self.others.iter().map(|other| format!("alter table {child} drop constraint {other}")));
        for sql in prepared {
            sqlx::raw_sql(AssertSqlSafe(sql.clone()))
                .execute(&mut *tx)
                .await
                .unwrap_or_else(|error| panic!("{child}: {sql}: {error}"));
        }
        let nowhere = Uuid::nil();
        let Some(own) = self.value(&mut tx, a, nowhere).await else {
            return Some(format!("{} has no row of A", self.parent));
        };
        let Some(theirs) = self.value(&mut tx, b, a).await else {
            return Some(format!("{} has no row that is B's alone", self.parent));
        };
        for sql in [
            "set local role tracewright_app".to_owned(),
            format!("select set_config('app.tenant_id', '{a}', true), set_config('app.actor', 'test', true)"),
        ] {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *tx).await.unwrap();
        }
        match sqlx::query(AssertSqlSafe(self.refer(a, &own))).execute(&mut *tx).await {
            Ok(done) if done.rows_affected() == 1 => {}
            other => return Some(format!("its own row cannot be referred to: {other:?}")),
        }
        match sqlx::query(AssertSqlSafe(self.refer(a, &theirs))).execute(&mut *tx).await {
            // foreign_key_violation
            Err(sqlx::Error::Database(told)) if told.code().as_deref() == Some("23503") => None,
            other => Some(format!("another tenant's row {theirs:?} can be referred to: {other:?}")),
        }
        // Dropped, the transaction is rolled back.
    }
}

#[tokio::test]
async fn no_foreign_key_leads_to_another_tenants_row() {
    let test = TestDb::at_home().await;
    let (a, b) = (test.tenant("AAAA", &["KOL"]).await, test.tenant("BBBB", &["KOL"]).await);
    let mut owner = test.owner.connect().await.unwrap();
    let tables = tables(&mut owner).await;
    sqlx::raw_sql("set session_replication_role = replica").execute(&mut owner).await.unwrap();
    for table in &tables {
        for tenant in [a, b] {
            let sql = format!("{} on conflict do nothing", table.insert(tenant));
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut owner).await.unwrap();
        }
    }
    sqlx::raw_sql("set session_replication_role = origin").execute(&mut owner).await.unwrap();
    let keys = keys(&mut owner).await;
    assert!(keys.len() > 50, "only {} foreign keys were found", keys.len());
    let mut wrong = Vec::new();
    for key in keys {
        if let Some(told) = key.tried(&mut owner, a, b).await {
            wrong.push(format!("{}: {} to {}: {told}", key.child, key.name, key.parent));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The test above, of a key that does lead elsewhere.
#[tokio::test]
async fn a_foreign_key_without_the_tenant_would_be_found() {
    let test = TestDb::at_home().await;
    let (a, b) = (test.tenant("AAAA", &[]).await, test.tenant("BBBB", &[]).await);
    let mut owner = test.owner.connect().await.unwrap();
    let fill = format!(
        "create table leaky_parents (tenant_id uuid not null, code text not null unique);
         create table leaky_children (tenant_id uuid not null,
             parent text constraint leaky references leaky_parents (code));
         insert into leaky_parents values ('{a}', 'of A'), ('{b}', 'of B');
         insert into leaky_children values ('{a}', 'of A')"
    );
    sqlx::raw_sql(AssertSqlSafe(fill)).execute(&mut owner).await.unwrap();
    let key = keys(&mut owner).await.into_iter().find(|key| key.name == "leaky").unwrap();
    let told = key.tried(&mut owner, a, b).await.expect("it is found");
    assert!(told.contains("can be referred to"), "{told}");
}
