//! From a file on a laptop to PostgreSQL and back, by the commands that an operator types, while people use the system: not one request
//! fails, and the books are right afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use testkit::engines::Postgres;
use testkit::engines::postgres::{PASSWORD, SUPERUSER};
use testkit::{Answer, Api, Ledger, Person, Server};

use crate::photos;
use crate::target::{binary, options, text};

/// What the traffic met.
#[derive(Default)]
struct Traffic {
    ledger: Ledger,
    stop: AtomicBool,
    answers: AtomicU64,
    failures: std::sync::Mutex<Vec<String>>,
    slowest: std::sync::Mutex<BTreeMap<&'static str, Duration>>,
}

impl Traffic {
    /// Sends a call that must succeed.
    async fn ask(&self, what: &'static str, call: impl Future<Output = anyhow::Result<Answer>>) -> Option<Answer> {
        let begun = Instant::now();
        let answer = call.await;
        let mut slowest = self.slowest.lock().unwrap();
        let longest = slowest.entry(what).or_default();
        *longest = (*longest).max(begun.elapsed());
        self.answers.fetch_add(1, Ordering::Relaxed);
        match answer {
            Ok(answer) if answer.status.is_success() => Some(answer),
            Ok(answer) => {
                self.failures.lock().unwrap().push(format!("{what}: {} {}", answer.status, answer.text()));
                None
            }
            Err(error) => {
                self.failures.lock().unwrap().push(format!("{what}: {error:#}"));
                None
            }
        }
    }

    /// 70 % reads, 20 % changes, 5 % sign-ins, 5 % uploads and sign-ups.
    async fn use_it(self: Arc<Self>, api: Api, mut john: Person) -> Person {
        let mut number = 0u64;
        while !self.stop.load(Ordering::Relaxed) {
            number += 1;
            match number % 20 {
                0 => {
                    // The newest session: of more than twenty the oldest ends.
                    if let Some(answer) = self.ask("sign in", sign_in(&api, &john.email)).await {
                        john.token = text(&answer.json(), "token");
                    }
                }
                1 if number % 40 == 1 => {
                    let body = Person::body();
                    if let Some(answer) = self.ask("sign up", api.post("/v1/users").json(&body).try_send()).await {
                        let path = format!("/v1/users/{}", answer.json()["id"]);
                        self.ledger.sent(&path, &text(&body, "lastName"));
                        self.ledger.acknowledged(&path, &text(&body, "lastName"));
                    }
                }
                1 => {
                    let chain = json!({"t": [{"op": "resize", "width": 8}]});
                    let call = api.post(&format!("{}/images", john.path())).bearer(&john.token);
                    drop(self.ask("upload", call.upload(photos::png(16, 16), "variants", &chain).try_send()).await);
                }
                2..6 => {
                    let name = format!("Smith-{number}");
                    self.ledger.sent(&john.path(), &name);
                    let call = api.patch(&john.path()).bearer(&john.token).json(&json!({"lastName": name}));
                    if let Some(answer) = self.ask("change", call.try_send()).await {
                        assert_eq!(answer.json()["lastName"], name);
                        self.ledger.acknowledged(&john.path(), &name);
                    }
                }
                _ => {
                    let call = api.get("/v1/users/me").bearer(&john.token);
                    if let Some(answer) = self.ask("read", call.try_send()).await {
                        let found = answer.json();
                        let violation = self.ledger.violation(&john.path(), found["lastName"].as_str());
                        self.failures.lock().unwrap().extend(violation.map(|what| format!("stale: {what}")));
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        john
    }

    /// Everybody looks at one.
    async fn admire(self: Arc<Self>, api: Api, star: Person) {
        while !self.stop.load(Ordering::Relaxed) {
            let call = api.get(&format!("{}/images", star.path()));
            drop(self.ask("admire", call.try_send()).await);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// What was acknowledged is there, and nobody was signed out.
    async fn hold_the_books_against(&self, api: &Api, people: &[Person]) {
        for path in self.ledger.keys() {
            let user = people.iter().find(|john| john.path() == path);
            // Of those who only signed up, the public part tells.
            let call = api.get(&path);
            let call = if let Some(john) = user { call.bearer(&john.token) } else { call };
            let found = call.send().await.expect(200);
            assert_eq!(self.ledger.violation(&path, found["lastName"].as_str()), None);
        }
    }
}

async fn sign_in(api: &Api, email: &str) -> anyhow::Result<Answer> {
    let body = json!({"email": email, "password": testkit::PASSWORD});
    api.post("/v1/sessions").json(&body).try_send().await
}

/// Runs an operator's command; what it printed.
pub async fn myriad(server: &Server, arguments: &[&str]) -> String {
    let ops = server.ops().unwrap().base().to_owned();
    let mut command = tokio::process::Command::new(binary());
    let output = command.args(arguments).args(["--server", &ops]).output().await.unwrap();
    let (said, refused) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {said}{refused}");
    assert!(!said.contains(PASSWORD) && !refused.contains(PASSWORD));
    said.into_owned()
}

async fn until_every_picture_is_made(api: &Api, john: &Person) {
    let path = format!("{}/images?limit=100", john.path());
    for _ in 0..600 {
        let page = api.get(&path).bearer(&john.token).send().await.expect(200);
        if page["items"].as_array().unwrap().iter().all(|image| image["status"] == "done") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("a picture that was queued is not made");
}

async fn until_removed(server: &Server, shard: &str) {
    let ops = server.ops().unwrap().base().to_owned();
    for _ in 0..100 {
        let mut command = tokio::process::Command::new(binary());
        if command.args(["shard", "remove", shard, "--server", &ops]).output().await.unwrap().status.success() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    panic!("something is left of {shard}");
}

// R8 R68 R76
pub async fn a_laptop_grows_into_postgres_and_back_and_no_request_fails() {
    let mut server = Server::start(options()).await.unwrap();
    let database = Postgres::shared().await.unwrap();
    let name = database.fresh_database().await.unwrap();
    let password = PASSWORD.replace(' ', "%20");
    let address = database.url(&name).replace("postgres://", &format!("postgres://{SUPERUSER}:{password}@"));
    let api = server.api().unwrap();
    let people = join_all((0..4).map(|_| Person::new(&api))).await;
    let traffic = Arc::new(Traffic::default());
    let mut users = Vec::new();
    for john in &people {
        users.push(tokio::spawn(Arc::clone(&traffic).use_it(api.clone(), john.clone())));
    }

    let dry = myriad(&server, &["shard", "add", &address, "--name", "one", "--dry-run"]).await;
    assert!(dry.contains("could be added: one"), "{dry}");
    myriad(&server, &["shard", "add", &address, "--name", "one"]).await;
    let plan = myriad(&server, &["shard", "drain", "local", "--dry-run"]).await;
    assert!(plan.contains("4096 buckets from local to one") && plan.contains("Nothing was begun"), "{plan}");
    let drained = myriad(&server, &["shard", "drain", "local"]).await;
    assert!(drained.contains("256 of 256 moves committed, 0 undone"), "{drained}");
    println!("{drained}{}", myriad(&server, &["move", "list"]).await);
    assert!(myriad(&server, &["verify"]).await.contains("each where it belongs"));

    myriad(&server, &["shard", "add", "shards/two.db", "--name", "two"]).await;
    let balanced = myriad(&server, &["shard", "rebalance"]).await;
    assert!(balanced.contains("2048 buckets from one to two"), "{balanced}");
    let drained = myriad(&server, &["shard", "drain", "one"]).await;
    println!("{drained}{}", myriad(&server, &["move", "list"]).await);

    traffic.stop.store(true, Ordering::Relaxed);
    let people: Vec<Person> = join_all(users).await.into_iter().map(Result::unwrap).collect();
    let failures = traffic.failures.lock().unwrap().clone();
    println!("{} answers, slowest {:?}", traffic.answers.load(Ordering::Relaxed), traffic.slowest.lock().unwrap());
    assert!(failures.is_empty(), "{} failures, the first: {:?}", failures.len(), &failures[..failures.len().min(5)]);

    // The pictures that were queued on the way are made, wherever their rows are now.
    for john in &people {
        until_every_picture_is_made(&api, john).await;
    }
    // No bucket that moved has doubled or lost a picture of the feed.
    let checked = myriad(&server, &["feed", "check"]).await;
    assert!(checked.contains("each as the shards have it"), "{checked}");
    myriad(&server, &["move", "settle"]).await;
    for shard in ["one", "local"] {
        until_removed(&server, shard).await;
    }
    assert!(!server.directory().join("data/credentials/one.json").exists(), "no login is kept of a shard that is gone");
    assert!(server.stop().await.unwrap().success());
    server.restart().await.unwrap();
    let verified = myriad(&server, &["verify", "--deep"]).await;
    assert!(verified.contains("each where it belongs"), "{verified}");
    let topology = myriad(&server, &["topology"]).await;
    assert!(topology.contains("two") && !topology.contains("local ") && !topology.contains("postgres"), "{topology}");
    traffic.hold_the_books_against(&server.api().unwrap(), &people).await;
}

// R70: found among the others, alone on a shard of its own, and back.
pub async fn a_celebrity_is_found_lives_alone_and_returns_and_no_request_fails() {
    let mut server = Server::start(options()).await.unwrap();
    let api = server.api().unwrap();
    let people = join_all((0..4).map(|_| Person::new(&api))).await;
    let star = people[0].clone();
    let traffic = Arc::new(Traffic::default());
    let mut users = Vec::new();
    for john in &people {
        users.push(tokio::spawn(Arc::clone(&traffic).use_it(api.clone(), john.clone())));
    }
    let fans = tokio::spawn(Arc::clone(&traffic).admire(api.clone(), star.clone()));

    let id = star.id.to_string();
    let begun = Instant::now();
    let hottest = loop {
        let hot: serde_json::Value = serde_json::from_str(&myriad(&server, &["hot", "--json"]).await).unwrap();
        if hot[0]["userId"] == star.id && hot[0]["share"].as_f64().is_some_and(|share| share > 0.3) {
            break hot[0].clone();
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "nobody is hot: {hot}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    println!("found after {:?}: {hottest}", begun.elapsed());
    myriad(&server, &["shard", "add", "shards/star.db", "--name", "star", "--dedicated"]).await;
    assert!(myriad(&server, &["shard", "rebalance"]).await.contains("Nothing to move"));
    let dry = myriad(&server, &["user", "isolate", &id, "--to", "star", "--dry-run"]).await;
    assert!(dry.contains("1 buckets from local to star") && dry.contains("Nothing was begun"), "{dry}");
    let isolated = myriad(&server, &["user", "isolate", &id, "--to", "star"]).await;
    assert!(isolated.contains("2 of 2 moves committed, 0 undone"), "{isolated}");
    let topology = myriad(&server, &["topology"]).await;
    assert!(topology.contains(&format!("user {id} is alone in bucket 4096 on star")), "{topology}");
    assert!(myriad(&server, &["verify"]).await.contains("4097 buckets"));
    tokio::time::sleep(Duration::from_millis(500)).await;
    println!("{isolated}{}", myriad(&server, &["hot"]).await);

    let returned = myriad(&server, &["user", "return", &id]).await;
    assert!(returned.contains("0 undone"), "{returned}");
    println!("{returned}{}", myriad(&server, &["move", "list", "--each"]).await);
    traffic.stop.store(true, Ordering::Relaxed);
    let people: Vec<Person> = join_all(users).await.into_iter().map(Result::unwrap).collect();
    fans.await.unwrap();
    let failures = traffic.failures.lock().unwrap().clone();
    println!("{} answers, slowest {:?}", traffic.answers.load(Ordering::Relaxed), traffic.slowest.lock().unwrap());
    assert!(failures.is_empty(), "{} failures, the first: {:?}", failures.len(), &failures[..failures.len().min(5)]);
    for john in &people {
        until_every_picture_is_made(&api, john).await;
    }
    myriad(&server, &["move", "settle"]).await;
    until_removed(&server, "star").await;
    assert!(server.stop().await.unwrap().success());
    server.restart().await.unwrap();
    assert!(myriad(&server, &["verify", "--deep"]).await.contains("4096 buckets"));
    traffic.hold_the_books_against(&server.api().unwrap(), &people).await;
}
