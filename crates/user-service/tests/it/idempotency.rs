//! Requests with a key.

use futures::future::join_all;
use model::Code;
use testkit::engines::ShardEngine;

use crate::world::{World, code, keyed, ok, person, refusal};

async fn a_repeated_sign_up_gets_the_recorded_answer(engine: ShardEngine) {
    let world = World::new(engine, 4).await;
    let first = ok(world.users.clone().create_user(keyed(person("a@example.com"), 1, 1)).await);
    let second = ok(world.users.clone().create_user(keyed(person("a@example.com"), 1, 1)).await);
    assert!(!first.replayed && second.replayed);
    assert_eq!(first.user, second.user);
    assert_eq!(world.live().await.len(), 1);
}

async fn the_same_key_with_another_body_is_refused(engine: ShardEngine) {
    let world = World::new(engine, 1).await;
    ok(world.users.clone().create_user(keyed(person("a@example.com"), 1, 1)).await);
    let other = world.users.clone().create_user(keyed(person("b@example.com"), 1, 2)).await;
    assert_eq!(code(other), Code::IdempotencyKeyReused);
    assert_eq!(world.live().await.len(), 1);
}

async fn a_conflict_is_recorded_and_replayed_even_after_the_e_mail_is_free(engine: ShardEngine) {
    let world = World::new(engine, 4).await;
    let holder = world.sign_up("a@example.com").await;
    let first = refusal(world.users.clone().create_user(keyed(person("a@example.com"), 1, 1)).await);
    assert_eq!((first.code, first.replayed), (Code::EmailTaken, false));
    world.delete(holder.id).await.unwrap();
    let second = refusal(world.users.clone().create_user(keyed(person("a@example.com"), 1, 1)).await);
    assert_eq!((second.code, second.replayed), (Code::EmailTaken, true));
    assert_eq!(second.detail, first.detail);
    ok(world.users.clone().create_user(keyed(person("a@example.com"), 2, 1)).await);
}

async fn twenty_equal_requests_at_once_make_one_user(engine: ShardEngine) {
    let world = World::new(engine, 4).await;
    let racers = (0..20).map(|_| {
        let mut users = world.users.clone();
        async move { users.create_user(keyed(person("a@example.com"), 7, 7)).await }
    });
    let outcomes = join_all(racers).await;
    for outcome in outcomes {
        match outcome {
            Ok(answer) => assert_eq!(answer.into_inner().user.unwrap().email, "a@example.com"),
            Err(status) => assert_eq!(code::<()>(Err(status)), Code::IdempotencyInProgress),
        }
    }
    assert_eq!(world.live().await.len(), 1);
    world.assert_every_address_has_one_user().await;
}

async fn recorded_answers_go_after_a_day(engine: ShardEngine) {
    let world = World::new(engine, 1).await;
    ok(world.users.clone().create_user(keyed(person("a@example.com"), 1, 1)).await);
    let now_ms = model::time::now_ms();
    world.app.sweeper().sweep_records(now_ms + 23 * crate::world::HOUR_MS).await;
    assert!(ok(world.users.clone().create_user(keyed(person("a@example.com"), 1, 1)).await).replayed);
    world.app.sweeper().sweep_records(now_ms + 25 * crate::world::HOUR_MS).await;
    assert_eq!(code(world.users.clone().create_user(keyed(person("a@example.com"), 1, 1)).await), Code::EmailTaken);
}

testkit::on_both_engines! {
    a_repeated_sign_up_gets_the_recorded_answer,
    the_same_key_with_another_body_is_refused,
    a_conflict_is_recorded_and_replayed_even_after_the_e_mail_is_free,
    twenty_equal_requests_at_once_make_one_user,
    recorded_answers_go_after_a_day,
}
