//! Masters, and what other systems send of them.

use super::super::Sends::{Csv, Form, Json, Nothing};
use super::super::Who::{Admin, Reader, Writer};
use super::Route;

pub(super) const ROUTES: &[Route] = &[
    ("GET", "/items/variants/{*code}", Reader, Nothing),
    ("POST", "/items/variants/{*code}", Writer, Form("size=M")),
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
    ("GET", "/api/v1/reference", Reader, Nothing),
    ("POST", "/api/v1/reference", Admin, Json("{}")),
    ("POST", "/api/v1/reference/{list}", Writer, Csv("code,name\nACME,Acme\n")),
    ("DELETE", "/api/v1/reference/{list}/{*code}", Writer, Nothing),
];
