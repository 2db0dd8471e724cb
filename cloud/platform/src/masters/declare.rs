//! What a declaration of a master says. All of it is constant: a declaration is
//! data, and a test holds each against its table.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use crate::db::{DbError, Tx};
use crate::i18n::Lang;
use crate::reference;
use crate::web::Permission;

use super::{Row, Wrong};

/// Turns the secrets of a row into what is kept of them; see [`Master::seal`].
pub type Seal = fn(&mut Row, Option<&Row>) -> Result<(), String>;

/// Fills in what somebody left out of a new row; see [`Master::fill`].
pub type Fill = fn(&mut BTreeMap<String, String>);

/// What may be chosen, by code, in a language; see [`Field::offers`].
pub type Offers = fn(Lang) -> Vec<(String, String)>;

/// Judges a text; see [`Field::rule`].
pub type Rule = fn(&str) -> Result<(), Wrong>;

/// Makes of what was given what is kept; see [`Field::tidied`].
pub type Tidy = fn(&str) -> String;

/// Judges a row by itself: the field to mend, and what is wrong; see [`Master::rule`].
pub type RowRule = fn(&Row) -> Option<(&'static str, Wrong)>;

/// Judges rows together with what is there already; see [`Master::judge`].
pub type Judge = for<'a> fn(&'a mut Tx, &'a [Candidate<'a>]) -> Judging<'a>;

/// What a [`Judge`] answers, in time: every mistake of all rows.
pub type Judging<'a> = Pin<Box<dyn Future<Output = Result<Vec<Fault>, DbError>> + Send + 'a>>;

/// A row that is to be written, without a mistake of its own.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// As it is to be.
    pub row: &'a Row,
    /// As it is, where it is there already.
    pub before: Option<&'a Row>,
}

/// What a [`Judge`] found wrong.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The place of the candidate.
    pub at: usize,
    /// The field to mend.
    pub field: &'static str,
    /// What is wrong with it.
    pub wrong: Wrong,
}

/// One master over its table.
#[derive(Debug, Clone, Copy)]
pub struct Master {
    /// In addresses, permissions and texts: `item_categories`. Its text is
    /// `master-item_categories`, what it is for `master-item_categories-lead`.
    pub name: &'static str,
    /// The table, in the schema `public`.
    pub table: &'static str,
    /// The columns that name a row, beside the tenant; never changed once written.
    pub key: &'static [&'static str],
    /// The column that people know a row by.
    pub title: &'static str,
    /// What people see and enter, in this order.
    pub fields: &'static [Field],
    /// Columns that a search looks at, by their beginning, in this order; each
    /// has its `…_search` beside it (`app.searchable`).
    pub search: &'static [&'static str],
    /// Columns by which a list can be narrowed; each leads an index.
    pub filters: &'static [&'static str],
    /// Columns whose values no two rows may share, where they have one.
    pub unique: &'static [&'static str],
    /// Capital and small letters make different codes, as on what a scanner reads. Else a new
    /// code that another one differs from by them alone is refused.
    pub case_counts: bool,
    /// Where the table holds other masters' rows too: which are this one's.
    pub member: Option<Member>,
    /// What uses a row besides the masters that refer to it.
    pub used_in: &'static [Use],
    /// Where the page of all masters shows it.
    pub group: Group,
    /// Who may see, write and delete.
    pub permissions: Permissions,
    /// A row that comes without a key gets one that begins so and says nothing.
    pub opaque_key: Option<&'static str>,
    /// Fills in what somebody left out of a new row, by what they said: the names of what
    /// was chosen by its code.
    pub fill: Option<Fill>,
    /// Judges what fields of one row say together, beyond the table's own checks.
    pub rule: Option<RowRule>,
    /// Turns fields that are secret into what is kept of them. Slow: it runs apart
    /// from the runtime's own threads. Gets the row as it was.
    pub seal: Option<Seal>,
    /// What plants are told of a row.
    pub told: Option<Told>,
    /// Judges what the row alone cannot show: other rows, what was made of it. Runs
    /// under a lock of the table.
    pub judge: Option<Judge>,
    /// An address whose answer stands beside the form and follows what is typed,
    /// with the inputs as its query.
    pub aside: Option<&'static str>,
    /// A page about its rows that the module behind it has.
    pub link: Option<Link>,
}

/// A page of a module about a master's rows.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// About all: `/numbering`.
    pub all: &'static str,
    /// About one, before its key: `/numbering/series/`.
    pub one: &'static str,
    /// The key of the text that leads there.
    pub text: &'static str,
}

impl Master {
    /// What most masters leave as it is.
    pub const NEW: Self = Self {
        name: "",
        table: "",
        key: &[],
        title: "name",
        fields: &[],
        search: &[],
        filters: &[],
        unique: &[],
        case_counts: false,
        member: None,
        used_in: &[],
        group: Group::Items,
        permissions: Permissions {
            view: Permission::read(""),
            edit: Permission::write(""),
            delete: Permission::write(""),
        },
        opaque_key: None,
        fill: None,
        rule: None,
        seal: None,
        told: None,
        judge: None,
        aside: None,
        link: None,
    };

    /// The key of its name in the plural.
    #[must_use]
    pub fn text_key(&self) -> String {
        format!("master-{}", self.name)
    }

    /// As the audit names a row.
    #[must_use]
    pub fn subject(&self, key: &str) -> String {
        format!("{}:{key}", self.name)
    }
}

/// Rows of a shared table are a master's by a member of a list of theirs.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// The list: `roles`.
    pub list: &'static str,
    /// The member: `supplier`.
    pub member: &'static str,
    /// The generated column that says so, which has an index: `is_supplier`.
    pub column: &'static str,
}

/// A table, not a master's, whose rows use a master's.
#[derive(Debug, Clone, Copy)]
pub struct Use {
    /// The table.
    pub table: &'static str,
    /// Its column with the master's key.
    pub column: &'static str,
    /// Its column that names the user to people.
    pub name: &'static str,
    /// SQL about its rows, aliased `u`: which of them count.
    pub when: &'static str,
    /// The key of a text that says what it is, with `$name`.
    pub text: &'static str,
}

/// What plants are told.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// The kind of reference row.
    pub kind: &'static str,
    /// The rows, for a row of the master and the tenant's plants. A row that was
    /// deleted comes with `true`.
    pub rows: fn(&Row, bool, &[String]) -> Vec<reference::Row>,
    /// Ids under which the audit has what was told of a row.
    pub subjects: fn(&Row) -> Vec<String>,
}

/// Where the page of all masters shows one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Items and units.
    Items,
    /// Suppliers, customers, contacts.
    Partners,
    /// Taxes, terms, currencies.
    Money,
    /// Places, machines, people of a plant.
    Plant,
    /// Numbers of documents, fields of one's own.
    Setup,
    /// Companies, departments, cost centres.
    Organisation,
}

impl Group {
    /// All, in order.
    pub const ALL: [Self; 6] =
        [Self::Items, Self::Partners, Self::Plant, Self::Organisation, Self::Money, Self::Setup];

    /// The key of its text.
    #[must_use]
    pub fn text_key(self) -> &'static str {
        match self {
            Self::Items => "masters-group-items",
            Self::Partners => "masters-group-partners",
            Self::Money => "masters-group-money",
            Self::Plant => "masters-group-plant",
            Self::Setup => "masters-group-setup",
            Self::Organisation => "masters-group-organisation",
        }
    }
}

/// The rights of one master; made by `permissions!`.
#[derive(Debug, Clone, Copy)]
pub struct Permissions {
    /// List, look, history, export.
    pub view: Permission,
    /// Create, change, import.
    pub edit: Permission,
    /// Delete and restore.
    pub delete: Permission,
}

impl Permissions {
    /// All three.
    #[must_use]
    pub fn all(&self) -> [Permission; 3] {
        [self.view, self.edit, self.delete]
    }
}

/// The rights of the master of this name. With `admin` an access key needs the
/// highest scope to change anything.
macro_rules! permissions {
    ($name:literal) => {
        $crate::masters::Permissions {
            view: $crate::web::Permission::read(concat!("masters.", $name, ".view")),
            edit: $crate::web::Permission::write(concat!("masters.", $name, ".edit")),
            delete: $crate::web::Permission::write(concat!("masters.", $name, ".delete")),
        }
    };
    (admin $name:literal) => {
        $crate::masters::Permissions {
            view: $crate::web::Permission::read(concat!("masters.", $name, ".view")),
            edit: $crate::web::Permission::admin(concat!("masters.", $name, ".edit")),
            delete: $crate::web::Permission::admin(concat!("masters.", $name, ".delete")),
        }
    };
}
pub(super) use permissions;

/// One field of a master: a column, and what the catalogue cannot say of it.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The column; of a secret, the name under which it is entered.
    pub name: &'static str,
    /// The key of its label, where that is not `field-<name>`.
    pub label: Option<&'static str>,
    /// Lists show it.
    pub listed: bool,
    /// It must be there, though the table would do without.
    pub needed: bool,
    /// The audit says that it changed, and not how.
    pub personal: bool,
    /// Who reads it of a single row is in the audit.
    pub watched: bool,
    /// Only what [`Master::seal`] makes of it is kept, in this column.
    pub secret: Option<&'static str>,
    /// What is kept of it is sealed, and shown by right: in `secret`, with what it
    /// is found by in this column.
    pub sealed: Option<&'static str>,
    /// It holds keys of this master, or `plants`, and has no foreign key.
    pub refers: Option<&'static str>,
    /// Beyond the table's own checks.
    pub rule: Option<Rule>,
    /// Makes of what was given what is kept, before it is judged.
    pub tidy: Option<Tidy>,
    /// A text of several lines.
    pub lines: bool,
    /// The words that may stand here, where the program and not the table knows them.
    pub words: Option<fn() -> Vec<String>>,
    /// What may be chosen, by code, in a language, where the program knows a list of it;
    /// other codes may be typed.
    pub offers: Option<Offers>,
    /// [`Master::fill`] knows it of a new row, so that it may be left out.
    pub filled: bool,
    /// A plant may have its own value of it.
    pub per_plant: bool,
    /// What a plant's own value refers to: a master of places within plants, by its
    /// last key column.
    pub at_plant: Option<&'static str>,
}

impl Field {
    /// A field over the column of this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            label: None,
            listed: false,
            needed: false,
            personal: false,
            watched: false,
            secret: None,
            sealed: None,
            refers: None,
            rule: None,
            tidy: None,
            lines: false,
            words: None,
            offers: None,
            filled: false,
            per_plant: false,
            at_plant: None,
        }
    }

    /// A field that is kept only as what the master's `seal` makes of it.
    #[must_use]
    pub const fn secret(name: &'static str, column: &'static str) -> Self {
        Self { secret: Some(column), ..Self::new(name) }
    }

    /// A sensitive field: kept sealed in the first column, and found by its exact
    /// value through a keyed hash in the second.
    #[must_use]
    pub const fn sensitive(name: &'static str, column: &'static str, index: &'static str) -> Self {
        Self { secret: Some(column), sealed: Some(index), ..Self::new(name) }
    }

    /// Lists show it.
    #[must_use]
    pub const fn listed(self) -> Self {
        Self { listed: true, ..self }
    }

    /// It must be there, though the table would do without.
    #[must_use]
    pub const fn needed(self) -> Self {
        Self { needed: true, ..self }
    }

    /// The audit says that it changed, and not how.
    #[must_use]
    pub const fn personal(self) -> Self {
        Self { personal: true, ..self }
    }

    /// That somebody reads it of a single row is in the audit, once in an hour for each
    /// reader and row. Of a sealed field each look is written down without this.
    #[must_use]
    pub const fn watched(self) -> Self {
        Self { watched: true, ..self }
    }

    /// It holds keys of this master, or of `plants`.
    #[must_use]
    pub const fn refers(self, master: &'static str) -> Self {
        Self { refers: Some(master), ..self }
    }

    /// A rule beyond the table's own checks.
    #[must_use]
    pub const fn rule(self, rule: Rule) -> Self {
        Self { rule: Some(rule), ..self }
    }

    /// What was given becomes this before it is judged and kept: a number that is printed
    /// shorter than it is.
    #[must_use]
    pub const fn tidied(self, tidy: Tidy) -> Self {
        Self { tidy: Some(tidy), ..self }
    }

    /// A plant may have its own value of it: see `docs/adding-a-master.md`.
    #[must_use]
    pub const fn per_plant(self) -> Self {
        Self { per_plant: true, ..self }
    }

    /// As [`Field::per_plant`]; a plant's own value is a row of this master there.
    #[must_use]
    pub const fn at_plant(self, master: &'static str) -> Self {
        Self { at_plant: Some(master), ..self.per_plant() }
    }

    /// One of the words that the program knows.
    #[must_use]
    pub const fn words(self, words: fn() -> Vec<String>) -> Self {
        Self { words: Some(words), ..self }
    }

    /// Codes are offered, by a list that the program knows.
    #[must_use]
    pub const fn offers(self, offers: Offers) -> Self {
        Self { offers: Some(offers), ..self }
    }

    /// The master's `fill` knows it of a new row.
    #[must_use]
    pub const fn filled(self) -> Self {
        Self { filled: true, ..self }
    }

    /// A text of several lines.
    #[must_use]
    pub const fn lines(self) -> Self {
        Self { lines: true, ..self }
    }

    /// Another label than `field-<name>`.
    #[must_use]
    pub const fn label(self, key: &'static str) -> Self {
        Self { label: Some(key), ..self }
    }

    /// The key of its label.
    #[must_use]
    pub fn text_key(&self) -> String {
        self.label.map_or_else(|| format!("field-{}", self.name), str::to_owned)
    }
}
