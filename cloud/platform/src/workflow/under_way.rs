//! What is on its way and waits for one person: told before that person is erased, since
//! nobody takes it on by itself.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::store::instances::{self, Waiting};
use crate::db::{DbError, Tx};

/// Most documents that are listed of each kind.
const MOST: i64 = 100;

/// Why a document waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PersonUnderWayWhy)]
pub enum Why {
    /// The person raised it: what is sent back comes to nobody else.
    Raised,
    /// The person, and not a role, is asked for approval.
    Asked,
}

impl Why {
    /// The key of its text.
    #[must_use]
    pub fn text_key(self) -> &'static str {
        match self {
            Self::Raised => "personal-under-way-raised",
            Self::Asked => "personal-under-way-asked",
        }
    }
}

/// A document that is on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PersonUnderWay)]
pub struct UnderWay {
    /// What it is called.
    pub title: String,
    /// Where it is shown: a path of this site.
    pub href: String,
    /// Why it waits for the person.
    pub why: Why,
}

/// What is on its way and waits for a person, the oldest of each kind; a hundred at most.
///
/// # Errors
/// The database.
pub(crate) async fn under_way(tx: &mut Tx, person: Uuid) -> Result<Vec<UnderWay>, DbError> {
    let raised = instances::started_by(tx, person, MOST).await?;
    let asked = instances::asking(tx, person, MOST).await?;
    let told = |why: Why| {
        move |Waiting { instance_id, title }: Waiting| UnderWay {
            title,
            href: format!("/approvals/{instance_id}"),
            why,
        }
    };
    Ok(raised.into_iter().map(told(Why::Raised)).chain(asked.into_iter().map(told(Why::Asked))).collect())
}
