-- Holds that were placed before packages took their contents along take them in at once, and not
-- only when somebody touches the package.

alter table hold_cursors
    -- When that was done; null: it is still to be done. There is nothing to do for a tenant whose
    -- first hold comes from now on.
    add column older_done_at timestamptz,
    -- How far it has come: the hold, and the last of its labels.
    add column older_hold uuid,
    add column older_key bigint;
alter table hold_cursors alter column older_done_at set default now();
