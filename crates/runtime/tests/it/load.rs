//! Callers that never rest, and what became of their calls.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use runtime::grpc::Client;
use tokio::task::JoinSet;
use tonic::Status;

use crate::world::{read, write};

/// A call that has ended.
#[derive(Debug, Clone)]
pub struct Ended {
    pub began: Instant,
    pub took: Duration,
    pub error: Option<Status>,
}

/// Load that runs until it is stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    ended: Arc<Mutex<Vec<Ended>>>,
    callers: JoinSet<()>,
}

impl Load {
    /// Callers that read, or write, one call after the other.
    pub fn start(client: &Client, callers: usize, writes: bool) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let ended: Arc<Mutex<Vec<Ended>>> = Arc::default();
        let mut set = JoinSet::new();
        for _ in 0..callers {
            let (client, stop, done, ended) = (client.clone(), stop.clone(), done.clone(), ended.clone());
            set.spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let began = Instant::now();
                    let answer = if writes { write(&client).await } else { read(&client).await };
                    let call = Ended { began, took: began.elapsed(), error: answer.err() };
                    ended.lock().unwrap().push(call);
                    done.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        Self { stop, done, ended, callers: set }
    }

    pub fn done(&self) -> u64 {
        self.done.load(Ordering::SeqCst)
    }

    /// Ends it and returns all calls.
    pub async fn stop(mut self) -> Vec<Ended> {
        self.stop.store(true, Ordering::SeqCst);
        while let Some(caller) = self.callers.join_next().await {
            caller.unwrap();
        }
        std::mem::take(&mut *self.ended.lock().unwrap())
    }
}

pub fn failed(calls: &[Ended]) -> Vec<Status> {
    calls.iter().filter_map(|call| call.error.clone()).collect()
}
