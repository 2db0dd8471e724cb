//! The dashboards of one tenant, asked for within this process as a browser or a program asks.

use analytics::dashboards::model::Board;
use analytics::mirror::Mirrors;
use anyhow::{Context, ensure};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, header};
use http_body_util::BodyExt;
use platform::db::Db;
use platform::web::{AppState, Module, Scope, app, keys};
use serde_json::Value;
use tower::ServiceExt;
use uuid::Uuid;

/// Pages and API of the dashboards, with a key to them.
pub struct Desk {
    router: Router,
    key: String,
}

impl Desk {
    /// Those of a tenant.
    pub async fn of(db: &Db, tenant: Uuid, mirrors: &Mirrors) -> anyhow::Result<Self> {
        let modules = vec![analytics::module(mirrors)];
        let state = AppState::builder(db.clone()).modules(&modules).build();
        let router = app(state, Module::all_routes(modules));
        let key = keys::create(db, tenant, "bench", &[Scope::Read], None).await?;
        Ok(Self { router, key: key.reveal().to_owned() })
    }

    /// The whole answer of a path; an error where it is none.
    pub async fn get(&self, path: &str, accept: &str) -> anyhow::Result<Bytes> {
        let request = Request::get(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::ACCEPT, accept)
            .body(Body::empty())
            .context("building a request")?;
        let response = self.router.clone().oneshot(request).await.context("asking")?;
        let status = response.status();
        let body = response.into_body().collect().await.context("reading an answer")?.to_bytes();
        ensure!(status.is_success(), "GET {path}: {status}: {}", String::from_utf8_lossy(&body));
        Ok(body)
    }

    /// A dashboard as a program reads it.
    pub async fn view(&self, board: Board, asked: &str) -> anyhow::Result<Value> {
        let path = format!("/api/v1/dashboards/{}?{asked}", board.name());
        serde_json::from_slice(&self.get(&path, "application/json").await?).context("reading a dashboard")
    }

    /// A figure of it; 0 where there is no data.
    pub async fn figure(&self, board: Board, kpi: &str, asked: &str) -> anyhow::Result<i64> {
        figure(&self.view(board, asked).await?, kpi)
    }
}

/// A figure of a dashboard; 0 where there is no data.
pub fn figure(view: &Value, kpi: &str) -> anyhow::Result<i64> {
    let tiles = view["tiles"].as_array().context("tiles")?;
    let tile = tiles.iter().find(|tile| tile["kpi"] == kpi).with_context(|| format!("no tile {kpi}"))?;
    tile["value"].as_str().map_or(Ok(0), |value| value.parse().context("a figure"))
}
