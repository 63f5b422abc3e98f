//! The client side of every call: who is asked, until when, and what is asked once more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use anyhow::Result;
use futures::future::BoxFuture;
use http::{Request, Response, request::Parts};
use tokio::time::{Instant, timeout_at};
use tonic::{Status, body::Body, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tower::{Service, ServiceExt as _};

use super::{
    backend::Picked,
    deadline,
    failure::Failure,
    key::{Credentials, ServiceKey},
    payload::Payload,
    pool::Pool,
    target::Target,
    tuning::Tuning,
};

/// How long [`Client::check`] waits.
const CHECK_PATIENCE: Duration = Duration::from_secs(2);

/// Methods that change nothing, by the first word of their names: what may be asked twice.
const READS: [&str; 6] = ["Get", "List", "Resolve", "Validate", "Watch", "Check"];

/// Reaches a service, in this process or behind any number of addresses: what generated clients are made of. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    reach: Reach,
    credentials: Option<Arc<Credentials>>,
}

#[derive(Debug, Clone)]
enum Reach {
    Embedded(Channel),
    Servers(Arc<Pool>),
}

/// A client of the service at `addresses`: `http://host:port`, or several of them with commas between. Connects at once, in the
/// background; within a runtime.
///
/// # Errors
/// Where an address is none.
pub fn connect(addresses: &str) -> Result<Client> {
    connect_tuned(addresses, Tuning::default())
}

/// As [`connect`], with times and a resolver of one's own.
///
/// # Errors
/// Where an address is none.
pub fn connect_tuned(addresses: &str, tuning: Tuning) -> Result<Client> {
    let targets = Target::parse_all(addresses)?;
    Ok(Client { reach: Reach::Servers(Arc::new(Pool::new(addresses, targets, tuning))), credentials: None })
}

impl Client {
    pub(super) const fn embedded(channel: Channel) -> Self {
        Self { reach: Reach::Embedded(channel), credentials: None }
    }

    /// Whether a server is there and says that it is ready.
    ///
    /// # Errors
    /// `UNAVAILABLE`, or what the server answers.
    pub async fn check(&self) -> Result<(), Status> {
        let mut request = tonic::Request::new(HealthCheckRequest::default());
        request.set_timeout(CHECK_PATIENCE);
        let answer = HealthClient::new(self.clone()).check(request).await?;
        match answer.get_ref().status() {
            ServingStatus::Serving => Ok(()),
            _ => Err(Status::unavailable("it is not ready")),
        }
    }

    /// Shows the services' key and the caller's name with every call. Without a key nothing is shown.
    #[must_use]
    pub fn identified(mut self, caller: &'static str, key: &ServiceKey) -> Self {
        self.credentials = key.credentials(caller).map(Arc::new);
        self
    }
}

impl Service<Request<Body>> for Client {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        // Whoever is asked is found, and waited for, within the call and its deadline.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // A call that serves another one ends no later than that.
        let deadlines = [deadline::of(request.headers()), crate::context::deadline()];
        let deadline = deadlines.into_iter().flatten().min();
        if let Some(credentials) = &self.credentials {
            credentials.write(request.headers_mut());
        }
        let reach = self.reach.clone();
        Box::pin(async move {
            // Whether the request may have been seen by a server.
            let sent = AtomicBool::new(false);
            let call = async {
                match reach {
                    Reach::Embedded(channel) => in_process(channel, request, deadline, &sent).await,
                    Reach::Servers(pool) => outside(&pool, request, deadline, &sent).await,
                }
            };
            let Some(at) = deadline else { return call.await };
            match timeout_at(at, call).await {
                Ok(answer) => answer,
                Err(_) if sent.load(Ordering::Relaxed) => Err(Failure::Late.status(false)),
                Err(_) => Err(Status::unavailable("nobody could be reached in time")),
            }
        })
    }
}

async fn in_process(
    mut channel: Channel,
    mut request: Request<Body>,
    deadline: Option<Instant>,
    sent: &AtomicBool,
) -> Result<Response<Body>, Status> {
    if let Some(deadline) = deadline {
        deadline::write(request.headers_mut(), deadline);
    }
    sent.store(true, Ordering::Relaxed);
    let answer = async { channel.ready().await?.call(request).await }.await;
    answer.map_err(|error| Failure::of(&error).status(false))
}

/// Asks one server, and once more another where that does no harm: the request never left, or it only reads and the budget has a
/// repeat left.
async fn outside(
    pool: &Pool,
    request: Request<Body>,
    deadline: Option<Instant>,
    sent: &AtomicBool,
) -> Result<Response<Body>, Status> {
    let (parts, body) = request.into_parts();
    let reads = is_read(parts.uri.path());
    let mut payload = Payload::of(body);
    pool.budget.earn();

    let first = pool.take(None).await?;
    let may_leave = reads && payload.is_whole();
    let request = again(&parts, &mut payload, deadline)?;
    sent.store(true, Ordering::Relaxed);
    let failure = match attempt(pool, &first, request, may_leave).await {
        Ok(answer) => return Ok(answer),
        Err(Abandoned::Failed(failure)) => {
            sent.store(failure.was_sent(), Ordering::Relaxed);
            let harmless = match &failure {
                Failure::NotSent | Failure::Refused => true,
                Failure::Lost => reads && payload.is_whole() && pool.budget.spend(),
                Failure::Call(_) | Failure::Late => false,
            };
            if !harmless || !payload.is_whole() {
                return Err(failure.status(reads));
            }
            "failed"
        }
        Err(Abandoned::Doubted) => "silent",
    };
    metrics::counter!("myriad_grpc_client_retries_total", "cause" => failure).increment(1);
    let avoid = first.backend.clone();
    drop(first);
    let second = pool.take(Some(&avoid)).await?;
    let request = again(&parts, &mut payload, deadline)?;
    sent.store(true, Ordering::Relaxed);
    match attempt(pool, &second, request, false).await {
        Ok(answer) => Ok(answer),
        Err(Abandoned::Failed(failure)) => {
            sent.store(failure.was_sent(), Ordering::Relaxed);
            Err(failure.status(reads))
        }
        Err(Abandoned::Doubted) => Err(Failure::Lost.status(reads)),
    }
}

/// Why an attempt was given up.
enum Abandoned {
    Failed(Failure),
    /// The server fell silent, another is there, and asking that one instead is paid for.
    Doubted,
}

async fn attempt(
    pool: &Pool,
    picked: &Picked,
    request: Request<Body>,
    may_leave: bool,
) -> Result<Response<Body>, Abandoned> {
    let mut channel = picked.link.channel.clone();
    let mut call = std::pin::pin!(async { channel.ready().await?.call(request).await });
    let generation = picked.link.generation;
    let answer = if may_leave {
        tokio::select! {
            biased;
            answer = &mut call => answer,
            () = picked.backend.doubted(generation) => {
                // A connection that broke is known to the call itself in a moment, and for certain.
                if picked.backend.is_doubtful() && pool.another_is_up(&picked.backend) && pool.budget.spend() {
                    return Err(Abandoned::Doubted);
                }
                call.await
            }
        }
    } else {
        call.await
    };
    answer.map_err(|error| {
        let failure = Failure::of(&error);
        if failure.ends_connection() {
            picked.backend.lost(generation);
        }
        Abandoned::Failed(failure)
    })
}

fn again(parts: &Parts, payload: &mut Payload, deadline: Option<Instant>) -> Result<Request<Body>, Status> {
    let body = payload.body().ok_or_else(|| Status::unavailable("the request could not be sent again"))?;
    let mut request = Request::from_parts(parts.clone(), body);
    if let Some(deadline) = deadline {
        deadline::write(request.headers_mut(), deadline);
    }
    Ok(request)
}

pub(super) fn is_read(path: &str) -> bool {
    let method = path.rsplit('/').next().unwrap_or_default();
    READS.iter().any(|word| {
        // `Get` begins `GetUser` but not `Getaway`.
        method.strip_prefix(word).is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_lowercase()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_reads_by_its_name_is_asked_twice() {
        for read in ["GetUser", "ListUsers", "ResolveEmail", "ValidateSession", "WatchTopology", "Check"] {
            assert!(is_read(&format!("/myriad.user.v1.UserService/{read}")), "{read}");
        }
        for write in ["CreateUser", "SignIn", "LeaseUserIds", "BeginJob", "Getaway", "SetPicture", ""] {
            assert!(!is_read(&format!("/myriad.user.v1.UserService/{write}")), "{write}");
        }
    }
}
