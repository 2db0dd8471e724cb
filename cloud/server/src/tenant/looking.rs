//! `cloud tenant list` and `show`, and `cloud migrate`.

use platform::db::Db;
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
