//! Workflows against a database: on their way, in time, by many at once.

mod apart;
mod bulk;
mod deadlines;
mod delegated;
mod files;
mod flow;
mod killed;
mod leave;
mod lines;
mod names;
mod settled;
mod started;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::definitions::{self, Unwritten};
use super::requests::{self, Origin, Request, RequestError, Typed};
use super::*;
use crate::ctx::Cx;
use crate::db::{DbError, Tx};
use crate::i18n::{SHELL, assert_complete};
use crate::testing::TestDb;

pub(super) use super::read::tests::SPEC;

#[test]
fn texts_are_complete() {
    assert_complete(TEXTS);
    let en: String =
        TEXTS.iter().chain(&SHELL).filter(|(lang, _)| *lang == Lang::En).map(|(_, text)| *text).collect();
    let has = |key: &str| assert!(en.contains(&format!("{key} =")), "{key}");
    PERMISSIONS.iter().for_each(|permission| has(&permission.text_key()));
    KINDS
        .iter()
        .flat_map(|kind| [kind.text_key(), kind.name_key(), kind.group_key()])
        .for_each(|key| has(&key));
    State::ALL.iter().for_each(|state| has(&state.text_key()));
    Action::ALL.iter().for_each(|action| has(&action.text_key()));
    for error in [
        WorkflowError::NoDefinition(String::new()),
        WorkflowError::Unreadable(String::new()),
        WorkflowError::Money("amount"),
        WorkflowError::UnderWay,
        WorkflowError::State(""),
        WorkflowError::Settled,
        WorkflowError::Refused(Refusal::NotAsked),
        WorkflowError::Refused(Refusal::OwnDocument),
        WorkflowError::Refused(Refusal::Decided),
        WorkflowError::Refused(Refusal::Amount),
        WorkflowError::Action,
        WorkflowError::Bulk,
        WorkflowError::Stage,
        WorkflowError::Comment,
        WorkflowError::NotYours,
        WorkflowError::Long(1),
        WorkflowError::NotDraft,
        WorkflowError::DraftExists,
    ] {
        has(&error.text_key());
    }
}

/// A tenant with people of some roles.
pub(super) struct Office {
    pub test: TestDb,
    pub tenant: Uuid,
    pub now: DateTime<Utc>,
    pub subjects: Subjects,
}

impl Office {
    pub async fn new() -> Self {
        let test = TestDb::new().await;
        let tenant = test.tenant("SAIF", &["KOL", "VZG"]).await;
        let now = DateTime::from_timestamp_micros(Utc::now().timestamp_micros()).unwrap();
        Self { test, tenant, now, subjects: subjects() }
    }

    /// Another tenant of the same installation.
    pub async fn beside(&self, code: &str) -> Self {
        let tenant = self.test.tenant(code, &["KOL", "VZG"]).await;
        Self { test: self.test.clone(), tenant, now: self.now, subjects: subjects() }
    }

    pub fn later(&self, hours: i64) -> DateTime<Utc> {
        self.now + TimeDelta::hours(hours)
    }

    pub async fn person(&self, name: &str, roles: &[&str]) -> Uuid {
        self.person_at(name, roles, None).await
    }

    /// A person who has these roles at some plants only.
    pub async fn person_at(&self, name: &str, roles: &[&str], plants: Option<&[&str]>) -> Uuid {
        let user = Uuid::now_v7();
        let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<String>>();
        let (roles, plants) = (owned(roles), plants.map(owned));
        let email = format!("{}@saif.example", name.to_lowercase());
        self.as_system(async |tx| {
            sqlx::query("insert into users (tenant_id, user_id, email, name, status) values ($1, $2, $3, $4, 'active')")
                .bind(self.tenant)
                .bind(user)
                .bind(&email)
                .bind(name)
                .execute(tx.conn())
                .await?;
            sqlx::query("insert into user_roles (tenant_id, user_id, role, plants) select $1, $2, unnest($3::text[]), $4")
                .bind(self.tenant)
                .bind(user)
                .bind(&roles)
                .bind(&plants)
                .execute(tx.conn())
                .await?;
            Ok(())
        })
        .await;
        user
    }

    pub async fn as_system<T>(&self, f: impl AsyncFnOnce(&mut Tx) -> Result<T, DbError>) -> T {
        self.test.db.tx(&Cx::system(self.tenant), f).await.unwrap()
    }

    pub async fn ask(&self, sql: &str) -> Vec<String> {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        self.as_system(async |tx| Ok(sqlx::query_scalar(sql).fetch_all(tx.conn()).await?)).await
    }

    pub async fn count(&self, from: &str) -> i64 {
        let sql = sqlx::AssertSqlSafe(format!("select count(*) from {from}"));
        self.as_system(async |tx| Ok(sqlx::query_scalar(sql).fetch_one(tx.conn()).await?)).await
    }

    pub async fn publish(&self, source: &str, plant: Option<&str>) -> Uuid {
        let cx = Cx::system(self.tenant);
        let done: Result<Uuid, Wrapped> = self
            .test
            .db
            .tx(&cx, async |tx| {
                let id = definitions::create(tx, &self.subjects, plant, source).await?;
                definitions::publish(tx, &self.subjects, id, Some(1), true, self.now).await?;
                Ok(id)
            })
            .await;
        done.unwrap_or_else(|error| panic!("{:?}", error.0))
    }

    /// Raises a request as `person`.
    pub async fn raise(&self, person: Uuid, workflow: &str, amount: &str) -> Request {
        self.try_raise(person, workflow, amount, "").await.unwrap_or_else(|error| panic!("{error:?}"))
    }

    pub async fn try_raise(
        &self,
        person: Uuid,
        workflow: &str,
        amount: &str,
        plant: &str,
    ) -> Result<Request, RequestError> {
        let cx = Cx::new(self.tenant, format!("user:{person}"));
        let typed = Typed {
            workflow: workflow.into(),
            subject: "Bearings".into(),
            amount: amount.into(),
            plant: plant.into(),
            ..Typed::default()
        };
        self.test
            .db
            .tx(&cx, async |tx| {
                let new = requests::check(tx, &typed).await?;
                requests::raise(tx, &self.subjects, &new, Some(person), &Origin::default(), self.now).await
            })
            .await
    }

    pub async fn standing(&self, request: &Request) -> Standing {
        self.as_system(async |tx| standing(tx, requests::KIND, request.request_id).await).await.unwrap()
    }

    /// Decides the stage that is open now.
    pub async fn decide(
        &self,
        request: &Request,
        person: Uuid,
        action: Action,
    ) -> Result<Standing, WorkflowError> {
        self.decide_at(request, person, action, None, self.now).await
    }

    pub async fn decide_at(
        &self,
        request: &Request,
        person: Uuid,
        action: Action,
        to_stage: Option<i16>,
        now: DateTime<Utc>,
    ) -> Result<Standing, WorkflowError> {
        let standing = self.standing(request).await;
        let decision = Decision { round: standing.round, action, comment: "because", to_stage };
        let cx = Cx::new(self.tenant, format!("user:{person}"));
        self.test
            .db
            .tx(&cx, async |tx| {
                decide(tx, &self.subjects, standing.instance_id, person, &decision, now).await
            })
            .await
    }

    /// What people were told: kinds of notices that wait in the outbox, in order.
    pub async fn told(&self) -> Vec<String> {
        self.ask("select kind from outbox where channel = 'notice' order by message_id").await
    }

    pub async fn state_of_request(&self, request: &Request) -> String {
        self.ask(&format!("select state from requests where request_id = '{}'", request.request_id))
            .await
            .remove(0)
    }
}

/// An error of two kinds, for `?`.
#[derive(Debug)]
pub(super) struct Wrapped(pub String);

impl From<Unwritten> for Wrapped {
    fn from(error: Unwritten) -> Self {
        Self(format!("{error:?}"))
    }
}

impl From<DbError> for Wrapped {
    fn from(error: DbError) -> Self {
        Self(error.to_string())
    }
}
