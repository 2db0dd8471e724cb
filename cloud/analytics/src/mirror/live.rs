//! Tells the pages of this process that a mirror has taken something in: whose, and of which
//! plants. What is new they ask for then.

use std::collections::BTreeSet;
use std::sync::Arc;

use platform::ctx::Plants;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender, channel};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{MirrorError, Mirrors};

/// What somebody may fall behind before they are told only that they did.
const BEHIND: usize = 256;

/// A mirror has taken something in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    tenant: Uuid,
    /// Plants that recorded it; `None`: any of them.
    plants: Option<Arc<BTreeSet<String>>>,
}

impl Told {
    pub(super) fn all(tenant: Uuid) -> Self {
        Self { tenant, plants: None }
    }

    pub(super) fn of<'a>(tenant: Uuid, plants: impl Iterator<Item = &'a str>) -> Self {
        let plants: BTreeSet<&str> = plants.collect();
        Self { tenant, plants: Some(Arc::new(plants.into_iter().map(str::to_owned).collect())) }
    }

    fn is_for(&self, tenant: Uuid, own: &Plants) -> bool {
        let theirs = || self.plants.as_ref().is_none_or(|plants| plants.iter().any(|plant| own.has(plant)));
        self.tenant == tenant && theirs()
    }
}

/// Of a process.
pub(super) struct Live {
    told: Sender<Told>,
    ended: CancellationToken,
}

impl Default for Live {
    fn default() -> Self {
        Self { told: channel(BEHIND).0, ended: CancellationToken::new() }
    }
}

impl Live {
    pub fn tell(&self, told: Told) {
        // Nobody may listen now.
        let _ = self.told.send(told);
    }

    /// Nothing more is told.
    pub fn end(&self) {
        self.ended.cancel();
    }
}

/// Hears what is new at some plants of a tenant.
pub struct Heard {
    told: Receiver<Told>,
    ended: CancellationToken,
    tenant: Uuid,
    plants: Plants,
}

impl Heard {
    /// Waits until there is something new; `false`: there never will be.
    pub async fn next(&mut self) -> bool {
        let ended = self.ended.clone();
        let told = async {
            loop {
                match self.told.recv().await {
                    Ok(told) if told.is_for(self.tenant, &self.plants) => return true,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => return true,
                    Err(RecvError::Closed) => return false,
                }
            }
        };
        tokio::select! {
            biased;
            () = ended.cancelled() => false,
            told = told => told,
        }
    }

    /// Waits for something else; `None` when nothing more will be told.
    pub async fn unless_ended<T>(&self, other: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.ended.cancelled() => None,
            done = other => Some(done),
        }
    }

    /// Passes over what was told meanwhile.
    pub fn pass_over(&mut self) {
        self.told = self.told.resubscribe();
    }
}

impl Mirrors {
    /// Hears from now on what is taken in of these plants of a tenant.
    ///
    /// # Errors
    /// [`MirrorError::Elsewhere`] where this process keeps no mirrors.
    pub fn hear(&self, tenant: Uuid, plants: Plants) -> Result<Heard, MirrorError> {
        let live = &self.inner()?.live;
        Ok(Heard { told: live.told.subscribe(), ended: live.ended.clone(), tenant, plants })
    }
}

#[cfg(test)]
impl Mirrors {
    /// Tells as a step does.
    pub(crate) fn tell_live(&self, tenant: Uuid, plants: &[&str]) {
        self.inner().unwrap().live.tell(Told::of(tenant, plants.iter().copied()));
    }

    /// Ends as the worker does.
    pub(crate) fn end_live(&self) {
        self.inner().unwrap().live.end();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn one_hears_of_ones_own_plants_alone() {
        let [tenant, other] = [1, 2].map(Uuid::from_u128);
        let told = Told::of(tenant, ["KOL", "VSK", "KOL"].into_iter());
        let own = |plants: &[&str]| Plants::some(plants.iter().copied());
        assert!(told.is_for(tenant, &Plants::All) && told.is_for(tenant, &own(&["VSK"])));
        assert!(!told.is_for(tenant, &own(&["HYD"])) && !told.is_for(other, &Plants::All));
        assert!(
            Told::all(tenant).is_for(tenant, &own(&["HYD"]))
                && !Told::all(tenant).is_for(other, &Plants::All)
        );
    }

    #[test]
    fn who_listens_wakes_for_no_other_tenant() {
        let [tenant, other] = [1, 2].map(Uuid::from_u128);
        let live = Live::default();
        let (told, ended) = (live.told.subscribe(), live.ended.clone());
        let mut heard = Heard { told, ended, tenant, plants: Plants::some(["KOL"]) };
        live.tell(Told::all(other));
        live.tell(Told::of(other, ["KOL"].into_iter()));
        live.tell(Told::of(tenant, ["VSK"].into_iter()));
        assert_eq!(heard.next().now_or_never(), None, "nothing is said on another's behalf");
        live.tell(Told::of(tenant, ["KOL"].into_iter()));
        assert_eq!(heard.next().now_or_never(), Some(true));
    }
}
