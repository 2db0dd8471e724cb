-- Numbers of documents: series of a company, what each has given out, and what
-- was lent to plants and imports (cloud/platform/src/numbering). What the global
-- search finds by its beginning.

create table document_series (
    tenant_id   uuid not null references control.tenants,
    series      text not null,
    name        text not null check (char_length(name) <= 120),
    -- Of which documents; the program knows them.
    kind        text not null,
    company     text not null,
    -- Only for documents of this registration, of this plant; null for all.
    gstin       text,
    plant       text,
    -- Such as `INV/{FY}/{SEQ}`.
    pattern     text not null check (char_length(pattern) <= 60),
    width       smallint not null default 5 check (width between 1 and 12),
    starts_at   integer not null default 1 check (starts_at >= 1),
    reset       text not null default 'year' check (reset in ('year', 'month', 'never')),
    -- The month in which the financial year begins.
    year_starts smallint not null default 4 check (year_starts between 1 and 12),
    gap_free    boolean not null default true,
    -- At most 16 of A-Z, 0-9, - and / (India, CGST rule 46).
    gst_rule    boolean not null default true,
    -- Taken where nobody names a series.
    automatic   boolean not null default true,
    foreign key (tenant_id, company) references companies (tenant_id, code),
    foreign key (tenant_id, plant) references plants (tenant_id, code)
);
call app.keep_master('document_series', '{series}', '{series,name}');
create index document_series_kind on document_series (tenant_id, kind, series);
create index document_series_company on document_series (tenant_id, company, series);
create unique index document_series_automatic on document_series
    (tenant_id, company, kind, gstin, plant) nulls not distinct where automatic and deleted_at is null;

-- A counter for each year or month of a series. Its row is what takers wait for.
create table document_periods (
    tenant_id   uuid not null references control.tenants,
    series      text not null,
    period_from date not null,
    first       bigint not null,
    next        bigint not null,
    primary key (tenant_id, series, period_from),
    foreign key (tenant_id, series) references document_series (tenant_id, series)
);

-- Numbers that were cut off the counter for series that may leave gaps: who takes
-- one locks a block, and others take another.
create table document_blocks (
    tenant_id   uuid not null references control.tenants,
    series      text not null,
    period_from date not null,
    first       bigint not null,
    last        bigint not null,
    next        bigint not null,
    primary key (tenant_id, series, period_from, first),
    foreign key (tenant_id, series, period_from) references document_periods (tenant_id, series, period_from)
);

-- Ranges lent to a plant's agent or an import, to number offline.
create table document_leases (
    tenant_id   uuid not null references control.tenants,
    lease_id    uuid not null,
    series      text not null,
    period_from date not null,
    first       bigint not null,
    last        bigint not null check (last >= first),
    holder      text not null check (char_length(holder) between 1 and 120),
    granted_at  timestamptz not null default now(),
    granted_by  text not null default app.actor(),
    status      text not null default 'open' check (status in ('open', 'returned', 'burnt')),
    closed_at   timestamptz,
    closed_by   text,
    reason      text not null default '' check (char_length(reason) <= 500),
    primary key (tenant_id, lease_id),
    foreign key (tenant_id, series, period_from) references document_periods (tenant_id, series, period_from)
);
create index document_leases_series on document_leases (tenant_id, series, period_from, first);

-- Every number that was given out, and every one that was made void.
create table document_numbers (
    tenant_id   uuid not null references control.tenants,
    company     text not null,
    kind        text not null,
    number      text collate "C" not null,
    series      text not null,
    period_from date not null,
    seq         bigint not null,
    -- The document's own day.
    dated       date not null,
    -- As `noun:id`; empty for one that no document got.
    document    text not null default '' check (char_length(document) <= 200),
    lease_id    uuid,
    status      text not null default 'issued' check (status in ('issued', 'void')),
    issued_at   timestamptz not null default now(),
    issued_by   text not null default app.actor(),
    voided_at   timestamptz,
    voided_by   text,
    reason      text not null default '' check (char_length(reason) <= 500),
    -- No two series make the same number.
    primary key (tenant_id, company, kind, number),
    unique (tenant_id, series, period_from, seq),
    foreign key (tenant_id, series, period_from) references document_periods (tenant_id, series, period_from),
    foreign key (tenant_id, lease_id) references document_leases (tenant_id, lease_id),
    check (status = 'issued' or reason <> '')
);
create index document_numbers_issued on document_numbers (tenant_id, issued_at, number);
create index document_numbers_series on document_numbers (tenant_id, series, issued_at, number);
create index document_numbers_status on document_numbers (tenant_id, status, issued_at, number);
create index document_numbers_number on document_numbers (tenant_id, number, company, kind);

call app.protect('document_periods');
call app.protect('document_blocks');
call app.protect('document_leases');
call app.protect('document_numbers');
grant select, insert, update, delete on document_periods, document_blocks
    to tracewright_app, tracewright_ingest, tracewright_system;
-- What was given out stays.
grant select, insert, update on document_leases, document_numbers to tracewright_app, tracewright_ingest;
grant select, insert, update, delete on document_leases, document_numbers to tracewright_system;

-- ---------------------------------------------------------------- search ---

call app.searchable('users', 'name', '{user_id}');
call app.searchable('users', 'email', '{user_id}');
call app.searchable('orders', 'number', '{type,number}');
call app.searchable('holds', 'reason', '{hold_id}');

do $$
declare
    t uuid;
begin
    for t in select tenant_id from control.tenants loop
        perform set_config('app.tenant_id', t::text, true);
        update roles set permissions = permissions || w.added
        from (values
                ('PLANT_MANAGER', array['numbering.read', 'numbering.lease']),
                ('ACCOUNTANT', array['masters.document_series.edit', 'numbering.read', 'numbering.void',
                                     'numbering.lease']),
                ('AUDITOR', array['numbering.read']))
             as w(role, added)
        where roles.tenant_id = t and roles.role = w.role and roles.built_in;
    end loop;
    perform set_config('app.tenant_id', '', true);
end $$;
