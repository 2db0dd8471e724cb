//! Lists: every row once, in order, searched and narrowed, along an index under
//! row-level security.

use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::super::list::Lane;
use super::super::store::page_sql;
use super::*;
use crate::ctx::Plants;

async fn many(office: &Office, count: i32) {
    let rows = format!(
        "insert into items (tenant_id, item, name, names, type_code, base_unit, tracking, gtin)
         select app.tenant(), 'IT-' || lpad(n::text, 6, '0'), 'Part ' || md5(n::text), '{{\"en\": \"Part\"}}',
                (array['RM', 'SF', 'FG'])[1 + n % 3], 'pcs', (array['unit', 'lot', 'none'])[1 + n % 3], null
         from generate_series(1, {count}) n"
    );
    let done: Result<(), DbError> = office
        .test
        .db
        .tx(&office.cx, async |tx| {
            sqlx::query(AssertSqlSafe(rows)).execute(tx.conn()).await?;
            Ok(())
        })
        .await;
    done.unwrap();
}

async fn walk(office: &Office, master: &str, mut query: ListQuery) -> Vec<String> {
    let shape = office.shape(master);
    let mut keys = Vec::new();
    loop {
        let page: Result<_, MastersError> =
            office.test.db.tx(&office.cx, async |tx| list(tx, shape, &query).await).await;
        let page = page.unwrap();
        keys.extend(page.rows.iter().map(|row| shape.key_of(&row.row)));
        match page.next {
            Some(next) => query.after = next,
            None => return keys,
        }
    }
}

fn read(office: &Office, master: &str, pairs: &[(&str, &str)]) -> Result<ListQuery, MastersError> {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    ListQuery::read(office.shape(master), pairs)
}

#[tokio::test]
async fn every_row_comes_once_in_the_order_asked_for() {
    let office = Office::new().await;
    many(&office, 230).await;
    let by = |pairs: &[(&str, &str)]| read(&office, "items", pairs).unwrap();
    let all = walk(&office, "items", by(&[("limit", "37")])).await;
    assert_eq!(all.len(), 230);
    assert!(all.is_sorted(), "by key");
    let mut back = walk(&office, "items", by(&[("limit", "37"), ("sort", "-item")])).await;
    back.reverse();
    assert_eq!(back, all);
    let named = walk(&office, "items", by(&[("limit", "37"), ("sort", "name")])).await;
    let mut sorted = named.clone();
    sorted.sort();
    assert_eq!(sorted, all, "each once, by name");
    let lots = walk(&office, "items", by(&[("limit", "37"), ("tracking", "lot"), ("sort", "-name")])).await;
    assert!(lots.len() > 70 && lots.len() < 80, "{}", lots.len());

    // A search finds by the beginning of code or name, in any case, each row once.
    assert_eq!(walk(&office, "items", by(&[("q", "it-00012"), ("limit", "3")])).await.len(), 10);
    let parts = walk(&office, "items", by(&[("q", "PART 1"), ("limit", "3")])).await;
    assert!(!parts.is_empty() && parts.len() < 60, "{}", parts.len());
    office.create("items", &[&ITEM[1..], &[("item", "part-1")]].concat()).await.unwrap();
    let both = walk(&office, "items", by(&[("q", "part"), ("limit", "50")])).await;
    assert_eq!((both.len(), both.first().map(String::as_str)), (231, Some("part-1")), "codes first");
    assert!(walk(&office, "items", by(&[("q", "%")])).await.is_empty());

    for wrong in [("sort", "description"), ("colour", "red"), ("limit", "x"), ("deleted", "1")] {
        let read = read(&office, "items", &[wrong]);
        assert!(matches!(read, Err(MastersError::Parameter(_) | MastersError::Unknown { .. })), "{wrong:?}");
    }
    assert!(matches!(read(&office, "items", &[("tracking", "batch")]), Err(MastersError::Filter(_))));
    for wrong in ["0", "501"] {
        let read = read(&office, "items", &[("limit", wrong)]);
        assert!(matches!(read, Err(MastersError::Limit(500))), "{wrong}");
    }
    // Whoever mistypes a name is told which, and what there is.
    for name in ["foo", "custom.none", "custom.none.from"] {
        let Err(MastersError::Unknown { name: told, known }) = read(&office, "items", &[(name, "1")]) else {
            panic!("{name} was taken")
        };
        assert_eq!(told, name);
        assert!(known.contains(&"q".to_owned()) && known.contains(&"tracking".to_owned()), "{known:?}");
        let said = MastersError::Unknown { name: told, known }.problem(&english()).detail;
        assert!(said.contains(name) && said.contains("tracking"), "{said}");
    }
    for after in ["nonsense", "WzAsbnVsbCxbIkEiLCJCIl1d", "WzAsbnVsbCxbIkFcdTAwMDAiXV0"] {
        let query = read(&office, "items", &[("after", after)]);
        assert!(matches!(query, Err(MastersError::Parameter("after"))), "{after}");
    }
    for name in ["after", "sort"] {
        let told = MastersError::Parameter(name).problem(&english());
        assert_eq!((told.status.as_u16(), told.code.as_ref()), (400, "query.parameter"), "{name}");
        assert_eq!(told.errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), [name]);
    }
}

#[tokio::test]
async fn lists_go_along_an_index_under_row_level_security() {
    let office = Office::new().await;
    let other = office.test.tenant("OTHR", &["KOL"]).await;
    many(&office, 30_000).await;
    let fill = format!(
        "insert into items (tenant_id, item, name, type_code, base_unit, tracking)
         select '{other}', 'IT-' || n, 'Other ' || n, 'RM', 'pcs', 'lot' from generate_series(1, 30000) n;
         analyze items"
    );
    for (tenant, sql) in [(other, fill), (office.tenant, "analyze items".to_owned())] {
        let mut owner = office.test.owner_of(tenant).await.connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut owner).await.unwrap();
        owner.close().await.unwrap();
    }

    let items = office.shape("items");
    let cases = [
        &[][..],
        &[("sort", "-item")],
        &[("deleted", "true")],
        &[("sort", "name")],
        &[("sort", "-name")],
        &[("category", "NONE")],
        &[("tracking", "lot")],
        &[("type_code", "FG")],
    ];
    let mut statements = Vec::new();
    let languages = Lang::ALL.into_iter().flat_map(|lang| cases.map(|pairs| (pairs, lang)));
    for (pairs, lang) in languages {
        let query = ListQuery { lang, ..read(&office, "items", pairs).unwrap() };
        let page: Result<_, MastersError> =
            office.test.db.tx(&office.cx, async |tx| list(tx, items, &query).await).await;
        let next = page.unwrap().next;
        for lane in super::super::list::lanes(office.tenant, items, &query).unwrap() {
            statements.push((pairs, page_sql(items, &query, &lane, None, 51, &Plants::All)));
            if let Some(next) = &next {
                let place = super::super::list::Place::read(items, next).unwrap();
                statements.push((pairs, page_sql(items, &query, &lane, Some(&place), 51, &Plants::All)));
            }
        }
    }
    for search in ["it-0001", "part a", "nothing at all", "గేర్"] {
        let query = read(&office, "items", &[("q", search)]).unwrap();
        let lanes: Vec<Lane> = super::super::list::lanes(office.tenant, items, &query).unwrap();
        assert_eq!(lanes.len(), 5, "the code, and the name in each language");
        statements.extend(
            lanes.iter().map(|lane| (&[][..], page_sql(items, &query, lane, None, 51, &Plants::All))),
        );
    }
    for (pairs, (sql, bound)) in statements {
        let tenant = office.tenant;
        let plan: Result<Vec<String>, DbError> = office
            .test
            .db
            .tx(&office.cx, async |tx| {
                sqlx::query("set local plan_cache_mode = force_custom_plan").execute(tx.conn()).await?;
                let explain = format!("explain (costs off) {sql}");
                let mut statement = sqlx::query_scalar(AssertSqlSafe(explain)).bind(tenant);
                for value in bound {
                    statement = statement.bind(value);
                }
                Ok(statement.fetch_all(tx.conn()).await?)
            })
            .await;
        let plan = plan.unwrap().join("\n");
        assert!(plan.contains("Index Cond"), "{pairs:?}\n{sql}\n{plan}");
        for slow in ["Seq Scan", "Sort"] {
            assert!(!plan.contains(slow), "{pairs:?}: {slow}\n{sql}\n{plan}");
        }
    }
}

#[tokio::test]
async fn another_tenant_sees_and_changes_nothing() {
    let office = Office::new().await;
    let other = office.test.tenant("OTHR", &["KOL"]).await;
    let stranger = Cx::new(other, "user:stranger");
    let db = &office.test.db;
    office.create("items", ITEM).await.unwrap();
    office.create("item_categories", &[("category", "FAST"), ("name", "Fasteners")]).await.unwrap();
    let items = office.shape("items");
    let seen: Result<_, MastersError> =
        db.tx(&stranger, async |tx| list(tx, items, &ListQuery::default()).await).await;
    assert!(seen.unwrap().rows.is_empty());
    let update = super::super::update(db, &stranger, items, "BOLT-M6", 1, cells(&[("hsn", "7318")])).await;
    assert!(matches!(update, Err(MastersError::NotFound)), "{update:?}");
    let gone = super::super::delete(db, &stranger, &office.shapes, items, "BOLT-M6", None).await;
    assert!(matches!(gone, Err(MastersError::NotFound)), "{gone:?}");
    // The same code is free there, and what the other has cannot be referred to.
    let given = cells(&[ITEM, &[("category", "FAST")]].concat());
    assert_eq!(fields(create(db, &stranger, items, given).await), [pair("category", "missing")]);
    create(db, &stranger, items, cells(ITEM)).await.unwrap();
    assert_eq!(office.find("items", "BOLT-M6").await.version, 1);
    let row = office.find("items", "BOLT-M6").await.row;
    let told = db
        .tx(&stranger, async |tx| {
            super::super::history::history(tx, items, "BOLT-M6", &row, &english()).await
        })
        .await
        .unwrap();
    assert_eq!(told.len(), 1, "its own creation alone");
}
