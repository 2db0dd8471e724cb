//! Query strings, forms, JSON and bytes, with their mistakes told.

use std::fmt::Display;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FormRejection, JsonRejection};
use axum::extract::{Form, Query};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::IntoResponse;
use serde::de::DeserializeOwned;

use super::Problem;
use super::unread::{no_json, unread};

/// The query string of a request. A handler calls it after it has asked who
/// calls, so that a stranger learns nothing about parameters.
///
/// # Errors
/// 400 `query.parameter`, naming what is wrong.
pub fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    let Query(value) = Query::<T>::try_from_uri(uri)
        .map_err(|error| unread(StatusCode::BAD_REQUEST, "query.parameter", told(error.body_text())))?;
    Ok(value)
}

/// [`query`] of what a query string has become meanwhile: names and values.
///
/// # Errors
/// As [`query`].
pub fn query_of<T: DeserializeOwned>(pairs: &[(String, String)]) -> Result<T, Problem> {
    let wrong = |error: String| unread(StatusCode::BAD_REQUEST, "query.parameter", told(error));
    let text = serde_urlencoded::to_string(pairs).map_err(|error| wrong(error.to_string()))?;
    serde_urlencoded::from_str(&text).map_err(|error| wrong(error.to_string()))
}

/// What a form sent. A handler calls it after it has asked who calls, as [`query`].
///
/// # Errors
/// 413 `request.too_large`, 400 `request.invalid`, naming what is wrong.
pub fn form<T>(sent: Result<Form<T>, FormRejection>) -> Result<T, Problem> {
    let error = match sent {
        Ok(Form(value)) => return Ok(value),
        Err(error) => error,
    };
    let text = told(error.body_text());
    Err(match error.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "request.too_large", ""),
        _ => unread(StatusCode::BAD_REQUEST, "request.invalid", text),
    })
}

/// The bytes that a program sent, where they are no text: a picture. A handler calls it after
/// it has asked who calls, as [`query`].
///
/// # Errors
/// 413 `request.too_large`, 400 `request.invalid` when they did not all come.
pub fn bytes(sent: Result<Bytes, BytesRejection>) -> Result<Bytes, Problem> {
    sent.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "request.too_large", ""),
        _ => Problem::bad_request("request.invalid", told(error.body_text())),
    })
}

/// How many rows a list gives: those that are asked for, or as many as is usual.
///
/// # Errors
/// 400 `query.parameter` for less than one, and for more than `most`.
pub fn rows<N>(asked: Option<N>, usual: N, most: N) -> Result<N, Problem>
where
    N: Copy + PartialOrd + Display + From<u8> + Send + Sync + 'static,
{
    let limit = asked.unwrap_or(usual);
    if (N::from(1)..=most).contains(&limit) {
        return Ok(limit);
    }
    let what = format!("{limit} is not 1 to {most}");
    Err(Problem::bad_request("query.parameter", what)
        .both_told_by("limit", move |texts| texts.t1("error-query-limit", "most", most)))
}

/// The JSON that a program sent. A handler calls it after it has asked who calls,
/// as [`query`].
///
/// # Errors
/// 415 `request.media_type` when it does not say that it is JSON, 413
/// `request.too_large`, 400 `request.malformed` when it is none, 422
/// `request.invalid` when it is of another form than expected.
pub fn json<T>(sent: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    let error = match sent {
        Ok(Json(value)) => return Ok(value),
        Err(error) => error,
    };
    let text = told(error.body_text());
    Err(match error {
        JsonRejection::MissingJsonContentType(_) => media_type("application/json"),
        JsonRejection::JsonSyntaxError(_) => no_json(text),
        JsonRejection::JsonDataError(_) => unread(StatusCode::UNPROCESSABLE_ENTITY, "request.invalid", text),
        error => match error.into_response().status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "request.too_large", "")
            }
            _ => Problem::bad_request("request.invalid", text),
        },
    })
}

/// [`json`] of a body that has come already.
///
/// # Errors
/// As [`json`], but for the media type and the size.
pub fn json_of<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    json(Json::from_bytes(bytes))
}

/// Longest end of a message that is told whole, in characters.
const ENDS: usize = 200;

/// What is wrong, without the middle of a value that somebody sent: a message repeats it,
/// and nobody reads a megabyte.
fn told(text: String) -> String {
    let most = 2 * ENDS;
    let all = text.chars().count();
    if all <= most {
        return text;
    }
    let (start, end): (String, String) =
        (text.chars().take(ENDS).collect(), text.chars().skip(all - ENDS).collect());
    format!("{start} … {end}")
}

/// [`json`] for a body that may be left out.
///
/// # Errors
/// As [`json`].
pub fn json_or_default<T: Default>(
    headers: &HeaderMap,
    sent: Result<Json<T>, JsonRejection>,
) -> Result<T, Problem> {
    let empty = headers.get(header::CONTENT_LENGTH).is_none_or(|length| length == "0")
        && !headers.contains_key(header::TRANSFER_ENCODING);
    match sent {
        Err(JsonRejection::MissingJsonContentType(_)) if empty => Ok(T::default()),
        sent => json(sent),
    }
}

/// 415: the body is not of the media type that is taken here.
#[must_use]
pub fn media_type(expected: &str) -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "request.media_type",
        format!("Send {expected}, and say so in Content-Type."),
    )
}

/// The media type of what was sent, without its parameters; empty when it is not
/// said.
#[must_use]
pub fn sent_as(headers: &HeaderMap) -> &str {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::{DefaultBodyLimit, FromRequest, Request};

    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Asked {
        q: String,
        most: Option<u8>,
    }

    #[tokio::test]
    async fn bytes_come_as_they_are_and_too_many_are_told() {
        let read = async |most: usize| {
            let mut request = Request::new(Body::from("abcd"));
            DefaultBodyLimit::max(most).apply(&mut request);
            bytes(Bytes::from_request(request, &()).await)
        };
        assert_eq!(read(4).await.unwrap(), "abcd");
        let told = read(3).await.unwrap_err();
        assert_eq!((told.status, told.code.as_ref()), (StatusCode::PAYLOAD_TOO_LARGE, "request.too_large"));
    }

    #[test]
    fn pairs_are_read_as_a_query_string_is() {
        let pairs = |given: &[(&str, &str)]| -> Vec<(String, String)> {
            given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let given = pairs(&[("q", "a & b=c"), ("most", "5"), ("view", "x")]);
        assert_eq!(query_of::<Asked>(&given).unwrap(), Asked { q: "a & b=c".into(), most: Some(5) });
        let told = query_of::<Asked>(&pairs(&[("q", ""), ("most", "many")])).unwrap_err();
        assert_eq!((told.code.as_ref(), told.status.as_u16()), ("query.parameter", 400));
    }
}
