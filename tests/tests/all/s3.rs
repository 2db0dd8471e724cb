//! Files in a bucket of a store that is not ours: moto, over the wire.

use std::process::Stdio;

use chrono::Utc;
use futures_util::stream;
use hyper::Method;
use hyper::body::Bytes;
use platform::ctx::Cx;
use platform::files::sweep::{Swept, sweep};
use platform::files::{
    Depot, Files, FilesError, Goes, Limits, S3Config, copy_tenant, erase_tenant, list, spool, upload,
};
use platform::testing::TestDb;
use simulators::http::Http;
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::support::{free_ports, skipped, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_keeps_small_and_large_files() {
    let server = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/moto/bin/moto_server");
    if !server.exists() {
        return skipped("moto (deploy/setup.sh --tests)");
    }
    let [port] = free_ports();
    let _server = Command::new(server)
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    until("the store answers", async || TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await;
    let endpoint = format!("http://127.0.0.1:{port}");
    let made = Http::new(&endpoint, None).send_raw(Method::PUT, "/traces", None).await.unwrap();
    assert_eq!(made.0, 200, "the bucket is made: {}", made.1);

    let folder = tempfile::tempdir().unwrap();
    let config = S3Config {
        bucket: "traces".into(),
        endpoint: Some(endpoint),
        region: None,
        access_key: "someone".into(),
        secret_key: "something".into(),
    };
    let depot = Depot::s3(&config, folder.path()).unwrap();
    let files = Files::new(depot.clone(), Limits::default(), platform::masters::subjects());
    let test = TestDb::new().await;
    let tenant = test.tenant("SAIF", &["KOL"]).await;
    let cx = Cx::system(tenant);
    let send = async |bytes: Vec<u8>, name: &str| {
        let pieces: Vec<Result<Bytes, std::io::Error>> =
            bytes.chunks(100_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let spooled = spool(&files, stream::iter(pieces)).await?;
        let goes = Goes::To(files.subject("units").unwrap(), "kg");
        upload(&test.db, &cx, &files, goes, name, spooled, Utc::now()).await
    };
    // In one request, and in several parts.
    let large: Vec<u8> = (0..30_000_000_u32).map(|n| (n % 251) as u8).collect();
    let small = send(b"%PDF-1.7 small".to_vec(), "small.pdf").await.unwrap();
    let big = send(large.clone(), "large.stl").await.unwrap();
    assert_eq!(big.versions[0].size, 30_000_000);
    let listed: Result<_, FilesError> = test.db.tx(&cx, async |tx| list(tx, "units", "kg").await).await;
    assert_eq!(listed.unwrap().len(), 2);

    // What is there is what was sent: copied whole to a folder, it is the same.
    let here = tempfile::tempdir().unwrap();
    let local = Depot::folder(here.path()).unwrap();
    assert_eq!(copy_tenant(&depot, &local, tenant).await.unwrap(), 2);
    let copied: Vec<Vec<u8>> = std::fs::read_dir(local.folder_of(tenant).unwrap())
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    assert!(copied.contains(&large) && copied.iter().any(|bytes| bytes.len() == 14));

    // An object that no row names goes; the others stay.
    let later = Utc::now() + chrono::TimeDelta::hours(25);
    assert_eq!(sweep(&test.db, &files, tenant, later).await.unwrap(), Swept::default());
    platform::files::delete(&test.db, &cx, &files, small.id, None, Utc::now()).await.unwrap();
    let much_later = Utc::now() + chrono::TimeDelta::days(91);
    assert_eq!(sweep(&test.db, &files, tenant, much_later).await.unwrap(), Swept { objects: 0, files: 1 });
    assert_eq!(erase_tenant(&depot, tenant).await.unwrap(), 1);
}
