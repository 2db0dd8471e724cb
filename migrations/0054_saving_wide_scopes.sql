-- Scopes that are too wide to be saved while somebody waits: a job finds their units and
-- writes them.

alter table scopes
    -- saving: a job is at it. Only what is kept is whole; the others are taken for nothing.
    add column state   text not null default 'kept' check (state in ('saving', 'kept', 'stopped', 'failed')),
    -- Conditions that were asked so far, of how many; and UIDs written so far, of `members`.
    add column asked   integer not null default 0,
    add column to_ask  integer not null default 0,
    add column written integer not null default 0,
    -- Why it failed: a code, and the path of the condition.
    add column failure jsonb;
create index scopes_unfinished on scopes (tenant_id, scope_id) where state <> 'kept';

-- What the job has to know. The row is locked by whoever is at it, while `scopes` tells
-- people how far it is, and is told to stop.
create table scope_saves (
    tenant_id uuid not null,
    scope_id  uuid not null,
    -- Plants whose units whoever asked may see; null: all.
    plants    text[],
    -- Their time zone, for what belongs to no plant.
    zone      text not null,
    -- The answer, once it is there: what is written is one answer, however often the
    -- writing is taken up again.
    found     bigint[],
    primary key (tenant_id, scope_id),
    foreign key (tenant_id, scope_id) references scopes (tenant_id, scope_id)
);
call app.protect('scope_saves');
grant select, insert, update, delete on scope_saves
    to tracewright_app, tracewright_ingest, tracewright_system;
