//! session-service, in memory.

use api::{
    session::v1::{self as session, session_service_server::SessionService},
    status::to_status,
};
use model::{Code, Error};
use tonic::{Request, Response, Status};

use super::{Fake, not_found, written};
use crate::world::OWNER;

#[tonic::async_trait]
impl SessionService for Fake {
    async fn sign_in(
        &self,
        request: Request<session::SignInRequest>,
    ) -> Result<Response<session::SignInResponse>, Status> {
        let request = self.ask("sign_in", request).await?;
        let mut state = self.state();
        state.sign_ins.push(request.clone());
        if request.password != "the right one" {
            return Err(to_status(Error::new(Code::BadCredentials, "wrong")));
        }
        state.sessions.insert((OWNER, 99));
        let (user, id) = (model::UserId::new(OWNER).unwrap(), model::SessionId([99; 16]));
        let token = state.keys.as_ref().unwrap().mint(user, id).expose().to_owned();
        Ok(written(session::SignInResponse { session: Some(live(OWNER, 99)), token, replayed: false }))
    }

    async fn validate_session(
        &self,
        request: Request<session::ValidateSessionRequest>,
    ) -> Result<Response<session::ValidateSessionResponse>, Status> {
        let request = self.ask("validate_session", request).await?;
        let state = self.state();
        if !state.sessions.contains(&(request.user_id, request.session_id[0])) {
            return Err(not_found("session"));
        }
        let role = state.users.get(&request.user_id).map_or(0, |user| user.role);
        Ok(Response::new(session::ValidateSessionResponse {
            session: Some(live(request.user_id, request.session_id[0])),
            role,
        }))
    }

    async fn list_sessions(
        &self,
        request: Request<session::ListSessionsRequest>,
    ) -> Result<Response<session::ListSessionsResponse>, Status> {
        let request = self.ask("list_sessions", request).await?;
        let state = self.state();
        let own = state.sessions.iter().filter(|(user, _)| *user == request.user_id);
        Ok(Response::new(session::ListSessionsResponse { sessions: own.map(|(user, id)| live(*user, *id)).collect() }))
    }

    async fn end_session(
        &self,
        request: Request<session::EndSessionRequest>,
    ) -> Result<Response<session::EndSessionResponse>, Status> {
        let request = self.ask("end_session", request).await?;
        if !self.state().sessions.remove(&(request.user_id, request.session_id[0])) {
            return Err(not_found("session"));
        }
        Ok(written(session::EndSessionResponse {}))
    }

    async fn end_all_sessions(
        &self,
        request: Request<session::EndAllSessionsRequest>,
    ) -> Result<Response<session::EndAllSessionsResponse>, Status> {
        let request = self.ask("end_all_sessions", request).await?;
        self.state().sessions.retain(|(user, _)| *user != request.user_id);
        Ok(written(session::EndAllSessionsResponse {}))
    }
}

fn live(user_id: u64, id: u8) -> session::Session {
    session::Session {
        id: vec![id; 16],
        user_id,
        created_at_ms: 1_769_860_800_000,
        last_seen_at_ms: 1_769_860_800_000,
        expires_at_ms: 4_102_444_800_000,
        ip: "192.0.2.1".into(),
        user_agent: "test".into(),
    }
}
