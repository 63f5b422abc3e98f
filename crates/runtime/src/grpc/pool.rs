//! The servers behind one setting: found by name, found again every few seconds, and who of them takes the next call.

use std::{
    collections::HashMap,
    future::Future,
    net::SocketAddr,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
    time::{Instant, sleep, timeout_at},
};
use tonic::{Status, transport::Endpoint};

use super::{
    backend::{Backend, Picked, State},
    budget::Budget,
    dice,
    target::Target,
    tuning::Tuning,
};

const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(5);
const KEEP_ALIVE_PATIENCE: Duration = Duration::from_secs(5);
/// Calls that wait for a connection ask for names at most this often.
const RESOLVE_PAUSE: Duration = Duration::from_millis(200);

/// A task that ends with its owner.
#[derive(Debug)]
struct Task(AbortHandle);

impl Task {
    fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Self {
        #[expect(clippy::disallowed_methods, reason = "ends with the client, which callers keep while they drain")]
        let handle = tokio::spawn(task);
        Self(handle.abort_handle())
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Debug)]
struct Member {
    backend: Arc<Backend>,
    _keeper: Task,
}

/// What the pool and its finder share.
#[derive(Debug)]
struct Inner {
    tuning: Tuning,
    members: RwLock<Arc<[Arc<Member>]>>,
    changed: watch::Sender<()>,
    lookup: Notify,
}

/// All servers of a service.
#[derive(Debug)]
pub(super) struct Pool {
    name: String,
    inner: Arc<Inner>,
    pub budget: Budget,
    _finder: Option<Task>,
}

impl Pool {
    /// Begins to connect. Within a runtime.
    pub fn new(name: &str, targets: Vec<Target>, tuning: Tuning) -> Self {
        let changed = watch::Sender::new(());
        let inner = Arc::new(Inner { tuning, members: RwLock::default(), changed, lookup: Notify::new() });
        let known = targets.iter().filter_map(|target| Some((target.literal()?, target.clone()))).collect();
        inner.update(known);
        let named = targets.iter().any(|target| target.literal().is_none());
        let finder = named.then(|| Task::spawn(find(inner.clone(), targets)));
        Self { name: name.to_owned(), inner, budget: Budget::new(), _finder: finder }
    }

    /// A server for a call, `avoid` only where it is the last one. Waits for a connection where there is none, for as long as
    /// one may take, but no longer than until each has failed.
    ///
    /// # Errors
    /// `UNAVAILABLE`: nobody can be reached.
    pub async fn take(&self, avoid: Option<&Arc<Backend>>) -> Result<Picked, Status> {
        if let Some(picked) = self.pick(avoid) {
            return Ok(picked);
        }
        let mut changed = self.inner.changed.subscribe();
        let since = Instant::now();
        // A connection and its first answer.
        let until = since + self.inner.tuning.connect_patience + self.inner.tuning.probe_patience;
        for member in self.members().iter() {
            member.backend.want();
        }
        self.inner.lookup.notify_one();
        loop {
            if let Some(picked) = self.pick(avoid) {
                return Ok(picked);
            }
            let members = self.members();
            let failed = !members.is_empty() && members.iter().all(|member| member.backend.failed_since(since));
            if failed || timeout_at(until, changed.changed()).await.is_err() {
                return Err(Status::unavailable(format!("{} cannot be reached", self.name)));
            }
        }
    }

    /// Whether a server other than this one is in good health.
    pub fn another_is_up(&self, than: &Arc<Backend>) -> bool {
        self.members().iter().any(|member| !Arc::ptr_eq(&member.backend, than) && member.backend.is_up())
    }

    /// Of two by chance the one with fewer calls on their way: as even as asking everybody, and no herd runs to the newest.
    fn pick(&self, avoid: Option<&Arc<Backend>>) -> Option<Picked> {
        let members = self.members();
        let (mut up, mut doubtful) = (Vec::with_capacity(members.len()), Vec::new());
        for member in members.iter() {
            match member.backend.state() {
                State::Up(link) => up.push((&member.backend, link)),
                State::Doubtful(link) => doubtful.push((&member.backend, link)),
                State::Down(_) => {}
            }
        }
        let mut of = if up.is_empty() { doubtful } else { up };
        if of.len() > 1 {
            of.retain(|(backend, _)| avoid.is_none_or(|avoid| !Arc::ptr_eq(backend, avoid)));
        }
        if of.is_empty() {
            return None;
        }
        let one = fastrand::usize(..of.len());
        let other = (one + fastrand::usize(1..of.len().max(2))) % of.len();
        let chosen = if of[other].0.in_flight() < of[one].0.in_flight() { other } else { one };
        let (backend, link) = of.swap_remove(chosen);
        Some(Picked::new(backend.clone(), link))
    }

    fn members(&self) -> Arc<[Arc<Member>]> {
        self.inner.members()
    }
}

impl Inner {
    fn members(&self) -> Arc<[Arc<Member>]> {
        self.members.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps who is still named, adds who is new, lets go of the rest; calls on their way there go on.
    fn update(&self, found: HashMap<SocketAddr, Target>) {
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        let mut next: Vec<Arc<Member>> =
            members.iter().filter(|member| found.contains_key(&member.backend.address)).cloned().collect();
        for (address, target) in found {
            if !next.iter().any(|member| member.backend.address == address) {
                next.push(Arc::new(self.member(address, target)));
            }
        }
        *members = next.into();
        drop(members);
        self.changed.send_replace(());
    }

    fn member(&self, address: SocketAddr, target: Target) -> Member {
        let backend = Arc::new(Backend::new(address, self.changed.clone()));
        // An address is always a URI.
        let uri = http::Uri::try_from(format!("http://{address}")).unwrap_or_else(|_| target.uri.clone());
        let endpoint = Endpoint::from(uri)
            .origin(target.uri)
            .connect_timeout(self.tuning.connect_patience)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE_EVERY)
            .keep_alive_timeout(KEEP_ALIVE_PATIENCE)
            .keep_alive_while_idle(true);
        let keeper = Task::spawn(backend.clone().keep(endpoint, self.tuning.clone()));
        Member { backend, _keeper: keeper }
    }
}

/// Resolves the names again and again. A name that cannot be resolved keeps the addresses it had.
async fn find(inner: Arc<Inner>, targets: Vec<Target>) {
    let mut known: Vec<Vec<SocketAddr>> = vec![Vec::new(); targets.len()];
    loop {
        for (target, known) in targets.iter().zip(&mut known) {
            let resolving = (inner.tuning.resolver)(target.host.clone(), target.port);
            match tokio::time::timeout(inner.tuning.resolve_every, resolving).await {
                Ok(Ok(found)) if !found.is_empty() => *known = found,
                failed => {
                    let reason = match failed {
                        Ok(Ok(_)) => "it has no address".to_owned(),
                        Ok(Err(error)) => error.to_string(),
                        Err(_) => "no answer in time".to_owned(),
                    };
                    tracing::warn!(server.name = target.host, reason, kept = known.len(), "a name cannot be resolved");
                }
            }
        }
        let pairs = targets.iter().zip(&known);
        inner.update(pairs.flat_map(|(target, found)| found.iter().map(|at| (*at, target.clone()))).collect());
        tokio::select! {
            () = sleep(dice::around(inner.tuning.resolve_every)) => {}
            () = async {
                // Who waits must not make a broken resolver's life harder.
                sleep(RESOLVE_PAUSE).await;
                inner.lookup.notified().await;
            } => {}
        }
    }
}
