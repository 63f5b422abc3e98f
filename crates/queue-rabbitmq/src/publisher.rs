//! The publisher's end: `Ok` means that the broker has the job on disk.

mod session;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use queue::{BoxFuture, Error, Job, JobQueue, Result};
use tokio::sync::{Semaphore, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Settings, SettingsError, connector::Connector};
use session::Session;

/// The publisher. Cheap to clone; all clones share one connection.
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
}

struct Shared {
    state: watch::Sender<State>,
    /// Places for jobs on their way to a confirmation.
    room: Semaphore,
    settings: Settings,
}

#[derive(Clone)]
enum State {
    Away(Arc<str>),
    Here(Arc<Session>),
    Closed,
}

impl Publisher {
    /// Starts the task that connects, now and whenever the connection is lost. Nothing has to be there yet. After `soft` is cancelled
    /// jobs are refused, those on their way are waited for, and the task ends.
    ///
    /// # Errors
    /// Names the setting that cannot be used.
    pub fn start(
        settings: &Settings,
        soft: &CancellationToken,
        tasks: &TaskTracker,
    ) -> std::result::Result<Self, SettingsError> {
        let connector = Connector::new(settings, "publisher", soft.clone())?;
        let shared = Arc::new(Shared {
            state: watch::Sender::new(State::Away("not connected yet".into())),
            room: Semaphore::new(settings.in_flight.into()),
            settings: settings.clone(),
        });
        tasks.spawn(run(Arc::clone(&shared), connector, soft.clone()));
        Ok(Self { shared })
    }

    /// Whether the broker is there: for a service's readiness or its logs. Jobs may be published either way.
    pub fn is_connected(&self) -> bool {
        matches!(&*self.shared.state.borrow(), State::Here(_))
    }
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").field("queue", &self.shared.settings.queue).finish_non_exhaustive()
    }
}

impl JobQueue for Publisher {
    fn publish(&self, job: Job) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.shared.hand_over(job))
    }
}

impl Shared {
    async fn hand_over(&self, job: Job) -> Result<()> {
        let started = Instant::now();
        let limit = self.settings.confirm();
        let outcome = match tokio::time::timeout(limit, self.attempt(&job)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Away(self.silence(limit))),
        };
        let label = match &outcome {
            Ok(()) => "confirmed",
            Err(Error::Away(_)) => "away",
            Err(Error::Closed) => "closed",
            Err(_) => "refused",
        };
        metrics::counter!("myriad_queue_published_total", "outcome" => label).increment(1);
        metrics::histogram!("myriad_queue_publish_seconds").record(started.elapsed().as_secs_f64());
        outcome
    }

    async fn attempt(&self, job: &Job) -> Result<()> {
        // Closed at once, also while others are waited for.
        self.session()?;
        let _place = self.room.acquire().await.map_err(|_| Error::Closed)?;
        self.session()?.publish(&self.settings.queue, job).await
    }

    fn session(&self) -> Result<Arc<Session>> {
        match &*self.state.borrow() {
            State::Here(session) => Ok(Arc::clone(session)),
            State::Away(reason) => Err(Error::Away(reason.to_string())),
            State::Closed => Err(Error::Closed),
        }
    }

    fn silence(&self, limit: Duration) -> String {
        let blocked = self.session().is_ok_and(|session| session.is_blocked());
        let why = if blocked { "it takes no messages for want of memory or disk" } else { "no confirmation" };
        format!("{why} within {} ms", limit.as_millis())
    }
}

async fn run(shared: Arc<Shared>, mut connector: Connector, soft: CancellationToken) {
    while let Some(connected) = connector.connect().await {
        let connection = match connected {
            Ok(connection) => connection,
            Err(reason) => {
                shared.state.send_replace(State::Away(reason.into()));
                continue;
            }
        };
        let ended = async {
            let session = Arc::new(Session::open(connection, &shared.settings).await?);
            connector.works();
            shared.state.send_replace(State::Here(Arc::clone(&session)));
            session.until_lost(&shared.settings).await
        };
        let Some(lost) = soft.run_until_cancelled(ended).await else { break };
        let reason = lost.err().map_or_else(|| "the connection was closed".to_owned(), |error| error.to_string());
        shared.state.send_replace(State::Away(reason.as_str().into()));
        connector.lost(&reason);
    }
    close(&shared).await;
}

/// Refuses from now on, waits for what is on its way, and says goodbye.
async fn close(shared: &Shared) {
    let State::Here(session) = shared.state.send_replace(State::Closed) else { return };
    let all = shared.settings.in_flight.into();
    let _ = tokio::time::timeout(shared.settings.confirm(), shared.room.acquire_many(all)).await;
    session.close().await;
}
