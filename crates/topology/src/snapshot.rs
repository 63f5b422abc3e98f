//! The last good map on disk, so that a process starts while the router is down. Written aside, synced, renamed; never by an older one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::map::{Parts, Topology};

/// Version of the file's own form.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Document {
    format: u32,
    topology: Parts,
}

/// The file with the last good map. Blocking: call it from a thread that may block.
#[derive(Debug)]
pub struct SnapshotFile {
    path: PathBuf,
    writing: Mutex<()>,
}

impl SnapshotFile {
    /// The file at this path; it need not exist.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), writing: Mutex::new(()) }
    }

    /// The map on disk, `None` where there is no file.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be read, [`Error::Damaged`] where it is not a map of a form known here.
    pub fn load(&self) -> Result<Option<Topology>> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(Error::File { path: self.path.clone(), source });
            }
        };
        let damaged = |reason: String| Error::Damaged { path: self.path.clone(), reason };
        let document: Document = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if document.format != FORMAT {
            return Err(damaged(format!("form {}, known is {FORMAT}", document.format)));
        }
        Topology::new(document.topology).map(Some).map_err(|error| damaged(error.to_string()))
    }

    /// Puts a map on disk; when this returns, it survives a power cut. A damaged file is replaced.
    ///
    /// # Errors
    /// [`Error::Older`] where the file holds a newer one, [`Error::OtherCluster`] where it is of another cluster,
    /// [`Error::File`] where it cannot be written.
    pub fn save(&self, topology: &Topology) -> Result<()> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match self.load() {
            Ok(Some(present)) if present.cluster_id() != topology.cluster_id() => {
                return Err(Error::OtherCluster {
                    ours: present.cluster_id().to_owned(),
                    theirs: topology.cluster_id().to_owned(),
                });
            }
            Ok(Some(present)) if present.version() > topology.version() => {
                return Err(Error::Older { offered: topology.version(), present: present.version() });
            }
            Ok(Some(present)) if present.version() == topology.version() => return Ok(()),
            Ok(_) | Err(Error::Damaged { .. }) => {}
            Err(error) => return Err(error),
        }
        self.replace(topology).map_err(|source| Error::File { path: self.path.clone(), source })
    }

    fn replace(&self, topology: &Topology) -> io::Result<()> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let aside = self.path.with_extension(format!("{}.tmp", std::process::id()));
        let bytes = serde_json::to_vec(&Document { format: FORMAT, topology: topology.to_parts() })?;
        let mut file = File::create(&aside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&aside, &self.path)?;
        File::open(folder)?.sync_all()
    }
}
