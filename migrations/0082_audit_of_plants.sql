-- Rows of the audit say of which plants they are, so that whoever reads the audit of some
-- plants is not shown values of others (docs/audit.md). The chain does not cover it: it
-- follows from what the chain covers, and from the row that is spoken of.

-- Null: of no plant. Empty: of a plant that nobody knows.
alter table audit_log add column plants text[];

-- The plants that a row of the audit is about.
create function app.plants_of_audit(action text, subject text, before jsonb, after jsonb) returns text[]
    language plpgsql stable
    as $$
declare
    of_kind text := split_part(subject, ':', 1);
    of_id   text := substr(subject, strpos(subject, ':') + 1);
    own     uuid := app.tenant();
    codes   text[];
    for_all boolean;
begin
    -- At which plants people and keys may do something belongs to the people and keys,
    -- who are of no plant.
    if split_part(action, '.', 1) in ('user', 'key', 'role', 'session', 'signin') then
        return null;
    end if;

    -- What says it itself. Several are named by rows of masters alone.
    if before ?| array['plant', 'plants'] or after ?| array['plant', 'plants'] then
        select array_agg(distinct p.code order by p.code) into codes
        from (values (before), (after)) v (body)
        cross join lateral (
            select v.body ->> 'plant' as code where jsonb_typeof(v.body -> 'plant') = 'string'
            union all
            select jsonb_array_elements_text(v.body -> 'plants')
            where action like 'master.%' and jsonb_typeof(v.body -> 'plants') = 'array'
        ) p
        where p.code <> '';
        if codes is not null then
            return codes;
        end if;
    end if;

    -- Values of single plants, where nothing changed that is for all.
    if action like 'master.%' and jsonb_typeof(before) = 'object' and jsonb_typeof(after) = 'object' then
        select array_agg(distinct split_part(n.name, '@', 2)) filter (where strpos(n.name, '@') > 0),
               coalesce(bool_or(strpos(n.name, '@') = 0), false)
            into codes, for_all
        from jsonb_object_keys(before || after) n (name)
        where nullif(before -> n.name, 'null') is distinct from nullif(after -> n.name, 'null');
        if codes is not null and not for_all then
            return codes;
        end if;
        return null;
    end if;

    -- What is of a plant by the row that is spoken of.
    case
    when of_kind = 'plant' then
        return array[of_id];
    when of_kind = 'exception' and pg_input_is_valid(of_id, 'uuid') then
        select array_remove(array[e.plant], '') into codes from exceptions e
        where e.tenant_id = own and e.exception_id = of_id::uuid;
    when of_kind = 'agent' and pg_input_is_valid(of_id, 'uuid') then
        select array[a.plant_code] into codes from agents a
        where a.tenant_id = own and a.agent_id = of_id::uuid and a.plant_code <> '';
    when of_kind = 'workflow' and pg_input_is_valid(of_id, 'uuid') then
        select array[i.plant] into codes from workflow_instances i
        where i.tenant_id = own and i.instance_id = of_id::uuid and i.plant <> '';
    when of_kind = 'document_series' then
        select array[s.plant] into codes from document_series s
        where s.tenant_id = own and s.series = of_id and s.plant <> '';
    when of_kind = 'number' then
        select array[n.plant] into codes from document_numbers n
        where n.tenant_id = own and n.company = split_part(of_id, ':', 1) and n.kind = split_part(of_id, ':', 2)
          and n.number = substr(of_id, length(split_part(of_id, ':', 1)) + length(split_part(of_id, ':', 2)) + 3)
          and n.plant <> '';
    -- One of a single plant has it in its id.
    when action like 'reference.%' and of_id ~ '@[A-Z0-9]{3}$' then
        return array[right(of_id, 3)];
    when action like 'reference.%' then
        select array[r.plant] into codes from reference_rows r
        where r.tenant_id = own and r.kind = of_kind and r.id = of_id and r.plant <> '';
    else
        null;
    end case;
    return codes;
end $$;
revoke execute on function app.plants_of_audit(text, text, jsonb, jsonb) from public;
grant execute on function app.plants_of_audit(text, text, jsonb, jsonb)
    to tracewright_app, tracewright_ingest, tracewright_system;

-- Whoever writes a row may say it; rows that are copied bring their own.
create function app.note_plants() returns trigger language plpgsql as $$
begin
    if new.plants is null and current_user in ('tracewright_app', 'tracewright_ingest', 'tracewright_system') then
        new.plants := app.plants_of_audit(new.action, new.subject, new.before, new.after);
    end if;
    return new;
end $$;
create trigger note_plants before insert on audit_log
    for each row execute function app.note_plants();

-- What was written before. Of holds by where their units are now.
do $$
declare
    t uuid;
begin
    for t in select tenant_id from control.tenants loop
        perform set_config('app.tenant_id', t::text, true);
        update audit_log l set plants = p.plants
        from (select a.audit_id, app.plants_of_audit(a.action, a.subject, a.before, a.after) as plants
              from audit_log a where a.tenant_id = t) p
        where l.tenant_id = t and l.audit_id = p.audit_id and p.plants is not null;
        update audit_log l set plants = p.plants
        from (select m.hold_id, array_agg(distinct r.plant order by r.plant) as plants
              from hold_members m
              join uid_registry r on r.tenant_id = t and r.key = m.key and r.plant <> ''
              where m.tenant_id = t group by m.hold_id) p
        where l.tenant_id = t and l.subject = 'hold:' || p.hold_id;
    end loop;
    perform set_config('app.tenant_id', '', true);
end $$;
