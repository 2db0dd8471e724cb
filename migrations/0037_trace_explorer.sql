-- What the trace explorer begins from besides a UID: a machine and a time, a customer.
-- (Documents and people have their indexes.)

create index if not exists lifecycle_events_machine on lifecycle_events (tenant_id, machine, occurred_at)
    where machine <> '';
create index orders_of_partner on orders (tenant_id, partner, type, number);
