//! A wall clock that jumps while the agent runs: a small library between it and
//! the system adds what a file says.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::lab::{Lab, Stored};
use crate::support::installed;

const SHIM: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *now) {
    int done = syscall(SYS_clock_gettime, clock, now);
    const char *path = getenv("FAULT_CLOCK");
    if (done != 0 || clock != CLOCK_REALTIME || !path) return done;
    char text[32] = {0};
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        if (read(file, text, sizeof text - 1) > 0) now->tv_sec += atol(text);
        close(file);
    }
    return 0;
}
"#;

fn shim(folder: &Path) -> Option<PathBuf> {
    let cc = installed("a C compiler", &["/usr/bin/cc", "/usr/bin/gcc", "/usr/bin/clang"])?;
    let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
    std::fs::write(&source, SHIM).unwrap();
    let built = Command::new(cc).args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    assert!(built.unwrap().success());
    Some(library)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_is_told_and_changes_no_order() {
    let mut lab = Lab::start().await;
    let Some(library) = shim(&lab.layout.state) else { return };
    let clock = lab.layout.state.join("clock");
    std::fs::write(&clock, "0").unwrap();
    lab.agent.stop().await;
    lab.agent.set_env("LD_PRELOAD", &library.display().to_string());
    lab.agent.set_env("FAULT_CLOCK", &clock.display().to_string());
    lab.agent.start();
    let health = lab.agent.ready().await;
    assert!(!health["warnings"].as_array().unwrap().iter().any(|w| w == "clock.jump"), "{health}");
    let mut dock = lab.agent.person("DOCK1").await;
    let (_, mut uids) = lab.agent.receive(&mut dock, 2).await;

    // It looks at the clock every second, and has looked once now.
    lab.agent.drained().await;
    for by in ["7200", "-172800"] {
        // Written aside and renamed: half a number would be another jump.
        let part = clock.with_extension("part");
        std::fs::write(&part, by).unwrap();
        std::fs::rename(&part, &clock).unwrap();
        let told = |h: &Value| h["warnings"].as_array().unwrap().iter().any(|w| w == "clock.jump");
        lab.agent.until("the jump is told", told).await;
        // Whoever was signed in may have been signed out by it; signing in again is
        // all it takes.
        let mut dock = lab.agent.person("DOCK1").await;
        let (answer, new) = lab.agent.receive(&mut dock, 2).await;
        assert_eq!((answer.colour.as_str(), new.len()), ("green", 2), "{answer:?}");
        uids.extend(new);
    }
    let journal = lab.drained().await;
    let seqs: Vec<u64> = journal.iter().map(|e| e.seq).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    let times: Vec<i64> = journal.iter().map(|e: &Stored| e.event.recorded_at_us).collect();
    assert!(times.windows(2).any(|w| w[1] < w[0]), "{times:?}");
    for uid in &uids {
        assert_eq!(lab.stages(uid).await, ["PROCUREMENT", "GRN"]);
    }
    assert_eq!(uids.len(), 6);
    assert_eq!(lab.exceptions("").await, Vec::<Value>::new());
    lab.stop().await;
}
