//! `web.page_p95`, `web.first_visit`, `web.next_visit`: every page that links lead
//! to, found as a visitor finds them, so that a new page is measured unbidden. How
//! long the server takes, and how heavy a page is on a first visit (with its style
//! sheets and scripts) and after. A link that leads to an error is a fault, and there is
//! no figure then.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::bail;
use platform::testing::{kind, refers};

use crate::Bench;
use crate::office::Office;
use crate::report::{Measured, percentile, spread};

const ITEMS: u32 = 1_000_000;
const TIMES: usize = 15;
/// Pages of one kind, such as those of single items, that are looked at.
const OF_A_KIND: usize = 2;
const PAGES: usize = 200;

/// Measures them.
pub fn run(bench: &Bench) -> anyhow::Result<Vec<Measured>> {
    bench.block_on(async {
        let dir = bench.scratch()?;
        let office = Office::start(dir.path()).await?;
        let measured = measure(&office).await;
        office.stop().await?;
        measured
    })
}

async fn measure(office: &Office) -> anyhow::Result<Vec<Measured>> {
    office.items(1, ITEMS).await?;
    let pages = crawl(office).await?;
    let mut all = Vec::new();
    let mut slowest = Vec::new();
    let (mut first, mut next) = ((0, String::new()), (0, String::new()));
    for (path, assets) in &pages {
        let mut times = Vec::with_capacity(TIMES);
        for _ in 0..TIMES {
            times.push(office.get(path, &[]).await?.server_ms);
        }
        slowest.push((percentile(&mut times, 95.0), path));
        all.append(&mut times);
        let mut bytes = office.get(path, &[("accept-encoding", "gzip")]).await?.bytes;
        for asset in assets {
            bytes += office.get(asset, &[("accept-encoding", "gzip")]).await?.bytes;
        }
        first = first.max((bytes, path.clone()));
        let within = [("accept-encoding", "gzip"), ("hx-request", "true"), ("hx-target", "main")];
        next = next.max((office.get(path, &within).await?.bytes, path.clone()));
    }
    slowest.sort_by(|a, b| b.0.total_cmp(&a.0));
    let slowest: Vec<_> = slowest.iter().take(3).map(|(ms, path)| format!("{path} {ms:.1} ms")).collect();
    let p95 = percentile(&mut all, 95.0);
    let kilobytes = |bytes: usize| bytes as f64 / 1e3;
    Ok(vec![
        Measured::alone("web.page_p95", p95, "ms")
            .remark(format!("{} pages, {ITEMS} items; {}", pages.len(), spread(&mut all)))
            .remark(format!("slowest: {}", slowest.join(", "))),
        Measured::alone("web.first_visit", kilobytes(first.0), "kB")
            .remark(format!("the heaviest: {}", first.1)),
        Measured::alone("web.next_visit", kilobytes(next.0), "kB")
            .remark(format!("the heaviest: {}", next.1)),
    ])
}

/// Pages by path, each with what it loads.
async fn crawl(office: &Office) -> anyhow::Result<BTreeMap<String, BTreeSet<String>>> {
    let mut pages = BTreeMap::new();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut seen = BTreeSet::from(["/".to_owned()]);
    let mut waiting = VecDeque::from(["/".to_owned()]);
    let mut wrong = Vec::new();
    while let Some(path) = waiting.pop_front() {
        let of_kind = kinds.entry(kind(&path)).or_default();
        if *of_kind == OF_A_KIND || pages.len() == PAGES {
            continue;
        }
        *of_kind += 1;
        let answer = match office.get(&path, &[]).await {
            Ok(answer) if answer.html => answer,
            Ok(_) => continue,
            Err(error) => {
                wrong.push(format!("{error:#}"));
                continue;
            }
        };
        let found = refers(&answer.text);
        let ours = found.leads.into_iter().filter(|link| !link.starts_with("/api/"));
        waiting.extend(ours.filter(|link| seen.insert(link.clone())));
        pages.insert(path, found.loads);
    }
    if !wrong.is_empty() {
        bail!("links lead to errors: {}", wrong.join("; "));
    }
    Ok(pages)
}
