-- What a tenant wants its figures to be, and how work in progress is found.

-- A target of a figure, for one plant or, where there is none for it, for all.
create table kpi_targets (
    tenant_id  uuid not null references control.tenants,
    kpi        text not null check (kpi ~ '^[a-z_]{1,40}$'),
    -- Empty: every plant that has none of its own.
    plant      text not null default '',
    target     numeric(18,6) not null,
    version    integer not null default 1,
    primary key (tenant_id, kpi, plant)
);
call app.keep_authors('kpi_targets');
call app.protect('kpi_targets');
grant select, insert, update, delete on kpi_targets to tracewright_app, tracewright_ingest, tracewright_system;

-- Units in work: active, and last seen in a stage of production (12 to 20). Few of a
-- tenant's units are, so the index is small, and a count of them reads nothing else.
create index uid_registry_in_work on uid_registry (tenant_id, plant, last_stage, last_at, key)
    where life = 2 and last_stage between 12 and 20;
