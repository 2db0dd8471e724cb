//! A tenant's own mail server is tried when it is saved: a wrong one would keep all mail
//! waiting, and nobody would be told. What was saved stays, whatever comes of it.

use chrono::{DateTime, Utc};

use super::mail::opened;
use super::store::Smtp;
use crate::db::{DbError, SystemTx};
use crate::i18n::{Texts, Value};
use crate::notify::{self, Stop, Trouble};
use crate::people::{Counted, count_try, try_succeeded};
use crate::web::{AppState, Caller, Problem, minutes_to};

/// What came of trying the server that was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trial {
    /// It answered, and took name and password where there are such.
    Answered,
    /// It would take no mail.
    Failed(Trouble),
    /// It was not tried, since too many were of late: for so many minutes none is.
    Wait(i64),
}

/// What is amiss with a server, in the reader's language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Amiss {
    /// What happened, and what to try.
    pub told: String,
    /// What came back, in the words of the server; empty where nothing did.
    pub said: String,
    /// Mail waits until it is put right.
    pub waits: bool,
}

impl Trial {
    /// How it ended, as programs read it.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed(trouble) => trouble.stop.name(),
            Self::Wait(_) => "not_tried",
        }
    }

    /// What is amiss; `None` where it answered.
    pub(super) fn amiss(&self, texts: &Texts, smtp: &Smtp) -> Option<Amiss> {
        match self {
            Self::Answered => None,
            Self::Failed(Trouble { stop, said }) => {
                let at = [
                    ("host", Value::from(smtp.smtp_host.as_str())),
                    // A port is a name, not a quantity.
                    ("port", Value::from(smtp.smtp_port.to_string())),
                ];
                let told = texts.with(text_key(*stop, &smtp.smtp_security), &at);
                Some(Amiss { told, said: said.clone(), waits: true })
            }
            Self::Wait(minutes) => {
                let told = texts.count("signin-wait", *minutes);
                let told = format!("{} {told}", texts.t("settings-trial-not"));
                Some(Amiss { told, said: String::new(), waits: false })
            }
        }
    }
}

/// The text of a stop. Where a server is silent, or speaks another kind of encryption, the
/// other setting is what to try.
fn text_key(stop: Stop, security: &str) -> &'static str {
    let begins_plain = security == "starttls";
    match stop {
        Stop::Name => "settings-trial-name",
        Stop::Private => "settings-trial-private",
        Stop::Silent if begins_plain => "settings-trial-silent-starttls",
        Stop::Silent => "settings-trial-silent",
        Stop::Encryption if begins_plain => "settings-trial-encryption-starttls",
        Stop::Encryption => "settings-trial-encryption",
        Stop::SignIn => "settings-trial-sign-in",
        Stop::Refused => "settings-trial-refused",
    }
}

/// Tries the server that was just saved; `None` when the tenant has none of its own.
pub(super) async fn of_saved(
    state: &AppState,
    caller: &Caller,
    smtp: &Smtp,
) -> Result<Option<Trial>, Problem> {
    if smtp.smtp_host.is_empty() {
        return Ok(None);
    }
    let counted_as = format!("mail trial {}", caller.cx.tenant);
    let counted = Counted::Account(&counted_as);
    if let Some(minutes) = must_wait(state, &counted, Utc::now()).await? {
        return Ok(Some(Trial::Wait(minutes)));
    }
    let server = match opened(caller.cx.tenant, &state.secrets, smtp) {
        Ok(server) => server,
        // A password that was kept from before does not open any more.
        Err(failure) => {
            let said = failure.text().to_owned();
            return Ok(Some(Trial::Failed(Trouble { stop: Stop::SignIn, said })));
        }
    };
    Ok(Some(match notify::tried(&server, state.private_webhooks).await {
        Ok(()) => {
            was_good(state, &counted).await?;
            Trial::Answered
        }
        Err(trouble) => Trial::Failed(trouble),
    }))
}

/// Counts a try; answers for how many minutes none may be made. Servers of others are not
/// to be tried at will.
pub(super) async fn must_wait(
    state: &AppState,
    counted: &Counted<'_>,
    now: DateTime<Utc>,
) -> Result<Option<i64>, Problem> {
    let until = state.db.system_tx(async |system| count_try(system, counted, now).await).await?;
    Ok(until.map(|until| minutes_to(until, now)))
}

/// A try was good, and counts no more.
pub(super) async fn was_good(state: &AppState, counted: &Counted<'_>) -> Result<(), Problem> {
    let subject = counted.subject();
    let forget = async |system: &mut SystemTx| Ok::<_, DbError>(try_succeeded(system, &subject, None).await?);
    state.db.system_tx(forget).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::{I18n, Lang};

    #[test]
    fn what_is_amiss_is_said_in_every_language_with_what_to_try() {
        let i18n = std::sync::Arc::new(I18n::new().with_all(super::super::TEXTS));
        let smtp = |security: &str| Smtp {
            smtp_host: "mail.saif.example".to_owned(),
            smtp_port: 2525,
            smtp_security: security.to_owned(),
            ..Smtp::default()
        };
        for lang in Lang::ALL {
            let texts = Texts::new(std::sync::Arc::clone(&i18n), lang);
            let mut told = Vec::new();
            for stop in Stop::ALL {
                for security in ["tls", "starttls"] {
                    let trial = Trial::Failed(Trouble { stop, said: "554 no".to_owned() });
                    let amiss = trial.amiss(&texts, &smtp(security)).unwrap();
                    assert!(!amiss.told.starts_with("settings-"), "{lang:?} {stop:?}: {}", amiss.told);
                    assert_eq!((amiss.said.as_str(), amiss.waits), ("554 no", true));
                    told.push(amiss.told);
                }
            }
            told.dedup();
            // Two of them say another thing for each kind of encryption.
            assert_eq!(told.len(), Stop::ALL.len() + 2, "{lang:?}: {told:?}");
        }
        assert_eq!(Trial::Answered.amiss(&Texts::new(i18n, Lang::En), &smtp("tls")), None);
    }
}
