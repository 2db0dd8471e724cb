-- What a return said is said once: a taking-out that is booked after it answers nothing that is put
-- in later. A unit that came back without its package, was booked out of it by another plant, and
-- went into the same package again is in there; so its state said, and its link did not.

-- Whether something that was put in is still there: the rule of `genealogy::turns`. A return
-- answers the earliest putting-in before it that nothing has answered yet, and none that was later.
-- Each other taking-out answers the earliest one likewise; where none was before it, it says again
-- what a return before it said, once for each; and only where there was none such it answers the
-- earliest one that its own agent did not tell after it, whatever the clocks of two plants say.
-- Before and after are by the plants' clocks (one that was put back goes on from where it had been),
-- then by agent, epoch and seq. What corrections undo never was; what they restore stands where it
-- was told first.
-- To be asked of links that have a taking-out, where counting does not say it already; and
-- where there are more than one putting-in and its taking-out, told after it or by another epoch.
create or replace function app.link_open(tenant uuid, content bigint, whole bigint, how smallint) returns boolean
    language plpgsql stable parallel safe as $$
declare
    agents uuid[] := '{}';
    epochs integer[] := '{}';
    seqs bigint[] := '{}';
    clocks timestamptz[] := '{}';
    free boolean[] := '{}';
    spare integer := 0;
    turns refcursor;
    turn record;
    at integer;
    before boolean;
    answers boolean;
begin
    if not exists (select from public.uid_links l
                   where l.tenant_id = tenant and l.from_key = content and l.to_key = whole and l.kind = how
                     and l.effect in (3, 4)) then
        open turns for
            select l.effect, l.agent_id, l.epoch, l.seq, l.returned,
                   greatest(l.occurred_at, max(l.occurred_at) filter (where not l.returned)
                       over (partition by l.agent_id order by l.epoch, l.seq)) as clock
            from (
                select l.*, how = 3 and l.effect = 2
                           and exists (select from public.lifecycle_events e
                                       where e.tenant_id = tenant and e.agent_id = l.agent_id
                                         and e.epoch = l.epoch and e.seq = l.seq and e.stage = 34) as returned
                from public.uid_links l
                where l.tenant_id = tenant and l.from_key = content and l.to_key = whole and l.kind = how) l
            order by l.effect, clock, l.agent_id, l.epoch, l.seq;
    else
        open turns for
            with recursive told as materialized (
                select l.effect, l.agent_id, l.epoch, l.seq, l.occurred_at, e.event_id, e.corrects,
                       how = 3 and coalesce(e.stage = 34, false) as returned
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
            select t.effect, t.agent_id, t.epoch, t.seq, t.returned,
                   greatest(t.occurred_at, max(t.occurred_at) filter (where not t.returned)
                       over (partition by t.agent_id order by t.epoch, t.seq)) as clock
            from told t
            left join undone u on u.of_event = t.event_id
            where t.effect in (1, 2) and t.corrects is null and coalesce(u.times, 0) <= 0
            order by t.effect, clock, t.agent_id, t.epoch, t.seq;
    end if;
    loop
        fetch turns into turn;
        exit when not found;
        if turn.effect = 1 then
            agents := agents || turn.agent_id;
            epochs := epochs || turn.epoch;
            seqs := seqs || turn.seq;
            clocks := clocks || turn.clock;
            free := free || true;
            continue;
        end if;
        answers := false;
        for at in 1..coalesce(array_length(free, 1), 0) loop
            if free[at] and (agents[at] <> turn.agent_id or (epochs[at], seqs[at]) < (turn.epoch, turn.seq)) then
                before := (clocks[at], agents[at], epochs[at], seqs[at])
                    < (turn.clock, turn.agent_id, turn.epoch, turn.seq);
                answers := before or (spare = 0 and not turn.returned);
                if answers then
                    free[at] := false;
                end if;
                exit;
            end if;
        end loop;
        if turn.returned then
            spare := spare + answers::integer;
        elsif not answers then
            spare := greatest(spare - 1, 0);
        end if;
    end loop;
    close turns;
    return true = any(free);
end $$;

-- Holds that left such units out look at them once more, and take them in.
do $$
declare
    t uuid;
    first bigint;
begin
    for t in select tenant_id from control.tenants loop
        perform set_config('app.tenant_id', t::text, true);
        select min(k.last) into first
        from (
            select max(b.batch_id) as last
            from (
                select distinct r.from_key, r.to_key
                from lifecycle_events e
                join event_subjects s on s.tenant_id = t and s.agent_id = e.agent_id and s.epoch = e.epoch
                    and s.seq = e.seq and s.role in (0, 1) and s.key <> 0
                join uid_links r on r.tenant_id = t and r.from_key = s.key and r.agent_id = e.agent_id
                    and r.epoch = e.epoch and r.seq = e.seq and r.kind = 3 and r.effect = 2
                where e.tenant_id = t and e.stage = 34) p
            join uid_links l on l.tenant_id = t and l.from_key = p.from_key and l.to_key = p.to_key and l.kind = 3
            join ingest_batches b on b.tenant_id = t and b.agent_id = l.agent_id and b.epoch = l.epoch
                and b.from_seq <= l.seq and b.to_seq >= l.seq
            group by l.from_key, l.to_key
            having sum(case when l.effect in (1, 4) then 1 else -1 end) <= 0
               and app.link_open(t, l.from_key, l.to_key, 3::smallint)) k;
        if first is not null then
            update hold_cursors set through_batch = least(through_batch, first - 1) where tenant_id = t;
        end if;
    end loop;
    perform set_config('app.tenant_id', '', true);
end $$;
