-- The recalled unit that a unit is built into: that is what comes back, and what is counted.
-- Null: it counts itself; so do all of snapshots that were taken before.
alter table recall_members add column inside_of bigint;
