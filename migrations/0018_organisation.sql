-- The organisation as people keep it: companies with what the law asks of them, and
-- below plants departments and cost centres, known by their codes.

alter table companies
    alter column company_id set default gen_random_uuid(),
    add column legal_name  text not null default '' check (char_length(legal_name) <= 200),
    add column gstin       text,
    add column address     text not null default '' check (char_length(address) <= 500),
    add column place       text not null default '' check (char_length(place) <= 120),
    add column postal_code text not null default '' check (char_length(postal_code) <= 12),
    add column country     text not null default 'IN' check (country ~ '^[A-Z]{2}$'),
    add column phone       text not null default '' check (char_length(phone) <= 40),
    add column email       text not null default '' check (char_length(email) <= 254),
    add constraint companies_name_length check (char_length(name) <= 120);
call app.keep_deleted('companies', '{code}');
call app.searchable('companies', 'code', '{code}');
call app.searchable('companies', 'name', '{code}');

-- A plant says its company by code too, as people do. It follows company_id, which
-- every writer gives.
alter table plants
    add column company text,
    add column address text not null default '' check (char_length(address) <= 500);
do $$
declare
    t uuid;
begin
    for t in select tenant_id from control.tenants loop
        perform set_config('app.tenant_id', t::text, true);
        update plants p set company = c.code
            from companies c where p.tenant_id = t and c.tenant_id = t and c.company_id = p.company_id;
    end loop;
    perform set_config('app.tenant_id', '', true);
end $$;
create function app.plant_company() returns trigger language plpgsql as $$
begin
    new.company := coalesce(
        (select c.code from companies c where c.tenant_id = new.tenant_id and c.company_id = new.company_id),
        new.company);
    return new;
end $$;
create trigger plant_company before insert or update of company_id on plants
    for each row execute function app.plant_company();
alter table plants
    add foreign key (tenant_id, company) references companies (tenant_id, code);
create index plants_company on plants (tenant_id, company, code);

-- Departments and cost centres are known by codes too: what people give, and what
-- forms and files hold. Whoever writes one form gets the other.
create function app.department_place() returns trigger language plpgsql as $$
begin
    if new.plant_id is null then
        select p.plant_id into new.plant_id from plants p
            where p.tenant_id = new.tenant_id and p.code = new.plant;
    elsif new.plant is null then
        select p.code into new.plant from plants p
            where p.tenant_id = new.tenant_id and p.plant_id = new.plant_id;
    end if;
    return new;
end $$;
create function app.cost_centre_place() returns trigger language plpgsql as $$
begin
    if new.department_id is null then
        select d.department_id into new.department_id from departments d
            where d.tenant_id = new.tenant_id and d.plant = new.plant and d.code = new.department;
    elsif tg_op = 'UPDATE' and (new.plant, new.department) is distinct from (old.plant, old.department) then
        select d.department_id into new.department_id from departments d
            where d.tenant_id = new.tenant_id and d.plant = new.plant and d.code = new.department;
    elsif new.plant is null or new.department is null then
        select d.plant, d.code into new.plant, new.department from departments d
            where d.tenant_id = new.tenant_id and d.department_id = new.department_id;
    end if;
    return new;
end $$;

alter table departments
    alter column department_id set default gen_random_uuid(),
    add column plant text,
    add constraint departments_name_length check (char_length(name) <= 120);
alter table cost_centres
    alter column cost_centre_id set default gen_random_uuid(),
    add column plant text,
    add column department text,
    add constraint cost_centres_name_length check (char_length(name) <= 120);
create trigger place before insert or update on departments
    for each row execute function app.department_place();
create trigger place before insert or update on cost_centres
    for each row execute function app.cost_centre_place();
do $$
declare
    t uuid;
begin
    for t in select tenant_id from control.tenants loop
        perform set_config('app.tenant_id', t::text, true);
        -- The triggers fill what is missing.
        update departments set plant = null where tenant_id = t;
        update cost_centres set department = null where tenant_id = t;
    end loop;
    perform set_config('app.tenant_id', '', true);
end $$;
alter table departments
    alter column plant set not null,
    add unique (tenant_id, plant, code),
    add foreign key (tenant_id, plant) references plants (tenant_id, code);
-- A cost centre's code is one within the tenant, as accounts want it.
alter table cost_centres
    alter column plant set not null,
    alter column department set not null,
    add unique (tenant_id, code),
    add foreign key (tenant_id, plant) references plants (tenant_id, code),
    add foreign key (tenant_id, plant, department) references departments (tenant_id, plant, code);
call app.keep_deleted('departments', '{plant,code}');
call app.keep_deleted('cost_centres', '{code}');
call app.searchable('departments', 'code', '{plant,code}');
call app.searchable('departments', 'name', '{plant,code}');
call app.searchable('cost_centres', 'code', '{code}');
call app.searchable('cost_centres', 'name', '{code}');
create index cost_centres_department on cost_centres (tenant_id, plant, department, code);

-- Both are a plant's, and shown to whose rights reach there.
call app.protect_plant('departments');
call app.protect_plant('cost_centres');
