//! The process while it waits for others: it says for whom, and ends when it is told to.

use std::time::{Duration, Instant};

use testkit::{
    Api, Daemon, Launch,
    engines::{free_port, listens},
};

#[tokio::test]
async fn a_process_that_waits_says_for_whom_and_ends_when_it_is_told_to() {
    let directory = tempfile::tempdir().unwrap();
    let (grpc, ops, nobody) = (free_port().unwrap(), free_port().unwrap(), free_port().unwrap());
    let launch = Launch::new("user-service", env!("CARGO_BIN_EXE_user-service"), directory.path()).args([
        "--set".to_owned(),
        format!("grpc=127.0.0.1:{grpc}"),
        "--set".to_owned(),
        format!("ops=127.0.0.1:{ops}"),
        "--set".to_owned(),
        format!("router=http://127.0.0.1:{nobody}"),
    ]);
    let mut waits = Daemon::start(launch, async || listens(ops).await).await.unwrap();
    let api = Api::new(&format!("http://127.0.0.1:{ops}")).unwrap();
    testkit::eventually("it says for whom it waits", Duration::from_secs(30), async || {
        let answer = api.get("/readyz").send().await;
        (answer.status == 503 && answer.text().contains("the first topology from shard-router")).then_some(())
    })
    .await;
    assert_eq!(api.get("/livez").send().await.status, 200);
    let told = Instant::now();
    assert_eq!(waits.stop().await.unwrap().code(), Some(0));
    // One signal is enough: an orchestrator sends no second one but the one that kills.
    assert!(told.elapsed() < Duration::from_secs(15), "{:?}", told.elapsed());
}
