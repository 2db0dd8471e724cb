//! What is told of recalls.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{KindOf, Status};

/// A recall or a drill.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Recall {
    /// Id.
    pub recall_id: Uuid,
    /// `recall` or `drill`.
    pub kind: String,
    /// `draft`, `active`, `closed`, `cancelled`.
    pub status: String,
    /// The company whose number it has.
    pub company: String,
    /// The number: `RCL-2026-0001`.
    pub number: String,
    /// `class_1`, `class_2`, `class_3`.
    pub severity: String,
    /// Why.
    pub reason: String,
    /// What whoever has a unit is to do with it.
    pub instructions: String,
    /// Who looks after it.
    pub owner: Option<Uuid>,
    /// What was asked for.
    #[schema(value_type = Object)]
    pub scope: serde_json::Value,
    /// The same, for people.
    pub scope_name: String,
    /// The recall that a drill is of.
    pub of_recall: Option<Uuid>,
    /// The batch to which the snapshot is current.
    pub through_batch: i64,
    /// When the snapshot was taken.
    pub snapshot_at: DateTime<Utc>,
    /// How long it took to find and locate everything, in milliseconds.
    pub snapshot_ms: i32,
    /// Plants that may have known more then: not heard of just before, or with events waiting;
    /// null where it was not noted.
    pub plants_behind: Option<Vec<String>>,
    /// Since when more belongs to it than it has: what came to it after it had as many labels as
    /// one recall may have was left out; null while all of it is there.
    pub incomplete_at: Option<DateTime<Utc>>,
    /// How many labels it has.
    pub members: i32,
    /// By when all should be accounted for.
    pub target_on: Option<NaiveDate>,
    /// It comes into force by itself once it is approved.
    pub start_when_approved: bool,
    /// When it came into force; of a drill, when it began.
    pub activated_at: Option<DateTime<Utc>>,
    /// Opaque id.
    pub activated_by: Option<String>,
    /// Labels that are to be held, all that are not used up or scrapped, whoever has them; 0 before it
    /// comes into force.
    pub to_hold: i32,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Opaque id.
    pub ended_by: Option<String>,
    /// What was said at its end.
    pub ended_note: String,
    /// For a change that must not overwrite another's.
    pub version: i32,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// Opaque id.
    pub created_by: String,
}

impl Recall {
    /// Who looks after it, as the audit writes them: its owner, else whoever began it.
    #[must_use]
    pub fn owned_by(&self) -> String {
        self.owner.map_or_else(|| self.created_by.clone(), |owner| format!("user:{owner}"))
    }

    /// Whether it is in earnest.
    #[must_use]
    pub fn kind_of(&self) -> KindOf {
        KindOf::parse(&self.kind).unwrap_or(KindOf::Drill)
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self) -> Status {
        Status::parse(&self.status).unwrap_or(Status::Closed)
    }

    /// How long a drill took from its beginning to its end, in seconds.
    #[must_use]
    pub fn took_seconds(&self) -> Option<i64> {
        Some((self.ended_at? - self.created_at).num_seconds())
    }
}

/// Recalls, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RecallPage {
    /// This page.
    pub recalls: Vec<Recall>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// Whoever has units of a recall.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RecallConsignee)]
pub struct Consignee {
    /// Id.
    pub consignee_id: Uuid,
    /// `plant`, `customer`, `installation`, `supplier`.
    pub kind: String,
    /// Code of the plant or partner; of an unknown partner the document that it left by.
    pub code: String,
    /// Where units are installed.
    pub place: String,
    /// The name.
    pub name: String,
    /// `to_notify`, `notified`, `acknowledged`, `no_answer`.
    pub state: String,
    /// When it was told.
    pub notified_at: Option<DateTime<Utc>>,
    /// When it said that it heard.
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// Labels that it has, with parts and packages.
    pub labels: i64,
    /// Those of them that are counted: not parts of other recalled goods, nor their packages.
    pub counted: i64,
    /// Letters that were written to it.
    pub letters: i64,
}

/// How somebody at a consignee is reached, as the masters have it now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RecallContact)]
pub struct Person {
    /// Whose contact.
    pub consignee_id: Uuid,
    /// The partner's own number and address, and nobody's there.
    pub own: bool,
    /// Whom.
    pub name: String,
    /// What they do there.
    pub job_title: String,
    /// The telephone number; empty where none is known.
    pub phone: String,
    /// The e-mail address; empty where none is known.
    pub email: String,
}

/// A unit of a recall.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RecallUnit)]
pub struct Unit {
    /// The UID.
    pub uid: String,
    /// What it is.
    pub item: String,
    /// How much of it.
    pub quantity: Decimal,
    /// In which unit of measure.
    pub unit: String,
    /// Where it was: `stock`, `work`, `transit`, `customer`, `installed`, `supplier`,
    /// `consumed`, `scrapped`, `expected`, `unknown`.
    pub place: String,
    /// At which plant, or the last one.
    pub plant: String,
    /// Where there.
    pub location: String,
    /// By which document it left.
    pub document: String,
    /// Who has it.
    pub consignee: String,
    /// The hold that is on it now, of the recall's where one of those is; null where none is.
    pub hold: Option<Uuid>,
    /// The hold that the recall placed on it, where nothing holds it any more.
    pub was_held: Option<Uuid>,
    /// The recalled unit that it is a part of, and that is counted for both.
    pub inside_of: Option<String>,
    /// When it was found that it came to the recall, or left our hands, after the snapshot.
    pub since: Option<DateTime<Utc>>,
    /// A package of recalled goods: they are counted, and it is not.
    pub packs: bool,
}

/// A hold of a recall that was released: what it held is free, unless another holds it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RecallHoldReleased)]
pub struct Released {
    /// The hold.
    pub hold_id: Uuid,
    /// How many labels it held.
    pub labels: i32,
    /// When it was released.
    pub released_at: DateTime<Utc>,
    /// Opaque id of who released it.
    pub released_by: String,
}

/// Units, by UID.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RecallUnitPage)]
pub struct UnitPage {
    /// This page.
    pub units: Vec<Unit>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// How many labels were where, and how much the goods among them are.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RecallPile)]
pub struct Pile {
    /// Where.
    pub place: String,
    /// At which plant.
    pub plant: String,
    /// In which unit of measure.
    pub unit: String,
    /// Labels, with parts and packages.
    pub labels: i64,
    /// Those of them that are counted: not parts of other recalled goods, nor their packages.
    pub counted: i64,
    /// How much the counted ones are.
    pub quantity: Decimal,
}

/// A letter to somebody at a consignee.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RecallLetter)]
pub struct Letter {
    /// Id; the mail's Message-ID begins with it.
    pub letter_id: Uuid,
    /// Whose contact.
    pub consignee_id: Uuid,
    /// Whom.
    pub name: String,
    /// Where.
    pub email: String,
    /// In which language.
    pub language: String,
    /// When it was written.
    pub written_at: DateTime<Utc>,
    /// `waiting`, `sent`, `dead`, `void`.
    pub state: String,
    /// When it was sent or given up.
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it was not sent.
    pub last_error: String,
}

/// An answer, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RecallResponse)]
pub struct Response {
    /// Id.
    pub response_id: Uuid,
    /// Whose.
    pub consignee_id: Uuid,
    /// Of this unit alone.
    pub uid: Option<String>,
    /// The unit of measure.
    pub unit: String,
    /// Located.
    pub found: Decimal,
    /// Set apart.
    pub quarantined: Decimal,
    /// Sent or brought back.
    pub returned: Decimal,
    /// Replaced.
    pub replaced: Decimal,
    /// Destroyed.
    pub destroyed: Decimal,
    /// Used up before.
    pub used_up: Decimal,
    /// Looked for, and not found.
    pub not_found: Decimal,
    /// The document of the replacement, or of the answer or return itself.
    pub reference: String,
    /// In words.
    pub note: String,
    /// When it was so.
    pub at: DateTime<Utc>,
    /// The plant's event that says so.
    pub event_id: Option<Uuid>,
    /// Opaque id of who entered it.
    pub created_by: String,
    /// No later answer stands in its place: of one unit, or of all that the consignee has in this
    /// unit of measure, the last one counts.
    pub counts: bool,
    /// It cannot be true beside another: the unit was answered to be destroyed or used up, and a
    /// plant scanned its return. Both say so.
    pub contradicts: bool,
}

/// Answers, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RecallResponsePage)]
pub struct ResponsePage {
    /// This page.
    pub responses: Vec<Response>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}
