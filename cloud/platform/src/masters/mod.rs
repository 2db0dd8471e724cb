//! Masters: plain tables that one engine lists, edits, imports and exports from
//! a declaration each.
//!
//! A [`Master`] says what Postgres' catalogue cannot: names, order, which columns
//! are the key, what is personal, what plants are told. Types, lengths, defaults,
//! checks and foreign keys are read from the catalogue, once. Names that go into
//! SQL come from declarations and the catalogue alone, values are always bound.
//!
//! `docs/adding-a-master.md` says how to add one.

mod api;
mod attach;
mod attach_store;
mod audit_store;
mod barcodes;
mod catalog;
mod check;
mod conversions;
mod declare;
mod declared;
mod error;
mod export;
mod extra;
mod history;
mod import;
mod iso4217;
mod item_store;
mod kept;
mod kept_store;
mod kind;
mod list;
mod named;
mod names;
mod operations;
mod pages;
mod places;
mod publish;
mod rules;
mod search;
mod sensitive;
mod service;
mod shape;
mod sheet;
mod store;
#[cfg(test)]
mod tests;
mod twin_store;
mod twins;
mod typed;
mod use_store;
mod variants;
mod watched;
mod write;
mod wrong;

use std::sync::Arc;

use axum::Router;
use tokio::sync::OnceCell;

pub use attach::subjects;
pub use barcodes::{Scanned, scanned};
pub use conversions::converted;
pub use declare::{
    Candidate, Fault, Field, Fill, Group, Judge, Judging, Link, Master, Member, Offers, Permissions, RowRule,
    Use,
};
pub use error::MastersError;
pub use extra::at_plant;
pub use import::{Report, import};
pub(crate) use kept::forget as forget_tried;
pub use list::{ListQuery, Page, Unfit, list};
pub use operations::operations;
pub use search::{SEARCHERS, commands};
pub use sensitive::{SENSITIVE_VIEW, reseal, revealed};
pub use service::{Saved, create, delete, restore, update};
pub use shape::{Column, Shape, Shapes};
pub use sheet::{Format, Sheet};
pub use wrong::{Mistake, Wrong};

use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::i18n::Lang;
use crate::secrets::Secrets;
use crate::web::{AppState, Bodies, Module, NavGroup, NavItem, Permission, Seen};

/// A row: its columns, each in the one JSON form of its kind. Numbers with
/// decimals are texts, days and times of day are ISO texts.
pub type Row = serde_json::Map<String, serde_json::Value>;

/// The text in a column of a row; empty where there is none.
fn text_of<'r>(row: &'r Row, name: &str) -> &'r str {
    row.get(name).and_then(serde_json::Value::as_str).unwrap_or_default()
}

/// See any master at all.
pub const ANY_VIEW: Permission = Permission::read("masters.*.view");

/// The side navigation of masters.
pub const NAV: [NavItem; 1] = [NavItem {
    group: NavGroup::Setup,
    href: "/masters",
    label_key: "nav-masters",
    icon: "masters",
    seen: Seen::With(ANY_VIEW),
}];

/// What the endpoints of all declared masters ask for.
#[must_use]
pub fn permissions() -> Vec<Permission> {
    let all = declared::ALL.iter().flat_map(|master| master.permissions.all());
    all.chain([SENSITIVE_VIEW]).collect()
}

/// The texts of masters: those of the bundles, and one for each permission.
#[must_use]
pub fn texts() -> [(Lang, String); 4] {
    [
        (Lang::En, include_str!("texts/en.ftl")),
        (Lang::Hi, include_str!("texts/hi.ftl")),
        (Lang::Bn, include_str!("texts/bn.ftl")),
        (Lang::Te, include_str!("texts/te.ftl")),
    ]
    .map(|(lang, source)| (lang, format!("{source}\n{}", permission_texts(source))))
}

/// `permission-masters-units-view = …`, made of the master's name and the
/// pattern for the right.
fn permission_texts(source: &str) -> String {
    let pattern = |right: &str| {
        let key = format!("masters-right-{right} = ");
        source.lines().find_map(|line| line.strip_prefix(key.as_str())).unwrap_or("{ $master }")
    };
    let mut out = String::new();
    for master in declared::ALL {
        for permission in master.permissions.all() {
            let right = permission.code.rsplit('.').next().unwrap_or_default();
            let text = pattern(right).replace("$master", &format!("master-{}", master.name));
            out.push_str(&format!("{} = {text}\n", permission.text_key()));
        }
    }
    out
}

/// The engine: every declared master with what the catalogue says of it, read
/// when first asked for.
#[derive(Debug)]
pub struct Engine {
    secrets: Secrets,
    shapes: OnceCell<Arc<Shapes>>,
}

impl Default for Engine {
    fn default() -> Self {
        Self::new(Secrets::none())
    }
}

impl Engine {
    /// An engine that seals sensitive fields by `secrets`.
    #[must_use]
    pub fn new(secrets: Secrets) -> Self {
        Self { secrets, shapes: OnceCell::new() }
    }

    /// The masters.
    ///
    /// # Errors
    /// [`MastersError::Declaration`] when a declaration does not fit its table;
    /// else those of the database.
    pub async fn shapes(&self, db: &Db) -> Result<Arc<Shapes>, MastersError> {
        self.shapes
            .get_or_try_init(|| async {
                Shapes::read(db, declared::ALL, self.secrets.clone()).await.map(Arc::new)
            })
            .await
            .cloned()
    }
}

impl Engine {
    /// The masters as a tenant has them: one with its own fields, and with those of
    /// its plants.
    ///
    /// # Errors
    /// As [`Engine::shapes`]; [`MastersError::NotFound`] when there is no such master.
    pub async fn widened(&self, db: &Db, cx: &Cx, name: &str) -> Result<Arc<Shapes>, MastersError> {
        let shapes = self.shapes(db).await?;
        db.tx(cx, async |tx| extra::widened(tx, &shapes, name).await).await
    }
}

/// A master whose rows belong to plants.
#[derive(Debug, Clone, Copy)]
pub struct OfPlants {
    /// Its name, as in addresses.
    pub name: &'static str,
    /// Its table.
    pub table: &'static str,
    key: &'static [&'static str],
    place: &'static str,
}

impl OfPlants {
    /// The key, as addresses have it, of a row at `plant` whose other columns of the key are
    /// all `code`.
    #[must_use]
    pub fn key_of(&self, plant: &str, code: &str) -> String {
        let parts = self.key.iter().map(|column| if *column == self.place { plant } else { code });
        parts.collect::<Vec<_>>().join(":")
    }
}

/// The masters whose rows belong to plants.
///
/// # Errors
/// As [`Engine::shapes`].
pub async fn of_plants(db: &Db) -> Result<Vec<OfPlants>, MastersError> {
    let shapes = Engine::default().shapes(db).await?;
    let of = |shape: &Shape| {
        let Master { name, table, key, .. } = *shape.master;
        Some(OfPlants { name, table, key, place: shape.place?.field() })
    };
    Ok(shapes.iter().filter_map(of).collect())
}

/// Pages and API of all masters.
pub fn router() -> Router<AppState> {
    api::router().merge(pages::router())
}

/// Gives a tenant the units, currencies and tax rates that it begins with, its own
/// currency among them, named in every language; those that are there stay as they are.
///
/// # Errors
/// [`DbError`].
pub async fn begin(tx: &mut Tx, currency: &str) -> Result<(), DbError> {
    store::begin(tx).await?;
    if let Some(currency) = iso4217::find(currency) {
        store::currency_ensure(tx, currency).await?;
    }
    Ok(())
}

pub(crate) use iso4217::plain_amount;

/// Whether it is a currency of ISO 4217.
#[must_use]
pub fn is_currency(code: &str) -> bool {
    iso4217::find(code).is_some()
}

/// What the server has to know of masters.
#[must_use]
pub fn module() -> Module {
    let texts = texts();
    Module::new("masters")
        .routes(router())
        .nav(NAV)
        .permissions(&permissions())
        .texts(texts.each_ref().map(|(lang, text)| (*lang, text.as_str())))
        .searchers(&SEARCHERS)
        .commands(commands())
        .attached(subjects())
        .bodies([("/api/v1/masters/{master}/import", Bodies::UpTo(sheet::MAX_BYTES))])
}
