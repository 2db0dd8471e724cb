-- A recall comes into force by itself once it is approved, where that is wanted; and of
-- packed goods and their package the goods count.

alter table recalls
    add column start_when_approved boolean not null default true,
    -- Who asked for the approval, a person's id; and when it was given, until the recall is
    -- in force.
    add column asked_by    uuid,
    add column approved_at timestamptz;
create index recalls_approved on recalls (tenant_id, recall_id)
    where status = 'draft' and approved_at is not null and start_when_approved;

alter table recall_members
    -- A package of recalled goods: they are counted, and it is not.
    add column packs boolean not null default false;
