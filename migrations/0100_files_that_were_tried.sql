-- Files of masters that were tried and found right, until they are imported: of each person the
-- last one. They stood in the memory of one process, which another did not know of.

create table tried_files (
    tenant_id  uuid not null references control.tenants,
    -- Who tried it, as the audit names them.
    actor      text not null,
    tried_id   uuid not null,
    master     text not null,
    -- The file, sealed: it may hold what fields of masters keep sealed.
    sealed     bytea not null,
    -- Not kept longer.
    kept_until timestamptz not null,
    version    integer not null default 1,
    primary key (tenant_id, actor)
);
-- What is sealed does not become smaller.
alter table tried_files alter column sealed set storage external;
call app.keep_authors('tried_files');

call app.protect('tried_files');
grant select, insert, update, delete on tried_files to tracewright_app, tracewright_ingest, tracewright_system;
