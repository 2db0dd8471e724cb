//! What the victim of [`super`] has beside its rows of business: people, roles, audit,
//! brand, plan, keys, sessions, notices. Each with a mark that its own callers see and a
//! stranger must not; and all of it as the database has it, so that a stranger who
//! touched something is found out.

use std::collections::BTreeMap;

use platform::ctx::Cx;
use platform::db::DbError;
use platform::people;
use platform::testing::{TestDb, person, session};
use platform::web::{Scope, keys};
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};
use uuid::Uuid;

use super::traces::office::Office;
use super::{HOLD, MARK, TARGET, UID, sample, work};

/// The brand's colour.
pub(super) const COLOUR: &str = "#7a1f5c";
/// The plan, whose name super-administrators see as well.
pub(super) const PLAN: &str = "PLAN-OF-SAIF";
/// A plant, whose name may stand in the frame of every page of its tenant.
pub(super) const PLANT: &str = "PLANT-OF-SAIF";
/// Where somebody of the tenant signed in from, one of the addresses that it lets in.
pub(super) const ADDRESS: &str = "203.0.113.77";
/// From where everybody calls, whom the victim lets in as well: no mark of anybody.
pub(super) const CALLER: &str = "198.51.100.7";
/// Events of a month.
pub(super) const EVENTS: &str = "424242424242";

/// How the UID of what was made begins.
const PUMPS: &str = "UID-SAIF-KOL-FG";

/// What no answer to a stranger holds.
pub(super) const MARKS: [&str; 9] = [MARK, UID, PUMPS, COLOUR, PLAN, PLANT, ADDRESS, EVENTS, TARGET];

/// What stands for a row of the tenant in the pattern of a route.
const NAMES: [&str; 12] = [
    "{id}",
    "{*code}",
    "{uid}",
    "{instance}",
    "{event}",
    "{delegation}",
    "{notice}",
    "{consent}",
    "{session}",
    "{key}",
    "/roles/{code}",
    "/organisation/{plant}",
];

/// Whether the pattern names a row that one tenant has and another has not.
pub(super) fn names_a_row(pattern: &str) -> bool {
    !pattern.starts_with("/admin") && NAMES.iter().any(|name| pattern.contains(name))
}

/// What of the victim a stranger would have to know.
pub(super) struct Theirs {
    /// A session of an administrator.
    pub token: String,
    user: Uuid,
    session: String,
    key: String,
    /// Whose plant recorded what, and what it is called.
    office: Office,
    passport: String,
    /// What is its alone of what nobody could plant: roots of its proofs and their keys.
    pub marks: Vec<String>,
}

impl Theirs {
    /// A path of the pattern that names what the victim really has.
    pub(super) fn path(&self, method: &str, pattern: &str) -> String {
        if method == "GET"
            && let Some(path) = work::asked(&self.office, pattern)
        {
            return path;
        }
        let user = self.user.to_string();
        let named = pattern
            .replace("/api/v1/views/{id}", &format!("/api/v1/views/{HOLD}"))
            .replace("/users/{id}", &format!("/users/{user}"))
            .replace("/addresses/{id}", &format!("/addresses/{user}"))
            .replace("/unreachable/{id}", &format!("/unreachable/{user}"))
            .replace("/passports/{id}", &format!("/passports/{}", self.passport))
            .replace("{session}", &self.session)
            .replace("{key}", &self.key)
            .replace("/roles/{code}", "/roles/MARKED")
            .replace("/organisation/{plant}", "/organisation/MRK");
        sample(method, &named)
    }
}

/// Somebody who administers a tenant, and the token of a session from `address`.
pub(super) async fn administrator(test: &TestDb, tenant: Uuid, email: &str, address: &str) -> (Uuid, String) {
    let user = person(&test.db, tenant, email, "Asha", &[people::ADMIN]).await;
    (user, session(&test.db, email, Some(address.parse().unwrap())).await)
}

/// Plants them; the rows of business are there already, and the plant MRK. The passport
/// is that of a unit of this office.
pub(super) async fn plant(test: &TestDb, office: Office, passport: String) -> Theirs {
    let victim = office.tenant;
    let (asha, token) = administrator(test, victim, "asha@saif.example", ADDRESS).await;
    let user = Uuid::now_v7();
    let rows = [
        format!("insert into users (tenant_id, user_id, email, name, status)
                 values ('{victim}', '{user}', 'marked@saif.example', '{MARK}', 'active')"),
        format!("insert into roles (tenant_id, role, name, permissions) values ('{victim}', 'MARKED', '{MARK}', '{{}}')"),
        format!("insert into role_limits (tenant_id, role, permission, amount, currency)
                 values ('{victim}', 'MARKED', 'hold.place', 1, 'INR')"),
        format!("insert into audit_log (tenant_id, audit_id, actor, action, subject, after)
                 values ('{victim}', gen_random_uuid(), '{MARK}', '{MARK}', 'item:{MARK}', '{{\"note\": \"{MARK}\"}}')"),
        format!("insert into notices (tenant_id, notice_id, user_id, kind, details, told_at)
                 values ('{victim}', '{HOLD}', '{asha}', 'people.joined', '{{\"who\": \"{MARK}\"}}', now())"),
        format!("insert into unreachable_addresses (tenant_id, user_id, email, reason, source, message_id, since)
                 values ('{victim}', '{user}', 'marked@saif.example', '{MARK}', 'bounced', '{HOLD}', now())"),
        format!("insert into workflow_delegations (tenant_id, delegation_id, person, delegate, from_at, until_at, reason)
                 values ('{victim}', '{HOLD}', '{asha}', '{user}', now(), now() + interval '1 day', '{MARK}')"),
        format!("insert into workflow_triggers (tenant_id, trigger_id, workflow, kind, place, event)
                 values ('{victim}', '{HOLD}', 'marked', 'webhook', 0, '{MARK}')"),
        format!("insert into consents (tenant_id, consent_id, person_kind, person_key, purpose, text_version, given_at)
                 values ('{victim}', '{HOLD}', 'contact', '{MARK}', 'purpose {MARK}', '1', now())"),
        format!("insert into tenant_settings (tenant_id, primary_colour, logo, logo_type, addresses)
                 values ('{victim}', '{COLOUR}', convert_to('{MARK}', 'UTF8'), 'image/png', '{{{ADDRESS}/32,{CALLER}/32}}')"),
        format!("insert into mail_settings (tenant_id, sender_name, smtp_user) values ('{victim}', '{MARK}', '{MARK}')"),
        format!("insert into sms_settings (tenant_id, config, active)
                 values ('{victim}', '{{\"url\": \"https://sms.example/\", \"sender\": \"{MARK}\"}}', false)"),
        format!("insert into sign_in_providers (tenant_id, name) values ('{victim}', '{MARK}')"),
        format!("insert into document_numbers (tenant_id, company, kind, number, series, period_from, seq, dated)
                 values ('{victim}', 'C1', 'sales_invoice', '{MARK}', '{MARK}', '2026-04-01', 1, '2026-04-01')"),
        format!("update plants set name = '{PLANT}' where tenant_id = '{victim}' and code = 'MRK'"),
    ];
    let done: Result<(), DbError> = test
        .db
        .tx(&Cx::system(victim), async |tx| {
            for row in &rows {
                sqlx::query(AssertSqlSafe(row.clone())).execute(tx.conn()).await?;
            }
            Ok(())
        })
        .await;
    done.unwrap();
    keys::create(&test.db, victim, MARK, &[Scope::Read], None).await.unwrap();
    let key =
        keys::list(&test.db, victim).await.unwrap().into_iter().find(|key| key.name == MARK).unwrap().id;
    let rows = [
        format!("insert into control.plans (plan, name) values ('MARKED', '{PLAN}')"),
        format!(
            "insert into control.subscriptions (tenant_id, plan, since) values ('{victim}', 'MARKED', now())
                 on conflict (tenant_id) do update set plan = excluded.plan"
        ),
        format!(
            "insert into control.usage (tenant_id, month, events, metered_at)
                 values ('{victim}', '2026-11-01', {EVENTS}, now())"
        ),
    ];
    let session: Result<String, DbError> = test
        .db
        .system_tx(async |system| {
            for row in &rows {
                sqlx::query(AssertSqlSafe(row.clone())).execute(system.conn()).await?;
            }
            // As sessions are named: the first bytes of the token's hash.
            let sql = "select encode(substring(token_hash from 1 for 8), 'hex') from control.sessions where user_id = $1";
            Ok(sqlx::query_scalar(sql).bind(asha).fetch_one(system.conn()).await?)
        })
        .await;
    work::plant(test, victim, asha).await;
    let marks = work::proofs(test, victim).await;
    Theirs { token, user, session: session.unwrap(), key, office, passport, marks }
}

/// Every table that has rows of tenants.
pub(super) async fn tables(owner: &mut PgConnection) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', n.nspname, c.relname) from pg_class c
         join pg_namespace n on n.oid = c.relnamespace
         join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
         where n.nspname in ('public', 'control') and c.relkind in ('r', 'p') and not c.relispartition",
    )
    .fetch_all(owner)
    .await
    .unwrap();
    assert!(tables.len() > 60, "only {} tables were found", tables.len());
    tables
}

/// What the databases have of a tenant: of each table how many rows, and their hash.
pub(super) async fn everything_of(test: &TestDb, tenant: Uuid) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (place, options) in [("home", test.owner.clone()), ("there", test.owner_of(tenant).await)] {
        let mut owner = options.connect().await.unwrap();
        for table in tables(&mut owner).await {
            let sql = format!(
                "select count(*) || ' ' || coalesce(md5(string_agg(t::text, ',' order by t::text)), '')
                 from {table} t where tenant_id = $1"
            );
            let sum: String =
                sqlx::query_scalar(AssertSqlSafe(sql)).bind(tenant).fetch_one(&mut owner).await.unwrap();
            all.insert(format!("{place} {table}"), sum);
        }
    }
    all
}
