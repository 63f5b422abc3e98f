//! Uploads: written in parts while they are hashed, then published whole under their final key.
//!
//! What fits one part stays in memory and is put in one call; what does not is a multipart upload under a temporary key, moved
//! when it is published. Either way nobody sees half an object.

use std::mem;

use bytes::Bytes;
use object_store::{MultipartUpload, ObjectStoreExt as _, PutPayload, path::Path};
use uuid::Uuid;

use crate::sweep::UPLOADS;
use crate::{ContentHash, Error, Key, Objects, Result};

/// An upload under way. Dropped, it leaves nothing behind but what [`Objects::sweep_uploads`] removes.
#[derive(Debug)]
pub struct Upload {
    objects: Objects,
    hasher: blake3::Hasher,
    limit_bytes: u64,
    bytes: u64,
    /// What has not been sent yet, less than a part.
    pending: Vec<Bytes>,
    pending_bytes: usize,
    multipart: Option<(Path, Box<dyn MultipartUpload>)>,
}

impl Upload {
    pub(crate) fn new(objects: Objects, limit_bytes: u64) -> Self {
        Self {
            objects,
            hasher: blake3::Hasher::new(),
            limit_bytes,
            bytes: 0,
            pending: Vec::new(),
            pending_bytes: 0,
            multipart: None,
        }
    }

    /// Bytes written so far.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds bytes. [`Error::TooLarge`] where they exceed the limit; the upload is then of no more use.
    pub async fn write(&mut self, mut chunk: Bytes) -> Result<()> {
        self.bytes += chunk.len() as u64;
        if self.bytes > self.limit_bytes {
            return Err(Error::TooLarge { limit_bytes: self.limit_bytes });
        }
        self.hasher.update(&chunk);
        // Parts are cut to one size, which some S3 engines ask for.
        while self.pending_bytes + chunk.len() >= self.objects.part_bytes {
            let rest = chunk.split_off(self.objects.part_bytes - self.pending_bytes);
            self.pending.push(mem::replace(&mut chunk, rest));
            self.send_pending().await?;
        }
        self.pending_bytes += chunk.len();
        if !chunk.is_empty() {
            self.pending.push(chunk);
        }
        Ok(())
    }

    /// Ends the upload. Nothing can be seen of it before [`Staged::publish`].
    pub async fn finish(mut self) -> Result<Staged> {
        let body = if self.multipart.is_none() {
            Body::Memory(self.pending.drain(..).collect())
        } else {
            if self.pending_bytes > 0 {
                self.send_pending().await?;
            }
            match self.multipart.take() {
                Some((location, mut upload)) => {
                    upload.complete().await?;
                    Body::Stored(location)
                }
                None => Body::Memory(PutPayload::new()),
            }
        };
        let hash = ContentHash::from_full(&self.hasher.finalize());
        Ok(Staged { objects: self.objects.clone(), hash, bytes: self.bytes, body })
    }

    async fn send_pending(&mut self) -> Result<()> {
        let payload: PutPayload = self.pending.drain(..).collect();
        self.pending_bytes = 0;
        if self.multipart.is_none() {
            let location = Path::from(UPLOADS).join(Uuid::new_v4().simple().to_string());
            let upload = self.objects.store.put_multipart(&location).await?;
            self.multipart = Some((location, upload));
        }
        if let Some((_, upload)) = &mut self.multipart {
            upload.put_part(payload).await?;
        }
        Ok(())
    }
}

/// A whole upload that waits for its key.
#[derive(Debug)]
pub struct Staged {
    objects: Objects,
    hash: ContentHash,
    bytes: u64,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Memory(PutPayload),
    Stored(Path),
}

impl Staged {
    /// The content's hash, for the key.
    pub const fn hash(&self) -> ContentHash {
        self.hash
    }

    /// The size in bytes.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Publishes the object; durable when this returns. An object already under the key is replaced, which changes nothing
    /// as keys name their content.
    pub async fn publish(self, key: &Key) -> Result<()> {
        let location = key.location();
        match self.body {
            Body::Memory(payload) => drop(self.objects.store.put(&location, payload).await?),
            Body::Stored(from) if self.objects.local.is_some() => self.objects.store.rename(&from, &location).await?,
            Body::Stored(from) => {
                self.objects.store.copy(&from, &location).await?;
                // Published it is; what is left of the upload goes now or with the next sweep.
                if let Err(error) = self.objects.delete_location(&from).await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a published upload was not cleaned up");
                }
            }
        }
        Ok(())
    }

    /// Throws the upload away.
    pub async fn discard(self) -> Result<()> {
        match self.body {
            Body::Memory(_) => Ok(()),
            Body::Stored(location) => self.objects.delete_location(&location).await,
        }
    }
}
