//! The shell: signing in, the first page, search over everything, and the description of the API.

use super::super::Sends::{Form, Nothing};
use super::super::Who::{Admin, Anyone, Reader, Signed};
use super::Route;

pub(super) const ROUTES: &[Route] = &[
    ("GET", "/healthz", Anyone, Nothing),
    ("GET", "/metrics", Anyone, Nothing),
    ("GET", "/favicon.ico", Anyone, Nothing),
    ("GET", "/assets/{name}", Anyone, Nothing),
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
    ("POST", "/api/v1/token", Anyone, Form("grant_type=client_credentials&client_secret=wrong")),
    ("POST", "/api/v1/token/revoke", Anyone, Form("token=wrong")),
    ("GET", "/.well-known/jwks.json", Anyone, Nothing),
    ("GET", "/signin/step", Anyone, Nothing),
    ("POST", "/signin/step", Anyone, Form("code=123456")),
    ("POST", "/signin/step/tenant", Anyone, Form("tenant=01900000-0000-7000-8000-000000000001")),
    ("GET", "/signin/at", Anyone, Nothing),
    ("GET", "/signin/at/{tenant}", Anyone, Nothing),
    ("GET", "/signin/at/{tenant}/provider", Anyone, Nothing),
    ("GET", "/signin/at/{tenant}/callback", Anyone, Nothing),
    ("GET", "/forgot", Anyone, Nothing),
    ("POST", "/forgot", Anyone, Form("email=nobody%40saif.example")),
    ("GET", "/invitation/{link}", Anyone, Nothing),
    ("POST", "/invitation/{link}", Anyone, Form("name=New&password=b")),
    ("GET", "/audit", Admin, Nothing),
    ("GET", "/audit.csv", Admin, Nothing),
    ("GET", "/api/v1/audit", Admin, Nothing),
    ("GET", "/api", Reader, Nothing),
    ("GET", "/api/operations/{operation}", Reader, Nothing),
    ("GET", "/api/openapi.json", Anyone, Nothing),
];
