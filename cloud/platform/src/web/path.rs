//! What a route names in its path.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::Problem;

/// The parts of a request's path that its route names, as axum's own `Path`, for every
/// route here. A text that can be no such thing (`not-a-uuid`) names nothing that there
/// is, and is answered as the id of nothing is: 404, in the reader's language. A handler
/// takes it after the caller, so that a stranger learns nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path<T>(pub T);

impl<S, T> FromRequestParts<S> for Path<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        // No name of anything holds a NUL, and the database takes none.
        if parts.uri.path().contains("%00") {
            return Err(Problem::not_found());
        }
        let found = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        match found {
            Ok(found) => Ok(Self(found.0)),
            // The handler names other parts than its route.
            Err(error) if error.status().is_server_error() => Err(Problem::internal(error.body_text())),
            Err(_) => Err(Problem::not_found()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    fn sources(of: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(of).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                found.push(path);
            }
        }
    }

    /// axum's own answers a wrong id with an English 400.
    #[test]
    fn no_part_of_the_cloud_takes_axums_own() {
        let mut all = Vec::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut all);
        assert!(all.len() > 500, "only {} files were found", all.len());
        for path in all.iter().filter(|path| !path.ends_with("web/path.rs")) {
            let source = std::fs::read_to_string(path).unwrap();
            for taken in source.split("axum::extract::").skip(1) {
                let taken = taken.split(';').next().unwrap_or_default();
                let names = taken.strip_prefix('{').and_then(|list| list.split('}').next()).unwrap_or(taken);
                let first =
                    |name: &str| name.trim().split(|c: char| !c.is_alphanumeric()).next() == Some("Path");
                assert!(!names.split(',').any(first), "take platform::web::Path in {}", path.display());
            }
        }
    }
}
