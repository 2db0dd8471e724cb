-- Text messages (SMS): a tenant's own provider, numbers of people, and how many were
-- sent in a day.

alter table outbox drop constraint outbox_channel_check;
alter table outbox
    add constraint outbox_channel_check check (channel in ('notice', 'mail', 'webhook', 'event', 'sms')),
    -- What the other side calls it, where it says so.
    add column reference text not null default '';
alter table notice_preferences drop constraint notice_preferences_channel_check;
alter table notice_preferences
    add constraint notice_preferences_channel_check check (channel in ('app', 'mail', 'sms'));

create table sms_settings (
    tenant_id uuid primary key references control.tenants,
    -- How the provider is reached; without its token.
    config    jsonb not null,
    -- Null for none.
    token_sealed bytea,
    -- Used in place of the cloud's.
    active    boolean not null,
    version   integer not null default 1
);
call app.keep_authors('sms_settings');

-- Personal data: goes when its person is erased.
create table user_phones (
    tenant_id   uuid not null,
    user_id     uuid not null,
    -- E.164.
    number_sealed bytea not null,
    -- Its last digits, by which its owner knows it.
    ending      text not null,
    -- Until then only a code goes there.
    verified_at timestamptz,
    version     integer not null default 1,
    primary key (tenant_id, user_id),
    foreign key (tenant_id, user_id) references users (tenant_id, user_id)
);
call app.keep_authors('user_phones');

-- Parts of messages that were sent in a day of the tenant's zone: to a person, and in
-- all under the tenant's own id.
create table sms_counts (
    tenant_id uuid not null references control.tenants,
    day       date not null,
    subject   uuid not null,
    parts     integer not null,
    -- Administrators know that the bound is reached.
    told      boolean not null default false,
    version   integer not null default 1,
    primary key (tenant_id, day, subject)
);
call app.keep_authors('sms_counts');

call app.protect('sms_settings');
call app.protect('user_phones');
call app.protect('sms_counts');
grant select, insert, update, delete on sms_settings, user_phones, sms_counts
    to tracewright_app, tracewright_ingest, tracewright_system;
