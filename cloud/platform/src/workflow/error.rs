//! Why something about workflows was not done.

use axum::http::StatusCode;

use super::rules::Refusal;
use crate::db::DbError;
use crate::web::Problem;

/// Why something about workflows was not done.
#[derive(Debug, thiserror::Error)]
pub enum WorkflowError {
    /// There is no such instance, definition, delegation or request, or none that the
    /// caller may see.
    #[error("there is no such thing")]
    NotFound,
    /// No published definition of this workflow serves the document's plant.
    #[error("no workflow {0} is published for this")]
    NoDefinition(String),
    /// The published definition names a role, a kind of document or a field that is not
    /// there any more.
    #[error(
        "the published workflow {0} names a role or field that is not there any more; publish a revision without it"
    )]
    Unreadable(String),
    /// The document's amount (or currency: the field) is no such thing.
    #[error(
        "the document's {0} cannot be read: an amount is a number, or a decimal as text such as \"52000.50\", and a currency a text such as \"INR\""
    )]
    Money(&'static str),
    /// The document is under way already.
    #[error("this is on its way already")]
    UnderWay,
    /// The instance does not stand where this could be done.
    #[error("this cannot be done in the state {0}")]
    State(&'static str),
    /// The stage was settled meanwhile, by somebody else or by going on.
    #[error("this stage was settled meanwhile")]
    Settled,
    /// The caller cannot decide it.
    #[error("this is not yours to decide")]
    Refused(Refusal),
    /// The stage does not offer this action.
    #[error("this stage does not offer that")]
    Action,
    /// The workflow wants each document looked at by itself.
    #[error("this workflow does not let several be approved at once")]
    Bulk,
    /// There is no earlier stage of this number.
    #[error("it can go back to an earlier stage only")]
    Stage,
    /// A rejection or a sending back without a word.
    #[error("say why")]
    Comment,
    /// Only the starter, or whoever manages workflows.
    #[error("only the one who started it can do this")]
    NotYours,
    /// A comment or reason that is too long or has control characters.
    #[error("at most {0} characters")]
    Long(usize),
    /// Somebody else changed it meanwhile.
    #[error("somebody else changed this meanwhile")]
    Stale,
    /// It is no draft.
    #[error("only a draft can be changed")]
    NotDraft,
    /// There is a draft of this workflow and plant already.
    #[error("there is a draft of this workflow already")]
    DraftExists,
    /// A field of a form, and the key of what is wrong with it.
    #[error("{1}")]
    Field(&'static str, &'static str),
    /// The database failed; nothing changed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for WorkflowError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl WorkflowError {
    /// The stable code of its problem; its text is `error-<code with dashes>`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::NoDefinition(_) => "workflow.no_definition",
            Self::Unreadable(_) => "workflow.unreadable",
            Self::Money(_) => "workflow.money",
            Self::UnderWay => "workflow.under_way",
            Self::State(_) => "workflow.state",
            Self::Settled => "workflow.settled",
            Self::Refused(Refusal::NotAsked) => "workflow.not_asked",
            Self::Refused(Refusal::OwnDocument) => "workflow.own_document",
            Self::Refused(Refusal::Decided) => "workflow.decided",
            Self::Refused(Refusal::Amount) => "workflow.amount",
            Self::Action => "workflow.action",
            Self::Bulk => "workflow.bulk",
            Self::Stage => "workflow.stage",
            Self::Comment => "workflow.comment",
            Self::NotYours => "workflow.not_yours",
            Self::Long(_) => "workflow.long",
            Self::Stale => "conflict.stale",
            Self::NotDraft => "workflow.not_draft",
            Self::DraftExists => "workflow.draft_exists",
            Self::Field(..) => "workflow.invalid",
            Self::Db(_) => "internal",
        }
    }

    /// The field of a form that it lies in.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Comment | Self::Long(_) => Some("comment"),
            Self::Action => Some("action"),
            Self::Stage => Some("to_stage"),
            Self::NoDefinition(_) | Self::Unreadable(_) => Some("workflow"),
            Self::Field(field, _) | Self::Money(field) => Some(field),
            _ => None,
        }
    }

    /// The key of its text for people.
    #[must_use]
    pub fn text_key(&self) -> String {
        match self {
            Self::Field(_, key) => (*key).to_owned(),
            other => format!("error-{}", other.code().replace('.', "-")),
        }
    }
}

impl From<WorkflowError> for Problem {
    fn from(error: WorkflowError) -> Self {
        let field = error.field();
        let (code, key) = (error.code(), error.to_string());
        let problem = match error {
            WorkflowError::NotFound => return Self::not_found(),
            WorkflowError::Db(error) => return error.into(),
            WorkflowError::Refused(_) => Self::new(StatusCode::FORBIDDEN, code, ""),
            // Whoever manages workflows could.
            WorkflowError::NotYours => Self::new(StatusCode::FORBIDDEN, code, "").lacks(&super::MANAGE),
            WorkflowError::UnderWay
            | WorkflowError::State(_)
            | WorkflowError::Settled
            | WorkflowError::Stale
            | WorkflowError::NotDraft
            | WorkflowError::DraftExists => Self::conflict(code, ""),
            _ => Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, ""),
        };
        match field {
            Some(field) => problem.field(field, key),
            None => problem,
        }
    }
}
