//! Numbers of documents, and files.

use super::super::Sends::{Form, Json, Nothing};
use super::super::Who::{Reader, Writer};
use super::Route;

pub(super) const ROUTES: &[Route] = &[
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
];
