//! What plants are to be told of holds: gathered in a transaction, published at its
//! end, and written down with which version that was.

use platform::db::{DbError, Tx};
use platform::reference::{self, Row};
use sqlx::Error;
use uuid::Uuid;

use super::acts::Version;
use super::{Keys, generation, row, store};
use crate::projection::store::holds::Changed;

/// What is to be told. Nothing of it is until [`Told::publish`].
#[derive(Debug, Default)]
pub struct Told {
    /// Rows of reference data.
    pub rows: Vec<Row>,
    /// Parts of holds that are told for the first time.
    pub parts: Vec<(Uuid, i32)>,
    /// Parts of holds that stand again: who has what was told before lacks this.
    again: Vec<(Uuid, i32)>,
    /// Packages that are free again.
    pub left: Vec<(Uuid, i64)>,
    /// Holds that are released.
    freed: Vec<Uuid>,
}

impl Told {
    /// Takes over what another is to tell.
    pub fn join(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.parts.extend(other.parts);
        self.again.extend(other.again);
        self.left.extend(other.left);
        self.freed.extend(other.freed);
    }

    /// A hold of a plant was placed, released, or stands again.
    ///
    /// # Errors
    /// The database.
    pub async fn changed(&mut self, tx: &mut Tx, hold: &Changed) -> Result<(), Error> {
        for part in 0..hold.parts.max(1) {
            let keys = match hold.stands {
                true => store::follow::keys_of_part(tx, hold.hold_id, part).await?,
                false => Keys::default(),
            };
            self.rows
                .push(Row { deleted: !hold.stands, ..row(hold.hold_id, part, &hold.reason, &keys, &[]) });
            if hold.stands {
                self.again.push((hold.hold_id, part));
            }
        }
        if !hold.stands {
            self.freed.push(hold.hold_id);
        }
        Ok(())
    }

    /// Tells it. Last in the transaction: it locks the tenant's counters.
    ///
    /// # Errors
    /// The database.
    pub async fn publish(self, tx: &mut Tx) -> Result<(), DbError> {
        let published = reference::publish_all(tx, self.rows).await?;
        let concerns = !(self.parts.is_empty()
            && self.again.is_empty()
            && self.left.is_empty()
            && self.freed.is_empty());
        if published.rows == 0 || !concerns {
            return Ok(());
        }
        let told = Version { generation: generation(tx).await?, version: published.version };
        store::parts_told(tx, &self.parts, told, false).await?;
        store::parts_told(tx, &self.again, told, true).await?;
        store::left_told(tx, &self.left, told).await?;
        for hold in self.freed {
            store::release_told(tx, hold, told).await?;
        }
        Ok(())
    }
}
