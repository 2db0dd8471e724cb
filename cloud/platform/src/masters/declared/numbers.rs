//! Series of document numbers.

use super::super::declare::{Link, permissions};
use super::super::{Field, Group, Master, rules};
use crate::numbering;

/// How the documents of a company are numbered.
pub(super) const DOCUMENT_SERIES: Master = Master {
    name: "document_series",
    table: "document_series",
    key: &["series"],
    fields: &[
        Field::new("series").listed().rule(rules::code),
        Field::new("name").listed(),
        Field::new("names"),
        Field::new("kind").listed().words(numbering::codes).label("field-document_kind"),
        Field::new("company").listed(),
        Field::new("gstin").listed().rule(rules::gstin),
        Field::new("plant").listed(),
        Field::new("pattern").listed(),
        Field::new("width").label("field-sequence_width"),
        Field::new("starts_at"),
        Field::new("reset").listed(),
        Field::new("year_starts"),
        Field::new("gap_free").listed(),
        Field::new("gst_rule"),
        Field::new("automatic"),
        Field::new("station_series"),
        Field::new("station_block"),
    ],
    search: &["series", "name"],
    filters: &["kind", "company"],
    group: Group::Setup,
    permissions: permissions!("document_series"),
    judge: Some(numbering::judge),
    aside: Some("/numbering/preview"),
    link: Some(Link { all: "/numbering", one: "/numbering/series/", text: "numbering-title" }),
    ..Master::NEW
};
