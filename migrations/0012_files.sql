-- Files that people attach to documents and to rows of masters (docs/files.md).
--
-- The bytes lie in a folder or an S3-compatible store, under the tenant's id and
-- their hash: one content has one object per tenant, and none across tenants. An
-- object is written first and recorded in a transaction after; one that no row
-- names is swept away.

create table file_contents (
    tenant_id uuid not null references control.tenants,
    sha256    bytea not null check (length(sha256) = 32),
    size      bigint not null check (size > 0),
    -- Its path in the store; never used again once this row is gone.
    object    text not null,
    stored_at timestamptz not null default now(),
    primary key (tenant_id, sha256),
    unique (tenant_id, object)
);

create table files (
    tenant_id    uuid not null references control.tenants,
    file_id      uuid not null,
    -- What it is attached to: `items` and `BOLT-M6`. Who may see and change that
    -- may see and change its files.
    subject_kind text not null check (char_length(subject_kind) <= 60),
    subject_key  text not null check (char_length(subject_key) <= 200),
    -- The present version.
    number       integer not null default 1 check (number > 0),
    version      integer not null default 1,
    deleted_at   timestamptz,
    primary key (tenant_id, file_id)
);
call app.keep_authors('files');
create index files_subject on files (tenant_id, subject_kind, subject_key, file_id);
create index files_deleted on files (tenant_id, deleted_at) where deleted_at is not null;

create table file_versions (
    tenant_id  uuid not null,
    file_id    uuid not null,
    number     integer not null check (number > 0),
    name       text not null check (char_length(name) between 1 and 200),
    -- By the content, never by the name.
    media_type text not null,
    sha256     bytea not null,
    created_at timestamptz not null default now(),
    created_by text not null default app.actor(),
    primary key (tenant_id, file_id, number),
    foreign key (tenant_id, file_id) references files (tenant_id, file_id),
    foreign key (tenant_id, sha256) references file_contents (tenant_id, sha256)
);
create index file_versions_content on file_versions (tenant_id, sha256);

-- What a tenant's contents weigh, for its quota.
create table file_usage (
    tenant_id uuid primary key references control.tenants,
    bytes     bigint not null default 0 check (bytes >= 0)
);

call app.protect('file_contents');
call app.protect('files');
call app.protect('file_versions');
call app.protect('file_usage');
grant select, insert, update, delete on file_contents, files, file_versions, file_usage
    to tracewright_app, tracewright_ingest, tracewright_system;
