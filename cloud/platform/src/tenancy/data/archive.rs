//! One file that holds a tenant: a zip archive with a file per table and a manifest.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::DataError;
use super::aside::Aside;

/// Name of the manifest inside.
pub(in crate::tenancy) const MANIFEST: &str = "manifest.json";
/// Largest manifest that is read.
const LONGEST_MANIFEST: u64 = 8 * 1024 * 1024;
/// What is read of a file at once.
const CHUNK: usize = 256 * 1024;

/// A file of the archive, as the manifest has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name in the archive.
    pub path: String,
    /// The table.
    pub table: String,
    /// Its columns, in the order of the file.
    pub columns: Vec<String>,
    /// How many rows.
    pub rows: u64,
    /// Sum over the rows, in whatever order; empty where it is not kept.
    pub checksum: String,
    /// Bytes of the file, unpacked.
    pub bytes: u64,
    /// SHA-256 of the file, unpacked, in hexadecimal.
    pub sha256: String,
}

pub(in crate::tenancy) fn failed(path: &Path, source: std::io::Error) -> DataError {
    DataError::File { path: path.display().to_string(), source }
}

pub(in crate::tenancy) fn form(path: &Path, detail: impl std::fmt::Display) -> DataError {
    DataError::Form { path: path.display().to_string(), detail: detail.to_string() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// An archive that is being written: beside its place, until it is whole.
pub(in crate::tenancy) struct Writer {
    /// Until it is finished.
    zip: Option<ZipWriter<BufWriter<File>>>,
    path: PathBuf,
    aside: Aside,
    hash: Sha256,
    bytes: u64,
}

impl Writer {
    /// Begins it; only its owner may read it.
    pub fn create(path: &Path) -> Result<Self, DataError> {
        if path.exists() {
            return Err(DataError::Refused(format!("{} is there already", path.display())));
        }
        let aside = Aside::begin(path)?;
        let file = aside.file()?;
        let zip = Some(ZipWriter::new(BufWriter::new(file)));
        Ok(Self { zip, path: path.to_owned(), aside, hash: Sha256::new(), bytes: 0 })
    }

    /// A folder beside it, gone with this.
    pub fn folder(&self) -> Result<PathBuf, DataError> {
        self.aside.folder()
    }

    fn zip(&mut self) -> Result<&mut ZipWriter<BufWriter<File>>, DataError> {
        self.zip.as_mut().ok_or_else(|| failed(self.aside.path(), std::io::Error::other("it is finished")))
    }

    pub fn begin(&mut self, name: &str) -> Result<(), DataError> {
        let options = SimpleFileOptions::default().large_file(true).unix_permissions(0o600);
        self.hash = Sha256::new();
        self.bytes = 0;
        self.zip()?.start_file(name, options).map_err(|error| failed(self.aside.path(), error.into()))
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.zip()?.write_all(bytes).map_err(|error| failed(self.aside.path(), error))
    }

    /// Writes all that a file of the disk holds.
    pub fn write_all_of(&mut self, file: &mut File, from: &Path) -> Result<(), DataError> {
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = file.read(&mut buffer).map_err(|error| failed(from, error))?;
            match buffer.get(..read) {
                Some(chunk) if !chunk.is_empty() => self.write(chunk)?,
                _ => return Ok(()),
            }
        }
    }

    /// Bytes of the present file until now.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 of the present file.
    pub fn sha256(&self) -> String {
        hex(&self.hash.clone().finalize())
    }

    /// Writes the manifest, and puts the whole in its place.
    pub fn finish(mut self, manifest: &impl Serialize) -> Result<(), DataError> {
        self.begin(MANIFEST)?;
        let text = serde_json::to_vec_pretty(manifest).map_err(|error| form(self.aside.path(), error))?;
        self.write(&text)?;
        let path = self.aside.path().to_owned();
        let told = |error: std::io::Error| failed(&path, error);
        let writer = self.zip.take().ok_or_else(|| told(std::io::Error::other("it is finished")))?;
        let file = writer.finish().map_err(|error| told(error.into()))?;
        let file = file.into_inner().map_err(|error| told(error.into_error()))?;
        file.sync_all().map_err(told)?;
        std::fs::rename(self.aside.path(), &self.path).map_err(told)
    }
}

/// An archive that is read.
pub(in crate::tenancy) struct Reader {
    zip: ZipArchive<BufReader<File>>,
    path: PathBuf,
}

impl Reader {
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(|error| failed(path, error))?;
        let zip = ZipArchive::new(BufReader::new(file))
            .map_err(|error| form(path, format!("this is no such file: {error}")))?;
        Ok(Self { zip, path: path.to_owned() })
    }

    pub fn manifest<T: DeserializeOwned>(&mut self) -> Result<T, DataError> {
        let path = self.path.clone();
        let file = self.zip.by_name(MANIFEST).map_err(|_| form(&path, "it has no manifest"))?;
        let mut text = Vec::new();
        file.take(LONGEST_MANIFEST).read_to_end(&mut text).map_err(|error| failed(&path, error))?;
        serde_json::from_slice(&text).map_err(|error| form(&path, format!("its manifest: {error}")))
    }

    /// What it holds is not what it should be.
    pub fn wrong(&self, detail: impl std::fmt::Display) -> DataError {
        form(&self.path, detail)
    }

    /// Writes a file of the archive to the disk.
    pub fn write_to(&mut self, name: &str, to: &Path) -> Result<(), DataError> {
        let mut file = File::create(to).map_err(|error| failed(to, error))?;
        let mut chunks = self.read(name)?;
        while let Some(chunk) = chunks.next()? {
            file.write_all(chunk).map_err(|error| failed(to, error))?;
        }
        Ok(())
    }

    /// Whether every file is as the manifest has it: name, bytes, SHA-256.
    pub fn check<'a>(
        &mut self,
        entries: impl Iterator<Item = (&'a str, u64, &'a str)>,
    ) -> Result<(), DataError> {
        let path = self.path.clone();
        for (name, size, sha256) in entries {
            let mut hash = Sha256::new();
            let mut bytes = 0_u64;
            let mut read = self.read(name)?;
            while let Some(chunk) = read.next()? {
                hash.update(chunk);
                bytes += chunk.len() as u64;
            }
            if bytes != size || hex(&hash.finalize()) != sha256 {
                return Err(form(&path, format!("{name} is damaged: it is not what was written")));
            }
        }
        Ok(())
    }

    /// A file of the archive, chunk by chunk.
    pub fn read(&mut self, name: &str) -> Result<Chunks<'_>, DataError> {
        let path = self.path.clone();
        let file = self.zip.by_name(name).map_err(|_| form(&path, format!("{name} is missing in it")))?;
        Ok(Chunks { file: Box::new(file), buffer: vec![0; CHUNK], path })
    }
}

/// What [`Reader::read`] gives.
pub(in crate::tenancy) struct Chunks<'a> {
    file: Box<dyn Read + Send + 'a>,
    buffer: Vec<u8>,
    path: PathBuf,
}

impl Chunks<'_> {
    pub fn next(&mut self) -> Result<Option<&[u8]>, DataError> {
        let read = self.file.read(&mut self.buffer).map_err(|error| failed(&self.path, error))?;
        Ok(self.buffer.get(..read).filter(|chunk| !chunk.is_empty()))
    }
}
