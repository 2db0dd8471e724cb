-- Facts and what is derived from them. The large tables are partitioned by
-- tenant, so that one tenant can be backed up, restored, moved or erased alone.
-- No foreign keys to masters: nothing an agent sends can stop its stream.

create table lifecycle_events (
    tenant_id          uuid not null,
    agent_id           uuid not null,
    epoch              integer not null,
    seq                bigint not null,
    event_id           uuid not null,
    -- Numbers of proto `Stage`, `Action`, `Outcome`; names in app.stage_name().
    stage              smallint not null,
    action             smallint not null,
    occurred_at        timestamptz not null,
    occurred_offset_min smallint not null,
    recorded_at        timestamptz not null,
    ingested_at        timestamptz not null default now(),
    plant              text not null,
    station            text not null,
    operator_id        text not null,
    shift              text not null,
    production_date    date,
    location           text not null,
    operation          text not null,
    attempt            integer not null,
    outcome            smallint not null,
    accepted_quantity  numeric(18,6),
    rejected_quantity  numeric(18,6),
    reason             text not null,
    machine            text not null,
    overridden_by      text not null,
    corrects           uuid,
    -- The first reference, which the specification's lifecycle shows.
    reference_type     text not null,
    reference_number   text not null,
    -- The exact bytes that the agent journaled and chained.
    payload            bytea not null,
    primary key (tenant_id, agent_id, epoch, seq)
) partition by list (tenant_id);
create index lifecycle_events_id on lifecycle_events (tenant_id, event_id);
create index lifecycle_events_time on lifecycle_events (tenant_id, plant, occurred_at);
create index lifecycle_events_reference on lifecycle_events (tenant_id, reference_number) where reference_number <> '';
create index lifecycle_events_corrects on lifecycle_events (tenant_id, corrects) where corrects is not null;

create table event_subjects (
    tenant_id uuid not null,
    key       bigint not null,
    agent_id  uuid not null,
    epoch     integer not null,
    seq       bigint not null,
    ordinal   smallint not null,
    role      smallint not null,
    quantity  numeric(18,6),
    unit      text not null,
    quantity2 numeric(18,6),
    unit2     text not null,
    count     integer not null,
    mint      boolean not null,
    item      text not null,
    lot_id    uuid,
    primary key (tenant_id, key, agent_id, epoch, seq, ordinal)
) partition by list (tenant_id);
create index event_subjects_event on event_subjects (tenant_id, agent_id, epoch, seq);

create table event_references (
    tenant_id uuid not null,
    number    text collate "C" not null,
    type      text not null,
    line      integer not null,
    agent_id  uuid not null,
    epoch     integer not null,
    seq       bigint not null,
    ordinal   smallint not null,
    primary key (tenant_id, number, agent_id, epoch, seq, ordinal)
) partition by list (tenant_id);
create index event_references_event on event_references (tenant_id, agent_id, epoch, seq);

create table event_readings (
    tenant_id uuid not null,
    agent_id  uuid not null,
    epoch     integer not null,
    seq       bigint not null,
    ordinal   smallint not null,
    name      text not null,
    value     numeric(18,6),
    unit      text not null,
    quality   smallint not null,
    low       numeric(18,6),
    high      numeric(18,6),
    taken_at  timestamptz not null,
    primary key (tenant_id, agent_id, epoch, seq, ordinal)
) partition by list (tenant_id);
create index event_readings_name on event_readings (tenant_id, name, taken_at);

-- Free text beside the event, which erasure may remove.
create table event_notes (
    tenant_id uuid not null references control.tenants,
    agent_id  uuid not null,
    epoch     integer not null,
    seq       bigint not null,
    salt      bytea not null,
    note      text not null,
    primary key (tenant_id, agent_id, epoch, seq)
);

create table lots (
    tenant_id    uuid not null references control.tenants,
    lot_id       uuid not null,
    item         text not null,
    supplier     text not null,
    -- Ranges over prefixes need the order of bytes.
    supplier_lot text collate "C" not null,
    made_on      date,
    expires_on   date,
    owner        text not null,
    primary key (tenant_id, lot_id)
);
create index lots_supplier_lot on lots (tenant_id, supplier_lot);

-- What a UID names, and its three states: a fold over its events.
create table uid_registry (
    tenant_id  uuid not null,
    key        bigint not null,
    item       text not null default '',
    lot_id     uuid,
    container  boolean not null default false,
    quantity   numeric(18,6),
    unit       text not null default '',
    -- 1 expected, 2 active, 3 consumed, 4 scrapped
    life       smallint not null default 2,
    -- 1 unrestricted, 2 in_inspection, 3 rejected
    quality    smallint not null default 1,
    -- 1 at a location, 2 in a parent, 3 in transit, 4 with a customer, 5 with a supplier
    custody    smallint not null default 1,
    plant      text not null default '',
    location   text not null default '',
    parent_key bigint,
    owner      text not null default '',
    order_number text not null default '',
    -- The event of birth.
    born_agent uuid not null,
    born_epoch integer not null,
    born_seq   bigint not null,
    born_at    timestamptz not null,
    last_at    timestamptz not null,
    last_stage smallint not null,
    events     integer not null default 0,
    primary key (tenant_id, key)
) partition by list (tenant_id);
create index uid_registry_lot on uid_registry (tenant_id, lot_id, key) where lot_id is not null;
create index uid_registry_parent on uid_registry (tenant_id, parent_key, key) where parent_key is not null;
create index uid_registry_item on uid_registry (tenant_id, item, key);

-- from became, or became part of, to. Append-only.
create table uid_links (
    tenant_id   uuid not null,
    from_key    bigint not null,
    to_key      bigint not null,
    -- 1 transformation (used up into), 2 assembly (a part of), 3 packing (content of)
    kind        smallint not null,
    -- 1 opens, 2 closes (taken out again), 3 voids (a correction: one opening
    -- never was), 4 reopens (a correction: one closing never was). Rows add up:
    -- ever made where opens > voids; open now where opens + reopens > voids + closes.
    effect      smallint not null,
    quantity    numeric(18,6),
    unit        text not null,
    occurred_at timestamptz not null,
    agent_id    uuid not null,
    epoch       integer not null,
    seq         bigint not null,
    ordinal     smallint not null,
    primary key (tenant_id, from_key, to_key, agent_id, epoch, seq, ordinal)
) partition by list (tenant_id);
create index uid_links_forward on uid_links (tenant_id, from_key) include (to_key, kind, effect);
create index uid_links_backward on uid_links (tenant_id, to_key) include (from_key, kind, effect);

create table uid_aliases (
    tenant_id uuid not null references control.tenants,
    alias     text collate "C" not null,
    key       bigint not null,
    agent_id  uuid not null,
    epoch     integer not null,
    seq       bigint not null,
    primary key (tenant_id, alias, key)
);
create index uid_aliases_key on uid_aliases (tenant_id, key);

create table stock_ledger (
    tenant_id   uuid not null,
    agent_id    uuid not null,
    epoch       integer not null,
    seq         bigint not null,
    ordinal     smallint not null,
    plant       text not null,
    location    text not null,
    item        text not null,
    lot_id      uuid,
    key         bigint not null,
    -- Signed, in the item's base unit.
    quantity    numeric(18,6) not null,
    unit        text not null,
    occurred_at timestamptz not null,
    stage       smallint not null,
    -- The label first: its entries are compared with its fold. `ordinal` counts
    -- the entries of one label under one event (out 0, in 1).
    primary key (tenant_id, key, agent_id, epoch, seq, ordinal)
) partition by list (tenant_id);
create index stock_ledger_item on stock_ledger (tenant_id, plant, item, location) include (quantity, unit);

create table audit_log (
    tenant_id  uuid not null,
    audit_id   uuid not null,
    at         timestamptz not null default now(),
    actor      text not null default app.actor(),
    action     text not null,
    subject    text not null,
    before     jsonb,
    after      jsonb,
    origin     text default app.origin(),
    primary key (tenant_id, audit_id)
) partition by list (tenant_id);
create index audit_log_subject on audit_log (tenant_id, subject, at);

-- Facts that disagree with what the cloud knows, for a person to resolve.
create table exceptions (
    tenant_id    uuid not null references control.tenants,
    exception_id uuid not null,
    kind         text not null,
    -- Makes reporting the same disagreement twice one exception.
    fingerprint  text not null,
    status       text not null default 'open' check (status in ('open', 'assigned', 'resolved')),
    plant        text not null default '',
    agent_id     uuid,
    epoch        integer,
    seq          bigint,
    key          bigint,
    document     text not null default '',
    detail       jsonb not null,
    opened_at    timestamptz not null default now(),
    assigned_to  text,
    resolved_at  timestamptz,
    resolved_by  text,
    resolution   text,
    primary key (tenant_id, exception_id),
    unique (tenant_id, kind, fingerprint)
);
create index exceptions_status on exceptions (tenant_id, status, opened_at desc, exception_id);
create index exceptions_key on exceptions (tenant_id, key) where key is not null;

create table projection_cursors (
    tenant_id     uuid not null references control.tenants,
    projection    text not null,
    through_batch bigint not null default 0,
    primary key (tenant_id, projection)
);

-- An event whose counterpart has not arrived, until it does.
create table parked_events (
    tenant_id  uuid not null references control.tenants,
    projection text not null,
    agent_id   uuid not null,
    epoch      integer not null,
    seq        bigint not null,
    key        bigint not null,
    waits_for  text not null,
    parked_at  timestamptz not null default now(),
    primary key (tenant_id, projection, agent_id, epoch, seq, key)
);
create index parked_events_key on parked_events (tenant_id, projection, key);

-- A label's way between plants: leaving and arriving, in whichever order told.
create table transfers (
    tenant_id   uuid not null references control.tenants,
    key         bigint not null,
    out_agent   uuid not null,
    out_epoch   integer not null,
    out_seq     bigint not null,
    from_plant  text not null,
    to_plant    text not null,
    document    text not null,
    left_at     timestamptz not null,
    in_agent    uuid,
    in_epoch    integer,
    in_seq      bigint,
    arrived_at  timestamptz,
    primary key (tenant_id, key, out_agent, out_epoch, out_seq)
);
create index transfers_open on transfers (tenant_id, to_plant) where arrived_at is null;

-- ------------------------------------------------------------ reference ----
-- Minimal masters, enough to run the spine alone; modules take these over.

create table items (
    tenant_id   uuid not null references control.tenants,
    item        text not null,
    name        text not null,
    -- By language; `en` is the name.
    names       jsonb not null default '{}',
    type_code   text not null check (type_code ~ '^[0-9A-Z]{2}$'),
    base_unit   text not null,
    second_unit text,
    tracking    text not null check (tracking in ('unit', 'lot', 'none')),
    gtin        text,
    shelf_life_days integer,
    -- May not be used before an inspection has passed it.
    inspect     boolean not null default false,
    version     integer not null default 1,
    deleted_at  timestamptz,
    primary key (tenant_id, item)
);

create table bom_lines (
    tenant_id uuid not null references control.tenants,
    parent    text not null,
    line      integer not null,
    child     text not null,
    quantity  numeric(18,6) not null,
    unit      text not null,
    operation text not null default '',
    version   integer not null default 1,
    primary key (tenant_id, parent, line)
);

create table partners (
    tenant_id  uuid not null references control.tenants,
    partner    text not null,
    name       text not null,
    roles      text[] not null,
    place      text not null default '',
    version    integer not null default 1,
    deleted_at timestamptz,
    primary key (tenant_id, partner)
);

-- Purchase, production, sales and transfer orders as the plants need them.
create table orders (
    tenant_id  uuid not null references control.tenants,
    -- po, prodorder, so, transfer
    type       text not null,
    number     text not null,
    plant      text not null,
    partner    text not null default '',
    -- Made item of a production order, how much of it, and how much is made.
    item       text not null default '',
    quantity   numeric(18,6),
    done       numeric(18,6) not null default 0,
    ordered_at timestamptz,
    due_on     date,
    -- Routing of a production order, in order.
    operations text[] not null default '{}',
    status     text not null default 'open',
    version    integer not null default 1,
    primary key (tenant_id, type, number)
);

create table order_lines (
    tenant_id uuid not null references control.tenants,
    type      text not null,
    number    text not null,
    line      integer not null,
    item      text not null,
    quantity  numeric(18,6) not null,
    unit      text not null,
    done      numeric(18,6) not null default 0,
    version   integer not null default 1,
    primary key (tenant_id, type, number, line),
    foreign key (tenant_id, type, number) references orders (tenant_id, type, number)
);

create table operators (
    tenant_id   uuid not null references control.tenants,
    operator_id text not null,
    name        text not null,
    badge_hash  bytea not null,
    pin_hash    text,
    language    text not null default 'en',
    supervisor  boolean not null default false,
    plants      text[] not null default '{}',
    version     integer not null default 1,
    deleted_at  timestamptz,
    primary key (tenant_id, operator_id)
);

create table reasons (
    tenant_id  uuid not null references control.tenants,
    reason     text not null,
    purpose    text not null,
    texts      jsonb not null,
    version    integer not null default 1,
    deleted_at timestamptz,
    primary key (tenant_id, reason)
);

call app.keep_authors('items');
call app.keep_authors('bom_lines');
call app.keep_authors('partners');
call app.keep_authors('orders');
call app.keep_authors('order_lines');
call app.keep_authors('operators');
call app.keep_authors('reasons');

create table holds (
    tenant_id   uuid not null references control.tenants,
    hold_id     uuid not null,
    reason      text not null,
    -- What was asked: a UID, a lot, with or without descendants.
    scope       jsonb not null,
    status      text not null default 'placed' check (status in ('placed', 'released')),
    placed_by   text not null default app.actor(),
    placed_at   timestamptz not null default now(),
    released_by text,
    released_at timestamptz,
    -- Of its labels: how many, and the first one. They never change.
    members     integer not null default 0,
    first_key   bigint,
    primary key (tenant_id, hold_id)
);
create index holds_status on holds (tenant_id, status, hold_id desc);

create table hold_members (
    tenant_id uuid not null references control.tenants,
    hold_id   uuid not null,
    key       bigint not null,
    added_at  timestamptz not null default now(),
    primary key (tenant_id, key, hold_id),
    foreign key (tenant_id, hold_id) references holds (tenant_id, hold_id)
);
create index hold_members_hold on hold_members (tenant_id, hold_id, key);

-- What plants are told: the latest state of each row, by rising version.
-- Written in the transaction that changes the master.
create table reference_rows (
    tenant_id uuid not null references control.tenants,
    kind      text not null,
    id        text not null,
    -- Empty: every plant of the tenant.
    plant     text not null default '',
    version   bigint not null,
    body      jsonb not null,
    deleted   boolean not null default false,
    primary key (tenant_id, kind, id)
);
create index reference_rows_version on reference_rows (tenant_id, version);

-- ------------------------------------------------------- row security ------

do $$
declare
    t regclass;
begin
    for t in
        select c.oid::regclass
        from pg_class c
        where c.relnamespace = 'public'::regnamespace
          and c.relkind in ('r', 'p')
          and not c.relispartition
          and c.relname <> '_sqlx_migrations'
    loop
        call app.protect(t);
    end loop;
end $$;

-- Makes the partitions of a new tenant. Safe to call again.
create function app.add_tenant_partitions(tenant uuid) returns void
    language plpgsql security definer
    set search_path = pg_catalog, public
    as $$
declare
    parent text;
    child text;
begin
    foreach parent in array array[
        'lifecycle_events', 'event_subjects', 'event_references', 'event_readings',
        'uid_registry', 'uid_links', 'stock_ledger', 'audit_log'
    ] loop
        child := parent || '_' || replace(tenant::text, '-', '');
        if to_regclass('public.' || child) is null then
            execute format('create table public.%I partition of public.%I for values in (%L)', child, parent, tenant);
            -- Nobody is granted a partition; this closes it even to a careless grant.
            execute format('alter table public.%I enable row level security', child);
            execute format('alter table public.%I force row level security', child);
        end if;
    end loop;
end $$;
revoke execute on function app.add_tenant_partitions(uuid) from public;
grant execute on function app.add_tenant_partitions(uuid) to tracewright_system;

-- ---------------------------------------------------------------- names ----

create function app.stage_name(stage smallint) returns text
    language sql immutable parallel safe
    return (array[
        'PROCUREMENT', 'GATE_IN', 'GRN', 'OPENING', 'COMMISSION', 'LABEL', 'INSPECTION', 'SAMPLE',
        'STORAGE', 'COUNT', 'ADJUST', 'ISSUE_TO_PRODUCTION', 'RETURN_FROM_PRODUCTION', 'KIT',
        'OPERATION', 'LOAD', 'CONSUME', 'TRANSFORMATION', 'ASSEMBLY', 'REWORK', 'SCRAP', 'HOLD',
        'RELEASE', 'PACKING', 'TRANSFER', 'JOB_WORK_OUT', 'JOB_WORK_IN', 'DISPATCH', 'DELIVERED',
        'INSTALLATION', 'DEMO', 'OWNER_CHANGE', 'SERVICE', 'RETURN', 'RETURN_TO_SUPPLIER',
        'CORRECT', 'REFUSED', 'LOST'])[stage];

-- Plain ASCII digits of a number in base 36, padded to `width`.
create function app.base36(number bigint, width integer) returns text
    language plpgsql immutable strict parallel safe as $$
declare
    digits text := '';
    rest bigint := number;
begin
    for i in 1..width loop
        digits := substr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', (rest % 36)::int + 1, 1) || digits;
        rest := rest / 36;
    end loop;
    return digits;
end $$;

-- CRC-8 (polynomial 0x07, init 0, xorout 0xC5) as two upper-case hex digits.
create function app.uid_checksum(body text) returns text
    language plpgsql immutable strict parallel safe as $$
declare
    crc integer := 0;
begin
    for i in 1..length(body) loop
        crc := crc # ascii(substr(body, i, 1));
        for b in 1..8 loop
            crc := case when crc & 128 <> 0 then ((crc << 1) # 7) & 255 else (crc << 1) & 255 end;
        end loop;
    end loop;
    return upper(lpad(to_hex(crc # 197), 2, '0'));
end $$;

-- The text of a UID from its key and the tenant's code, for people who query.
create function app.uid_text(tenant_code text, key bigint) returns text
    language sql immutable strict parallel safe
    return (
        select body || '-' || app.uid_checksum(body)
        from (select 'UID-' || tenant_code || '-'
                  || app.base36(key / 129600000000000, 3) || '-'
                  || app.base36(key / 100000000000 % 1296, 2) || '-'
                  || lpad((key % 100000000000)::text,
                          greatest(6, length((key % 100000000000)::text)), '0') as body) as parts
    );

-- The key of a UID's text; null for a text that has not the form of one. The
-- checksum and the tenant's code are not looked at.
create function app.uid_key(uid text) returns bigint
    language plpgsql immutable strict parallel safe as $$
declare
    upper_uid text := upper(uid collate "C");
    codes text := split_part(upper_uid, '-', 3) || split_part(upper_uid, '-', 4);
    code bigint := 0;
begin
    if upper_uid !~ '^UID-[0-9A-Z]{4}-[0-9A-Z]{3}-[0-9A-Z]{2}-([0-9]{6}|[1-9][0-9]{6,10})-[0-9A-F]{2}$' then
        return null;
    end if;
    for i in 1..5 loop
        code := code * 36 + strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(codes, i, 1)) - 1;
    end loop;
    return code * 100000000000 + nullif(split_part(upper_uid, '-', 5)::bigint, 0);
end $$;

-- The specification's tracking table, as a view. Ask it by key:
--     select * from uid_lifecycle where tenant_id = '…' and key = app.uid_key('UID-…')
-- `where uid = '…'` works too, and reads every UID of the tenant for it.
--
-- The lifecycle holds the stages that the API's does (0, 6, 37 and 38 are no
-- stages of a life), in the order of the plants' clocks, then of agent, epoch and
-- seq: as close as SQL comes to the API's order, which puts causes before their
-- effects also where two agents' clocks disagree.
create view uid_lifecycle with (security_invoker = true) as
select app.uid_text(t.code, r.key) as uid,
       r.key,
       r.tenant_id,
       p.plant_id,
       case when r.container then 'container' else 'unit' end as entity_type,
       r.item as entity_id,
       app.uid_text(t.code, r.parent_key) as parent_uid,
       (array['expected', 'active', 'consumed', 'scrapped'])[r.life] as status,
       (with recursive told as (
            select e.event_id, e.agent_id, e.epoch, e.seq, e.stage, e.occurred_at, e.reference_number,
                   e.location, s.role <> 0 or e.stage = 36 as shown
            from (select distinct on (agent_id, epoch, seq) agent_id, epoch, seq, role
                  from event_subjects
                  where tenant_id = r.tenant_id and key = r.key
                  order by agent_id, epoch, seq, ordinal) s
            join lifecycle_events e
              on e.tenant_id = r.tenant_id and e.agent_id = s.agent_id and e.epoch = s.epoch and e.seq = s.seq
            union
            -- Corrections, which need not list the UID.
            select c.event_id, c.agent_id, c.epoch, c.seq, c.stage, c.occurred_at, c.reference_number,
                   c.location, true
            from told
            join lifecycle_events c on c.tenant_id = r.tenant_id and c.corrects = told.event_id and c.stage = 36)
        select coalesce(jsonb_agg(jsonb_build_object(
                   'stage', app.stage_name(stage),
                   'timestamp', to_char(occurred_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                   'reference', nullif(reference_number, ''),
                   'location', nullif(location, ''))
                   order by occurred_at, agent_id, epoch, seq), '[]')
        from told
        where shown and stage not in (0, 6, 37, 38)) as lifecycle,
       r.born_at as created_at
from uid_registry r
join control.tenants t on t.tenant_id = r.tenant_id
left join plants p on p.tenant_id = r.tenant_id
                  and p.code = app.base36(r.key / 129600000000000, 3);

-- --------------------------------------------------------------- grants ----

grant execute on all functions in schema app to tracewright_app, tracewright_ingest, tracewright_system;
revoke execute on function app.add_tenant_partitions(uuid) from tracewright_app, tracewright_ingest;
revoke execute on function app.raise_generation(bigint) from tracewright_app;

grant select, insert, update, delete on all tables in schema public to tracewright_app, tracewright_ingest, tracewright_system;
-- Facts are never edited, whoever asks.
revoke update, delete on lifecycle_events, event_subjects, event_references, event_readings,
    uid_links, audit_log, ingest_batches
    from tracewright_app, tracewright_ingest, tracewright_system;
revoke all on _sqlx_migrations from tracewright_app, tracewright_ingest, tracewright_system;
