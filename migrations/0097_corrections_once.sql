-- What corrections of one event do to its links depended on the order in which they came. One that
-- corrects a correction and came before that put back links that nobody had undone, or undid them
-- twice, so that a link counted one too many; these rows go. And where an event came together with
-- its own plant's correction, and another plant's correction had come before, neither undid it: one
-- of them does now. From now on it follows from all that is known (`ingest::corrections`). Where more
-- than 32 corrections hang together nothing is touched.

create function app.undone_0097(tenant uuid, event uuid, deep integer) returns boolean
    language plpgsql stable as $$
declare
    by_event uuid;
begin
    if deep > 32 then
        return false;
    end if;
    for by_event in
        select c.event_id from public.lifecycle_events c where c.tenant_id = tenant and c.corrects = event
    loop
        if not app.undone_0097(tenant, by_event, deep + 1) then
            return true;
        end if;
    end loop;
    return false;
end $$;

do $$
declare
    t uuid;
    root record;
    link record;
    agents uuid[];
    epochs integer[];
    seqs bigint[];
    undone integer;
    times integer;
    early boolean[];
    changed bigint;
    done bigint;
    last bigint;
    first bigint;
begin
    for t in select tenant_id from control.tenants loop
        perform set_config('app.tenant_id', t::text, true);
        first := null;
        -- Events with several corrections, or with one that was corrected.
        for root in
            with recursive up(event_id, corrects) as (
                select a.event_id, a.corrects from lifecycle_events a
                where a.tenant_id = t and a.corrects is not null
                  and (exists (select from lifecycle_events c where c.tenant_id = t and c.corrects = a.event_id)
                       or exists (select from lifecycle_events c where c.tenant_id = t and c.corrects = a.corrects
                                  and c.event_id <> a.event_id))
                union
                select e.event_id, e.corrects from up
                join lifecycle_events e on e.tenant_id = t and e.event_id = up.corrects
            )
            select r.event_id, r.agent_id, r.epoch, r.seq from up
            join lifecycle_events r on r.tenant_id = t and r.event_id = up.event_id
            where up.corrects is null and r.corrects is null
        loop
            with recursive down(event_id, corrects, agent_id, epoch, seq) as (
                select root.event_id, null::uuid, root.agent_id, root.epoch, root.seq
                union
                select c.event_id, c.corrects, c.agent_id, c.epoch, c.seq from down
                join lifecycle_events c on c.tenant_id = t and c.corrects = down.event_id
            )
            select array_agg(c.agent_id), array_agg(c.epoch), array_agg(c.seq), array_agg(c.early)
            into agents, epochs, seqs, early
            from (select c.agent_id, c.epoch, c.seq,
                         down.corrects is not null
                             and (select b.batch_id from ingest_batches b
                                  where b.tenant_id = t and b.agent_id = c.agent_id and b.epoch = c.epoch
                                    and b.to_seq >= c.seq and b.from_seq <= c.seq
                                  order by b.to_seq limit 1)
                               < (select b.batch_id from ingest_batches b
                                  where b.tenant_id = t and b.agent_id = down.agent_id and b.epoch = down.epoch
                                    and b.to_seq >= down.seq and b.from_seq <= down.seq
                                  order by b.to_seq limit 1) as early
                  from down
                  join lifecycle_events c on c.tenant_id = t and c.corrects = down.event_id
                  where c.stage = 36
                  limit 33) c;
            continue when coalesce(cardinality(seqs), 33) > 32;
            undone := app.undone_0097(t, root.event_id, 0)::integer;
            for link in
                select l.from_key, l.to_key, l.kind, l.effect, l.quantity, l.unit,
                       row_number() over (order by l.ordinal, l.from_key, l.to_key) - 1 as place
                from (select distinct s.key from event_subjects s
                      where s.tenant_id = t and s.agent_id = root.agent_id and s.epoch = root.epoch
                        and s.seq = root.seq) s
                join uid_links l on l.tenant_id = t and l.from_key = s.key and l.agent_id = root.agent_id
                    and l.epoch = root.epoch and l.seq = root.seq
            loop
                delete from uid_links d
                using unnest(agents, epochs, seqs, early) as c(agent_id, epoch, seq, early)
                where d.tenant_id = t and d.from_key = link.from_key and d.to_key = link.to_key
                  and d.agent_id = c.agent_id and d.epoch = c.epoch and d.seq = c.seq
                  and d.kind = link.kind and c.early;
                get diagnostics changed = row_count;
                select coalesce(sum(case when m.effect = link.effect then -1 else 1 end), 0) into times
                from unnest(agents, epochs, seqs) as c(agent_id, epoch, seq)
                join uid_links m on m.tenant_id = t and m.from_key = link.from_key and m.to_key = link.to_key
                    and m.agent_id = c.agent_id and m.epoch = c.epoch and m.seq = c.seq and m.kind = link.kind;
                while times <> undone loop
                    -- Put back once too often, or undone so; else it lacks a row.
                    delete from uid_links d
                    using (select m.agent_id, m.epoch, m.seq, m.ordinal
                           from unnest(agents, epochs, seqs) as c(agent_id, epoch, seq)
                           join uid_links m on m.tenant_id = t and m.from_key = link.from_key
                               and m.to_key = link.to_key and m.agent_id = c.agent_id and m.epoch = c.epoch
                               and m.seq = c.seq and m.kind = link.kind
                           where (m.effect = link.effect) = (times < undone)
                           order by m.occurred_at desc, m.agent_id, m.epoch, m.seq desc, m.ordinal limit 1) m
                    where d.tenant_id = t and d.from_key = link.from_key and d.to_key = link.to_key
                      and d.agent_id = m.agent_id and d.epoch = m.epoch and d.seq = m.seq
                      and d.ordinal = m.ordinal;
                    get diagnostics done = row_count;
                    if done = 0 and times < undone then
                        insert into uid_links (tenant_id, agent_id, epoch, seq, ordinal, from_key, to_key, kind,
                            effect, quantity, unit, occurred_at)
                        select t, c.agent_id, c.epoch, c.seq, link.place, link.from_key, link.to_key, link.kind,
                               case link.effect when 1 then 3 else 4 end, link.quantity, link.unit, c.occurred_at
                        from lifecycle_events c
                        where c.tenant_id = t and c.corrects = root.event_id and c.stage = 36
                          and not exists (select from uid_links m
                                          where m.tenant_id = t and m.from_key = link.from_key
                                            and m.to_key = link.to_key and m.agent_id = c.agent_id
                                            and m.epoch = c.epoch and m.seq = c.seq)
                        order by c.agent_id, c.epoch, c.seq limit 1;
                        get diagnostics done = row_count;
                    end if;
                    exit when done = 0;
                    changed := changed + 1;
                    times := times + sign(undone - times)::integer;
                end loop;
                if changed > 0 then
                    select max(b.batch_id) into last
                    from uid_links l
                    join ingest_batches b on b.tenant_id = t and b.agent_id = l.agent_id and b.epoch = l.epoch
                        and b.from_seq <= l.seq and b.to_seq >= l.seq
                    where l.tenant_id = t and l.from_key = link.from_key and l.to_key = link.to_key;
                    first := least(first, last);
                end if;
            end loop;
        end loop;
        -- What such links hid from holds is looked at once more.
        if first is not null then
            update hold_cursors set through_batch = least(through_batch, first - 1) where tenant_id = t;
        end if;
        -- A correction that waited for another one was said to wait when that had come, until what
        -- it corrects came too; and for ever after.
        update exceptions x set status = 'resolved', resolved_at = now(), resolved_by = 'system',
            resolution = 'the corrected event has come'
        where x.tenant_id = t and x.kind = 'correct.unknown' and x.status <> 'resolved'
          and exists (select from lifecycle_events e
                      where e.tenant_id = t and e.event_id = (x.detail->>'corrects')::uuid
                        and e.corrects is not null);
    end loop;
    perform set_config('app.tenant_id', '', true);
end $$;

drop function app.undone_0097(uuid, uuid, integer);
