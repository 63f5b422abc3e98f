//! `OperatorService`. It is served on the operators' port only: whoever reaches that port may do all of this.

use api::{
    convert::profile,
    operator::v1::{
        CheckFeedRequest, CheckFeedResponse, CreateAdminRequest, CreateAdminResponse, FeedDifference,
        GrantAdminRequest, GrantAdminResponse, HotUser, ListAdminsRequest, ListAdminsResponse, ListHotUsersRequest,
        ListHotUsersResponse, RebuildFeedRequest, RebuildFeedResponse, RevokeAdminRequest, RevokeAdminResponse,
        feed_difference, operator_service_server::OperatorService,
    },
    status::to_status,
    user::v1 as proto,
};
use model::{Error, FieldError, profile::Role, time::now_ms};
use secrecy::SecretString;
use tonic::{Request, Response, Status};
use topology::Topology;

use super::answer;
use crate::{
    recent::{Recent, compare::Kind},
    store::{Recipes, sign_up::SignUp},
};

/// Most users in one answer about hot ones.
const HOT_MAX: u32 = 100;

/// The service over the recipes.
#[derive(Clone)]
pub struct Operator {
    /// Reads and writes.
    pub recipes: Recipes,
    /// The recent feed.
    pub recent: Recent,
}

/// Differences that are named.
const NAMED: usize = 1_000;

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
        let done = self.recipes.sign_up(sign_up, now_ms()).await;
        answer(done, |created| CreateAdminResponse { user: Some(created.user) })
    }

    async fn grant_admin(&self, request: Request<GrantAdminRequest>) -> Result<Response<GrantAdminResponse>, Status> {
        let email = profile::email(&request.into_inner().email).map_err(to_status)?;
        let done = self.recipes.set_role(&email, Role::Admin, now_ms()).await;
        answer(done, |user| GrantAdminResponse { user: Some(user.into()) })
    }

    async fn revoke_admin(
        &self,
        request: Request<RevokeAdminRequest>,
    ) -> Result<Response<RevokeAdminResponse>, Status> {
        let email = profile::email(&request.into_inner().email).map_err(to_status)?;
        let done = self.recipes.set_role(&email, Role::User, now_ms()).await;
        answer(done, |user| RevokeAdminResponse { user: Some(user.into()) })
    }

    async fn list_admins(&self, _: Request<ListAdminsRequest>) -> Result<Response<ListAdminsResponse>, Status> {
        let users = self.recipes.list_admins().await.map_err(to_status)?;
        Ok(Response::new(ListAdminsResponse { users: users.into_iter().map(Into::into).collect() }))
    }

    async fn list_hot_users(
        &self,
        request: Request<ListHotUsersRequest>,
    ) -> Result<Response<ListHotUsersResponse>, Status> {
        let limit = request.into_inner().limit;
        if !(1..=HOT_MAX).contains(&limit) {
            return Err(to_status(Error::invalid(vec![FieldError::at("/limit", "must be 1 to 100")])));
        }
        let shards = self.recipes.shards();
        let topology = shards.topology();
        let hottest = shards.heat().hottest(limit as usize).into_iter();
        let users = hottest.map(|hot| hot_user(&topology, &hot)).collect();
        Ok(Response::new(ListHotUsersResponse { users }))
    }

    async fn check_feed(&self, _: Request<CheckFeedRequest>) -> Result<Response<CheckFeedResponse>, Status> {
        let checked = self.recent.check().await.map_err(to_status)?;
        Ok(Response::new(CheckFeedResponse {
            pictures: checked.pictures as u64,
            complete: checked.complete,
            differing: checked.differences.len() as u64,
            differences: checked.differences.iter().rev().take(NAMED).map(difference).collect(),
        }))
    }

    async fn rebuild_feed(&self, _: Request<RebuildFeedRequest>) -> Result<Response<RebuildFeedResponse>, Status> {
        let built = self.recent.rebuild().await.map_err(to_status)?;
        Ok(Response::new(RebuildFeedResponse { pictures: built.pictures as u64, removed: built.removed as u64 }))
    }
}

fn difference((place, kind): (&feed::Place, &Kind)) -> FeedDifference {
    let kind = match kind {
        Kind::Missing => feed_difference::Kind::Missing,
        Kind::LeftOver => feed_difference::Kind::LeftOver,
        Kind::Different => feed_difference::Kind::Different,
    };
    FeedDifference { kind: kind.into(), user_id: place.user().get(), image_id: place.image().to_string() }
}

fn hot_user(topology: &Topology, hot: &topology::HotUser) -> HotUser {
    let place = topology.locate(hot.user);
    HotUser {
        user_id: hot.user.get(),
        reads: hot.reads,
        writes: hot.writes,
        share: hot.share,
        bucket: place.bucket.0,
        shard: topology.name_of(place.shard),
        isolated: place.bucket.is_private(),
    }
}
