//! Which rows of a master somebody sees and changes whose rights reach to some
//! plants only. A master with a field `plant` belongs to plants row by row, one with
//! a field that lists plants to several at once; the others are everybody's.

use serde_json::Value;

use super::Row;
use super::shape::{PLANTS, Reference};
use super::{Column, Shape};
use crate::ctx::Plants;

/// How rows of a master belong to plants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// By the code in this column; where it is empty, the row is everybody's.
    One(&'static str),
    /// By the codes in this column; where there are none, the row is everybody's.
    Several(&'static str),
}

impl Place {
    /// The one of a master with these columns and references.
    pub(super) fn of(columns: &[Column], references: &[Reference]) -> Option<Self> {
        let name = columns.iter().map(|column| column.field.name).find(|name| *name == "plant");
        if let Some(name) = name {
            return Some(Self::One(name));
        }
        let several = |name: &str| {
            references.iter().any(|reference| {
                reference.several
                    && reference.target.table == PLANTS
                    && reference.columns.last().is_some_and(|last| last == name)
            })
        };
        columns.iter().map(|column| column.field.name).find(|name| several(name)).map(Self::Several)
    }

    /// The field.
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::One(name) | Self::Several(name) => name,
        }
    }

    /// The plants of a row; none of one that is everybody's.
    fn plants(self, row: &Row) -> Vec<&str> {
        let value = row.get(self.field());
        match self {
            Self::One(_) => {
                value.and_then(Value::as_str).filter(|code| !code.is_empty()).into_iter().collect()
            }
            Self::Several(_) => {
                value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
            }
        }
    }
}

impl Shape {
    /// Whether whoever has the right to look at these plants sees the row.
    pub(super) fn sees(&self, row: &Row, plants: &Plants) -> bool {
        let Some(place) = self.place else { return true };
        let of_row = place.plants(row);
        of_row.is_empty() || of_row.iter().any(|code| plants.has(code))
    }

    /// The field that says of which plants the row is, for the audit; of everybody's none.
    pub(super) fn place_of(&self, row: &Row) -> Option<(String, Value)> {
        let field = self.place?.field();
        Some((field.to_owned(), row.get(field)?.clone()))
    }

    /// Whether whoever has the right to change at these plants may change the row: it
    /// is of these plants alone.
    pub(super) fn owns(&self, row: &Row, plants: &Plants) -> bool {
        if plants.is_all() {
            return true;
        }
        let Some(place) = self.place else { return false };
        let of_row = place.plants(row);
        !of_row.is_empty() && of_row.iter().all(|code| plants.has(code))
    }

    /// Whether rows are everybody's, and fields of them have values of single plants.
    pub(super) fn has_values(&self) -> bool {
        self.place.is_none() && self.columns.iter().any(|column| column.field.per_plant)
    }

    /// Whether whoever has the right to change at these plants may change nothing but the
    /// values of these plants.
    pub(super) fn only_values(&self, plants: &Plants) -> bool {
        self.has_values() && !plants.is_all() && !plants.is_none()
    }

    /// Whether whoever has the right to change at these plants may change something of
    /// the row: all of it, or values of these plants.
    pub(super) fn changes(&self, row: &Row, plants: &Plants) -> bool {
        self.owns(row, plants) || self.only_values(plants)
    }
}
