//! States, actions, and the table by which an instance moves.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// How an instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = WorkflowState)]
pub enum State {
    /// With its starter: not yet under way, or sent back.
    Initiated,
    /// A stage is open.
    PendingApproval,
    /// Every stage that applies approved; the document may go on.
    Approved,
    /// What was approved is done.
    Completed,
    /// Somebody said no.
    Rejected,
    /// Taken back.
    Cancelled,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Initiated,
        Self::PendingApproval,
        Self::Approved,
        Self::Completed,
        Self::Rejected,
        Self::Cancelled,
    ];

    /// The name, as stored and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Initiated => "INITIATED",
            Self::PendingApproval => "PENDING_APPROVAL",
            Self::Approved => "APPROVED",
            Self::Completed => "COMPLETED",
            Self::Rejected => "REJECTED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The key of its text.
    #[must_use]
    pub fn text_key(self) -> String {
        format!("workflow-state-{}", self.name().to_lowercase().replace('_', "-"))
    }

    /// Whether nothing can follow.
    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(self, Self::Completed | Self::Rejected | Self::Cancelled)
    }
}

/// What moves an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// A stage is opened: the first, the next, or an earlier one once more.
    Open,
    /// No stage is left to ask.
    Approve,
    /// A stage said no.
    Reject,
    /// A stage gave it back to the starter.
    SendBack,
    /// The document is done with.
    Complete,
    /// The starter or an administrator takes it back.
    Cancel,
}

/// From where a step leads where; whatever is not here is refused.
pub const TRANSITIONS: &[(State, Step, State)] = &[
    (State::Initiated, Step::Open, State::PendingApproval),
    (State::Initiated, Step::Approve, State::Approved),
    (State::Initiated, Step::Cancel, State::Cancelled),
    (State::PendingApproval, Step::Open, State::PendingApproval),
    (State::PendingApproval, Step::Approve, State::Approved),
    (State::PendingApproval, Step::Reject, State::Rejected),
    (State::PendingApproval, Step::SendBack, State::Initiated),
    (State::PendingApproval, Step::Cancel, State::Cancelled),
    (State::Approved, Step::Complete, State::Completed),
];

/// Where `step` leads from `state`; `None` where it may not be taken.
#[must_use]
pub fn follow(state: State, step: Step) -> Option<State> {
    TRANSITIONS.iter().find(|(from, by, _)| (*from, *by) == (state, step)).map(|(_, _, to)| *to)
}

/// What an approver may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = WorkflowAction)]
pub enum Action {
    /// Yes.
    Approve,
    /// No.
    Reject,
    /// Not like this: back to the starter, or to an earlier stage.
    SendBack,
}

impl Action {
    /// All of them, in the order in which buttons stand.
    pub const ALL: [Self; 3] = [Self::Approve, Self::Reject, Self::SendBack];

    /// The name, as stored and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Approve => "APPROVE",
            Self::Reject => "REJECT",
            Self::SendBack => "SEND_BACK",
        }
    }

    /// The action of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// The key of its text.
    #[must_use]
    pub fn text_key(self) -> String {
        format!("workflow-action-{}", self.name().to_lowercase().replace('_', "-"))
    }
}

/// Who is asked by a seat.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// Whoever has this role.
    Role(String),
    /// This person.
    Person(Uuid),
}

/// One place among those who are asked in a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// Its number in the round.
    pub seat: i16,
    /// Who is asked.
    pub who: Who,
    /// Where everybody who has a role is asked: that role, which a person has to keep.
    pub of_role: Option<String>,
    /// Nobody is there to take it: the person left or lost the role, or nobody has it.
    pub vacant: bool,
    /// Came by escalation: its decision settles the stage.
    pub deputy: bool,
    /// What was decided, if it was.
    pub decision: Option<Action>,
    /// By whom.
    pub decided_by: Option<Uuid>,
    /// For whom, where a delegate decided.
    pub on_behalf_of: Option<Uuid>,
}

impl Seat {
    /// A seat that nobody has taken.
    #[must_use]
    pub fn open(seat: i16, who: Who) -> Self {
        Self {
            seat,
            who,
            of_role: None,
            vacant: false,
            deputy: false,
            decision: None,
            decided_by: None,
            on_behalf_of: None,
        }
    }
}
