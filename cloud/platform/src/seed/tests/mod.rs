mod import;
mod mistakes;
mod published;

use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;
use crate::reference::version;
use crate::tenancy::{TokenError, redeem_token};
use crate::testing::TestDb;

const CA: [u8; 32] = [3; 32];

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2025, 1, 21).unwrap()
}

fn configs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plant-configs")
}

fn plant_files() -> Vec<PathBuf> {
    ["kolkata.toml", "visakhapatnam.toml"].map(|name| configs().join(name)).into()
}

fn reference() -> PathBuf {
    configs().join("reference/saif.toml")
}

async fn run(test: &TestDb, tokens: Option<&Path>) -> SeedReport {
    seed(&test.db, CA, &plant_files(), Some(&reference()), tokens, today(), false).await.unwrap()
}

async fn saif(test: &TestDb) -> Cx {
    Cx::system(tenancy::find_tenant(&test.db, "SAIF").await.unwrap().unwrap().id)
}

/// Everything that the seeder writes, as text, row versions included.
async fn everything(test: &TestDb, cx: &Cx) -> String {
    let tables = [
        "companies",
        "plants",
        "agents",
        "tenant_counters",
        "number_series",
        "items",
        "bom_lines",
        "partners",
        "orders",
        "order_lines",
        "operators",
        "reasons",
        "reference_rows",
    ];
    let mut all = String::new();
    for table in tables {
        let rows: String = test
            .db
            .tx(cx, async |tx| {
                let sql = format!(
                    "select coalesce(string_agg(t::text, E'\\n' order by t::text), '') from {table} t"
                );
                Ok::<_, DbError>(sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(tx.conn()).await?)
            })
            .await
            .unwrap();
        assert!(!rows.is_empty(), "{table}");
        all += &rows;
    }
    all
}

#[tokio::test]
async fn a_second_run_changes_nothing() {
    let test = TestDb::new().await;
    let tokens = TempDir::new().unwrap();
    let first = run(&test, Some(tokens.path())).await;
    let shown = first.to_string();
    assert!(shown.contains("tenant SAIF: made"), "{shown}");
    assert!(shown.contains("series GRN-KOL-2025-001 of KOL: made"), "{shown}");
    assert!(shown.contains("orders: 11, 11 of them new or changed"), "{shown}");
    let cx = saif(&test).await;
    let before = everything(&test, &cx).await;
    let at = test.db.tx(&cx, async |tx| version(tx).await).await.unwrap();
    assert_eq!((at, at), (first.published.version, i64::try_from(first.published.rows).unwrap()));

    let second = run(&test, Some(tokens.path())).await;
    assert!(second.nothing_changed(), "{second}");
    assert!(second.to_string().contains("nothing new for the plants"), "{second}");
    assert_eq!(everything(&test, &cx).await, before);
    // Another day does not make other series.
    let later = NaiveDate::from_ymd_opt(2026, 5, 1).unwrap();
    let third = seed(&test.db, CA, &plant_files(), Some(&reference()), Some(tokens.path()), later, false)
        .await
        .unwrap();
    assert!(third.nothing_changed(), "{third}");
    // One row in the audit, of the run that changed something.
    let audit: Vec<serde_json::Value> = test
        .db
        .tx(&cx, async |tx| {
            let sql = "select after from audit_log where tenant_id = $1 and action = 'tenant.seed'";
            Ok::<_, DbError>(sqlx::query_scalar(sql).bind(cx.tenant).fetch_all(tx.conn()).await?)
        })
        .await
        .unwrap();
    assert_eq!((audit.len(), &audit[0]["orders"]), (1, &serde_json::json!(11)), "{audit:?}");
    assert!(audit[0]["made"].as_u64() > Some(0), "{audit:?}");
}

#[tokio::test]
async fn tokens_are_for_those_who_have_not_enrolled() {
    let test = TestDb::new().await;
    let folder = TempDir::new().unwrap();
    let tokens = folder.path().join("made/by/seed");
    let first = run(&test, Some(&tokens)).await;
    let names: Vec<&str> = first.tokens.iter().map(|token| token.plant.as_str()).collect();
    assert_eq!(names, ["KOL", "VSK"]);
    let file = tokens.join("KOL.token");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!first.to_string().contains(text.trim()) && !format!("{first:?}").contains(text.trim()));
    let done = redeem_token(&test.db, &text).await.unwrap();
    assert_eq!((done.tenant_code.as_str(), done.plant.as_deref()), ("SAIF", Some("KOL")));
    assert!(matches!(redeem_token(&test.db, &text).await, Err(TokenError::Used)));

    // It was used, but the enrolment did not come to its end: there is a new one.
    let second = run(&test, Some(&tokens)).await;
    assert_eq!(second.tokens.iter().map(|t| t.kept).collect::<Vec<_>>(), [false, true]);
    assert_ne!(std::fs::read_to_string(&file).unwrap(), text);
    let enrolled: Result<(), DbError> = test
        .db
        .tx(&saif(&test).await, async |tx| {
            sqlx::query("update agents set status = 'enrolled' where name = 'KOL'")
                .execute(tx.conn())
                .await?;
            Ok(())
        })
        .await;
    enrolled.unwrap();
    let third = run(&test, None).await;
    assert_eq!(third.tokens.iter().map(|t| t.plant.as_str()).collect::<Vec<_>>(), ["VSK"]);
    assert!(third.to_string().contains("token for SAIF VSK: twe1."), "{third}");
}

/// `saif.toml` with some of its text replaced.
async fn run_with(test: &TestDb, changes: &[(&str, &str)]) -> SeedReport {
    let mut text = std::fs::read_to_string(reference()).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("changed.toml");
    std::fs::write(&file, text).unwrap();
    let asked = seed(&test.db, CA, &[], Some(&file), None, today(), false).await;
    assert!(matches!(asked, Err(SeedErrors::Differing(_))), "{asked:?}");
    seed(&test.db, CA, &[], Some(&file), None, today(), true).await.unwrap()
}

async fn live(test: &TestDb, kind: &str, like: &str) -> Vec<String> {
    test.db
        .tx(&saif(test).await, async |tx| {
            let sql =
                "select id from reference_rows where kind = $1 and id like $2 and not deleted order by id";
            Ok::<_, DbError>(sqlx::query_scalar(sql).bind(kind).bind(like).fetch_all(tx.conn()).await?)
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn what_moves_is_taken_from_where_it_was() {
    let test = TestDb::new().await;
    run(&test, None).await;
    assert_eq!(
        live(&test, "order", "transfer/%").await,
        ["transfer/ST-2025-001@KOL", "transfer/ST-2025-001@VSK"]
    );
    assert_eq!(live(&test, "operator", "P-3001%").await, ["P-3001@KOL", "P-3001@VSK"]);
    assert_eq!(live(&test, "bom_line", "SF-GEARBOX/%").await.len(), 3);

    let line = "[[bom_lines]]\nparent = \"SF-GEARBOX\"\nline = 30\nchild = \"RM-STEEL-COIL\"\nquantity = \"1.25\"\n\
                unit = \"kg\"\noperation = \"SHAFT\"\n";
    let changes = [
        ("number = \"PO-2025-002\"\nplant = \"KOL\"", "number = \"PO-2025-002\"\nplant = \"VSK\""),
        ("plants = [\"KOL\", \"VSK\"]", "plants = [\"VSK\"]"),
        ("plants = [\"KOL\"]\n", "\n"),
        (line, ""),
    ];
    let report = run_with(&test, &changes).await;
    // Two rows of the order, one of P-3001, two of P-1001, one BOM line.
    assert_eq!(report.published.rows, 6, "{report}");
    assert_eq!(live(&test, "order", "po/PO-2025-002%").await, ["po/PO-2025-002@VSK"]);
    assert_eq!(live(&test, "operator", "P-3001%").await, ["P-3001@VSK"]);
    assert_eq!(live(&test, "operator", "P-1001%").await, ["P-1001"]);
    assert_eq!(live(&test, "bom_line", "SF-GEARBOX/%").await.len(), 2);
    // Back again.
    assert_eq!(run_with(&test, &[]).await.published.rows, 6);
}

#[tokio::test]
async fn what_went_on_since_stays() {
    let test = TestDb::new().await;
    run(&test, None).await;
    let cx = saif(&test).await;
    let done: Result<(), DbError> = test
        .db
        .tx(&cx, async |tx| {
            for sql in [
                "update orders set status = 'closed' where number = 'PO-2025-001'",
                "update order_lines set done = 7 where number = 'PO-2025-003'",
                "update number_series set next = 46 where plant_code = 'KOL' and series = 'GRN'",
            ] {
                assert_eq!(sqlx::query(sql).execute(tx.conn()).await?.rows_affected(), 1, "{sql}");
            }
            Ok(())
        })
        .await;
    done.unwrap();
    let report = run(&test, None).await;
    assert_eq!(report.published.rows, 0, "{report}");
    let left: String = test
        .db
        .tx(&cx, async |tx| {
            let sql = "select (select status from orders where type = 'po' and number = 'PO-2025-001') || ' ' || \
                       (select done::text from order_lines where number = 'PO-2025-003') || ' ' || \
                       (select next::text from number_series where plant_code = 'KOL' and series = 'GRN')";
            Ok::<_, DbError>(sqlx::query_scalar(sql).fetch_one(tx.conn()).await?)
        })
        .await
        .unwrap();
    assert_eq!(left, "closed 7.000000 46");
}

/// What somebody changed in the office since is not undone by a file without a word.
#[tokio::test]
async fn what_is_here_with_other_values_is_told_and_written_over_only_when_asked() {
    let test = TestDb::new().await;
    run(&test, None).await;
    let cx = saif(&test).await;
    let done: Result<(), DbError> = test
        .db
        .tx(&cx, async |tx| {
            for sql in [
                "update partners set place = 'moved' where partner = (select min(partner) from partners)",
                "update operators set badge_hash = '\\x07' where operator_id = 'P-1001'",
                "update companies set name = 'Renamed'",
            ] {
                assert!(sqlx::query(sql).execute(tx.conn()).await?.rows_affected() > 0, "{sql}");
            }
            Ok(())
        })
        .await;
    done.unwrap();
    let before = everything(&test, &cx).await;
    let refused = seed(&test.db, CA, &plant_files(), Some(&reference()), None, today(), false).await;
    let Err(SeedErrors::Differing(differing)) = &refused else { panic!("{refused:?}") };
    let told = refused.as_ref().unwrap_err().to_string();
    assert!(differing.iter().any(|one| one.what.starts_with("company ")), "{told}");
    assert!(told.contains("place is \"moved\", in the file"), "{told}");
    assert!(told.contains("operator P-1001: badge_hash is one, in the file another"), "{told}");
    assert!(told.contains("--replace"), "{told}");
    assert_eq!(everything(&test, &cx).await, before, "nothing was written");

    let replaced = seed(&test.db, CA, &plant_files(), Some(&reference()), None, today(), true).await.unwrap();
    assert_eq!(&replaced.replaced, differing);
    assert!(replaced.to_string().contains("written over: operator P-1001"), "{replaced}");
    let again = run(&test, None).await;
    assert_eq!(again.replaced, []);
    // What is new is not in anybody's way, and is not asked about.
    let gone: Result<(), DbError> = test
        .db
        .tx(&cx, async |tx| {
            let sql = "delete from reasons where reason = (select min(reason) from reasons)";
            assert_eq!(sqlx::query(sql).execute(tx.conn()).await?.rows_affected(), 1);
            Ok(())
        })
        .await;
    gone.unwrap();
    assert_eq!(run(&test, None).await.replaced, []);
}

/// Servers run these inside spawned tasks.
#[test]
fn futures_are_send() {
    fn send<T: Send>(_: T) {}
    let options = sqlx::postgres::PgConnectOptions::new_without_pgpass();
    send(async {
        let db = Db::new(options, Default::default());
        let _ = tokio::spawn(async move {
            let seeded = seed(&db, CA, &[], None, None, today(), false).await.is_ok();
            let cx = Cx::system(Uuid::nil());
            let body = serde_json::Value::Null;
            let published = db
                .tx(&cx, async |tx| crate::reference::publish(tx, "item", "A", None, &body, false).await)
                .await;
            seeded && published.is_ok() && redeem_token(&db, "").await.is_ok()
        })
        .await;
    });
}
