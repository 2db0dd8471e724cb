//! Every endpoint, called as nobody, by each scope, and by another tenant. A
//! route that is missing here fails the test: add it with who may call it.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use platform::ctx::Cx;
use platform::db::DbError;
use platform::testing::TestDb;
use platform::web::{Scope, keys};
use tower::ServiceExt;
use uuid::Uuid;

use super::*;

/// Who may call a route, at the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    Anyone,
    /// Somebody signed in, who finds what they may see.
    Signed,
    Reader,
    Writer,
    Admin,
    /// Somebody signed in, not a key.
    Person,
    /// A super-administrator: nobody of a tenant, whatever the rights.
    Super,
}

use Who::{Admin, Anyone, Person, Reader, Signed, Super, Writer};

/// What a sample request carries.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sends {
    Nothing,
    Form(&'static str),
    Json(&'static str),
    Csv(&'static str),
}

use Sends::{Csv, Form, Json, Nothing};

impl Sends {
    /// The media type, empty where there is none, and the body.
    pub(super) fn parts(self) -> (&'static str, &'static str) {
        match self {
            Nothing => ("", ""),
            Form(body) => ("application/x-www-form-urlencoded", body),
            Json(body) => ("application/json", body),
            Csv(body) => ("text/csv", body),
        }
    }
}

/// A row of the victim tenant that a stranger must not see.
const MARK: &str = "MARK-OF-SAIF";
/// A UID of the victim tenant.
const UID: &str = "UID-SAIF-KOL-RM-000001-A7";
/// A hold of the victim tenant.
const HOLD: &str = "01900000-0000-7000-8000-000000000001";

/// The end of what the victim wants to be packed in a day: so it stands in a page, where
/// digits are grouped, and in JSON.
const TARGET: &str = "737.373737";

/// Method, pattern, who, and a request that would do something.
pub(super) const ROUTES: &[(&str, &str, Who, Sends)] = &[
    ("GET", "/healthz", Anyone, Nothing),
    ("GET", "/metrics", Anyone, Nothing),
    ("GET", "/favicon.ico", Anyone, Nothing),
    ("GET", "/assets/{name}", Anyone, Nothing),
    ("GET", "/trace.css", Anyone, Nothing),
    ("GET", "/signin", Anyone, Nothing),
    ("POST", "/signin", Anyone, Form("key=wrong")),
    ("GET", "/signin/once/{code}", Anyone, Nothing),
    ("POST", "/signin/once/{code}", Anyone, Form("")),
    ("POST", "/signout", Anyone, Form("")),
    ("POST", "/language", Anyone, Form("lang=te")),
    ("GET", "/", Reader, Nothing),
    ("GET", "/live", Reader, Nothing),
    ("GET", "/live/counts", Reader, Nothing),
    ("GET", "/search", Signed, Nothing),
    ("GET", "/search/box", Signed, Nothing),
    ("GET", "/api/v1/find", Signed, Nothing),
    ("GET", "/trace", Reader, Nothing),
    ("GET", "/trace/{uid}", Reader, Nothing),
    ("GET", "/trace/{uid}/tree/{direction}", Reader, Nothing),
    ("GET", "/trace/{uid}/ends/{direction}", Reader, Nothing),
    ("GET", "/trace/{uid}/picture", Reader, Nothing),
    ("GET", "/trace/{uid}/report", Reader, Nothing),
    ("GET", "/trace/{uid}/report.xlsx", Reader, Nothing),
    ("GET", "/trace/{uid}/report.pdf", Reader, Nothing),
    ("GET", "/trace/{uid}/report.json", Reader, Nothing),
    ("GET", "/trace/lot/{id}", Reader, Nothing),
    ("GET", "/trace/document/{type}/{number}", Reader, Nothing),
    ("GET", "/trace/customer/{code}", Reader, Nothing),
    ("GET", "/trace/machine/{code}", Reader, Nothing),
    ("GET", "/trace/operator/{code}", Reader, Nothing),
    ("GET", "/trace/compare", Reader, Nothing),
    ("GET", "/exceptions", Reader, Nothing),
    ("GET", "/exceptions/{id}", Reader, Nothing),
    ("POST", "/exceptions/{id}/resolve", Writer, Form("choice=known&reason=seen&version=1")),
    ("POST", "/exceptions/{id}/assign", Writer, Form("to=&version=1")),
    ("POST", "/exceptions/{id}/reopen", Writer, Form("reason=again&version=1")),
    ("GET", "/plants", Reader, Nothing),
    ("GET", "/suspects", Reader, Nothing),
    ("POST", "/suspects", Writer, Form("name=Oven&criteria=%7B%22is%22%3A%7B%22item%22%3A%22BOLT%22%7D%7D")),
    ("GET", "/suspects/scopes", Reader, Nothing),
    ("GET", "/suspects/scopes/{id}", Reader, Nothing),
    ("POST", "/suspects/scopes/{id}/delete", Writer, Form("")),
    ("GET", "/dashboards", Reader, Nothing),
    ("GET", "/dashboards/targets", Reader, Nothing),
    ("POST", "/dashboards/targets", Writer, Form("kpi=packed&target=100")),
    ("GET", "/dashboards/events/{kpi}", Reader, Nothing),
    ("GET", "/dashboards/{board}", Reader, Nothing),
    ("GET", "/dashboards/{board}/figures", Reader, Nothing),
    ("GET", "/dashboards/live", Reader, Nothing),
    ("GET", "/dashboards.css", Anyone, Nothing),
    ("GET", "/dashboards.js", Anyone, Nothing),
    ("GET", "/api/v1/dashboards/{board}", Reader, Nothing),
    ("GET", "/api/v1/kpis/{kpi}/events", Reader, Nothing),
    ("GET", "/api/v1/kpi-targets", Reader, Nothing),
    ("PUT", "/api/v1/kpi-targets", Writer, Json(r#"{"kpi":"packed","target":"100"}"#)),
    ("GET", "/holds", Reader, Nothing),
    ("POST", "/holds", Writer, Form("uid=UID-SAIF-KOL-RM-000001-A7&reason=cracks")),
    ("GET", "/recalls", Reader, Nothing),
    ("POST", "/recalls", Writer, Form("uid=UID-SAIF-KOL-RM-000001-A7&severity=class_2&reason=cracks")),
    ("GET", "/recalls/new", Writer, Nothing),
    ("GET", "/recalls/{id}", Reader, Nothing),
    ("POST", "/recalls/{id}", Writer, Form("severity=class_2&version=1")),
    ("POST", "/recalls/{id}/act", Writer, Form("action=close")),
    ("POST", "/recalls/{id}/snapshot", Writer, Form("")),
    ("POST", "/recalls/{id}/drill", Writer, Form("")),
    ("POST", "/recalls/{id}/consignees/{consignee}", Writer, Form("state=notified")),
    ("POST", "/recalls/{id}/responses", Writer, Form("found=1")),
    ("GET", "/recalls/{id}/report", Reader, Nothing),
    ("GET", "/api/v1/recalls/{id}/report.pdf", Reader, Nothing),
    ("GET", "/api/v1/recalls", Reader, Nothing),
    (
        "POST",
        "/api/v1/recalls",
        Writer,
        Json(r#"{"uid":"UID-SAIF-KOL-RM-000001-A7","severity":"class_2","reason":"cracks"}"#),
    ),
    ("GET", "/api/v1/recalls/{id}", Reader, Nothing),
    ("PUT", "/api/v1/recalls/{id}", Writer, Json(r#"{"severity":"class_2","version":1}"#)),
    ("POST", "/api/v1/recalls/{id}/snapshot", Writer, Nothing),
    ("POST", "/api/v1/recalls/{id}/activate", Writer, Json("{}")),
    ("POST", "/api/v1/recalls/{id}/close", Writer, Json("{}")),
    ("POST", "/api/v1/recalls/{id}/cancel", Writer, Json("{}")),
    ("GET", "/api/v1/recalls/{id}/units", Reader, Nothing),
    ("GET", "/api/v1/recalls/{id}/letters", Reader, Nothing),
    ("POST", "/api/v1/recalls/{id}/consignees/{consignee}", Writer, Json(r#"{"state":"notified"}"#)),
    ("POST", "/api/v1/recalls/{id}/consignees/{consignee}/letters", Writer, Nothing),
    ("GET", "/api/v1/recalls/{id}/responses", Reader, Nothing),
    ("POST", "/api/v1/recalls/{id}/responses", Writer, Json(r#"{"uid":"UID-SAIF-KOL-RM-000001-A7"}"#)),
    ("GET", "/api/v1/recalls/{id}/effectiveness", Reader, Nothing),
    ("GET", "/holds/look", Writer, Nothing),
    ("GET", "/holds/{id}", Reader, Nothing),
    ("POST", "/holds/{id}/release", Writer, Form("reason=sorted")),
    ("GET", "/api/v1/trace/{uid}", Reader, Nothing),
    ("GET", "/api/v1/trace/{uid}/backward", Reader, Nothing),
    ("GET", "/api/v1/trace/{uid}/forward", Reader, Nothing),
    ("GET", "/api/v1/trace/{uid}/picture", Reader, Nothing),
    ("GET", "/api/v1/trace/{uid}/report", Reader, Nothing),
    ("GET", "/api/v1/trace/{uid}/report.xlsx", Reader, Nothing),
    ("GET", "/api/v1/trace/{uid}/report.pdf", Reader, Nothing),
    ("GET", "/api/v1/trace/lot/{id}", Reader, Nothing),
    ("GET", "/api/v1/trace/document/{type}/{number}", Reader, Nothing),
    ("GET", "/api/v1/trace/customer/{code}", Reader, Nothing),
    ("GET", "/api/v1/trace/machine/{code}", Reader, Nothing),
    ("GET", "/api/v1/trace/operator/{code}", Reader, Nothing),
    ("GET", "/api/v1/trace/compare", Reader, Nothing),
    ("GET", "/api/v1/search", Reader, Nothing),
    ("GET", "/api/v1/exceptions", Reader, Nothing),
    ("GET", "/api/v1/exceptions/counts", Reader, Nothing),
    ("GET", "/api/v1/exceptions/{id}", Reader, Nothing),
    (
        "POST",
        "/api/v1/exceptions/{id}/resolve",
        Writer,
        Json(r#"{"choice":"known","reason":"seen","version":1}"#),
    ),
    ("POST", "/api/v1/exceptions/{id}/assign", Writer, Json(r#"{"to":"","version":1}"#)),
    ("POST", "/api/v1/exceptions/{id}/reopen", Writer, Json(r#"{"reason":"again","version":1}"#)),
    ("GET", "/api/v1/agents", Reader, Nothing),
    ("GET", "/api/v1/scopes", Reader, Nothing),
    ("POST", "/api/v1/scopes", Writer, Json(r#"{"name":"Oven","criteria":{"is":{"item":"BOLT"}}}"#)),
    ("POST", "/api/v1/scopes/preview", Reader, Json(r#"{"criteria":{"is":{"item":"BOLT"}}}"#)),
    ("GET", "/api/v1/scopes/{id}", Reader, Nothing),
    ("DELETE", "/api/v1/scopes/{id}", Writer, Nothing),
    ("GET", "/api/v1/scopes/{id}/members", Reader, Nothing),
    ("GET", "/api/v1/scopes/{id}/compare", Reader, Nothing),
    ("GET", "/api/v1/holds", Reader, Nothing),
    ("POST", "/api/v1/holds", Writer, Json(r#"{"uid":"UID-SAIF-KOL-RM-000001-A7","reason":"cracks"}"#)),
    ("GET", "/proofs", Reader, Nothing),
    ("GET", "/proofs/history", Reader, Nothing),
    ("POST", "/proofs/keys", Admin, Form("sure=yes")),
    ("GET", "/proofs/check", Reader, Nothing),
    ("POST", "/proofs/check", Admin, Form("")),
    ("GET", "/api/v1/proofs/keys", Reader, Nothing),
    ("POST", "/api/v1/proofs/keys", Admin, Nothing),
    ("GET", "/api/v1/proofs/check", Reader, Nothing),
    ("POST", "/api/v1/proofs/check", Admin, Nothing),
    ("GET", "/api/v1/proofs/heads", Reader, Nothing),
    ("GET", "/api/v1/proofs/heads/current", Reader, Nothing),
    ("GET", "/api/v1/proofs/inclusion/{event}", Reader, Nothing),
    ("GET", "/api/v1/proofs/consistency", Reader, Nothing),
    ("GET", "/api/v1/proofs/history/{uid}", Reader, Nothing),
    ("POST", "/api/v1/holds/preview", Writer, Json(r#"{"uid":"UID-SAIF-KOL-RM-000001-A7"}"#)),
    ("GET", "/api/v1/holds/{id}", Reader, Nothing),
    ("GET", "/api/v1/holds/{id}/members", Reader, Nothing),
    ("GET", "/api/v1/holds/{id}/acts", Reader, Nothing),
    ("POST", "/api/v1/holds/{id}/release", Writer, Json(r#"{"reason":"sorted"}"#)),
    ("GET", "/p/{passport}", Anyone, Nothing),
    ("GET", "/p/{passport}/history.json", Anyone, Nothing),
    ("GET", "/01/{gtin}/21/{serial}", Anyone, Nothing),
    ("GET", "/passport.css", Anyone, Nothing),
    ("GET", "/passports", Reader, Nothing),
    ("POST", "/passports", Writer, Form("uid=UID-SAIF-KOL-RM-000001-A7")),
    ("POST", "/passports/settings", Admin, Form("item=1&version=0")),
    ("GET", "/passports/{id}", Reader, Nothing),
    ("POST", "/passports/{id}/end", Writer, Form("reason=torn")),
    ("GET", "/api/v1/passports", Reader, Nothing),
    ("POST", "/api/v1/passports", Writer, Json(r#"{"uid":"UID-SAIF-KOL-RM-000001-A7"}"#)),
    ("GET", "/api/v1/passports/{id}", Reader, Nothing),
    ("POST", "/api/v1/passports/{id}/end", Writer, Json(r#"{"reason":"torn"}"#)),
    ("GET", "/api/v1/passports/settings", Reader, Nothing),
    ("PUT", "/api/v1/passports/settings", Admin, Json(r#"{"item":true,"version":0}"#)),
    ("POST", "/api/v1/token", Anyone, Form("grant_type=client_credentials&client_secret=wrong")),
    ("POST", "/api/v1/token/revoke", Anyone, Form("token=wrong")),
    ("GET", "/.well-known/jwks.json", Anyone, Nothing),
    ("GET", "/users", Reader, Nothing),
    ("POST", "/users", Admin, Form("email=new%40saif.example&name=New&role=VIEWER")),
    ("GET", "/users/{id}", Reader, Nothing),
    ("POST", "/users/{id}/roles", Admin, Form("role=VIEWER")),
    ("POST", "/users/{id}/status", Admin, Form("version=1&active=false")),
    ("POST", "/users/{id}/link", Admin, Form("")),
    ("GET", "/roles", Admin, Nothing),
    ("POST", "/roles", Admin, Form("code=NEW&name=New")),
    ("POST", "/roles/{code}", Admin, Form("version=0")),
    ("POST", "/roles/{code}/limit", Admin, Form("permission=hold.place&amount=50000&currency=INR")),
    ("GET", "/api/v1/roles/{code}/limits", Admin, Nothing),
    (
        "PUT",
        "/api/v1/roles/{code}/limits",
        Admin,
        Json(r#"{"permission":"hold.place","amount":"1","currency":"INR"}"#),
    ),
    ("GET", "/account", Person, Nothing),
    ("POST", "/account", Person, Form("name=New&language=en&time_zone=")),
    ("POST", "/account/plant", Person, Form("plant=KOL")),
    ("POST", "/account/theme", Person, Form("theme=dark")),
    ("POST", "/account/password", Person, Form("present=a&password=b")),
    ("POST", "/account/sessions", Person, Form("")),
    ("GET", "/notices", Person, Nothing),
    ("GET", "/notices/bell", Person, Nothing),
    ("GET", "/notices/live", Person, Nothing),
    ("POST", "/notices/read", Person, Form("")),
    ("POST", "/notices/open/{notice}", Person, Form("")),
    ("GET", "/notices/settings", Person, Nothing),
    ("POST", "/notices/settings", Person, Form("app=hold.placed")),
    (
        "POST",
        "/notices/times",
        Person,
        Form("quiet_from=&quiet_until=&digest_hour=8&digest_weekday=1&version=0"),
    ),
    ("POST", "/notices/address", Person, Form("")),
    ("POST", "/notices/address/confirm", Person, Form("code=123456")),
    ("POST", "/notices/phone", Person, Form("number=%2B919876543210")),
    ("POST", "/notices/phone/confirm", Person, Form("code=123456")),
    ("POST", "/notices/phone/delete", Person, Form("")),
    ("GET", "/deliveries/sms", Admin, Nothing),
    (
        "POST",
        "/deliveries/sms",
        Admin,
        Form(
            "url=&method=POST&form=json&headers=&body=&sender=&token=&id_pointer=&error_pointer=&entity=&templates=&per_person=1&per_tenant=1&version=0",
        ),
    ),
    ("POST", "/deliveries/sms/test", Admin, Form("")),
    ("GET", "/deliveries", Admin, Nothing),
    ("POST", "/deliveries/again", Admin, Form("state=dead")),
    ("GET", "/deliveries/addresses", Admin, Nothing),
    ("POST", "/deliveries/addresses/{id}/lift", Admin, Form("")),
    ("POST", "/deliveries/addresses/token", Admin, Form("")),
    ("POST", "/api/v1/mail/bounces", Admin, Json(r#"{"bounces":[]}"#)),
    ("POST", "/deliveries/mail", Admin, Form("sender_name=&reply_to=&version=0")),
    ("POST", "/deliveries/{id}/again", Admin, Form("")),
    ("GET", "/webhooks", Admin, Nothing),
    ("POST", "/webhooks", Admin, Form("name=New&url=https%3A%2F%2Fhooks.example.com%2F&form=json")),
    ("POST", "/webhooks/{id}", Admin, Form("version=1&active=false")),
    ("POST", "/webhooks/{id}/test", Admin, Form("")),
    ("POST", "/webhooks/{id}/delete", Admin, Form("")),
    ("POST", "/users/{id}/totp", Admin, Form("")),
    ("POST", "/roles/{code}/totp", Admin, Form("version=0&on=true")),
    ("GET", "/account/totp", Person, Nothing),
    ("POST", "/account/totp", Person, Form("present=a")),
    ("POST", "/account/totp/confirm", Person, Form("code=123456")),
    ("POST", "/account/totp/codes", Person, Form("code=123456")),
    ("POST", "/account/totp/off", Person, Form("code=123456")),
    ("GET", "/signin/step", Anyone, Nothing),
    ("POST", "/signin/step", Anyone, Form("code=123456")),
    ("POST", "/signin/step/tenant", Anyone, Form("tenant=01900000-0000-7000-8000-000000000001")),
    ("GET", "/signin/at", Anyone, Nothing),
    ("GET", "/signin/at/{tenant}", Anyone, Nothing),
    ("GET", "/signin/at/{tenant}/provider", Anyone, Nothing),
    ("GET", "/signin/at/{tenant}/callback", Anyone, Nothing),
    ("GET", "/settings/signin", Admin, Nothing),
    ("POST", "/settings/signin", Admin, Form("issuer=&version=0")),
    ("GET", "/api/v1/settings/signin", Admin, Nothing),
    (
        "PUT",
        "/api/v1/settings/signin",
        Admin,
        Json(r#"{"active":false,"name":"","issuer":"","client_id":"","version":0}"#),
    ),
    ("POST", "/users/{id}/unlink", Admin, Form("")),
    ("GET", "/forgot", Anyone, Nothing),
    ("POST", "/forgot", Anyone, Form("email=nobody%40saif.example")),
    ("GET", "/invitation/{link}", Anyone, Nothing),
    ("POST", "/invitation/{link}", Anyone, Form("name=New&password=b")),
    ("GET", "/audit", Admin, Nothing),
    ("GET", "/audit.csv", Admin, Nothing),
    ("GET", "/api/v1/audit", Admin, Nothing),
    ("GET", "/items/variants/{*code}", Reader, Nothing),
    ("POST", "/items/variants/{*code}", Writer, Form("size=M")),
    ("GET", "/approvals", Person, Nothing),
    ("POST", "/approvals/bulk", Person, Form("chosen=01900000-0000-7000-8000-000000000001%3A1")),
    ("GET", "/approvals/all", Reader, Nothing),
    ("GET", "/approvals/report", Reader, Nothing),
    ("GET", "/approvals/away", Person, Nothing),
    ("POST", "/approvals/away", Person, Form("delegate=&from=2026-11-26T10%3A00&until=2026-11-27T10%3A00")),
    ("POST", "/approvals/away/{delegation}/end", Person, Form("")),
    ("GET", "/approvals/{instance}", Signed, Nothing),
    ("POST", "/approvals/{instance}/decide", Person, Form("round=1&action=APPROVE")),
    ("POST", "/approvals/{instance}/cancel", Person, Form("")),
    ("GET", "/workflows", Reader, Nothing),
    ("POST", "/workflows", Admin, Form("source=%7B%7D")),
    ("GET", "/workflows/new", Admin, Nothing),
    ("POST", "/workflows/try", Admin, Form("source=%7B%7D")),
    ("GET", "/workflows/{id}", Reader, Nothing),
    ("POST", "/workflows/{id}", Admin, Form("version=1&source=%7B%7D")),
    ("POST", "/workflows/{id}/publish", Admin, Form("version=1")),
    ("POST", "/workflows/{id}/retire", Admin, Form("")),
    ("POST", "/workflows/{id}/discard", Admin, Form("version=1")),
    ("POST", "/workflows/{id}/clone", Admin, Form("workflow=other")),
    ("POST", "/workflows/triggers/{id}/token", Admin, Form("")),
    ("POST", "/hooks/workflow/{tenant}/{token}", Anyone, Json(r#"{"id":"1","subject":"x"}"#)),
    ("GET", "/requests", Signed, Nothing),
    ("POST", "/requests", Writer, Form("workflow=nothing&subject=Bearings")),
    ("GET", "/requests/new", Writer, Nothing),
    ("GET", "/requests/{id}", Signed, Nothing),
    ("POST", "/requests/{id}", Writer, Form("subject=Bearings&version=1")),
    ("POST", "/requests/{id}/done", Writer, Form("")),
    ("POST", "/requests/{id}/cancel", Writer, Form("")),
    ("GET", "/api/v1/workflows/inbox", Person, Nothing),
    ("GET", "/api/v1/workflows/definitions", Reader, Nothing),
    ("POST", "/api/v1/workflows/definitions", Admin, Json(r#"{"definition":{}}"#)),
    ("GET", "/api/v1/workflows/definitions/{id}", Reader, Nothing),
    ("PUT", "/api/v1/workflows/definitions/{id}", Admin, Json(r#"{"definition":{},"version":1}"#)),
    ("DELETE", "/api/v1/workflows/definitions/{id}", Admin, Nothing),
    ("POST", "/api/v1/workflows/definitions/{id}/publish", Admin, Json(r#"{"version":1}"#)),
    ("POST", "/api/v1/workflows/definitions/{id}/retire", Admin, Nothing),
    ("POST", "/api/v1/workflows/definitions/{id}/clone", Admin, Json("{}")),
    ("POST", "/api/v1/workflows/simulate", Admin, Json(r#"{"definition":{}}"#)),
    ("GET", "/api/v1/workflows/instances", Reader, Nothing),
    ("GET", "/api/v1/workflows/instances/{instance}", Signed, Nothing),
    ("POST", "/api/v1/workflows/instances/{instance}/approve", Person, Json(r#"{"round":1}"#)),
    ("POST", "/api/v1/workflows/instances/{instance}/reject", Person, Json(r#"{"round":1}"#)),
    ("POST", "/api/v1/workflows/instances/{instance}/send-back", Person, Json(r#"{"round":1}"#)),
    ("POST", "/api/v1/workflows/instances/{instance}/cancel", Person, Json("{}")),
    ("GET", "/api/v1/workflows/delegations", Person, Nothing),
    ("POST", "/api/v1/workflows/delegations", Person, Json("{}")),
    ("DELETE", "/api/v1/workflows/delegations/{delegation}", Person, Nothing),
    ("GET", "/api/v1/workflows/report", Reader, Nothing),
    ("GET", "/api/v1/requests", Signed, Nothing),
    ("POST", "/api/v1/requests", Writer, Json(r#"{"workflow":"nothing","subject":"Bearings"}"#)),
    ("GET", "/api/v1/requests/{id}", Signed, Nothing),
    ("PUT", "/api/v1/requests/{id}", Writer, Json(r#"{"subject":"Bearings","version":1}"#)),
    ("POST", "/api/v1/requests/{id}/done", Writer, Nothing),
    ("POST", "/api/v1/requests/{id}/cancel", Writer, Nothing),
    ("GET", "/masters", Reader, Nothing),
    ("GET", "/masters/{master}", Reader, Nothing),
    ("POST", "/masters/{master}", Writer, Form("partner=NEW&name=New&roles=supplier")),
    ("GET", "/masters/{master}/new", Writer, Nothing),
    ("GET", "/masters/{master}/row/{*code}", Reader, Nothing),
    ("POST", "/masters/{master}/row/{*code}", Writer, Form("version=1&name=Changed")),
    ("POST", "/masters/{master}/delete/{*code}", Writer, Form("version=2")),
    ("POST", "/masters/{master}/restore/{*code}", Writer, Form("")),
    ("GET", "/masters/{master}/options/{field}", Writer, Nothing),
    ("GET", "/masters/{master}/export", Reader, Nothing),
    ("GET", "/masters/{master}/grid", Writer, Nothing),
    ("POST", "/masters/{master}/grid", Writer, Form("r.0.partner=NEW3&r.0.name=New&r.0.roles=supplier")),
    ("GET", "/masters/{master}/import", Writer, Nothing),
    ("POST", "/masters/{master}/import", Writer, Nothing),
    ("GET", "/api/v1/masters", Reader, Nothing),
    ("GET", "/api/v1/masters/{master}", Reader, Nothing),
    ("POST", "/api/v1/masters/{master}", Writer, Json(r#"{"partner":"NEW2","name":"New"}"#)),
    ("GET", "/api/v1/masters/{master}/rows/{*code}", Reader, Nothing),
    ("PATCH", "/api/v1/masters/{master}/rows/{*code}", Writer, Json(r#"{"version":1,"name":"Changed"}"#)),
    ("DELETE", "/api/v1/masters/{master}/rows/{*code}", Writer, Nothing),
    ("GET", "/api/v1/masters/{master}/at/{plant}/{*code}", Reader, Nothing),
    ("POST", "/api/v1/masters/{master}/restore/{*code}", Writer, Nothing),
    ("GET", "/api/v1/masters/{master}/history/{*code}", Reader, Nothing),
    ("GET", "/api/v1/masters/{master}/export", Reader, Nothing),
    ("POST", "/api/v1/masters/{master}/import", Writer, Csv("partner,name\nACME,Acme\n")),
    ("POST", "/views", Writer, Form("list=suppliers&name=Mine&shared=true&back=%2Fmasters%2Fsuppliers")),
    ("POST", "/views/{id}/delete", Writer, Form("back=%2Fmasters%2Fsuppliers")),
    ("GET", "/api/v1/scan", Reader, Nothing),
    ("GET", "/numbering", Reader, Nothing),
    ("GET", "/numbering/preview", Reader, Nothing),
    ("GET", "/numbering/series/{*code}", Reader, Nothing),
    ("POST", "/numbering/lend/{*code}", Writer, Form("date=2026-04-01&count=5&holder=agent%3AKOL")),
    ("POST", "/numbering/skip/{*code}", Writer, Form("date=2026-04-01&reason=spoilt")),
    ("POST", "/numbering/leases/{id}", Writer, Form("outcome=burn&reason=lost")),
    ("POST", "/numbering/void", Writer, Form("company=C1&kind=sales_invoice&number=X1&reason=spoilt")),
    ("GET", "/api/v1/numbering/next", Reader, Nothing),
    ("GET", "/api/v1/numbering/numbers", Reader, Nothing),
    ("GET", "/api/v1/numbering/series/{*code}", Reader, Nothing),
    (
        "POST",
        "/api/v1/numbering/void",
        Writer,
        Json(r#"{"company":"C1","kind":"sales_invoice","number":"X1","reason":"spoilt"}"#),
    ),
    (
        "POST",
        "/api/v1/numbering/leases",
        Writer,
        Json(r#"{"series":"MARK-OF-SAIF","date":"2026-04-01","count":5,"holder":"agent:KOL"}"#),
    ),
    (
        "POST",
        "/api/v1/numbering/leases/{id}/use",
        Writer,
        Json(r#"{"seq":1,"date":"2026-04-01","document":"sales_invoice:1"}"#),
    ),
    ("POST", "/api/v1/numbering/leases/{id}/close", Writer, Json(r#"{"reason":"lost"}"#)),
    ("GET", "/files/on/{kind}/{*code}", Reader, Nothing),
    ("POST", "/files/on/{kind}/{*code}", Writer, Nothing),
    ("GET", "/files/{id}/content", Reader, Nothing),
    ("POST", "/files/{id}/version", Writer, Nothing),
    ("POST", "/files/{id}/delete", Writer, Form("version=1")),
    ("POST", "/files/{id}/restore", Writer, Form("")),
    ("GET", "/api/v1/files", Reader, Nothing),
    ("POST", "/api/v1/files", Writer, Nothing),
    ("GET", "/api/v1/files/{id}", Reader, Nothing),
    ("DELETE", "/api/v1/files/{id}", Writer, Nothing),
    ("GET", "/api/v1/files/{id}/content", Reader, Nothing),
    ("PUT", "/api/v1/files/{id}/content", Writer, Nothing),
    ("POST", "/api/v1/files/{id}/restore", Writer, Nothing),
    ("GET", "/api", Reader, Nothing),
    ("GET", "/api/operations/{operation}", Reader, Nothing),
    ("GET", "/api/openapi.json", Anyone, Nothing),
    ("GET", "/personal", Admin, Nothing),
    ("GET", "/personal/of/{person}/{*code}", Admin, Nothing),
    ("POST", "/personal/export/{person}/{*code}", Admin, Form("")),
    ("POST", "/personal/erase/{person}/{*code}", Admin, Form("confirm=")),
    ("POST", "/personal/consents/{person}/{*code}", Admin, Form("purpose=Photos&text_version=1")),
    ("POST", "/personal/withdraw/{person}/{consent}/{*code}", Admin, Form("")),
    ("GET", "/api/v1/personal", Admin, Nothing),
    ("GET", "/api/v1/personal/export/{person}/{*code}", Admin, Nothing),
    ("POST", "/api/v1/personal/erase/{person}/{*code}", Admin, Nothing),
    ("GET", "/api/v1/personal/consents/{person}/{*code}", Admin, Nothing),
    (
        "POST",
        "/api/v1/personal/consents/{person}/{*code}",
        Admin,
        Json(r#"{"purpose":"Photos","text_version":"1"}"#),
    ),
    ("POST", "/api/v1/personal/withdraw/{person}/{consent}/{*code}", Admin, Nothing),
    ("GET", "/api/v1/notices", Person, Nothing),
    ("POST", "/api/v1/notices/read", Person, Nothing),
    ("POST", "/api/v1/notices/{notice}/read", Person, Nothing),
    ("GET", "/api/v1/notices/preferences", Person, Nothing),
    ("PUT", "/api/v1/notices/preferences", Person, Json(r#"{"kinds":[]}"#)),
    ("GET", "/api/v1/deliveries", Admin, Nothing),
    ("POST", "/api/v1/deliveries/{id}/again", Admin, Nothing),
    ("GET", "/api/v1/webhooks", Admin, Nothing),
    ("POST", "/api/v1/webhooks", Admin, Json(r#"{"name":"New","url":"https://hooks.example.com/"}"#)),
    ("GET", "/api/v1/webhooks/{id}", Admin, Nothing),
    ("PATCH", "/api/v1/webhooks/{id}", Admin, Json(r#"{"active":false,"version":1}"#)),
    ("POST", "/api/v1/webhooks/{id}/test", Admin, Nothing),
    ("DELETE", "/api/v1/webhooks/{id}", Admin, Nothing),
    ("GET", "/api/v1/users", Reader, Nothing),
    ("POST", "/api/v1/users", Admin, Json(r#"{"email":"new@saif.example","name":"New"}"#)),
    ("GET", "/api/v1/users/{id}", Reader, Nothing),
    ("PUT", "/api/v1/users/{id}/roles", Admin, Json(r#"{"roles":[]}"#)),
    ("PUT", "/api/v1/users/{id}/status", Admin, Json(r#"{"active":false,"version":1}"#)),
    ("POST", "/api/v1/users/{id}/link", Admin, Nothing),
    ("GET", "/api/v1/roles", Admin, Nothing),
    ("POST", "/api/v1/roles", Admin, Json(r#"{"code":"NEWER","name":"Newer"}"#)),
    ("PUT", "/api/v1/roles/{code}/permissions", Admin, Json(r#"{"permissions":[],"version":1}"#)),
    ("GET", "/api/v1/account/sessions", Person, Nothing),
    ("DELETE", "/api/v1/account/sessions", Person, Nothing),
    ("DELETE", "/api/v1/account/sessions/{session}", Person, Nothing),
    ("GET", "/api/v1/access-keys", Admin, Nothing),
    ("POST", "/api/v1/access-keys", Admin, Json(r#"{"name":"New","scope":"read"}"#)),
    ("DELETE", "/api/v1/access-keys/{key}", Admin, Nothing),
    ("GET", "/plan", Admin, Nothing),
    ("GET", "/plan/usage.csv", Admin, Nothing),
    ("GET", "/api/v1/plan", Admin, Nothing),
    ("GET", "/settings", Admin, Nothing),
    ("POST", "/settings", Admin, Form("name=New&time_zone=Asia%2FKolkata&language=en&currency=INR")),
    ("GET", "/settings/brand", Admin, Nothing),
    ("POST", "/settings/brand", Admin, Form("primary_colour=%230e5460&accent_colour=&version=0")),
    ("POST", "/settings/logo", Admin, Nothing),
    ("POST", "/settings/logo/delete", Admin, Form("version=0")),
    ("GET", "/settings/addresses", Admin, Nothing),
    ("POST", "/settings/addresses", Admin, Form("addresses=&version=0")),
    ("GET", "/settings/mail", Admin, Nothing),
    ("POST", "/settings/mail", Admin, Form("smtp_host=&version=0")),
    ("POST", "/settings/mail/test", Admin, Form("")),
    ("GET", "/brand/{version}/colours.css", Reader, Nothing),
    ("GET", "/brand/{version}/logo", Reader, Nothing),
    ("GET", "/api/v1/plants", Admin, Nothing),
    (
        "POST",
        "/api/v1/plants",
        Admin,
        Json(r#"{"code":"NEW","name":"New","company":"C1","time_zone":"Asia/Kolkata","languages":["en"]}"#),
    ),
    ("GET", "/api/v1/plants/{plant}", Admin, Nothing),
    (
        "PUT",
        "/api/v1/plants/{plant}",
        Admin,
        Json(r#"{"name":"KOL","company":"C1","time_zone":"Asia/Kolkata","languages":["en"],"version":1}"#),
    ),
    ("GET", "/organisation", Admin, Nothing),
    (
        "POST",
        "/organisation",
        Admin,
        Form("code=PUN&name=Pune&company=C1&time_zone=Asia%2FKolkata&language=en"),
    ),
    ("GET", "/organisation/{plant}", Admin, Nothing),
    (
        "POST",
        "/organisation/{plant}",
        Admin,
        Form("code=KOL&name=Kolkata&company=C1&time_zone=UTC&language=en"),
    ),
    ("GET", "/admin/signin", Anyone, Nothing),
    ("POST", "/admin/signin", Anyone, Form("email=nobody%40saif.example&password=wrong")),
    ("GET", "/admin/signin/code", Anyone, Nothing),
    ("POST", "/admin/signin/code", Anyone, Form("code=123456")),
    ("POST", "/admin/signout", Anyone, Form("")),
    ("GET", "/admin/invitation/{link}", Anyone, Nothing),
    ("POST", "/admin/invitation/{link}", Anyone, Form("name=New&password=b")),
    ("GET", "/admin", Super, Nothing),
    ("POST", "/admin/tenants", Super, Form("code=NEWT")),
    ("GET", "/admin/tenants/new", Super, Nothing),
    ("POST", "/admin/tenants/new", Super, Form("")),
    ("POST", "/admin/tenants/configured", Super, Form("json=%7B%7D&code=NEWT")),
    ("GET", "/admin/tenants/{tenant}", Super, Nothing),
    ("POST", "/admin/tenants/{tenant}/plan", Super, Form("plan=STANDARD&version=0")),
    ("POST", "/admin/tenants/{tenant}/trial", Super, Form("days=3&version=0")),
    ("POST", "/admin/tenants/{tenant}/status", Super, Form("active=true&version=0")),
    ("GET", "/admin/databases", Super, Nothing),
    ("GET", "/admin/usage.csv", Super, Nothing),
    ("GET", "/admin/plans", Super, Nothing),
    ("POST", "/admin/plans", Super, Form("plan=NEWPLAN&name=New&placement=shared")),
    ("GET", "/admin/plans/{plan}", Super, Nothing),
    ("POST", "/admin/plans/{plan}", Super, Form("name=Trial&placement=shared&version=1")),
    ("GET", "/admin/admins", Super, Nothing),
    ("POST", "/admin/admins", Super, Form("email=other%40cloud.example&name=Other")),
    ("POST", "/admin/admins/{admin}/status", Super, Form("version=1&active=false")),
    ("GET", "/admin/audit", Super, Nothing),
    ("GET", "/admin/api/tenants", Super, Nothing),
    ("POST", "/admin/api/tenants", Super, Json(r#"{"code":"NEWT"}"#)),
    ("GET", "/admin/api/tenants/{tenant}", Super, Nothing),
    ("POST", "/admin/api/tenants/{tenant}/plan", Super, Json(r#"{"plan":"STANDARD","version":0}"#)),
    ("POST", "/admin/api/tenants/{tenant}/trial", Super, Json(r#"{"days":3,"version":0}"#)),
    ("POST", "/admin/api/tenants/{tenant}/status", Super, Json(r#"{"active":true,"version":0}"#)),
    ("GET", "/admin/api/plans", Super, Nothing),
    ("POST", "/admin/api/plans", Super, Json(r#"{"plan":"BYAPI","name":"By API"}"#)),
    ("GET", "/admin/api/plans/{plan}", Super, Nothing),
    ("PUT", "/admin/api/plans/{plan}", Super, Json(r#"{"name":"Trial","trial_days":30,"version":1}"#)),
    ("GET", "/admin/api/databases", Super, Nothing),
    ("GET", "/admin/api/usage", Super, Nothing),
    ("GET", "/admin/api/audit", Super, Nothing),
    ("GET", "/admin/api/openapi.json", Super, Nothing),
    ("GET", "/api/v1/reference", Reader, Nothing),
    ("GET", "/settings/keys", Admin, Nothing),
    ("POST", "/settings/keys", Admin, Form("name=New&scope=read")),
    ("POST", "/settings/keys/{key}/delete", Admin, Form("")),
    ("POST", "/users/{id}/name", Admin, Form("version=1&name=New")),
    ("PUT", "/api/v1/users/{id}/name", Admin, Json(r#"{"name":"New","version":1}"#)),
    ("POST", "/roles/{code}/name", Admin, Form("version=0&name=New")),
    ("POST", "/roles/{code}/delete", Admin, Form("version=0")),
    ("PUT", "/api/v1/roles/{code}/name", Admin, Json(r#"{"name":"New","version":1}"#)),
    ("DELETE", "/api/v1/roles/{code}", Admin, Nothing),
    ("POST", "/api/v1/reference", Admin, Json("{}")),
    ("POST", "/api/v1/reference/{list}", Writer, Csv("code,name\nACME,Acme\n")),
    ("DELETE", "/api/v1/reference/{list}/{*code}", Writer, Nothing),
];

/// Whether programs call it.
fn is_api(pattern: &str) -> bool {
    pattern.starts_with("/api/") || pattern.starts_with("/admin/api/")
}

/// A path of the pattern, with a query where the route wants one.
fn sample(method: &str, pattern: &str) -> String {
    let path = pattern
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
        "/api/v1/workflows/definitions/{id}" if method == "DELETE" => format!("{path}?version=1"),
        "/api/v1/files" if method == "GET" => format!("{path}?kind=suppliers&key={MARK}"),
        "/api/v1/files" => format!("{path}?kind=suppliers&key={MARK}&name=a.txt"),
        "/admin/usage.csv" | "/admin/api/usage" => format!("{path}?month=2026-11"),
        "/api/v1/proofs/consistency" => format!("{path}?from=1&to=1"),
        "/api/v1/reference" if method == "GET" => format!("{path}?kind=item"),
        _ => path,
    }
}

struct Site {
    router: Router,
    test: TestDb,
    _folder: tempfile::TempDir,
    victim: Uuid,
    /// What of the victim a stranger would have to know.
    theirs: marks::Theirs,
    /// Keys of the victim tenant by scope, and the strongest key of another.
    keys: [(Who, String); 3],
    stranger: String,
    /// A session of somebody who administers that other tenant.
    person: String,
}

/// By what a caller is known.
#[derive(Debug, Clone, Copy)]
enum By<'a> {
    Key(&'a str),
    /// A session of the office, used by a program.
    Session(&'a str),
    /// A browser's cookies.
    Cookie(&'a str),
}

impl Site {
    async fn new() -> Self {
        let test = TestDb::new().await;
        let victim = test.tenant("SAIF", &["KOL", "MRK"]).await;
        let other = test.tenant("OTHR", &["KOL"]).await;
        plant_marks(&test, victim).await;
        let theirs = marks::plant(&test, victim).await;
        let (_, person) = marks::administrator(&test, other, "boss@othr.example", "198.51.100.1").await;
        let folder = tempfile::tempdir().unwrap();
        // Whoever calls every endpoint calls often.
        let state_dir = folder.path().to_owned();
        let config = Config { state_dir, rate_caller_burst: 0, ..Config::default() };
        let mirrors = analytics::mirror::Mirrors::open(config.mirrors(), None).unwrap();
        let shared = Shared { mirrors: mirrors.clone(), ..Shared::default() };
        let modules = modules::all(&shared);
        let files = config.files(Module::all_attached(&modules)).unwrap();
        // The bytes of the file among the marks.
        std::fs::write(folder.path().join("files").join(MARK), "x").unwrap();
        let state = state(&test.db, &config, &modules, Secrets::passing().unwrap(), true, files);
        for tenant in [victim, other] {
            mirrors.catch_up(&test.db, tenant, chrono::Utc::now(), |_, _| {}).await.unwrap();
        }
        let router = app(state, modules, shared, true);
        let key = async |tenant, scope| {
            keys::create(&test.db, tenant, "matrix", &[scope], None).await.unwrap().reveal().to_owned()
        };
        let keys = [
            (Reader, key(victim, Scope::Read).await),
            (Writer, key(victim, Scope::Write).await),
            (Admin, key(victim, Scope::Admin).await),
        ];
        let stranger = key(other, Scope::Admin).await;
        Self { router, test, _folder: folder, victim, theirs, keys, stranger, person }
    }

    async fn call(
        &self,
        method: &str,
        pattern: &str,
        sends: Sends,
        key: Option<&str>,
    ) -> (StatusCode, String) {
        self.send(method, pattern, &sample(method, pattern), sends, key.map(By::Key)).await
    }

    /// As a browser with this cookie.
    async fn as_browser(
        &self,
        method: &str,
        pattern: &str,
        sends: Sends,
        cookie: &str,
    ) -> (StatusCode, String) {
        self.send(method, pattern, &sample(method, pattern), sends, Some(By::Cookie(cookie))).await
    }

    /// At a path that names what the victim really has.
    async fn at_theirs(&self, method: &str, pattern: &str, sends: Sends, by: By<'_>) -> (StatusCode, String) {
        self.send(method, pattern, &self.theirs.path(method, pattern), sends, Some(by)).await
    }

    async fn send(
        &self,
        method: &str,
        pattern: &str,
        path: &str,
        sends: Sends,
        by: Option<By<'_>>,
    ) -> (StatusCode, String) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "tw.test")
            .header("sec-fetch-site", "same-origin");
        request = match by {
            Some(By::Key(key)) => request.header(header::AUTHORIZATION, format!("Bearer {key}")),
            Some(By::Session(token)) => request.header(header::COOKIE, format!("tws={token}")),
            Some(By::Cookie(cookie)) => request.header(header::COOKIE, cookie),
            None => request,
        };
        if !is_api(pattern) || matches!(by, Some(By::Cookie(_))) {
            request = request.header(header::ACCEPT, "text/html");
        }
        let (kind, body) = sends.parts();
        if !kind.is_empty() {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        self.answer(pattern, request.body(Body::from(body)).unwrap()).await
    }

    async fn answer(&self, pattern: &str, request: Request<Body>) -> (StatusCode, String) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        // What is told live goes on for a while; that it begins is enough.
        if matches!(pattern, "/live" | "/notices/live" | "/dashboards/live") && status.is_success() {
            return (status, String::new());
        }
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Rows of every kind that an endpoint shows.
async fn plant_marks(test: &TestDb, victim: Uuid) {
    let key = UID.parse::<uid::Uid>().unwrap().key().get();
    let hold: Uuid = HOLD.parse().unwrap();
    let rows = [
        format!("insert into partners (tenant_id, partner, name, roles) values ('{victim}', '{MARK}', '{MARK}', '{{supplier}}')"),
        format!("insert into contacts (tenant_id, contact, partner, name) values ('{victim}', '{MARK}', '{MARK}', '{MARK}')"),
        format!("insert into reference_rows (tenant_id, kind, id, version, body)
                 values ('{victim}', 'item', '{MARK}', 1, '{{\"item\": \"{MARK}\"}}')"),
        format!("insert into exceptions (tenant_id, exception_id, kind, fingerprint, key, document, detail)
                 values ('{victim}', '{hold}', 'uid.overdrawn', '{MARK}', {key}, '{MARK}', '{{\"note\": \"{MARK}\"}}')"),
        format!("insert into holds (tenant_id, hold_id, reason, scope) values ('{victim}', '{hold}', '{MARK}', '{{}}')"),
        format!("insert into hold_members (tenant_id, hold_id, key) values ('{victim}', '{hold}', {key})"),
        format!("insert into scopes (tenant_id, scope_id, name, criteria, members, through_batch)
                 values ('{victim}', '{hold}', '{MARK}', '{{\"is\":{{\"item\":\"{MARK}\"}}}}', 1, 0)"),
        format!("insert into scope_members (tenant_id, scope_id, key) values ('{victim}', '{hold}', {key})"),
        format!("insert into recalls (tenant_id, recall_id, kind, status, company, number, severity, reason, scope,
                     scope_name, through_batch, snapshot_at, snapshot_ms, members)
                 values ('{victim}', '{hold}', 'recall', 'draft', 'C1', '{MARK}', 'class_2', '{MARK}', '{{}}', '{MARK}',
                         0, now(), 0, 1)"),
        format!("insert into recall_consignees (tenant_id, recall_id, consignee_id, kind, code, name)
                 values ('{victim}', '{hold}', '{hold}', 'customer', '{MARK}', '{MARK}')"),
        format!("insert into recall_members (tenant_id, recall_id, key, item, quantity, unit, place, plant, location,
                     document, consignee_id)
                 values ('{victim}', '{hold}', {key}, '{MARK}', 1, 'pcs', 'customer', 'KOL', '', '', '{hold}')"),
        format!("insert into recall_letters (tenant_id, letter_id, recall_id, consignee_id, contact, name, email,
                     language, written_at, last_error)
                 values ('{victim}', '{hold}', '{hold}', '{hold}', '{MARK}', '{MARK}', 'a@saif.example', 'en', now(),
                         '{MARK}')"),
        format!("insert into recall_responses (tenant_id, response_id, recall_id, consignee_id, unit, found, note, at)
                 values ('{victim}', '{hold}', '{hold}', '{hold}', 'pcs', 1, '{MARK}', now())"),
        format!("insert into kpi_targets (tenant_id, kpi, plant, target) values ('{victim}', 'packed', '', 73{TARGET})"),
        format!("insert into uid_registry (tenant_id, key, item, lot_id, born_agent, born_epoch, born_seq, born_at, last_at, last_stage)
                 values ('{victim}', {key}, '{MARK}', '{hold}', '{hold}', 1, 1, now(), now(), 3)"),
        format!("insert into list_views (tenant_id, view_id, list, owner, shared, name, query)
                 values ('{victim}', '{hold}', 'suppliers', 'user:x', true, '{MARK}', '')"),
        format!("insert into document_series (tenant_id, series, name, kind, company, pattern)
                 values ('{victim}', '{MARK}', '{MARK}', 'sales_invoice', 'C1', 'MARK/{{FY}}/{{SEQ}}')"),
        format!("insert into document_periods (tenant_id, series, period_from, first, next)
                 values ('{victim}', '{MARK}', '2026-04-01', 1, 3)"),
        format!("insert into document_leases (tenant_id, lease_id, series, period_from, first, last, holder)
                 values ('{victim}', '{hold}', '{MARK}', '2026-04-01', 1, 2, '{MARK}')"),
        format!("insert into outbox (tenant_id, message_id, channel, kind, body, state, due_at, last_error)
                 values ('{victim}', '{hold}', 'mail', '{MARK}', '{{}}', 'dead', now(), '{MARK}')"),
        format!("insert into workflow_definitions (tenant_id, definition_id, workflow, revision, state, name, source)
                 values ('{victim}', '{hold}', 'marked', 1, 'published', '{MARK}', '{MARK}')"),
        format!("insert into workflow_instances (tenant_id, instance_id, definition_id, workflow, subject_kind,
                     subject_id, title, state, started_at)
                 values ('{victim}', '{hold}', '{hold}', 'marked', 'request', '{hold}', '{MARK}', 'INITIATED', now())"),
        format!("insert into requests (tenant_id, request_id, number, workflow, subject)
                 values ('{victim}', '{hold}', 1, 'marked', '{MARK}')"),
        format!("insert into webhooks (tenant_id, webhook_id, name, url, secret)
                 values ('{victim}', '{hold}', '{MARK}', 'https://{MARK}', '\\x00')"),
        format!("insert into file_contents (tenant_id, sha256, size, object) values ('{victim}', sha256('{MARK}'), 1, '{MARK}')"),
        format!("insert into files (tenant_id, file_id, subject_kind, subject_key) values ('{victim}', '{hold}', 'suppliers', '{MARK}')"),
        format!("insert into file_versions (tenant_id, file_id, number, name, media_type, sha256)
                 values ('{victim}', '{hold}', 1, '{MARK}', 'text/plain', sha256('{MARK}'))"),
        format!("insert into lots (tenant_id, lot_id, item, supplier, supplier_lot, owner)
                 values ('{victim}', '{hold}', '{MARK}', '{MARK}', '{MARK}', '')"),
    ];
    let cx = Cx::system(victim);
    let done: Result<(), DbError> = test
        .db
        .tx(&cx, async |tx| {
            for row in &rows {
                sqlx::query(sqlx::AssertSqlSafe(row.clone())).execute(tx.conn()).await?;
            }
            Ok(())
        })
        .await;
    done.unwrap();
}

/// Paths of a router, as its own debug form tells them.
fn paths(router: &Router) -> BTreeSet<String> {
    let told = format!("{router:?}");
    told.split('"')
        .filter(|part| part.starts_with('/') && !part.contains("__private"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn every_endpoint_asks_who_calls() {
    let site = Site::new().await;
    let listed: BTreeSet<String> = ROUTES.iter().map(|(_, pattern, ..)| (*pattern).to_owned()).collect();
    assert_eq!(paths(&site.router), listed, "the table of this test is not the list of all routes");

    for &(method, pattern, least, sends) in ROUTES {
        let (status, body) = site.call(method, pattern, sends, None).await;
        match least {
            Anyone => assert!(
                status != StatusCode::UNAUTHORIZED && !status.is_server_error(),
                "{method} {pattern}: {status}"
            ),
            _ if is_api(pattern) => {
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {pattern} as nobody");
            }
            _ => assert_eq!(status, StatusCode::SEE_OTHER, "{method} {pattern} as nobody"),
        }
        assert!(!body.contains(MARK), "{method} {pattern} shows nobody what is the tenant's");
        for (who, key) in &site.keys {
            let (status, body) = site.call(method, pattern, sends, Some(key)).await;
            if least == Super {
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {pattern} as {who:?}: {body}");
                continue;
            }
            let refused = status == StatusCode::FORBIDDEN;
            assert_eq!(refused, *who < least, "{method} {pattern} as {who:?}: {status} {body}");
            assert!(
                !status.is_server_error() && status != StatusCode::UNAUTHORIZED,
                "{method} {pattern}: {status} {body}"
            );
        }
    }
}

#[tokio::test]
async fn no_endpoint_takes_a_method_that_is_not_listed() {
    let site = Site::new().await;
    let admin = &site.keys[2].1;
    for pattern in ROUTES.iter().map(|(_, pattern, ..)| *pattern).collect::<BTreeSet<_>>() {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if ROUTES.iter().any(|(listed, other, ..)| *other == pattern && *listed == method) {
                continue;
            }
            let (status, _) = site.call(method, pattern, Nothing, Some(admin)).await;
            assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {pattern} is not in the table");
        }
    }
}

#[tokio::test]
async fn another_tenant_sees_and_changes_nothing() {
    let site = Site::new().await;
    // The marks are there to be seen by their own tenant.
    let reader = &site.keys[0].1;
    for pattern in [
        "/api/v1/exceptions",
        "/api/v1/holds",
        "/api/v1/scopes",
        "/api/v1/scopes/{id}",
        "/api/v1/scopes/{id}/members",
        "/suspects/scopes",
        "/suspects/scopes/{id}",
        "/recalls",
        "/recalls/{id}",
        "/api/v1/recalls",
        "/api/v1/recalls/{id}",
        "/api/v1/recalls/{id}/units",
        "/api/v1/recalls/{id}/letters",
        "/api/v1/recalls/{id}/responses",
        "/api/v1/exceptions/{id}",
        "/api/v1/holds/{id}",
        "/api/v1/reference",
        "/holds",
        "/workflows",
        "/workflows/{id}",
        "/approvals/all",
        "/requests",
        "/requests/{id}",
        "/api/v1/workflows/definitions",
        "/api/v1/workflows/definitions/{id}",
        "/api/v1/workflows/instances",
        "/api/v1/requests",
        "/api/v1/requests/{id}",
        "/numbering",
        "/numbering/series/{*code}",
        "/api/v1/numbering/series/{*code}",
        "/files/on/{kind}/{*code}",
        "/api/v1/files",
        "/masters/{master}",
        "/masters/{master}/row/{*code}",
        "/masters/{master}/export",
        "/api/v1/masters/{master}",
    ] {
        let (_, body) = site.call("GET", pattern, Nothing, Some(reader)).await;
        assert!(body.contains(MARK), "{pattern} does not show its own tenant the mark: {body}");
    }
    for pattern in ["/search/box", "/api/v1/find"] {
        let (_, body) = site.call("GET", pattern, Nothing, Some(reader)).await;
        assert!(body.contains("/masters/suppliers/row/"), "{pattern} does not find the supplier: {body}");
        assert!(body.contains(UID), "{pattern} does not find the lot: {body}");
    }
    for pattern in ["/deliveries", "/webhooks"] {
        let (_, body) = site.call("GET", pattern, Nothing, Some(&site.keys[2].1)).await;
        assert!(body.contains(MARK), "{pattern} does not show its own tenant the mark: {body}");
    }
    let (_, body) = site.call("GET", "/api/v1/search", Nothing, Some(reader)).await;
    assert!(body.contains(UID), "the supplier's lot does not lead its own tenant to the UID: {body}");
    let (admin, asha) = (By::Key(&site.keys[2].1), By::Session(&site.theirs.token));
    for (pattern, mark, who) in [
        ("/users", MARK, admin),
        ("/users/{id}", MARK, admin),
        ("/api/v1/users", MARK, admin),
        ("/api/v1/users/{id}", MARK, admin),
        ("/roles", MARK, admin),
        ("/api/v1/roles", MARK, admin),
        ("/api/v1/roles/{code}/limits", "hold.place", admin),
        ("/audit", MARK, admin),
        ("/audit.csv", MARK, admin),
        ("/api/v1/audit", MARK, admin),
        ("/api/v1/access-keys", MARK, admin),
        ("/api/v1/personal/consents/{person}/{*code}", "purpose", admin),
        ("/api/v1/numbering/numbers", MARK, admin),
        ("/brand/{version}/colours.css", marks::COLOUR, admin),
        ("/settings/brand", marks::COLOUR, admin),
        ("/settings/signin", MARK, admin),
        ("/api/v1/settings/signin", MARK, admin),
        ("/deliveries/sms", MARK, admin),
        ("/deliveries/addresses", MARK, admin),
        ("/plan", marks::PLAN, admin),
        ("/api/v1/plan", marks::PLAN, admin),
        ("/plan/usage.csv", marks::EVENTS, admin),
        ("/organisation", marks::PLANT, admin),
        ("/organisation/{plant}", marks::PLANT, admin),
        ("/dashboards/targets", TARGET, admin),
        ("/api/v1/kpi-targets", TARGET, admin),
        ("/notices", MARK, asha),
        ("/api/v1/notices", MARK, asha),
        ("/approvals/away", MARK, asha),
        ("/api/v1/workflows/delegations", MARK, asha),
        ("/api/v1/account/sessions", marks::ADDRESS, asha),
    ] {
        let (status, body) = site.at_theirs("GET", pattern, Nothing, who).await;
        assert_eq!(status, StatusCode::OK, "{pattern} as its own tenant: {body}");
        assert!(body.contains(mark), "{pattern} does not show its own tenant {mark}: {body}");
    }
    let before = marks::everything_of(&site.test, site.victim).await;
    for by in [By::Key(&site.stranger), By::Session(&site.person)] {
        // Whoever signs out is out, and would be asked nothing more.
        for &(method, pattern, least, sends) in ROUTES.iter().filter(|route| route.1 != "/signout") {
            let path = site.theirs.path(method, pattern);
            let (status, body) = site.at_theirs(method, pattern, sends, by).await;
            assert!(!status.is_server_error(), "{method} {path}: {status} {body}");
            for mark in marks::MARKS {
                // What was asked for or sent may be repeated in an answer that found nothing,
                // and pages of sign-in show this UID as their example.
                let example = mark == UID && (least == Anyone || !matches!(sends, Nothing));
                let repeated = path.contains(mark) || example;
                assert!(
                    repeated || !body.contains(mark),
                    "{method} {path} shows a stranger {mark} ({by:?}): {body}"
                );
            }
            if !marks::names_a_row(pattern) {
                continue;
            }
            // A key is nobody, and told so first; a role that is not there is a mistake of the form.
            let nobody = least == Person && matches!(by, By::Key(_));
            let mistake = pattern.contains("/roles/{code}") && status.is_client_error();
            let expected = if nobody { StatusCode::FORBIDDEN } else { StatusCode::NOT_FOUND };
            assert!(
                status == expected || mistake,
                "{method} {path} on another tenant's row ({by:?}): {status} {body}"
            );
        }
        // To the end it was somebody who may.
        let (status, _) = site.at_theirs("GET", "/api/v1/webhooks", Nothing, by).await;
        assert_eq!(status, StatusCode::OK, "{by:?}");
    }
    let after = marks::everything_of(&site.test, site.victim).await;
    let touched: Vec<_> = before.iter().filter(|(table, sum)| after.get(*table) != Some(*sum)).collect();
    assert!(touched.is_empty(), "a stranger changed rows of these tables: {touched:?}");
}

#[tokio::test]
async fn super_administrators_and_tenants_are_nothing_to_each_other() {
    let site = Site::new().await;
    let (session, key) = super_administrator(&site).await;
    let theirs = format!("twa={session}");
    // Neither their session nor their key opens anything of a tenant.
    for &(method, pattern, least, sends) in ROUTES {
        if matches!(least, Anyone | Super) {
            continue;
        }
        let (status, body) = site.as_browser(method, pattern, sends, &theirs).await;
        let out = matches!(status, StatusCode::SEE_OTHER | StatusCode::UNAUTHORIZED);
        assert!(
            out && !body.contains(MARK),
            "{method} {pattern} with a super-administrator's cookie: {status}"
        );
        // A session is of one kind: under the tenants' name it is nothing either.
        let (status, _) = site.as_browser(method, pattern, sends, &format!("tws={session}")).await;
        let out = matches!(status, StatusCode::SEE_OTHER | StatusCode::UNAUTHORIZED);
        assert!(out, "{method} {pattern} with a super-administrator's token as a tenant's: {status}");
        let (status, _) = site.call(method, pattern, sends, Some(&key)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {pattern} with a super-administrator's key");
    }
    // Theirs open what is theirs, and show nothing of a tenant's.
    for &(method, pattern, least, sends) in ROUTES {
        if least != Super {
            continue;
        }
        let (status, body) = match is_api(pattern) {
            true => site.call(method, pattern, sends, Some(&key)).await,
            false => site.as_browser(method, pattern, sends, &theirs).await,
        };
        let in_ = !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        assert!(in_ && !status.is_server_error(), "{method} {pattern}: {status} {body}");
        assert!(!body.contains(MARK), "{method} {pattern} shows a tenant's row");
    }
}

/// A session and a key of a super-administrator. The session is a key that was made
/// one behind the pages' back: how one signs in is tested where it is written.
async fn super_administrator(site: &Site) -> (String, String) {
    let who = platform::admin::log::Who::system();
    let now = Utc::now();
    platform::admin::invite(&site.test.db, &who, "root@cloud.example", "Root", now).await.unwrap();
    let done: Result<(), DbError> = site
        .test
        .db
        .system_tx(async |system| {
            sqlx::query("update control.admins set status = 'active'").execute(system.conn()).await?;
            Ok(())
        })
        .await;
    done.unwrap();
    let key = platform::admin::key(&site.test.db, "root@cloud.example", "matrix", 1, now).await.unwrap();
    let session = key.strip_prefix(platform::admin::KEY_PREFIX).unwrap().to_owned();
    let other = platform::admin::key(&site.test.db, "root@cloud.example", "other", 1, now).await.unwrap();
    let done: Result<(), DbError> = site
        .test
        .db
        .system_tx(async |system| {
            sqlx::query("update control.admin_sessions set kind = 'session' where name = 'matrix'")
                .execute(system.conn())
                .await?;
            Ok(())
        })
        .await;
    done.unwrap();
    (session, other)
}

#[path = "matrix_marks.rs"]
mod marks;

#[path = "matrix_rights_tests.rs"]
mod rights;

#[path = "matrix_trace_tests.rs"]
mod traces;
