-- People of the office: who they are, what they may do, how they prove it.

-- E-mail look-up at sign-in: which tenants a person is in. Passwords and all
-- else lie with the tenant.
create table control.logins (
    email     text not null check (email = lower(email)),
    tenant_id uuid not null references control.tenants,
    user_id   uuid not null,
    primary key (email, tenant_id)
);

-- A link by which a person sets a password; only its hash is kept.
create table control.invitations (
    token_hash bytea primary key,
    tenant_id  uuid not null references control.tenants,
    user_id    uuid not null,
    purpose    text not null check (purpose in ('invite', 'reset')),
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at    timestamptz
);
create index invitations_user on control.invitations (tenant_id, user_id);

-- Tries to sign in, by account and by address; `subject` is a hash.
create table control.signin_tries (
    subject      text primary key,
    tries        integer not null,
    last_at      timestamptz not null,
    locked_until timestamptz
);
create index signin_tries_last on control.signin_tries (last_at);

-- A session stands on a key or on a person.
alter table control.sessions
    alter column key_hash drop not null,
    add column user_id uuid,
    add column address text not null default '',
    add column browser text not null default '',
    add constraint sessions_stand_on_one check ((key_hash is null) <> (user_id is null));
create index sessions_user on control.sessions (tenant_id, user_id) where user_id is not null;

grant select, insert, update, delete on control.logins, control.invitations, control.signin_tries
    to tracewright_system;

create table users (
    tenant_id         uuid not null references control.tenants,
    user_id           uuid not null,
    email             text not null check (email = lower(email)),
    name              text not null,
    -- Empty: as the tenant.
    language          text not null default '' check (language in ('', 'en', 'hi', 'bn', 'te')),
    time_zone         text not null default '',
    status            text not null default 'invited' check (status in ('invited', 'active', 'disabled')),
    -- argon2id in PHC form; null until the person has set a password.
    password_hash     text,
    last_signed_in_at timestamptz,
    version           integer not null default 1,
    deleted_at        timestamptz,
    primary key (tenant_id, user_id),
    unique (tenant_id, email)
);
call app.keep_authors('users');

create table roles (
    tenant_id   uuid not null references control.tenants,
    role        text not null check (role ~ '^[A-Z][A-Z0-9_]{1,39}$'),
    name        text not null,
    -- Codes of permissions; `*` is every one.
    permissions text[] not null default '{}',
    -- Made with the tenant; its name comes from the texts.
    built_in    boolean not null default false,
    version     integer not null default 1,
    deleted_at  timestamptz,
    primary key (tenant_id, role)
);
call app.keep_authors('roles');

create table user_roles (
    tenant_id uuid not null,
    user_id   uuid not null,
    role      text not null,
    primary key (tenant_id, user_id, role),
    foreign key (tenant_id, user_id) references users (tenant_id, user_id),
    foreign key (tenant_id, role) references roles (tenant_id, role)
);
create index user_roles_role on user_roles (tenant_id, role);

call app.protect('users');
call app.protect('roles');
call app.protect('user_roles');
grant select, insert, update, delete on users, roles, user_roles
    to tracewright_app, tracewright_ingest, tracewright_system;
