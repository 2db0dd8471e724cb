//! Who sees the numbers of one plant, and has other rights at another: the numbers and the
//! ranges of that one's own series stay there.

use platform::ctx::Plants;
use platform::people::Given;

use super::rights::Office;
use super::*;

/// The numbers of series of VSK, and of all plants.
const OF_VSK: &str = "VSK/0001";
const OF_ALL: &str = "ALL/0001";

async fn run(office: &Office, rows: &[String]) {
    let done: Result<(), DbError> = office
        .test
        .db
        .tx(&Cx::system(office.cx.tenant), async |tx| {
            for row in rows {
                sqlx::query(sqlx::AssertSqlSafe(row.clone())).execute(tx.conn()).await?;
            }
            Ok(())
        })
        .await;
    done.unwrap();
}

async fn series(office: &Office) {
    let tenant = office.cx.tenant;
    let mut rows = vec![format!(
        "insert into roles (tenant_id, role, name, permissions) values
             ('{tenant}', 'COUNTS', 'Counts', '{{numbering.read,masters.document_series.view}}'),
             ('{tenant}', 'OTHER', 'Other', '{{masters.stations.view}}')"
    )];
    // The financial year that it is.
    let from = "make_date(extract(year from now() - interval '3 months')::int, 4, 1)";
    for (series, plant, number) in [("N-VSK", "'VSK'", OF_VSK), ("N-ALL", "null", OF_ALL)] {
        rows.push(format!(
            "insert into document_series (tenant_id, series, name, kind, company, plant, pattern, automatic)
             values ('{tenant}', '{series}', 'Notes', 'sales_invoice', 'C1', {plant}, '{}/{{FY}}/{{SEQ}}', false)",
            &number[..3]
        ));
        rows.push(format!(
            "insert into document_periods (tenant_id, series, period_from, first, next)
             values ('{tenant}', '{series}', {from}, 1, 9)"
        ));
        rows.push(format!(
            "insert into document_leases (tenant_id, lease_id, series, period_from, first, last, holder)
             values ('{tenant}', gen_random_uuid(), '{series}', {from}, 2, 8, 'import:{series}')"
        ));
        rows.push(format!(
            "insert into document_numbers (tenant_id, company, kind, number, series, period_from, seq, dated)
             values ('{tenant}', 'C1', 'sales_invoice', '{number}', '{series}', {from}, 1, {from})"
        ));
    }
    run(office, &rows).await;
}

#[tokio::test]
async fn numbers_of_a_plants_own_series_are_shown_there() {
    let office = Office::new().await;
    series(&office).await;
    let counts = |plants| Given { role: "COUNTS".into(), plants };
    let other = || Given { role: "OTHER".into(), plants: Plants::All };
    let lists = [
        "/numbering",
        "/numbering?q=VSK/00",
        "/api/v1/numbering/numbers",
        "/api/v1/numbering/numbers?q=VSK/00",
        "/api/v1/numbering/numbers?series=N-VSK",
        "/search?q=VSK/00",
    ];
    let of_series = "/api/v1/numbering/series/N-VSK";
    let next = "/api/v1/numbering/next?kind=sales_invoice&company=C1&date=2026-05-01&series=N-VSK";
    let form = "/numbering/preview?series=N-VSK&pattern=VSK/%7BFY%7D/%7BSEQ%7D&width=5&reset=year";

    let token = office.signed_in(&[counts(Plants::some(["KOL"])), other()]).await;
    for path in lists {
        let (status, body) = office.call(&token, "GET", path, Nothing).await;
        assert!(status.is_success() && !body.contains(OF_VSK), "{path} at KOL: {status} {body}");
    }
    for path in ["/numbering", "/api/v1/numbering/numbers", "/search?q=ALL/00"] {
        let (_, body) = office.call(&token, "GET", path, Nothing).await;
        assert!(body.contains(OF_ALL), "{path} at KOL: {body}");
    }
    let (status, body) = office.call(&token, "GET", of_series, Nothing).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{body}");
    let (status, body) = office.call(&token, "GET", next, Nothing).await;
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    let (_, body) = office.call(&token, "GET", form, Nothing).await;
    assert!(!body.contains("/00009"), "how far another plant's series is: {body}");

    let token = office.signed_in(&[counts(Plants::some(["VSK"])), other()]).await;
    for path in lists {
        let (_, body) = office.call(&token, "GET", path, Nothing).await;
        assert!(body.contains(OF_VSK), "{path} at VSK: {body}");
    }
    let (_, body) = office.call(&token, "GET", of_series, Nothing).await;
    assert!(body.contains("import:N-VSK"), "{body}");
    let (_, body) = office.call(&token, "GET", form, Nothing).await;
    assert!(body.contains("/00009"), "{body}");

    // The next number by the series alone; without any the question says what it lacks.
    let alone = "/api/v1/numbering/next?date=2026-05-01&series=N-VSK";
    let (status, by_series) = office.call(&token, "GET", alone, Nothing).await;
    let (_, by_all) = office.call(&token, "GET", next, Nothing).await;
    assert_eq!((status, &by_series), (StatusCode::OK, &by_all));
    let (status, body) = office.call(&token, "GET", "/api/v1/numbering/next?company=C1", Nothing).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    assert!(body.contains("\"kind\"") && !body.contains("\"company\""), "{body}");

    // They go where their series goes.
    let moved = "update document_series set plant = 'KOL' where series = 'N-VSK'".to_owned();
    run(&office, &[moved]).await;
    let (_, body) = office.call(&token, "GET", "/api/v1/numbering/numbers", Nothing).await;
    assert!(!body.contains(OF_VSK) && body.contains(OF_ALL), "{body}");
    let token = office.signed_in(&[counts(Plants::some(["KOL"])), other()]).await;
    let (_, body) = office.call(&token, "GET", of_series, Nothing).await;
    assert!(body.contains("import:N-VSK"), "{body}");
}
