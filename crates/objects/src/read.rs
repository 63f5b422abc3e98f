//! Reading: whole objects and ranges of bytes, as a stream.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream, stream::BoxStream};
use object_store::{GetOptions, GetRange, GetResultPayload, ObjectStore as _, ObjectStoreExt as _};

use crate::{Error, Key, Objects, Result};

/// What is read from a file at a time.
const CHUNK_BYTES: u64 = 256 * 1024;

/// A stream of an object's bytes.
pub type Body = BoxStream<'static, Result<Bytes>>;

/// A range as HTTP asks for it (RFC 9110, section 14.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// From the first offset to the last one, both included; to the end where there is none.
    From(u64, Option<u64>),
    /// The last so many bytes.
    Last(u64),
}

impl ByteRange {
    /// The offsets within an object of `size_bytes`; none where no byte of it is asked for.
    pub fn within(self, size_bytes: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From(first, last) => first..last.map_or(size_bytes, |last| last.saturating_add(1).min(size_bytes)),
            Self::Last(count) => size_bytes.saturating_sub(count)..size_bytes,
        };
        (range.start < range.end).then_some(range)
    }
}

/// An object that is being read.
pub struct Object {
    /// The size of the whole.
    pub size_bytes: u64,
    /// Which of its bytes the body has.
    pub range: Range<u64>,
    /// When it was written, in milliseconds since 1970-01-01 UTC.
    pub modified_ms: i64,
    /// The bytes.
    pub body: Body,
}

impl Objects {
    /// Opens an object, or a part of it. [`Error::NotFound`], [`Error::OutOfRange`].
    pub async fn get(&self, key: &Key, range: Option<ByteRange>) -> Result<Object> {
        let location = key.location();
        let range = match range {
            None => None,
            Some(range) => {
                let size_bytes = self.store.head(&location).await?.size;
                Some(range.within(size_bytes).ok_or(Error::OutOfRange { size_bytes })?)
            }
        };
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let result = self.store.get_opts(&location, options).await?;
        let body = match result.payload {
            GetResultPayload::File(file, _) => file_body(file, result.range.clone()),
            GetResultPayload::Stream(stream) => stream.map_err(Error::from).boxed(),
        };
        Ok(Object {
            size_bytes: result.meta.size,
            range: result.range,
            modified_ms: result.meta.last_modified.timestamp_millis(),
            body,
        })
    }

    /// Reads a whole object into memory; only for what is known to be small.
    pub async fn get_bytes(&self, key: &Key) -> Result<Bytes> {
        Ok(self.store.get(&key.location()).await?.bytes().await?)
    }
}

/// Reads a file in chunks much larger than `object_store`'s 8 KiB, each of which costs a visit to the blocking pool.
fn file_body(file: std::fs::File, range: Range<u64>) -> Body {
    stream::try_unfold((file, range), |(mut file, range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        tokio::task::spawn_blocking(move || {
            let end = range.end.min(range.start + CHUNK_BYTES);
            let wanted = end - range.start;
            let mut chunk = Vec::with_capacity(usize::try_from(wanted).unwrap_or(0));
            file.seek(SeekFrom::Start(range.start))?;
            let read = (&mut file).take(wanted).read_to_end(&mut chunk)?;
            if read as u64 != wanted {
                return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
            }
            Ok(Some((Bytes::from(chunk), (file, end..range.end))))
        })
        .await?
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_rfc_9110() {
        assert_eq!(ByteRange::From(0, Some(0)).within(10), Some(0..1));
        assert_eq!(ByteRange::From(3, None).within(10), Some(3..10));
        assert_eq!(ByteRange::From(3, Some(u64::MAX)).within(10), Some(3..10));
        assert_eq!(ByteRange::Last(3).within(10), Some(7..10));
        assert_eq!(ByteRange::Last(30).within(10), Some(0..10));
        assert_eq!(ByteRange::From(10, None).within(10), None);
        assert_eq!(ByteRange::Last(0).within(10), None);
        assert_eq!(ByteRange::From(5, Some(4)).within(10), None);
        assert_eq!(ByteRange::Last(1).within(0), None);
    }
}
