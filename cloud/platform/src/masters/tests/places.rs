//! Rows that belong to plants: who sees and who writes them.

use super::super::{Sheet, delete, import, update};
use super::*;
use crate::ctx::Plants;

#[tokio::test]
async fn rows_of_other_plants_are_neither_seen_nor_written() {
    let office = Office::new().await;
    for plant in ["KOL", "VSK"] {
        let code = format!("WH-{plant}");
        office
            .create("warehouses", &[("warehouse", &code), ("name", "Main"), ("plant", plant)])
            .await
            .unwrap();
    }
    let kol = Office { cx: office.cx.at(Plants::some(["KOL"])), ..office };
    let (db, cx) = (&kol.test.db, &kol.cx);
    let shape = kol.shape("warehouses");
    assert_eq!(kol.keys("warehouses", &ListQuery::default()).await, ["WH-KOL"]);
    let sorted = ListQuery { q: "main".into(), ..ListQuery::default() };
    assert_eq!(kol.keys("warehouses", &sorted).await, ["WH-KOL"], "by a search too");

    let change = async |key: &str, given: &[(&str, &str)]| update(db, cx, shape, key, 1, cells(given)).await;
    assert!(matches!(change("WH-VSK", &[("name", "Mine")]).await, Err(MastersError::NotFound)));
    let gone = delete(db, cx, &kol.shapes, shape, "WH-VSK", None).await;
    assert!(matches!(gone, Err(MastersError::NotFound)));
    let away = change("WH-KOL", &[("plant", "VSK")]).await;
    assert_eq!(fields(away), [pair("plant", "other-plant")]);
    let new = [("warehouse", "WH-2"), ("name", "New"), ("plant", "VSK")];
    assert_eq!(fields(kol.create("warehouses", &new).await), [pair("plant", "other-plant")]);
    let taken = [("warehouse", "WH-VSK"), ("name", "New"), ("plant", "KOL")];
    assert_eq!(fields(kol.create("warehouses", &taken).await), [pair("warehouse", "exists")]);
    kol.create("warehouses", &[("warehouse", "WH-2"), ("name", "New"), ("plant", "KOL")]).await.unwrap();

    // A file names every row that is of another plant.
    let file = "warehouse,name,plant\nWH-KOL,Mine,KOL\nWH-VSK,Mine,VSK\nWH-3,New,VSK\n";
    let sheet = Sheet::read(file.as_bytes()).unwrap();
    let heads = super::super::import::heads(shape, &[english()]);
    let done = import(db, cx, shape, &sheet, &heads, false).await;
    let told: Vec<(Option<usize>, String)> =
        mistakes(done).into_iter().map(|(row, _, key)| (row, key)).collect();
    assert!(told.contains(&(Some(3), "other-plant".into())), "{told:?}");
    assert!(told.contains(&(Some(4), "other-plant".into())), "{told:?}");
    assert!(told.iter().all(|(row, _)| *row != Some(2)), "{told:?}");
}

#[tokio::test]
async fn what_belongs_to_several_plants_or_to_none_is_seen_and_not_changed() {
    let office = Office::new().await;
    for (code, plants) in [("P-1", "KOL"), ("P-2", "KOL;VSK"), ("P-3", "VSK"), ("P-4", "")] {
        let given = [
            ("operator_id", code),
            ("name", "Ravi"),
            ("badge", &format!("BADGE-{code}")),
            ("plants", plants),
        ];
        office.create("operators", &given).await.unwrap();
    }
    let kol = Office { cx: office.cx.at(Plants::some(["KOL"])), ..office };
    let (db, cx) = (&kol.test.db, &kol.cx);
    assert_eq!(kol.keys("operators", &ListQuery::default()).await, ["P-1", "P-2", "P-4"]);
    let operators = kol.shape("operators");
    let rename = async |key: &str| update(db, cx, operators, key, 1, cells(&[("name", "Asha")])).await;
    rename("P-1").await.unwrap();
    for shared in ["P-2", "P-4"] {
        assert!(matches!(rename(shared).await, Err(MastersError::OtherPlant)), "{shared}");
    }
    assert!(matches!(rename("P-3").await, Err(MastersError::NotFound)));
    let unit = update(db, cx, kol.shape("units"), "kg", 1, cells(&[("name", "Kilo")])).await;
    assert!(matches!(unit, Err(MastersError::OtherPlant)), "{unit:?}");
}
