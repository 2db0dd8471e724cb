-- What becomes of a tenant whose trial ends, of a restore that was cut short, and of a
-- part of the product that a tenant does not use.

-- It was on trials from its first moment on, and on nothing else: only such a tenant is
-- erased when a trial is over. Whoever ever lived outside one, if only on the default
-- plan, is not; nor is who is not known to.
alter table control.subscriptions add column only_trials boolean not null default false;

-- Of those that are there: the first plan came with the making, and every one was a trial.
update control.subscriptions s set only_trials = true
from control.tenants t
where t.tenant_id = s.tenant_id and s.trial_ends_at is not null
  and exists (select from control.admin_audit a
              where a.subject = 'tenant:' || s.tenant_id and a.action = 'tenant.plan'
                and a.at <= t.created_at + interval '10 minutes')
  and not exists (select from control.admin_audit a
                  where a.subject = 'tenant:' || s.tenant_id and a.action = 'tenant.plan'
                    and a.after ->> 'trial_ends_at' is null);
update control.subscriptions set erase_after = null where erase_after is not null and not only_trials;

-- Which backup a tenant was put back from (a hash over what is in it), and how far that
-- has come: it lives there; its audit tells of it; it is where it was to live.
alter table control.restores
    add column backup text not null default '',
    add column state text not null default 'ended' check (state in ('attached', 'told', 'ended'));

-- So that of two who change what a tenant has of the product one sees the other.
alter table control.tenants add column features_version integer not null default 1;
-- Until now these names switched nothing: whoever has some goes on with all that there is.
update control.tenants
set features = features || array(
        select feature from unnest(array['production', 'recalls', 'passports', 'dashboards']) as known(feature)
        where not feature = any (features))
where cardinality(features) > 0;
