//! Values of single plants of what is everybody's: an item's at one plant is nothing that
//! another plant's people see, and a plant's own people set theirs.

use platform::ctx::Plants;
use platform::people::Given;

use super::rights::Office;
use super::*;

/// What the item is at VSK.
const OF_VSK: &str = "73731.19";
const ITEM: &str = "/api/v1/masters/items/rows/BOLT-M6";

async fn roles(office: &Office) {
    let tenant = office.cx.tenant;
    let roles = format!(
        "insert into roles (tenant_id, role, name, permissions) values
             ('{tenant}', 'SEES', 'Sees', '{{masters.items.view}}'),
             ('{tenant}', 'SETS', 'Sets', '{{masters.items.view,masters.items.edit}}'),
             ('{tenant}', 'OTHER', 'Other', '{{masters.stations.view}}')"
    );
    let done: Result<(), DbError> = office
        .test
        .db
        .tx(&Cx::system(tenant), async |tx| {
            sqlx::query(sqlx::AssertSqlSafe(roles)).execute(tx.conn()).await?;
            Ok(())
        })
        .await;
    done.unwrap();
}

/// An item, with one value at KOL and one at VSK.
async fn item(office: &Office) {
    let token = office.signed_in(&[Given::everywhere("EVERYTHING")]).await;
    let new =
        r#"{"item":"BOLT-M6","names":{"en":"Bolt M6"},"type_code":"RM","base_unit":"pcs","tracking":"lot"}"#;
    let (status, body) = office.call(&token, "POST", "/api/v1/masters/items", Json(new)).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    let values = r#"{"version":1,"at":{"KOL":{"reorder_level":"11.5"},"VSK":{"safety_stock":"73731.19"}}}"#;
    let (status, body) = office.call(&token, "PATCH", ITEM, Json(values)).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert!(body.contains(OF_VSK), "{body}");
}

fn given(role: &str, plants: Plants) -> Given {
    Given { role: role.into(), plants }
}

#[tokio::test]
async fn values_of_a_plant_are_shown_there() {
    let office = Office::new().await;
    roles(&office).await;
    item(&office).await;
    let paths = [
        "/api/v1/masters/items",
        ITEM,
        "/api/v1/masters/items/history/BOLT-M6",
        "/api/v1/masters/items/export",
        "/masters/items/export",
        "/masters/items/row/BOLT-M6",
    ];
    let other = || given("OTHER", Plants::All);
    let token = office.signed_in(&[given("SEES", Plants::some(["KOL"])), other()]).await;
    for path in paths {
        let (status, body) = office.call(&token, "GET", path, Nothing).await;
        assert!(status.is_success() && body.contains("BOLT-M6"), "{path} at KOL: {status} {body}");
        assert!(body.contains("11.5"), "{path} at KOL: {body}");
        assert!(!body.contains("731.19") && !body.contains("@VSK"), "{path} at KOL: {body}");
    }
    let (_, body) = office.call(&token, "GET", "/api/v1/masters", Nothing).await;
    assert!(body.contains("safety_stock@KOL") && !body.contains("@VSK"), "{body}");
    let at = |plant: &str| format!("/api/v1/masters/items/at/{plant}/BOLT-M6");
    let (status, body) = office.call(&token, "GET", &at("VSK"), Nothing).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{body}");
    let (status, body) = office.call(&token, "GET", &at("KOL"), Nothing).await;
    assert!(status == StatusCode::OK && body.contains("11.5"), "{status} {body}");

    let token = office.signed_in(&[given("SEES", Plants::some(["VSK"])), other()]).await;
    for path in paths.into_iter().chain([at("VSK").as_str()]) {
        let (_, body) = office.call(&token, "GET", path, Nothing).await;
        // A history has it as people write it.
        assert!(body.replace("73,731", "73731").contains(OF_VSK), "{path} at VSK: {body}");
    }
}

#[tokio::test]
async fn people_of_a_plant_set_its_values_and_no_others() {
    let office = Office::new().await;
    roles(&office).await;
    item(&office).await;
    let token = office.signed_in(&[given("SETS", Plants::some(["KOL"]))]).await;
    let import = "/api/v1/masters/items/import";
    for (method, path, sends, expected) in [
        ("PATCH", ITEM, Json(r#"{"version":2,"at":{"KOL":{"reorder_level":"12.5"}}}"#), StatusCode::OK),
        ("PATCH", ITEM, Json(r#"{"version":3,"reorder_level":"5"}"#), StatusCode::UNPROCESSABLE_ENTITY),
        (
            "PATCH",
            ITEM,
            Json(r#"{"version":3,"names":{"en":"Bolt M6","hi":"बोल्ट"}}"#),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            "PATCH",
            ITEM,
            Json(r#"{"version":3,"at":{"VSK":{"safety_stock":"1"}}}"#),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            "POST",
            "/api/v1/masters/items",
            Json(
                r#"{"item":"NUT","names":{"en":"Nut"},"type_code":"RM","base_unit":"pcs","tracking":"lot"}"#,
            ),
            StatusCode::FORBIDDEN,
        ),
        ("DELETE", ITEM, Nothing, StatusCode::FORBIDDEN),
        ("POST", import, Csv("item,reorder_level@KOL\nBOLT-M6,13.5\n"), StatusCode::OK),
        ("POST", import, Csv("item,tracking\nBOLT-M6,serial\n"), StatusCode::UNPROCESSABLE_ENTITY),
        (
            "POST",
            import,
            Csv("item,names.en,type_code,base_unit,tracking\nNUT,Nut,RM,pcs,lot\n"),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        // A form sends back what it only shows.
        (
            "POST",
            "/masters/items/row/BOLT-M6",
            Form("version=4&reorder_level%40KOL=14.5&safety_stock%40VSK=1"),
            StatusCode::SEE_OTHER,
        ),
    ] {
        let (status, body) = office.call(&token, method, path, sends).await;
        assert_eq!(status, expected, "{method} {path} {sends:?}: {body}");
        assert!(!body.contains(OF_VSK), "{method} {path}: {body}");
    }
    let (_, page) = office.call(&token, "GET", "/masters/items/row/BOLT-M6", Nothing).await;
    assert!(page.contains("14.5"), "{page}");

    // What VSK has is as it was, and whoever may change all sees both.
    let token = office.signed_in(&[Given::everywhere("EVERYTHING")]).await;
    let (_, body) = office.call(&token, "GET", ITEM, Nothing).await;
    assert!(body.contains("14.5") && body.contains(OF_VSK), "{body}");
}
