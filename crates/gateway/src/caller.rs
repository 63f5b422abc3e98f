//! Who calls: the token, checked before any I/O, and the session behind it, known for at most a second.

use std::time::{Duration, Instant};

use api::session::v1::{ValidateSessionRequest, session_service_client::SessionServiceClient};
use http::{HeaderMap, header};
use model::{Code, Error, Result, SessionId, UserId, profile::Role};
use moka::future::Cache;
use runtime::grpc::Client;

use crate::cookies::Cookies;

/// How long a validated session is believed without asking again.
pub const FRESH: Duration = Duration::from_millis(900);
/// How long it is believed while the session service cannot be reached.
const IN_A_FAULT: Duration = Duration::from_secs(30);
const SESSIONS_MAX: u64 = 100_000;

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The user.
    pub user: UserId,
    /// The session the token names.
    pub session: SessionId,
    /// What the user may do.
    pub role: Role,
}

/// A token as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credential<'h> {
    /// The token.
    pub token: &'h str,
    /// Whether it came as a cookie, which browsers send unasked.
    pub by_cookie: bool,
}

/// The token sent with a request: bearer wins over cookie.
pub fn credential<'h>(headers: &'h HeaderMap, cookies: &Cookies) -> Result<Option<Credential<'h>>> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = sent.next() else {
        return Ok(cookies.session(headers).map(|token| Credential { token, by_cookie: true }));
    };
    let token = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim_start())
    });
    match token {
        Some(token) if sent.next().is_none() => Ok(Some(Credential { token, by_cookie: false })),
        _ => Err(Error::new(Code::Unauthenticated, "Send one Authorization header of the form: Bearer <token>.")),
    }
}

/// `UNAUTHENTICATED` for a token that is no good.
pub fn bad_token() -> Error {
    Error::new(Code::Unauthenticated, "The token is not valid or its session has ended. Sign in again.")
}

#[derive(Debug, Clone, Copy)]
struct Live {
    role: Role,
    expires_at_ms: i64,
    checked: Instant,
}

/// Sessions found live a moment ago.
#[derive(Clone)]
pub struct LiveSessions {
    client: SessionServiceClient<Client>,
    live: Cache<(UserId, SessionId), Live>,
    /// When this process last ended a session of a user: what was checked before counts no more.
    ended: Cache<UserId, Instant>,
}

impl LiveSessions {
    /// Asks `service`.
    pub fn new(service: Client) -> Self {
        let keep = |max| Cache::builder().max_capacity(max).time_to_live(IN_A_FAULT);
        Self {
            client: SessionServiceClient::new(service),
            live: keep(SESSIONS_MAX).build(),
            ended: Cache::builder().max_capacity(SESSIONS_MAX).time_to_live(2 * IN_A_FAULT).build(),
        }
    }

    /// The role of the user whose session this is, or `UNAUTHENTICATED`. A check is believed for `fresh`.
    pub async fn check(
        &self,
        user: UserId,
        session: SessionId,
        now_ms: i64,
        patience: Duration,
        fresh: Duration,
    ) -> Result<Role> {
        let ended = self.ended.get(&user).await;
        let known = self.live.get(&(user, session)).await;
        let known = known.filter(|live| ended.is_none_or(|ended| live.checked > ended) && live.expires_at_ms > now_ms);
        if let Some(live) = known.filter(|live| live.checked.elapsed() < fresh) {
            return Ok(live.role);
        }
        let checked = Instant::now();
        let message = ValidateSessionRequest { user_id: user.get(), session_id: session.0.to_vec() };
        let answer = self.client.clone().validate_session(runtime::context::request(message, Some(patience))).await;
        match answer {
            Ok(answer) => {
                let answer = answer.into_inner();
                let role = answer.role().into();
                let expires_at_ms = answer.session.map_or(0, |session| session.expires_at_ms);
                self.live.insert((user, session), Live { role, expires_at_ms, checked }).await;
                Ok(role)
            }
            Err(status) => {
                let error = api::status::from_status(&status);
                match (error.code, known) {
                    (Code::NotFound | Code::Unauthenticated, _) => {
                        self.live.invalidate(&(user, session)).await;
                        Err(bad_token())
                    }
                    (Code::Unavailable | Code::InDoubt | Code::Busy, Some(live)) => Ok(live.role),
                    (Code::InDoubt, None) => {
                        Err(Error::new(Code::Unavailable, "Sessions cannot be checked now. Try again."))
                    }
                    _ => Err(error),
                }
            }
        }
    }

    /// Sessions of a user have ended here: nothing known of them counts any more.
    pub async fn forget(&self, user: UserId) {
        self.ended.insert(user, Instant::now()).await;
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::config::CookieConfig;

    #[test]
    fn bearer_wins_over_the_cookie() {
        let cookies = Cookies::new(&CookieConfig::default());
        let read = |pairs: &[(http::HeaderName, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(name, HeaderValue::from_static(value));
            }
            credential(&headers, &cookies)
                .map(|found| found.map(|found| (found.token.to_owned(), found.by_cookie)))
                .map_err(|error| error.code)
        };
        let (auth, cookie) = (header::AUTHORIZATION, header::COOKIE);
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[(cookie.clone(), "__Host-myriad=c")]), Ok(Some(("c".into(), true))));
        assert_eq!(read(&[(cookie.clone(), "__Host-myriad=")]), Ok(None));
        assert_eq!(read(&[(auth.clone(), "bearer b"), (cookie, "__Host-myriad=c")]), Ok(Some(("b".into(), false))));
        for wrong in ["Basic YTpi", "Bearer", "", "token"] {
            assert_eq!(read(&[(auth.clone(), wrong)]), Err(Code::Unauthenticated));
        }
        assert_eq!(read(&[(auth.clone(), "Bearer a"), (auth, "Bearer a")]), Err(Code::Unauthenticated));
    }
}
