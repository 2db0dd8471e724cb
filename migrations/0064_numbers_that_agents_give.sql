-- Document series whose numbers plants' stations give, offline too: ranges of them are lent
-- to the plant's agent, for one of its epochs (cloud/platform/src/numbering/agents.rs).

alter table document_series
    -- As stations of the plant name it: `GRN`. Null: none of them gives its numbers.
    add column station_series text check (station_series ~ '^[A-Z]{2,8}$'),
    -- How many numbers an agent is lent at once, at most.
    add column station_block integer not null default 500 check (station_block between 10 and 1000),
    -- What an agent has not used when its epoch ends is void: of a series without gaps nothing
    -- is lent to one.
    add constraint document_series_lent_gaps check (station_series is null or not gap_free),
    -- Stations are of one plant.
    add constraint document_series_lent_plant check (station_series is null or plant is not null);
create unique index document_series_station on document_series (tenant_id, plant, station_series)
    where station_series is not null and deleted_at is null;

alter table document_leases
    -- The agent that has it; null of one that people lent.
    add column agent_id uuid,
    -- The epoch of the agent in which it gives them.
    add column epoch integer,
    -- What its numbers begin with.
    add column prefix text,
    add foreign key (tenant_id, agent_id) references agents (tenant_id, agent_id),
    add check ((agent_id is null) = (epoch is null) and (agent_id is null) = (prefix is null)),
    drop constraint document_leases_status_check,
    -- Used: each of its numbers was given out.
    add constraint document_leases_status_check check (status in ('open', 'used', 'returned', 'burnt'));
create index document_leases_agent on document_leases (tenant_id, agent_id) where status <> 'used';
