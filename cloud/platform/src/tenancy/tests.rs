use std::time::Duration;

use super::*;
use crate::admin::log::Who;
use crate::db::{Owns, PoolSizes};
use crate::testing::TestDb;

const CA: [u8; 32] = [7; 32];

fn new_tenant(name: &str) -> NewTenant {
    NewTenant {
        code: "SAIF".into(),
        slug: Some("saif-kolkata".into()),
        name: name.into(),
        time_zone: "Asia/Kolkata".into(),
        language: "en".into(),
        ..NewTenant::default()
    }
}

async fn organisation(test: &TestDb, name: &str) -> [Upserted; 4] {
    test.db
        .system_tx(async |system| {
            let tenant = tenant_upsert(system, &new_tenant(name)).await?;
            let cx = Cx::system(tenant.id);
            let [company, plant, agent] = system
                .enter(&cx, async |tx| {
                    let company =
                        company_upsert(tx, &NewCompany { code: "C1".into(), name: name.into() }).await?;
                    let plant = NewPlant {
                        company: company.id,
                        code: "KOL".into(),
                        slug: None,
                        name: name.into(),
                        time_zone: "Asia/Kolkata".into(),
                        languages: vec!["en".into(), "bn".into()],
                    };
                    let plant = plant_upsert(tx, &plant).await?;
                    let agent = agent_upsert(tx, &NewAgent::Plant("KOL".into())).await?;
                    Ok::<_, DbError>([company, plant, agent])
                })
                .await?;
            Ok::<_, DbError>([tenant, company, plant, agent])
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn upserts_make_update_and_leave_alone() {
    let test = TestDb::new().await;
    let first = organisation(&test, "One").await;
    assert_eq!(first.map(|u| u.change), [Change::Made; 4]);
    let again = organisation(&test, "One").await;
    assert_eq!(again.map(|u| u.change), [Change::Same; 4]);
    assert_eq!(again.map(|u| u.id), first.map(|u| u.id));
    let renamed = organisation(&test, "Two").await;
    let expected = [Change::Updated, Change::Updated, Change::Updated, Change::Same];
    assert_eq!(renamed.map(|u| u.change), expected);

    let tenant = find_tenant(&test.db, "SAIF").await.unwrap().unwrap();
    assert_eq!((tenant.name.as_str(), tenant.slug.as_deref()), ("Two", Some("saif-kolkata")));
    assert_eq!(find_tenant(&test.db, "NONE").await.unwrap(), None);
    let cx = Cx::system(tenant.id);
    let all: Vec<Agent> = test.db.tx(&cx, async |tx| agents(tx).await).await.unwrap();
    let shown: Vec<_> =
        all.iter().map(|a| (a.name.as_str(), a.plant.as_deref(), a.status.as_str())).collect();
    assert_eq!(shown, [("KOL", Some("KOL"), "expected"), ("office", None, "enrolled")]);
}

#[tokio::test]
async fn that_a_tenant_is_made_is_logged_with_it() {
    let test = TestDb::new().await;
    let who = Who { actor: "admin:somebody".into(), origin: None };
    let new = NewTenant { code: "AAAA".into(), name: "A".into(), ..NewTenant::default() };
    let now = Utc::now();
    let made = create(&test.db, &who, &new, &Placement::Shared, now).await.unwrap();
    assert_eq!(made.change, Change::Made);
    // Made again, as after a crash: that is no second beginning.
    let again = create(&test.db, &Who::system(), &new, &Placement::Shared, now).await.unwrap();
    assert_eq!(again.change, Change::Same);
    let logged: Result<Vec<(String, String, String)>, DbError> = test
        .db
        .system_tx(async |system| {
            let sql = "select actor, action, subject from control.admin_audit order by n";
            Ok(sqlx::query_as(sql).fetch_all(system.conn()).await?)
        })
        .await;
    let entry = (who.actor.clone(), "tenant.create".to_owned(), format!("tenant:{}", made.id));
    assert_eq!(logged.unwrap(), [entry]);
}

#[tokio::test]
async fn a_placement_names_the_region_of_the_configuration() {
    let test = TestDb::new().await;
    let db = |region: &str| {
        let owns = Owns { region: region.to_owned(), ..Owns::default() };
        Db::with_owns(test.owner.clone(), PoolSizes { app: 2, ingest: 1, system: 2 }, owns)
    };
    let east = db("in-east");
    migrate_all(&east).await.unwrap();
    let new = NewTenant { code: "OWND".into(), name: "Owned".into(), ..NewTenant::default() };
    let own = Placement::Own { server: String::new() };
    create(&east, &Who::system(), &new, &own, Utc::now()).await.unwrap();
    let away: Result<(), DbError> = east
        .system_tx(async |system| {
            let sql = "insert into control.databases (name, kind, server, region, state, created_at)
                       values ('tw_gone', 'own', 'gone', 'elsewhere', 'creating', now())";
            sqlx::query(sql).execute(system.conn()).await?;
            Ok(())
        })
        .await;
    away.unwrap();
    let regions = async |db: &Db| {
        let all = databases(db).await.unwrap();
        all.into_iter().map(|one| (one.server, one.region)).collect::<Vec<_>>()
    };
    let here = |region: &str| (String::new(), region.to_owned());
    let gone = || ("gone".to_owned(), "elsewhere".to_owned());
    let mut told = regions(&east).await;
    told.sort();
    assert_eq!(told, [here("in-east"), here("in-east"), gone()]);
    // The server moves: what the configuration says from then on holds at the next start.
    let south = db("in-south");
    migrate_all(&south).await.unwrap();
    let mut told = regions(&south).await;
    told.sort();
    assert_eq!(told, [here("in-south"), here("in-south"), gone()]);
    for db in [east, south] {
        db.close().await;
    }
}

#[tokio::test]
async fn a_token_works_once() {
    let test = TestDb::new().await;
    let [tenant, _, _, agent] = organisation(&test, "One").await.map(|u| u.id);
    let text = issue_token(&test.db, CA, tenant, agent).await.unwrap();
    let parts: Vec<&str> = text.split('.').collect();
    assert_eq!((parts[0], parts[1].len(), parts[2].len(), parts.len()), ("twe1", 43, 43, 3));
    assert_eq!(text.parse::<TokenText>().unwrap().ca_fingerprint, CA);
    assert!(token_is_open(&test.db, &text, CA, tenant, agent).await.unwrap());
    assert!(!token_is_open(&test.db, &text, [8; 32], tenant, agent).await.unwrap());

    let done = redeem_token(&test.db, &format!(" {text}\n")).await.unwrap();
    let expected =
        Redeemed { tenant, tenant_code: "SAIF".into(), agent_id: agent, plant: Some("KOL".into()) };
    assert_eq!(done, expected);
    assert!(matches!(redeem_token(&test.db, &text).await, Err(TokenError::Used)));
    assert!(!token_is_open(&test.db, &text, CA, tenant, agent).await.unwrap());
    let audit: Result<Vec<String>, DbError> = test
        .db
        .tx(&Cx::system(tenant), async |tx| {
            let sql = "select action || ' ' || subject from audit_log where tenant_id = $1 order by audit_id";
            Ok(sqlx::query_scalar(sql).bind(tenant).fetch_all(tx.conn()).await?)
        })
        .await;
    assert_eq!(audit.unwrap(), ["issue", "redeem"].map(|what| format!("token.{what} agent:{agent}")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_one_is_taken() {
    let test = TestDb::new().await;
    let [tenant, _, _, agent] = organisation(&test, "One").await.map(|u| u.id);
    let text = issue_token(&test.db, CA, tenant, agent).await.unwrap();
    let tries: Vec<_> = (0..8)
        .map(|_| {
            let (db, text) = (test.db.clone(), text.clone());
            tokio::spawn(async move { redeem_token(&db, &text).await })
        })
        .collect();
    let mut taken = 0;
    for one in tries {
        match one.await.unwrap() {
            Ok(_) => taken += 1,
            Err(error) => assert!(matches!(error, TokenError::Used), "{error}"),
        }
    }
    assert_eq!(taken, 1);
}

#[tokio::test]
async fn what_is_not_taken_is_said() {
    let test = TestDb::new().await;
    let [tenant, _, _, agent] = organisation(&test, "One").await.map(|u| u.id);
    let new = NewToken { ca_fingerprint: CA, tenant, agent, valid_for: Duration::ZERO };
    let expired = issue_token_for(&test.db, new).await.unwrap();
    assert!(matches!(redeem_token(&test.db, &expired).await, Err(TokenError::Expired)));

    let other = issue_token(&test.db, CA, tenant, agent).await.unwrap();
    let failed: Result<(), TokenError> = test
        .db
        .system_tx(async |system| {
            redeem_token_in(system, &other).await?;
            Err(TokenError::NotAllowed)
        })
        .await;
    assert!(failed.is_err());
    assert!(redeem_token(&test.db, &other).await.is_ok(), "an enrolment that failed uses up nothing");

    let unknown = format!("twe1.{}.{}", "A".repeat(43), "A".repeat(43));
    assert!(matches!(redeem_token(&test.db, &unknown).await, Err(TokenError::Unknown)));
    for text in ["", "twe1", "twe1.a.b", &unknown[1..], &unknown.repeat(9)] {
        assert!(matches!(redeem_token(&test.db, text).await, Err(TokenError::Malformed)), "{text}");
    }
    let stranger = issue_token(&test.db, CA, tenant, Uuid::now_v7()).await;
    assert!(matches!(stranger, Err(TokenError::NotAllowed)));
}

#[tokio::test]
async fn a_token_reopens_a_revoked_agent_and_voids_those_it_had() {
    let test = TestDb::new().await;
    let [tenant, _, _, agent] = organisation(&test, "One").await.map(|u| u.id);
    let before = issue_token(&test.db, CA, tenant, agent).await.unwrap();
    let revoked = test
        .db
        .system_tx(async |system| {
            crate::authority::revoke_agent(system, tenant, agent, chrono::Utc::now()).await
        })
        .await;
    revoked.unwrap();
    assert!(matches!(redeem_token(&test.db, &before).await, Err(TokenError::NotAllowed)));
    let after = issue_token(&test.db, CA, tenant, agent).await.unwrap();
    assert!(matches!(redeem_token(&test.db, &before).await, Err(TokenError::Expired)));
    assert!(redeem_token(&test.db, &after).await.is_ok());
}

#[tokio::test]
async fn a_backup_that_was_put_back_raises_generations_and_lists_who_is_let_in() {
    let test = TestDb::new().await;
    let [tenant, _, _, agent] = organisation(&test, "One").await.map(|u| u.id);
    let none = restored(&test.db).await.unwrap();
    assert_eq!((none.len(), none[0].id, none[0].agents.len()), (1, tenant, 0));
    issue_token(&test.db, CA, tenant, agent).await.unwrap();
    let again = restored(&test.db).await.unwrap();
    assert!(again[0].generation > none[0].generation && none[0].generation > 1_700_000_000);
    let listed: Vec<(&str, i64, i64)> = again[0]
        .agents
        .iter()
        .map(|a| (a.agent.name.as_str(), a.holds.certificates, a.holds.tokens))
        .collect();
    assert_eq!(listed, [("KOL", 0, 1)]);
    let audited: Result<i64, DbError> = test
        .db
        .tx(&Cx::system(tenant), async |tx| {
            let sql = "select count(*) from audit_log where tenant_id = $1 and action = 'tenant.restored'";
            Ok(sqlx::query_scalar(sql).bind(tenant).fetch_one(tx.conn()).await?)
        })
        .await;
    assert_eq!(audited.unwrap(), 2);
}
