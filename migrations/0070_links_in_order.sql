-- Whether a link is open is told by its turns in their order, not by counting them: what was
-- taken out without ever having been put in takes nothing along that is put in later.

-- Whether something that was put in is still there. Each taking-out answers the earliest
-- putting-in by the plants' clocks that nothing has answered yet, and never one that its own
-- agent told after it (a clock that was put back goes on from where it had been): the rule of
-- `genealogy::turns`. What corrections undo never was; what they restore stands where it was
-- told first.
-- To be asked of links that have a taking-out, where counting does not say it already; and
-- where some taking-out has no greater number than some putting-in, or they are of several
-- epochs: else none was told before one by its own agent, and as many answer them all.
create function app.link_open(tenant uuid, content bigint, whole bigint, how smallint) returns boolean
    language plpgsql stable parallel safe as $$
declare
    agents uuid[] := '{}';
    epochs integer[] := '{}';
    seqs bigint[] := '{}';
    free boolean[] := '{}';
    turns refcursor;
    turn record;
    at integer;
begin
    if not exists (select from public.uid_links l
                   where l.tenant_id = tenant and l.from_key = content and l.to_key = whole and l.kind = how
                     and l.effect in (3, 4)) then
        open turns for
            select l.effect, l.agent_id, l.epoch, l.seq from public.uid_links l
            where l.tenant_id = tenant and l.from_key = content and l.to_key = whole and l.kind = how
            order by l.effect, max(l.occurred_at) over (partition by l.agent_id order by l.epoch, l.seq),
                l.agent_id, l.epoch, l.seq;
    else
        open turns for
            with recursive told as materialized (
                select l.effect, l.agent_id, l.epoch, l.seq, l.occurred_at, e.event_id, e.corrects
                from public.uid_links l
                left join public.lifecycle_events e on e.tenant_id = tenant and e.agent_id = l.agent_id
                    and e.epoch = l.epoch and e.seq = l.seq
                where l.tenant_id = tenant and l.from_key = content and l.to_key = whole and l.kind = how
            ), up(by_event, of_event) as (
                select t.event_id, t.corrects from told t where t.corrects is not null
                union
                select up.by_event, e.corrects from up
                join public.lifecycle_events e on e.tenant_id = tenant and e.event_id = up.of_event
                where e.corrects is not null
            ), undone as (
                select up.of_event, sum(case when t.effect in (3, 4) then 1 else -1 end) as times
                from told t join up on up.by_event = t.event_id
                group by up.of_event
            )
            select t.effect, t.agent_id, t.epoch, t.seq from told t
            left join undone u on u.of_event = t.event_id
            where t.effect in (1, 2) and t.corrects is null and coalesce(u.times, 0) <= 0
            order by t.effect, max(t.occurred_at) over (partition by t.agent_id order by t.epoch, t.seq),
                t.agent_id, t.epoch, t.seq;
    end if;
    loop
        fetch turns into turn;
        exit when not found;
        if turn.effect = 1 then
            agents := agents || turn.agent_id;
            epochs := epochs || turn.epoch;
            seqs := seqs || turn.seq;
            free := free || true;
            continue;
        end if;
        for at in 1..coalesce(array_length(free, 1), 0) loop
            if free[at] and (agents[at] <> turn.agent_id or (epochs[at], seqs[at]) < (turn.epoch, turn.seq)) then
                free[at] := false;
                exit;
            end if;
        end loop;
    end loop;
    close turns;
    return true = any(free);
end $$;

grant execute on function app.link_open(uuid, bigint, bigint, smallint)
    to tracewright_app, tracewright_ingest, tracewright_system;

comment on column uid_links.effect is
    '1 opens, 2 closes (taken out again), 3 voids (a correction: one opening never was), 4 reopens (a correction: one closing never was). Ever made where opens > voids; open now by app.link_open.';
