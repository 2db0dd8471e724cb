-- What the check of proofs finds of a unit because of an altered event is told of the event
-- alone.

alter table proof_trees
    -- UIDs that altered events of this round name.
    add column check_keys bigint[] not null default '{}';

comment on column proof_trees.uids is 'How many UIDs the next round of the check will look at: those that were born in events that are in the tree.';
