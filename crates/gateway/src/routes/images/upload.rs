//! `POST /v1/users/{id}/images`: upload.

use std::collections::BTreeMap;

use api::image::v1::{CreateImageRequest, Source};
use axum::body::Body;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use model::{Code, ImageId, image::Image};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    conditional::Caching,
    context::Ctx,
    error::{Answer, both},
    idempotency,
    routes::images::{
        form::{self, key},
        operations::OperationInput,
    },
    views,
};

/// The form of an upload. Parts may come in any order; one of `operations` and `variants`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the schema of the document; the form is read as it streams in")]
pub struct UploadForm {
    /// JPEG, PNG, WebP or GIF: at most 20 MiB and 50 megapixels.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// One chain; its variant is named `default`.
    #[schema(max_items = 32, nullable = false)]
    operations: Option<Vec<OperationInput>>,
    /// 1 to 16 chains by name.
    #[schema(nullable = false)]
    variants: Option<BTreeMap<String, Vec<OperationInput>>>,
}

/// Stores a picture and queues the work on it.
#[utoipa::path(
    post, path = "/v1/users/{id}/images", tag = "images", operation_id = "uploadImage",
    params(("id" = u64, Path, description = "The user"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters; the same key and parts get the same answer for 24 h")),
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses((status = 202, description = "Stored; a worker will do the rest", body = views::ImageView, headers(("Location" = String))))
)]
pub async fn handle(mut ctx: Ctx) -> Answer {
    let user = ctx.user()?;
    let body = ctx.take_body();
    let upload = form::read(&ctx.headers, body, &ctx.app.objects).await;
    let (_, upload) = both(idempotency::key(&ctx.headers), upload)?;
    let id = ImageId::from_bytes(*Uuid::now_v7().as_bytes());
    let key = key(&id, &upload.staged);
    let hash = upload.staged.hash().to_string();
    let mut same: Vec<&[u8]> = vec![hash.as_bytes()];
    for (name, text) in &upload.asked {
        same.extend([name.as_bytes(), text.as_bytes()]);
    }
    let idempotency = ctx.idempotency(&same)?;
    let source = Source {
        width: upload.header.size.width,
        height: upload.header.size.height,
        bytes: upload.staged.bytes(),
        format: upload.header.format.as_str().to_owned(),
        key: key.name(),
    };
    // The object first: a row always names an object that is there. Where no row follows, the object goes again.
    upload.staged.publish(&key).await?;
    let message = CreateImageRequest {
        user_id: user.get(),
        image_id: id.to_string(),
        source: Some(source),
        request_json: upload.request.to_json().to_string(),
        idempotency,
    };
    let answer = ctx.take(ctx.app.images.clone().create_image(ctx.call(message)).await);
    let in_doubt =
        answer.as_ref().is_err_and(|problem| matches!(problem.error.code, Code::InDoubt | Code::Unavailable));
    let orphan = answer.as_ref().map_or(!in_doubt, |made| made.replayed);
    if orphan && let Err(error) = ctx.app.objects.delete(&key).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "an upload that nothing names is left to the sweeper");
    }
    let made = answer?;
    let image: Image = views::must(made.image)?;
    let location = format!("/v1/users/{user}/images/{}", image.id);
    let mut response = Response::new(Body::from(views::to_json(&ctx.app.image_view(image))?));
    *response.status_mut() = StatusCode::ACCEPTED;
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(Caching::Private.value()));
    out.extend(HeaderValue::from_str(&location).ok().map(|location| (header::LOCATION, location)));
    if made.replayed {
        out.insert(HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true"));
    }
    Ok(response)
}
