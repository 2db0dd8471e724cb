-- Which plants may have known more when a recall's units were listed: not heard of just
-- then, or with events waiting. Null of recalls that were begun before it was noted.
alter table recalls add column plants_behind text[];
