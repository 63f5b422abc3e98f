//! Changes of a profile.

use api::user::v1 as proto;
use model::Code;
use testkit::engines::ShardEngine;

use crate::world::World;

fn patch(user: &proto::User) -> proto::UpdateUserRequest {
    proto::UpdateUserRequest { user_id: user.id, ..Default::default() }
}

async fn a_patch_merges_and_raises_the_version_by_one(engine: ShardEngine) {
    let world = World::new(engine, 4).await;
    let user = world.sign_up("a@example.com").await;
    let clear_state = proto::AddressPatch {
        state: Some(proto::FieldPatch { value: None }),
        city: Some(proto::FieldPatch { value: Some("Oslo".to_owned()) }),
        ..Default::default()
    };
    let changed = world
        .patch(proto::UpdateUserRequest {
            first_name: Some("Jane".to_owned()),
            address: Some(clear_state),
            ..patch(&user)
        })
        .await
        .unwrap();
    let address = changed.address.clone().unwrap();
    assert_eq!((changed.version, changed.first_name.as_str(), changed.last_name.as_str()), (2, "Jane", "Smith"));
    assert_eq!(
        (address.city.as_deref(), address.state, address.street_address.as_deref()),
        (Some("Oslo"), None, Some("21 2nd Street"))
    );
    assert_eq!(world.get(user.id).await.unwrap(), changed);
    let cleared = proto::AddressPatch { clear: true, ..Default::default() };
    let changed = world.patch(proto::UpdateUserRequest { address: Some(cleared), ..patch(&user) }).await.unwrap();
    assert_eq!((changed.version, changed.address), (3, None));
}

async fn a_patch_that_changes_nothing_keeps_version_and_time(engine: ShardEngine) {
    let world = World::new(engine, 1).await;
    let user = world.sign_up("a@example.com").await;
    let same = proto::UpdateUserRequest {
        first_name: Some("John".to_owned()),
        email: Some("a@example.com".to_owned()),
        ..patch(&user)
    };
    assert_eq!(world.patch(same).await.unwrap(), user);
    assert_eq!(world.patch(patch(&user)).await.unwrap(), user);
}

async fn a_stale_version_is_refused_and_changes_nothing(engine: ShardEngine) {
    let world = World::new(engine, 1).await;
    let user = world.sign_up("a@example.com").await;
    let named = |name: &str| proto::UpdateUserRequest {
        first_name: Some(name.to_owned()),
        if_version: Some(1),
        ..patch(&user)
    };
    assert_eq!(world.patch(named("Jane")).await.unwrap().version, 2);
    assert_eq!(world.patch(named("Joan")).await.unwrap_err().code, Code::VersionMismatch);
    let moved =
        proto::UpdateUserRequest { email: Some("b@example.com".to_owned()), if_version: Some(1), ..patch(&user) };
    assert_eq!(world.patch(moved).await.unwrap_err().code, Code::VersionMismatch);
    assert_eq!(world.get(user.id).await.unwrap().first_name, "Jane");
    world.assert_every_address_has_one_user().await;
}

async fn a_new_e_mail_replaces_the_old_one_which_is_free_at_once(engine: ShardEngine) {
    let world = World::new(engine, 4).await;
    let user = world.sign_up("a@example.com").await;
    let changed = world.change_email(user.id, "B@example.com").await.unwrap();
    assert_eq!((changed.version, changed.email.as_str()), (2, "B@example.com"));
    assert_eq!(world.resolve("b@example.com").await, Some(user.id));
    let other = world.sign_up("a@example.com").await;
    assert_eq!(world.change_email(user.id, "A@example.com").await.unwrap_err().code, Code::EmailTaken);
    world.delete(other.id).await.unwrap();
    assert_eq!(world.change_email(user.id, "A@example.com").await.unwrap().version, 3);
    world.assert_every_address_has_one_user().await;
}

async fn another_spelling_of_the_same_e_mail_keeps_the_claim(engine: ShardEngine) {
    let world = World::new(engine, 4).await;
    let user = world.sign_up("a@example.com").await;
    let before = world.claims().await;
    assert_eq!(world.change_email(user.id, "A@Example.com").await.unwrap().email, "A@Example.com");
    assert_eq!(world.claims().await, before);
}

async fn back_and_forth_between_two_addresses_ends_with_one_claim(engine: ShardEngine) {
    let world = World::new(engine, 4).await;
    world.run();
    let user = world.sign_up("a@example.com").await;
    for round in 0..6 {
        let email = if round % 2 == 0 { "b@example.com" } else { "a@example.com" };
        world.change_email(user.id, email).await.unwrap();
    }
    world.outbox_is_empty().await;
    world.assert_every_address_has_one_user().await;
    assert_eq!(world.resolve("a@example.com").await, Some(user.id));
}

async fn many_patches_at_once_all_count(engine: ShardEngine) {
    let world = World::new(engine, 1).await;
    let user = world.sign_up("a@example.com").await;
    let patches =
        (0..16).map(|n| world.patch(proto::UpdateUserRequest { last_name: Some(format!("n{n}")), ..patch(&user) }));
    let mut versions: Vec<u64> =
        futures::future::join_all(patches).await.into_iter().map(|done| done.unwrap().version).collect();
    versions.sort_unstable();
    assert_eq!(versions, (2..18).collect::<Vec<_>>());
    assert_eq!(world.get(user.id).await.unwrap().version, 17);
}

testkit::on_both_engines! {
    a_patch_merges_and_raises_the_version_by_one,
    a_patch_that_changes_nothing_keeps_version_and_time,
    a_stale_version_is_refused_and_changes_nothing,
    a_new_e_mail_replaces_the_old_one_which_is_free_at_once,
    another_spelling_of_the_same_e_mail_keeps_the_claim,
    back_and_forth_between_two_addresses_ends_with_one_claim,
    many_patches_at_once_all_count,
}
