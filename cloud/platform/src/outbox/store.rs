//! All SQL of the outbox.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::Error;
use uuid::Uuid;

use super::{Channel, Claimed, Filter, Message, WAKE};
use crate::db::Tx;

/// How a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Will be sent.
    Waiting,
    /// Was sent.
    Sent,
    /// Could not be sent, and is not tried any more.
    Dead,
    /// Nobody wants it any more.
    Void,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Sent, Self::Dead, Self::Void];

    /// The name, as stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::Dead => "dead",
            Self::Void => "void",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

pub(super) async fn insert(tx: &mut Tx, message: &Message, now: DateTime<Utc>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into outbox (tenant_id, message_id, channel, kind, target, body, sealed, due_at, expires_at, created_at,
                             needs_secret)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8, $7::bytea is not null)",
        tenant,
        message.id,
        message.channel.name(),
        message.kind,
        message.target,
        message.body,
        message.sealed.as_deref(),
        now,
        message.expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Tells the workers, once this transaction commits.
pub(super) async fn wake(tx: &mut Tx) -> Result<(), Error> {
    let tenant = tx.tenant().to_string();
    tx.tell(WAKE, &tenant).await
}

pub(super) async fn void_expired(tx: &mut Tx, now: DateTime<Utc>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update outbox set state = 'void', last_error = 'expired', ended_at = $2, sealed = null,
                           claim = null, version = version + 1
         where tenant_id = $1 and state = 'waiting' and due_at <= $2 and expires_at <= $2",
        tenant,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Gives up what was claimed for the last time and never settled; answers what each told
/// of, and why it was not sent.
pub(super) async fn bury_worn(
    tx: &mut Tx,
    last: i32,
    now: DateTime<Utc>,
) -> Result<Vec<(String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "update outbox set state = 'dead', ended_at = $3, claim = null, version = version + 1,
                           last_error = case when last_error = '' then 'no attempt came to an end' else last_error end
         where tenant_id = $1 and state = 'waiting' and due_at <= $3 and attempts >= $2
         returning kind, last_error",
        tenant,
        last,
        now,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.kind, row.last_error)).collect())
}

pub(super) async fn claim(
    tx: &mut Tx,
    claim: Uuid,
    (webhooks, limit): (bool, i64),
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<Claimed>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        // Materialized: planned into the update, the limit would hold for each row.
        "with due as materialized (
             select message_id from outbox
             where tenant_id = $1 and state = 'waiting' and due_at <= $5 and (channel = 'webhook') = $6
             order by due_at, message_id limit $3 for update skip locked)
         update outbox o set attempts = o.attempts + 1, due_at = $4, claim = $2, version = o.version + 1
         from due
         where o.tenant_id = $1 and o.message_id = due.message_id
         returning o.message_id, o.channel, o.kind, o.target, o.body, o.sealed, o.created_by, o.created_at,
                   o.attempts, o.needs_secret, o.cause_depth",
        tenant,
        claim,
        limit,
        until,
        now,
        webhooks,
    )
    .fetch_all(tx.conn())
    .await?;
    let mut claimed: Vec<Claimed> = rows
        .into_iter()
        .map(|row| Claimed {
            id: row.message_id,
            claim,
            // The table takes no other.
            channel: Channel::parse(&row.channel).unwrap_or(Channel::Notice),
            kind: row.kind,
            target: row.target,
            body: row.body,
            secret_gone: row.needs_secret && row.sealed.is_none(),
            sealed: row.sealed,
            by: row.created_by,
            put_at: row.created_at,
            depth: row.cause_depth,
            attempt: row.attempts,
        })
        .collect();
    claimed.sort_by_key(|message| message.id);
    Ok(claimed)
}

/// Has it tried again later; `false` when the claim had run out.
pub(super) async fn retry(
    tx: &mut Tx,
    (message, claim): (Uuid, Uuid),
    error: &str,
    due_at: DateTime<Utc>,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update outbox set due_at = $5, last_error = $4, claim = null, version = version + 1
         where tenant_id = $1 and message_id = $2 and claim = $3 and state = 'waiting'",
        tenant,
        message,
        claim,
        error,
        due_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Has it tried later, and does not count the attempt that was none; `false` when
/// the claim had run out.
pub(super) async fn postpone(
    tx: &mut Tx,
    (message, claim): (Uuid, Uuid),
    due_at: DateTime<Utc>,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update outbox set due_at = $4, attempts = attempts - 1, claim = null, version = version + 1
         where tenant_id = $1 and message_id = $2 and claim = $3 and state = 'waiting'",
        tenant,
        message,
        claim,
        due_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn refer(tx: &mut Tx, message: Uuid, reference: &str) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update outbox set reference = $3, version = version + 1 where tenant_id = $1 and message_id = $2",
        tenant,
        message,
        reference,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes the day by which it is counted, or that it is not; `false` where that was so.
pub(super) async fn counted(tx: &mut Tx, message: Uuid, day: Option<NaiveDate>) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update outbox set counted_on = $3, version = version + 1
         where tenant_id = $1 and message_id = $2 and counted_on is distinct from $3",
        tenant,
        message,
        day,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Notes that what was sent did not arrive.
pub(super) async fn bounced(
    tx: &mut Tx,
    message: Uuid,
    error: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update outbox set state = 'dead', last_error = $3, ended_at = $4, version = version + 1
         where tenant_id = $1 and message_id = $2 and state = 'sent'",
        tenant,
        message,
        error,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether another message by this way to the same receiver was given up since then. Of
/// two that are given up at once, one waits here for the other's end.
pub(super) async fn gave_up_before(
    tx: &mut Tx,
    message: &Claimed,
    target: Uuid,
    since: DateTime<Utc>,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let name = format!("given up {tenant} {target}");
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 0))", name).execute(tx.conn()).await?;
    sqlx::query_scalar!(
        r#"select exists (select from outbox
                          where tenant_id = $1 and target = $2 and channel = $3 and state = 'dead'
                            and ended_at > $4 and message_id <> $5) as "before!""#,
        tenant,
        target,
        message.channel.name(),
        since,
        message.id,
    )
    .fetch_one(tx.conn())
    .await
}

/// Ends it; `false` when the claim had run out. A secret stays with the dead
/// alone, which may be sent again.
pub(super) async fn end(
    tx: &mut Tx,
    (message, claim): (Uuid, Uuid),
    state: State,
    error: &str,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update outbox set state = $4, last_error = $5, ended_at = $6, claim = null, version = version + 1,
                           sealed = case when $4 = 'dead' then sealed end
         where tenant_id = $1 and message_id = $2 and claim = $3 and state = 'waiting'",
        tenant,
        message,
        claim,
        state.name(),
        error,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn forget(
    tx: &mut Tx,
    ended_before: DateTime<Utc>,
    dead_before: DateTime<Utc>,
    limit: i64,
) -> Result<u64, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "delete from outbox where tenant_id = $1 and message_id in (
             select message_id from outbox
             where tenant_id = $1 and state <> 'waiting' and ended_at < $2
               and (state <> 'dead' or ended_at < $3)
             limit $4)",
        tenant,
        ended_before,
        dead_before,
        limit,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// A message as an administrator sees it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its id.
    pub id: Uuid,
    /// `mail`, `webhook`, `sms`; `notice` and `event` where it was given up.
    pub channel: String,
    /// What it tells of.
    pub kind: String,
    /// The person's e-mail or the webhook's name; empty when there is none any more.
    pub to: String,
    /// See [`State`].
    pub state: String,
    /// How often it was tried.
    pub attempts: i32,
    /// Why the last attempt failed; empty when none did.
    pub last_error: String,
    /// What the other side calls it; empty where it does not say.
    pub reference: String,
    /// When it was put.
    pub created_at: DateTime<Utc>,
    /// When it is tried next, if it waits.
    pub due_at: DateTime<Utc>,
    /// Whether it can be sent again.
    pub replayable: bool,
    /// Whose link to a password it was that did not arrive and is not kept: a new one is
    /// to be made for this person.
    pub wants_link: Option<Uuid>,
}

/// Why the newest message of a kind waits, of those put since then of which something is
/// known by now; `None` where that one does not wait.
pub(super) async fn waits_since(
    tx: &mut Tx,
    kind: &str,
    since: DateTime<Utc>,
) -> Result<Option<String>, Error> {
    let tenant = tx.tenant();
    let newest = sqlx::query!(
        "select state, last_error from outbox
         where tenant_id = $1 and kind = $2 and created_at > $3 and (state = 'sent' or last_error <> '')
         order by message_id desc limit 1",
        tenant,
        kind,
        since,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(newest.filter(|newest| newest.state == State::Waiting.name()).map(|newest| newest.last_error))
}

/// Why the newest message of a kind to somebody was not sent so far; `None` where it was, or
/// was not tried yet.
pub(super) async fn unsent(tx: &mut Tx, kind: &str, target: Uuid) -> Result<Option<String>, Error> {
    let tenant = tx.tenant();
    let newest = sqlx::query!(
        "select state, last_error from outbox
         where tenant_id = $1 and target = $2 and kind = $3 order by message_id desc limit 1",
        tenant,
        target,
        kind,
    )
    .fetch_optional(tx.conn())
    .await?;
    let newest = newest.filter(|newest| !newest.last_error.is_empty());
    let stands = [State::Waiting, State::Dead].map(State::name);
    Ok(newest.filter(|newest| stands.contains(&newest.state.as_str())).map(|newest| newest.last_error))
}

pub(super) async fn list(
    tx: &mut Tx,
    filter: &Filter,
    before: Option<Uuid>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Listed>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Listed,
        r#"select message_id as id, channel, kind,
                  coalesce((select email from users u where u.tenant_id = $1 and u.user_id = o.target),
                           (select name from webhooks w where w.tenant_id = $1 and w.webhook_id = o.target),
                           o.body #>> '{to,email}', '') as "to!", state, attempts, last_error, reference, created_at, due_at,
                  (state = 'dead' and coalesce(expires_at > $5, true) and (sealed is not null or not needs_secret)
                   or state = 'sent' and channel = 'webhook') as "replayable!",
                  case when state = 'dead' and sealed is null and kind in ('people.invite', 'people.reset')
                       then target end as "wants_link?"
           from outbox o
           where tenant_id = $1 and (state = 'dead' or channel not in ('notice', 'event'))
             and ($2::text is null or state = $2)
             and ($3::uuid is null or message_id < $3)
             and ($6::text is null or channel = $6) and ($7::text is null or kind = $7)
             and ($8::uuid is null or target = $8)
           order by message_id desc limit $4"#,
        tenant,
        filter.state.map(State::name),
        before,
        limit,
        now,
        filter.channel.map(Channel::name),
        filter.kind.as_deref(),
        filter.target,
    )
    .fetch_all(tx.conn())
    .await
}

/// As [`replay`], for all that were given up.
pub(super) async fn replay_all(
    tx: &mut Tx,
    filter: &Filter,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update outbox set state = 'waiting', attempts = 0, due_at = $2, ended_at = null, last_error = '',
                           version = version + 1
         where tenant_id = $1 and state = 'dead' and message_id in (
             select message_id from outbox
             where tenant_id = $1 and state = 'dead' and (expires_at is null or expires_at > $2)
               and (sealed is not null or not needs_secret)
               and ($4::text is null or channel = $4) and ($5::text is null or kind = $5)
               and ($6::uuid is null or target = $6)
             order by message_id desc limit $3)",
        tenant,
        now,
        limit,
        filter.channel.map(Channel::name),
        filter.kind.as_deref(),
        filter.target,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// A mail that was sent is not sent again: what its link was is gone. Nor is one that did
/// not arrive after all, if there was a link in it.
pub(super) async fn replay(tx: &mut Tx, message: Uuid, now: DateTime<Utc>) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update outbox set state = 'waiting', attempts = 0, due_at = $3, ended_at = null, last_error = '',
                           version = version + 1
         where tenant_id = $1 and message_id = $2
           and (state = 'dead' and (expires_at is null or expires_at > $3)
                    and (sealed is not null or not needs_secret)
                or state = 'sent' and channel = 'webhook')",
        tenant,
        message,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn sealed(tx: &mut Tx) -> Result<Vec<(Uuid, Vec<u8>)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select message_id, sealed as "sealed!" from outbox
           where tenant_id = $1 and sealed is not null and state in ('waiting', 'dead')"#,
        tenant,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.message_id, row.sealed)).collect())
}

pub(super) async fn reseal(tx: &mut Tx, message: Uuid, sealed: &[u8]) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update outbox set sealed = $3 where tenant_id = $1 and message_id = $2",
        tenant,
        message,
        sealed,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
