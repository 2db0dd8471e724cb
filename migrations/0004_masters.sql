-- Masters: plain tables that the masters engine lists, edits, imports and
-- exports from one declaration each (cloud/platform/src/masters).
--
-- A key is one or more columns beside tenant_id; where there are several, no
-- text in them has a colon, since `KOL:A-01` names a row.

-- Lets lists search a text by its beginning. Under row-level security only a
-- comparison of a plain column uses an index, so the lower-case form is kept. The
-- source is never null.
create procedure app.searchable(target text, source text, keys text[])
    language plpgsql as $$
begin
    execute format(
        'alter table %I add column %I text collate "C" not null generated always as (lower(%I)) stored',
        target, source || '_search', source);
    execute format(
        'create index %I on %I (tenant_id, %I, %s)', target || '_' || source || '_search', target,
        source || '_search', (select string_agg(quote_ident(k), ', ') from unnest(keys) k));
end $$;

-- Lists of what was deleted stay as quick as the others.
create procedure app.keep_deleted(target text, keys text[])
    language plpgsql as $$
begin
    execute format(
        'create index %I on %I (tenant_id, %s) where deleted_at is not null', target || '_deleted', target,
        (select string_agg(quote_ident(k), ', ') from unnest(keys) k));
end $$;

-- What every new master's table has besides its own columns.
create procedure app.keep_master(target text, keys text[], searched text[])
    language plpgsql as $$
declare
    source text;
begin
    execute format(
        'alter table %I add column version integer not null default 1, add column deleted_at timestamptz, '
        'add primary key (tenant_id, %s)', target,
        (select string_agg(quote_ident(k), ', ') from unnest(keys) k));
    call app.keep_authors(target::regclass);
    call app.protect(target::regclass);
    execute format(
        'grant select, insert, update, delete on %I to tracewright_app, tracewright_ingest, tracewright_system',
        target);
    call app.keep_deleted(target, keys);
    foreach source in array searched loop
        call app.searchable(target, source, keys);
    end loop;
end $$;
revoke execute on procedure app.searchable(text, text, text[]) from public;
revoke execute on procedure app.keep_deleted(text, text[]) from public;
revoke execute on procedure app.keep_master(text, text[], text[]) from public;

-- ------------------------------------------------------- items and units ---

create table units (
    tenant_id uuid not null references control.tenants,
    unit      text not null check (unit ~ '^[^[:space:]:]{1,12}$'),
    name      text not null check (char_length(name) <= 120),
    dimension text not null default 'count' check (dimension in
        ('count', 'mass', 'length', 'area', 'volume', 'time', 'energy', 'other')),
    -- Places after the point that a quantity in this unit may have.
    decimals  smallint not null default 0 check (decimals between 0 and 6),
    -- The tax office's code for the unit (UQC), where it has one.
    tax_code  text check (tax_code ~ '^[A-Z]{3}$')
);
call app.keep_master('units', '{unit}', '{unit,name}');

-- One of from_unit is `factor` of to_unit; of one item, or of every item where
-- the item is empty.
create table unit_conversions (
    tenant_id uuid not null references control.tenants,
    item      text not null default '',
    from_unit text not null,
    to_unit   text not null,
    factor    numeric(18,6) not null check (factor > 0),
    constraint unit_conversions_differ check (from_unit <> to_unit),
    foreign key (tenant_id, from_unit) references units (tenant_id, unit),
    foreign key (tenant_id, to_unit) references units (tenant_id, unit)
);
call app.keep_master('unit_conversions', '{item,from_unit,to_unit}', '{item,from_unit}');

create table item_categories (
    tenant_id   uuid not null references control.tenants,
    category    text not null,
    name        text not null check (char_length(name) <= 120),
    parent      text,
    description text not null default '' check (char_length(description) <= 1000),
    constraint item_categories_parent check (parent <> category)
);
call app.keep_master('item_categories', '{category}', '{category,name}');
alter table item_categories
    add foreign key (tenant_id, parent) references item_categories (tenant_id, category);

create table tax_rates (
    tenant_id uuid not null references control.tenants,
    tax_rate  text not null,
    name      text not null check (char_length(name) <= 120),
    kind      text not null default 'gst' check (kind in ('gst', 'cess', 'exempt', 'withheld', 'other')),
    -- Percent.
    rate      numeric(18,6) not null check (rate between 0 and 100),
    valid_from  date,
    valid_until date,
    constraint tax_rates_days check (valid_until >= valid_from)
);
call app.keep_master('tax_rates', '{tax_rate}', '{tax_rate,name}');

alter table items
    add column category    text,
    add column hsn         text,
    add column tax_rate    text,
    add column description text not null default '' check (char_length(description) <= 1000),
    add constraint items_name_length check (char_length(name) <= 120),
    add constraint items_hsn check (hsn ~ '^([0-9]{4}|[0-9]{6}|[0-9]{8})$'),
    add constraint items_shelf_life check (shelf_life_days between 1 and 36500),
    add constraint items_units_differ check (second_unit <> base_unit),
    add foreign key (tenant_id, category) references item_categories (tenant_id, category),
    add foreign key (tenant_id, tax_rate) references tax_rates (tenant_id, tax_rate);
call app.keep_deleted('items', '{item}');
call app.searchable('items', 'item', '{item}');
call app.searchable('items', 'name', '{item}');
create index items_category on items (tenant_id, category, item);
create index items_tracking on items (tenant_id, tracking, item);
create index items_type on items (tenant_id, type_code, item);
create index items_gtin on items (tenant_id, gtin) where gtin is not null;
create index items_base_unit on items (tenant_id, base_unit);

-- ---------------------------------------------------------------- places ---

create table warehouses (
    tenant_id uuid not null references control.tenants,
    warehouse text not null,
    name      text not null check (char_length(name) <= 120),
    plant     text not null,
    kind      text not null default 'general' check (kind in
        ('general', 'raw', 'wip', 'finished', 'quarantine', 'scrap', 'transit')),
    address   text not null default '' check (char_length(address) <= 500),
    unique (tenant_id, plant, warehouse),
    foreign key (tenant_id, plant) references plants (tenant_id, code)
);
call app.keep_master('warehouses', '{warehouse}', '{warehouse,name}');
create index warehouses_kind on warehouses (tenant_id, kind, warehouse);

-- Where things lie: what plants are told as locations.
create table bins (
    tenant_id uuid not null references control.tenants,
    plant     text not null,
    bin       text not null,
    name      text not null default '' check (char_length(name) <= 120),
    warehouse text,
    foreign key (tenant_id, plant) references plants (tenant_id, code),
    foreign key (tenant_id, plant, warehouse) references warehouses (tenant_id, plant, warehouse)
);
call app.keep_master('bins', '{plant,bin}', '{bin,name}');
create index bins_warehouse on bins (tenant_id, warehouse, plant, bin);

create table shifts (
    tenant_id uuid not null references control.tenants,
    plant     text not null,
    shift     text not null,
    name      text not null check (char_length(name) <= 120),
    -- In the plant's zone; a shift that ends before it begins ends on the next day.
    starts    time not null,
    ends      time not null,
    break_minutes integer not null default 0 check (break_minutes between 0 and 720),
    constraint shifts_last check (starts <> ends),
    foreign key (tenant_id, plant) references plants (tenant_id, code)
);
call app.keep_master('shifts', '{plant,shift}', '{shift,name}');

create table stations (
    tenant_id uuid not null references control.tenants,
    plant     text not null,
    station   text not null,
    name      text not null check (char_length(name) <= 120),
    kind      text not null default 'production' check (kind in
        ('gate', 'receiving', 'inspection', 'storage', 'production', 'packing', 'dispatch', 'service', 'other')),
    work_centre text not null default '' check (char_length(work_centre) <= 40),
    foreign key (tenant_id, plant) references plants (tenant_id, code)
);
call app.keep_master('stations', '{plant,station}', '{station,name}');
create index stations_kind on stations (tenant_id, kind, plant, station);

create table machines (
    tenant_id     uuid not null references control.tenants,
    machine       text not null,
    name          text not null check (char_length(name) <= 120),
    plant         text not null,
    station       text,
    maker         text not null default '' check (char_length(maker) <= 120),
    model         text not null default '' check (char_length(model) <= 120),
    serial_number text not null default '' check (char_length(serial_number) <= 120),
    units_per_hour numeric(18,6) check (units_per_hour > 0),
    commissioned_on date,
    foreign key (tenant_id, plant) references plants (tenant_id, code),
    foreign key (tenant_id, plant, station) references stations (tenant_id, plant, station)
);
call app.keep_master('machines', '{machine}', '{machine,name}');
create index machines_plant on machines (tenant_id, plant, machine);

-- -------------------------------------------------------------- partners ---

create table currencies (
    tenant_id uuid not null references control.tenants,
    currency  text not null check (currency ~ '^[A-Z]{3}$'),
    name      text not null check (char_length(name) <= 120),
    symbol    text not null default '' check (char_length(symbol) <= 5),
    decimals  smallint not null default 2 check (decimals between 0 and 4)
);
call app.keep_master('currencies', '{currency}', '{currency,name}');

-- One of `currency` in the tenant's own currency, from that day on.
create table currency_rates (
    tenant_id uuid not null references control.tenants,
    currency  text not null,
    valid_on  date not null,
    rate      numeric(18,6) not null check (rate > 0),
    foreign key (tenant_id, currency) references currencies (tenant_id, currency)
);
call app.keep_master('currency_rates', '{currency,valid_on}', '{currency}');

create table payment_terms (
    tenant_id     uuid not null references control.tenants,
    payment_terms text not null,
    name          text not null check (char_length(name) <= 120),
    -- From which day the days count.
    basis         text not null default 'invoice' check (basis in ('invoice', 'delivery', 'month_end')),
    days          integer not null default 0 check (days between 0 and 365),
    discount_percent numeric(18,6) not null default 0 check (discount_percent between 0 and 100),
    discount_days integer not null default 0 check (discount_days between 0 and 365),
    constraint payment_terms_discount check (discount_days <= days)
);
call app.keep_master('payment_terms', '{payment_terms}', '{payment_terms,name}');

alter table partners
    add column legal_name  text not null default '' check (char_length(legal_name) <= 200),
    add column gstin       text,
    add column address     text not null default '' check (char_length(address) <= 500),
    add column postal_code text not null default '' check (char_length(postal_code) <= 12),
    add column country     text not null default 'IN' check (country ~ '^[A-Z]{2}$'),
    add column phone       text not null default '' check (char_length(phone) <= 40),
    add column email       text not null default '' check (char_length(email) <= 254),
    add column payment_terms text,
    add column currency    text,
    add column is_supplier boolean not null generated always as ('supplier' = any (roles)) stored,
    add column is_customer boolean not null generated always as ('customer' = any (roles)) stored,
    add constraint partners_name_length check (char_length(name) <= 120),
    add constraint partners_place_length check (char_length(place) <= 120),
    add constraint partners_roles check (roles <@ array['supplier', 'customer']),
    add foreign key (tenant_id, payment_terms) references payment_terms (tenant_id, payment_terms),
    add foreign key (tenant_id, currency) references currencies (tenant_id, currency);
call app.keep_deleted('partners', '{partner}');
call app.searchable('partners', 'partner', '{partner}');
call app.searchable('partners', 'name', '{partner}');
create index partners_supplier on partners (tenant_id, is_supplier, partner);
create index partners_customer on partners (tenant_id, is_customer, partner);
create index partners_gstin on partners (tenant_id, gstin) where gstin is not null;

create table contacts (
    tenant_id uuid not null references control.tenants,
    -- Opaque: the audit names people by it.
    contact   text not null,
    partner   text not null,
    name      text not null check (char_length(name) <= 120),
    job_title text not null default '' check (char_length(job_title) <= 120),
    email     text not null default '' check (char_length(email) <= 254),
    phone     text not null default '' check (char_length(phone) <= 40),
    language  text not null default 'en' check (language in ('en', 'hi', 'bn', 'te')),
    foreign key (tenant_id, partner) references partners (tenant_id, partner)
);
call app.keep_master('contacts', '{contact}', '{name}');
create index contacts_partner on contacts (tenant_id, partner, contact);

-- ------------------------------------------------------ people and words ---

alter table operators
    add constraint operators_name_length check (char_length(name) <= 120),
    add constraint operators_language check (language in ('en', 'hi', 'bn', 'te'));
call app.keep_deleted('operators', '{operator_id}');
call app.searchable('operators', 'operator_id', '{operator_id}');
call app.searchable('operators', 'name', '{operator_id}');
create index operators_badge on operators (tenant_id, badge_hash);

alter table reasons
    add column name text not null generated always as (coalesce(texts ->> 'en', reason)) stored,
    add column name_search text collate "C" not null
        generated always as (lower(coalesce(texts ->> 'en', reason))) stored,
    add constraint reasons_purpose check (purpose in
        ('scrap', 'rework', 'hold', 'no_order', 'correct', 'reprint', 'return', 'spoiled'));
call app.keep_deleted('reasons', '{reason}');
call app.searchable('reasons', 'reason', '{reason}');
create index reasons_name_search on reasons (tenant_id, name_search, reason);
create index reasons_purpose_reason on reasons (tenant_id, purpose, reason);

-- ------------------------------------------------- what tenants begin with --

-- Units, currencies and tax rates that a tenant in India begins with; those
-- that it has already stay as they are.
create function app.begin_masters(tenant uuid) returns void
    language sql
begin atomic
    insert into units (tenant_id, unit, name, dimension, decimals, tax_code)
    select tenant, u.unit, u.name, u.dimension, u.decimals, u.tax_code
    from (values ('pcs', 'Pieces', 'count', 0, 'PCS'), ('set', 'Sets', 'count', 0, 'SET'),
                 ('box', 'Boxes', 'count', 0, 'BOX'), ('kg', 'Kilograms', 'mass', 3, 'KGS'),
                 ('g', 'Grams', 'mass', 3, 'GMS'), ('t', 'Tonnes', 'mass', 3, 'TON'),
                 ('m', 'Metres', 'length', 3, 'MTR'), ('mm', 'Millimetres', 'length', 3, null),
                 ('m2', 'Square metres', 'area', 3, 'SQM'), ('l', 'Litres', 'volume', 3, null),
                 ('ml', 'Millilitres', 'volume', 3, 'MLT'), ('h', 'Hours', 'time', 2, null))
         as u(unit, name, dimension, decimals, tax_code)
    on conflict do nothing;
    insert into unit_conversions (tenant_id, from_unit, to_unit, factor)
    select tenant, c.from_unit, c.to_unit, c.factor
    from (values ('kg', 'g', 1000), ('t', 'kg', 1000), ('m', 'mm', 1000), ('l', 'ml', 1000))
         as c(from_unit, to_unit, factor)
    on conflict do nothing;
    insert into currencies (tenant_id, currency, name, symbol)
    select tenant, c.currency, c.name, c.symbol
    from (values ('INR', 'Indian rupee', '₹'), ('USD', 'US dollar', '$'), ('EUR', 'Euro', '€'))
         as c(currency, name, symbol)
    on conflict do nothing;
    insert into tax_rates (tenant_id, tax_rate, name, kind, rate)
    select tenant, r.tax_rate, r.name, r.kind, r.rate
    from (values ('GST-0', 'GST 0 %', 'gst', 0), ('GST-5', 'GST 5 %', 'gst', 5),
                 ('GST-18', 'GST 18 %', 'gst', 18), ('GST-40', 'GST 40 %', 'gst', 40),
                 ('EXEMPT', 'Exempt', 'exempt', 0))
         as r(tax_rate, name, kind, rate)
    on conflict do nothing;
end;
revoke execute on function app.begin_masters(uuid) from public;
grant execute on function app.begin_masters(uuid) to tracewright_app, tracewright_system;

-- Tenants that are there already: what they begin with, the units of their
-- items, their locations as bins, and what their roles may do.
do $$
declare
    t uuid;
begin
    for t in select tenant_id from control.tenants loop
        perform set_config('app.tenant_id', t::text, true);
        perform app.begin_masters(t);
        insert into units (tenant_id, unit, name, dimension, decimals)
        select distinct t, u, u, 'other', 6
        from items, unnest(array[base_unit, second_unit]) as u
        where tenant_id = t and u ~ '^[^[:space:]:]{1,12}$'
        on conflict do nothing;
        insert into bins (tenant_id, plant, bin, name)
        select t, r.plant, r.body ->> 'location', coalesce(r.body ->> 'name', '')
        from reference_rows r
        join plants p on p.tenant_id = t and p.code = r.plant
        where r.tenant_id = t and r.kind = 'location' and not r.deleted
        on conflict do nothing;
        update roles set permissions = permissions || w.added
        from (values
                ('PLANT_MANAGER', array['masters.*.view', 'masters.*.edit', 'masters.*.delete']),
                ('QUALITY_ENGINEER', array['masters.*.view', 'masters.reasons.edit']),
                ('SUPERVISOR', array['masters.*.view']),
                ('STOREKEEPER', array['masters.*.view', 'masters.bins.edit', 'masters.warehouses.edit']),
                ('BUYER', array['masters.*.view', 'masters.items.edit', 'masters.suppliers.edit',
                                'masters.contacts.edit']),
                ('PLANNER', array['masters.*.view', 'masters.items.edit', 'masters.shifts.edit',
                                  'masters.stations.edit', 'masters.machines.edit']),
                ('SALES', array['masters.*.view', 'masters.customers.edit', 'masters.contacts.edit']),
                ('ACCOUNTANT', array['masters.*.view', 'masters.tax_rates.edit', 'masters.payment_terms.edit',
                                     'masters.currencies.edit', 'masters.currency_rates.edit']),
                ('DEPT_HEAD', array['masters.*.view']),
                ('AUDITOR', array['masters.*.view']))
             as w(role, added)
        where roles.tenant_id = t and roles.role = w.role and roles.built_in;
    end loop;
    perform set_config('app.tenant_id', '', true);
end $$;
