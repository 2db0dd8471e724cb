-- Writes by API that are carried out once.

create table idempotency_keys (
    tenant_id  uuid not null references control.tenants,
    -- Who asked, as the audit names it: a key or a person.
    caller     text not null,
    -- What the caller sent as `Idempotency-Key`.
    key        text not null,
    -- Hash of the request: another one under the same key is refused.
    request    bytea not null,
    -- `claimed`: under way. `applied`: something of it was committed, and its answer
    -- is not here yet. `answered`: the answer is here.
    state      text not null default 'claimed' check (state in ('claimed', 'applied', 'answered')),
    -- Of the process that carries it out; a commit under one before is refused.
    attempt    uuid not null,
    claimed_at timestamptz not null,
    -- Not kept longer.
    expires_at timestamptz not null,
    status     integer,
    -- Headers and body, sealed: an answer may hold a new key. Null for one that is
    -- too large to be kept.
    answer     bytea,
    version    integer not null default 1,
    primary key (tenant_id, caller, key),
    check ((state = 'answered') = (status is not null))
);
call app.keep_authors('idempotency_keys');
create index idempotency_keys_expires on idempotency_keys (tenant_id, expires_at);

call app.protect('idempotency_keys');
grant select, insert, update, delete on idempotency_keys to tracewright_app, tracewright_ingest, tracewright_system;
