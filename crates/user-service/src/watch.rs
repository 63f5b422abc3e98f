//! Streams of an image's states: the present one first, then each change, to the end of its job.

use std::time::Duration;

use api::{image::v1::WatchImageResponse, status::to_status};
use model::{Result, image::Image};
use runtime::shutdown::Shutdown;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::store::{Recipes, report_job::JobOf};

/// States that may wait for a slow reader; then the watcher waits too, and the reader gets the newest afterwards.
const BUFFER: usize = 2;

type Sender = mpsc::Sender<std::result::Result<WatchImageResponse, Status>>;

/// Opens streams. Each is a tracked task that ends with its reader, with the job, or with the process.
#[derive(Clone)]
pub struct Watches {
    recipes: Recipes,
    poll: Duration,
    shutdown: Shutdown,
}

impl Watches {
    /// `poll_ms`: how often a row is read though nothing told of a change; another instance may have made it.
    pub fn new(recipes: Recipes, poll_ms: u32, shutdown: Shutdown) -> Self {
        Self { recipes, poll: Duration::from_millis(poll_ms.into()), shutdown }
    }

    /// A stream of one image.
    ///
    /// # Errors
    /// `NOT_FOUND` where there is no such image now.
    pub async fn open(&self, of: JobOf) -> Result<ReceiverStream<std::result::Result<WatchImageResponse, Status>>> {
        // Subscribed before the first read: no change falls between.
        let changes = self.recipes.notices().subscribe(&of.image);
        let first = self.recipes.get_image(&of).await?;
        let (sender, receiver) = mpsc::channel(BUFFER);
        let this = self.clone();
        self.shutdown.spawn(async move {
            let soft = this.shutdown.soft.clone();
            tokio::select! {
                () = this.follow(of, first, changes, sender.clone()) => {}
                () = sender.closed() => {}
                () = soft.cancelled() => {}
            }
        });
        Ok(ReceiverStream::new(receiver))
    }

    async fn follow(&self, of: JobOf, first: Image, mut changes: tokio::sync::watch::Receiver<u64>, sender: Sender) {
        let mut shown = first;
        loop {
            if sender.send(Ok(state(&shown))).await.is_err() || shown.status.is_final() {
                return;
            }
            shown = loop {
                // A closed channel cannot be: the recipes hold its sender.
                let _ = tokio::time::timeout(self.poll, changes.changed()).await;
                match self.recipes.get_image(&of).await {
                    Ok(image) if image != shown => break image,
                    Ok(_) => {}
                    Err(error) => {
                        // The reader may have gone; there is nobody else to tell.
                        let _ = sender.send(Err(to_status(error))).await;
                        return;
                    }
                }
            };
        }
    }
}

fn state(image: &Image) -> WatchImageResponse {
    WatchImageResponse { image: Some(image.clone().into()) }
}
