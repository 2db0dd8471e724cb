-- The audit log, chained after the commit, so that a row that was changed, taken
-- out or put in behind the application's back shows (docs/audit.md).

-- Rows that the worker has not chained yet.
create table audit_unchained (
    tenant_id uuid not null references control.tenants,
    audit_id  uuid not null,
    primary key (tenant_id, audit_id)
);

-- The chain: the n-th entry's hash covers the one before it and its own row.
create table audit_chain (
    tenant_id  uuid not null references control.tenants,
    n          bigint not null check (n > 0),
    audit_id   uuid not null,
    hash       bytea not null check (length(hash) = 32),
    chained_at timestamptz not null default now(),
    primary key (tenant_id, n),
    unique (tenant_id, audit_id)
);

call app.protect('audit_unchained');
call app.protect('audit_chain');
-- Whoever writes an audit row notes it; only the worker chains.
grant select, insert on audit_unchained to tracewright_app, tracewright_system;
grant select, insert, delete on audit_unchained to tracewright_ingest;
grant select on audit_chain to tracewright_app, tracewright_system;
grant select, insert on audit_chain to tracewright_ingest;

-- What was written before there was a chain.
do $$
declare
    tenant uuid;
begin
    for tenant in select tenant_id from control.tenants loop
        perform set_config('app.tenant_id', tenant::text, true);
        insert into audit_unchained (tenant_id, audit_id)
            select tenant_id, audit_id from audit_log where tenant_id = tenant;
    end loop;
    perform set_config('app.tenant_id', '', true);
end $$;

create function app.note_unchained() returns trigger language plpgsql as $$
begin
    insert into audit_unchained (tenant_id, audit_id) values (new.tenant_id, new.audit_id);
    return null;
end $$;
create trigger note_unchained after insert on audit_log
    for each row execute function app.note_unchained();

-- What the page asks: newest first, by who, by what was done.
create index audit_log_at on audit_log (tenant_id, at desc, audit_id desc);
create index audit_log_actor on audit_log (tenant_id, actor, at desc, audit_id desc);
create index audit_log_action on audit_log (tenant_id, action, at desc, audit_id desc);
