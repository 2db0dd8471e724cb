//! `cloud tenant list` and `show`, and `cloud migrate`.

use chrono::{DateTime, Utc};
use platform::db::Db;
use platform::plans::{self, Stands};
use platform::tenancy::{self, Tenant};

use crate::commands::tenant;
use crate::config::Config;
use crate::database::Database;

fn state_of(tenant: &Tenant) -> String {
    match tenant.paused_at {
        Some(at) => format!("{}, being moved since {}", tenant.status, at.format("%Y-%m-%d %H:%M")),
        None => tenant.status.clone(),
    }
}

pub(super) async fn list(db: &Db) -> anyhow::Result<()> {
    let databases = tenancy::databases(db).await?;
    for tenant in tenancy::tenants(db).await? {
        let home = databases.iter().find(|one| one.name == tenant.placement);
        let trouble = home.filter(|home| !home.serves()).map(|home| format!(" ({})", home.state));
        println!(
            "{}  {}  {}{}  {}",
            tenant.code,
            state_of(&tenant),
            tenant.placement,
            trouble.unwrap_or_default(),
            tenant.name
        );
    }
    Ok(())
}

pub(super) async fn show(db: &Db, code: &str) -> anyhow::Result<()> {
    let tenant = tenant(db, code).await?;
    println!("{}  {}", tenant.code, tenant.name);
    println!("id         {}", tenant.id);
    if let Some(slug) = &tenant.slug {
        println!("known as   {slug}");
    }
    println!("status     {}", state_of(&tenant));
    if !tenant.status_reason.is_empty() {
        println!("because    {}", tenant.status_reason);
    }
    for line in of_plan(&plans::stands(db, tenant.id).await?, Utc::now()) {
        println!("{line}");
    }
    println!("time zone  {}", tenant.time_zone);
    println!("language   {}", tenant.language);
    println!("currency   {}", tenant.currency);
    println!("made       {}", tenant.created_at.format("%Y-%m-%d %H:%M"));
    for one in tenancy::databases(db).await?.iter().filter(|one| one.name == tenant.placement) {
        let server = if one.server.is_empty() { "the home server" } else { &one.server };
        println!("lives in   {} on {server}", one.name);
        if !one.region.is_empty() {
            println!("region     {}", one.region);
        }
        if one.kind == "own" {
            println!("database   {}, schema {} {}", one.state, one.schema_version, one.detail);
        }
    }
    Ok(())
}

/// Plan and trial, a line each.
fn of_plan(stands: &Stands, now: DateTime<Utc>) -> Vec<String> {
    let minute = |at: &DateTime<Utc>| at.format("%Y-%m-%d %H:%M").to_string();
    let default = if stands.given { "" } else { ", the default one" };
    let mut lines = vec![format!("plan       {}{default}", stands.plan)];
    if let Some(at) = &stands.trial_ends_at {
        let verb = if *at > now { "ends" } else { "ended" };
        lines.push(format!("trial      {verb} {}", minute(at)));
    }
    if let Some(at) = &stands.erase_after {
        lines.push(format!("erased     after {}", minute(at)));
    }
    lines
}

/// `cloud migrate`.
pub async fn migrate(config: &Config) -> anyhow::Result<()> {
    let database = Database::attach(config).await?;
    let all = tenancy::migrate_all(&database.db).await;
    database.close().await;
    let mut failing = 0;
    for one in all? {
        if one.kind == "shared" {
            println!("{}  ready  {}", one.name, platform::migrate::version());
            continue;
        }
        println!("{}  {}  {}  {}", one.name, one.state, one.schema_version, one.detail);
        failing += usize::from(!one.serves());
    }
    anyhow::ensure!(failing == 0, "{failing} databases are not up to date; their tenants are refused");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plan_and_trial_are_told() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let now = at("2026-11-10T10:00:00Z");
        let stands = Stands { plan: "STANDARD".into(), given: false, trial_ends_at: None, erase_after: None };
        assert_eq!(of_plan(&stands, now), ["plan       STANDARD, the default one"]);
        let trial = Stands {
            plan: "TRIAL".into(),
            given: true,
            trial_ends_at: Some(at("2026-12-01T18:30:00Z")),
            erase_after: None,
        };
        assert_eq!(of_plan(&trial, now), ["plan       TRIAL", "trial      ends 2026-12-01 18:30"]);
        let over = Stands { erase_after: Some(at("2026-12-31T18:30:00Z")), ..trial };
        assert_eq!(
            of_plan(&over, at("2026-12-02T00:00:00Z")),
            ["plan       TRIAL", "trial      ended 2026-12-01 18:30", "erased     after 2026-12-31 18:30"]
        );
    }
}
