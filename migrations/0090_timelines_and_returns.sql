-- A unit's events in the order of their times, so that a page of a long timeline reads one page of
-- it, and not all events of the unit. The time stands beside the unit from now on: eight bytes and
-- an entry of an index, 50 bytes, for each UID of an event. What was taken in before has none and is
-- found as it was. Those of one moment are few, and sorted when they are read.
alter table event_subjects add column occurred_at timestamptz;
comment on column event_subjects.occurred_at is
    'The event''s time, for the order of a unit''s events; null of what was taken in before it stood here.';
create index event_subjects_newest on event_subjects (tenant_id, key, occurred_at desc);

-- A taking-out that is booked after a return says again what that said: it contradicts nothing,
-- and moves nothing that is elsewhere since. States and exceptions of such units are folded anew,
-- from the first batch in which one was told.

do $$
declare
    t uuid;
    first bigint;
begin
    for t in select tenant_id from control.tenants loop
        perform set_config('app.tenant_id', t::text, true);
        select min(b.batch_id) into first
        from lifecycle_events e
        join event_subjects s on s.tenant_id = t and s.agent_id = e.agent_id and s.epoch = e.epoch
            and s.seq = e.seq and s.role in (0, 1) and s.key <> 0
        join uid_links r on r.tenant_id = t and r.from_key = s.key and r.agent_id = e.agent_id
            and r.epoch = e.epoch and r.seq = e.seq and r.kind = 3 and r.effect = 2
        join uid_links o on o.tenant_id = t and o.from_key = r.from_key and o.to_key = r.to_key
            and o.kind = 3 and o.effect = 2
            and (o.agent_id, o.epoch, o.seq) <> (r.agent_id, r.epoch, r.seq)
        join ingest_batches b on b.tenant_id = t and b.agent_id = o.agent_id and b.epoch = o.epoch
            and b.from_seq <= o.seq and b.to_seq >= o.seq
        where e.tenant_id = t and e.stage = 34;
        if first is not null then
            update projection_cursors set through_batch = least(through_batch, first - 1)
            where tenant_id = t and projection = 'trace';
        end if;
    end loop;
    perform set_config('app.tenant_id', '', true);
end $$;
