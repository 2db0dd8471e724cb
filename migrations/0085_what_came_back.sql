-- What came back from customers, by time: of what is packed and told late, some may have come
-- back since without its package. Returns are few.
create index lifecycle_events_returned on lifecycle_events (tenant_id, occurred_at) where stage = 34;

comment on column uid_links.effect is
    '1 opens, 2 closes (taken out again, or come back without the package), 3 voids (a correction: one opening never was), 4 reopens (a correction: one closing never was). Ever made where opens > voids; open now by app.link_open.';

-- What was done in a gap of a hold, by its event: the fold asks whether an act is told as one.
create index hold_acts_gaps on hold_acts (tenant_id, agent_id, epoch, seq) where class = 'gap';
