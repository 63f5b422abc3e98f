//! Whether a caller may use a route.

use api::{image::v1::GetImageRequest, user::v1::GetUserRequest};
use model::{Code, Error, image::ImageStatus, profile::Role};

use crate::{
    context::Ctx,
    error::Problem,
    table::{Access, Route},
};

/// Lets the caller through, or refuses: 401 without a session, 403 where the thing is public, 404 where it must not be known of.
pub async fn check(ctx: &Ctx, route: &Route) -> Result<(), Problem> {
    if route.access == Access::Public {
        return Ok(());
    }
    let owned = matches!(route.access, Access::Owner | Access::OwnerOrAdmin | Access::OwnerOrAdminOfImage);
    let user = if owned { Some(ctx.user()?) } else { None };
    if route.access == Access::OwnerOrAdminOfImage {
        ctx.image()?;
    }
    let caller = ctx.signed_in()?;
    let is_owner = user == Some(caller.user);
    let is_admin = caller.role == Role::Admin;
    let may = match route.access {
        Access::Public | Access::SignedIn => true,
        Access::Owner => is_owner,
        Access::OwnerOrAdmin | Access::OwnerOrAdminOfImage => is_owner || is_admin,
        Access::Admin => is_admin,
    };
    if may {
        return Ok(());
    }
    match route.access {
        Access::OwnerOrAdminOfImage => must_be_public_image(ctx).await?,
        Access::Owner | Access::OwnerOrAdmin => {
            let message = GetUserRequest { user_id: ctx.user()?.get() };
            ctx.take(ctx.app.users.clone().get_user(ctx.call(message)).await)?;
        }
        Access::Public | Access::SignedIn | Access::Admin => {}
    }
    Err(Problem::new(Code::Forbidden, "Your account may not do this."))
}

async fn must_be_public_image(ctx: &Ctx) -> Result<(), Problem> {
    let message = GetImageRequest { user_id: ctx.user()?.get(), image_id: ctx.image()?.to_string(), done_only: true };
    let found = ctx.take(ctx.app.images.clone().get_image(ctx.call(message)).await)?;
    let done =
        found.image.is_some_and(|image| i32::from(api::image::v1::Status::from(ImageStatus::Done)) == image.status);
    if done { Ok(()) } else { Err(Error::not_found("image").into()) }
}
