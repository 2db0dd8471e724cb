//! Dashboards and their targets.

use super::super::Sends::{Form, Json, Nothing};
use super::super::Who::{Anyone, Reader, Writer};
use super::Route;

pub(super) const ROUTES: &[Route] = &[
    ("GET", "/dashboards", Reader, Nothing),
    ("GET", "/dashboards/targets", Reader, Nothing),
    ("POST", "/dashboards/targets", Writer, Form("kpi=packed&target=100&seen=packed:=1")),
    ("GET", "/dashboards/events/{kpi}", Reader, Nothing),
    ("GET", "/dashboards/{board}", Reader, Nothing),
    ("GET", "/dashboards/{board}/figures", Reader, Nothing),
    ("GET", "/dashboards/live", Reader, Nothing),
    ("GET", "/dashboards.css", Anyone, Nothing),
    ("GET", "/dashboards.js", Anyone, Nothing),
    ("GET", "/api/v1/dashboards/{board}", Reader, Nothing),
    ("GET", "/api/v1/kpis/{kpi}/events", Reader, Nothing),
    ("GET", "/api/v1/kpi-targets", Reader, Nothing),
    ("PUT", "/api/v1/kpi-targets", Writer, Json(r#"{"kpi":"packed","target":"100","version":1}"#)),
];
