-- Recalls and drills of them: what is called back and where it was when the recall
-- was begun, who has it and was told, what they answered.

create table recalls (
    tenant_id     uuid not null references control.tenants,
    recall_id     uuid not null,
    -- A drill touches no stock, no hold and no customer.
    kind          text not null check (kind in ('recall', 'drill')),
    status        text not null check (status in ('draft', 'active', 'closed', 'cancelled')),
    company       text not null,
    number        text collate "C" not null,
    severity      text not null check (severity in ('class_1', 'class_2', 'class_3')),
    reason        text not null check (char_length(reason) between 1 and 500),
    -- What whoever has a unit is to do with it.
    instructions  text not null default '' check (char_length(instructions) <= 2000),
    owner         uuid,
    -- What was asked for, so that it can be asked again; and what people call it.
    scope         jsonb not null,
    scope_name    text not null check (char_length(scope_name) <= 200),
    -- Lots that are recalled whole: their labels still to come are held too.
    lots          uuid[] not null default '{}',
    -- The recall that a drill is of.
    of_recall     uuid,
    -- The snapshot: as of which batch, when, how long it took, how many labels.
    through_batch bigint not null,
    snapshot_at   timestamptz not null,
    snapshot_ms   integer not null check (snapshot_ms >= 0),
    members       integer not null check (members >= 0),
    target_on     date,
    activated_at  timestamptz,
    activated_by  text,
    -- Labels that are to be held, and those that are by now.
    to_hold       integer not null default 0,
    held          integer not null default 0,
    ended_at      timestamptz,
    ended_by      text,
    ended_note    text not null default '' check (char_length(ended_note) <= 2000),
    version       integer not null default 1,
    primary key (tenant_id, recall_id),
    unique (tenant_id, company, kind, number),
    foreign key (tenant_id, company) references companies (tenant_id, code),
    foreign key (tenant_id, owner) references users (tenant_id, user_id),
    foreign key (tenant_id, of_recall) references recalls (tenant_id, recall_id),
    check ((activated_at is null) = (activated_by is null)),
    check ((ended_at is not null) = (status in ('closed', 'cancelled')))
);
call app.keep_authors('recalls');
call app.protect('recalls');
create index recalls_newest on recalls (tenant_id, kind, recall_id desc);
create index recalls_number on recalls (tenant_id, number, recall_id);
create index recalls_open on recalls (tenant_id, recall_id) where status in ('draft', 'active');
create index recalls_owner on recalls (tenant_id, owner) where owner is not null;
create index recalls_of on recalls (tenant_id, of_recall) where of_recall is not null;

-- Whoever has units of a recall: own plants, customers, installations, suppliers.
create table recall_consignees (
    tenant_id       uuid not null,
    recall_id       uuid not null,
    consignee_id    uuid not null,
    kind            text not null check (kind in ('plant', 'customer', 'installation', 'supplier')),
    -- Code of the plant or partner; of an unknown partner the document that it left by.
    code            text not null,
    place           text not null default '',
    name            text not null default '',
    state           text not null default 'to_notify'
                    check (state in ('to_notify', 'notified', 'acknowledged', 'no_answer')),
    notified_at     timestamptz,
    acknowledged_at timestamptz,
    version         integer not null default 1,
    primary key (tenant_id, recall_id, consignee_id),
    unique (tenant_id, recall_id, kind, code, place),
    foreign key (tenant_id, recall_id) references recalls (tenant_id, recall_id)
);
call app.keep_authors('recall_consignees');
call app.protect('recall_consignees');

-- The units of a recall, and where each was when the snapshot was taken.
create table recall_members (
    tenant_id    uuid not null,
    recall_id    uuid not null,
    key          bigint not null,
    item         text not null,
    lot_id       uuid,
    quantity     numeric(18,6) not null,
    unit         text not null,
    place        text not null check (place in ('stock', 'work', 'transit', 'customer', 'installed', 'supplier',
                                                'consumed', 'scrapped', 'expected', 'unknown')),
    plant        text not null,
    location     text not null,
    -- What it was in, the outermost.
    outer_key    bigint,
    -- By which document it left, and when.
    document     text not null,
    left_at      timestamptz,
    consignee_id uuid,
    hold_id      uuid,
    primary key (tenant_id, recall_id, key),
    foreign key (tenant_id, recall_id) references recalls (tenant_id, recall_id),
    foreign key (tenant_id, recall_id, consignee_id)
        references recall_consignees (tenant_id, recall_id, consignee_id)
);
call app.protect('recall_members');
create index recall_members_key on recall_members (tenant_id, key);
create index recall_members_outer on recall_members (tenant_id, outer_key) where outer_key is not null;
create index recall_members_consignee on recall_members (tenant_id, recall_id, consignee_id, key);
create index recall_members_free on recall_members (tenant_id, recall_id, key)
    where hold_id is null and place in ('stock', 'work', 'transit');

-- What was written to whom. The id is that of the message in the outbox, and so the
-- mail's Message-ID, however often it is sent.
create table recall_letters (
    tenant_id    uuid not null,
    letter_id    uuid not null,
    recall_id    uuid not null,
    consignee_id uuid not null,
    contact      text not null,
    name         text not null,
    email        text not null,
    language     text not null,
    written_at   timestamptz not null,
    state        text not null default 'waiting' check (state in ('waiting', 'sent', 'dead', 'void')),
    ended_at     timestamptz,
    last_error   text not null default '',
    primary key (tenant_id, letter_id),
    unique (tenant_id, recall_id, consignee_id, contact),
    foreign key (tenant_id, recall_id, consignee_id)
        references recall_consignees (tenant_id, recall_id, consignee_id)
);
call app.protect('recall_letters');
create index recall_letters_waiting on recall_letters (tenant_id, recall_id) where state = 'waiting';

-- What was answered: of one unit, or of all that a consignee has in one unit of
-- measure. A later answer stands in the place of the one before.
create table recall_responses (
    tenant_id    uuid not null,
    response_id  uuid not null,
    recall_id    uuid not null,
    consignee_id uuid not null,
    key          bigint,
    unit         text not null,
    found        numeric(18,6) not null default 0 check (found >= 0),
    quarantined  numeric(18,6) not null default 0 check (quarantined >= 0),
    returned     numeric(18,6) not null default 0 check (returned >= 0),
    replaced     numeric(18,6) not null default 0 check (replaced >= 0),
    destroyed    numeric(18,6) not null default 0 check (destroyed >= 0),
    used_up      numeric(18,6) not null default 0 check (used_up >= 0),
    not_found    numeric(18,6) not null default 0 check (not_found >= 0),
    -- The document of the replacement.
    reference    text not null default '' check (char_length(reference) <= 100),
    note         text not null default '' check (char_length(note) <= 1000),
    at           timestamptz not null,
    -- The event of a plant that says so; null: entered in the office.
    event_id     uuid,
    -- The event never was: a correction took it back.
    void         boolean not null default false,
    primary key (tenant_id, response_id),
    foreign key (tenant_id, recall_id, consignee_id)
        references recall_consignees (tenant_id, recall_id, consignee_id)
);
call app.keep_authors('recall_responses');
call app.protect('recall_responses');
-- An event counts once for each unit.
create unique index recall_responses_event on recall_responses (tenant_id, recall_id, key, event_id)
    where event_id is not null;
create index recall_responses_recall on recall_responses (tenant_id, recall_id, at, response_id);
create index recall_responses_of_event on recall_responses (tenant_id, event_id) where event_id is not null;

grant select, insert, update, delete
    on recalls, recall_consignees, recall_members, recall_letters, recall_responses
    to tracewright_app, tracewright_ingest, tracewright_system;

do $$
declare
    t uuid;
begin
    for t in select tenant_id from control.tenants loop
        perform set_config('app.tenant_id', t::text, true);
        update roles set permissions = permissions || w.added
        from (values
                ('PLANT_MANAGER', array['recall.read', 'recall.manage', 'recall.activate']),
                ('QUALITY_ENGINEER', array['recall.read', 'recall.manage']),
                ('SUPERVISOR', array['recall.read']),
                ('AUDITOR', array['recall.read']))
             as w(role, added)
        where roles.tenant_id = t and roles.role = w.role and roles.built_in;
    end loop;
    perform set_config('app.tenant_id', '', true);
end $$;
