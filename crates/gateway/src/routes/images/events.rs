//! `GET /v1/users/{id}/images/{image}/events`: server-sent events, the present state first, ended by done or failed.

use std::{convert::Infallible, sync::Arc, time::Duration};

use api::image::v1::{WatchImageRequest, WatchImageResponse};
use axum::body::Body;
use bytes::Bytes;
use futures::{Stream, stream};
use http::{HeaderValue, Method, Response, header};
use model::{UserId, image::Image, profile::Role, time::now_ms};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tonic::Streaming;

use crate::{app::Gateway, caller::Caller, context::Ctx, error::Answer, routes::images::visible, views};

/// Between two comments that keep proxies from closing a silent stream.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Between two looks at the session: nobody but its owner sees an unfinished image, so a stream ends soon after its session.
const RECHECK: Duration = Duration::from_millis(300);

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
    *response.body_mut() = Body::from_stream(events(ctx.app, image.user_id, ctx.caller, updates));
    Ok(response)
}

struct State {
    app: Arc<Gateway>,
    owner: UserId,
    caller: Option<Caller>,
    updates: Streaming<WatchImageResponse>,
    heartbeat: Interval,
    recheck: Interval,
    over: bool,
}

impl State {
    /// Whether the caller may still see an image that is not finished.
    async fn may_see(&self) -> bool {
        let Some(Caller { user, session, .. }) = self.caller else { return false };
        let patience = Duration::from_millis(self.app.config.deadline_ms);
        let role = self.app.live.check(user, session, now_ms(), patience, RECHECK).await;
        role.is_ok_and(|role| user == self.owner || role == Role::Admin)
    }

    async fn next(&mut self) -> Option<Bytes> {
        if self.over {
            return None;
        }
        let soft = self.app.soft.clone();
        let update = loop {
            tokio::select! {
                update = self.updates.message() => break update,
                _ = self.heartbeat.tick() => return Some(Bytes::from_static(b":\n\n")),
                _ = self.recheck.tick() => if !self.may_see().await { return None },
                () = soft.cancelled() => return None,
            }
        };
        // A stream that breaks just ends: the client connects again and gets the present state first.
        let image: Image = views::must(update.ok()??.image).ok()?;
        self.over = image.status.is_final();
        let body = views::to_json(&self.app.image_view(image)).ok()?;
        Some(Bytes::from([b"event: status\ndata: ".as_slice(), &body, b"\n\n"].concat()))
    }
}

fn events(
    app: Arc<Gateway>,
    owner: UserId,
    caller: Option<Caller>,
    updates: Streaming<WatchImageResponse>,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let (heartbeat, recheck) = (every(HEARTBEAT), every(RECHECK));
    let state = State { app, owner, caller, updates, heartbeat, recheck, over: false };
    stream::unfold(state, |mut state| async move { state.next().await.map(|event| (Ok(event), state)) })
}

fn every(period: Duration) -> Interval {
    let mut interval = interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
