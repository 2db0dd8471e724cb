//! The side navigation: its headings, its entries, and who sees which.

use super::keys::Bearer;
use super::{Caller, Permission};

/// A heading of the side navigation. What has one heading stands together, where the
/// first of it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NavGroup {
    /// Units and what happens to them.
    Trace,
    /// Dashboards.
    Figures,
    /// What waits for people.
    Work,
    /// What administrators set up.
    Setup,
}

impl NavGroup {
    /// All that there are.
    pub const ALL: [Self; 4] = [Self::Trace, Self::Figures, Self::Work, Self::Setup];

    /// The key of its text; a page names it so too.
    #[must_use]
    pub const fn text_key(self) -> &'static str {
        match self {
            Self::Trace => "nav-group-trace",
            Self::Figures => "nav-group-figures",
            Self::Work => "nav-group-work",
            Self::Setup => "nav-group-setup",
        }
    }
}

/// Who may open the page behind an entry, and so sees the entry.
#[derive(Debug, Clone, Copy)]
pub enum Seen {
    /// Whoever has this permission.
    With(Permission),
    /// People who have it: an access key has what the page needs not, an account.
    ByPeople(Permission),
}

/// One entry of the side navigation.
#[derive(Debug, Clone, Copy)]
pub struct NavItem {
    /// The heading that it stands under.
    pub group: NavGroup,
    /// Where it leads; a page is under the entry whose `href` it was given as
    /// `active`.
    pub href: &'static str,
    /// The key of its text.
    pub label_key: &'static str,
    /// The name of an icon, see `web::icon`.
    pub icon: &'static str,
    /// Who sees it.
    pub seen: Seen,
}

impl NavItem {
    /// Whether the caller sees it, as they may open what it leads to.
    #[must_use]
    pub fn is_for(&self, caller: &Caller) -> bool {
        if caller.without.page(self.href) {
            return false;
        }
        match &self.seen {
            Seen::With(permission) => caller.may(permission),
            Seen::ByPeople(permission) => {
                matches!(caller.bearer, Bearer::Person(_)) && caller.may(permission)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::i18n::{I18n, Lang, Texts};

    #[test]
    fn every_heading_has_a_text_in_every_language() {
        let i18n = Arc::new(I18n::new());
        let said = |lang, group: NavGroup| Texts::new(Arc::clone(&i18n), lang).t(group.text_key());
        for group in NavGroup::ALL {
            let english = said(Lang::En, group);
            assert_ne!(english, group.text_key(), "it has no text");
            for lang in Lang::ALL.into_iter().filter(|lang| *lang != Lang::En) {
                assert_ne!(said(lang, group), english, "{group:?} has no text in {lang:?}");
            }
        }
        let keys: std::collections::BTreeSet<_> = NavGroup::ALL.map(NavGroup::text_key).into();
        assert_eq!(keys.len(), NavGroup::ALL.len());
    }
}
