-- Rights at some plants, and up to some amount.

-- The plants whose rows this transaction is for; null for all of them. `-` is no
-- code of a plant, and so stands for none.
create function app.plants() returns text[]
    language sql stable parallel safe
    return string_to_array(nullif(current_setting('app.plants', true), ''), ',');
grant execute on function app.plants() to tracewright_app, tracewright_ingest, tracewright_system;

-- Hides the rows of other plants from a transaction that is for some plants only.
-- A row whose plant is null belongs to all; one whose plant is empty is of none that
-- is known, and shown to those who see all. Writing is judged by the handler.
create procedure app.protect_plant(target regclass, plant name default 'plant')
    language plpgsql as $$
begin
    execute format(
        'create policy plant on %s as restrictive '
        'using ((select app.plants()) is null or %I is null or %I = any ((select app.plants())::text[])) '
        'with check (true)', target, plant, plant);
end $$;
revoke execute on procedure app.protect_plant(regclass, name) from public;

call app.protect_plant('exceptions');
create index exceptions_plant on exceptions (tenant_id, plant, status, opened_at desc, exception_id);

-- Null: at all plants.
alter table user_roles add column plants text[]
    check (cardinality(plants) between 1 and 200);
alter table control.access_keys add column plants text[]
    check (cardinality(plants) between 1 and 200);

-- Up to which amount a role has a permission, where a document has one. Without a
-- row there is no limit.
create table role_limits (
    tenant_id  uuid not null references control.tenants,
    role       text not null,
    permission text not null,
    amount     numeric(18,6) not null check (amount >= 0),
    currency   text not null check (currency ~ '^[A-Z]{3}$'),
    version    integer not null default 1,
    primary key (tenant_id, role, permission),
    foreign key (tenant_id, role) references roles (tenant_id, role)
);
call app.keep_authors('role_limits');
call app.protect('role_limits');
grant select, insert, update, delete on role_limits
    to tracewright_app, tracewright_ingest, tracewright_system;
