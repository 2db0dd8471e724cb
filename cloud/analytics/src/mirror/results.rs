//! What came of checks and exports of a mirror, as it is kept beside the file.

use std::sync::atomic::Ordering;

use uuid::Uuid;

use super::asking::{self, During};
use super::{MirrorError, Mirrors, check};

impl Mirrors {
    /// Keeps what a check found, beside the file.
    pub(super) fn checked(&self, tenant: Uuid, checked: &check::Checked) -> Result<(), MirrorError> {
        let inner = self.inner()?;
        inner.counts.checked.fetch_add(1, Ordering::Relaxed);
        let path = inner.settings.checked(tenant);
        let new = path.with_extension("checking");
        std::fs::write(&new, serde_json::to_vec(checked).map_err(std::io::Error::from)?)?;
        std::fs::rename(new, path)?;
        self.slot(tenant)?.know(|known| known.checked = Some(checked.clone()));
        self.came_to_end(tenant, During::Check)
    }

    /// The last check of a tenant's mirror, by whatever process that keeps this folder.
    #[must_use]
    pub fn last_check(&self, tenant: Uuid) -> Option<check::Checked> {
        let slot = self.slot(tenant).ok()?;
        if let Some(checked) = slot.know(|known| known.checked.clone()) {
            return Some(checked);
        }
        let found = check::last(self.settings().ok()?, tenant);
        slot.know(|known| known.checked.clone_from(&found));
        found
    }

    /// A check or an export came to its end, so that what ended the process before was no loop.
    pub(super) fn came_to_end(&self, tenant: Uuid, during: During) -> Result<(), MirrorError> {
        Ok(asking::came_to_end(&self.inner()?.settings, tenant, during)?)
    }
}
