-- Scopes: sets of UIDs that somebody found and kept, to be held or recalled.

create table scopes (
    tenant_id     uuid not null references control.tenants,
    scope_id      uuid not null,
    name          text not null check (name <> '' and length(name) <= 200),
    -- What was asked for, so that it can be asked again.
    criteria      jsonb not null,
    -- Its UIDs, as found at that batch. They never change.
    members       integer not null,
    through_batch bigint not null,
    version       integer not null default 1,
    deleted_at    timestamptz,
    primary key (tenant_id, scope_id)
);
call app.keep_authors('scopes');
call app.protect('scopes');
create index scopes_newest on scopes (tenant_id, scope_id desc) where deleted_at is null;

create table scope_members (
    tenant_id uuid not null,
    scope_id  uuid not null,
    key       bigint not null,
    primary key (tenant_id, scope_id, key),
    foreign key (tenant_id, scope_id) references scopes (tenant_id, scope_id)
);
call app.protect('scope_members');
create index scope_members_key on scope_members (tenant_id, key);

grant select, insert, update, delete on scopes, scope_members
    to tracewright_app, tracewright_ingest, tracewright_system;
