-- Work in progress counts units, not the parts that are built into them: a part goes where
-- its whole goes, also to a customer or to scrap, and hears of nothing of that itself.
drop index uid_registry_in_work;
create index uid_registry_in_work on uid_registry (tenant_id, plant, last_stage, last_at, key)
    where life = 2 and custody = 1 and last_stage between 12 and 20;
