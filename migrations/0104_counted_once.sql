-- A text message counts once in a day, however often it is sent under its id: the provider takes
-- it once. An hour without an answer used up the bound of the day.
alter table outbox add column counted_on date;
-- Webhooks wait apart from what goes to people, and neither is looked for among the other.
create index outbox_lane on outbox (tenant_id, (channel = 'webhook'), due_at, message_id) where state = 'waiting';
-- What was given up is looked for by the page of deliveries, among many that were sent.
create index outbox_dead on outbox (tenant_id, message_id) where state = 'dead';
