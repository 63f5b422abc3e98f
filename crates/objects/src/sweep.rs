//! What a crash leaves behind: uploads that were begun and never published.

use futures::TryStreamExt as _;
use object_store::path::Path;

use crate::{Objects, Result};

/// Where uploads lie until they are published.
pub(crate) const UPLOADS: &str = "uploads";

impl Objects {
    /// Deletes temporary uploads last written more than `grace_ms` ago; returns how many.
    ///
    /// The grace time must be longer than an upload may take. Incomplete multipart uploads of S3 are invisible here: a bucket
    /// needs its `AbortIncompleteMultipartUpload` rule for them.
    pub async fn sweep_uploads(&self, now_ms: i64, grace_ms: i64) -> Result<u64> {
        let before_ms = now_ms.saturating_sub(grace_ms);
        let old: Vec<Path> = self
            .store
            .list(Some(&Path::from(UPLOADS)))
            .try_filter(|meta| std::future::ready(meta.last_modified.timestamp_millis() < before_ms))
            .map_ok(|meta| meta.location)
            .try_collect()
            .await?;
        for location in &old {
            self.delete_location(location).await?;
        }
        let mut removed = old.len() as u64;
        if let Some(local) = &self.local {
            removed += local.sweep_staging(before_ms).await?;
        }
        if removed > 0 {
            tracing::info!(objects.removed = removed, "removed uploads that were never published");
        }
        Ok(removed)
    }
}
