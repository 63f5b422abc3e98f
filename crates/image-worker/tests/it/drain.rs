//! Shutting down: what can finish does, what cannot goes back untouched.

use std::fs;
use std::path::Path;
use std::time::Duration;

use api::image::v1::Status;
use queue::Error;

use crate::house::{House, script, soon, until};

/// Runs until the file `go` is there.
fn waiting(dir: &Path) -> std::path::PathBuf {
    let (pid, go) = (dir.join("pid").display().to_string(), dir.join("go").display().to_string());
    script(dir, &format!("echo $$ > '{pid}'; while [ ! -e '{go}' ]; do /bin/sleep 0.02; done"))
}

async fn running(house: &House) {
    until("the process runs", || fs::read_to_string(house.dir.path().join("pid")).is_ok_and(|pid| pid.ends_with('\n')))
        .await;
}

// R51
#[tokio::test(flavor = "multi_thread")]
async fn a_drain_releases_what_is_not_finished_in_time() {
    let house = House::open(|settings, dir| {
        settings.jobs = 2;
        settings.megapixels = 1;
        settings.drain_ms = 50;
        settings.transformer = Some(waiting(dir));
    });
    let (first, second, third) =
        (house.upload_small(1).await, house.upload_small(2).await, house.upload_small(3).await);
    let jobs = [&first, &second, &third];
    let published = futures::future::join_all(jobs.map(|job| house.publish(job)));
    let stops = async {
        running(&house).await;
        // One runs, one waits for room, one was not taken.
        soon(house.shutdown.finish(Duration::from_secs(30))).await
    };
    let (answers, ended) = futures::future::join(published, stops).await;
    assert!(ended);
    assert_eq!(answers, [Err(Error::Returned), Err(Error::Returned), Err(Error::Returned)]);
    assert_eq!(house.fake.state().done, 0);
    assert_eq!(jobs.map(|job| house.row(job).attempts).iter().sum::<u32>(), 1);
    let pid = fs::read_to_string(house.dir.path().join("pid")).unwrap();
    until("the process is gone", || !Path::new("/proc").join(pid.trim()).exists()).await;
    assert!(house.scratch_is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_lets_a_job_finish() {
    let house = House::open(|settings, dir| settings.transformer = Some(waiting(dir)));
    let job = house.upload_small(1).await;
    let published = house.publish(&job);
    let stops = async {
        running(&house).await;
        house.shutdown.soft.cancel();
        fs::write(house.dir.path().join("go"), b"").unwrap();
        soon(house.shutdown.finish(Duration::from_secs(30))).await
    };
    let (answer, ended) = futures::future::join(published, stops).await;
    assert_eq!((answer, ended), (Ok(()), true));
    assert_eq!(house.row(&job).status(), Status::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_ends_at_once() {
    let house = House::open(|settings, _| settings.drain_ms = 60_000);
    assert!(soon(house.shutdown.finish(Duration::from_secs(30))).await);
}
