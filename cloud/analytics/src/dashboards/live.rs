//! Tells a dashboard, at once, that its figures have something new: no more than that, and
//! the page asks for them then. As with notices a stream ends after a while and the browser
//! makes it anew, so that who may not see any more hears nothing from then on.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::http::{StatusCode, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use futures_util::stream::unfold;
use platform::ctx::Plants;
use platform::web::{Caller, Problem, query};
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};

use super::service::is_code;
use crate::mirror::{Heard, Mirrors};
use crate::rights::DASHBOARD_READ;

/// How long a stream lasts.
const LASTS: Duration = Duration::from_secs(55);
/// How soon a browser makes it anew.
const AGAIN: Duration = Duration::from_secs(1);
/// After how long without anything to say something is sent all the same, so that whatever
/// stands between does not take the connection for dead.
const STILL_THERE: Duration = Duration::from_secs(15);
/// A page is told no more often than that, however fast plants record.
const AT_MOST_EVERY: Duration = Duration::from_secs(2);
/// Streams of one person or key in a process. A page that gets none asks by itself.
const MOST: usize = 6;

/// Who has how many streams open.
#[derive(Clone, Default)]
pub struct Places(Arc<Mutex<HashMap<String, usize>>>);

impl Places {
    fn open(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one stream; `None` when all are taken.
    fn take(&self, whose: &str) -> Option<Place> {
        let mut open = self.open();
        let count = open.entry(whose.to_owned()).or_default();
        if *count >= MOST {
            return None;
        }
        *count += 1;
        Some(Place { places: self.clone(), whose: whose.to_owned() })
    }
}

/// A stream's place among those of whoever has it.
struct Place {
    places: Places,
    whose: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.places.open();
        if let Some(count) = open.get_mut(&self.whose) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.whose);
            }
        }
    }
}

/// Whose figures the page shows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Of {
    plant: String,
}

/// `GET /dashboards/live`
pub(super) async fn stream(
    Extension(mirrors): Extension<Mirrors>,
    Extension(places): Extension<Places>,
    caller: Caller,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require_somewhere(&DASHBOARD_READ)?;
    let of = query::<Of>(&uri)?;
    let mut plants = caller.in_focus(&DASHBOARD_READ).plants;
    if !of.plant.is_empty() {
        if !is_code(&of.plant) || !caller.plants(&DASHBOARD_READ).has(&of.plant) {
            return Err(Problem::not_found());
        }
        plants = Plants::some([of.plant]);
    }
    let heard = mirrors.hear(caller.cx.tenant, plants)?;
    let place = places.take(&caller.cx.actor).ok_or_else(|| {
        let detail = "As many dashboards of yours are told at once as may be; this one asks by itself.";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "dashboard.streams", detail)
    })?;
    let events = events(heard, place, LASTS);
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(STILL_THERE)).into_response())
}

/// One event at once, since something may have come before there was a stream; then one
/// whenever there is something new, but not too often.
fn events(heard: Heard, place: Place, lasts: Duration) -> impl Stream<Item = Result<Event, Infallible>> {
    let until = Instant::now() + lasts;
    unfold((heard, place, None), move |(mut heard, place, last)| async move {
        let told = async {
            if let Some(last) = last {
                if !heard.next().await {
                    return None;
                }
                heard.unless_ended(sleep_until(last + AT_MOST_EVERY)).await?;
            }
            Some(())
        };
        tokio::select! {
            biased;
            told = told => told?,
            () = sleep_until(until) => return None,
        }
        // Whatever was told meanwhile is seen by who asks now.
        heard.pass_over();
        let event = Event::default().event("told").data("new").retry(AGAIN);
        Some((Ok(event), (heard, place, Some(Instant::now()))))
    })
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use uuid::Uuid;

    use super::*;
    use crate::world::mirrors;

    #[tokio::test]
    async fn streams_are_bounded_in_number_and_time() {
        let (mirrors, _dir) = mirrors();
        let heard = || mirrors.hear(Uuid::from_u128(1), Plants::All).unwrap();
        let all = Places::default();
        let mut places: Vec<Place> = (0..MOST).map(|_| all.take("one").unwrap()).collect();
        assert!(all.take("one").is_none() && all.take("two").is_some());
        // A stream that has lasted ends, and gives its place back.
        let told: Vec<_> = events(heard(), places.pop().unwrap(), Duration::ZERO).collect().await;
        assert_eq!(told.len(), 1);
        places.push(all.take("one").unwrap());
        assert!(all.take("one").is_none());
        drop(places);
        assert!(all.open().is_empty());
        // So does one of a process that ends, however long it might last.
        let lasting = events(heard(), all.take("one").unwrap(), LASTS);
        mirrors.end_live();
        let told = tokio::time::timeout(Duration::from_secs(60), lasting.collect::<Vec<_>>()).await.unwrap();
        assert_eq!(told.len(), 1);
    }

    #[tokio::test]
    async fn a_page_is_told_of_its_own_plants_and_not_too_often() {
        let (mirrors, _dir) = mirrors();
        let [tenant, other] = [1, 2].map(Uuid::from_u128);
        let heard = mirrors.hear(tenant, Plants::some(["VSK"])).unwrap();
        let mut told = Box::pin(events(heard, Places::default().take("one").unwrap(), LASTS));
        let within = Duration::from_secs(60);
        assert!(told.next().await.is_some(), "what may have come before");
        let began = Instant::now();
        for _ in 0..5 {
            mirrors.tell_live(tenant, &["VSK", "KOL"]);
        }
        assert!(tokio::time::timeout(within, told.next()).await.unwrap().is_some());
        assert!(began.elapsed() >= AT_MOST_EVERY);
        // All of those were in that one; others are not for here.
        mirrors.tell_live(tenant, &["KOL"]);
        mirrors.tell_live(other, &["VSK"]);
        mirrors.end_live();
        assert!(tokio::time::timeout(within, told.next()).await.unwrap().is_none());
    }
}
