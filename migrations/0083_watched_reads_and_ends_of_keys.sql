-- Whether reading an own field of a single row is in the audit (docs/personal-data.md).
alter table custom_fields add column watched boolean not null default false;

-- No access key is for ever: one from before keys had a longest time works for a year from
-- now, and those who manage keys are told before it ends, as of every other.
update control.access_keys set expires_at = now() + interval '365 days'
where expires_at is null and revoked_at is null;
