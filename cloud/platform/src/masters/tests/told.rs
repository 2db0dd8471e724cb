//! What plants are told, and that the reference data goes on as before.

use serde_json::json;

use super::super::{delete, update};
use super::*;
use crate::reference;
use crate::seed::import::{Form, List, Upload, import};

async fn upload(office: &Office, list: &str, text: &str) -> usize {
    let form = Form::Csv(List::parse(list).unwrap());
    let upload = Upload { name: "test".into(), form, bytes: text.as_bytes().to_vec() };
    import(&office.test.db, &office.cx, "SAIF", &upload, false).await.unwrap().published.rows
}

async fn version(office: &Office) -> i64 {
    let version: Result<i64, DbError> =
        office.test.db.tx(&office.cx, async |tx| reference::version(tx).await).await;
    version.unwrap()
}

/// The engine and the reference data's own import tell plants the same bodies:
/// where one has told, the other has nothing to add.
#[tokio::test]
async fn both_ways_tell_plants_the_same() {
    let office = Office::new().await;
    let (db, cx) = (&office.test.db, &office.cx);
    let items = "item,names.en,names.hi,type,base_unit,tracking,gtin,shelf_life_days,inspect\n\
                 GEAR,Gear,गियर,RM,pcs,unit,08901234567890,,true\nOIL,Oil,,RM,keg,lot,,365,false\n";
    let people = "operator,name,badge,pin,language,supervisor,plants\n\
                  P-1,Ananya,BADGE-1,4711,bn,true,KOL\nP-2,Ravi,BADGE-2,,te,false,\n";
    let reasons = "reason,purpose,texts.en,texts.te\nCRACK,scrap,Crack,పగులు\n";
    let places = "plant,location,name\nKOL,RM-01,Rack 1\n";
    for (list, text) in [("items", items), ("operators", people), ("reasons", reasons), ("locations", places)]
    {
        assert!(upload(&office, list, text).await > 0, "{list}");
    }
    let before = version(&office).await;
    // Each row is written, with a change that plants are not told or none at all.
    for (master, key, given) in [
        ("items", "GEAR", ("description", "Hardened")),
        ("items", "OIL", ("hsn", "2710")),
        ("operators", "P-1", ("pin", "4711")),
        ("operators", "P-2", ("badge", "BADGE-2")),
        ("reasons", "CRACK", ("purpose", "scrap")),
        ("bins", "KOL:RM-01", ("name", "Rack 1")),
    ] {
        let stored = office.find(master, key).await;
        update(db, cx, office.shape(master), key, stored.version, cells(&[given])).await.unwrap();
        // And once more through the whole of publishing.
        let shape = office.shape(master);
        let told: Result<(), MastersError> =
            db.tx(cx, async |tx| super::super::write::tell(tx, shape, &[(&stored.row, false)]).await).await;
        told.unwrap();
        assert_eq!(version(&office).await, before, "{master} {key} was told otherwise");
    }
    // The units that items came with are masters now, and the location a bin.
    assert_eq!(office.find("units", "keg").await.row["name"], "keg");
    for (list, text) in [("items", items), ("operators", people), ("reasons", reasons), ("locations", places)]
    {
        assert_eq!(upload(&office, list, text).await, 0, "{list}");
    }
}

#[tokio::test]
async fn a_change_of_a_master_reaches_the_plants() {
    let office = Office::new().await;
    let (db, cx) = (&office.test.db, &office.cx);
    office.create("items", ITEM).await.unwrap();
    let told = "select body from reference_rows where kind = 'item' and id = 'BOLT-M6' and not deleted";
    assert_eq!(
        office.value(told).await,
        json!({
            "item": "BOLT-M6", "names": { "en": "Bolt M6" }, "type_code": "RM", "base_unit": "pcs",
            "tracking": "lot", "gtin": null, "shelf_life_days": null, "inspect": false,
        })
    );
    let before = version(&office).await;
    let items = office.shape("items");
    update(db, cx, items, "BOLT-M6", 1, cells(&[("inspect", "yes")])).await.unwrap();
    assert_eq!(office.value(told).await["inspect"], true);
    assert!(version(&office).await > before);
    delete(db, cx, &office.shapes, items, "BOLT-M6", None).await.unwrap();
    assert_eq!(office.value(told).await, Value::Null, "plants are to forget it");

    // A badge opens a station for one person, at the plants where that one works.
    let person = [
        ("operator_id", "P-1"),
        ("name", "Ananya"),
        ("badge", "BADGE-1"),
        ("pin", "4711"),
        ("plants", "KOL"),
    ];
    office.create("operators", &person).await.unwrap();
    let rows = "select jsonb_object_agg(id, not deleted) from reference_rows where kind = 'operator'";
    assert_eq!(office.value(rows).await, json!({ "P-1@KOL": true }));
    let other = [("operator_id", "P-2"), ("name", "Ravi"), ("badge", "BADGE-1"), ("plants", "HYD")];
    assert_eq!(
        fields(office.create("operators", &other).await),
        [pair("badge", "taken"), pair("plants", "missing")]
    );
    let operators = office.shape("operators");
    update(db, cx, operators, "P-1", 1, cells(&[("plants", "VSK")])).await.unwrap();
    assert_eq!(office.value(rows).await, json!({ "P-1@KOL": false, "P-1@VSK": true }));
    let kept = office.value("select jsonb_agg(jsonb_build_array(before, after)) from audit_log where subject like 'operators:%'").await.to_string();
    assert!(
        kept.contains("\"badge\":\"changed\"") && !kept.contains("BADGE") && !kept.contains("argon2"),
        "{kept}"
    );

    office.create("bins", &[("plant", "KOL"), ("bin", "A-01"), ("name", "Rack")]).await.unwrap();
    let place = "select to_jsonb(r) - 'version' - 'tenant_id' from reference_rows r where kind = 'location'";
    assert_eq!(
        office.value(place).await,
        json!({ "kind": "location", "id": "A-01@KOL", "plant": "KOL", "deleted": false,
                "body": { "location": "A-01", "name": "Rack" } })
    );
}
