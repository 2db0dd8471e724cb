//! A declaration together with what the catalogue says of its table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::catalog::{self, Catalog};
use super::kind::{self, Kind, LONGEST_TEXT};
use super::places::Place;
use super::{Field, Master, MastersError, Row};
use crate::db::Db;
use crate::i18n::{Lang, Texts};
use crate::secrets::Secrets;

/// Separates the parts of a key of several columns.
pub(super) const SEPARATOR: char = ':';
/// The organisation's plants, to which masters refer though they are none here.
pub(super) const PLANTS: &str = "plants";
/// Tables of the organisation, to which masters refer though they are none here.
const ORGANISATION: [&str; 2] = ["companies", "plants"];

/// All masters.
#[derive(Debug)]
pub struct Shapes {
    all: Vec<Arc<Shape>>,
}

/// One master, as the engine works with it.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Its declaration.
    pub master: &'static Master,
    /// Its fields, in order.
    pub columns: Vec<Column>,
    /// What its rows refer to.
    pub(super) references: Vec<Reference>,
    /// Which rows refer to its own.
    pub(super) referrers: Vec<Referrer>,
    /// Checks that only the database can judge.
    pub(super) checks: Vec<Check>,
    /// SQL types of all columns of the table.
    pub(super) types: BTreeMap<String, String>,
    /// Columns that are written, beside the tenant.
    pub(super) written: Vec<String>,
    /// Columns that are read.
    pub(super) read: Vec<String>,
    /// How a list can be sorted, the key first.
    pub(super) sorts: Vec<Sort>,
    /// Seals and opens sensitive fields.
    pub(super) secrets: Secrets,
    /// The tenant's own language, in which a row's `name` is.
    pub(super) language: Lang,
    /// How rows belong to plants.
    pub(super) place: Option<Place>,
}

/// One field.
#[derive(Debug, Clone)]
pub struct Column {
    /// By which forms, files and rows have it: `item`, `custom.colour`,
    /// `lead_time_days@KOL`.
    pub name: String,
    /// Where its value lies.
    pub(super) lies: Lies,
    /// What it is called.
    pub(super) label: Label,
    /// Lists show it.
    pub listed: bool,
    /// All of a text must match it.
    pub(super) pattern: Option<regex::Regex>,
    /// As declared.
    pub field: &'static Field,
    /// What it holds.
    pub kind: Kind,
    /// Something must be there.
    pub required: bool,
    /// What is there when nothing is given.
    pub default: Option<Value>,
    /// It is part of the key.
    pub is_key: bool,
}

impl Column {
    /// Somebody has to say it of a new row: it must be there, and nothing fills it in.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.required && !self.field.filled
    }
}

/// Where the value of a field lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lies {
    /// In a column of the master's table.
    Table,
    /// Among the tenant's own fields.
    Own,
    /// Among the values of plants.
    Plant,
}

/// What a field is called.
#[derive(Debug, Clone)]
pub(super) enum Label {
    /// As the texts say.
    Text,
    /// As the tenant says, by language.
    Own(Map<String, Value>),
    /// As the texts say, at this plant.
    At(String),
}

impl Column {
    /// What it is called, in the reader's language.
    #[must_use]
    pub fn said(&self, texts: &Texts) -> String {
        match &self.label {
            Label::Text => texts.t(&self.field.text_key()),
            Label::Own(labels) => kind::name_in(labels, texts.lang),
            Label::At(plant) => format!("{} · {plant}", texts.t(&self.field.text_key())),
        }
    }
}

/// Rows refer to rows of another table by these columns.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    /// Here; the last is the field that names the other row. One that begins with `@`
    /// is not a column but the value itself: the plant of a plant's own value.
    pub columns: Vec<String>,
    pub target: Target,
    /// The field holds several.
    pub several: bool,
}

/// What is referred to.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub table: String,
    pub columns: Vec<String>,
    /// The column by which people know a row.
    pub title: String,
}

/// Rows of another master that refer to this one's.
#[derive(Debug, Clone)]
pub(super) struct Referrer {
    pub master: &'static Master,
    /// Their columns, and this one's that each equals.
    pub pairs: Vec<(String, String)>,
}

/// A check by its name.
#[derive(Debug, Clone)]
pub(super) struct Check {
    pub name: String,
    pub expression: String,
    /// The columns that it is about.
    pub fields: Vec<String>,
}

/// An order of a list that an index has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sort {
    /// The field; empty for the key.
    pub field: String,
    /// The column before the key's.
    pub column: Option<String>,
    /// There is such a column for each language; this is the one of English.
    pub spoken: bool,
}

/// The lower-case copy of a name in a language, along which lists go
/// (`app.keep_names`).
fn spoken(name: &str, lang: Lang) -> String {
    format!("{name}_{}_search", lang.code())
}

impl Sort {
    /// The column, for a reader of this language.
    pub(super) fn column_in(&self, lang: Lang) -> Option<String> {
        if self.spoken { Some(spoken(&self.field, lang)) } else { self.column.clone() }
    }
}

impl Shapes {
    /// Holds each declaration against its table.
    pub(super) async fn read(
        db: &Db,
        masters: &'static [Master],
        secrets: Secrets,
    ) -> Result<Self, MastersError> {
        let mut tables: BTreeSet<&str> = masters.iter().map(|master| master.table).collect();
        tables.extend(ORGANISATION);
        let tables: Vec<&str> = tables.into_iter().collect();
        let catalog =
            db.system_tx(async |tx| Catalog::read(tx, &tables).await.map_err(MastersError::from)).await?;
        let mut all = Vec::new();
        for master in masters {
            all.push(shape(master, masters, &catalog, &secrets)?);
        }
        let referrers: Vec<Vec<Referrer>> = all.iter().map(|shape| referrers(shape, &all)).collect();
        for (shape, referrers) in all.iter_mut().zip(referrers) {
            shape.referrers = referrers;
        }
        Ok(Self { all: all.into_iter().map(Arc::new).collect() })
    }

    /// The same, with this shape in the place of the one of its master.
    pub(super) fn with(&self, shape: Shape) -> Self {
        let mut all = self.all.clone();
        if let Some(old) = all.iter_mut().find(|old| old.master.name == shape.master.name) {
            *old = Arc::new(shape);
        }
        Self { all }
    }

    /// All, as declared.
    pub fn iter(&self) -> impl Iterator<Item = &Shape> {
        self.all.iter().map(Arc::as_ref)
    }

    /// The master of this name.
    ///
    /// # Errors
    /// [`MastersError::NotFound`].
    pub fn find(&self, name: &str) -> Result<&Shape, MastersError> {
        self.iter().find(|shape| shape.master.name == name).ok_or(MastersError::NotFound)
    }
}

impl Shape {
    /// The field of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The same with more fields, which lie beside the table.
    pub(super) fn wider(&self, columns: Vec<Column>, references: Vec<Reference>) -> Self {
        let mut wider = self.clone();
        wider.columns.extend(columns);
        wider.references.extend(references);
        wider
    }

    /// Whether it has fields beside its table.
    pub(super) fn is_wider(&self) -> bool {
        self.columns.iter().any(|column| column.lies != Lies::Table)
    }

    /// The key of a row, as addresses and the audit have it.
    #[must_use]
    pub fn key_of(&self, row: &Row) -> String {
        let parts = self.master.key.iter().map(|name| row.get(*name).map(Kind::plain).unwrap_or_default());
        parts.collect::<Vec<_>>().join(":")
    }

    /// A key as values of its columns; `None` when it cannot be one.
    pub(super) fn key_parts(&self, key: &str) -> Option<Vec<String>> {
        let count = self.master.key.len();
        let parts: Vec<&str> = if count == 1 { vec![key] } else { key.split(SEPARATOR).collect() };
        if parts.len() != count {
            return None;
        }
        let read = |(name, part): (&&str, &str)| match self.column(name)?.kind.read(part) {
            Ok(Value::Null) => Some(String::new()),
            Ok(value) => Some(Kind::plain(&value)),
            Err(_) => None,
        };
        self.master.key.iter().zip(parts).map(read).collect()
    }

    /// The name of a row, in the tenant's own language.
    #[must_use]
    pub fn title_of(&self, row: &Row) -> String {
        row.get(self.master.title).map(Kind::plain).unwrap_or_default()
    }

    /// The field with the row's name in each language, where the master has one.
    pub(super) fn names(&self) -> Option<&Column> {
        let has = self.master.title == "name" && self.types.contains_key(&spoken("name", Lang::En));
        self.columns.iter().find(|column| has && column.kind == Kind::Names && column.lies == Lies::Table)
    }

    /// Whether the name in the tenant's language is a field of its own, with the
    /// other languages beside it.
    pub(super) fn names_itself(&self) -> bool {
        self.column(self.master.title).is_some()
    }

    /// Whether the field has the languages beside a name that is a field of its own.
    pub(super) fn is_beside(&self, column: &Column) -> bool {
        self.names_itself() && self.names().is_some_and(|names| names.name == column.name)
    }

    /// The name of a row as a reader of this language knows it: else in the tenant's
    /// language.
    #[must_use]
    pub fn name_of(&self, row: &Row, lang: Lang) -> String {
        let names = self.names().and_then(|column| row.get(&column.name));
        let said = names.and_then(|names| names.get(lang.code())).map(Kind::plain);
        said.filter(|said| !said.is_empty()).unwrap_or_else(|| self.title_of(row))
    }

    /// What a list shows of a field.
    pub(super) fn said(&self, column: &Column, row: &Row, texts: &Texts) -> String {
        let names = self.names().is_some_and(|names| names.name == column.name);
        if names || self.in_languages(column) {
            return self.name_of(row, texts.lang);
        }
        row.get(&column.name).map(|value| column.kind.show(value, texts)).unwrap_or_default()
    }

    /// Whether the field is a name with others by language beside it, of which any one is
    /// enough.
    pub(super) fn in_languages(&self, column: &Column) -> bool {
        self.is_title(column) && self.names().is_some()
    }

    fn is_title(&self, column: &Column) -> bool {
        column.lies == Lies::Table && column.name == self.master.title
    }

    /// The languages in which a form asks for a field of several, the tenant's own
    /// first; without it where the name is a field of its own.
    pub(super) fn languages(&self, column: &Column) -> Vec<Lang> {
        let own = std::iter::once(self.language).filter(|_| !self.is_beside(column));
        own.chain(Lang::ALL.into_iter().filter(|lang| *lang != self.language)).collect()
    }

    /// The columns along which a search for a field goes, for a reader of this
    /// language: of a name one for each language, the reader's first.
    pub(super) fn searched(&self, field: &str, lang: Lang) -> Vec<String> {
        if !self.types.contains_key(&spoken(field, Lang::En)) {
            return vec![format!("{field}_search")];
        }
        let others = Lang::ALL.into_iter().filter(|other| *other != lang);
        std::iter::once(lang).chain(others).map(|lang| spoken(field, lang)).collect()
    }

    /// Whether a row of the table is one of this master's.
    pub(super) fn holds(&self, row: &Row) -> bool {
        self.master.member.is_none_or(|member| {
            let list = row.get(member.list).and_then(Value::as_array);
            list.is_some_and(|list| list.iter().any(|held| held == member.member))
        })
    }

    /// The type of a column, for a cast.
    pub(super) fn type_of(&self, column: &str) -> &str {
        self.types.get(column).map_or("text", String::as_str)
    }

    /// What the field refers to.
    pub(super) fn reference_of(&self, field: &str) -> Option<&Reference> {
        self.references.iter().find(|reference| reference.columns.last().is_some_and(|last| last == field))
    }

    /// Whether a list can be sorted by the field.
    #[must_use]
    pub fn sorts_by(&self, field: &str) -> bool {
        let key = self.master.key.first().is_some_and(|first| *first == field);
        key || self.sorts.iter().any(|sort| sort.field == field)
    }
}

fn wrong(master: &Master, what: impl std::fmt::Display) -> MastersError {
    MastersError::Declaration(format!("{}: {what}", master.name))
}

fn shape(
    master: &'static Master,
    masters: &[Master],
    catalog: &Catalog,
    secrets: &Secrets,
) -> Result<Shape, MastersError> {
    let of_table: Vec<&catalog::Column> =
        catalog.columns.iter().filter(|column| column.table_name == master.table).collect();
    if of_table.is_empty() {
        return Err(wrong(master, format!("there is no table {}", master.table)));
    }
    let types: BTreeMap<String, String> =
        of_table.iter().map(|column| (column.name.clone(), column.type_name.clone())).collect();
    let named =
        [&["version", "deleted_at", "updated_at", "updated_by", master.title][..], master.key].concat();
    for name in named {
        if !types.contains_key(name) {
            return Err(wrong(master, format!("the table {} has no column {name}", master.table)));
        }
    }
    let checks: Vec<&catalog::Check> =
        catalog.checks.iter().filter(|check| check.table_name == master.table).collect();
    let columns: Result<Vec<Column>, MastersError> =
        master.fields.iter().map(|field| column(master, field, &of_table, &checks)).collect();
    let columns = columns?;
    let generated = |name: &str| of_table.iter().any(|column| column.name == name && column.generated);
    let mut written: Vec<String> = Vec::new();
    for field in master.fields {
        let column = field.secret.unwrap_or(field.name);
        if !generated(column) {
            written.push(column.to_owned());
        }
        written.extend(field.sealed.map(str::to_owned));
    }
    if !generated(master.title) && !written.iter().any(|name| name == master.title) {
        written.push(master.title.to_owned());
    }
    for key in master.key {
        if !columns.iter().any(|column| column.is_key && column.name == *key) {
            return Err(wrong(master, format!("its key column {key} is no field")));
        }
    }
    let mut read = written.clone();
    read.extend(columns.iter().filter(|c| c.field.secret.is_none()).map(|c| c.name.clone()));
    read.push(master.title.to_owned());
    let once: BTreeSet<String> = read.into_iter().collect();
    let judged = checks.iter().filter(|check| match check.columns.as_slice() {
        [one] => catalog::rules(&check.expression, one).more,
        _ => true,
    });
    let judged = judged.map(|check| Check {
        name: check.name.clone(),
        expression: check.expression.clone(),
        fields: check.columns.clone(),
    });
    let references = references(master, masters, catalog)?;
    let shape = Shape {
        master,
        place: Place::of(&columns, &references),
        references,
        referrers: Vec::new(),
        checks: judged.collect(),
        types,
        written,
        read: once.into_iter().collect(),
        sorts: sorts(master, catalog),
        secrets: secrets.clone(),
        language: Lang::En,
        columns,
    };
    check_indexes(&shape, catalog)?;
    Ok(shape)
}

fn column(
    master: &Master,
    field: &'static Field,
    of_table: &[&catalog::Column],
    checks: &[&catalog::Check],
) -> Result<Column, MastersError> {
    let name = field.secret.unwrap_or(field.name);
    let found = of_table.iter().find(|column| column.name == name);
    let found = found.ok_or_else(|| wrong(master, format!("the table has no column {name}")))?;
    let mut rules = catalog::Rules::default();
    for check in checks.iter().filter(|check| check.columns == [name]) {
        let one = catalog::rules(&check.expression, name);
        rules.longest = rules.longest.or(one.longest);
        rules.range.least = rules.range.least.or(one.range.least);
        rules.range.most = rules.range.most.or(one.range.most);
        if rules.choices.is_empty() {
            rules.choices = one.choices;
        }
    }
    let kind = if field.secret.is_some() {
        Kind::Secret
    } else {
        kind(&found.type_name, field, rules).ok_or_else(|| {
            wrong(master, format!("{name} is of type {}, which masters have not", found.type_name))
        })?
    };
    let default = found.default_text.as_deref().filter(|_| !found.generated).and_then(catalog::default);
    Ok(Column {
        name: field.name.to_owned(),
        field,
        lies: Lies::Table,
        label: Label::Text,
        listed: field.listed,
        pattern: None,
        kind,
        required: field.needed || (found.required && default.is_none()),
        default,
        is_key: master.key.contains(&field.name),
    })
}

fn kind(type_name: &str, field: &Field, rules: catalog::Rules) -> Option<Kind> {
    Some(match type_name {
        "text" if field.words.is_some() => Kind::Choice(field.words.map(|words| words()).unwrap_or_default()),
        "text" if !rules.choices.is_empty() => Kind::Choice(rules.choices),
        "text" => Kind::Text { longest: rules.longest.unwrap_or(LONGEST_TEXT), lines: field.lines },
        "smallint" | "integer" => Kind::Whole(rules.range),
        "boolean" => Kind::Flag,
        "date" => Kind::Date,
        "time without time zone" => Kind::Time,
        "text[]" => Kind::Codes(rules.choices),
        "jsonb" => Kind::Names,
        numeric => {
            let (digits, scale) = numeric.strip_prefix("numeric(")?.strip_suffix(')')?.split_once(',')?;
            let (digits, scale): (u32, u32) = (digits.parse().ok()?, scale.parse().ok()?);
            Kind::Decimal { whole: digits.checked_sub(scale)?, scale, range: rules.range }
        }
    })
}

/// Foreign keys whose last column is a field, and what the declaration adds.
fn references(
    master: &'static Master,
    masters: &[Master],
    catalog: &Catalog,
) -> Result<Vec<Reference>, MastersError> {
    let title = |table: &str| {
        masters.iter().find(|master| master.table == table).map_or("name", |master| master.title).to_owned()
    };
    let mut found = Vec::new();
    for key in catalog.foreign_keys.iter().filter(|key| key.table_name == master.table) {
        let known = ORGANISATION.contains(&key.target.as_str())
            || masters.iter().any(|master| master.table == key.target);
        let named =
            key.columns.last().is_some_and(|last| master.fields.iter().any(|field| field.name == last));
        if known && named {
            let target = Target {
                table: key.target.clone(),
                columns: key.target_columns.clone(),
                title: title(&key.target),
            };
            found.push(Reference { columns: key.columns.clone(), target, several: false });
        }
    }
    for field in master.fields {
        let Some(to) = field.refers else { continue };
        let target = if ORGANISATION.contains(&to) {
            Target { table: to.into(), columns: vec!["code".into()], title: "name".into() }
        } else {
            let other = masters.iter().find(|master| master.name == to && master.key.len() == 1);
            let other =
                other.ok_or_else(|| wrong(master, format!("{} refers to no master {to}", field.name)))?;
            Target {
                table: other.table.to_owned(),
                columns: other.key.iter().map(|key| (*key).to_owned()).collect(),
                title: other.title.to_owned(),
            }
        };
        let types = catalog.columns.iter().find(|c| c.table_name == master.table && c.name == field.name);
        let several = types.is_some_and(|column| column.type_name == "text[]");
        found.push(Reference { columns: vec![field.name.to_owned()], target, several });
    }
    Ok(found)
}

/// Rows of other masters over which this one's may not vanish.
fn referrers(shape: &Shape, all: &[Shape]) -> Vec<Referrer> {
    let mut found: Vec<Referrer> = Vec::new();
    for other in all {
        let first = |referrer: &&Shape| !found.iter().any(|f| f.master.table == referrer.master.table);
        if Some(other).filter(first).is_none() {
            continue;
        }
        let mut here = Vec::new();
        for reference in &other.references {
            if reference.target.table == shape.master.table && !reference.several {
                let pairs = reference.columns.iter().cloned().zip(reference.target.columns.iter().cloned());
                here.push(Referrer { master: other.master, pairs: pairs.collect() });
            }
        }
        found.extend(here);
    }
    found
}

/// The orders that an index has: a column or its lower-case form, then the key.
fn sorts(master: &Master, catalog: &Catalog) -> Vec<Sort> {
    let mut sorts = vec![Sort { field: String::new(), column: None, spoken: false }];
    let has = |column: &str| {
        let wanted: Vec<&str> = std::iter::once(column).chain(master.key.iter().copied()).collect();
        let mut of_table = catalog.indexes.iter().filter(|i| i.table_name == master.table && !i.partial);
        of_table.any(|index| index.columns == wanted)
    };
    let names = master.fields.iter().map(|field| field.name).chain([master.title]);
    for name in names.filter(|name| master.key.first() != Some(name)) {
        let search = format!("{name}_search");
        let english = spoken(name, Lang::En);
        // A page goes on after a value: there must be one in every row.
        let always = |column: &str| {
            catalog.columns.iter().any(|c| c.table_name == master.table && c.name == column && c.required)
        };
        let column = [english.clone(), search, name.to_owned()]
            .into_iter()
            .find(|column| has(column) && always(column));
        if let Some(column) = column
            && !sorts.iter().any(|sort| sort.field == name)
        {
            let spoken = column == english;
            sorts.push(Sort { field: name.to_owned(), column: Some(column), spoken });
        }
    }
    sorts
}

/// What is searched and filtered has an index, so that lists stay flat.
fn check_indexes(shape: &Shape, catalog: &Catalog) -> Result<(), MastersError> {
    let master = shape.master;
    let leads = |column: &str| {
        let mut of_table = catalog.indexes.iter().filter(|i| i.table_name == master.table && !i.partial);
        of_table.any(|index| index.columns.first().is_some_and(|first| first == column))
    };
    let searched = master.search.iter().flat_map(|name| shape.searched(name, Lang::En));
    let filtered = master.filters.iter().map(|name| (*name).to_owned());
    let member = master.member.iter().map(|member| member.column.to_owned());
    for column in searched.chain(filtered).chain(member) {
        if !leads(&column) {
            let table = master.table;
            let wants = format!("create index {table}_{column} on {table} (tenant_id, {column}, …)");
            return Err(wrong(master, format!("no index begins with (tenant_id, {column}): {wants}")));
        }
    }
    Ok(())
}
