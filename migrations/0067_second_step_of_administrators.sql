-- Administrators of a plan's tenants must have a second step of sign-in, whatever their
-- role says. Plans that are there ask as little as they did; new ones do, unless somebody
-- says otherwise.
alter table control.plans add column admins_second_step boolean not null default false;
alter table plan_limits add column admins_second_step boolean not null default false;
