//! SQL of rounds and seats: who is asked, and what they said.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use sqlx::Error;
use uuid::Uuid;

use crate::db::Tx;
use crate::i18n::Names;
use crate::workflow::model::{Action, Seat, Who};

/// A stage that was opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Round {
    pub instance_id: Uuid,
    pub round: i32,
    pub workflow: String,
    pub plant: Option<String>,
    pub stage: i16,
    pub stage_name: String,
    pub stage_names: Names,
    pub needed: i16,
    pub opened_at: DateTime<Utc>,
    pub remind_at: Option<DateTime<Utc>>,
    pub due_at: Option<DateTime<Utc>>,
    pub escalate_at: Option<DateTime<Utc>>,
    pub escalate_to: Option<String>,
    pub reminded_at: Option<DateTime<Utc>>,
    pub breached_at: Option<DateTime<Utc>>,
    pub escalated_at: Option<DateTime<Utc>>,
}

impl Round {
    /// How many approvals it takes.
    pub fn needed(&self) -> usize {
        usize::try_from(self.needed).unwrap_or(1)
    }

    /// The next moment at which the worker has something to do.
    pub fn wake_at(&self) -> Option<DateTime<Utc>> {
        let waits = |at: Option<DateTime<Utc>>, done: Option<DateTime<Utc>>| at.filter(|_| done.is_none());
        [
            waits(self.remind_at, self.reminded_at),
            waits(self.due_at, self.breached_at),
            waits(self.escalate_at, self.escalated_at),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

pub(in super::super) async fn insert(tx: &mut Tx, new: &Round) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into workflow_rounds (tenant_id, instance_id, round, workflow, plant, stage, stage_name, needed,
             opened_at, remind_at, due_at, escalate_at, escalate_to, stage_names)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        tenant,
        new.instance_id,
        new.round,
        new.workflow,
        new.plant,
        new.stage,
        new.stage_name,
        new.needed,
        new.opened_at,
        new.remind_at,
        new.due_at,
        new.escalate_at,
        new.escalate_to,
        new.stage_names.json(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(in super::super) async fn find(tx: &mut Tx, instance: Uuid, round: i32) -> Result<Option<Round>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Round,
        "select instance_id, round, workflow, plant, stage, stage_name, stage_names, needed, opened_at, remind_at, due_at,
                escalate_at, escalate_to, reminded_at, breached_at, escalated_at
         from workflow_rounds where tenant_id = $1 and instance_id = $2 and round = $3",
        tenant,
        instance,
        round,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Writes what the worker did.
pub(in super::super) async fn mark(tx: &mut Tx, round: &Round) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update workflow_rounds set reminded_at = $4, breached_at = $5, escalated_at = $6, version = version + 1
         where tenant_id = $1 and instance_id = $2 and round = $3",
        tenant,
        round.instance_id,
        round.round,
        round.reminded_at,
        round.breached_at,
        round.escalated_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ends a round; nobody is asked any more.
pub(in super::super) async fn end(
    tx: &mut Tx,
    instance: Uuid,
    round: i32,
    outcome: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update workflow_rounds set ended_at = $4, outcome = $5, version = version + 1
         where tenant_id = $1 and instance_id = $2 and round = $3 and ended_at is null",
        tenant,
        instance,
        round,
        now,
        outcome,
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "update workflow_seats set closed_at = $4, version = version + 1
         where tenant_id = $1 and instance_id = $2 and round = $3 and decision is null",
        tenant,
        instance,
        round,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Adds seats to a round, which is about a document; one that nobody can take is known to be vacant from now on.
pub(in super::super) async fn seats_insert(
    tx: &mut Tx,
    (round, document): (&Round, &Json),
    seats: &[Seat],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    for seat in seats {
        let (role, person) = match &seat.who {
            Who::Role(role) => (Some(role.as_str()), None),
            Who::Person(person) => (None, Some(*person)),
        };
        sqlx::query!(
            "insert into workflow_seats (tenant_id, instance_id, round, seat, role, person, of_role, deputy, vacant_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8,
                     case when app.seat_vacant($1, coalesce($5, $7), $6, $9, $11) then $10::timestamptz end)",
            tenant,
            round.instance_id,
            round.round,
            seat.seat,
            role,
            person,
            seat.of_role,
            seat.deputy,
            round.plant,
            now,
            document,
        )
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// A seat, with what its decider said.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    pub instance_id: Uuid,
    pub round: i32,
    pub seat: Seat,
    pub decided_at: Option<DateTime<Utc>>,
    pub comment: String,
}

struct SeatRow {
    instance_id: Uuid,
    round: i32,
    seat: i16,
    role: Option<String>,
    person: Option<Uuid>,
    of_role: Option<String>,
    vacant: bool,
    deputy: bool,
    decision: Option<String>,
    decided_by: Option<Uuid>,
    on_behalf_of: Option<Uuid>,
    decided_at: Option<DateTime<Utc>>,
    comment: String,
}

impl From<SeatRow> for Taken {
    fn from(row: SeatRow) -> Self {
        let who = match (row.role, row.person) {
            (Some(role), _) => Who::Role(role),
            (None, person) => Who::Person(person.unwrap_or_default()),
        };
        Self {
            instance_id: row.instance_id,
            round: row.round,
            seat: Seat {
                seat: row.seat,
                who,
                of_role: row.of_role,
                vacant: row.vacant,
                deputy: row.deputy,
                decision: row.decision.as_deref().and_then(Action::parse),
                decided_by: row.decided_by,
                on_behalf_of: row.on_behalf_of,
            },
            decided_at: row.decided_at,
            comment: row.comment,
        }
    }
}

/// The seats of a round, in order.
pub(in super::super) async fn seats(tx: &mut Tx, instance: Uuid, round: i32) -> Result<Vec<Taken>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        SeatRow,
        r#"select s.instance_id, s.round, s.seat, s.role, s.person, s.of_role, s.deputy, s.decision, s.decided_by,
                  s.on_behalf_of, s.decided_at, s.comment,
                  (s.decision is null
                   and app.seat_vacant($1, coalesce(s.role, s.of_role), s.person, i.plant, i.document)) as "vacant!"
           from workflow_seats s
           join workflow_instances i on i.tenant_id = $1 and i.instance_id = s.instance_id
           where s.tenant_id = $1 and s.instance_id = $2 and s.round = $3 order by s.seat"#,
        tenant,
        instance,
        round,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(Taken::from).collect())
}

/// The seats of many rounds, each named by its instance.
pub(in super::super) async fn seats_of(
    tx: &mut Tx,
    instances: &[Uuid],
    rounds: &[i32],
) -> Result<Vec<Taken>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        SeatRow,
        r#"select s.instance_id, s.round, s.seat, s.role, s.person, s.of_role, s.deputy, s.decision, s.decided_by,
                  s.on_behalf_of, s.decided_at, s.comment,
                  (s.decision is null
                   and app.seat_vacant($1, coalesce(s.role, s.of_role), s.person, i.plant, i.document)) as "vacant!"
           from unnest($2::uuid[], $3::int[]) as w(instance_id, round)
           join workflow_seats s on s.tenant_id = $1 and s.instance_id = w.instance_id and s.round = w.round
           join workflow_instances i on i.tenant_id = $1 and i.instance_id = s.instance_id
           order by s.instance_id, s.round, s.seat"#,
        tenant,
        instances,
        rounds,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(Taken::from).collect())
}

/// When the last round ended in which one of these roles or people was asked; the inner
/// `None` while it is open.
pub(in super::super) async fn asked_last(
    tx: &mut Tx,
    instance: Uuid,
    (roles, people): (&[String], &[Uuid]),
) -> Result<Option<Option<DateTime<Utc>>>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select r.ended_at from workflow_rounds r
         where r.tenant_id = $1 and r.instance_id = $2
           and exists (select from workflow_seats s
                       where s.tenant_id = $1 and s.instance_id = $2 and s.round = r.round
                         and (s.role = any($3) or s.person = any($4)))
         order by r.round desc limit 1",
        tenant,
        instance,
        roles,
        people,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Notes which open seats of a round became vacant since it was last looked, or can be
/// taken again; answers them, with whether they are vacant now.
pub(in super::super) async fn seats_look(
    tx: &mut Tx,
    (round, document): (&Round, &Json),
    now: DateTime<Utc>,
) -> Result<Vec<(i16, bool)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"update workflow_seats s
           set vacant_at = case when s.vacant_at is null then $5::timestamptz end, version = version + 1
           where s.tenant_id = $1 and s.instance_id = $2 and s.round = $3
             and s.decision is null and s.closed_at is null
             and (s.vacant_at is not null)
                 <> app.seat_vacant($1, coalesce(s.role, s.of_role), s.person, $4, $6)
           returning s.seat, s.vacant_at is not null as "vacant!""#,
        tenant,
        round.instance_id,
        round.round,
        round.plant,
        now,
        document,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.seat, row.vacant)).collect())
}

/// Takes a seat; `false` when it was taken.
pub(in super::super) async fn seat_take(
    tx: &mut Tx,
    instance: Uuid,
    round: i32,
    seat: &Seat,
    comment: &str,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update workflow_seats
         set decision = $5, decided_by = $6, on_behalf_of = $7, decided_at = $8, comment = $9, version = version + 1
         where tenant_id = $1 and instance_id = $2 and round = $3 and seat = $4
           and decision is null and closed_at is null",
        tenant,
        instance,
        round,
        seat.seat,
        seat.decision.map(Action::name),
        seat.decided_by,
        seat.on_behalf_of,
        now,
        comment,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// What waits for somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    pub instance_id: Uuid,
    pub definition_id: Uuid,
    pub workflow: String,
    pub title: String,
    pub href: String,
    pub plant: Option<String>,
    pub document: serde_json::Value,
    pub starter: Option<Uuid>,
    pub started_at: DateTime<Utc>,
    pub stage: i16,
    pub round: i32,
    pub stage_name: String,
    pub stage_names: Names,
    pub opened_at: DateTime<Utc>,
    pub due_at: Option<DateTime<Utc>>,
    pub escalated_at: Option<DateTime<Utc>>,
}

/// When what has no deadline is due, for its place in the order: after all else.
pub const NEVER: DateTime<Utc> =
    DateTime::from_timestamp(253_402_300_799, 0).expect("the end of the year 9999");

/// What asks for one of these roles or people, the most urgent first, after `after`
/// (its deadline, where one without a deadline comes last, and its id). Of one `workflow`
/// and one `plant`, where they are not empty.
pub(in super::super) async fn waiting(
    tx: &mut Tx,
    (roles, people): (&[String], &[Uuid]),
    (workflow, plant): (&str, &str),
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Waiting>, Error> {
    let tenant = tx.tenant();
    let (after_due, after_id) = after.unzip();
    sqlx::query_as!(
        Waiting,
        "select i.instance_id, i.definition_id, i.workflow, i.title, i.href, i.plant, i.document, i.starter,
                i.started_at, i.stage, i.round, r.stage_name, r.stage_names, r.opened_at, r.due_at,
                r.escalated_at
         from workflow_instances i
         join workflow_rounds r on r.tenant_id = $1 and r.instance_id = i.instance_id and r.round = i.round
         where i.tenant_id = $1 and i.state = 'PENDING_APPROVAL'
           and ($7 = '' or i.workflow = $7) and ($8 = '' or i.plant = $8)
           and (i.instance_id, i.round) in (
               select s.instance_id, s.round from workflow_seats s
               where s.tenant_id = $1 and s.decision is null and s.closed_at is null and s.role = any($2)
               union all
               select s.instance_id, s.round from workflow_seats s
               where s.tenant_id = $1 and s.decision is null and s.closed_at is null and s.person = any($3))
           and ($4::timestamptz is null
                or (coalesce(r.due_at, '9999-12-31 23:59:59Z'), i.instance_id) > ($4, $5::uuid))
         order by coalesce(r.due_at, '9999-12-31 23:59:59Z'), i.instance_id limit $6",
        tenant,
        roles,
        people,
        after_due,
        after_id,
        limit,
        workflow,
        plant,
    )
    .fetch_all(tx.conn())
    .await
}
