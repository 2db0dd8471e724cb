-- What goes out after a commit: notices, mail, webhooks; and the second step of
-- sign-in.

-- A message is written in the transaction of what it tells of. A worker sends it
-- after the commit, at least once.
create table outbox (
    tenant_id  uuid not null references control.tenants,
    message_id uuid not null,
    channel    text not null check (channel in ('notice', 'mail', 'webhook')),
    -- What it tells of: `people.reset`, `hold.placed`.
    kind       text not null,
    -- The person it is for, or the webhook; null for a notice, whose body says.
    target     uuid,
    body       jsonb not null,
    -- What of it is secret (a link), sealed; gone once nobody needs it.
    sealed     bytea,
    -- `void`: not sent, because nobody wants it any more.
    state      text not null default 'waiting' check (state in ('waiting', 'sent', 'dead', 'void')),
    attempts   integer not null default 0,
    -- When it is tried next. While a worker has it: when it is taken for lost there.
    due_at     timestamptz not null,
    -- The claim of the worker that has it; what comes of a claim before is void.
    claim      uuid,
    -- Of no use after this.
    expires_at timestamptz,
    last_error text not null default '',
    ended_at   timestamptz,
    version    integer not null default 1,
    primary key (tenant_id, message_id)
);
call app.keep_authors('outbox');
create index outbox_due on outbox (tenant_id, due_at) where state = 'waiting';
create index outbox_ended on outbox (tenant_id, ended_at) where state <> 'waiting';

-- What a person is told inside the product.
create table notices (
    tenant_id  uuid not null,
    notice_id  uuid not null,
    user_id    uuid not null,
    kind       text not null,
    -- Values of its text, which is said in the reader's language.
    details    jsonb not null default '{}',
    -- Where it leads: a path of this site; empty for nowhere.
    href       text not null default '',
    told_at    timestamptz not null,
    read_at    timestamptz,
    version    integer not null default 1,
    primary key (tenant_id, notice_id),
    foreign key (tenant_id, user_id) references users (tenant_id, user_id)
);
call app.keep_authors('notices');
create index notices_person on notices (tenant_id, user_id, notice_id);
create index notices_unread on notices (tenant_id, user_id) where read_at is null;

-- What a person wants otherwise than its kind says.
create table notice_preferences (
    tenant_id uuid not null,
    user_id   uuid not null,
    kind      text not null,
    channel   text not null check (channel in ('app', 'mail')),
    wanted    boolean not null,
    version   integer not null default 1,
    primary key (tenant_id, user_id, kind, channel),
    foreign key (tenant_id, user_id) references users (tenant_id, user_id)
);
call app.keep_authors('notice_preferences');

-- How the tenant's mail looks.
create table mail_settings (
    tenant_id   uuid primary key references control.tenants,
    -- Empty: the tenant's name.
    sender_name text not null default '',
    -- Empty: none.
    reply_to    text not null default '',
    version     integer not null default 1
);
call app.keep_authors('mail_settings');

create table webhooks (
    tenant_id  uuid not null references control.tenants,
    webhook_id uuid not null,
    name       text not null,
    url        text not null,
    form       text not null default 'json' check (form in ('json', 'slack')),
    -- Kinds of notices that it is told; none: every one.
    kinds      text[] not null default '{}',
    -- What its requests are signed with, sealed.
    secret     bytea not null,
    active     boolean not null default true,
    version    integer not null default 1,
    deleted_at timestamptz,
    primary key (tenant_id, webhook_id)
);
call app.keep_authors('webhooks');

-- Codes by time (RFC 6238) of a person.
create table user_totp (
    tenant_id    uuid not null,
    user_id      uuid not null,
    secret       bytea not null,
    -- Null until the person has shown a code of it: until then it asks nothing.
    confirmed_at timestamptz,
    -- The step whose code was used last; codes up to it are used up.
    last_step    bigint not null default 0,
    version      integer not null default 1,
    primary key (tenant_id, user_id),
    foreign key (tenant_id, user_id) references users (tenant_id, user_id)
);
call app.keep_authors('user_totp');

create table user_backup_codes (
    tenant_id uuid not null,
    user_id   uuid not null,
    code_hash bytea not null,
    used_at   timestamptz,
    primary key (tenant_id, user_id, code_hash),
    foreign key (tenant_id, user_id) references user_totp (tenant_id, user_id) on delete cascade
);

-- Whoever has this role must have such codes.
alter table roles add column require_totp boolean not null default false;

-- A sign-in under way: the password was right, and something else is asked for.
create table control.signin_steps (
    token_hash bytea primary key,
    -- One each for every organisation that the person may choose among.
    tenants    uuid[] not null,
    users      uuid[] not null,
    -- How the first step was done: `password` or `link`.
    first_step text not null,
    address    text not null default '',
    browser    text not null default '',
    created_at timestamptz not null,
    expires_at timestamptz not null,
    check (cardinality(tenants) = cardinality(users) and cardinality(tenants) > 0)
);
create index signin_steps_expires on control.signin_steps (expires_at);
grant select, insert, update, delete on control.signin_steps to tracewright_system;

call app.protect('outbox');
call app.protect('notices');
call app.protect('notice_preferences');
call app.protect('mail_settings');
call app.protect('webhooks');
call app.protect('user_totp');
call app.protect('user_backup_codes');
grant select, insert, update, delete
    on outbox, notices, notice_preferences, mail_settings, webhooks, user_totp, user_backup_codes
    to tracewright_app, tracewright_ingest, tracewright_system;
