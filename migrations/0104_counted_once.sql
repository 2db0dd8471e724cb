-- A text message counts once in a day, however often it is sent under its id: the provider takes
-- it once. An hour without an answer used up the bound of the day.
alter table outbox add column counted_on date;
