-- What is in a package when that is held is held with it, and stays so when it is taken out.

alter table hold_members
    drop constraint hold_members_cause_check,
    -- Named (scope), of the lot (lot), in a package that was named (content), made from a member
    -- (made), a package with a member in it (inside), or what a plant still had after the cloud
    -- was restored (kept).
    add constraint hold_members_cause_check
        check (cause in ('scope', 'lot', 'content', 'made', 'inside', 'kept'));
