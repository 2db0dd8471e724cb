-- The times of what was taken in before 0090 come to stand beside their UIDs too, so that pages of
-- every unit's timeline are read by the index; the cloud sees to it in the background. A fact is
-- edited by no role all the same: this writes what the event itself says, where nothing stands yet,
-- and among the rows of the transaction's own tenant alone.
create function app.time_subjects(of_agent uuid, of_epoch integer, low bigint, high bigint) returns bigint
    language plpgsql security definer
    set search_path = pg_catalog
    as $$
declare
    timed bigint;
begin
    -- The tenant as it stands here: its own partitions are planned and locked, and no others.
    execute format(
        'update public.event_subjects s set occurred_at = e.occurred_at
         from public.lifecycle_events e
         where s.tenant_id = %1$L and s.agent_id = $1 and s.epoch = $2 and s.seq >= $3 and s.seq <= $4
           and s.occurred_at is null
           and e.tenant_id = %1$L and e.agent_id = $1 and e.epoch = $2 and e.seq >= $3 and e.seq <= $4
           and e.seq = s.seq',
        app.tenant())
    using of_agent, of_epoch, low, high;
    get diagnostics timed = row_count;
    return timed;
end $$;
revoke execute on function app.time_subjects(uuid, integer, bigint, bigint) from public;
grant execute on function app.time_subjects(uuid, integer, bigint, bigint) to tracewright_app, tracewright_system;
comment on column event_subjects.occurred_at is
    'The event''s time, for the order of a unit''s events; null of what was taken in before it stood here and is not yet looked through.';
