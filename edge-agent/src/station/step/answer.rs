//! What a scan comes to: something done or taken, something refused, and what is waited
//! for next.

use super::Args;
use crate::station::codes::{Code, Next};
use crate::station::types::{DraftEvent, PrintRequest};

/// Something done or taken.
#[derive(Debug)]
pub(crate) struct Answer {
    pub code: Code,
    pub args: Args,
    /// What is next, where it is not what the station's `next` says.
    pub next: Option<Next>,
    pub amber: bool,
    /// Not done, yet the session moves on (a wrong PIN is counted).
    pub red: bool,
    pub events: Vec<DraftEvent>,
    pub prints: Vec<PrintRequest>,
}

impl Answer {
    pub fn new(code: Code) -> Self {
        Self {
            code,
            args: Args::new(),
            next: None,
            amber: false,
            red: false,
            events: Vec::new(),
            prints: Vec::new(),
        }
    }

    /// Taken, and something is to be noted.
    pub fn amber(code: Code) -> Self {
        Self { amber: true, ..Self::new(code) }
    }

    /// Not done; see [`Answer::red`].
    pub fn red(code: Code) -> Self {
        Self { red: true, ..Self::new(code) }
    }

    pub fn arg(mut self, name: &str, value: impl ToString) -> Self {
        self.args.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn then(mut self, next: Next) -> Self {
        self.next = Some(next);
        self
    }

    pub fn event(mut self, event: DraftEvent) -> Self {
        self.events.push(event);
        self
    }

    pub fn events(mut self, events: impl IntoIterator<Item = DraftEvent>) -> Self {
        self.events.extend(events);
        self
    }

    pub fn prints(mut self, prints: impl IntoIterator<Item = PrintRequest>) -> Self {
        self.prints.extend(prints);
        self
    }
}

/// Something refused: red, with the reason and what to do. As built it is
/// recorded as REFUSED and a supervisor may override it.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub code: Code,
    pub args: Args,
    pub next: Option<Next>,
    pub keys: Vec<i64>,
    pub record: bool,
    pub overridable: bool,
    /// Goes beside the event, never into it.
    pub note: String,
}

impl Refusal {
    pub fn new(code: Code) -> Self {
        Self {
            code,
            args: Args::new(),
            next: None,
            keys: Vec::new(),
            record: true,
            overridable: true,
            note: String::new(),
        }
    }

    /// The UIDs refused.
    pub fn about(mut self, keys: impl IntoIterator<Item = i64>) -> Self {
        self.keys.extend(keys);
        self
    }

    /// No supervisor can override it.
    pub fn firm(mut self) -> Self {
        self.overridable = false;
        self
    }

    /// No act was refused, a person only needs telling: nothing is recorded.
    pub fn silent(mut self) -> Self {
        self.record = false;
        self.overridable = false;
        self
    }

    pub fn arg(mut self, name: &str, value: impl ToString) -> Self {
        self.args.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn then(mut self, next: Next) -> Self {
        self.next = Some(next);
        self
    }
}

/// What rules return.
pub(crate) type Ruling = Result<Answer, Refusal>;

/// What a station waits for, with the arguments of that text.
#[derive(Debug)]
pub(crate) struct Asked {
    pub next: Next,
    pub args: Args,
}

impl From<Next> for Asked {
    fn from(next: Next) -> Self {
        Self { next, args: Args::new() }
    }
}

impl Asked {
    pub fn arg(mut self, name: &str, value: impl ToString) -> Self {
        self.args.push((name.to_owned(), value.to_string()));
        self
    }
}
