//! What servers that keep sessions in their own memory cost, shown on two of them behind the same balancer; and the cure, on the gateways.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use testkit::engines::haproxy::Affinity;
use testkit::engines::{Backend, Haproxy, free_port};
use testkit::{Api, Person, unique};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::World;

const REQUESTS: usize = 100;

/// A server that knows whom it has signed in, and nobody else's.
struct Stateful {
    backend: Backend,
    answered: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Stateful {
    async fn start(name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answered = Arc::new(AtomicU64::new(0));
        let (sessions, count) = (Arc::new(Mutex::new(BTreeSet::new())), Arc::clone(&answered));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&sessions), Arc::clone(&count)));
            }
        });
        Self { backend: Backend { name: name.to_owned(), http: port, ops: port }, answered, task }
    }
}

async fn serve(mut stream: TcpStream, sessions: Arc<Mutex<BTreeSet<String>>>, answered: Arc<AtomicU64>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read_exact(&mut byte).await.is_err() {
            return;
        }
        request.push(byte[0]);
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let session =
        request.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("x-session: ").map(str::to_owned));
    let status = if request.starts_with("GET /readyz") {
        "200 OK"
    } else if request.starts_with("PUT /session") {
        sessions.lock().unwrap().extend(session);
        "200 OK"
    } else {
        answered.fetch_add(1, Ordering::Relaxed);
        let known = session.is_some_and(|session| sessions.lock().unwrap().contains(&session));
        if known { "200 OK" } else { "401 Unauthorized" }
    };
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all(answer.as_bytes()).await;
}

/// Somebody who signs in through the balancer and keeps its cookie, if it gives one.
struct Visitor {
    api: Api,
    session: String,
    cookie: String,
}

impl Visitor {
    async fn sign_in(port: u16) -> Self {
        let (api, session) = (Api::new(&format!("http://127.0.0.1:{port}")).unwrap(), unique("session"));
        let answer = api.put("/session").header("x-session", &session).send().await;
        assert_eq!(answer.status, 200);
        let cookie = answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
        Self { api, session, cookie }
    }

    /// How many of some requests find nobody signed in.
    async fn signed_out(&self, requests: usize) -> usize {
        let mut refused = 0;
        for _ in 0..requests {
            let call = self.api.get("/").header("x-session", &self.session).header("cookie", &self.cookie);
            refused += usize::from(call.send().await.status == 401);
        }
        refused
    }
}

// R44
pub async fn state_in_a_server_signs_people_out_and_stickiness_only_hides_it(world: &mut World) {
    let servers = [Stateful::start("a").await, Stateful::start("b").await];
    let backends: Vec<Backend> = servers.iter().map(|server| server.backend.clone()).collect();
    let folder = tempfile::tempdir().unwrap();

    let port = free_port().unwrap();
    let plain = Haproxy::start_with(&folder.path().join("plain"), port, &backends, Affinity::None).await.unwrap();
    let lost = Visitor::sign_in(plain.port()).await.signed_out(REQUESTS).await;
    println!("sessions in the servers: {lost} of {REQUESTS} requests find nobody signed in");
    assert!((REQUESTS * 2 / 5..=REQUESTS * 3 / 5).contains(&lost), "{lost}");

    let port = free_port().unwrap();
    let sticky = Haproxy::start_with(&folder.path().join("sticky"), port, &backends, Affinity::Cookie).await.unwrap();
    let visitors = [Visitor::sign_in(sticky.port()).await, Visitor::sign_in(sticky.port()).await];
    let before: Vec<u64> = servers.iter().map(|server| server.answered.load(Ordering::Relaxed)).collect();
    let lost = visitors[0].signed_out(REQUESTS * 9 / 10).await + visitors[1].signed_out(REQUESTS / 10).await;
    let shares: Vec<u64> =
        servers.iter().zip(before).map(|(server, before)| server.answered.load(Ordering::Relaxed) - before).collect();
    println!("sticky: {lost} of {REQUESTS}; one busy visitor makes the shares {shares:?}");
    assert_eq!(lost, 0);
    assert!(shares.iter().any(|share| *share >= 90), "{shares:?}");
    servers[0].task.abort();
    let _ = TcpStream::connect(("127.0.0.1", servers[0].backend.http)).await;
    let lost = visitors[0].signed_out(10).await + visitors[1].signed_out(10).await;
    println!("sticky, one of two servers gone: {lost} of 20 requests find nobody signed in: everybody who was with it");
    assert_eq!(lost, 10);

    let api = Api::new(&world.stack.url()).unwrap();
    let john = Person::new(&api).await;
    for _ in 0..REQUESTS {
        api.get("/v1/users/me").bearer(&john.token).send().await.expect(200);
    }
    println!("sessions in a store that all gateways share: 0 of {REQUESTS}, whichever gateway answers");
}
