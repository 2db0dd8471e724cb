//! Transactions on the control schema, which may enter tenants.
//!
//! A tenant that shares the home database is entered within the same transaction: all
//! of it commits, or nothing. A tenant in a database of its own is entered by a second
//! transaction there, and the two commit one after the other; a crash in between
//! leaves only the first. Which one that is, each command says by what must not stand
//! alone: without a word the tenant's commits first, and [`SystemTx::home_first`] has
//! it the other way round. Either way the command can be run again.

use sqlx::PgConnection;
use uuid::Uuid;

use super::connect::Role;
use super::{Db, DbError, Known, SHARED, Told, Tx, begin, claim, roll_back};
use crate::ctx::{Cx, Plants};

/// A transaction on the control schema: tenants, keys, sessions, certificates.
/// It has no tenant, and so sees no row of any.
pub struct SystemTx {
    pub(super) tx: Tx,
    db: Db,
    /// Transactions of tenants in databases of their own.
    own: Vec<Tx>,
    home_first: bool,
}

impl SystemTx {
    /// The connection, to run statements on.
    pub fn conn(&mut self) -> &mut PgConnection {
        self.tx.conn()
    }

    /// As [`Tx::tell`].
    ///
    /// # Errors
    /// The database.
    pub async fn tell(&mut self, channel: &str, payload: &str) -> Result<(), sqlx::Error> {
        self.tx.tell(channel, payload).await
    }

    /// Has the control schema commit before the tenants that are entered, where a
    /// tenant's own database is another one.
    ///
    /// For what the control schema alone makes harmless: an address that nobody is
    /// behind yet, a link that was not mailed. Without it, for what the tenant alone
    /// makes harmless: a person shut out whose sessions are still there, an audit of a
    /// key that was not made, a token that is not used up yet.
    pub fn home_first(&mut self) {
        self.home_first = true;
    }

    /// Runs `f` on the rows of one tenant: for a change of the control schema and of
    /// the tenant that belong together (an enrolment uses up its token and raises the
    /// agent's epoch). Of a tenant that shares the home database they commit as one;
    /// else see [the module](self).
    pub async fn enter<T, E, F>(&mut self, cx: &Cx, f: F) -> Result<T, E>
    where
        E: From<DbError>,
        F: AsyncFnOnce(&mut Tx) -> Result<T, E>,
    {
        let at = self.own.iter().position(|tx| tx.tenant == cx.tenant);
        let at = match at {
            Some(at) => {
                self.own[at].enter(cx).await?;
                Some(at)
            }
            None => {
                let placement = self.tx.enter(cx).await?.placement;
                match placement.filter(|placement| placement != SHARED) {
                    Some(place) => {
                        self.leave().await?;
                        self.begin_own(cx, &place).await?;
                        Some(self.own.len() - 1)
                    }
                    None => None,
                }
            }
        };
        match at {
            Some(at) => f(&mut self.own[at]).await,
            None => {
                let value = f(&mut self.tx).await?;
                self.leave().await?;
                Ok(value)
            }
        }
    }

    async fn leave(&mut self) -> Result<(), DbError> {
        sqlx::query(
            "select set_config('app.tenant_id', '', true), set_config('app.actor', '', true), \
             set_config('app.plants', '', true)",
        )
        .execute(&mut *self.tx.inner)
        .await?;
        self.tx.tenant = Uuid::nil();
        self.tx.plants = Plants::All;
        Ok(())
    }

    async fn begin_own(&mut self, cx: &Cx, place: &str) -> Result<(), DbError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let conn = self.tx.conn();
            let known = async || Ok(known(conn, place).await?);
            match self.db.begin_own(place, Role::System, known).await {
                Ok(mut tx) => {
                    let here = tx.enter(cx).await?.placement;
                    if here.as_deref() == Some(place) {
                        self.own.push(tx);
                        return Ok(());
                    }
                    roll_back(tx).await;
                    let detail = "it does not hold the tenant".to_owned();
                    return Err(DbError::Away { database: place.to_owned(), detail });
                }
                Err(DbError::Sqlx(sqlx::Error::PoolClosed)) if tries < 3 => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Marks the claim of this task, if it has one, in the database of its tenant.
    async fn mark(&mut self) -> Result<(), DbError> {
        let Some(claim) = claim::current() else { return Ok(()) };
        let mut wrote = claim::wrote(&mut self.tx).await?;
        for tx in &mut self.own {
            wrote |= claim::wrote(tx).await?;
        }
        if !wrote {
            return Ok(());
        }
        self.enter(&Cx::system(claim.tenant), async |tx| claim::apply(tx, &claim).await).await
    }

    async fn commit(self) -> Result<(), DbError> {
        let Self { tx, db, own, home_first } = self;
        let mut home = Some(tx);
        if let Some(home) = home.take_if(|_| home_first) {
            home.inner.commit().await?;
        }
        let mut told: Vec<Told> = Vec::new();
        for mut tx in own {
            told.append(&mut tx.told);
            tx.inner.commit().await?;
        }
        if let Some(home) = home {
            home.inner.commit().await?;
        }
        db.tell(told).await;
        Ok(())
    }
}

impl Db {
    /// Runs `f` in one transaction on the control schema, without a tenant.
    pub async fn system_tx<T, E, F>(&self, f: F) -> Result<T, E>
    where
        E: From<DbError>,
        F: AsyncFnOnce(&mut SystemTx) -> Result<T, E>,
    {
        let tx = begin(&self.inner.home.system).await?;
        let mut system = SystemTx { tx, db: self.clone(), own: Vec::new(), home_first: false };
        let marked = match f(&mut system).await {
            Ok(value) => system.mark().await.map(|()| value).map_err(E::from),
            Err(error) => Err(error),
        };
        match marked {
            Ok(value) => {
                system.commit().await?;
                Ok(value)
            }
            Err(error) => {
                for tx in system.own {
                    roll_back(tx).await;
                }
                roll_back(system.tx).await;
                Err(error)
            }
        }
    }
}

/// What the control schema knows of a database.
pub(super) async fn known(conn: &mut PgConnection, name: &str) -> Result<Option<Known>, sqlx::Error> {
    let row: Option<(String, String, i64, String)> = sqlx::query_as(
        "select server, state, schema_version, detail from control.databases where name = $1 and kind = 'own'",
    )
    .bind(name)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|(server, state, schema_version, detail)| Known { server, state, schema_version, detail }))
}
