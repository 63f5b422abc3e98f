//! `PUT` and `DELETE /v1/users/{id}/picture`: which picture a profile wears.

use api::user::v1::{ClearPictureRequest, SetPictureRequest};
use http::StatusCode;
use model::{Error, ImageId};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    context::Ctx,
    error::Answer,
    fields::Fields,
    routes::users::{if_version, written},
    views,
};

/// Which picture to wear.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the schema of the document; bodies are read field by field to tell all errors")]
pub struct PictureChoice {
    /// A finished image of the user's.
    image_id: String,
    /// Needed where the image has several variants.
    variant: Option<String>,
}

/// Wears a finished picture.
#[utoipa::path(
    put, path = "/v1/users/{id}/picture", tag = "users", operation_id = "setPicture",
    params(("id" = u64, Path, description = "The user"), ("If-Match" = Option<String>, Header, description = "The tag of the user's full form")),
    request_body = PictureChoice,
    responses((status = 200, description = "Worn", body = views::UserView, headers(("ETag" = String))))
)]
pub async fn set(mut ctx: Ctx) -> Answer {
    let id = ctx.user()?;
    let (value, _) = ctx.json(&["application/json"]).await?;
    let (image, variant) = read(&value)?;
    let if_version = if_version(&ctx, id).await?;
    let message = SetPictureRequest { user_id: id.get(), image_id: image.to_string(), variant, if_version };
    let changed = ctx.take(ctx.app.users.clone().set_picture(ctx.call(message)).await)?;
    written(&ctx, views::must(changed.user)?, StatusCode::OK)
}

fn read(value: &Value) -> Result<(ImageId, String), Error> {
    let mut fields = Fields::of(value, "").map_err(|error| Error::invalid(vec![error]))?;
    let image = fields.required_text("imageId").and_then(|text| {
        let image = ImageId::parse(text);
        if image.is_none() {
            fields.wrong("imageId", "must be the id of one of your pictures");
        }
        image
    });
    let variant = match fields.value("variant") {
        Some(Value::Null) => None,
        _ => fields.optional_text("variant").map(str::to_owned),
    };
    if variant.as_deref().is_some_and(|name| name.is_empty() || model::text::has_control(name)) {
        fields.wrong("variant", "must be the name of a variant of the image");
    }
    let errors = fields.finish();
    match image {
        Some(image) if errors.is_empty() => Ok((image, variant.unwrap_or_default())),
        _ => Err(Error::invalid(errors)),
    }
}

/// Takes the picture off.
#[utoipa::path(
    delete, path = "/v1/users/{id}/picture", tag = "users", operation_id = "clearPicture",
    params(("id" = u64, Path, description = "The user"), ("If-Match" = Option<String>, Header, description = "The tag of the user's full form")),
    responses((status = 200, description = "Taken off", body = views::UserView, headers(("ETag" = String))))
)]
pub async fn clear(ctx: Ctx) -> Answer {
    let id = ctx.user()?;
    let if_version = if_version(&ctx, id).await?;
    let message = ClearPictureRequest { user_id: id.get(), if_version };
    let changed = ctx.take(ctx.app.users.clone().clear_picture(ctx.call(message)).await)?;
    written(&ctx, views::must(changed.user)?, StatusCode::OK)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_choice_is_read_and_all_errors_told() {
        let text = "0190a1b2c3d4e5f60718293a4b5c6d7e";
        let id = ImageId::parse(text).unwrap();
        assert_eq!(read(&json!({"imageId": text})).unwrap(), (id.clone(), String::new()));
        assert_eq!(read(&json!({"imageId": text, "variant": null})).unwrap(), (id, String::new()));
        assert_eq!(read(&json!({"imageId": "a", "variant": "x"})).unwrap_err().fields.len(), 1);
        assert_eq!(read(&json!({"imageId": 1, "variant": "", "x": 1})).unwrap_err().fields.len(), 3);
    }
}
