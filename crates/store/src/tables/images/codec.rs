//! An image's row to and from columns. The variants are JSON: they are only ever read and written whole.

use model::{
    Bucket,
    image::{Image, ImageStatus, JobError, Source, Variant},
};
use serde_json::{Value as Json, json};

use super::ImageRow;
use crate::{Error, Result, Row, Value};

pub(super) fn row(row: &Row) -> Result<ImageRow> {
    let error = match (row.opt_text(13)?, row.opt_text(14)?) {
        (Some(code), Some(detail)) => Some(JobError { code, detail }),
        _ => None,
    };
    Ok(ImageRow {
        version: row.u64(3)?,
        image: Image {
            id: row.image_id(2)?,
            user_id: row.user_id(1)?,
            status: ImageStatus::parse(row.str(4)?).ok_or_else(|| Error::Corrupt("an image's status".to_owned()))?,
            attempts: row.u32(5)?,
            error,
            source: Source {
                key: row.text(7)?,
                width: row.u32(8)?,
                height: row.u32(9)?,
                bytes: row.u64(10)?,
                format: row.text(11)?,
            },
            variants: variants(row.str(12)?)?,
            created_at_ms: row.int(15)?,
            finished_at_ms: row.opt_int(16)?,
            request_json: row.text(6)?,
        },
    })
}

/// All columns in their order.
pub(super) fn params(bucket: Bucket, row: &ImageRow) -> Vec<Value> {
    let image = &row.image;
    vec![
        bucket.into(),
        image.user_id.into(),
        (&image.id).into(),
        row.version.into(),
        image.status.as_str().into(),
        image.attempts.into(),
        image.request_json.as_str().into(),
        image.source.key.as_str().into(),
        image.source.width.into(),
        image.source.height.into(),
        image.source.bytes.into(),
        image.source.format.as_str().into(),
        variants_json(&image.variants).into(),
        image.error.as_ref().map(|error| error.code.as_str()).into(),
        image.error.as_ref().map(|error| error.detail.as_str()).into(),
        image.created_at_ms.into(),
        image.finished_at_ms.into(),
    ]
}

pub(super) fn variants_json(variants: &[Variant]) -> String {
    let items = variants.iter().map(|variant| {
        json!({
            "name": variant.name,
            "width": variant.width,
            "height": variant.height,
            "bytes": variant.bytes,
            "format": variant.format,
            "key": variant.key,
        })
    });
    Json::Array(items.collect()).to_string()
}

fn variants(text: &str) -> Result<Vec<Variant>> {
    let Json::Array(items) = crate::tables::json(text)? else {
        return Err(wrong());
    };
    items.iter().map(|item| variant(item).ok_or_else(wrong)).collect()
}

fn variant(item: &Json) -> Option<Variant> {
    let text = |name: &str| item.get(name)?.as_str().map(str::to_owned);
    let side = |name: &str| item.get(name)?.as_u64().and_then(|side| u32::try_from(side).ok());
    Some(Variant {
        name: text("name")?,
        width: side("width")?,
        height: side("height")?,
        bytes: item.get("bytes")?.as_u64()?,
        format: text("format")?,
        key: text("key")?,
    })
}

fn wrong() -> Error {
    Error::Corrupt("an image's variants".to_owned())
}

#[cfg(test)]
mod tests {
    use model::{ImageId, UserId};

    use super::*;

    #[test]
    fn an_image_survives_the_round_trip() {
        let variant = Variant {
            name: "thumb".into(),
            width: 512,
            height: 341,
            bytes: 40_961,
            format: "webp".into(),
            key: "0a/\"quoted\"".into(),
        };
        let image = Image {
            id: ImageId::from_bytes([9; 16]),
            user_id: UserId::new(12).unwrap(),
            status: ImageStatus::Failed,
            attempts: 3,
            error: Some(JobError { code: "BAD_PICTURE".into(), detail: "Upload it again.".into() }),
            source: Source { width: 4000, height: 3000, bytes: 1 << 21, format: "jpeg".into(), key: "k".into() },
            variants: vec![variant.clone(), Variant { name: "large".into(), ..variant }],
            created_at_ms: 5,
            finished_at_ms: Some(6),
            request_json: "{}".into(),
        };
        let row_before = ImageRow { version: 4, image };
        assert_eq!(row(&Row::new(params(Bucket(12), &row_before))).unwrap(), row_before);
    }
}
