-- Erasure takes people out of what others wrote, also where it is written once
-- (docs/personal-data.md).
grant update (note) on workflow_history to tracewright_system;

-- Keys of one letter that act page-wide (WCAG 2.1.4): on, or `off` for the person.
alter table users
    add column shortcuts text not null default '' check (shortcuts in ('', 'off'));
