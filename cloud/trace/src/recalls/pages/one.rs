//! The page of a recall, with its tabs.

use std::collections::HashSet;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response as Answered;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use platform::i18n::{Texts, begins};
use platform::notify;
use platform::settings::TENANT_MANAGE;
use platform::web::fields::Fields;
use platform::web::list::address;
use platform::web::{AppState, Caller, Path, Problem, Shell, query};
use platform::workflow::Standing;
use serde::Deserialize;
use uuid::Uuid;

use super::forms::{self, Answers, Sent};
use super::{PAGE, colour, maybe, millis, name, seconds};
use crate::holds::store::one;
use crate::pages::items::Items;
use crate::pages::say;
use crate::pages::who::Names;
use crate::recalls::chart::{self, Chart};
use crate::recalls::close::{self, Open};
use crate::recalls::effect::Total;
use crate::recalls::model::{
    Action, Consignee, KindOf, Letter, Person, Pile, Place, Recall, Response, ResponsePage, Status, Told,
    UnitPage, ways,
};
use crate::recalls::read::{self, Effectiveness, View};
use crate::recalls::rights::{RECALL_MANAGE, RECALL_READ, Sight};
use crate::recalls::{approval, attached, report, service, store};

/// The tabs of a recall, in their order.
const TABS: [&str; 6] = ["overview", "units", "consignees", "responses", "effectiveness", "history"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    pub(super) tab: String,
    pub(super) place: String,
    pub(super) consignee: String,
    pub(super) after: Option<String>,
}

/// A total with its picture.
struct Drawn {
    total: Total,
    chart: Chart,
}

#[derive(Template)]
#[template(path = "recalls/one.html")]
struct OnePage<'a> {
    texts: &'a Texts,
    zone: Tz,
    tab: String,
    place: String,
    recall: Recall,
    view: View,
    /// Of whoever looks after it, and did something with it.
    names: Names,
    /// The form that changes it, where that can be.
    change: Option<Fields<'a>>,
    /// Something is wrong with what was sent from it.
    change_wrong: bool,
    /// The forms of an answer, of a consignee and of one unit, where it can be entered.
    answers: Option<(Fields<'a>, Fields<'a>)>,
    /// What the caller may do with it now.
    actions: Vec<Action>,
    /// How its approval stands, where that was asked for.
    approval: Option<Standing>,
    may_manage: bool,
    units: Option<UnitPage>,
    items: Items,
    letters: Vec<Letter>,
    /// Whether there is a mail server, and whether the caller may set one up.
    mails: bool,
    may_settings: bool,
    responses: Option<ResponsePage>,
    effect: Effectiveness,
    drawn: Vec<Drawn>,
    history: Vec<(DateTime<Utc>, String, String)>,
    drills: Vec<Recall>,
    /// What is open of one that can be closed.
    open: Open,
    /// How many outside have an address to be written to, of one that can come into force.
    written: usize,
    error: Option<&'a Problem>,
    /// Where its files are shown, on the first tab.
    files: String,
}

impl<'a> OnePage<'a> {
    fn is_drill(&self) -> bool {
        self.recall.kind_of() == KindOf::Drill
    }

    /// It is approved, or looked at for that: it stays as it is.
    fn is_fixed(&self) -> bool {
        self.recall.state() == Status::Draft && self.approval.as_ref().is_some_and(approval::is_fixed)
    }

    /// Letters that are written, or will be, go nowhere.
    fn lacks_mail(&self) -> bool {
        let waits = self.letters.iter().any(|letter| letter.state == "waiting");
        !self.mails && (waits || self.is_open() && !self.is_drill())
    }

    fn is_open(&self) -> bool {
        matches!(self.recall.state(), Status::Draft | Status::Active)
    }

    fn consignee(&self, id: &Uuid) -> String {
        let found = self.view.consignees.iter().find(|one| one.consignee_id == *id);
        found.map(|one| self.named(one)).unwrap_or_default()
    }

    fn named(&self, one: &Consignee) -> String {
        let name = match (one.name.is_empty(), one.code.is_empty()) {
            (false, _) => format!("{} {}", one.code, one.name),
            (true, false) if one.kind == "plant" => one.code.clone(),
            (true, false) => self.texts.t1("recalls-unknown-partner", "document", &one.code),
            (true, true) => self.texts.t("recalls-unknown-anybody"),
        };
        if one.place.is_empty() { name } else { format!("{name}, {}", one.place) }
    }

    /// How much a consignee has to account for.
    fn had(&self, id: &Uuid) -> String {
        report::had(self.texts, &self.effect, *id)
    }

    /// How much of a pile is counted.
    fn amount(&self, pile: &Pile) -> String {
        report::amount(self.texts, pile)
    }

    fn letters_of(&self, id: &Uuid) -> Vec<&Letter> {
        self.letters.iter().filter(|letter| letter.consignee_id == *id).collect()
    }

    fn people_of(&self, id: &Uuid) -> Vec<&Person> {
        self.view.contacts.iter().filter(|one| one.consignee_id == *id).collect()
    }

    fn activate_lead(&self) -> String {
        let labels = |of: fn(Place) -> bool| -> i64 {
            let piles = self.view.piles.iter();
            piles.filter(|pile| Place::parse(&pile.place).is_some_and(of)).map(|pile| pile.labels).sum()
        };
        self.texts.with(
            "recalls-activate-lead",
            &[
                ("labels", labels(Place::is_held).into()),
                ("in_hand", labels(Place::is_in_hand).into()),
                ("consignees", self.written.into()),
            ],
        )
    }

    /// How much of one unit of measure is accounted for, in words.
    fn open(&self, total: &Total) -> String {
        let all = report::measured(self.texts, &total.to_account, &total.unit);
        let percent = total.percent.unwrap_or_default();
        format!("{} / {all} ({percent} %)", self.texts.quantity(&total.accounted))
    }

    fn told_count(&self) -> String {
        let told = self.view.consignees.iter().filter(|one| one.state != "to_notify").count();
        let all = self.view.consignees.len();
        self.texts.with("recalls-told-count", &[("told", told.into()), ("all", all.into())])
    }

    fn percent_held(&self) -> i64 {
        if self.recall.to_hold == 0 { 100 } else { self.view.held * 100 / i64::from(self.recall.to_hold) }
    }

    /// How a hold of this recall was released: when and by whom.
    fn released(&self, hold: &Uuid) -> String {
        let found = self.view.released.iter().find(|one| one.hold_id == *hold);
        found.map_or_else(
            || self.texts.t("recalls-hold-free"),
            |one| report::released(self.texts, one, self.zone, self.names.of(&one.released_by)),
        )
    }

    fn next(&self, after: &str) -> String {
        format!("/recalls/{}?tab={}&place={}&after={after}", self.recall.recall_id, self.tab, self.place)
    }

    /// Where units were, each once.
    fn places(&self) -> Vec<&str> {
        let mut places: Vec<&str> = self.view.piles.iter().map(|pile| pile.place.as_str()).collect();
        places.dedup();
        places
    }

    /// The consignees, for whoever enters an answer.
    fn whose(&self) -> Vec<(String, String)> {
        let said = |one: &Consignee| {
            (one.consignee_id.to_string(), format!("{} ({})", self.named(one), self.had(&one.consignee_id)))
        };
        self.view.consignees.iter().map(said).collect()
    }

    /// Puts in the forms that the caller can send, with what was sent and is not right; of
    /// what has no form here it is told above.
    fn put_forms(&mut self, people: &[(Uuid, String)], refused: Option<(Sent<'a>, &'a Problem)>) {
        let (sent, problem) = refused.map_or((Sent::Button, None), |(sent, problem)| (sent, Some(problem)));
        let (texts, recall) = (self.texts, self.recall.recall_id);
        if self.may_manage && self.tab == "overview" && self.is_open() && !self.is_fixed() {
            let (typed, wrong) = match sent {
                Sent::Change(typed) => (Some(typed), problem),
                _ => (None, None),
            };
            let form = forms::change(texts, &self.recall, people, typed).problem(wrong);
            self.change_wrong = form.is_wrong();
            self.change = Some(form);
        }
        if self.may_manage && self.responses.is_some() && self.recall.state() == Status::Active {
            let blank = Answers::default();
            let (typed, wrong) = match sent {
                Sent::Answers(typed) => (typed, problem),
                _ => (&blank, None),
            };
            let ((whole, whole_wrong), (unit, unit_wrong)) = match typed.is_of_unit() {
                true => ((&blank, None), (typed, wrong)),
                false => ((typed, wrong), (&blank, None)),
            };
            self.answers = Some((
                whole.of_consignee(texts, recall, self.whose()).problem(whole_wrong),
                unit.of_unit(texts, recall).problem(unit_wrong),
            ));
        }
        let told = match sent {
            Sent::Change(_) => self.change.is_some(),
            Sent::Answers(_) => self.answers.is_some(),
            Sent::Button => false,
        };
        self.error = problem.filter(|_| !told);
    }

    /// What an answer says, in words.
    fn said(&self, one: &Response) -> String {
        report::outcomes(self.texts, one)
    }

    fn states(&self) -> &'static [Told] {
        Told::ALL
    }
}

/// `GET /recalls/{id}`
pub(super) async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    uri: Uri,
) -> Result<Answered, Problem> {
    caller.require_somewhere(&RECALL_READ)?;
    let asked = query::<Asked>(&uri)?;
    show(&state, &caller, &headers, id, &asked, None).await
}

pub(super) async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    id: Uuid,
    asked: &Asked,
    refused: Option<(Sent<'_>, &Problem)>,
) -> Result<Answered, Problem> {
    let tab = TABS.into_iter().find(|tab| *tab == asked.tab).unwrap_or(TABS[0]);
    let consignee = maybe::<Uuid>(&asked.consignee).unwrap_or_default();
    let may_manage = caller.may(&RECALL_MANAGE);
    let now = Utc::now();
    let sight = Sight::of(caller);
    let (mut view, people) = service::ask(state, caller, async |tx| {
        let mut view = match tab {
            "overview" => read::view(tx, id).await?,
            _ => read::uncounted(tx, id).await?,
        };
        if tab == "consignees" {
            view.contacts = read::contacts(tx, id, &view.consignees, sight).await?;
        }
        let recall = view.recall.clone();
        let after = asked.after.as_deref();
        let units = match tab {
            "units" => Some(read::units(tx, id, &asked.place, consignee, after, PAGE).await?),
            _ => None,
        };
        let letters = if tab == "consignees" { read::letters(tx, id).await? } else { Vec::new() };
        let mails = tab != "consignees" || notify::can_mail(state.mails, tx).await?;
        let responses = match tab {
            "responses" => Some(read::responses(tx, id, after, PAGE).await?),
            _ => None,
        };
        let effect = match tab {
            // Nothing there says how much is accounted for.
            "units" | "history" => Effectiveness::default(),
            _ => read::effectiveness(tx, id).await?,
        };
        let target = recall.target_on.and_then(|day| begins(day.succ_opt()?, caller.zone));
        let from = recall.activated_at.unwrap_or(recall.created_at);
        let until = recall.ended_at.unwrap_or(now);
        let drawn = effect
            .totals
            .iter()
            .map(|total| Drawn { total: total.clone(), chart: chart::chart(total, from, target, until) })
            .collect();
        let history = if tab == "history" { read::history(tx, id).await? } else { Vec::new() };
        let drills = if tab == "overview" { store::recalls::drills(tx, id).await? } else { Vec::new() };
        // For the form that changes it.
        let people = if tab == "overview" && may_manage {
            one::people(tx, one::MOST_PEOPLE).await?
        } else {
            Vec::new()
        };
        let asked_for = approval::standing(tx, id).await?;
        let actions = ways(recall.kind_of(), recall.state())
            .filter(|way| caller.rights.has_everywhere(&way.right))
            .filter(|way| way.action != Action::Activate || !asked_for.as_ref().is_some_and(approval::waits))
            .map(|way| way.action)
            .collect::<Vec<_>>();
        let asks =
            tab == "overview" && actions.contains(&Action::Close) && recall.kind_of() == KindOf::Recall;
        let open = if asks { close::open(tx, id, effect.totals.clone()).await? } else { Open::default() };
        let written = match tab == "overview" && actions.contains(&Action::Activate) {
            true => {
                let all = store::consignees::contacts(tx, id, None, false).await?;
                all.iter().map(|one| one.consignee_id).collect::<HashSet<_>>().len()
            }
            false => 0,
        };
        let page = OnePage {
            texts: &caller.texts,
            zone: caller.zone,
            tab: tab.to_owned(),
            place: asked.place.clone(),
            recall,
            view,
            names: Names::default(),
            change: None,
            change_wrong: false,
            answers: None,
            actions,
            approval: asked_for,
            may_manage,
            units,
            items: Items::default(),
            letters,
            mails,
            may_settings: caller.may(&TENANT_MANAGE),
            responses,
            effect,
            drawn,
            history,
            drills,
            open,
            written,
            error: None,
            files: String::new(),
        };
        Ok((page, people))
    })
    .await?;
    view.put_forms(&people, refused);
    if tab == TABS[0] {
        view.files = state.files.panel(&caller.texts, attached::KIND, &id.to_string())?;
    }
    let owner = view.recall.owned_by();
    let actors = view.history.iter().map(|(_, _, who)| who.as_str()).chain([owner.as_str()]);
    let actors = actors.chain(view.view.released.iter().map(|one| one.released_by.as_str()));
    view.names = Names::read(state, caller, actors).await?;
    let units = view.units.iter().flat_map(|page| &page.units);
    let codes: Vec<&str> = units.map(|unit| unit.item.as_str()).collect();
    view.items = Items::read(&state.db, &caller.cx, codes).await?;
    let title = format!("{} {}", view.recall.number, view.recall.reason);
    Shell::new(state, caller, title, "/recalls")
        .under(
            address("/recalls", &[("kind", &view.recall.kind)]),
            name(&caller.texts, "kinds", &view.recall.kind),
        )
        .page(headers, &view)
}
