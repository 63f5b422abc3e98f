//! User ids: dense integers from blocks that the router leases. The next block is fetched while half of this one is left, so a
//! sign-up never waits for the router, and goes on for that half when the router is down.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::topology::v1::LeaseUserIdsRequest;
use api::topology::v1::topology_service_client::TopologyServiceClient;
use model::{Code, Error, Result, UserId};
use runtime::grpc::Client;
use runtime::shutdown::Shutdown;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::backoff::Backoff;
use crate::metrics;

/// Ids in a block where nothing else is set.
pub const BLOCK: u32 = 256;

/// How long the router may take for a lease.
const ANSWER: Duration = Duration::from_secs(2);
/// How long a caller waits for the first ids of a block.
const PATIENCE: Duration = Duration::from_secs(3);
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Hands out user ids, each once in the whole cluster. Clones share the blocks.
#[derive(Clone, Debug)]
pub struct UserIds(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    router: TopologyServiceClient<Client>,
    block: u32,
    shutdown: Shutdown,
    stock: Mutex<Stock>,
    /// Counts finished leases, good or not: who waits for ids waits for this.
    finished: watch::Sender<u64>,
}

#[derive(Debug)]
struct Stock {
    current: Range<u64>,
    spare: Range<u64>,
    size: u64,
    leasing: bool,
    /// After a failure no other attempt before this.
    not_before: Option<Instant>,
    backoff: Backoff,
}

enum Taken {
    Id(u64),
    /// A lease is under way; wait for it.
    Coming(watch::Receiver<u64>),
    /// The router did not answer and is left alone until then.
    Refused(Instant),
}

impl UserIds {
    /// Leases blocks of `block` ids (1 to 65536, [`BLOCK`] is a good one) through `router`. Nothing is leased before it is needed.
    pub fn new(router: Client, block: u32, shutdown: &Shutdown) -> Self {
        let stock = Stock {
            current: 0..0,
            spare: 0..0,
            size: 0,
            leasing: false,
            not_before: None,
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT),
        };
        let router = TopologyServiceClient::new(router);
        let finished = watch::Sender::new(0);
        Self(Arc::new(Inner { router, block, shutdown: shutdown.clone(), stock: Mutex::new(stock), finished }))
    }

    /// The next id. At once where the block has one; else waits for the lease under way.
    ///
    /// # Errors
    /// `UNAVAILABLE` with the seconds after which to try again, where all ids are used and the router does not answer.
    pub async fn next(&self) -> Result<UserId> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.take() {
                Taken::Id(id) => return UserId::new(id).ok_or_else(Error::internal),
                Taken::Refused(until) => return Err(unavailable(until)),
                Taken::Coming(mut finished) => {
                    if timeout_at(deadline, finished.changed()).await.is_err() {
                        return Err(unavailable(Instant::now()));
                    }
                }
            }
        }
    }

    /// Leases the first block ahead of need; for a service's start, so that its first sign-up does not depend on the router.
    pub fn warm(&self) {
        let mut stock = self.stock();
        if stock.current.is_empty() {
            self.lease(&mut stock);
        }
    }

    fn take(&self) -> Taken {
        let mut stock = self.stock();
        if stock.current.is_empty() {
            stock.current = std::mem::take(&mut stock.spare);
            stock.size = stock.current.end - stock.current.start;
        }
        let next = stock.current.next();
        let left = stock.current.end - stock.current.start;
        if stock.spare.is_empty() && left * 2 <= stock.size {
            self.lease(&mut stock);
        }
        match (next, stock.not_before) {
            (Some(id), _) => Taken::Id(id),
            (None, Some(until)) if !stock.leasing => Taken::Refused(until),
            // Subscribed under the lock: the lease cannot finish unseen.
            (None, _) => Taken::Coming(self.0.finished.subscribe()),
        }
    }

    /// Starts a lease unless one runs or the last one failed just now. Tracked, so a caller that goes away does not lose a block.
    fn lease(&self, stock: &mut Stock) {
        if stock.leasing || stock.not_before.is_some_and(|until| until > Instant::now()) {
            return;
        }
        stock.leasing = true;
        let this = self.clone();
        self.0.shutdown.spawn(async move {
            let leased = this.ask().await;
            metrics::lease(leased.is_ok());
            this.finish(leased);
        });
    }

    fn finish(&self, leased: std::result::Result<Range<u64>, String>) {
        let mut stock = self.stock();
        stock.leasing = false;
        match leased {
            Ok(block) => {
                stock.spare = block;
                stock.not_before = None;
                stock.backoff.reset();
            }
            Err(reason) => {
                let wait = stock.backoff.wait();
                stock.not_before = Some(Instant::now() + wait);
                let left = stock.current.end - stock.current.start;
                tracing::warn!(reason, ids.left = left, "no block of user ids leased");
            }
        }
        drop(stock);
        self.0.finished.send_modify(|count| *count += 1);
    }

    async fn ask(&self) -> std::result::Result<Range<u64>, String> {
        let mut router = self.0.router.clone();
        let mut request = tonic::Request::new(LeaseUserIdsRequest { count: self.0.block });
        request.set_timeout(ANSWER);
        let answer = timeout(ANSWER, router.lease_user_ids(request)).await.map_err(|_| "no answer in time")?;
        let answer = answer.map_err(|status| format!("{:?}: {}", status.code(), status.message()))?.into_inner();
        let end = answer.first.checked_add(answer.count.into()).ok_or("the block overflows")?;
        let usable = UserId::new(answer.first).is_some() && UserId::new(end - 1).is_some() && answer.count > 0;
        if usable { Ok(answer.first..end) } else { Err(format!("the router leased {}..{end}", answer.first)) }
    }

    fn stock(&self) -> std::sync::MutexGuard<'_, Stock> {
        self.0.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unavailable(until: Instant) -> Error {
    let wait = until.saturating_duration_since(Instant::now());
    let seconds = u32::try_from(wait.as_secs() + 1).unwrap_or(1);
    Error::new(Code::Unavailable, "No new user can be numbered now. Try again.").retry_after(seconds)
}
