-- Tokens of API clients, and what a person has set up.

-- Keys that sign access tokens; the seed is sealed. The newest one signs, the others
-- are there for tokens that are not over.
create table control.signing_keys (
    kid         text primary key,
    public_key  bytea not null check (length(public_key) = 32),
    sealed_seed bytea not null,
    created_at  timestamptz not null
);

-- One sign-in of an API client: the refresh tokens that follow each other.
create table control.token_families (
    family_id  uuid primary key,
    tenant_id  uuid not null references control.tenants,
    key_hash   bytea not null references control.access_keys,
    address    text not null default '',
    created_at timestamptz not null,
    expires_at timestamptz not null,
    -- Ended before its time: by the client, or because a token came a second time.
    ended_at   timestamptz,
    ended_why  text check (ended_why in ('revoked', 'reused'))
);
create index token_families_key on control.token_families (key_hash);
create index token_families_over on control.token_families (expires_at);

-- Refresh tokens, each good once; only hashes are kept.
create table control.refresh_tokens (
    token_hash bytea primary key,
    family_id  uuid not null references control.token_families on delete cascade,
    expires_at timestamptz not null,
    used_at    timestamptz
);
create index refresh_tokens_family on control.refresh_tokens (family_id);

grant select, insert, update, delete
    on control.signing_keys, control.token_families, control.refresh_tokens to tracewright_system;

-- When a session was last used, to some minutes.
alter table control.sessions add column last_seen_at timestamptz;

alter table users
    -- Empty: as the product does by itself.
    add column date_form   text not null default '' check (date_form in ('', 'month', 'iso', 'slash')),
    add column number_form text not null default '' check (number_form in ('', 'indian', 'western')),
    add column theme       text not null default '' check (theme in ('', 'light', 'dark')),
    -- The plant that lists and forms begin with; empty for all.
    add column plant       text not null default '' check (char_length(plant) <= 3),
    -- The page that follows signing in; empty for the first.
    add column landing     text not null default '' check (char_length(landing) <= 100);
