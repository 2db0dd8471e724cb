//! What the API says of masters: made of the declarations and the catalogue, for
//! each master with its own schemas.

use serde_json::{Map, Value, json};

use super::kind::{Kind, Range};
use super::list::MOST;
use super::shape::{Column, Shape};
use super::{ANY_VIEW, Engine, MastersError};
use crate::db::Db;
use crate::i18n::{LONGEST_NAME, Lang};
use crate::openapi::{Operation, group, reference};
use crate::secrets::Secrets;

/// The operations of all masters.
///
/// # Errors
/// When a declaration does not fit its table; those of the database.
pub async fn operations(db: &Db) -> Result<Vec<Operation>, MastersError> {
    let shapes = Engine::new(Secrets::none()).shapes(db).await?;
    let mut all = group(
        "Masters",
        [Operation::get(
            "/api/v1/masters",
            "listMasters",
            "The masters that the caller may see, and their fields",
        )
        .needs(&ANY_VIEW)
        .answers_json(200, described())],
    );
    all.extend(super::barcodes::operations());
    all.extend(super::conversions::operations());
    all.extend(super::iso4217::operations());
    all.extend(shapes.iter().flat_map(of_master));
    Ok(all)
}

fn of_master(shape: &Shape) -> Vec<Operation> {
    let master = shape.master;
    let (name, permissions) = (master.name, &master.permissions);
    let word = camel(name);
    let words = name.replace('_', " ");
    let route = |rest: &str| format!("/api/v1/masters/{{master}}{rest}");
    let path = |rest: &str| format!("/api/v1/masters/{name}{rest}");
    let row = reference(&format!("{word}Row"));
    let schemas = |operation: Operation| {
        operation
            .schema(format!("{word}Values"), values(shape))
            .schema(format!("{word}New"), input(shape, true))
            .schema(format!("{word}Change"), input(shape, false))
            .schema(format!("{word}Row"), row_of(&word))
    };
    let keyed = |operation: Operation| {
        let parts = master.key.join(", then ");
        let text = match master.key {
            [_] => format!("The key: {parts}."),
            _ => format!("The key: {parts}, with `:` between them."),
        };
        operation.means("code", &text)
    };
    let page = json!({
        "type": "object",
        "required": ["rows"],
        "properties": {
            "rows": { "type": "array", "items": row },
            "next": { "type": ["string", "null"], "description": "Pass as `after` for the next page." },
        },
    });
    let list = Operation::get(route(""), format!("list{word}"), &format!("Lists {words}, page by page"))
        .under(path(""))
        .needs(&permissions.view);
    let create = Operation::post(route(""), format!("create{word}"), &format!("Makes one of the {words}"))
        .under(path(""))
        .needs(&permissions.edit)
        .takes_json(reference(&format!("{word}New")))
        .answers_json(201, row.clone())
        .tagged()
        .fails(422, "masters.invalid", "A field is not right; each is named.");
    let sealed = shape.columns.iter().any(|column| column.field.sealed.is_some());
    let opens = |operation: Operation, text: &str| match sealed {
        true => operation
            .query_with("sensitive", json!({ "type": "boolean", "default": false, "description": text })),
        false => operation,
    };
    let one = Operation::get(route("/rows/{*code}"), format!("get{word}"), &format!("One of the {words}"))
        .under(path("/rows/{code}"))
        .needs(&permissions.view)
        .answers_json(200, row.clone())
        .tagged();
    let one = opens(one, "Sensitive fields are shown; it needs `sensitive.view`, and is in the audit.");
    let update = Operation::patch(
        route("/rows/{*code}"),
        format!("update{word}"),
        &format!("Changes one of the {words}; fields that are not given stay"),
    )
    .under(path("/rows/{code}"))
    .needs(&permissions.edit)
    .takes_json(reference(&format!("{word}Change")))
    .answers_json(200, row.clone())
    .tagged()
    .must_match()
    .fails(409, "conflict.stale", "Somebody else changed it since `version`.")
    .fails(422, "masters.invalid", "A field is not right; each is named.");
    let delete = Operation::delete(
        route("/rows/{*code}"),
        format!("delete{word}"),
        &format!("Deletes one of the {words}; it can be restored"),
    )
    .under(path("/rows/{code}"))
    .needs(&permissions.delete)
    .may_match()
    .ends()
    .fails(409, "masters.in_use", "Others use it; they are named.");
    let restore = Operation::post(
        route("/restore/{*code}"),
        format!("restore{word}"),
        &format!("Restores one of the {words} that was deleted"),
    )
    .under(path("/restore/{code}"))
    .needs(&permissions.delete)
    .answers_json(200, row.clone())
    .tagged()
    .fails(
        422,
        "masters.invalid",
        "It does not fit any more: what it refers to is gone, or what only one may have is taken.",
    );
    let history = Operation::get(
        route("/history/{*code}"),
        format!("history{word}"),
        &format!("Who changed one of the {words}, and how"),
    )
    .under(path("/history/{code}"))
    .needs(&permissions.view)
    .answers_json(200, history());
    let export = Operation::get(route("/export"), format!("export{word}"), &format!("The {words} as a file"))
        .under(path("/export"))
        .needs(&permissions.view)
        .query_with(
            "format",
            json!({ "type": "string", "enum": ["csv", "xlsx", "template"], "default": "csv" }),
        )
        .answers_file(&["text/csv", XLSX])
        .fails(413, "masters.too_many", "More rows than a workbook takes.");
    let export =
        opens(export, "Sensitive fields go out too; it needs `sensitive.view`, and is in the audit.");
    let import = Operation::post(
        route("/import"),
        format!("import{word}"),
        &format!("Writes {words} from a file: all of it, or nothing and every mistake in it"),
    )
    .note("CSV or an Excel workbook; what it is shows in its bytes. The first row holds the names of fields.")
    .under(path("/import"))
    .needs(&permissions.edit)
    .query_with(
        "dry_run",
        json!({ "type": "boolean", "default": false, "description": "Everything is tried, nothing is kept." }),
    )
    .takes_file(&["text/csv", XLSX])
    .answers_json(200, reference("ImportReport"))
    .schema("ImportReport", report())
    .fails(413, "masters.too_many", "More rows than are taken at once.")
    .fails(422, "masters.invalid", "Rows and fields that are not right; each is named.");
    let at = Operation::get(
        route("/at/{plant}/{*code}"),
        format!("get{word}AtPlant"),
        &format!("One of the {words}, with what is other at this plant"),
    )
    .under(path("/at/{plant}/{code}"))
    .needs(&permissions.view)
    .means("plant", "The plant's code.")
    .answers_json(200, row.clone());
    let per_plant = shape.columns.iter().any(|column| column.field.per_plant);
    let narrowed = |operation: Operation| narrowed(shape, operation);
    let mut all = vec![
        narrowed(list.answers_json(200, page)),
        schemas(create),
        keyed(one),
        keyed(update),
        keyed(delete),
        keyed(restore),
        keyed(history),
        narrowed(export),
        import,
    ];
    if per_plant {
        all.push(keyed(at));
    }
    let title: String =
        words.chars().take(1).flat_map(char::to_uppercase).chain(words.chars().skip(1)).collect();
    group(&format!("Master: {title}"), all)
}

const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// `item_categories` as `ItemCategories`.
fn camel(name: &str) -> String {
    name.split('_')
        .flat_map(|word| word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)))
        .collect()
}

/// What narrows and orders a list.
fn narrowed(shape: &Shape, operation: Operation) -> Operation {
    let sorts = shape.columns.iter().map(|column| column.name.as_str()).filter(|name| shape.sorts_by(name));
    let sorts: Vec<String> = sorts.flat_map(|name| [name.to_owned(), format!("-{name}")]).collect();
    let mut operation = operation
        .query_with(
            "q",
            json!({ "type": "string", "maxLength": 100, "description": "The beginning of a code or of a name in any language, in any case." }),
        )
        .query_with(
            "sort",
            json!({ "type": "string", "enum": sorts, "description": "A field; with `-` the other way round. Not with `q`." }),
        )
        .query_with(
            "deleted",
            json!({ "type": "boolean", "default": false, "description": "Deleted rows instead of those that stand." }),
        )
        .query_with(
            "limit",
            json!({ "type": "integer", "minimum": 1, "maximum": MOST, "default": super::list::PAGE }),
        )
        .query_with("after", json!({ "type": "string", "description": "Where the answer before ended: its `next`." }));
    for filter in shape.master.filters {
        if let Some(column) = shape.column(filter) {
            operation = operation.query_with(filter, kind_of(&column.kind, true));
        }
    }
    operation
}

/// A value, as it is answered or as it is taken.
fn kind_of(kind: &Kind, given: bool) -> Value {
    let bounded = |mut schema: Value, name: &str, most: usize| {
        if given {
            schema[name] = most.into();
        }
        schema
    };
    match kind {
        Kind::Text { longest, .. } => bounded(json!({ "type": "string" }), "maxLength", *longest),
        Kind::Secret => {
            json!({ "type": "string", "maxLength": super::kind::LONGEST_TEXT, "writeOnly": true })
        }
        Kind::Choice(words) => json!({ "type": "string", "enum": words }),
        Kind::Named(words) => {
            let words: Vec<&str> = words.iter().map(|named| named.word.as_str()).collect();
            json!({ "type": "string", "enum": words })
        }
        Kind::Whole(range) => whole(range),
        Kind::Decimal { whole, scale, .. } => json!({
            "type": "string",
            "pattern": format!("^-?[0-9]{{1,{whole}}}(\\.[0-9]{{1,{}}})?$", (*scale).max(1)),
            "description": "A decimal number, as text.",
        }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Date => json!({ "type": "string", "format": "date" }),
        Kind::Time => json!({ "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$" }),
        Kind::Codes(words) if words.is_empty() => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Codes(words) => json!({ "type": "array", "items": { "type": "string", "enum": words } }),
        Kind::Names => {
            let text = bounded(json!({ "type": "string" }), "maxLength", LONGEST_NAME);
            let by_lang: Map<String, Value> =
                Lang::ALL.iter().map(|lang| (lang.code().to_owned(), text.clone())).collect();
            json!({ "type": "object", "properties": by_lang, "description": "A text in each language; any one of them is enough." })
        }
    }
}

fn whole(range: &Range) -> Value {
    let mut schema = json!({ "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX });
    let number = |text: String| text.parse::<i64>().ok();
    if let Some((least, itself)) = range.least {
        let least = number(least.normalize().to_string()).map(|least| if itself { least } else { least + 1 });
        schema["minimum"] = least.into();
    }
    if let Some(most) = range.most {
        schema["maximum"] = number(most.normalize().to_string()).into();
    }
    schema
}

/// A schema that takes null too.
fn or_null(mut schema: Value) -> Value {
    if let Some(kind) = schema.get("type").and_then(Value::as_str).map(str::to_owned) {
        schema["type"] = json!([kind, "null"]);
    }
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
    schema
}

/// The fields of a row as it is answered; what is secret is not.
fn values(shape: &Shape) -> Value {
    let shown = shape.columns.iter().filter(|column| column.kind != Kind::Secret);
    let properties: Map<String, Value> =
        shown.map(|column| (column.name.clone(), or_null(kind_of(&column.kind, false)))).collect();
    let properties = beside(shape, properties);
    json!({ "type": "object", "properties": properties })
}

/// What every master may have besides: own fields of the tenant, values of plants.
fn beside(shape: &Shape, mut properties: Map<String, Value>) -> Map<String, Value> {
    let own = json!({ "type": "object", "description": "The organisation's own fields, by name." });
    properties.insert("custom".to_owned(), own);
    if shape.columns.iter().any(|column| column.field.per_plant) {
        let at = json!({
            "type": "object",
            "description": "By plant: fields that are other there than for all.",
            "additionalProperties": { "type": "object" },
        });
        properties.insert("at".to_owned(), at);
    }
    properties
}

/// The fields of a row as it is given: a new one, or a change.
fn input(shape: &Shape, new: bool) -> Value {
    let mut properties: Map<String, Value> = Map::new();
    let mut required: Vec<String> = Vec::new();
    for column in &shape.columns {
        let must = column.is_asked()
            && shape.master.opaque_key.is_none_or(|_| !column.is_key)
            && !shape.in_languages(column);
        let mut schema = given(column, must);
        if column.is_asked() && shape.in_languages(column) {
            schema["description"] =
                "In the organisation's language; this or one of `names` is needed.".into();
        }
        properties.insert(column.name.clone(), schema);
        if new && must {
            required.push(column.name.clone());
        }
    }
    properties = beside(shape, properties);
    if !new {
        let version = json!({
            "type": "integer", "minimum": 1, "maximum": i32::MAX,
            "description": "The version that was seen, where `If-Match` does not say it.",
        });
        properties.insert("version".to_owned(), version);
    }
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn given(column: &Column, must: bool) -> Value {
    let mut schema = kind_of(&column.kind, true);
    if must && matches!(column.kind, Kind::Text { .. } | Kind::Secret) {
        schema["minLength"] = 1.into();
    }
    if let Some(default) = &column.default {
        schema["default"] = match column.kind {
            Kind::Decimal { .. } => Kind::plain(default).into(),
            _ => default.clone(),
        };
    }
    // Of a text in languages each may be left out, and there is nothing to empty.
    if must || column.kind == Kind::Names { schema } else { or_null(schema) }
}

fn row_of(word: &str) -> Value {
    json!({
        "type": "object",
        "required": ["key", "version", "deleted", "updated_by", "values"],
        "properties": {
            "key": { "type": "string" },
            "version": { "type": "integer", "description": "For `If-Match`, as `\"<version>\"`." },
            "deleted": { "type": "boolean" },
            "updated_at": { "type": ["string", "null"], "format": "date-time" },
            "updated_by": { "type": "string" },
            "values": reference(&format!("{word}Values")),
            "sensitive": { "type": "object", "description": "Sensitive fields, where they were asked for." },
            "lacking": { "type": "integer", "description":
                "Of an own field that was written and must be filled: rows that have nothing in it, counted up to 1001." },
        },
    })
}

fn history() -> Value {
    json!({
        "type": "object",
        "required": ["entries"],
        "properties": { "entries": { "type": "array", "items": {
            "type": "object",
            "required": ["at", "by", "action", "changes"],
            "properties": {
                "at": { "type": "string", "format": "date-time" },
                "by": { "type": "string" },
                "action": { "type": "string" },
                "changes": { "type": "array", "items": {
                    "type": "object",
                    "required": ["field"],
                    "properties": {
                        "field": { "type": "string" },
                        "hidden": { "type": "boolean", "description": "Personal or secret: it changed, and not how." },
                        "before": { "type": "string" },
                        "after": { "type": "string" },
                    },
                } },
            },
        } } },
    })
}

fn report() -> Value {
    let count = |text: &str| json!({ "type": "integer", "minimum": 0, "description": text });
    json!({
        "type": "object",
        "required": ["rows", "created", "changed", "same", "dry_run"],
        "properties": {
            "rows": count("Rows of the file."),
            "created": count("New among them."),
            "changed": count("Changed or restored among them."),
            "same": count("As they were."),
            "dry_run": { "type": "boolean", "description": "Nothing was written." },
        },
    })
}

fn described() -> Value {
    json!({
        "type": "object",
        "required": ["masters"],
        "properties": { "masters": { "type": "array", "items": {
            "type": "object",
            "required": ["name", "title", "key", "filters", "fields"],
            "properties": {
                "name": { "type": "string" },
                "title": { "type": "string", "description": "In the caller's language." },
                "key": { "type": "array", "items": { "type": "string" } },
                "filters": { "type": "array", "items": { "type": "string" } },
                "fields": { "type": "array", "items": {
                    "type": "object",
                    "required": ["name", "label", "kind", "required", "sortable"],
                    "properties": {
                        "name": { "type": "string" },
                        "label": { "type": "string" },
                        "kind": { "enum": [
                            "text", "choice", "integer", "decimal", "boolean", "date", "time", "codes", "texts",
                            "secret", "sensitive",
                        ] },
                        "required": { "type": "boolean" },
                        "longest": { "type": "integer" },
                        "choices": { "type": "array", "items": { "type": "string" } },
                        "choices_said": { "type": "array", "items": { "type": "string" }, "description": "Of each choice, what the caller sees." },
                        "refers_to": { "type": "string" },
                        "sortable": { "type": "boolean" },
                    },
                } },
            },
        } } },
    })
}
