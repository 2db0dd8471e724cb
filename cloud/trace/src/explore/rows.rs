//! A walk told line by line, however long it is: what is in mind is the walk's links, as
//! numbers, and one page of what is said of them.
//!
//! No transaction is open while a reader takes its time. The links are those of one moment,
//! which the first line names; what is said of a unit is as new as its line.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use platform::ctx::Cx;
use platform::db::{Db, Tx};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::error::TraceError;
use super::graph::Direction;
use super::model::{CurrentTo, PlantBehind, WalkEdge, WalkNode};
use super::scope;
use super::service::{behind, uid_text};
use super::walk::{self, Ask, Begun, begin, checked, describe};
use crate::genealogy::Genealogy;

/// UIDs that are told of at a time.
const PAGE: usize = 500;
/// Pages that wait for a reader.
const AHEAD: usize = 2;
/// How long a page waits for its reader before the answer is cut off.
const PATIENCE: Duration = Duration::from_secs(60);

/// One line.
#[derive(Debug, Serialize)]
#[serde(tag = "line", rename_all = "snake_case")]
enum Line {
    /// The first.
    Walk(Head),
    /// A UID that was reached.
    Unit(WalkNode),
    /// A link by which it was.
    Link(WalkEdge),
    /// The last: without it the answer was cut off.
    End {
        /// UIDs that were told.
        units: usize,
        /// Links that were told.
        links: usize,
    },
}

/// What a walk is, before its UIDs.
#[derive(Debug, Serialize)]
struct Head {
    uid: String,
    direction: &'static str,
    mode: &'static str,
    /// UIDs of the walk.
    total: usize,
    /// Some link lies on a cycle.
    cycle: bool,
    /// Something lies beyond the depth.
    deeper: bool,
    /// More links than one walk reads.
    cut: bool,
    /// The batch to which the links are current; decimal text.
    through_batch: String,
    current_to: CurrentTo,
    plants_behind: Vec<PlantBehind>,
}

/// The lines of a walk from the UID that `text` stands for, some at a time.
///
/// # Errors
/// [`TraceError`], before the first line. Where the database fails later the lines end without
/// the last one.
pub(crate) async fn lines(
    db: Db,
    cx: Cx,
    genealogy: &Genealogy,
    text: &str,
    direction: Direction,
    ask: &Ask,
    now: DateTime<Utc>,
) -> Result<ReceiverStream<Result<Bytes, Infallible>>, TraceError> {
    checked(ask)?;
    let (begun, plants_behind) = db
        .tx(&cx, async |tx| {
            let begun = begin(tx, genealogy, text, direction, (ask.depth, ask.as_built)).await?;
            Ok::<_, TraceError>((begun, behind(tx, now).await?))
        })
        .await?;
    let head = Head {
        uid: begun.uid.clone(),
        direction: direction.name(),
        mode: walk::mode(ask.as_built),
        total: begun.graph.order.len(),
        cycle: !begun.graph.cyclic.is_empty(),
        deeper: begun.graph.deeper,
        cut: begun.cut,
        through_batch: begun.through_batch.to_string(),
        current_to: begun.current_to.clone(),
        plants_behind,
    };
    let (out, lines) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        if let Err(error) = tell(&db, &cx, &begun, head, &out).await {
            tracing::warn!(uid = begun.uid, %error, "a walk was not told to its end");
        }
    });
    Ok(ReceiverStream::new(lines))
}

type Out = mpsc::Sender<Result<Bytes, Infallible>>;

/// Tells a walk until its end, or until nobody listens any more.
async fn tell(db: &Db, cx: &Cx, begun: &Begun, head: Head, out: &Out) -> Result<(), TraceError> {
    if !send(out, [Line::Walk(head)]).await {
        return Ok(());
    }
    let (mut after, mut units, mut links) = (None, 0, 0);
    loop {
        let (page, more) = begun.graph.page(after, PAGE);
        after = page.last().copied();
        let (nodes, edges) = db.tx(cx, async |tx| told(tx, begun, page).await).await?;
        units += nodes.len();
        links += edges.len();
        let lines = nodes.into_iter().map(Line::Unit).chain(edges.into_iter().map(Line::Link));
        if !send(out, lines).await {
            return Ok(());
        }
        if !more {
            break;
        }
    }
    send(out, [Line::End { units, links }]).await;
    Ok(())
}

/// A page, as far as the caller may see.
async fn told(
    tx: &mut Tx,
    begun: &Begun,
    page: &[(i32, i64)],
) -> Result<(Vec<WalkNode>, Vec<WalkEdge>), TraceError> {
    let (mut nodes, edges) = describe(tx, begun.tenant, &begun.graph, page).await?;
    let plants = tx.plants().clone();
    if !plants.is_all() {
        let keys: Vec<i64> = page.iter().map(|&(_, key)| key).collect();
        let seen = scope::seen(tx, &keys).await?;
        let seen = seen.into_iter().map(|key| uid_text(begun.tenant, key)).collect();
        scope::limit_nodes(&mut nodes, &plants, &seen);
    }
    Ok((nodes, edges))
}

/// Hands some lines over; `false` where nobody takes them.
async fn send(out: &Out, lines: impl IntoIterator<Item = Line>) -> bool {
    let mut bytes = Vec::new();
    for line in lines {
        // Numbers, texts and times alone: these always have a JSON.
        if serde_json::to_writer(&mut bytes, &line).is_err() {
            return false;
        }
        bytes.push(b'\n');
    }
    if bytes.is_empty() {
        return true;
    }
    matches!(tokio::time::timeout(PATIENCE, out.send(Ok(bytes.into()))).await, Ok(Ok(())))
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use proto::v1::{Action, Role, Stage};
    use serde_json::Value;

    use super::*;
    use crate::testing::{Say, Site, event, uid};

    async fn package_of(site: &mut Site, package: &str, many: u64) {
        site.say("KOL", event(Stage::Commission, "2025-03-01T08:00:00Z").mint(package, Role::Subject, "BOX"));
        for hundred in 0..many.div_ceil(100) {
            let (mut made, mut packed) = (
                event(Stage::Commission, "2025-03-01T08:00:00Z"),
                event(Stage::Packing, "2025-03-01T09:00:00Z").action(Action::Add).part(package, Role::Parent),
            );
            for n in hundred * 100 + 1..=(hundred * 100 + 100).min(many) {
                let own = uid("KOL", "FG", n);
                made = made.mint(&own, Role::Subject, "MOTOR");
                packed = packed.part(&own, Role::Child);
            }
            site.say("KOL", made);
            site.say("KOL", packed);
        }
        site.settle().await;
    }

    async fn begun(site: &Site, text: &str) -> ReceiverStream<Result<Bytes, Infallible>> {
        let ask = Ask { depth: walk::MOST_DEPTH, ..Ask::default() };
        let (db, genealogy) = (site.db.db.clone(), site.genealogy());
        lines(db, site.cx(), &genealogy, text, Direction::Backward, &ask, Utc::now()).await.unwrap()
    }

    fn parsed(bytes: &[u8]) -> Vec<Value> {
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    #[tokio::test]
    async fn a_long_walk_is_told_line_by_line_with_a_beginning_and_an_end() {
        let mut site = Site::new().await;
        let package = uid("KOL", "PK", 1);
        package_of(&mut site, &package, 1_234).await;
        let mut stream = begun(&site, &package).await;
        let mut all = Vec::new();
        while let Some(Ok(some)) = stream.next().await {
            assert!(some.len() < 1_000_000, "a page at a time");
            all.extend_from_slice(&some);
        }
        let lines = parsed(&all);
        let (head, end) = (&lines[0], lines.last().unwrap());
        assert_eq!((head["line"].as_str(), head["total"].as_u64()), (Some("walk"), Some(1_234)));
        assert_eq!(
            head["through_batch"],
            site.ask("select batch_id::text from tenant_counters").await.as_str()
        );
        assert_eq!(head["current_to"]["batch_id"], head["through_batch"]);
        assert_eq!(*end, serde_json::json!({ "line": "end", "units": 1_234, "links": 1_234 }));
        // The same as in pages.
        let ask = Ask { depth: walk::MOST_DEPTH, limit: walk::MOST_LIMIT, ..Ask::default() };
        let (db, cx, genealogy) = (&site.db.db, site.cx(), site.genealogy());
        let whole =
            walk::walk(db, &cx, &genealogy, &package, Direction::Backward, &ask, Utc::now()).await.unwrap();
        let of = |what: &str| lines.iter().filter(|line| line["line"] == what).cloned().collect::<Vec<_>>();
        let same = |mut line: Value, other: Value| {
            line.as_object_mut().unwrap().remove("line");
            assert_eq!(line, other);
        };
        for (line, node) in of("unit").into_iter().zip(&whole.nodes) {
            same(line, serde_json::to_value(node).unwrap());
        }
        for (line, edge) in of("link").into_iter().zip(&whole.edges) {
            same(line, serde_json::to_value(edge).unwrap());
        }
        assert_eq!((of("unit").len(), of("link").len()), (whole.nodes.len(), whole.edges.len()));
    }

    #[tokio::test]
    async fn who_leaves_ends_it_and_nothing_is_read_ahead_of_a_reader() {
        let mut site = Site::new().await;
        let package = uid("KOL", "PK", 1);
        package_of(&mut site, &package, 3_000).await;
        let mut stream = begun(&site, &package).await;
        let head = stream.next().await.unwrap().unwrap();
        assert_eq!(parsed(&head).len(), 1);
        drop(stream);
        // One of nothing has a beginning and an end as well.
        let lone = begun(&site, &uid("KOL", "FG", 1)).await;
        let all: Vec<u8> = lone.map(|some| some.unwrap().to_vec()).concat().await;
        let lines = parsed(&all);
        assert_eq!(lines.len(), 2);
        assert_eq!((lines[0]["total"].as_u64(), lines[1]["units"].as_u64()), (Some(0), Some(0)));
        let ask = Ask::default();
        let (db, genealogy) = (site.db.db.clone(), site.genealogy());
        let unknown = lines_of(db, site.cx(), &genealogy, &uid("KOL", "FG", 9_999), &ask).await.unwrap_err();
        assert_eq!(unknown.code(), "uid.unknown");
    }

    async fn lines_of(
        db: Db,
        cx: Cx,
        genealogy: &Genealogy,
        text: &str,
        ask: &Ask,
    ) -> Result<(), TraceError> {
        lines(db, cx, genealogy, text, Direction::Backward, ask, Utc::now()).await.map(|_| ())
    }
}
