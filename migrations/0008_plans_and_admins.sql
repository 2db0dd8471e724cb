-- Plans and what tenants use; super-administrators; settings of a tenant.

-- ---------------------------------------------------------------- plans ----

create table control.plans (
    plan          text primary key check (plan ~ '^[A-Z][A-Z0-9_]{1,19}$'),
    name          text not null check (char_length(name) between 1 and 80),
    -- Null: as many as one likes.
    users         integer check (users > 0),
    plants        integer check (plants > 0),
    events_month  bigint check (events_month > 0),
    storage_bytes bigint check (storage_bytes > 0),
    -- Null: no trial. Else a tenant that comes to this plan has so many days.
    trial_days    integer check (trial_days between 1 and 365),
    features      text[] not null default '{branding,own_mail,addresses}'
                  check (features <@ array['branding', 'own_mail', 'addresses']),
    -- Where tenants of this plan belong: the shared database, or their own.
    placement     text not null default 'shared' check (placement in ('shared', 'own')),
    -- Whom a tenant asks for more; empty: whoever runs the cloud.
    contact       text not null default '' check (char_length(contact) <= 200),
    -- Of tenants to whom nobody gave a plan.
    is_default    boolean not null default false,
    -- Given to nobody any more.
    retired_at    timestamptz,
    version       integer not null default 1
);
call app.keep_authors('control.plans');
create unique index plans_default on control.plans (is_default) where is_default;
insert into control.plans (plan, name, is_default) values ('STANDARD', 'Standard', true);
insert into control.plans (plan, name, users, plants, events_month, storage_bytes, trial_days)
    values ('TRIAL', 'Trial', 10, 2, 200000, 5368709120, 30);

-- The plan that a tenant was given; without a row, the default one.
create table control.subscriptions (
    tenant_id     uuid primary key references control.tenants on delete cascade,
    plan          text not null references control.plans,
    since         timestamptz not null,
    trial_ends_at timestamptz,
    -- Why and since when it is suspended, if it is.
    suspended_at  timestamptz,
    suspended_why text check (suspended_why in ('trial', 'admin')),
    -- Listed for erasure from then on.
    erase_after   timestamptz,
    version       integer not null default 1,
    check ((suspended_at is null) = (suspended_why is null))
);
call app.keep_authors('control.subscriptions');

-- What a tenant used, by month in its own time zone.
create table control.usage (
    tenant_id     uuid not null references control.tenants on delete cascade,
    month         date not null check (extract(day from month) = 1),
    events        bigint not null default 0,
    -- Who has an account, and who of them signed in during the month.
    people        integer not null default 0,
    active_people integer not null default 0,
    plants        integer not null default 0,
    stored_bytes  bigint not null default 0,
    stored_at     timestamptz,
    api_calls     bigint not null default 0,
    -- Streams of facts, and when the last of them was heard.
    agents        integer not null default 0,
    last_event_at timestamptz,
    metered_at    timestamptz not null,
    primary key (tenant_id, month)
);

-- Up to which batch a tenant's events are counted.
create table control.usage_cursors (
    tenant_id uuid primary key references control.tenants on delete cascade,
    batch_id  bigint not null default 0
);

-- What its plan allows, where the tenant's own transactions see it. The worker
-- keeps it as `control` says.
create table plan_limits (
    tenant_id     uuid primary key references control.tenants,
    plan          text not null,
    name          text not null,
    users         integer,
    plants        integer,
    events_month  bigint,
    storage_bytes bigint,
    features      text[] not null default '{}',
    contact       text not null default '',
    trial_ends_at timestamptz,
    version       integer not null default 1
);
call app.keep_authors('plan_limits');

-- What the tenant's administrators were told of plan and trial, each once:
-- `events:2026-11:80`, `trial:2026-12-24:7`.
create table plan_notices (
    tenant_id uuid not null references control.tenants,
    notice    text not null,
    told_at   timestamptz not null,
    primary key (tenant_id, notice)
);

-- ------------------------------------------------- super-administrators ----

create table control.admins (
    admin_id          uuid primary key,
    email             text not null unique check (email = lower(email)),
    name              text not null,
    status            text not null default 'invited' check (status in ('invited', 'active', 'disabled')),
    -- argon2id in PHC form; null until the link was followed.
    password_hash     text,
    -- The secret of codes by time, sealed; asked for once it is confirmed.
    totp_secret       bytea,
    totp_confirmed_at timestamptz,
    totp_last_step    bigint not null default 0,
    last_signed_in_at timestamptz,
    version           integer not null default 1
);
call app.keep_authors('control.admins');

-- A link by which a super-administrator sets a password; only its hash is kept.
create table control.admin_links (
    token_hash bytea primary key,
    admin_id   uuid not null references control.admins,
    expires_at timestamptz not null,
    used_at    timestamptz
);

-- Sign-ins under way, sessions, and keys for programs; only hashes are kept.
create table control.admin_sessions (
    token_hash bytea primary key,
    admin_id   uuid not null references control.admins,
    kind       text not null check (kind in ('step', 'session', 'key')),
    name       text not null default '',
    address    text not null default '',
    browser    text not null default '',
    created_at timestamptz not null,
    expires_at timestamptz not null
);
create index admin_sessions_admin on control.admin_sessions (admin_id);

-- Everything that super-administrators looked at and did. Each row's hash covers
-- the row before it, as in the tenants' audit.
create table control.admin_audit (
    n        bigint primary key check (n > 0),
    audit_id uuid not null unique,
    at       timestamptz not null,
    actor    text not null,
    action   text not null,
    subject  text not null,
    before   jsonb,
    after    jsonb,
    origin   text,
    hash     bytea not null check (length(hash) = 32)
);
create index admin_audit_actor on control.admin_audit (actor, n);
create index admin_audit_subject on control.admin_audit (subject, n);

grant select, insert, update, delete on control.plans, control.subscriptions, control.usage,
    control.usage_cursors, control.admins, control.admin_links, control.admin_sessions
    to tracewright_system;
-- Appended to, and never edited, whoever asks.
grant select, insert on control.admin_audit to tracewright_system;

-- ------------------------------------------------- settings of a tenant ----

create table tenant_settings (
    tenant_id      uuid primary key references control.tenants,
    -- For what can be acted on, and for the brand; empty: the product's own.
    primary_colour text not null default '' check (primary_colour ~ '^(#[0-9a-f]{6})?$'),
    accent_colour  text not null default '' check (accent_colour ~ '^(#[0-9a-f]{6})?$'),
    logo           bytea check (length(logo) <= 262144),
    logo_type      text check (logo_type in ('image/png', 'image/jpeg', 'image/webp')),
    -- Networks from which people and keys may come (CIDR); none: from anywhere.
    addresses      text[] not null default '{}' check (cardinality(addresses) <= 100),
    version        integer not null default 1,
    check ((logo is null) = (logo_type is null))
);
call app.keep_authors('tenant_settings');

-- The tenant's own mail server; without a host the cloud's is used.
alter table mail_settings
    add column smtp_host     text not null default '' check (char_length(smtp_host) <= 253),
    add column smtp_port     integer not null default 465 check (smtp_port between 1 and 65535),
    add column smtp_security text not null default 'tls' check (smtp_security in ('tls', 'starttls')),
    add column smtp_user     text not null default '' check (char_length(smtp_user) <= 254),
    -- Sealed.
    add column smtp_password bytea,
    add column from_address  text not null default '' check (char_length(from_address) <= 254);

call app.protect('plan_limits');
call app.protect('plan_notices');
call app.protect('tenant_settings');
grant select, insert, update, delete on plan_limits, plan_notices, tenant_settings
    to tracewright_app, tracewright_ingest, tracewright_system;
