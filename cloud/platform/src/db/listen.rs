//! Notifications between the processes of the cloud.

#[allow(clippy::disallowed_types)] // the one place that may
use sqlx::postgres::PgListener;

use super::connect::{self, Role};
use super::{Db, DbError};

/// Hears what transactions have [told](super::Tx::tell), once they committed, on a
/// connection of its own: of tenants in every database, since all of them tell at the
/// home database. It only makes things quicker: what is told while the
/// connection is lost is never heard, so whatever matters is looked up as well.
#[allow(clippy::disallowed_types)]
pub struct Listener {
    inner: PgListener,
}

/// One notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The channel.
    pub channel: String,
    /// What was told; never secret, every role may hear it.
    pub payload: String,
}

impl Db {
    /// Listens on `channels` from now on.
    ///
    /// # Errors
    /// When the database is out of reach.
    pub async fn listen(&self, channels: &[&str]) -> Result<Listener, DbError> {
        // Listening outlives transactions, and release would end it: the
        // connection comes from a pool of one that is kept by the listener.
        let pool = connect::pool(&self.inner.options, Role::App, 1, super::IDLE);
        #[allow(clippy::disallowed_types)]
        let mut inner = PgListener::connect_with(&pool).await?;
        inner.ignore_pool_close_event(true);
        inner.listen_all(channels.iter().copied()).await?;
        Ok(Listener { inner })
    }
}

impl Listener {
    /// The next notification; `None` when the connection was lost in between,
    /// and so something may have been missed. It is made again by itself.
    ///
    /// # Errors
    /// When it cannot be made again.
    pub async fn recv(&mut self) -> Result<Option<Told>, DbError> {
        Ok(self
            .inner
            .try_recv()
            .await?
            .map(|told| Told { channel: told.channel().to_owned(), payload: told.payload().to_owned() }))
    }
}
