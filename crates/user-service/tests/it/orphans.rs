//! Objects that no row names.

use bytes::Bytes;
use objects::{Class, Key};
use testkit::engines::ShardEngine;

use crate::{
    images::{begin, image_id, request},
    outbox::{count, store_objects},
    world::{HOUR_MS, World, ok},
};

async fn an_object_without_a_row_goes_after_the_grace_time_and_not_before(engine: ShardEngine) {
    for shards in [1, 4] {
        let world = World::with(engine, shards, |config| config.sweeper.objects_grace_ms = 60_000).await;
        let user = world.sign_up("a@example.com").await.id;
        let [source, media] = store_objects(&world, &image_id(1)).await;
        let mut wanted = request(user, 1);
        wanted.source.as_mut().unwrap().key = source.name();
        let image = ok(world.images.clone().create_image(wanted).await).image.unwrap();
        store_objects(&world, &image_id(2)).await;
        let now_ms = model::time::now_ms();
        world.app.sweeper().sweep_objects(now_ms).await;
        assert_eq!((count(&world, Class::Source).await, count(&world, Class::Media).await), (2, 2));
        world.app.sweeper().sweep_objects(now_ms + HOUR_MS).await;
        // What a running job has stored is named only by its report.
        assert_eq!((count(&world, Class::Source).await, count(&world, Class::Media).await), (1, 1));
        let stray = |hash| Key::media(image_id(1), hash, "png").unwrap();
        world.objects.put(Bytes::from("of an attempt that died"), stray).await.unwrap();
        begin(&world, &image).await.unwrap();
        let mut named = crate::images::variant(&image.id, "default");
        named.key = media.name();
        let report =
            api::image::v1::ReportDoneRequest { user_id: user, image_id: image.id, attempt: 1, variants: vec![named] };
        ok(world.images.clone().report_done(report).await);
        world.app.sweeper().sweep_objects(now_ms + HOUR_MS).await;
        assert_eq!(count(&world, Class::Media).await, 1);
        assert!(world.objects.meta(&media).await.is_ok());
    }
}

testkit::on_both_engines! {
    an_object_without_a_row_goes_after_the_grace_time_and_not_before,
}
