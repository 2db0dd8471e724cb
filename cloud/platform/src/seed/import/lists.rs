//! The lists of a reference file, and their columns as a spreadsheet has them.

/// What stands in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text, a code, a day, a time, a decimal number.
    Text,
    /// A whole number, or true or false.
    Bare,
    /// Several codes with `;` between them.
    Codes,
    /// Of an order's line; an order has a row for each of its lines.
    LineText,
    /// A whole number of an order's line.
    LineBare,
}

/// A list of a reference file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct List(&'static Layout);

/// Name and columns; a point in a column's name stands for a table.
#[derive(PartialEq, Eq)]
struct Layout {
    name: &'static str,
    columns: &'static [(&'static str, Kind)],
}

const LAYOUTS: [Layout; 11] = {
    use Kind::{Bare, Codes, LineBare, LineText, Text};
    [
        Layout {
            name: "items",
            columns: &[
                ("item", Text),
                ("names.en", Text),
                ("names.hi", Text),
                ("names.bn", Text),
                ("names.te", Text),
                ("type", Text),
                ("base_unit", Text),
                ("second_unit", Text),
                ("tracking", Text),
                ("gtin", Text),
                ("shelf_life_days", Bare),
                ("inspect", Bare),
            ],
        },
        Layout {
            name: "bom_lines",
            columns: &[
                ("parent", Text),
                ("line", Bare),
                ("child", Text),
                ("quantity", Text),
                ("unit", Text),
                ("operation", Text),
            ],
        },
        Layout { name: "suppliers", columns: &[("code", Text), ("name", Text), ("place", Text)] },
        Layout { name: "customers", columns: &[("code", Text), ("name", Text), ("place", Text)] },
        Layout {
            name: "purchase_orders",
            columns: &[
                ("number", Text),
                ("plant", Text),
                ("supplier", Text),
                ("ordered_at", Text),
                ("due_on", Text),
                ("line", LineBare),
                ("item", LineText),
                ("quantity", LineText),
                ("unit", LineText),
            ],
        },
        Layout {
            name: "work_orders",
            columns: &[
                ("number", Text),
                ("plant", Text),
                ("item", Text),
                ("quantity", Text),
                ("unit", Text),
                ("ordered_at", Text),
                ("due_on", Text),
                ("operations", Codes),
            ],
        },
        Layout {
            name: "transfer_orders",
            columns: &[
                ("number", Text),
                ("from_plant", Text),
                ("to_plant", Text),
                ("ordered_at", Text),
                ("due_on", Text),
                ("line", LineBare),
                ("item", LineText),
                ("quantity", LineText),
                ("unit", LineText),
            ],
        },
        Layout {
            name: "sales_orders",
            columns: &[
                ("number", Text),
                ("plant", Text),
                ("customer", Text),
                ("ordered_at", Text),
                ("due_on", Text),
                ("line", LineBare),
                ("item", LineText),
                ("quantity", LineText),
                ("unit", LineText),
            ],
        },
        Layout {
            name: "operators",
            columns: &[
                ("operator", Text),
                ("name", Text),
                ("badge", Text),
                ("pin", Text),
                ("language", Text),
                ("supervisor", Bare),
                ("plants", Codes),
            ],
        },
        Layout { name: "locations", columns: &[("plant", Text), ("location", Text), ("name", Text)] },
        Layout {
            name: "reasons",
            columns: &[
                ("reason", Text),
                ("purpose", Text),
                ("texts.en", Text),
                ("texts.hi", Text),
                ("texts.bn", Text),
                ("texts.te", Text),
            ],
        },
    ]
};

impl List {
    /// The list of this name, as in `items`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        LAYOUTS.iter().find(|layout| layout.name == name).map(Self)
    }

    /// The names of all lists.
    pub fn names() -> impl Iterator<Item = &'static str> {
        LAYOUTS.iter().map(|layout| layout.name)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Its columns, in the order in which they are told.
    pub(super) fn columns(self) -> &'static [(&'static str, Kind)] {
        self.0.columns
    }

    /// The columns by which consecutive rows are one order; none elsewhere.
    pub(super) fn order_key(self) -> Option<&'static str> {
        self.0.columns.iter().any(|(_, kind)| *kind == Kind::LineBare).then_some("number")
    }
}

impl std::fmt::Debug for List {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name)
    }
}
