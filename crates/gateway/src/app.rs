//! Puts the gateway together and runs it.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use api::{
    feed::v1::feed_service_client::FeedServiceClient, image::v1::image_service_client::ImageServiceClient,
    session::v1::session_service_client::SessionServiceClient, user::v1::user_service_client::UserServiceClient,
};
use axum::Router;
use bytes::Bytes;
use objects::Objects;
use runtime::{
    grpc::Client,
    ready::{Gate, Readiness},
    shutdown::Shutdown,
};
use token::Keys;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    assets::Assets, caller::LiveSessions, config::Config, cookies::Cookies, cursor::Cursors, idempotency::Prints,
    openapi, ratelimit::Limiter, routes, server,
};

const PRINTS: &str = "myriad 2026-01 prints of requests v1";
const CURSORS: &str = "myriad 2026-01 cursors of lists v1";

/// What the gateway is given.
#[derive(Debug, Clone)]
pub struct Deps {
    /// Reaches user-service.
    pub users: Client,
    /// Reaches session-service.
    pub sessions: Client,
    /// Pictures' bytes.
    pub objects: Objects,
    /// The keys of tokens.
    pub keys: Keys,
    /// Readiness of the process.
    pub ready: Readiness,
}

/// What handlers share.
pub struct Gateway {
    /// The settings.
    pub config: Config,
    /// Where clients reach the gateway, without a slash at the end.
    pub public_url: String,
    /// Where pictures are fetched from, without a slash at the end.
    pub cdn_url: String,
    /// Users.
    pub users: UserServiceClient<Client>,
    /// Images.
    pub images: ImageServiceClient<Client>,
    /// The recent feed.
    pub feed: FeedServiceClient<Client>,
    /// Sessions.
    pub sessions: SessionServiceClient<Client>,
    /// Pictures' bytes.
    pub objects: Objects,
    /// The keys of tokens.
    pub keys: Keys,
    /// Sessions found live a moment ago.
    pub live: LiveSessions,
    /// The limit of sign-ins and sign-ups by address.
    pub limiter: Limiter,
    /// The cookies' names and attributes.
    pub cookies: Cookies,
    /// Makes prints of requests.
    pub prints: Prints,
    /// Makes cursors.
    pub cursors: Cursors,
    /// The page and its parts.
    pub assets: Assets,
    /// The OpenAPI document.
    pub openapi: Bytes,
    /// Cancelled when streams should end.
    pub soft: CancellationToken,
}

/// The gateway, built and bound.
pub struct App {
    gateway: Arc<Gateway>,
    listener: TcpListener,
    gate: Gate,
}

impl App {
    /// Builds the gateway on a bound listener.
    ///
    /// # Errors
    /// A setting that cannot work; names the key and the fix.
    pub fn build(config: Config, deps: Deps, listener: TcpListener, shutdown: &Shutdown) -> anyhow::Result<Self> {
        config.validate()?;
        let address = listener.local_addr().context("the HTTP listener has no address")?;
        let public_url = config.public_url_at(address);
        let cdn_url = if config.cdn_url.is_empty() { public_url.clone() } else { config.cdn_url.clone() };
        let gateway = Gateway {
            users: UserServiceClient::new(deps.users.clone()),
            images: ImageServiceClient::new(deps.users.clone()),
            feed: FeedServiceClient::new(deps.users),
            live: LiveSessions::new(deps.sessions.clone()),
            sessions: SessionServiceClient::new(deps.sessions),
            objects: deps.objects,
            limiter: Limiter::new(config.limits.sign_ins_per_minute, Duration::from_mins(1)),
            cookies: Cookies::new(&config.cookie),
            prints: Prints::new(*deps.keys.derive(PRINTS)),
            cursors: Cursors::new(*deps.keys.derive(CURSORS)),
            keys: deps.keys,
            assets: Assets::new(&cdn_url, &public_url),
            openapi: openapi::document(&public_url)?,
            soft: shutdown.soft.clone(),
            public_url,
            cdn_url,
            config,
        };
        Ok(Self { gateway: Arc::new(gateway), listener, gate: deps.ready.gate("gateway") })
    }

    /// Where clients reach the gateway.
    pub fn public_url(&self) -> &str {
        &self.gateway.public_url
    }

    /// The routes, for tests that need no socket.
    pub fn router(&self) -> Router {
        routes::router(&self.gateway)
    }

    /// Starts accepting; ready from then until the soft shutdown, when what was begun is finished.
    pub fn run(self, shutdown: &Shutdown) {
        let router = self.router();
        let timeouts = self.gateway.config.server.timeouts();
        let connections = server::connection_cap(self.gateway.config.server.connections);
        let gate = self.gate;
        gate.open();
        let soft = shutdown.soft.clone();
        shutdown.spawn(async move {
            soft.cancelled().await;
            gate.close("draining");
        });
        shutdown.spawn(server::accept(self.listener, router, timeouts, connections, shutdown.clone()));
    }
}
