//! What a job says. Versioned: a field is never changed, a new version is added and old ones are still read.

use model::{ImageId, UserId};
use serde::{Deserialize, Serialize};

/// A job: transform one uploaded image. Everything else is in the image's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "version")]
pub enum Job {
    /// The first version.
    #[serde(rename = "1")]
    V1 {
        /// Whose image.
        user_id: u64,
        /// Which image.
        image_id: String,
        /// Id of the request that brought it; may be empty.
        #[serde(default)]
        request_id: String,
        /// W3C trace context of that request; may be empty.
        #[serde(default)]
        traceparent: String,
    },
}

impl Job {
    /// The image meant; none where the ids are not ids.
    pub fn image(&self) -> Option<(UserId, ImageId)> {
        let Self::V1 { user_id, image_id, .. } = self;
        Some((UserId::new(*user_id)?, ImageId::parse(image_id)?))
    }

    /// Id of the request that brought the job.
    pub fn request_id(&self) -> Option<&str> {
        let Self::V1 { request_id, .. } = self;
        Some(request_id.as_str()).filter(|id| !id.is_empty())
    }

    /// W3C trace context of the request that brought the job.
    pub fn traceparent(&self) -> Option<&str> {
        let Self::V1 { traceparent, .. } = self;
        Some(traceparent.as_str()).filter(|parent| !parent.is_empty())
    }

    /// The job as a broker carries it: JSON.
    pub fn to_json(&self) -> String {
        // Strings and numbers always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what a broker carried.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_version_is_read_for_ever() {
        let json = br#"{"version":"1","user_id":12,"image_id":"0190a1b2c3d4e5f60718293a4b5c6d7e","request_id":"r","traceparent":"t"}"#;
        let job = Job::from_json(json).unwrap();
        assert_eq!(job.image().unwrap().0.get(), 12);
        assert_eq!((job.request_id(), job.traceparent()), (Some("r"), Some("t")));
        assert_eq!(job.to_json().as_bytes(), json);
    }

    #[test]
    fn ids_that_are_none_are_seen() {
        let job =
            Job::V1 { user_id: 0, image_id: "../x".into(), request_id: String::new(), traceparent: String::new() };
        assert_eq!((job.image(), job.request_id(), job.traceparent()), (None, None, None));
    }
}
