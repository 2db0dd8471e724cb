//! Leaks that were put in, to see that each would be told.

use sqlx::{AssertSqlSafe, ConnectOptions};

use super::*;

/// As nobody of the cloud can: past policies and triggers, in the database of a tenant.
async fn behind_the_back(two: &Two, tenant: Uuid, rows: &[String]) {
    let mut owner = two.test.owner_of(tenant).await.connect().await.unwrap();
    sqlx::query("set session_replication_role = replica").execute(&mut owner).await.unwrap();
    for row in rows {
        let done = sqlx::query(AssertSqlSafe(row.clone())).execute(&mut owner).await.unwrap();
        assert!(done.rows_affected() > 0, "nothing was planted by {row}");
    }
}

#[tokio::test]
async fn a_leak_is_told_whatever_it_comes_through() {
    let two = Two::new().await;
    let [own, other] = &two.offices;
    let tenant = own.tenant;
    // Words of the other's in rows of one's own, as a query without a tenant would put
    // them there: the name of an item, a notice, a file's name and content.
    let name = other.own("NAME");
    let drawn = two.config.state_dir.join("files");
    behind_the_back(
        &two,
        tenant,
        &[
            // The name by which items are found and sorted, and those that lists show.
            format!(
                "update items set name = '{name}', names = '{{\"en\": \"{name}\"}}' where tenant_id = '{tenant}'"
            ),
            format!("update notices set details = '{{\"who\": \"{name}\"}}' where tenant_id = '{tenant}'"),
            format!("update recalls set reason = '{name}' where tenant_id = '{tenant}'"),
            format!("update file_versions set name = '{name}.txt' where tenant_id = '{tenant}'"),
            format!(
                "update lifecycle_events set station = '{}' where tenant_id = '{tenant}'",
                other.own("GATE")
            ),
            format!("update audit_log set actor = '{name}' where tenant_id = '{tenant}'"),
            // Not its UIDs, which are numbers in what an agent recorded: the text after them.
            format!(
                "update lifecycle_events set payload = payload || convert_to('{name}', 'UTF8')
                 where tenant_id = '{tenant}'"
            ),
        ],
    )
    .await;
    swap(&drawn, &own.own("DRAWN"), &other.own("DRAWN"));
    let mut seen = looks::answers(&two, own, other).await;
    seen.extend(looks::passports(&two, own, other).await);
    two.mirrors.catch_up(&two.test.db, tenant, Utc::now(), |_, _| {}).await.unwrap();
    seen.extend(looks::stored(&two, own, other).await);
    let mut silent = finding::silent(
        &seen,
        &[
            ("API", "/api/v1/trace/{uid}"),
            ("a page", "/trace/{uid}"),
            ("a page", "/masters/{master}/row/{*code}"),
            ("a list", "/masters/{master}"),
            ("a list", "/api/v1/masters/{master}"),
            ("CSV, a workbook", "/masters/{master}/export"),
            ("CSV, a workbook", "/api/v1/masters/{master}/export"),
            ("a workbook", "/trace/{uid}/report.xlsx"),
            ("a workbook", "/api/v1/trace/{uid}/report.xlsx"),
            ("a PDF", "/trace/{uid}/report.pdf"),
            ("a PDF", "/api/v1/trace/{uid}/report.pdf"),
            ("a PDF", "/api/v1/recalls/{id}/report.pdf"),
            ("JSON", "/trace/{uid}/report.json"),
            ("CSV", "/audit.csv"),
            ("a list of files", "/api/v1/files"),
            ("a file", "/files/{id}/content"),
            ("a notice", "/notices"),
            ("a notice", "/api/v1/notices"),
            ("a proof", "/api/v1/proofs/history/{uid}"),
            ("a passport", "the passport"),
            ("a mirror", "the mirror"),
            ("an export", "Parquet"),
        ],
    );

    // A caller of one whom the cloud takes for one of the other.
    let mistaken = Office { key: other.key.clone(), token: other.token.clone(), ..own.clone() };
    let release = format!("/api/v1/holds/{}/release", other.hold);
    let mut seen = looks::answers(&two, &mistaken, other).await;
    seen.extend(looks::acts(&two, &mistaken, other).await);
    silent.extend(finding::silent(
        &seen,
        &[
            ("a release", &release),
            ("API", "/api/v1/holds/{id}"),
            ("a page", "/recalls/{id}"),
            ("a scope", "/api/v1/scopes/{id}"),
            ("CSV, a workbook", "/api/v1/masters/{master}/export"),
            ("search", "/search/box"),
            ("search", "/api/v1/find"),
            ("search", "/api/v1/search"),
            ("a file", "/api/v1/files/{id}/content"),
            ("a passport", "/api/v1/passports/{id}"),
            ("a picture", "/api/v1/trace/{uid}/picture"),
            ("a dashboard", "/dashboards/events/{kpi}"),
            ("a target", "/api/v1/kpi-targets"),
        ],
    ));
    assert!(silent.is_empty(), "leaks that nothing tells of: {silent:?}");
}

/// Replaces in the stored file that says `own`.
fn swap(folder: &std::path::Path, own: &str, other: &str) {
    let mut swapped = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let said = std::fs::read_to_string(&path).unwrap_or_default();
            if said.contains(own) {
                std::fs::write(&path, said.replace(own, other)).unwrap();
                swapped += 1;
            }
        }
    }
    assert_eq!(swapped, 1, "one file says {own}");
}
