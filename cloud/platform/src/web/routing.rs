//! By which method a route is asked, and what answers: `get(page).merge(post(change))`.
//!
//! These stand in for axum's functions of the same names. Around each handler axum builds
//! two dozen types, and for each of them the compiler proves once more that the handler's
//! future, with all that it awaits, may go from thread to thread: with some 700 routes that
//! was a third of the time that this crate takes to build
//! (`docs/decisions/0019-handlers-of-one-type.md`). Here all handlers become one type first.

use std::pin::Pin;
use std::sync::Arc;

use axum::extract::Request;
use axum::handler::Handler;
use axum::response::Response;
use axum::routing::{self, MethodRouter};

/// An answer under way.
type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;

/// A handler of which nothing is known but what it answers.
struct Erased<S>(Arc<dyn Fn(Request, S) -> Answer + Send + Sync>);

impl<S> Clone for Erased<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Send + Sync + 'static> Handler<(), S> for Erased<S> {
    type Future = Answer;

    fn call(self, request: Request, state: S) -> Answer {
        (self.0)(request, state)
    }
}

fn erased<H: Handler<T, S>, T: 'static, S: 'static>(handler: H) -> Erased<S> {
    Erased(Arc::new(move |request, state| Box::pin(handler.clone().call(request, state))))
}

/// What answers `GET`, and `HEAD` without the body.
#[allow(clippy::disallowed_methods)]
pub fn get<H: Handler<T, S>, T: 'static, S: Clone + Send + Sync + 'static>(handler: H) -> MethodRouter<S> {
    routing::get(erased(handler))
}

/// What answers `POST`.
#[allow(clippy::disallowed_methods)]
pub fn post<H: Handler<T, S>, T: 'static, S: Clone + Send + Sync + 'static>(handler: H) -> MethodRouter<S> {
    routing::post(erased(handler))
}

/// What answers `PUT`.
#[allow(clippy::disallowed_methods)]
pub fn put<H: Handler<T, S>, T: 'static, S: Clone + Send + Sync + 'static>(handler: H) -> MethodRouter<S> {
    routing::put(erased(handler))
}

/// What answers `PATCH`.
#[allow(clippy::disallowed_methods)]
pub fn patch<H: Handler<T, S>, T: 'static, S: Clone + Send + Sync + 'static>(handler: H) -> MethodRouter<S> {
    routing::patch(erased(handler))
}

/// What answers `DELETE`.
#[allow(clippy::disallowed_methods)]
pub fn delete<H: Handler<T, S>, T: 'static, S: Clone + Send + Sync + 'static>(handler: H) -> MethodRouter<S> {
    routing::delete(erased(handler))
}
