-- The check of proofs goes on, behind the UIDs and the holds, with what plants are told.

alter table proof_trees
    -- Kind and id of the last row that was looked at in this round; null while it is still with
    -- the events, the UIDs or the holds.
    add column check_row text[];
