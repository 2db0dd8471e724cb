-- Roles, the tenant of a session, the control schema, and the organisation.
--
-- Every table outside `control` carries tenant_id, is under FORCE row-level
-- security, and has keys that include tenant_id. A test walks pg_class.

-- Roles are cluster-wide and may exist already from another database.
do $$
declare
    r text;
begin
    foreach r in array array['tracewright_app', 'tracewright_ingest', 'tracewright_system'] loop
        if not exists (select from pg_roles where rolname = r) then
            execute format('create role %I nologin nosuperuser nobypassrls nocreatedb nocreaterole', r);
        end if;
        execute format('grant %I to current_user', r);
    end loop;
end $$;

create schema app;
create schema control;

-- The tenant of this transaction; null (and so no row at all) when unset.
create function app.tenant() returns uuid
    language sql stable parallel safe
    return nullif(current_setting('app.tenant_id', true), '')::uuid;

-- Who acts in this transaction, as an opaque id: `user:…`, `agent:…`, `system`.
create function app.actor() returns text
    language sql stable parallel safe
    return coalesce(nullif(current_setting('app.actor', true), ''), 'system');

-- From where: request id or address; null when nowhere in particular.
create function app.origin() returns text
    language sql stable parallel safe
    return nullif(current_setting('app.origin', true), '');

-- Puts a table under row-level security as every table must be.
create procedure app.protect(target regclass)
    language plpgsql as $$
begin
    execute format('alter table %s enable row level security', target);
    execute format('alter table %s force row level security', target);
    execute format(
        'create policy tenant on %s using (tenant_id = (select app.tenant())) '
        'with check (tenant_id = (select app.tenant()))', target);
end $$;

-- Who changed a row last, and when; whoever changes it need not think of it.
create function app.touch() returns trigger
    language plpgsql as $$
begin
    new.updated_at := now();
    new.updated_by := app.actor();
    return new;
end $$;

-- Gives a master's table the columns that say who made and changed each row.
create procedure app.keep_authors(target regclass)
    language plpgsql as $$
begin
    execute format(
        'alter table %s add column created_at timestamptz not null default now(), '
        'add column created_by text not null default app.actor(), '
        'add column updated_at timestamptz not null default now(), '
        'add column updated_by text not null default app.actor()', target);
    execute format('create trigger touch before update on %s for each row execute function app.touch()', target);
end $$;

-- ------------------------------------------------------------- control -----

create table control.tenants (
    tenant_id  uuid primary key,
    code       text not null unique check (code ~ '^[0-9A-Z]{4}$'),
    -- The specification's textual id, such as `saif-kolkata`.
    slug       text unique,
    name       text not null,
    time_zone  text not null default 'UTC',
    currency   text not null default 'INR',
    language   text not null default 'en',
    features   text[] not null default '{}',
    status     text not null default 'active' check (status in ('active', 'suspended')),
    -- `shared`, or the name of the database that holds this tenant alone.
    placement  text not null default 'shared',
    -- Raised when the tenant's data was restored from a backup, by
    -- app.raise_generation or `cloud restored`: to the seconds of that moment, so
    -- that a value which a backup has forgotten is never given again.
    generation bigint not null default 1,
    created_at timestamptz not null default now()
);

-- The cloud's own certificate authority for plants; the key is sealed.
create table control.authorities (
    authority_id    uuid primary key,
    certificate_pem text not null,
    sealed_key      bytea not null,
    created_at      timestamptz not null default now()
);

create table control.enrolment_tokens (
    token_hash bytea primary key,
    tenant_id  uuid not null references control.tenants,
    agent_id   uuid not null,
    expires_at timestamptz not null,
    used_at    timestamptz,
    created_at timestamptz not null default now()
);

create table control.certificates (
    -- SHA-256 over the certificate's DER bytes.
    fingerprint bytea primary key,
    tenant_id   uuid not null references control.tenants,
    agent_id    uuid not null,
    issued_at   timestamptz not null default now(),
    not_after   timestamptz not null,
    -- Set when it was let in though the restored database lacked it.
    adopted_at  timestamptz,
    revoked_at  timestamptz
);
create index certificates_agent on control.certificates (tenant_id, agent_id);

-- One row for each time that a backup was put back, by `cloud restored`.
create table control.restores (
    restored_at timestamptz primary key,
    -- Until then a certificate of this cloud's authority that was issued before
    -- restored_at and is unknown here is taken for one that the backup lacks.
    adopt_until timestamptz not null
);

-- Keys for people and programs until accounts exist; only hashes are kept.
create table control.access_keys (
    key_hash   bytea primary key,
    tenant_id  uuid not null references control.tenants,
    name       text not null,
    scopes     text[] not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz
);

create table control.sessions (
    token_hash bytea primary key,
    tenant_id  uuid not null references control.tenants,
    key_hash   bytea not null references control.access_keys,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);

-- A link that signs a browser in once; the session gets a key of its own.
create table control.signin_codes (
    code_hash  bytea primary key,
    tenant_id  uuid not null references control.tenants,
    name       text not null,
    scopes     text[] not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at    timestamptz
);

grant usage on schema app, control, public to tracewright_app, tracewright_ingest, tracewright_system;
grant execute on all functions in schema app to tracewright_app, tracewright_ingest, tracewright_system;
revoke execute on procedure app.protect(regclass) from public;
revoke execute on procedure app.keep_authors(regclass) from public;
grant select, insert, update, delete on all tables in schema control to tracewright_system;
grant select on control.tenants to tracewright_app, tracewright_ingest;

-- Of the control schema the others see their own tenant's row, and no more: a
-- customer is not told who else is one.
alter table control.tenants enable row level security;
create policy own on control.tenants for select to tracewright_app, tracewright_ingest
    using (tenant_id = (select app.tenant()));
create policy every on control.tenants to tracewright_system using (true) with check (true);

-- Raises the generation of the transaction's own tenant past `seen`, and answers
-- it: an agent has shown that the database was restored.
create function app.raise_generation(seen bigint) returns bigint
    language sql security definer
    set search_path = pg_catalog
    begin atomic
        update control.tenants
        set generation = greatest(generation + 1, seen + 1, extract(epoch from now())::bigint)
        where tenant_id = app.tenant()
        returning generation;
    end;
revoke execute on function app.raise_generation(bigint) from public;
grant execute on function app.raise_generation(bigint) to tracewright_ingest, tracewright_system;

-- -------------------------------------------------------- organisation -----

create table companies (
    tenant_id  uuid not null references control.tenants,
    company_id uuid not null,
    code       text not null,
    name       text not null,
    version    integer not null default 1,
    deleted_at timestamptz,
    primary key (tenant_id, company_id),
    unique (tenant_id, code)
);

create table plants (
    tenant_id  uuid not null references control.tenants,
    plant_id   uuid not null,
    company_id uuid not null,
    code       text not null check (code ~ '^[0-9A-Z]{3}$'),
    -- The specification's textual id, such as `PLANT-KOL-001`.
    slug       text,
    name       text not null,
    time_zone  text not null,
    languages  text[] not null default '{en}',
    version    integer not null default 1,
    deleted_at timestamptz,
    primary key (tenant_id, plant_id),
    unique (tenant_id, code),
    foreign key (tenant_id, company_id) references companies (tenant_id, company_id)
);

create table departments (
    tenant_id     uuid not null references control.tenants,
    department_id uuid not null,
    plant_id      uuid not null,
    code          text not null,
    name          text not null,
    version       integer not null default 1,
    deleted_at    timestamptz,
    primary key (tenant_id, department_id),
    unique (tenant_id, plant_id, code),
    foreign key (tenant_id, plant_id) references plants (tenant_id, plant_id)
);

create table cost_centres (
    tenant_id      uuid not null references control.tenants,
    cost_centre_id uuid not null,
    department_id  uuid not null,
    code           text not null,
    name           text not null,
    version        integer not null default 1,
    deleted_at     timestamptz,
    primary key (tenant_id, cost_centre_id),
    unique (tenant_id, department_id, code),
    foreign key (tenant_id, department_id) references departments (tenant_id, department_id)
);

call app.keep_authors('companies');
call app.keep_authors('plants');
call app.keep_authors('departments');
call app.keep_authors('cost_centres');

-- -------------------------------------------------------------- agents -----

-- A stream of facts: a plant's agent, the tenant's office, or an import.
create table agents (
    tenant_id         uuid not null references control.tenants,
    agent_id          uuid not null,
    name              text not null,
    kind              text not null check (kind in ('plant', 'office', 'import')),
    plant_code        text,
    status            text not null default 'expected' check (status in ('expected', 'enrolled', 'revoked')),
    -- The epoch in which the agent may mint now.
    epoch             integer not null default 1 check (epoch > 0),
    machine_id        text,
    -- The machine before, and when the present one took its place.
    previous_machine_id text,
    machine_since     timestamptz,
    -- Set when the machine before came back so soon that both seem to run: no
    -- numbers are given until an operator decides.
    contested_at      timestamptz,
    software          text,
    enrolled_at       timestamptz,
    last_seen_at      timestamptz,
    queued_events     bigint,
    reference_version bigint not null default 0,
    -- The tenant's generation in which that version was applied.
    reference_generation bigint not null default 0,
    primary key (tenant_id, agent_id),
    unique (tenant_id, name)
);

-- One row per stream and epoch: what has been committed of it.
create table ingest_cursors (
    tenant_id   uuid not null references control.tenants,
    agent_id    uuid not null,
    epoch       integer not null,
    through_seq bigint not null default 0,
    -- SHA-256 of the bytes of the event at through_seq; the genesis hash at 0;
    -- empty where the chain restarts, because what stood before is gone.
    chain_hash  bytea not null,
    primary key (tenant_id, agent_id, epoch),
    foreign key (tenant_id, agent_id) references agents (tenant_id, agent_id)
);

-- Counters that must be dense or ordered by commit, locked late and briefly.
create table tenant_counters (
    tenant_id     uuid primary key references control.tenants,
    batch_id      bigint not null default 0,
    reference_version bigint not null default 0
);

create table ingest_batches (
    tenant_id   uuid not null references control.tenants,
    batch_id    bigint not null,
    agent_id    uuid not null,
    epoch       integer not null,
    from_seq    bigint not null,
    to_seq      bigint not null,
    ingested_at timestamptz not null default now(),
    primary key (tenant_id, batch_id)
);
create index ingest_batches_stream on ingest_batches (tenant_id, agent_id, epoch, to_seq);

-- -------------------------------------------------------------- leases -----

create table uid_floors (
    tenant_id  uuid not null references control.tenants,
    plant_code text not null,
    type_code  text not null,
    -- The next number that may be granted.
    next       bigint not null default 1 check (next between 1 and 100000000000),
    primary key (tenant_id, plant_code, type_code)
);

create table uid_leases (
    tenant_id  uuid not null references control.tenants,
    plant_code text not null,
    type_code  text not null,
    first      bigint not null,
    last       bigint not null,
    agent_id   uuid not null,
    epoch      integer not null,
    granted_at timestamptz not null default now(),
    -- Set when an epoch change voided what was unused.
    burnt_at   timestamptz,
    primary key (tenant_id, plant_code, type_code, first),
    foreign key (tenant_id, agent_id) references agents (tenant_id, agent_id),
    check (last >= first)
);
create index uid_leases_agent on uid_leases (tenant_id, agent_id, type_code);

create table number_series (
    tenant_id  uuid not null references control.tenants,
    plant_code text not null,
    series     text not null,
    prefix     text not null,
    width      smallint not null default 3,
    next       bigint not null default 1,
    primary key (tenant_id, plant_code, series)
);

create table series_leases (
    tenant_id  uuid not null references control.tenants,
    plant_code text not null,
    series     text not null,
    first      bigint not null,
    last       bigint not null,
    agent_id   uuid not null,
    epoch      integer not null,
    granted_at timestamptz not null default now(),
    primary key (tenant_id, plant_code, series, first),
    foreign key (tenant_id, plant_code, series) references number_series (tenant_id, plant_code, series)
);
