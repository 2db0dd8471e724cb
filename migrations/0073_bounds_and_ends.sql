-- Starts of a workflow within an hour: when the hour began, and how many there were.
alter table workflow_triggers
    add column hour_at    timestamptz,
    add column hour_fired integer not null default 0;

-- A message that is nothing without its secret, which goes once it was sent: it is not sent
-- again then, though its mail came back.
alter table outbox add column needs_secret boolean not null default false;
-- Rows that are there already keep their authors.
alter table outbox disable trigger touch;
do $$
declare
    t record;
begin
    for t in select tenant_id from control.tenants loop
        perform set_config('app.tenant_id', t.tenant_id::text, true);
        update outbox set needs_secret = true
        where tenant_id = t.tenant_id
          and (sealed is not null or kind in ('people.invite', 'people.reset', 'address.code', 'phone.code'));
    end loop;
    perform set_config('app.tenant_id', '', true);
end
$$;
alter table outbox enable trigger touch;

-- When people were told that an access key ends soon.
alter table control.access_keys add column end_told_at timestamptz;
create index access_keys_ending on control.access_keys (expires_at)
    where revoked_at is null and end_told_at is null;
