-- Which database a tenant lives in: the shared one, or its own (docs/tenants.md).
--
-- Every database has all tables. The tenants, sessions, keys and certificates of
-- everybody lie in the control schema of the home database; an own database has of
-- it only the row of its tenant, which foreign keys need, and by which a transaction
-- knows that it has come to the right place.

create table control.databases (
    -- `shared` is the home database; else the name on its server.
    name       text primary key check (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    kind       text not null check (kind in ('shared', 'own')),
    -- The server as the configuration names it; empty: the one of the home database.
    server     text not null default '',
    region     text not null default '',
    -- `behind`: its migrations failed. `away`: it did not answer.
    state      text not null check (state in ('creating', 'ready', 'behind', 'away', 'dropping')),
    -- The last migration that it has.
    schema_version bigint not null default 0,
    -- What was wrong when it was last looked at.
    detail     text not null default '',
    looked_at  timestamptz,
    created_at timestamptz not null default now()
);
insert into control.databases (name, kind, state) values ('shared', 'shared', 'ready');

alter table control.tenants
    add column paused_at timestamptz,
    -- Why it is suspended, for people; and since when.
    add column status_reason text not null default '',
    add column status_at timestamptz,
    add foreign key (placement) references control.databases (name);
comment on column control.tenants.paused_at is
    'Since then nothing of the tenant may be written, because it is being moved.';

-- Moves under way, and those whose old rows are not removed yet.
create table control.moves (
    tenant_id  uuid primary key references control.tenants,
    source     text not null references control.databases (name),
    target     text not null references control.databases (name),
    -- `copying`: it lives at the source still. `switched`: it lives at the target.
    state      text not null check (state in ('copying', 'switched')),
    started_at timestamptz not null default now()
);

-- What was erased, when, and for whom: kept for good. Until the end of it, what there
-- was to erase.
create table control.erasures (
    erasure_id  uuid primary key,
    code        text not null,
    begun_at    timestamptz not null default now(),
    ended_at    timestamptz,
    -- JSON, as it was signed.
    statement   text not null,
    -- ECDSA (P-256, SHA-256) over the statement, by the cloud's authority.
    signature   bytea,
    check ((ended_at is null) = (signature is null))
);

grant select, insert, update, delete on control.databases, control.moves to tracewright_system;
grant select, insert, update on control.erasures to tracewright_system;

-- A restored tenant: as control.restores, for that tenant alone.
alter table control.restores
    drop constraint restores_pkey,
    add column restore_id uuid primary key default gen_random_uuid(),
    add column tenant_id uuid references control.tenants;

-- Begins a tenant's transaction: who acts for whom, and whether this is the place.
-- The lock is what a move waits for; read after it, so that nothing is written to a
-- place that the tenant is leaving.
create function app.enter(
        tenant uuid, actor text, origin text, plants text, out placement text, out paused boolean)
    language plpgsql as $$
begin
    perform set_config('app.tenant_id', tenant::text, true),
            set_config('app.actor', actor, true),
            set_config('app.origin', origin, true),
            set_config('app.plants', plants, true);
    perform pg_advisory_xact_lock_shared(hashtextextended('tenant ' || tenant::text, 0));
    select t.placement, t.paused_at is not null into placement, paused
    from control.tenants t where t.tenant_id = tenant;
    if paused then
        perform set_config('transaction_read_only', 'on', true);
    end if;
end $$;

-- Whatever is partitioned by tenant, now and later.
create or replace function app.add_tenant_partitions(tenant uuid) returns void
    language plpgsql security definer
    set search_path = pg_catalog, public
    as $$
declare
    parent text;
    child text;
begin
    for parent in
        select c.relname from pg_class c
        where c.relkind = 'p' and c.relnamespace = 'public'::regnamespace order by 1
    loop
        child := parent || '_' || replace(tenant::text, '-', '');
        if to_regclass('public.' || child) is null then
            execute format('create table public.%I partition of public.%I for values in (%L)', child, parent, tenant);
            -- Nobody is granted a partition; this closes it even to a careless grant.
            execute format('alter table public.%I enable row level security', child);
            execute format('alter table public.%I force row level security', child);
        end if;
    end loop;
end $$;

-- Rows that are copied bring their own notes; only the owner of the tables copies.
create or replace function app.note_unchained() returns trigger language plpgsql as $$
begin
    if current_user in ('tracewright_app', 'tracewright_ingest', 'tracewright_system') then
        insert into audit_unchained (tenant_id, audit_id) values (new.tenant_id, new.audit_id);
    end if;
    return null;
end $$;
