//! What a module brings along: everything that the server has to know of it, so
//! that adding one is a line.
//!
//! `docs/adding-a-module.md` says how to add one.

use axum::Router;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::{AppState, Belongs, Bodies, Feature, NavItem, Permission};
use crate::files;
use crate::i18n::{Lang, Sources};
use crate::notify::Kind;
use crate::openapi::Operation;
use crate::search::{Command, Searcher};
use crate::workflow::Subject;

/// A module: `Module::new("quality").routes(…).nav(…).permissions(…).texts(…)`. What
/// is not said is empty. Modules stand in the navigation, on the page of rights and
/// in the search in the order in which the server lists them.
pub struct Module {
    name: &'static str,
    pub(crate) feature: Option<Feature>,
    pub(crate) routes: Router<AppState>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) nav: Vec<NavItem>,
    pub(crate) permissions: Vec<Permission>,
    pub(crate) texts: Vec<(Lang, String)>,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) views: Vec<&'static str>,
    pub(crate) searchers: Vec<Searcher>,
    pub(crate) commands: Vec<Command>,
    pub(crate) subjects: Vec<&'static dyn Subject>,
    pub(crate) attached: Vec<files::Subject>,
    pub(crate) bodies: Vec<(&'static str, Bodies)>,
    pub(crate) jobs: Vec<Job>,
}

/// Work beside requests, in a process that does such work.
pub struct Job {
    /// What it is, for whoever reads the log: `workflow deadlines`.
    pub name: String,
    run: Box<dyn FnOnce(AppState, CancellationToken) -> BoxFuture<'static, ()> + Send>,
}

impl Job {
    /// Does it until it is told to stop. Whoever starts it takes an earlier end for
    /// a failure.
    pub async fn run(self, state: AppState, stop: CancellationToken) {
        (self.run)(state, stop).await;
    }
}

impl Module {
    /// A module that has nothing yet.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            feature: None,
            routes: Router::new(),
            operations: Vec::new(),
            nav: Vec::new(),
            permissions: Vec::new(),
            texts: Vec::new(),
            kinds: Vec::new(),
            views: Vec::new(),
            searchers: Vec::new(),
            commands: Vec::new(),
            subjects: Vec::new(),
            attached: Vec::new(),
            bodies: Vec::new(),
            jobs: Vec::new(),
        }
    }

    /// Of which feature it is: a tenant that is without that is without this module's routes,
    /// navigation and rights. Its jobs go on, since facts of plants are never refused.
    #[must_use]
    pub fn feature(mut self, feature: Feature) -> Self {
        self.feature = Some(feature);
        self
    }

    /// Its pages and its API.
    #[must_use]
    pub fn routes(mut self, routes: Router<AppState>) -> Self {
        self.routes = self.routes.merge(routes);
        self
    }

    /// What its routes under `/api` are; a test holds that there is one for each.
    #[must_use]
    pub fn operations(mut self, operations: Vec<Operation>) -> Self {
        self.operations.extend(operations);
        self
    }

    /// Its entries of the side navigation.
    #[must_use]
    pub fn nav(mut self, items: impl IntoIterator<Item = NavItem>) -> Self {
        self.nav.extend(items);
        self
    }

    /// What its endpoints ask for.
    #[must_use]
    pub fn permissions(mut self, permissions: &[Permission]) -> Self {
        self.permissions.extend_from_slice(permissions);
        self
    }

    /// Its texts, in every language.
    #[must_use]
    pub fn texts(mut self, sources: Sources<'_>) -> Self {
        self.texts.extend(sources.map(|(lang, text)| (lang, text.to_owned())));
        self
    }

    /// The kinds of its notices.
    #[must_use]
    pub fn kinds(mut self, kinds: &[Kind]) -> Self {
        self.kinds.extend_from_slice(kinds);
        self
    }

    /// The names of its lists of which people keep views, as [`crate::views::asked`] is
    /// told them. Those of masters are known.
    #[must_use]
    pub fn views(mut self, lists: &[&'static str]) -> Self {
        self.views.extend(lists);
        self
    }

    /// What it lets one search.
    #[must_use]
    pub fn searchers(mut self, searchers: &[Searcher]) -> Self {
        self.searchers.extend_from_slice(searchers);
        self
    }

    /// Pages and actions that one goes to by their names, besides the navigation.
    #[must_use]
    pub fn commands(mut self, commands: impl IntoIterator<Item = Command>) -> Self {
        self.commands.extend(commands);
        self
    }

    /// The kinds of its documents that workflows can be for.
    #[must_use]
    pub fn subjects(mut self, subjects: impl IntoIterator<Item = &'static dyn Subject>) -> Self {
        self.subjects.extend(subjects);
        self
    }

    /// What files can be attached to.
    #[must_use]
    pub fn attached(mut self, subjects: impl IntoIterator<Item = files::Subject>) -> Self {
        self.attached.extend(subjects);
        self
    }

    /// Routes of its API whose bodies are not as those of others, by their pattern in the
    /// router.
    #[must_use]
    pub fn bodies(mut self, bodies: impl IntoIterator<Item = (&'static str, Bodies)>) -> Self {
        self.bodies.extend(bodies);
        self
    }

    /// The feature that it is of, if a tenant can be without it.
    #[must_use]
    pub fn of_feature(&self) -> Option<Feature> {
        self.feature
    }

    /// The pages that its entries of the navigation lead to.
    pub fn leads_to(&self) -> impl Iterator<Item = &'static str> {
        self.nav.iter().map(|item| item.href)
    }

    /// Work that goes on beside requests until it is told to stop. Several processes
    /// may do it at once.
    #[must_use]
    pub fn job<F>(
        mut self,
        name: &str,
        run: impl FnOnce(AppState, CancellationToken) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let name = format!("{}: {name}", self.name);
        let run = Box::new(move |state, stop| run(state, stop).boxed());
        self.jobs.push(Job { name, run });
        self
    }

    /// What files can be attached to, of all these modules.
    #[must_use]
    pub fn all_attached(modules: &[Self]) -> Vec<files::Subject> {
        modules.iter().flat_map(|module| module.attached.iter().copied()).collect()
    }

    /// The jobs of all these modules.
    pub fn take_jobs(modules: &mut [Self]) -> Vec<Job> {
        modules.iter_mut().flat_map(|module| std::mem::take(&mut module.jobs)).collect()
    }

    /// The texts of all of them, by language, as they were given.
    pub fn all_texts(modules: &[Self]) -> impl Iterator<Item = (Lang, &str)> {
        modules.iter().flat_map(|module| module.texts.iter().map(|(lang, source)| (*lang, source.as_str())))
    }

    /// The operations of all these modules.
    #[must_use]
    pub fn all_operations(modules: &[Self]) -> Vec<Operation> {
        let of = |module: &Self| {
            let told = |operation: Operation| match module.feature {
                Some(_) => operation.fails(404, "feature.off", "The organisation is without this feature."),
                None => operation,
            };
            module.operations.iter().cloned().map(told).collect::<Vec<_>>()
        };
        modules.iter().flat_map(of).collect()
    }

    /// Routes of all these modules whose bodies are not as those of others.
    #[must_use]
    pub fn all_bodies(modules: &[Self]) -> Vec<(&'static str, Bodies)> {
        modules.iter().flat_map(|module| module.bodies.iter().copied()).collect()
    }

    /// The routes of all these modules.
    pub fn all_routes(modules: Vec<Self>) -> Router<AppState> {
        modules.into_iter().fold(Router::new(), |all, module| {
            all.merge(match module.feature {
                Some(feature) => module.routes.layer(axum::Extension(Belongs(Some(feature)))),
                None => module.routes,
            })
        })
    }
}
