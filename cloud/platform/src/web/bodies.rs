//! How large the body of a request may be, by its route.

/// The most that a request may carry, unless its route says otherwise with a
/// `DefaultBodyLimit` of its own and, under `/api`, by [`super::Module::bodies`].
pub(crate) const USUAL: usize = 1024 * 1024;

/// Bodies of a route of the API that are not as those of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bodies {
    /// Up to so many bytes.
    UpTo(usize),
    /// Too large to be held: the handler reads them as they come. Such a route takes no
    /// `Idempotency-Key`, under which a request is compared as a whole.
    Streamed,
}
