//! Attempts that fail: by the picture's fault, by ours, by nobody's.

use api::image::v1::Status;
use queue::Error;

use crate::house::{House, bomb, png, script, until};

const EMPTY: &str = r#"{"variants":{"default":[]}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_picture_fails_for_good_and_says_why() {
    let house = House::open(|_, _| {});
    let whole = png(200, 100);
    let job = house.upload(1, whole.slice(..whole.len() / 2), (200, 100), EMPTY).await;
    assert_eq!(house.publish(&job).await, Ok(()));
    let row = house.row(&job);
    assert_eq!((row.status(), row.attempts), (Status::Failed, 1));
    let error = row.error.unwrap();
    assert_eq!(error.code, "BAD_PICTURE_DATA");
    assert!(error.detail.ends_with('.'), "{error:?}");
    assert!(house.media().await.is_empty());
}

// R54
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_costs_an_attempt_and_nothing_else() {
    let house = House::open(|settings, dir| {
        let marker = dir.join("marker").display().to_string();
        settings.transformer =
            Some(script(dir, &format!("if [ ! -e '{marker}' ]; then : > '{marker}'; kill -9 $$; fi")));
    });
    let job = house.upload_small(1).await;
    assert_eq!(house.publish(&job).await, Err(Error::Rejected("WORKER_LOST".into())));
    assert_eq!((house.row(&job).status(), house.row(&job).attempts), (Status::Queued, 1));
    assert!(house.media().await.is_empty());
    assert_eq!(house.publish(&job).await, Ok(()));
    assert_eq!((house.row(&job).status(), house.row(&job).attempts), (Status::Done, 2));
}

// R54
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_every_time_fails_the_image_at_the_third_attempt() {
    let house = House::open(|settings, dir| settings.transformer = Some(script(dir, "kill -9 $$")));
    let job = house.upload_small(1).await;
    assert!(house.publish(&job).await.is_err());
    assert!(house.publish(&job).await.is_err());
    assert_eq!(house.publish(&job).await, Ok(()));
    let row = house.row(&job);
    assert_eq!((row.status(), row.error.unwrap().code.as_str()), (Status::Failed, "WORKER_LOST"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_the_decoder_fails_the_image_and_not_the_worker() {
    let house = House::open(|settings, dir| {
        settings.transformer = Some(script(dir, "read line; case $line in *crash*) kill -SEGV $$;; esac; exit 101"));
    });
    let job = house.upload(1, png(10, 10), (10, 10), r#"{"variants":{"crash":[]}}"#).await;
    assert_eq!(house.publish(&job).await, Ok(()));
    assert_eq!(house.row(&job).error.unwrap().code, "CRASHED");
    let panicked = house.upload(2, png(10, 10), (10, 10), EMPTY).await;
    assert_eq!(house.publish(&panicked).await, Ok(()));
    assert_eq!(house.row(&panicked).error.unwrap().code, "CRASHED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_bomb_dies_in_its_own_process() {
    let house = House::open(|settings, _| settings.memory_mib = 64);
    let job = house
        .upload(1, bomb(8_000, 6_000), (8_000, 6_000), r#"{"variants":{"default":[{"op":"blur","sigma":3}]}}"#)
        .await;
    assert_eq!(house.publish(&job).await, Ok(()));
    let row = house.row(&job);
    assert_eq!((row.status(), row.error.unwrap().code.as_str()), (Status::Failed, "OUT_OF_MEMORY"));
    assert!(house.media().await.is_empty());
    let next = house.upload_small(2).await;
    assert_eq!(house.publish(&next).await, Ok(()));
    assert_eq!(house.row(&next).status(), Status::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encoder_that_takes_too_much_memory_dies_in_its_own_process() {
    let house = House::open(|settings, _| settings.memory_mib = 200);
    for (number, format) in [(1, "avif"), (2, "webp")] {
        let chain = format!(r#"{{"variants":{{"default":[{{"op":"format","format":"{format}"}}]}}}}"#);
        let job = house.upload(number, png(4_000, 3_000), (4_000, 3_000), &chain).await;
        assert_eq!(house.publish(&job).await, Ok(()));
        assert_eq!(house.row(&job).error.unwrap().code, "OUT_OF_MEMORY", "{format}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_picture_passes_with_the_memory_allowed_by_default() {
    let house = House::open(|_, _| {});
    let chain = r#"{"variants":{"default":[{"op":"sharpen","sigma":1,"amount":1},{"op":"resize","width":100}]}}"#;
    let job = house.upload(1, bomb(10_000, 5_000), (10_000, 5_000), chain).await;
    assert_eq!(house.publish(&job).await, Ok(()));
    assert_eq!(house.row(&job).status(), Status::Done, "{:?}", house.row(&job).error);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_takes_too_much_of_the_processor_fails_for_good() {
    let house = House::open(|settings, _| settings.cpu_s = 1);
    let avif = r#"{"variants":{"default":[{"op":"format","format":"avif"}]}}"#;
    let job = house.upload(1, png(4_000, 3_000), (4_000, 3_000), avif).await;
    assert_eq!(house.publish(&job).await, Ok(()));
    assert_eq!(house.row(&job).error.unwrap().code, "TIMED_OUT");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_hangs_is_killed_and_the_job_tried_again() {
    let house = House::open(|settings, dir| {
        settings.time_s = 1;
        let pid = dir.join("pid").display().to_string();
        settings.transformer = Some(script(dir, &format!("echo $$ > '{pid}'; exec /bin/sleep 600")));
    });
    let job = house.upload_small(1).await;
    assert_eq!(house.publish(&job).await, Err(Error::Rejected("TIMED_OUT".into())));
    assert_eq!(house.row(&job).status(), Status::Queued);
    let pid = std::fs::read_to_string(house.dir.path().join("pid")).unwrap();
    until("the process is gone", || !std::path::Path::new("/proc").join(pid.trim()).exists()).await;
    assert!(house.scratch_is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_transformer_is_our_fault_and_tried_again() {
    let house = House::open(|settings, dir| settings.transformer = Some(dir.join("nothing")));
    let job = house.upload_small(1).await;
    assert_eq!(house.publish(&job).await, Err(Error::Rejected("UNAVAILABLE".into())));
    assert_eq!(house.row(&job).status(), Status::Queued);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_source_fails_for_good() {
    let house = House::open(|_, _| {});
    let job = house.upload_small(1).await;
    house.objects.delete_image(objects::Class::Source, &job.image().unwrap().1).await.unwrap();
    assert_eq!(house.publish(&job).await, Ok(()));
    assert_eq!(house.row(&job).error.unwrap().code, "SOURCE_MISSING");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_taken_over_cannot_publish_another_file() {
    let house = House::open(|settings, dir| {
        let report = r#"{"made":[{"name":"small","width":1,"height":1,"format":"png"}]}"#;
        settings.transformer =
            Some(script(dir, &format!("read line; /bin/ln -s /etc/passwd 0; echo '{report}'; exit 0")));
    });
    let job = house.upload_small(1).await;
    assert_eq!(house.publish(&job).await, Ok(()));
    assert_eq!(house.row(&job).error.unwrap().code, "CRASHED");
    assert!(house.media().await.is_empty());
}
