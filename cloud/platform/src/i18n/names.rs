//! What something is called in several languages, beside the plain name that it has.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use utoipa::ToSchema;

use super::Lang;

/// Longest name in one language, where nothing else is said.
pub const LONGEST_NAME: usize = 120;

/// A name by language. Who reads another language than those that it is said in sees the
/// plain name that stands beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = NamesByLanguage)]
pub struct Names {
    /// In English.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 120)]
    en: Option<String>,
    /// In Hindi.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 120)]
    hi: Option<String>,
    /// In Bengali.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 120)]
    bn: Option<String>,
    /// In Telugu.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 120)]
    te: Option<String>,
}

impl Names {
    /// The name in this language, if there is one.
    #[must_use]
    pub fn of(&self, lang: Lang) -> Option<&str> {
        match lang {
            Lang::En => self.en.as_deref(),
            Lang::Hi => self.hi.as_deref(),
            Lang::Bn => self.bn.as_deref(),
            Lang::Te => self.te.as_deref(),
        }
    }

    /// The name for a reader of this language, else the plain one.
    #[must_use]
    pub fn say<'a>(&'a self, lang: Lang, plain: &'a str) -> &'a str {
        self.of(lang).unwrap_or(plain)
    }

    /// The name in this language, else in any.
    #[must_use]
    pub fn any(&self, wanted: Lang) -> Option<&str> {
        self.of(wanted).or_else(|| Lang::ALL.into_iter().find_map(|lang| self.of(lang)))
    }

    /// Each name with its language.
    pub fn each(&self) -> impl Iterator<Item = (Lang, &str)> {
        Lang::ALL.into_iter().filter_map(|lang| Some((lang, self.of(lang)?)))
    }

    /// Whether it is said in no language.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.each().next().is_none()
    }

    /// The names as they are kept: trimmed, and none where nothing was said.
    ///
    /// # Errors
    /// The language whose name is longer than `longest`, or has control characters.
    pub fn checked(&self, longest: usize) -> Result<Self, Lang> {
        let mut kept = Self::default();
        for (lang, name) in self.each() {
            let name = name.trim();
            if name.chars().count() > longest || name.chars().any(char::is_control) {
                return Err(lang);
            }
            if !name.is_empty() {
                kept.set(lang, name.to_owned());
            }
        }
        Ok(kept)
    }

    /// As it is stored.
    #[must_use]
    pub fn json(&self) -> Json {
        self.each().map(|(lang, name)| (lang.code().to_owned(), name.into())).collect::<Map<_, _>>().into()
    }

    fn set(&mut self, lang: Lang, name: String) {
        let place = match lang {
            Lang::En => &mut self.en,
            Lang::Hi => &mut self.hi,
            Lang::Bn => &mut self.bn,
            Lang::Te => &mut self.te,
        };
        *place = Some(name);
    }
}

impl FromIterator<(Lang, String)> for Names {
    fn from_iter<I: IntoIterator<Item = (Lang, String)>>(names: I) -> Self {
        let mut all = Self::default();
        names.into_iter().for_each(|(lang, name)| all.set(lang, name));
        all
    }
}

/// Of what is stored: what is no name in a language of ours is passed over.
impl From<&Map<String, Json>> for Names {
    fn from(stored: &Map<String, Json>) -> Self {
        let name = |lang: Lang| Some((lang, stored.get(lang.code())?.as_str()?.to_owned()));
        Lang::ALL.into_iter().filter_map(name).collect()
    }
}

/// As a row of the database has it.
impl From<Json> for Names {
    fn from(stored: Json) -> Self {
        stored.as_object().map(Self::from).unwrap_or_default()
    }
}

/// Names as a form sends them (`names.te`), of which those left empty are none.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct TypedNames {
    #[serde(rename = "names.en")]
    en: String,
    #[serde(rename = "names.hi")]
    hi: String,
    #[serde(rename = "names.bn")]
    bn: String,
    #[serde(rename = "names.te")]
    te: String,
}

impl From<TypedNames> for Names {
    fn from(typed: TypedNames) -> Self {
        let TypedNames { en, hi, bn, te } = typed;
        let all = [(Lang::En, en), (Lang::Hi, hi), (Lang::Bn, bn), (Lang::Te, te)];
        all.into_iter().filter(|(_, name)| !name.trim().is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_reader_sees_the_own_language_else_the_plain_name() {
        let names = Names::from(json!({ "te": "ఖాతాలు", "hi": "लेखा", "fr": "Comptes", "bn": 5 }));
        assert_eq!(names.say(Lang::Te, "Accounts"), "ఖాతాలు");
        assert_eq!(names.say(Lang::Bn, "Accounts"), "Accounts");
        assert_eq!((names.any(Lang::En), names.any(Lang::Te)), (Some("लेखा"), Some("ఖాతాలు")));
        assert_eq!(names.json(), json!({ "te": "ఖాతాలు", "hi": "लेखा" }));
        assert_eq!(serde_json::to_value(&names).unwrap(), names.json());
        assert!(Names::default().is_empty() && Names::from(Json::Null).is_empty() && !names.is_empty());
    }

    #[test]
    fn what_is_kept_is_bounded_and_of_known_languages() {
        fn read(json: Json) -> Result<Names, serde_json::Error> {
            serde_json::from_value(json)
        }
        assert!(read(json!({ "fr": "Comptes" })).is_err());
        let names = read(json!({ "te": " ఖాతాలు ", "hi": "  " })).unwrap();
        assert_eq!(names.checked(6).unwrap().json(), json!({ "te": "ఖాతాలు" }));
        assert_eq!(names.checked(5), Err(Lang::Te));
        assert_eq!(read(json!({ "bn": "a\nb" })).unwrap().checked(9), Err(Lang::Bn));
    }
}
