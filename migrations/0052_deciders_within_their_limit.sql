-- A seat is vacant, too, when the document's amount is beyond the limit of whoever has it: a
-- limit that is lowered leaves seats as empty as a role that loses the right.

-- Whether an amount up to `most` reaches the document's, as workflow/asked.rs reads it: one
-- that cannot be read is beyond every limit, and none is within every.
create function app.within_limit(document jsonb, most numeric, most_currency text)
    returns boolean language sql immutable parallel safe
begin atomic
    select case
        when coalesce(jsonb_typeof(document -> 'amount'), 'null') = 'null' then true
        when coalesce(jsonb_typeof(document -> 'currency'), 'null') not in ('null', 'string') then false
        when coalesce(document ->> 'currency', 'INR') <> most_currency then false
        when jsonb_typeof(document -> 'amount') = 'number'
             or (jsonb_typeof(document -> 'amount') = 'string'
                 and document ->> 'amount' ~ '^\s*[+-]?[0-9]{1,29}(\.[0-9]{1,29})?\s*$')
            then abs((document ->> 'amount')::numeric) <= most
        else false
    end;
end;
grant execute on function app.within_limit(jsonb, numeric, text)
    to tracewright_app, tracewright_ingest, tracewright_system;

-- Whether somebody may decide the document by any role, at its plant and up to its amount.
-- What grants it is said in web/rights.rs and web/limits.rs.
create function app.may_decide(of_tenant uuid, person uuid, at_plant text, document jsonb)
    returns boolean language sql stable parallel safe
begin atomic
    select exists (
        select from user_roles ur
        join roles r on r.tenant_id = of_tenant and r.role = ur.role and r.deleted_at is null
        left join role_limits l on l.tenant_id = of_tenant and l.role = ur.role
                               and l.permission = 'workflow.decide'
        where ur.tenant_id = of_tenant and ur.user_id = person
          and (ur.plants is null or at_plant = any (ur.plants))
          and r.permissions && array['*', '*.*', 'workflow.*', '*.decide', 'workflow.decide']
          and (l.role is null or app.within_limit(document, l.amount, l.currency)));
end;
grant execute on function app.may_decide(uuid, uuid, text, jsonb)
    to tracewright_app, tracewright_ingest, tracewright_system;

create function app.seat_vacant(
        seat_tenant uuid, seat_role text, seat_person uuid, seat_plant text, document jsonb)
    returns boolean language sql stable parallel safe
begin atomic
    select case
        when seat_person is null then not exists (
            select from user_roles ur
            join roles r on r.tenant_id = seat_tenant and r.role = ur.role and r.deleted_at is null
            join users u on u.tenant_id = seat_tenant and u.user_id = ur.user_id
                         and u.status = 'active' and u.deleted_at is null
            where ur.tenant_id = seat_tenant and ur.role = seat_role
              and (ur.plants is null or seat_plant = any (ur.plants))
              and app.may_decide(seat_tenant, ur.user_id, seat_plant, document))
        else not exists (
            select from users u
            where u.tenant_id = seat_tenant and u.user_id = seat_person
              and u.status = 'active' and u.deleted_at is null
              and app.may_decide(seat_tenant, u.user_id, seat_plant, document)
              and (seat_role is null or exists (
                  select from user_roles ur
                  join roles r on r.tenant_id = seat_tenant and r.role = ur.role and r.deleted_at is null
                  where ur.tenant_id = seat_tenant and ur.user_id = seat_person and ur.role = seat_role
                    and (ur.plants is null or seat_plant = any (ur.plants)))))
    end;
end;
grant execute on function app.seat_vacant(uuid, text, uuid, text, jsonb)
    to tracewright_app, tracewright_ingest, tracewright_system;

drop function app.seat_vacant(uuid, text, uuid, text);
drop function app.may_decide(uuid, uuid, text);
