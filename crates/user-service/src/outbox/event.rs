//! What an outbox row says: a kind and a JSON payload, versioned by adding kinds and fields, never by changing them.

use model::{ImageId, UserId};
use serde::{Deserialize, Serialize};

/// Jobs have a lane of their own: they stay with the queue for as long as a worker works.
pub const JOB: &str = "job";

/// Most images in one `delete-objects` event: a payload stays a few KiB.
pub const IMAGES_PER_EVENT: usize = 256;

/// Most pictures in one `feed-pictures` event.
const PICTURES_PER_EVENT: usize = 64;

/// A picture as an event of the feed names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedPicture {
    /// Image id.
    pub image_id: String,
    /// When it was uploaded, which is a part of its place.
    pub created_at_ms: i64,
}

/// An event. Every consumer takes it twice without harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Event {
    /// An image waits for a worker.
    Job {
        /// Whose.
        user_id: u64,
        /// Which.
        image_id: String,
        /// The request that brought it, for the logs; may be empty.
        request_id: String,
        /// W3C trace context of that request; may be empty.
        traceparent: String,
    },
    /// A user has given up an address.
    ReleaseEmail {
        /// Normal form.
        email: String,
    },
    /// Images are gone: all their objects go too.
    DeleteObjects {
        /// Image ids.
        images: Vec<String>,
    },
    /// An image's source is no longer needed.
    DeleteSource {
        /// Object key below `sources/`.
        key: String,
    },
    /// Pictures of a user have been finished or are gone: the feed looks at what they are by then.
    FeedPictures {
        /// Whose.
        user_id: u64,
        /// Which.
        pictures: Vec<FeedPicture>,
    },
    /// A user with finished pictures has other names.
    FeedNames {
        /// Who.
        user_id: u64,
    },
    /// A cached user is out of date.
    Invalidate {
        /// Which.
        user_id: u64,
        /// The version that replaced it.
        version: u64,
    },
}

impl Event {
    /// The word in the `kind` column, equal to the tag in the payload.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Job { .. } => JOB,
            Self::ReleaseEmail { .. } => "release-email",
            Self::DeleteObjects { .. } => "delete-objects",
            Self::FeedPictures { .. } => "feed-pictures",
            Self::FeedNames { .. } => "feed-names",
            Self::DeleteSource { .. } => "delete-source",
            Self::Invalidate { .. } => "invalidate",
        }
    }

    /// Events that delete all objects of these images.
    pub fn delete_objects(images: &[ImageId]) -> Vec<Self> {
        images
            .chunks(IMAGES_PER_EVENT)
            .map(|chunk| Self::DeleteObjects { images: chunk.iter().map(ToString::to_string).collect() })
            .collect()
    }

    /// Events that tell the feed of pictures of a user: ids, and when they were uploaded.
    pub fn feed_pictures(user: UserId, pictures: &[(ImageId, i64)]) -> Vec<Self> {
        let name = |(image, created_at_ms): &(ImageId, i64)| FeedPicture {
            image_id: image.to_string(),
            created_at_ms: *created_at_ms,
        };
        pictures
            .chunks(PICTURES_PER_EVENT)
            .map(|chunk| Self::FeedPictures { user_id: user.get(), pictures: chunk.iter().map(name).collect() })
            .collect()
    }

    /// The payload. A struct of strings and numbers always serialises.
    pub fn payload(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// Where it was not written by this or an earlier version.
    pub fn parse(payload: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(payload)
    }
}

/// An event on its way to the bucket that it is written in.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// What.
    pub event: Event,
    /// Not before this time, in milliseconds since 1970.
    pub not_before_ms: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_survives_the_round_trip_and_carries_its_kind() {
        let events = [
            Event::Job { user_id: 1, image_id: "i".into(), request_id: "r".into(), traceparent: String::new() },
            Event::ReleaseEmail { email: "a@example.com".into() },
            Event::DeleteObjects { images: vec!["i".into()] },
            Event::DeleteSource { key: "k".into() },
            Event::FeedPictures { user_id: 1, pictures: vec![FeedPicture { image_id: "i".into(), created_at_ms: 7 }] },
            Event::FeedNames { user_id: 1 },
            Event::Invalidate { user_id: 1, version: 2 },
        ];
        for event in events {
            let payload = event.payload();
            assert!(payload.contains(&format!("\"kind\":\"{}\"", event.kind())), "{payload}");
            assert_eq!(Event::parse(&payload).unwrap(), event);
        }
    }

    #[test]
    fn a_great_many_images_are_deleted_by_several_events() {
        let images: Vec<_> = (0..600_u128).map(|n| ImageId::from_bytes(n.to_be_bytes())).collect();
        assert_eq!(Event::delete_objects(&images).len(), 3);
    }
}
