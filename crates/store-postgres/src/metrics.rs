//! What the engine counts: for `Stats`, and as metrics by store.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use store::Stats;

/// Transactions that were committed. Each is a commit of its own; PostgreSQL groups their syncs itself.
pub struct Counters {
    transactions: AtomicU64,
    transactions_metric: Counter,
    commits_metric: Counter,
    in_doubt_metric: Counter,
}

impl Counters {
    pub fn new(name: &str) -> Self {
        describe_counter!("myriad_store_transactions_total", "Transactions acknowledged as committed");
        describe_counter!("myriad_store_commits_total", "Durable commits, each one sync of the log");
        describe_counter!("myriad_store_in_doubt_total", "Commits whose answer never came");
        let named = || name.to_owned();
        Self {
            transactions: AtomicU64::new(0),
            transactions_metric: counter!("myriad_store_transactions_total", "store" => named()),
            commits_metric: counter!("myriad_store_commits_total", "store" => named()),
            in_doubt_metric: counter!("myriad_store_in_doubt_total", "store" => named()),
        }
    }

    pub fn committed(&self) {
        self.transactions.fetch_add(1, Ordering::Relaxed);
        self.transactions_metric.increment(1);
        self.commits_metric.increment(1);
    }

    pub fn in_doubt(&self) {
        self.in_doubt_metric.increment(1);
    }

    pub fn read(&self) -> Stats {
        let transactions = self.transactions.load(Ordering::Relaxed);
        Stats { transactions, commits: transactions, reads: 0 }
    }
}

/// One pool's instruments.
pub struct PoolMetrics {
    wait: Histogram,
    connections: Gauge,
    evicted: Counter,
}

impl PoolMetrics {
    pub fn new(store: &str, pool: &'static str) -> Self {
        describe_histogram!("myriad_store_pool_wait_seconds", "How long calls waited for a connection");
        describe_gauge!("myriad_store_pool_connections", "Connections open");
        describe_counter!(
            "myriad_store_pool_evicted_total",
            "Connections given up because they failed or were left in an unclear state"
        );
        let named = || store.to_owned();
        Self {
            wait: histogram!("myriad_store_pool_wait_seconds", "store" => named(), "pool" => pool),
            connections: gauge!("myriad_store_pool_connections", "store" => named(), "pool" => pool),
            evicted: counter!("myriad_store_pool_evicted_total", "store" => named(), "pool" => pool),
        }
    }

    pub fn waited(&self, waited: Duration) {
        self.wait.record(waited);
    }

    pub fn evicted(&self) {
        self.evicted.increment(1);
    }

    /// Counts one connection for as long as the result lives.
    pub fn opened(&self) -> Counted {
        self.connections.increment(1.0);
        Counted(self.connections.clone())
    }
}

/// One open connection.
pub struct Counted(Gauge);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
