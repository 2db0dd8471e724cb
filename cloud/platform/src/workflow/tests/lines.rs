//! Requests with lines, as a form sends them.

use serde_json::Value;

use super::files::Site;
use super::*;

#[tokio::test]
async fn a_request_keeps_its_lines_and_tells_what_is_wrong_with_each() {
    let site = Site::new().await;
    let (_, cookie) = site.join(site.office.tenant, "Owner", "BUYER").await;
    site.join(site.office.tenant, "Head", "DEPT_HEAD").await;
    site.office.publish(SPEC, None).await;
    let form = "workflow=purchase_requisition&subject=Bearings&amount=48%2C000&r.0.item=GEAR&r.0.quantity=";
    let wrong = format!("{form}none&r.1.item=&r.1.quantity=2&r.2.item=&r.2.quantity=");
    let (status, page) = site.form(&cookie, "/requests", wrong).await;
    assert_eq!(status.as_u16(), 422, "{page}");
    for part in [
        "id=\"wrong-r.0.quantity\"",
        "id=\"wrong-r.1.item\"",
        "data-count=\"quantity\"",
        "name=\"r.0.quantity\" value=\"none\"",
        "data-wrong",
        // What was typed stays as it was typed.
        "name=\"amount\" value=\"48,000\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("id=\"wrong-r.2"), "an empty line is none: {page}");
    let (status, told) = site.form(&cookie, "/requests", format!("{form}1%2C200")).await;
    assert_eq!(status.as_u16(), 303, "{told}");
    let (_, list) = site.call(&cookie, "GET", "/api/v1/requests", "").await;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let id = list["requests"][0]["request_id"].as_str().unwrap();
    let (_, one) = site.call(&cookie, "GET", &format!("/api/v1/requests/{id}"), "").await;
    let one: serde_json::Value = serde_json::from_str(&one).unwrap();
    let lines = serde_json::json!([{ "item": "GEAR", "quantity": "1200", "note": "" }]);
    assert_eq!(one["details"]["lines"], lines, "{one}");
    let (_, page) = site.call(&cookie, "GET", &format!("/requests/{id}"), "").await;
    assert!(page.contains("GEAR") && page.contains("1,200"), "{page}");
}

#[tokio::test]
async fn who_is_asked_sees_all_that_is_asked_for_and_what_changed_since() {
    let site = Site::new().await;
    let tenant = site.office.tenant;
    let (_, owner) = site.join(tenant, "Owner", "BUYER").await;
    let (head_id, head) = site.join(tenant, "Head", "DEPT_HEAD").await;
    let (_, stranger) = site.join(tenant, "Stranger", "SUPERVISOR").await;
    site.office.publish(SPEC, None).await;
    let form = "workflow=purchase_requisition&subject=Bearings&amount=48%2C000&text=For+line+2,+soon\
                &r.0.item=GEAR&r.0.quantity=1200&r.0.note=urgent&r.1.item=OIL&r.1.quantity=2";
    assert_eq!(site.form(&owner, "/requests", form.to_owned()).await.0.as_u16(), 303);
    let (_, list) = site.call(&owner, "GET", "/api/v1/requests", "").await;
    let list: Value = serde_json::from_str(&list).unwrap();
    let id: Uuid = list["requests"][0]["request_id"].as_str().unwrap().parse().unwrap();
    let standing = async || {
        let found = site.office.as_system(async |tx| standing(tx, requests::KIND, id).await).await;
        found.unwrap()
    };
    let asked = standing().await;
    let page_at = format!("/approvals/{}", asked.instance_id);
    let api_at = format!("/api/v1/workflows/instances/{}", asked.instance_id);

    // Who decides need not have the right to see requests.
    assert_eq!(site.call(&head, "GET", &format!("/requests/{id}"), "").await.0.as_u16(), 404);
    let (status, page) = site.call(&head, "GET", &page_at, "").await;
    assert_eq!(status.as_u16(), 200, "{page}");
    for part in ["GEAR", "1,200", "urgent", "OIL", "₹48,000.00", "For line 2, soon"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let (_, inbox) = site.call(&head, "GET", "/approvals", "").await;
    assert!(inbox.contains("₹48,000.00") && inbox.contains("For line 2, soon"), "{inbox}");
    let (_, one) = site.call(&head, "GET", &api_at, "").await;
    let one: Value = serde_json::from_str(&one).unwrap();
    assert_eq!(one["detail"]["columns"][1]["name"], "quantity", "{one}");
    assert_eq!(one["detail"]["lines"][0], serde_json::json!(["GEAR", "1200", "urgent"]), "{one}");
    // Who is not asked, and has no right to all of them, sees nothing.
    for at in [&page_at, &api_at] {
        let (status, told) = site.call(&stranger, "GET", at, "").await;
        assert!(status.as_u16() == 404 && !told.contains("GEAR"), "{at}: {told}");
    }

    // It comes once more, and whoever decides next sees what is another.
    let back = Decision { round: asked.round, action: Action::SendBack, comment: "fewer", to_stage: None };
    let cx = Cx::new(tenant, format!("user:{head_id}"));
    let done: Result<Standing, WorkflowError> = site
        .office
        .test
        .db
        .tx(&cx, async |tx| {
            decide(tx, &site.office.subjects, asked.instance_id, head_id, &back, Utc::now()).await
        })
        .await;
    assert_eq!(done.unwrap().state, State::Initiated);
    let form = "version=2&subject=Bearings&amount=49000&text=For+line+2,+soon\
                &r.0.item=GEAR&r.0.quantity=900&r.0.note=urgent&r.1.item=OIL&r.1.quantity=2";
    let (status, told) = site.form(&owner, &format!("/requests/{id}"), form.to_owned()).await;
    assert_eq!(status.as_u16(), 303, "{told}");
    assert_eq!(standing().await.state, State::PendingApproval);
    let (_, page) = site.call(&head, "GET", &page_at, "").await;
    assert!(page.contains("₹48,000.00 → <ins>₹49,000.00</ins>"), "{page}");
    assert!(page.contains("GEAR · 1200 · urgent → <ins>GEAR · 900 · urgent</ins>"), "{page}");
    let (_, one) = site.call(&head, "GET", &api_at, "").await;
    let one: Value = serde_json::from_str(&one).unwrap();
    let history = one["history"].as_array().unwrap();
    let again = history.iter().find(|one| one["what"] == "resubmitted").unwrap();
    assert_eq!(
        (again["note"].as_str(), again["changes"].as_array().unwrap().len()),
        (Some(""), 2),
        "{again}"
    );
    assert_eq!(again["changes"][0]["before"], "48000 INR", "{again}");
}

#[tokio::test]
async fn money_and_codes_are_those_of_the_organisation() {
    let site = Site::new().await;
    let office = &site.office;
    let line = |item: &str| requests::Line { item: item.into(), quantity: "1".into(), ..Default::default() };
    let judged = async |typed: Typed| {
        let cx = Cx::system(office.tenant);
        let judged = office.test.db.tx(&cx, async |tx| requests::check(tx, &typed).await.map(drop)).await;
        match judged {
            Ok(()) => Vec::new(),
            Err(RequestError::Fields(wrong)) => wrong,
            Err(error) => panic!("{error:?}"),
        }
    };
    let typed = |amount: &str, currency: &str| Typed {
        subject: "Bearings".into(),
        amount: amount.into(),
        currency: currency.into(),
        ..Typed::default()
    };
    assert_eq!(judged(typed("48,000", "EUR")).await, []);
    assert_eq!(judged(typed("100", "ZZZ")).await, [(None, "currency", "request-unknown-currency")]);
    assert_eq!(judged(typed("1e5", "INR")).await, [(None, "amount", "request-wrong-amount")]);
    let program = Typed { by_program: true, ..typed("48,000", "INR") };
    assert_eq!(judged(program).await, [(None, "amount", "request-wrong-amount-plain")]);
    let lines = Typed { lines: Some(vec![line("NOPE"), line("Oil")]), ..typed("", "") };
    assert_eq!(judged(lines.clone()).await, [], "an office without items writes what it likes");
    office
        .as_system(async |tx| {
            let sql = "insert into items (tenant_id, item, name, names, type_code, base_unit, tracking)
                       values (app.tenant(), 'ITM-00001', 'Gear', '{\"en\": \"Gear\"}', 'RM', 'pcs', 'none')";
            sqlx::query(sql).execute(tx.conn()).await?;
            Ok(())
        })
        .await;
    assert_eq!(judged(lines).await, [(Some(1), "item", "request-unknown-item")]);
    assert_eq!(judged(Typed { lines: Some(vec![line("ITM-00001")]), ..typed("", "") }).await, []);
}

#[tokio::test]
async fn only_plants_where_one_may_are_offered_and_nothing_typed_is_lost() {
    let site = Site::new().await;
    let (user, cookie) = site.join(site.office.tenant, "Keeper", "BUYER").await;
    site.join(site.office.tenant, "Head", "DEPT_HEAD").await;
    site.office.publish(SPEC, None).await;
    site.office
        .as_system(async |tx| {
            let sql = "update user_roles set plants = '{KOL}' where user_id = $1";
            sqlx::query(sql).bind(user).execute(tx.conn()).await?;
            Ok(())
        })
        .await;
    let (status, page) = site.call(&cookie, "GET", "/requests/new", "").await;
    assert_eq!(status.as_u16(), 200, "{page}");
    // The only one is chosen, and one has to be.
    let plant = page.split("for=\"in-plant\"").nth(1).unwrap().split("</select>").next().unwrap();
    assert!(plant.contains("tw-must") && plant.contains("value=\"KOL\" selected"), "{plant}");
    assert!(!plant.contains("value=\"\"") && !page.contains("value=\"VZG\""), "{plant}");
    for plant in ["VZG", ""] {
        let form = format!("workflow=purchase_requisition&subject=Bearings+6204&amount=5&plant={plant}");
        let (status, page) = site.form(&cookie, "/requests", form).await;
        assert_eq!(status.as_u16(), 422, "{page}");
        assert!(page.contains("id=\"err-plant\"") && page.contains("value=\"Bearings 6204\""), "{page}");
        // All that is wrong is told at once.
        let form = format!("workflow=purchase_requisition&subject=Bearings+6204&amount=1e5&plant={plant}");
        let (status, page) = site.form(&cookie, "/requests", form).await;
        assert_eq!(status.as_u16(), 422, "{page}");
        assert!(page.contains("id=\"err-plant\"") && page.contains("id=\"err-amount\""), "{page}");
    }
}
