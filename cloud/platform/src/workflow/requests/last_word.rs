//! Why a request came back, was rejected or was taken back, as its page says it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::i18n::Texts;
use crate::workflow::store::instances::Happened;
use crate::workflow::view;

/// What was said last of a request that is on its way no more.
pub(super) struct LastWord {
    /// By whom and at which stage, in a sentence.
    pub said: String,
    /// The comment.
    pub note: String,
    pub at: DateTime<Utc>,
    /// The colour; empty for that of a mistake.
    pub class: &'static str,
}

impl LastWord {
    /// Of a request in this state, whose history this is.
    pub fn of(
        texts: &Texts,
        state: &str,
        history: &[Happened],
        names: &BTreeMap<Uuid, String>,
    ) -> Option<Self> {
        let one = ending(state, history)?;
        let mut said = view::happened(texts, names, one, String::new());
        if let Some(other) = one.on_behalf_of.and_then(|person| names.get(&person)) {
            said = format!("{said} ({} {other})", texts.t("workflow-for"));
        }
        let class = if state == "rejected" { "" } else { "is-warn" };
        Some(Self { said, note: one.note.clone(), at: one.at, class })
    }
}

/// What of its history brought a request into this state; `None` while it goes on.
pub(super) fn ending<'h>(state: &str, history: &'h [Happened]) -> Option<&'h Happened> {
    let what = match state {
        "sent_back" => "send_back",
        "rejected" => "reject",
        "cancelled" => "cancelled",
        _ => return None,
    };
    history.iter().rev().find(|one| one.what == what)
}
