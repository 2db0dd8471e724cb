-- Approvals: definitions, what runs by them, who stands in for whom; and
-- requests, the first documents that are approved.

-- A definition in one of its revisions. What runs keeps the revision it began with.
create table workflow_definitions (
    tenant_id     uuid not null references control.tenants,
    definition_id uuid not null,
    workflow      text not null check (workflow ~ '^[a-z][a-z0-9_]{1,59}$'),
    -- Null: for every plant that has none of its own.
    plant         text,
    revision      integer not null check (revision > 0),
    state         text not null default 'draft' check (state in ('draft', 'published', 'retired')),
    name          text not null check (char_length(name) <= 120),
    -- The JSON as it was written.
    source        text not null check (octet_length(source) <= 65536),
    published_at  timestamptz,
    published_by  text,
    version       integer not null default 1,
    primary key (tenant_id, definition_id),
    unique nulls not distinct (tenant_id, workflow, plant, revision),
    foreign key (tenant_id, plant) references plants (tenant_id, code)
);
call app.keep_authors('workflow_definitions');
create unique index workflow_definitions_published
    on workflow_definitions (tenant_id, workflow, plant) nulls not distinct where state = 'published';
create unique index workflow_definitions_draft
    on workflow_definitions (tenant_id, workflow, plant) nulls not distinct where state = 'draft';

-- One document on its way through a workflow.
create table workflow_instances (
    tenant_id     uuid not null references control.tenants,
    instance_id   uuid not null,
    definition_id uuid not null,
    workflow      text not null,
    -- Which document: `request` and its id.
    subject_kind  text not null,
    subject_id    uuid not null,
    title         text not null check (char_length(title) <= 200),
    -- Where the document is shown: a path of this site, or empty.
    href          text not null default '',
    plant         text,
    -- What conditions are judged by.
    document      jsonb not null default '{}',
    state         text not null check (state in
                      ('INITIATED', 'PENDING_APPROVAL', 'APPROVED', 'COMPLETED', 'REJECTED', 'CANCELLED')),
    -- The stage that is open, counted from 1; 0 while none is.
    stage         smallint not null default 0,
    -- How many stages were opened so far; a decision names the one it is for.
    round         integer not null default 0,
    -- Null: started by an event, a schedule or a webhook.
    starter       uuid,
    started_at    timestamptz not null,
    -- When the worker has to look at it; null when never.
    wake_at       timestamptz,
    ended_at      timestamptz,
    version       integer not null default 1,
    primary key (tenant_id, instance_id),
    foreign key (tenant_id, definition_id) references workflow_definitions (tenant_id, definition_id),
    foreign key (tenant_id, plant) references plants (tenant_id, code),
    foreign key (tenant_id, starter) references users (tenant_id, user_id)
);
call app.keep_authors('workflow_instances');
-- A document goes one way at a time.
create unique index workflow_instances_live
    on workflow_instances (tenant_id, subject_kind, subject_id) where ended_at is null;
create index workflow_instances_subject on workflow_instances (tenant_id, subject_kind, subject_id, instance_id);
create index workflow_instances_wake on workflow_instances (tenant_id, wake_at) where wake_at is not null;
create index workflow_instances_state on workflow_instances (tenant_id, state, instance_id);

-- A stage that was opened for an instance, and its deadlines.
create table workflow_rounds (
    tenant_id    uuid not null,
    instance_id  uuid not null,
    round        integer not null,
    workflow     text not null,
    plant        text,
    stage        smallint not null,
    stage_name   text not null,
    -- Approvals that it takes.
    needed       smallint not null check (needed > 0),
    opened_at    timestamptz not null,
    remind_at    timestamptz,
    due_at       timestamptz,
    escalate_at  timestamptz,
    escalate_to  text,
    reminded_at  timestamptz,
    breached_at  timestamptz,
    escalated_at timestamptz,
    ended_at     timestamptz,
    outcome      text check (outcome in ('APPROVE', 'REJECT', 'SEND_BACK', 'CANCEL')),
    version      integer not null default 1,
    primary key (tenant_id, instance_id, round),
    foreign key (tenant_id, instance_id) references workflow_instances (tenant_id, instance_id)
);
call app.keep_authors('workflow_rounds');
create index workflow_rounds_opened on workflow_rounds (tenant_id, opened_at);

-- Who is asked in a round. A seat is taken by one decision.
create table workflow_seats (
    tenant_id    uuid not null,
    instance_id  uuid not null,
    round        integer not null,
    seat         smallint not null,
    role         text,
    person       uuid,
    -- Came by escalation: its decision settles the stage.
    deputy       boolean not null default false,
    decision     text check (decision in ('APPROVE', 'REJECT', 'SEND_BACK')),
    decided_by   uuid,
    -- Whose seat it was, where a delegate decided.
    on_behalf_of uuid,
    decided_at   timestamptz,
    comment      text not null default '' check (char_length(comment) <= 2000),
    -- Set once the round ended: nobody is asked any more.
    closed_at    timestamptz,
    version      integer not null default 1,
    primary key (tenant_id, instance_id, round, seat),
    check ((role is null) <> (person is null)),
    check ((decision is null) = (decided_by is null)),
    foreign key (tenant_id, instance_id, round) references workflow_rounds (tenant_id, instance_id, round),
    foreign key (tenant_id, role) references roles (tenant_id, role),
    foreign key (tenant_id, person) references users (tenant_id, user_id),
    foreign key (tenant_id, decided_by) references users (tenant_id, user_id),
    foreign key (tenant_id, on_behalf_of) references users (tenant_id, user_id)
);
call app.keep_authors('workflow_seats');
create index workflow_seats_role on workflow_seats (tenant_id, role) where decision is null and closed_at is null;
create index workflow_seats_person on workflow_seats (tenant_id, person) where decision is null and closed_at is null;

-- What happened to an instance, for people to read beside it.
create table workflow_history (
    tenant_id    uuid not null,
    instance_id  uuid not null,
    n            integer not null check (n > 0),
    at           timestamptz not null,
    what         text not null,
    stage_name   text not null default '',
    person       uuid,
    on_behalf_of uuid,
    note         text not null default '',
    primary key (tenant_id, instance_id, n),
    foreign key (tenant_id, instance_id) references workflow_instances (tenant_id, instance_id)
);

-- Who decides for whom, from when to when.
create table workflow_delegations (
    tenant_id     uuid not null references control.tenants,
    delegation_id uuid not null,
    person        uuid not null,
    delegate      uuid not null check (delegate <> person),
    from_at       timestamptz not null,
    until_at      timestamptz not null check (until_at > from_at),
    reason        text not null default '' check (char_length(reason) <= 200),
    revoked_at    timestamptz,
    version       integer not null default 1,
    primary key (tenant_id, delegation_id),
    foreign key (tenant_id, person) references users (tenant_id, user_id),
    foreign key (tenant_id, delegate) references users (tenant_id, user_id)
);
call app.keep_authors('workflow_delegations');
create index workflow_delegations_delegate on workflow_delegations (tenant_id, delegate, until_at);
create index workflow_delegations_person on workflow_delegations (tenant_id, person, until_at);

-- What starts a workflow without a person; written anew when one is published.
create table workflow_triggers (
    tenant_id  uuid not null references control.tenants,
    trigger_id uuid not null,
    workflow   text not null,
    plant      text,
    kind       text not null check (kind in ('event', 'schedule', 'webhook')),
    -- Its place in the definition's list.
    place      smallint not null,
    event      text,
    cron       text,
    time_zone  text,
    -- Hash of the secret in a webhook's address; null until somebody made one.
    token_hash bytea,
    next_at    timestamptz,
    fired      bigint not null default 0,
    fired_at   timestamptz,
    last_error text not null default '',
    version    integer not null default 1,
    primary key (tenant_id, trigger_id),
    unique nulls not distinct (tenant_id, workflow, plant, place),
    foreign key (tenant_id, plant) references plants (tenant_id, code)
);
call app.keep_authors('workflow_triggers');
create index workflow_triggers_event on workflow_triggers (tenant_id, event) where event is not null;
create index workflow_triggers_next on workflow_triggers (tenant_id, next_at) where next_at is not null;

-- Calls of webhooks that were taken, by what the caller named them.
create table workflow_calls (
    tenant_id  uuid not null,
    trigger_id uuid not null,
    call_key   text not null check (char_length(call_key) <= 200),
    request_id uuid not null,
    at         timestamptz not null,
    primary key (tenant_id, trigger_id, call_key),
    foreign key (tenant_id, trigger_id) references workflow_triggers (tenant_id, trigger_id) on delete cascade
);

-- Something that a person asks for and others approve.
create table requests (
    tenant_id     uuid not null references control.tenants,
    request_id    uuid not null,
    number        bigint not null check (number > 0),
    workflow      text not null,
    subject       text not null check (char_length(subject) between 1 and 200),
    body          text not null default '' check (char_length(body) <= 10000),
    amount        numeric(18,6) check (amount >= 0),
    currency      text not null default 'INR' check (currency ~ '^[A-Z]{3}$'),
    plant         text,
    department_id uuid,
    -- What it was raised by, where no person did: `schedule`, `webhook`, or the event.
    source        text not null default '',
    -- Fields beside these, for conditions: those of the event or the webhook.
    details       jsonb not null default '{}',
    raised_by     uuid,
    state         text not null default 'open'
                      check (state in ('open', 'sent_back', 'approved', 'rejected', 'cancelled', 'done')),
    version       integer not null default 1,
    deleted_at    timestamptz,
    primary key (tenant_id, request_id),
    unique (tenant_id, number),
    foreign key (tenant_id, plant) references plants (tenant_id, code),
    foreign key (tenant_id, department_id) references departments (tenant_id, department_id),
    foreign key (tenant_id, raised_by) references users (tenant_id, user_id)
);
call app.keep_authors('requests');
create index requests_raised_by on requests (tenant_id, raised_by, number);
create index requests_state on requests (tenant_id, state, number);

call app.protect('workflow_definitions');
call app.protect('workflow_instances');
call app.protect('workflow_rounds');
call app.protect('workflow_seats');
call app.protect('workflow_history');
call app.protect('workflow_delegations');
call app.protect('workflow_triggers');
call app.protect('workflow_calls');
call app.protect('requests');
grant select, insert, update, delete
    on workflow_definitions, workflow_instances, workflow_rounds, workflow_seats, workflow_delegations,
       workflow_triggers, workflow_calls, requests
    to tracewright_app, tracewright_ingest, tracewright_system;
-- History is written once.
grant select, insert on workflow_history to tracewright_app, tracewright_ingest, tracewright_system;

-- Something happened that a workflow may start by.
alter table outbox drop constraint outbox_channel_check;
alter table outbox add constraint outbox_channel_check
    check (channel in ('notice', 'mail', 'webhook', 'event'));

-- Tenants that are there already: their roles take part as those of new tenants do.
do $$
declare
    tenant uuid;
begin
    for tenant in select tenant_id from control.tenants loop
        perform set_config('app.tenant_id', tenant::text, true);
        update roles set permissions = permissions || array['request.raise'], version = version + 1
        where tenant_id = tenant and built_in and role not in ('ADMIN', 'VIEWER', 'AUDITOR')
          and not 'request.raise' = any(permissions);
        update roles set permissions = permissions || array['workflow.decide'], version = version + 1
        where tenant_id = tenant and built_in and not 'workflow.decide' = any(permissions)
          and role in ('PLANT_MANAGER', 'QUALITY_ENGINEER', 'SUPERVISOR', 'ACCOUNTANT', 'DEPT_HEAD', 'BUYER');
        update roles set permissions = permissions || array['workflow.read', 'request.read'], version = version + 1
        where tenant_id = tenant and built_in and not 'workflow.read' = any(permissions)
          and role in ('PLANT_MANAGER', 'AUDITOR');
    end loop;
    perform set_config('app.tenant_id', '', true);
end $$;
