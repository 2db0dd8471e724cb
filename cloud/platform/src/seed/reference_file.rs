//! Reads a reference file. Rows with a mistake are left out, and noted.

use super::model::{
    BomLine, Item, Location, Operator, Order, OrderLine, Partner, Reason, ReferenceFile, Target, Texts, Use,
};
use super::read::{At, Once, Place, Section, SourceFile, rules};

const TRACKING: [&str; 3] = ["unit", "lot", "none"];
const PURPOSES: [&str; 8] =
    ["scrap", "rework", "hold", "no_order", "correct", "reprint", "return", "spoiled"];
const LINES: std::ops::RangeInclusive<i64> = 1..=1_000_000;

/// What is collected while the file is read.
struct Reader<'d> {
    file: &'d SourceFile,
    once: Once,
    out: ReferenceFile,
}

/// Whether a file has to say whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tenant {
    /// Whoever runs the seeder is nobody's.
    MustBeNamed,
    /// The caller is one tenant's.
    MayBeLeftOut,
}

/// Reads the file; what is wrong by itself is noted, and what is used is listed
/// for [`super::check`].
pub(super) fn read(file: &SourceFile, tenant: Tenant) -> ReferenceFile {
    let mut reader = Reader { file, once: Once::default(), out: ReferenceFile::default() };
    if let Some(document) = file.document() {
        let mut root = Section::root(document.as_table(), file);
        reader.out.tenant = match tenant {
            Tenant::MustBeNamed => root.required("tenant", rules::tenant_code()),
            Tenant::MayBeLeftOut => root.optional("tenant", rules::tenant_code()),
        };
        for s in root.sections("items") {
            let row = reader.item(s);
            reader.out.items.extend(row);
        }
        for s in root.sections("bom_lines") {
            let row = reader.bom_line(s);
            reader.out.bom_lines.extend(row);
        }
        for (key, role) in [("suppliers", "supplier"), ("customers", "customer")] {
            for s in root.sections(key) {
                reader.partner(s, role);
            }
        }
        for (key, kind) in [
            ("purchase_orders", "po"),
            ("work_orders", "prodorder"),
            ("transfer_orders", "transfer"),
            ("sales_orders", "so"),
        ] {
            for s in root.sections(key) {
                let row = reader.order(s, kind);
                reader.out.orders.extend(row);
            }
        }
        for s in root.sections("operators") {
            let row = reader.operator(s);
            reader.out.operators.extend(row);
        }
        for s in root.sections("locations") {
            let row = reader.location(s);
            reader.out.locations.extend(row);
        }
        for s in root.sections("reasons") {
            let row = reader.reason(s);
            reader.out.reasons.extend(row);
        }
        root.finish();
    }
    reader.out
}

impl Reader<'_> {
    fn only_once(&mut self, what: &'static str, key: &str, place: &Place) {
        self.once.check(self.file, what, key, place);
    }

    /// A key that names the row itself. The name counts even if the row has
    /// other mistakes, and is not noted again where it is used.
    fn own(&mut self, s: &mut Section<'_>, key: &'static str, what: &'static str) -> Option<At<String>> {
        let code = s.required(key, rules::code())?;
        self.only_once(what, &code.value, &code.place);
        Some(code)
    }

    /// A key that must name something else.
    fn uses(&mut self, s: &mut Section<'_>, key: &'static str, target: Target) -> Option<At<String>> {
        let rule = if target == Target::Plant { rules::plant_code() } else { rules::code() };
        let name = s.required(key, rule)?;
        self.out.uses.push(Use { target, name: name.clone() });
        Some(name)
    }

    fn item(&mut self, mut s: Section<'_>) -> Option<Item> {
        let raw = s.raw("item");
        let item = self.own(&mut s, "item", "item");
        let names = texts(&mut s, "names");
        let type_code = s.required("type", rules::type_code());
        let base_unit = s.required("base_unit", rules::unit());
        let second_unit = s.optional("second_unit", rules::unit());
        let tracking = s.required("tracking", rules::one_of(&TRACKING));
        let gtin = s.optional("gtin", rules::gtin());
        let shelf_life_days = s.optional("shelf_life_days", rules::whole("days", 1..=36_500));
        let inspect = s.optional("inspect", rules::flag());
        if let (Some(base), Some(second)) = (&base_unit, &second_unit)
            && base.value == second.value
        {
            s.wrong("second_unit", "a unit other than base_unit", None);
        }
        if let Some(gtin) = &gtin {
            self.only_once("GTIN", &gtin.value, &gtin.place);
        }
        s.finish();
        if let Some(raw) = raw {
            let unit = base_unit.as_ref().map(|unit| unit.value.clone());
            self.out.given.items.entry(raw.to_owned()).or_insert(unit);
        }
        Some(Item {
            item: item?.value,
            names: names?,
            type_code: type_code?.value,
            base_unit: base_unit?.value,
            second_unit: second_unit.map(|unit| unit.value),
            tracking: tracking?.value,
            gtin: gtin.map(|gtin| gtin.value),
            shelf_life_days: shelf_life_days.map(|days| days.value),
            inspect: inspect.is_some_and(|inspect| inspect.value),
        })
    }

    fn bom_line(&mut self, mut s: Section<'_>) -> Option<BomLine> {
        let parent = self.uses(&mut s, "parent", Target::Item(None));
        let line = s.required("line", rules::whole("a line number", LINES));
        let quantity = s.required("quantity", rules::quantity());
        let unit = s.optional("unit", rules::unit());
        let child = self.uses(&mut s, "child", Target::Item(unit));
        let operation = s.optional("operation", rules::code());
        s.finish();
        if let (Some(parent), Some(child)) = (&parent, &child) {
            self.out.contains.push((parent.value.clone(), child.clone()));
        }
        let (parent, line) = (parent?, line?);
        self.only_once("line of a parent", &format!("{} {}", parent.value, line.value), &line.place);
        Some(BomLine {
            parent: parent.value,
            line: line.value,
            child: child?.value,
            quantity: quantity?.value,
            operation: operation.map(|operation| operation.value).unwrap_or_default(),
        })
    }

    /// One that is supplier and customer stands in both lists, under one name.
    fn partner(&mut self, mut s: Section<'_>, role: &'static str) {
        let raw = s.raw("code");
        let code = s.required("code", rules::code());
        let name = s.required("name", rules::text());
        let place = s.optional("place", rules::text());
        if let Some(code) = &code {
            self.only_once(role, &code.value, &code.place);
        }
        if let Some(raw) = raw {
            self.out.given.partners.entry(raw.to_owned()).or_default().push(role.to_owned());
        }
        let known =
            code.as_ref().and_then(|code| self.out.partners.iter_mut().find(|p| p.code == code.value));
        if let Some(known) = known {
            if !known.roles.iter().any(|r| r == role) {
                known.roles.push(role.to_owned());
            }
            if name.as_ref().is_some_and(|name| name.value != known.name) {
                let expected = format!("the same name as among the suppliers, \"{}\"", known.name);
                s.wrong("name", expected, None);
            }
            if let Some(place) = place
                && known.place.is_empty()
            {
                known.place = place.value;
            }
        } else if let (Some(code), Some(name)) = (code, name) {
            self.out.partners.push(Partner {
                code: code.value,
                name: name.value,
                roles: vec![role.to_owned()],
                place: place.map(|place| place.value).unwrap_or_default(),
            });
        }
        s.finish();
    }

    fn order(&mut self, mut s: Section<'_>, kind: &'static str) -> Option<Order> {
        let number = self.own(&mut s, "number", kind_name(kind));
        let plant_key = if kind == "transfer" { "from_plant" } else { "plant" };
        let plant = self.uses(&mut s, plant_key, Target::Plant);
        let ordered_at = s.required("ordered_at", rules::time());
        let due_on = s.optional("due_on", rules::date());
        if let (Some(ordered), Some(due)) = (&ordered_at, &due_on)
            && due.value < ordered.value.date_naive()
        {
            s.wrong("due_on", "a day not before ordered_at", None);
        }
        let partner = match kind {
            "po" => self.uses(&mut s, "supplier", Target::Partner("supplier")),
            "so" => self.uses(&mut s, "customer", Target::Partner("customer")),
            "transfer" => {
                let to = self.uses(&mut s, "to_plant", Target::Plant);
                if let (Some(from), Some(to)) = (&plant, &to)
                    && from.value == to.value
                {
                    s.wrong("to_plant", "a plant other than from_plant", None);
                }
                to
            }
            _ => None,
        };
        if kind == "prodorder" {
            let quantity = s.required("quantity", rules::quantity());
            let unit = s.optional("unit", rules::unit());
            let item = self.uses(&mut s, "item", Target::Item(unit));
            let operations = s.list("operations", rules::code());
            s.finish();
            return Some(Order {
                kind,
                number: number?.value,
                plant: plant?.value,
                partner: String::new(),
                item: item?.value,
                quantity: Some(quantity?.value),
                ordered_at: ordered_at?.value,
                due_on: due_on.map(|due| due.value),
                operations: operations.into_iter().map(|operation| operation.value).collect(),
                lines: Vec::new(),
            });
        }
        let lines = self.lines(&mut s);
        s.finish();
        Some(Order {
            kind,
            number: number?.value,
            plant: plant?.value,
            partner: partner?.value,
            item: String::new(),
            quantity: None,
            ordered_at: ordered_at?.value,
            due_on: due_on.map(|due| due.value),
            operations: Vec::new(),
            lines,
        })
    }

    fn lines(&mut self, s: &mut Section<'_>) -> Vec<OrderLine> {
        let sections = s.sections("lines");
        if !s.has("lines") {
            s.missing("lines", "a list of lines");
        } else if s.is_empty_list("lines") {
            s.wrong("lines", "at least one line", None);
        }
        let mut once = Once::default();
        let mut lines = Vec::new();
        for mut s in sections {
            let line: Option<At<i32>> = s.required("line", rules::whole("a line number", LINES));
            let quantity = s.required("quantity", rules::quantity());
            let unit = s.optional("unit", rules::unit());
            let item = self.uses(&mut s, "item", Target::Item(unit));
            s.finish();
            if let Some(line) = &line {
                once.check(self.file, "line number of an order", &line.value.to_string(), &line.place);
            }
            if let (Some(line), Some(item), Some(quantity)) = (line, item, quantity) {
                lines.push(OrderLine { line: line.value, item: item.value, quantity: quantity.value });
            }
        }
        lines
    }

    fn operator(&mut self, mut s: Section<'_>) -> Option<Operator> {
        let operator = self.own(&mut s, "operator", "operator");
        let name = s.required("name", rules::text());
        let badge = s.required("badge", rules::badge());
        let pin = s.optional("pin", rules::pin());
        let language = s.required("language", rules::one_of(&rules::LANGUAGES));
        let supervisor = s.optional("supervisor", rules::flag());
        let listed = s.list("plants", rules::plant_code());
        if s.is_empty_list("plants") {
            s.wrong("plants", "at least one plant, or no such key for all", None);
        }
        s.finish();
        if let Some(badge) = &badge {
            self.only_once("badge", &badge.value, &badge.place);
        }
        let mut once = Once::default();
        let mut plants = Vec::new();
        for plant in listed {
            once.check(self.file, "plant of an operator", &plant.value, &plant.place);
            plants.push(plant.value.clone());
            self.out.uses.push(Use { target: Target::Plant, name: plant });
        }
        Some(Operator {
            operator: operator?.value,
            name: name?.value,
            badge: badge?,
            pin: pin.map(|pin| pin.value),
            language: language?.value,
            supervisor: supervisor.is_some_and(|supervisor| supervisor.value),
            plants,
        })
    }

    fn location(&mut self, mut s: Section<'_>) -> Option<Location> {
        let plant = self.uses(&mut s, "plant", Target::Plant);
        let location = s.required("location", rules::code());
        let name = s.optional("name", rules::text());
        s.finish();
        let (plant, location) = (plant?, location?);
        self.only_once(
            "location of a plant",
            &format!("{} {}", plant.value, location.value),
            &location.place,
        );
        Some(Location {
            plant: plant.value,
            location: location.value,
            name: name.map(|name| name.value).unwrap_or_default(),
        })
    }

    fn reason(&mut self, mut s: Section<'_>) -> Option<Reason> {
        let reason = self.own(&mut s, "reason", "reason");
        let purpose = s.required("purpose", rules::one_of(&PURPOSES));
        let texts = texts(&mut s, "texts");
        s.finish();
        Some(Reason { reason: reason?.value, purpose: purpose?.value, texts: texts? })
    }
}

/// What an order of this type is called in messages.
fn kind_name(kind: &str) -> &'static str {
    match kind {
        "po" => "purchase order",
        "prodorder" => "work order",
        "transfer" => "transfer order",
        _ => "sales order",
    }
}

/// Texts by language: `{ en = "…", hi = "…" }`.
fn texts(s: &mut Section<'_>, key: &'static str) -> Option<Texts> {
    let mut inner = s.required_section(key)?;
    let mut texts = Texts::new();
    let [default, others @ ..] = rules::LANGUAGES;
    let first = inner.required(default, rules::text());
    texts.extend(first.iter().map(|text| (default.to_owned(), text.value.clone())));
    for language in others {
        if let Some(text) = inner.optional(language, rules::text()) {
            texts.insert(language.to_owned(), text.value);
        }
    }
    inner.finish();
    first.map(|_| texts)
}
