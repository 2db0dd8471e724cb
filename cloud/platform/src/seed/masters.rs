//! Writes the rows of a reference file and lists what plants are to be told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::check::Known;
use super::mistake::SeedErrors;
use super::model::{Order, ReferenceFile};
use super::secrets::{badge_hash, hex, pin_hash};
use super::{store, wire};
use crate::audit::{self, Kept};
use crate::db::{DbError, Tx};
use crate::reference::{self, Published, Row, row_id};

/// How many rows of a kind the file has, and how many were new or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// The kind, as in `items`.
    pub what: &'static str,
    /// Rows of the file.
    pub rows: usize,
    /// New or changed among them.
    pub changed: usize,
}

struct Writer<'a> {
    reference: &'a ReferenceFile,
    known: &'a Known,
    counts: Vec<Count>,
    rows: Vec<Row>,
    /// Changes that plants are not told, for the audit.
    unpublished: Vec<Kept>,
}

/// Writes the masters of the transaction's tenant and publishes them.
pub(super) async fn write(
    tx: &mut Tx,
    reference: &ReferenceFile,
    known: &Known,
) -> Result<(Vec<Count>, Published), SeedErrors> {
    let pins = pins(reference, known).await?;
    let mut writer =
        Writer { reference, known, counts: Vec::new(), rows: Vec::new(), unpublished: Vec::new() };
    writer.items(tx).await.map_err(DbError::from)?;
    writer.partners(tx).await.map_err(DbError::from)?;
    writer.orders(tx).await.map_err(DbError::from)?;
    writer.people(tx, &pins).await.map_err(DbError::from)?;
    writer.places_and_reasons(tx).await.map_err(DbError::from)?;
    audit::record_all(tx, &writer.unpublished).await?;
    let published = reference::publish_all(tx, writer.rows).await?;
    Ok((writer.counts, published))
}

/// Hashes of the PINs, by operator. Costs too much for the runtime's own threads.
async fn pins(reference: &ReferenceFile, known: &Known) -> Result<BTreeMap<String, String>, SeedErrors> {
    let existing = |operator: &str| known.operators.iter().find(|k| k.operator == operator)?.pin_hash.clone();
    let wanted: Vec<(String, String, Option<String>)> = reference
        .operators
        .iter()
        .filter_map(|o| Some((o.operator.clone(), o.pin.clone()?, existing(&o.operator))))
        .collect();
    let hashing = tokio::task::spawn_blocking(move || {
        let one = |(operator, pin, old): (String, String, Option<String>)| {
            Ok((operator, pin_hash(&pin, old.as_deref())?))
        };
        wanted.into_iter().map(one).collect()
    });
    hashing.await.map_err(|error| SeedErrors::Pin(error.to_string()))?
}

impl<'a> Writer<'a> {
    fn count(&mut self, what: &'static str, changes: &[bool]) {
        let changed = changes.iter().filter(|changed| **changed).count();
        self.counts.push(Count { what, rows: changes.len(), changed });
    }

    /// The base unit of an item; every item here is known by now.
    fn unit(&self, item: &str) -> &'a str {
        self.known.given.items.get(item).and_then(Option::as_deref).unwrap_or_default()
    }

    fn everywhere(&mut self, kind: &str, base: &str, body: serde_json::Value) {
        self.rows.push(Row {
            kind: kind.to_owned(),
            id: row_id(base, None),
            plant: None,
            body,
            deleted: false,
        });
    }

    /// For these plants and no other; for all when there are none.
    fn at(&mut self, kind: &str, base: &str, plants: &[&str], body: &serde_json::Value) {
        let each = self.known.plants.iter().map(|plant| Some(plant.as_str()));
        for plant in std::iter::once(None).chain(each) {
            let told = plant.map_or(plants.is_empty(), |plant| plants.contains(&plant));
            self.rows.push(Row {
                kind: kind.to_owned(),
                id: row_id(base, plant),
                plant: plant.map(str::to_owned),
                body: body.clone(),
                deleted: !told,
            });
        }
    }

    async fn items(&mut self, tx: &mut Tx) -> Result<(), sqlx::Error> {
        let base = self.reference.items.iter().map(|item| item.base_unit.clone());
        let second = self.reference.items.iter().filter_map(|item| item.second_unit.clone());
        let units: Vec<String> = base.chain(second).collect();
        store::units_ensure(tx, &units).await?;
        let mut changes = Vec::new();
        for item in &self.reference.items {
            changes.push(store::item_upsert(tx, item).await?);
            self.everywhere("item", &item.item, wire::item(item));
        }
        self.count("items", &changes);

        let mut changes = Vec::new();
        let mut parents: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for line in &self.reference.bom_lines {
            changes.push(store::bom_line_upsert(tx, line, self.unit(&line.child)).await?);
            parents.entry(&line.parent).or_default().push(line.line);
            self.everywhere("bom_line", &format!("{}/{}", line.parent, line.line), wire::bom_line(line));
        }
        for (parent, keep) in parents {
            for gone in store::bom_lines_trim(tx, parent, &keep).await? {
                self.rows.push(Row {
                    kind: "bom_line".into(),
                    id: format!("{parent}/{gone}"),
                    plant: None,
                    body: serde_json::Value::Null,
                    deleted: true,
                });
            }
        }
        self.count("BOM lines", &changes);
        Ok(())
    }

    async fn partners(&mut self, tx: &mut Tx) -> Result<(), sqlx::Error> {
        let mut changes = Vec::new();
        for partner in &self.reference.partners {
            let changed = store::partner_upsert(tx, partner).await?;
            if changed {
                self.unpublished.push(Kept {
                    action: "partner.write",
                    subject: format!("partner:{}", partner.code),
                    before: None,
                    after: Some(json!({ "roles": partner.roles, "place": partner.place })),
                });
            }
            changes.push(changed);
        }
        self.count("partners", &changes);
        Ok(())
    }

    async fn orders(&mut self, tx: &mut Tx) -> Result<(), sqlx::Error> {
        let places: BTreeMap<String, String> = store::partners_known(tx)
            .await?
            .into_iter()
            .map(|partner| (partner.code, partner.place))
            .collect();
        let mut changes = Vec::new();
        for order in &self.reference.orders {
            changes.push(self.order(tx, order, &places).await?);
        }
        self.count("orders", &changes);
        Ok(())
    }

    async fn order(
        &mut self,
        tx: &mut Tx,
        order: &Order,
        places: &BTreeMap<String, String>,
    ) -> Result<bool, sqlx::Error> {
        let mut changed = store::order_upsert(tx, order).await?;
        for line in &order.lines {
            changed |= store::order_line_upsert(tx, order, line, self.unit(&line.item)).await?;
        }
        changed |= store::order_lines_trim(tx, order).await?;
        // What is closed was withdrawn by whoever closed it.
        if store::order_status(tx, order.kind, &order.number).await? != "open" {
            return Ok(changed);
        }
        let transfer = order.kind == "transfer";
        let place = places.get(&order.partner).filter(|_| !transfer).map(String::as_str).unwrap_or_default();
        let mut plants = vec![order.plant.as_str()];
        plants.extend(transfer.then_some(order.partner.as_str()));
        let known = self.known;
        let unit = |item: &str| known.given.items.get(item).and_then(Option::as_deref).unwrap_or_default();
        let body = wire::order(order, place, unit);
        self.at("order", &format!("{}/{}", order.kind, order.number), &plants, &body);
        Ok(changed)
    }

    async fn people(&mut self, tx: &mut Tx, pins: &BTreeMap<String, String>) -> Result<(), sqlx::Error> {
        let mut changes = Vec::new();
        for operator in &self.reference.operators {
            let badge = badge_hash(&operator.badge.value);
            let pin = pins.get(&operator.operator).map(String::as_str);
            changes.push(store::operator_upsert(tx, operator, &badge, pin).await?);
            let plants: Vec<&str> = operator.plants.iter().map(String::as_str).collect();
            let body = wire::operator(operator, &hex(&badge), pin);
            self.at("operator", &operator.operator, &plants, &body);
        }
        self.count("operators", &changes);
        Ok(())
    }

    async fn places_and_reasons(&mut self, tx: &mut Tx) -> Result<(), sqlx::Error> {
        for place in &self.reference.locations {
            store::bin_upsert(tx, place).await?;
            self.rows.push(Row {
                kind: "location".into(),
                id: row_id(&place.location, Some(&place.plant)),
                plant: Some(place.plant.clone()),
                body: wire::location(place),
                deleted: false,
            });
        }
        let mut changes = Vec::new();
        for reason in &self.reference.reasons {
            changes.push(store::reason_upsert(tx, reason).await?);
            self.everywhere("reason", &reason.reason, wire::reason(reason));
        }
        self.count("reasons", &changes);
        Ok(())
    }
}

/// What the tenant has in the database, for comparison with the file.
pub(super) async fn known(tx: &mut Tx, plants: BTreeSet<String>) -> Result<Known, DbError> {
    let mut known = Known { tenant: true, plants, ..Known::default() };
    for (item, unit) in store::items_known(tx).await? {
        known.given.items.insert(item, Some(unit));
    }
    for partner in store::partners_known(tx).await? {
        known.given.partners.insert(partner.code, partner.roles);
    }
    known.operators = store::operators_known(tx).await?;
    Ok(known)
}
