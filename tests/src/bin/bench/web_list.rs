//! `web.list_1m_over_1k`: the page of a list with a million rows, beside the same
//! list with a thousand. It must not grow with the table: a page is found along an
//! index, wherever in the list it is, and however it is sorted, narrowed or searched.

use anyhow::Context;

use crate::Bench;
use crate::office::Office;
use crate::report::{Measured, percentile};

const FEW: u32 = 1_000;
const TIMES: usize = 60;
/// Ways to ask for the list; each goes on to its second page too.
const WAYS: [&str; 6] =
    ["", "sort=-item", "sort=name", "tracking=lot", "type_code=FG&sort=-item", "q=part+1"];

/// Measures it.
pub fn run(bench: &Bench) -> anyhow::Result<Measured> {
    let many = if bench.full { 10_000_000 } else { 1_000_000 };
    bench.block_on(async {
        let dir = bench.scratch()?;
        let office = Office::start(dir.path()).await?;
        let measured = measure(&office, many).await;
        office.stop().await?;
        measured
    })
}

async fn measure(office: &Office, many: u32) -> anyhow::Result<Measured> {
    office.items(1, FEW).await?;
    let few = pages(office).await?;
    office.items(FEW + 1, many).await?;
    let full = pages(office).await?;
    // The way that grows the most is the figure.
    let mut worst: Option<(f64, f64, &str)> = None;
    for ((way, small), (_, large)) in few.iter().zip(&full) {
        if worst
            .as_ref()
            .is_none_or(|(large_so_far, small_so_far, _)| large / small > large_so_far / small_so_far)
        {
            worst = Some((*large, *small, way));
        }
    }
    let (large, small, way) = worst.context("nothing was asked")?;
    Ok(Measured::beside("web.list_1m_over_1k", large, "ms", small)
        .remark(format!("medians in the server, {many} items beside {FEW}; the way that grew most: {way:?}")))
}

/// The median of each way, in milliseconds within the server.
async fn pages(office: &Office) -> anyhow::Result<Vec<(String, f64)>> {
    let mut all = Vec::new();
    for way in WAYS {
        let first = format!("/masters/items?{way}");
        let second = after(&office.get(&first, &[]).await?.text)
            .with_context(|| format!("{first} has no second page"))?;
        for path in [first, second] {
            let mut times = Vec::with_capacity(TIMES);
            for _ in 0..TIMES {
                times.push(office.get(&path, &[]).await?.server_ms);
            }
            let page = if path.contains("after=") { "second page" } else { "first page" };
            all.push((format!("{way} {page}"), percentile(&mut times, 50.0)));
        }
    }
    Ok(all)
}

/// Where the page says that the list goes on.
fn after(page: &str) -> Option<String> {
    let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    links.map(|link| link.replace("&amp;", "&").replace("&#38;", "&")).find(|link| link.contains("after="))
}
