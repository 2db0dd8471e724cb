-- Fields that a tenant adds to masters, values of single plants, views of lists
-- that people keep, barcodes and variants of items.

-- ------------------------------------------------------------ own fields ---

create table custom_fields (
    tenant_id uuid not null references control.tenants,
    master    text not null,
    field     text not null check (char_length(field) <= 30),
    labels    jsonb not null default '{}',
    kind      text not null check (kind in ('text', 'lines', 'number', 'date', 'flag', 'choice', 'reference')),
    needed    boolean not null default false,
    listed    boolean not null default false,
    personal  boolean not null default false,
    position  integer not null default 100 check (position between 0 and 9999),
    -- Of texts: characters at most, and a regular expression that all of it matches.
    longest   integer check (longest between 1 and 1000),
    pattern   text check (char_length(pattern) <= 200),
    -- Of numbers.
    decimals  smallint not null default 0 check (decimals between 0 and 6),
    least     numeric(18,6),
    most      numeric(18,6),
    choices   text[] not null default '{}',
    refers    text,
    default_value text check (char_length(default_value) <= 200),
    name      text not null generated always as (coalesce(labels ->> 'en', field)) stored,
    name_search text collate "C" not null generated always as (lower(coalesce(labels ->> 'en', field))) stored,
    constraint custom_fields_bounds check (most >= least)
);
call app.keep_master('custom_fields', '{master,field}', '{field}');
create index custom_fields_name_search on custom_fields (tenant_id, name_search, master, field);

-- Typed values beside the masters' tables. Under row-level security only comparisons
-- of plain columns use an index, so the value is kept a second time as a text that
-- sorts as the value does: a number as its digits, a day as ISO, a text in lower case.
create table custom_values (
    tenant_id uuid not null references control.tenants,
    master    text not null,
    row_key   text not null,
    field     text not null,
    value     text not null check (char_length(value) <= 1000),
    sorted    text collate "C" not null,
    primary key (tenant_id, master, row_key, field),
    foreign key (tenant_id, master, field) references custom_fields (tenant_id, master, field)
);
create index custom_values_sorted on custom_values (tenant_id, master, field, sorted, row_key);
call app.keep_authors('custom_values');
call app.protect('custom_values');
grant select, insert, update, delete on custom_values to tracewright_app, tracewright_ingest, tracewright_system;

-- -------------------------------------------------------- values of plants ---

-- What a field of a row is at one plant, where it is another than for all.
create table plant_values (
    tenant_id uuid not null references control.tenants,
    master    text not null,
    row_key   text not null,
    field     text not null,
    plant     text not null,
    value     text not null check (char_length(value) <= 1000),
    primary key (tenant_id, master, row_key, field, plant),
    foreign key (tenant_id, plant) references plants (tenant_id, code)
);
create index plant_values_plant on plant_values (tenant_id, plant, master, field, row_key);
call app.keep_authors('plant_values');
call app.protect('plant_values');
grant select, insert, update, delete on plant_values to tracewright_app, tracewright_ingest, tracewright_system;

-- A field's value at a plant: the plant's own, else the one for all.
create function app.at_plant(of_master text, of_key text, of_field text, at_plant text, for_all text) returns text
    language sql stable parallel safe
    return coalesce(
        (select p.value from plant_values p
         where p.tenant_id = (select app.tenant()) and p.master = of_master and p.row_key = of_key
           and p.field = of_field and p.plant = at_plant),
        for_all);
revoke execute on function app.at_plant(text, text, text, text, text) from public;
grant execute on function app.at_plant(text, text, text, text, text)
    to tracewright_app, tracewright_ingest, tracewright_system;

alter table items
    add column reorder_level    numeric(18,6) check (reorder_level >= 0),
    add column reorder_quantity numeric(18,6) check (reorder_quantity > 0),
    add column safety_stock     numeric(18,6) check (safety_stock >= 0),
    add column lead_time_days   integer check (lead_time_days between 0 and 3650),
    add column default_bin      text check (char_length(default_bin) <= 40),
    add column variant_of       text,
    -- `size:M`, as the attributes of items say.
    add column variant          text[] not null default '{}',
    add constraint items_variant_of_another check (variant_of <> item),
    add foreign key (tenant_id, variant_of) references items (tenant_id, item);
create index items_variant_of on items (tenant_id, variant_of, item);

-- ---------------------------------------------------- variants and barcodes ---

create table item_attributes (
    tenant_id uuid not null references control.tenants,
    attribute text not null check (char_length(attribute) <= 20),
    names     jsonb not null default '{}',
    choices   text[] not null default '{}',
    name      text not null generated always as (coalesce(names ->> 'en', attribute)) stored,
    name_search text collate "C" not null generated always as (lower(coalesce(names ->> 'en', attribute))) stored
);
call app.keep_master('item_attributes', '{attribute}', '{attribute}');
create index item_attributes_name_search on item_attributes (tenant_id, name_search, attribute);

-- What is printed on goods and packages: of one item, in a unit, so many of it.
create table item_barcodes (
    tenant_id uuid not null references control.tenants,
    barcode   text not null check (char_length(barcode) <= 80),
    item      text not null,
    kind      text not null default 'gtin' check (kind in ('gtin', 'supplier', 'internal')),
    unit      text,
    quantity  numeric(18,6) not null default 1 check (quantity > 0),
    foreign key (tenant_id, item) references items (tenant_id, item),
    foreign key (tenant_id, unit) references units (tenant_id, unit)
);
call app.keep_master('item_barcodes', '{barcode}', '{barcode,item}');
create index item_barcodes_item on item_barcodes (tenant_id, item, barcode);

-- ----------------------------------------------------------- views of lists ---

create table list_views (
    tenant_id  uuid not null references control.tenants,
    view_id    uuid not null,
    -- The list: a master's name.
    list       text not null check (char_length(list) <= 60),
    -- Whose it is, as an opaque id; shared ones are shown to all.
    owner      text not null,
    shared     boolean not null default false,
    name       text not null check (char_length(name) between 1 and 60),
    -- Filters, search and order, as a query string; and the columns, in order.
    query      text not null check (char_length(query) <= 2000),
    columns    text[] not null default '{}',
    -- What its owner sees when the list is opened.
    is_default boolean not null default false,
    version    integer not null default 1,
    primary key (tenant_id, view_id),
    unique (tenant_id, list, owner, name)
);
create index list_views_shared on list_views (tenant_id, list, shared, name);
create unique index list_views_default on list_views (tenant_id, list, owner) where is_default;
call app.keep_authors('list_views');
call app.protect('list_views');
grant select, insert, update, delete on list_views to tracewright_app, tracewright_ingest, tracewright_system;

-- ---------------------------------------------------------------- search ---

call app.searchable('requests', 'subject', '{request_id}');
