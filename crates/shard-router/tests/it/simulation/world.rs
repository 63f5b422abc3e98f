//! What there is in a simulation: a catalog, three shards, two routers, people, an operator, and their troubles.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use api::growth::v1::growth_service_client::GrowthServiceClient;
use runtime::grpc::Client;
use shard_router::Catalog;
use store::Engine;
use tokio::time::{Duration, Instant};
use topology::{ShardState, Topology};

use super::books::Books;
use super::database::Database;
use super::dice::Dice;
use super::engine::SimEngine;
use super::journal::Journal;
use super::operator::{SHARDS, is_draining};
use super::process::Process;
use super::router::Router;
use super::sabotage::{Kind, Sabotage};
use super::weather::Weather;

pub const ROUTERS: usize = 2;

/// Clones are the same world.
#[derive(Clone)]
pub struct World {
    pub seed: u64,
    pub journal: Journal,
    pub books: Books,
    inner: Arc<Inner>,
}

struct Inner {
    sabotage: Kind,
    databases: Mutex<BTreeMap<String, Arc<Database>>>,
    routers: Mutex<[Option<Router>; ROUTERS]>,
    storm: Mutex<Option<(Instant, Instant)>>,
    faults: AtomicU64,
}

impl World {
    pub fn new(seed: u64, sabotage: Kind) -> Self {
        let inner = Inner {
            sabotage,
            databases: Mutex::default(),
            routers: Mutex::default(),
            storm: Mutex::default(),
            faults: AtomicU64::new(0),
        };
        Self { seed, journal: Journal::begin(), books: Books::default(), inner: Arc::new(inner) }
    }

    /// A process's connection to the database at a location, which is there as soon as somebody asks for it.
    pub fn connect(&self, location: &str, process: &Arc<Process>) -> Arc<dyn Engine> {
        let mut databases = self.inner.databases.lock().unwrap();
        let database = databases.entry(location.to_owned()).or_insert_with(|| {
            let name = location.rsplit('/').next().unwrap().trim_end_matches(".db");
            Database::start(name, self.journal.clone(), Sabotage::of(self.inner.sabotage))
        });
        SimEngine::connect(Arc::clone(database), Arc::clone(process), self.seed)
    }

    /// Every database by its location.
    pub fn databases(&self) -> Vec<(String, Arc<Database>)> {
        self.inner.databases.lock().unwrap().iter().map(|(at, database)| (at.clone(), Arc::clone(database))).collect()
    }

    /// From now on everything goes wrong now and then, for so long.
    pub fn begin_storm(&self, length: Duration) {
        let (from, to) = (Instant::now(), Instant::now() + length);
        *self.inner.storm.lock().unwrap() = Some((from, to));
        for (location, database) in self.databases() {
            let mut dice = Dice::new(self.seed, &format!("weather at {location}"));
            database.set_weather(Weather::stormy(&mut dice, from, to));
        }
    }

    pub fn is_stormy(&self) -> bool {
        let now = Instant::now();
        self.inner.storm.lock().unwrap().is_some_and(|(from, to)| (from..to).contains(&now))
    }

    /// Notes something that befalls a process.
    pub fn note_fault(&self, what: &str) {
        self.inner.faults.fetch_add(1, Ordering::Relaxed);
        self.journal.note("trouble", what);
    }

    /// How often something went wrong: calls, and processes.
    pub fn faults(&self) -> u64 {
        let calls = self.databases().iter().map(|(_, database)| database.faults.load(Ordering::Relaxed)).sum::<u64>();
        calls + self.inner.faults.load(Ordering::Relaxed)
    }

    pub fn take_router(&self, number: usize) -> Option<Router> {
        self.inner.routers.lock().unwrap()[number].take()
    }

    pub fn put_router(&self, number: usize, router: Router) {
        self.inner.routers.lock().unwrap()[number] = Some(router);
    }

    fn of_one<T>(&self, which: u64, look: impl FnOnce(&Router) -> T) -> Option<T> {
        let routers = self.inner.routers.lock().unwrap();
        let there: Vec<&Router> = routers.iter().flatten().collect();
        let at = which.checked_rem(there.len() as u64)?;
        there.get(usize::try_from(at).unwrap()).map(|router| look(router))
    }

    /// One of the routers that are there: its process and its catalog.
    pub fn any_router(&self, which: u64) -> Option<(Arc<Process>, Catalog)> {
        self.of_one(which, |router| (Arc::clone(&router.process), router.catalog().clone()))
    }

    /// The operators' calls of one of them.
    pub fn operators(&self, which: u64) -> Option<GrowthServiceClient<Client>> {
        self.of_one(which, Router::operators)
    }

    /// The newest map that a router has.
    pub fn topology(&self) -> Option<Arc<Topology>> {
        let routers = self.inner.routers.lock().unwrap();
        routers.iter().flatten().map(Router::topology).max_by_key(|map| map.version())
    }

    /// A shard that was drained takes buckets again.
    pub async fn activate(&self) {
        let Some(catalog) = self.of_one(0, |router| router.catalog().clone()) else { return };
        let map = catalog.current();
        if !is_draining(&map) {
            return;
        }
        let edit = |parts: &mut topology::Parts| {
            for shard in parts.shards.iter_mut().filter(|shard| shard.name == SHARDS[2]) {
                shard.state = ShardState::Active;
            }
        };
        // Whether it worked is seen by what is planned next.
        let _ = tokio::time::timeout(Duration::from_secs(4), catalog.change(map.version(), edit)).await;
    }

    /// Takes the world apart, whose parts know one another.
    pub fn end(&self) {
        for number in 0..ROUTERS {
            if let Some(router) = self.take_router(number) {
                router.kill();
            }
        }
        for (_, database) in std::mem::take(&mut *self.inner.databases.lock().unwrap()) {
            database.end();
        }
    }
}
