//! Bodies that do not come: a request whose next bytes take too long is given up.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// Longest pause between two pieces of a body.
pub(super) const PAUSE: Duration = Duration::from_secs(30);

/// How a request's body comes.
#[derive(Debug, Clone)]
pub(super) struct Coming(Arc<State>);

#[derive(Debug)]
struct State {
    begun: Instant,
    /// When its last piece came, in milliseconds since then.
    last: AtomicU64,
    late: AtomicBool,
}

impl Coming {
    pub(super) fn now() -> Self {
        let state = State { begun: Instant::now(), last: AtomicU64::new(0), late: AtomicBool::new(false) };
        Self(Arc::new(state))
    }

    /// Whether it did not come in time.
    pub(super) fn is_late(&self) -> bool {
        self.0.late.load(Ordering::Relaxed)
    }

    fn came(&self) {
        let since = u64::try_from(self.0.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last.store(since, Ordering::Relaxed);
    }

    /// Waits until `within` has passed since the last piece came: a large file may
    /// take its time, and what is done with it may not.
    pub(super) async fn over(&self, within: Duration) {
        loop {
            let until = self.0.begun + Duration::from_millis(self.0.last.load(Ordering::Relaxed)) + within;
            if Instant::now() >= until {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

/// A body that ends with an error when its next piece takes longer than `pause`.
pub(super) fn watched(body: Body, pause: Duration, coming: &Coming) -> Body {
    // A body that is empty, or there already, waits for nothing.
    if body.is_end_stream() {
        return body;
    }
    Body::new(Watched { inner: body, pause, sleep: Box::pin(sleep(pause)), coming: coming.clone() })
}

struct Watched {
    inner: Body,
    pause: Duration,
    sleep: Pin<Box<Sleep>>,
    coming: Coming,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            this.coming.came();
            this.sleep.as_mut().reset(Instant::now() + this.pause);
            return Poll::Ready(frame);
        }
        if this.sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        this.coming.0.late.store(true, Ordering::Relaxed);
        Poll::Ready(Some(Err(axum::Error::new(std::io::Error::from(std::io::ErrorKind::TimedOut)))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use futures_util::{StreamExt, stream};

    use super::*;

    #[tokio::test]
    async fn a_body_that_stops_is_given_up_and_one_that_goes_on_is_not() {
        let late = Coming::now();
        let pieces = stream::iter([1, 2, 3]).map(|piece| Ok::<_, std::io::Error>(Bytes::from(vec![piece])));
        let whole = to_bytes(watched(Body::from_stream(pieces), PAUSE, &late), 100).await.unwrap();
        assert_eq!((whole.as_ref(), late.is_late()), (&[1, 2, 3][..], false));
        let begins = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"begins"))]);
        let never = Body::from_stream(begins.chain(stream::pending()));
        assert!(to_bytes(watched(never, Duration::from_millis(20), &late), 100).await.is_err());
        assert!(late.is_late());
    }
}
