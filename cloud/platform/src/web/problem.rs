//! Errors as a caller sees them: RFC 9457 problem details with a stable code.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Permission;
use super::rates::retry_after;
use crate::db::{self, DbError};
use crate::i18n::Texts;

/// One mistake in what was sent; all of them are told at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Which field, as the form or the JSON names it.
    pub field: String,
    /// Which row, counted from 1, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<usize>,
    /// What is wrong with it, for a person.
    pub detail: String,
}

impl From<(&'static str, String)> for FieldError {
    /// A field of something that has no rows, and what is wrong with it.
    fn from((field, detail): (&'static str, String)) -> Self {
        Self { field: field.to_owned(), row: None, detail }
    }
}

/// What is said in the reader's language, where that is known only when it is answered.
#[derive(Debug, Clone, Default)]
pub struct Words {
    says: Vec<Says>,
    /// What else is said in English, for programs and those who write them.
    english: Option<String>,
}

/// One text of them.
#[derive(Clone)]
struct Says {
    /// Of the mistake at this place; of the whole where there is none.
    mistake: Option<usize>,
    say: Arc<dyn Fn(&Texts) -> String + Send + Sync>,
}

impl fmt::Debug for Says {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Says").field("mistake", &self.mistake).finish_non_exhaustive()
    }
}

/// An error as it is answered: JSON for a program, a page for a person. The
/// layers add the request's id and choose the form.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// Stable and for programs, such as `uid.checksum`.
    pub code: Cow<'static, str>,
    /// What is wrong in this case, for a person. Empty: the text
    /// `error-<code with dashes>` says it in the reader's language.
    pub detail: String,
    /// Mistakes by field and row.
    pub errors: Vec<FieldError>,
    /// The permission that the caller lacks, of a 403.
    pub permission: Option<&'static str>,
    /// Seconds after which it may go better.
    pub retry_after: Option<u64>,
    /// See [`Problem::told_by`].
    pub says: Option<Box<Words>>,
}

impl Problem {
    /// A problem; `detail` empty means the text `error-<code>`.
    #[must_use]
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            detail: detail.into(),
            errors: Vec::new(),
            permission: None,
            retry_after: None,
            says: None,
        }
    }

    /// 400: what was sent cannot be understood.
    #[must_use]
    pub fn bad_request(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 422: understood, and not acceptable; see `errors`.
    #[must_use]
    pub fn invalid(code: impl Into<Cow<'static, str>>, errors: Vec<FieldError>) -> Self {
        let detail = errors.iter().map(|e| e.detail.as_str()).collect::<Vec<_>>().join(" ");
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail) }
    }

    /// 409: it does not fit the state of things.
    #[must_use]
    pub fn conflict(code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 404.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "")
    }

    /// 401: no key or session, or one that is not valid.
    #[must_use]
    pub fn unauthorized(code: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, "")
    }

    /// 403: the caller's scopes do not reach.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "auth.forbidden", "")
    }

    /// Says which permission the caller lacks.
    #[must_use]
    pub fn lacks(mut self, permission: &Permission) -> Self {
        self.permission = Some(permission.code);
        self
    }

    /// 500. The cause is logged, and not told.
    #[must_use]
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "")
    }

    /// Adds a mistake of one field.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError { field: field.into(), row: None, detail: detail.into() });
        self
    }

    /// Says the whole in the reader's language, in place of `detail`, which is for the log.
    #[must_use]
    pub fn told_by(mut self, say: impl Fn(&Texts) -> String + Send + Sync + 'static) -> Self {
        self.says.get_or_insert_default().says.push(Says { mistake: None, say: Arc::new(say) });
        self
    }

    /// Says in English besides what is said in the reader's language: the words of a parser,
    /// which tell somebody who writes a program more than they tell others.
    #[must_use]
    pub(super) fn in_english(mut self, said: impl Into<String>) -> Self {
        self.says.get_or_insert_default().english = Some(said.into());
        self
    }

    /// [`Problem::field`], said in the reader's language in place of `detail`.
    #[must_use]
    pub fn field_told_by(
        mut self,
        field: impl Into<String>,
        detail: impl Into<String>,
        say: impl Fn(&Texts) -> String + Send + Sync + 'static,
    ) -> Self {
        let says = Says { mistake: Some(self.errors.len()), say: Arc::new(say) };
        self.says.get_or_insert_default().says.push(says);
        self.field(field, detail)
    }

    /// [`Problem::told_by`] and [`Problem::field_told_by`] in the same words, where the mistake
    /// of one field is all that there is to say.
    #[must_use]
    pub fn both_told_by(
        self,
        field: impl Into<String>,
        say: impl Fn(&Texts) -> String + Clone + Send + Sync + 'static,
    ) -> Self {
        let detail = self.detail.clone();
        self.told_by(say.clone()).field_told_by(field, detail, say)
    }

    /// As its reader can read it: in words of the language, where there are some. What was
    /// said in English alone goes where programs find it, and the reader is told what kind
    /// of mistake it is and in which fields.
    pub(super) fn in_words_of(mut self, texts: &Texts) -> Self {
        for Says { mistake, say } in
            self.says.as_mut().map(|w| std::mem::take(&mut w.says)).unwrap_or_default()
        {
            match mistake {
                None => self.detail = say(texts),
                Some(at) => {
                    if let Some(error) = self.errors.get_mut(at) {
                        error.detail = say(texts);
                    }
                }
            }
        }
        let general = || {
            let kind = match self.status {
                StatusCode::NOT_FOUND => "error-not_found",
                StatusCode::CONFLICT => "error-conflict",
                StatusCode::UNAUTHORIZED => "error-auth-required",
                StatusCode::FORBIDDEN => "error-auth-forbidden",
                status if status.is_server_error() => "error-internal",
                _ => "error-request-invalid",
            };
            match self.errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>().join(", ") {
                fields if self.code == "query.parameter" && !fields.is_empty() => {
                    texts.t1("error-query-field", "field", fields)
                }
                _ => texts.or(&self.text_key(), &texts.t(kind)),
            }
        };
        if self.detail.is_empty() {
            self.detail = general();
            let right = self.permission.map(|code| format!("permission-{}", code.replace('.', "-")));
            if let Some(right) = right.filter(|key| texts.has(key)) {
                let lacks = texts.t1("error-auth-lacks", "right", texts.t(&right));
                self.detail = format!("{} {lacks}", self.detail);
            }
        } else if !texts.lang.reads(&self.detail) {
            let general = general();
            // A code or a name is the same in every language.
            if !self.detail.contains(' ') {
                self.detail = format!("{general} ({})", self.detail);
                return self;
            }
            let english = std::mem::replace(&mut self.detail, general);
            for error in self.errors.iter_mut().filter(|error| error.detail == english) {
                error.detail.clone_from(&self.detail);
            }
            self.says.get_or_insert_default().english.get_or_insert(english);
        }
        self
    }

    /// Adds a mistake of one field of a row, counted from 1.
    #[must_use]
    pub fn at(mut self, row: usize, field: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError { field: field.into(), row: Some(row), detail: detail.into() });
        self
    }

    /// Whether it is no mistake in what was sent, and a form that was is shown again as it
    /// was typed ([`kept`](super::kept)): it is right as it is, a moment later, or over what
    /// somebody else did meanwhile.
    #[must_use]
    pub fn keeps_form(&self) -> bool {
        self.code == "tenant.moving" || self.code.ends_with(".stale")
    }

    /// The key of the text that says this problem.
    #[must_use]
    pub fn text_key(&self) -> String {
        format!("error-{}", self.code.replace('.', "-"))
    }

    /// The problem as JSON.
    pub(super) fn body(&self, instance: Option<&str>) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            detail: &'a str,
            code: &'a str,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            errors: &'a [FieldError],
            #[serde(skip_serializing_if = "Option::is_none")]
            permission: Option<&'static str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            instance: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            english: Option<&'a str>,
        }
        let body = Body {
            r#type: format!("urn:tracewright:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: &self.code,
            errors: &self.errors,
            permission: self.permission,
            instance: instance.map(|id| format!("urn:tracewright:request:{id}")),
            english: self.says.as_ref().and_then(|words| words.english.as_deref()),
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (
            self.status,
            [(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))],
            self.body(None),
        )
            .into_response();
        let headers = response.headers_mut();
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                retry_after(headers, self.retry_after.unwrap_or(2));
            }
            _ => {}
        }
        // For the layers, which know who asks.
        response.extensions_mut().insert(self);
        response
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        match error.problem() {
            db::Problem::NotFound => Self::not_found(),
            db::Problem::Exists => Self::conflict("conflict.exists", ""),
            db::Problem::Unavailable | db::Problem::Contended => {
                tracing::warn!(%error, "database busy or out of reach");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "")
            }
            db::Problem::Away => {
                tracing::error!(%error, "a tenant's own database cannot be used");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "tenant.away", "")
            }
            db::Problem::Moving => Self::new(StatusCode::SERVICE_UNAVAILABLE, "tenant.moving", ""),
            // Where a value of the caller's was not looked at before: theirs all the same.
            db::Problem::Unfit => {
                tracing::warn!(%error, "the database cannot take what was sent");
                Self::bad_request("request.unfit", "")
            }
            db::Problem::Fault => Self::internal(error),
        }
    }
}

impl From<askama::Error> for Problem {
    fn from(error: askama::Error) -> Self {
        Self::internal(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::{I18n, Lang};

    fn told(problem: &Problem, lang: Lang) -> serde_json::Value {
        let texts = Texts::new(Arc::new(I18n::new()), lang);
        serde_json::from_slice(&problem.clone().in_words_of(&texts).body(None)).unwrap()
    }

    #[test]
    fn what_is_said_in_english_alone_stands_apart_for_who_reads_another_language() {
        let said = "status: is none of placed, released";
        let problem = Problem::bad_request("query.parameter", said).field("status", said);
        let english = told(&problem, Lang::En);
        assert_eq!((&english["detail"], &english["english"]), (&said.into(), &serde_json::Value::Null));
        for lang in [Lang::Hi, Lang::Bn, Lang::Te] {
            let told = told(&problem, lang);
            let detail = told["detail"].as_str().unwrap();
            assert!(lang.reads(detail) && detail.contains("“status”"), "{detail}");
            assert!(!detail.contains("none") && !detail.contains('('), "{detail}");
            assert_eq!((&told["errors"][0]["detail"], &told["english"]), (&told["detail"], &said.into()));
        }
        // What is a code stands where it is said.
        let code = told(&Problem::conflict("conflict.exists", "KOL-0001"), Lang::Te);
        assert!(code["detail"].as_str().unwrap().ends_with("(KOL-0001)"), "{code}");
        assert!(code["english"].is_null(), "{code}");
    }
}
