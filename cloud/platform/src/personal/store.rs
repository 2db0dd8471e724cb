//! All SQL of personal data.

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Error};
use uuid::Uuid;

use super::model::{Kind, Person};
use super::places::Place;
use super::spoken::{Combed, Needles};
use crate::db::{SystemTx, Tx};

/// Most rows of one kind that an export holds.
const MOST: i64 = 20_000;

/// Somebody who was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub kind: String,
    pub key: String,
    pub name: String,
    pub detail: String,
}

/// People whose name, e-mail or code holds the text; a few of each kind.
pub(super) async fn search(tx: &mut Tx, text: &str) -> Result<Vec<Found>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Found,
        r#"(select 'user' as "kind!", user_id::text as "key!", name as "name!", email as "detail!" from users
            where tenant_id = $1 and deleted_at is null
              and (position($2 in lower(name)) > 0 or position($2 in email) > 0) order by name limit 20)
           union all
           (select 'operator', operator_id, name, operator_id from operators
            where tenant_id = $1 and (position($2 in lower(name)) > 0 or lower(operator_id) = $2)
            order by name limit 20)
           union all
           (select 'contact', contact, name, partner from contacts
            where tenant_id = $1 and (position($2 in lower(name)) > 0 or position($2 in lower(email)) > 0
              or lower(contact) = $2) order by name limit 20)"#,
        tenant,
        text,
    )
    .fetch_all(tx.conn())
    .await
}

/// The person's name and e-mail; `None` when there is no such person.
pub(super) async fn names(tx: &mut Tx, person: &Person) -> Result<Option<(String, String)>, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"select name as "name!", email as "email!" from (
               select name, email from users where $2 = 'user' and tenant_id = $1 and user_id = $4
               union all
               select name, '' from operators where $2 = 'operator' and tenant_id = $1 and operator_id = $3
               union all
               select name, email from contacts where $2 = 'contact' and tenant_id = $1 and contact = $3
           ) p"#,
        tenant,
        person.kind.name(),
        person.key,
        person.user(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.name, row.email)))
}

/// A section of what is held: its name, and its rows.
pub(super) type Section = (String, Value);

pub(super) fn section(name: &str, rows: Value) -> Section {
    (name.to_owned(), rows)
}

/// What the tenant's tables hold of the person, but for sealed fields and files.
pub(super) async fn sections(tx: &mut Tx, person: &Person) -> Result<Vec<Section>, Error> {
    let mut sections = match person.kind {
        Kind::User => user_sections(tx, person.user().unwrap_or_default()).await?,
        Kind::Operator => operator_sections(tx, &person.key).await?,
        Kind::Contact => contact_sections(tx, &person.key).await?,
    };
    let (tenant, subject) = (tx.tenant(), person.subject());
    // Masters are named by their own name, what plants are told by its kind.
    let subjects = match person.kind {
        Kind::User => vec![subject.clone()],
        Kind::Operator => vec![subject.clone(), format!("operators:{}", person.key)],
        Kind::Contact => vec![subject.clone(), format!("contacts:{}", person.key)],
    };
    let consents = sqlx::query_scalar!(
        r#"select coalesce(jsonb_agg(jsonb_build_object('purpose', purpose, 'text_version', text_version,
               'given_at', given_at, 'withdrawn_at', withdrawn_at) order by given_at), '[]') as "rows!"
           from consents where tenant_id = $1 and person_kind = $2 and person_key = $3"#,
        tenant,
        person.kind.name(),
        person.key,
    )
    .fetch_one(tx.conn())
    .await?;
    let requests = sqlx::query_scalar!(
        r#"select coalesce(jsonb_agg(jsonb_build_object('what', what, 'done', done, 'reason', reason,
               'asked_at', asked_at) order by asked_at), '[]') as "rows!"
           from personal_requests where tenant_id = $1 and person_kind = $2 and person_key = $3"#,
        tenant,
        person.kind.name(),
        person.key,
    )
    .fetch_one(tx.conn())
    .await?;
    let about = sqlx::query_scalar!(
        r#"select coalesce(jsonb_agg(jsonb_build_object('at', at, 'by', actor, 'action', action,
               'before', before, 'after', after) order by at), '[]') as "rows!"
           from (select * from audit_log where tenant_id = $1 and subject = any($2)
                 order by at desc limit $3) a"#,
        tenant,
        &subjects,
        MOST,
    )
    .fetch_one(tx.conn())
    .await?;
    let by = sqlx::query_scalar!(
        r#"select coalesce(jsonb_agg(jsonb_build_object('at', at, 'action', action, 'subject', subject)
               order by at), '[]') as "rows!"
           from (select * from audit_log where tenant_id = $1 and actor = $2
                 order by at desc limit $3) a"#,
        tenant,
        subject,
        MOST,
    )
    .fetch_one(tx.conn())
    .await?;
    sections.extend([
        section("consents", consents),
        section("requests", requests),
        section("changes_of", about),
        section("acts", by),
    ]);
    Ok(sections)
}

async fn user_sections(tx: &mut Tx, user: Uuid) -> Result<Vec<Section>, Error> {
    let tenant = tx.tenant();
    let account = sqlx::query_scalar!(
        r#"select jsonb_agg(jsonb_build_object('name', u.name, 'email', u.email, 'language', u.language,
               'time_zone', u.time_zone, 'status', u.status, 'last_signed_in_at', u.last_signed_in_at,
               'created_at', u.created_at, 'has_password', u.password_hash is not null,
               'date_form', u.date_form, 'number_form', u.number_form, 'theme', u.theme,
               'plant', u.plant, 'landing', u.landing, 'shortcuts', u.shortcuts,
               'roles', (select coalesce(jsonb_agg(role), '[]') from user_roles r
                         where r.tenant_id = $1 and r.user_id = $2),
               'two_step_since', (select confirmed_at from user_totp t
                                  where t.tenant_id = $1 and t.user_id = $2))) as "rows?"
           from users u where u.tenant_id = $1 and u.user_id = $2"#,
        tenant,
        user,
    )
    .fetch_one(tx.conn())
    .await?;
    let mails = sqlx::query_scalar!(
        r#"select coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'state', state, 'put_at', created_at)
               order by created_at), '[]') as "rows!"
           from outbox where tenant_id = $1 and channel = 'mail' and target = $2"#,
        tenant,
        user,
    )
    .fetch_one(tx.conn())
    .await?;
    let views = sqlx::query_scalar!(
        r#"select coalesce(jsonb_agg(jsonb_build_object('list', list, 'name', name, 'query', query,
               'shared', shared) order by list, name), '[]') as "rows!"
           from list_views where tenant_id = $1 and owner = 'user:' || $2::text"#,
        tenant,
        user.to_string(),
    )
    .fetch_one(tx.conn())
    .await?;
    let mut sections = vec![
        section("account", account.unwrap_or_default()),
        section("mails", mails),
        section("views", views),
    ];
    sections.extend(hanging_sections(tx, user).await?);
    Ok(sections)
}

async fn operator_sections(tx: &mut Tx, key: &str) -> Result<Vec<Section>, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query_scalar!(
        r#"select jsonb_agg(jsonb_build_object('operator_id', operator_id, 'name', name, 'language', language,
               'supervisor', supervisor, 'plants', plants, 'ifsc', ifsc, 'has_badge', true,
               'has_pin', pin_hash is not null, 'created_at', created_at, 'deleted_at', deleted_at)) as "rows?"
           from operators where tenant_id = $1 and operator_id = $2"#,
        tenant,
        key,
    )
    .fetch_one(tx.conn())
    .await?;
    let work = sqlx::query_scalar!(
        r#"select coalesce(jsonb_agg(w), '[]') as "rows!" from (
               select plant, station, count(*) as records, min(occurred_at) as first_at,
                      max(occurred_at) as last_at
               from lifecycle_events where tenant_id = $1 and operator_id = $2 and operator_id <> ''
               group by plant, station order by plant, station) w"#,
        tenant,
        key,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(vec![section("master", row.unwrap_or_default()), section("work", work)])
}

async fn contact_sections(tx: &mut Tx, key: &str) -> Result<Vec<Section>, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query_scalar!(
        r#"select jsonb_agg(jsonb_build_object('contact', contact, 'partner', partner, 'name', name,
               'job_title', job_title, 'email', email, 'phone', phone, 'language', language,
               'created_at', created_at, 'deleted_at', deleted_at)) as "rows?"
           from contacts where tenant_id = $1 and contact = $2"#,
        tenant,
        key,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(vec![section("master", row.unwrap_or_default())])
}

/// What the organisation's own fields, and values of plants, say of a person who is a
/// row of a master.
pub(super) async fn own_sections(tx: &mut Tx, master: &str, key: &str) -> Result<Vec<Section>, Error> {
    let tenant = tx.tenant();
    let own = sqlx::query_scalar!(
        r#"select coalesce(jsonb_agg(jsonb_build_object('field', field, 'value', value) order by field), '[]') as "rows!"
           from custom_values where tenant_id = $1 and master = $2 and row_key = $3"#,
        tenant,
        master,
        key,
    )
    .fetch_one(tx.conn())
    .await?;
    let at_plants = sqlx::query_scalar!(
        r#"select coalesce(jsonb_agg(jsonb_build_object('field', field, 'plant', plant, 'value', value)
               order by field, plant), '[]') as "rows!"
           from plant_values where tenant_id = $1 and master = $2 and row_key = $3"#,
        tenant,
        master,
        key,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(vec![section("own_fields", own), section("at_plants", at_plants)])
}

/// Takes away what [`own_sections`] tells.
pub(super) async fn own_erase(tx: &mut Tx, master: &str, key: &str) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "delete from custom_values where tenant_id = $1 and master = $2 and row_key = $3",
        tenant,
        master,
        key,
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "delete from plant_values where tenant_id = $1 and master = $2 and row_key = $3",
        tenant,
        master,
        key,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What the control schema holds of a user.
pub(super) async fn control_sections(
    tx: &mut SystemTx,
    tenant: Uuid,
    user: Uuid,
) -> Result<Vec<Section>, Error> {
    let logins = sqlx::query_scalar!(
        r#"select coalesce(jsonb_agg(jsonb_build_object('email', email)), '[]') as "rows!"
           from control.logins where tenant_id = $1 and user_id = $2"#,
        tenant,
        user,
    )
    .fetch_one(tx.conn())
    .await?;
    let sessions = sqlx::query_scalar!(
        r#"select coalesce(jsonb_agg(jsonb_build_object('created_at', created_at, 'expires_at', expires_at,
               'address', address, 'browser', browser) order by created_at), '[]') as "rows!"
           from control.sessions where tenant_id = $1 and user_id = $2"#,
        tenant,
        user,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(vec![section("sign_in", logins), section("sessions", sessions)])
}

/// Writes down that something was asked, and what came of it.
pub(super) async fn request_insert(
    tx: &mut Tx,
    person: &Person,
    what: &str,
    done: bool,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into personal_requests (tenant_id, request_id, person_kind, person_key, what, done, reason, asked_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        tenant,
        Uuid::now_v7(),
        person.kind.name(),
        person.key,
        what,
        done,
        reason,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A consent.
#[derive(Debug, Clone, serde::Serialize)]
pub(super) struct Consent {
    pub consent_id: Uuid,
    pub purpose: String,
    pub text_version: String,
    pub given_at: DateTime<Utc>,
    pub withdrawn_at: Option<DateTime<Utc>>,
}

pub(super) async fn consents(tx: &mut Tx, person: &Person) -> Result<Vec<Consent>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Consent,
        "select consent_id, purpose, text_version, given_at, withdrawn_at from consents
         where tenant_id = $1 and person_kind = $2 and person_key = $3 order by given_at, consent_id limit 500",
        tenant,
        person.kind.name(),
        person.key,
    )
    .fetch_all(tx.conn())
    .await
}

pub(super) async fn consent_insert(
    tx: &mut Tx,
    id: Uuid,
    person: &Person,
    purpose: &str,
    text_version: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into consents (tenant_id, consent_id, person_kind, person_key, purpose, text_version, given_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        tenant,
        id,
        person.kind.name(),
        person.key,
        purpose,
        text_version,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// `false` when there is no such consent of the person that stands.
pub(super) async fn consent_withdraw(
    tx: &mut Tx,
    id: Uuid,
    person: &Person,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update consents set withdrawn_at = greatest($5, given_at), version = version + 1
         where tenant_id = $1 and consent_id = $2 and person_kind = $3 and person_key = $4
           and withdrawn_at is null",
        tenant,
        id,
        person.kind.name(),
        person.key,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The rule for a kind of person: which records, how many years, which law.
pub(super) async fn rule(tx: &mut Tx, kind: Kind) -> Result<Option<(String, i32, String)>, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select name, years, basis from retention_rules
         where tenant_id = $1 and person_kind = $2 and deleted_at is null",
        tenant,
        kind.name(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.name, row.years, row.basis)))
}

/// When the last record of the person was made; `None` when there is no person.
pub(super) async fn last_record(tx: &mut Tx, person: &Person) -> Result<Option<DateTime<Utc>>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select at as "at!" from (
               select greatest(coalesce(last_signed_in_at, created_at), created_at) as at from users
               where $2 = 'user' and tenant_id = $1 and user_id = $4
               union all
               select greatest(o.created_at, coalesce((select max(e.occurred_at) from lifecycle_events e
                      where e.tenant_id = $1 and e.operator_id = $3 and e.operator_id <> ''), o.created_at))
               from operators o where $2 = 'operator' and o.tenant_id = $1 and o.operator_id = $3
               union all
               select created_at from contacts where $2 = 'contact' and tenant_id = $1 and contact = $3
           ) l"#,
        tenant,
        person.kind.name(),
        person.key,
        person.user(),
    )
    .fetch_optional(tx.conn())
    .await
}

// --- erasure --------------------------------------------------------------------

/// What stands for a user's address after erasure.
pub(super) fn alias(user: Uuid) -> String {
    format!("{}@erased.invalid", user.simple())
}

/// What a user's row is after erasure: nobody's, and nobody can sign in by it.
pub(super) async fn user_erase(tx: &mut Tx, user: Uuid, now: DateTime<Utc>) -> Result<(), Error> {
    let tenant = tx.tenant();
    let name = format!("erased-{}", &user.simple().to_string()[24..]);
    let email = alias(user);
    sqlx::query!(
        "update users set name = $3, email = $4, language = '', time_zone = '', status = 'disabled',
             date_form = '', number_form = '', theme = '', plant = '', landing = '', shortcuts = '',
             password_hash = null, deleted_at = $5, version = version + 1
         where tenant_id = $1 and user_id = $2",
        tenant,
        user,
        name,
        email,
        now,
    )
    .execute(tx.conn())
    .await?;
    sqlx::query("delete from outbox where tenant_id = $1 and target = $2")
        .bind(tenant)
        .bind(user)
        .execute(tx.conn())
        .await?;
    // Views for all stay with those who use them.
    sqlx::query!(
        "delete from list_views where tenant_id = $1 and owner = 'user:' || $2::text and not shared",
        tenant,
        user.to_string(),
    )
    .execute(tx.conn())
    .await?;
    for table in hanging(tx).await? {
        let sql = format!("delete from {table} where tenant_id = $1 and user_id = $2");
        sqlx::query(AssertSqlSafe(sql)).bind(tenant).bind(user).execute(tx.conn()).await?;
    }
    Ok(())
}

/// Tables whose rows hang on a user by `user_id`, and are the user's own: roles, codes,
/// notices, wishes. What a user did refers to them by other names, and stays.
async fn hanging(tx: &mut Tx) -> Result<Vec<String>, Error> {
    sqlx::query_scalar(
        "select distinct c.conrelid::regclass::text from pg_constraint c
         join pg_attribute a on a.attrelid = c.conrelid and a.attnum = any (c.conkey)
         where c.contype = 'f' and c.confrelid = 'public.users'::regclass and a.attname = 'user_id'
         order by 1",
    )
    .fetch_all(tx.conn())
    .await
}

/// What [`hanging`] tables hold of a user, one section each, without bytes: those are
/// secrets and hashes.
async fn hanging_sections(tx: &mut Tx, user: Uuid) -> Result<Vec<(String, Value)>, Error> {
    let tenant = tx.tenant();
    let mut sections = Vec::new();
    for table in hanging(tx).await? {
        let bytes: Vec<String> = sqlx::query_scalar(
            "select attname::text from pg_attribute
             where attrelid = $1::text::regclass and atttypid = 'bytea'::regtype and attnum > 0",
        )
        .bind(&table)
        .fetch_all(tx.conn())
        .await?;
        let sql = format!(
            "select coalesce(jsonb_agg(to_jsonb(t) - $3::text[] - '{{tenant_id,user_id}}'::text[]), '[]')
             from {table} t where tenant_id = $1 and user_id = $2"
        );
        let rows = sqlx::query_scalar(AssertSqlSafe(sql)).bind(tenant).bind(user).bind(bytes);
        sections.push((table, rows.fetch_one(tx.conn()).await?));
    }
    Ok(sections)
}

/// Ends everything of a user in the control schema: sign-in, sessions, links.
pub(super) async fn control_erase(tx: &mut SystemTx, tenant: Uuid, user: Uuid) -> Result<(), Error> {
    for sql in [
        "delete from control.logins where tenant_id = $1 and user_id = $2",
        "delete from control.sessions where tenant_id = $1 and user_id = $2",
        "delete from control.invitations where tenant_id = $1 and user_id = $2",
        "delete from control.signin_steps where $2 = any(users) and $1 = any(tenants)",
    ] {
        sqlx::query(sql).bind(tenant).bind(user).execute(tx.conn()).await?;
    }
    Ok(())
}

/// An operator's row without the person. The badge is one that nobody has.
pub(super) async fn operator_erase(tx: &mut Tx, key: &str, now: DateTime<Utc>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update operators set name = 'erased', badge_hash = sha256(gen_random_uuid()::text::bytea),
             pin_hash = null, pan_sealed = null, pan_index = null, bank_account_sealed = null,
             bank_account_index = null, ifsc = '', language = 'en', plants = '{}',
             deleted_at = coalesce(deleted_at, $3), version = version + 1
         where tenant_id = $1 and operator_id = $2",
        tenant,
        key,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What plants were told of an operator: they forget the row, and the cloud what
/// was in it.
pub(super) async fn told_erase(tx: &mut Tx, key: &str) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update reference_rows set body = jsonb_build_object('operator', $2::text)
         where tenant_id = $1 and kind = 'operator' and deleted and body ->> 'operator' = $2",
        tenant,
        key,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ids of what plants have of an operator, and the plant of each.
pub(super) async fn told(tx: &mut Tx, key: &str) -> Result<Vec<(String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select id, plant from reference_rows
         where tenant_id = $1 and kind = 'operator' and not deleted and body ->> 'operator' = $2",
        tenant,
        key,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.plant)).collect())
}

pub(super) async fn contact_erase(tx: &mut Tx, key: &str, now: DateTime<Utc>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update contacts set name = 'erased', job_title = '', email = '', phone = '', language = 'en',
             deleted_at = coalesce(deleted_at, $3), version = version + 1
         where tenant_id = $1 and contact = $2",
        tenant,
        key,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Phone numbers of the person that are not sealed.
pub(super) async fn phones(tx: &mut Tx, person: &Person) -> Result<Vec<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select phone from contacts where $2 = 'contact' and tenant_id = $1 and contact = $3 and phone <> ''",
        tenant,
        person.kind.name(),
        person.key,
    )
    .fetch_all(tx.conn())
    .await
}

/// Combs one column: what is surely the person is taken out where the place lets it,
/// and the rest is told.
pub(super) async fn comb(tx: &mut Tx, place: Place, needles: &Needles) -> Result<Combed, Error> {
    let tenant = tx.tenant();
    let Place { table, column, may } = place;
    // A row is named by its place, partition and all: no two tables have the same key.
    // It stays there until the commit, as nobody else may write it.
    let lock = if may { "for update" } else { "" };
    let sql = format!(
        r#"select tableoid::int8, ctid::text, "{column}"::text, pg_typeof("{column}")::text from public."{table}"
           where tenant_id = $1 and "{column}"::text ~ $2 {lock}"#
    );
    let mut sum = Combed::default();
    let mut changed: Vec<(i64, String, String, String)> = Vec::new();
    {
        let rows = sqlx::query_as::<_, (i64, String, String, String)>(AssertSqlSafe(sql));
        let mut rows = rows.bind(tenant).bind(needles.hint()).fetch(tx.conn());
        while let Some((part, at, mut text, kind)) = rows.try_next().await? {
            let combed = match serde_json::from_str::<Value>(&text) {
                Ok(mut value) if kind == "jsonb" => {
                    let combed = needles.comb_json(&mut value, may);
                    text = value.to_string();
                    combed
                }
                _ => needles.comb(&mut text, may),
            };
            if combed.replaced > 0 {
                changed.push((part, at, text, kind));
            }
            sum = sum.and(combed);
        }
    }
    for (part, at, text, kind) in changed {
        let sql = format!(
            r#"update public."{table}" set "{column}" = $2::text::{kind}
               where tenant_id = $1 and tableoid = $3::int8::oid and ctid = $4::text::tid"#
        );
        let update = sqlx::query(AssertSqlSafe(sql)).bind(tenant).bind(text).bind(part).bind(at);
        update.execute(tx.conn()).await?;
    }
    Ok(sum)
}

/// A hold as plants are told of it, or were.
pub(super) struct ToldHold {
    pub id: String,
    pub plant: String,
    pub body: Value,
    pub deleted: bool,
}

/// Holds whose text may speak of the person, as plants are told of them.
pub(super) async fn told_holds(tx: &mut Tx, hint: &str) -> Result<Vec<ToldHold>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        ToldHold,
        "select id, plant, body, deleted from reference_rows
         where tenant_id = $1 and kind = 'hold' and body ->> 'reason' ~ $2",
        tenant,
        hint,
    )
    .fetch_all(tx.conn())
    .await
}

/// Of a hold that plants have forgotten already: what they were told.
pub(super) async fn told_hold_rewrite(tx: &mut Tx, id: &str, body: &Value) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update reference_rows set body = $3 where tenant_id = $1 and kind = 'hold' and id = $2 and deleted",
        tenant,
        id,
        body,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
