//! Sensitive fields: bank accounts, tax numbers. Kept sealed for their tenant,
//! table, field and row; found by their exact value through a keyed hash; shown
//! and taken out by right, each time with a row of the audit.

use serde_json::{Value, json};
use uuid::Uuid;

use super::declared;
use super::shape::{Column, Shape};
use super::store;
use super::{Field, Master, MastersError, Row};
use crate::audit::{self, Entry};
use crate::db::{DbError, Tx};
use crate::secrets::{SecretError, Secrets};
use crate::seed::secrets::hex;
use crate::web::Permission;

/// See what is sealed in masters' rows, and take it out with an export. Its name is
/// not under `masters`, so that `masters.*.view` does not hold it.
pub const SENSITIVE_VIEW: Permission = Permission::admin("sensitive.view");

/// What is entered to take a value away; nothing entered leaves it.
pub(super) const NONE: &str = "-";
/// What stands for a value that is there.
pub(super) const MASK: &str = "••••••";

/// What a value is sealed for, beside the tenant.
fn sealed_for(master: &Master, field: &Field, key: &str) -> String {
    format!("master:{}:{}:{key}", master.table, field.name)
}

/// What values of a field are found by, beside the tenant.
fn found_by(master: &Master, field: &Field) -> String {
    format!("master:{}:{}", master.table, field.name)
}

fn bytea(bytes: &[u8]) -> Value {
    format!("\\x{}", hex(bytes)).into()
}

/// The bytes of a column as the engine reads it: `\x…`.
fn bytes(value: Option<&Value>) -> Option<Vec<u8>> {
    let text = value?.as_str()?.strip_prefix("\\x")?;
    data_encoding::HEXLOWER.decode(text.as_bytes()).ok()
}

impl From<SecretError> for MastersError {
    fn from(error: SecretError) -> Self {
        Self::Fault(error.to_string())
    }
}

fn columns(shape: &Shape) -> impl Iterator<Item = (&Column, &'static str, &'static str)> {
    shape.columns.iter().filter_map(|column| Some((column, column.field.secret?, column.field.sealed?)))
}

/// Seals what was given of a row.
pub(super) fn seal(tenant: Uuid, shape: &Shape, key: &str, row: &mut Row) -> Result<(), MastersError> {
    for (column, kept_in, index) in columns(shape) {
        let field = column.field;
        let Some(Value::String(given)) = row.remove(field.name) else { continue };
        if given == NONE {
            row.insert(kept_in.to_owned(), Value::Null);
            row.insert(index.to_owned(), Value::Null);
            continue;
        }
        let plain = given.as_bytes();
        let found = shape.secrets.blind(tenant, &found_by(shape.master, field), plain)?;
        let before = bytes(row.get(index));
        if before.is_some_and(|before| found.first() == Some(&before)) {
            continue;
        }
        let sealed = shape.secrets.seal(tenant, &sealed_for(shape.master, field, key), plain)?;
        row.insert(kept_in.to_owned(), bytea(&sealed));
        row.insert(index.to_owned(), bytea(found.first().map(Vec::as_slice).unwrap_or_default()));
    }
    Ok(())
}

/// The value of a sensitive field of a row; `None` where there is none.
pub(super) fn reveal(
    tenant: Uuid,
    shape: &Shape,
    column: &Column,
    row: &Row,
) -> Result<Option<String>, MastersError> {
    let Some(sealed) = column.field.secret.and_then(|name| bytes(row.get(name))) else { return Ok(None) };
    let purpose = sealed_for(shape.master, column.field, &shape.key_of(row));
    let plain = shape.secrets.open(tenant, &purpose, &sealed)?;
    Ok(Some(String::from_utf8_lossy(&plain).into_owned()))
}

/// Every sensitive field of a row that has a value.
pub(super) fn reveal_all(tenant: Uuid, shape: &Shape, row: &Row) -> Result<Row, MastersError> {
    let mut values = Row::new();
    for (column, ..) in columns(shape) {
        if let Some(value) = reveal(tenant, shape, column, row)? {
            values.insert(column.field.name.to_owned(), value.into());
        }
    }
    Ok(values)
}

/// Columns by which rows with this value are found, and what stands in them: one
/// for each sensitive field whose rule the value keeps.
pub(super) fn lookups(
    tenant: Uuid,
    shape: &Shape,
    value: &str,
) -> Result<Vec<(&'static str, Vec<String>)>, MastersError> {
    let mut found = Vec::new();
    for (column, _, index) in columns(shape) {
        let field = column.field;
        let value = value.trim().to_uppercase();
        if field.rule.is_none_or(|rule| rule(&value).is_ok()) {
            let hashes = shape.secrets.blind(tenant, &found_by(shape.master, field), value.as_bytes())?;
            found.push((index, hashes.iter().map(|hash| format!("\\x{}", hex(hash))).collect()));
        }
    }
    Ok(found)
}

/// Writes down that somebody saw what is sealed of a row: these fields.
pub(super) async fn record_read(tx: &mut Tx, shape: &Shape, row: &Row, opened: &Row) -> Result<(), DbError> {
    let fields: Vec<&String> = opened.keys().collect();
    let mut after = Row::from_iter([("fields".to_owned(), json!(fields))]);
    after.extend(shape.place_of(row));
    let subject = shape.master.subject(&shape.key_of(row));
    let entry = Entry { action: "master.read", subject: &subject, before: None, after: Some(after.into()) };
    audit::record(tx, entry).await
}

/// Writes down that somebody takes out what is sealed of so many rows.
pub(super) async fn record_taken(tx: &mut Tx, subject: &str, rows: i64) -> Result<(), DbError> {
    let after = Some(json!({ "fields": "sensitive", "rows": rows }));
    audit::record(tx, Entry { action: "master.export_sensitive", subject, before: None, after }).await
}

/// What is sealed of one row of a master, opened; empty when there is no such row.
///
/// # Errors
/// When it does not open.
pub async fn revealed(tx: &mut Tx, secrets: &Secrets, master: &str, key: &str) -> Result<Row, MastersError> {
    let tenant = tx.tenant();
    let mut values = Row::new();
    let Some(master) = declared::ALL.iter().find(|known| known.name == master) else { return Ok(values) };
    for field in master.fields {
        let (Some(column), Some(_)) = (field.secret, field.sealed) else { continue };
        if let Some(sealed) = store::sealed_one(tx, master, column, key).await? {
            let plain = secrets.open(tenant, &sealed_for(master, field, key), &sealed)?;
            values.insert(field.name.to_owned(), String::from_utf8_lossy(&plain).into_owned().into());
        }
    }
    Ok(values)
}

/// Seals every sensitive field of the tenant under the key that seals now, and
/// writes anew what it is found by. Answers how many there were to do.
///
/// # Errors
/// When one does not open.
pub async fn reseal(tx: &mut Tx, secrets: &Secrets) -> Result<usize, MastersError> {
    let tenant = tx.tenant();
    let mut done = 0;
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for master in declared::ALL {
        for field in master.fields {
            let (Some(column), Some(index)) = (field.secret, field.sealed) else { continue };
            // Suppliers and customers are one table.
            if seen.contains(&(master.table, column)) {
                continue;
            }
            seen.push((master.table, column));
            for (key, sealed) in store::sealed_all(tx, master, column).await? {
                let purpose = sealed_for(master, field, &key);
                let Some(fresh) = secrets.reseal(tenant, &purpose, &sealed)? else { continue };
                let plain = secrets.open(tenant, &purpose, &fresh)?;
                let found = secrets.blind(tenant, &found_by(master, field), &plain)?;
                let found = found.first().cloned().unwrap_or_default();
                store::sealed_set(tx, master, (column, index), &key, &fresh, &found).await?;
                done += 1;
            }
        }
    }
    Ok(done)
}
