//! user-service's users, in memory.

use api::{
    status::to_status,
    user::v1::{self as user, user_service_server::UserService},
};
use model::{Code, Error};
use tonic::{Request, Response, Status};

use super::{Fake, check_version, not_found, person, written};

#[tonic::async_trait]
impl UserService for Fake {
    async fn create_user(
        &self,
        request: Request<user::CreateUserRequest>,
    ) -> Result<Response<user::CreateUserResponse>, Status> {
        let request = self.ask("create_user", request).await?;
        let made = user::User {
            id: 14,
            version: 1,
            email: request.email.clone(),
            first_name: request.first_name.clone(),
            last_name: request.last_name.clone(),
            address: request.address.clone(),
            phone_numbers: request.phone_numbers.clone(),
            ..person(14, "", "")
        };
        let mut state = self.state();
        let replayed = state
            .sign_ups
            .iter()
            .any(|other| request.idempotency.is_some() && other.idempotency == request.idempotency);
        state.sign_ups.push(request);
        Ok(written(user::CreateUserResponse { user: Some(made), replayed }))
    }

    async fn get_user(
        &self,
        request: Request<user::GetUserRequest>,
    ) -> Result<Response<user::GetUserResponse>, Status> {
        let request = self.ask("get_user", request).await?;
        let user = self.state().users.get(&request.user_id).cloned().ok_or_else(|| not_found("user"))?;
        Ok(Response::new(user::GetUserResponse { user: Some(user) }))
    }

    async fn get_users(&self, _: Request<user::GetUsersRequest>) -> Result<Response<user::GetUsersResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn update_user(
        &self,
        request: Request<user::UpdateUserRequest>,
    ) -> Result<Response<user::UpdateUserResponse>, Status> {
        let request = self.ask("update_user", request).await?;
        let mut state = self.state();
        state.updates.push(request.clone());
        let user = state.users.get_mut(&request.user_id).ok_or_else(|| not_found("user"))?;
        check_version(user, request.if_version)?;
        if let Some(first) = request.first_name
            && first != user.first_name
        {
            user.first_name = first;
            user.version += 1;
        }
        Ok(written(user::UpdateUserResponse { user: Some(user.clone()) }))
    }

    async fn delete_user(
        &self,
        request: Request<user::DeleteUserRequest>,
    ) -> Result<Response<user::DeleteUserResponse>, Status> {
        let request = self.ask("delete_user", request).await?;
        let mut state = self.state();
        check_version(state.users.get(&request.user_id).ok_or_else(|| not_found("user"))?, request.if_version)?;
        state.users.remove(&request.user_id);
        state.sessions.retain(|(user, _)| *user != request.user_id);
        Ok(written(user::DeleteUserResponse {}))
    }

    async fn list_users(
        &self,
        request: Request<user::ListUsersRequest>,
    ) -> Result<Response<user::ListUsersResponse>, Status> {
        let request = self.ask("list_users", request).await?;
        let state = self.state();
        let mut all = state.users.values().filter(|user| {
            user.id > request.after_user_id && (request.email.is_empty() || request.email == user.email)
        });
        let users = all.by_ref().take(request.limit as usize).cloned().collect();
        Ok(Response::new(user::ListUsersResponse { users, more: all.next().is_some() }))
    }

    async fn change_password(
        &self,
        request: Request<user::ChangePasswordRequest>,
    ) -> Result<Response<user::ChangePasswordResponse>, Status> {
        let request = self.ask("change_password", request).await?;
        let mut state = self.state();
        check_version(state.users.get(&request.user_id).ok_or_else(|| not_found("user"))?, request.if_version)?;
        if request.current_password != "the right one" {
            return Err(to_status(Error::new(Code::WrongPassword, "wrong")));
        }
        state.sessions.retain(|(user, id)| *user != request.user_id || request.keep_session_id == [*id; 16]);
        Ok(written(user::ChangePasswordResponse {}))
    }

    async fn set_picture(
        &self,
        request: Request<user::SetPictureRequest>,
    ) -> Result<Response<user::SetPictureResponse>, Status> {
        let request = self.ask("set_picture", request).await?;
        let mut state = self.state();
        let image = state.images.get(&request.image_id).cloned().ok_or_else(|| not_found("image"))?;
        let Some(variant) = image.variants.first() else {
            return Err(to_status(Error::new(Code::PictureNotReady, "not done")));
        };
        let user = state.users.get_mut(&request.user_id).ok_or_else(|| not_found("user"))?;
        check_version(user, request.if_version)?;
        user.version += 1;
        user.picture = Some(user::ProfilePicture {
            image_id: image.id,
            variant: variant.name.clone(),
            key: variant.key.clone(),
            version: 1,
        });
        Ok(written(user::SetPictureResponse { user: Some(user.clone()) }))
    }

    async fn clear_picture(
        &self,
        request: Request<user::ClearPictureRequest>,
    ) -> Result<Response<user::ClearPictureResponse>, Status> {
        let request = self.ask("clear_picture", request).await?;
        let mut state = self.state();
        let user = state.users.get_mut(&request.user_id).ok_or_else(|| not_found("user"))?;
        check_version(user, request.if_version)?;
        user.picture = None;
        Ok(written(user::ClearPictureResponse { user: Some(user.clone()) }))
    }
}
