//! Bodies that do not come: a request whose next bytes take too long is given up.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// Longest pause between two pieces of a body.
pub(super) const PAUSE: Duration = Duration::from_secs(30);

/// Whether a body did not come in time.
#[derive(Debug, Clone, Default)]
pub(super) struct Late(Arc<AtomicBool>);

impl Late {
    pub(super) fn is(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A body that ends with an error when its next piece takes longer than `pause`.
pub(super) fn watched(body: Body, pause: Duration, late: &Late) -> Body {
    // A body that is empty, or there already, waits for nothing.
    if body.is_end_stream() {
        return body;
    }
    Body::new(Watched { inner: body, pause, sleep: Box::pin(sleep(pause)), late: late.clone() })
}

struct Watched {
    inner: Body,
    pause: Duration,
    sleep: Pin<Box<Sleep>>,
    late: Late,
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
            this.sleep.as_mut().reset(Instant::now() + this.pause);
            return Poll::Ready(frame);
        }
        if this.sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        this.late.0.store(true, Ordering::Relaxed);
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
        let late = Late::default();
        let pieces = stream::iter([1, 2, 3]).map(|piece| Ok::<_, std::io::Error>(Bytes::from(vec![piece])));
        let whole = to_bytes(watched(Body::from_stream(pieces), PAUSE, &late), 100).await.unwrap();
        assert_eq!((whole.as_ref(), late.is()), (&[1, 2, 3][..], false));
        let begins = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"begins"))]);
        let never = Body::from_stream(begins.chain(stream::pending()));
        assert!(to_bytes(watched(never, Duration::from_millis(20), &late), 100).await.is_err());
        assert!(late.is());
    }
}
