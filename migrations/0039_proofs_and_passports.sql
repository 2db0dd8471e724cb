-- Proofs: a Merkle tree (RFC 9162) per tenant over the bytes of its events as they were
-- taken in, and what is signed of it. Leaves stand in the order of batches, and within a
-- batch in that of seq, so that no event needs a row of its own.

-- How far a tenant's tree has grown, and how far it was checked against the events.
create table proof_trees (
    tenant_id     uuid primary key references control.tenants,
    -- Batches up to this one are in the tree.
    through_batch bigint not null default 0,
    size          bigint not null default 0,
    -- The check goes on at this leaf; at the end it begins anew.
    check_leaf    bigint not null default 0,
    checked_at    timestamptz,
    -- When it last came to the end, and how many events it has found altered by now.
    round_at      timestamptz,
    altered       bigint not null default 0
);
call app.protect('proof_trees');

-- Which leaves are the events of a batch: that of seq is first_leaf + seq - from_seq.
create table proof_batches (
    tenant_id  uuid not null references control.tenants,
    batch_id   bigint not null,
    agent_id   uuid not null,
    epoch      integer not null,
    from_seq   bigint not null,
    to_seq     bigint not null,
    first_leaf bigint not null,
    primary key (tenant_id, batch_id)
);
create index proof_batches_stream on proof_batches (tenant_id, agent_id, epoch, from_seq);
create unique index proof_batches_leaf on proof_batches (tenant_id, first_leaf);
call app.protect('proof_batches');

-- Hashes of complete subtrees, 256 in a row: tile `idx` of `level` holds those of
-- 256^level leaves each, from 256 * idx on. Only the last tile of a level has fewer.
create table proof_tiles (
    tenant_id uuid not null references control.tenants,
    level     smallint not null,
    idx       bigint not null,
    hashes    bytea not null,
    primary key (tenant_id, level, idx)
);
-- Hashes do not compress.
alter table proof_tiles alter column hashes set storage external;
call app.protect('proof_tiles');

-- Keys that sign. One is in use; those before stay, for what they signed.
create table proof_keys (
    tenant_id  uuid not null references control.tenants,
    key_id     text not null check (key_id ~ '^[0-9a-f]{8}$'),
    -- Name of the log, which is part of the key.
    log        text not null,
    public     bytea not null check (length(public) = 32),
    sealed     bytea not null,
    made_at    timestamptz not null,
    retired_at timestamptz,
    primary key (tenant_id, key_id)
);
create unique index proof_keys_used on proof_keys (tenant_id) where retired_at is null;
call app.protect('proof_keys');

-- Signed heads of the tree, for ever.
create table proof_heads (
    tenant_id uuid not null references control.tenants,
    size      bigint not null,
    key_id    text not null,
    root      bytea not null,
    note      text not null,
    signed_at timestamptz not null,
    primary key (tenant_id, size, key_id),
    foreign key (tenant_id, key_id) references proof_keys (tenant_id, key_id)
);
create index proof_heads_newest on proof_heads (tenant_id, key_id, size desc);
call app.protect('proof_heads');

-- What a tenant shows of its units to whoever scans their passport; nothing without a
-- row that says so.
create table passport_settings (
    tenant_id    uuid primary key references control.tenants,
    shown        boolean not null default false,
    item         boolean not null default true,
    made_on      boolean not null default true,
    made_at      boolean not null default false,
    suppliers    boolean not null default false,
    inspections  boolean not null default true,
    certificates text not null default '' check (char_length(certificates) <= 2000),
    contact      text not null default '' check (char_length(contact) <= 500),
    proof        boolean not null default true,
    version      integer not null default 1
);
call app.keep_authors('passport_settings');
call app.protect('passport_settings');

-- Passports of units. Their random key is found by its hash, and sealed so that it can
-- be printed again.
create table passports (
    tenant_id   uuid not null references control.tenants,
    passport_id uuid not null,
    key         bigint not null,
    key_hash    bytea not null,
    sealed      bytea not null,
    gtin        text not null default '',
    ended_at    timestamptz,
    version     integer not null default 1,
    primary key (tenant_id, passport_id)
);
call app.keep_authors('passports');
create unique index passports_hash on passports (tenant_id, key_hash);
-- A unit has one that is good.
create unique index passports_unit on passports (tenant_id, key) where ended_at is null;
create index passports_newest on passports (tenant_id, passport_id desc) where ended_at is null;
call app.protect('passports');

grant select, insert, update on proof_trees, proof_tiles, proof_keys, passport_settings, passports
    to tracewright_app, tracewright_ingest, tracewright_system;
grant select, insert on proof_batches, proof_heads to tracewright_app, tracewright_ingest, tracewright_system;
