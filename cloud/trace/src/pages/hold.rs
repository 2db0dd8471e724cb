//! One hold: what it holds, which plants have it, what was done in the gap, and what
//! became of it.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use platform::i18n::Texts;
use platform::web::{AppState, Caller, Path, Problem, Shell, query};
use serde::Deserialize;
use uuid::Uuid;

use super::say::{self, Zones};
use super::words::{Codes, Words};
use crate::explore::error::TraceError;
use crate::explore::holding::HoldingError;
use crate::holds::acts::Class;
use crate::holds::view::{self, ActCount, ActPage, HoldOne, HoldPast, MemberPage};
use crate::rights::{HOLD_READ, HOLD_RELEASE};

/// Rows of one page.
const ROWS: usize = 100;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    /// Only units that came in later.
    late: Option<String>,
    after: Option<String>,
    /// Where the acts go on.
    acts_after: Option<String>,
}

#[derive(Template)]
#[template(path = "holds/one.html")]
struct Page<'a> {
    texts: &'a Texts,
    zones: Zones,
    zone: chrono_tz::Tz,
    hold: HoldOne,
    /// Of whoever did something with it, and why.
    words: Words,
    members: MemberPage,
    acts: ActPage,
    late: bool,
    may_release: bool,
    next: Option<String>,
    next_acts: Option<String>,
    /// Where its files are shown.
    files: String,
}

/// `GET /holds/{id}`
pub(super) async fn one(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require_somewhere(&HOLD_READ)?;
    let asked = query::<Asked>(&uri)?;
    let (cx, late) = (caller.in_focus(&HOLD_READ), asked.late.is_some());
    let hold = view::find(&state.db, &cx, id).await.map_err(HoldingError::Hold)?;
    let members = view::members(&state.db, &cx, id, late, asked.after.as_deref(), ROWS).await?;
    let acts = view::acts(&state.db, &cx, id, asked.acts_after.as_deref(), ROWS).await?;
    let zones = state.db.tx(&cx, async |tx| Ok::<_, TraceError>(Zones::read(tx, caller.zone).await?)).await?;
    let by = [Some(hold.owner.as_str()), Some(&hold.placed_by), hold.released_by.as_deref()];
    let actors = by.into_iter().flatten().chain(hold.history.iter().map(|past| past.actor.as_str()));
    let mut codes = Codes::default();
    actors.for_each(|actor| codes.person(actor));
    codes.reason(&hold.reason);
    members.members.iter().for_each(|member| codes.item(&member.item));
    let words = Words::read(&state, &caller, &codes).await?;
    let only = if late { "&late=1" } else { "" };
    let next = members.next.as_ref().map(|next| format!("/holds/{id}?after={next}{only}#members"));
    let next_acts = acts.next.as_ref().map(|next| format!("/holds/{id}?acts_after={next}#acts"));
    let reason = words.reason(&caller.texts, &hold.reason);
    let shell = Shell::new(&state, &caller, reason, "/holds").under("/holds", caller.t("trace-holds-title"));
    let view = Page {
        texts: &caller.texts,
        zones,
        zone: caller.zone,
        may_release: hold.status == "placed" && caller.may(&HOLD_RELEASE),
        hold,
        words,
        members,
        acts,
        late,
        next,
        next_acts,
        files: state.files.panel(&caller.texts, crate::holds::KIND, &id.to_string())?,
    };
    shell.page(&headers, &view)
}

impl Page<'_> {
    /// How many acts there are of each class, the worst first, none left out.
    fn counts(&self) -> Vec<ActCount> {
        let of = |class: Class| {
            let found = self.hold.acts.iter().find(|count| count.class == class.as_str());
            ActCount { class: class.as_str().to_owned(), acts: found.map_or(0, |count| count.acts) }
        };
        Class::ALL.into_iter().map(of).collect()
    }

    /// The states of units that it holds, or held: of one that is `free` again, or of all once
    /// it is released, it is not known here whether another holds them.
    fn states(&self, life: &str, quality: &str, custody: &str, free: bool) -> String {
        let held = self.hold.status == "placed" && !free;
        say::states(self.texts, (life, quality, custody), held)
    }

    /// Where what was asked for is shown, besides units.
    fn asked_at(&self) -> Option<String> {
        let asked = &self.hold.asked;
        let id = asked.id?;
        match asked.what.as_str() {
            "lot" => Some(format!("/trace/lot/{id}")),
            "scope" => Some(format!("/suspects/scopes/{id}")),
            "recall" => Some(format!("/recalls/{id}")),
            _ => None,
        }
    }

    /// A word of holds, in the reader's language.
    fn said(&self, prefix: &str, word: &str) -> String {
        self.texts.or(&format!("holds-{prefix}-{}", word.replace('.', "-")), word)
    }

    /// What came and went.
    fn amounts(&self, past: &HoldPast) -> String {
        let joined = past.joined.map(|joined| self.texts.count("holds-units", joined));
        let left = past.left.filter(|left| *left > 0);
        let left = left.map(|left| format!("{}: {}", self.texts.t("holds-left"), self.texts.number(left)));
        joined.into_iter().chain(left).collect::<Vec<_>>().join(" · ")
    }
}
