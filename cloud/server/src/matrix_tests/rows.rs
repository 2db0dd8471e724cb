//! What the victim has of business.

use super::*;

/// Rows of every kind that an endpoint shows.
pub(super) async fn plant_marks(test: &TestDb, victim: Uuid) {
    let key = UID.parse::<uid::Uid>().unwrap().key().get();
    let hold: Uuid = HOLD.parse().unwrap();
    let rows = [
        format!("insert into partners (tenant_id, partner, name, roles) values ('{victim}', '{MARK}', '{MARK}', '{{supplier}}')"),
        format!("insert into contacts (tenant_id, contact, partner, name) values ('{victim}', '{MARK}', '{MARK}', '{MARK}')"),
        format!("insert into reference_rows (tenant_id, kind, id, version, body)
                 values ('{victim}', 'item', '{MARK}', 1, '{{\"item\": \"{MARK}\"}}')"),
        format!("insert into exceptions (tenant_id, exception_id, kind, fingerprint, key, document, detail)
                 values ('{victim}', '{hold}', 'uid.overdrawn', '{MARK}', {key}, '{MARK}', '{{\"note\": \"{MARK}\"}}')"),
        format!("insert into holds (tenant_id, hold_id, reason, scope) values ('{victim}', '{hold}', '{MARK}', '{{}}')"),
        format!("insert into hold_members (tenant_id, hold_id, key) values ('{victim}', '{hold}', {key})"),
        format!("insert into scopes (tenant_id, scope_id, name, criteria, members, through_batch)
                 values ('{victim}', '{hold}', '{MARK}', '{{\"is\":{{\"item\":\"{MARK}\"}}}}', 1, 0)"),
        format!("insert into scope_members (tenant_id, scope_id, key) values ('{victim}', '{hold}', {key})"),
        format!("insert into recalls (tenant_id, recall_id, kind, status, company, number, severity, reason, scope,
                     scope_name, through_batch, snapshot_at, snapshot_ms, members)
                 values ('{victim}', '{hold}', 'recall', 'draft', 'C1', '{MARK}', 'class_2', '{MARK}', '{{}}', '{MARK}',
                         0, now(), 0, 1)"),
        format!("insert into recall_consignees (tenant_id, recall_id, consignee_id, kind, code, name)
                 values ('{victim}', '{hold}', '{hold}', 'customer', '{MARK}', '{MARK}')"),
        format!("insert into recall_members (tenant_id, recall_id, key, item, quantity, unit, place, plant, location,
                     document, consignee_id)
                 values ('{victim}', '{hold}', {key}, '{MARK}', 1, 'pcs', 'customer', 'KOL', '', '', '{hold}')"),
        format!("insert into recall_letters (tenant_id, letter_id, recall_id, consignee_id, contact, name, email,
                     language, written_at, last_error)
                 values ('{victim}', '{hold}', '{hold}', '{hold}', '{MARK}', '{MARK}', 'a@saif.example', 'en', now(),
                         '{MARK}')"),
        format!("insert into recall_responses (tenant_id, response_id, recall_id, consignee_id, unit, found, note, at)
                 values ('{victim}', '{hold}', '{hold}', '{hold}', 'pcs', 1, '{MARK}', now())"),
        format!("insert into kpi_targets (tenant_id, kpi, plant, target) values ('{victim}', 'packed', '', 73{TARGET})"),
        // Born in what the plant recorded.
        format!("update uid_registry set item = '{MARK}', lot_id = '{hold}' where tenant_id = '{victim}' and key = {key}"),
        format!("insert into list_views (tenant_id, view_id, list, owner, shared, name, query)
                 values ('{victim}', '{hold}', 'suppliers', 'user:x', true, '{MARK}', '')"),
        format!("insert into document_series (tenant_id, series, name, kind, company, pattern)
                 values ('{victim}', '{MARK}', '{MARK}', 'sales_invoice', 'C1', 'MARK/{{FY}}/{{SEQ}}')"),
        format!("insert into document_periods (tenant_id, series, period_from, first, next)
                 values ('{victim}', '{MARK}', '2026-04-01', 1, 3)"),
        format!("insert into document_leases (tenant_id, lease_id, series, period_from, first, last, holder)
                 values ('{victim}', '{hold}', '{MARK}', '2026-04-01', 1, 2, '{MARK}')"),
        format!("insert into outbox (tenant_id, message_id, channel, kind, body, state, due_at, last_error)
                 values ('{victim}', '{hold}', 'mail', '{MARK}', '{{}}', 'dead', now(), '{MARK}')"),
        format!("insert into workflow_definitions (tenant_id, definition_id, workflow, revision, state, name, source)
                 values ('{victim}', '{hold}', 'marked', 1, 'published', '{MARK}', '{MARK}')"),
        format!("insert into workflow_instances (tenant_id, instance_id, definition_id, workflow, subject_kind,
                     subject_id, title, state, started_at)
                 values ('{victim}', '{hold}', '{hold}', 'marked', 'request', '{hold}', '{MARK}', 'INITIATED', now())"),
        format!("insert into requests (tenant_id, request_id, number, workflow, subject, source)
                 values ('{victim}', '{hold}', 1, 'marked', '{MARK}', 'api')"),
        format!("insert into webhooks (tenant_id, webhook_id, name, url, secret)
                 values ('{victim}', '{hold}', '{MARK}', 'https://{MARK}', '\\x00')"),
        format!("insert into file_contents (tenant_id, sha256, size, object) values ('{victim}', sha256('{MARK}'), 1, '{MARK}')"),
        format!("insert into files (tenant_id, file_id, subject_kind, subject_key) values ('{victim}', '{hold}', 'suppliers', '{MARK}')"),
        format!("insert into file_versions (tenant_id, file_id, number, name, media_type, sha256)
                 values ('{victim}', '{hold}', 1, 'DRAWING-OF-SAIF {MARK}', 'text/plain', sha256('{MARK}'))"),
        format!("insert into lots (tenant_id, lot_id, item, supplier, supplier_lot, owner)
                 values ('{victim}', '{hold}', '{MARK}', '{MARK}', '{MARK}', '')"),
    ];
    let cx = Cx::system(victim);
    let done: Result<(), DbError> = test
        .db
        .tx(&cx, async |tx| {
            for row in &rows {
                let done = sqlx::query(sqlx::AssertSqlSafe(row.clone())).execute(tx.conn()).await?;
                assert!(done.rows_affected() > 0, "nothing was planted by {row}");
            }
            Ok(())
        })
        .await;
    done.unwrap();
}
