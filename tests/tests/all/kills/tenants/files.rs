//! Backup, export, restore and erasure, killed and run again.

use std::path::Path;

use platform::tenancy::erase::Certificate;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use simulators::demo::world::TENANT;

use super::super::setting;
use super::ground::{Ground, Rows, file_in};
use super::over;

/// Kills of each command.
const EACH: u32 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_restore_or_erasure_that_is_killed_is_done_when_it_is_run_again() {
    let seed = setting("FAULTS_SEED", 4);
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x32);
    let ground = Ground::start(seed).await;
    let before = ground.rows().await;
    let out = file_in(&ground, "");
    std::fs::create_dir_all(&out).unwrap();

    for (command, name) in [("export", "saif.zip"), ("backup", "saif.twbackup")] {
        let path = file_in(&ground, name);
        let args = [command, TENANT, "--file", path.to_str().unwrap()];
        let whole = ground.timed(&args).await;
        println!("{command} takes {whole:?}");
        for moment in over(whole, EACH, &mut rng) {
            std::fs::remove_file(&path).unwrap();
            ground.killed(&args, moment).await;
            if path.exists() {
                // It was in its place already, and is whole.
                ground.tenant(&args).await.unwrap_err();
            } else {
                ground.tenant(&args).await.unwrap();
            }
            assert_eq!(names(&out), [name], "{command} killed at {moment:?}: something is left beside it");
            if command == "backup" {
                let told = ground.tenant(&["restore", args[3], "--dry-run"]).await.unwrap();
                assert!(told.contains("the file is whole"), "{told}");
            } else {
                std::fs::File::open(&path).unwrap();
            }
        }
        if command == "export" {
            std::fs::remove_file(&path).unwrap();
        }
    }
    assert_eq!(ground.rows().await, before);
    let backup = file_in(&ground, "saif.twbackup").display().to_string();
    ground.tenant(&["suspend", TENANT, "--reason", "leaving"]).await.unwrap();
    restored(&ground, &backup, &before, &mut rng).await;
    erased(&ground, &backup, &before, &mut rng).await;
    put_back(&ground, &backup, &before, &mut rng).await;
    ground.stop();
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// In place of the tenant of today, which is as the backup: so it is whole at every moment.
async fn restored(ground: &Ground, backup: &str, before: &Rows, rng: &mut ChaCha8Rng) {
    for placement in ["own", "shared"] {
        let args = ["restore", backup, "--replace", "--placement", placement];
        let whole = ground.timed(&args).await;
        println!("a restore to {placement} takes {whole:?}");
        for moment in over(whole, EACH, rng) {
            ground.killed(&args, moment).await;
            let what = format!("a restore to {placement} killed at {moment:?}");
            assert_eq!(ground.rows().await, *before, "{what}");
            ground.tenant(&args).await.unwrap();
            ground.settled().await;
            assert_eq!(ground.rows().await, *before, "{what}, run again");
            assert_eq!(ground.place().await.unwrap().shared(), placement == "shared");
        }
    }
}

/// Erased and put back, in turn. What is killed half-way lets nobody in again.
async fn erased(ground: &Ground, backup: &str, before: &Rows, rng: &mut ChaCha8Rng) {
    let mut whole = None;
    for n in 0..=EACH {
        let certificate = file_in(ground, &format!("erased-{n}.json"));
        let path = certificate.display().to_string();
        let args = ["erase", TENANT, "--confirm", TENANT, "--by", "the test", "--certificate", &path];
        match whole {
            None => whole = Some(ground.timed(&args).await),
            Some(whole) => {
                let moment = over(whole, EACH, rng)[n as usize - 1];
                let what = format!("an erasure that takes {whole:?} killed at {moment:?}");
                ground.killed(&args, moment).await;
                let begun: i64 =
                    sqlx::query_scalar("select count(*) from control.erasures where ended_at is null")
                        .fetch_one(&mut ground.home().await)
                        .await
                        .unwrap();
                println!("{what}: begun {begun}, there {}", ground.place().await.is_some());
                if begun > 0 {
                    let refused = ground.tenant(&["resume", TENANT]).await.unwrap_err().to_string();
                    assert!(refused.contains("erasure"), "{refused}");
                } else if ground.place().await.is_some() {
                    assert_eq!(ground.rows().await, *before, "{what}");
                }
                if !certificate.exists() {
                    ground.tenant(&args).await.unwrap();
                }
            }
        }
        assert_eq!(ground.place().await, None);
        ground.nothing_shared(&["public", "control"]).await;
        assert_eq!(ground.own_databases().await, Vec::<String>::new());
        assert_eq!(ground.known_databases().await, Vec::<String>::new());
        let text = std::fs::read_to_string(&certificate).unwrap();
        let stated = serde_json::from_str::<Certificate>(&text).unwrap().check().unwrap();
        for (table, rows) in before.iter().filter(|(table, _)| !table.contains("audit")) {
            let erased = stated.tables.iter().find(|one| one.table == *table).unwrap();
            assert_eq!(erased.rows, rows.len() as u64, "{table}: as it was at the beginning");
        }
        ground.tenant(&["restore", backup, "--placement", "shared"]).await.unwrap();
        assert_eq!(ground.rows().await, *before, "put back");
        ground.tenant(&["suspend", TENANT, "--reason", "leaving"]).await.unwrap();
    }
}

/// Put back where it is not, and where nothing has to give way: whoever is killed runs the
/// same command again, whether the tenant was there already or not.
async fn put_back(ground: &Ground, backup: &str, before: &Rows, rng: &mut ChaCha8Rng) {
    for placement in ["own", "shared"] {
        let args = ["restore", backup, "--placement", placement];
        let mut whole = None;
        for n in 0..=EACH {
            let certificate = file_in(ground, &format!("left-{placement}-{n}.json")).display().to_string();
            let erase =
                ["erase", TENANT, "--confirm", TENANT, "--by", "the test", "--certificate", &certificate];
            ground.tenant(&erase).await.unwrap();
            let moment = match whole {
                None => {
                    whole = Some(ground.timed(&args).await);
                    None
                }
                Some(whole) => {
                    let moment = over(whole, EACH, rng)[n as usize - 1];
                    ground.killed(&args, moment).await;
                    Some(moment)
                }
            };
            let what = format!("a restore to {placement}, which takes {whole:?}, killed at {moment:?}");
            let there = ground.place().await;
            println!("{what}: {there:?}");
            if there.is_some() {
                assert_eq!(ground.rows().await, *before, "{what}");
            }
            let told = ground.tenant(&args).await.unwrap();
            let goes_on =
                told.contains("had been put back") || told.contains("was put back from this backup");
            assert!(goes_on || there.is_none(), "{what}, run again: {told}");
            ground.settled().await;
            assert_eq!(ground.rows().await, *before, "{what}, run again");
            assert_eq!(ground.place().await.unwrap().shared(), placement == "shared");
            ground.tenant(&["suspend", TENANT, "--reason", "leaving"]).await.unwrap();
        }
    }
}
