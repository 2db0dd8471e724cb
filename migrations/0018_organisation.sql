-- The organisation as people keep it: companies with what the law asks of them, and
-- below plants departments and cost centres, known by their codes.

-- Until now nothing wrote to these two.
drop table cost_centres;
drop table departments;

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

create table departments (
    tenant_id  uuid not null references control.tenants,
    plant      text not null,
    department text not null,
    name       text not null check (char_length(name) <= 120),
    foreign key (tenant_id, plant) references plants (tenant_id, code)
);
call app.keep_master('departments', '{plant,department}', '{department,name}');

-- A cost centre's code is one within the tenant, as accounts want it.
create table cost_centres (
    tenant_id   uuid not null references control.tenants,
    cost_centre text not null,
    name        text not null check (char_length(name) <= 120),
    plant       text not null,
    department  text not null,
    foreign key (tenant_id, plant) references plants (tenant_id, code),
    foreign key (tenant_id, plant, department) references departments (tenant_id, plant, department)
);
call app.keep_master('cost_centres', '{cost_centre}', '{cost_centre,name}');
create index cost_centres_department on cost_centres (tenant_id, plant, department, cost_centre);

-- Both are a plant's, and shown to whose rights reach there.
call app.protect_plant('departments');
call app.protect_plant('cost_centres');
