//! Proofs and passports.

use super::super::Sends::{Form, Json, Nothing};
use super::super::Who::{Admin, Anyone, Reader, Writer};
use super::Route;

pub(super) const ROUTES: &[Route] = &[
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
];
