//! Every endpoint of reading, asked what makes no sense: it says so, and nothing breaks.

use std::sync::Arc;

use platform::i18n::{I18n, Lang, Texts};

use super::*;

/// Texts that are no code, number, time or place of anything; as they stand in a path.
const NONSENSE: [&str; 6] =
    ["a%00b", "%FF%FE", "-1", "99999999999999999999", "-4713-01-01", "%2B262142-12-31"];

/// Names of parameters, each with what it is sent at once with no other.
const ASKED: [(&str, &[&str]); 8] = [
    ("from", &["-4713-01-01", "%2B262142-12-31", "99999-01-01"]),
    ("to", &["-4713-01-01", "-262143-01-01", "%2B262142-12-31T23:59"]),
    ("after", &["a%00b", "-9223372036854775808"]),
    ("limit", &["-1"]),
    ("plant", &["a%00b"]),
    ("kind", &["a%00b"]),
    ("uid", &["a%00b"]),
    ("q", &["a%00b"]),
];

#[tokio::test]
async fn nonsense_is_answered_and_breaks_nothing() {
    let site = Site::new().await;
    let by = Some(By::Session(&site.theirs.token));
    let mut broken = Vec::new();
    let mut asked = 0;
    for &(_, pattern, ..) in ROUTES.iter().filter(|(method, _, least, _)| *method == "GET" && *least != Super)
    {
        let mut paths = Vec::new();
        for (at, _) in pattern.match_indices('{') {
            let end = at + pattern[at..].find('}').unwrap();
            paths.extend(NONSENSE.map(|nonsense| {
                sample("GET", &format!("{}{nonsense}{}", &pattern[..at], &pattern[end + 1..]))
            }));
        }
        let path = sample("GET", pattern);
        for (name, texts) in ASKED {
            // Beside what the sample asks, or in place of it.
            let (bare, query) = path.split_once('?').unwrap_or((&path, ""));
            let beside = if query.is_empty() || query.starts_with(&format!("{name}=")) {
                format!("{bare}?")
            } else {
                format!("{path}&")
            };
            paths.extend(texts.iter().map(|text| format!("{beside}{name}={text}")));
        }
        for path in paths {
            let (status, told) = site.send("GET", pattern, &path, Nothing, by).await;
            asked += 1;
            if status.is_server_error() {
                broken.push(format!("{path}: {status} {}", finding::start(&told)));
            }
        }
    }
    assert!(asked > 2000, "{asked} questions");
    // What was sent is not sent back whole.
    let long = json_of(&"x".repeat(1_000_000));
    let route = "/api/v1/exceptions/{id}/assign";
    let (status, told) = site.send("POST", route, &sample("POST", route), Json(long), by).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{}", finding::start(&told));
    assert!(told.len() < 1000 && told.contains("version"), "{} bytes: {}", told.len(), finding::start(&told));
    assert!(broken.is_empty(), "{} broke:\n{}", broken.len(), broken.join("\n"));
}

/// A body whose version is this text, kept to the end of the run as samples are.
fn json_of(text: &str) -> &'static str {
    Box::leak(format!(r#"{{"to":"","version":"{text}"}}"#).into_boxed_str())
}

/// What can be the id of nothing, as it stands in a path.
const NO_IDS: [&str; 3] = ["not-a-uuid", "%FF%FE", "a%00b"];

/// An id that nothing has.
const UNKNOWN: &str = "01900000-0000-7000-8000-0000000000ff";

#[tokio::test]
async fn what_can_be_no_id_is_not_found_as_an_unknown_id_is() {
    let site = Site::new().await;
    // By the cookie of somebody who reads Telugu.
    let cookie = format!("tws={}; twl=te", site.theirs.token);
    let by = Some(By::Cookie(&cookie));
    let told_so = Texts::new(Arc::new(I18n::new()), Lang::Te).t("error-not_found");
    let (mut other, mut asked, mut found_out) = (Vec::new(), 0, 0);
    for &(method, pattern, least, sends) in ROUTES.iter().filter(|(_, _, least, _)| *least != Super) {
        for (at, _) in pattern.match_indices('{') {
            let end = at + pattern[at..].find('}').unwrap();
            let with = |id: &str| sample(method, &format!("{}{id}{}", &pattern[..at], &pattern[end + 1..]));
            let (of_unknown, _) = site.send(method, pattern, &with(UNKNOWN), sends, by).await;
            for no_id in NO_IDS {
                let path = with(no_id);
                // Whoever is nobody learns nothing of it.
                let (status, body) = site.send(method, pattern, &path, sends, None).await;
                let out = [StatusCode::UNAUTHORIZED, StatusCode::SEE_OTHER].contains(&status);
                assert!(least == Anyone || out, "{method} {path} as nobody: {status} {body}");
                let (status, body) = site.send(method, pattern, &path, sends, by).await;
                asked += 1;
                if status == StatusCode::NOT_FOUND && body.contains(&told_so) {
                    found_out += 1;
                } else if status != of_unknown {
                    let told = format!("{method} {path}: {status}, and {of_unknown} of an unknown id");
                    other.push(format!("{told}: {}", finding::start(&body)));
                }
            }
        }
    }
    assert!(asked > 300 && found_out > asked / 2, "{found_out} of {asked} were not found");
    assert!(other.is_empty(), "{} of {asked}:\n{}", other.len(), other.join("\n"));
}
