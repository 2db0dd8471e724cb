-- Holds that plants placed grow and list what was done before others had them, as
-- those of the office do: 0036 knew no place in a plant's stream.

alter table holds
    -- The plant's event by which it was placed; null for one of the office. Its own
    -- plant has it from this event on, whatever reference data it had.
    add column placed_agent uuid,
    add column placed_epoch integer,
    add column placed_seq bigint,
    -- A release was taken back by this later event of the same agent: it stands again
    -- since then.
    add column again_epoch integer,
    add column again_seq bigint,
    -- The same agent's event by which it was released; null where the office did, or
    -- while it stands.
    add column released_epoch integer,
    add column released_seq bigint;
