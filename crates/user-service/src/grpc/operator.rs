//! `OperatorService`. It is served on the operators' port only: whoever reaches that port may do all of this.

use api::{
    convert::profile,
    operator::v1::{
        CreateAdminRequest, CreateAdminResponse, GrantAdminRequest, GrantAdminResponse, ListAdminsRequest,
        ListAdminsResponse, RevokeAdminRequest, RevokeAdminResponse, operator_service_server::OperatorService,
    },
    status::to_status,
    user::v1 as proto,
};
use model::{profile::Role, time::now_ms};
use secrecy::SecretString;
use tonic::{Request, Response, Status};

use super::answer;
use crate::store::{Recipes, sign_up::SignUp};

/// The service over the recipes.
#[derive(Clone)]
pub struct Operator(pub Recipes);

#[tonic::async_trait]
impl OperatorService for Operator {
    async fn create_admin(
        &self,
        request: Request<CreateAdminRequest>,
    ) -> Result<Response<CreateAdminResponse>, Status> {
        let request = request.into_inner();
        let profile = proto::CreateUserRequest {
            email: request.email,
            first_name: request.first_name,
            last_name: request.last_name,
            ..proto::CreateUserRequest::default()
        };
        let sign_up = SignUp {
            profile: profile::new_user(&profile).map_err(to_status)?,
            role: Role::Admin,
            key: None,
            password: SecretString::from(request.password),
        };
        let done = self.0.sign_up(sign_up, now_ms()).await;
        answer(done, |created| CreateAdminResponse { user: Some(created.user) })
    }

    async fn grant_admin(&self, request: Request<GrantAdminRequest>) -> Result<Response<GrantAdminResponse>, Status> {
        let email = profile::email(&request.into_inner().email).map_err(to_status)?;
        let done = self.0.set_role(&email, Role::Admin, now_ms()).await;
        answer(done, |user| GrantAdminResponse { user: Some(user.into()) })
    }

    async fn revoke_admin(
        &self,
        request: Request<RevokeAdminRequest>,
    ) -> Result<Response<RevokeAdminResponse>, Status> {
        let email = profile::email(&request.into_inner().email).map_err(to_status)?;
        let done = self.0.set_role(&email, Role::User, now_ms()).await;
        answer(done, |user| RevokeAdminResponse { user: Some(user.into()) })
    }

    async fn list_admins(&self, _: Request<ListAdminsRequest>) -> Result<Response<ListAdminsResponse>, Status> {
        let users = self.0.list_admins().await.map_err(to_status)?;
        Ok(Response::new(ListAdminsResponse { users: users.into_iter().map(Into::into).collect() }))
    }
}
