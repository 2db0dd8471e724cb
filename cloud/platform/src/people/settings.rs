//! What a person has set up: name, language, zone, how numbers and days are written,
//! theme, the plant in focus, and the page that follows signing in.

use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::error::PeopleError;
use super::{model, store};
use crate::audit::{self, Entry};
use crate::ctx::{Cx, Plants};
use crate::db::Db;
use crate::i18n::Lang;

/// A person's own settings, as they are kept and as a form sends them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// For people.
    pub name: String,
    /// Language code; empty: as the tenant.
    pub language: String,
    /// IANA name; empty: as the tenant.
    pub time_zone: String,
    /// `month`, `iso`, `slash`; empty: as usual.
    pub date_form: String,
    /// `indian`, `western`; empty: as usual.
    pub number_form: String,
    /// `light`, `dark`; empty: as the browser says.
    pub theme: String,
    /// The plant that lists and forms begin with; empty for all.
    pub plant: String,
    /// The page that follows signing in; empty for the first.
    pub landing: String,
    /// `off`: no key of one letter acts by itself; empty: some do.
    pub shortcuts: String,
}

impl Profile {
    /// The settings as they can be kept: what is not known becomes the usual, except what
    /// is typed. `seen` are the plants that the person can choose, `pages` those that may
    /// follow.
    fn clean(self, seen: &Plants, pages: &[&str]) -> Result<Self, PeopleError> {
        let one_of = |given: String, known: &[&str]| {
            if known.contains(&given.as_str()) { given } else { String::new() }
        };
        Ok(Self {
            name: model::name(&self.name).ok_or(PeopleError::Name)?,
            language: Lang::parse(&self.language).map(Lang::code).unwrap_or_default().to_owned(),
            time_zone: match self.time_zone.trim() {
                "" => String::new(),
                typed => typed.parse::<Tz>().map_err(|_| PeopleError::TimeZone)?.name().to_owned(),
            },
            date_form: one_of(self.date_form, &["month", "iso", "slash"]),
            number_form: one_of(self.number_form, &["indian", "western"]),
            theme: one_of(self.theme, &["light", "dark"]),
            plant: if seen.has(&self.plant) { self.plant } else { String::new() },
            landing: one_of(self.landing, pages),
            shortcuts: one_of(self.shortcuts, &["off"]),
        })
    }
}

/// The person's own settings.
///
/// # Errors
/// [`PeopleError::NotFound`].
pub(super) async fn profile(db: &Db, cx: &Cx, user: Uuid) -> Result<Profile, PeopleError> {
    db.tx(cx, async |tx| store::profile(tx, user).await?.ok_or(PeopleError::NotFound)).await
}

/// Changes the person's own settings. `pages` are those that may follow signing in.
///
/// # Errors
/// When the name or the time zone is not right. Another value that is not known is the usual one.
pub(super) async fn change(
    db: &Db,
    cx: &Cx,
    user: Uuid,
    pages: &[&str],
    change: impl Fn(&mut Profile),
) -> Result<Profile, PeopleError> {
    db.tx(cx, async |tx| {
        let before = store::profile(tx, user).await?.ok_or(PeopleError::NotFound)?;
        let mut after = before.clone();
        change(&mut after);
        let plants = match tx.plants() {
            Plants::All => Plants::some(store::plants(tx, Lang::En).await?.into_iter().map(|(code, _)| code)),
            some => some.clone(),
        };
        let after = after.clean(&plants, pages)?;
        if after == before {
            return Ok(after);
        }
        store::profile_set(tx, user, &after).await?;
        // The name is the person's; that it changed is enough.
        let told = |kept: &Profile| {
            json!({
                "language": kept.language, "time_zone": kept.time_zone, "date_form": kept.date_form,
                "number_form": kept.number_form, "theme": kept.theme, "plant": kept.plant,
                "landing": kept.landing, "shortcuts": kept.shortcuts,
            })
        };
        let entry = Entry {
            action: "user.profile",
            subject: &format!("user:{user}"),
            before: Some(told(&before)),
            after: Some(told(&after)),
        };
        audit::record(tx, entry).await?;
        Ok(after)
    })
    .await
}

/// Has a person's mails and pages come in this language from now on.
///
/// # Errors
/// As [`change`].
pub(crate) async fn speak(db: &Db, cx: &Cx, user: Uuid, language: Lang) -> Result<(), PeopleError> {
    let kept = profile(db, cx, user).await?;
    if kept.language == language.code() {
        return Ok(());
    }
    // Nothing else of it is another.
    let pages = [kept.landing.as_str()];
    let chosen = |profile: &mut Profile| language.code().clone_into(&mut profile.language);
    change(db, cx, user, &pages, chosen).await.map(|_| ())
}

/// What a browser is, in a few words: `Firefox, Windows`. Browsers say many things
/// about themselves; the most telling words come first here.
#[must_use]
pub(super) fn device(browser: &str) -> String {
    known_device(browser).unwrap_or_else(|| browser.chars().take(40).collect())
}

/// The same in words of ours alone: what goes into the audit stays there, and a browser may
/// say anything about itself, its owner's name too. `None` of one that nobody knows.
#[must_use]
pub(super) fn known_device(browser: &str) -> Option<String> {
    let find = |known: &[(&'static str, &'static str)]| {
        known.iter().find(|(word, _)| browser.contains(word)).map(|(_, name)| *name)
    };
    let program = find(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = find(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    let known: Vec<&str> = program.into_iter().chain(system).collect();
    (!known.is_empty()).then(|| known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_becomes_the_usual() {
        let given = Profile {
            name: " Ananya ".into(),
            language: "hi".into(),
            time_zone: " ".into(),
            date_form: "iso".into(),
            number_form: "roman".into(),
            theme: "dark".into(),
            plant: "VSK".into(),
            landing: "https://evil.example".into(),
            shortcuts: "sometimes".into(),
        };
        let kept = given.clone().clean(&Plants::some(["KOL"]), &["/holds"]).unwrap();
        let expected = Profile {
            name: "Ananya".into(),
            language: "hi".into(),
            date_form: "iso".into(),
            theme: "dark".into(),
            ..Profile::default()
        };
        assert_eq!(kept, expected);
        let kept = Profile {
            landing: "/holds".into(),
            plant: "KOL".into(),
            shortcuts: "off".into(),
            ..given.clone()
        };
        let kept = kept.clean(&Plants::some(["KOL"]), &["/holds"]).unwrap();
        assert_eq!((kept.landing.as_str(), kept.plant.as_str()), ("/holds", "KOL"));
        assert_eq!(kept.shortcuts, "off");
        assert!(Profile { name: String::new(), ..given.clone() }.clean(&Plants::All, &[]).is_err());
        // It is typed, so a mistake is told rather than dropped.
        let zone = |zone: &str| Profile { time_zone: zone.into(), ..given.clone() }.clean(&Plants::All, &[]);
        assert!(matches!(zone("Mars/Phobos"), Err(PeopleError::TimeZone)));
        assert_eq!(zone(" Asia/Kolkata ").unwrap().time_zone, "Asia/Kolkata");
    }

    #[test]
    fn a_browser_is_told_in_a_few_words() {
        let chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";
        assert_eq!(device(chrome), "Chrome, Windows");
        assert_eq!(device(&format!("{chrome} Edg/131.0")), "Edge, Windows");
        assert_eq!(
            device("Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0"),
            "Firefox, Android"
        );
        assert_eq!(
            device("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Safari/604.1"),
            "Safari, iPhone"
        );
        assert_eq!((device("tests"), device("")), ("tests".into(), String::new()));
    }
}
