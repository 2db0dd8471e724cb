//! `cloud tenant move`.

use platform::db::Db;
use platform::tenancy::{self, DataError, Tenant};
use serde_json::json;

use super::args::{MoveArgs, place_text};
use super::noted::{Act, noted};
use crate::commands::tenant;
use crate::operator;
use crate::progress::Progress;

pub(super) async fn moving(db: &Db, args: &MoveArgs) -> anyhow::Result<()> {
    let tenant = tenant(db, &args.code).await?;
    let about = match args.to {
        Some(to) if !args.back => {
            json!({ "code": tenant.code, "to": place_text(&to.on(args.server.as_deref())?) })
        }
        _ => json!({ "code": tenant.code, "back": true }),
    };
    let who = operator::who(args.by.as_deref());
    noted(db, &who, Act { action: "tenant.move", tenant: tenant.id, about }, moved(db, &tenant, args)).await
}

async fn moved(db: &Db, tenant: &Tenant, args: &MoveArgs) -> anyhow::Result<()> {
    let Some(to) = args.to.filter(|_| !args.back) else {
        let place = tenancy::take_back(db, tenant.id).await?;
        println!("taken back: {} lives in {place}, and can be written again", tenant.code);
        return Ok(());
    };
    let mut progress = Progress::new();
    let done = tenancy::move_to(db, tenant.id, &to.on(args.server.as_deref())?, &mut progress.watch()).await;
    progress.end();
    match done {
        Ok(moved) => {
            let rows: u64 = moved.tables.iter().map(|(_, rows)| rows).sum();
            println!("{} lives in {} now; {rows} rows were moved", tenant.code, moved.to);
            Ok(())
        }
        Err(error) => {
            let why = match &error {
                DataError::Stopped => "it was stopped".to_owned(),
                error => error.to_string(),
            };
            match tenancy::take_back(db, tenant.id).await {
                Ok(place) => {
                    anyhow::bail!("{why}. It is taken back: {} lives in {place} as before", tenant.code)
                }
                Err(DataError::Refused(_)) if !matches!(error, DataError::Stopped) => Err(error.into()),
                Err(back) => anyhow::bail!(
                    "{why}, and not taken back ({back}); `cloud tenant show {}` tells how it stands",
                    tenant.code
                ),
            }
        }
    }
}
