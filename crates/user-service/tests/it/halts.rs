//! Stops recipes between their steps: held there, then let go, or left for good as by a crash.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use tokio::sync::oneshot;
use user_service::store::steps::Steps;

type Waiting = (oneshot::Sender<()>, oneshot::Receiver<()>);

#[derive(Clone, Default)]
pub struct Halts(Arc<Mutex<HashMap<&'static str, Waiting>>>);

/// A recipe that is, or will be, held at a point. Dropped, it is held for ever.
pub struct Held {
    arrived: oneshot::Receiver<()>,
    go: oneshot::Sender<()>,
}

impl Halts {
    /// The next recipe to come to this point is held there.
    pub fn at(&self, point: &'static str) -> Held {
        let (arrive, arrived) = oneshot::channel();
        let (go, wait) = oneshot::channel();
        self.0.lock().unwrap().insert(point, (arrive, wait));
        Held { arrived, go }
    }

    /// Nobody is held at this point any more who is not there yet.
    pub fn open(&self, point: &'static str) {
        self.0.lock().unwrap().remove(point);
    }

    pub fn steps(&self) -> Steps {
        let halts = self.clone();
        Steps::with(Arc::new(move |point| {
            let waiting = halts.0.lock().unwrap().remove(point);
            Box::pin(async move {
                let Some((arrive, wait)) = waiting else { return };
                let _ = arrive.send(());
                if wait.await.is_err() {
                    std::future::pending::<()>().await;
                }
            })
        }))
    }
}

impl Held {
    /// Waits until the recipe is there. False where it never came: the point was taken away.
    pub async fn arrived(&mut self) -> bool {
        (&mut self.arrived).await.is_ok()
    }

    pub fn release(self) {
        let _ = self.go.send(());
    }
}
