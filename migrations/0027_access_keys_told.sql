-- Who made an access key, and when it last opened something: for the page of them.

alter table control.access_keys
    -- As the audit names whoever acted; `system`: at the cloud's command line.
    add column created_by text not null default 'system',
    -- To some minutes.
    add column last_used_at timestamptz;
create index access_keys_tenant on control.access_keys (tenant_id, created_at desc);
