//! `UserService`.

use api::{
    convert::{self, profile},
    position,
    status::to_status,
    user::v1::{self as proto, user_service_server::UserService},
};
use model::{Error, FieldError, UserId, profile::ProfilePatch, time::now_ms};
use secrecy::SecretString;
use tonic::{Request, Response, Status};

use super::{answer, key};
use crate::store::{Recipes, change_password::PasswordChange, sign_up::SignUp};

/// Most users in one `GetUsers`.
const GET_MAX: usize = 1_000;
const PAGE_MAX: u32 = 200;

/// The service over the recipes.
#[derive(Clone)]
pub struct Users(pub Recipes);

#[tonic::async_trait]
impl UserService for Users {
    async fn create_user(
        &self,
        request: Request<proto::CreateUserRequest>,
    ) -> Result<Response<proto::CreateUserResponse>, Status> {
        let request = request.into_inner();
        let sign_up = SignUp {
            profile: profile::new_user(&request).map_err(to_status)?,
            role: request.role().into(),
            key: key(request.idempotency).map_err(to_status)?,
            password: SecretString::from(request.password),
        };
        let done = self.0.sign_up(sign_up, now_ms()).await;
        answer(done, |created| proto::CreateUserResponse { user: Some(created.user), replayed: created.replayed })
    }

    async fn get_user(
        &self,
        request: Request<proto::GetUserRequest>,
    ) -> Result<Response<proto::GetUserResponse>, Status> {
        let seen = position::read(request.metadata());
        let id = convert::user_id(request.into_inner().user_id).map_err(to_status)?;
        let user = self.0.get_user(id, &seen).await.map_err(to_status)?;
        Ok(Response::new(proto::GetUserResponse { user: Some(user) }))
    }

    async fn get_users(
        &self,
        request: Request<proto::GetUsersRequest>,
    ) -> Result<Response<proto::GetUsersResponse>, Status> {
        let seen = position::read(request.metadata());
        let ids = request.into_inner().user_ids;
        if ids.len() > GET_MAX {
            return Err(to_status(Error::invalid(vec![FieldError::at("/user_ids", "must have at most 1000 entries")])));
        }
        let ids: Vec<UserId> = ids.into_iter().filter_map(UserId::new).collect();
        let users = self.0.get_users(&ids, &seen).await.map_err(to_status)?;
        Ok(Response::new(proto::GetUsersResponse { users }))
    }

    async fn update_user(
        &self,
        request: Request<proto::UpdateUserRequest>,
    ) -> Result<Response<proto::UpdateUserResponse>, Status> {
        let request = request.into_inner();
        let id = convert::user_id(request.user_id).map_err(to_status)?;
        let if_version = request.if_version;
        let patch = ProfilePatch::try_from(request).map_err(to_status)?;
        let done = self.0.update_user(id, if_version, patch, now_ms()).await;
        answer(done, |user| proto::UpdateUserResponse { user: Some(user.into()) })
    }

    async fn delete_user(
        &self,
        request: Request<proto::DeleteUserRequest>,
    ) -> Result<Response<proto::DeleteUserResponse>, Status> {
        let request = request.into_inner();
        let id = convert::user_id(request.user_id).map_err(to_status)?;
        let done = self.0.delete_user(id, request.if_version, now_ms()).await;
        answer(done, |()| proto::DeleteUserResponse {})
    }

    async fn list_users(
        &self,
        request: Request<proto::ListUsersRequest>,
    ) -> Result<Response<proto::ListUsersResponse>, Status> {
        let request = request.into_inner();
        let limit = page(request.limit)?;
        let page = if request.email.is_empty() {
            self.0.list_users(request.after_user_id, limit).await
        } else {
            let email = profile::email(&request.email).map_err(to_status)?;
            self.0.find_user(&email, request.after_user_id).await
        };
        let page = page.map_err(to_status)?;
        let users = page.items.into_iter().map(Into::into).collect();
        Ok(Response::new(proto::ListUsersResponse { users, more: page.more }))
    }

    async fn change_password(
        &self,
        request: Request<proto::ChangePasswordRequest>,
    ) -> Result<Response<proto::ChangePasswordResponse>, Status> {
        let request = request.into_inner();
        let change = PasswordChange {
            user: convert::user_id(request.user_id).map_err(to_status)?,
            keep: convert::session_id(&request.keep_session_id).map_err(to_status)?,
            if_version: request.if_version,
            current: SecretString::from(request.current_password),
            new: SecretString::from(request.new_password),
        };
        answer(self.0.change_password(change, now_ms()).await, |()| proto::ChangePasswordResponse {})
    }

    async fn set_picture(
        &self,
        request: Request<proto::SetPictureRequest>,
    ) -> Result<Response<proto::SetPictureResponse>, Status> {
        let request = request.into_inner();
        let user = convert::user_id(request.user_id).map_err(to_status)?;
        let done = self.0.set_picture(user, &request.image_id, request.variant, request.if_version, now_ms()).await;
        answer(done, |user| proto::SetPictureResponse { user: Some(user.into()) })
    }

    async fn clear_picture(
        &self,
        request: Request<proto::ClearPictureRequest>,
    ) -> Result<Response<proto::ClearPictureResponse>, Status> {
        let request = request.into_inner();
        let user = convert::user_id(request.user_id).map_err(to_status)?;
        let done = self.0.clear_picture(user, request.if_version, now_ms()).await;
        answer(done, |user| proto::ClearPictureResponse { user: Some(user.into()) })
    }
}

/// A page size from the wire.
pub(super) fn page(limit: u32) -> Result<usize, Status> {
    if (1..=PAGE_MAX).contains(&limit) {
        Ok(limit as usize)
    } else {
        Err(to_status(Error::invalid(vec![FieldError::at("/limit", "must be 1 to 200")])))
    }
}
