-- Numbers and ranges of a series that is a plant's own are shown to whose rights reach
-- there, as the series is (0015). They go with their series wherever that goes.

alter table document_leases add column plant text;
alter table document_numbers add column plant text;

do $$
declare
    t uuid;
begin
    for t in select tenant_id from control.tenants loop
        perform set_config('app.tenant_id', t::text, true);
        update document_leases l set plant = d.plant
        from document_series d
        where l.tenant_id = t and d.tenant_id = t and d.series = l.series and d.plant is not null;
        update document_numbers n set plant = d.plant
        from document_series d
        where n.tenant_id = t and d.tenant_id = t and d.series = n.series and d.plant is not null;
    end loop;
    perform set_config('app.tenant_id', '', true);
end $$;

-- Whoever gives out a number or lends a range sees the series, and so its plant.
create function app.plant_of_series() returns trigger
    language plpgsql as $$
begin
    new.plant := (select d.plant from document_series d
                  where d.tenant_id = new.tenant_id and d.series = new.series);
    return new;
end $$;
create trigger plant_of_series before insert on document_leases
    for each row execute function app.plant_of_series();
create trigger plant_of_series before insert on document_numbers
    for each row execute function app.plant_of_series();

create function app.series_moved() returns trigger
    language plpgsql as $$
begin
    update document_leases set plant = new.plant
    where tenant_id = new.tenant_id and series = new.series and plant is distinct from new.plant;
    update document_numbers set plant = new.plant
    where tenant_id = new.tenant_id and series = new.series and plant is distinct from new.plant;
    return null;
end $$;
create trigger series_moved after update of plant on document_series
    for each row when (old.plant is distinct from new.plant) execute function app.series_moved();

call app.protect_plant('document_leases');
call app.protect_plant('document_numbers');
