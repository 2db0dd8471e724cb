//! Of a tenant as a whole: settings, brand, plan, plants.

use super::super::Sends::{Form, Json, Nothing};
use super::super::Who::{Admin, Reader};
use super::Route;

pub(super) const ROUTES: &[Route] = &[
    ("GET", "/settings/signin", Admin, Nothing),
    ("POST", "/settings/signin", Admin, Form("issuer=&version=0")),
    ("GET", "/api/v1/settings/signin", Admin, Nothing),
    (
        "PUT",
        "/api/v1/settings/signin",
        Admin,
        Json(r#"{"active":false,"name":"","issuer":"","client_id":"","version":0}"#),
    ),
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
    ("GET", "/settings/keys", Admin, Nothing),
    ("POST", "/settings/keys", Admin, Form("name=New&scope=read")),
    ("POST", "/settings/keys/{key}/delete", Admin, Form("")),
];
