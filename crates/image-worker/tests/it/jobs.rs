//! Jobs that end well, however often they are delivered and whatever happens around them.

use api::image::v1::Status;
use bytes::Bytes;
use objects::Key;
use runtime::shutdown::Shutdown;

use crate::house::{House, png, soon};

const THREE: &str = r#"{"variants":{
    "thumb":[{"op":"crop","x":10,"y":0,"width":100,"height":100},{"op":"resize","width":50},{"op":"sharpen","sigma":1,"amount":1}],
    "soft":[{"op":"blur","sigma":2},{"op":"format","format":"jpeg"}],
    "web":[{"op":"format","format":"webp"}]}}"#;

// R53, R54
#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_done_and_its_pictures_are_there() {
    let house = House::open(|_, _| {});
    let job = house.upload(1, png(200, 100), (200, 100), THREE).await;
    assert_eq!(house.publish(&job).await, Ok(()));

    let row = house.row(&job);
    assert_eq!((row.status(), row.attempts), (Status::Done, 1));
    let found: Vec<_> =
        row.variants.iter().map(|made| (made.name.as_str(), made.width, made.height, made.format.as_str())).collect();
    assert_eq!(found, [("thumb", 50, 50, "png"), ("soft", 200, 100, "jpeg"), ("web", 200, 100, "webp")]);
    for made in &row.variants {
        let key = Key::parse_media(&made.key).unwrap();
        assert_eq!(house.objects.meta(&key).await.unwrap().bytes, made.bytes);
    }
    let thumb = house.objects.get_bytes(&Key::parse_media(&row.variants[0].key).unwrap()).await.unwrap();
    let header = png::Decoder::new(std::io::Cursor::new(thumb)).read_info().unwrap();
    assert_eq!((header.info().width, header.info().height), (50, 50));
    assert!(house.scratch_is_empty());
}

// R54
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_delivered_again_and_again_is_done_once() {
    let house = House::open(|settings, _| settings.jobs = 4);
    let job = house.upload(1, png(200, 100), (200, 100), THREE).await;
    let answers = futures::future::join_all((0..4).map(|_| house.publish(&job))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(house.publish(&job).await, Ok(()));
    assert_eq!(house.fake.state().done, 1);
    let mut named: Vec<String> = house.row(&job).variants.into_iter().map(|made| made.key).collect();
    named.sort();
    assert_eq!(house.media().await, named);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_deleted_while_it_is_worked_on_leaves_nothing_behind() {
    let house = House::open(|_, _| {});
    let job = house.upload(1, png(200, 100), (200, 100), THREE).await;
    house.fake.state().delete_after_begin = true;
    assert_eq!(house.publish(&job).await, Ok(()));
    assert_eq!(house.media().await, Vec::<String>::new());
    // And one that was gone before it began, with what an earlier attempt had stored.
    let (_, id) = job.image().unwrap();
    house.objects.put(Bytes::from_static(b"x"), |hash| Key::media(id, hash, "png").unwrap()).await.unwrap();
    assert_eq!(house.publish(&job).await, Ok(()));
    assert_eq!(house.media().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_repeated_until_it_is_taken() {
    let house = House::open(|_, _| {});
    let job = house.upload_small(1).await;
    house.fake.state().unavailable = 2;
    assert_eq!(house.publish(&job).await, Ok(()));
    assert_eq!((house.row(&job).status(), house.row(&job).attempts), (Status::Done, 1));
}

// R51
#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_report_is_never_taken_goes_back_and_is_done_later() {
    let house = House::open(|_, _| {});
    let job = house.upload_small(1).await;
    house.fake.state().unavailable = 5;
    assert!(house.publish(&job).await.is_err_and(|error| error.counts_as_attempt()));
    assert_eq!(house.publish(&job).await, Ok(()));
    assert_eq!((house.row(&job).status(), house.row(&job).attempts), (Status::Done, 2));
    assert_eq!(house.media().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_request_that_brought_a_job_goes_with_every_call() {
    let house = House::open(|_, _| {});
    let job = house.upload_small(1).await;
    house.publish(&job).await.unwrap();
    let contexts = house.fake.state().contexts.clone();
    assert_eq!(contexts.len(), 3);
    for (request_id, traceparent) in contexts {
        assert_eq!(request_id, "request-1");
        assert!(traceparent.contains("4bf92f3577b34da6a3ce929d0e0e4736"), "{traceparent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_jobs_are_worked_on_together_and_then_the_worker_ends() {
    let house = House::open(|_, _| {});
    let jobs = [house.upload_small(1).await, house.upload_small(2).await, house.upload_small(3).await];
    let answers = futures::future::join_all(jobs.iter().map(|job| house.publish(job))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(house.fake.state().done, 3);
    let ended = soon(Shutdown::finish(&house.shutdown, std::time::Duration::from_secs(30))).await;
    assert!(ended);
}
