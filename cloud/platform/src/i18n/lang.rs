//! The languages of the product.

/// A language that every text exists in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Lang {
    /// English; what is shown when nothing else is asked for.
    #[default]
    En,
    /// Hindi.
    Hi,
    /// Bengali.
    Bn,
    /// Telugu.
    Te,
}

impl Lang {
    /// All of them, in the order they are offered.
    pub const ALL: [Self; 4] = [Self::En, Self::Hi, Self::Bn, Self::Te];

    /// The code, as in `<html lang>` and in the tenants table.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Hi => "hi",
            Self::Bn => "bn",
            Self::Te => "te",
        }
    }

    /// The language's name in itself.
    #[must_use]
    pub fn own_name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Hi => "हिन्दी",
            Self::Bn => "বাংলা",
            Self::Te => "తెలుగు",
        }
    }

    /// Whether some of a text is written as this language is. What is in Latin letters alone
    /// is English to us.
    #[must_use]
    pub fn reads(self, text: &str) -> bool {
        let script = match self {
            Self::En => return true,
            Self::Hi => '\u{900}'..='\u{97f}',
            Self::Bn => '\u{980}'..='\u{9ff}',
            Self::Te => '\u{c00}'..='\u{c7f}',
        };
        text.chars().any(|letter| script.contains(&letter))
    }

    /// The language of a tag such as `hi` or `hi-IN`.
    #[must_use]
    pub fn parse(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|lang| lang.code().eq_ignore_ascii_case(primary))
    }

    /// The best of ours for an `Accept-Language` header.
    #[must_use]
    pub fn negotiate(header: &str) -> Option<Self> {
        let mut wanted: Vec<(f32, Self)> = header
            .split(',')
            .filter_map(|part| {
                let (tag, rest) = part.split_once(';').unwrap_or((part, ""));
                let weight = rest.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.parse().ok())?;
                Some((weight, Self::parse(tag)?))
            })
            .filter(|(weight, _)| *weight > 0.0)
            .collect();
        // Stable: of two alike, the one named first.
        wanted.sort_by(|a, b| b.0.total_cmp(&a.0));
        wanted.first().map(|(_, lang)| *lang)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_of_the_language_whose_letters_it_has() {
        for lang in Lang::ALL {
            let read: Vec<Lang> = Lang::ALL.into_iter().filter(|by| by.reads(lang.own_name())).collect();
            assert_eq!(read.iter().filter(|by| **by != Lang::En).count(), usize::from(lang != Lang::En));
            assert!(read.contains(&lang) && lang.reads(lang.own_name()));
        }
        assert!(!Lang::Te.reads("missing field `version` at line 1"));
    }

    #[test]
    fn negotiates() {
        assert_eq!(Lang::negotiate("fr, te-IN;q=0.5, hi;q=0.8, en;q=0.1"), Some(Lang::Hi));
        assert_eq!(Lang::negotiate("bn, hi"), Some(Lang::Bn));
        assert_eq!(Lang::negotiate("fr, en;q=0"), None);
    }
}
