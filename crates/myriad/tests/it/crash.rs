//! kill -9: nothing acknowledged is lost, nothing is done twice, nothing is stuck.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{TryStreamExt as _, future::join_all};
use objects::{Class, Objects};
use serde_json::json;
use testkit::{Api, Ledger, Options, Person, Server, eventually, unique};

use crate::{
    photos,
    target::{options, text},
};

/// Rounds of the short drill; `MYRIAD_ROUNDS` asks for more (the long one has 20).
fn rounds() -> u32 {
    #[expect(clippy::disallowed_methods, reason = "a switch of the drill")]
    std::env::var("MYRIAD_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(3)
}

const WRITERS: usize = 8;
const WRITES_BEFORE_KILL: usize = 200;

// R16 (one node), R27: the ledger holds every acknowledged write against the restarted server.
pub async fn acknowledged_writes_survive_kill_9() {
    let violations = drill(options(), rounds()).await;
    assert!(violations.is_empty(), "{violations:#?}");
}

/// The sabotage twin: a server that acknowledges before it commits must be caught by the same ledger.
pub async fn a_server_that_acknowledges_too_early_is_caught() {
    for _ in 0..5 {
        let violations = drill(options().env("MYRIAD_SABOTAGE", "acknowledge-before-commit"), 2).await;
        if !violations.is_empty() {
            return;
        }
    }
    panic!("the ledger did not notice a server that acknowledges before it commits");
}

/// People sign up at a sound server; the rounds are run with the options given.
async fn drill(drilled: Options, rounds: u32) -> Vec<String> {
    let mut server = Server::start(options()).await.unwrap();
    let api = server.api().unwrap();
    let people = join_all((0..WRITERS).map(|_| Person::new(&api))).await;
    assert!(server.stop().await.unwrap().success());
    server.restart_with(drilled).await.unwrap();
    let ledger = Arc::new(Ledger::new());
    let mut violations = Vec::new();
    for round in 0..rounds {
        let api = server.api().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = people
            .iter()
            .map(|john| tokio::spawn(write(api.clone(), john.clone(), ledger.clone(), stop.clone(), round)))
            .collect();
        let (before, started) = (ledger.acknowledgements(), Instant::now());
        eventually("enough was written", Duration::from_secs(30), async || {
            (ledger.acknowledgements() >= before + WRITES_BEFORE_KILL).then_some(())
        })
        .await;
        server.kill().await.unwrap();
        let (count, took) = (ledger.acknowledgements() - before, started.elapsed());
        println!("round {round}: {count} acknowledged writes in {} ms, then kill -9", took.as_millis());
        stop.store(true, Ordering::Relaxed);
        join_all(writers).await;
        server.restart().await.unwrap();
        let api = server.api().unwrap();
        for john in &people {
            let user = api.get(&john.path()).bearer(&john.token).send().await.expect(200);
            violations.extend(ledger.violation(&john.path(), user["lastName"].as_str()));
        }
    }
    violations
}

/// Changes a name as fast as it is acknowledged.
async fn write(api: Api, john: Person, ledger: Arc<Ledger>, stop: Arc<AtomicBool>, round: u32) {
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let name = format!("Smith-{round}-{number}");
        ledger.sent(&john.path(), &name);
        match api.patch(&john.path()).bearer(&john.token).json(&json!({"lastName": name})).try_send().await {
            Ok(answer) if answer.status == 200 => ledger.acknowledged(&john.path(), &name),
            Ok(answer) => panic!("{}", answer.text()),
            Err(_) => return,
        }
    }
}

pub async fn a_sign_up_killed_between_any_two_steps_can_be_repeated() {
    for point in ["signup-after-reserve", "signup-after-create", "signup-after-confirm"] {
        let mut server = Server::start(options().env("MYRIAD_FAILPOINT", point)).await.unwrap();
        let (body, key) = (Person::body(), unique("key"));
        let post = |api: Api| {
            let call = api.post("/v1/users").header("idempotency-key", &key).json(&body);
            call.try_send()
        };
        assert!(post(server.api().unwrap()).await.is_err(), "{point}: the process must die before it answers");
        server.ended().await.unwrap();
        server.restart_with(options()).await.unwrap();
        let api = server.api().unwrap();
        // The same key brings it to its end, at the latest when the first attempt's deadline has passed.
        let user = eventually("the sign-up is finished", Duration::from_secs(30), async || {
            let answer = post(api.clone()).await.unwrap();
            // Still being worked on, or given up by the sweeper: both say when to try again.
            if answer.status == 409 || answer.status == 503 {
                assert!(!answer.header("retry-after").is_empty(), "{}", answer.text());
                return None;
            }
            Some(answer.expect(201))
        })
        .await;
        let session = Person::sign_in(&api, &text(&body, "email"), testkit::PASSWORD).await.expect(201);
        assert_eq!(session["userId"], user["id"], "{point}");
        api.post("/v1/users").json(&body).send().await.problem(409, "EMAIL_TAKEN");
    }
}

pub async fn an_email_change_killed_between_any_two_steps_loses_no_email() {
    for point in ["email-change-after-reserve", "email-change-after-update"] {
        let mut server = Server::start(options()).await.unwrap();
        let john = Person::new(&server.api().unwrap()).await;
        server.stop().await.unwrap();
        server.restart_with(options().env("MYRIAD_FAILPOINT", point)).await.unwrap();
        let fresh = format!("{}@example.com", unique("fresh"));
        let change = json!({"email": fresh});
        let api = server.api().unwrap();
        assert!(api.patch(&john.path()).bearer(&john.token).json(&change).try_send().await.is_err(), "{point}");
        server.ended().await.unwrap();
        // A short deadline lets the sweeper decide soon.
        server.restart_with(options().set("user.sweeper.claims_every_ms=200")).await.unwrap();
        let api = server.api().unwrap();
        let held = api.get(&john.path()).bearer(&john.token).send().await.expect(200);
        let (holds, free) = if held["email"] == json!(fresh) { (&fresh, &john.email) } else { (&john.email, &fresh) };
        Person::sign_in(&api, holds, testkit::PASSWORD).await.expect(201);
        // The other address is nobody's in the end: somebody else may have it.
        eventually("the other address is free", Duration::from_mins(1), async || {
            let mut body = Person::body();
            body["email"] = json!(free);
            let answer = api.post("/v1/users").json(&body).send().await;
            (answer.status == 201).then_some(())
        })
        .await;
    }
}

// R51 R54: jobs wait in the outbox; each is done once, also when the worker's process dies in the middle.
pub async fn queued_pictures_survive_kill_9() {
    let mut server = Server::start(options()).await.unwrap();
    let api = server.api().unwrap();
    let john = Person::new(&api).await;
    let path = format!("{}/images", john.path());
    let chain = json!([{"op": "resize", "width": 200}, {"op": "blur", "sigma": 5}]);
    let mut uploaded = Vec::new();
    for _ in 0..12 {
        let call = api.post(&path).bearer(&john.token).upload(photos::DEMO.to_vec(), "operations", &chain);
        uploaded.push(text(&call.send().await.expect(202), "id"));
    }
    server.kill().await.unwrap();
    server.restart().await.unwrap();
    let api = server.api().unwrap();
    let images = eventually("all jobs are over", Duration::from_secs(90), async || {
        let page = api.get(&format!("{path}?limit=200")).bearer(&john.token).send().await.expect(200);
        let items = page["items"].as_array().unwrap().clone();
        items.iter().all(|image| image["status"] == "done").then_some(items)
    })
    .await;
    let mut found: Vec<_> = images.iter().map(|image| text(image, "id")).collect();
    found.reverse();
    assert_eq!(found, uploaded, "none lost, none doubled");
    for image in &images {
        assert_eq!(image["variants"].as_array().unwrap().len(), 1, "one set of pictures: {image}");
    }
    // What the kill left half written (`…#1`) is no object: nobody can see it, and the sweeper takes it away.
    let objects = Objects::local(&server.directory().join("data/objects")).unwrap();
    let stored: Vec<_> = objects.list(Class::Media).try_collect().await.unwrap();
    let mut keys: Vec<_> = stored.iter().map(|listed| format!("/v1/{}", listed.key)).collect();
    let mut shown: Vec<_> =
        images.iter().map(|image| text(&image["variants"][0], "url").replace(api.base(), "")).collect();
    keys.sort();
    shown.sort();
    assert_eq!(keys, shown, "each derivative is stored once, and none that nobody shows");
}
