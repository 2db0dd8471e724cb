//! The page of the API: all operations by group, and one of them with its
//! parameters, bodies, errors, and a form to try it.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::Value;

use super::Api;
use super::document::{described, errors, is_write};
use super::look::{self, Line};
use super::operation::{Access, Operation};
use super::shared;
use crate::i18n::Texts;
use crate::web::list::address;
use crate::web::routing::get;
use crate::web::{AppState, Caller, Path, Problem, Shell, query};

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/api", get(list)).route("/api/operations/{operation}", get(one))
}

struct Group<'a> {
    name: &'a str,
    operations: Vec<&'a Operation>,
}

#[derive(Template)]
#[template(path = "openapi/list.html")]
struct List<'a> {
    texts: &'a Texts,
    q: &'a str,
    groups: Vec<Group<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    q: String,
}

async fn list(
    State(state): State<AppState>,
    Extension(api): Extension<Arc<Api>>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let Asked { q } = query(&uri)?;
    let whole = api.whole(&state.db).await?;
    let words: Vec<String> = q.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let wanted = |operation: &&Operation| {
        let all =
            format!("{} {} {} {}", operation.method, operation.path, operation.summary, operation.group);
        let all = all.to_lowercase();
        words.iter().all(|word| all.contains(word))
    };
    let mut groups: Vec<Group<'_>> = Vec::new();
    for operation in whole.operations.iter().filter(wanted) {
        match groups.last_mut().filter(|group| group.name == operation.group) {
            Some(group) => group.operations.push(operation),
            None => groups.push(Group { name: &operation.group, operations: vec![operation] }),
        }
    }
    let shell = Shell::new(&state, &caller, caller.t("api-title"), "");
    shell.page(&headers, &List { texts: &caller.texts, q: &q, groups })
}

/// A parameter, as it is shown and tried.
struct Parameter {
    name: String,
    place: &'static str,
    required: bool,
    kind: String,
    text: String,
    choices: Vec<String>,
}

struct Answer {
    status: u16,
    text: String,
    kinds: String,
    lines: Vec<Line>,
}

struct Failure {
    status: u16,
    text: &'static str,
    codes: Vec<(&'static str, &'static str)>,
}

#[derive(Template)]
#[template(path = "openapi/one.html")]
struct One<'a> {
    texts: &'a Texts,
    operation: &'a Operation,
    method: String,
    access: String,
    parameters: Vec<Parameter>,
    body: Option<Answer>,
    example: Option<String>,
    curl: String,
    answers: Vec<Answer>,
    failures: Vec<Failure>,
    is_get: bool,
}

async fn one(
    State(state): State<AppState>,
    Extension(api): Extension<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let whole = api.whole(&state.db).await?;
    let operation =
        whole.operations.iter().find(|operation| operation.id == id).ok_or_else(Problem::not_found)?;
    let told = described(operation);
    let parameters: Vec<Parameter> = told["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|parameter| parameter_of(look::target(&whole.document, parameter)))
        .collect();
    let content = |content: &super::operation::Content| Answer {
        status: 0,
        text: String::new(),
        kinds: content.kinds.join(", "),
        lines: look::lines(&whole.document, &content.schema),
    };
    let example =
        operation.body.as_ref().filter(|body| body.kinds.contains(&"application/json")).map(|body| {
            let value = told.pointer("/requestBody/content/application~1json/example").cloned();
            value.unwrap_or_else(|| look::example(&whole.document, &body.schema))
        });
    let answers = operation.answers.iter().map(|(status, text, of)| Answer {
        status: *status,
        text: text.clone(),
        ..of.as_ref().map_or_else(
            || Answer { status: 0, text: String::new(), kinds: String::new(), lines: Vec::new() },
            content,
        )
    });
    let failures = errors(operation).into_iter().map(|(status, _)| Failure {
        status,
        text: shared::text_of(status),
        codes: operation
            .failures
            .iter()
            .filter(|failure| failure.status == status)
            .map(|failure| (failure.code, failure.when))
            .collect(),
    });
    let texts = &caller.texts;
    let view = One {
        texts,
        operation,
        method: operation.method.to_uppercase(),
        access: match operation.access {
            Access::Public | Access::Unsaid => texts.t("api-anyone"),
            Access::SignedIn => texts.t("api-signed-in"),
            Access::Person => texts.t("api-person"),
            Access::Needs(permission) => {
                let needs = texts.t1("api-needs", "permission", permission.code);
                format!("{needs} · {}", texts.t1("api-scope", "scope", permission.key_scope.name()))
            }
        },
        parameters,
        body: operation.body.as_ref().map(content),
        curl: look::curl(operation, example.as_ref()),
        example: example.and_then(|example| serde_json::to_string_pretty(&example).ok()),
        answers: answers.collect(),
        failures: failures.collect(),
        is_get: !is_write(operation),
    };
    let shell = Shell::new(&state, &caller, operation.summary.clone(), "")
        .under("/api", caller.t("api-title"))
        .under(address("/api", &[("q", &operation.group)]), &*operation.group);
    shell.page(&headers, &view)
}

fn parameter_of(parameter: &Value) -> Parameter {
    let text = |key: &str| parameter[key].as_str().unwrap_or_default().to_owned();
    let schema = &parameter["schema"];
    Parameter {
        name: text("name"),
        place: match parameter["in"].as_str() {
            Some("path") => "path",
            Some("header") => "header",
            _ => "query",
        },
        required: parameter["required"] == true,
        kind: look::kind(schema),
        text: text("description"),
        choices: schema["enum"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
    }
}
