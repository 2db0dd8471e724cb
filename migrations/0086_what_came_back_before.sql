-- What came back from customers without its package before that took it out of there: its link to
-- the package is closed by the return, as it is from now on, and states are folded anew from the
-- first such return on. Returns that were corrected stay as they were told.

do $$
declare
    t uuid;
    back record;
    closed bigint;
    first bigint;
    batch bigint;
begin
    for t in select tenant_id from control.tenants loop
        perform set_config('app.tenant_id', t::text, true);
        first := null;
        for back in
            select e.agent_id, e.epoch, e.seq, e.occurred_at, s.key
            from lifecycle_events e
            join event_subjects s on s.tenant_id = t and s.agent_id = e.agent_id and s.epoch = e.epoch
                and s.seq = e.seq and s.role in (0, 1) and s.key <> 0
            where e.tenant_id = t and e.stage = 34
              and not exists (select from lifecycle_events c where c.tenant_id = t and c.corrects = e.event_id)
            order by e.occurred_at, e.agent_id, e.epoch, e.seq, s.key
        loop
            insert into uid_links (tenant_id, agent_id, epoch, seq, ordinal, from_key, to_key, kind, effect,
                quantity, unit, occurred_at)
            select t, back.agent_id, back.epoch, back.seq, 0, back.key, u.to_key, 3, 2, null, '', back.occurred_at
            from uid_links u
            where u.tenant_id = t and u.from_key = back.key and u.kind = 3
              and not exists (select from event_subjects s
                              where s.tenant_id = t and s.key = u.to_key and s.agent_id = back.agent_id
                                and s.epoch = back.epoch and s.seq = back.seq)
            group by u.to_key
            having sum(case u.effect when 1 then 1 when 3 then -1 else 0 end) > 0
               and sum(case when u.occurred_at > back.occurred_at then 0 when u.effect in (1, 4) then 1
                            else -1 end) > 0
               and (sum(case when u.effect in (1, 4) then 1 else -1 end) > 0
                    or (bool_or(u.effect = 2) and app.link_open(t, back.key, u.to_key, 3::smallint)))
            on conflict do nothing;
            get diagnostics closed = row_count;
            if closed > 0 then
                select b.batch_id into batch from ingest_batches b
                where b.tenant_id = t and b.agent_id = back.agent_id and b.epoch = back.epoch
                  and b.from_seq <= back.seq and b.to_seq >= back.seq
                order by b.batch_id limit 1;
                first := least(first, batch);
            end if;
        end loop;
        if first is not null then
            update projection_cursors set through_batch = least(through_batch, first - 1)
            where tenant_id = t and projection = 'trace';
        end if;
    end loop;
    perform set_config('app.tenant_id', '', true);
end $$;
