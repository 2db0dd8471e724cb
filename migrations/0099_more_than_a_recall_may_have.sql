-- When it was first found that more belongs to a recall than it has: it may have so many labels and
-- no more, and some of what came to it was left out. Null while it has all of it.
alter table recalls add column incomplete_at timestamptz;
