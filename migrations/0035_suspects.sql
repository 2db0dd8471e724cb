-- Indexes by which suspects are found among ten million events in a second. Each is
-- written with every event that has the value, so each says what it costs. Measured over
-- two million events in one partition.

-- What passed a machine, and between when. Only events that a machine reported have one:
-- 84 bytes for each of those.
create index lifecycle_events_machine on lifecycle_events (tenant_id, machine, occurred_at)
    where machine <> '';
-- The same by station: 84 bytes for nearly every event. Times rise, so that entries of a
-- station go to the end of its part, and its last page stays in memory.
create index lifecycle_events_station on lifecycle_events (tenant_id, station, occurred_at)
    where station <> '';
-- Scrap, rework and refusals have a reason, few others do: next to nothing.
create index lifecycle_events_reason on lifecycle_events (tenant_id, reason, occurred_at)
    where reason <> '';
-- (By operator there is one already, of the page of a person's data.)

-- Readings outside the limits in force: a comparison per reading, and an entry for the
-- few that are. A partial index needs no comparison when it is read, so that row-level
-- security does not stand in its way, as it does before an index on the value itself.
create index event_readings_outside on event_readings (tenant_id, name, taken_at)
    where value < low or value > high;
-- Readings held against limits that somebody names are compared one by one. With their
-- values in the index no other page is read for those that do not fit: about 48 bytes
-- more per reading than before, in an index that was there.
drop index event_readings_name;
create index event_readings_name on event_readings (tenant_id, name, taken_at)
    include (value, agent_id, epoch, seq);

-- A customer's orders, whatever their status. Few rows, seldom written.
create index orders_of_partner on orders (tenant_id, partner, number) where partner <> '';
