//! Images: upload, list, state, events, deletion.

use api::image::v1::GetImageRequest;
use bytes::Bytes;
use model::{
    Error,
    image::{Image, ImageStatus},
};

use crate::{
    conditional::{Caching, content_tag},
    context::Ctx,
    error::Problem,
    views,
};

pub mod delete;
pub mod events;
pub mod form;
pub mod get;
pub mod list;
pub mod operations;
pub mod upload;

/// The image named by the path, if the caller may know of it: done ones anybody, else the owner and administrators.
pub async fn visible(ctx: &Ctx) -> Result<Image, Problem> {
    let (user, id) = (ctx.user()?, ctx.image()?);
    let done_only = !ctx.sees_all_of(user);
    let message = GetImageRequest { user_id: user.get(), image_id: id.to_string(), done_only };
    let found = ctx.take(ctx.app.images.clone().get_image(ctx.call(message)).await)?;
    let image: Image = views::must(found.image)?;
    if image.status == ImageStatus::Done || !done_only { Ok(image) } else { Err(Error::not_found("image").into()) }
}

/// An image as JSON, with its tag and how long it may be kept.
pub fn form(ctx: &Ctx, image: Image) -> Result<(Bytes, String, Caching), Problem> {
    let caching = if ctx.sees_all_of(image.user_id) { Caching::Private } else { Caching::Public };
    let body = views::to_json(&ctx.app.image_view(image))?;
    let tag = content_tag(&body, if caching == Caching::Private { "f" } else { "p" });
    Ok((body, tag, caching))
}
