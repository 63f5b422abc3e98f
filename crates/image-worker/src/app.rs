//! The worker put together, and its loop: the only place that spawns tasks.

use std::sync::Arc;
use std::time::Duration;

use objects::Objects;
use queue::{Consumer, Delivery};
use runtime::grpc::Client;
use runtime::shutdown::Shutdown;
use tokio::sync::Semaphore;

use crate::child::Transformer;
use crate::config::Settings;
use crate::images::Images;
use crate::job::Worker;
use crate::metrics::Metrics;
use crate::scratch::Scratch;
use crate::stop::Stop;

/// What the worker works with.
pub struct Collaborators {
    /// Reaches user-service.
    pub images: Client,
    /// Sources and derived pictures.
    pub objects: Objects,
    /// Jobs.
    pub consumer: Box<dyn Consumer>,
}

/// The worker.
pub struct App {
    worker: Arc<Worker>,
    consumer: Box<dyn Consumer>,
    jobs: usize,
    drain: Duration,
}

impl App {
    /// Checks the settings, finds the transformer, makes the directory for the jobs' files.
    ///
    /// # Errors
    /// Names the setting and the fix.
    pub fn build(settings: &Settings, with: Collaborators) -> anyhow::Result<Self> {
        settings.validate()?;
        let worker = Worker {
            images: Images::new(with.images),
            objects: with.objects,
            transformer: Transformer::new(settings)?,
            scratch: Scratch::open(settings.scratch_dir.as_deref())?,
            budget: Arc::new(Semaphore::new(usize::try_from(settings.megapixels)?)),
            megapixels: settings.megapixels,
            metrics: Metrics::new(),
        };
        Ok(Self {
            worker: Arc::new(worker),
            consumer: with.consumer,
            jobs: settings.jobs(),
            drain: Duration::from_millis(settings.drain_ms),
        })
    }

    /// Takes jobs until the soft signal or the end of the queue. Running jobs then have `drain_ms` to finish.
    pub fn run(self, shutdown: &Shutdown) {
        let stop = Stop::new(shutdown, self.drain);
        let spawner = shutdown.clone();
        let places = Arc::new(Semaphore::new(self.jobs));
        let (worker, mut consumer) = (self.worker, self.consumer);
        shutdown.spawn(async move {
            loop {
                // A job is taken only when there is a place for it, so that others can take it until then.
                let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                    return;
                };
                let Some(delivery) = next(consumer.as_mut(), &stop).await else {
                    break;
                };
                let (worker, stop) = (Arc::clone(&worker), stop.clone());
                spawner.spawn(async move {
                    worker.work(delivery, &stop).await;
                    drop(place);
                });
            }
            tracing::info!("no more jobs are taken");
        });
    }
}

async fn next(consumer: &mut dyn Consumer, stop: &Stop) -> Option<Delivery> {
    tokio::select! {
        biased;
        () = stop.begins() => None,
        delivery = consumer.next() => delivery,
    }
}
