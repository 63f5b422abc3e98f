//! `DirectoryService`.

use api::{
    convert::profile,
    directory::v1::{ResolveEmailRequest, ResolveEmailResponse, directory_service_server::DirectoryService},
    status::to_status,
};
use tonic::{Request, Response, Status};

use crate::store::Recipes;

/// The service over the recipes.
#[derive(Clone)]
pub struct Directory(pub Recipes);

#[tonic::async_trait]
impl DirectoryService for Directory {
    async fn resolve_email(
        &self,
        request: Request<ResolveEmailRequest>,
    ) -> Result<Response<ResolveEmailResponse>, Status> {
        let email = profile::email(&request.into_inner().email).map_err(to_status)?;
        let user = self.0.resolve_email(&email).await.map_err(to_status)?;
        Ok(Response::new(ResolveEmailResponse { user_id: user.get() }))
    }
}
