//! Sensitive fields: what is kept of them, who finds and sees them.

use super::*;
use crate::masters::{ListQuery, revealed, sensitive};

const PAN: &str = "AAPFU0939F";

async fn supplier(office: &Office) {
    let given = [("partner", "ACME"), ("name", "Acme"), ("pan", PAN), ("bank_account", "00112233445566")];
    office.create("suppliers", &given).await.unwrap();
}

#[tokio::test]
async fn they_are_sealed_for_their_row_and_found_by_their_value() {
    let office = Office::new().await;
    supplier(&office).await;
    let stored = office.value("select to_jsonb(p)::text from partners p where partner = 'ACME'").await;
    let stored = stored.to_string();
    assert!(!stored.contains(PAN) && !stored.contains("00112233445566"), "{stored}");
    let row = office.find("suppliers", "ACME").await;
    let shape = office.shape("suppliers");
    let opened = sensitive::reveal_all(office.tenant, shape, &row.row).unwrap();
    assert_eq!((&opened["pan"], &opened["bank_account"]), (&PAN.into(), &"00112233445566".into()));

    // Nobody moves one to another row.
    let mut other = row.row.clone();
    other.insert("partner".into(), "EVIL".into());
    assert!(sensitive::reveal_all(office.tenant, shape, &other).is_err());

    // The audit says that it changed, and never how.
    let audit = office.value("select jsonb_agg(to_jsonb(a)) from audit_log a").await.to_string();
    assert!(audit.contains("\"pan\": \"changed\"") || audit.contains("\"pan\":\"changed\""), "{audit}");
    assert!(!audit.contains(PAN), "{audit}");

    // By the exact value, for whoever has the right.
    let query = |q: &str, sensitive| ListQuery { q: q.into(), sensitive, ..ListQuery::default() };
    assert_eq!(office.keys("suppliers", &query("aapfu0939f", true)).await, ["ACME"]);
    assert!(office.keys("suppliers", &query(PAN, false)).await.is_empty());
    assert!(office.keys("suppliers", &query("AAPFU0939G", true)).await.is_empty());
    assert_eq!(office.keys("suppliers", &query("acme", true)).await, ["ACME"], "and once only");
}

#[test]
fn to_see_every_master_is_not_to_see_what_is_sealed() {
    let code = crate::masters::SENSITIVE_VIEW.code;
    for held in ["masters.*.view", "masters.*.*", "masters.suppliers.view"] {
        assert!(!crate::web::grants(held, code), "{held}");
    }
}

#[tokio::test]
async fn the_same_again_is_no_change_and_a_dash_takes_it_away() {
    let office = Office::new().await;
    supplier(&office).await;
    let change = async |pan: &str| {
        let before = office.find("suppliers", "ACME").await;
        let given = cells(&[("pan", pan)]);
        let (db, shape) = (&office.test.db, office.shape("suppliers"));
        crate::masters::update(db, &office.cx, shape, "ACME", before.version, given).await
    };
    let before = office.find("suppliers", "ACME").await;
    assert_eq!(change(PAN).await.unwrap().stored.version, before.version);
    assert_eq!(change("").await.unwrap().stored.version, before.version);
    assert_eq!(fields(change("AAPFU").await), [pair("pan", "pan")]);
    let after = change("-").await.unwrap();
    assert!(after.stored.row["pan_sealed"].is_null() && after.stored.row["pan_index"].is_null());
    assert!(!after.stored.row["bank_account_sealed"].is_null());
}

#[tokio::test]
async fn a_new_key_seals_them_anew_and_finds_them() {
    let dir = tempfile::tempdir().unwrap();
    let secrets = Secrets::load_or_create(&dir.path().join("keys")).unwrap();
    let test = TestDb::new().await;
    let tenant = test.tenant("SAIF", &["KOL"]).await;
    let shapes = Engine::new(secrets.clone()).shapes(&test.db).await.unwrap();
    let office = Office { cx: Cx::new(tenant, "user:tests"), test, tenant, shapes };
    supplier(&office).await;
    secrets.add_key().unwrap();
    let query = ListQuery { q: PAN.into(), sensitive: true, ..ListQuery::default() };
    assert_eq!(office.keys("suppliers", &query).await, ["ACME"], "while both keys are in use");
    let again = async |tx: &mut Tx| crate::masters::reseal(tx, &secrets).await;
    assert_eq!(office.test.db.tx(&office.cx, again).await.unwrap(), 2);
    assert_eq!(office.test.db.tx(&office.cx, again).await.unwrap(), 0);
    // Without the key before, all of it still opens and is found.
    let text = std::fs::read_to_string(dir.path().join("keys")).unwrap();
    let last = text.lines().last().unwrap().to_owned();
    let alone = Secrets::from_keys(&[last]).unwrap();
    let opened = async |tx: &mut Tx| revealed(tx, &alone, "suppliers", "ACME").await;
    assert_eq!(office.test.db.tx(&office.cx, opened).await.unwrap()["pan"], PAN);
    let shapes = Engine::new(alone.clone()).shapes(&office.test.db).await.unwrap();
    let office = Office { shapes, ..office };
    assert_eq!(office.keys("suppliers", &query).await, ["ACME"]);
}
