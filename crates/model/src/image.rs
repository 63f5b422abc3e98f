//! Images: an uploaded source, the variants asked for, and where the job stands.

use crate::{ImageId, UserId};

/// Where an image's job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageStatus {
    /// Waits for a worker.
    Queued,
    /// A worker has begun.
    Running,
    /// All variants are there.
    Done,
    /// It will not be done.
    Failed,
}

impl ImageStatus {
    /// The public word, which is also the stored one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Queued, Self::Running, Self::Done, Self::Failed].into_iter().find(|status| status.as_str() == word)
    }

    /// Whether nothing will change any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }
}

/// The uploaded picture; width and height in pixels, upright.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
    /// Size of the file.
    pub bytes: u64,
    /// `jpeg`, `png`, `webp` or `gif`.
    pub format: String,
    /// Object key below `sources/`.
    pub key: String,
}

/// One finished picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// `default`, or the name asked for.
    pub name: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Size of the file.
    pub bytes: u64,
    /// `jpeg`, `png`, `webp` or `avif`.
    pub format: String,
    /// Object key below `media/`: image id, content hash, extension.
    pub key: String,
}

/// Why an image failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobError {
    /// `UPPER_SNAKE`.
    pub code: String,
    /// What to do.
    pub detail: String,
}

/// An image. Times are milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Id.
    pub id: ImageId,
    /// Whose.
    pub user_id: UserId,
    /// Where the job stands.
    pub status: ImageStatus,
    /// Attempts begun.
    pub attempts: u32,
    /// Why it failed.
    pub error: Option<JobError>,
    /// What was uploaded.
    pub source: Source,
    /// What came of it; empty until done.
    pub variants: Vec<Variant>,
    /// When it was uploaded.
    pub created_at_ms: i64,
    /// When it was done or had failed.
    pub finished_at_ms: Option<i64>,
    /// The request as canonical JSON: `{"variants": {name: [operation, …]}}`.
    pub request_json: String,
}
