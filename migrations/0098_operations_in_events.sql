-- Whether an event names an operation: suspects tell of one that none does, and read all events for
-- it before. Only events that have one have an entry, and what is called the same shares one: 7 bytes
-- for each of those (of 500,000 that name twelve).
create index lifecycle_events_operation on lifecycle_events (tenant_id, operation) where operation <> '';
