//! A headless Chromium of its own, through chromedriver, with a fresh profile.

use std::process::Stdio;
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::{installed, pictures, until};

const PHONE: (u32, u32) = (390, 844);
pub const DESK: (u32, u32) = (1280, 800);
/// A large desk, or a screen on a wall; and one on a wall that is read from afar.
const WALLS: [(u32, u32); 2] = [(1920, 1080), (3840, 2160)];

/// A running browser; gone, with its profile, when dropped.
pub struct Browser {
    /// Its only page.
    pub page: Client,
    /// What the names of its pictures begin with.
    pub prefix: &'static str,
    _driver: Child,
    profile: TempDir,
}

impl Browser {
    /// Starts it; `None` where it is not installed and need not be.
    pub async fn start() -> Option<Self> {
        let driver = installed("chromedriver", &["/usr/bin/chromedriver", "/usr/local/bin/chromedriver"])?;
        let chromium = installed("chromium", &["/usr/bin/chromium", "/usr/bin/chromium-browser"])?;
        let profile = tempfile::tempdir().unwrap();
        let mut driver = Command::new(driver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver starts");
        let port = port_of(&mut driver).await;
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--lang=en",
        ];
        let mut arguments: Vec<String> = arguments.map(str::to_owned).into();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let mut wanted = Capabilities::new();
        wanted.insert("acceptInsecureCerts".into(), true.into());
        // A form that was changed asks before it is left; here it may be.
        wanted.insert("unhandledPromptBehavior".into(), "accept".into());
        // A large page is judged in seconds, and on a machine that does much else in a minute.
        wanted.insert("timeouts".into(), json!({ "script": 180_000 }));
        wanted.insert("goog:loggingPrefs".into(), json!({ "browser": "ALL" }));
        wanted.insert("goog:chromeOptions".into(), json!({ "binary": chromium, "args": arguments }));
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("chromium starts");
        let browser = Self { page, prefix: "", _driver: driver, profile };
        browser.size(DESK).await;
        Some(browser)
    }

    pub async fn open(&self, url: &str) {
        self.page.goto(url).await.unwrap();
    }

    /// The first element, waited for.
    pub async fn find(&self, css: &str) -> Element {
        let mut found = None;
        until(&format!("{css} is on the page"), async || {
            found = self.page.find(Locator::Css(css)).await.ok();
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    /// Clicks where a person would; a page may scroll slowly, a test does not.
    pub async fn click(&self, css: &str) {
        let element = self.find(css).await;
        let script =
            "document.querySelector(arguments[0]).scrollIntoView({ behavior: 'instant', block: 'center' })";
        self.run(script, json!([css])).await;
        element.click().await.unwrap();
    }

    /// Text of the first such element; empty when there is none.
    pub async fn text(&self, css: &str) -> String {
        let script = "return document.querySelector(arguments[0])?.innerText ?? ''";
        self.run(script, json!([css])).await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the first such element says `part`.
    pub async fn says(&self, css: &str, part: &str) {
        let mut said = String::new();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while !said.contains(part) {
            assert!(tokio::time::Instant::now() < deadline, "{css} says {said:?}, not {part:?}");
            said = self.text(css).await;
        }
    }

    /// Presses keys as a keyboard would, on whatever has the focus.
    pub async fn press(&self, keys: &str) {
        self.page.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    pub async fn run(&self, script: &str, arguments: Value) -> Value {
        let Value::Array(arguments) = arguments else { panic!("arguments are a list") };
        self.page.execute(script, arguments).await.unwrap()
    }

    /// The whole page as a person at a desk, one in the dark and one with a phone
    /// sees it: `target/screenshots/NAME{,-dark,-phone}.png`.
    pub async fn pictures(&self, name: &str) {
        self.picture(name).await;
        self.dark(true).await;
        self.picture(&format!("{name}-dark")).await;
        self.dark(false).await;
        self.phone(name).await;
    }

    /// The whole page as somebody with a phone sees it: `target/screenshots/NAME-phone.png`.
    pub async fn phone(&self, name: &str) {
        self.size(PHONE).await;
        self.picture(&format!("{name}-phone")).await;
        let wide = "return document.documentElement.scrollWidth";
        let width = self.run(wide, json!([])).await;
        assert_eq!(width, PHONE.0, "{name} does not fit a phone: it must be moved sideways to be read");
        self.size(DESK).await;
    }

    /// The whole page as on a wall: `target/screenshots/NAME-{1920,3840}.png`. It uses
    /// the width, nothing has to be moved sideways, and its letters grow with the screen.
    pub async fn walls(&self, name: &str) {
        let letters = "return parseFloat(getComputedStyle(document.querySelector('#main')).fontSize)";
        let at_a_desk = self.run(letters, json!([])).await.as_f64().unwrap();
        for ((width, height), grown) in WALLS.into_iter().zip([1.1, 1.6]) {
            self.size((width, height)).await;
            self.picture(&format!("{name}-{width}")).await;
            let measured = "const main = document.querySelector('#main').getBoundingClientRect(); \
                            return [document.documentElement.scrollWidth, Math.round(main.right)]";
            let measured = self.run(measured, json!([])).await;
            assert_eq!(
                measured,
                json!([width, width]),
                "{name} at {width}: it scrolls sideways, or leaves room"
            );
            let now = self.run(letters, json!([])).await.as_f64().unwrap();
            assert!(
                now >= at_a_desk * grown,
                "{name} at {width}: letters of {now} px, {at_a_desk} at a desk"
            );
        }
        self.size(DESK).await;
    }

    /// The whole page: `target/screenshots/NAME.png`.
    pub async fn picture(&self, name: &str) {
        let script = "window.scrollTo({ top: 0, behavior: 'instant' }); await document.fonts.ready; \
                      const frame = () => new Promise(requestAnimationFrame); \
                      for (let calm = 0; calm < 3; calm++) { await frame(); \
                      if (document.getAnimations().some((a) => a.playState === 'running')) calm = 0; }";
        let script = format!("const done = arguments[0]; (async () => {{ {script} }})().then(done)");
        self.page.execute_async(&script, vec![]).await.unwrap();
        let taken = self.cdp("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await;
        let bytes = base64_of(taken["data"].as_str().unwrap());
        std::fs::write(pictures().join(format!("{}{name}.png", self.prefix)), bytes).unwrap();
    }

    /// The window's size; a narrow one is a phone's.
    pub async fn size(&self, (width, height): (u32, u32)) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.cdp("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// What the device says it likes.
    pub async fn dark(&self, on: bool) {
        let scheme = if on { "dark" } else { "light" };
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.cdp("Emulation.setEmulatedMedia", features).await;
    }

    async fn cdp(&self, command: &'static str, params: Value) -> Value {
        self.page.issue_cmd(Cdp { command, params }).await.unwrap()
    }

    /// What the browser complained of: scripts that failed, what was blocked.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.page.issue_cmd(BrowserLog).await.unwrap();
        let list = log.as_array().into_iter().flatten();
        list.filter(|entry| entry["level"] == "SEVERE").map(|entry| entry["message"].to_string()).collect()
    }

    pub async fn close(self) {
        self.page.clone().close().await.unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A test that failed has not closed it. Its processes are known by the
        // profile, which is nobody else's.
        let profile = self.profile.path().display().to_string();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&line).contains(&profile) {
                let _ = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status();
            }
        }
    }
}

async fn port_of(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        let port = line.split("on port ").nth(1).map(|rest| rest.trim_end_matches('.'));
        if let Some(port) = port.and_then(|text| text.parse::<u16>().ok()).filter(|port| *port > 0) {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return port;
        }
    }
    panic!("chromedriver ended before it said its port");
}

fn base64_of(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0_u32, 0);
    for c in text.bytes().filter(|c| *c != b'=') {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        held = (held << 6) | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    bytes
}

/// A command of Chromium's own protocol.
#[derive(Debug)]
struct Cdp {
    command: &'static str,
    params: Value,
}

impl WebDriverCompatibleCommand for Cdp {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (hyper::Method, Option<String>) {
        (hyper::Method::POST, Some(json!({ "cmd": self.command, "params": self.params }).to_string()))
    }
}

#[derive(Debug)]
struct BrowserLog;

impl WebDriverCompatibleCommand for BrowserLog {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (hyper::Method, Option<String>) {
        (hyper::Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}
