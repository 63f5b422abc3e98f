//! A worker in a process of its own, to be killed: this test binary once more, with one test.

use std::{env, process::Stdio};

use queue::contract::next;
use queue_rabbitmq::{Consumer, Settings};
use secrecy::ExposeSecret as _;
use tokio::process::{Child, Command};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How many jobs it takes and does not answer for.
pub const HELD: u64 = 10;
/// What it says then.
pub const HOLDING: &str = "the victim holds its jobs";
const VARIABLE: &str = "MYRIAD_VICTIM";

/// Starts one.
pub fn start(settings: &Settings) -> Child {
    let password = settings.password.as_ref().unwrap().expose_secret();
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "victim::takes_jobs_and_waits_for_its_end", "--ignored", "--nocapture"])
        .env(VARIABLE, [&settings.url, &settings.user, password, &settings.queue].join("\n"))
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test]
#[ignore = "run by another test, as the process that it kills"]
async fn takes_jobs_and_waits_for_its_end() {
    #[expect(clippy::disallowed_methods, reason = "from the test that started this one")]
    let Ok(words) = env::var(VARIABLE) else { return };
    let words: Vec<_> = words.split('\n').map(str::to_owned).collect();
    let [url, user, password, queue] = <[String; 4]>::try_from(words).unwrap();
    let settings = Settings { url, user, password: Some(password.into()), queue, ..Settings::default() };
    let (soft, tasks) = (CancellationToken::new(), TaskTracker::new());
    let mut consumer = Consumer::start(&settings, 10, &soft, &tasks).unwrap();
    let mut held = Vec::new();
    for _ in 0..HELD {
        held.push(next(&mut consumer).await);
    }
    println!("{HOLDING}");
    std::future::pending::<()>().await;
}
