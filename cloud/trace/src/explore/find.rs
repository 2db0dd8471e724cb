//! What the global search finds here: units by UID, label, supplier's lot and
//! document; orders; holds.

use platform::db::{DbError, Tx};
use platform::search::{Ask, Hit, Searcher};
use platform::web::{Problem, escaped};

use super::error::TraceError;
use super::store::search as store;
use super::{search, service};
use crate::rights::{HOLD_READ, TRACE_READ};

/// Units, orders, holds.
pub const SEARCHERS: [Searcher; 3] = [
    |tx, ask| Box::pin(async move { units(tx, ask).await }),
    |tx, ask| Box::pin(async move { orders(tx, ask).await }),
    |tx, ask| Box::pin(async move { holds(tx, ask).await }),
];

async fn units(tx: &mut Tx, ask: &Ask<'_>) -> Result<Vec<Hit>, Problem> {
    if !ask.caller.may(&TRACE_READ) {
        return Ok(Vec::new());
    }
    let group = ask.caller.t("search-units");
    let resolved = match service::resolve(tx, ask.text).await {
        Ok(found)
            if super::store::label::named(tx, found.uid.key().get()).await.map_err(DbError::from)? =>
        {
            Some(found.uid.to_string())
        }
        Err(TraceError::Db(error)) => return Err(error.into()),
        _ => None,
    };
    let (leads, found) = match search::search_in(tx, ask.text, None, ask.limit).await {
        Ok(found) => (found.leads, found.hits),
        Err(TraceError::Db(error)) => return Err(error.into()),
        // What cannot be a code is none.
        Err(_) => Default::default(),
    };
    let mut hits: Vec<Hit> = Vec::new();
    if let Some(uid) = &resolved {
        let (title, href) = (uid.clone(), format!("/trace/{uid}"));
        hits.push(Hit { group: group.clone(), title, detail: String::new(), href, exact: true });
    }
    for lead in leads {
        let kind = ask.caller.t(&format!("trace-lead-{}", lead.kind));
        let mut details = vec![kind, lead.detail];
        details.retain(|detail| !detail.is_empty());
        let detail = details.join(" · ");
        hits.push(Hit { group: group.clone(), title: lead.code, detail, href: lead.path, exact: false });
    }
    for hit in found {
        let mut details = vec![hit.item, hit.plant];
        if hit.by != "uid" {
            details.insert(0, hit.text);
        }
        details.retain(|detail| !detail.is_empty());
        let detail = details.join(" · ");
        match hits.iter_mut().find(|known| known.title == hit.uid) {
            Some(known) if known.detail.is_empty() => known.detail = detail,
            Some(_) => {}
            None => {
                let href = format!("/trace/{}", hit.uid);
                hits.push(Hit { group: group.clone(), title: hit.uid, detail, href, exact: false });
            }
        }
    }
    hits.truncate(ask.limit);
    Ok(hits)
}

async fn orders(tx: &mut Tx, ask: &Ask<'_>) -> Result<Vec<Hit>, Problem> {
    if !ask.caller.may(&TRACE_READ) {
        return Ok(Vec::new());
    }
    let (from, to) = ask.range();
    let found = store::orders(tx, &from, &to, ask.rows()).await.map_err(DbError::from)?;
    let hit = |order: store::FoundOrder| {
        let kind = ask.caller.texts.or(&format!("search-order-{}", order.kind), &order.kind);
        let mut details = vec![kind, order.partner, order.item, order.plant];
        details.retain(|detail| !detail.is_empty());
        Hit {
            group: ask.caller.t("search-orders"),
            // The units that came by it, or were made for it.
            href: format!("/trace?q={}", escaped(&order.number, b"-_.~")),
            title: order.number,
            detail: details.join(" · "),
            exact: false,
        }
    };
    Ok(found.into_iter().map(hit).collect())
}

async fn holds(tx: &mut Tx, ask: &Ask<'_>) -> Result<Vec<Hit>, Problem> {
    if !ask.caller.may(&HOLD_READ) {
        return Ok(Vec::new());
    }
    let (from, to) = ask.range();
    let found = store::holds(tx, &from, &to, ask.rows()).await.map_err(DbError::from)?;
    let hit = |hold: store::FoundHold| Hit {
        group: ask.caller.t("nav-holds"),
        href: format!("/holds/{}", hold.hold_id),
        title: hold.reason,
        detail: format!(
            "{} · {}",
            ask.caller.t(&format!("trace-holds-{}", hold.status)),
            ask.caller.texts.date(&hold.placed_at, ask.caller.zone)
        ),
        exact: false,
    };
    Ok(found.into_iter().map(hit).collect())
}
