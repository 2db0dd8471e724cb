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

/// Whoever brings a database up to date has read the home database a moment before: a move
/// that has paused the tenant since keeps its writers out all the same.
#[tokio::test]
async fn a_database_that_is_brought_up_to_date_lets_nobody_write_who_is_paused() {
    let test = TestDb::at_home().await;
    let new = NewTenant { code: "OWND".into(), name: "Owned".into(), ..NewTenant::default() };
    let own = Placement::Own { server: String::new() };
    let tenant = create(&test.db, &Who::system(), &new, &own, Utc::now()).await.unwrap().id;
    let place = find_tenant(&test.db, "OWND").await.unwrap().unwrap().placement;
    let mut there = test.db.connect_owner(&place, "").await.unwrap();
    store::pause(&mut there, tenant, true).await.unwrap();
    migrate_all(&test.db).await.unwrap();
    let written: Result<(), DbError> = test
        .db
        .tx(&Cx::system(tenant), async |tx| {
            sqlx::query("update agents set status = status").execute(tx.conn()).await?;
            Ok(())
        })
        .await;
    assert!(written.is_err(), "it is paused");
}

/// What a command leaves that was cut short before it is written down, or before it has come
/// to its end, goes with the next one.
#[tokio::test]
async fn a_database_that_nobody_came_to_live_in_goes_with_the_next_command() {
    let test = TestDb::at_home().await;
    let tenant = test.tenant("SAIF", &["KOL"]).await;
    let own = Placement::Own { server: String::new() };
    let mut cut = |at: &At| match at {
        At::Step("pausing") => std::ops::ControlFlow::Break(()),
        _ => std::ops::ControlFlow::Continue(()),
    };
    let kept = async || databases(&test.db).await.unwrap().len() - 1;
    for _ in 0..2 {
        let stopped = move_to(&test.db, tenant, &own, &mut cut).await;
        assert!(matches!(stopped, Err(DataError::Stopped)));
        assert_eq!(kept().await, 1, "that of the one before is gone");
    }
    let back = take_back(&test.db, tenant).await;
    assert!(matches!(back, Err(DataError::Refused(_))) && kept().await == 0);
}

/// A configuration of the specification's form, with what was given beside it.
fn planned(id: &str, name: &str, plant: &str, given: &config::GivenCodes) -> config::Planned {
    let json = serde_json::json!({
        "tenant_id": id, "name": name, "features": ["purchase"],
        "plants": [{ "plant_id": plant, "name": plant, "location": { "city": "Kolkata" } }],
    });
    config::read(&json.to_string(), given).unwrap()
}

/// Two tenants whose ids begin alike come to one code: the second must not be written over
/// the first.
#[tokio::test]
async fn a_second_tenant_of_a_derived_code_is_refused() {
    let test = TestDb::new().await;
    let (db, who, now) = (&test.db, Who::system(), Utc::now());
    let derived = config::GivenCodes::default();
    let first = planned("saif-kolkata", "Kolkata", "PLANT-KOL-001", &derived);
    assert_eq!(clashes(db, &first).await.unwrap(), Vec::<String>::new());
    let made = create(db, &who, &first.tenant, &Placement::Shared, now).await.unwrap();
    create_plants(db, &who, made.id, &first).await.unwrap();
    // Once more, as after a crash: it is its own.
    assert_eq!(clashes(db, &first).await.unwrap(), Vec::<String>::new());
    create_plants(db, &who, made.id, &first).await.unwrap();

    let second = planned("saif-vizag", "Vizag", "PLANT-VSK-001", &derived);
    assert_eq!(second.tenant.code, "SAIF");
    let told = clashes(db, &second).await.unwrap();
    assert!(told.len() == 1 && told[0].contains("saif-kolkata") && told[0].contains("--code"), "{told:?}");
    let refused = create(db, &who, &second.tenant, &Placement::Shared, now).await;
    assert!(matches!(refused, Err(CreateError::Taken(_))), "{refused:?}");
    let known = find_tenant(db, "SAIF").await.unwrap().unwrap();
    assert_eq!((known.name.as_str(), known.slug.as_deref()), ("Kolkata", Some("saif-kolkata")));

    // The first again, by another code than its own.
    let given = config::GivenCodes { tenant: Some("SFKO".into()), ..config::GivenCodes::default() };
    let told = clashes(db, &planned("saif-kolkata", "Kolkata", "PLANT-KOL-001", &given)).await.unwrap();
    assert!(told.len() == 1 && told[0].contains("--code SAIF"), "{told:?}");

    // A plant of its code that is another one; and one of its id that has another code.
    let told = clashes(db, &planned("saif-kolkata", "Kolkata", "WORKS-KOL-002", &derived)).await.unwrap();
    assert!(told.len() == 1 && told[0].contains("PLANT-KOL-001"), "{told:?}");
    let other = planned("saif-kolkata", "Kolkata", "WORKS-KOL-002", &derived);
    let refused = create_plants(db, &who, made.id, &other).await;
    assert!(matches!(refused, Err(CreateError::Taken(_))), "{refused:?}");
    let plants = [("PLANT-KOL-001".to_owned(), "AAA".to_owned())].into();
    let given = config::GivenCodes { tenant: None, plants };
    let told = clashes(db, &planned("saif-kolkata", "Kolkata", "PLANT-KOL-001", &given)).await.unwrap();
    assert!(told.len() == 1 && told[0].contains("PLANT-KOL-001=KOL"), "{told:?}");
}

/// Somebody else's tenant that nobody gave a textual id is taken for this one only by who
/// names its code.
#[tokio::test]
async fn a_code_without_an_id_is_adopted_only_where_it_is_given() {
    let test = TestDb::new().await;
    let (db, who, now) = (&test.db, Who::system(), Utc::now());
    let plain = NewTenant { code: "SAIF".into(), name: "Plain".into(), ..NewTenant::default() };
    let made = create(db, &who, &plain, &Placement::Shared, now).await.unwrap();
    let derived = planned("saif-kolkata", "Kolkata", "PLANT-KOL-001", &config::GivenCodes::default());
    let told = clashes(db, &derived).await.unwrap();
    assert!(told.len() == 1 && told[0].contains("Plain") && told[0].contains("--code SAIF"), "{told:?}");
    let given = config::GivenCodes { tenant: Some("SAIF".into()), ..config::GivenCodes::default() };
    let meant = planned("saif-kolkata", "Kolkata", "PLANT-KOL-001", &given);
    assert_eq!(clashes(db, &meant).await.unwrap(), Vec::<String>::new());
    let updated = create(db, &who, &meant.tenant, &Placement::Shared, now).await.unwrap();
    assert_eq!((updated.id, updated.change), (made.id, Change::Updated));
    create_plants(db, &who, made.id, &meant).await.unwrap();
    let logged: Result<Vec<(String, Option<serde_json::Value>)>, DbError> = db
        .system_tx(async |system| {
            let sql = "select action, before from control.admin_audit order by n";
            Ok(sqlx::query_as(sql).fetch_all(system.conn()).await?)
        })
        .await;
    let before = serde_json::json!({ "name": "Plain", "slug": null });
    let act = |named: &str, before| (named.to_owned(), before);
    assert_eq!(logged.unwrap(), [act("tenant.create", None), act("tenant.update", Some(before))]);
    // Its plant says where it stands, and its audit that it was made.
    let found: Result<(String, i64), DbError> = db
        .tx(&Cx::system(made.id), async |tx| {
            let sql = "select p.address, (select count(*) from audit_log where action = 'plant.create')
                       from plants p where p.code = 'KOL'";
            Ok(sqlx::query_as(sql).fetch_one(tx.conn()).await?)
        })
        .await;
    assert_eq!(found.unwrap(), ("Kolkata".to_owned(), 1));
}

#[tokio::test]
async fn what_reaches_all_of_a_tenant_is_logged_at_its_beginning_and_its_end() {
    let test = TestDb::new().await;
    let who = Who { actor: "shell:asha".into(), origin: Some("root@db1".into()) };
    let about = serde_json::json!({ "file": "SAIF.twbackup" });
    let act = ("tenant.backup", Uuid::from_u128(7), &about);
    crate::admin::log::around(&test.db, &who, act, async { Ok::<_, DbError>(()) }).await.unwrap();
    let fails = async { Err::<(), _>(DbError::Away { database: "tw_x".into(), detail: "gone".into() }) };
    crate::admin::log::around(&test.db, &who, act, fails).await.unwrap_err();
    let logged: Result<Vec<(String, String, String, serde_json::Value)>, DbError> = test
        .db
        .system_tx(async |system| {
            let sql = "select actor, origin, subject, after from control.admin_audit order by n";
            Ok(sqlx::query_as(sql).fetch_all(system.conn()).await?)
        })
        .await;
    let logged = logged.unwrap();
    let states: Vec<&str> = logged.iter().map(|row| row.3["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["begun", "done", "begun", "failed"]);
    assert!(logged.iter().all(|row| row.0 == "shell:asha" && row.1 == "root@db1"), "{logged:?}");
    assert!(logged.iter().all(|row| row.2.ends_with('7') && row.3["file"] == "SAIF.twbackup"));
    assert_eq!(logged[3].3["why"], "the database tw_x: gone");
    assert_eq!(crate::admin::log::verify(&test.db).await.unwrap(), (4, None));
}
