-- Approvals go on when people leave: whom a revision names is kept by id, and the seat
-- of somebody who is gone is known to be vacant.

-- Whom it names: ids by e-mail, as found when it was published. What was published is
-- read by this, whatever became of the people since.
alter table workflow_definitions add column people jsonb not null default '{}';
-- An erased person's address is replaced by a longer one.
alter table workflow_definitions drop constraint workflow_definitions_source_check;
alter table workflow_definitions add constraint workflow_definitions_source_check
    check (octet_length(source) <= 131072);

alter table workflow_seats
    -- Where everybody who has a role is asked: that role.
    add column of_role   text,
    -- Since when nobody can take it, as the worker last saw; null: somebody could.
    add column vacant_at timestamptz,
    add check (of_role is null or person is not null),
    add foreign key (tenant_id, of_role) references roles (tenant_id, role);

-- Whether nobody is meant by a seat: its person is not active or does not have the role
-- (any more), or nobody active has the role, at the document's plant.
create function app.seat_vacant(seat_tenant uuid, seat_role text, seat_person uuid, seat_plant text)
    returns boolean language sql stable parallel safe
begin atomic
    select case
        when seat_person is null then not exists (
            select from user_roles ur
            join roles r on r.tenant_id = seat_tenant and r.role = ur.role and r.deleted_at is null
            join users u on u.tenant_id = seat_tenant and u.user_id = ur.user_id
                         and u.status = 'active' and u.deleted_at is null
            where ur.tenant_id = seat_tenant and ur.role = seat_role
              and (ur.plants is null or seat_plant = any (ur.plants)))
        else not exists (
            select from users u
            where u.tenant_id = seat_tenant and u.user_id = seat_person
              and u.status = 'active' and u.deleted_at is null
              and (seat_role is null or exists (
                  select from user_roles ur
                  join roles r on r.tenant_id = seat_tenant and r.role = ur.role and r.deleted_at is null
                  where ur.tenant_id = seat_tenant and ur.user_id = seat_person and ur.role = seat_role
                    and (ur.plants is null or seat_plant = any (ur.plants)))))
    end;
end;
grant execute on function app.seat_vacant(uuid, text, uuid, text)
    to tracewright_app, tracewright_ingest, tracewright_system;

-- What was published before this: whom it names, active or not.
do $$
declare
    tenant uuid;
begin
    for tenant in select tenant_id from control.tenants loop
        perform set_config('app.tenant_id', tenant::text, true);
        update workflow_definitions d
        set people = named.people
        from (select n.definition_id, jsonb_object_agg(u.email, u.user_id) as people
              from workflow_definitions n
              join users u on u.tenant_id = tenant and position('"' || u.email || '"' in lower(n.source)) > 0
              where n.tenant_id = tenant and n.state <> 'draft'
              group by n.definition_id) named
        where d.tenant_id = tenant and d.definition_id = named.definition_id;
    end loop;
    perform set_config('app.tenant_id', '', true);
end $$;
