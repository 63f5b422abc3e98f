//! What a request is decided by: the session and its user's role. Kept in the cache as the protobuf that is answered.

use api::session::v1 as proto;
use api::user::v1::Role as ProtoRole;
use bytes::Bytes;
use cache::Version;
use model::profile::Role;
use model::session::Session;
use prost::Message as _;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) session: Session,
    pub(crate) role: Role,
}

impl Standing {
    /// A live session changes by being used; its end is newer than any use.
    pub(crate) fn version(&self) -> Version {
        self.session.last_seen_at_ms.cast_unsigned()
    }
}

impl From<Standing> for proto::ValidateSessionResponse {
    fn from(standing: Standing) -> Self {
        Self { session: Some(standing.session.into()), role: ProtoRole::from(standing.role).into() }
    }
}

impl cache::Value for Standing {
    fn encode(&self) -> Bytes {
        proto::ValidateSessionResponse::from(self.clone()).encode_to_vec().into()
    }

    fn decode(bytes: Bytes) -> Option<Self> {
        let message = proto::ValidateSessionResponse::decode(bytes).ok()?;
        let role = message.role().into();
        Some(Self { session: message.session?.try_into().ok()?, role })
    }
}
