-- With what plants were told that a package is free again: what one did before it had
-- that was done under the hold, whatever the clocks say. Null while it was not told; 0 of
-- those that were let go before this was kept.
alter table hold_members
    add column left_version bigint default 0,
    add column left_generation bigint default 0;
alter table hold_members
    alter column left_version drop default,
    alter column left_generation drop default;

-- A recall holds all that there is, whoever has it: what is with a subcontractor or a
-- customer may come back.
drop index recall_members_free;
create index recall_members_free on recall_members (tenant_id, recall_id, key)
    where hold_id is null and place not in ('consumed', 'scrapped');

-- A unit that came to a recall, or left our hands, after its snapshot: when that was found.
alter table recall_members add column since timestamptz;
-- Whoever has more than they were told of is written to once more.
alter table recall_letters drop constraint recall_letters_tenant_id_recall_id_consignee_id_contact_key;
create index recall_letters_written on recall_letters (tenant_id, recall_id, consignee_id, contact);
