//! Deletion of a user.

use model::{Code, UserId};
use store::tables::{credentials, users};
use testkit::engines::ShardEngine;

use crate::{images::upload, world::World};

async fn a_deleted_user_is_gone_everywhere_and_the_e_mail_is_free_at_once(engine: ShardEngine) {
    for shards in [1, 4] {
        let world = World::new(engine, shards).await;
        let user = world.sign_up("a@example.com").await;
        let image = upload(&world, user.id, 1).await.unwrap();
        assert_eq!(world.get(user.id).await.unwrap().id, user.id);
        world.delete(user.id).await.unwrap();
        assert_eq!(world.get(user.id).await.unwrap_err().code, Code::NotFound);
        assert_eq!(world.delete(user.id).await.unwrap_err().code, Code::NotFound);
        assert_eq!(world.change_email(user.id, "b@example.com").await.unwrap_err().code, Code::NotFound);
        assert_eq!(upload(&world, user.id, 2).await.unwrap_err().code, Code::NotFound);
        let get = api::image::v1::GetImageRequest { user_id: user.id, image_id: image.id, done_only: false };
        assert_eq!(crate::world::code(world.images.clone().get_image(get).await), Code::NotFound);
        assert_ne!(world.sign_up("a@example.com").await.id, user.id);
        world.assert_every_address_has_one_user().await;
    }
}

async fn a_tombstone_keeps_no_personal_data_and_ends_the_sessions(engine: ShardEngine) {
    let world = World::new(engine, 1).await;
    let user = world.sign_up("a@example.com").await;
    world.delete(user.id).await.unwrap();
    let id = UserId::new(user.id).unwrap();
    let mut read = world.shards.read(id).unwrap();
    let row = users::get(&mut read, world.bucket(user.id), id).await.unwrap().unwrap();
    assert_eq!((row.state, row.session_epoch, row.user.version), (users::State::Deleted, 2, 2));
    assert_eq!((row.user.email.as_str(), row.user.first_name.as_str()), ("", ""));
    assert_eq!(credentials::for_sign_in(&mut read, world.bucket(user.id), id).await.unwrap(), None);
}

testkit::on_both_engines! {
    a_deleted_user_is_gone_everywhere_and_the_e_mail_is_free_at_once,
    a_tombstone_keeps_no_personal_data_and_ends_the_sessions,
}
