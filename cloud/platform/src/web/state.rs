//! What every handler is given.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;

use crate::db::Db;
use crate::files::Files;
use crate::i18n::{I18n, Lang, Texts};
use crate::masters::Engine;
use crate::notify::{Kind, Live, SmsProvider};
use crate::people::Providers;
use crate::plans::Calls;
use crate::search::{Command, Searcher};
use crate::secrets::Secrets;
use crate::settings::Doors;
use crate::workflow::{Subject, Subjects};

use super::{Bodies, Features, Module, NavItem, Network, Permission, RateLimits, Rates};

/// What every handler is given; cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The database.
    pub db: Db,
    /// Pages are served over TLS, so cookies are sent over it only.
    pub secure: bool,
    inner: Arc<Inner>,
}

/// The parts of the state that never change.
pub struct Inner {
    /// All texts.
    pub i18n: Arc<I18n>,
    /// The side navigation, in order.
    pub nav: Vec<NavItem>,
    /// Parts of the product that a tenant can be without.
    pub features: Features,
    /// Every permission that there is, in the order in which people see them.
    pub permissions: Vec<Permission>,
    /// Every kind of notice that there is, in the order in which people see them.
    pub kinds: Vec<Kind>,
    /// Lists of which views are kept, beside those of masters.
    pub views: Vec<&'static str>,
    /// Every kind of document that workflows are for.
    pub subjects: Subjects,
    /// Seals and opens sensitive fields.
    pub secrets: Secrets,
    /// Files that are attached to things.
    pub files: Files,
    /// Whether the cloud has a mail server, for tenants that have none of their own.
    pub mails: bool,
    /// Whether webhooks, mail servers and sign-in providers of tenants may be at private
    /// addresses.
    pub private_webhooks: bool,
    /// The way to providers by which tenants' people sign in.
    pub providers: Providers,
    /// The address by which people and programs reach this cloud, without a slash at
    /// its end.
    pub public_url: String,
    /// Requests to the API that are not written down yet.
    pub calls: Calls,
    /// Pages that are told at once what is new.
    pub live: Arc<Live>,
    /// From where tenants may be reached, and how they look.
    pub doors: Doors,
    /// What one can search, in order.
    pub searchers: Vec<Searcher>,
    /// Pages and actions that one goes to by their names, besides the navigation.
    pub commands: Vec<Command>,
    /// Routes of the API whose bodies are not as those of others.
    pub bodies: BTreeMap<&'static str, Bodies>,
    /// The masters.
    pub masters: Arc<Engine>,
    /// What proves that a report of bounced mail, of any tenant, is true.
    pub bounce_token: Option<String>,
    /// How many requests somebody may make.
    pub rate_limits: RateLimits,
    /// Proxies that say where a request came from.
    pub trusted_proxies: Vec<Network>,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// The provider of text messages of tenants that have no own.
    pub sms: Option<SmsProvider>,
}

impl FromRef<AppState> for Arc<Engine> {
    fn from_ref(state: &AppState) -> Self {
        Self::clone(&state.masters)
    }
}

impl Deref for AppState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.inner
    }
}

impl AppState {
    /// Begins a state: `AppState::builder(db).secure(true).modules(…).build()`.
    #[must_use]
    pub fn builder(db: Db) -> Builder {
        Builder {
            db,
            secure: false,
            i18n: I18n::new(),
            nav: Vec::new(),
            features: Features::default(),
            permissions: Vec::new(),
            kinds: Vec::new(),
            views: Vec::new(),
            subjects: Vec::new(),
            secrets: Secrets::none(),
            files: Files::none(),
            mails: false,
            private_webhooks: false,
            public_url: "http://localhost".to_owned(),
            searchers: Vec::new(),
            commands: Vec::new(),
            bodies: BTreeMap::new(),
            bounce_token: None,
            rates: Rates::default(),
            trusted_proxies: Vec::new(),
            request_timeout: Duration::from_secs(120),
            sms: None,
        }
    }

    /// What a link is sealed with on its way into a mail of the cloud's own server; `None`
    /// where there is none, and a link has to be shown instead.
    #[must_use]
    pub fn by_mail(&self) -> Option<&Secrets> {
        self.mails.then_some(&self.secrets)
    }

    /// The texts in `lang`.
    #[must_use]
    pub fn texts(&self, lang: Lang) -> Texts {
        Texts::new(Arc::clone(&self.i18n), lang)
    }
}

/// A state in the making; the server's wiring holds one.
pub struct Builder {
    db: Db,
    secure: bool,
    i18n: I18n,
    nav: Vec<NavItem>,
    features: Features,
    permissions: Vec<Permission>,
    kinds: Vec<Kind>,
    views: Vec<&'static str>,
    subjects: Vec<&'static dyn Subject>,
    secrets: Secrets,
    files: Files,
    mails: bool,
    private_webhooks: bool,
    public_url: String,
    searchers: Vec<Searcher>,
    commands: Vec<Command>,
    bodies: BTreeMap<&'static str, Bodies>,
    bounce_token: Option<String>,
    rates: Rates,
    trusted_proxies: Vec<Network>,
    request_timeout: Duration,
    sms: Option<SmsProvider>,
}

impl Builder {
    /// Whether pages are served over TLS.
    #[must_use]
    pub fn secure(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    /// Takes what modules say of themselves; their routes and jobs stay with them.
    #[must_use]
    pub fn modules(mut self, modules: &[Module]) -> Self {
        for module in modules {
            self.nav.extend(&module.nav);
            self.features.declare(module);
            self.permissions.extend(&module.permissions);
            self.kinds.extend(&module.kinds);
            self.views.extend(&module.views);
            self.searchers.extend(&module.searchers);
            self.commands.extend(module.commands.iter().cloned());
            self.subjects.extend(&module.subjects);
            self.bodies.extend(module.bodies.iter().copied());
            for (lang, text) in &module.texts {
                self.i18n = self.i18n.with(*lang, text);
            }
        }
        self
    }

    /// Seals and opens sensitive fields with these keys.
    #[must_use]
    pub fn secrets(mut self, secrets: Secrets) -> Self {
        self.secrets = secrets;
        self
    }

    /// Keeps attached files there.
    #[must_use]
    pub fn files(mut self, files: Files) -> Self {
        self.files = files;
        self
    }

    /// Whether mail can be sent.
    #[must_use]
    pub fn mails(mut self, mails: bool) -> Self {
        self.mails = mails;
        self
    }

    /// How many requests a caller and an address may make.
    #[must_use]
    pub fn rates(mut self, rates: Rates) -> Self {
        self.rates = rates;
        self
    }

    /// Proxies that say, in `X-Forwarded-For`, where a request came from.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: Vec<Network>) -> Self {
        self.trusted_proxies = proxies;
        self
    }

    /// How long a request may take before it is given up.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Whether webhooks may reach private addresses.
    #[must_use]
    pub fn private_webhooks(mut self, allowed: bool) -> Self {
        self.private_webhooks = allowed;
        self
    }

    /// The address by which people and programs reach this cloud.
    #[must_use]
    pub fn public_url(mut self, url: &str) -> Self {
        self.public_url = url.trim_end_matches('/').to_owned();
        self
    }

    /// What proves that a report of bounced mail, of any tenant, is true.
    #[must_use]
    pub fn bounce_token(mut self, token: Option<String>) -> Self {
        self.bounce_token = token;
        self
    }

    /// The provider of text messages of tenants that have no own.
    #[must_use]
    pub fn sms(mut self, provider: Option<SmsProvider>) -> Self {
        self.sms = provider;
        self
    }

    /// The state.
    #[must_use]
    pub fn build(self) -> AppState {
        AppState {
            db: self.db,
            secure: self.secure,
            inner: Arc::new(Inner {
                i18n: Arc::new(self.i18n),
                nav: self.nav,
                features: self.features,
                permissions: self.permissions,
                kinds: self.kinds,
                views: self.views,
                subjects: Subjects::of(self.subjects),
                masters: Arc::new(Engine::new(self.secrets.clone())),
                secrets: self.secrets,
                files: self.files,
                mails: self.mails,
                private_webhooks: self.private_webhooks,
                providers: Providers::default(),
                public_url: self.public_url,
                calls: Calls::default(),
                live: Arc::default(),
                doors: Doors::default(),
                searchers: self.searchers,
                commands: self.commands,
                bodies: self.bodies,
                bounce_token: self.bounce_token,
                rate_limits: RateLimits::new(self.rates),
                trusted_proxies: self.trusted_proxies,
                request_timeout: self.request_timeout,
                sms: self.sms,
            }),
        }
    }
}
