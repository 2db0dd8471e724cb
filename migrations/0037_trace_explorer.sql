-- What the trace explorer begins from besides a UID: a machine and a time, a customer.
-- (Documents and people have their indexes.)

create index orders_partner_type on orders (tenant_id, partner, type, number);
