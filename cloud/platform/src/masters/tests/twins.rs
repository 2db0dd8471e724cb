//! Codes that differ by capital and small letters alone.

use super::files::import;
use super::*;

/// What is wrong with the code, and the other that is told.
#[track_caller]
fn told<T: std::fmt::Debug>(result: Result<T, MastersError>) -> Vec<(Option<usize>, String, String)> {
    let Err(MastersError::Mistakes(found)) = result else { panic!("no mistakes: {result:?}") };
    let one = |mistake: super::super::Mistake| {
        let other = mistake.wrong.args.iter().find(|(name, _)| *name == "other");
        (mistake.row, mistake.wrong.key.clone(), other.map(|(_, code)| code.clone()).unwrap_or_default())
    };
    found.into_iter().map(one).collect()
}

fn with(code: &str) -> Vec<(&str, &str)> {
    ITEM.iter().map(|(name, value)| (*name, if *name == "item" { code } else { *value })).collect()
}

crate::in_every_placement! {
async fn a_new_code_in_other_letters_is_refused_with_the_other_named() {
    let office = Office::new().await;
    office.create("items", ITEM).await.unwrap();
    let is = |key: &str, other: &str| vec![(None, key.to_owned(), other.to_owned())];
    assert_eq!(told(office.create("items", &with("bolt-M6")).await), is("case", "BOLT-M6"));
    assert_eq!(told(office.create("units", &[("unit", "KG"), ("name", "Kilo")]).await), is("case", "kg"));
    // Suppliers and customers are partners alike.
    office.create("suppliers", &[("partner", "ACME"), ("name", "Acme")]).await.unwrap();
    let customer = office.create("customers", &[("partner", "Acme"), ("name", "Acme")]).await;
    assert_eq!(told(customer), is("case", "ACME"));
    // Machines of one key, and departments of a plant each for itself.
    let of = |plant, code| vec![("plant", plant), ("code", code), ("name", "Paint")];
    office.create("departments", &of("KOL", "PAINT")).await.unwrap();
    assert_eq!(told(office.create("departments", &of("KOL", "Paint")).await), is("case", "PAINT"));
    office.create("departments", &of("VSK", "Paint")).await.unwrap();
    // What a scanner reads is as it is printed.
    for code in ["abc-1", "ABC-1"] {
        let printed = [("barcode", code), ("item", "BOLT-M6"), ("kind", "supplier")];
        office.create("item_barcodes", &printed).await.unwrap();
    }
}
}

#[tokio::test]
async fn of_a_sheet_each_is_told_with_the_row_or_the_item_that_it_is_like() {
    let office = Office::new().await;
    office.create("items", ITEM).await.unwrap();
    let head = "item,names.en,type_code,base_unit,tracking\n";
    let line = |code: &str| format!("{code},Bolt,RM,pcs,lot\n");
    let sheet = |codes: &[&str]| format!("{head}{}", codes.iter().map(|code| line(code)).collect::<String>());
    let wrong = sheet(&["W-00050", "bolt-m6", "w-00050", "BOLT-M6", "W-00051"]);
    for dry_run in [true, false] {
        let told = told(import(&office, "items", wrong.as_bytes(), dry_run).await);
        let at = |row, key: &str, other: &str| (Some(row), key.to_owned(), other.to_owned());
        assert_eq!(told, [at(3, "case", "BOLT-M6"), at(4, "case-row", "W-00050")]);
    }
    assert_eq!(office.value("select to_jsonb(count(*)) from items").await, 1);
}

#[tokio::test]
async fn what_is_there_already_goes_on_and_what_was_deleted_stands_in_nobodys_way() {
    let office = Office::new().await;
    office.create("items", ITEM).await.unwrap();
    // As it was before there was a rule.
    office
        .value("insert into items (tenant_id, item, name, type_code, base_unit, tracking)
                select tenant_id, 'bolt-m6', name, type_code, base_unit, tracking from items returning to_jsonb(item)")
        .await;
    let (db, cx, shape) = (&office.test.db, &office.cx, office.shape("items"));
    let small = office.find("items", "bolt-m6").await;
    super::super::update(db, cx, shape, "bolt-m6", small.version, cells(&[("hsn", "7318")])).await.unwrap();
    let file = "item,hsn\nbolt-m6,7318\nBOLT-M6,7318\n";
    assert_eq!(import(&office, "items", file.as_bytes(), false).await.unwrap().changed, 1);

    super::super::delete(db, cx, &office.shapes, shape, "bolt-m6", None).await.unwrap();
    let back = super::super::restore(db, cx, shape, "bolt-m6").await;
    assert_eq!(fields(back), [pair("item", "case")], "standing again is as being new");
    super::super::delete(db, cx, &office.shapes, shape, "BOLT-M6", None).await.unwrap();
    super::super::restore(db, cx, shape, "bolt-m6").await.unwrap();
}
