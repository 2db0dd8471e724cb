//! Where the bytes lie: a folder of this machine, or a bucket of an
//! S3-compatible store. Paths are `<tenant>/<hash>-<id>`: a tenant's files are
//! one folder, and no two tenants share an object.

use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use axum::body::Bytes;
use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;

use super::model::hex;
use super::s3::Connector;
use super::{FilesError, Spooled};

/// Pieces in which an object is written; two of them are under way at once.
const PIECE: usize = 8 << 20;

/// A bucket of an S3-compatible store.
#[derive(Debug, Clone, Default)]
pub struct S3Config {
    /// Its name.
    pub bucket: String,
    /// Address of the store, `https://…`; Amazon's of the region when left out.
    pub endpoint: Option<String>,
    /// Where it lies; `us-east-1` when left out.
    pub region: Option<String>,
    /// Who asks.
    pub access_key: String,
    /// And by which secret.
    pub secret_key: String,
}

/// Where the bytes lie; cheap to clone.
#[derive(Debug, Clone)]
pub struct Depot {
    store: Arc<dyn ObjectStore>,
    spool: PathBuf,
    root: Option<PathBuf>,
}

impl Depot {
    /// A folder of this machine, made if it is not there, open to its owner only.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn folder(root: &FilePath) -> Result<Self, FilesError> {
        make(root)?;
        let store = LocalFileSystem::new_with_prefix(root)?.with_fsync(true).with_automatic_cleanup(true);
        Ok(Self { store: Arc::new(store), spool: root.to_owned(), root: Some(root.to_owned()) })
    }

    /// A bucket; what is sent waits in `spool` until it is whole.
    ///
    /// # Errors
    /// When a setting is not right, or the folder cannot be made.
    pub fn s3(config: &S3Config, spool: &FilePath) -> Result<Self, FilesError> {
        make(spool)?;
        let mut builder = AmazonS3Builder::new()
            .with_http_connector(Connector)
            .with_bucket_name(&config.bucket)
            .with_region(config.region.as_deref().unwrap_or("us-east-1"))
            .with_access_key_id(&config.access_key)
            .with_secret_access_key(&config.secret_key);
        if let Some(endpoint) = &config.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        Ok(Self { store: Arc::new(builder.build()?), spool: spool.to_owned(), root: None })
    }

    /// The folder of a tenant on this machine; `None` where files lie in a bucket.
    #[must_use]
    pub fn folder_of(&self, tenant: Uuid) -> Option<PathBuf> {
        self.root.as_ref().map(|root| root.join(tenant.to_string()))
    }

    pub(super) fn spool_dir(&self) -> &FilePath {
        &self.spool
    }

    /// Writes what was taken in, and answers its path.
    pub(super) async fn put(&self, tenant: Uuid, spooled: &mut Spooled) -> Result<String, FilesError> {
        let object = format!("{tenant}/{}-{}", hex(&spooled.sha256), Uuid::now_v7().simple());
        let path = Path::from(object.as_str());
        let mut writer =
            BufWriter::with_capacity(Arc::clone(&self.store), path, PIECE).with_max_concurrency(2);
        let mut buffer = vec![0; 256 << 10];
        let done: Result<(), FilesError> = async {
            loop {
                let read = spooled.file.read(&mut buffer).await?;
                if read == 0 {
                    break;
                }
                writer.put(Bytes::copy_from_slice(buffer.get(..read).unwrap_or_default())).await?;
            }
            writer.shutdown().await?;
            Ok(())
        }
        .await;
        if let Err(error) = done {
            if let Err(again) = writer.abort().await {
                tracing::debug!(%again, "an upload was left unfinished");
            }
            return Err(error);
        }
        Ok(object)
    }

    /// Writes a file of this machine under a path that a program chose, in the place of
    /// what was there.
    ///
    /// # Errors
    /// When the file cannot be read, or the place takes nothing.
    pub async fn put_file(&self, object: &str, from: &FilePath) -> Result<(), FilesError> {
        let mut file = tokio::fs::File::open(from).await?;
        let mut writer = BufWriter::with_capacity(Arc::clone(&self.store), Path::from(object), PIECE)
            .with_max_concurrency(2);
        let mut buffer = vec![0; 256 << 10];
        loop {
            let read = file.read(&mut buffer).await?;
            if read == 0 {
                break;
            }
            writer.put(Bytes::copy_from_slice(buffer.get(..read).unwrap_or_default())).await?;
        }
        writer.shutdown().await?;
        Ok(())
    }

    /// The bytes of an object, all or a range of them, as they come.
    pub(super) async fn read(
        &self,
        object: &str,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, object_store::Error>>, FilesError> {
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        Ok(self.store.get_opts(&Path::from(object), options).await?.into_stream())
    }

    /// Removes an object; one that is gone already is no matter.
    pub(super) async fn remove(&self, object: &str) -> Result<(), FilesError> {
        match self.store.delete(&Path::from(object)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A tenant's objects, and when each was written.
    pub(super) fn objects(
        &self,
        tenant: Uuid,
    ) -> BoxStream<'static, Result<(String, DateTime<Utc>), object_store::Error>> {
        let prefix = Path::from(tenant.to_string());
        self.store
            .list(Some(&prefix))
            .map_ok(|found| (found.location.to_string(), found.last_modified))
            .boxed()
    }

    /// Copies an object of another place here, under the same path.
    pub(super) async fn take(&self, from: &Self, object: &str) -> Result<(), FilesError> {
        let mut bytes = from.read(object, None).await?;
        let path = Path::from(object);
        let mut writer =
            BufWriter::with_capacity(Arc::clone(&self.store), path, PIECE).with_max_concurrency(2);
        while let Some(piece) = bytes.try_next().await? {
            writer.put(piece).await?;
        }
        writer.shutdown().await?;
        Ok(())
    }
}

/// Makes a folder that only its owner can look into.
fn make(dir: &FilePath) -> Result<(), FilesError> {
    use std::os::unix::fs::DirBuilderExt;
    Ok(std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?)
}
