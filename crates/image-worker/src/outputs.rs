//! What a transformation made, on its way into the object store: checked against the request, hashed, published.

use std::path::Path;

use bytes::Bytes;
use model::ImageId;
use model::image::Variant;
use objects::{Key, Objects};
use tokio::io::AsyncReadExt as _;

use crate::error::Error;
use crate::protocol::Made;
use crate::scratch::Files;

const CHUNK_BYTES: usize = 256 * 1024;

/// Publishes all outputs, in the request's order. The same outputs twice are the same objects.
pub async fn publish(
    objects: &Objects,
    files: &Files,
    image: &ImageId,
    made: &[Made],
    names: &[String],
) -> Result<Vec<Variant>, Error> {
    if made.len() != names.len() || made.iter().zip(names).any(|(made, name)| made.name != *name) {
        return Err(Error::Outputs("other names"));
    }
    let mut variants = Vec::with_capacity(made.len());
    for (index, made) in made.iter().enumerate() {
        variants.push(publish_one(objects, &files.output(index), image, made).await?);
    }
    Ok(variants)
}

async fn publish_one(objects: &Objects, path: &Path, image: &ImageId, made: &Made) -> Result<Variant, Error> {
    // A process taken over by a picture must not make the worker publish some other file.
    if !tokio::fs::symlink_metadata(path).await?.is_file() {
        return Err(Error::Outputs("not a file"));
    }
    let mut file = tokio::fs::File::open(path).await?;
    file.set_max_buf_size(CHUNK_BYTES);
    let mut upload = objects.upload(u64::MAX);
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        if file.read_buf(&mut chunk).await? == 0 {
            break;
        }
        upload.write(Bytes::from(chunk)).await?;
    }
    let staged = upload.finish().await?;
    let key = Key::media(image.clone(), staged.hash(), &made.format).ok_or(Error::Outputs("an unknown format"))?;
    let bytes = staged.bytes();
    staged.publish(&key).await?;
    Ok(Variant {
        name: made.name.clone(),
        width: made.width,
        height: made.height,
        bytes,
        format: made.format.clone(),
        key: key.name(),
    })
}
