//! Sessions.

use model::{Error, session::Session};

use crate::session::v1 as proto;

impl From<Session> for proto::Session {
    fn from(session: Session) -> Self {
        Self {
            id: session.id.0.to_vec(),
            user_id: session.user_id.get(),
            created_at_ms: session.created_at_ms,
            last_seen_at_ms: session.last_seen_at_ms,
            expires_at_ms: session.expires_at_ms,
            ip: session.ip,
            user_agent: session.user_agent,
        }
    }
}

impl TryFrom<proto::Session> for Session {
    type Error = Error;

    fn try_from(session: proto::Session) -> Result<Self, Error> {
        Ok(Self {
            id: super::session_id(&session.id)?,
            user_id: super::user_id(session.user_id)?,
            created_at_ms: session.created_at_ms,
            last_seen_at_ms: session.last_seen_at_ms,
            expires_at_ms: session.expires_at_ms,
            ip: session.ip,
            user_agent: session.user_agent,
        })
    }
}
