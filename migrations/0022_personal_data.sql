-- Sensitive fields of masters, sealed; what people agreed to and asked for; how
-- long records of them must be kept (docs/personal-data.md).

-- What is sealed opens for its tenant, table, field and row alone. The index beside
-- it is a keyed hash of the value, so that equal values are found.
alter table partners
    add column pan_sealed          bytea,
    add column pan_index           bytea,
    add column bank_account_sealed bytea,
    add column bank_account_index  bytea,
    add column ifsc                text not null default '' check (char_length(ifsc) <= 11);
create index partners_pan on partners (tenant_id, pan_index, partner) where pan_index is not null;
create index partners_bank_account on partners (tenant_id, bank_account_index, partner)
    where bank_account_index is not null;

alter table operators
    add column pan_sealed          bytea,
    add column pan_index           bytea,
    add column bank_account_sealed bytea,
    add column bank_account_index  bytea,
    add column ifsc                text not null default '' check (char_length(ifsc) <= 11);
create index operators_pan on operators (tenant_id, pan_index, operator_id) where pan_index is not null;
create index operators_bank_account on operators (tenant_id, bank_account_index, operator_id)
    where bank_account_index is not null;

-- How long records of people must be kept, and which law says so: until then their
-- erasure is refused.
create table retention_rules (
    tenant_id   uuid not null references control.tenants,
    person_kind text not null check (person_kind in ('user', 'operator', 'contact')),
    name        text not null check (char_length(name) <= 120),
    -- After the last record.
    years       integer not null check (years between 0 and 50),
    basis       text not null check (char_length(basis) <= 500)
);
call app.keep_master('retention_rules', '{person_kind}', '{person_kind,name}');

create function app.begin_retention(tenant uuid) returns void
    language sql
begin atomic
    insert into retention_rules (tenant_id, person_kind, name, years, basis)
    values (tenant, 'operator', 'Employment and production records', 5,
            'Registers of employment and wages must be kept (GDPR Art. 17(3)(b)). Set the years that the law at your plants asks for.')
    on conflict do nothing;
end;
revoke execute on function app.begin_retention(uuid) from public;
grant execute on function app.begin_retention(uuid) to tracewright_app, tracewright_system;

create table consents (
    tenant_id    uuid not null references control.tenants,
    consent_id   uuid not null,
    person_kind  text not null check (person_kind in ('user', 'operator', 'contact')),
    -- Opaque: a user's id, an operator's or a contact's code.
    person_key   text not null,
    purpose      text not null check (char_length(purpose) between 1 and 120),
    -- Which wording was agreed to.
    text_version text not null check (char_length(text_version) between 1 and 60),
    given_at     timestamptz not null,
    withdrawn_at timestamptz check (withdrawn_at >= given_at),
    version      integer not null default 1,
    primary key (tenant_id, consent_id)
);
call app.keep_authors('consents');
create index consents_person on consents (tenant_id, person_kind, person_key, given_at);

-- What was asked for a person, and what came of it.
create table personal_requests (
    tenant_id   uuid not null references control.tenants,
    request_id  uuid not null,
    person_kind text not null,
    person_key  text not null,
    what        text not null check (what in ('export', 'erase')),
    done        boolean not null,
    -- Why not, as a person reads it.
    reason      text not null default '',
    asked_at    timestamptz not null,
    asked_by    text not null default app.actor(),
    primary key (tenant_id, request_id)
);
create index personal_requests_person on personal_requests (tenant_id, person_kind, person_key, request_id);

call app.protect('consents');
call app.protect('personal_requests');
grant select, insert, update, delete on consents to tracewright_app, tracewright_ingest, tracewright_system;
grant select, insert on personal_requests to tracewright_app, tracewright_ingest, tracewright_system;

create index lifecycle_events_operator on lifecycle_events (tenant_id, operator_id, occurred_at)
    where operator_id <> '';

do $$
declare
    t uuid;
begin
    for t in select tenant_id from control.tenants loop
        perform set_config('app.tenant_id', t::text, true);
        perform app.begin_retention(t);
    end loop;
    perform set_config('app.tenant_id', '', true);
end $$;
