//! The engine inside one process: a bounded line that holds a job until a worker has answered for it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};

use crate::{BoxFuture, Consumer, Delivery, Error, Job, JobQueue, Result, Settle, Verdict};

/// The publisher's end. Cheap to clone; all clones are one queue.
#[derive(Debug, Clone)]
pub struct InProcess {
    shared: Arc<Shared>,
}

/// The worker's end. Cheap to clone; each job goes to one of the clones. When the last one is dropped the queue closes.
#[derive(Debug, Clone)]
pub struct InProcessConsumer {
    shared: Arc<Shared>,
    _last: Arc<LastConsumer>,
}

/// Closes the queue: a job that nobody will ever take goes back instead of waiting.
#[derive(Debug)]
struct LastConsumer(Arc<Shared>);

impl Drop for LastConsumer {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[derive(Debug)]
struct Shared {
    line: Mutex<Line>,
    /// Places in the line.
    room: Arc<Semaphore>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Waiting>,
    closed: bool,
}

#[derive(Debug)]
struct Waiting {
    job: Job,
    reply: oneshot::Sender<Verdict>,
    _place: OwnedSemaphorePermit,
}

impl InProcess {
    /// A queue with room for so many jobs that no worker has taken yet; at least one.
    pub fn new(capacity: usize) -> (Self, InProcessConsumer) {
        let room = Arc::new(Semaphore::new(capacity.clamp(1, Semaphore::MAX_PERMITS)));
        let shared = Arc::new(Shared { line: Mutex::default(), room, arrived: Notify::new() });
        (
            Self { shared: Arc::clone(&shared) },
            InProcessConsumer { _last: Arc::new(LastConsumer(Arc::clone(&shared))), shared },
        )
    }

    /// Closes the queue: what no worker has taken goes back to its publisher, workers get no more, and what they hold they may
    /// still finish.
    pub fn close(&self) {
        self.shared.close();
    }

    async fn hand_over(&self, job: Job) -> Result<()> {
        let place = Arc::clone(&self.shared.room).acquire_owned().await.map_err(|_| Error::Closed)?;
        let (reply, verdict) = oneshot::channel();
        {
            let mut line = self.shared.lock();
            if line.closed {
                return Err(Error::Closed);
            }
            line.waiting.push_back(Waiting { job, reply, _place: place });
            gauge(line.waiting.len());
        }
        self.shared.arrived.notify_one();
        match verdict.await {
            Ok(Verdict::Ack) => Ok(()),
            Ok(Verdict::Reject(reason)) => Err(Error::Rejected(reason)),
            Ok(Verdict::Release) | Err(_) => Err(Error::Returned),
        }
    }
}

impl JobQueue for InProcess {
    fn publish(&self, job: Job) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.hand_over(job))
    }
}

impl Consumer for InProcessConsumer {
    fn next(&mut self) -> BoxFuture<'_, Option<Delivery>> {
        Box::pin(async {
            loop {
                // Enabled before the look, so that an arrival or a closing after it is not missed.
                let mut arrived = std::pin::pin!(self.shared.arrived.notified());
                arrived.as_mut().enable();
                match self.shared.take() {
                    Taken::Delivery(delivery) => return Some(delivery),
                    Taken::Closed => return None,
                    Taken::Nothing => arrived.await,
                }
            }
        })
    }
}

enum Taken {
    Delivery(Delivery),
    Nothing,
    Closed,
}

impl Shared {
    fn close(&self) {
        self.room.close();
        let returned = {
            let mut line = self.lock();
            line.closed = true;
            std::mem::take(&mut line.waiting)
        };
        drop(returned);
        gauge(0);
        self.arrived.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        // Nothing below panics while it holds the lock, and the line is whole at every step.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Taken {
        let mut line = self.lock();
        while let Some(waiting) = line.waiting.pop_front() {
            // Its publisher has gone: it will publish again from the outbox.
            if waiting.reply.is_closed() {
                continue;
            }
            gauge(line.waiting.len());
            if !line.waiting.is_empty() {
                // Arrivals close together may have left one permit for several jobs.
                self.arrived.notify_one();
            }
            return Taken::Delivery(Delivery::new(waiting.job, Box::new(Reply(waiting.reply))));
        }
        if line.closed { Taken::Closed } else { Taken::Nothing }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge of a bounded line")]
fn gauge(waiting: usize) {
    metrics::gauge!("myriad_queue_jobs_waiting").set(waiting as f64);
}

struct Reply(oneshot::Sender<Verdict>);

impl Settle for Reply {
    fn settle(self: Box<Self>, verdict: Verdict) -> BoxFuture<'static, Result<()>> {
        // A publisher that went away still has its row and will deliver again.
        drop(self.0.send(verdict));
        Box::pin(std::future::ready(Ok(())))
    }
}
