//! Suppliers and subcontractors that have recalled goods.

use super::*;

#[tokio::test]
async fn suppliers_and_subcontractors_are_known_and_written_to() {
    let mut site = site().await;
    site.sql(
        "insert into partners (tenant_id, partner, name, roles) values \
             (app.tenant(), 'PLATER', 'Plating Works', '{supplier}'), \
             (app.tenant(), 'XYZ', 'Xyz Steel', '{supplier}'); \
         insert into contacts (tenant_id, contact, partner, name, email, language) values \
             (app.tenant(), 'P1', 'PLATER', 'Ravi', 'ravi@plater.example', 'hi'), \
             (app.tenant(), 'X1', 'XYZ', 'Sita', 'sita@xyz.example', 'en'); \
         insert into orders (tenant_id, type, number, plant, partner) values \
             (app.tenant(), 'po', 'PO-9', 'VSK', 'XYZ')",
    )
    .await;
    // To a subcontractor by its name, and back to a supplier by the order alone.
    site.say(
        "KOL",
        event(Stage::JobWorkOut, "2026-01-14T09:00:00Z")
            .part(&bolt(2), Role::Subject)
            .document("jobwork", "JW-1")
            .document("customer", "ACME")
            .document("supplier", "PLATER"),
    );
    site.say(
        "VSK",
        event(Stage::ReturnToSupplier, "2026-01-14T10:00:00Z")
            .part(&bolt(6), Role::Subject)
            .document("rts", "RTS-1")
            .document("po", "PO-9"),
    );
    site.settle().await;
    let id = begun(&site, &wish()).await;
    let view = run(&site, async |tx| read::view(tx, id).await).await.unwrap();
    let suppliers: Vec<(&str, &str)> = view
        .consignees
        .iter()
        .filter(|one| one.kind == "supplier")
        .map(|one| (one.code.as_str(), one.name.as_str()))
        .collect();
    assert_eq!(suppliers, [("PLATER", "Plating Works"), ("XYZ", "Xyz Steel")]);
    acted(&site, id, Action::Activate).await.unwrap();
    let letters = "select string_agg(l.email, ' ' order by l.email) from recall_letters l \
                   join recall_consignees c on c.consignee_id = l.consignee_id where c.kind = 'supplier'";
    assert_eq!(site.ask(letters).await, "ravi@plater.example sita@xyz.example");
    // The explorer says who has them by the same.
    for (bolt, partner) in [(bolt(2), "PLATER"), (bolt(6), "XYZ")] {
        let trace = crate::explore::service::trace(&site.db.db, &site.cx(), &bolt, now()).await.unwrap();
        assert_eq!(trace.whereabouts.unwrap().partner, partner);
    }
}
