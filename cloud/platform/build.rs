//! Embeds the browser's assets: names with a hash, so that they can be cached
//! for ever, and bytes that are compressed once, here.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// From npm, by lock file, fetched by deploy/setup.sh.
const PACKAGES: [(&str, &str); 3] = [
    ("tabler.css", "@tabler/core/dist/css/tabler.min.css"),
    ("htmx.js", "htmx.org/dist/htmx.min.js"),
    // On the pages of dashboards only.
    ("echarts.js", "echarts/dist/echarts.common.min.js"),
];

fn main() {
    let crate_dir = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    let packages = crate_dir.join("../../deploy/web/node_modules");
    let own = crate_dir.join("assets");
    println!("cargo::rerun-if-changed=build.rs");
    // sqlx::migrate! embeds them, and does not see a new file by itself.
    println!("cargo::rerun-if-changed={}", crate_dir.join("../../migrations").display());
    println!("cargo::rerun-if-changed={}", own.display());

    let mut files: Vec<(String, PathBuf)> = Vec::new();
    for (name, path) in PACKAGES {
        let path = packages.join(path);
        println!("cargo::rerun-if-changed={}", path.display());
        if !path.is_file() {
            println!("cargo::error=the web asset {} is missing: run deploy/setup.sh", path.display());
            return;
        }
        files.push((name.to_owned(), path));
    }
    for entry in std::fs::read_dir(&own).expect("cloud/platform/assets is there") {
        let path = entry.expect("cloud/platform/assets can be read").path();
        let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        if let Some(name) = name.filter(|_| path.is_file()) {
            files.push((name, path));
        }
    }
    files.sort();

    let mut table = String::from("/// Every asset, by name.\nstatic ASSETS: &[Asset] = &[\n");
    for (name, path) in files {
        let Some(entry) = embed(&name, &path, &out) else {
            return;
        };
        table.push_str(&entry);
    }
    table.push_str("];\n");
    std::fs::write(out.join("assets.rs"), table).expect("OUT_DIR can be written");
}

fn embed(name: &str, path: &Path, out: &Path) -> Option<String> {
    let (stem, ext) = name.rsplit_once('.').unwrap_or((name, ""));
    let content_type = match ext {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        _ => {
            println!("cargo::error=build.rs knows no content type for {}", path.display());
            return None;
        }
    };
    let bytes = std::fs::read(path).expect("an asset can be read");
    let hash: String = Sha256::digest(&bytes)[..6].iter().fold(String::new(), |mut hash, byte| {
        let _ = write!(hash, "{byte:02x}");
        hash
    });
    let hashed = format!("{stem}-{hash}.{ext}");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&bytes).expect("memory can be written");
    let gzip = encoder.finish().expect("memory can be written");
    let (plain_at, gzip_at) = (out.join(&hashed), out.join(format!("{hashed}.gz")));
    std::fs::write(&plain_at, &bytes).expect("OUT_DIR can be written");
    std::fs::write(&gzip_at, &gzip).expect("OUT_DIR can be written");
    // What is compressed already gains nothing.
    let gzip = if gzip.len() + 64 < bytes.len() {
        format!("Some(include_bytes!({:?}))", gzip_at.display().to_string())
    } else {
        "None".to_owned()
    };
    Some(format!(
        "    Asset {{ name: {name:?}, url: {url:?}, content_type: {content_type:?}, plain: include_bytes!({plain:?}), gzip: {gzip} }},\n",
        url = format!("/assets/{hashed}"),
        plain = plain_at.display().to_string(),
    ))
}
