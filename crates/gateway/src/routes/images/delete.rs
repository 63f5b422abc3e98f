//! `DELETE /v1/users/{id}/images/{image}`.

use api::image::v1::DeleteImageRequest;

use crate::{
    conditional::IfMatch,
    context::Ctx,
    error::Answer,
    routes::{
        images::{form, visible},
        users::nothing,
    },
};

/// Deletes an image and its pictures; a profile that wears it wears none then.
#[utoipa::path(
    delete, path = "/v1/users/{id}/images/{image}", tag = "images", operation_id = "deleteImage",
    params(("id" = u64, Path, description = "The user"), ("image" = String, Path, description = "The image"),
        ("If-Match" = Option<String>, Header, description = "The tag of the image's full form")),
    responses((status = 204, description = "Deleted"))
)]
pub async fn handle(ctx: Ctx) -> Answer {
    let (user, id) = (ctx.user()?, ctx.image()?);
    let wanted = IfMatch::of(&ctx.headers);
    if matches!(wanted, IfMatch::Tags(_)) {
        let (_, tag, _) = form(&ctx, visible(&ctx).await?)?;
        wanted.check(&tag)?;
    }
    let message = DeleteImageRequest { user_id: user.get(), image_id: id.to_string() };
    ctx.take(ctx.app.images.clone().delete_image(ctx.call(message)).await)?;
    Ok(nothing())
}
