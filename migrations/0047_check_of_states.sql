-- The check goes on, behind the events, over what follows from them: the registry, the
-- ledger, ways and holds of each UID.

alter table proof_trees
    -- UIDs after this one are still to be looked at in this round; null while it is still
    -- with the events.
    add column check_key   bigint,
    -- Within that UID's links, the last one that was looked at, while it has too many for
    -- one step.
    add column check_link  jsonb,
    -- UIDs that this round has looked at, and how many there were when it came to them.
    add column check_uids  bigint not null default 0,
    add column uids        bigint not null default 0;
