//! The replicas of one shard: watched, chosen for reads that only show something, left and taken back by themselves.
//!
//! What may be read where: a replica answers a caller who has written only if it has replayed that caller's position, and anybody
//! only if it is not late. It answers for a bucket only if its own copy of the owner row says that the shard has the bucket in the
//! epoch of the map: a bucket that has just moved here is not shown half copied.

mod mark;
mod metrics;
mod poll;
mod reader;
mod rotation;
mod settings;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use model::{Bucket, Epoch, ShardId};
use runtime::shutdown::Shutdown;
use store::tables::bucket_owner;
use store::{Engine, Error, Ownership, Primary as Committed};
use tokio::sync::{Notify, watch};
use tokio::time::timeout_at;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::opener::Opener;
use crate::shard_info::ShardInfo;

pub use mark::Mark;
pub(crate) use mark::{Needed, needed};
pub use settings::Settings;

use metrics::Node;
use reader::Reader;
use rotation::{Pick, Rotation};

/// The replicas of a shard. Dropped, they are no longer asked how far they are.
pub(crate) struct Replicas {
    inner: Arc<Inner>,
    _polls: DropGuard,
}

struct Inner {
    settings: Settings,
    primary: Arc<dyn Engine>,
    on_primary: Node,
    members: Vec<Member>,
    rotation: Mutex<Rotation>,
    /// Ticks with every answer of a server.
    answers: watch::Sender<()>,
}

struct Member {
    location: String,
    node: Node,
    /// There once it is opened.
    reader: OnceLock<Arc<Reader>>,
    /// Buckets that it was seen to have, by its own owner rows. A replica that answers on and on does not go back.
    has: Mutex<HashMap<Bucket, Epoch>>,
    /// Somebody waits for its next answer.
    wanted: Notify,
}

/// Where a read goes, and up to where in which reign's log its answer certainly contains all writes.
pub(crate) struct Chosen {
    /// None: the primary.
    pub(crate) replica: Option<Arc<dyn Engine>>,
    pub(crate) known: Option<(u64, u64)>,
}

impl Replicas {
    /// Watches the replicas that a shard has by the map; none where it has none or this process cannot open any.
    pub(crate) fn start(
        info: &ShardInfo,
        cluster_id: &str,
        primary: &Arc<dyn Engine>,
        opener: &Opener,
        shutdown: &Shutdown,
    ) -> Option<Arc<Self>> {
        let settings = opener.replicas().filter(|_| !info.replicas.is_empty())?;
        let shard = info.shard_id();
        let inner = Arc::new(Inner {
            settings,
            primary: Arc::clone(primary),
            on_primary: Node::new(shard, "primary"),
            members: info.replicas.iter().map(|location| Member::new(shard, location)).collect(),
            rotation: Mutex::new(Rotation::new(settings, info.replicas.len())),
            answers: watch::Sender::new(()),
        });
        let stop = shutdown.soft.child_token();
        spawn(shutdown, &stop, poll::primary(Arc::clone(&inner), Arc::clone(primary)));
        for index in 0..inner.members.len() {
            let identity = info.identity(cluster_id);
            spawn(shutdown, &stop, poll::replica(Arc::clone(&inner), index, info.clone(), identity, opener.clone()));
        }
        Some(Arc::new(Self { inner, _polls: stop.drop_guard() }))
    }

    /// Where a read of a bucket goes whose caller has seen so much of this shard; waits, where there is hope, for a replica.
    pub(crate) async fn choose(&self, own: Ownership, needed: Option<Needed>) -> Chosen {
        let inner = &*self.inner;
        let mut pick = inner.pick(needed);
        if pick == Pick::Wait {
            pick = inner.wait(needed).await;
        }
        if let Pick::Replica { index, role_epoch, log } = pick
            && let Some(member) = inner.members.get(index)
            && let Some(reader) = member.reader.get()
            && member.owns(&*reader.replica, own).await
        {
            member.node.reads.increment(1);
            let replica: Arc<dyn Engine> = Arc::<Reader>::clone(reader);
            return Chosen { replica: Some(replica), known: Some((role_epoch, log)) };
        }
        inner.on_primary.reads.increment(1);
        // A commit may be in the log and not yet be seen by others; its own answer, which comes later, names no position before `log`.
        let known = if let Pick::Primary { known } = pick { known } else { None };
        Chosen { replica: None, known: known.map(|(role_epoch, log)| (role_epoch, log.saturating_sub(1))) }
    }
}

impl fmt::Debug for Replicas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replicas").field("count", &self.inner.members.len()).finish_non_exhaustive()
    }
}

fn spawn(shutdown: &Shutdown, stop: &CancellationToken, poll: impl Future<Output = ()> + Send + 'static) {
    let stop = stop.clone();
    shutdown.spawn(async move {
        let _ = stop.run_until_cancelled(poll).await;
    });
}

impl Inner {
    fn rotation(&self) -> MutexGuard<'_, Rotation> {
        self.rotation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advanced(&self) {
        self.answers.send_replace(());
    }

    fn pick(&self, needed: Option<Needed>) -> Pick {
        self.rotation().pick(Instant::now(), needed)
    }

    /// Asks the replicas again and again until one has what is needed, none is likely to, or the time is over.
    async fn wait(&self, needed: Option<Needed>) -> Pick {
        let deadline = tokio::time::Instant::now() + self.settings.wait();
        let mut answers = self.answers.subscribe();
        loop {
            let pick = self.pick(needed);
            if pick != Pick::Wait {
                return pick;
            }
            for member in &self.members {
                member.wanted.notify_one();
            }
            if !matches!(timeout_at(deadline, answers.changed()).await, Ok(Ok(()))) {
                return Pick::Primary { known: None };
            }
        }
    }

    /// A read failed on a replica. One that is only busy stays.
    fn failed(&self, index: usize, cause: &Error, now: Instant) {
        let Some(member) = self.members.get(index) else { return };
        member.node.failed.increment(1);
        if !matches!(cause, Error::Busy) {
            tracing::warn!(shard.replica = member.location, error = %cause, "a read failed on a replica; the primary is asked");
            self.rotation().replica_told(index, now, None);
            member.forget();
        }
    }
}

impl Member {
    fn new(shard: ShardId, location: &str) -> Self {
        Self {
            location: location.to_owned(),
            node: Node::new(shard, location),
            reader: OnceLock::new(),
            has: Mutex::default(),
            wanted: Notify::new(),
        }
    }

    /// Whether the replica has replayed that this shard owns the bucket in this epoch, and with it every row that came with it.
    async fn owns(&self, replica: &dyn Engine, own: Ownership) -> bool {
        if self.has().get(&own.bucket) == Some(&own.epoch) {
            return true;
        }
        let found = bucket_owner::get(&mut Committed(replica), own.bucket).await;
        let owns = matches!(found, Ok(Some(row)) if row.epoch == own.epoch && row.state.takes_writes());
        if owns {
            self.has().insert(own.bucket, own.epoch);
        }
        owns
    }

    /// Who was silent may come back from an older copy.
    fn forget(&self) {
        self.has().clear();
    }

    fn has(&self) -> MutexGuard<'_, HashMap<Bucket, Epoch>> {
        self.has.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
