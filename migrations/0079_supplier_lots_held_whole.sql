-- What a supplier sends of one lot in several deliveries is several lots here. A hold can be on
-- all of them, at all plants, and on those that come later.

alter table holds
    -- It is on every lot of the item, the supplier and the supplier's number of lot_id.
    add column deliveries boolean not null default false,
    -- Those that plants were told of beside lot_id.
    add column more_lots uuid[] not null default '{}';
create index holds_deliveries on holds (tenant_id, lot_id) where deliveries and status = 'placed';
