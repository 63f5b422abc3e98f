//! Objects that no row names: uploads that were never published, and what was stored for a row that is gone.

use std::collections::HashMap;

use ::objects::{Class, Key, Listed};
use model::{
    ImageId, Result,
    image::{Image, ImageStatus},
};
use store::tables::images;
use tokio_stream::StreamExt;

use super::Sweeper;
use crate::metrics;

impl Sweeper {
    /// Deletes objects without a row that are older at `now_ms` than the grace time.
    pub async fn sweep_objects(&self, now_ms: i64) {
        let grace_ms = i64::from(self.recipes.config().sweeper.objects_grace_ms);
        match self.objects.sweep_uploads(now_ms, grace_ms).await {
            Ok(removed) => metrics::swept("uploads", removed),
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "uploads cannot be swept"),
        }
        for class in Class::ALL {
            match self.sweep_class(class, now_ms - grace_ms).await {
                Ok(removed) => metrics::swept(class.folder(), removed),
                Err(error) => {
                    tracing::warn!(error.code = error.code.as_str(), class = class.folder(), "objects cannot be swept");
                }
            }
        }
    }

    async fn sweep_class(&self, class: Class, before_ms: i64) -> Result<u64> {
        let mut removed = 0;
        let mut batch = Vec::with_capacity(images::FIND_MAX);
        let mut listed = self.objects.list(class);
        while let Some(object) = listed.next().await {
            let Listed { key, modified_ms, .. } = object?;
            if modified_ms < before_ms {
                batch.push(key);
            }
            if batch.len() == images::FIND_MAX {
                removed += self.remove_orphans(class, std::mem::take(&mut batch)).await?;
            }
        }
        Ok(removed + self.remove_orphans(class, batch).await?)
    }

    /// Deletes those of the keys that no row names. Every shard has to answer: a row unseen would cost a picture.
    async fn remove_orphans(&self, class: Class, keys: Vec<Key>) -> Result<u64> {
        if keys.is_empty() {
            return Ok(0);
        }
        let ids: Vec<ImageId> = keys.iter().map(|key| key.image().clone()).collect();
        let mut rows: HashMap<ImageId, Vec<Image>> = HashMap::new();
        for shard in self.recipes.shards().every()? {
            for (_, row) in images::find(&mut shard.read_all(), &ids).await? {
                rows.entry(row.image.id.clone()).or_default().push(row.image);
            }
        }
        let mut removed = 0;
        for key in keys {
            let named =
                rows.get(key.image()).is_some_and(|images| images.iter().any(|image| needs(image, class, &key.name())));
            if !named {
                self.objects.delete(&key).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// Whether an image needs an object. What a worker has stored is named only when it reports, so an open job needs all.
fn needs(image: &Image, class: Class, name: &str) -> bool {
    match (class, image.status) {
        (Class::Media, ImageStatus::Queued | ImageStatus::Running) => true,
        (Class::Media, _) => image.variants.iter().any(|variant| variant.key == name),
        // Done: its deletion is in the outbox. Failed: it is kept for a while, and the outbox deletes it too.
        (Class::Source, _) => image.source.key == name,
    }
}
