//! What a caller may do.

/// One kind of access; a higher one includes the lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// See.
    Read,
    /// Change: place holds, open recalls.
    Write,
    /// Administer: keys, plants, users.
    Admin,
}

impl Scope {
    /// All of them, lowest first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// The name, as stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// The scope of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// What a key may do: the highest scope it was given, and all below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(Option<Scope>);

impl Scopes {
    /// Of a list of scopes.
    #[must_use]
    pub fn of(scopes: &[Scope]) -> Self {
        Self(scopes.iter().copied().max())
    }

    /// Of stored names; a name that is not known grants nothing.
    #[must_use]
    pub fn parse(names: &[String]) -> Self {
        Self(names.iter().filter_map(|name| Scope::parse(name)).max())
    }

    /// Whether `scope` is among them.
    #[must_use]
    pub fn has(self, scope: Scope) -> bool {
        self.0 >= Some(scope)
    }

    /// The names, as stored.
    #[must_use]
    pub fn names(self) -> Vec<String> {
        Scope::ALL.into_iter().filter(|scope| self.has(*scope)).map(|scope| scope.name().to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_includes_lower() {
        assert!(Scopes::of(&[Scope::Write]).has(Scope::Read));
        assert!(!Scopes::of(&[Scope::Write]).has(Scope::Admin));
        assert!(!Scopes::parse(&["nonsense".to_owned()]).has(Scope::Read));
        assert_eq!(Scopes::of(&[Scope::Write]).names(), ["read", "write"]);
    }
}
