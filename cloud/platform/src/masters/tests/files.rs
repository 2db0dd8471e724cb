//! Files: import as a whole or with every mistake, export, and both again.

use axum::body::to_bytes;

use super::super::{Sheet, delete, export, import as importing, import::heads};
use super::*;
use crate::masters::Report;

pub(super) async fn import(
    office: &Office,
    master: &str,
    bytes: &[u8],
    dry_run: bool,
) -> Result<Report, MastersError> {
    let shape = office.shape(master);
    let sheet = Sheet::read(bytes).map_err(|mistake| MastersError::Mistakes(vec![mistake]))?;
    let heads = heads(shape, &[english()]);
    importing::import(&office.test.db, &office.cx, shape, &sheet, &heads, dry_run).await
}

/// 5,000 items, of which every 125th has a mistake.
pub(super) fn items(bad: bool) -> (String, Vec<(usize, &'static str, &'static str)>) {
    let mut text =
        String::from("item,Name (en),type_code,base_unit,tracking,category,shelf_life_days,gtin\n");
    let mut wrong = Vec::new();
    for n in 1..=5000_usize {
        let mut row = [
            format!("IT-{n:05}"),
            format!("Item {n}"),
            "RM".into(),
            "pcs".into(),
            "unit".into(),
            String::new(),
            String::new(),
            String::new(),
        ];
        if bad && n % 125 == 0 {
            let line = n + 1;
            let code = format!("IT {n}");
            let (at, value, field, key) = match (n / 125) % 8 {
                0 => (0, code.as_str(), "item", "code"),
                1 => (1, "", "names", "language"),
                2 => (2, "raw", "type_code", "type_code"),
                3 => (3, "pzs", "base_unit", "missing-near"),
                4 => (4, "serial", "tracking", "choice"),
                5 => (5, "NOWHERE", "category", "missing"),
                6 => (6, "-3", "shelf_life_days", "range"),
                _ => (7, "12345678901234", "gtin", "gtin-check"),
            };
            row[at] = value.to_owned();
            wrong.push((line, field, key));
        }
        text.push_str(&row.join(","));
        text.push('\n');
    }
    (text, wrong)
}

crate::in_every_placement! {
async fn of_five_thousand_items_all_forty_bad_rows_are_named_at_once() {
    let office = Office::new().await;
    let (text, wrong) = items(true);
    assert_eq!(wrong.len(), 40);
    for dry_run in [true, false] {
        let told = mistakes(import(&office, "items", text.as_bytes(), dry_run).await);
        let told: Vec<(usize, &str, &str)> =
            told.iter().map(|(row, field, key)| (row.unwrap(), field.as_str(), key.as_str())).collect();
        assert_eq!(told, wrong);
    }
    assert_eq!(office.value("select to_jsonb(count(*)) from items").await, 0, "nothing was written");

    let (text, _) = items(false);
    let tried = import(&office, "items", text.as_bytes(), true).await.unwrap();
    assert_eq!((tried.created, tried.dry_run), (5000, true));
    assert_eq!(office.value("select to_jsonb(count(*)) from items").await, 0, "it was only tried");
    let written = import(&office, "items", text.as_bytes(), false).await.unwrap();
    assert_eq!((written.rows, written.created, written.same), (5000, 5000, 0));
    let plants = "select to_jsonb(count(*)) from reference_rows where kind = 'item' and not deleted";
    assert_eq!(office.value(plants).await, 5000, "plants are told");
    let again = import(&office, "items", text.as_bytes(), false).await.unwrap();
    assert_eq!((again.created, again.changed, again.same), (0, 0, 5000));
    assert_eq!(
        office.value("select to_jsonb(count(*)) from audit_log where action = 'master.import'").await,
        5000
    );
}
}

#[tokio::test]
async fn a_file_changes_what_it_names_and_no_more() {
    let office = Office::new().await;
    office.create("items", ITEM).await.unwrap();
    let given = [
        ("item", "NUT-M6"),
        ("names.en", "Nut"),
        ("type_code", "RM"),
        ("base_unit", "pcs"),
        ("tracking", "none"),
        ("gtin", "08901234567890"),
    ];
    office.create("items", &given).await.unwrap();
    delete(&office.test.db, &office.cx, &office.shapes, office.shape("items"), "NUT-M6", None).await.unwrap();

    let file = "Item;HSN code\r\nBOLT-M6;7318\r\nNUT-M6;7318\r\n";
    let report = import(&office, "items", file.as_bytes(), false).await.unwrap();
    assert_eq!((report.created, report.changed), (0, 2));
    let bolt = office.find("items", "BOLT-M6").await;
    assert_eq!((&bolt.row["hsn"], &bolt.row["name"]), (&"7318".into(), &"Bolt M6".into()));
    assert!(!office.find("items", "NUT-M6").await.deleted, "what a file names stands again");

    let file = "item,hsn,hsn,colour\nBOLT-M6,7318,,\nBOLT-M6,,,\nNEW-1,7318,,red\n";
    let told = mistakes(import(&office, "items", file.as_bytes(), false).await);
    let told: Vec<(usize, &str, &str)> =
        told.iter().map(|(r, f, k)| (r.unwrap(), f.as_str(), k.as_str())).collect();
    assert_eq!(
        told,
        [
            (1, "hsn", "column-twice"),
            (1, "colour", "column"),
            (1, "names", "column-missing"),
            (1, "type_code", "column-missing"),
            (1, "base_unit", "column-missing"),
            (1, "tracking", "column-missing"),
            (3, "item", "twice"),
        ]
    );
    // A column that the whole file lacks is told once, and who writes `name` is told what it is
    // called here; an empty cell of a column that is there is told with its row.
    let file = "item,name,base_unit,tracking\nA,Bolt,pcs,lot\nB,Nut,,lot\nC,Pin,pcs,lot\n";
    let told = import(&office, "items", file.as_bytes(), false).await.unwrap_err();
    let MastersError::Mistakes(told) = told else { panic!("{told:?}") };
    let said: Vec<(usize, &str, String)> =
        told.iter().map(|m| (m.row.unwrap(), m.field.as_str(), m.wrong.fix(&english()))).collect();
    assert_eq!(
        said,
        [
            (1, "name", "Did you mean names.en?".to_owned()),
            (1, "names", "Add a column names.en.".to_owned()),
            (1, "type_code", "Add a column type_code.".to_owned()),
            (3, "base_unit", "Fill it in.".to_owned()),
        ]
    );
    // Two rows may not share what only one may have, nor take another's.
    let file = "item,gtin\nBOLT-M6,08901234567890\n";
    assert_eq!(fields(import(&office, "items", file.as_bytes(), false).await), [pair("gtin", "taken")]);
    let file = "item,gtin\nBOLT-M6,08901234567890\nNUT-M6,\n";
    assert_eq!(import(&office, "items", file.as_bytes(), false).await.unwrap().changed, 2, "one gives it up");
    // A category may be within one of the same file.
    let file = "category,name,parent\nM6,M6,FASTENERS\nFASTENERS,Fasteners,\n";
    assert_eq!(import(&office, "item_categories", file.as_bytes(), false).await.unwrap().created, 2);
}

crate::in_every_placement! {
async fn what_is_exported_is_imported_again() {
    let office = Office::new().await;
    for n in 0..30 {
        let code = format!("IT-{n:02}");
        let given = [
            ("item", code.as_str()),
            ("names.en", "=cmd|' /C calc'!A1"),
            ("names.te", "బోల్ట్, \"M6\""),
            ("type_code", "RM"),
            ("base_unit", "pcs"),
            ("tracking", "lot"),
            ("shelf_life_days", "30"),
        ];
        office.create("items", &given).await.unwrap();
    }
    let (db, cx) = (office.test.db.clone(), office.cx.clone());
    let body = export::csv(db, cx, Arc::clone(&office.shapes), "items", ListQuery::default());
    let csv = to_bytes(body, usize::MAX).await.unwrap();
    let text = std::str::from_utf8(&csv).unwrap();
    assert_eq!(text.lines().count(), 31);
    assert!(text.contains("'=cmd"), "a formula is disarmed: {text}");
    let report = import(&office, "items", &csv, false).await.unwrap();
    assert_eq!((report.rows, report.same), (30, 30), "the same comes back");

    let items = office.shape("items");
    let xlsx = export::xlsx(&office.test.db, &office.cx, items, ListQuery::default()).await.unwrap();
    let report = import(&office, "items", &xlsx, false).await.unwrap();
    assert_eq!((report.rows, report.same), (30, 30), "from a workbook as well");

    // Names beside the name go out and come in by language too.
    let (db, cx) = (office.test.db.clone(), office.cx.clone());
    let body = export::csv(db, cx, Arc::clone(&office.shapes), "units", ListQuery::default());
    let csv = to_bytes(body, usize::MAX).await.unwrap();
    let text = std::str::from_utf8(&csv).unwrap();
    assert!(text.starts_with("unit,name,names.en,names.hi,names.bn,names.te,"), "{text}");
    assert!(text.contains("kg,Kilograms,Kilograms,किलोग्राम,কিলোগ্রাম,కిలోగ్రాములు,"), "{text}");
    let report = import(&office, "units", &csv, false).await.unwrap();
    assert_eq!((report.rows, report.same), (12, 12), "the same comes back");
    let file = "unit,Name (hi)\nkg,किलो\nbag,बोरी\n";
    let tried = import(&office, "units", file.as_bytes(), true).await.unwrap();
    assert_eq!((tried.created, tried.changed), (1, 1));
    import(&office, "units", file.as_bytes(), false).await.unwrap();
    let names = |row: &crate::masters::Row| (row["name"].clone(), row["names"]["hi"].clone());
    assert_eq!(names(&office.find("units", "kg").await.row), ("Kilograms".into(), "किलो".into()));
    assert_eq!(names(&office.find("units", "bag").await.row), ("बोरी".into(), "बोरी".into()));

    // A workbook with mistakes is told by its rows, as a CSV is.
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    for (column, head) in (0_u16..).zip(["currency", "valid_on", "rate"]) {
        sheet.write_string(0, column, head).unwrap();
    }
    let day = rust_xlsxwriter::Format::new().set_num_format("yyyy-mm-dd");
    sheet.write_string(1, 0, "USD").unwrap();
    sheet.write_number_with_format(1, 1, 46_113, &day).unwrap();
    sheet.write_number(1, 2, 83.25).unwrap();
    sheet.write_string(4, 0, "XYZ").unwrap();
    sheet.write_string(4, 1, "1 April").unwrap();
    sheet.write_number(4, 2, -1).unwrap();
    let bytes = book.save_to_buffer().unwrap();
    let told = mistakes(import(&office, "currency_rates", &bytes, true).await);
    let expected = [("currency", "missing"), ("valid_on", "date"), ("rate", "above")];
    assert_eq!(told, expected.map(|(field, key)| (Some(5), field.to_owned(), key.to_owned())));
}
}
