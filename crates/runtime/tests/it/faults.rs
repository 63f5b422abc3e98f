//! Servers that die, freeze, drain and come back.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use tokio::net::{TcpListener, TcpStream};
use tonic::Code;

use crate::{
    load::{Load, failed},
    world::{Fake, Server, client, read, read_within, until, until_all_take_calls, write},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_costs_no_read_and_writes_go_on_elsewhere() {
    let (doomed, other) = (Server::start().await, Server::start().await);
    let client = client(&[&doomed, &other]);
    until_all_take_calls(&client, &[&doomed, &other]).await;
    let (reads, writes) = (Load::start(&client, 8, false), Load::start(&client, 4, true));
    until("there is load", async || reads.done() > 500 && writes.done() > 200).await;
    let killed = Instant::now();
    tokio::task::spawn_blocking(move || doomed.kill()).await.unwrap();
    let so_far = (reads.done(), writes.done());
    until("it goes on", async || {
        reads.done() > so_far.0 + 2_000
            && writes.done() > so_far.1 + 1_000
            && killed.elapsed() > Duration::from_millis(500)
    })
    .await;
    let (reads, writes) = (reads.stop().await, writes.stop().await);
    assert!(failed(&reads).is_empty(), "{:?}", failed(&reads));
    // A write that was on its way is in doubt, one a caller; none that began after.
    let failed = failed(&writes);
    assert!(failed.len() <= 4 && failed.iter().all(|status| status.code() == Code::Unknown), "{failed:?}");
    let late =
        writes.iter().filter(|call| call.error.is_some() && call.began > killed + Duration::from_secs(1)).count();
    assert_eq!(late, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_server_fails_nobody() {
    let (leaving, other) = (Server::start().await, Server::start().await);
    let client = client(&[&leaving, &other]);
    until_all_take_calls(&client, &[&leaving, &other]).await;
    let (reads, writes) = (Load::start(&client, 8, false), Load::start(&client, 4, true));
    until("there is load", async || reads.done() > 500 && writes.done() > 200).await;
    leaving.drain().await;
    let so_far = (reads.done(), writes.done());
    until("it goes on", async || reads.done() > so_far.0 + 500 && writes.done() > so_far.1 + 200).await;
    for calls in [reads.stop().await, writes.stop().await] {
        assert!(failed(&calls).is_empty(), "{:?}", failed(&calls));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_is_left_within_two_seconds_and_taken_back_when_it_thaws() {
    let (frozen, other) = (Server::start().await, Server::start().await);
    let client = client(&[&frozen, &other]);
    until_all_take_calls(&client, &[&frozen, &other]).await;
    let reads = Load::start(&client, 8, false);
    until("there is load", async || reads.done() > 500).await;
    frozen.freeze();
    let since = Instant::now();
    until("three seconds have passed", async || since.elapsed() > Duration::from_secs(3)).await;
    let calls = reads.stop().await;
    assert!(failed(&calls).is_empty(), "{:?}", failed(&calls));
    let longest = calls.iter().map(|call| call.took).max().unwrap();
    assert!(longest < Duration::from_millis(2_500), "{longest:?}");
    let after = calls.iter().filter(|call| call.began > since + Duration::from_secs(2)).map(|call| call.took).max();
    assert!(after.unwrap() < Duration::from_millis(500), "{after:?}");

    frozen.thaw();
    until_all_take_calls(&client, &[&frozen]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_swallows_connections_costs_nothing() {
    // The kernel accepts for it; nobody answers.
    let hole = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::start().await;
    let urls = format!("http://{},{}", hole.local_addr().unwrap(), server.url());
    let client = runtime::grpc::connect(&urls).unwrap();
    for _ in 0..50 {
        let began = Instant::now();
        write(&client).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_left_is_in_doubt_and_never_sent_twice() {
    let (one, two) = (Server::start().await, Server::start().await);
    let client = client(&[&one, &two]);
    until_all_take_calls(&client, &[&one, &two]).await;
    for server in [&one, &two] {
        server.fake.silent.store(true, Ordering::SeqCst);
    }
    let writing = tokio::spawn({
        let client = client.clone();
        async move { write(&client).await }
    });
    until("somebody has it", async || {
        one.fake.writes.load(Ordering::SeqCst) + two.fake.writes.load(Ordering::SeqCst) == 1
    })
    .await;
    let (holder, other) = if one.fake.writes.load(Ordering::SeqCst) == 1 { (one, two) } else { (two, one) };
    tokio::task::spawn_blocking(move || holder.kill()).await.unwrap();
    assert_eq!(writing.await.unwrap().unwrap_err().code(), Code::Unknown);
    assert_eq!(other.fake.writes.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn repeats_are_bounded_when_everything_fails() {
    let (one, two) = (Server::start().await, Server::start().await);
    let (cut_one, cut_two) = (cutter(&one).await, cutter(&two).await);
    let client = runtime::grpc::connect(&format!("http://{cut_one},http://{cut_two}")).unwrap();
    let asked = || one.fake.calls() + two.fake.calls();
    let mut calls = 0_u64;
    for _ in 0..200 {
        calls += 1;
        assert_eq!(read_within(&client, Duration::from_secs(20)).await.unwrap_err().code(), Code::Unavailable);
    }
    // What was saved up, and a tenth.
    let asked = asked();
    assert!(asked > calls && asked <= calls + 64 + calls / 10 + 1, "{asked} of {calls}");
}

/// A proxy whose connections are all cut whenever its server has taken a call.
async fn cutter(server: &Server) -> std::net::SocketAddr {
    server.fake.silent.store(true, Ordering::SeqCst);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (to, called) = (server.address, server.fake.called.clone());
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let called = called.clone();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(to).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    () = called.notified() => {}
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_told_at_once_and_somebody_who_comes_is_found_at_once() {
    let server = Server::start().await;
    let client = client(&[&server]);
    read(&client).await.unwrap();
    let address = tokio::task::spawn_blocking(move || server.kill()).await.unwrap();
    until("it is noticed", async || read(&client).await.is_err()).await;
    for _ in 0..20 {
        let began = Instant::now();
        assert_eq!(write(&client).await.unwrap_err().code(), Code::Unavailable);
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
    // Long enough away for the longest back-off, which a caller does not wait for.
    let back = Server::with(Fake::default(), address, runtime::grpc::ServiceKey::default()).await;
    write(&client).await.unwrap();
    assert_eq!(back.fake.writes.load(Ordering::SeqCst), 1);
}
