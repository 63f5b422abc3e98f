//! The engine: every call within its budget, behind the breaker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cache::{BoxFuture, Engine, Entry, Error, Lease, State};
use redis::{Client, RedisError, Value};
use tokio::time::timeout;

use crate::breaker::{Breaker, Change};
use crate::metrics::{self, Outcome};
use crate::ping;
use crate::pool::{self, Connections};
use crate::requests::{self, Request, Requests};
use crate::settings::{Mode, RedisSettings, Unusable};

/// The cache in Redis. Cheap to clone; clones share connections and breaker.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    client: Client,
    pool: Connections,
    requests: Requests,
    breaker: Breaker,
    budget: Duration,
}

/// Why there is no answer.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// The budget is spent.
    Timeout(Duration),
    /// It said no, or there is nobody.
    Answer(RedisError),
}

impl Redis {
    /// The engine by its settings. Connects with the first call.
    ///
    /// # Errors
    /// Names the setting that cannot be used.
    pub fn new(settings: &RedisSettings) -> Result<Self, Unusable> {
        let Mode::Single = settings.mode;
        let client = pool::client(settings)?;
        let pause = |ms| Duration::from_millis(ms);
        Ok(Self(Arc::new(Inner {
            pool: pool::pool(&client, settings)?,
            client,
            requests: Requests::new(&settings.prefix),
            breaker: Breaker::new(settings.failures, pause(settings.pause_min_ms), pause(settings.pause_max_ms)),
            budget: Duration::from_millis(settings.budget_ms),
        })))
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    pub(crate) fn channel(&self) -> &str {
        self.0.requests.channel()
    }

    pub(crate) fn prefix(&self) -> &str {
        self.0.requests.prefix()
    }

    /// Whether a call would be refused at once.
    pub(crate) fn is_away(&self) -> bool {
        self.0.breaker.refuses(Instant::now())
    }

    /// A call as the cache makes it.
    pub(crate) async fn call(&self, command: &'static str, request: &Request<'_>) -> Result<Value, Error> {
        let Some(permit) = self.0.breaker.admit(Instant::now()) else {
            metrics::call(command, Outcome::Refused, None);
            return Err(Error("it is not asked for a moment, for it has failed repeatedly".to_owned()));
        };
        let begun = Instant::now();
        let result = self.ask(request, self.0.budget).await;
        let outcome = match &result {
            Ok(_) => Outcome::Ok,
            Err(Failure::Timeout(_)) => Outcome::Timeout,
            Err(Failure::Answer(_)) => Outcome::Error,
        };
        metrics::call(command, outcome, Some(begun.elapsed()));
        let change = permit.settle(result.is_ok(), Instant::now());
        let result = result.map_err(|failure| ping::explain(&failure));
        match change {
            Change::Nothing => {}
            Change::Opened => {
                metrics::breaker_open(true);
                let error = result.as_ref().err().map_or("", String::as_str);
                tracing::warn!(error, "Redis is not asked for now; answers go on without it");
            }
            Change::Closed => {
                metrics::breaker_open(false);
                tracing::info!("Redis answers again");
            }
        }
        result.map_err(Error)
    }

    /// Sends a request; all of it, with waiting for a connection and making one, within the budget.
    pub(crate) async fn ask(&self, request: &Request<'_>, budget: Duration) -> Result<Value, Failure> {
        match timeout(budget, self.attempt(request)).await {
            Ok(answer) => answer.map_err(Failure::Answer),
            Err(_) => Err(Failure::Timeout(budget)),
        }
    }

    async fn attempt(&self, request: &Request<'_>) -> Result<Value, RedisError> {
        let answer = self.attempt_once(request).await;
        match answer {
            // What lay in the pool when the server went: all of it is dead, and the server may be back. Requests can be repeated.
            Err(error) if error.is_connection_dropped() => {
                self.0.pool.retain(|_, _| false);
                self.attempt_once(request).await
            }
            answer => answer,
        }
    }

    async fn attempt_once(&self, request: &Request<'_>) -> Result<Value, RedisError> {
        let mut connection = self.0.pool.get().await.map_err(pool::backend)?;
        connection.owes = true;
        let answer = request.send(&mut connection.inner).await;
        connection.owes = answer.as_ref().is_err_and(|error| error.is_unrecoverable_error() || error.is_io_error());
        answer
    }
}

impl Engine for Redis {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Entry>, Error>> {
        Box::pin(async move { Ok(requests::entry(self.call("get", &self.0.requests.get(key)).await?)) })
    }

    fn set_if_newer<'a>(&'a self, key: &'a str, entry: Entry, ttl: Duration) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            let request = self.0.requests.set_if_newer(key, &entry, ttl, model::time::now_ms());
            let answer = self.call("set", &request).await?;
            if answer == Value::Int(2) {
                metrics::too_late();
            }
            Ok(answer == Value::Int(1))
        })
    }

    fn lease<'a>(&'a self, key: &'a str, ttl: Duration) -> BoxFuture<'a, Result<Lease, Error>> {
        Box::pin(async move {
            let answer = self.call("lease", &self.0.requests.lease(key, ttl)).await?;
            Ok(match answer {
                Value::Int(0) => Lease::Taken,
                answer => match requests::entry(answer) {
                    Some(entry) if entry.state != State::Stale => Lease::Found(entry),
                    _ => Lease::Granted,
                },
            })
        })
    }

    fn release<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let _ = self.call("release", &self.0.requests.release(key)).await;
        })
    }
}
