//! `GET /v1/media/{key}`: pictures, from the store, with ranges. The bytes under a key never change.

use axum::body::Body;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use model::{Code, Error};
use objects::{ByteRange, Key};

use crate::{
    conditional::none_match,
    context::Ctx,
    error::{Answer, Problem},
    routes::media::ranges::Wanted,
};

pub mod ranges;

/// The bytes of a finished picture.
#[utoipa::path(
    get, path = "/v1/media/{key}", tag = "images", operation_id = "getMedia",
    params(("key" = String, Path, description = "The end of a picture's url"),
        ("Range" = Option<String>, Header, description = "Parts of it"),
        ("If-None-Match" = Option<String>, Header, description = "Tags the client has")),
    responses(
        (status = 200, description = "The picture", headers(("ETag" = String)),
            content((String = "image/jpeg"), (String = "image/png"), (String = "image/webp"), (String = "image/avif"))),
        (status = 206, description = "The parts asked for"),
        (status = 304, description = "The client has it"),
        (status = 416, description = "No byte lies in the range; Content-Range tells the size"),
    )
)]
pub async fn handle(ctx: Ctx) -> Answer {
    let key = Key::parse_media(ctx.param("key")).ok_or_else(|| Error::not_found("picture"))?;
    metrics::counter!("gateway_static_hits_total", "kind" => "media").increment(1);
    let size = match ctx.app.objects.meta(&key).await {
        Ok(meta) => meta.bytes,
        Err(objects::Error::NotFound) => return Err(Error::not_found("picture").into()),
        Err(error) => return Err(error.into()),
    };
    let tag = format!("\"{}\"", key.hash());
    let mut response = Response::new(Body::empty());
    describe(response.headers_mut(), &tag);
    if none_match(&ctx.headers, &tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    let wanted = if ctx.method == Method::GET { ranges::wanted(&ctx.headers, &tag, size) } else { Wanted::Whole };
    match wanted {
        Wanted::Whole => {
            response.headers_mut().insert(header::CONTENT_LENGTH, size.into());
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(key.content_type()));
            if ctx.method == Method::GET {
                *response.body_mut() = Body::from_stream(open(&ctx, &key, None).await?);
            }
        }
        Wanted::Parts(parts) => serve_parts(&ctx, &key, size, &parts, &mut response).await?,
        Wanted::Nothing => {
            let problem = Problem::new(
                Code::RangeNotSatisfiable,
                format!("The picture has {size} bytes. Ask for some of those."),
            );
            return Err(problem.header(header::CONTENT_RANGE, &format!("bytes */{size}")));
        }
    }
    Ok(response)
}

fn describe(out: &mut HeaderMap, tag: &str) {
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    out.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    out.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    out.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    out.extend(HeaderValue::from_str(tag).ok().map(|tag| (header::ETAG, tag)));
}

async fn open(ctx: &Ctx, key: &Key, range: Option<ByteRange>) -> Result<objects::Body, Problem> {
    match ctx.app.objects.get(key, range).await {
        Ok(object) => Ok(object.body),
        // It was deleted a moment ago.
        Err(objects::Error::NotFound) => Err(Error::not_found("picture").into()),
        Err(error) => Err(error.into()),
    }
}

async fn serve_parts(
    ctx: &Ctx,
    key: &Key,
    size: u64,
    parts: &[std::ops::Range<u64>],
    response: &mut Response<Body>,
) -> Result<(), Problem> {
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let asked = |part: &std::ops::Range<u64>| Some(ByteRange::From(part.start, Some(part.end - 1)));
    if let [part] = parts {
        let body = open(ctx, key, asked(part)).await?;
        let out = response.headers_mut();
        out.insert(header::CONTENT_LENGTH, (part.end - part.start).into());
        out.insert(header::CONTENT_TYPE, HeaderValue::from_static(key.content_type()));
        let place = format!("bytes {}-{}/{size}", part.start, part.end - 1);
        out.extend(HeaderValue::from_str(&place).ok().map(|place| (header::CONTENT_RANGE, place)));
        *response.body_mut() = Body::from_stream(body);
        return Ok(());
    }
    // The boundary is the content's hash twice: a picture cannot contain its own hash but by a miracle.
    let boundary = format!("{0}{0}", key.hash());
    let mut length = 0;
    let mut pieces = Vec::with_capacity(parts.len());
    for part in parts {
        let place = format!("bytes {}-{}/{size}", part.start, part.end - 1);
        let head =
            format!("\r\n--{boundary}\r\nContent-Type: {}\r\nContent-Range: {place}\r\n\r\n", key.content_type());
        length += head.len() as u64 + (part.end - part.start);
        pieces.push((bytes::Bytes::from(head), asked(part)));
    }
    let tail = bytes::Bytes::from(format!("\r\n--{boundary}--\r\n"));
    length += tail.len() as u64;
    let (objects, key) = (ctx.app.objects.clone(), key.clone());
    let body = stream::iter(pieces).then(move |(head, range)| {
        let (objects, key) = (objects.clone(), key.clone());
        async move {
            let object = objects.get(&key, range).await?;
            Ok::<_, objects::Error>(stream::once(async { Ok(head) }).chain(object.body))
        }
    });
    let body = body.try_flatten().chain(stream::once(async { Ok(tail) }));
    let out = response.headers_mut();
    out.insert(header::CONTENT_LENGTH, length.into());
    out.extend(
        HeaderValue::from_str(&format!("multipart/byteranges; boundary={boundary}"))
            .ok()
            .map(|kind| (header::CONTENT_TYPE, kind)),
    );
    *response.body_mut() = Body::from_stream(body);
    Ok(())
}
