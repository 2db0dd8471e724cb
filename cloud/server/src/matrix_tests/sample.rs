//! A path for every route.

use super::*;

/// A view that nobody keeps.
const NO_VIEW: &str = "01900000-0000-7000-8000-000000000009";

/// A path of the pattern, with a query where the route wants one.
pub(super) fn sample(method: &str, pattern: &str) -> String {
    let path = pattern
        // One that is for all is changed by right, which the page asks in the same words.
        .replace("/api/v1/views/{id}", &format!("/api/v1/views/{NO_VIEW}"))
        .replace("{uid}", UID)
        .replace("{direction}", "backward")
        .replace("{id}", HOLD)
        .replace("{notice}", HOLD)
        .replace("{instance}", HOLD)
        .replace("{event}", HOLD)
        .replace("{passport}", "nonsense")
        .replace("{gtin}", "04006381333931")
        .replace("{serial}", "KOLRM000001A7")
        .replace("{delegation}", HOLD)
        .replace("/tenants/{tenant}", &format!("/tenants/{HOLD}"))
        .replace("{tenant}", "SAIF")
        .replace("{admin}", HOLD)
        .replace("{erasure}", HOLD)
        .replace("{plan}", "TRIAL")
        .replace("{plant}", "KOL")
        .replace("{version}", "1")
        .replace("{token}", "nonsense")
        .replace("{list}", "suppliers")
        .replace("{master}", "suppliers")
        .replace("{kind}", "suppliers")
        .replace("{person}", "contact")
        .replace("{consent}", HOLD)
        .replace("{field}", "payment_terms")
        .replace("{plant}", "KOL")
        .replace("{*code}", MARK)
        .replace("/roles/{code}", "/roles/VIEWER")
        .replace("{code}", "nonsense")
        .replace("{consignee}", HOLD)
        .replace("{operation}", "listHolds")
        .replace("{link}", "nonsense")
        .replace("{type}/{number}", &format!("recadv/{MARK}"))
        .replace("{session}", "nonsense")
        .replace("{key}", "nonsense")
        .replace("{board}", "quality")
        .replace("{kpi}", "rejects")
        .replace("{name}", "app.css");
    match pattern {
        "/search" | "/search/box" | "/api/v1/find" | "/trace" | "/api/v1/search" => {
            format!("{path}?q={MARK}")
        }
        "/api/v1/views" if method == "GET" => format!("{path}?list=suppliers"),
        "/api/v1/workflows/definitions/{id}" | "/api/v1/webhooks/{id}" | "/api/v1/roles/{code}"
            if method == "DELETE" =>
        {
            format!("{path}?version=1")
        }
        "/api/v1/files" if method == "GET" => format!("{path}?kind=suppliers&key={MARK}"),
        "/api/v1/files" => format!("{path}?kind=suppliers&key={MARK}&name=a.txt"),
        "/admin/usage.csv" | "/admin/api/usage" => format!("{path}?month=2026-11"),
        "/api/v1/proofs/consistency" => format!("{path}?from=1&to=1"),
        "/api/v1/reference" if method == "GET" => format!("{path}?kind=item"),
        _ => path,
    }
}
