//! Pages of lists: `limit`, `cursor`, and the answer.

use axum::body::Body;
use http::Response;
use model::{Error, FieldError, Location};
use serde::Serialize;

use crate::{
    conditional::{Caching, answer, content_tag},
    context::Ctx,
    error::{Answer, Problem},
    views::{self, ListView},
};

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 200;

/// What a client asks of a list.
#[derive(Debug)]
pub struct Page {
    /// 1 to 200.
    pub limit: u32,
    /// Where the page begins, as the list's own code wrote it.
    pub after: Option<String>,
}

impl Page {
    /// Reads `limit` and `cursor`; `errors` are what else is wrong with the query. `list` names the list a cursor is good for.
    pub fn read(ctx: &Ctx, list: &str, mut errors: Vec<FieldError>) -> Result<Self, Problem> {
        let limit = ctx.query("limit").and_then(|limit| limit.map_or(Ok(LIMIT_DEFAULT), |text| parse_limit(&text)));
        let cursor = ctx.raw_query("cursor");
        errors.extend(limit.as_ref().err().cloned());
        errors.extend(cursor.as_ref().err().cloned());
        match (limit, cursor) {
            (Ok(limit), Ok(cursor)) if errors.is_empty() => {
                let after = cursor.map(|cursor| ctx.app.cursors.read(list, &cursor)).transpose()?;
                Ok(Self { limit, after })
            }
            _ => Err(Error::invalid(errors).into()),
        }
    }
}

fn parse_limit(text: &str) -> Result<u32, FieldError> {
    let digits = !text.is_empty() && text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let limit = if digits { text.parse().ok() } else { None };
    limit.filter(|limit| (1..=LIMIT_MAX).contains(limit)).ok_or_else(|| FieldError {
        location: Location::Parameter("limit".into()),
        detail: format!("must be a whole number from 1 to {LIMIT_MAX}"),
    })
}

/// A page: 200, or 304.
pub fn show<T: Serialize>(ctx: &Ctx, items: Vec<T>, next: Option<String>, caching: Caching) -> Answer {
    let body = views::to_json(&ListView { items, next_cursor: next })?;
    let mark = if caching == Caching::Private { "f" } else { "p" };
    let response: Response<Body> = answer(&ctx.headers, &content_tag(&body, mark), caching, "application/json", body);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_whole_numbers_from_1_to_200() {
        assert_eq!(parse_limit("1"), Ok(1));
        assert_eq!(parse_limit("200"), Ok(200));
        for wrong in ["", "0", "201", "-1", "+1", "1.0", "1e2", " 1", "99999999999", "١"] {
            assert!(parse_limit(wrong).is_err(), "{wrong}");
        }
    }
}
