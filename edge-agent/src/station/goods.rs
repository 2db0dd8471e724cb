//! Goods that get their first label here: which item, which lot, how many
//! containers of how much. Shared by receiving, opening and commissioning.

use chrono::{Days, NaiveDate};
use proto::v1;
use rust_decimal::Decimal;

use super::codes::{Code, Next};
use super::control;
use super::draft::MAX_SUBJECTS;
use super::fields;
use super::gs1::Elements;
use super::mint::{self, Birth};
use super::portions;
use super::step::{Answer, Asked, Refusal, Ruling, Step};
use super::types::{DraftEvent, DraftLot, DraftSubject, LotRef, NumberRef, PrintRequest};
use crate::reference::Item;

/// Supplier's serials of the units as aliases, in the order scanned, one per line.
const SERIALS: &str = "_serials";
/// What was asked once and may now be left open.
const ASKED: &str = "_asked";

/// The item being labelled, by its code: as chosen, as the station always
/// makes, else the one that the order makes or names.
pub(crate) fn item_code(step: &Step<'_>) -> Option<String> {
    let own = step.world.station.output.as_ref().and_then(|output| output.item.as_ref());
    let order = step.order();
    let made = order.map(|order| &order.item).filter(|item| !item.is_empty());
    let only = match order.map(|order| order.lines.as_slice()) {
        Some([line]) => Some(&line.item),
        _ => None,
    };
    step.field(fields::ITEM).or(own.or(made).or(only).map(String::as_str)).map(str::to_owned)
}

/// The item of that code or GTIN.
pub(crate) fn find_item<'w>(step: &Step<'w>, text: &str) -> Option<&'w Item> {
    if let Some(item) = step.item(text) {
        return Some(item);
    }
    let digits = matches!(text.len(), 8 | 12 | 13 | 14) && text.bytes().all(|b| b.is_ascii_digit());
    let gtin = digits.then(|| format!("{text:0>14}"))?;
    let items = step.world.reference.items.values();
    items.filter(|item| item.gtin.as_ref() == Some(&gtin)).min_by(|a, b| a.item.cmp(&b.item))
}

/// Sets the item; refuses a change while quantities of another are entered.
pub(crate) fn choose_item(step: &mut Step<'_>, code: &str) -> Result<(), Refusal> {
    let other = step.field(fields::ITEM).is_some_and(|old| old != code);
    if other && !portions::get(step).is_empty() {
        let refusal = Refusal::new(Code::GOODS_OTHER_ITEM).arg("item", step.item_name(code));
        return Err(refusal.then(Next::DONE).silent());
    }
    if other {
        step.take(fields::SUPPLIER_LOT);
    }
    step.set(fields::ITEM, code);
    Ok(())
}

/// A supplier's label: item, lot, dates, count, serial.
pub(crate) fn read_label(step: &mut Step<'_>, label: &Elements) -> Ruling {
    let again = step.session.last_code.as_ref().is_some_and(|(code, _)| *code == label.raw);
    if again {
        return Ok(Answer::amber(Code::GOODS_LABEL_AGAIN));
    }
    let alias = label.alias();
    if alias.as_ref().is_some_and(|alias| serials(step).contains(alias)) {
        return Ok(Answer::amber(Code::GOODS_LABEL_AGAIN));
    }
    if let Some(gtin) = &label.gtin {
        match find_item(step, gtin).map(|item| item.item.clone()) {
            Some(code) => choose_item(step, &code)?,
            None if item_code(step).is_none() => {
                let refusal = Refusal::new(Code::GOODS_UNKNOWN_GTIN).arg("gtin", gtin);
                return Err(refusal.then(Next::ITEM).silent());
            }
            None => step.note(Code::NOTE_UNKNOWN_GTIN, vec![("gtin".to_owned(), gtin.clone())]),
        }
    }
    if let Some(lot) = &label.lot {
        choose_lot(step, lot)?;
    }
    if let Some(day) = label.expires_on {
        step.set(fields::EXPIRES_ON, day.to_string());
    }
    if let Some(day) = label.made_on {
        step.set(fields::MADE_ON, day.to_string());
    }
    if let Some(alias) = alias {
        let mut all = serials(step);
        all.push(alias);
        step.set(SERIALS, all.join("\n"));
    }
    let one = label.serial.is_some().then_some(Decimal::ONE);
    if let Some(quantity) = label.count.or(label.weight_kg).or(one) {
        return add(step, quantity);
    }
    let name = item_code(step).map(|code| step.item_name(&code)).unwrap_or_default();
    let lot = step.field(fields::SUPPLIER_LOT).unwrap_or("-").to_owned();
    Ok(Answer::new(Code::GOODS_LABEL).arg("item", name).arg("lot", lot))
}

fn serials(step: &Step<'_>) -> Vec<String> {
    step.field(SERIALS).map(|all| all.lines().map(str::to_owned).collect()).unwrap_or_default()
}

/// Sets the supplier's lot; containers of two lots are two acts.
pub(crate) fn choose_lot(step: &mut Step<'_>, lot: &str) -> Result<(), Refusal> {
    let other = step.field(fields::SUPPLIER_LOT).is_some_and(|old| old != lot);
    if other && !portions::get(step).is_empty() {
        let refusal = Refusal::new(Code::GOODS_OTHER_LOT).arg("lot", lot);
        return Err(refusal.then(Next::DONE).silent());
    }
    step.set(fields::SUPPLIER_LOT, lot);
    Ok(())
}

/// One more container of this quantity.
pub(crate) fn add(step: &mut Step<'_>, quantity: Decimal) -> Ruling {
    if quantity <= Decimal::ZERO {
        return Err(Refusal::new(Code::QUANTITY_ZERO).silent());
    }
    let mut all = portions::get(step);
    all.push((quantity, 1));
    keep(step, all)
}

/// The container entered last is there so many times.
pub(crate) fn multiply(step: &mut Step<'_>, count: Option<u32>) -> Ruling {
    let mut all = portions::get(step);
    let (Some(last), Some(count)) = (all.last_mut(), count.filter(|n| *n > 0)) else {
        return Err(Refusal::new(Code::GOODS_QUANTITY_FIRST).then(Next::QUANTITY).silent());
    };
    last.1 = count;
    keep(step, all)
}

fn keep(step: &mut Step<'_>, all: portions::Portions) -> Ruling {
    let count = portions::containers(&all);
    let total = portions::total(&all);
    let Some(total) = total.filter(|_| count <= mint::MAX_MINTS) else {
        let refusal = Refusal::new(Code::MINT_TOO_MANY).arg("count", count);
        return Err(refusal.arg("limit", mint::MAX_MINTS).silent());
    };
    portions::put(step, &all);
    Ok(Answer::new(Code::GOODS_QUANTITY)
        .arg("count", count)
        .arg("quantity", format!("{} {}", total.normalize(), unit(step)).trim_end()))
}

/// Drops the quantity entered last.
pub(crate) fn undo(step: &mut Step<'_>) -> Ruling {
    let mut all = portions::get(step);
    if all.pop().is_none() {
        return Ok(Answer::amber(Code::UNDO_NOTHING));
    }
    let mut serials = serials(step);
    serials.truncate(portions::containers(&all));
    step.set(SERIALS, serials.join("\n"));
    portions::put(step, &all);
    step.session.last_code = None;
    Ok(Answer::new(Code::UNDONE_QUANTITY).arg("count", portions::containers(&all)))
}

/// A field that was filled in by a person.
pub(crate) fn field(step: &mut Step<'_>, name: &'static str) -> Ruling {
    let value = step.field(name).unwrap_or_default().to_owned();
    if name == fields::CONTAINERS {
        step.take(name);
        let count = value.parse().ok().filter(|n| (1..=control::MAX_SPLIT).contains(n));
        return multiply(step, count);
    }
    if name == fields::ITEM && !value.is_empty() {
        match find_item(step, &value).map(|item| item.item.clone()) {
            Some(code) => step.set(name, code),
            None => step.note(Code::NOTE_UNKNOWN_ITEM, vec![("item".to_owned(), value.clone())]),
        }
    }
    Ok(Answer::new(Code::FIELD_SET).arg("value", value))
}

/// What is missing before DONE, if anything.
pub(crate) fn asked(step: &Step<'_>) -> Asked {
    let Some(code) = item_code(step) else {
        return Next::ITEM.into();
    };
    let lot_tracked = step.item(&code).is_some_and(|item| item.tracking == "lot");
    let none = portions::get(step).is_empty();
    let next = if lot_tracked && step.field(fields::SUPPLIER_LOT).is_none() && none {
        Next::SUPPLIER_LOT
    } else if none {
        Next::QUANTITY
    } else {
        Next::MORE_OR_DONE
    };
    Asked::from(next).arg("item", step.item_name(&code))
}

/// The base unit of the item, else of the order's line.
fn unit(step: &Step<'_>) -> String {
    let Some(code) = item_code(step) else {
        return String::new();
    };
    if let Some(item) = step.item(&code) {
        return item.base_unit.clone();
    }
    let lines = step.order().map(|order| order.lines.as_slice()).unwrap_or_default();
    lines.iter().find(|line| line.item == code).map(|line| line.unit.clone()).unwrap_or_default()
}

/// Everything about goods that are complete enough to be recorded.
pub(crate) struct Goods {
    pub item: String,
    pub total: Decimal,
    pub unit: String,
    pub inspect: bool,
    pub subjects: Vec<DraftSubject>,
    pub lot: DraftLot,
}

/// Reads the draft as goods. `Ok(Err(answer))` asks once more for something
/// that may be left open.
pub(crate) fn complete(step: &mut Step<'_>) -> Result<Result<Goods, Answer>, Refusal> {
    let Some(code) = item_code(step) else {
        return Err(Refusal::new(Code::GOODS_NO_ITEM).then(Next::ITEM).silent());
    };
    let all = portions::get(step);
    let total = portions::total(&all).filter(|total| *total > Decimal::ZERO);
    let Some(total) = total else {
        return Err(Refusal::new(Code::GOODS_QUANTITY_FIRST).then(Next::QUANTITY).silent());
    };
    let item = step.item(&code);
    let tracking = item.map_or("lot", |item| item.tracking.as_str());
    let no_lot = tracking == "lot" && step.field(fields::SUPPLIER_LOT).is_none();
    if no_lot && step.field(ASKED).is_none() {
        step.set(ASKED, "lot");
        let name = step.item_name(&code);
        return Ok(Err(Answer::amber(Code::GOODS_ASK_LOT).arg("item", name).then(Next::SUPPLIER_LOT)));
    }
    let expires_on = expiry(step, item);
    if let Some(day) = expires_on.filter(|day| *day < step.world.at.date_naive()) {
        step.permit(Refusal::new(Code::GOODS_EXPIRED).arg("date", day))?;
    }
    let by_unit = tracking == "unit";
    let count = if by_unit { units(total)? } else { portions::containers(&all) };
    let kind = mint::type_of(step, &code)?;
    let slots = mint::slots(step, kind, count)?;
    let unit = unit(step);
    let birth =
        Birth { item: code.clone(), unit: unit.clone(), lot: Some(LotRef::New(0)), container: !by_unit };
    let one = std::iter::repeat_n(Decimal::ONE, if by_unit { count } else { 0 });
    let quantities = one.chain(portions::each(&all).take(if by_unit { 0 } else { count }));
    let mut serials = serials(step).into_iter();
    let subjects = slots
        .into_iter()
        .zip(quantities)
        .map(|(key, quantity)| {
            let mut subject = mint::subject(key, v1::Role::Subject, &birth, quantity);
            subject.alias = serials.next().unwrap_or_default();
            subject
        })
        .collect();
    let order = step.order();
    let supplier = step.field(fields::SUPPLIER).map(str::to_owned);
    let lot = DraftLot {
        item: code.clone(),
        supplier: supplier.or(order.map(|o| o.partner.clone())).unwrap_or_default(),
        supplier_lot: step.field(fields::SUPPLIER_LOT).unwrap_or_default().to_owned(),
        made_on: fields::day(step, fields::MADE_ON),
        expires_on,
        owner: String::new(),
    };
    let inspect = item.is_some_and(|item| item.inspect);
    Ok(Ok(Goods { item: code, total, unit, inspect, subjects, lot }))
}

fn expiry(step: &Step<'_>, item: Option<&Item>) -> Option<NaiveDate> {
    fields::day(step, fields::EXPIRES_ON).or_else(|| {
        let made = fields::day(step, fields::MADE_ON)?;
        let days = item?.shelf_life_days?;
        made.checked_add_days(Days::new(u64::from(days)))
    })
}

/// A number of units; part of a unit there is not.
pub(crate) fn units(total: Decimal) -> Result<usize, Refusal> {
    let whole = (total.fract() == Decimal::ZERO).then(|| total.normalize().to_string());
    whole
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Refusal::new(Code::QUANTITY_UNIT).arg("uid", "").silent())
}

impl Goods {
    /// The events of their birth at this stage, none too large, then their way
    /// into inspection where the item demands it. `before` makes the event that
    /// stands before each (PROCUREMENT).
    pub fn events(
        &self,
        stage: v1::Stage,
        references: &[(String, NumberRef, u32)],
        before: impl Fn(Vec<DraftSubject>) -> Option<DraftEvent>,
    ) -> Vec<DraftEvent> {
        let mut events = Vec::new();
        for (part, subjects) in self.subjects.chunks(MAX_SUBJECTS).enumerate() {
            events.extend(before(bare(subjects)));
            let mut event = DraftEvent::new(stage);
            event.subjects = subjects.to_vec();
            event.references = references.to_vec();
            if part == 0 {
                event.lots.push(self.lot.clone());
            }
            events.push(event);
        }
        if self.inspect {
            for subjects in self.subjects.chunks(MAX_SUBJECTS) {
                let mut event = DraftEvent::new(v1::Stage::Inspection);
                event.action = v1::Action::Add;
                event.subjects = bare(subjects);
                event.references = references.to_vec();
                events.push(event);
            }
        }
        events
    }

    /// A label for each.
    pub fn prints(&self, step: &Step<'_>) -> Vec<PrintRequest> {
        let name = step.label_name(&self.item);
        let prints = self.subjects.iter().filter_map(|subject| {
            let quantity = subject.quantity.unwrap_or(Decimal::ONE).normalize();
            let mut lines = vec![name.clone(), format!("{quantity} {}", self.unit)];
            if !self.lot.supplier_lot.is_empty() {
                lines.push(self.lot.supplier_lot.clone());
            }
            mint::print(step, subject.key.clone(), lines)
        });
        prints.collect()
    }
}

/// Subjects named only, for events beside the birth.
fn bare(subjects: &[DraftSubject]) -> Vec<DraftSubject> {
    let bare = |subject: &DraftSubject| DraftSubject {
        item: String::new(),
        lot: None,
        alias: String::new(),
        ..subject.clone()
    };
    subjects.iter().map(bare).collect()
}
