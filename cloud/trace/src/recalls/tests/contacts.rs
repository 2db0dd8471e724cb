//! How people at whoever has units are reached.

use std::sync::Arc;

use axum::http::StatusCode;
use platform::i18n::{I18n, Lang, Texts};
use platform::web::Scope;
use serde_json::Value;

use super::http::{Web, key};
use super::*;
use crate::recalls::model::Person;
use crate::recalls::report;
use crate::recalls::rights::Sight;

/// Of a reader who sees everybody in the masters.
pub(super) const ALL: Sight = Sight { contacts: true, customers: true, suppliers: true };

async fn seen(site: &Site, id: Uuid, sight: Sight) -> Vec<Person> {
    run(site, async |tx| {
        let view = read::view(tx, id).await?;
        read::contacts(tx, id, &view.consignees, sight).await
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn whoever_has_units_can_be_telephoned_before_anybody_is_written_to() {
    let site = site().await;
    site.sql(
        "update contacts set phone = '+91 98300 00001', job_title = 'Stores' where contact = 'K3'; \
         update partners set phone = '+91 33 2200 0002' where partner = 'ACME'; \
         insert into contacts (tenant_id, contact, partner, name, phone, deleted_at) \
         values (app.tenant(), 'K4', 'ACME', 'Gone', '+91 98300 00009', now())",
    )
    .await;
    let id = begun(&site, &wish()).await;
    let all = seen(&site, id, ALL).await;
    let told: Vec<(&str, &str, &str)> =
        all.iter().map(|one| (one.name.as_str(), one.phone.as_str(), one.email.as_str())).collect();
    assert_eq!(
        told,
        [
            ("Lakshmi", "", "lakshmi@acme.example"),
            ("John", "", "john@acme.example"),
            ("No mail", "+91 98300 00001", ""),
            ("Acme Ltd", "+91 33 2200 0002", ""),
        ]
    );
    // Who sees no contacts in the masters sees none here.
    let own = seen(&site, id, Sight { contacts: false, ..ALL }).await;
    assert_eq!(own.iter().map(|one| one.own).collect::<Vec<_>>(), [true]);
    let none = Sight { contacts: false, customers: false, suppliers: true };
    assert!(seen(&site, id, none).await.is_empty());
    // On the page of a draft and by API.
    let web = Web::new(&site);
    let reader = key(&site, site.tenant, Scope::Read).await;
    let (status, page) = web.get(&reader, &format!("/recalls/{id}?tab=consignees")).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    for part in ["No mail, Stores", "+91 98300 00001", "+91 33 2200 0002", "john@acme.example"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("+91 98300 00009"), "who is gone is not telephoned: {page}");
    let (_, view) = web.json(&reader, "GET", &format!("/api/v1/recalls/{id}"), Value::Null).await;
    assert_eq!(view["contacts"][2]["phone"], "+91 98300 00001", "{view}");
    assert_eq!(view["contacts"][2]["consignee_id"], view["consignees"][2]["consignee_id"]);
}

#[tokio::test]
async fn contacts_go_out_in_files_and_the_audit_has_it() {
    let site = site().await;
    site.sql("update contacts set phone = '+91 98300 00001' where contact = 'K3'").await;
    let id = begun(&site, &wish()).await;
    let sheet = super::sheet::told(&site, id).await;
    let said = super::sheet::cells(&sheet, &uid("KOL", "FG", 1), &["Contacts"])[0].to_string();
    assert!(said.contains("No mail, +91 98300 00001") && said.contains("john@acme.example"), "{said}");
    let ours = super::sheet::cells(&sheet, &bolt(2), &["Contacts"])[0].to_string();
    assert!(!ours.contains("acme"), "{ours}");
    let taken = "select (after->>'format') || ' ' || (after->>'rows') from audit_log \
                 where action = 'master.export' and subject = 'master:contacts'";
    assert_eq!(site.ask(taken).await, "xlsx 3");
    let mut told = super::report::told(&site, id).await;
    told.view.contacts = seen(&site, id, ALL).await;
    let texts = Texts::new(Arc::new(I18n::new().with_all(crate::recalls::TEXTS)), Lang::En);
    let data = report::data(&told, &texts, chrono_tz::UTC, "SAIF", now())["sections"].to_string();
    assert!(data.contains("Telephone") && data.contains("+91 98300 00001"), "{data}");
}
