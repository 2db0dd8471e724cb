//! Tells the pages that a person has open, at once, that there is something new.
//!
//! A page holds one request open (server-sent events) and hears on it no more than
//! that; what is new it asks for then, as it does every ten seconds anyway. So nothing
//! is ever said on behalf of a session that has ended. Each stream ends after [`LASTS`],
//! and the browser makes it anew: who may not any more hears nothing from then on.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::db::Tx;
use crate::web::{AppState, Caller, Problem};

/// Channel on which it is told who has something new: the tenant and the people.
const CHANNEL: &str = "tracewright_notices";
/// People that are told of at once: the database takes 8,000 bytes.
const AT_ONCE: usize = 200;
/// How long a stream lasts.
const LASTS: Duration = Duration::from_secs(55);
/// How soon a browser makes it anew.
const AGAIN: Duration = Duration::from_secs(1);
/// After how long without anything to say something is sent all the same, so that
/// whatever stands between does not take the connection for dead.
const STILL_THERE: Duration = Duration::from_secs(15);
/// Streams of one person in a process. A page that gets none asks by itself.
const MOST: usize = 6;
/// What a stream may fall behind before it is told only that it did.
const BEHIND: usize = 256;

/// Who has something new.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    People(Uuid, Arc<[Uuid]>),
    /// Something may have been missed: anybody.
    Anybody,
}

impl Told {
    /// Of `<tenant> <person>,<person>`.
    fn parse(payload: &str) -> Self {
        let parsed = payload.split_once(' ').and_then(|(tenant, people)| {
            let people: Result<Vec<Uuid>, _> = people.split(',').map(str::parse).collect();
            Some(Self::People(tenant.parse().ok()?, people.ok()?.into()))
        });
        parsed.unwrap_or(Self::Anybody)
    }

    fn is_for(&self, tenant: Uuid, person: Uuid) -> bool {
        match self {
            Self::People(of, people) => *of == tenant && people.contains(&person),
            Self::Anybody => true,
        }
    }
}

/// Tells, once the transaction has committed, that these people have something new.
pub(super) async fn tell(tx: &mut Tx, people: &[Uuid]) -> Result<(), sqlx::Error> {
    let tenant = tx.tenant();
    for some in people.chunks(AT_ONCE) {
        let people: Vec<String> = some.iter().map(Uuid::to_string).collect();
        tx.tell(CHANNEL, &format!("{tenant} {}", people.join(","))).await?;
    }
    Ok(())
}

/// The streams of this process.
pub struct Live {
    told: Sender<Told>,
    /// How many each person has.
    open: Mutex<HashMap<Uuid, usize>>,
    ended: CancellationToken,
}

impl Default for Live {
    fn default() -> Self {
        Self { told: channel(BEHIND).0, open: Mutex::default(), ended: CancellationToken::new() }
    }
}

impl Live {
    fn open(&self) -> MutexGuard<'_, HashMap<Uuid, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one stream of the person; `None` when all are taken.
    fn place(self: &Arc<Self>, person: Uuid) -> Option<Place> {
        let mut open = self.open();
        let count = open.entry(person).or_default();
        if *count >= MOST {
            return None;
        }
        *count += 1;
        Some(Place { live: Arc::clone(self), person })
    }
}

/// A stream's place among those of its person.
struct Place {
    live: Arc<Live>,
    person: Uuid,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.live.open();
        if let Some(count) = open.get_mut(&self.person) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.person);
            }
        }
    }
}

/// Hears what is new for the streams of this process, until `stop`; then they end.
pub async fn run(state: AppState, stop: CancellationToken) {
    let mut ears = state.db.ears(&[CHANNEL]);
    let hear = async {
        loop {
            let told = ears.next().await.map_or(Told::Anybody, |told| Told::parse(&told.payload));
            // Nobody may listen now.
            let _ = state.live.told.send(told);
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = hear => {}
    }
    state.live.ended.cancel();
}

/// `GET /notices/live`
pub(super) async fn stream(State(state): State<AppState>, caller: Caller) -> Result<Response, Problem> {
    let person = caller.person()?;
    let place = state.live.place(person).ok_or_else(|| {
        let detail = "As many pages of yours are told at once as may be; this one asks by itself.";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "notices.streams", detail)
    })?;
    let events = events(place, caller.cx.tenant, LASTS);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(STILL_THERE)).into_response())
}

/// One event at once, since something may have come before there was a stream; then one
/// whenever there is something new.
fn events(place: Place, tenant: Uuid, lasts: Duration) -> impl Stream<Item = Result<Event, Infallible>> {
    let until = Instant::now() + lasts;
    let heard = place.live.told.subscribe();
    unfold((heard, place, true), move |(mut heard, place, first)| async move {
        let told = async {
            if !first {
                next(&mut heard, tenant, place.person).await?;
            }
            Some(())
        };
        let told = tokio::select! {
            biased;
            () = place.live.ended.cancelled() => None,
            told = told => told,
            () = sleep_until(until) => None,
        };
        told?;
        let event = Event::default().event("told").data("new").retry(AGAIN);
        Some((Ok(event), (heard, place, false)))
    })
}

/// Waits until there is something new for the person; `None`: there never will be.
async fn next(heard: &mut Receiver<Told>, tenant: Uuid, person: Uuid) -> Option<()> {
    loop {
        match heard.recv().await {
            Ok(told) if told.is_for(tenant, person) => return Some(()),
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return Some(()),
            Err(RecvError::Closed) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::BodyDataStream;
    use futures_util::{FutureExt, StreamExt};

    use super::*;
    use crate::notify::To;
    use crate::notify::tests::{Post, Reader, SHOWN};

    #[test]
    fn what_cannot_be_read_is_for_anybody() {
        let [tenant, one, two, other] = [1, 2, 3, 4].map(Uuid::from_u128);
        let told = Told::parse(&format!("{tenant} {one},{two}"));
        assert_eq!(told, Told::People(tenant, [one, two].into()));
        assert!(told.is_for(tenant, two) && !told.is_for(tenant, other) && !told.is_for(other, one));
        for wrong in ["", "x", &format!("{tenant} x"), &format!("{tenant}")] {
            assert_eq!(Told::parse(wrong), Told::Anybody, "{wrong}");
        }
        let longest = format!("{tenant} {}", vec![one.to_string(); AT_ONCE].join(","));
        assert!(longest.len() < 8000, "more than the database tells at once");
    }

    #[test]
    fn who_listens_wakes_for_no_other_tenant_or_person() {
        let [tenant, other, one, two] = [1, 2, 3, 4].map(Uuid::from_u128);
        let (told, mut heard) = channel(BEHIND);
        told.send(Told::People(other, [one].into())).unwrap();
        told.send(Told::People(tenant, [two].into())).unwrap();
        assert_eq!(next(&mut heard, tenant, one).now_or_never(), None, "nothing is said on another's behalf");
        told.send(Told::People(tenant, [two, one].into())).unwrap();
        assert_eq!(next(&mut heard, tenant, one).now_or_never(), Some(Some(())));
    }

    async fn frame(body: &mut BodyDataStream) -> Option<String> {
        let within = tokio::time::timeout(Duration::from_secs(60), body.next()).await;
        let bytes = within.expect("the stream goes on or ends")?;
        Some(String::from_utf8(bytes.unwrap().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_page_is_told_at_once_of_what_is_its_persons() {
        let post = Post::new().await;
        let (one, reader) = Reader::new(&post, "one@saif.example", &[]).await;
        let stranger = post.person("two@saif.example", "", &[]).await;
        let mut heard = reader.state.live.told.subscribe();
        let stop = CancellationToken::new();
        let running = tokio::spawn(run(reader.state.clone(), stop.clone()));
        assert_eq!(heard.recv().await.unwrap(), Told::Anybody, "from now on it hears");

        let answer = reader.answer("GET", "/notices/live", "").await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let mut body = answer.into_body().into_data_stream();
        let told = "event: told\ndata: new\nretry: 1000\n\n";
        assert_eq!(frame(&mut body).await.as_deref(), Some(told), "what may have come before");
        for person in [stranger, one] {
            post.tell(&SHOWN, To::Person(person)).await;
            post.send_all().await;
            assert_eq!(heard.recv().await.unwrap(), Told::People(post.tenant, [person].into()));
        }
        assert_eq!(frame(&mut body).await.as_deref(), Some(told));
        stop.cancel();
        running.await.unwrap();
        assert_eq!(frame(&mut body).await, None, "it ends with the server, and nothing came of another's");
    }

    #[tokio::test]
    async fn streams_are_bounded_in_number_and_time() {
        let live = Arc::new(Live::default());
        let [tenant, one, two] = [1, 2, 3].map(Uuid::from_u128);
        let mut places: Vec<Place> = (0..MOST).map(|_| live.place(one).unwrap()).collect();
        assert!(live.place(one).is_none() && live.place(two).is_some());
        // A stream that has lasted ends, and gives its place back.
        let all: Vec<_> = events(places.pop().unwrap(), tenant, Duration::ZERO).collect().await;
        assert_eq!(all.len(), 1);
        places.push(live.place(one).unwrap());
        assert!(live.place(one).is_none());
        drop(places);
        assert!(live.open().is_empty());
    }
}
