//! Images.

use model::{
    Error,
    image::{Image, ImageStatus, JobError, Source, Variant},
};

use crate::image::v1 as proto;

impl From<ImageStatus> for proto::Status {
    fn from(status: ImageStatus) -> Self {
        match status {
            ImageStatus::Queued => Self::Queued,
            ImageStatus::Running => Self::Running,
            ImageStatus::Done => Self::Done,
            ImageStatus::Failed => Self::Failed,
        }
    }
}

fn status(status: proto::Status) -> Result<ImageStatus, Error> {
    match status {
        proto::Status::Queued => Ok(ImageStatus::Queued),
        proto::Status::Running => Ok(ImageStatus::Running),
        proto::Status::Done => Ok(ImageStatus::Done),
        proto::Status::Failed => Ok(ImageStatus::Failed),
        proto::Status::Unspecified => Err(super::invalid("/status", "must be given")),
    }
}

impl From<JobError> for proto::JobError {
    fn from(error: JobError) -> Self {
        Self { code: error.code, detail: error.detail }
    }
}

impl From<proto::JobError> for JobError {
    fn from(error: proto::JobError) -> Self {
        Self { code: error.code, detail: error.detail }
    }
}

impl From<Source> for proto::Source {
    fn from(source: Source) -> Self {
        Self { width: source.width, height: source.height, bytes: source.bytes, format: source.format, key: source.key }
    }
}

impl From<proto::Source> for Source {
    fn from(source: proto::Source) -> Self {
        Self { width: source.width, height: source.height, bytes: source.bytes, format: source.format, key: source.key }
    }
}

impl From<Variant> for proto::Variant {
    fn from(variant: Variant) -> Self {
        Self {
            name: variant.name,
            width: variant.width,
            height: variant.height,
            bytes: variant.bytes,
            format: variant.format,
            key: variant.key,
        }
    }
}

impl From<proto::Variant> for Variant {
    fn from(variant: proto::Variant) -> Self {
        Self {
            name: variant.name,
            width: variant.width,
            height: variant.height,
            bytes: variant.bytes,
            format: variant.format,
            key: variant.key,
        }
    }
}

impl From<Image> for proto::Image {
    fn from(image: Image) -> Self {
        Self {
            id: image.id.to_string(),
            user_id: image.user_id.get(),
            status: proto::Status::from(image.status).into(),
            attempts: image.attempts,
            error: image.error.map(Into::into),
            source: Some(image.source.into()),
            variants: image.variants.into_iter().map(Into::into).collect(),
            created_at_ms: image.created_at_ms,
            finished_at_ms: image.finished_at_ms,
            request_json: image.request_json,
        }
    }
}

impl TryFrom<proto::Image> for Image {
    type Error = Error;

    fn try_from(image: proto::Image) -> Result<Self, Error> {
        Ok(Self {
            id: super::image_id(&image.id)?,
            user_id: super::user_id(image.user_id)?,
            status: status(image.status())?,
            attempts: image.attempts,
            error: image.error.map(Into::into),
            source: super::required("/source", image.source)?.into(),
            variants: image.variants.into_iter().map(Into::into).collect(),
            created_at_ms: image.created_at_ms,
            finished_at_ms: image.finished_at_ms,
            request_json: image.request_json,
        })
    }
}
