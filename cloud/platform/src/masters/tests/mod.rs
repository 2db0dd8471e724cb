//! The engine over a real Postgres.

mod currencies;
mod declared;
mod extra;
mod files;
mod killed;
mod lists;
mod names;
mod places;
mod rights;
mod row;
mod sensitive;
mod told;
mod twins;

use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::check::Cells;
use super::{Engine, ListQuery, MastersError, Saved, Shape, Shapes, create, list, service};
use crate::ctx::Cx;
use crate::db::{DbError, Tx};
use crate::i18n::{I18n, Lang, Texts};
use crate::secrets::Secrets;
use crate::testing::TestDb;

/// A tenant with plants KOL and VSK.
struct Office {
    test: TestDb,
    tenant: Uuid,
    cx: Cx,
    shapes: Arc<Shapes>,
}

impl Office {
    async fn new() -> Self {
        let test = TestDb::new().await;
        let tenant = test.tenant("SAIF", &["KOL", "VSK"]).await;
        let shapes = Engine::new(Secrets::passing().unwrap()).shapes(&test.db).await.unwrap();
        Self { cx: Cx::new(tenant, "user:tests"), test, tenant, shapes }
    }

    fn shape(&self, name: &str) -> &Shape {
        self.shapes.find(name).unwrap()
    }

    async fn create(&self, master: &str, given: &[(&str, &str)]) -> Result<Saved, MastersError> {
        create(&self.test.db, &self.cx, self.shape(master), cells(given)).await
    }

    async fn find(&self, master: &str, key: &str) -> super::store::Stored {
        let shape = self.shape(master);
        let found: Result<_, MastersError> =
            self.test.db.tx(&self.cx, async |tx| service::find(tx, shape, key, false).await).await;
        found.unwrap()
    }

    async fn keys(&self, master: &str, query: &ListQuery) -> Vec<String> {
        let shape = self.shape(master);
        let page: Result<_, MastersError> =
            self.test.db.tx(&self.cx, async |tx| list(tx, shape, query).await).await;
        page.unwrap().rows.iter().map(|row| shape.key_of(&row.row)).collect()
    }

    /// So many items beside, as `X-1`.
    async fn many_items(&self, prefix: &str, count: i32) {
        let made = async |tx: &mut Tx| {
            let sql = "insert into items (tenant_id, item, name, type_code, base_unit, tracking)
                       select app.tenant(), $1::text || '-' || n, 'X', 'RM', 'pcs', 'none'
                       from generate_series(1, $2::int) n";
            sqlx::query(sql).bind(prefix).bind(count).execute(tx.conn()).await?;
            Ok::<_, DbError>(())
        };
        self.test.db.tx(&self.cx, made).await.unwrap();
    }

    /// One value that SQL answers within the tenant.
    async fn value(&self, sql: &'static str) -> Value {
        let asked = async |tx: &mut Tx| {
            let value: Option<Value> = sqlx::query_scalar(sql).fetch_optional(tx.conn()).await?;
            Ok::<_, DbError>(value.unwrap_or_default())
        };
        self.test.db.tx(&self.cx, asked).await.unwrap()
    }
}

fn cells(given: &[(&str, &str)]) -> Cells {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Field and kind of each mistake.
#[track_caller]
fn mistakes<T: std::fmt::Debug>(result: Result<T, MastersError>) -> Vec<(Option<usize>, String, String)> {
    match result {
        Err(MastersError::Mistakes(found)) => {
            found.into_iter().map(|mistake| (mistake.row, mistake.field, mistake.wrong.key)).collect()
        }
        other => panic!("no mistakes: {other:?}"),
    }
}

#[track_caller]
fn fields<T: std::fmt::Debug>(result: Result<T, MastersError>) -> Vec<(String, String)> {
    mistakes(result).into_iter().map(|(_, field, key)| (field, key)).collect()
}

fn pair(field: &str, key: &str) -> (String, String) {
    (field.to_owned(), key.to_owned())
}

fn english() -> Texts {
    let texts = super::texts();
    let all = I18n::new().with_all(texts.each_ref().map(|(lang, text)| (*lang, text.as_str())));
    Texts::new(Arc::new(all), Lang::En)
}

const ITEM: &[(&str, &str)] = &[
    ("item", "BOLT-M6"),
    ("names.en", "Bolt M6"),
    ("type_code", "RM"),
    ("base_unit", "pcs"),
    ("tracking", "lot"),
];
