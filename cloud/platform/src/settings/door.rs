//! What every request of a tenant has to pass, and how its pages look: read often, so
//! it is kept for some seconds in each process.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::address;
use super::store;
use crate::ctx::Cx;
use crate::db::{Db, DbError, SystemTx};
use crate::web::Network;

/// How long it is good. Another process may have changed it meanwhile.
const GOOD_FOR: Duration = Duration::from_secs(5);
/// Tenants that are kept at most.
const MOST: usize = 10_000;

/// How a tenant's pages look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Brand {
    /// Changes with every change, for addresses that are cached.
    pub version: i32,
    /// It has a logo.
    pub logo: bool,
    /// It has colours.
    pub colours: bool,
}

/// The door of one tenant.
#[derive(Debug, Clone, Default)]
pub struct Door {
    networks: Vec<Network>,
    /// Its own look, if it has one.
    pub brand: Option<Brand>,
    /// What it has of the product, by name; none is everything.
    pub features: Vec<String>,
}

impl Door {
    /// Whether somebody from this address may come in; `None` is one that the server
    /// does not know.
    #[must_use]
    pub fn admits(&self, address: Option<IpAddr>) -> bool {
        address::admits(&self.networks, address)
    }
}

/// The doors of all tenants, as far as they were asked for lately.
#[derive(Debug, Default)]
pub struct Doors {
    kept: Mutex<HashMap<Uuid, (Instant, Arc<Door>)>>,
}

impl Doors {
    /// The door of a tenant.
    ///
    /// # Errors
    /// The database: who cannot be judged does not come in.
    pub async fn of(&self, db: &Db, tenant: Uuid) -> Result<Arc<Door>, DbError> {
        let kept = {
            let doors = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            doors.get(&tenant).filter(|(read, _)| read.elapsed() < GOOD_FOR).map(|(_, door)| Arc::clone(door))
        };
        if let Some(door) = kept {
            return Ok(door);
        }
        let look = async |tx: &mut crate::db::Tx| Ok::<_, DbError>(store::look(tx).await?);
        let found = db.tx(&Cx::system(tenant), look).await?;
        let has = async |system: &mut SystemTx| Ok::<_, DbError>(store::features(system, tenant).await?);
        let features = db.system_tx(has).await?;
        let door = Arc::new(match found {
            None => Door { features, ..Door::default() },
            Some(found) => Door {
                // What is kept was read before it was kept.
                networks: found.addresses.iter().filter_map(|text| text.parse().ok()).collect(),
                brand: Some(Brand { version: found.version, logo: found.logo, colours: found.colours })
                    .filter(|brand| brand.logo || brand.colours),
                features,
            },
        });
        let mut doors = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if doors.len() >= MOST {
            doors.retain(|_, (read, _)| read.elapsed() < GOOD_FOR);
        }
        doors.insert(tenant, (Instant::now(), Arc::clone(&door)));
        Ok(door)
    }

    /// It was changed: it is read anew.
    pub fn forget(&self, tenant: Uuid) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&tenant);
    }
}
