//! Reads from real replicas: spread, never older than what the caller has written, and never failed by a replica that dies.
//!
//! Two services stand over one shard and share nothing but its databases: what one writes no cache of the other is told.
//! `MYRIAD_STALE_READS` says how many reads after own writes are made.

mod capacity;
mod stage;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use engines::ReplicaSettings;
use futures::future::{join, join_all};
use model::UserId;
use testkit::{engines::Postgres, eventually};

use self::stage::{DATABASE, LIMIT, Stage};

/// How often a server has looked into the table of images.
async fn looks(server: &Postgres) -> u64 {
    let sql = "SELECT coalesce(sum(coalesce(seq_scan, 0) + coalesce(idx_scan, 0)), 0) FROM pg_stat_user_tables \
               WHERE relname = 'images'";
    server.sql(DATABASE, sql).await.unwrap().parse().unwrap()
}

// R14 R15
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_are_spread_over_the_replicas_and_the_primary_has_none_of_them() {
    const READS: u64 = 2_000;
    let stage = Stage::new(&[&[], &[]], ReplicaSettings::default()).await;
    let users = stage.sign_up(1).await;
    stage.until_replicas_serve(users[0]).await;
    let seen = stage.rename(users[0], "Johnny").await;
    // Half of the readers have written, the others not; each is answered by a replica once it has replayed that.
    eventually("both have replayed it", LIMIT, || async {
        let mut there = true;
        for server in &stage.replicas {
            let log: u64 = server
                .sql(DATABASE, "SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint")
                .await
                .unwrap()
                .parse()
                .unwrap();
            there &= log >= seen[0].log;
        }
        there.then_some(())
    })
    .await;
    let before = looks(&stage.primary).await;
    let readers = (0..8_u64).map(|reader| {
        let (stage, seen, user) = (&stage, if reader % 2 == 0 { &seen[..] } else { &[] }, users[0]);
        async move {
            for _ in 0..READS / 8 {
                assert!(stage.list_images(user, seen).await);
            }
        }
    });
    join_all(readers).await;
    // A server counts a moment later.
    let (one, two) = eventually("all reads are counted", LIMIT, || async {
        let counts = join(looks(&stage.replicas[0]), looks(&stage.replicas[1])).await;
        (counts.0 + counts.1 >= READS).then_some(counts)
    })
    .await;
    let on_primary = looks(&stage.primary).await - before;
    println!("{READS} reads: {one} and {two} on the replicas, {on_primary} on the primary");
    // On a busy machine a replica may be silent for long enough to be left out for a moment.
    assert!(one.abs_diff(two) <= READS / 4, "{one} and {two}");
    assert!(on_primary <= READS / 20, "{on_primary}");
}

/// Writes by one service, each followed by a read through the other; how many reads did not show the write.
async fn stale_reads(with_token: bool, reads: usize) -> usize {
    const USERS: usize = 20;
    // The replica stays in rotation however late it is: only the token keeps a reader away from it.
    let settings = ReplicaSettings { max_lag_ms: 600_000, wait_ms: 0, ..ReplicaSettings::default() };
    let stage = Stage::new(&[&["recovery_min_apply_delay=5s"]], settings).await;
    let users = stage.sign_up(USERS).await;
    stage.until_replicas_serve(users[0]).await;
    let missed = AtomicU64::new(0);
    let writers = users.iter().map(|user| {
        let (stage, missed) = (&stage, &missed);
        async move {
            for n in 0..reads / USERS {
                let name = format!("Name {n}");
                let seen = stage.rename(*user, &name).await;
                let shown = stage.name(*user, if with_token { &seen } else { &[] }).await;
                missed.fetch_add(u64::from(shown != name), Ordering::Relaxed);
            }
        }
    });
    join_all(writers).await;
    assert!(stage.shows_from_a_replica(users[0]).await, "the replica was no longer in the way: nothing was shown");
    let missed = usize::try_from(missed.into_inner()).unwrap();
    println!("replica delayed by 5 s, token {with_token}: {reads} reads after own writes, {missed} stale");
    missed
}

fn asked() -> usize {
    #[expect(clippy::disallowed_methods, reason = "a switch of the long suite")]
    std::env::var("MYRIAD_STALE_READS").ok().and_then(|reads| reads.parse().ok()).unwrap_or(2_000)
}

// R22
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_token_a_delayed_replica_never_hides_an_own_write() {
    assert_eq!(stale_reads(true, asked()).await, 0);
}

// The twin of the one before: what it would find where the token is ignored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_token_a_delayed_replica_is_caught_hiding_writes() {
    assert!(stale_reads(false, 400).await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_lags_is_left_for_the_primary_and_taken_back_by_itself() {
    let stage = Stage::new(&[&["recovery_min_apply_delay=5s"]], ReplicaSettings::default()).await;
    let users = stage.sign_up(1).await;
    stage.until_replicas_serve(users[0]).await;
    let seen = stage.rename(users[0], "Late").await;
    eventually("it is left", LIMIT, || async { (!stage.shows_from_a_replica(users[0]).await).then_some(()) }).await;
    assert_eq!(stage.name(users[0], &[]).await, "Late");
    assert_eq!(stage.name(users[0], &seen).await, "Late");
    stage.until_replicas_serve(users[0]).await;
    let caught_up = stage.reading.shards.show(UserId::new(users[0]).unwrap(), &seen).await.unwrap();
    assert!(caught_up.on_replica);
}

// R19
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_dies_or_freezes_fails_no_read_and_comes_back_by_itself() {
    let mut stage = Stage::new(&[&[], &[]], ReplicaSettings::default()).await;
    let user = stage.sign_up(1).await[0];
    stage.until_replicas_serve(user).await;
    let seen = stage.rename(user, "Jane").await;
    let (reads, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let stop = AtomicBool::new(false);
    let mut dying = stage.replicas.remove(0);
    let readers = join_all((0..8_u64).map(|reader| {
        let (stage, reads, failed, stop) = (&stage, &reads, &failed, &stop);
        let seen = if reader % 2 == 0 { &seen[..] } else { &[] };
        async move {
            while !stop.load(Ordering::Relaxed) {
                let shown = stage.list_images(user, seen).await;
                reads.fetch_add(1, Ordering::Relaxed);
                failed.fetch_add(u64::from(!shown), Ordering::Relaxed);
            }
        }
    }));
    let more = async |count: u64| {
        let before = reads.load(Ordering::Relaxed);
        eventually("reads go on", LIMIT, || async { (reads.load(Ordering::Relaxed) >= before + count).then_some(()) })
            .await;
    };
    let drill = async {
        for round in 0..3 {
            more(200).await;
            if round == 1 {
                dying.freeze();
                more(200).await;
                dying.thaw();
            } else {
                dying.kill().await.unwrap();
                more(200).await;
                dying.restart().await.unwrap();
            }
            let before = looks(&dying).await;
            eventually("it is read from again", LIMIT, || async { (looks(&dying).await > before + 20).then_some(()) })
                .await;
        }
        stop.store(true, Ordering::Relaxed);
    };
    join(readers, drill).await;
    let (reads, failed) = (reads.into_inner(), failed.into_inner());
    println!("a replica killed twice and frozen once: {reads} reads, {failed} failed");
    assert_eq!(failed, 0);
}
