//! The shape of a route: what it is, who may, what it answers with. The table itself is in [`crate::routes`].

use futures::future::BoxFuture;
use http::Method;

use crate::{accept::Produces, context::Ctx, error::Answer};

/// Who may call a route. There is no default: a route without access cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Anybody with a session.
    SignedIn,
    /// The user whose id is in the path.
    Owner,
    /// The same, or an administrator.
    OwnerOrAdmin,
    /// The same; others may not even learn that the image exists, unless it is done.
    OwnerOrAdminOfImage,
    /// Administrators.
    Admin,
}

/// What a route may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// The request's deadline applies.
    Normal,
    /// The same, and the limit of sign-ins and sign-ups by address.
    SignIn,
    /// As long as bytes flow: uploads, downloads, event streams.
    Stream,
}

/// A handler.
pub type Handler = fn(Ctx) -> BoxFuture<'static, Answer>;

/// One route.
#[derive(Debug)]
pub struct Route {
    /// The method; HEAD follows GET.
    pub method: Method,
    /// The template, as axum and OpenAPI write it.
    pub path: &'static str,
    /// Who may.
    pub access: Access,
    /// What it answers with.
    pub produces: Produces,
    /// What it may cost.
    pub cost: Cost,
    /// What it does.
    pub handler: Handler,
}

/// The routes of one path.
#[derive(Debug)]
pub struct Endpoint {
    /// The template.
    pub path: &'static str,
    /// One for each method.
    pub routes: Vec<&'static Route>,
    /// The value of `Allow`.
    pub allow: String,
}

impl Endpoint {
    /// The route for a method; HEAD is GET's.
    pub fn route(&self, method: &Method) -> Option<&'static Route> {
        let wanted = if method == Method::HEAD { &Method::GET } else { method };
        self.routes.iter().find(|route| route.method == *wanted).copied()
    }
}

/// Groups routes by path, in the order of their first appearance.
pub fn endpoints(routes: &'static [Route]) -> Vec<Endpoint> {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for route in routes {
        match endpoints.iter_mut().find(|endpoint| endpoint.path == route.path) {
            Some(endpoint) => endpoint.routes.push(route),
            None => endpoints.push(Endpoint { path: route.path, routes: vec![route], allow: String::new() }),
        }
    }
    for endpoint in &mut endpoints {
        let mut methods: Vec<&str> = endpoint.routes.iter().map(|route| route.method.as_str()).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        endpoint.allow = methods.join(", ");
    }
    endpoints
}
