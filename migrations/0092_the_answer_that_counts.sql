-- The answers for one unit of a recall, or for all that somebody has, by time: of each that is
-- listed it is told whether a later one stands in its place.
create index recall_responses_unit on recall_responses (tenant_id, recall_id, key, at, response_id);
