//! Files that people attach to documents and to rows of masters: versions, hashes,
//! kinds judged by content, kept on disk or in an S3-compatible store.
//!
//! Tables: `files`, `file_versions`, `file_contents`, `file_usage`. The bytes are
//! written first, under the tenant's id, and recorded in a transaction after; what
//! a crash leaves between is swept away ([`sweep`]). Who may see and change what a
//! file is attached to may see and change the file ([`Subject`]).

mod api;
mod content;
mod depot;
mod error;
mod kind;
mod model;
mod pages;
mod s3;
mod service;
mod spool;
mod store;
pub mod sweep;
mod tenant;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use futures_util::future::BoxFuture;
use uuid::Uuid;

pub use api::operations;
pub use depot::{Depot, S3Config};
pub use error::FilesError;
pub use model::{Listed, VersionOf};
pub use service::{Goes, delete, list, purge_subject, restore, upload, used};
pub use spool::{Spooled, spool};
pub use tenant::{copy_tenant, erase_tenant, folder_of};

use crate::ctx::Cx;
use crate::db::{DbError, Tx};
use crate::i18n::{Lang, Sources, Texts};
use crate::web::{AppState, Bodies, Caller, Module, Permission, Problem};

/// The texts of files.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("texts/en.ftl")),
    (Lang::Hi, include_str!("texts/hi.ftl")),
    (Lang::Bn, include_str!("texts/bn.ftl")),
    (Lang::Te, include_str!("texts/te.ftl")),
];

/// The component on pages, and the API.
pub fn router() -> Router<AppState> {
    pages::router().merge(api::router())
}

/// A kind of thing that files are attached to.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    /// Its name in addresses: `items`.
    pub kind: &'static str,
    /// Who sees the files of one, and who changes them.
    pub whose: Whose,
    /// Whether there is one of this key; gets the kind and the key.
    pub stands: Stands,
    /// What people call the one of a key, over a page of its files; `None`: by the key.
    pub title: Option<Title>,
    /// The page of one, by kind and key; a path of this site.
    pub href: fn(&str, &str) -> String,
}

/// Who sees files and who adds, replaces, deletes and restores them.
#[derive(Debug, Clone, Copy)]
pub enum Whose {
    /// Whoever has the permissions.
    Of {
        /// To see them.
        view: Permission,
        /// To change them.
        edit: Permission,
    },
    /// Whoever has the permissions, where the thing is.
    At {
        /// To see them, at one of its plants.
        view: Permission,
        /// To change them, at all of its plants; of what is everybody's, at all there are.
        edit: Permission,
        /// Where it is.
        plants: PlantsOf,
    },
    /// Each thing says it for itself, as a document does that its owner and those who are
    /// asked about it may see.
    Each {
        /// Whoever has one of these may see some.
        view: &'static [Permission],
        /// Whoever has one of these may change some.
        edit: &'static [Permission],
        /// As whom `reach` looks: at which plants the caller may see such things.
        within: fn(&Caller) -> Cx,
        /// What the caller may do with the files of the one of this key; `None`: not even
        /// know that it is there.
        reach: Reach,
    },
}

impl Whose {
    /// As whom the caller looks for one: what belongs to plants where they have another
    /// right than this is not seen.
    pub(crate) fn cx(&self, caller: &Caller) -> Cx {
        match self {
            Self::Of { view, .. } | Self::At { view, .. } => caller.at(view),
            Self::Each { within, .. } => within(caller),
        }
    }

    /// Whether the caller has the right to the files of one such thing at least.
    pub(crate) fn may(&self, caller: &Caller, right: Right) -> bool {
        let any = |all: &[Permission]| all.iter().any(|one| caller.may(one));
        match (self, right) {
            (Self::Of { view, .. } | Self::At { view, .. }, Right::View) => caller.may(view),
            (Self::Of { edit, .. } | Self::At { edit, .. }, Right::Edit) => caller.may(edit),
            (Self::Each { view, .. }, Right::View) => any(view),
            (Self::Each { edit, .. }, Right::Edit) => any(edit),
        }
    }
}

/// What a caller may do with files; the later includes the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// See them.
    View,
    /// Add, replace, delete and restore them.
    Edit,
}

/// What a caller may do with the files of the thing of a key.
pub type Reach = for<'a> fn(&'a mut Tx, &'a Caller, &'a str) -> BoxFuture<'a, Result<Option<Right>, DbError>>;

/// Whether there is such a thing in the transaction's tenant.
pub type Stands = for<'a> fn(&'a mut Tx, &'static str, &'a str) -> BoxFuture<'a, Result<bool, DbError>>;

/// The plants of the thing of a kind and key; none of one that is everybody's, and of one
/// that there is not.
pub type PlantsOf =
    for<'a> fn(&'a mut Tx, &'static str, &'a str) -> BoxFuture<'a, Result<Vec<String>, DbError>>;

/// What people call the thing of a key; `None` of one that there is not.
pub type Title =
    for<'a> fn(&'a mut Tx, &'a Caller, &'a str) -> BoxFuture<'a, Result<Option<String>, DbError>>;

/// The id that a key is, for things that are known by one. In the one spelling that they are
/// listed by: under another, files would be of nothing.
#[must_use]
pub fn id_of(key: &str) -> Option<Uuid> {
    Uuid::try_parse(key).ok().filter(|id| id.to_string() == key)
}

/// How much is taken.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the largest file.
    pub largest: u64,
    /// Bytes of all contents of a tenant together.
    pub quota: u64,
    /// Days after which a deleted file goes for good.
    pub keep_deleted_days: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { largest: 100 << 20, quota: 10 << 30, keep_deleted_days: 90 }
    }
}

/// Where files lie, how much is taken, and what they can be attached to; cheap to
/// clone.
#[derive(Clone)]
pub struct Files {
    inner: Arc<Inner>,
}

struct Inner {
    depot: Option<Depot>,
    limits: Limits,
    subjects: Vec<Subject>,
}

impl Files {
    /// Files in `depot`.
    #[must_use]
    pub fn new(depot: Depot, limits: Limits, subjects: Vec<Subject>) -> Self {
        Self { inner: Arc::new(Inner { depot: Some(depot), limits, subjects }) }
    }

    /// No files at all: whoever asks is told so.
    #[must_use]
    pub fn none() -> Self {
        Self { inner: Arc::new(Inner { depot: None, limits: Limits::default(), subjects: Vec::new() }) }
    }

    /// Where they lie.
    ///
    /// # Errors
    /// [`FilesError::Off`].
    pub fn depot(&self) -> Result<&Depot, FilesError> {
        self.inner.depot.as_ref().ok_or(FilesError::Off)
    }

    /// Removes the bytes of an object that no row names any more.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn remove(&self, object: &str) -> Result<(), FilesError> {
        self.depot()?.remove(object).await
    }

    /// How much is taken.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.inner.limits
    }

    /// The kind of this name.
    #[must_use]
    pub fn subject(&self, kind: &str) -> Option<&Subject> {
        self.inner.subjects.iter().find(|subject| subject.kind == kind)
    }

    /// The part of a page where the files of a thing are shown, in HTML: it fetches them, and
    /// is a link without a script. Empty where nothing can be attached to this kind. The
    /// page's own right must be that of [`Subject::whose`].
    ///
    /// # Errors
    /// Those of the template.
    pub fn panel(&self, texts: &Texts, kind: &str, key: &str) -> Result<String, Problem> {
        match self.subject(kind) {
            Some(subject) => Ok(Panel { texts, files_at: pages::address(subject.kind, key) }.render()?),
            None => Ok(String::new()),
        }
    }
}

#[derive(Template)]
#[template(path = "files/include.html")]
struct Panel<'a> {
    texts: &'a Texts,
    files_at: String,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Files({:?})", self.inner.limits)
    }
}

/// What the server has to know of files.
#[must_use]
pub fn module() -> Module {
    Module::new("files")
        .routes(router())
        .operations(operations())
        .texts(TEXTS)
        .bodies(["/api/v1/files", "/api/v1/files/{id}/content"].map(|route| (route, Bodies::Streamed)))
        .job("removing what nobody names", |state, stop| async move {
            sweep::run(state.db.clone(), state.files.clone(), stop).await
        })
}
