-- What is in work, counted by plant, stage and the hour in which it last went on, so that a
-- dashboard does not read every unit that is in work. Whoever writes the registry notes by how much
-- the counts change, and waits for nobody; the projection, of which a tenant has one at a time, adds
-- the notes up. A reader adds what is noted and not added up yet.

create table in_work_hours (
    tenant_id uuid not null,
    plant     text not null,
    stage     smallint not null,
    -- Its beginning; a whole hour of UTC.
    hour      timestamptz not null,
    units     bigint not null,
    primary key (tenant_id, plant, stage, hour)
);
call app.protect('in_work_hours');
-- Hours of which nothing is in work any more, until they are taken away.
create index in_work_hours_none on in_work_hours (tenant_id) where units = 0;

create table in_work_changes (
    tenant_id uuid not null,
    change_id uuid not null default gen_random_uuid(),
    plant     text not null,
    stage     smallint not null,
    hour      timestamptz not null,
    units     bigint not null,
    primary key (tenant_id, change_id)
);
call app.protect('in_work_changes');
grant select, insert, update, delete on in_work_hours, in_work_changes
    to tracewright_app, tracewright_ingest, tracewright_system;

-- The same as the index uid_registry_in_work and the queries of units in work say.
create function app.in_work(life smallint, custody smallint, last_stage smallint, order_number text)
    returns boolean
    language sql immutable parallel safe
    return life = 2 and custody = 1
        and (last_stage in (15, 16, 19, 20) or last_stage in (12, 14, 17, 18) and order_number <> '');
revoke execute on function app.in_work(smallint, smallint, smallint, text) from public;
grant execute on function app.in_work(smallint, smallint, smallint, text)
    to tracewright_app, tracewright_ingest, tracewright_system;

-- A copy of a tenant's rows brings its counts along.
create function app.note_in_work() returns trigger language plpgsql as $$
begin
    if current_setting('app.copying', true) = 'on' then
        return null;
    end if;
    if tg_op = 'INSERT' then
        insert into in_work_changes (tenant_id, plant, stage, hour, units)
        select tenant_id, plant, last_stage, date_trunc('hour', last_at, 'UTC'), count(*)
        from rows_now
        where app.in_work(life, custody, last_stage, order_number)
        group by 1, 2, 3, 4;
    elsif tg_op = 'DELETE' then
        insert into in_work_changes (tenant_id, plant, stage, hour, units)
        select tenant_id, plant, last_stage, date_trunc('hour', last_at, 'UTC'), -count(*)
        from rows_was
        where app.in_work(life, custody, last_stage, order_number)
        group by 1, 2, 3, 4;
    else
        insert into in_work_changes (tenant_id, plant, stage, hour, units)
        select tenant_id, plant, last_stage, date_trunc('hour', last_at, 'UTC'), sum(units)
        from (select tenant_id, plant, last_stage, last_at, 1 as units from rows_now
              where app.in_work(life, custody, last_stage, order_number)
              union all
              select tenant_id, plant, last_stage, last_at, -1 from rows_was
              where app.in_work(life, custody, last_stage, order_number)) moved
        group by 1, 2, 3, 4
        having sum(units) <> 0;
    end if;
    return null;
end $$;
create trigger note_in_work_made after insert on uid_registry
    referencing new table as rows_now for each statement execute function app.note_in_work();
create trigger note_in_work_gone after delete on uid_registry
    referencing old table as rows_was for each statement execute function app.note_in_work();
create trigger note_in_work_moved after update on uid_registry
    referencing old table as rows_was new table as rows_now for each statement execute function app.note_in_work();

do $$
declare
    t uuid;
begin
    for t in select tenant_id from control.tenants loop
        perform set_config('app.tenant_id', t::text, true);
        insert into in_work_hours (tenant_id, plant, stage, hour, units)
        select tenant_id, plant, last_stage, date_trunc('hour', last_at, 'UTC'), count(*)
        from uid_registry
        where tenant_id = t and life = 2 and custody = 1
          and (last_stage in (15, 16, 19, 20) or last_stage in (12, 14, 17, 18) and order_number <> '')
        group by 1, 2, 3, 4;
    end loop;
    perform set_config('app.tenant_id', '', true);
end $$;
