//! Who acts, for which tenant, and from where: the one value that every
//! command and query carries.

use uuid::Uuid;

/// The caller's context. Made once per request, stream or job, by the part
/// that proved who it is; never from anything that the caller says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cx {
    /// The tenant whose rows this caller can see.
    pub tenant: Uuid,
    /// An opaque id of who acts: `key:…`, `agent:…`, `operator:…`, `system`.
    pub actor: String,
    /// Where the act came from (request id, address), for the audit.
    pub origin: Option<String>,
}

impl Cx {
    /// A context of `tenant` for `actor`, from nowhere in particular.
    #[must_use]
    pub fn new(tenant: Uuid, actor: impl Into<String>) -> Self {
        Self { tenant, actor: actor.into(), origin: None }
    }

    /// The cloud itself acts: workers, seeding, migration of data.
    #[must_use]
    pub fn system(tenant: Uuid) -> Self {
        Self::new(tenant, "system")
    }
}
