//! What the victim's plant and office do, so that no route of reading has nothing to
//! show: events and what hangs on them, documents, orders, an approval that waits; and the
//! paths at which each is asked for.

use platform::ctx::Cx;
use platform::db::DbError;
use platform::testing::TestDb;
use sqlx::{AssertSqlSafe, ConnectOptions};
use uuid::Uuid;

use super::traces::office::Office;
use super::traces::{MADE, PUMP, STEEL};
use super::{HOLD, MARK, UID};

/// What ends every text of the victim's own.
const OWN: &str = "-OF-SAIF";
/// A number that only the victim has: of documents, of altered events.
const COUNT: &str = "73731";

/// What tells a stranger of the victim at one route, where anywhere else it may stand for
/// something else.
pub(super) const HERE: [(&str, &str); 8] = [
    // What is found by its code is gone to at once.
    ("/trace", "location: /trace/lot/"),
    ("/api/v1/convert", COUNT),
    ("/api/v1/numbering/next", COUNT),
    ("/numbering/preview", COUNT),
    ("/api/v1/proofs/check", COUNT),
    ("/proofs/check", "73,731"),
    ("/live/counts", "MRK"),
    ("/api/v1/notices/preferences", "weekly"),
];

/// The victim's own texts in an answer.
pub(super) fn told(body: &str) -> impl Iterator<Item = &str> {
    body.match_indices(OWN).map(|(at, _)| {
        let is_of = |letter: char| letter.is_ascii_uppercase() || letter == '-';
        let begin = body[..at]
            .rfind(|letter| !is_of(letter))
            .map_or(0, |before| before + body[before..].chars().next().map_or(1, char::len_utf8));
        &body[begin..at + OWN.len()]
    })
}

/// Before anything else is planted: masters, and what the plant records.
pub(super) async fn record(test: &TestDb, victim: Uuid) -> Office {
    let office = Office::of("SAIF", victim);
    let rows = [
        format!(
            "insert into items (tenant_id, item, name, names, type_code, base_unit, tracking, gtin)
             values ('{victim}', 'PUMP{OWN}', 'NAME{OWN}', '{{\"en\": \"NAME{OWN}\"}}', 'FG', 'pcs', 'unit', '{GTIN}')"
        ),
        format!(
            "insert into partners (tenant_id, partner, name, roles) values
             ('{victim}', 'MILL{OWN}', 'MILLS{OWN}', '{{supplier}}'),
             ('{victim}', 'BUYER{OWN}', 'BUYERS{OWN}', '{{customer}}')"
        ),
        format!(
            "insert into orders (tenant_id, type, number, plant, partner)
             values ('{victim}', 'so', 'SALE{OWN}', 'KOL', 'BUYER{OWN}')"
        ),
        format!("insert into payment_terms (tenant_id, payment_terms, name) values ('{victim}', 'TERMS{OWN}', 'DAYS{OWN}')"),
        format!(
            "insert into custom_fields (tenant_id, master, field, kind, labels)
             values ('{victim}', 'suppliers', 'marked', 'text', '{{\"en\": \"FIELD{OWN}\"}}')"
        ),
        format!("update agents set name = 'AGENT{OWN}' where plant_code = 'MRK'"),
        format!(
            "insert into passport_settings (tenant_id, shown, certificates, contact)
             values ('{victim}', true, 'ISO{OWN}', 'CONTACT{OWN}')"
        ),
    ];
    as_the_cloud(test, victim, &rows).await;
    office.record(test).await;
    office
}

/// After the marks: what needs them, or the administrator.
pub(super) async fn plant(test: &TestDb, victim: Uuid, asha: Uuid) {
    let rows = [
        // Of a kind that the product does not know: kinds and how many there are is all that is
        // told of them.
        format!(
            "insert into exceptions (tenant_id, exception_id, kind, fingerprint, detail)
             values ('{victim}', gen_random_uuid(), 'KIND{OWN}', 'kind', '{{}}')"
        ),
        format!(
            "insert into unit_conversions (tenant_id, from_unit, to_unit, factor)
             values ('{victim}', 'pcs', 'kg', {COUNT})"
        ),
        format!("update document_periods set next = {COUNT} where tenant_id = '{victim}' and series = '{MARK}'"),
        format!(
            "update tenant_settings set logo = '\\x89504e470d0a1a0a' || convert_to('LOGO{OWN} {MARK}', 'UTF8'),
                 logo_type = 'image/png' where tenant_id = '{victim}'"
        ),
        // The bell tells what is urgent only while it is new; the test takes its time.
        format!(
            "insert into notices (tenant_id, notice_id, user_id, kind, details, told_at)
             values ('{victim}', gen_random_uuid(), '{asha}', 'hold.placed', '{{\"reason\": \"URGENT{OWN}\", \"labels\": 1}}', now() + interval '1 hour')"
        ),
        format!(
            "insert into notice_preferences (tenant_id, user_id, kind, channel, wanted, pace)
             values ('{victim}', '{asha}', 'hold.placed', 'mail', true, 'weekly')"
        ),
        format!(
            "update workflow_instances set state = 'PENDING_APPROVAL', stage = 1, round = 1
             where tenant_id = '{victim}' and instance_id = '{HOLD}'"
        ),
        format!(
            "insert into workflow_rounds (tenant_id, instance_id, round, workflow, stage, stage_name, needed, opened_at)
             values ('{victim}', '{HOLD}', 1, 'marked', 1, 'STAGE{OWN}', 1, now())"
        ),
        format!(
            "insert into workflow_seats (tenant_id, instance_id, round, seat, person)
             values ('{victim}', '{HOLD}', 1, 1, '{asha}')"
        ),
    ];
    as_the_cloud(test, victim, &rows).await;
}

/// Proofs, once the tree has grown: texts of it that are nobody else's.
pub(super) async fn proofs(test: &TestDb, victim: Uuid) -> Vec<String> {
    let mut owner = test.owner_of(victim).await.connect().await.unwrap();
    let sql = format!("update proof_trees set altered = {COUNT} where tenant_id = '{victim}'");
    let done = sqlx::query(AssertSqlSafe(sql)).execute(&mut owner).await.unwrap();
    assert_eq!(done.rows_affected(), 1, "the victim has no tree");
    sqlx::query_scalar(
        "select encode(root, 'base64') from proof_heads where tenant_id = $1
         union select key_id from proof_keys where tenant_id = $1",
    )
    .bind(victim)
    .fetch_all(&mut owner)
    .await
    .unwrap()
}

async fn as_the_cloud(test: &TestDb, tenant: Uuid, rows: &[String]) {
    let done: Result<(), DbError> = test
        .db
        .tx(&Cx::system(tenant), async |tx| {
            for row in rows {
                let done = sqlx::query(AssertSqlSafe(row.clone())).execute(tx.conn()).await?;
                assert!(done.rows_affected() > 0, "nothing was planted by {row}");
            }
            Ok(())
        })
        .await;
    done.unwrap();
}

const GTIN: &str = "04006381333931";

/// Where a route of reading leads to what the victim really has, if it takes more than the
/// names in its pattern.
pub(super) fn asked(office: &Office, pattern: &str) -> Option<String> {
    let own = |pattern: &str, code: &str| pattern.replace("{code}", &office.own(code));
    let days = "period=days&from=2025-01-01&to=2025-04-30";
    let path = match pattern {
        "/api/v1/scan" => format!("{pattern}?code={GTIN}"),
        "/api/v1/convert" => format!("{pattern}?quantity=1&from=pcs&to=kg"),
        "/api/v1/personal" | "/personal" => format!("{pattern}?q=of-sai"),
        "/api/v1/numbering/next" => {
            format!("{pattern}?series={MARK}&kind=sales_invoice&company=C1&date=2026-06-01")
        }
        "/numbering/preview" => {
            format!("{pattern}?series={MARK}&kind=sales_invoice&pattern=N%2F%7BFY%7D%2F%7BSEQ%7D")
        }
        "/trace/compare" | "/api/v1/trace/compare" => {
            format!("{pattern}?a={}&b={}", office.uid(PUMP), office.uid(STEEL))
        }
        "/trace/customer/{code}" | "/api/v1/trace/customer/{code}" => own(pattern, "BUYER"),
        "/trace/machine/{code}" | "/api/v1/trace/machine/{code}" => {
            format!("{}?from=2025-01-01T00:00:00Z&to=2025-02-01T00:00:00Z", own(pattern, "OVEN"))
        }
        "/trace/station/{code}" | "/api/v1/trace/station/{code}" => {
            format!("{}?from=2025-01-01T00:00:00Z&to=2025-02-01T00:00:00Z", own(pattern, "GATE"))
        }
        "/trace/operator/{code}" | "/api/v1/trace/operator/{code}" => {
            format!("{}?from=2025-01-01T00:00:00Z&to=2025-02-01T00:00:00Z", own(pattern, "BADGE"))
        }
        "/trace/document/{type}/{number}" | "/api/v1/trace/document/{type}/{number}" => {
            pattern.replace("{type}/{number}", "po/PO-1")
        }
        "/items/variants/{*code}" => pattern.replace("{*code}", &office.own("PUMP")),
        "/api/v1/plants/{plant}" => pattern.replace("{plant}", "MRK"),
        "/api/v1/proofs/inclusion/{event}" => pattern.replace("{event}", &Uuid::from_u128(MADE).to_string()),
        "/api/v1/proofs/consistency" => format!("{pattern}?from=1&to=5"),
        "/api/v1/proofs/history/{uid}" => pattern.replace("{uid}", UID),
        "/api/v1/kpis/{kpi}/events" | "/dashboards/events/{kpi}" => {
            format!("{}?{days}", pattern.replace("{kpi}", "outside"))
        }
        _ => return None,
    };
    Some(path)
}
