//! Nobody waits longer than the caller.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use tokio::net::TcpListener;
use tonic::Code;

use crate::world::{Fake, Server, client, read, read_within, until};

const PATIENCE: Duration = Duration::from_millis(300);

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_never_answers_is_not_waited_for_beyond_the_deadline() {
    let hole = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = runtime::grpc::connect(&format!("http://{}", hole.local_addr().unwrap())).unwrap();
    let mut codes = Vec::new();
    for _ in 0..8 {
        let began = Instant::now();
        codes.push(read_within(&client, PATIENCE).await.unwrap_err().code());
        let took = began.elapsed();
        assert!((PATIENCE..PATIENCE * 3).contains(&took), "{took:?}");
    }
    // While nobody was found nothing was sent, and the answer says so; then there is nobody else, and it is.
    assert_eq!(codes[0], Code::Unavailable);
    assert_eq!(codes[7], Code::DeadlineExceeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_not_waited_for_beyond_the_deadline() {
    let server = Server::start().await;
    let client = client(&[&server]);
    read(&client).await.unwrap();
    server.fake.silent.store(true, Ordering::SeqCst);
    let began = Instant::now();
    assert_eq!(read_within(&client, PATIENCE).await.unwrap_err().code(), Code::DeadlineExceeded);
    assert!(began.elapsed() < PATIENCE * 3, "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_is_passed_on_to_the_next_service() {
    let last = Server::start().await;
    let next = Some(client(&[&last]));
    let fake = Fake { next, ..Fake::default() };
    let first = Server::with(fake, ([127, 0, 0, 1], 0).into(), runtime::grpc::ServiceKey::default()).await;
    let client = client(&[&first]);
    read_within(&client, Duration::from_secs(20)).await.unwrap();
    let left = |server: &Server| *server.fake.left.lock().unwrap();
    let (at_first, at_last) = (left(&first).unwrap(), left(&last).unwrap());
    assert!(Duration::from_secs(20) > at_first && at_first > at_last && at_last > Duration::from_secs(5));

    // And kept: the last one never answers, the first one has no time of its own.
    last.fake.silent.store(true, Ordering::SeqCst);
    let began = Instant::now();
    assert_eq!(read_within(&client, PATIENCE).await.unwrap_err().code(), Code::DeadlineExceeded);
    assert!(began.elapsed() < PATIENCE * 3, "{:?}", began.elapsed());

    // Without a deadline none is made up.
    last.fake.silent.store(false, Ordering::SeqCst);
    until("the call before has gone", async || read(&client).await.is_ok()).await;
    assert_eq!((left(&first), left(&last)), (None, None));
}
