-- When a person is written to, what waits for a digest, and addresses that mail
-- cannot reach.

-- Mail of a kind comes at once, or in a digest.
alter table notice_preferences
    add column pace text not null default 'now' check (pace in ('now', 'daily', 'weekly'));

-- When a person wants to be written to, in the person's own time zone.
create table notice_times (
    tenant_id      uuid not null,
    user_id        uuid not null,
    -- Minutes of the day between which nothing comes; null: it comes at any time.
    quiet_from     integer check (quiet_from between 0 and 1439),
    quiet_until    integer check (quiet_until between 0 and 1439),
    digest_hour    integer not null default 8 check (digest_hour between 0 and 23),
    -- 1 is Monday.
    digest_weekday integer not null default 1 check (digest_weekday between 1 and 7),
    version        integer not null default 1,
    primary key (tenant_id, user_id),
    foreign key (tenant_id, user_id) references users (tenant_id, user_id),
    check ((quiet_from is null) = (quiet_until is null))
);
call app.keep_authors('notice_times');

-- A notice that waits for a person's digest.
create table digest_entries (
    tenant_id uuid not null,
    entry_id  uuid not null,
    user_id   uuid not null,
    pace      text not null check (pace in ('daily', 'weekly')),
    kind      text not null,
    -- Values of its text, which is said in the reader's language.
    details   jsonb not null default '{}',
    href      text not null default '',
    told_at   timestamptz not null,
    version   integer not null default 1,
    primary key (tenant_id, entry_id),
    foreign key (tenant_id, user_id) references users (tenant_id, user_id)
);
call app.keep_authors('digest_entries');
create index digest_entries_person on digest_entries (tenant_id, user_id, pace, entry_id);

-- A digest that is due one day: there is one while something waits for it. Whoever
-- sends it removes it, in the transaction that writes its mail.
create table digests (
    tenant_id uuid not null,
    user_id   uuid not null,
    pace      text not null check (pace in ('daily', 'weekly')),
    due_at    timestamptz not null,
    version   integer not null default 1,
    primary key (tenant_id, user_id, pace),
    foreign key (tenant_id, user_id) references users (tenant_id, user_id)
);
call app.keep_authors('digests');
create index digests_due on digests (tenant_id, due_at);

-- A person whose address mail does not reach: none is sent until the address is
-- confirmed, or another one.
create table unreachable_addresses (
    tenant_id  uuid not null,
    user_id    uuid not null,
    email      text not null,
    -- What the mail server, or the mail service afterwards, said.
    reason     text not null,
    -- `refused` at once, or `bounced` afterwards.
    source     text not null check (source in ('refused', 'bounced')),
    -- The mail that did not reach it.
    message_id uuid not null,
    since      timestamptz not null,
    version    integer not null default 1,
    primary key (tenant_id, user_id),
    foreign key (tenant_id, user_id) references users (tenant_id, user_id)
);
call app.keep_authors('unreachable_addresses');

-- A code on its way to an address or a number, to show that it is the person's.
create table contact_codes (
    tenant_id  uuid not null,
    user_id    uuid not null,
    channel    text not null check (channel in ('mail', 'sms')),
    code_sealed bytea not null,
    -- Wrong ones that were typed.
    tries      integer not null default 0,
    sent_at    timestamptz not null,
    expires_at timestamptz not null,
    version    integer not null default 1,
    primary key (tenant_id, user_id, channel),
    foreign key (tenant_id, user_id) references users (tenant_id, user_id)
);
call app.keep_authors('contact_codes');

-- What proves that a report of mail that bounced is true; only its hash is kept.
alter table mail_settings add column bounce_token_hash bytea;

-- What was sent to somebody, and of a kind, newest first.
create index outbox_target on outbox (tenant_id, target, message_id) where target is not null;
create index outbox_kind on outbox (tenant_id, kind, message_id);

call app.protect('notice_times');
call app.protect('digest_entries');
call app.protect('digests');
call app.protect('unreachable_addresses');
call app.protect('contact_codes');
grant select, insert, update, delete
    on notice_times, digest_entries, digests, unreachable_addresses, contact_codes
    to tracewright_app, tracewright_ingest, tracewright_system;
