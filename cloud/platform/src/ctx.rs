//! Who acts, for which tenant, at which plants, and from where: the one value
//! that every command and query carries.

use std::collections::BTreeSet;
use std::sync::Arc;

use uuid::Uuid;

tokio::task_local! {
    /// Where the request at hand came from.
    static ORIGIN: String;
}

/// Does some work as part of a request that came from there: every context that is made
/// on the way says so, and with it every row of an audit, whoever writes it.
pub async fn coming_from<F: Future>(origin: String, work: F) -> F::Output {
    ORIGIN.scope(origin, work).await
}

/// Where the request at hand came from; none outside of one.
#[must_use]
pub fn origin() -> Option<String> {
    ORIGIN.try_with(Clone::clone).ok()
}

/// All plants of the tenant, or some, by code.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Plants {
    /// Each one, and what belongs to none.
    #[default]
    All,
    /// These and no others; there may be none.
    Some(Arc<BTreeSet<String>>),
}

impl Plants {
    /// These plants.
    #[must_use]
    pub fn some(codes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::Some(Arc::new(codes.into_iter().map(Into::into).collect()))
    }

    /// No plant at all.
    #[must_use]
    pub fn none() -> Self {
        Self::some(Vec::<String>::new())
    }

    /// As a column keeps them, where null stands for all.
    #[must_use]
    pub fn stored(codes: Option<Vec<String>>) -> Self {
        codes.map_or(Self::All, Self::some)
    }

    /// Whether each plant is among them.
    #[must_use]
    pub fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    /// Whether there is no plant among them.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::Some(codes) if codes.is_empty())
    }

    /// Whether the plant is among them. No plant (an empty code) is only among all.
    #[must_use]
    pub fn has(&self, plant: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(codes) => codes.contains(plant),
        }
    }

    /// Those of both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Some(one), Self::Some(other)) => Self::some(one.union(&other).cloned()),
            _ => Self::All,
        }
    }

    /// Whether some plant is among both.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Some(one), Self::Some(other)) => !one.is_disjoint(other),
            (one, other) => !one.is_none() && !other.is_none(),
        }
    }

    /// For SQL, `($1::text[] is null or plant = any($1))`: the codes, or none for all.
    #[must_use]
    pub fn codes(&self) -> Option<Vec<String>> {
        match self {
            Self::All => None,
            Self::Some(codes) => Some(codes.iter().cloned().collect()),
        }
    }

    /// As the transaction's setting `app.plants` holds them: empty for all, `-`
    /// for none.
    pub(crate) fn setting(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Some(codes) if codes.is_empty() => "-".to_owned(),
            Self::Some(codes) => codes.iter().map(String::as_str).collect::<Vec<_>>().join(","),
        }
    }
}

/// The caller's context. Made once per request, stream or job, by the part
/// that proved who it is; never from anything that the caller says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cx {
    /// The tenant whose rows this caller can see.
    pub tenant: Uuid,
    /// An opaque id of who acts: `key:…`, `agent:…`, `operator:…`, `system`.
    pub actor: String,
    /// Where the act came from, for the audit: `<address> <request id>`.
    pub origin: Option<String>,
    /// The plants whose rows this caller can see, in tables that belong to one.
    pub plants: Plants,
}

impl Cx {
    /// A context of `tenant` for `actor`, at all plants, from where the request at hand
    /// came, if there is one.
    #[must_use]
    pub fn new(tenant: Uuid, actor: impl Into<String>) -> Self {
        Self { tenant, actor: actor.into(), origin: origin(), plants: Plants::All }
    }

    /// The cloud itself acts: workers, seeding, migration of data.
    #[must_use]
    pub fn system(tenant: Uuid) -> Self {
        Self::new(tenant, "system")
    }

    /// The same, at these plants only.
    #[must_use]
    pub fn at(&self, plants: Plants) -> Self {
        Self { plants, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_plants_are_not_all() {
        let kol = Plants::some(["KOL"]);
        assert!(kol.has("KOL") && !kol.has("VSK") && !kol.has("") && !kol.is_all());
        assert!(Plants::All.has("VSK") && Plants::All.has(""));
        assert_eq!(kol.clone().and(Plants::some(["VSK"])).codes(), Some(vec!["KOL".into(), "VSK".into()]));
        assert!(kol.clone().and(Plants::All).is_all());
        assert_eq!((Plants::All.setting(), Plants::none().setting()), (String::new(), "-".into()));
        assert!(Plants::stored(None).is_all() && Plants::stored(Some(vec![])).is_none());
    }

    #[tokio::test]
    async fn what_is_made_within_a_request_says_where_that_came_from() {
        let cx = coming_from("192.0.2.7 request".into(), async { Cx::system(Uuid::nil()) }).await;
        assert_eq!(cx.origin.as_deref(), Some("192.0.2.7 request"));
        assert_eq!(Cx::system(Uuid::nil()).origin, None);
    }
}
