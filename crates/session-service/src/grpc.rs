//! The gRPC service: parse, call, convert.

use std::sync::Arc;

use api::session::v1::session_service_server::SessionService;
use api::session::v1::{
    EndAllSessionsRequest, EndAllSessionsResponse, EndSessionRequest, EndSessionResponse, ListSessionsRequest,
    ListSessionsResponse, SignInRequest, SignInResponse, ValidateSessionRequest, ValidateSessionResponse,
};
use api::status::to_status;
use api::{convert, position};
use model::{EmailAddress, FieldError};
use secrecy::SecretString;
use store::Position;
use tonic::{Request, Response, Status};

use crate::Clock;
use crate::domain::origin::Origin;
use crate::domain::repeat::Repeat;
use crate::error::Error;
use crate::sessions::{Sessions, SignIn};

pub(crate) struct SessionGrpc {
    sessions: Arc<Sessions>,
    clock: Clock,
}

impl SessionGrpc {
    pub(crate) fn new(sessions: Arc<Sessions>, clock: Clock) -> Self {
        Self { sessions, clock }
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl SessionService for SessionGrpc {
    async fn sign_in(&self, request: Request<SignInRequest>) -> Answer<SignInResponse> {
        let request = parse(request.into_inner()).map_err(to_status)?;
        let signed_in = self.sessions.sign_in(request, (self.clock)()).await.map_err(refuse)?;
        let answer = SignInResponse {
            session: Some(signed_in.session.into()),
            token: signed_in.token.expose().to_owned(),
            replayed: signed_in.replayed,
        };
        Ok(written(answer, &signed_in.positions))
    }

    async fn validate_session(&self, request: Request<ValidateSessionRequest>) -> Answer<ValidateSessionResponse> {
        let ValidateSessionRequest { user_id, session_id } = request.into_inner();
        let user = convert::user_id(user_id).map_err(to_status)?;
        let id = convert::session_id(&session_id).map_err(to_status)?;
        let standing = self.sessions.validate(user, id, (self.clock)()).await.map_err(refuse)?;
        Ok(Response::new(standing.into()))
    }

    async fn list_sessions(&self, request: Request<ListSessionsRequest>) -> Answer<ListSessionsResponse> {
        let seen = position::read(request.metadata());
        let user = convert::user_id(request.into_inner().user_id).map_err(to_status)?;
        let sessions = self.sessions.list(user, (self.clock)(), &seen).await.map_err(refuse)?;
        Ok(Response::new(ListSessionsResponse { sessions: sessions.into_iter().map(Into::into).collect() }))
    }

    async fn end_session(&self, request: Request<EndSessionRequest>) -> Answer<EndSessionResponse> {
        let EndSessionRequest { user_id, session_id } = request.into_inner();
        let user = convert::user_id(user_id).map_err(to_status)?;
        let id = convert::session_id(&session_id).map_err(to_status)?;
        let position = self.sessions.end(user, id, (self.clock)()).await.map_err(refuse)?;
        Ok(written(EndSessionResponse {}, &[position]))
    }

    async fn end_all_sessions(&self, request: Request<EndAllSessionsRequest>) -> Answer<EndAllSessionsResponse> {
        let user = convert::user_id(request.into_inner().user_id).map_err(to_status)?;
        let position = self.sessions.end_all(user, (self.clock)()).await.map_err(refuse)?;
        Ok(written(EndAllSessionsResponse {}, &[position]))
    }
}

fn parse(request: SignInRequest) -> Result<SignIn, model::Error> {
    // From here on the password is wiped from memory when it is dropped, on every path.
    let password = SecretString::from(request.password);
    let email = EmailAddress::parse(&request.email)
        .map_err(|detail| model::Error::invalid(vec![FieldError::at("/email", detail)]))?;
    let repeat = request.idempotency.map(|prints| {
        Ok::<_, model::Error>(Repeat {
            key_hash: convert::print("/idempotency/key_hash", &prints.key_hash)?,
            request_hash: convert::print("/idempotency/request_hash", &prints.request_hash)?,
        })
    });
    let origin = Origin::new(&request.ip, &request.user_agent);
    Ok(SignIn { email, password, origin, repeat: repeat.transpose()? })
}

fn refuse(error: Error) -> Status {
    to_status(error.into())
}

fn written<T>(answer: T, positions: &[Position]) -> Response<T> {
    let mut response = Response::new(answer);
    let positions = positions.iter().map(|position| position::Position {
        shard: position.shard,
        role_epoch: position.role_epoch,
        log: position.log,
    });
    position::attach(&mut response, &positions.collect::<Vec<_>>());
    response
}
