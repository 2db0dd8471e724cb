//! An office in a browser: a cloud of its own, and people who come in.

use serde_json::json;
use simulators::demo::cloud::Cloud;
use simulators::demo::layout::Layout;
use simulators::demo::world::TENANT;

use super::browser::Browser;
use super::{Folder, free_ports};

/// Everybody's.
pub const PASSWORD: &str = "monsoon kettle ninety brass";

/// A cloud without plants, and a browser that nobody has signed in to.
pub struct Office {
    pub browser: Browser,
    pub folder: Folder,
    pub cloud: Cloud,
    pub url: String,
    layout: Layout,
}

impl Office {
    /// `None` where there is no browser.
    pub async fn start() -> Option<Self> {
        let browser = Browser::start().await?;
        let folder = Folder::new();
        let layout = Layout::new(&folder.state()).unwrap();
        let [http, grpc] = free_ports();
        let cloud = Cloud::start(&layout, http, grpc).await.unwrap();
        let url = cloud.url();
        Some(Self { browser, folder, cloud, url, layout })
    }

    /// The same, with the tenant, plants and masters of the demo.
    pub async fn of_the_demo() -> Option<Self> {
        let office = Self::start().await?;
        let configs = office.layout.root.join("plant-configs");
        let plants = ["kolkata.toml", "visakhapatnam.toml"].map(|name| configs.join(name));
        office.cloud.seed(&plants, &configs.join("reference/saif.toml")).await.unwrap();
        Some(office)
    }

    /// Invites somebody into the tenant of the demo, as administrator unless a role is
    /// given; answers the link.
    pub async fn invite(&self, email: &str, name: &str, role: Option<&str>) -> String {
        invite(&self.cloud, email, name, role).await
    }

    /// Closes the browser and stops the cloud in good order.
    pub async fn stop(mut self) {
        self.browser.close().await;
        self.cloud.stop().await.unwrap();
    }
}

/// Invites somebody as [`Office::invite`] does, into any cloud with the demo's tenant.
pub async fn invite(cloud: &Cloud, email: &str, name: &str, role: Option<&str>) -> String {
    let url = cloud.url();
    let mut invite = vec!["user", "invite", email, "--name", name, "--tenant", TENANT, "--url", &url];
    invite.extend(role.iter().flat_map(|role| ["--role", role]));
    let args: Vec<String> = invite.into_iter().map(str::to_owned).collect();
    cloud.run(&args).await.unwrap().trim().to_owned()
}

/// Follows an invitation and sets a password, which signs in.
pub async fn accept(browser: &Browser, link: &str) {
    browser.open(link).await;
    set_password(browser).await;
}

/// Sets a password on the page behind a link, or gives it on that of signing in.
pub async fn set_password(browser: &Browser) {
    browser.click("#password").await;
    browser.press(&format!("{PASSWORD}\u{e007}")).await;
    browser.find("#sidebar").await;
}

/// Fills inputs of the page's form by their names, and sends it.
pub async fn fill(browser: &Browser, values: &[(&str, &str)]) {
    browser.find("#main form [name]").await;
    let script = "for (const [name, value] of arguments[0]) { \
                  const input = document.querySelector(`#main form [name='${name}']:not([type=hidden])`); \
                  if (input.type === 'checkbox') input.checked = value === 'true'; else input.value = value; \
                  input.dispatchEvent(new Event('input', { bubbles: true })); }";
    browser.run(script, json!([values])).await;
}
