-- What was told long ago is found without reading all that was told.
create index notices_told on notices (tenant_id, told_at);
