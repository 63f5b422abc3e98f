//! What the accept loop lets through, refuses, times out and drains.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    client::{Reply, call, raw},
    world::World,
};

async fn answer(world: &World, request: &str) -> String {
    String::from_utf8_lossy(&raw(world.address, request.as_bytes()).await).into_owned()
}

#[tokio::test]
async fn doubtful_framing_is_refused_and_the_connection_closed() {
    let world = World::new().await;
    let good = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for head in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "POST /v1/users HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "POST /v1/users HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /v1/users HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
        "POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        "POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\n{}",
        "POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "POST /v1/users HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n",
        "nonsense\r\n\r\n",
    ] {
        // The good request before it gets its answer first, the one after it is never looked at.
        let said = answer(&world, &format!("{good}{head}{good}")).await;
        let statuses: Vec<&str> = said.split("HTTP/1.1 ").skip(1).map(|one| &one[..3]).collect();
        assert_eq!(statuses, ["200", "400"], "{head:?} {said}");
    }
    assert!(world.fake.state().asked.is_empty());
}

#[tokio::test]
async fn pipelined_and_kept_connections_answer_in_order() {
    let world = World::new().await;
    let chunked = "POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\n\r\n";
    let sized = "POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n[][]";
    let last = "GET /users/12 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let said = answer(&world, &format!("{chunked}{sized}{chunked}\r\n{last}")).await;
    let statuses: Vec<&str> = said.split("HTTP/1.1 ").skip(1).map(|one| &one[..3]).collect();
    assert_eq!(statuses, ["422", "400", "422", "200"], "{said}");
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_body_says_that_the_connection_closes() {
    let world = World::new().await;
    let head = "POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Type:";
    let full = format!("{} application/json\r\nContent-Length: 70000\r\n\r\n{}", head, " ".repeat(70_000));
    for (status, request) in [
        ("413", full.as_str()),
        ("413", &full[..full.len() - 1]),
        ("415", &format!("{head} text/plain\r\nContent-Length: 4\r\n\r\n[]")),
        ("415", &format!("{head} text/plain\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n")),
    ] {
        let said = answer(&world, request).await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status}")), "{said}");
        assert_eq!(said.matches("connection: close\r\n").count(), 1, "{status} {said}");
    }
    let read = format!("{head} application/json\r\nContent-Length: 4\r\n\r\n[][]GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!answer(&world, &read).await.contains("connection: close"));
}

#[tokio::test]
async fn heads_that_are_too_large_or_broken_off_are_told_so() {
    let world = World::new().await;
    let wide = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(17_000));
    assert!(answer(&world, &wide).await.starts_with("HTTP/1.1 431"));
    let endless = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(100_000));
    assert!(answer(&world, &endless).await.starts_with("HTTP/1.1 431"));
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(200));
    assert!(answer(&world, &many).await.starts_with("HTTP/1.1 431"));
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(9_000));
    assert!(answer(&world, &long).await.starts_with("HTTP/1.1 414"));
}

#[tokio::test]
async fn a_stalled_head_gets_408_and_a_silent_connection_just_ends() {
    let world = World::with(|config| config.server.head_timeout_ms = 200).await;
    let began = Instant::now();
    assert!(answer(&world, "GET / HTTP/1.1\r\nHos").await.starts_with("HTTP/1.1 408"));
    assert_eq!(answer(&world, "").await, "");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_head_that_drips_is_not_given_more_time() {
    let world = World::with(|config| config.server.head_timeout_ms = 300).await;
    let mut socket = TcpStream::connect(world.address).await.unwrap();
    let mut said = [0; 12];
    let mut drip = tokio::time::interval(Duration::from_millis(20));
    loop {
        tokio::select! {
            read = socket.read_exact(&mut said) => { read.unwrap(); break }
            _ = drip.tick() => {}
        }
        let (_, mut writer) = socket.split();
        let _ = writer.write_all(b"X").await;
    }
    assert_eq!(&said, b"HTTP/1.1 408");
}

#[tokio::test]
async fn a_stalled_body_gets_408() {
    let world = World::with(|config| config.server.body_timeout_ms = 200).await;
    let said = answer(
        &world,
        "POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
    )
    .await;
    assert!(said.starts_with("HTTP/1.1 408") && said.contains("connection: close"), "{said}");
}

#[tokio::test]
async fn a_body_that_drips_past_the_deadline_gets_408() {
    let world = World::with(|config| config.deadline_ms = 300).await;
    let mut socket = TcpStream::connect(world.address).await.unwrap();
    let head = "POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n";
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut said = [0; 12];
    let mut drip = tokio::time::interval(Duration::from_millis(20));
    loop {
        tokio::select! {
            read = socket.read_exact(&mut said) => { read.unwrap(); break }
            _ = drip.tick() => {}
        }
        let (_, mut writer) = socket.split();
        let _ = writer.write_all(b" ").await;
    }
    assert_eq!(&said, b"HTTP/1.1 408");
}

#[tokio::test]
async fn an_idle_connection_ends_and_a_busy_one_does_not() {
    let world = World::with(|config| config.server.idle_timeout_ms = 200).await;
    let said = answer(&world, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 200") && !said.contains("HTTP/1.1 408"));
}

#[tokio::test]
async fn broken_chunks_are_malformed() {
    let world = World::new().await;
    let said = answer(&world, "POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}X\r\n").await;
    assert!(said.starts_with("HTTP/1.1 400") && said.contains("MALFORMED"), "{said}");
}

#[tokio::test]
async fn a_body_that_nobody_reads_does_not_cost_the_client_its_answer() {
    let world = World::new().await;
    let big = vec![b'x'; 8 << 20];
    let reply = call("POST", "/v1/users").body("application/json", big).send(&world).await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "BODY_TOO_LARGE"));
}

#[tokio::test]
async fn draining_finishes_what_was_begun_and_takes_nothing_new() {
    let world = World::new().await;
    let mut busy = TcpStream::connect(world.address).await.unwrap();
    let mut idle = TcpStream::connect(world.address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    busy.write_all(b"POST /v1/users HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").await.unwrap();
    let mut go_on = [0; 25];
    busy.read_exact(&mut go_on).await.unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"));

    let shutdown = world.shutdown.clone();
    let ended = async { shutdown.finish(Duration::from_secs(5)).await };
    let finish = async {
        let mut rest = Vec::new();
        idle.read_to_end(&mut rest).await.unwrap();
        assert!(!world.ready.waiting_for().is_empty());
        busy.write_all(b"[]").await.unwrap();
        let mut said = Vec::new();
        busy.read_to_end(&mut said).await.unwrap();
        let reply = Reply::parse(&said);
        assert_eq!((reply.status, reply.header("connection")), (422, Some("close")));
    };
    let (ended, ()) = tokio::join!(ended, finish);
    assert!(ended);
    assert!(TcpStream::connect(world.address).await.is_err());
}

#[tokio::test]
async fn at_the_cap_connections_wait_for_their_turn() {
    let world = World::with(|config| {
        config.server.connections = 1;
        config.server.idle_timeout_ms = 300;
        config.server.head_timeout_ms = 300;
    })
    .await;
    let _first = TcpStream::connect(world.address).await.unwrap();
    assert_eq!(call("GET", "/").send(&world).await.status, 200);
}
