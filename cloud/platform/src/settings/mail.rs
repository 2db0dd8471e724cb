//! A tenant's own mail server: the way to it, its page, and the button that tries it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::Utc;
use serde::Deserialize;
use uuid::Uuid;

use super::TENANT_MANAGE;
use super::pages::{Tab, say, tabs};
use super::service::{self, SMTP_FIELD, TypedSmtp};
use super::store::{self, Smtp};
use super::trial::{self, Amiss, Trial};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::i18n::{Texts, plain_number};
use crate::notify::{self, Mailer, Server};
use crate::outbox::Failure;
use crate::people::{By, Counted};
use crate::secrets::Secrets;
use crate::web::fields::{Fields, Input};
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Done, Problem, Shell, form, query, status_of};

/// How long the way to a server is kept, before its name is looked up again.
const GOOD_FOR: Duration = Duration::from_secs(600);
/// Ways that are kept at most.
const MOST: usize = 500;
/// With what the page is asked for after the server was saved, and answered.
const ANSWERED: &str = "answered";

/// A way to a tenant's own server.
pub type Own = Option<Mailer>;

/// What came of trying a server.
pub type TestedMail = Result<(), String>;

/// The ways to tenants' own mail servers, kept while they are good.
#[derive(Debug, Default)]
pub struct OwnMail {
    /// Servers at private addresses may be reached, and without TLS.
    private: bool,
    kept: Mutex<HashMap<Uuid, (i32, Instant, Mailer)>>,
}

impl OwnMail {
    /// `private`: servers at private addresses may be reached, and without TLS; only
    /// where every tenant is trusted with what stands beside the cloud.
    #[must_use]
    pub fn new(private: bool) -> Self {
        Self { private, kept: Mutex::default() }
    }

    /// The way to the tenant's own server; `None` when it uses the cloud's.
    ///
    /// # Errors
    /// [`Failure`] when the server is not known or may not be reached.
    pub async fn of(&self, db: &Db, cx: &Cx, secrets: &Secrets) -> Result<Own, Failure> {
        let look = async |tx: &mut Tx| Ok::<_, DbError>(store::smtp(tx).await?);
        let smtp = db.tx(cx, look).await?;
        if smtp.smtp_host.is_empty() {
            return Ok(None);
        }
        let kept = {
            let ways = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let good = |(version, made, _): &&(i32, Instant, Mailer)| {
                *version == smtp.version && made.elapsed() < GOOD_FOR
            };
            ways.get(&cx.tenant).filter(good).map(|(_, _, mailer)| mailer.clone())
        };
        if kept.is_some() {
            return Ok(kept);
        }
        let mailer = way(cx.tenant, secrets, &smtp, self.private).await?;
        let mut ways = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if ways.len() >= MOST {
            ways.clear();
        }
        ways.insert(cx.tenant, (smtp.version, Instant::now(), mailer.clone()));
        Ok(Some(mailer))
    }
}

/// Whether the tenant has a server of its own.
pub(crate) async fn is_own(tx: &mut Tx) -> Result<bool, DbError> {
    Ok(!store::smtp(tx).await?.smtp_host.is_empty())
}

async fn way(tenant: Uuid, secrets: &Secrets, smtp: &Smtp, private: bool) -> Result<Mailer, Failure> {
    Mailer::to(&opened(tenant, secrets, smtp)?, private).await
}

/// The tenant's own server, as it is set.
pub(super) async fn server(state: &AppState, caller: &Caller) -> Result<Smtp, Problem> {
    let look = async |tx: &mut Tx| Ok::<_, DbError>(store::smtp(tx).await?);
    Ok(state.db.tx(&caller.cx, look).await?)
}

/// A server with its password, as it is spoken to.
pub(super) fn opened(tenant: Uuid, secrets: &Secrets, smtp: &Smtp) -> Result<Server, Failure> {
    let password = match &smtp.smtp_password {
        Some(sealed) => {
            let plain = secrets.open(tenant, SMTP_FIELD, sealed);
            let plain = plain.map_err(|error| Failure::Again(error.to_string()))?;
            String::from_utf8_lossy(&plain).into_owned()
        }
        None => String::new(),
    };
    Ok(Server {
        host: smtp.smtp_host.clone(),
        port: u16::try_from(smtp.smtp_port).unwrap_or(465),
        starttls: smtp.smtp_security == "starttls",
        user: smtp.smtp_user.clone(),
        password,
        from: smtp.from_address.clone(),
    })
}

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/settings/mail", get(page).merge(post(set))).route("/settings/mail/test", post(test))
}

#[derive(Template)]
#[template(path = "settings/mail.html")]
struct Page<'a> {
    texts: &'a Texts,
    tabs: Vec<Tab>,
    fields: Fields<'a>,
    /// Why whoever looks cannot change it.
    beyond: Option<String>,
    /// It is the tenant's own server that is used now.
    own: bool,
    mails: bool,
    done: bool,
    /// It was tried when it was saved: what is amiss with it, if something is.
    tried: Option<Result<(), Amiss>>,
    tested: Option<TestedMail>,
}

impl Page<'_> {
    fn answered(&self) -> bool {
        self.tried.as_ref().is_some_and(Result::is_ok)
    }

    fn amiss(&self) -> Option<&Amiss> {
        self.tried.as_ref()?.as_ref().err()
    }

    fn sent(&self) -> bool {
        self.tested.as_ref().is_some_and(Result::is_ok)
    }

    fn not_sent(&self) -> Option<&str> {
        self.tested.as_ref()?.as_ref().err().map(String::as_str)
    }
}

/// The form as it was typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Typed {
    smtp_host: String,
    smtp_port: String,
    smtp_security: String,
    smtp_user: String,
    /// Empty: as it is.
    smtp_password: String,
    from_address: String,
    version: i32,
}

impl Typed {
    fn of(smtp: Smtp) -> Self {
        Self {
            smtp_host: smtp.smtp_host,
            smtp_port: smtp.smtp_port.to_string(),
            smtp_security: smtp.smtp_security,
            smtp_user: smtp.smtp_user,
            smtp_password: String::new(),
            from_address: smtp.from_address,
            version: smtp.version,
        }
    }

    /// What is asked for; a port that is no number is none of mail.
    fn smtp(&self) -> TypedSmtp {
        TypedSmtp {
            smtp_host: self.smtp_host.clone(),
            smtp_port: plain_number(&self.smtp_port).parse().unwrap_or(0),
            smtp_security: self.smtp_security.clone(),
            smtp_user: self.smtp_user.clone(),
            smtp_password: self.smtp_password.clone(),
            no_password: false,
            from_address: self.from_address.clone(),
            version: self.version,
        }
    }

    fn fields<'a>(&self, texts: &'a Texts, has_password: bool) -> Fields<'a> {
        let ways =
            ["tls", "starttls"].map(|way| (way.to_owned(), texts.t(&format!("settings-security-{way}"))));
        let kept = if has_password { texts.t("settings-password-kept") } else { String::new() };
        Fields::new(texts, "/settings/mail", texts.t("people-save")).version(Some(self.version)).inputs([
            Input::text("smtp_host", texts.t("settings-host"))
                .value(&self.smtp_host)
                .longest(253)
                .code()
                .placeholder("mail.example.com")
                .hint(texts.t("settings-host-hint")),
            Input::number("smtp_port", texts.t("settings-port")).value(&self.smtp_port).required(),
            Input::choice("smtp_security", texts.t("settings-security"), ways)
                .value(&self.smtp_security)
                .required(),
            Input::text("smtp_user", texts.t("settings-user")).value(&self.smtp_user).longest(254),
            Input::secret("smtp_password", texts.t("settings-password")).longest(256).hint(kept),
            Input::email("from_address", texts.t("settings-from"))
                .value(&self.from_address)
                .longest(254)
                .placeholder("noreply@example.com")
                .hint(texts.t("settings-from-hint")),
        ])
    }
}

#[derive(Default)]
struct Shown {
    typed: Option<Typed>,
    wrong: Vec<(&'static str, String)>,
    error: Option<String>,
    done: bool,
    trial: Option<Trial>,
    tested: Option<TestedMail>,
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    shown: Shown,
) -> Result<Response, Problem> {
    let smtp = server(state, caller).await?;
    let (own, has_password) = (!smtp.smtp_host.is_empty(), smtp.smtp_password.is_some());
    let tried = shown.trial.filter(|_| own);
    let tried = tried.map(|trial| trial.amiss(&caller.texts, &smtp).map_or(Ok(()), Err));
    let stands = Typed::of(smtp).fields(&caller.texts, has_password);
    let failed = shown.error.is_some() || !shown.wrong.is_empty();
    let beyond = By::caller(state, caller).holds_everything().err().map(|beyond| beyond.say(&caller.texts));
    let fields = match shown.typed {
        Some(typed) => typed.fields(&caller.texts, has_password),
        None => stands.clone(),
    };
    let fields = fields.locked(beyond.is_some()).told(shown.error).wrong(shown.wrong).against(&stands);
    let view = Page {
        texts: &caller.texts,
        tabs: tabs(caller, "/settings/mail"),
        fields,
        beyond,
        own,
        mails: state.mails,
        done: shown.done,
        tried,
        tested: shown.tested,
    };
    let shell = Shell::new(state, caller, caller.t("settings-mail"), "/settings")
        .under("/settings", caller.t("settings-title"));
    Ok((status_of(failed), shell.page(headers, &view)?).into_response())
}

async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let done = query::<Done>(&uri)?.done;
    let trial = (done.as_deref() == Some(ANSWERED)).then_some(Trial::Answered);
    show(&state, &caller, &headers, Shown { done: done.is_some(), trial, ..Shown::default() }).await
}

async fn set(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    let typed = form(sent)?;
    let by = By::caller(&state, &caller);
    let done = service::smtp_set(&state.db, &by, &state.secrets, &typed.smtp(), state.private_webhooks).await;
    match done {
        // It is saved, whatever comes of the trial.
        Ok(()) => match trial::of_saved(&state, &caller, &server(&state, &caller).await?).await? {
            None => Ok(Redirect::to("/settings/mail?done=1").into_response()),
            Some(Trial::Answered) => {
                Ok(Redirect::to(&format!("/settings/mail?done={ANSWERED}")).into_response())
            }
            trial => show(&state, &caller, &headers, Shown { done: true, trial, ..Shown::default() }).await,
        },
        Err(error) => {
            let (wrong, error) = say(&caller, error)?;
            // Typed again: it is not sent back.
            let typed = Typed { smtp_password: String::new(), ..typed };
            show(&state, &caller, &headers, Shown { typed: Some(typed), wrong, error, ..Shown::default() })
                .await
        }
    }
}

/// Sends a mail to whoever asks, now, and shows what the server says.
async fn test(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(&TENANT_MANAGE)?;
    // A key has no address to send to.
    let Ok(user) = caller.person() else {
        let tested = Some(Err(caller.t("error-auth-no_person")));
        return show(&state, &caller, &headers, Shown { tested, ..Shown::default() }).await;
    };
    let now = Utc::now();
    let counted_as = format!("mail test {}", caller.cx.tenant);
    let counted = Counted::Account(&counted_as);
    let tested = match trial::must_wait(&state, &counted, now).await? {
        Some(minutes) => Err(caller.texts.count("signin-wait", minutes)),
        None => {
            let sent = send(&state, &caller, user).await;
            if sent.is_ok() {
                trial::was_good(&state, &counted).await?;
            }
            sent
        }
    };
    show(&state, &caller, &headers, Shown { tested: Some(tested), ..Shown::default() }).await
}

async fn send(state: &AppState, caller: &Caller, user: Uuid) -> TestedMail {
    let told = |failure: Failure| failure.text().to_owned();
    let own = OwnMail::new(state.private_webhooks);
    let mailer = own.of(&state.db, &caller.cx, &state.secrets).await.map_err(told)?;
    let mailer = mailer.ok_or_else(|| caller.t("settings-mail-none"))?;
    notify::try_out(&state.db, &caller.cx, &state.i18n, &mailer, (user, "settings-mail-letter"), Utc::now())
        .await
        .map_err(told)
}
