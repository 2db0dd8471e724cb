//! A first look: units that fit, among what happened last. It reads a bounded number of
//! rows for each condition, so that it answers at once whatever is asked; where that was
//! not all, it says so, and how far back it looked. What is kept as a scope is always found
//! to the end, by [`evaluate`].

use std::future::Future;
use std::pin::Pin;

use platform::db::Tx;

use super::asked::Asked;
use super::criteria::Node;
use super::error::ScopeError;
use super::evaluate::{self, Part, Reach, alone, evaluate};
use super::sets;
use crate::explore::scope;

/// The first units that a tree finds and the caller may see, in the order of their keys.
/// Where a first look finds none and did not look at all, all is looked at: that nothing
/// fits is only said when it is so.
///
/// # Errors
/// [`ScopeError`], as for [`evaluate`].
pub async fn first(tx: &mut Tx, asked: &Asked<'_>, node: &Node) -> Result<Part, ScopeError> {
    let mut part = look(tx, asked, node, String::new()).await?;
    if !tx.plants().is_all() {
        let seen = scope::seen(tx, &part.keys).await?;
        part.keys.retain(|key| seen.contains(key));
    }
    if part.more && part.keys.is_empty() {
        return Ok(Part::whole(evaluate(tx, asked, node).await?));
    }
    Ok(part)
}

type Looked<'a> = Pin<Box<dyn Future<Output = Result<Part, ScopeError>> + Send + 'a>>;

fn look<'a>(tx: &'a mut Tx, asked: &'a Asked, node: &'a Node, path: String) -> Looked<'a> {
    Box::pin(async move {
        let reach = Reach::Newest(asked.look);
        match node {
            Node::All(nodes) => all(tx, asked, (node, nodes), &path).await,
            Node::Any(nodes) => {
                let mut found = Part::default();
                for (index, child) in nodes.iter().enumerate() {
                    let part = look(tx, asked, child, node.path(&path, index)).await?;
                    found.keys = sets::either(&found.keys, &part.keys);
                    // Looked at by all of them is what was looked at by the shortest.
                    found.since = found.since.max(part.since);
                    found.more |= part.more;
                }
                found.keys = evaluate::bounded(found.keys, path)?;
                Ok(found)
            }
            Node::Not(_) => Err(alone(path)),
            Node::Event(event) => evaluate::by_event(tx, asked, event, path, reach).await,
            Node::Reading(reading) => evaluate::by_reading(tx, asked, reading, path, reach).await,
            Node::Contains(contains) => {
                Ok(Part::whole(evaluate::by_content(tx, asked, contains, path, None).await?))
            }
            Node::Is(is) => {
                let most = i64::try_from(asked.look + 1).unwrap_or(i64::MAX);
                let mut part = evaluate::by_state(tx, asked, is, None, most).await?;
                if part.more {
                    part.keys.truncate(asked.look);
                }
                Ok(part)
            }
        }
    })
}

/// Looks by the child that is seen through to its end, or else furthest back, and asks the
/// others only among what that finds.
async fn all(
    tx: &mut Tx,
    asked: &Asked<'_>,
    (node, nodes): (&Node, &[Node]),
    path: &str,
) -> Result<Part, ScopeError> {
    let order = evaluate::in_order(nodes);
    let mut best: Option<(usize, Part)> = None;
    for &index in order.iter().filter(|&&index| nodes[index].finds()) {
        let part = look(tx, asked, &nodes[index], node.path(path, index)).await?;
        let whole = !part.more;
        if whole || best.as_ref().is_none_or(|(_, before)| further(&part, before)) {
            best = Some((index, part));
        }
        if whole {
            break;
        }
    }
    // A tree that was read has something that finds beside what only chooses.
    let Some((by, mut part)) = best else {
        return Err(alone(path.to_owned()));
    };
    for index in order.into_iter().filter(|&index| index != by) {
        if part.keys.is_empty() {
            break;
        }
        let path = node.path(path, index);
        part.keys = evaluate::narrowed(tx, asked, &nodes[index], path, &part.keys).await?;
    }
    Ok(part)
}

/// Whether one that was not seen through went further back than another.
fn further(one: &Part, other: &Part) -> bool {
    match (one.since, other.since) {
        (Some(one), Some(other)) => one < other,
        (one, other) => one.is_some() && other.is_none(),
    }
}
