-- What of a recall is goods to be counted: not what is built into other recalled goods, which
-- comes back with them, nor a package of them, which is no more than what is in it. Said once
-- here, so that where everything was, who has how much, the letters and the effectiveness
-- count alike.
alter table recall_members
    add column counts boolean not null generated always as (inside_of is null and not packs) stored;

-- A supplier's code finds its lots, the newest first.
create index lots_supplier on lots (tenant_id, supplier, lot_id);
