//! What replicas add: reads a second, and what each server's processor has to do for one.
//!
//! All servers share this machine, so the reads of a second tell little. What tells is the busiest server's time for a read: where
//! each has a machine of its own, capacity grows as that falls.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use engines::ReplicaSettings;
use futures::future::join_all;
use testkit::bench::{cpu, processes_below};

use super::{asked, looks, stage::Stage};

const READERS: usize = 8;

/// Processor time of a server and its backends so far.
fn taken(directory: &Path) -> Duration {
    processes_below(directory).unwrap().iter().filter_map(|process| cpu(process.pid)).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_replicas_the_primary_has_no_reads_and_each_replica_its_share() {
    let reads = asked();
    let mut alone = None;
    for replicas in 0..=3_usize {
        let stage = Stage::new(&vec![&[][..]; replicas], ReplicaSettings::default()).await;
        let user = stage.sign_up(1).await[0];
        if replicas > 0 {
            stage.until_all_serve(user).await;
        }
        let looks_before = looks(&stage.primary).await;
        let before: Vec<Duration> = stage.directories.iter().map(|directory| taken(directory.path())).collect();
        let begun = Instant::now();
        let stage = &stage;
        join_all((0..READERS).map(|_| async move {
            for _ in 0..reads / READERS {
                assert!(stage.list_images(user, &[]).await);
            }
        }))
        .await;
        let took = begun.elapsed();
        let spent = stage
            .directories
            .iter()
            .zip(before)
            .map(|(directory, before)| taken(directory.path()).saturating_sub(before));
        let count = u32::try_from(reads).unwrap();
        let a_read: Vec<f64> = spent.map(|spent| spent.as_secs_f64() * 1e6 / f64::from(count)).collect();
        let busiest = a_read.iter().copied().fold(0.0, f64::max);
        let one = *alone.get_or_insert(busiest);
        println!(
            "{replicas} replicas: {:.0} reads/s on one machine; processor time a read, us: primary {:.0}, replicas {:.0?}; \
             busiest {busiest:.0}: capacity × {:.2} where each has a machine",
            f64::from(count) / took.as_secs_f64(),
            a_read[0],
            &a_read[1..],
            one / busiest.max(1.0),
        );
        if replicas > 0 {
            assert_eq!(looks(&stage.primary).await - looks_before, 0, "reads on the primary");
        }
        stage.writing.end().await;
        stage.reading.end().await;
    }
}
