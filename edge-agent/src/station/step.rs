//! The tools with which a station's rules work: the [`Step`] that holds the
//! session being changed, the [`Answer`] or [`Refusal`] it comes to, and how
//! either becomes a [`Decision`].

mod answer;

pub(crate) use answer::{Answer, Asked, Refusal, Ruling};

use chrono::Duration;
use proto::v1;
use rust_decimal::Decimal;
use uid::{Key, Uid};

use super::codes::Code;
use super::types::{
    Decision, DraftEvent, DraftSubject, KeyRef, Label, NumberRef, Reply, Scanned, Session, World,
};
use crate::config::StationKind;
use crate::inputs::Colour;
use crate::reference::{Item, Order};

/// Arguments of a message, by name.
pub(crate) type Args = Vec<(String, String)>;

/// Hours after which reference data counts as old.
pub(crate) const REFERENCE_OLD_H: i64 = 12;

/// What a station is asked to do: a scan once its common meaning is settled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Act {
    Uid(Uid),
    Gs1(Box<super::gs1::Elements>),
    Text(String),
    /// A field was set; its name.
    Field(&'static str),
    Quantity(Decimal),
    /// An order was chosen; it stands in the session.
    Order,
    /// A reason was given; it stands in the session's fields.
    Reason,
    Done,
    Pass,
    Fail,
    Split(Option<u32>),
    NoLabel,
    Undo,
    Hold,
}

/// One scan being judged.
pub(crate) struct Step<'w> {
    pub world: &'w World<'w>,
    pub session: Session,
    notes: Vec<(Code, Args)>,
    /// Supervisor who overrides what is refused in this step.
    pub authority: Option<String>,
    authority_used: bool,
    /// Nobody can be asked to sign in any more: the scan came late.
    pub login_waived: bool,
    /// The scan came late: what it tells has happened, so what would be refused
    /// is recorded with the refusal's code as its reason.
    pub late: bool,
    told_late: Option<Code>,
}

impl<'w> Step<'w> {
    pub fn new(world: &'w World<'w>, session: Session, authority: Option<String>) -> Self {
        Self {
            world,
            session,
            notes: Vec::new(),
            authority,
            authority_used: false,
            login_waived: false,
            late: false,
            told_late: None,
        }
    }

    /// What this agent knows of the label.
    pub fn label(&self, key: i64) -> Option<&'w Label> {
        self.world.labels.get(&key)
    }

    /// The text of a key, or the number where no UID has it.
    pub fn uid(&self, key: i64) -> String {
        match Key::new(key) {
            Ok(key) => Uid::from_key(self.world.tenant, key).to_string(),
            Err(_) => key.to_string(),
        }
    }

    /// The operator's language, else the plant's.
    pub fn language(&self) -> &str {
        match &self.session.operator {
            Some(operator) => &operator.language,
            None => self.world.plant.default_language().code(),
        }
    }

    /// The item of that code; codes are compared without case.
    pub fn item(&self, code: &str) -> Option<&'w Item> {
        let items = &self.world.reference.items;
        items.get(code).or_else(|| {
            let upper = code.to_ascii_uppercase();
            items.get(&upper)
        })
    }

    /// The item's name in the operator's language, else its code.
    pub fn item_name(&self, code: &str) -> String {
        let names = self.item(code).map(|item| &item.names);
        let name = names.and_then(|names| names.get(self.language()).or_else(|| names.get("en")));
        name.map_or(code, String::as_str).to_owned()
    }

    /// The item's name on labels: in the plant's language, whoever is signed in.
    pub fn label_name(&self, code: &str) -> String {
        let language = self.world.plant.default_language();
        let names = self.item(code).map(|item| &item.names);
        let name = names.and_then(|names| names.get(language.code()).or_else(|| names.get("en")));
        name.map_or(code, String::as_str).to_owned()
    }

    /// The order chosen, where the reference data has it.
    pub fn order(&self) -> Option<&'w Order> {
        self.world.reference.orders.get(self.session.order.as_ref()?)
    }

    /// The order chosen, as a reference of an event.
    pub fn order_reference(&self) -> Option<(String, NumberRef, u32)> {
        let (kind, number) = self.session.order.clone()?;
        Some((kind, NumberRef::Existing(number), self.session.line.unwrap_or(0)))
    }

    /// The operation chosen, else the station's own; empty for none.
    pub fn operation(&self) -> String {
        let chosen = self.session.operation.as_ref();
        chosen.or(self.world.station.operation.as_ref()).cloned().unwrap_or_default()
    }

    /// A field of the draft that is set and not empty.
    pub fn field(&self, name: &str) -> Option<&str> {
        let value = self.session.fields.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// Sets a field of the draft.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.session.fields.insert(name.to_owned(), value.into());
    }

    /// Takes a field out of the draft.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.session.fields.remove(name).filter(|value| !value.is_empty())
    }

    /// Takes the quantity typed for what comes next.
    pub fn take_quantity(&mut self) -> Option<Decimal> {
        self.take(super::fields::QUANTITY)?.parse().ok()
    }

    /// The reason given, as an event carries it. It is used up by the events that
    /// are recorded with it.
    pub fn reason(&self) -> String {
        self.given_reason().unwrap_or_default().to_owned()
    }

    /// The reason given, if one was.
    pub fn given_reason(&self) -> Option<&str> {
        self.field(super::fields::REASON)
    }

    /// Makes the answer amber. The first note is what the operator reads.
    pub fn note(&mut self, code: Code, args: Args) {
        self.notes.push((code, args));
    }

    /// How many notes there are, for [`Step::forget_notes`].
    pub fn notes(&self) -> usize {
        self.notes.len()
    }

    /// Drops the notes made since.
    pub fn forget_notes(&mut self, since: usize) {
        self.notes.truncate(since);
    }

    /// Passes when a supervisor stands behind this step, else refuses.
    pub fn permit(&mut self, refusal: Refusal) -> Result<(), Refusal> {
        if self.authority.is_some() && refusal.overridable {
            self.authority_used = true;
            return Ok(());
        }
        if self.late && refusal.overridable {
            self.told_late.get_or_insert(refusal.code);
            return Ok(());
        }
        Err(refusal)
    }

    /// The supervisor on whom this step relied, to be kept with a draft entry.
    pub fn relied_on(&self) -> Option<String> {
        self.authority.clone().filter(|_| self.authority_used)
    }

    /// A subject for an existing label. None for a number that is no key, which
    /// only a damaged session can hold.
    pub fn subject(&self, key: i64, role: v1::Role) -> Option<DraftSubject> {
        let unit = self.label(key).map(|label| label.unit.clone()).unwrap_or_default();
        Some(DraftSubject {
            key: KeyRef::Existing(Key::new(key).ok()?),
            role,
            quantity: None,
            unit,
            item: String::new(),
            lot: None,
            container: false,
            alias: String::new(),
        })
    }

    /// The same with a quantity.
    pub fn subject_of(&self, key: i64, role: v1::Role, quantity: Option<Decimal>) -> Option<DraftSubject> {
        let subject = self.subject(key, role)?;
        Some(DraftSubject { quantity, ..subject })
    }

    /// An event of this stage with the order chosen as its reference.
    pub fn event(&self, stage: v1::Stage) -> DraftEvent {
        let mut event = DraftEvent::new(stage);
        event.references.extend(self.order_reference());
        event
    }

    /// The decision of an answer to `scanned`; `asked` is what the station
    /// waits for afterwards.
    pub fn accept(mut self, scanned: &Scanned, mut answer: Answer, asked: Asked) -> Decision {
        if !answer.events.is_empty() {
            self.use_up_reason(&answer.events);
            self.note_old_reference();
            if let Some(supervisor) = self.relied_on() {
                for event in &mut answer.events {
                    if event.overridden_by.is_empty() {
                        event.overridden_by.clone_from(&supervisor);
                    }
                }
            }
            for event in answer.events.iter_mut().filter(|event| event.reason.is_empty()) {
                event.reason = self.told_late.map(|code| code.as_str().to_owned()).unwrap_or_default();
            }
            let facts = answer.events.iter().any(|event| super::can_be_corrected(event.stage));
            if facts {
                self.session.last_by = self.session.operator.as_ref().map(|o| o.operator.clone());
            }
            remember_kind(&mut self.session, &answer.events);
            self.session.last_control =
                control_once(scanned).filter(|_| facts).map(|text| (text, self.world.at.to_utc()));
        } else {
            self.session.last_control = None;
        }
        let colour = if answer.red {
            Colour::Red
        } else if answer.amber || !self.notes.is_empty() {
            Colour::Amber
        } else {
            Colour::Green
        };
        let mut args = answer.args;
        let mut code = answer.code;
        // An amber answer of its own says more than a note on the side.
        if !answer.amber
            && !answer.red
            && let Some((note, extra)) = self.notes.first()
        {
            code = *note;
            merge(&mut args, extra.clone());
        }
        merge(&mut args, asked.args);
        let next = answer.next.unwrap_or(asked.next);
        if self.session.pending.as_deref() != Some(super::login::SUPERVISOR_PIN) {
            self.session.fields.remove(REFUSED);
            self.session.fields.remove(REFUSED_CODE);
            self.session.fields.remove(REFUSED_PENDING);
        }
        super::login::touch(self.world, &mut self.session);
        if let Some(text) = repeatable(scanned) {
            self.session.last_code = Some((text, self.world.at.to_utc()));
        }
        Decision {
            reply: Reply { colour, code: code.as_str().to_owned(), next: next.as_str().to_owned(), args },
            session: self.session,
            events: answer.events,
            prints: answer.prints,
            beside: false,
        }
    }

    /// A reason is for one act; only a row of holds has one for all.
    fn use_up_reason(&mut self, events: &[DraftEvent]) {
        let row = self.world.station.kind == StationKind::Hold;
        let stays = |event: &DraftEvent| row && matches!(event.stage, v1::Stage::Hold | v1::Stage::Release);
        let used = self
            .given_reason()
            .is_some_and(|reason| events.iter().any(|event| event.reason == reason && !stays(event)));
        if used {
            self.session.fields.remove(super::fields::REASON);
        }
    }

    fn note_old_reference(&mut self) {
        if self.world.reference.doubtful {
            return self.note(Code::REFERENCE_LOST, Args::new());
        }
        let age = self.world.reference.as_of.map(|as_of| (self.world.now - as_of).num_hours());
        match age {
            None => self.note(Code::REFERENCE_NONE, Args::new()),
            Some(hours) if hours >= REFERENCE_OLD_H => {
                self.note(Code::REFERENCE_OLD, vec![("hours".to_owned(), hours.to_string())]);
            }
            Some(_) => {}
        }
    }
}

/// Keeps what it is that CORRECT would take back next: itself a CORRECT, a load
/// let in, a load let out.
fn remember_kind(session: &mut Session, events: &[DraftEvent]) {
    let mut facts = events.iter().filter(|event| super::can_be_corrected(event.stage)).peekable();
    let Some(first) = facts.peek() else {
        return;
    };
    let loaded = (first.stage == v1::Stage::Load).then_some(first.action == v1::Action::Add);
    session.corrected = facts.all(|event| event.stage == v1::Stage::Correct);
    if !session.corrected {
        session.loaded = loaded;
    }
}

/// Time in which the same card counts once where the station states none.
const ONE_READ: Duration = Duration::seconds(3);

/// The amber answer to the card that has just recorded something, read once more:
/// a second NOLABEL would mint a second label. Each reading keeps the window
/// open, as a scanner's own does.
pub(crate) fn read_again(world: &World<'_>, session: &Session, scanned: &Scanned) -> Option<Decision> {
    let text = control_once(scanned)?;
    let (last, when) = session.last_control.as_ref()?;
    let window = match i64::from(world.station.duplicate_window_ms) {
        0 => ONE_READ,
        stated => Duration::milliseconds(stated),
    };
    let at = world.at.to_utc();
    if *last != text || (at - *when).abs() > window {
        return None;
    }
    let step = Step::new(world, session.clone(), None);
    let asked = super::asked(&step);
    let answer = Answer::amber(Code::SCAN_AGAIN).arg("uid", "");
    let mut decision = step.accept(scanned, answer, asked);
    decision.session.last_control = Some((text, at.max(*when)));
    Some(decision)
}

/// The text of a control code that does its work once however often it is read.
fn control_once(scanned: &Scanned) -> Option<String> {
    use super::control::Verb;
    match scanned {
        Scanned::Control(control)
            if matches!(control.verb(), Verb::Done | Verb::NoLabel | Verb::Pass | Verb::Fail) =>
        {
            Some(control.to_string())
        }
        _ => None,
    }
}

/// Field that holds the text of what was refused last, for a supervisor.
pub(crate) const REFUSED: &str = "_refused";
/// Field that holds the code with which it was refused.
pub(crate) const REFUSED_CODE: &str = "_refused_code";

/// Field that holds what was awaited when it was refused.
pub(crate) const REFUSED_PENDING: &str = "_refused_pending";

/// Whether what is awaited stays so when a scan is refused or asks for help: a
/// smudged label must not turn the next one into the station's own act.
pub(crate) fn outlasts(pending: &str) -> bool {
    use super::{correct, hold, label, login};
    [correct::CORRECT, hold::HOLD, label::REPRINT, login::PIN, login::PIN_OVER].contains(&pending)
}

/// Whether a field belongs to the refusal just given, not to the draft.
pub(crate) fn is_refusal(name: &str) -> bool {
    [REFUSED, REFUSED_CODE, REFUSED_PENDING].contains(&name)
}

/// The decision of a refusal: the session as it was before, one REFUSED event,
/// and the way open for a supervisor. The same refusal of the same scan twice
/// in a row is one refused act.
pub(crate) fn refuse(
    world: &World<'_>,
    mut session: Session,
    scanned: &Scanned,
    refusal: Refusal,
    asked: Asked,
) -> Decision {
    let text = as_scanned(scanned, &session.digits);
    let field = |name: &str| session.fields.get(name).map(String::as_str);
    let told = field(REFUSED) == Some(text.as_str()) && field(REFUSED_CODE) == Some(refusal.code.as_str());
    let mut events = Vec::new();
    if refusal.record && !told {
        let mut event = DraftEvent::new(v1::Stage::Refused);
        let step = Step::new(world, session.clone(), None);
        event.subjects.extend(refusal.keys.iter().filter_map(|key| step.subject(*key, v1::Role::Subject)));
        event.references.extend(step.order_reference());
        event.operation = step.operation();
        event.reason = refusal.code.as_str().to_owned();
        event.note = refusal.note;
        events.push(event);
    }
    let awaited = match session.pending.take() {
        // Its digits may still be typed.
        Some(pending) if pending == super::login::SUPERVISOR_PIN => Some(super::login::PIN_OVER.to_owned()),
        pending => pending.filter(|pending| outlasts(pending)),
    };
    let awaited = awaited.or_else(|| session.fields.get(REFUSED_PENDING).cloned());
    session.last_control = None;
    session.pending = if refusal.overridable {
        if let Some(awaited) = awaited {
            session.fields.insert(REFUSED_PENDING.to_owned(), awaited);
        }
        Some(super::login::SUPERVISOR.to_owned())
    } else {
        awaited
    };
    session.digits.clear();
    if refusal.record {
        session.fields.insert(REFUSED.to_owned(), text);
        session.fields.insert(REFUSED_CODE.to_owned(), refusal.code.as_str().to_owned());
    }
    super::login::touch(world, &mut session);
    let mut args = refusal.args;
    merge(&mut args, asked.args);
    Decision {
        reply: Reply {
            colour: Colour::Red,
            code: refusal.code.as_str().to_owned(),
            next: refusal.next.unwrap_or(asked.next).as_str().to_owned(),
            args,
        },
        session,
        events,
        prints: Vec::new(),
        beside: false,
    }
}

/// Adds the arguments that are not there yet.
fn merge(args: &mut Args, more: Args) {
    for (name, value) in more {
        if !args.iter().any(|(old, _)| *old == name) {
            args.push((name, value));
        }
    }
}

/// The text of a scan for which "the same again" has a meaning.
fn repeatable(scanned: &Scanned) -> Option<String> {
    match scanned {
        Scanned::Uid(uid) => Some(uid.to_string()),
        Scanned::Gs1(elements) => Some(elements.raw.clone()),
        _ => None,
    }
}

/// A text that [`super::classify`] reads as this scan. An ENTER is written as
/// the quantity it ends, since the digits are gone when it is read again.
pub(crate) fn as_scanned(scanned: &Scanned, digits: &str) -> String {
    match scanned {
        Scanned::Uid(uid) | Scanned::Foreign(uid) => uid.to_string(),
        Scanned::Control(control) if control.verb() == super::control::Verb::Enter => {
            format!("{}={digits}", super::fields::QUANTITY)
        }
        Scanned::Control(control) => control.to_string(),
        Scanned::Gs1(elements) => elements.raw.clone(),
        Scanned::Text(text) => text.clone(),
        Scanned::Badge(_) => String::new(),
        Scanned::Invalid { code, detail } => format!("{code} {detail}"),
    }
}
