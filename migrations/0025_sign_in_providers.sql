-- Signing in by a provider of the tenant's own (OpenID Connect).

create table sign_in_providers (
    tenant_id     uuid primary key references control.tenants,
    active        boolean not null default false,
    -- What the button on the sign-in page says.
    name          text not null default '' check (char_length(name) <= 40),
    issuer        text not null default '' check (char_length(issuer) <= 500),
    client_id     text not null default '' check (char_length(client_id) <= 200),
    -- Sealed; null: the provider asks for none.
    client_secret bytea,
    -- Of e-mail addresses that are let in; none: every one.
    email_domains text[] not null default '{}' check (cardinality(email_domains) <= 50),
    -- Whoever is not known here becomes a person with this role; null: nobody does.
    create_role   text,
    -- People sign in by it alone; administrators go on having their passwords.
    provider_only boolean not null default false,
    version       integer not null default 1,
    foreign key (tenant_id, create_role) references roles (tenant_id, role),
    check (not active or (issuer <> '' and client_id <> '' and name <> '')),
    check (active or not provider_only),
    -- A provider of the whole world makes nobody a person here.
    check (create_role is null or cardinality(email_domains) > 0)
);
call app.keep_authors('sign_in_providers');
create index sign_in_providers_role on sign_in_providers (tenant_id, create_role);

-- By whom of a provider's people somebody comes in.
create table user_identities (
    tenant_id uuid not null references control.tenants,
    issuer    text not null,
    subject   text not null,
    user_id   uuid not null,
    linked_at timestamptz not null,
    primary key (tenant_id, issuer, subject),
    unique (tenant_id, user_id, issuer),
    foreign key (tenant_id, user_id) references users (tenant_id, user_id)
);

call app.keep_authors('user_identities');

call app.protect('sign_in_providers');
call app.protect('user_identities');
grant select, insert, update, delete on sign_in_providers, user_identities
    to tracewright_app, tracewright_ingest, tracewright_system;

-- Sign-ins that went to a provider and have not come back, each good once. Only hashes
-- are kept: of what comes back, and of what the browser holds.
create table control.provider_attempts (
    state_hash   bytea primary key,
    browser_hash bytea not null,
    tenant_id    uuid not null references control.tenants,
    issuer       text not null,
    next         text not null,
    expires_at   timestamptz not null
);
create index provider_attempts_over on control.provider_attempts (expires_at);
create index provider_attempts_tenant on control.provider_attempts (tenant_id);
grant select, insert, update, delete on control.provider_attempts to tracewright_system;
