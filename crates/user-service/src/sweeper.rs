//! What crashes and time leave behind: reservations, recorded answers, consumed messages, objects without a row.
//!
//! Several instances may sweep at once; every step is guarded by the data.

pub mod claims;
pub mod objects;
pub mod records;

use std::time::Duration;

use ::objects::Objects;
use model::time::now_ms;
use runtime::shutdown::Shutdown;

use crate::store::Recipes;

/// The sweepers.
#[derive(Clone)]
pub struct Sweeper {
    /// Their reads and writes.
    pub recipes: Recipes,
    /// The objects.
    pub objects: Objects,
}

impl Sweeper {
    /// Starts the three sweepers; each ends with the soft signal.
    pub fn run(&self, shutdown: &Shutdown) {
        let every = self.recipes.config().sweeper.clone();
        let this = self.clone();
        start(shutdown, every.claims_every_ms, move || {
            let this = this.clone();
            async move { this.sweep_claims(now_ms()).await }
        });
        let this = self.clone();
        start(shutdown, every.records_every_ms, move || {
            let this = this.clone();
            async move { this.sweep_records(now_ms()).await }
        });
        let this = self.clone();
        start(shutdown, every.objects_every_ms, move || {
            let this = this.clone();
            async move { this.sweep_objects(now_ms()).await }
        });
    }
}

/// Sweeps at once, for what an earlier process left, then every so often.
fn start<F>(shutdown: &Shutdown, every_ms: u32, mut sweep: impl FnMut() -> F + Send + 'static)
where
    F: Future<Output = ()> + Send,
{
    let soft = shutdown.soft.clone();
    let every = Duration::from_millis(every_ms.into());
    shutdown.spawn(async move {
        while soft.run_until_cancelled(sweep()).await.is_some() {
            let _ = soft.run_until_cancelled(tokio::time::sleep(every)).await;
        }
    });
}
