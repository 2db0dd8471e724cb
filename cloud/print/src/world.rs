//! What a template sees: itself, its data, the fonts; nothing else.

use std::sync::LazyLock;

use typst::diag::{FileError, FileResult};
use typst::foundations::{Bytes, Datetime, Duration};
use typst::syntax::{FileId, Source, VirtualPath};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};

use crate::fonts;

/// One document to be made.
pub(crate) struct Sheet {
    source: Source,
    data: Bytes,
}

impl Sheet {
    pub(crate) fn new(template: &str, data: Vec<u8>) -> Self {
        Self { source: Source::detached(template), data: Bytes::new(data) }
    }
}

fn path(id: FileId) -> String {
    id.vpath().get_without_slash().to_owned()
}

impl World for Sheet {
    fn library(&self) -> &LazyHash<Library> {
        static LIBRARY: LazyLock<LazyHash<Library>> =
            LazyLock::new(|| LazyHash::new(<Library as LibraryExt>::default()));
        &LIBRARY
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &fonts::all().0
    }

    fn main(&self) -> FileId {
        self.source.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.source.id() {
            return Ok(self.source.clone());
        }
        Err(FileError::AccessDenied)
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if VirtualPath::new("data.json").is_ok_and(|data| data == *id.vpath()) {
            return Ok(self.data.clone());
        }
        Err(FileError::NotFound(path(id).into()))
    }

    fn font(&self, index: usize) -> Option<Font> {
        fonts::all().1.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        // Dates are data: what a document says must not depend on when it is made.
        None
    }
}
