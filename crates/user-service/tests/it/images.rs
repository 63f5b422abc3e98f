//! The life of an image.

use api::{
    image::v1::{self as proto, Status},
    status::from_status,
    user::v1 as user_proto,
};
use model::{Code, Error, ImageId};
use testkit::engines::ShardEngine;

use crate::world::{World, code, eventually, ok, refusal};

/// A time-ordered id.
pub fn image_id(n: u64) -> ImageId {
    ImageId::from_bytes((u128::from(n) << 64 | u128::from(n)).to_be_bytes())
}

pub fn request(user: u64, n: u64) -> proto::CreateImageRequest {
    proto::CreateImageRequest {
        user_id: user,
        image_id: image_id(n).to_string(),
        source: Some(proto::Source {
            width: 640,
            height: 480,
            bytes: 1_000,
            format: "jpeg".to_owned(),
            key: format!("{}-{:032x}", image_id(n), n),
        }),
        request_json: r#"{"variants":{"default":[]}}"#.to_owned(),
        idempotency: None,
    }
}

pub async fn upload(world: &World, user: u64, n: u64) -> Result<proto::Image, Error> {
    let made = world.images.clone().create_image(request(user, n)).await;
    made.map(|answer| answer.into_inner().image.unwrap()).map_err(|status| from_status(&status))
}

pub fn variant(image: &str, name: &str) -> proto::Variant {
    proto::Variant {
        name: name.to_owned(),
        width: 64,
        height: 48,
        bytes: 100,
        format: "jpeg".to_owned(),
        key: format!("{image}-{:032x}.jpg", 7),
    }
}

pub async fn begin(world: &World, image: &proto::Image) -> Result<proto::Image, Error> {
    let request = proto::BeginJobRequest { user_id: image.user_id, image_id: image.id.clone() };
    let begun = world.images.clone().begin_job(request).await;
    begun.map(|answer| answer.into_inner().image.unwrap()).map_err(|status| from_status(&status))
}

pub async fn done(world: &World, image: &proto::Image, attempt: u32, names: &[&str]) -> Result<proto::Image, Error> {
    let request = proto::ReportDoneRequest {
        user_id: image.user_id,
        image_id: image.id.clone(),
        attempt,
        variants: names.iter().map(|name| variant(&image.id, name)).collect(),
    };
    let reported = world.images.clone().report_done(request).await;
    reported.map(|answer| answer.into_inner().image.unwrap()).map_err(|status| from_status(&status))
}

async fn failed(world: &World, image: &proto::Image, attempt: u32, is_final: bool) -> Result<proto::Image, Error> {
    let request = proto::ReportFailedRequest {
        user_id: image.user_id,
        image_id: image.id.clone(),
        attempt,
        error: Some(proto::JobError { code: "BROKEN".to_owned(), detail: "It is broken.".to_owned() }),
        r#final: is_final,
    };
    let reported = world.images.clone().report_failed(request).await;
    reported.map(|answer| answer.into_inner().image.unwrap()).map_err(|status| from_status(&status))
}

async fn get(world: &World, image: &proto::Image) -> Result<proto::Image, Error> {
    let request = proto::GetImageRequest { user_id: image.user_id, image_id: image.id.clone(), done_only: false };
    let got = world.images.clone().get_image(request).await;
    got.map(|answer| answer.into_inner().image.unwrap()).map_err(|status| from_status(&status))
}

async fn an_image_goes_from_queued_over_running_to_done(engine: ShardEngine) {
    // R54
    let world = World::new(engine, 4).await;
    let user = world.sign_up("a@example.com").await.id;
    let image = upload(&world, user, 1).await.unwrap();
    assert_eq!((image.status(), image.attempts), (Status::Queued, 0));
    let running = begin(&world, &image).await.unwrap();
    assert_eq!((running.status(), running.attempts), (Status::Running, 1));
    let finished = done(&world, &image, 1, &["default"]).await.unwrap();
    assert_eq!((finished.status(), finished.variants.len()), (Status::Done, 1));
    assert!(finished.finished_at_ms.is_some());
    assert_eq!(get(&world, &image).await.unwrap(), finished);
    assert_eq!(begin(&world, &image).await.unwrap_err().code, Code::JobOver);
}

async fn a_report_that_comes_twice_changes_nothing_and_answers_the_same(engine: ShardEngine) {
    // R54
    let world = World::new(engine, 1).await;
    let user = world.sign_up("a@example.com").await.id;
    let image = upload(&world, user, 1).await.unwrap();
    begin(&world, &image).await.unwrap();
    begin(&world, &image).await.unwrap();
    let first = done(&world, &image, 1, &["default"]).await.unwrap();
    assert_eq!(done(&world, &image, 1, &["default"]).await.unwrap(), first);
    // The other delivery's report is late: the first result stays.
    assert_eq!(done(&world, &image, 2, &["other"]).await.unwrap(), first);
    assert_eq!(failed(&world, &image, 2, true).await.unwrap(), first);
    assert_eq!(get(&world, &image).await.unwrap(), first);
}

async fn a_failure_is_tried_again_three_times_in_all_and_a_final_one_is_not(engine: ShardEngine) {
    // R54
    let world = World::new(engine, 1).await;
    let user = world.sign_up("a@example.com").await.id;
    let image = upload(&world, user, 1).await.unwrap();
    for attempt in 1..=3 {
        begin(&world, &image).await.unwrap();
        let expected = if attempt < 3 { Status::Queued } else { Status::Failed };
        assert_eq!(failed(&world, &image, attempt, false).await.unwrap().status(), expected);
    }
    let over = get(&world, &image).await.unwrap();
    assert_eq!((over.attempts, over.error.unwrap().code.as_str()), (3, "BROKEN"));
    assert_eq!(done(&world, &image, 3, &["default"]).await.unwrap_err().code, Code::JobOver);
    let image = upload(&world, user, 2).await.unwrap();
    begin(&world, &image).await.unwrap();
    assert_eq!(failed(&world, &image, 1, true).await.unwrap().status(), Status::Failed);
    // Workers that die before they report use their attempts up too.
    let image = upload(&world, user, 3).await.unwrap();
    for _ in 0..3 {
        begin(&world, &image).await.unwrap();
    }
    assert_eq!(begin(&world, &image).await.unwrap_err().code, Code::JobOver);
    assert_eq!(get(&world, &image).await.unwrap().status(), Status::Failed);
}

async fn a_picture_deleted_while_it_is_worked_on_stays_deleted(engine: ShardEngine) {
    // R54
    let world = World::new(engine, 4).await;
    let user = world.sign_up("a@example.com").await.id;
    let image = upload(&world, user, 1).await.unwrap();
    begin(&world, &image).await.unwrap();
    let delete = proto::DeleteImageRequest { user_id: user, image_id: image.id.clone() };
    ok(world.images.clone().delete_image(delete.clone()).await);
    assert_eq!(code(world.images.clone().delete_image(delete).await), Code::NotFound);
    assert_eq!(begin(&world, &image).await.unwrap_err().code, Code::JobOver);
    assert_eq!(done(&world, &image, 1, &["default"]).await.unwrap_err().code, Code::JobOver);
    assert_eq!(failed(&world, &image, 1, false).await.unwrap_err().code, Code::JobOver);
    assert_eq!(get(&world, &image).await.unwrap_err().code, Code::NotFound);
}

async fn a_keyed_upload_is_recorded_with_its_image(engine: ShardEngine) {
    // R54
    let world = World::new(engine, 4).await;
    let user = world.sign_up("a@example.com").await.id;
    let key = |n: u8| Some(user_proto::Idempotency { key_hash: vec![n; 32], request_hash: vec![n; 32] });
    let first = ok(world
        .images
        .clone()
        .create_image(proto::CreateImageRequest { idempotency: key(1), ..request(user, 1) })
        .await);
    let again = ok(world
        .images
        .clone()
        .create_image(proto::CreateImageRequest { idempotency: key(1), ..request(user, 2) })
        .await);
    assert!(!first.replayed && again.replayed);
    assert_eq!(first.image, again.image);
    let other = user_proto::Idempotency { key_hash: vec![1; 32], request_hash: vec![9; 32] };
    let reused = proto::CreateImageRequest { idempotency: Some(other), ..request(user, 3) };
    assert_eq!(code(world.images.clone().create_image(reused).await), Code::IdempotencyKeyReused);
    // Without a key the image's own id tells a repeat.
    let plain = ok(world.images.clone().create_image(request(user, 4)).await);
    let twice = ok(world.images.clone().create_image(request(user, 4)).await);
    assert_eq!(plain.image, twice.image);
    world.run();
    eventually(async || world.queue.len() == 2).await;
}

async fn quotas_count_pictures_and_running_jobs(engine: ShardEngine) {
    let world = World::with(engine, 1, |config| {
        (config.limits.pictures, config.limits.running_jobs) = (3, 2);
    })
    .await;
    let user = world.sign_up("a@example.com").await.id;
    let first = upload(&world, user, 1).await.unwrap();
    upload(&world, user, 2).await.unwrap();
    let refused = refusal(world.images.clone().create_image(request(user, 3)).await);
    assert_eq!((refused.code, refused.policy.as_deref()), (Code::QuotaExceeded, Some("\"jobs\";q=2")));
    assert!(refused.retry_after_s.is_some());
    begin(&world, &first).await.unwrap();
    done(&world, &first, 1, &["default"]).await.unwrap();
    let third = upload(&world, user, 3).await.unwrap();
    failed(&world, &begin(&world, &third).await.unwrap(), 1, true).await.unwrap();
    let refused = upload(&world, user, 4).await.unwrap_err();
    assert_eq!((refused.code, refused.policy.as_deref()), (Code::QuotaExceeded, Some("\"pictures\";q=3")));
}

async fn a_list_is_newest_first_and_others_see_done_ones_only(engine: ShardEngine) {
    let world = World::new(engine, 4).await;
    let user = world.sign_up("a@example.com").await.id;
    for n in 1..=5 {
        let image = upload(&world, user, n).await.unwrap();
        if n % 2 == 0 {
            begin(&world, &image).await.unwrap();
            done(&world, &image, 1, &["default"]).await.unwrap();
        }
    }
    let list = |limit, before: String, done_only| {
        let mut images = world.images.clone();
        async move {
            let request = proto::ListImagesRequest { user_id: user, limit, before_image_id: before, done_only };
            let page = ok(images.list_images(request).await);
            (page.images.into_iter().map(|image| image.id).collect::<Vec<_>>(), page.more)
        }
    };
    let id = |n| image_id(n).to_string();
    assert_eq!(list(2, String::new(), false).await, (vec![id(5), id(4)], true));
    assert_eq!(list(3, id(4), false).await, (vec![id(3), id(2), id(1)], false));
    assert_eq!(list(10, String::new(), true).await, (vec![id(4), id(2)], false));
}

async fn a_watch_shows_the_present_state_then_each_change_and_ends(engine: ShardEngine) {
    // R54
    let world = World::new(engine, 1).await;
    let user = world.sign_up("a@example.com").await.id;
    let image = upload(&world, user, 1).await.unwrap();
    let watch = proto::WatchImageRequest { user_id: user, image_id: image.id.clone() };
    let mut stream = ok(world.images.clone().watch_image(watch.clone()).await);
    let mut next = async || stream.message().await.unwrap().map(|message| message.image.unwrap().status());
    assert_eq!(next().await, Some(Status::Queued));
    begin(&world, &image).await.unwrap();
    assert_eq!(next().await, Some(Status::Running));
    done(&world, &image, 1, &["default"]).await.unwrap();
    assert_eq!(next().await, Some(Status::Done));
    assert_eq!(next().await, None);
    let mut late = ok(world.images.clone().watch_image(watch.clone()).await);
    assert_eq!(late.message().await.unwrap().unwrap().image.unwrap().status(), Status::Done);
    assert!(late.message().await.unwrap().is_none());
    let unknown = proto::WatchImageRequest { image_id: image_id(9).to_string(), ..watch };
    assert_eq!(code(world.images.clone().watch_image(unknown).await), Code::NotFound);
}

async fn a_watch_ends_with_the_image_and_with_the_process(engine: ShardEngine) {
    let world = World::new(engine, 1).await;
    let user = world.sign_up("a@example.com").await.id;
    let (image, kept) = (upload(&world, user, 1).await.unwrap(), upload(&world, user, 2).await.unwrap());
    let watch = |image: &proto::Image| proto::WatchImageRequest { user_id: user, image_id: image.id.clone() };
    let mut stream = ok(world.images.clone().watch_image(watch(&image)).await);
    let mut other = ok(world.images.clone().watch_image(watch(&kept)).await);
    stream.message().await.unwrap();
    other.message().await.unwrap();
    ok(world.images.clone().delete_image(proto::DeleteImageRequest { user_id: user, image_id: image.id }).await);
    assert_eq!(from_status(&stream.message().await.unwrap_err()).code, Code::NotFound);
    world.shutdown.soft.cancel();
    assert!(other.message().await.unwrap().is_none());
}

async fn a_profile_wears_a_finished_picture_of_its_own(engine: ShardEngine) {
    let world = World::new(engine, 4).await;
    let user = world.sign_up("a@example.com").await.id;
    let other = world.sign_up("b@example.com").await.id;
    let image = upload(&world, user, 1).await.unwrap();
    let wear = |user, image: &str, variant: &str, if_version| {
        let mut users = world.users.clone();
        let request = user_proto::SetPictureRequest {
            user_id: user,
            image_id: image.to_owned(),
            variant: variant.to_owned(),
            if_version,
        };
        async move { users.set_picture(request).await }
    };
    assert_eq!(code(wear(user, &image.id, "", None).await), Code::PictureNotReady);
    begin(&world, &image).await.unwrap();
    done(&world, &image, 1, &["small", "large"]).await.unwrap();
    for (variant, pointer) in [("", "/variant"), ("huge", "/variant")] {
        let refused = refusal(wear(user, &image.id, variant, None).await);
        assert_eq!(refused.fields[0].location, model::Location::Pointer(pointer.to_owned()));
    }
    assert_eq!(code(wear(other, &image.id, "small", None).await), Code::InvalidInput);
    assert_eq!(code(wear(user, "../x", "small", None).await), Code::InvalidInput);
    assert_eq!(code(wear(user, &image.id, "small", Some(9)).await), Code::VersionMismatch);
    let worn = ok(wear(user, &image.id, "small", Some(1)).await).user.unwrap();
    assert_eq!((worn.version, worn.picture.as_ref().unwrap().version), (2, 1));
    assert_eq!(ok(wear(user, &image.id, "small", None).await).user.unwrap(), worn);
    assert_eq!(world.get(user).await.unwrap(), worn);
    let large = ok(wear(user, &image.id, "large", None).await).user.unwrap();
    assert_eq!((large.version, large.picture.unwrap().version), (3, 2));
    let clear = user_proto::ClearPictureRequest { user_id: user, if_version: None };
    let bare = ok(world.users.clone().clear_picture(clear).await).user.unwrap();
    assert_eq!((bare.version, bare.picture), (4, None));
    assert_eq!(ok(world.users.clone().clear_picture(clear).await).user.unwrap().version, 4);
    // The picture's version goes on where it was, and a deletion takes the picture off.
    assert_eq!(ok(wear(user, &image.id, "small", None).await).user.unwrap().picture.unwrap().version, 4);
    ok(world.images.clone().delete_image(proto::DeleteImageRequest { user_id: user, image_id: image.id }).await);
    let bare = world.get(user).await.unwrap();
    assert_eq!((bare.version, bare.picture), (6, None));
}

testkit::on_both_engines! {
    an_image_goes_from_queued_over_running_to_done,
    a_report_that_comes_twice_changes_nothing_and_answers_the_same,
    a_failure_is_tried_again_three_times_in_all_and_a_final_one_is_not,
    a_picture_deleted_while_it_is_worked_on_stays_deleted,
    a_keyed_upload_is_recorded_with_its_image,
    quotas_count_pictures_and_running_jobs,
    a_list_is_newest_first_and_others_see_done_ones_only,
    a_watch_shows_the_present_state_then_each_change_and_ends,
    a_watch_ends_with_the_image_and_with_the_process,
    a_profile_wears_a_finished_picture_of_its_own,
}
