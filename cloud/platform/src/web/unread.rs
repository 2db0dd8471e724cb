//! What of a request could not be read, in the reader's words. A parser says it in English
//! and to programmers; which field it is and what kind of mistake is taken from there.

use axum::http::StatusCode;

use super::{Problem, no_place};
use crate::i18n::Texts;

/// What the extractors put before what the parser said.
const WRAPS: [&str; 5] = [
    "Failed to deserialize the JSON body into the target type: ",
    "Failed to parse the request body as JSON: ",
    "Failed to deserialize query string: ",
    "Failed to deserialize form body: ",
    "Failed to deserialize form: ",
];

/// A mistake that a parser found.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Unread {
    /// A field is missing.
    Missing { field: String },
    /// There is no such field among those that are known.
    Unknown { field: String, known: Vec<String> },
    /// A value is none of those that are known.
    NoneOf { field: String, value: String, known: Vec<String> },
    /// A field is there twice.
    Twice { field: String },
    /// A value is of another kind than this, named by the end of its text's key.
    Kind { field: String, wanted: &'static str },
    /// A value is not understood.
    Value { field: String },
    /// It is of another form as a whole.
    Form,
}

/// The problem that a parser said this. A cursor of another form is [`no_place`], as one that
/// a list itself does not know.
pub(super) fn unread(status: StatusCode, code: &'static str, said: String) -> Problem {
    let wrong = Unread::of(&said);
    if code == "query.parameter" && wrong.is_no_place() {
        return no_place();
    }
    let field = wrong.field().to_owned();
    let say = move |texts: &Texts| wrong.say(texts);
    let problem = Problem::new(status, code, said.clone()).in_english(said);
    if field.is_empty() { problem.told_by(say) } else { problem.both_told_by(field, say) }
}

/// The problem that this is no JSON.
pub(super) fn no_json(said: String) -> Problem {
    let place = placed(&said);
    let problem = Problem::bad_request("request.malformed", said.clone()).in_english(said);
    problem.told_by(move |texts| match &place {
        Some((line, column)) => texts.with(
            "error-read-no-json",
            &[("line", line.as_str().into()), ("column", column.as_str().into())],
        ),
        None => texts.t("error-request-malformed"),
    })
}

/// The problem that a field is no object, where one is expected.
pub(crate) fn no_object(field: String) -> Problem {
    let said = format!("{field}: an object is expected");
    misread(Unread::Kind { field, wanted: "object" }, said)
}

/// The problem that a field is no text, where one is expected.
pub(crate) fn no_text(field: String) -> Problem {
    let said = format!("{field}: a text is expected");
    misread(Unread::Kind { field, wanted: "text" }, said)
}

/// The problem that what stands in a field is not understood.
pub(crate) fn no_value(field: String) -> Problem {
    let said = format!("{field}: this is not understood");
    misread(Unread::Value { field }, said)
}

fn misread(wrong: Unread, said: String) -> Problem {
    let field = wrong.field().to_owned();
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "request.invalid", said)
        .both_told_by(field, move |texts| wrong.say(texts))
}

/// The line and the column in which a message ends.
fn placed(said: &str) -> Option<(String, String)> {
    let (line, column) = said.rsplit_once(" at line ")?.1.split_once(" column ")?;
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (number(line) && number(column)).then(|| (line.to_owned(), column.to_owned()))
}

impl Unread {
    fn of(said: &str) -> Self {
        const MARKS: [&str; 6] = [
            "missing field `",
            "unknown field `",
            "unknown variant `",
            "duplicate field `",
            "invalid type: ",
            "invalid value: ",
        ];
        let said = WRAPS.iter().find_map(|wrap| said.strip_prefix(wrap)).unwrap_or(said);
        let first = MARKS.iter().filter_map(|mark| Some((said.find(mark)?, *mark))).min();
        let Some((at, mark)) = first else {
            return said.split_once(": ").map_or(Self::Form, |(field, _)| Self::value(path(field)));
        };
        let field = path(said[..at].trim_end_matches(": "));
        let rest = &said[at + mark.len()..];
        let (name, after) = rest.split_once('`').unwrap_or((rest, ""));
        let known = || named(after);
        match mark {
            "missing field `" => Self::Missing { field: within(&field, name) },
            "unknown field `" => Self::Unknown { field: within(&field, name), known: known() },
            "unknown variant `" if !field.is_empty() => {
                Self::NoneOf { field, value: name.to_owned(), known: known() }
            }
            "duplicate field `" => Self::Twice { field: within(&field, name) },
            "invalid type: " if !field.is_empty() => match wanted(rest) {
                Some(wanted) => Self::Kind { field, wanted },
                None => Self::Value { field },
            },
            _ => Self::value(field),
        }
    }

    fn value(field: String) -> Self {
        if field.is_empty() { Self::Form } else { Self::Value { field } }
    }

    /// Whether what it says is that the `after` of a list is none.
    fn is_no_place(&self) -> bool {
        matches!(self, Self::Value { field } | Self::Kind { field, .. } if field == "after")
    }

    /// The field that it lies in; empty where it is none of one.
    fn field(&self) -> &str {
        match self {
            Self::Missing { field }
            | Self::Unknown { field, .. }
            | Self::NoneOf { field, .. }
            | Self::Twice { field }
            | Self::Kind { field, .. }
            | Self::Value { field } => field,
            Self::Form => "",
        }
    }

    fn say(&self, texts: &Texts) -> String {
        let list = |known: &[String]| known.join(", ");
        match self {
            Self::Missing { field } => texts.t1("error-read-missing", "field", field),
            Self::Unknown { field, known } if known.is_empty() => texts.t1("error-read-none", "field", field),
            Self::Unknown { field, known } => texts.with(
                "error-read-unknown",
                &[("field", field.as_str().into()), ("known", list(known).into())],
            ),
            Self::NoneOf { field, value, known } => texts.with(
                "error-read-none-of",
                &[
                    ("field", field.as_str().into()),
                    ("value", value.as_str().into()),
                    ("known", list(known).into()),
                ],
            ),
            Self::Twice { field } => texts.t1("error-read-twice", "field", field),
            Self::Kind { field, wanted } => {
                let wanted = texts.t(&format!("error-read-wanted-{wanted}"));
                texts
                    .with("error-read-wanted", &[("field", field.as_str().into()), ("wanted", wanted.into())])
            }
            Self::Value { field } => texts.t1("error-read-value", "field", field),
            Self::Form => texts.t("error-read-form"),
        }
    }
}

/// The path to a field as the parser says it, if it says one that can be named.
fn path(said: &str) -> String {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '[' | ']');
    let named = said.chars().any(char::is_alphanumeric) && said.chars().all(part);
    if named { said.to_owned() } else { String::new() }
}

/// The field `name` of what stands at a path, which may name it already.
fn within(path: &str, name: &str) -> String {
    let there = path == name || path.strip_suffix(name).is_some_and(|before| before.ends_with('.'));
    match path {
        _ if there => path.to_owned(),
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

/// The names in a list such as "expected one of `a`, `b`".
fn named(said: &str) -> Vec<String> {
    said.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What kind of value the parser wanted, where there is a word for it.
fn wanted(said: &str) -> Option<&'static str> {
    let said = said.rsplit_once(", expected ")?.1;
    let said = said.split(" at line ").next().unwrap_or(said);
    Some(match said {
        "a boolean" => "truth",
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" | "isize" => "whole",
        "f32" | "f64" => "number",
        _ if said.ends_with("string") || said == "a str" => "text",
        _ if said.contains("number") => "number",
        _ if said.contains("UUID") => "id",
        _ if said.contains("sequence") => "list",
        _ if said == "a map" || said.starts_with("struct ") => "object",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Json;
    use serde::Deserialize;
    use uuid::Uuid;

    use super::super::query::{json, query, query_of};
    use super::*;
    use crate::i18n::{I18n, Lang};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only whether it can be read is looked at")]
    struct One {
        name: String,
        kind: Option<Way>,
        urgent: Option<bool>,
        most: Option<u16>,
        id: Option<Uuid>,
        parts: Option<Vec<One>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Way {
        Mail,
        Sms,
    }

    /// What is answered, by the code's own way from bytes to a problem.
    fn read(body: &str) -> Problem {
        json(Json::<One>::from_bytes(body.as_bytes())).map(|_| ()).unwrap_err()
    }

    fn told(problem: Problem, lang: Lang) -> serde_json::Value {
        let problem = problem.in_words_of(&Texts::new(Arc::new(I18n::new()), lang));
        serde_json::from_slice(&problem.body(None)).unwrap()
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_field_and_the_kind_of_mistake() {
        for (body, field, said) in [
            ("{}", "name", "“name” is missing."),
            (
                r#"{"name":"a","nmae":1}"#,
                "nmae",
                "“nmae” is not known here. There are: name, kind, urgent, most, id, parts.",
            ),
            (r#"{"name":"a","kind":"post"}"#, "kind", "“kind”: “post” is none of mail, sms."),
            (r#"{"name":"a","name":"b"}"#, "name", "“name” is there twice."),
            (r#"{"name":"a","urgent":"yes"}"#, "urgent", "“urgent” takes true or false."),
            (r#"{"name":7}"#, "name", "“name” takes a text."),
            (r#"{"name":"a","most":"7"}"#, "most", "“most” takes a whole number."),
            (r#"{"name":"a","most":70000}"#, "most", "What stands in “most” is not understood."),
            (r#"{"name":"a","id":"7"}"#, "id", "What stands in “id” is not understood."),
            (r#"{"name":"a","parts":7}"#, "parts", "“parts” takes a list."),
            (r#"{"name":"a","parts":[{}]}"#, "parts[0].name", "“parts[0].name” is missing."),
        ] {
            let problem = read(body);
            assert_eq!((problem.status.as_u16(), problem.code.as_ref()), (422, "request.invalid"), "{body}");
            let english = told(problem.clone(), Lang::En);
            assert_eq!((&english["detail"], &english["errors"][0]["field"]), (&said.into(), &field.into()));
            assert_eq!(english["errors"][0]["detail"], said, "{body}");
            assert!(english["english"].as_str().unwrap().starts_with(WRAPS[0]), "{english}");
            for lang in [Lang::Hi, Lang::Bn, Lang::Te] {
                let told = told(problem.clone(), lang);
                let detail = told["detail"].as_str().unwrap();
                assert!(lang.reads(detail) && detail.contains(field), "{detail}");
                assert!(!detail.contains("expected") && !detail.contains('('), "{detail}");
                assert_eq!(told["errors"][0]["detail"], told["detail"]);
                assert_eq!(told["english"], english["english"]);
            }
        }
        let whole = told(read("7"), Lang::En);
        assert!(whole["errors"].is_null() && whole["detail"].as_str().unwrap().contains("form"), "{whole}");
        let broken = told(read("{\"name\":\n]"), Lang::En);
        assert_eq!(broken["code"], "request.malformed");
        assert!(broken["detail"].as_str().unwrap().contains("line 2, column "), "{broken}");
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code, reason = "only whether it can be read is looked at")]
    struct Listed {
        after: Option<Uuid>,
        owner: Option<Uuid>,
    }

    #[test]
    fn a_cursor_of_another_form_is_told_as_one_that_no_answer_gave() {
        let read = |text: &str| query::<Listed>(&format!("/list?{text}").parse().unwrap());
        for cursor in ["junk", "7", "-"] {
            let problem = read(&format!("after={cursor}")).unwrap_err();
            for lang in Lang::ALL {
                assert_eq!(told(problem.clone(), lang), told(no_place(), lang), "{cursor}");
            }
        }
        let good = "after=00000000-0000-0000-0000-000000000007";
        assert!(read(good).is_ok());
        // What is no cursor is told as what it is, and so is one that is there twice.
        let owner = told(read("owner=junk").unwrap_err(), Lang::En);
        assert_eq!(owner["errors"][0]["field"], "owner");
        assert_ne!(owner["detail"], told(no_place(), Lang::En)["detail"]);
        let twice = told(read(&format!("{good}&{good}")).unwrap_err(), Lang::En);
        assert_ne!(twice["detail"], told(no_place(), Lang::En)["detail"]);
    }

    #[test]
    fn a_parameter_that_cannot_be_read_is_named_too() {
        let pairs = |given: &[(&str, &str)]| -> Vec<(String, String)> {
            given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let lacks = query_of::<One>(&pairs(&[("most", "7")])).map(|_| ()).unwrap_err();
        assert_eq!(told(lacks, Lang::En)["errors"][0]["field"], "name");
        let odd = query_of::<One>(&pairs(&[("name", "a"), ("colour", "red")])).map(|_| ()).unwrap_err();
        let odd = told(odd, Lang::Te);
        assert_eq!((&odd["code"], &odd["errors"][0]["field"]), (&"query.parameter".into(), &"colour".into()));
        assert!(Lang::Te.reads(odd["detail"].as_str().unwrap()), "{odd}");
    }
}
