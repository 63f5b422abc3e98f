//! `GET /v1/users/{id}/images/{image}/events`: server-sent events, the present state first, ended by done or failed.

use std::{convert::Infallible, time::Duration};

use api::image::v1::{WatchImageRequest, WatchImageResponse};
use axum::body::Body;
use bytes::Bytes;
use futures::{Stream, stream};
use http::{HeaderValue, Method, Response, header};
use model::image::Image;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tonic::Streaming;

use crate::{app::Gateway, context::Ctx, error::Answer, routes::images::visible, views};

/// Between two comments that keep proxies from closing a silent stream.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Where the job stands, now and at every change.
#[utoipa::path(
    get, path = "/v1/users/{id}/images/{image}/events", tag = "images", operation_id = "watchImage",
    params(("id" = u64, Path, description = "The user"), ("image" = String, Path, description = "The image")),
    responses((status = 200, description = "Events named status, each with the image as data", body = String, content_type = "text/event-stream"))
)]
pub async fn handle(ctx: Ctx) -> Answer {
    let image = visible(&ctx).await?;
    let mut response = Response::new(Body::empty());
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    out.insert(header::VARY, HeaderValue::from_static("Accept, Authorization, Cookie"));
    out.insert("x-accel-buffering", HeaderValue::from_static("no"));
    if ctx.method == Method::HEAD {
        return Ok(response);
    }
    let message = WatchImageRequest { user_id: image.user_id.get(), image_id: image.id.to_string() };
    let mut watch = ctx.call(message);
    watch.set_timeout(ctx.deadline.saturating_duration_since(Instant::now()));
    let updates = ctx.take(ctx.app.images.clone().watch_image(watch).await)?;
    *response.body_mut() = Body::from_stream(events(ctx.app, updates));
    Ok(response)
}

struct State {
    app: std::sync::Arc<Gateway>,
    updates: Streaming<WatchImageResponse>,
    heartbeat: Interval,
    over: bool,
}

fn events(
    app: std::sync::Arc<Gateway>,
    updates: Streaming<WatchImageResponse>,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let state = State { app, updates, heartbeat, over: false };
    stream::unfold(state, |mut state| async move {
        if state.over {
            return None;
        }
        let soft = state.app.soft.clone();
        let update = tokio::select! {
            update = state.updates.message() => update,
            _ = state.heartbeat.tick() => return Some((Ok(Bytes::from_static(b":\n\n")), state)),
            () = soft.cancelled() => return None,
        };
        // A stream that breaks just ends: the client connects again and gets the present state first.
        let image: Image = views::must(update.ok()??.image).ok()?;
        state.over = image.status.is_final();
        let body = views::to_json(&state.app.image_view(image)).ok()?;
        let event = [b"event: status\ndata: ".as_slice(), &body, b"\n\n"].concat();
        Some((Ok(Bytes::from(event)), state))
    })
}
