//! Rows and what is wrong with them.

use super::super::read::COLUMNS;
use super::*;

fn ground() -> Ground {
    let leased = Leased { first: 500, last: 599, agent: "KOL".into() };
    Ground {
        tenant: "SAIF".parse().unwrap(),
        plants: ["KOL".to_owned(), "VSK".to_owned()].into(),
        leased: [(("KOL".to_owned(), "RM".to_owned()), vec![leased])].into(),
        masters: Masters::default(),
        now: "2025-06-01T00:00:00Z".parse().unwrap(),
    }
}

fn uid(number: u64) -> String {
    crate::testing::uid("KOL", "RM", number)
}

fn raw(cells: &[(&str, &str)]) -> Raw {
    let mut raw = Raw { line: 7, cells: vec![String::new(); COLUMNS.len()] };
    for (column, text) in cells {
        let at = COLUMNS.iter().position(|name| name == column).unwrap();
        raw.cells[at] = (*text).to_owned();
    }
    raw
}

fn wrong(cells: &[(&str, &str)]) -> Vec<String> {
    let mistakes = judge(&raw(cells), &ground()).unwrap_err();
    assert!(mistakes.iter().all(|mistake| mistake.line == 7));
    mistakes.into_iter().map(|mistake| mistake.column).collect()
}

#[test]
fn a_receipt_mints_a_container_of_a_lot() {
    let (one, at) = (uid(1), "2025-01-15 10:30:00+05:30");
    let cells = [
        ("uid", one.as_str()),
        ("stage", "grn"),
        ("occurred_at", at),
        ("item", "STEEL"),
        ("quantity", "25.5"),
        ("unit", "kg"),
        ("supplier", "XYZ"),
        ("supplier_lot", "HEAT-77"),
        ("reference_type", "PO"),
        ("reference_number", "PO-1"),
    ];
    let event = judge(&raw(&cells), &ground()).unwrap();
    assert_eq!((event.plant.as_str(), event.occurred_offset_min), ("KOL", 330));
    assert_eq!(event.occurred_at_us, 1_736_917_200_000_000);
    let subject = &event.subjects[0];
    assert!(subject.mint && subject.container);
    assert_eq!((subject.role, subject.key), (Role::Subject as i32, crate::testing::key(&one)));
    assert_eq!(subject.lot_id, event.lots[0].lot_id);
    assert_eq!(event.references[0].r#type, "po");
    // The same lot in another row is the same lot.
    let again = judge(&raw(&cells), &ground()).unwrap();
    assert_eq!(again, event);
}

#[test]
fn parts_and_inputs_get_their_roles() {
    let (one, two, three) = (uid(1), uid(2), uid(3));
    let at = ("occurred_at", "2025-01-15T10:30:00Z");
    let roles = |cells: &[(&str, &str)]| -> Vec<i32> {
        judge(&raw(cells), &ground()).unwrap().subjects.iter().map(|subject| subject.role).collect()
    };
    let (output, input) = (Role::Output as i32, Role::Input as i32);
    let (child, parent) = (Role::Child as i32, Role::Parent as i32);
    assert_eq!(roles(&[("uid", &one), ("stage", "ASSEMBLY"), at, ("parent", &two)]), [child, parent]);
    let both = format!("{two}=1.5 kg; {three}");
    let made = [("uid", one.as_str()), ("stage", "TRANSFORMATION"), at, ("inputs", &both), ("item", "PUMP")];
    assert_eq!(roles(&made), [output, input, input]);
    assert_eq!(roles(&[("uid", &one), ("stage", "CONSUME"), at]), [input]);
    assert_eq!(roles(&[("uid", &one), ("stage", "STORAGE"), at]), [Role::Subject as i32]);
}

#[test]
fn everything_wrong_is_told_at_once() {
    assert_eq!(
        wrong(&[
            ("uid", "UID-SAIF-KOL-RM-000001-A8"),
            ("stage", "GRM"),
            ("occurred_at", "2025-01-15T10:30:00"),
            ("quantity", "much"),
            ("plant", "DEL"),
            ("outcome", "fine"),
            ("readings", "warm"),
            ("reference_number", "1"),
        ]),
        ["stage", "occurred_at", "uid", "quantity", "plant", "reference_type", "readings", "outcome"]
    );
    let foreign = "UID-ZZZZ-ZZZ-ZZ-99999999999-E6";
    assert_eq!(
        wrong(&[("uid", foreign), ("stage", "STORAGE"), ("occurred_at", "2025-01-15T10:30:00Z")]),
        ["uid"]
    );
    assert_eq!(
        wrong(&[("uid", &uid(1)), ("stage", "STORAGE"), ("occurred_at", "2026-01-15T10:30:00Z")]),
        ["occurred_at"]
    );
    assert_eq!(
        wrong(&[("uid", &uid(1)), ("stage", "HOLD"), ("occurred_at", "2025-01-15T10:30:00Z")]),
        ["stage"]
    );
    assert_eq!(
        wrong(&[("uid", &uid(1)), ("stage", "GRN"), ("occurred_at", "2025-01-15T10:30:00Z")]),
        ["item"]
    );
    assert_eq!(
        wrong(&[("uid", &uid(1)), ("stage", "PACKING"), ("occurred_at", "2025-01-15T10:30:00Z")]),
        ["parent"]
    );
}

#[test]
fn a_number_that_an_agent_may_still_print_is_refused() {
    let row = |number: u64, stage: &str| {
        let uid = uid(number);
        let cells =
            [("uid", uid.as_str()), ("stage", stage), ("occurred_at", "2025-01-15T10:30:00Z"), ("item", "S")];
        judge(&raw(&cells), &ground()).is_ok()
    };
    assert!(row(499, "GRN") && row(600, "GRN"));
    assert!(!row(500, "GRN") && !row(599, "GRN"));
    // What the plant has printed may well have a history.
    assert!(row(550, "STORAGE"));
}

/// A tenant that keeps units, items and partners.
fn kept() -> Ground {
    let set = |all: &[&str]| Some(all.iter().map(|one| (*one).to_owned()).collect());
    let items = [("STEEL", "kg"), ("PUMP", "pcs")].map(|(item, unit)| (item.to_owned(), unit.to_owned()));
    let masters = Masters {
        units: set(&["kg", "pcs"]),
        items: Some(items.into()),
        suppliers: set(&["XYZ"]),
        customers: set(&["ACME"]),
        operators: set(&["P-1001"]),
    };
    Ground { masters, ..ground() }
}

#[test]
fn what_no_master_knows_is_told_by_its_column() {
    let (one, two) = (uid(1), uid(2));
    let at = ("occurred_at", "2025-01-15T10:30:00Z");
    let wrong = |cells: &[(&str, &str)]| -> Vec<String> {
        let mistakes = judge(&raw(cells), &kept()).err().unwrap_or_default();
        mistakes.into_iter().map(|mistake| mistake.column).collect()
    };
    let received = |unit: &str| {
        let cells = [("uid", one.as_str()), ("stage", "GRN"), at, ("item", "STEEL"), ("unit", unit)];
        wrong(&cells)
    };
    assert_eq!(received("kg"), [""; 0]);
    assert_eq!(received("stone"), ["unit"]);
    // Known, and not that of the item: nothing is converted.
    assert_eq!(received("pcs"), ["unit"]);
    let inputs = format!("{two}=1.5 stone");
    let made =
        [("uid", one.as_str()), ("stage", "TRANSFORMATION"), at, ("item", "PUMP"), ("inputs", &inputs)];
    assert_eq!(wrong(&made), ["inputs"]);
    // A tenant that keeps none of them is asked nothing.
    assert!(judge(&raw(&made), &ground()).is_ok());
}

#[test]
fn what_comes_without_a_unit_is_meant_in_that_of_its_item() {
    let (one, two) = (uid(1), uid(2));
    let at = ("occurred_at", "2025-01-15T10:30:00Z");
    let unit = |cells: &[(&str, &str)], ground: &Ground| {
        let event = judge(&raw(cells), ground).unwrap();
        let subject = event.subjects[0].clone();
        (subject.quantity, subject.unit)
    };
    let said = |quantity: &str, unit: &str| (quantity.to_owned(), unit.to_owned());
    let made = [("uid", one.as_str()), ("stage", "TRANSFORMATION"), at, ("item", "PUMP"), ("inputs", &two)];
    assert_eq!(unit(&made, &kept()), said("", "pcs"));
    assert_eq!(unit(&made, &ground()), said("", ""), "no master knows it");
    let received = [("uid", one.as_str()), ("stage", "GRN"), at, ("item", "STEEL"), ("quantity", "25")];
    assert_eq!(unit(&received, &kept()), said("25", "kg"));
    // Of what is there already, and of which nothing is counted, nothing is said.
    let stored = [("uid", one.as_str()), ("stage", "STORAGE"), at, ("item", "PUMP")];
    assert_eq!(unit(&stored, &kept()), said("", ""));
}

#[test]
fn what_goes_into_itself_or_names_no_document_is_wrong() {
    let one = uid(1);
    let at = ("occurred_at", "2025-01-15T10:30:00Z");
    assert_eq!(wrong(&[("uid", &one), ("stage", "ASSEMBLY"), at, ("parent", &one)]), ["parent"]);
    let made = [("uid", one.as_str()), ("stage", "TRANSFORMATION"), at, ("item", "PUMP"), ("inputs", &one)];
    assert_eq!(wrong(&made), ["inputs"]);
    let sent = [("uid", one.as_str()), ("stage", "DISPATCH"), at, ("reference_number", "DC-1")];
    let with = |kind| wrong(&[&sent[..], &[("reference_type", kind)]].concat());
    assert_eq!(with("dispatchnote"), ["reference_type"]);
    assert_eq!(
        wrong(&[("uid", &one), ("stage", "OPERATION"), at, ("readings", "t=180 C [190..170]")]),
        ["readings"]
    );
}

#[test]
fn a_dispatch_names_its_customer_as_a_station_does() {
    let one = uid(1);
    let cells = [
        ("uid", one.as_str()),
        ("stage", "DISPATCH"),
        ("occurred_at", "2025-01-15T10:30:00Z"),
        ("reference_type", "challan"),
        ("reference_number", "DC-1"),
        ("customer", "ACME"),
        ("sales_order", "SO-7"),
    ];
    let event = judge(&raw(&cells), &kept()).unwrap();
    let told: Vec<(&str, &str)> =
        event.references.iter().map(|one| (one.r#type.as_str(), one.number.as_str())).collect();
    assert_eq!(told, [("challan", "DC-1"), ("so", "SO-7"), ("customer", "ACME")]);
    assert_eq!(kept().masters.hints(&raw(&cells)), []);
    let mut stranger = raw(&cells);
    stranger.cells[COLUMNS.iter().position(|name| *name == "customer").unwrap()] = "NOBODY".into();
    let hints = |raw: &_| {
        let hints = kept().masters.hints(raw).into_iter();
        hints.map(|hint| (hint.line, hint.column)).collect::<Vec<_>>()
    };
    assert_eq!(hints(&stranger), [(7, "customer".to_owned())]);
    let by = |person| raw(&[&cells[..], &[("operator", person)]].concat());
    assert_eq!((hints(&by("P-1001")), hints(&by("P-9"))), (vec![], vec![(7, "operator".to_owned())]));
}

#[test]
fn nothing_is_still_to_come_but_by_a_clock_that_goes_fast() {
    let row = |at: &str| {
        let one = uid(1);
        judge(&raw(&[("uid", &one), ("stage", "STORAGE"), ("occurred_at", at)]), &ground()).is_ok()
    };
    assert!(row("2025-06-01T00:04:00Z"));
    assert!(!row("2025-06-01T00:06:00Z"));
}
