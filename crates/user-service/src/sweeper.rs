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

/// First looks, in milliseconds after the start. Reservations are looked at once, for what an earlier process left; the
/// others would only be in the way of the first requests.
const RECORDS_FIRST_MS: u32 = 30_000;
const OBJECTS_FIRST_MS: u32 = 60_000;

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
        start(shutdown, 0, every.claims_every_ms, move || {
            let this = this.clone();
            async move { this.sweep_claims(now_ms()).await }
        });
        let this = self.clone();
        start(shutdown, RECORDS_FIRST_MS.min(every.records_every_ms), every.records_every_ms, move || {
            let this = this.clone();
            async move { this.sweep_records(now_ms()).await }
        });
        let this = self.clone();
        start(shutdown, OBJECTS_FIRST_MS.min(every.objects_every_ms), every.objects_every_ms, move || {
            let this = this.clone();
            async move { this.sweep_objects(now_ms()).await }
        });
    }
}

/// Sweeps for the first time after `first_ms`, then every `every_ms`.
fn start<F>(shutdown: &Shutdown, first_ms: u32, every_ms: u32, mut sweep: impl FnMut() -> F + Send + 'static)
where
    F: Future<Output = ()> + Send,
{
    let soft = shutdown.soft.clone();
    shutdown.spawn(async move {
        let mut wait_ms = first_ms;
        while soft.run_until_cancelled(tokio::time::sleep(Duration::from_millis(wait_ms.into()))).await.is_some() {
            // A sweep that is cut off has done whole steps only; the next one goes on.
            let _ = soft.run_until_cancelled(sweep()).await;
            wait_ms = every_ms;
        }
    });
}
