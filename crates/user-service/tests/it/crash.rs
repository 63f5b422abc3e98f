//! Sign-up and change of e-mail, cut off between any two steps, then swept.

use model::Code;
use testkit::engines::ShardEngine;

use crate::world::{World, code, keyed, ok, person};

const SIGN_UP: [&str; 2] = ["signup-after-reserve", "signup-after-create"];
const EMAIL_CHANGE: [&str; 3] =
    ["email-change-after-reserve", "email-change-after-update", "email-change-after-confirm"];

async fn a_sign_up_that_dies_between_two_steps_is_finished_or_undone_by_the_sweeper(engine: ShardEngine) {
    for shards in [1, 4] {
        for point in SIGN_UP {
            let world = World::new(engine, shards).await;
            let mut held = world.halts.at(point);
            let mut users = world.users.clone();
            let dead = tokio::spawn(async move { users.create_user(person("a@example.com")).await });
            assert!(held.arrived().await);
            drop(held);
            dead.abort();
            // Not yet overdue: nobody else gets it, and the sweeper leaves it alone.
            assert_eq!(code(world.users.clone().create_user(person("a@example.com")).await), Code::EmailTaken);
            world.app.sweeper().sweep_claims(model::time::now_ms()).await;
            assert_eq!(world.claims().await.len(), 1);
            world.sweep_late().await;
            world.assert_every_address_has_one_user().await;
            let created = world.users.clone().create_user(person("a@example.com")).await;
            assert_eq!(created.is_ok(), point == "signup-after-reserve", "{point}");
            world.assert_every_address_has_one_user().await;
        }
    }
}

async fn a_late_creator_meets_the_void_user_and_gives_up(engine: ShardEngine) {
    let world = World::new(engine, 4).await;
    let mut held = world.halts.at("signup-after-reserve");
    let mut users = world.users.clone();
    let late = tokio::spawn(async move { users.create_user(person("a@example.com")).await });
    assert!(held.arrived().await);
    world.sweep_late().await;
    let winner = world.sign_up("a@example.com").await;
    held.release();
    // Its reservation became another's, so whether it can be undone is for the sweeper to say.
    assert!(matches!(code(late.await.unwrap()), Code::Unavailable | Code::InDoubt));
    assert_eq!(world.resolve("a@example.com").await, Some(winner.id));
    world.assert_every_address_has_one_user().await;
}

async fn a_change_of_e_mail_that_dies_between_two_steps_is_finished_or_undone(engine: ShardEngine) {
    for shards in [1, 4] {
        for point in EMAIL_CHANGE {
            let world = World::new(engine, shards).await;
            world.run();
            let user = world.sign_up("old@example.com").await;
            let mut held = world.halts.at(point);
            let mut users = world.users.clone();
            let request = api::user::v1::UpdateUserRequest {
                user_id: user.id,
                email: Some("new@example.com".to_owned()),
                ..Default::default()
            };
            let dead = tokio::spawn(async move { users.update_user(request).await });
            assert!(held.arrived().await);
            drop(held);
            dead.abort();
            world.sweep_late().await;
            world.outbox_is_empty().await;
            world.assert_every_address_has_one_user().await;
            let changed = point != "email-change-after-reserve";
            assert_eq!(world.resolve("new@example.com").await.is_some(), changed, "{point}");
            assert_eq!(world.resolve("old@example.com").await.is_some(), !changed, "{point}");
        }
    }
}

async fn a_late_change_of_e_mail_is_barred_in_the_users_bucket(engine: ShardEngine) {
    let world = World::new(engine, 4).await;
    let user = world.sign_up("old@example.com").await;
    let mut held = world.halts.at("email-change-after-reserve");
    let mut users = world.users.clone();
    let request = api::user::v1::UpdateUserRequest {
        user_id: user.id,
        email: Some("new@example.com".to_owned()),
        ..Default::default()
    };
    let late = tokio::spawn(async move { users.update_user(request).await });
    assert!(held.arrived().await);
    world.sweep_late().await;
    let other = world.sign_up("new@example.com").await;
    held.release();
    assert_eq!(code(late.await.unwrap()), Code::Busy);
    assert_eq!(world.resolve("new@example.com").await, Some(other.id));
    world.assert_every_address_has_one_user().await;
}

async fn a_deletion_that_dies_before_the_release_frees_the_e_mail_by_outbox(engine: ShardEngine) {
    let world = World::new(engine, 4).await;
    world.run();
    let user = world.sign_up("a@example.com").await;
    let held = world.halts.at("delete-after-tombstone");
    let mut users = world.users.clone();
    let request = api::user::v1::DeleteUserRequest { user_id: user.id, if_version: None };
    let dead = tokio::spawn(async move { users.delete_user(request).await });
    let mut held = held;
    assert!(held.arrived().await);
    drop(held);
    dead.abort();
    world.outbox_is_empty().await;
    world.sign_up("a@example.com").await;
    world.assert_every_address_has_one_user().await;
}

async fn a_keyed_sign_up_that_died_is_resumed_with_the_same_ids(engine: ShardEngine) {
    // R54: the same rule as an upload's key.
    for point in ["signup-after-begin", "signup-after-reserve", "signup-after-create", "signup-after-confirm"] {
        // Longer than a password takes to be hashed on a busy machine.
        let world = World::with(engine, 4, |config| config.claims.deadline_ms = 2_000).await;
        let mut held = world.halts.at(point);
        let mut users = world.users.clone();
        let dead = tokio::spawn(async move { users.create_user(keyed(person("a@example.com"), 1, 1)).await });
        assert!(held.arrived().await);
        drop(held);
        dead.abort();
        let again = || {
            let mut users = world.users.clone();
            async move { users.create_user(keyed(person("a@example.com"), 1, 1)).await }
        };
        assert_eq!(code(again().await), Code::IdempotencyInProgress, "{point}");
        let mut created = None;
        crate::world::eventually(async || {
            created = again().await.ok();
            created.is_some()
        })
        .await;
        let created = created.unwrap().into_inner();
        assert_eq!((created.replayed, created.user.as_ref().unwrap().id), (false, 1), "{point}");
        let replayed = ok(again().await);
        assert!(replayed.replayed);
        assert_eq!(replayed.user, created.user);
        world.assert_every_address_has_one_user().await;
    }
}

testkit::on_both_engines! {
    a_sign_up_that_dies_between_two_steps_is_finished_or_undone_by_the_sweeper,
    a_late_creator_meets_the_void_user_and_gives_up,
    a_change_of_e_mail_that_dies_between_two_steps_is_finished_or_undone,
    a_late_change_of_e_mail_is_barred_in_the_users_bucket,
    a_deletion_that_dies_before_the_release_frees_the_e_mail_by_outbox,
    a_keyed_sign_up_that_died_is_resumed_with_the_same_ids,
}
