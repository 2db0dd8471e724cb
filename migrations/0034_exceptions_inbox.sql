-- The inbox of exceptions: which choice resolved one, who is at it, what people did
-- with it, and the version that a change must not overwrite.

alter table exceptions
    add column version integer not null default 1,
    -- Code of the choice that resolved it; null for what the system withdrew.
    add column choice  text;

-- Whoever writes a row raises its version, the system too: a person who looks at an
-- exception that was withdrawn meanwhile is told so.
create function app.next_version() returns trigger
    language plpgsql as $$
begin
    new.version = old.version + 1;
    return new;
end $$;
create trigger next_version before update on exceptions
    for each row execute function app.next_version();

create index exceptions_unresolved on exceptions (tenant_id, plant, kind) where status <> 'resolved';
-- How many an import has opened.
create index exceptions_agent on exceptions (tenant_id, agent_id) where status <> 'resolved';
create index exceptions_assigned on exceptions (tenant_id, assigned_to, opened_at desc, exception_id)
    where status = 'assigned';

-- What people did with an exception, in their order. Never changed.
create table exception_steps (
    tenant_id    uuid not null,
    exception_id uuid not null,
    step_id      uuid not null,
    at           timestamptz not null,
    actor        text not null default app.actor(),
    what         text not null check (what in ('assigned', 'unassigned', 'resolved', 'reopened')),
    -- Whom it was assigned to.
    person       uuid,
    choice       text,
    reason       text not null default '' check (length(reason) <= 500),
    primary key (tenant_id, exception_id, step_id),
    foreign key (tenant_id, exception_id) references exceptions (tenant_id, exception_id)
);
call app.protect('exception_steps');

-- When those of a plant were last told of its old exceptions, so that it happens
-- once a day whatever runs.
create table exception_digests (
    tenant_id uuid not null references control.tenants,
    plant     text not null,
    told_on   date not null,
    primary key (tenant_id, plant)
);
call app.protect('exception_digests');

grant select, insert, update, delete on exception_steps, exception_digests
    to tracewright_app, tracewright_ingest, tracewright_system;
