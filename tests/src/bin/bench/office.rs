//! A whole system with a person signed in to its pages: what the figures of the
//! office are measured on.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use platform::postgres;
use simulators::demo::world::{TENANT, World};
use simulators::plant::people::Crew;
use simulators::plant::truth::Truth;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};

const PASSWORD: &str = "monsoon kettle ninety brass";
/// A page that takes longer is a fault, not a figure.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Cloud, plants, a few UIDs, and somebody who may see everything.
pub struct Office {
    world: World,
    client: Client<HttpConnector, Full<Bytes>>,
    cookie: String,
}

/// What a page was answered with.
pub struct Answer {
    /// Milliseconds within the server, as it says itself.
    pub server_ms: f64,
    /// Bytes of the body on the wire.
    pub bytes: usize,
    /// The body; not readable where it was asked for compressed.
    pub text: String,
    /// Whether it is a page.
    pub html: bool,
}

impl Office {
    /// Brings it up in `dir`.
    pub async fn start(dir: &Path) -> anyhow::Result<Self> {
        // Every page many times is faster than people, whom the limits are for.
        let unlimited = [("TRACEWRIGHT_RATE_CALLER_BURST", "0"), ("TRACEWRIGHT_RATE_ADDRESS_BURST", "0")];
        let world = World::with(&dir.join("world"), true, 1, &unlimited).await?;
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut office = Self { world, client, cookie: String::new() };
        office.receive().await?;
        office.cookie = office.sign_in().await?;
        Ok(office)
    }

    /// Some pieces, so that no page is empty.
    async fn receive(&self) -> anyhow::Result<()> {
        let plant = self.world.plants.first().context("a plant")?;
        let office = self.world.office.clone();
        let mut crew = Crew::new(&plant.site, Truth::default(), office, 1, Duration::ZERO)?;
        crew.receive(&plant.site, "PO-2025-001", "RM-GEAR", 25).await?;
        Ok(())
    }

    async fn sign_in(&self) -> anyhow::Result<String> {
        let url = self.world.cloud.url();
        let invite =
            ["user", "invite", "bench@saif.example", "--name", "Bench", "--tenant", TENANT, "--url", &url];
        let link = self.world.cloud.run(&invite.map(str::to_owned)).await?;
        let form = format!("name=Bench&password={}", PASSWORD.replace(' ', "+"));
        let request = Request::post(link.trim())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("origin", &url)
            .body(Full::new(Bytes::from(form)))
            .context("building a request")?;
        let response = self.client.request(request).await.context("setting a password")?;
        let cookies = response.headers().get_all("set-cookie").iter();
        let cookies: Vec<_> =
            cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next()).map(str::to_owned).collect();
        if cookies.is_empty() {
            bail!("setting a password did not sign in: {}", response.status());
        }
        Ok(cookies.join("; "))
    }

    /// GETs a path as that person, with these headers besides.
    pub async fn get(&self, path: &str, headers: &[(&'static str, &str)]) -> anyhow::Result<Answer> {
        let mut request = Request::builder()
            .method(Method::GET)
            .uri(format!("{}{path}", self.world.cloud.url()))
            .header("cookie", &self.cookie)
            .header("accept", "text/html");
        for (name, value) in headers {
            request = request.header(HeaderName::from_static(name), *value);
        }
        let request = request.body(Full::new(Bytes::new())).context("building a request")?;
        let ask = async {
            let response = self.client.request(request).await.with_context(|| format!("GET {path}"))?;
            let status = response.status();
            if !status.is_success() && !status.is_redirection() {
                bail!("GET {path}: {status}");
            }
            let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
            let timing = header("server-timing").and_then(|timing| timing.split("dur=").nth(1));
            let server_ms = timing.and_then(|ms| ms.parse().ok()).unwrap_or(f64::NAN);
            let html = status.is_success()
                && header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
            // A stream of events has no end, and a file to keep may be all of a table.
            let is_file = header("content-disposition").is_some_and(|how| how.starts_with("attachment"));
            let body = if is_file || header("content-type") == Some("text/event-stream") {
                Bytes::new()
            } else {
                response.into_body().collect().await.with_context(|| format!("GET {path}"))?.to_bytes()
            };
            let text = String::from_utf8_lossy(&body).into_owned();
            Ok(Answer { server_ms, bytes: body.len(), text, html })
        };
        tokio::time::timeout(ANSWER_WITHIN, ask).await.with_context(|| format!("GET {path}: no answer"))?
    }

    /// Items of the tenant, from the `from`th to the `to`th.
    pub async fn items(&self, from: u32, to: u32) -> anyhow::Result<()> {
        let mut owner = self.owner().await?;
        sqlx::query(
            "insert into items (tenant_id, item, name, names, type_code, base_unit, tracking)
             select tenant_id, 'IT-' || lpad(n::text, 7, '0'), 'Part ' || md5(n::text), '{\"en\": \"Part\"}',
                    (array['RM', 'SF', 'FG'])[1 + n % 3], 'pcs', (array['unit', 'lot', 'none'])[1 + n % 3]
             from control.tenants, generate_series($1, $2) n where code = $3",
        )
        .bind(i64::from(from))
        .bind(i64::from(to))
        .bind(TENANT)
        .execute(&mut owner)
        .await
        .context("filling items")?;
        sqlx::query("vacuum analyze items").execute(&mut owner).await.context("analysing items")?;
        Ok(())
    }

    /// The database, as its owner.
    pub async fn owner(&self) -> anyhow::Result<PgConnection> {
        Ok(self.database().await?.connect().await?)
    }

    /// Where the cloud's database is.
    pub async fn database(&self) -> anyhow::Result<PgConnectOptions> {
        let base = self.world.layout.state.join("cloud/postgres");
        postgres::running(&base, postgres::DATABASE).await.context("the cloud's database")
    }

    /// Stops it.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.world.stop().await
    }
}
