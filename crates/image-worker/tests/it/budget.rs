//! Megapixels bound what is worked on, not jobs.

use std::fs;

use api::image::v1::Status;

use crate::house::{House, png, script, until};

const SMALL: &str = r#"{"variants":{"small":[{"op":"resize","width":5}]}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn megapixels_in_flight_stay_within_the_budget() {
    let house = House::open(|settings, dir| {
        settings.megapixels = 10;
        settings.jobs = 8;
        let (inside, go) = (dir.join("inside"), dir.join("go"));
        fs::create_dir(&inside).unwrap();
        let wait =
            format!(": > '{}'/$$; while [ ! -e '{}' ]; do /bin/sleep 0.02; done", inside.display(), go.display());
        settings.transformer = Some(script(dir, &wait));
    });
    // The worker believes the row, so the pictures themselves may be small: 4 megapixels each, and one above the budget.
    let mut jobs = Vec::new();
    for number in 1..=5 {
        jobs.push(house.upload(number, png(10, 10), (2_000, 2_000), SMALL).await);
    }
    let large = house.upload(6, png(10, 10), (10_000, 1_000), SMALL).await;
    let inside = || fs::read_dir(house.dir.path().join("inside")).unwrap().count();
    let small = futures::future::join_all(jobs.iter().map(|job| house.publish(job)));
    // Only then: before the others it would have the whole budget to itself, and nobody would come second.
    let last = async {
        until("two are worked on", || inside() == 2).await;
        fs::write(house.dir.path().join("go"), b"").unwrap();
        house.publish(&large).await
    };
    let (answers, last) = futures::future::join(small, last).await;
    assert!(answers.iter().all(Result::is_ok) && last.is_ok(), "{answers:?} {last:?}");
    jobs.push(large);
    assert!(jobs.iter().all(|job| house.row(job).status() == Status::Done));
    let most = house.fake.state().megapixels_max;
    assert!((8..=10).contains(&most), "{most}");
}
