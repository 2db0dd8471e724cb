-- What is in work, and since when it has not gone on. A hold, a release, an inspection, a
-- sample, a count or a new owner leaves a unit where it stands: `last_stage` and `last_at`
-- are those of the last fact that moved it on.

do $$
declare
    t uuid;
begin
    for t in select tenant_id from control.tenants loop
        perform set_config('app.tenant_id', t::text, true);
        update uid_registry r set last_stage = e.stage, last_at = e.occurred_at
        from (select distinct on (q.key) q.key, e.stage, e.occurred_at
              from uid_registry q
              join event_subjects s on s.tenant_id = t and s.key = q.key
              join lifecycle_events e on e.tenant_id = t and e.agent_id = s.agent_id
                  and e.epoch = s.epoch and e.seq = s.seq
              where q.tenant_id = t and q.last_stage in (7, 8, 10, 22, 23, 32, 36)
                and e.stage not in (0, 6, 7, 8, 10, 22, 23, 32, 36, 37)
              order by q.key, e.occurred_at desc) e
        where r.tenant_id = t and r.key = e.key;
    end loop;
    perform set_config('app.tenant_id', '', true);
end $$;

-- What is issued, kitted, taken from or made of something else is in work under an order only.
drop index uid_registry_in_work;
create index uid_registry_in_work on uid_registry (tenant_id, plant, last_stage, last_at, key)
    where life = 2 and custody = 1
      and (last_stage in (15, 16, 19, 20) or last_stage in (12, 14, 17, 18) and order_number <> '');
