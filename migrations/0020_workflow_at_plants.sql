-- Documents under approval at the plants where somebody has rights.

call app.protect_plant('workflow_instances');
call app.protect_plant('workflow_rounds');
call app.protect_plant('requests');

-- The last number of a request; those of other plants count, though they are not seen.
create table request_numbers (
    tenant_id uuid primary key references control.tenants,
    last      bigint not null check (last > 0)
);
call app.protect('request_numbers');
grant select, insert, update, delete on request_numbers
    to tracewright_app, tracewright_ingest, tracewright_system;

do $$
declare
    tenant uuid;
begin
    for tenant in select tenant_id from control.tenants loop
        perform set_config('app.tenant_id', tenant::text, true);
        insert into request_numbers (tenant_id, last)
            select tenant, max(number) from requests where tenant_id = tenant having max(number) is not null;
    end loop;
    perform set_config('app.tenant_id', '', true);
end $$;
