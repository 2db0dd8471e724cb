-- Holds, closed loop: who answers for one, how each unit came under it, what plants
-- were told of it and since when they have it, and what was done before they had it.

alter table holds
    -- The person responsible, an opaque id; empty: who placed it.
    add column owner text not null default '',
    add column notes text not null default '' check (length(notes) <= 2000),
    add column release_reason text,
    -- With which reference data plants were told that it is released.
    add column released_version bigint,
    add column released_generation bigint,
    -- The lot that it holds, labels still to come too.
    add column lot_id uuid,
    add column descendants boolean not null default false,
    -- The batch with which it was committed. Null for what a plant placed, and for
    -- holds older than this migration: those do not grow.
    add column placed_batch bigint,
    -- Its labels were looked up when this batch was the last; null once what came
    -- after was looked at.
    add column looked_batch bigint,
    -- Rows of reference data that carry it.
    add column parts integer not null default 0;
create index holds_lot on holds (tenant_id, lot_id) where lot_id is not null and status = 'placed';
create index holds_unlooked on holds (tenant_id, looked_batch) where looked_batch is not null;

alter table hold_members
    -- Named (scope), of the lot (lot), made from a member (made), a package with a
    -- member in it (inside).
    add column cause text not null default 'scope' check (cause in ('scope', 'lot', 'made', 'inside')),
    -- The member through which it came in later, and the event.
    add column via_key bigint,
    add column joined_agent uuid,
    add column joined_epoch integer,
    add column joined_seq bigint,
    add column joined_at timestamptz,
    add column part integer not null default 0,
    -- A package from which the last member was taken out.
    add column left_at timestamptz;
create index hold_members_late on hold_members (tenant_id, hold_id, key) where joined_agent is not null;
create index hold_members_inside on hold_members (tenant_id, hold_id, key) where cause = 'inside';

-- With which version of the reference data plants were told of each row of a hold.
create table hold_parts (
    tenant_id       uuid not null,
    hold_id         uuid not null,
    part            integer not null,
    told_version    bigint not null,
    told_generation bigint not null,
    primary key (tenant_id, hold_id, part),
    foreign key (tenant_id, hold_id) references holds (tenant_id, hold_id)
);
call app.protect('hold_parts');

-- What was done with held units: before the plant had the hold, or all the same.
create table hold_acts (
    tenant_id      uuid not null,
    hold_id        uuid not null,
    -- UUIDv7: the order in which they were found.
    act            uuid not null,
    key            bigint not null,
    agent_id       uuid not null,
    epoch          integer not null,
    seq            bigint not null,
    stage          smallint not null,
    plant          text not null,
    occurred_at    timestamptz not null,
    -- gap: the plant had not got the hold; earlier: the same, and done before it by
    -- the plant's clock; overridden: a supervisor let it be done; violated: the plant
    -- had the hold and took it.
    class          text not null check (class in ('gap', 'earlier', 'overridden', 'violated')),
    -- What the plant had, as the event says.
    had_version    bigint not null,
    had_generation bigint not null,
    listed_at      timestamptz not null default now(),
    primary key (tenant_id, hold_id, key, agent_id, epoch, seq),
    foreign key (tenant_id, hold_id) references holds (tenant_id, hold_id)
);
call app.protect('hold_acts');
create unique index hold_acts_order on hold_acts (tenant_id, hold_id, act);

-- When an agent said that it had a hold in force, as it was first told.
create table hold_receipts (
    tenant_id uuid not null,
    hold_id   uuid not null,
    agent_id  uuid not null,
    had_at    timestamptz not null default now(),
    primary key (tenant_id, hold_id, agent_id),
    foreign key (tenant_id, hold_id) references holds (tenant_id, hold_id),
    foreign key (tenant_id, agent_id) references agents (tenant_id, agent_id)
);
call app.protect('hold_receipts');
create index hold_receipts_agent on hold_receipts (tenant_id, agent_id);

-- Up to which batch it was looked what came under holds, and what was done with it.
-- A tenant that never had a hold of the office has no row.
create table hold_cursors (
    tenant_id     uuid primary key references control.tenants,
    through_batch bigint not null
);
call app.protect('hold_cursors');

grant select, insert, update, delete on hold_parts, hold_acts, hold_receipts, hold_cursors
    to tracewright_app, tracewright_ingest, tracewright_system;
