//! One operation of the API, as a part declares it beside its handler.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::web::Permission;

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nobody has said it yet; a test fails.
    Unsaid,
    /// Without a key or session.
    Public,
    /// Whoever has a key or session.
    SignedIn,
    /// Whoever has this permission.
    Needs(Permission),
    /// A person, by a session or a token: what a key has not, an account.
    Person,
}

/// Whether a request must say which version of a resource it saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfMatch {
    No,
    May,
    Must,
}

/// What a request or an answer carries.
#[derive(Debug, Clone)]
pub(super) struct Content {
    /// Media types.
    pub kinds: Vec<&'static str>,
    pub schema: Value,
    pub required: bool,
}

/// An error that this operation has beside those that all have.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub status: u16,
    pub code: &'static str,
    pub when: &'static str,
}

/// One operation. What all operations have in common (sign-in, limits, errors of
/// the form, `Idempotency-Key` on writes) is added by the document.
///
/// ```ignore
/// Operation::post("/api/v1/holds", "placeHold", "Places a hold and tells the plants")
///     .needs(&HOLD_PLACE)
///     .takes::<Wish>()
///     .creates::<Held>()
///     .fails(404, "uid.unknown", "Nothing is known by this code.")
/// ```
#[derive(Debug, Clone)]
pub struct Operation {
    pub(super) method: &'static str,
    /// The pattern in the router, `{*code}` and all.
    pub(super) route: String,
    /// As it is documented; the pattern, unless one route serves several.
    pub(super) path: String,
    pub(super) id: String,
    pub(super) group: String,
    pub(super) summary: String,
    pub(super) note: String,
    pub(super) access: Access,
    /// Parameters of path and query, by name.
    pub(super) parameters: Vec<Value>,
    pub(super) body: Option<Content>,
    /// Media types of the body beside those of the schema.
    also: Vec<&'static str>,
    pub(super) answers: Vec<(u16, String, Option<Content>)>,
    pub(super) failures: Vec<Failure>,
    pub(super) if_match: IfMatch,
    pub(super) tagged: bool,
    /// A write of it takes an `Idempotency-Key`.
    pub(super) keyed: bool,
    /// Schemas that it refers to; a name may come with two forms, which a test
    /// refuses.
    pub(super) schemas: Vec<(String, Value)>,
    example: Option<Value>,
}

impl Operation {
    fn new(method: &'static str, route: impl Into<String>, id: impl Into<String>, summary: &str) -> Self {
        let route = route.into();
        let path = route.replace("{*", "{");
        let names = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
        let parameters = names.map(|name| {
            json!({
                "name": name, "in": "path", "required": true,
                "schema": { "type": "string", "minLength": 1, "maxLength": 200 },
            })
        });
        Self {
            method,
            parameters: parameters.collect(),
            route,
            path,
            id: id.into(),
            group: String::new(),
            summary: summary.to_owned(),
            note: String::new(),
            access: Access::Unsaid,
            body: None,
            also: Vec::new(),
            answers: Vec::new(),
            failures: Vec::new(),
            if_match: IfMatch::No,
            tagged: false,
            keyed: true,
            schemas: Vec::new(),
            example: None,
        }
    }

    /// A GET of this route. `id` is unique among all operations, as a generator of
    /// clients names the method: `listHolds`. The summary is one line, in English.
    #[must_use]
    pub fn get(route: impl Into<String>, id: impl Into<String>, summary: &str) -> Self {
        Self::new("get", route, id, summary)
    }

    /// A POST, as [`Operation::get`].
    #[must_use]
    pub fn post(route: impl Into<String>, id: impl Into<String>, summary: &str) -> Self {
        Self::new("post", route, id, summary)
    }

    /// A PUT, as [`Operation::get`].
    #[must_use]
    pub fn put(route: impl Into<String>, id: impl Into<String>, summary: &str) -> Self {
        Self::new("put", route, id, summary)
    }

    /// A PATCH, as [`Operation::get`].
    #[must_use]
    pub fn patch(route: impl Into<String>, id: impl Into<String>, summary: &str) -> Self {
        Self::new("patch", route, id, summary)
    }

    /// A DELETE, as [`Operation::get`].
    #[must_use]
    pub fn delete(route: impl Into<String>, id: impl Into<String>, summary: &str) -> Self {
        Self::new("delete", route, id, summary)
    }

    /// More about it, in paragraphs.
    #[must_use]
    pub fn note(mut self, note: &str) -> Self {
        note.clone_into(&mut self.note);
        self
    }

    /// Documents the route under another path: one route `…/{master}` serves every
    /// master, each of which has schemas of its own. A parameter that the path has
    /// not any more goes.
    #[must_use]
    pub fn under(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        let path = self.path.clone();
        self.parameters.retain(|parameter| {
            parameter["in"] != "path"
                || parameter["name"].as_str().is_some_and(|name| path.contains(&format!("{{{name}}}")))
        });
        self
    }

    /// Its method: `POST`.
    #[must_use]
    pub fn method(&self) -> String {
        self.method.to_uppercase()
    }

    /// The pattern in the router.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.route
    }

    /// The path as it is documented.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Who may call it.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }

    // --- who ------------------------------------------------------------------------

    /// Whoever has the permission.
    #[must_use]
    pub fn needs(mut self, permission: &Permission) -> Self {
        self.access = Access::Needs(*permission);
        self
    }

    /// Whoever has a key or session.
    #[must_use]
    pub fn signed_in(mut self) -> Self {
        self.access = Access::SignedIn;
        self
    }

    /// A person, not an access key.
    #[must_use]
    pub fn person(mut self) -> Self {
        self.access = Access::Person;
        self
    }

    /// Anybody.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.access = Access::Public;
        self
    }

    // --- what is sent ---------------------------------------------------------------

    /// A parameter of the path is a UUID.
    #[must_use]
    pub fn uuid(self, name: &str) -> Self {
        self.parameter(name, |parameter| parameter["schema"] = json!({ "type": "string", "format": "uuid" }))
    }

    /// What a parameter of the path or query means.
    #[must_use]
    pub fn means(self, name: &str, text: &str) -> Self {
        self.parameter(name, |parameter| parameter["description"] = text.into())
    }

    /// A parameter of the path or query is one of these words.
    #[must_use]
    pub fn choice<'w>(self, name: &str, words: impl IntoIterator<Item = &'w str>) -> Self {
        let words: Vec<&str> = words.into_iter().collect();
        self.parameter(name, |parameter| parameter["schema"] = json!({ "type": "string", "enum": words }))
    }

    /// The query string, as the handler reads it: each field of `T` is a parameter.
    #[must_use]
    pub fn query<T: ToSchema>(mut self) -> Self {
        let mut nested = Vec::new();
        T::schemas(&mut nested);
        self.schemas.extend(nested.into_iter().map(|(name, schema)| (name, as_json(&schema))));
        let schema = as_json(&T::schema());
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let is_required = required.iter().any(|required| required == name);
            self.parameters.push(query_parameter(name, property.clone(), is_required));
        }
        self
    }

    /// One parameter of the query, with its schema.
    #[must_use]
    pub fn query_with(mut self, name: &str, schema: Value) -> Self {
        self.parameters.push(query_parameter(name, schema, false));
        self
    }

    /// A JSON body.
    #[must_use]
    pub fn takes<T: ToSchema>(mut self) -> Self {
        let schema = self.refer::<T>();
        self.takes_json(schema)
    }

    /// A JSON body that may be left out.
    #[must_use]
    pub fn may_take<T: ToSchema>(mut self) -> Self {
        let schema = self.refer::<T>();
        self.body = Some(Content { kinds: vec!["application/json"], schema, required: false });
        self
    }

    /// A JSON body of this schema.
    #[must_use]
    pub fn takes_json(mut self, schema: Value) -> Self {
        self.body = Some(Content { kinds: vec!["application/json"], schema, required: true });
        self
    }

    /// A body as a form sends it.
    #[must_use]
    pub fn takes_form<T: ToSchema>(mut self) -> Self {
        let schema = self.refer::<T>();
        self.body =
            Some(Content { kinds: vec!["application/x-www-form-urlencoded"], schema, required: true });
        self
    }

    /// The body may come as this media type too.
    #[must_use]
    pub fn also_takes(mut self, kind: &'static str) -> Self {
        self.also.push(kind);
        self
    }

    /// A body of one of these media types, which the schema cannot say more of.
    #[must_use]
    pub fn takes_file(mut self, kinds: &[&'static str]) -> Self {
        let schema = json!({ "type": "string" });
        self.body = Some(Content { kinds: kinds.to_vec(), schema, required: true });
        self
    }

    /// It takes no `Idempotency-Key`, since its body is too large to be held
    /// ([`crate::web::Bodies::Streamed`]).
    #[must_use]
    pub fn unkeyed(mut self) -> Self {
        self.keyed = false;
        self.fails(
            400,
            "idempotency.not_taken",
            "It came with an `Idempotency-Key`, which is not taken here.",
        )
    }

    /// Whether a write of it takes an `Idempotency-Key`.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        self.keyed
    }

    /// An example of the body.
    #[must_use]
    pub fn example(mut self, example: Value) -> Self {
        self.example = Some(example);
        self
    }

    // --- what is answered -----------------------------------------------------------

    /// 200 with JSON.
    #[must_use]
    pub fn answers<T: ToSchema>(mut self) -> Self {
        let schema = self.refer::<T>();
        self.answers_json(200, schema)
    }

    /// 201 with JSON.
    #[must_use]
    pub fn creates<T: ToSchema>(mut self) -> Self {
        let schema = self.refer::<T>();
        self.answers_json(201, schema)
    }

    /// This status with JSON of this schema.
    #[must_use]
    pub fn answers_json(mut self, status: u16, schema: Value) -> Self {
        let content = Content { kinds: vec!["application/json"], schema, required: true };
        self.answers.push((status, String::new(), Some(content)));
        self
    }

    /// 200 with a file of one of these media types.
    #[must_use]
    pub fn answers_file(mut self, kinds: &[&'static str]) -> Self {
        let content = Content { kinds: kinds.to_vec(), schema: json!({}), required: true };
        self.answers.push((200, String::new(), Some(content)));
        self
    }

    /// 204, without a body.
    #[must_use]
    pub fn ends(mut self) -> Self {
        self.answers.push((204, "Done; there is nothing to tell.".to_owned(), None));
        self
    }

    /// The answer carries an `ETag` with the version of the resource, and a GET
    /// takes `If-None-Match`.
    #[must_use]
    pub fn tagged(mut self) -> Self {
        self.tagged = true;
        self
    }

    /// The request must say in `If-Match` (or as `version`) which version it saw.
    #[must_use]
    pub fn must_match(mut self) -> Self {
        self.if_match = IfMatch::Must;
        self
    }

    /// The request may say in `If-Match` which version it saw.
    #[must_use]
    pub fn may_match(mut self) -> Self {
        self.if_match = IfMatch::May;
        self
    }

    /// An error of this operation, with its stable code and when it comes.
    #[must_use]
    pub fn fails(mut self, status: u16, code: &'static str, when: &'static str) -> Self {
        self.failures.push(Failure { status, code, when });
        self
    }

    /// Adds a schema that one given as JSON refers to.
    #[must_use]
    pub fn schema(mut self, name: impl Into<String>, schema: Value) -> Self {
        self.schemas.push((name.into(), schema));
        self
    }

    fn refer<T: ToSchema>(&mut self) -> Value {
        let mut nested = Vec::new();
        T::schemas(&mut nested);
        self.schemas.extend(nested.into_iter().map(|(name, schema)| (name, as_json(&schema))));
        self.schemas.push((T::name().into_owned(), as_json(&T::schema())));
        reference(&T::name())
    }

    fn parameter(mut self, name: &str, change: impl FnOnce(&mut Value)) -> Self {
        let found = self.parameters.iter_mut().find(|parameter| parameter["name"] == name);
        match found {
            Some(parameter) => change(parameter),
            None => debug_assert!(false, "{}: there is no parameter {name}", self.id),
        }
        self
    }

    pub(super) fn body_content(&self) -> Option<Value> {
        let body = self.body.as_ref()?;
        let mut content = Map::new();
        for kind in &body.kinds {
            let mut media = json!({ "schema": body.schema });
            if let Some(example) = &self.example {
                media["example"] = example.clone();
            }
            content.insert((*kind).to_owned(), media);
        }
        for kind in &self.also {
            content.insert((*kind).to_owned(), json!({ "schema": { "type": "string" } }));
        }
        Some(json!({ "required": body.required, "content": content }))
    }
}

/// These operations, under one heading.
#[must_use]
pub fn group(name: &str, operations: impl IntoIterator<Item = Operation>) -> Vec<Operation> {
    operations.into_iter().map(|operation| Operation { group: name.to_owned(), ..operation }).collect()
}

/// A reference to a schema by its name.
#[must_use]
pub fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn as_json(schema: &impl serde::Serialize) -> Value {
    // A schema is maps, lists, texts and numbers, which JSON can hold.
    serde_json::to_value(schema).unwrap_or_default()
}

/// A parameter of the query; there is no null in a query string.
fn query_parameter(name: &str, mut schema: Value, required: bool) -> Value {
    if let Some(object) = schema.as_object_mut() {
        if object.get("default").is_some_and(Value::is_null) {
            object.remove("default");
        }
        if let Some(kinds) = object.get("type").and_then(Value::as_array) {
            let kinds: Vec<Value> = kinds.iter().filter(|kind| *kind != "null").cloned().collect();
            let kind = if kinds.len() == 1 { kinds.into_iter().next() } else { Some(Value::Array(kinds)) };
            object.insert("type".into(), kind.unwrap_or_default());
        }
        if let Some(one) = object.remove("oneOf").and_then(|several| several.as_array().cloned()) {
            let kept = one.into_iter().find(|schema| schema["type"] != "null");
            object.extend(kept.and_then(|schema| schema.as_object().cloned()).unwrap_or_default());
        }
    }
    let description = schema.as_object_mut().and_then(|object| object.remove("description"));
    let mut parameter = json!({ "name": name, "in": "query", "required": required, "schema": schema });
    if let Some(description) = description {
        parameter["description"] = description;
    }
    parameter
}

/// Schemas of operations by name, and the names that two different forms share.
pub(super) fn schemas(operations: &[Operation]) -> (BTreeMap<String, Value>, Vec<String>) {
    let mut all: BTreeMap<String, Value> = BTreeMap::new();
    let mut twice = Vec::new();
    for (name, schema) in operations.iter().flat_map(|operation| &operation.schemas) {
        match all.get(name) {
            Some(known) if known != schema => twice.push(name.clone()),
            Some(_) => {}
            None => drop(all.insert(name.clone(), schema.clone())),
        }
    }
    twice.sort();
    twice.dedup();
    (all, twice)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a list is asked for.
    #[derive(ToSchema)]
    #[allow(dead_code, reason = "only its schema is looked at")]
    struct Asked {
        /// Rows at most.
        #[schema(minimum = 1, maximum = 500)]
        limit: Option<u32>,
        /// Which plant.
        plant: String,
    }

    #[test]
    fn a_query_is_a_parameter_for_each_field_and_has_no_null() {
        let operation = Operation::get("/api/v1/things/{id}", "thing", "One").query::<Asked>().uuid("id");
        let limit = operation.parameters.iter().find(|parameter| parameter["name"] == "limit").unwrap();
        assert_eq!(limit["schema"]["type"], "integer");
        assert_eq!(limit["schema"]["maximum"], 500);
        assert_eq!(
            (limit["required"].as_bool(), limit["description"].as_str()),
            (Some(false), Some("Rows at most."))
        );
        let plant = operation.parameters.iter().find(|parameter| parameter["name"] == "plant").unwrap();
        assert_eq!(plant["required"], true);
        assert_eq!(operation.parameters[0]["schema"]["format"], "uuid");
    }

    #[test]
    fn a_route_that_serves_several_is_documented_for_each() {
        let operation = Operation::get("/api/v1/masters/{master}/rows/{*code}", "unit", "One")
            .under("/api/v1/masters/units/rows/{code}");
        assert_eq!(operation.route, "/api/v1/masters/{master}/rows/{*code}");
        let names: Vec<_> = operation.parameters.iter().map(|parameter| parameter["name"].clone()).collect();
        assert_eq!(names, ["code"]);
    }
}
