-- What a plant is called in languages, beside its name, which whoever reads another sees.
alter table plants add column names jsonb not null default '{}';
