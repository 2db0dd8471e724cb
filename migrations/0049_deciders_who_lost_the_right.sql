-- A seat is vacant, too, when whoever has it may not decide any more: a role that loses the
-- right leaves its seats as empty as a person who left.

-- Whether somebody has the right to decide by any role, at the document's plant. What
-- grants it is said in web/rights.rs.
create function app.may_decide(of_tenant uuid, person uuid, at_plant text)
    returns boolean language sql stable parallel safe
begin atomic
    select exists (
        select from user_roles ur
        join roles r on r.tenant_id = of_tenant and r.role = ur.role and r.deleted_at is null
        where ur.tenant_id = of_tenant and ur.user_id = person
          and (ur.plants is null or at_plant = any (ur.plants))
          and r.permissions && array['*', '*.*', 'workflow.*', '*.decide', 'workflow.decide']);
end;
grant execute on function app.may_decide(uuid, uuid, text)
    to tracewright_app, tracewright_ingest, tracewright_system;

create or replace function app.seat_vacant(seat_tenant uuid, seat_role text, seat_person uuid, seat_plant text)
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
              and app.may_decide(seat_tenant, ur.user_id, seat_plant))
        else not exists (
            select from users u
            where u.tenant_id = seat_tenant and u.user_id = seat_person
              and u.status = 'active' and u.deleted_at is null
              and app.may_decide(seat_tenant, u.user_id, seat_plant)
              and (seat_role is null or exists (
                  select from user_roles ur
                  join roles r on r.tenant_id = seat_tenant and r.role = ur.role and r.deleted_at is null
                  where ur.tenant_id = seat_tenant and ur.user_id = seat_person and ur.role = seat_role
                    and (ur.plants is null or seat_plant = any (ur.plants)))))
    end;
end;
