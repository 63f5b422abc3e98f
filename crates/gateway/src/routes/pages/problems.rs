//! `GET /v1/docs/problems/{code}`: what a problem means and what to do about it.

use model::{Code, Error};

use crate::{
    conditional::{Caching, answer, content_tag},
    context::Ctx,
    error::{Answer, kebab, title},
    html::escape,
};

/// A kind of problem, explained.
#[utoipa::path(
    get, path = "/v1/docs/problems/{code}", tag = "pages", operation_id = "problem",
    params(("code" = String, Path, description = "The end of the problem's type, such as not-found")),
    responses((status = 200, description = "The page", body = String, content_type = "text/html"), (status = 304, description = "The client has it"))
)]
pub fn handle(ctx: &Ctx) -> Answer {
    let code =
        public_codes().find(|code| kebab(*code) == ctx.param("code")).ok_or_else(|| Error::not_found("problem"))?;
    let body = bytes::Bytes::from(page(code));
    let mut response =
        answer(&ctx.headers, &content_tag(&body, "h"), Caching::Public, "text/html; charset=utf-8", body);
    ctx.app.assets.protect(response.headers_mut());
    Ok(response)
}

fn public_codes() -> impl Iterator<Item = Code> {
    Code::ALL.into_iter().filter(|code| !matches!(code, Code::Moved | Code::JobOver))
}

fn page(code: Code) -> String {
    // Two problems share one public code and page.
    let statuses: Vec<String> =
        public_codes().filter(|one| one.as_str() == code.as_str()).map(|one| one.http_status().to_string()).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{name}</title>\n<link rel=\"stylesheet\" href=\"/v1/docs/docs.css\">\n</head>\n<body>\n<main>\n<p><a href=\"/v1/docs\">The API</a></p>\n\
         <h1>{title}</h1>\n<p><code>{name}</code>, HTTP status {status}</p>\n<p>{advice}</p>\n</main>\n</body>\n</html>\n",
        name = code.as_str(),
        title = escape(title(code)),
        status = statuses.join(" or "),
        advice = escape(advice(code)),
    )
}

const fn advice(code: Code) -> &'static str {
    match code {
        Code::Malformed => {
            "The body is no JSON in UTF-8, has a key twice or is nested deeper than 32 levels; or the form is broken, or has both operations and variants or neither. Mend it and send it again."
        }
        Code::InvalidInput => {
            "One or more fields, parameters or headers are wrong. The answer's errors name all of them, by JSON pointer, parameter or header."
        }
        Code::BadCursor => "A cursor is good for the list it came from only. Begin the list anew without one.",
        Code::WeakPassword => "Choose a password of 8 to 256 characters that is not a common one.",
        Code::Unauthenticated => {
            "Sign in at POST /v1/sessions and send the token as Authorization: Bearer. A token that is wrong, ended or expired is refused on every path."
        }
        Code::BadCredentials | Code::WrongPassword => {
            "The e-mail address or the password is wrong (401), or the current password given for a change is (403)."
        }
        Code::Forbidden => "You are signed in, but this is another's. Its owner or an administrator may do it.",
        Code::CrossSite => {
            "A browser sent this with the session's cookie from a page of another site. Programs use a bearer token instead."
        }
        Code::NotFound => "There is no such thing, or you may not know of it.",
        Code::MethodNotAllowed => "The path exists, the method does not. The Allow header lists those that do.",
        Code::NotAcceptable => "The Accept header leaves out everything this path can answer with.",
        Code::UnsupportedMediaType => {
            "The Content-Type is not one that this path takes. The Accept header of the answer lists those that are."
        }
        Code::UnsupportedPicture => "The file is no JPEG, PNG, WebP or GIF, whatever its name says.",
        Code::EmailTaken => "Another account has this e-mail address. Sign in, or choose another.",
        Code::IdempotencyInProgress => {
            "The first request with this Idempotency-Key is still being worked on. Repeat after Retry-After."
        }
        Code::PictureNotReady => "The picture is not done. Follow its events, then try again.",
        Code::VersionMismatch => {
            "It has changed since the version named by If-Match. Get it again and repeat the change."
        }
        Code::BodyTooLarge => "JSON bodies may have 64 KiB, files 20 MiB.",
        Code::TooManyPixels => "Pictures may have 50 megapixels.",
        Code::RangeNotSatisfiable => "No byte of the file lies in the range asked for. Content-Range tells its size.",
        Code::IdempotencyKeyReused => {
            "The Idempotency-Key was used for another request in the last 24 hours. Use a new key for a new request."
        }
        Code::RateLimited => "Wait as long as Retry-After says. RateLimit and RateLimit-Policy tell the limit.",
        Code::QuotaExceeded => {
            "You have as many pictures, or as many running jobs, as one account may have. Delete some, or wait for some to end."
        }
        Code::Busy => "Too much is being asked at this moment. Repeat after Retry-After.",
        Code::Unavailable => "A part of the service cannot be reached. Repeat after Retry-After.",
        Code::InDoubt => {
            "No answer came in time, so whether the change happened is not known. Repeat with the same Idempotency-Key, or look."
        }
        Code::Internal | Code::Moved | Code::JobOver => {
            "Something failed on our side. Try again; if it stays, report the traceId."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_public_code_has_a_page() {
        for code in public_codes() {
            assert!(page(code).contains(code.as_str()));
        }
        assert!(page(Code::WrongPassword).contains("401 or 403"));
    }
}
