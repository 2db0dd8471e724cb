-- How many workflows there are between a person's act and what is done in a transaction:
-- set while a workflow takes effect, kept with the documents that an event starts and with
-- what is told, so that workflows which start each other come to an end (docs/workflow.md).
create function app.cause_depth() returns smallint
    language sql stable parallel safe
    return coalesce(nullif(current_setting('app.cause_depth', true), '')::smallint, 0::smallint);
revoke execute on function app.cause_depth() from public;
grant execute on function app.cause_depth() to tracewright_app, tracewright_ingest, tracewright_system;

alter table workflow_instances add column cause_depth smallint not null default app.cause_depth();
alter table outbox add column cause_depth smallint not null default app.cause_depth();
