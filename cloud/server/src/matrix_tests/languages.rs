//! What is refused is refused in the reader's language, by pages and by the API.

use platform::i18n::Lang;

use super::*;

/// Names of parameters, and what no page understands of them.
const NOT_UNDERSTOOD: [(&str, &str); 9] = [
    ("from", "yesterday"),
    ("to", "yesterday"),
    ("after", "nowhere"),
    ("limit", "none"),
    ("sort", "nothing"),
    ("state", "nothing"),
    ("status", "nothing"),
    ("version", "none"),
    ("days", "none"),
];

/// What is written about a mistake: of an error page and of a problem the detail, of a form
/// that is shown again what stands above it and beside its inputs.
fn said(body: &str) -> Vec<String> {
    if let Ok(problem) = serde_json::from_str::<serde_json::Value>(body) {
        return vec![problem["detail"].as_str().unwrap_or_default().to_owned()];
    }
    let of = |begin: &str| -> Vec<String> {
        let parts = body.split(begin).skip(1);
        parts.map(|part| part.split("</").next().unwrap_or_default().to_owned()).collect()
    };
    if body.contains("class=\"tw-status\"") {
        return of("<p class=\"tw-lead\">");
    }
    let beside = body.split("id=\"err-").skip(1).filter_map(|part| part.split_once("<strong>"));
    let beside = beside.map(|(_, part)| part.split("</").next().unwrap_or_default().to_owned());
    of("role=\"alert\">").into_iter().chain(of("data-wrong>")).chain(beside).collect()
}

#[test]
fn what_is_said_is_found_in_each_form_of_an_answer() {
    assert_eq!(said(r#"{"detail":"No."}"#), ["No."]);
    assert_eq!(said("<p class=\"tw-status\">400</p><p class=\"tw-lead\">No.</p>"), ["No."]);
    assert_eq!(said("<p>Title</p><p class=\"x\" role=\"alert\">No.</p>"), ["No."]);
    let form =
        "<div role=\"alert\" data-wrong><p>One mistake</p></div><p id=\"err-x\"><strong>No.</strong></p>";
    assert_eq!(said(form), ["<p>One mistake", "No."]);
}

#[tokio::test]
async fn nothing_is_refused_to_a_reader_of_telugu_in_english_alone() {
    let site = Site::new().await;
    let cookie = format!("tws={}; twl=te", site.theirs.token);
    let by = Some(By::Cookie(&cookie));
    let (mut latin, mut asked) = (Vec::new(), 0);
    for &(method, pattern, least, sends) in ROUTES.iter().filter(|route| route.1 != "/signout") {
        if least == Super {
            continue;
        }
        let path = sample(method, pattern);
        let beside = |name: &str, value: &str| {
            let sign = if path.contains('?') { '&' } else { '?' };
            format!("{path}{sign}{name}={value}")
        };
        let mut tries: Vec<(String, Sends)> = vec![(path.clone(), sends)];
        if method == "GET" {
            tries.extend(NOT_UNDERSTOOD.map(|(name, value)| (beside(name, value), Nothing)));
        } else {
            tries.extend(
                [Nothing, Form("version=none"), Json("{}"), Json("[")].map(|sent| (path.clone(), sent)),
            );
        }
        for (path, sent) in tries {
            let (status, body) = site.send(method, pattern, &path, sent, by).await;
            if !status.is_client_error() {
                continue;
            }
            let said = said(&body);
            asked += said.len();
            let wrong = said.into_iter().filter(|said| !said.trim().is_empty() && !Lang::Te.reads(said));
            latin.extend(wrong.map(|said| format!("{method} {path}: {status} {said}")));
        }
    }
    assert!(asked > 300, "{asked} refusals");
    assert!(latin.is_empty(), "{} of {asked}:\n{}", latin.len(), latin.join("\n"));
}
