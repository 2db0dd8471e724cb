//! Where people may be written of: every text column of a tenant's tables, and what
//! erasure does with it. A test walks the catalog and fails on a column that is not
//! named here.

/// What erasure does with a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// What people write of each other, and are told of each other: who is surely the
    /// person is taken out, who may be is listed.
    Spoken,
    /// Names and descriptions that the organisation keeps, and other people's own
    /// rows: never changed, and listed. "Ravi Teja Traders" is a supplier.
    Kept,
    /// Codes, choices and hashes; a person's own row, which erasure empties or takes
    /// away by itself; the audit, which holds nothing personal; and what says why an
    /// erasure was refused.
    Other,
}

use Holds::{Kept, Other, Spoken};

/// Table, what it is, and its columns. Left out are columns that the database makes
/// of others, and `created_by`, `updated_by` and their like, which hold ids.
pub(super) const COLUMNS: &[(&str, Holds, &[&str])] = &[
    (
        "agents",
        Other,
        &["kind", "name", "plant_code", "status", "machine_id", "previous_machine_id", "software"],
    ),
    ("audit_log", Other, &["actor", "action", "subject", "before", "after", "origin", "plants"]),
    ("bins", Other, &["plant", "bin", "warehouse"]),
    ("bins", Kept, &["name", "names"]),
    ("bom_lines", Other, &["parent", "child", "unit", "operation"]),
    ("companies", Other, &["code", "gstin", "postal_code", "country"]),
    ("companies", Kept, &["name", "legal_name", "address", "place", "phone", "email"]),
    ("consents", Other, &["person_kind", "person_key", "purpose", "text_version"]),
    ("contact_codes", Other, &["channel"]),
    ("contacts", Other, &["contact", "partner", "language"]),
    ("contacts", Kept, &["name", "job_title", "email", "phone"]),
    ("cost_centres", Other, &["code", "plant", "department"]),
    ("cost_centres", Kept, &["name", "names"]),
    ("currencies", Other, &["currency", "symbol"]),
    ("currencies", Kept, &["name", "names"]),
    ("currency_rates", Other, &["currency"]),
    ("custom_fields", Other, &["master", "field", "kind", "pattern", "refers"]),
    ("custom_fields", Kept, &["name", "labels", "choices", "default_value"]),
    ("custom_fields", Kept, &["choices_en", "choices_hi", "choices_bn", "choices_te"]),
    ("custom_values", Other, &["master", "row_key", "field", "sorted"]),
    ("custom_values", Kept, &["value"]),
    ("departments", Other, &["code", "plant"]),
    ("departments", Kept, &["name", "names"]),
    ("digest_entries", Other, &["pace", "kind", "href"]),
    ("digest_entries", Spoken, &["details"]),
    ("digests", Other, &["pace"]),
    ("document_blocks", Other, &["series"]),
    ("document_leases", Other, &["series", "granted_by", "status", "closed_by", "prefix", "plant"]),
    ("document_leases", Spoken, &["holder", "reason"]),
    (
        "document_numbers",
        Other,
        &["company", "kind", "number", "series", "document", "status", "issued_by", "voided_by", "plant"],
    ),
    ("document_numbers", Spoken, &["reason"]),
    ("document_periods", Other, &["series"]),
    (
        "document_series",
        Other,
        &["series", "kind", "company", "gstin", "plant", "pattern", "reset", "station_series"],
    ),
    ("document_series", Kept, &["name", "names"]),
    ("event_notes", Spoken, &["note"]),
    ("event_readings", Other, &["name", "unit"]),
    ("event_references", Other, &["number", "type"]),
    ("event_subjects", Other, &["unit", "unit2", "item"]),
    (
        "exceptions",
        Other,
        &["kind", "fingerprint", "status", "plant", "document", "assigned_to", "resolved_by", "choice"],
    ),
    ("exceptions", Spoken, &["detail", "resolution"]),
    ("exception_digests", Other, &["plant"]),
    ("exception_steps", Other, &["actor", "what", "choice"]),
    ("exception_steps", Spoken, &["reason"]),
    ("file_contents", Other, &["object"]),
    ("file_versions", Other, &["media_type"]),
    ("file_versions", Spoken, &["name"]),
    ("files", Other, &["subject_kind", "subject_key"]),
    ("hold_acts", Other, &["plant", "class"]),
    ("hold_members", Other, &["cause"]),
    ("holds", Other, &["scope", "status", "placed_by", "released_by", "owner"]),
    ("holds", Spoken, &["reason", "notes", "release_reason"]),
    ("idempotency_keys", Other, &["caller", "key", "state"]),
    ("in_work_changes", Other, &["plant"]),
    ("in_work_hours", Other, &["plant"]),
    ("item_attributes", Other, &["attribute"]),
    ("item_attributes", Kept, &["name", "names", "choices"]),
    ("item_barcodes", Other, &["barcode", "item", "kind", "unit"]),
    ("item_categories", Other, &["category", "parent"]),
    ("item_categories", Kept, &["name", "names", "description"]),
    (
        "items",
        Other,
        &[
            "item",
            "type_code",
            "base_unit",
            "second_unit",
            "tracking",
            "gtin",
            "category",
            "hsn",
            "tax_rate",
            "default_bin",
            "variant_of",
            "variant",
        ],
    ),
    ("items", Kept, &["name", "names", "description"]),
    (
        "lifecycle_events",
        Other,
        &[
            "plant",
            "station",
            "operator_id",
            "shift",
            "location",
            "operation",
            "reason",
            "machine",
            "overridden_by",
            "reference_type",
            "reference_number",
        ],
    ),
    ("kpi_targets", Other, &["kpi", "plant"]),
    ("list_views", Other, &["list", "owner", "columns"]),
    ("list_views", Kept, &["name", "query"]),
    ("lots", Other, &["item", "supplier", "supplier_lot", "owner"]),
    ("machines", Other, &["machine", "plant", "station", "serial_number"]),
    ("machines", Kept, &["name", "names", "maker", "model"]),
    ("mail_settings", Other, &["smtp_host", "smtp_security"]),
    ("mail_settings", Kept, &["sender_name", "reply_to", "smtp_user", "from_address"]),
    ("notice_preferences", Other, &["kind", "channel", "pace"]),
    ("notices", Other, &["kind", "href"]),
    ("notices", Spoken, &["details"]),
    ("number_series", Other, &["plant_code", "series", "prefix"]),
    ("operators", Other, &["operator_id", "pin_hash", "language", "plants", "ifsc"]),
    ("operators", Kept, &["name"]),
    ("order_lines", Other, &["type", "number", "item", "unit"]),
    ("orders", Other, &["type", "number", "plant", "partner", "item", "operations", "status"]),
    ("outbox", Other, &["channel", "kind", "state", "reference"]),
    ("outbox", Spoken, &["body", "last_error"]),
    ("parked_events", Other, &["projection", "waits_for"]),
    (
        "partners",
        Other,
        &["partner", "roles", "gstin", "postal_code", "country", "payment_terms", "currency", "ifsc"],
    ),
    ("partners", Kept, &["name", "place", "legal_name", "address", "phone", "email"]),
    ("payment_terms", Other, &["payment_terms", "basis"]),
    ("payment_terms", Kept, &["name", "names"]),
    ("personal_requests", Other, &["person_kind", "person_key", "what", "reason", "asked_by"]),
    ("passport_settings", Other, &["certificates"]),
    ("passport_settings", Kept, &["contact"]),
    ("passports", Other, &["gtin"]),
    ("plan_limits", Other, &["plan", "name", "features"]),
    ("plan_limits", Kept, &["contact"]),
    ("plan_notices", Other, &["notice"]),
    ("plant_values", Other, &["master", "row_key", "field", "plant"]),
    ("plant_values", Kept, &["value"]),
    ("plants", Other, &["code", "slug", "time_zone", "languages", "company"]),
    ("plants", Kept, &["name", "names", "address"]),
    ("projection_cursors", Other, &["projection"]),
    ("proof_heads", Other, &["key_id", "note"]),
    ("proof_keys", Other, &["key_id", "log"]),
    ("proof_trees", Other, &["check_link", "check_row"]),
    ("reasons", Other, &["reason", "purpose"]),
    ("reasons", Kept, &["name", "texts"]),
    ("recall_consignees", Other, &["kind", "code", "state"]),
    ("recall_consignees", Kept, &["name", "place"]),
    ("recall_letters", Other, &["contact", "language", "state"]),
    // Whom a recall was told to has to be shown for years.
    ("recall_letters", Kept, &["name", "email"]),
    ("recall_letters", Spoken, &["last_error"]),
    ("recall_members", Other, &["item", "unit", "place", "plant", "location", "document"]),
    ("recall_responses", Other, &["unit", "reference"]),
    ("recall_responses", Spoken, &["note"]),
    (
        "recalls",
        Other,
        &[
            "kind",
            "status",
            "company",
            "number",
            "severity",
            "scope",
            "activated_by",
            "ended_by",
            "plants_behind",
        ],
    ),
    ("recalls", Kept, &["scope_name"]),
    ("recalls", Spoken, &["reason", "instructions", "ended_note"]),
    // Masters, orders and holds as plants are told of them; see `erase`.
    ("reference_rows", Other, &["kind", "id", "plant", "body"]),
    ("requests", Other, &["workflow", "currency", "plant", "source", "state"]),
    ("requests", Spoken, &["subject", "body", "details"]),
    ("retention_rules", Other, &["person_kind"]),
    ("retention_rules", Kept, &["name", "names", "basis"]),
    ("role_limits", Other, &["role", "permission", "currency"]),
    ("roles", Other, &["role", "permissions"]),
    ("roles", Kept, &["name", "names"]),
    ("scope_saves", Other, &["plants", "zone"]),
    ("scopes", Other, &["criteria", "failure", "state"]),
    ("scopes", Kept, &["name"]),
    ("series_leases", Other, &["plant_code", "series"]),
    ("shifts", Other, &["plant", "shift"]),
    ("shifts", Kept, &["name", "names"]),
    ("sign_in_providers", Other, &["issuer", "client_id", "email_domains", "create_role"]),
    ("sign_in_providers", Kept, &["name"]),
    ("sms_settings", Other, &["config"]),
    ("stations", Other, &["plant", "station", "kind", "work_centre"]),
    ("stations", Kept, &["name", "names"]),
    ("stock_ledger", Other, &["plant", "location", "item", "unit"]),
    ("tax_rates", Other, &["tax_rate", "kind"]),
    ("tax_rates", Kept, &["name", "names"]),
    // The addresses are of networks.
    ("tenant_settings", Other, &["primary_colour", "accent_colour", "logo_type", "addresses"]),
    ("transfers", Other, &["from_plant", "to_plant", "document"]),
    ("tried_files", Other, &["actor", "master"]),
    ("uid_aliases", Other, &["alias"]),
    ("uid_floors", Other, &["plant_code", "type_code"]),
    ("uid_leases", Other, &["plant_code", "type_code"]),
    ("uid_links", Other, &["unit"]),
    ("uid_registry", Other, &["item", "unit", "plant", "location", "owner", "order_number"]),
    ("unit_conversions", Other, &["item", "from_unit", "to_unit"]),
    ("units", Other, &["unit", "dimension", "tax_code", "symbol"]),
    ("units", Kept, &["name", "names"]),
    ("unreachable_addresses", Other, &["email", "source"]),
    ("unreachable_addresses", Spoken, &["reason"]),
    ("user_identities", Other, &["issuer", "subject"]),
    ("user_phones", Other, &["ending"]),
    ("user_roles", Other, &["role", "plants"]),
    (
        "users",
        Other,
        &[
            "language",
            "time_zone",
            "status",
            "password_hash",
            "date_form",
            "number_form",
            "theme",
            "plant",
            "landing",
            "shortcuts",
        ],
    ),
    ("users", Kept, &["name", "email"]),
    ("warehouses", Other, &["warehouse", "plant", "kind"]),
    ("warehouses", Kept, &["name", "names", "address"]),
    ("webhooks", Other, &["url", "form", "kinds"]),
    ("webhooks", Kept, &["name"]),
    ("workflow_calls", Other, &["call_key"]),
    ("workflow_definitions", Other, &["workflow", "plant", "state", "published_by", "people"]),
    ("workflow_definitions", Kept, &["name", "names", "source"]),
    ("workflow_delegations", Spoken, &["reason"]),
    ("workflow_history", Other, &["what"]),
    ("workflow_history", Kept, &["stage_name", "stage_names"]),
    ("workflow_history", Spoken, &["note"]),
    ("workflow_instances", Other, &["workflow", "subject_kind", "href", "plant", "state"]),
    ("workflow_instances", Spoken, &["title", "document"]),
    ("workflow_rounds", Other, &["workflow", "plant", "escalate_to", "outcome"]),
    ("workflow_rounds", Kept, &["stage_name", "stage_names"]),
    ("workflow_seats", Other, &["role", "decision", "of_role"]),
    ("workflow_seats", Spoken, &["comment"]),
    ("workflow_triggers", Other, &["workflow", "plant", "kind", "event", "cron", "time_zone"]),
    ("workflow_triggers", Spoken, &["last_error"]),
];

/// A column in which people may be written of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub table: &'static str,
    pub column: &'static str,
    /// Who is surely the person is taken out.
    pub may: bool,
}

/// All of them, those that may change first.
pub(super) fn places() -> Vec<Place> {
    let of = |holds: Holds| {
        COLUMNS.iter().filter(move |(_, what, _)| *what == holds).flat_map(move |(table, _, columns)| {
            columns.iter().map(move |column| Place { table, column, may: holds == Spoken })
        })
    };
    of(Spoken).chain(of(Kept)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sqlx::ConnectOptions;

    use super::*;
    use crate::testing::TestDb;

    #[tokio::test]
    async fn every_text_column_says_what_erasure_does_with_it() {
        let test = TestDb::new().await;
        test.tenant("SAIF", &["KOL"]).await;
        let mut connection = test.owner.connect().await.unwrap();
        let found: Vec<(String, String)> = sqlx::query_as(
            "select c.relname || '.' || a.attname, a.atttypid::regtype::text from pg_attribute a
             join pg_class c on c.oid = a.attrelid
             where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
               and c.relname <> '_sqlx_migrations'
               and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
               and a.attname not in ('created_by', 'updated_by')
               and a.atttypid in ('text'::regtype, 'varchar'::regtype, 'text[]'::regtype, 'json'::regtype,
                                  'jsonb'::regtype)",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        assert!(found.len() > 300, "the walk found only {} columns", found.len());
        let mut named = BTreeSet::new();
        for (table, holds, columns) in COLUMNS {
            for column in *columns {
                let place = format!("{table}.{column}");
                let kind = found.iter().find(|(name, _)| *name == place).map(|(_, kind)| kind.as_str());
                let kind = kind.unwrap_or_else(|| panic!("{place} is not in the database"));
                assert!(*holds != Spoken || matches!(kind, "text" | "jsonb"), "{place} is a {kind}");
                assert!(named.insert(place), "{table}.{column} is named twice");
            }
        }
        let missing: Vec<&String> =
            found.iter().map(|(name, _)| name).filter(|name| !named.contains(*name)).collect();
        assert!(missing.is_empty(), "say in COLUMNS what erasure does with {missing:?}");
    }

    #[tokio::test]
    async fn what_may_change_is_bound_by_no_key() {
        let test = TestDb::new().await;
        let mut connection = test.owner.connect().await.unwrap();
        let keyed: Vec<String> = sqlx::query_scalar(
            "select distinct i.indrelid::regclass || '.' || a.attname from pg_index i
             join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey) where i.indisunique",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        for place in places().into_iter().filter(|place| place.may) {
            let name = format!("{}.{}", place.table, place.column);
            assert!(!keyed.contains(&name), "{name} is part of a key");
        }
    }
}
