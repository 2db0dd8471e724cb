-- What people name themselves has names in languages beside its plain name: workflows and
-- their stages, a tenant's own roles, the choices of own fields. By language; what is not
-- said in a reader's language is shown by its plain name.

alter table workflow_definitions add column names jsonb not null default '{}';
-- As the stage was called when it was opened; what comes after says the same.
alter table workflow_rounds add column stage_names jsonb not null default '{}';
alter table workflow_history add column stage_names jsonb not null default '{}';
alter table roles add column names jsonb not null default '{}';

-- What each choice is called: `red:ఎరుపు`.
alter table custom_fields
    add column choices_en text[] not null default '{}',
    add column choices_hi text[] not null default '{}',
    add column choices_bn text[] not null default '{}',
    add column choices_te text[] not null default '{}';
