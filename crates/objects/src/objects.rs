//! The handle: which engine, and the calls that need no stream.

use std::path::Path as FsPath;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use model::ImageId;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _, path::Path};

use crate::key::folder;
use crate::local::LocalRoot;
use crate::{Class, ContentHash, Error, Key, Result, Upload};

/// Parts of a local upload: small, since an upload holds one in memory.
const LOCAL_PART_BYTES: usize = 256 * 1024;

/// The store of pictures' bytes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Objects {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) local: Option<Arc<LocalRoot>>,
    pub(crate) part_bytes: usize,
}

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: Key,
    /// Its size.
    pub bytes: u64,
    /// When it was written, in milliseconds since 1970-01-01 UTC.
    pub modified_ms: i64,
}

impl Objects {
    /// Objects in a local directory, which is made where it is missing.
    pub fn local(root: &FsPath) -> Result<Self> {
        let (local, store) = LocalRoot::open(root)?;
        Ok(Self { store: Arc::new(store), local: Some(Arc::new(local)), part_bytes: LOCAL_PART_BYTES })
    }

    /// Objects in any other engine. Its single puts and completed multipart uploads must be atomic and durable.
    ///
    /// `part_bytes` is the size of multipart parts (S3 wants 5 MiB at least) and what an upload holds in memory; what is
    /// smaller is put in one call.
    pub fn over(store: Arc<dyn ObjectStore>, part_bytes: usize) -> Self {
        Self { store, local: None, part_bytes: part_bytes.max(1) }
    }

    /// Begins an upload of at most `limit_bytes`.
    pub fn upload(&self, limit_bytes: u64) -> Upload {
        Upload::new(self.clone(), limit_bytes)
    }

    /// Stores bytes that are already in memory under the key that `key_of` makes of their hash. The same twice is once.
    pub async fn put(&self, bytes: Bytes, key_of: impl FnOnce(ContentHash) -> Key) -> Result<Key> {
        let key = key_of(ContentHash::of(&bytes));
        self.store.put(&key.location(), bytes.into()).await?;
        Ok(key)
    }

    /// Streams an object in, at most `limit_bytes`, and publishes it under the key that `key_of` makes of its hash.
    /// Returns the key and the size in bytes. Where the stream ends in an error, that error is returned and nothing is kept.
    pub async fn put_stream<E: From<Error>>(
        &self,
        stream: impl futures::Stream<Item = std::result::Result<Bytes, E>>,
        limit_bytes: u64,
        key_of: impl FnOnce(ContentHash) -> Key,
    ) -> std::result::Result<(Key, u64), E> {
        let mut upload = self.upload(limit_bytes);
        let mut stream = std::pin::pin!(stream);
        while let Some(chunk) = stream.next().await {
            upload.write(chunk?).await?;
        }
        let staged = upload.finish().await?;
        let key = key_of(staged.hash());
        let bytes = staged.bytes();
        staged.publish(&key).await?;
        Ok((key, bytes))
    }

    /// Size and time of an object.
    pub async fn meta(&self, key: &Key) -> Result<Listed> {
        let meta = self.store.head(&key.location()).await?;
        Ok(Listed { key: key.clone(), bytes: meta.size, modified_ms: meta.last_modified.timestamp_millis() })
    }

    /// Deletes an object; one that is not there is deleted already. On the local engine the deletion outlives a power cut too:
    /// a picture that its owner took down must not come back.
    pub async fn delete(&self, key: &Key) -> Result<()> {
        self.delete_location(&key.location()).await
    }

    /// Deletes all objects of a class that belong to an image, whatever any row says. Returns how many there were.
    pub async fn delete_image(&self, class: Class, image: &ImageId) -> Result<u64> {
        let folder = folder(class, image);
        // The id has a fixed length and a dash follows it, so nothing of another image begins like this.
        let first = folder.clone().join(image.as_str());
        let found: Vec<Path> = self
            .store
            .list_with_offset(Some(&folder), &first)
            .try_filter(|meta| std::future::ready(meta.location.as_ref().starts_with(first.as_ref())))
            .map_ok(|meta| meta.location)
            .try_collect()
            .await?;
        for location in &found {
            self.delete_location(location).await?;
        }
        Ok(found.len() as u64)
    }

    /// All objects of a class, in no order. What is no object of ours is left out.
    pub fn list(&self, class: Class) -> BoxStream<'static, Result<Listed>> {
        self.store
            .list(Some(&Path::from(class.folder())))
            .map_err(Error::from)
            .try_filter_map(move |meta| std::future::ready(Ok(listed(class, &meta))))
            .boxed()
    }

    pub(crate) async fn delete_location(&self, location: &Path) -> Result<()> {
        match self.store.delete(location).await {
            Ok(()) => {}
            Err(object_store::Error::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        if let Some(local) = &self.local {
            local.sync_folder_of(location).await?;
        }
        Ok(())
    }
}

fn listed(class: Class, meta: &ObjectMeta) -> Option<Listed> {
    let key = Key::parse(class, meta.location.filename()?)?;
    Some(Listed { key, bytes: meta.size, modified_ms: meta.last_modified.timestamp_millis() })
}
