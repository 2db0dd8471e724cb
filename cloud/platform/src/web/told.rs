//! A form that is shown again with what is wrong in it, and a page that says it is done.

use axum::http::StatusCode;
use serde::Deserialize;

use super::Problem;
use crate::i18n::Texts;

/// The query of a page that follows a form: it is said that all is done.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Done {
    pub done: Option<String>,
}

/// With what a form is shown: 422 where it failed, else 200.
pub(crate) fn status_of(failed: bool) -> StatusCode {
    if failed { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }
}

/// What is said above a form that is shown again as it was typed, of a refusal that is no
/// mistake in it: somebody else was faster, or the organisation is being moved to another
/// database and can only be read for a while. Nobody types it all once more for that.
///
/// # Errors
/// Any other refusal, as it came: it has a page of its own.
pub fn kept(texts: &Texts, refusal: impl Into<Problem>) -> Result<String, Problem> {
    let problem = refusal.into();
    if problem.keeps_form() { Ok(texts.or(&problem.text_key(), &problem.detail)) } else { Err(problem) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::db::DbError;
    use crate::i18n::{I18n, Lang};

    #[test]
    fn a_form_stays_where_another_was_faster_or_the_organisation_moves() {
        let texts = Texts::new(Arc::new(I18n::new()), Lang::En);
        let moving = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "tenant.moving", "");
        let said = kept(&texts, moving).unwrap();
        assert!(said.starts_with("Your organisation is being moved"), "{said}");
        let said = kept(&texts, Problem::conflict("conflict.stale", "")).unwrap();
        assert!(said.starts_with("Somebody else changed this"), "{said}");
        let gone = DbError::from(sqlx::Error::RowNotFound);
        assert_eq!(kept(&texts, gone).unwrap_err().status, StatusCode::NOT_FOUND);
        assert_eq!(
            kept(&texts, Problem::conflict("conflict.exists", "")).unwrap_err().code,
            "conflict.exists"
        );
    }
}
